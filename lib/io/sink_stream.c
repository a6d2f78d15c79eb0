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
static int write_all(int fd, const uint8_t *bytes, size_t length)
{
	while (length) {
		ssize_t got = write(fd, bytes, length);

		if (got > 0) {
			bytes += got;
			length -= (size_t)got;
		} else if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
			struct pollfd wait = { .fd = fd, .events = POLLOUT };

			if (poll(&wait, 1, -1) < 0 && errno != EINTR)
				return errno;
		} else if (got == 0 || errno != EINTR) {
			return got ? errno : EIO;
		}
	}
	return 0;
}

static int stream_write(struct dumpfilter_sink *sink, uint64_t offset, const void *buffer, size_t length,
			struct df_err *err)
{
	struct stream_sink *stream = (struct stream_sink *)sink;

	if (!stream->failed)
		stream->failed = write_all(stream->fd, buffer, length);
	if (!stream->failed)
		return 0;
	return df_err_sys(err, df_err_of_errno(stream->failed), stream->failed,
			  "%s: writing %zu bytes at offset %" PRIu64, sink->name, length, offset);
}

static void stream_free(struct dumpfilter_sink *sink)
{
	struct stream_sink *stream = (struct stream_sink *)sink;

	if (stream->own)
		close(stream->fd);
	df_free(sink->env, stream);
}

static const struct df_sink_ops stream_ops = { .write = stream_write, .free = stream_free };

struct dumpfilter_sink *df_sink_stream(struct df_env *env, int fd, bool own, const char *name, struct df_err *err)
{
	struct stream_sink *stream = df_sink_new(env, sizeof *stream, &stream_ops, 0, name, err);

	if (!stream) {
		if (own)
			close(fd);
		return NULL;
	}
	stream->fd = fd;
	stream->own = own;
	return &stream->sink;
}
