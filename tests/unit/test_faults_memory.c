/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Memory that runs out at every allocation, and limits of every size: a clean error or a right dump, nothing leaks, and
 * what fails before the first page leaves the output alone. */
#include "api/context.h"
#include "run/refill.h"

#include "faults.h"
#include "t.h"

static struct fi_image image, tiny;

static const struct shape {
	const char *name;
	int format, codec, level;
	unsigned threads;
	bool flat, small; /* on the tiny image */
	bool windowed;    /* the plan's bits are dropped before copying */
	unsigned flags;
} shapes[] = {
	{ "kdump", DUMPFILTER_FORMAT_KDUMP, DUMPFILTER_CODEC_ZLIB, 31, 1, false, false, false, 0 },
	{ "kdump_threads", DUMPFILTER_FORMAT_KDUMP, DUMPFILTER_CODEC_ZLIB, 31, 3, false, true, false, 0 },
	{ "kdump_flat", DUMPFILTER_FORMAT_KDUMP, DUMPFILTER_CODEC_NONE, 0, 1, true, true, false, 0 },
	{ "kdump_lzo", DUMPFILTER_FORMAT_KDUMP, DUMPFILTER_CODEC_LZO, 1, 3, false, true, false, 0 },
	{ "kdump_zstd", DUMPFILTER_FORMAT_KDUMP, DUMPFILTER_CODEC_ZSTD, 1, 1, false, true, false, 0 },
	{ "elf", DUMPFILTER_FORMAT_ELF, DUMPFILTER_CODEC_NONE, 31, 1, false, false, false, 0 },
	{ "elf_threads", DUMPFILTER_FORMAT_ELF, DUMPFILTER_CODEC_NONE, 31, 3, false, true, false, 0 },
	{ "elf_flat", DUMPFILTER_FORMAT_ELF, DUMPFILTER_CODEC_NONE, 0, 3, true, true, false, 0 },
	{ "kdump_windowed", DUMPFILTER_FORMAT_KDUMP, DUMPFILTER_CODEC_ZLIB, 31, 1, false, true, true, 0 },
	{ "kdump_windowed_threads", DUMPFILTER_FORMAT_KDUMP, DUMPFILTER_CODEC_SNAPPY, 31, 3, false, true, true, 0 },
	{ "elf_windowed", DUMPFILTER_FORMAT_ELF, DUMPFILTER_CODEC_NONE, 31, 1, false, false, true, 0 },
	{ "elf_windowed_threads", DUMPFILTER_FORMAT_ELF, DUMPFILTER_CODEC_NONE, 31, 3, true, true, true, 0 },
	{ "kdump_vmemmap", DUMPFILTER_FORMAT_KDUMP, DUMPFILTER_CODEC_NONE, 31, 3, false, false, false,
	  DUMPFILTER_EXCLUDE_VMEMMAP },
	{ "kdump_vmemmap_windowed", DUMPFILTER_FORMAT_KDUMP, DUMPFILTER_CODEC_NONE, 31, 1, false, false, true,
	  DUMPFILTER_EXCLUDE_VMEMMAP },
};
#define SHAPES (sizeof shapes / sizeof *shapes)

/* Best effort, as where memory is short: running has to cope with what came of it. */
static void drop_bits(struct fi_run *run, struct dumpfilter *df, int step)
{
	struct df_err ignored;

	(void)run;
	if (step == 2 && df->state == ST_PLANNED)
		df_refill_drop_all(&df->dump, &df->config, &ignored);
}

static void init(struct fi_run *run, const struct shape *shape)
{
	fi_run_init(run, shape->small ? &tiny : &image);
	run->config.level = shape->level;
	run->config.format = shape->format;
	run->config.codec = shape->codec;
	run->config.threads = shape->threads;
	run->config.flags = shape->flags;
	run->flat = shape->flat;
	run->plan_first = shape->windowed;
	run->step = shape->windowed ? drop_bits : NULL;
	if (shape->flat)
		run->disk.caps = 0;
}

/* A run with too little memory: an error that says so and nothing written, or a dump with every page of ref. */
static void check(struct fi_run *run, const struct fi_dump *dump)
{
	struct fi_dump second;

	if (run->result < 0) {
		CHECK_EQ(-run->result, -DUMPFILTER_E_NOMEM);
		CHECK(!run->have_report || run->disk.writes == 0);
		CHECK_EQ(run->disk.end, 0);
		return;
	}
	if (run->result == DUMPFILTER_PARTIAL)
		T_FAIL("too little memory cost pages: %s", run->message);
	FINE(fi_dump_read(&second, run));
	CHECK(!second.incomplete);
	CHECK_EQ(second.nlisted, second.nkept);
	CHECK(second.nkept >= dump->nkept);
	CHECK(fi_dump_covers(&second, dump));
	FINE(fi_report_agrees(run, &second));
	fi_dump_free(&second);
}

