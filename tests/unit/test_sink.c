/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sinks: files, callbacks, nowhere.  On descriptors: test_sink_fd.c; flattened: test_sink_flat.c. */
#include "sinks.h"

#include <pthread.h>

/* -------------------------------------------------------------------------------------------------- files */

static void path_creates(void)
{
	mode_t old = umask(0);
	struct dumpfilter_sink *sink = open_path("new", 0);
	struct stat st;

	umask(old);
	CHECK(!stat(in_dir("new"), &st));
	CHECK_EQ(st.st_mode & 07777, 0600);
	CHECK_EQ(sink->caps, DUMPFILTER_IO_RANDOM | DUMPFILTER_IO_REWRITE | DUMPFILTER_IO_CONCURRENT);
	CHECK(!df_sink_path(&env, in_dir("new"), 0, &err));
	CHECK_EQ(err.code, DUMPFILTER_E_EXISTS);
	CHECK_HAS(err.text, "new: File exists");
	CHECK_EQ(df_sink_write(sink, 10, "abc", 3, &err), 0);
	CHECK_EQ(df_sink_write(sink, 0, "xy", 2, &err), 0);
	CHECK_EQ(df_sink_write(sink, 11, "B", 1, &err), 0);
	CHECK_EQ(df_sink_write(sink, 1000, "", 0, &err), 0);
	CHECK(sink->touched);
	CHECK_EQ(sink->bytes, 6);
	CHECK_EQ(sink->end, 13);
	CHECK_EQ(df_sink_finish(sink, 0, &err), 0);
	done(sink);
	CHECK(file_is(in_dir("new"), "xy\0\0\0\0\0\0\0\0aBc", 13));
}

/* Space that was reserved ahead is given back, also after a run that ended early. */
static void path_keeps_no_space(void)
{
	static const int results[] = { DUMPFILTER_OK, DUMPFILTER_PARTIAL };
	static uint8_t block[4096];

	for (unsigned i = 0; i < 2; i++) {
		struct dumpfilter_sink *sink = open_path(i ? "space1" : "space0", 0);
		struct stat st;

		for (uint64_t at = 0; at < 20 * sizeof block; at += sizeof block)
			CHECK_EQ(df_sink_write(sink, at, block, sizeof block, &err), 0);
		CHECK_EQ(df_sink_finish(sink, results[i], &err), 0);
		done(sink);
		CHECK(!stat(in_dir(i ? "space1" : "space0"), &st));
		CHECK_EQ(st.st_size, 20 * sizeof block);
		CHECK(st.st_blocks <= 1024); /* of 512 bytes */
	}
}

/* Reserved space on neither side of a gap stays: a dump of little memory far apart is small, also while it is written.
 */
static void path_gaps_keep_no_space(void)
{
	static uint8_t block[65536];
	static const uint64_t pieces[][2] = { /* at, blocks that follow each other there */
					      { 0, 3 },          { 40u << 20, 1 }, { 100u << 20, 4 },
					      { 101u << 20, 2 }, { 90u << 20, 1 }, { UINT64_C(1) << 40, 2 }
	};
	struct dumpfilter_sink *sink = open_path("gaps", 0);
	uint64_t written = 0;
	struct stat st;

	memset(block, 1, sizeof block);
	for (unsigned i = 0; i < sizeof pieces / sizeof *pieces; i++) {
		for (uint64_t count = 0; count < pieces[i][1]; count++, written += sizeof block)
			CHECK_EQ(df_sink_write(sink, pieces[i][0] + count * sizeof block, block, sizeof block, &err),
				 0);
		CHECK(!stat(in_dir("gaps"), &st));
		/* no more than one piece reserved ahead */
		CHECK((uint64_t)st.st_blocks * 512 <= written + (17u << 20));
	}
	CHECK_EQ(df_sink_finish(sink, 0, &err), 0);
	done(sink);
	CHECK(!stat(in_dir("gaps"), &st));
	CHECK((uint64_t)st.st_blocks * 512 <= written + (1u << 20)); /* and what the file system keeps of it itself */
	unlink(in_dir("gaps"));
}

