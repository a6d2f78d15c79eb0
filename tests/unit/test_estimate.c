/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Estimates against the outputs that they are of: where all pages are looked at there is nothing to be wrong about;
 * where a sample is, the contents decide how far off it may be.  What goes wrong: test_survey.c. */
#include "api/context.h"
#include "run/refill.h"

#include "estimating.h"
#include "faults.h"

static uint64_t apart(uint64_t a, uint64_t b)
{
	return a > b ? a - b : b - a;
}

/* Far from 1 in 1000: a few records, a few program headers. */
static bool nearly(uint64_t a, uint64_t b)
{
	return apart(a, b) <= 2000 + b / 2000;
}

static void all_pages(const struct how *h)
{
	struct dumpfilter *df = open_image(h, NULL);
	struct dumpfilter_estimate e;
	uint64_t real;

	CHECK(df);
	e = estimate(df, h);
	real = written(df, h);
	CHECK_EQ(e.sampled_pages, e.pages);
	if (h->flat || h->format == DUMPFILTER_FORMAT_ELF)
		CHECK(nearly(e.bytes, real));
	else
		CHECK_EQ(e.bytes, real);
	if (real < e.low || real > e.high)
		T_FAIL("%" PRIu64 " to %" PRIu64 ", it is %" PRIu64, e.low, e.high, real);
	dumpfilter_free(df);
}

/* At one level each codec is enough; what is compressed with it takes most of the time. */
static void everything(void)
{
	int last = t_slow() ? DUMPFILTER_CODEC_NONE : DUMPFILTER_CODEC_ZLIB;
	static const int levels[] = { 0, 1, 8, 31 }, codecs[] = { DUMPFILTER_CODEC_NONE, DUMPFILTER_CODEC_ZLIB,
								  DUMPFILTER_CODEC_LZO, DUMPFILTER_CODEC_ZSTD };

	build(mixed);
	for (unsigned l = 0; l < 4; l++) {
		for (unsigned c = 0; c < 4; c++) {
			for (unsigned flat = 0; flat < 2; flat++) {
				struct how h = {
					levels[l], DUMPFILTER_FORMAT_KDUMP, codecs[c], flat, 1, UINT64_MAX, 0
				};

				if (!dumpfilter_codec_available(codecs[c]) || (levels[l] < 31 && codecs[c] > last))
					continue;
				all_pages(&h);
				h.format = DUMPFILTER_FORMAT_ELF;
				if (!codecs[c])
					all_pages(&h);
			}
		}
	}
}

/* How hard the codec tries is a part of the configuration. */
static void effort(void)
{
	struct how h = { 0, DUMPFILTER_FORMAT_KDUMP, DUMPFILTER_CODEC_ZLIB, false, 1, UINT64_MAX, 9 };
	struct dumpfilter *df;
	uint64_t hard;

	build("zero 0x600-0x2bff\n"); /* trying hard takes its time */
	all_pages(&h);
	df = open_image(&h, NULL);
	hard = estimate(df, &h).bytes;
	dumpfilter_free(df);
	h.effort = 1;
	df = open_image(&h, NULL);
	CHECK(estimate(df, &h).bytes > hard);
	dumpfilter_free(df);
}

/* A context that is configured again: the estimate is that of the configuration. */
static void levels_in_turn(void)
{
	struct how h = { 31, DUMPFILTER_FORMAT_KDUMP, DUMPFILTER_CODEC_ZLIB, false, 1, UINT64_MAX, 0 };
	struct dumpfilter_config cfg = DUMPFILTER_CONFIG_INIT;
	uint64_t small, large;
	struct dumpfilter *df;

	build(mixed);
	df = open_image(&h, NULL);
	small = estimate(df, &h).bytes;
	cfg.level = 1;
	cfg.codec = h.codec;
	CHECK_EQ(dumpfilter_configure(df, &cfg), 0);
	large = estimate(df, &h).bytes;
	CHECK(large > small);
	CHECK_EQ(written(df, &h), large);
	cfg.level = 31;
	CHECK_EQ(dumpfilter_configure(df, &cfg), 0);
	CHECK_EQ(estimate(df, &h).bytes, small);
	CHECK_EQ(written(df, &h), small);
	dumpfilter_free(df);
}

/* Loads that overlap, end inside of a frame, and a run of zeros at the end of one. */
static void odd_loads(void)
{
	struct how h = { 1, DUMPFILTER_FORMAT_ELF, DUMPFILTER_CODEC_NONE, false, 1, UINT64_MAX, 0 };

	build("zero 0x200-0x4ff,0x2f80-0x2fff\n"
	      "load kernel\nload 0x1800 0x1ff000\nload 2M 30M\nload 0x2000000 0xfff800\n");
	all_pages(&h);
	h.level = 31;
	all_pages(&h);
}

/* ---- samples */

