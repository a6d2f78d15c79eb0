/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A sink that fails or is full at every write: what is on the disk opens, says that it is not all, and lists just what
 * is there. */
#include "faults.h"
#include "memory.h"
#include "t.h"

#include <errno.h>
#include <stdio.h>

#define REWRITE (DUMPFILTER_IO_RANDOM | DUMPFILTER_IO_REWRITE)
#define ANYHOW  (REWRITE | DUMPFILTER_IO_CONCURRENT)

static struct fi_image image;

static const struct shape {
	const char *name;
	int format, level;
	unsigned threads, caps;
	bool flat;
} shapes[] = {
	{ "kdump", DUMPFILTER_FORMAT_KDUMP, 31, 1, REWRITE, false },
	{ "kdump_concurrent", DUMPFILTER_FORMAT_KDUMP, 0, 3, ANYHOW, false },
	{ "kdump_no_rewrite", DUMPFILTER_FORMAT_KDUMP, 0, 3, DUMPFILTER_IO_RANDOM, false },
	{ "kdump_flat", DUMPFILTER_FORMAT_KDUMP, 31, 1, 0, true },
	{ "elf", DUMPFILTER_FORMAT_ELF, 31, 1, REWRITE, false },
	{ "elf_concurrent", DUMPFILTER_FORMAT_ELF, 0, 3, ANYHOW, false },
	{ "elf_no_rewrite", DUMPFILTER_FORMAT_ELF, 0, 3, DUMPFILTER_IO_RANDOM, false },
	{ "elf_flat", DUMPFILTER_FORMAT_ELF, 0, 1, 0, true },
};
#define SHAPES (sizeof shapes / sizeof *shapes)

static void init(struct fi_run *run, const struct shape *shape)
{
	fi_run_init(run, &image);
	run->config.level = shape->level;
	run->config.format = shape->format;
	run->config.codec = shape->format == DUMPFILTER_FORMAT_ELF ? DUMPFILTER_CODEC_NONE : DUMPFILTER_CODEC_ZLIB;
	run->config.threads = shape->threads;
	run->disk.caps = shape->caps;
	run->disk.guard.concurrent = shape->caps & DUMPFILTER_IO_CONCURRENT;
	run->flat = shape->flat;
}

/* PARTIAL: opens, marked, true.  Negative: nothing that could be taken for a dump, where that was possible.  Returns
 * the pages listed. */
static uint64_t judge(struct fi_run *run, const struct fi_dump *dump)
{
	struct fi_dump second;
	uint64_t listed = 0;
	const char *bad = fi_dump_read(&second, run);

	if (run->result == DUMPFILTER_PARTIAL) {
		FINE(bad);
		CHECK(second.incomplete ||
		      second.nlisted == dump->nlisted); /* taking off the mark may be what failed */
		FINE(fi_report_agrees(run, &second));
		CHECK(second.elf || fi_dump_covers(&second, dump));
		listed = second.nlisted;
	} else if (run->result < 0) {
		CHECK(bad || second.incomplete || !(run->disk.caps & DUMPFILTER_IO_REWRITE));
	} else {
		FINE(bad);
		CHECK(!second.incomplete);
		CHECK_EQ(second.nlisted, dump->nlisted);
		FINE(fi_report_agrees(run, &second));
		listed = second.nlisted;
	}
	if (run->disk.writes)
		CHECK_EQ(run->disk.finishes, 1);
	fi_dump_free(&second);
	return listed;
}

/* The n-th write fails half way, alone or with all that follow. */
static void every_write(const struct shape *shape, bool on, int error)
{
	struct fi_dump dump;
	struct fi_run run;
	unsigned long count = 0, writes, partial = 0, errors = 0;
	int code = error == EIO ? DUMPFILTER_E_IO : DUMPFILTER_E_NOSPACE;

	init(&run, shape);
	FINE(fi_reference(&dump, &run));
	do {
		init(&run, shape);
		run.disk.fail_at = ++count;
		run.disk.fail_on = on;
		run.disk.error = error;
		FINE(fi_run_go(&run));
		judge(&run, &dump);
		writes = run.disk.writes;
		if (writes >= count) {
			CHECK(run.result < 0 || run.result == DUMPFILTER_PARTIAL);
			CHECK_HAS(run.message, "the disk");
			CHECK_HAS(run.message, strerror(error));
		}
		if (run.result < 0)
			CHECK_EQ(-run.result, -code);
		if (run.result)
			CHECK_EQ(-(run.result < 0 ? 0 : code), -run.report.cause);
		partial += run.result == DUMPFILTER_PARTIAL;
		errors += run.result < 0;
		fi_run_free(&run);
	} while (writes >= count);
	CHECK_EQ(run.result, 0);
	CHECK(count > 5);
	CHECK(errors > 0);
	if (shape->caps & DUMPFILTER_IO_REWRITE || (!on && !shape->flat))
		CHECK(partial > 0);
	fi_dump_free(&dump);
}

static void writes_fail(const struct shape *shape)
{
	every_write(shape, true, EIO);
	every_write(shape, true, ENOSPC);
}

/* As a full disk; threads make no difference to that. */
static void quota(const struct shape *shape)
{
	if (shape->threads > 1)
		return;
	every_write(shape, true, EDQUOT);
	every_write(shape, true, EFBIG);
}

static void one_write_fails(const struct shape *shape)
{
	every_write(shape, false, EIO);
}