/* The n-th allocation fails, alone or with all that follow, for every n until nothing fails. */
static void every_allocation(const struct shape *shape, bool on)
{
	struct fi_dump dump;
	struct fi_run run;
	unsigned long count = 0, errors = 0;

	init(&run, shape);
	FINE(fi_reference(&dump, &run));
	do {
		init(&run, shape);
		run.heap.fail_at = ++count;
		run.heap.fail_on = on;
		FINE(fi_run_go(&run));
		if (run.heap.calls < count)
			break;
		errors += run.result < 0;
		check(&run, &dump);
		fi_run_free(&run);
	} while (count < 1000);
	CHECK_EQ(run.result, 0);
	check(&run, &dump);
	fi_run_free(&run);
	fi_dump_free(&dump);
	CHECK(count > 20 && count < 1000);
	CHECK(errors); /* with several threads most failures only mean fewer of them */
}

/* Limits from nothing to more than enough.  Errors name the limit; the report's peak stays below it. */
static void every_limit(const struct shape *shape)
{
	struct fi_dump dump;
	struct fi_run run;
	size_t enough, ok = 0;

	init(&run, shape);
	FINE(fi_reference(&dump, &run));
	FINE(fi_run_go(&run));
	enough = run.report.peak_memory;
	fi_run_free(&run);
	CHECK(enough > 100000);
	for (size_t limit = 1000; limit < 2 * enough; limit += limit < enough / 8 ? enough / 67 : enough / 23) {
		char number[32];

		init(&run, shape);
		run.config.memory_limit = limit;
		FINE(fi_run_go(&run));
		check(&run, &dump);
		snprintf(number, sizeof number, "%zu", limit);
		if (run.result < 0)
			CHECK_HAS(run.message, number);
		if (run.have_report)
			CHECK(run.report.peak_memory <= limit);
		ok += run.result >= 0;
		if (limit >= enough)
			CHECK_EQ(run.result, 0);
		fi_run_free(&run);
	}
	CHECK(ok > 3);
	fi_dump_free(&dump);
}

/* After an error the same context goes on working: with memory again, the second try succeeds. */
static void again_after_failure(void)
{
	struct dumpfilter_config config = DUMPFILTER_CONFIG_INIT;
	struct fi_heap heap = { .live = 0 };
	struct dumpfilter_new_opts opts = { sizeof opts, fi_heap_alloc, fi_heap_free, &heap };
	struct dumpfilter *df = dumpfilter_new(&opts);
	FILE *file = tmpfile();
	int fd = file ? fileno(file) : -1, failed = 0;

	CHECK(df && file);
	CHECK(fwrite(image.built.data, 1, image.built.size, file) == image.built.size && !fflush(file));
	config.level = 31;
	CHECK_EQ(dumpfilter_configure(df, &config), 0);
	for (unsigned long count = 1; count < 100; count++) {
		struct dumpfilter_sink *sink;
		int result;

		heap.fail_at = heap.calls + count;
		result = dumpfilter_open_fd(df, fd, "image", DUMPFILTER_OPEN_NO_MMAP);
		if (!result)
			result = dumpfilter_plan(df);
		failed += result < 0;
		heap.fail_at = 0;
		sink = dumpfilter_sink_null(df);
		CHECK(sink);
		if (result < 0) {
			dumpfilter_close(df);
			CHECK_EQ(dumpfilter_open_fd(df, fd, "image", DUMPFILTER_OPEN_NO_MMAP), 0);
			result = 0;
		}
		CHECK_EQ(dumpfilter_run(df, sink), result);
		dumpfilter_sink_free(sink);
		dumpfilter_close(df);
	}
	CHECK(failed > 10);
	fclose(file);
	dumpfilter_free(df);
	CHECK_EQ(heap.live, 0);
}

int main(void)
{
	const char *bad = fi_image_build(&image, fi_recipe, NULL);

	if (!bad)
		bad = fi_image_build(&tiny, fi_tiny, NULL);
	if (bad) {
		printf("not ok - image: %s\n", bad);
		return EXIT_FAILURE;
	}
	for (size_t i = 0; i < SHAPES; i++) {
		char name[64];

		if (!dumpfilter_codec_available(shapes[i].codec))
			continue;
		snprintf(name, sizeof name, "one_allocation_fails_%s", shapes[i].name);
		T_RUN(name, every_allocation(&shapes[i], false));
		snprintf(name, sizeof name, "allocations_fail_from_%s", shapes[i].name);
		T_RUN(name, every_allocation(&shapes[i], true));
		snprintf(name, sizeof name, "limits_%s", shapes[i].name);
		T_RUN(name, every_limit(&shapes[i]));
	}
	RUN(again_after_failure);
	fi_image_free(&tiny);
	fi_image_free(&image);
	return T_END();
}
