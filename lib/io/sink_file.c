/* SPDX-License-Identifier: LGPL-2.1-or-later */
#define _GNU_SOURCE /* fallocate */
#include "io/args.h"
#include "io/sink_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/falloc.h>
#include <linux/magic.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#define RESERVE (UINT64_C(16) << 20)
#define BLOCK   UINT64_C(4096) /* space is given back in whole ones */

#define CAPS (DUMPFILTER_IO_RANDOM | DUMPFILTER_IO_REWRITE | DUMPFILTER_IO_CONCURRENT)

/* How the descriptor came to be. */
struct origin {
	int fd;
	bool own;     /* opened here: closed with the sink */
	bool created; /* by us, and so ours to remove */
};

struct file_sink {
	struct dumpfilter_sink sink;
	struct origin from;
	bool regular;         /* else a block device */
	char *path;           /* where it was created; NULL where it is not ours to remove */
	pthread_mutex_t lock; /* held while old contents are cut off */
	atomic_bool begun;    /* old contents are gone */
	atomic_bool wrote;    /* a byte is in the file */
	bool discard;         /* what is in it is of no use */
	bool flush_at_end;    /* with the sink: until then it may be given up */
	/* Space is reserved ahead.  Bytes [window.from, window.to) are written without a gap, or reserved for that. */
	bool reserving; /* was so from the beginning */
	bool reserves;  /* still */
	struct {
		uint64_t from, to;
	} window;
	pthread_rwlock_t writing; /* for reading: while bytes are written; for writing: while space is given back */
};

static int sys_error(const struct file_sink *file, const char *what, struct df_err *err)
{
	return df_err_sys(err, df_err_of_errno(errno), errno, "%s: %s", file->sink.name, what);
}

/* Before the first byte: old contents go, so that gaps read as zeros. */
static int begin(struct file_sink *file, struct df_err *err)
{
	struct stat st;
	int result = 0;

	if (atomic_load(&file->begun))
		return 0;
	pthread_mutex_lock(&file->lock);
	if (file->regular && !atomic_load(&file->begun)) {
		if (fstat(file->from.fd, &st) || (st.st_size && ftruncate(file->from.fd, 0)))
			result = sys_error(file, "truncating it", err);
	}
	if (!result)
		atomic_store(&file->begun, true);
	pthread_mutex_unlock(&file->lock);
	return result;
}

/* Of [from, to) what was reserved and not written; nobody writes meanwhile.  Such space reads as a hole, also where it
 * lies between bytes that were written.  Behind the end of the file no hole can be made (ext4_punch_hole, v6.12), but
 * setting its length gives all of that back. */
static void give_back(const struct file_sink *file, uint64_t from, uint64_t to)
{
	int fd = file->from.fd;
	struct stat st;

	if (fstat(fd, &st) || ((uint64_t)st.st_size < to && ftruncate(fd, st.st_size)))
		return;
	if (to > (uint64_t)st.st_size)
		to = (uint64_t)st.st_size;
	while (from < to) {
		off_t hole = lseek(fd, (off_t)from, SEEK_HOLE), data;
		uint64_t end;

		if (hole < 0 || (uint64_t)hole >= to)
			return;
		data = lseek(fd, hole, SEEK_DATA); /* fails where only a hole follows */
		end = data < 0 || (uint64_t)data > to ? to : (uint64_t)data;
		from = ((uint64_t)hole + BLOCK - 1) & ~(BLOCK - 1);
		if (from < end &&
		    fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)from, (off_t)(end - from)))
			return;
		from = end;
	}
}

/* Bytes [offset, end) are to be written.  Where they go on from those before, space for more is reserved with them:
 * ext4 finds blocks for each page that is written otherwise.  Where they do not, they may be the last ones there, and
 * what was reserved before is given back. */
static void reserve(struct file_sink *file, uint64_t offset, uint64_t end)
{
	uint64_t most;

	pthread_mutex_lock(&file->lock);
	if (file->reserves && offset > file->window.to) {
		pthread_rwlock_wrlock(&file->writing);
		give_back(file, file->window.from, file->window.to);
		pthread_rwlock_unlock(&file->writing);
		file->window.from = offset;
		file->window.to = end;
	} else if (file->reserves && offset >= file->window.from && end > file->window.to) {
		most = end > file->window.to + RESERVE ? end : file->window.to + RESERVE;
		/* little space is left, or the file system cannot: no more of it */
		file->reserves = !fallocate(file->from.fd, FALLOC_FL_KEEP_SIZE, (off_t)file->window.to,
					    (off_t)(most - file->window.to));
		file->window.to = most;
	}
	pthread_mutex_unlock(&file->lock);
}

/* The disk is full: without what is reserved it may not be.  false: nothing was. */
static bool stop_reserving(struct file_sink *file)
{
	bool had;

	pthread_mutex_lock(&file->lock);
	had = file->window.from < file->window.to;
	pthread_rwlock_wrlock(&file->writing);
	if (had)
		give_back(file, file->window.from, file->window.to);
	pthread_rwlock_unlock(&file->writing);
	file->reserves = false;
	file->window.to = file->window.from;
	pthread_mutex_unlock(&file->lock);
	return had;
}

