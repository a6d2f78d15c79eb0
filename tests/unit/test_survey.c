/* SPDX-License-Identifier: GPL-2.0-or-later */
/* labels: long */
/* Surveys against what was written; calls in the wrong order, an end asked for, no memory, pages that cannot be read:
 * of surveys and of estimates. */
#include "estimating.h"
#include "faults.h"

#include <errno.h>

static void survey(void)
{
	for (int level = 0; level < 32; level += 31) {
		struct how how = { level | 1, DUMPFILTER_FORMAT_KDUMP, DUMPFILTER_CODEC_NONE, false, 0, 0, 0 };
		struct dumpfilter_report seen = DUMPFILTER_REPORT_INIT, real = DUMPFILTER_REPORT_INIT;

		build(mixed);
		for (how.threads = 1; how.threads < 5; how.threads += 3) {
			struct dumpfilter *df = open_image(&how, NULL);

			CHECK(df);
			CHECK_EQ(dumpfilter_survey(df), 0);
			CHECK_EQ(dumpfilter_survey(df), 0);
			CHECK_EQ(dumpfilter_report(df, &seen), 0);
			CHECK_EQ(seen.written_pages + seen.bytes_out, 0);
			written(df, &how);
			CHECK_EQ(dumpfilter_report(df, &real), 0);
			CHECK(seen.zero_pages > 500);
			CHECK_EQ(seen.zero_pages, real.zero_pages);
			CHECK_EQ(seen.kept_pages, real.kept_pages);
			CHECK_EQ(seen.unreadable_pages, 0);
			CHECK_EQ(dumpfilter_survey(df), DUMPFILTER_E_SEQUENCE);
			dumpfilter_free(df);
		}
	}
}

/* ---- of a dump that lacks pages */

static void same_classes(struct dumpfilter *df, const uint64_t whole[DUMPFILTER_CLASS_COUNT])
{
	struct dumpfilter_report report = DUMPFILTER_REPORT_INIT;
	uint64_t absent = 0;

	CHECK_EQ(dumpfilter_report(df, &report), 0);
	for (unsigned i = 0; i < DUMPFILTER_CLASS_COUNT; i++) {
		CHECK_EQ(report.class_pages[i] + report.absent_pages[i], whole[i]);
		absent += report.absent_pages[i];
	}
	CHECK_EQ(absent, report.max_pfn - report.kept_pages);
	CHECK_EQ(report.absent_pages[DUMPFILTER_CLASS_KEEP], 0);
}

static struct memory lacking;

/* Make the dump of the image, and give the classes of its pages. */
static void make_lacking(int level, uint64_t whole[DUMPFILTER_CLASS_COUNT])
{
	struct rf_how how = { .level = level, .format = DUMPFILTER_FORMAT_KDUMP, .codec = DUMPFILTER_CODEC_ZLIB };
	struct memory source = { image.data, image.size, 0 };
	struct rf_seen seen;

	CHECK(rf_dump(&source, &how, &lacking, &seen) >= 0);
	memcpy(whole, seen.report.class_pages, DUMPFILTER_CLASS_COUNT * sizeof *whole);
}

static struct dumpfilter *open_lacking(unsigned threads, const struct dumpfilter_new_opts *memory)
{
	struct dumpfilter_source_ops ops = memory_source(&lacking, "dump");
	struct dumpfilter_config config = DUMPFILTER_CONFIG_INIT;
	struct dumpfilter *df = dumpfilter_new(memory);

	config.level = DUMPFILTER_LEVEL_ZERO;
	config.threads = threads;
	CHECK(df);
	CHECK_EQ(dumpfilter_open(df, &ops, &lacking), 0);
	CHECK_EQ(dumpfilter_configure(df, &config), 0);
	return df;
}

static const char used[] = "page 0x600-0x6ff kind=anon\n"
			   "page 0xc01-0xc40 kind=file\n"
			   "page 0xc41-0xc44 kind=private\n"
			   "compound 0x800 order=9 kind=thp\n"
			   "page 0xc50 flags=+hwpoison\n"
			   "page 0xc60-0xc67 kind=offline\n"
			   "buddy 0x2400 order=10\n";

/* Page structures tell of pages that are not there; the first survey and the second, with one thread and more. */
static void what_a_dump_lacks(void)
{
	uint64_t whole[DUMPFILTER_CLASS_COUNT];

	for (int level = 1; level < 32; level += 6) {
		build(used);
		make_lacking(level, whole);
		CHECK_EQ(whole[DUMPFILTER_CLASS_FREE], 1024);
		CHECK_EQ(whole[DUMPFILTER_CLASS_USER], 256 + 512);
		CHECK_EQ(whole[DUMPFILTER_CLASS_OFFLINE], 8);
		for (unsigned threads = 1; threads < 5; threads += 3) {
			struct dumpfilter *df = open_lacking(threads, NULL);

			CHECK_EQ(dumpfilter_survey(df), 0);
			same_classes(df, whole);
			CHECK_EQ(dumpfilter_survey(df), 0);
			same_classes(df, whole);
			dumpfilter_free(df);
		}
	}
}

