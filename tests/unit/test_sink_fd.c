/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sinks: files, streams, callbacks, nowhere.  The flattened one is also in test_rearrange.c. */
#include "files.h"
#include "format/flat.h"
#include "io/sink.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>

static struct df_env env;
static struct df_err err;

static struct dumpfilter_sink *open_path(const char *name, unsigned flags)
{
	struct dumpfilter_sink *s = df_sink_path(&env, in_dir(name), flags, &err);

	CHECK(s);
	return s;
}

static void done(struct dumpfilter_sink *s)
{
	df_sink_free(s);
	CHECK_EQ(env.mem_used, 0);
}

/* -------------------------------------------------------------------------------------------------- files */

static void path_creates(void)
{
	mode_t old = umask(0);
	struct dumpfilter_sink *s = open_path("new", 0);
	struct stat st;

	umask(old);
	CHECK(!stat(in_dir("new"), &st));
	CHECK_EQ(st.st_mode & 07777, 0600);
	CHECK_EQ(s->caps, DUMPFILTER_IO_RANDOM | DUMPFILTER_IO_REWRITE | DUMPFILTER_IO_CONCURRENT);
	CHECK(!df_sink_path(&env, in_dir("new"), 0, &err));
	CHECK_EQ(err.code, DUMPFILTER_E_EXISTS);
	CHECK_HAS(err.text, "new: File exists");
	CHECK_EQ(df_sink_write(s, 10, "abc", 3, &err), 0);
	CHECK_EQ(df_sink_write(s, 0, "xy", 2, &err), 0);
	CHECK_EQ(df_sink_write(s, 11, "B", 1, &err), 0);
	CHECK_EQ(df_sink_write(s, 1000, "", 0, &err), 0);
	CHECK(s->touched);
	CHECK_EQ(s->bytes, 6);
	CHECK_EQ(s->end, 13);
	CHECK_EQ(df_sink_finish(s, 0, &err), 0);
	done(s);
	CHECK(file_is(in_dir("new"), "xy\0\0\0\0\0\0\0\0aBc", 13));
}

/* Space that was reserved ahead is given back, also after a run that ended early. */
static void path_keeps_no_space(void)
{
	static const int results[] = { DUMPFILTER_OK, DUMPFILTER_PARTIAL };
	static uint8_t block[4096];

	for (unsigned i = 0; i < 2; i++) {
		struct dumpfilter_sink *s = open_path(i ? "space1" : "space0", 0);
		struct stat st;

		for (uint64_t at = 0; at < 20 * sizeof block; at += sizeof block)
			CHECK_EQ(df_sink_write(s, at, block, sizeof block, &err), 0);
		CHECK_EQ(df_sink_finish(s, results[i], &err), 0);
		done(s);
		CHECK(!stat(in_dir(i ? "space1" : "space0"), &st));
		CHECK_EQ(st.st_size, 20 * sizeof block);
		CHECK(st.st_blocks <= 1024); /* of 512 bytes */
	}
}

static void path_umask(void)
{
	mode_t old = umask(0277);
	struct dumpfilter_sink *s = df_sink_path(&env, in_dir("masked"), 0, &err);
	struct stat st;

	umask(old);
	CHECK(s);
	CHECK(!stat(in_dir("masked"), &st));
	CHECK_EQ(st.st_mode & 07777, 0400);
	done(s);
}

static void path_refused(void)
{
	static const struct {
		const char *name;
		unsigned flags;
		int code;
		const char *text;
	} rows[] = {
		{ "", 0, DUMPFILTER_E_INVAL, "is a directory" },
		{ "", DUMPFILTER_SINK_OVERWRITE, DUMPFILTER_E_INVAL, "is a directory" },
		{ "no/such/place", 0, DUMPFILTER_E_IO, "No such file" },
		{ "x", 64, DUMPFILTER_E_INVAL, "unknown flags" },
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		CHECK(!df_sink_path(&env, in_dir(rows[i].name), rows[i].flags, &err));
		CHECK_EQ(err.code, rows[i].code);
		CHECK_HAS(err.text, rows[i].text);
	}
	CHECK(!df_sink_path(&env, files.dir, 0, &err));
	CHECK_HAS(err.text, "is a directory");
	CHECK(!symlink("nowhere", in_dir("dangling")));
	CHECK(!df_sink_path(&env, in_dir("dangling"), 0, &err));
	CHECK_EQ(env.mem_used, 0);
}