/* As much as goes in one call; errno where it returns no more than 0. */
static ssize_t write_some(struct file_sink *file, const uint8_t *bytes, size_t length, uint64_t offset)
{
	ssize_t done;

	pthread_rwlock_rdlock(&file->writing);
	do
		done = pwrite(file->from.fd, bytes, length, (off_t)offset);
	while (done < 0 && errno == EINTR);
	pthread_rwlock_unlock(&file->writing);
	if (!done)
		errno = ENOSPC;
	return done;
}

static int file_write(struct dumpfilter_sink *sink, uint64_t offset, const void *buffer, size_t length,
		      struct df_err *err)
{
	struct file_sink *file = (struct file_sink *)sink;
	const uint8_t *bytes = buffer;
	int result = begin(file, err);

	if (!result && file->reserving)
		reserve(file, offset, offset + length);
	while (!result && length) {
		ssize_t done = write_some(file, bytes, length, offset);

		if (done > 0) {
			atomic_store_explicit(&file->wrote, true, memory_order_relaxed);
			bytes += done;
			length -= (size_t)done;
			offset += (uint64_t)done;
		} else {
			int why = errno;

			if (file->reserving && (why == ENOSPC || why == EDQUOT) && stop_reserving(file))
				continue;
			result = df_err_sys(err, df_err_of_errno(why), why, "%s: writing %zu bytes at offset %" PRIu64,
					    sink->name, length, offset);
		}
	}
	return result;
}

/* A file that ends in a gap gets its length. */
static int set_length(struct file_sink *file, uint64_t end, struct df_err *err)
{
	struct stat st;

	if (!file->regular)
		return 0;
	if (file->reserving)
		(void)stop_reserving(file);
	if (fstat(file->from.fd, &st) ||
	    ((file->reserving || (uint64_t)st.st_size != end) && ftruncate(file->from.fd, (off_t)end)))
		return sys_error(file, "setting its length", err);
	return 0;
}

/* Onto the disk: the machine reboots soon after.  Network file systems report a full disk only here. */
static int flush(struct file_sink *file, struct df_err *err)
{
	int result;

	do
		result = fsync(file->from.fd);
	while (result && errno == EINTR);
	if (result && errno != EINVAL && errno != EROFS && errno != ENOTSUP)
		return sys_error(file, "flushing it to the disk", err);
	return 0;
}

static int file_flush(struct dumpfilter_sink *sink, struct df_err *err)
{
	struct file_sink *file = (struct file_sink *)sink;

	return file->from.own && atomic_load(&file->wrote) ? flush(file, err) : 0;
}

static int file_finish(struct dumpfilter_sink *sink, int result, struct df_err *err)
{
	struct file_sink *file = (struct file_sink *)sink;
	uint64_t end = atomic_load(&sink->end);
	int finished = 0;

	if (!end && !sink->may_be_empty)
		return 0;
	file->discard = result < 0;
	if (result >= 0) {
		finished = begin(file, err);
		if (!finished)
			finished = set_length(file, end, err);
		if (!finished)
			atomic_store(&file->wrote, true);
	}
	file->flush_at_end = file->from.own && result == DUMPFILTER_PARTIAL;
	if (!finished && file->from.own && !file->flush_at_end)
		finished = flush(file, err);
	if (!file->from.own) /* what the caller's shell lets others write to the same file comes behind */
		(void)lseek(file->from.fd, (off_t)end, SEEK_SET);
	return finished;
}

/* Only what is still ours: somebody may have put another file in its place. */
static void remove_unused(struct file_sink *file)
{
	struct stat ours, there;

	if (fstat(file->from.fd, &ours) || lstat(file->path, &there))
		return;
	if (ours.st_dev == there.st_dev && ours.st_ino == there.st_ino)
		unlink(file->path);
}

static void file_free(struct dumpfilter_sink *sink)
{
	struct file_sink *file = (struct file_sink *)sink;

	struct df_err ignored; /* the output is known to be incomplete */

	file->discard |= sink->unwanted;
	if (file->flush_at_end && !file->discard)
		(void)flush(file, &ignored);
	if (file->path && (file->discard || !atomic_load(&file->wrote)))
		remove_unused(file);
	else if (file->discard && file->regular && atomic_load(&file->begun) && ftruncate(file->from.fd, 0))
		file->discard = false; /* then its mark must do */
	if (file->from.own)
		close(file->from.fd);
	pthread_rwlock_destroy(&file->writing);
	pthread_mutex_destroy(&file->lock);
	df_free(sink->env, file->path);
	df_free(sink->env, file);
}

static const struct df_sink_ops regular_ops = {
	.write = file_write, .flush = file_flush, .finish = file_finish, .free = file_free
};
/* A gap would be none: old contents would show through. */
static const struct df_sink_ops device_ops = {
	.write = file_write,
	.flush = file_flush,
	.finish = file_finish,
	.free = file_free,
	.least_gap = UINT64_MAX,
};

static bool on_ext4(int fd)
{
	struct statfs statfs;

	return !fstatfs(fd, &statfs) && statfs.f_type == EXT4_SUPER_MAGIC;
}