static struct dumpfilter_estimate sampled(const struct how *h, uint64_t *real)
{
	struct dumpfilter *df = open_image(h, NULL);
	struct dumpfilter_estimate e;

	CHECK(df);
	e = estimate(df, h);
	*real = written(df, h);
	dumpfilter_free(df);
	return e;
}

/* Contents that are the same all over leave nothing to guess. */
static void uniform(const char *contents, int level)
{
	struct how h = { level, DUMPFILTER_FORMAT_KDUMP, DUMPFILTER_CODEC_ZLIB, false, 1, 512, 0 };
	struct dumpfilter_estimate e;
	uint64_t real;

	build(contents);
	e = sampled(&h, &real);
	CHECK(e.sampled_pages <= 512 && e.sampled_pages > 256);
	CHECK_EQ(e.pages, 12288);
	/* what the builder needs for itself (page tables, struct pages) is in 1 of 50 pages */
	if (apart(e.bytes, real) > 12288 * PAGE / 50)
		T_FAIL("%" PRIu64 " instead of %" PRIu64, e.bytes, real);
	CHECK(e.low <= real && real <= e.high);
}

static void zeros(void)
{
	uniform("zero 0x10-0x2bff\n", 1);
	uniform("zero 0x10-0x2bff\n", 0);
}

static void equal(void)
{
	uniform("fill 0x10-0x2bff 0x77\n", 0);
}

static void random_pages(void)
{
	uniform("random 0x10-0x2bff\n", 0);
}

/* The same numbers each time, whatever the threads. */
static void same_again(void)
{
	struct how h = { 1, DUMPFILTER_FORMAT_KDUMP, DUMPFILTER_CODEC_LZO, true, 1, 1000, 0 };

	if (!dumpfilter_codec_available(h.codec))
		h.codec = DUMPFILTER_CODEC_ZLIB;
	build(mixed);
	for (int format = DUMPFILTER_FORMAT_KDUMP; format <= DUMPFILTER_FORMAT_ELF; format++) {
		struct dumpfilter_estimate first = { 0 }, e;

		h.format = format;
		if (format == DUMPFILTER_FORMAT_ELF)
			h.codec = DUMPFILTER_CODEC_NONE;
		for (unsigned n = 1; n < 5; n++) {
			struct dumpfilter *df;

			h.threads = n;
			df = open_image(&h, NULL);
			CHECK(df);
			e = estimate(df, &h);
			if (n == 1)
				first = e;
			CHECK(!memcmp(&first, &e, sizeof e));
			e = estimate(df, &h);
			CHECK(!memcmp(&first, &e, sizeof e));
			dumpfilter_free(df);
		}
	}
}

/* The bits of the plan are dropped and made again: the same numbers. */
static void bits_again(void)
{
	static const int formats[] = { DUMPFILTER_FORMAT_KDUMP, DUMPFILTER_FORMAT_ELF };

	build(mixed);
	for (unsigned i = 0; i < 2; i++) {
		struct how h = { 31, formats[i], DUMPFILTER_CODEC_NONE, true, 3, 512, 0 };
		struct dumpfilter_report report = DUMPFILTER_REPORT_INIT;
		struct dumpfilter *df = open_image(&h, NULL);
		struct dumpfilter_estimate whole = estimate(df, &h), e;
		struct df_err err;
		uint64_t zeros;

		CHECK_EQ(dumpfilter_survey(df), 0);
		CHECK_EQ(dumpfilter_report(df, &report), 0);
		zeros = report.zero_pages;
		CHECK_EQ(df_refill_drop_all(&df->dump, &df->cfg, &err), 0);
		CHECK(df->dump.plan.keep.dropped);
		e = estimate(df, &h);
		CHECK(!memcmp(&whole, &e, sizeof e));
		CHECK_EQ(dumpfilter_survey(df), 0);
		CHECK_EQ(dumpfilter_report(df, &report), 0);
		CHECK_EQ(report.zero_pages, zeros);
		dumpfilter_free(df);
	}
}

/* Too little for a reader, and for making bits again: an error that says so, and another try works. */
static void short_of_memory(void)
{
	struct how h = { 1, DUMPFILTER_FORMAT_KDUMP, DUMPFILTER_CODEC_NONE, false, 1, 512, 0 };
	struct dumpfilter_estimate e = DUMPFILTER_ESTIMATE_INIT;
	struct dumpfilter *df;

	build(mixed);
	df = open_image(&h, NULL);
	CHECK(dumpfilter_plan(df) >= 0);
	atomic_store(&df->env.mem_limit, atomic_load(&df->env.mem_used) + 100000);
	CHECK_EQ(dumpfilter_estimate(df, NULL, &e), DUMPFILTER_E_NOMEM);
	CHECK_EQ(dumpfilter_survey(df), DUMPFILTER_E_NOMEM);
	CHECK_HAS(dumpfilter_errmsg(df), "memory");
	atomic_store(&df->env.mem_limit, 0);
	CHECK_EQ(dumpfilter_survey(df), 0);
	estimate(df, &h);
	dumpfilter_free(df);
}