static void path_overwrites(void)
{
	struct dumpfilter_sink *s;

	write_file(in_dir("old"), "a long old text", 15);
	s = open_path("old", DUMPFILTER_SINK_OVERWRITE);
	done(s); /* nothing written: as it was */
	CHECK(file_is(in_dir("old"), "a long old text", 15));

	s = open_path("old", DUMPFILTER_SINK_OVERWRITE);
	CHECK(file_is(in_dir("old"), "a long old text", 15));
	CHECK_EQ(df_sink_finish(s, 0, &err), 0);
	CHECK(file_is(in_dir("old"), "a long old text", 15));
	CHECK_EQ(df_sink_write(s, 4, "new", 3, &err), 0);
	CHECK(file_is(in_dir("old"), "\0\0\0\0new", 7)); /* no old byte shows, even before it is finished */
	CHECK_EQ(df_sink_finish(s, 0, &err), 0);
	done(s);
	CHECK(file_is(in_dir("old"), "\0\0\0\0new", 7));
}

static void path_ends_in_gap(void)
{
	struct dumpfilter_sink *s;
	size_t len;

	write_file(in_dir("gap"), "0123456789", 10);
	s = open_path("gap", DUMPFILTER_SINK_OVERWRITE);
	CHECK_EQ(df_sink_zeros(s, 0, 6, &err), 0);
	CHECK_EQ(s->bytes, 0);
	CHECK_EQ(df_sink_finish(s, 0, &err), 0);
	done(s);
	CHECK(file_is(in_dir("gap"), "\0\0\0\0\0\0", 6));

	s = open_path("gap2", 0);
	CHECK_EQ(df_sink_write(s, 0, "x", 1, &err), 0);
	CHECK_EQ(df_sink_zeros(s, 1, 1 << 20, &err), 0);
	CHECK_EQ(df_sink_finish(s, DUMPFILTER_PARTIAL, &err), 0);
	done(s);
	free(read_file(in_dir("gap2"), &len));
	CHECK_EQ(len, (1 << 20) + 1);

	s = open_path("gap3", 0); /* after a failure what was written is of no use */
	CHECK_EQ(df_sink_write(s, 0, "x", 1, &err), 0);
	CHECK_EQ(df_sink_finish(s, DUMPFILTER_E_IO, &err), 0);
	done(s);
	CHECK(access(in_dir("gap3"), F_OK));

	write_file(in_dir("gap4"), "0123456789", 10); /* the file was somebody's: emptied, not removed */
	s = open_path("gap4", DUMPFILTER_SINK_OVERWRITE);
	CHECK_EQ(df_sink_write(s, 0, "x", 1, &err), 0);
	CHECK_EQ(df_sink_finish(s, DUMPFILTER_E_IO, &err), 0);
	done(s);
	CHECK(file_is(in_dir("gap4"), "", 0));
}

static void path_unused_is_removed(void)
{
	struct dumpfilter_sink *s = open_path("unused", 0);

	CHECK(exists(in_dir("unused")));
	done(s);
	CHECK(!exists(in_dir("unused")));

	s = open_path("unused", 0);
	CHECK_EQ(df_sink_finish(s, DUMPFILTER_E_NOINFO, &err), 0);
	done(s);
	CHECK(!exists(in_dir("unused")));

	s = open_path("unused", 0); /* somebody puts another file there meanwhile */
	CHECK(!unlink(in_dir("unused")));
	write_file(in_dir("unused"), "theirs", 6);
	done(s);
	CHECK(file_is(in_dir("unused"), "theirs", 6));
}

