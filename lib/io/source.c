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

static int refuse(const struct df_source *source, const char *why, struct df_err *err)
{
	return df_err_set(err, DUMPFILTER_E_FORMAT, "%s: %s", source->name, why);
}

/* Whether a first byte can be read: the sizes that the kernel gives for devices and for files under /proc and /sys say
 * nothing about that. */
static int probe(const struct df_source *source, struct df_err *err)
{
	char byte;
	ssize_t got;

	do
		got = pread(source->fd, &byte, 1, 0);
	while (got < 0 && errno == EINTR);
	if (got < 0 && errno == ESPIPE)
		return refuse(source, "cannot be read at offsets (a terminal?), give a file", err);
	if (got < 0)
		return df_err_sys(err, df_err_of_errno(errno), errno, "%s: reading its first byte", source->name);
	return got ? 0 : refuse(source, "is empty", err);
}

/* Mapping /proc/vmcore costs a table entry a page, and reading it a mapping and a copy of each page.  A file in the
 * page cache is quicker to read: its mapping is filled page by page, and threads wait for each other when mappings come
 * and go (docs/performance.md). */
static bool better_mapped(int fd)
{
	struct statfs statfs;
	void *mapping;

	if (fstatfs(fd, &statfs) || statfs.f_type != PROC_SUPER_MAGIC)
		return false;
	mapping = mmap(NULL, 1, PROT_READ, MAP_PRIVATE, fd, 0);
	if (mapping == MAP_FAILED)
		return false; /* /proc/kcore; /proc/vmcore before 3.11 */
	munmap(mapping, 1);
	return true;
}

static int measure_regular(struct df_source *source, const struct stat *st, unsigned flags, struct df_err *err)
{
	if (!st->st_size)
		return probe(source, err); /* generated: its length stays unknown */
	source->length = (uint64_t)st->st_size;
	source->can_map = flags & DUMPFILTER_OPEN_MMAP ||
			  (!(flags & DUMPFILTER_OPEN_NO_MMAP) && better_mapped(source->fd));
	return 0;
}

/* Devices are not mapped: a bad sector would arrive as SIGBUS instead of as an error. */
static int measure_device(struct df_source *source, bool block, struct df_err *err)
{
	uint64_t bytes;

	if (block && !ioctl(source->fd, BLKGETSIZE64, &bytes) && bytes)
		source->length = bytes;
	return probe(source, err);
}

static int measure(struct df_source *source, unsigned flags, struct df_err *err)
{
	struct stat st;

	if (fstat(source->fd, &st))
		return df_err_sys(err, df_err_of_errno(errno), errno, "%s", source->name);
	if (S_ISDIR(st.st_mode))
		return refuse(source, "is a directory, give a file", err);
	if (S_ISREG(st.st_mode))
		return measure_regular(source, &st, flags, err);
	if (S_ISBLK(st.st_mode) || S_ISCHR(st.st_mode))
		return measure_device(source, S_ISBLK(st.st_mode), err);
	return refuse(source, "is a pipe or socket, an image is read at offsets: store it in a file first", err);
}

static int open_file(struct df_source *source, unsigned flags, struct df_err *err)
{
	int mode = fcntl(source->fd, F_GETFL);
	int result;

	if (mode < 0)
		return df_err_sys(err, DUMPFILTER_E_INVAL, errno, "%s: file descriptor %d", source->name, source->fd);
	if ((mode & O_ACCMODE) == O_WRONLY)
		return df_err_set(err, DUMPFILTER_E_INVAL, "%s: file descriptor %d is not open for reading",
				  source->name, source->fd);
	result = measure(source, flags, err);
	if (!result && source->own_fd && fcntl(source->fd, F_SETFL, mode & ~O_NONBLOCK) < 0)
		result = df_err_sys(err, DUMPFILTER_E_IO, errno, "%s", source->name);
	return result;
}

static int init(struct df_source *source, struct df_env *env, const char *name, unsigned flags, struct df_err *err)
{
	const unsigned known = DUMPFILTER_OPEN_NO_MMAP | DUMPFILTER_OPEN_MMAP;

	*source = (struct df_source){ .env = env, .fd = -1, .length = UINT64_MAX };
	df_args_name(source->name, sizeof source->name, name);
	if (flags & ~known)
		return df_err_set(err, DUMPFILTER_E_INVAL, "%s: unknown flags %#x", source->name, flags);
	if (flags == known)
		return df_err_set(err, DUMPFILTER_E_INVAL, "%s: to be mapped and not to be mapped", source->name);
	return 0;
}

int df_source_open_path(struct df_source *source, struct df_env *env, const char *path, unsigned flags,
			struct df_err *err)
{
	int result = init(source, env, path, flags, err);

