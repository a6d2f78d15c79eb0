/* SPDX-License-Identifier: GPL-2.0-or-later */
/* labels: long */
/* Estimates against the outputs that they are of: where all pages are looked at there is nothing to be wrong about;
 * where a sample is, the contents decide how far off it may be.  What goes wrong: test_survey.c. */
#include "api/context.h"
#include "run/refill.h"

#include "estimating.h"
#include "faults.h"

static uint64_t apart(uint64_t start, uint64_t end)
{
	return start > end ? start - end : end - start;
}

/* Far from 1 in 1000: a few records, a few program headers. */
static bool nearly(uint64_t start, uint64_t end)
{
	return apart(start, end) <= 2000 + end / 2000;
}

static void all_pages(const struct how *how)
{
	struct dumpfilter *df = open_image(how, NULL);
	struct dumpfilter_estimate found;
	uint64_t real;

	CHECK(df);
	found = estimate(df, how);
	real = written(df, how);
	CHECK_EQ(found.sampled_pages, found.pages);
	if (how->flat || how->format == DUMPFILTER_FORMAT_ELF)
		CHECK(nearly(found.bytes, real));
	else
		CHECK_EQ(found.bytes, real);
	if (real < found.low || real > found.high)
		T_FAIL("%" PRIu64 " to %" PRIu64 ", it is %" PRIu64, found.low, found.high, real);
	dumpfilter_free(df);
}

/* At one level each codec is enough; what is compressed with it takes most of the time. */
static void everything(void)
{
	int last = t_slow() ? DUMPFILTER_CODEC_NONE : DUMPFILTER_CODEC_ZLIB;
	static const int levels[] = { 0, 1, 8, 31 }, codecs[] = { DUMPFILTER_CODEC_NONE, DUMPFILTER_CODEC_ZLIB,
								  DUMPFILTER_CODEC_LZO, DUMPFILTER_CODEC_ZSTD };

	build(mixed);
	for (unsigned level = 0; level < 4; level++) {
		for (unsigned column = 0; column < 4; column++) {
			for (unsigned flat = 0; flat < 2; flat++) {
				struct how how = {
					levels[level], DUMPFILTER_FORMAT_KDUMP, codecs[column], flat, 1, UINT64_MAX, 0
				};

				if (!dumpfilter_codec_available(codecs[column]) ||
				    (levels[level] < 31 && codecs[column] > last))
					continue;
				all_pages(&how);
				how.format = DUMPFILTER_FORMAT_ELF;
				if (!codecs[column])
					all_pages(&how);
			}
		}
	}
}

/* How hard the codec tries is a part of the configuration. */
static void effort(void)
{
	struct how how = { 0, DUMPFILTER_FORMAT_KDUMP, DUMPFILTER_CODEC_ZLIB, false, 1, UINT64_MAX, 9 };
	struct dumpfilter *df;
	uint64_t hard;

	build("zero 0x600-0x2bff\n"); /* trying hard takes its time */
	all_pages(&how);
	df = open_image(&how, NULL);
	hard = estimate(df, &how).bytes;
	dumpfilter_free(df);
	how.effort = 1;
	df = open_image(&how, NULL);
	CHECK(estimate(df, &how).bytes > hard);
	dumpfilter_free(df);
}

/* A context that is configured again: the estimate is that of the configuration. */
static void levels_in_turn(void)
{
	struct how how = { 31, DUMPFILTER_FORMAT_KDUMP, DUMPFILTER_CODEC_ZLIB, false, 1, UINT64_MAX, 0 };
	struct dumpfilter_config config = DUMPFILTER_CONFIG_INIT;
	uint64_t small, large;
	struct dumpfilter *df;

	build(mixed);
	df = open_image(&how, NULL);
	small = estimate(df, &how).bytes;
	config.level = 1;
	config.codec = how.codec;
	CHECK_EQ(dumpfilter_configure(df, &config), 0);
	large = estimate(df, &how).bytes;
	CHECK(large > small);
	CHECK_EQ(written(df, &how), large);
	config.level = 31;
	CHECK_EQ(dumpfilter_configure(df, &config), 0);
	CHECK_EQ(estimate(df, &how).bytes, small);
	CHECK_EQ(written(df, &how), small);
	dumpfilter_free(df);
}