static void offsets_end_somewhere(void)
{
	struct dumpfilter_sink *s = open_path("far", 0);

	CHECK_EQ(df_sink_write(s, UINT64_MAX, "x", 1, &err), DUMPFILTER_E_INVAL);
	CHECK_EQ(df_sink_write(s, INT64_MAX, "x", 1, &err), DUMPFILTER_E_INVAL);
	CHECK_EQ(df_sink_zeros(s, 10, UINT64_MAX, &err), DUMPFILTER_E_INVAL);
	CHECK_HAS(err.text, "far: offset 10 is beyond");
	CHECK(!s->touched);
	done(s);
}

/* ------------------------------------------------------------------------------------------ several threads */

#define CHUNK  3000u
#define CHUNKS 64u

struct writer {
	struct dumpfilter_sink *sink;
	unsigned first;
	int result;
};

static void *write_some(void *arg)
{
	struct writer *w = arg;
	struct df_err e;
	uint8_t buf[CHUNK];

	for (unsigned i = w->first; i < CHUNKS && !w->result; i += 4) {
		fill_pattern(buf, i * CHUNK, CHUNK);
		w->result = df_sink_write(w->sink, i * CHUNK, buf, CHUNK, &e);
	}
	return NULL;
}

/* The first write cuts the old file off, whichever thread makes it, and nothing else. */
static void path_concurrent(void)
{
	struct writer w[4];
	pthread_t t[4];
	struct dumpfilter_sink *s;
	uint8_t *p;
	size_t len;

	write_pattern(in_dir("many"), 1 << 20);
	s = open_path("many", DUMPFILTER_SINK_OVERWRITE);
	for (unsigned i = 0; i < 4; i++) {
		w[i] = (struct writer){ .sink = s, .first = i };
		CHECK(!pthread_create(&t[i], NULL, write_some, &w[i]));
	}
	for (unsigned i = 0; i < 4; i++) {
		pthread_join(t[i], NULL);
		CHECK_EQ(w[i].result, 0);
	}
	CHECK_EQ(s->bytes, CHUNK * CHUNKS);
	CHECK_EQ(df_sink_finish(s, 0, &err), 0);
	done(s);
	p = read_file(in_dir("many"), &len);
	CHECK_EQ(len, CHUNK * CHUNKS);
	CHECK(is_pattern(p, 0, len));
	free(p);
}

/* ---------------------------------------------------------------------------------------------- descriptors */

static void fd_regular(void)
{
	struct dumpfilter_sink *s;
	int fd;

	write_file(in_dir("fd"), "0123456789", 10);
	fd = open(in_dir("fd"), O_RDWR);
	s = df_sink_fd(&env, fd, "out", &err);
	CHECK(s);
	CHECK(s->caps & DUMPFILTER_IO_RANDOM);
	CHECK_EQ(df_sink_write(s, 3, "ab", 2, &err), 0);
	CHECK_EQ(df_sink_write(s, 0, "c", 1, &err), 0);
	CHECK_EQ(df_sink_finish(s, 0, &err), 0);
	done(s);
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
	struct dumpfilter_sink *s;
	char buf[16];
	int fds[2];

	CHECK(!pipe(fds));
	s = df_sink_fd(&env, fds[1], "pipe", &err);
	CHECK(s);
	CHECK_EQ(s->caps, 0);
	CHECK_EQ(df_sink_write(s, 0, "abc", 3, &err), 0);
	CHECK_EQ(df_sink_zeros(s, 3, 2, &err), 0);
	CHECK_EQ(df_sink_write(s, 5, "d", 1, &err), 0);
	CHECK_EQ(df_sink_write(s, 7, "e", 1, &err), DUMPFILTER_E_UNSUPPORTED);
	CHECK_HAS(err.text, "pipe: a stream takes bytes only in order");
	CHECK_HAS(err.text, "flattened format");
	CHECK_EQ(df_sink_write(s, 5, "e", 1, &err), DUMPFILTER_E_UNSUPPORTED);
	CHECK_EQ(df_sink_zeros(s, 0, 1, &err), DUMPFILTER_E_UNSUPPORTED);
	CHECK_EQ(df_sink_finish(s, 0, &err), 0);
	done(s);
	close(fds[1]);
	CHECK_EQ(read(fds[0], buf, sizeof buf), 6);
	CHECK(!memcmp(buf, "abc\0\0d", 6));
	close(fds[0]);
}

