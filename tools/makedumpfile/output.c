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
	struct pollfd p = { .fd = fd, .events = POLLOUT };

	return poll(&p, 1, -1) < 0 && errno != EINTR ? -errno : 0;
}

static int stdout_write(void *user, uint64_t offset, const void *buf, size_t len)
{
	struct output_stream *s = user;
	const char *p = buf;
	int r = 0;

	(void)offset; /* each write follows the one before */
	while (len && !r) {
		ssize_t n = write(STDOUT_FILENO, p, len);

		if (n >= 0) {
			p += n;
			len -= (size_t)n;
			s->sent += (uint64_t)n;
		} else if (errno == EAGAIN || errno == EWOULDBLOCK) {
			r = wait_writable(STDOUT_FILENO);
		} else if (errno != EINTR) {
			r = -errno;
		}
	}
	return r;
}

struct dumpfilter_sink *output_stdout(struct dumpfilter *df, struct output_stream *s)
{
	struct dumpfilter_sink_ops ops = { .size = sizeof ops, .write = stdout_write, .name = "standard output" };
	int mode = fcntl(STDOUT_FILENO, F_GETFL);
	struct stat st;

	*s = (struct output_stream){ .begin = -1, .appends = mode >= 0 && mode & O_APPEND };
	if (!fstat(STDOUT_FILENO, &st) && S_ISREG(st.st_mode))
		s->begin = s->appends ? st.st_size : lseek(STDOUT_FILENO, 0, SEEK_CUR);
	return dumpfilter_sink_custom(df, &ops, s);
}

bool output_is_file(void)
{
	struct stat st;

	return !fstat(STDOUT_FILENO, &st) && S_ISREG(st.st_mode);
}

bool output_can_take_back(const struct output_stream *s)
{
	int64_t end = s->begin + (int64_t)s->sent;
	struct stat st;

	return s->begin >= 0 && !fstat(STDOUT_FILENO, &st) && st.st_size == end &&
	       (s->appends || lseek(STDOUT_FILENO, 0, SEEK_CUR) == end);
}

bool output_take_back(struct output_stream *s)
{
	return output_can_take_back(s) && !ftruncate(STDOUT_FILENO, s->begin) &&
	       (s->appends || lseek(STDOUT_FILENO, s->begin, SEEK_SET) == s->begin);
}

static int count_write(void *user, uint64_t offset, const void *buf, size_t len)
{
	uint64_t *end = user;

	(void)buf;
	if (offset + len > *end)
		*end = offset + len;
	return 0;
}

struct dumpfilter_sink *output_count(struct dumpfilter *df, unsigned caps, uint64_t *end)
{
	struct dumpfilter_sink_ops ops = { .size = sizeof ops, .caps = caps, .write = count_write, .name = "dry run" };

	return dumpfilter_sink_custom(df, &ops, end);
}
