/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Memory that runs out at every allocation, and limits of every size: a clean error or a right dump, nothing leaks, and
 * what fails before the first page leaves the output alone. */
#include "api/context.h"
#include "run/refill.h"

#include "faults.h"
#include "t.h"

static struct fi_image img, tiny;

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
static void drop_bits(struct fi_run *x, struct dumpfilter *df, int step)
{
	struct df_err ignored;

	(void)x;
	if (step == 2 && df->state == ST_PLANNED)
		df_refill_drop_all(&df->dump, &df->cfg, &ignored);
}

static void init(struct fi_run *x, const struct shape *s)
{
	fi_run_init(x, s->small ? &tiny : &img);
	x->cfg.level = s->level;
	x->cfg.format = s->format;
	x->cfg.codec = s->codec;
	x->cfg.threads = s->threads;
	x->cfg.flags = s->flags;
	x->flat = s->flat;
	x->plan_first = s->windowed;
	x->step = s->windowed ? drop_bits : NULL;
	if (s->flat)
		x->disk.caps = 0;
}

/* A run with too little memory: an error that says so and nothing written, or a dump with every page of ref. */
static void check(struct fi_run *x, const struct fi_dump *ref)
{
	struct fi_dump d;

	if (x->result < 0) {
		CHECK_EQ(-x->result, -DUMPFILTER_E_NOMEM);
		CHECK(!x->have_report || x->disk.writes == 0);
		CHECK_EQ(x->disk.end, 0);
		return;
	}
	if (x->result == DUMPFILTER_PARTIAL)
		T_FAIL("too little memory cost pages: %s", x->message);
	FINE(fi_dump_read(&d, x));
	CHECK(!d.incomplete);
	CHECK_EQ(d.nlisted, d.nkept);
	CHECK(d.nkept >= ref->nkept);
	CHECK(fi_dump_covers(&d, ref));
	FINE(fi_report_agrees(x, &d));
	fi_dump_free(&d);
}

/* The n-th allocation fails, alone or with all that follow, for every n until nothing fails. */
static void every_allocation(const struct shape *s, bool on)
{
	struct fi_dump ref;
	struct fi_run x;
	unsigned long n = 0, errors = 0;

	init(&x, s);
	FINE(fi_reference(&ref, &x));
	do {
		init(&x, s);
		x.heap.fail_at = ++n;
		x.heap.fail_on = on;
		FINE(fi_run_go(&x));
		if (x.heap.calls < n)
			break;
		errors += x.result < 0;
		check(&x, &ref);
		fi_run_free(&x);
	} while (n < 1000);
	CHECK_EQ(x.result, 0);
	check(&x, &ref);
	fi_run_free(&x);
	fi_dump_free(&ref);
	CHECK(n > 20 && n < 1000);
	CHECK(errors); /* with several threads most failures only mean fewer of them */
}

/* Limits from nothing to more than enough.  Errors name the limit; the report's peak stays below it. */
static void every_limit(const struct shape *s)
{
	struct fi_dump ref;
	struct fi_run x;
	size_t enough, ok = 0;

	init(&x, s);
	FINE(fi_reference(&ref, &x));
	FINE(fi_run_go(&x));
	enough = x.report.peak_memory;
	fi_run_free(&x);
	CHECK(enough > 100000);
	for (size_t limit = 1000; limit < 2 * enough; limit += limit < enough / 8 ? enough / 67 : enough / 23) {
		char number[32];

		init(&x, s);
		x.cfg.memory_limit = limit;
		FINE(fi_run_go(&x));
		check(&x, &ref);
		snprintf(number, sizeof number, "%zu", limit);
		if (x.result < 0)
			CHECK_HAS(x.message, number);
		if (x.have_report)
			CHECK(x.report.peak_memory <= limit);
		ok += x.result >= 0;
		if (limit >= enough)
			CHECK_EQ(x.result, 0);
		fi_run_free(&x);
	}
	CHECK(ok > 3);
	fi_dump_free(&ref);
}

/* After an error the same context goes on working: with memory again, the second try succeeds. */
static void again_after_failure(void)
{
	struct dumpfilter_config cfg = DUMPFILTER_CONFIG_INIT;
	struct fi_heap heap = { .live = 0 };
	struct dumpfilter_new_opts opts = { sizeof opts, fi_heap_alloc, fi_heap_free, &heap };
	struct dumpfilter *df = dumpfilter_new(&opts);
	FILE *f = tmpfile();
	int fd = f ? fileno(f) : -1, failed = 0;

	CHECK(df && f);
	CHECK(fwrite(img.built.data, 1, img.built.size, f) == img.built.size && !fflush(f));
	cfg.level = 31;
	CHECK_EQ(dumpfilter_configure(df, &cfg), 0);
	for (unsigned long n = 1; n < 100; n++) {
		struct dumpfilter_sink *sink;
		int r;

		heap.fail_at = heap.calls + n;
		r = dumpfilter_open_fd(df, fd, "image", DUMPFILTER_OPEN_NO_MMAP);
		if (!r)
			r = dumpfilter_plan(df);
		failed += r < 0;
		heap.fail_at = 0;
		sink = dumpfilter_sink_null(df);
		CHECK(sink);
		if (r < 0) {
			dumpfilter_close(df);
			CHECK_EQ(dumpfilter_open_fd(df, fd, "image", DUMPFILTER_OPEN_NO_MMAP), 0);
			r = 0;
		}
		CHECK_EQ(dumpfilter_run(df, sink), r);
		dumpfilter_sink_free(sink);
		dumpfilter_close(df);
	}
	CHECK(failed > 10);
	fclose(f);
	dumpfilter_free(df);
	CHECK_EQ(heap.live, 0);
}

int main(void)
{
	const char *bad = fi_image_build(&img, fi_recipe, NULL);

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
	fi_image_free(&img);
	return T_END();
}
