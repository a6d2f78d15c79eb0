/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sinks on descriptors: files, pipes, what appends, a full disk. */
#include "sinks.h"

#include <pthread.h>
#include <signal.h>

static void fd_regular(void)
{
	struct dumpfilter_sink *sink;
	int fd;

	write_file(in_dir("fd"), "0123456789", 10);
	fd = open(in_dir("fd"), O_RDWR);
	sink = df_sink_fd(&env, fd, "out", &err);
	CHECK(sink);
	CHECK(sink->caps & DUMPFILTER_IO_RANDOM);
	CHECK_EQ(df_sink_write(sink, 3, "ab", 2, &err), 0);
	CHECK_EQ(df_sink_write(sink, 0, "c", 1, &err), 0);
	CHECK_EQ(df_sink_finish(sink, 0, &err), 0);
	done(sink);
	CHECK_EQ(write(fd, "!", 1), 1); /* still open, and what is written next comes behind */
	close(fd);
	CHECK(file_is(in_dir("fd"), "c\0\0ab!", 6));
}

static void fd_refused(void)
{
	int fd = open("/dev/null", O_RDONLY);

	CHECK(!df_sink_fd(&env, fd, NULL, &err));
	CHECK_EQ(err.code, DUMPFILTER_E_INVAL);
	CHECK_HAS(err.text, "not open for writing");
	close(fd);
	CHECK(!df_sink_fd(&env, fd, NULL, &err));
	CHECK_EQ(err.code, DUMPFILTER_E_INVAL);
	CHECK_EQ(env.mem_used, 0);
}

static void fd_pipe(void)
{
	struct dumpfilter_sink *sink;
	char buffer[16];
	int fds[2];

	CHECK(!pipe(fds));
	sink = df_sink_fd(&env, fds[1], "pipe", &err);
	CHECK(sink);
	CHECK_EQ(sink->caps, 0);
	CHECK_EQ(df_sink_write(sink, 0, "abc", 3, &err), 0);
	CHECK_EQ(df_sink_zeros(sink, 3, 2, &err), 0);
	CHECK_EQ(df_sink_write(sink, 5, "d", 1, &err), 0);
	CHECK_EQ(df_sink_write(sink, 7, "e", 1, &err), DUMPFILTER_E_UNSUPPORTED);
	CHECK_HAS(err.text, "pipe: a stream takes bytes only in order");
	CHECK_HAS(err.text, "flattened format");
	CHECK_EQ(df_sink_write(sink, 5, "e", 1, &err), DUMPFILTER_E_UNSUPPORTED);
	CHECK_EQ(df_sink_zeros(sink, 0, 1, &err), DUMPFILTER_E_UNSUPPORTED);
	CHECK_EQ(df_sink_finish(sink, 0, &err), 0);
	done(sink);
	close(fds[1]);
	CHECK_EQ(read(fds[0], buffer, sizeof buffer), 6);
	CHECK(!memcmp(buffer, "abc\0\0d", 6));
	close(fds[0]);
}

/* An error line, and the same again: what went out before is not known. */
static void fd_pipe_broken(void)
{
	void (*old)(int) = signal(SIGPIPE, SIG_IGN);
	struct dumpfilter_sink *sink;
	int fds[2];

	CHECK(!pipe(fds));
	close(fds[0]);
	sink = df_sink_fd(&env, fds[1], "pipe", &err);
	for (int i = 0; i < 2; i++) {
		CHECK_EQ(df_sink_write(sink, 0, "abc", 3, &err), DUMPFILTER_E_IO);
		CHECK_HAS(err.text, "pipe: writing 3 bytes at offset 0: Broken pipe");
	}
	done(sink);
	close(fds[1]);
	signal(SIGPIPE, old);
}

static void *drain(void *arg)
{
	static uint8_t buffer[1 << 20];
	size_t *total = arg, count = 0;
	int fd = (int)*total;
	ssize_t result;

	while ((result = read(fd, buffer + count % 4096, 5000)) > 0)
		count += (size_t)result;
	*total = count;
	return NULL;
}

/* A descriptor that does not block is waited for. */
static void fd_nonblocking(void)
{
	static const uint8_t big[1 << 20];
	struct dumpfilter_sink *sink;
	size_t total;
	pthread_t thread;
	int fds[2];

	CHECK(!pipe(fds));
	CHECK(!fcntl(fds[1], F_SETFL, O_NONBLOCK));
	total = (size_t)fds[0];
	CHECK(!pthread_create(&thread, NULL, drain, &total));
	sink = df_sink_fd(&env, fds[1], "pipe", &err);
	CHECK_EQ(df_sink_write(sink, 0, big, sizeof big, &err), 0);
	done(sink);
	close(fds[1]);
	pthread_join(thread, NULL);
	close(fds[0]);
	CHECK_EQ(total, sizeof big);
}

/* Offsets mean nothing to a descriptor that appends: it is a stream. */
static void fd_append(void)
{
	struct dumpfilter_sink *sink;
	int fd;

	write_file(in_dir("log"), "old", 3);
	fd = open(in_dir("log"), O_WRONLY | O_APPEND);
	sink = df_sink_fd(&env, fd, "log", &err);
	CHECK_EQ(sink->caps, 0);
	CHECK_EQ(df_sink_write(sink, 0, "new", 3, &err), 0);
	CHECK_EQ(df_sink_finish(sink, 0, &err), 0);
	done(sink);
	close(fd);
	CHECK(file_is(in_dir("log"), "oldnew", 6));
}

static void full_disk(void)
{
	struct dumpfilter_sink *sink = df_sink_path(&env, "/dev/full", DUMPFILTER_SINK_OVERWRITE, &err);
	int fd = open("/dev/full", O_WRONLY);

	CHECK(sink);
	CHECK_EQ(df_sink_write(sink, 0, "abc", 3, &err), DUMPFILTER_E_NOSPACE);
	CHECK_HAS(err.text, "/dev/full: writing 3 bytes at offset 0: No space left on device");
	CHECK(!sink->touched);
	CHECK_EQ(sink->end, 0);
	done(sink);
	sink = df_sink_fd(&env, fd, "full", &err);
	CHECK_EQ(df_sink_write(sink, 0, "abc", 3, &err), DUMPFILTER_E_NOSPACE);
	done(sink);
	close(fd);
}

int main(void)
{
	files_begin();
	RUN(fd_regular);
	RUN(fd_refused);
	RUN(fd_pipe);
	RUN(fd_pipe_broken);
	RUN(fd_nonblocking);
	RUN(fd_append);
	RUN(full_disk);
	files_end();
	return T_END();
}
