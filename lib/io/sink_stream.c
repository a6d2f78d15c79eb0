/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "io/sink_impl.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <unistd.h>

/* A pipe, or what else takes bytes in order only. */
struct stream_sink {
	struct dumpfilter_sink sink;
	int fd;
	bool own;
	int failed; /* errno of the write that broke the stream: how much of it went out is not known */
};

/* A descriptor that does not block (ssh leaves such a stdout) is waited for.  Signals are not: after a cancel the
 * output is still brought to an end. */
static int write_all(int fd, const uint8_t *p, size_t len)
{
	while (len) {
		ssize_t n = write(fd, p, len);

		if (n > 0) {
			p += n;
			len -= (size_t)n;
		} else if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
			struct pollfd wait = { .fd = fd, .events = POLLOUT };

			if (poll(&wait, 1, -1) < 0 && errno != EINTR)
				return errno;
		} else if (n == 0 || errno != EINTR) {
			return n ? errno : EIO;
		}
	}
	return 0;
}

static int stream_write(struct dumpfilter_sink *s, uint64_t offset, const void *buf, size_t len, struct df_err *err)
{
	struct stream_sink *t = (struct stream_sink *)s;

	if (!t->failed)
		t->failed = write_all(t->fd, buf, len);
	if (!t->failed)
		return 0;
	return df_err_sys(err, df_err_of_errno(t->failed), t->failed, "%s: writing %zu bytes at offset %" PRIu64,
			  s->name, len, offset);
}

static void stream_free(struct dumpfilter_sink *s)
{
	struct stream_sink *t = (struct stream_sink *)s;

	if (t->own)
		close(t->fd);
	df_free(s->env, t);
}

static const struct df_sink_ops stream_ops = { .write = stream_write, .free = stream_free };

struct dumpfilter_sink *df_sink_stream(struct df_env *env, int fd, bool own, const char *name, struct df_err *err)
{
	struct stream_sink *t = df_sink_new(env, sizeof *t, &stream_ops, 0, name, err);

	if (!t) {
		if (own)
			close(fd);
		return NULL;
	}
	t->fd = fd;
	t->own = own;
	return &t->sink;
}