/* Whose free pages are known by the lists alone. */
static void what_an_old_dump_lacks(void)
{
	static const char recipe[] = "preset 2.6.32-el6\ninfo drop NUMBER(PG_buddy)\nram 0 48M\npage 0x600-0x6ff "
				     "kind=anon\nbuddy 0x2400 order=10\n";
	uint64_t whole[DUMPFILTER_CLASS_COUNT];
	char why[BUILDER_ERR] = "";
	struct dumpfilter *df;

	builder_image_free(&image);
	if (builder_build(recipe, strlen(recipe), &image, why))
		T_FAIL("%s", why);
	make_lacking(31, whole);
	CHECK_EQ(whole[DUMPFILTER_CLASS_FREE], 1024);
	df = open_lacking(3, NULL);
	CHECK_EQ(dumpfilter_survey(df), 0);
	same_classes(df, whole);
	dumpfilter_free(df);
}

/* An image that has all lacks nothing. */
static void what_an_image_lacks(void)
{
	struct how how = { 1, DUMPFILTER_FORMAT_KDUMP, DUMPFILTER_CODEC_NONE, false, 1, 0, 0 };
	struct dumpfilter_report report = DUMPFILTER_REPORT_INIT;
	struct dumpfilter *df;

	build(used);
	df = open_image(&how, NULL);
	CHECK_EQ(dumpfilter_survey(df), 0);
	CHECK_EQ(dumpfilter_report(df, &report), 0);
	for (unsigned i = 0; i < DUMPFILTER_CLASS_COUNT; i++)
		CHECK_EQ(report.absent_pages[i], 0);
	dumpfilter_free(df);
}

static void no_memory_for_what_a_dump_lacks(void)
{
	struct fi_heap heap = { .live = 0 };
	struct dumpfilter_new_opts memory = { sizeof memory, fi_heap_alloc, fi_heap_free, &heap };
	uint64_t whole[DUMPFILTER_CLASS_COUNT];

	build(used);
	make_lacking(31, whole);
	for (unsigned long count = 0; !count || heap.calls >= count; count++) {
		struct dumpfilter *df;
		int result;

		heap.fail_at = 0;
		df = open_lacking(1, &memory);
		CHECK(dumpfilter_plan(df) >= 0);
		heap.calls = 0;
		heap.fail_at = count;
		result = dumpfilter_survey(df);
		CHECK(result == DUMPFILTER_E_NOMEM || result == 0);
		if (!result)
			same_classes(df, whole);
		dumpfilter_free(df);
		CHECK_EQ(heap.live, 0);
	}
}

static void order_of_calls(void)
{
	struct how how = { 1, DUMPFILTER_FORMAT_KDUMP, DUMPFILTER_CODEC_NONE, false, 1, 0, 0 };
	struct dumpfilter_estimate_opts opts = DUMPFILTER_ESTIMATE_OPTS_INIT;
	struct dumpfilter_estimate estimate = DUMPFILTER_ESTIMATE_INIT;
	struct dumpfilter *df = dumpfilter_new(NULL);

	CHECK_EQ(dumpfilter_survey(df), DUMPFILTER_E_SEQUENCE);
	CHECK_EQ(dumpfilter_estimate(df, NULL, &estimate), DUMPFILTER_E_SEQUENCE);
	dumpfilter_free(df);
	build(mixed);
	df = open_image(&how, NULL);
	CHECK_EQ(dumpfilter_estimate(df, NULL, NULL), DUMPFILTER_E_INVAL);
	opts.flags = 2;
	CHECK_EQ(dumpfilter_estimate(df, &opts, &estimate), DUMPFILTER_E_INVAL);
	CHECK_EQ(dumpfilter_estimate(df, NULL, &estimate), 0);
	CHECK(estimate.bytes > PAGE);
	written(df, &how);
	CHECK_EQ(dumpfilter_estimate(df, NULL, &estimate), DUMPFILTER_E_SEQUENCE);
	dumpfilter_free(df);
}

static void cancel(void *user, const struct dumpfilter_progress *progress)
{
	if (progress->done && progress->phase != DUMPFILTER_PHASE_PLAN)
		dumpfilter_cancel(user);
}