static void path_umask(void)
{
	mode_t old = umask(0277);
	struct dumpfilter_sink *sink = df_sink_path(&env, in_dir("masked"), 0, &err);
	struct stat st;

	umask(old);
	CHECK(sink);
	CHECK(!stat(in_dir("masked"), &st));
	CHECK_EQ(st.st_mode & 07777, 0400);
	done(sink);
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
	struct dumpfilter_sink *sink;

	write_file(in_dir("old"), "a long old text", 15);
	sink = open_path("old", DUMPFILTER_SINK_OVERWRITE);
	done(sink); /* nothing written: as it was */
	CHECK(file_is(in_dir("old"), "a long old text", 15));

	sink = open_path("old", DUMPFILTER_SINK_OVERWRITE);
	CHECK(file_is(in_dir("old"), "a long old text", 15));
	CHECK_EQ(df_sink_finish(sink, 0, &err), 0);
	CHECK(file_is(in_dir("old"), "a long old text", 15));
	CHECK_EQ(df_sink_write(sink, 4, "new", 3, &err), 0);
	CHECK(file_is(in_dir("old"), "\0\0\0\0new", 7)); /* no old byte shows, even before it is finished */
	CHECK_EQ(df_sink_finish(sink, 0, &err), 0);
	done(sink);
	CHECK(file_is(in_dir("old"), "\0\0\0\0new", 7));
}

static void path_ends_in_gap(void)
{
	struct dumpfilter_sink *sink;
	size_t length;

	write_file(in_dir("gap"), "0123456789", 10);
	sink = open_path("gap", DUMPFILTER_SINK_OVERWRITE);
	CHECK_EQ(df_sink_zeros(sink, 0, 6, &err), 0);
	CHECK_EQ(sink->bytes, 0);
	CHECK_EQ(df_sink_finish(sink, 0, &err), 0);
	done(sink);
	CHECK(file_is(in_dir("gap"), "\0\0\0\0\0\0", 6));

	sink = open_path("gap2", 0);
	CHECK_EQ(df_sink_write(sink, 0, "x", 1, &err), 0);
	CHECK_EQ(df_sink_zeros(sink, 1, 1 << 20, &err), 0);
	CHECK_EQ(df_sink_finish(sink, DUMPFILTER_PARTIAL, &err), 0);
	done(sink);
	free(read_file(in_dir("gap2"), &length));
	CHECK_EQ(length, (1 << 20) + 1);

	sink = open_path("gap3", 0); /* after a failure what was written is of no use */
	CHECK_EQ(df_sink_write(sink, 0, "x", 1, &err), 0);
	CHECK_EQ(df_sink_finish(sink, DUMPFILTER_E_IO, &err), 0);
	done(sink);
	CHECK(access(in_dir("gap3"), F_OK));

	write_file(in_dir("gap4"), "0123456789", 10); /* the file was somebody's: emptied, not removed */
	sink = open_path("gap4", DUMPFILTER_SINK_OVERWRITE);
	CHECK_EQ(df_sink_write(sink, 0, "x", 1, &err), 0);
	CHECK_EQ(df_sink_finish(sink, DUMPFILTER_E_IO, &err), 0);
	done(sink);
	CHECK(file_is(in_dir("gap4"), "", 0));
}

static void path_unused_is_removed(void)
{
	struct dumpfilter_sink *sink = open_path("unused", 0);

	CHECK(exists(in_dir("unused")));
	done(sink);
	CHECK(!exists(in_dir("unused")));

	sink = open_path("unused", 0);
	CHECK_EQ(df_sink_finish(sink, DUMPFILTER_E_NOINFO, &err), 0);
	done(sink);
	CHECK(!exists(in_dir("unused")));

	sink = open_path("unused", 0); /* somebody puts another file there meanwhile */
	CHECK(!unlink(in_dir("unused")));
	write_file(in_dir("unused"), "theirs", 6);
	done(sink);
	CHECK(file_is(in_dir("unused"), "theirs", 6));
}

static void offsets_end_somewhere(void)
{
	struct dumpfilter_sink *sink = open_path("far", 0);

	CHECK_EQ(df_sink_write(sink, UINT64_MAX, "x", 1, &err), DUMPFILTER_E_INVAL);
	CHECK_EQ(df_sink_write(sink, INT64_MAX, "x", 1, &err), DUMPFILTER_E_INVAL);
	CHECK_EQ(df_sink_zeros(sink, 10, UINT64_MAX, &err), DUMPFILTER_E_INVAL);
	CHECK_HAS(err.text, "far: offset 10 is beyond");
	CHECK(!sink->touched);
	done(sink);
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
	struct writer *writer = arg;
	struct df_err e;
	uint8_t buffer[CHUNK];

	for (unsigned i = writer->first; i < CHUNKS && !writer->result; i += 4) {
		fill_pattern(buffer, i * CHUNK, CHUNK);
		writer->result = df_sink_write(writer->sink, i * CHUNK, buffer, CHUNK, &e);
	}
	return NULL;
}