/* An error line, and the same again: what went out before is not known. */
static void fd_pipe_broken(void)
{
	void (*old)(int) = signal(SIGPIPE, SIG_IGN);
	struct dumpfilter_sink *s;
	int fds[2];

	CHECK(!pipe(fds));
	close(fds[0]);
	s = df_sink_fd(&env, fds[1], "pipe", &err);
	for (int i = 0; i < 2; i++) {
		CHECK_EQ(df_sink_write(s, 0, "abc", 3, &err), DUMPFILTER_E_IO);
		CHECK_HAS(err.text, "pipe: writing 3 bytes at offset 0: Broken pipe");
	}
	done(s);
	close(fds[1]);
	signal(SIGPIPE, old);
}

static void *drain(void *arg)
{
	static uint8_t buf[1 << 20];
	size_t *total = arg, n = 0;
	int fd = (int)*total;
	ssize_t r;

	while ((r = read(fd, buf + n % 4096, 5000)) > 0)
		n += (size_t)r;
	*total = n;
	return NULL;
}

/* A descriptor that does not block is waited for. */
static void fd_nonblocking(void)
{
	static const uint8_t big[1 << 20];
	struct dumpfilter_sink *s;
	size_t total;
	pthread_t t;
	int fds[2];

	CHECK(!pipe(fds));
	CHECK(!fcntl(fds[1], F_SETFL, O_NONBLOCK));
	total = (size_t)fds[0];
	CHECK(!pthread_create(&t, NULL, drain, &total));
	s = df_sink_fd(&env, fds[1], "pipe", &err);
	CHECK_EQ(df_sink_write(s, 0, big, sizeof big, &err), 0);
	done(s);
	close(fds[1]);
	pthread_join(t, NULL);
	close(fds[0]);
	CHECK_EQ(total, sizeof big);
}

/* Offsets mean nothing to a descriptor that appends: it is a stream. */
static void fd_append(void)
{
	struct dumpfilter_sink *s;
	int fd;

	write_file(in_dir("log"), "old", 3);
	fd = open(in_dir("log"), O_WRONLY | O_APPEND);
	s = df_sink_fd(&env, fd, "log", &err);
	CHECK_EQ(s->caps, 0);
	CHECK_EQ(df_sink_write(s, 0, "new", 3, &err), 0);
	CHECK_EQ(df_sink_finish(s, 0, &err), 0);
	done(s);
	close(fd);
	CHECK(file_is(in_dir("log"), "oldnew", 6));
}

static void full_disk(void)
{
	struct dumpfilter_sink *s = df_sink_path(&env, "/dev/full", DUMPFILTER_SINK_OVERWRITE, &err);
	int fd = open("/dev/full", O_WRONLY);

	CHECK(s);
	CHECK_EQ(df_sink_write(s, 0, "abc", 3, &err), DUMPFILTER_E_NOSPACE);
	CHECK_HAS(err.text, "/dev/full: writing 3 bytes at offset 0: No space left on device");
	CHECK(!s->touched);
	CHECK_EQ(s->end, 0);
	done(s);
	s = df_sink_fd(&env, fd, "full", &err);
	CHECK_EQ(df_sink_write(s, 0, "abc", 3, &err), DUMPFILTER_E_NOSPACE);
	done(s);
	close(fd);
}

/* -------------------------------------------------------------------------------------- callbacks and null */

struct target {
	char bytes[64];
	int fail, finished, result;
};

static int target_write(void *user, uint64_t offset, const void *buf, size_t len)
{
	struct target *t = user;

	if (t->fail)
		return t->fail;
	memcpy(t->bytes + offset, buf, len);
	return 0;
}

static int target_finish(void *user, int result)
{
	struct target *t = user;

	t->finished++;
	t->result = result;
	return t->fail;
}