	if (result)
		return result;
	do /* O_NONBLOCK: a FIFO shall be refused, not waited for */
		source->fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	while (source->fd < 0 && errno == EINTR);
	if (source->fd < 0)
		return df_err_sys(err, df_err_of_errno(errno), errno, "%s", source->name);
	source->own_fd = true;
	source->concurrent = true;
	result = open_file(source, flags, err);
	if (result)
		df_source_close(source);
	return result;
}

int df_source_open_fd(struct df_source *source, struct df_env *env, int fd, const char *name, unsigned flags,
		      struct df_err *err)
{
	char number[DF_NAME];
	int result;

	snprintf(number, sizeof number, "fd %d", fd);
	result = init(source, env, name ? name : number, flags, err);
	if (result)
		return result;
	source->fd = fd;
	source->concurrent = true;
	result = open_file(source, flags, err);
	if (result)
		df_source_close(source);
	return result;
}

int df_source_open_ops(struct df_source *source, struct df_env *env, const struct dumpfilter_source_ops *ops,
		       void *user, struct df_err *err)
{
	struct dumpfilter_source_ops known;
	int result = df_args_copy(&known, sizeof known, ops, "open", "DUMPFILTER_SOURCE_OPS_INIT", err);

	if (result)
		return result;
	result = init(source, env, known.name ? known.name : "input", 0, err);
	if (result)
		return result;
	if (!known.read || known.caps & ~DUMPFILTER_IO_CONCURRENT)
		return df_err_set(err, DUMPFILTER_E_INVAL, "%s: %s", source->name,
				  known.read ? "a source knows no caps but DUMPFILTER_IO_CONCURRENT"
					     : "the source has no read function");
	if (!known.length)
		return refuse(source, "is empty", err);
	source->ops = known;
	source->ops.name = NULL; /* the caller's may go away; s->name is the copy */
	source->user = user;
	source->concurrent = known.caps & DUMPFILTER_IO_CONCURRENT;
	source->length = known.length;
	return 0;
}

void df_source_close(struct df_source *source)
{
	if (source->layer)
		source->layer->close(source);
	if (source->own_fd && source->fd >= 0)
		close(source->fd);
	*source = (struct df_source){ .fd = -1 };
}

int df_source_truncated(const struct df_source *source, uint64_t offset, size_t length, uint64_t end,
			struct df_err *err)
{
	return df_err_set(err, DUMPFILTER_E_TRUNCATED,
			  "%s: ends at byte %" PRIu64 ", but %zu bytes are needed at offset %" PRIu64, source->name,
			  end, length, offset);
}

int df_source_check(const struct df_source *source, uint64_t offset, size_t length, struct df_err *err)
{
	if (source->length != UINT64_MAX && (offset > source->length || length > source->length - offset))
		return df_source_truncated(source, offset, length, source->length, err);
	if (offset > INT64_MAX || length > INT64_MAX - offset)
		return df_err_set(err, DUMPFILTER_E_TRUNCATED, "%s: offset %" PRIu64 " is beyond what files can hold",
				  source->name, offset);
	return 0;
}

int64_t df_source_read_once(const struct df_source *source, uint64_t offset, void *buffer, size_t length)
{
	int64_t got;

	if (source->layer)
		return source->layer->read(source, offset, buffer, length);
	if (!source->ops.read) {
		got = pread(source->fd, buffer, length, (off_t)offset);
		return got < 0 ? -errno : got;
	}
	got = source->ops.read(source->user, offset, buffer, length);
	if (got < -ERRNO_MAX || (got > 0 && (uint64_t)got > length))
		return -EPROTO;
	return got;
}

int df_source_read_some(const struct df_source *source, uint64_t offset, void *buffer, size_t min, size_t max,
			size_t *got, struct df_err *err)
{
	*got = 0;
	while (*got < min) {
		int64_t part = df_source_read_once(source, offset + *got, (uint8_t *)buffer + *got, max - *got);

		if (part == -EINTR)
			continue;
		if (part < 0)
			return df_err_sys(err, df_err_of_errno((int)-part), (int)-part,
					  "%s: reading %zu bytes at offset %" PRIu64, source->name, min - *got,
					  offset + *got);
		if (!part)
			break;
		*got += (size_t)part;
	}
	return 0;
}

int df_source_read(const struct df_source *source, uint64_t offset, void *buffer, size_t length, struct df_err *err)
{
	size_t got;
	int result = df_source_check(source, offset, length, err);

	if (!result)
		result = df_source_read_some(source, offset, buffer, length, length, &got, err);
	if (!result && got < length)
		result = df_source_truncated(source, offset, length, offset + got, err);
	return result;
}
