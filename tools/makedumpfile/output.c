/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "output.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

/* Some programs, such as ssh, leave a pipe behind that does not block. */
static int wait_writable(int fd)
{
	struct pollfd pollfd = { .fd = fd, .events = POLLOUT };

	return poll(&pollfd, 1, -1) < 0 && errno != EINTR ? -errno : 0;
}

static int stdout_write(void *user, uint64_t offset, const void *buffer, size_t length)
{
	struct output_stream *output_stream = user;
	const char *bytes = buffer;
	int result = 0;

	(void)offset; /* each write follows the one before */
	while (length && !result) {
		ssize_t got = write(STDOUT_FILENO, bytes, length);

		if (got >= 0) {
			bytes += got;
			length -= (size_t)got;
			output_stream->sent += (uint64_t)got;
		} else if (errno == EAGAIN || errno == EWOULDBLOCK) {
			result = wait_writable(STDOUT_FILENO);
		} else if (errno != EINTR) {
			result = -errno;
		}
	}
	return result;
}

struct dumpfilter_sink *output_stdout(struct dumpfilter *df, struct output_stream *output_stream)
{
	struct dumpfilter_sink_ops ops = { .size = sizeof ops, .write = stdout_write, .name = "standard output" };
	int mode = fcntl(STDOUT_FILENO, F_GETFL);
	struct stat st;

	*output_stream = (struct output_stream){ .begin = -1, .appends = mode >= 0 && mode & O_APPEND };
	if (!fstat(STDOUT_FILENO, &st) && S_ISREG(st.st_mode))
		output_stream->begin = output_stream->appends ? st.st_size : lseek(STDOUT_FILENO, 0, SEEK_CUR);
	return dumpfilter_sink_custom(df, &ops, output_stream);
}

bool output_is_file(void)
{
	struct stat st;

	return !fstat(STDOUT_FILENO, &st) && S_ISREG(st.st_mode);
}

bool output_can_take_back(const struct output_stream *output_stream)
{
	int64_t end = output_stream->begin + (int64_t)output_stream->sent;
	struct stat st;

	return output_stream->begin >= 0 && !fstat(STDOUT_FILENO, &st) && st.st_size == end &&
	       (output_stream->appends || lseek(STDOUT_FILENO, 0, SEEK_CUR) == end);
}

bool output_take_back(struct output_stream *output_stream)
{
	return output_can_take_back(output_stream) && !ftruncate(STDOUT_FILENO, output_stream->begin) &&
	       (output_stream->appends || lseek(STDOUT_FILENO, output_stream->begin, SEEK_SET) == output_stream->begin);
}

static int count_write(void *user, uint64_t offset, const void *buffer, size_t length)
{
	uint64_t *end = user;

	(void)buffer;
	if (offset + length > *end)
		*end = offset + length;
	return 0;
}

struct dumpfilter_sink *output_count(struct dumpfilter *df, unsigned caps, uint64_t *end)
{
	struct dumpfilter_sink_ops ops = { .size = sizeof ops, .caps = caps, .write = count_write, .name = "dry run" };

	return dumpfilter_sink_custom(df, &ops, end);
}
