/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "output.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

/* Some programs, such as ssh, leave a pipe behind that does not block. */
static int wait_writable(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLOUT };

	return poll(&p, 1, -1) < 0 && errno != EINTR ? -errno : 0;
}

static int stdout_write(void *user, uint64_t offset, const void *buf, size_t len)
{
	const char *p = buf;
	int r = 0;

	(void)user;
	(void)offset; /* each write follows the one before */
	while (len && !r) {
		ssize_t n = write(STDOUT_FILENO, p, len);

		if (n >= 0) {
			p += n;
			len -= (size_t)n;
		} else if (errno == EAGAIN || errno == EWOULDBLOCK) {
			r = wait_writable(STDOUT_FILENO);
		} else if (errno != EINTR) {
			r = -errno;
		}
	}
	return r;
}

struct dumpfilter_sink *output_stdout(struct dumpfilter *df)
{
	struct dumpfilter_sink_ops ops = { .size = sizeof ops, .write = stdout_write, .name = "standard output" };

	return dumpfilter_sink_custom(df, &ops, NULL);
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