/* Disks of every size. */
static void every_room(const struct shape *shape)
{
	struct fi_dump dump;
	struct fi_run run;
	uint64_t needed, before = 0, partial = 0;

	init(&run, shape);
	FINE(fi_reference(&dump, &run));
	FINE(fi_run_go(&run));
	CHECK_EQ(run.result, 0);
	needed = run.disk.used;
	fi_run_free(&run);
	for (uint64_t room = 1; room <= needed; room += room < 12 || room + 4 > needed ? 1 : 3) {
		uint64_t listed;

		init(&run, shape);
		run.disk.room = room;
		FINE(fi_run_go(&run));
		listed = judge(&run, &dump);
		/* threads that write for themselves do not fill a disk in order */
		CHECK(listed >= before || shape->caps & DUMPFILTER_IO_CONCURRENT);
		before = listed;
		partial += run.result == DUMPFILTER_PARTIAL;
		if (run.result < 0)
			CHECK_EQ(-run.result, -DUMPFILTER_E_NOSPACE);
		if (room < needed)
			CHECK_HAS(run.message, "No space");
		else
			CHECK_EQ(run.result, 0);
		fi_run_free(&run);
	}
	if (shape->caps & DUMPFILTER_IO_REWRITE)
		CHECK(partial > 10);
	fi_dump_free(&dump);
}

/* All is written, but the last step of the sink fails. */
static void finish_fails(const struct shape *shape)
{
	struct fi_run run;

	init(&run, shape);
	run.disk.finish_error = ENOSPC;
	FINE(fi_run_go(&run));
	CHECK_EQ(run.disk.finishes, 1);
	CHECK(run.result == DUMPFILTER_PARTIAL || run.result == DUMPFILTER_E_NOSPACE);
	CHECK_HAS(run.message, "No space");
	CHECK_EQ(run.report.result, run.result);
	fi_run_free(&run);
}

/* A stream that is not flattened is refused before anything is written. */
static void plain_stream(void)
{
	struct fi_run run;

	for (size_t i = 0; i < SHAPES; i++) {
		init(&run, &shapes[i]);
		run.flat = false;
		run.disk.caps = 0;
		FINE(fi_run_go(&run));
		CHECK_EQ(-run.result, -DUMPFILTER_E_UNSUPPORTED);
		CHECK_EQ(run.disk.writes, 0);
		fi_run_free(&run);
	}
}

/* ---- a flattened stream that was cut on its way, rearranged */

static int rearrange(const uint8_t *stream, uint64_t length, struct memory *memory)
{
	struct dumpfilter_sink_ops ops = { .size = sizeof ops, .caps = REWRITE, .write = memory_write };
	struct dumpfilter *df = dumpfilter_new(NULL);
	struct dumpfilter_sink *sink = dumpfilter_sink_custom(df, &ops, memory);
	FILE *file = tmpfile();
	int result;

	CHECK(df && sink && file);
	CHECK(fwrite(stream, 1, length, file) == length && !fflush(file) && !fseek(file, 0, SEEK_SET));
	memory_empty(memory);
	result = dumpfilter_rearrange(df, fileno(file), "stream", sink);
	fclose(file);
	dumpfilter_sink_free(sink);
	dumpfilter_free(df);
	return result;
}

static void one_cut(struct fi_run *run, uint64_t length, struct memory *memory)
{
	int result = rearrange(run->disk.data, length, memory);
	struct fi_run second = *run;
	struct fi_dump dump;
	const char *bad;

	if (length == run->disk.end) {
		CHECK_EQ(result, 0);
	} else if (length < FI_PAGE) {
		CHECK(result == DUMPFILTER_E_FORMAT || result == DUMPFILTER_E_TRUNCATED);
		CHECK_EQ(memory->size, 0);
		return;
	} else {
		CHECK_EQ(-result, -DUMPFILTER_E_TRUNCATED);
	}
	second.flat = false;
	second.disk.data = memory->data;
	second.disk.end = memory->size;
	bad = fi_dump_read(&dump, &second);
	if (result < 0 && !bad && !dump.incomplete)
		T_FAIL("cut at %" PRIu64 ": not marked", length);
	if (bad && (strstr(bad, "listed") || strstr(bad, "unpack") || strstr(bad, "contents")))
		T_FAIL("cut at %" PRIu64 ": %s", length, bad);
	CHECK(result < 0 || !bad);
	fi_dump_free(&dump);
}

static void cut_streams(void)
{
	struct memory memory = { 0 };
	struct fi_run run;

	for (size_t i = 0; i < SHAPES; i++) {
		if (!shapes[i].flat)
			continue;
		init(&run, &shapes[i]);
		FINE(fi_run_go(&run));
		CHECK_EQ(run.result, 0);
		for (uint64_t length = 1; length < run.disk.end; length += length < 9000 ? 811 : FI_PAGE)
			one_cut(&run, length, &memory);
		for (uint64_t left = 0; left < 40; left++)
			one_cut(&run, run.disk.end - left, &memory);
		fi_run_free(&run);
	}
	memory_free(&memory);
}

int main(void)
{
	static const struct {
		const char *name;
		void (*run)(const struct shape *shape);
	} cases[] = {
		{ "writes_fail_from_then_on", writes_fail },
		{ "one_write_fails", one_write_fails },
		{ "quota_or_largest_file", quota },
		{ "full_disk", every_room },
		{ "finish_fails", finish_fails },
	};
	const char *bad = fi_image_build(&image, fi_tiny, NULL);

	if (bad) {
		printf("not ok - image: %s\n", bad);
		return EXIT_FAILURE;
	}
	for (size_t column = 0; column < sizeof cases / sizeof *cases; column++) {
		for (size_t i = 0; i < SHAPES; i++) {
			char name[64];

			snprintf(name, sizeof name, "%s_%s", cases[column].name, shapes[i].name);
			T_RUN(name, cases[column].run(&shapes[i]));
		}
	}
	RUN(plain_stream);
	RUN(cut_streams);
	fi_image_free(&image);
	return T_END();
}