static void custom(void)
{
	struct target t = { .bytes = "" };
	struct dumpfilter_sink_ops ops = { .size = sizeof ops, .write = target_write, .finish = target_finish };
	struct dumpfilter_sink *s;

	ops.caps = DUMPFILTER_IO_RANDOM;
	ops.name = "mine";
	s = df_sink_custom(&env, &ops, &t, &err);
	CHECK(s);
	CHECK_EQ(s->caps, DUMPFILTER_IO_RANDOM);
	CHECK_EQ(df_sink_write(s, 5, "abc", 3, &err), 0);
	CHECK_EQ(df_sink_zeros(s, 8, 30, &err), 0);
	CHECK(!memcmp(t.bytes + 5, "abc", 3));
	CHECK_EQ(s->end, 38);
	CHECK_EQ(df_sink_finish(s, DUMPFILTER_PARTIAL, &err), 0);
	CHECK_EQ(df_sink_finish(s, 0, &err), 0);
	CHECK_EQ(t.finished, 1);
	CHECK_EQ(t.result, DUMPFILTER_PARTIAL);
	done(s);
}

static void custom_errors(void)
{
	static const struct {
		int fail, code;
		const char *text;
	} rows[] = {
		{ -ENOSPC, DUMPFILTER_E_NOSPACE, "No space left" },
		{ -EIO, DUMPFILTER_E_IO, "Input/output error" },
		{ 3, DUMPFILTER_E_IO, "Protocol error" },
		{ INT32_MIN, DUMPFILTER_E_IO, "Protocol error" },
	};
	struct dumpfilter_sink_ops ops = { .size = sizeof ops, .write = target_write, .finish = target_finish };

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct target t = { .fail = rows[i].fail };
		struct dumpfilter_sink *s = df_sink_custom(&env, &ops, &t, &err);

		CHECK(s);
		CHECK_EQ(df_sink_write(s, 0, "abc", 3, &err), rows[i].code);
		CHECK_HAS(err.text, "output: writing 3 bytes at offset 0: ");
		CHECK_HAS(err.text, rows[i].text);
		CHECK_EQ(df_sink_finish(s, 0, &err), rows[i].code);
		done(s);
	}
}

static void custom_refused(void)
{
	struct dumpfilter_sink_ops ops = { .size = sizeof ops, .write = target_write };

	ops.caps = 8;
	CHECK(!df_sink_custom(&env, &ops, NULL, &err));
	CHECK_EQ(err.code, DUMPFILTER_E_INVAL);
	ops.caps = 0;
	ops.write = NULL;
	CHECK(!df_sink_custom(&env, &ops, NULL, &err));
	ops.size = 0;
	CHECK(!df_sink_custom(&env, &ops, NULL, &err));
	CHECK_HAS(err.text, "size is 0");
	CHECK(!df_sink_custom(&env, NULL, NULL, &err));
}

static void null(void)
{
	struct dumpfilter_sink *s = df_sink_null(&env, &err);

	CHECK(s);
	CHECK_EQ(df_sink_write(s, 1000, "abc", 3, &err), 0);
	CHECK_EQ(df_sink_write(s, 0, "abc", 3, &err), 0);
	CHECK_EQ(s->bytes, 6);
	CHECK_EQ(s->end, 1003);
	CHECK_EQ(df_sink_finish(s, 0, &err), 0);
	done(s);
	df_sink_free(NULL);
}

static void no_memory(void)
{
	struct dumpfilter_sink *inner = df_sink_null(&env, &err);
	struct dumpfilter_sink_ops ops = { .size = sizeof ops, .write = target_write };

	atomic_store(&env.mem_limit, 1);
	CHECK(!df_sink_null(&env, &err));
	CHECK(!df_sink_custom(&env, &ops, NULL, &err));
	CHECK(!df_sink_flat(&env, inner, &err));
	CHECK_EQ(err.code, DUMPFILTER_E_NOMEM);
	CHECK(!df_sink_path(&env, in_dir("none"), 0, &err));
	CHECK_EQ(err.code, DUMPFILTER_E_NOMEM);
	CHECK(!exists(in_dir("none")));
	atomic_store(&env.mem_limit, 0);
	CHECK(!inner->used);
	done(inner);
}

/* -------------------------------------------------------------------------------------------------- flattened */

struct record {
	uint64_t offset, size;
};

