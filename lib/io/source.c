/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "io/args.h"
#include "io/source_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#define ERRNO_MAX 4095 /* of Linux; a callback that returns less did not mean an errno value */

static int refuse(const struct df_source *s, const char *why, struct df_err *err)
{
	return df_err_set(err, DUMPFILTER_E_FORMAT, "%s: %s", s->name, why);
}

/* Whether a first byte can be read: the sizes that the kernel gives for devices and for files under /proc and /sys say
 * nothing about that. */
static int probe(const struct df_source *s, struct df_err *err)
{
	char byte;
	ssize_t n;

	do
		n = pread(s->fd, &byte, 1, 0);
	while (n < 0 && errno == EINTR);
	if (n < 0 && errno == ESPIPE)
		return refuse(s, "cannot be read at offsets (a terminal?), give a file", err);
	if (n < 0)
		return df_err_sys(err, df_err_of_errno(errno), errno, "%s: reading its first byte", s->name);
	return n ? 0 : refuse(s, "is empty", err);
}

/* Mapping /proc/vmcore costs a table entry a page, and reading it a mapping and a copy of each page.  A file in the
 * page cache is quicker to read: its mapping is filled page by page, and threads wait for each other when mappings come
 * and go (docs/performance.md). */
static bool better_mapped(int fd)
{
	struct statfs fs;
	void *p;

	if (fstatfs(fd, &fs) || fs.f_type != PROC_SUPER_MAGIC)
		return false;
	p = mmap(NULL, 1, PROT_READ, MAP_PRIVATE, fd, 0);
	if (p == MAP_FAILED)
		return false; /* /proc/kcore; /proc/vmcore before 3.11 */
	munmap(p, 1);
	return true;
}

static int measure_regular(struct df_source *s, const struct stat *st, unsigned flags, struct df_err *err)
{
	if (!st->st_size)
		return probe(s, err); /* generated: its length stays unknown */
	s->length = (uint64_t)st->st_size;
	s->can_map = flags & DUMPFILTER_OPEN_MMAP || (!(flags & DUMPFILTER_OPEN_NO_MMAP) && better_mapped(s->fd));
	return 0;
}

/* Devices are not mapped: a bad sector would arrive as SIGBUS instead of as an error. */
static int measure_device(struct df_source *s, bool block, struct df_err *err)
{
	uint64_t bytes;

	if (block && !ioctl(s->fd, BLKGETSIZE64, &bytes) && bytes)
		s->length = bytes;
	return probe(s, err);
}

static int measure(struct df_source *s, unsigned flags, struct df_err *err)
{
	struct stat st;

	if (fstat(s->fd, &st))
		return df_err_sys(err, df_err_of_errno(errno), errno, "%s", s->name);
	if (S_ISDIR(st.st_mode))
		return refuse(s, "is a directory, give a file", err);
	if (S_ISREG(st.st_mode))
		return measure_regular(s, &st, flags, err);
	if (S_ISBLK(st.st_mode) || S_ISCHR(st.st_mode))
		return measure_device(s, S_ISBLK(st.st_mode), err);
	return refuse(s, "is a pipe or socket, an image is read at offsets: store it in a file first", err);
}

static int open_file(struct df_source *s, unsigned flags, struct df_err *err)
{
	int mode = fcntl(s->fd, F_GETFL);
	int r;

	if (mode < 0)
		return df_err_sys(err, DUMPFILTER_E_INVAL, errno, "%s: file descriptor %d", s->name, s->fd);
	if ((mode & O_ACCMODE) == O_WRONLY)
		return df_err_set(err, DUMPFILTER_E_INVAL, "%s: file descriptor %d is not open for reading", s->name,
				  s->fd);
	r = measure(s, flags, err);
	if (!r && s->own_fd && fcntl(s->fd, F_SETFL, mode & ~O_NONBLOCK) < 0)
		r = df_err_sys(err, DUMPFILTER_E_IO, errno, "%s", s->name);
	return r;
}

static int init(struct df_source *s, struct df_env *env, const char *name, unsigned flags, struct df_err *err)
{
	const unsigned known = DUMPFILTER_OPEN_NO_MMAP | DUMPFILTER_OPEN_MMAP;

	*s = (struct df_source){ .env = env, .fd = -1, .length = UINT64_MAX };
	df_args_name(s->name, sizeof s->name, name);
	if (flags & ~known)
		return df_err_set(err, DUMPFILTER_E_INVAL, "%s: unknown flags %#x", s->name, flags);
	if (flags == known)
		return df_err_set(err, DUMPFILTER_E_INVAL, "%s: to be mapped and not to be mapped", s->name);
	return 0;
}