static struct dumpfilter_sink *new_file(struct df_env *env, struct origin from, bool regular, const char *name,
					struct df_err *err)
{
	struct file_sink *file;

	file = df_sink_new(env, sizeof *file, regular ? &regular_ops : &device_ops, CAPS, name, err);
	if (!file)
		return NULL;
	if (from.created) {
		file->path = df_alloc(env, strlen(name) + 1);
		if (!file->path) {
			df_err_nomem(err, env, "a file name", strlen(name) + 1);
			df_free(env, file);
			return NULL;
		}
		memcpy(file->path, name, strlen(name) + 1);
	}
	file->from = from;
	file->regular = regular;
	/* buffered writes to one file hold the inode's lock (ext4, xfs, btrfs, tmpfs and nfs in v6.12), and who waits
	 * for it spins for a while */
	file->sink.writers = regular;
	file->reserving = file->reserves = regular && on_ext4(from.fd);
	pthread_rwlock_init(&file->writing, NULL);
	pthread_mutex_init(&file->lock, NULL);
	return &file->sink;
}

/* The sink that fits what fd is.  An fd that appends ignores offsets, so it is a stream. */
static struct dumpfilter_sink *on_fd(struct df_env *env, struct origin from, const char *name, struct df_err *err)
{
	int mode = fcntl(from.fd, F_GETFL);
	struct stat st;

	if (mode < 0 || fstat(from.fd, &st)) {
		df_err_sys(err, DUMPFILTER_E_INVAL, errno, "%s: file descriptor %d", name, from.fd);
	} else if ((mode & O_ACCMODE) == O_RDONLY) {
		df_err_set(err, DUMPFILTER_E_INVAL, "%s: file descriptor %d is not open for writing", name, from.fd);
	} else if (mode & O_APPEND || !(S_ISREG(st.st_mode) || S_ISBLK(st.st_mode))) {
		return df_sink_stream(env, from.fd, from.own, name, err);
	} else {
		struct dumpfilter_sink *sink = new_file(env, from, S_ISREG(st.st_mode), name, err);

		if (sink)
			return sink;
	}
	if (from.created)
		unlink(name);
	if (from.own)
		close(from.fd);
	return NULL;
}

struct dumpfilter_sink *df_sink_fd(struct df_env *env, int fd, const char *name, struct df_err *err)
{
	char shown[DF_NAME];

	if (name)
		df_args_name(shown, sizeof shown, name);
	else
		snprintf(shown, sizeof shown, "fd %d", fd);
	return on_fd(env, (struct origin){ .fd = fd }, shown, err);
}

static int open_retry(const char *path, int flags)
{
	int fd;

	do
		fd = open(path, flags | O_CLOEXEC | O_NOCTTY, 0600);
	while (fd < 0 && errno == EINTR);
	return fd;
}

/* What is there already.  Contents stay for now.  A block device is opened exclusively: one that is mounted says
 * EBUSY.  A FIFO is opened for writing only, which waits for its reader, perhaps for ever: a signal ends that. */
static int open_existing(const char *path, const char *shown, unsigned flags, struct df_err *err)
{
	struct stat st;
	int mode = O_WRONLY, fd;

	if (stat(path, &st))
		return df_err_sys(err, df_err_of_errno(errno), errno,
				  errno == ENOENT ? "%s: is a link to a file that is not there" : "%s", shown);
	if (S_ISDIR(st.st_mode))
		return df_err_set(err, DUMPFILTER_E_INVAL, "%s: is a directory, give the name of a file", shown);
	if (!(flags & DUMPFILTER_SINK_OVERWRITE))
		return df_err_set(err, DUMPFILTER_E_EXISTS, "%s: File exists, and overwriting it was not asked for",
				  shown);
	if (S_ISREG(st.st_mode))
		mode = O_RDWR;
	else if (S_ISBLK(st.st_mode))
		mode = O_RDWR | O_EXCL;
	fd = S_ISFIFO(st.st_mode) ? open(path, mode | O_CLOEXEC) : open_retry(path, mode);
	if (fd < 0)
		return df_err_sys(err, df_err_of_errno(errno), errno, "%s: opening it for writing", shown);
	return fd;
}

struct dumpfilter_sink *df_sink_path(struct df_env *env, const char *path, unsigned flags, struct df_err *err)
{
	struct origin from = { .own = true };
	char shown[DF_NAME];

	df_args_name(shown, sizeof shown, path);
	if (flags & ~DUMPFILTER_SINK_OVERWRITE) {
		df_err_set(err, DUMPFILTER_E_INVAL, "%s: unknown flags %#x", shown, flags);
		return NULL;
	}
	from.fd = open_retry(path, O_RDWR | O_CREAT | O_EXCL);
	from.created = from.fd >= 0;
	if (from.fd < 0 && errno != EEXIST && errno != EISDIR) {
		df_err_sys(err, df_err_of_errno(errno), errno, "%s: creating it", shown);
		return NULL;
	}
	if (from.fd < 0)
		from.fd = open_existing(path, shown, flags, err);
	return from.fd < 0 ? NULL : on_fd(env, from, path, err);
}