/* The records of a stream up to its end record: their number, or −1 where it is not one. */
static int parse(const uint8_t *p, size_t len, struct record *out, int most)
{
	size_t at = DF_FLAT_HEADER;
	int n = 0;

	if (len < at || !df_flat_is(p, len))
		return -1;
	for (;;) {
		struct record r;

		if (len - at < DF_FLAT_RECORD)
			return -1;
		switch (df_flat_decode_record(p + at, &r.offset, &r.size)) {
		case DF_FLAT_END:
			return at + DF_FLAT_RECORD == len ? n : -1;
		case DF_FLAT_BAD:
			return -1;
		default:
			at += DF_FLAT_RECORD + r.size;
		}
		if (at > len || n == most)
			return -1;
		out[n++] = r;
	}
}

struct piece {
	uint64_t offset, len;
	bool zeros;
};

static int write_pieces(struct dumpfilter_sink *s, const struct piece *p)
{
	static const uint8_t bytes[3 << 20] = { 1 };
	int r = 0;

	for (; p->len && !r; p++)
		r = p->zeros ? df_sink_zeros(s, p->offset, p->len, &err)
			     : df_sink_write(s, p->offset, bytes, p->len, &err);
	return r;
}

#define K UINT64_C(1024)
#define M (K * K)

static const struct {
	const char *name;
	struct piece in[5];
	struct record out[6];
} shapes[] = {
	{ "one", { { 0, 464, false } }, { { 0, 464 } } },
	{ "neighbours are one record", { { 8, 8, false }, { 16, 8, false }, { 24, 1, false } }, { { 8, 17 } } },
	{ "others are not", { { 8, 8, false }, { 17, 8, false }, { 0, 8, false } }, { { 8, 8 }, { 17, 8 }, { 0, 8 } } },
	{ "up to 64 KiB", { { 0, 40 * K, false }, { 40 * K, 40 * K, false } }, { { 0, 64 * K }, { 64 * K, 16 * K } } },
	{ "large ones go through", { { 0, M, false }, { M, 10, false } }, { { 0, M }, { M, 10 } } },
	{ "up to 1 MiB", { { 5, 2 * M + 1, false } }, { { 5, M }, { M + 5, M }, { 2 * M + 5, 1 } } },
	{ "small before large", { { 0, 10, false }, { 10, 64 * K, false } }, { { 0, 10 }, { 10, 64 * K } } },
	{ "short zeros are written", { { 0, 10, false }, { 10, 50, true }, { 60, 4, false } }, { { 0, 64 } } },
	{ "long zeros are not",
	  { { 0, 10, false }, { 10, 65 * K, true }, { 65 * K + 10, 4, false } },
	  { { 0, 10 }, { 65 * K + 10, 4 } } },
	{ "64 KiB of zeros are short", { { 0, 64 * K, true } }, { { 0, 64 * K } } },
	{ "a gap at the end has its last byte", { { 0, 10, false }, { 10, M, true } }, { { 0, 10 }, { M + 9, 1 } } },
	{ "only a gap", { { 0, M, true } }, { { M - 1, 1 } } },
	{ "nothing", { { 0, 0, false } }, { { 0, 0 } } },
};

static void flat_shape(size_t i, int result)
{
	struct dumpfilter_sink *inner, *s;
	struct record r[8];
	uint8_t *p;
	size_t len;
	int n;

	write_file(in_dir("flat"), "old", 3);
	inner = open_path("flat", DUMPFILTER_SINK_OVERWRITE);
	s = df_sink_flat(&env, inner, &err);
	CHECK(s);
	CHECK_EQ(s->caps, DUMPFILTER_IO_RANDOM);
	CHECK(inner->used);
	CHECK(!df_sink_flat(&env, inner, &err));
	CHECK_EQ(write_pieces(s, shapes[i].in), 0);
	CHECK_EQ(df_sink_finish(s, result, &err), 0);
	df_sink_free(s);
	done(inner);
	p = read_file(in_dir("flat"), &len);
	n = parse(p, len, r, 8);
	free(p);
	if (result < 0) {
		CHECK_EQ(n, -1); /* no end record */
		return;
	}
	CHECK(n >= 0);
	for (int k = 0; k <= n; k++) {
		CHECK_EQ(shapes[i].out[k].size, k < n ? r[k].size : 0);
		CHECK_EQ(shapes[i].out[k].offset, k < n ? r[k].offset : 0);
	}
}