static void cancelled(void)
{
	static const int formats[] = { DUMPFILTER_FORMAT_KDUMP, DUMPFILTER_FORMAT_ELF };

	build(mixed);
	for (unsigned i = 0; i < 2; i++) {
		struct how how = { 1, formats[i], DUMPFILTER_CODEC_NONE, false, 1, UINT64_MAX, 0 };
		struct dumpfilter_estimate estimate = DUMPFILTER_ESTIMATE_INIT;
		struct dumpfilter *df = open_image(&how, NULL);

		dumpfilter_set_progress(df, cancel, df);
		CHECK_EQ(dumpfilter_estimate(df, NULL, &estimate), DUMPFILTER_E_CANCELLED);
		CHECK_EQ(estimate.bytes, 0);
		dumpfilter_free(df);
		df = open_image(&how, NULL);
		dumpfilter_set_progress(df, cancel, df);
		CHECK_EQ(dumpfilter_survey(df), DUMPFILTER_E_CANCELLED);
		dumpfilter_free(df);
	}
}

/* ---- memory */

/* Each allocation fails once: an error that says so, or the same numbers as ever, and nothing is left behind. */
static void no_memory(const struct how *how)
{
	struct fi_heap heap = { .live = 0 };
	struct dumpfilter_new_opts memory = { sizeof memory, fi_heap_alloc, fi_heap_free, &heap };
	struct dumpfilter_estimate_opts opts = DUMPFILTER_ESTIMATE_OPTS_INIT;
	struct dumpfilter_estimate estimate, right = { 0 };

	opts.flags = DUMPFILTER_ESTIMATE_FLAT;
	opts.max_pages = 64;
	for (unsigned long count = 0; !count || heap.calls >= count; count++) {
		struct dumpfilter *df;
		int result;

		heap.fail_at = 0;
		df = open_image(how, &memory);
		CHECK(df && dumpfilter_plan(df) >= 0);
		heap.calls = 0;
		heap.fail_at = count;
		estimate = (struct dumpfilter_estimate)DUMPFILTER_ESTIMATE_INIT;
		result = dumpfilter_estimate(df, &opts, &estimate);
		if (!count)
			right = estimate;
		CHECK(result == DUMPFILTER_E_NOMEM ? !estimate.bytes : !result && estimate.bytes == right.bytes);
		result = dumpfilter_survey(df);
		CHECK(result == DUMPFILTER_E_NOMEM || result == 0);
		dumpfilter_free(df);
		CHECK_EQ(heap.live, 0);
	}
}

static void every_allocation(void)
{
	struct how how = { 1, DUMPFILTER_FORMAT_KDUMP, DUMPFILTER_CODEC_ZLIB, false, 1, 0, 0 };

	build(mixed);
	no_memory(&how);
	how.format = DUMPFILTER_FORMAT_ELF;
	how.codec = DUMPFILTER_CODEC_NONE;
	no_memory(&how);
}

/* A page that cannot be read takes nothing in a dump, and is counted. */
static int64_t read_faulty(void *user, uint64_t offset, void *buffer, size_t length)
{
	const struct memory *memory = user;

	if (offset < memory->size / 2 + 100 && offset + length > memory->size / 2 + 100)
		return -EIO;
	return memory_read(user, offset, buffer, length);
}

static void unreadable(void)
{
	struct dumpfilter_source_ops ops = { .size = sizeof ops, .read = read_faulty };
	struct dumpfilter_report report = DUMPFILTER_REPORT_INIT;
	struct dumpfilter_estimate_opts opts = DUMPFILTER_ESTIMATE_OPTS_INIT;
	struct dumpfilter_estimate estimate = DUMPFILTER_ESTIMATE_INIT;
	struct dumpfilter *df = dumpfilter_new(NULL);

	build(mixed);
	input = (struct memory){ .data = image.data, .size = image.size };
	ops.length = image.size;
	CHECK_EQ(dumpfilter_open(df, &ops, &input), 0);
	opts.max_pages = UINT64_MAX;
	CHECK(dumpfilter_estimate(df, &opts, &estimate) >= 0);
	CHECK_EQ(dumpfilter_survey(df), DUMPFILTER_PARTIAL);
	CHECK_HAS(dumpfilter_errmsg(df), "1 pages could not be read");
	CHECK_EQ(dumpfilter_report(df, &report), 0);
	CHECK_EQ(report.unreadable_pages, 1);
	dumpfilter_free(df);
}

int main(void)
{
	RUN(survey);
	RUN(what_a_dump_lacks);
	RUN(what_an_old_dump_lacks);
	RUN(what_an_image_lacks);
	RUN(no_memory_for_what_a_dump_lacks);
	RUN(order_of_calls);
	RUN(cancelled);
	RUN(every_allocation);
	RUN(unreadable);
	memory_free(&lacking);
	builder_image_free(&image);
	return T_END();
}