/* The first write cuts the old file off, whichever thread makes it, and nothing else. */
static void path_concurrent(void)
{
	struct writer writers[4];
	pthread_t threads[4];
	struct dumpfilter_sink *sink;
	uint8_t *bytes;
	size_t length;

	write_pattern(in_dir("many"), 1 << 20);
	sink = open_path("many", DUMPFILTER_SINK_OVERWRITE);
	for (unsigned i = 0; i < 4; i++) {
		writers[i] = (struct writer){ .sink = sink, .first = i };
		CHECK(!pthread_create(&threads[i], NULL, write_some, &writers[i]));
	}
	for (unsigned i = 0; i < 4; i++) {
		pthread_join(threads[i], NULL);
		CHECK_EQ(writers[i].result, 0);
	}
	CHECK_EQ(sink->bytes, CHUNK * CHUNKS);
	CHECK_EQ(df_sink_finish(sink, 0, &err), 0);
	done(sink);
	bytes = read_file(in_dir("many"), &length);
	CHECK_EQ(length, CHUNK * CHUNKS);
	CHECK(is_pattern(bytes, 0, length));
	free(bytes);
}

/* -------------------------------------------------------------------------------------- callbacks and null */

static void custom(void)
{
	struct target target = { .fail = 0 };
	struct dumpfilter_sink_ops ops = { .size = sizeof ops, .write = target_write, .finish = target_finish };
	struct dumpfilter_sink *sink;

	ops.caps = DUMPFILTER_IO_RANDOM;
	ops.name = "mine";
	sink = df_sink_custom(&env, &ops, &target, &err);
	CHECK(sink);
	CHECK_EQ(sink->caps, DUMPFILTER_IO_RANDOM);
	CHECK_EQ(df_sink_write(sink, 5, "abc", 3, &err), 0);
	CHECK_EQ(df_sink_zeros(sink, 8, 30, &err), 0);
	CHECK(!memcmp(target.first + 5, "abc", 3));
	CHECK_EQ(sink->end, 38);
	CHECK_EQ(df_sink_finish(sink, DUMPFILTER_PARTIAL, &err), 0);
	CHECK_EQ(df_sink_finish(sink, 0, &err), 0);
	CHECK_EQ(target.finished, 1);
	CHECK_EQ(target.result, DUMPFILTER_PARTIAL);
	done(sink);
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
		struct target target = { .fail = rows[i].fail };
		struct dumpfilter_sink *sink = df_sink_custom(&env, &ops, &target, &err);

		CHECK(sink);
		CHECK_EQ(df_sink_write(sink, 0, "abc", 3, &err), rows[i].code);
		CHECK_HAS(err.text, "output: writing 3 bytes at offset 0: ");
		CHECK_HAS(err.text, rows[i].text);
		CHECK_EQ(df_sink_finish(sink, 0, &err), rows[i].code);
		done(sink);
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
	struct dumpfilter_sink *sink = df_sink_null(&env, &err);

	CHECK(sink);
	CHECK_EQ(df_sink_write(sink, 1000, "abc", 3, &err), 0);
	CHECK_EQ(df_sink_write(sink, 0, "abc", 3, &err), 0);
	CHECK_EQ(sink->bytes, 6);
	CHECK_EQ(sink->end, 1003);
	CHECK_EQ(df_sink_finish(sink, 0, &err), 0);
	done(sink);
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

int main(void)
{
	files_begin();
	RUN(path_creates);
	RUN(path_keeps_no_space);
	RUN(path_gaps_keep_no_space);
	RUN(path_umask);
	RUN(path_refused);
	RUN(path_overwrites);
	RUN(path_ends_in_gap);
	RUN(path_unused_is_removed);
	RUN(offsets_end_somewhere);
	RUN(path_concurrent);
	RUN(custom);
	RUN(custom_errors);
	RUN(custom_refused);
	RUN(null);
	RUN(no_memory);
	files_end();
	return T_END();
}