static void flat_twice(void)
{
	static const struct piece before[] = {
		{ 1000, 100, false }, { 0, 8, false }, { 1100, 100, false }, { 8, 8, false }, { 0, 0, false }
	};
	static const struct piece rows[] = { { 1000, 1, false }, { 1199, 1, false },     { 999, 2, false },
					     { 0, 2000, false }, { 15, 1, false },       { 7, 2, false },
					     { 1099, 2, false }, { 1150, 64 * K, false } };

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct dumpfilter_sink *inner = df_sink_null(&env, &err);
		struct dumpfilter_sink *s = df_sink_flat(&env, inner, &err);
		const struct piece row[] = { rows[i], { 0, 0, false } };

		CHECK_EQ(write_pieces(s, before), 0);
		CHECK_EQ(write_pieces(s, row), DUMPFILTER_E_INVAL);
		CHECK_HAS(err.text, "were written before");
		df_sink_free(s);
		done(inner);
	}
}

/* More places than are remembered: refusing what is new would be wrong. */
static void flat_many_places(void)
{
	struct dumpfilter_sink *inner = df_sink_null(&env, &err);
	struct dumpfilter_sink *s = df_sink_flat(&env, inner, &err);

	for (unsigned round = 0; round < 3; round++)
		for (uint64_t i = 0; i < 100; i++)
			CHECK_EQ(df_sink_write(s, i * 64 + round, "x", 1, &err), 0);
	CHECK_EQ(df_sink_write(s, 99 * 64 + 2, "x", 1, &err), DUMPFILTER_E_INVAL);
	df_sink_free(s);
	done(inner);
}

/* Strictly in order, so that a pipe will do; and a pipe that breaks ends it. */
static void flat_inner_fails(void)
{
	struct target t = { .fail = -EPIPE };
	struct dumpfilter_sink_ops ops = { .size = sizeof ops, .write = target_write, .finish = target_finish };
	struct dumpfilter_sink *inner = df_sink_custom(&env, &ops, &t, &err);
	struct dumpfilter_sink *s = df_sink_flat(&env, inner, &err);

	CHECK_EQ(df_sink_write(s, 0, "x", 1, &err), DUMPFILTER_E_IO);
	CHECK_HAS(err.text, "Broken pipe");
	t.fail = 0;
	CHECK_EQ(df_sink_write(s, 1, "y", 1, &err), DUMPFILTER_E_IO);
	CHECK_HAS(err.text, "Broken pipe"); /* the first cause, each time */
	CHECK_EQ(df_sink_finish(s, DUMPFILTER_PARTIAL, &err), DUMPFILTER_E_IO);
	CHECK_EQ(t.finished, 1);
	CHECK_EQ(t.result, DUMPFILTER_E_IO);
	df_sink_free(s);
	done(inner);
}

int main(void)
{
	files_begin();
	RUN(path_creates);
	RUN(path_keeps_no_space);
	RUN(path_umask);
	RUN(path_refused);
	RUN(path_overwrites);
	RUN(path_ends_in_gap);
	RUN(path_unused_is_removed);
	RUN(offsets_end_somewhere);
	RUN(path_concurrent);
	RUN(fd_regular);
	RUN(fd_refused);
	RUN(fd_pipe);
	RUN(fd_pipe_broken);
	RUN(fd_nonblocking);
	RUN(fd_append);
	RUN(full_disk);
	RUN(custom);
	RUN(custom_errors);
	RUN(custom_refused);
	RUN(null);
	RUN(no_memory);
	for (volatile size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
		T_RUN(shapes[i].name, flat_shape(i, DUMPFILTER_OK));
		T_RUN(shapes[i].name, flat_shape(i, DUMPFILTER_PARTIAL));
		T_RUN(shapes[i].name, flat_shape(i, DUMPFILTER_E_IO));
	}
	RUN(flat_twice);
	RUN(flat_many_places);
	RUN(flat_inner_fails);
	files_end();
	return T_END();
}