static uint64_t peak(struct dumpfilter *df)
{
	struct dumpfilter_report report = DUMPFILTER_REPORT_INIT;

	CHECK_EQ(dumpfilter_report(df, &report), 0);
	return report.peak_memory;
}

/* Under a limit of `bytes`: within it, and the same numbers, or an error.  True: the former. */
static bool within(const struct how *h, size_t bytes, uint64_t right)
{
	struct dumpfilter_estimate_opts opts = DUMPFILTER_ESTIMATE_OPTS_INIT;
	struct dumpfilter_estimate e = DUMPFILTER_ESTIMATE_INIT;
	struct dumpfilter *df = open_image(h, NULL);
	int r, s;

	df->cfg.memory_limit = bytes;
	CHECK_EQ(dumpfilter_configure(df, &df->cfg), 0);
	opts.max_pages = h->max;
	r = dumpfilter_estimate(df, &opts, &e);
	CHECK(r == 0 ? e.bytes == right : r == DUMPFILTER_E_NOMEM);
	s = dumpfilter_survey(df);
	CHECK(s == 0 || s == DUMPFILTER_E_NOMEM);
	if (!r || !s)
		CHECK(peak(df) <= bytes);
	dumpfilter_free(df);
	return !r && !s;
}

static void limits_of_memory(void)
{
	struct how h = { 1, DUMPFILTER_FORMAT_KDUMP, DUMPFILTER_CODEC_LZO, false, 3, 512, 0 };

	if (!dumpfilter_codec_available(h.codec))
		h.codec = DUMPFILTER_CODEC_ZLIB;
	build(mixed);
	for (int format = DUMPFILTER_FORMAT_KDUMP; format <= DUMPFILTER_FORMAT_ELF; format++) {
		struct dumpfilter *df;
		uint64_t right, enough;
		unsigned ok = 0, n = 0;

		h.format = format;
		if (format == DUMPFILTER_FORMAT_ELF)
			h.codec = DUMPFILTER_CODEC_NONE;
		df = open_image(&h, NULL);
		right = estimate(df, &h).bytes;
		CHECK_EQ(dumpfilter_survey(df), 0);
		enough = peak(df);
		dumpfilter_free(df);
		CHECK(enough > 100000);
		for (uint64_t limit = enough; limit > 50000; limit -= limit / 6, n++)
			ok += within(&h, (size_t)limit, right);
		CHECK(ok > 2 && ok < n);
	}
}

/* No number of pages is looked at that was not asked for, and none is too small. */
static void sizes(void)
{
	struct how h = { 1, DUMPFILTER_FORMAT_KDUMP, DUMPFILTER_CODEC_ZLIB, false, 1, 0, 0 };

	build(mixed);
	for (uint64_t max = 1; max < 40000; max = max * 5 / 3 + 1) {
		struct dumpfilter *df = open_image(&h, NULL);
		struct dumpfilter_estimate e;

		h.max = max;
		e = estimate(df, &h);
		CHECK(e.sampled_pages <= (max < 4 ? 4 : max));
		CHECK(e.sampled_pages > 0);
		CHECK(max >= e.pages ? e.sampled_pages == e.pages : e.sampled_pages < e.pages);
		dumpfilter_free(df);
	}
}

/* The pages of a dump that is filtered again: packed as they are. */
static void filtered_again(void)
{
	struct how h = { 1, DUMPFILTER_FORMAT_KDUMP, DUMPFILTER_CODEC_ZLIB, false, 1, UINT64_MAX, 0 };
	struct rf_how first = { .level = 1, .format = DUMPFILTER_FORMAT_KDUMP, .codec = DUMPFILTER_CODEC_ZLIB };
	struct rf_seen seen = { 0 };
	struct memory dump = { 0 };
	struct dumpfilter *df;

	build(mixed);
	df = open_image(&h, NULL);
	rf_run(df, &first, &dump, &seen);
	dumpfilter_free(df);
	CHECK(seen.result >= 0);
	builder_image_free(&img);
	img.data = dump.data;
	img.size = dump.size;
	all_pages(&h);
	h.level = 31;
	all_pages(&h);
	h.format = DUMPFILTER_FORMAT_ELF;
	h.codec = DUMPFILTER_CODEC_NONE;
	all_pages(&h);
	img = (struct builder_image){ 0 };
	memory_free(&dump);
}

int main(void)
{
	RUN(everything);
	RUN(effort);
	RUN(levels_in_turn);
	RUN(odd_loads);
	RUN(zeros);
	RUN(equal);
	RUN(random_pages);
	RUN(same_again);
	RUN(bits_again);
	RUN(short_of_memory);
	RUN(limits_of_memory);
	RUN(sizes);
	RUN(filtered_again);
	builder_image_free(&img);
	return T_END();
}