int df_source_open_path(struct df_source *s, struct df_env *env, const char *path, unsigned flags, struct df_err *err)
{
	int r = init(s, env, path, flags, err);

	if (r)
		return r;
	do /* O_NONBLOCK: a FIFO shall be refused, not waited for */
		s->fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	while (s->fd < 0 && errno == EINTR);
	if (s->fd < 0)
		return df_err_sys(err, df_err_of_errno(errno), errno, "%s", s->name);
	s->own_fd = true;
	s->concurrent = true;
	r = open_file(s, flags, err);
	if (r)
		df_source_close(s);
	return r;
}

int df_source_open_fd(struct df_source *s, struct df_env *env, int fd, const char *name, unsigned flags,
		      struct df_err *err)
{
	char number[DF_NAME];
	int r;

	snprintf(number, sizeof number, "fd %d", fd);
	r = init(s, env, name ? name : number, flags, err);
	if (r)
		return r;
	s->fd = fd;
	s->concurrent = true;
	r = open_file(s, flags, err);
	if (r)
		df_source_close(s);
	return r;
}

int df_source_open_ops(struct df_source *s, struct df_env *env, const struct dumpfilter_source_ops *ops, void *user,
		       struct df_err *err)
{
	struct dumpfilter_source_ops known;
	int r = df_args_copy(&known, sizeof known, ops, "open", "DUMPFILTER_SOURCE_OPS_INIT", err);

	if (r)
		return r;
	r = init(s, env, known.name ? known.name : "input", 0, err);
	if (r)
		return r;
	if (!known.read || known.caps & ~DUMPFILTER_IO_CONCURRENT)
		return df_err_set(err, DUMPFILTER_E_INVAL, "%s: %s", s->name,
				  known.read ? "a source knows no caps but DUMPFILTER_IO_CONCURRENT"
					     : "the source has no read function");
	if (!known.length)
		return refuse(s, "is empty", err);
	s->ops = known;
	s->ops.name = NULL; /* the caller's may go away; s->name is the copy */
	s->user = user;
	s->concurrent = known.caps & DUMPFILTER_IO_CONCURRENT;
	s->length = known.length;
	return 0;
}

void df_source_close(struct df_source *s)
{
	if (s->layer)
		s->layer->close(s);
	if (s->own_fd && s->fd >= 0)
		close(s->fd);
	*s = (struct df_source){ .fd = -1 };
}

int df_source_truncated(const struct df_source *s, uint64_t offset, size_t len, uint64_t end, struct df_err *err)
{
	return df_err_set(err, DUMPFILTER_E_TRUNCATED,
			  "%s: ends at byte %" PRIu64 ", but %zu bytes are needed at offset %" PRIu64, s->name, end,
			  len, offset);
}

int df_source_check(const struct df_source *s, uint64_t offset, size_t len, struct df_err *err)
{
	if (s->length != UINT64_MAX && (offset > s->length || len > s->length - offset))
		return df_source_truncated(s, offset, len, s->length, err);
	if (offset > INT64_MAX || len > INT64_MAX - offset)
		return df_err_set(err, DUMPFILTER_E_TRUNCATED, "%s: offset %" PRIu64 " is beyond what files can hold",
				  s->name, offset);
	return 0;
}

int64_t df_source_read_once(const struct df_source *s, uint64_t offset, void *buf, size_t len)
{
	int64_t n;

	if (s->layer)
		return s->layer->read(s, offset, buf, len);
	if (!s->ops.read) {
		n = pread(s->fd, buf, len, (off_t)offset);
		return n < 0 ? -errno : n;
	}
	n = s->ops.read(s->user, offset, buf, len);
	if (n < -ERRNO_MAX || (n > 0 && (uint64_t)n > len))
		return -EPROTO;
	return n;
}

int df_source_read_some(const struct df_source *s, uint64_t offset, void *buf, size_t min, size_t max, size_t *got,
			struct df_err *err)
{
	*got = 0;
	while (*got < min) {
		int64_t n = df_source_read_once(s, offset + *got, (uint8_t *)buf + *got, max - *got);

		if (n == -EINTR)
			continue;
		if (n < 0)
			return df_err_sys(err, df_err_of_errno((int)-n), (int)-n,
					  "%s: reading %zu bytes at offset %" PRIu64, s->name, min - *got,
					  offset + *got);
		if (!n)
			break;
		*got += (size_t)n;
	}
	return 0;
}

int df_source_read(const struct df_source *s, uint64_t offset, void *buf, size_t len, struct df_err *err)
{
	size_t got;
	int r = df_source_check(s, offset, len, err);

	if (!r)
		r = df_source_read_some(s, offset, buf, len, len, &got, err);
	if (!r && got < len)
		r = df_source_truncated(s, offset, len, offset + got, err);
	return r;
}