/* Loads that overlap, end inside of a frame, and a run of zeros at the end of one. */
static void odd_loads(void)
{
	struct how how = { 1, DUMPFILTER_FORMAT_ELF, DUMPFILTER_CODEC_NONE, false, 1, UINT64_MAX, 0 };

	build("zero 0x200-0x4ff,0x2f80-0x2fff\n"
	      "load kernel\nload 0x1800 0x1ff000\nload 2M 30M\nload 0x2000000 0xfff800\n");
	all_pages(&how);
	how.level = 31;
	all_pages(&how);
}

/* ---- samples */

static struct dumpfilter_estimate sampled(const struct how *how, uint64_t *real)
{
	struct dumpfilter *df = open_image(how, NULL);
	struct dumpfilter_estimate found;

	CHECK(df);
	found = estimate(df, how);
	*real = written(df, how);
	dumpfilter_free(df);
	return found;
}

/* Contents that are the same all over leave nothing to guess. */
static void uniform(const char *contents, int level)
{
	struct how how = { level, DUMPFILTER_FORMAT_KDUMP, DUMPFILTER_CODEC_ZLIB, false, 1, 512, 0 };
	struct dumpfilter_estimate estimate;
	uint64_t real;

	build(contents);
	estimate = sampled(&how, &real);
	CHECK(estimate.sampled_pages <= 512 && estimate.sampled_pages > 256);
	CHECK_EQ(estimate.pages, 12288);
	/* what the builder needs for itself (page tables, struct pages) is in 1 of 50 pages */
	if (apart(estimate.bytes, real) > 12288 * PAGE / 50)
		T_FAIL("%" PRIu64 " instead of %" PRIu64, estimate.bytes, real);
	CHECK(estimate.low <= real && real <= estimate.high);
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
	struct how how = { 1, DUMPFILTER_FORMAT_KDUMP, DUMPFILTER_CODEC_LZO, true, 1, 1000, 0 };

	if (!dumpfilter_codec_available(how.codec))
		how.codec = DUMPFILTER_CODEC_ZLIB;
	build(mixed);
	for (int format = DUMPFILTER_FORMAT_KDUMP; format <= DUMPFILTER_FORMAT_ELF; format++) {
		struct dumpfilter_estimate first = { 0 }, found;

		how.format = format;
		if (format == DUMPFILTER_FORMAT_ELF)
			how.codec = DUMPFILTER_CODEC_NONE;
		for (unsigned count = 1; count < 5; count++) {
			struct dumpfilter *df;

			how.threads = count;
			df = open_image(&how, NULL);
			CHECK(df);
			found = estimate(df, &how);
			if (count == 1)
				first = found;
			CHECK(!memcmp(&first, &found, sizeof found));
			found = estimate(df, &how);
			CHECK(!memcmp(&first, &found, sizeof found));
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
		struct how how = { 31, formats[i], DUMPFILTER_CODEC_NONE, true, 3, 512, 0 };
		struct dumpfilter_report report = DUMPFILTER_REPORT_INIT;
		struct dumpfilter *df = open_image(&how, NULL);
		struct dumpfilter_estimate whole = estimate(df, &how), found;
		struct df_err err;
		uint64_t zeros;

		CHECK_EQ(dumpfilter_survey(df), 0);
		CHECK_EQ(dumpfilter_report(df, &report), 0);
		zeros = report.zero_pages;
		CHECK_EQ(df_refill_drop_all(&df->dump, &df->config, &err), 0);
		CHECK(df->dump.plan.keep.dropped);
		found = estimate(df, &how);
		CHECK(!memcmp(&whole, &found, sizeof found));
		CHECK_EQ(dumpfilter_survey(df), 0);
		CHECK_EQ(dumpfilter_report(df, &report), 0);
		CHECK_EQ(report.zero_pages, zeros);
		dumpfilter_free(df);
	}
}

/* Too little for a reader, and for making bits again: an error that says so, and another try works. */
static void short_of_memory(void)
{
	struct how how = { 1, DUMPFILTER_FORMAT_KDUMP, DUMPFILTER_CODEC_NONE, false, 1, 512, 0 };
	struct dumpfilter_estimate found = DUMPFILTER_ESTIMATE_INIT;
	struct dumpfilter *df;

	build(mixed);
	df = open_image(&how, NULL);
	CHECK(dumpfilter_plan(df) >= 0);
	atomic_store(&df->env.mem_limit, atomic_load(&df->env.mem_used) + 100000);
	CHECK_EQ(dumpfilter_estimate(df, NULL, &found), DUMPFILTER_E_NOMEM);
	CHECK_EQ(dumpfilter_survey(df), DUMPFILTER_E_NOMEM);
	CHECK_HAS(dumpfilter_errmsg(df), "memory");
	atomic_store(&df->env.mem_limit, 0);
	CHECK_EQ(dumpfilter_survey(df), 0);
	estimate(df, &how);
	dumpfilter_free(df);
}

static uint64_t peak(struct dumpfilter *df)
{
	struct dumpfilter_report report = DUMPFILTER_REPORT_INIT;

	CHECK_EQ(dumpfilter_report(df, &report), 0);
	return report.peak_memory;
}

/* Under a limit of `bytes`: within it, and the same numbers, or an error.  True: the former. */
static bool within(const struct how *how, size_t bytes, uint64_t right)
{
	struct dumpfilter_estimate_opts opts = DUMPFILTER_ESTIMATE_OPTS_INIT;
	struct dumpfilter_estimate estimate = DUMPFILTER_ESTIMATE_INIT;
	struct dumpfilter *df = open_image(how, NULL);
	int result, status;

	df->config.memory_limit = bytes;
	CHECK_EQ(dumpfilter_configure(df, &df->config), 0);
	opts.max_pages = how->max;
	result = dumpfilter_estimate(df, &opts, &estimate);
	CHECK(result == 0 ? estimate.bytes == right : result == DUMPFILTER_E_NOMEM);
	status = dumpfilter_survey(df);
	CHECK(status == 0 || status == DUMPFILTER_E_NOMEM);
	if (!result || !status)
		CHECK(peak(df) <= bytes);
	dumpfilter_free(df);
	return !result && !status;
}

static void limits_of_memory(void)
{
	struct how how = { 1, DUMPFILTER_FORMAT_KDUMP, DUMPFILTER_CODEC_LZO, false, 3, 512, 0 };

	if (!dumpfilter_codec_available(how.codec))
		how.codec = DUMPFILTER_CODEC_ZLIB;
	build(mixed);
	for (int format = DUMPFILTER_FORMAT_KDUMP; format <= DUMPFILTER_FORMAT_ELF; format++) {
		struct dumpfilter *df;
		uint64_t right, enough;
		unsigned ok = 0, count = 0;

		how.format = format;
		if (format == DUMPFILTER_FORMAT_ELF)
			how.codec = DUMPFILTER_CODEC_NONE;
		df = open_image(&how, NULL);
		right = estimate(df, &how).bytes;
		CHECK_EQ(dumpfilter_survey(df), 0);
		enough = peak(df);
		dumpfilter_free(df);
		CHECK(enough > 100000);
		for (uint64_t limit = enough; limit > 50000; limit -= limit / 6, count++)
			ok += within(&how, (size_t)limit, right);
		CHECK(ok > 2 && ok < count);
	}
}

/* No number of pages is looked at that was not asked for, and none is too small. */
static void sizes(void)
{
	struct how how = { 1, DUMPFILTER_FORMAT_KDUMP, DUMPFILTER_CODEC_ZLIB, false, 1, 0, 0 };

	build(mixed);
	for (uint64_t max = 1; max < 40000; max = max * 5 / 3 + 1) {
		struct dumpfilter *df = open_image(&how, NULL);
		struct dumpfilter_estimate found;

		how.max = max;
		found = estimate(df, &how);
		CHECK(found.sampled_pages <= (max < 4 ? 4 : max));
		CHECK(found.sampled_pages > 0);
		CHECK(max >= found.pages ? found.sampled_pages == found.pages : found.sampled_pages < found.pages);
		dumpfilter_free(df);
	}
}

/* The pages of a dump that is filtered again: packed as they are. */
static void filtered_again(void)
{
	struct how how = { 1, DUMPFILTER_FORMAT_KDUMP, DUMPFILTER_CODEC_ZLIB, false, 1, UINT64_MAX, 0 };
	struct rf_how first = { .level = 1, .format = DUMPFILTER_FORMAT_KDUMP, .codec = DUMPFILTER_CODEC_ZLIB };
	struct rf_seen seen = { 0 };
	struct memory dump = { 0 };
	struct dumpfilter *df;

	build(mixed);
	df = open_image(&how, NULL);
	rf_run(df, &first, &dump, &seen);
	dumpfilter_free(df);
	CHECK(seen.result >= 0);
	builder_image_free(&image);
	image.data = dump.data;
	image.size = dump.size;
	all_pages(&how);
	how.level = 31;
	all_pages(&how);
	how.format = DUMPFILTER_FORMAT_ELF;
	how.codec = DUMPFILTER_CODEC_NONE;
	all_pages(&how);
	image = (struct builder_image){ 0 };
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
	builder_image_free(&image);
	return T_END();
}
