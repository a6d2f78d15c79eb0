/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The public structs: of any size that a caller may say, and laid out as the interface has them. */
#include "states.h"

/* ---- structs that begin with their size */

union any {
	size_t size;
	struct dumpfilter_config config;
	struct dumpfilter_source_ops source;
	struct dumpfilter_sink_ops sink;
	struct dumpfilter_new_opts opts;
	struct dumpfilter_image_info info;
	struct dumpfilter_report report;
	struct dumpfilter_estimate_opts estimate_opts;
	struct dumpfilter_estimate estimate;
	struct dumpfilter_dmesg_opts dmesg_opts;
	struct dumpfilter_split_opts split_opts;
	struct dumpfilter_piece piece;
	uint8_t bytes[2048];
};

static bool take_config(union any *any)
{
	struct dumpfilter *df = in_state(NEW);
	int result = dumpfilter_configure(df, &any->config);

	CHECK(result == 0 || result == DUMPFILTER_E_INVAL);
	CHECK(!result || dumpfilter_errmsg(df)[0]);
	dumpfilter_free(df);
	return !result;
}

static bool take_source(union any *any)
{
	struct dumpfilter *df = in_state(NEW);
	int result = dumpfilter_open(df, &any->source, &image);

	CHECK(result == 0 || result == DUMPFILTER_E_INVAL);
	dumpfilter_free(df);
	return !result;
}

static bool take_sink(union any *any)
{
	struct dumpfilter *df = in_state(NEW);
	struct dumpfilter_sink *sink = dumpfilter_sink_custom(df, &any->sink, NULL);
	bool ok = sink;

	CHECK(ok || dumpfilter_errmsg(df)[0]);
	dumpfilter_sink_free(sink);
	dumpfilter_free(df);
	return ok;
}

static bool take_opts(union any *any)
{
	struct dumpfilter *df = dumpfilter_new(&any->opts);
	bool ok = df;

	dumpfilter_free(df);
	return ok;
}

static bool take_info(union any *any)
{
	struct dumpfilter *df = in_state(OPEN);
	int result = dumpfilter_image_info(df, &any->info);

	CHECK(result == 0 || result == DUMPFILTER_E_INVAL);
	dumpfilter_free(df);
	return !result;
}

static bool take_report(union any *any)
{
	struct dumpfilter *df = in_state(PLANNED);
	int result = dumpfilter_report(df, &any->report);

	CHECK(result == 0 || result == DUMPFILTER_E_INVAL);
	dumpfilter_free(df);
	return !result;
}

static bool take_estimate_opts(union any *any)
{
	struct dumpfilter *df = in_state(PLANNED);
	struct dumpfilter_estimate estimate = DUMPFILTER_ESTIMATE_INIT;
	int result = dumpfilter_estimate(df, &any->estimate_opts, &estimate);

	CHECK(result == 0 || result == DUMPFILTER_E_INVAL);
	dumpfilter_free(df);
	return !result;
}

static bool take_estimate(union any *any)
{
	struct dumpfilter *df = in_state(PLANNED);
	int result = dumpfilter_estimate(df, NULL, &any->estimate);

	CHECK(result == 0 || result == DUMPFILTER_E_INVAL);
	dumpfilter_free(df);
	return !result;
}

static bool take_dmesg_opts(union any *any)
{
	struct dumpfilter *df = in_state(OPEN);
	struct dumpfilter_sink *sink = dumpfilter_sink_null(df);
	int result = dumpfilter_dmesg(df, &any->dmesg_opts, sink);

	CHECK(result == DUMPFILTER_E_NODATA || result == DUMPFILTER_E_INVAL);
	dumpfilter_sink_free(sink);
	dumpfilter_free(df);
	return result == DUMPFILTER_E_NODATA;
}

static int split(struct dumpfilter *df, const struct dumpfilter_split_opts *opts)
{
	struct dumpfilter_sink *sinks[] = { dumpfilter_sink_null(df), dumpfilter_sink_null(df) };
	int result = dumpfilter_run_split(df, sinks, 2, opts);

	dumpfilter_sink_free(sinks[0]);
	dumpfilter_sink_free(sinks[1]);
	return result;
}

static bool take_split_opts(union any *any)
{
	struct dumpfilter *df = in_state(PLANNED);
	int result = split(df, &any->split_opts);

	CHECK(result == 0 || result == DUMPFILTER_E_INVAL);
	dumpfilter_free(df);
	return !result;
}

static bool take_piece(union any *any)
{
	struct dumpfilter *df = in_state(PLANNED);
	int result;

	CHECK_EQ(split(df, NULL), 0);
	result = dumpfilter_piece(df, 1, &any->piece);
	CHECK(result == 0 || result == DUMPFILTER_E_INVAL);
	dumpfilter_free(df);
	return !result;
}

static void sizes(void)
{
	static const struct {
		bool (*take)(union any *any);
		size_t size;
		union any fill;
		bool in;
	} rows[] = {
		{ take_config, sizeof(struct dumpfilter_config), { .config = { .level = 3 } }, true },
		{ take_source,
		  sizeof(struct dumpfilter_source_ops),
		  { .source = { .read = memory_read, .length = 1 << 20 } },
		  true },
		{ take_sink, sizeof(struct dumpfilter_sink_ops), { .sink = { .write = nowhere_write } }, true },
		{ take_opts, sizeof(struct dumpfilter_new_opts), { .size = 0 }, true },
		{ take_info, sizeof(struct dumpfilter_image_info), { .size = 0 }, false },
		{ take_report, sizeof(struct dumpfilter_report), { .size = 0 }, false },
		{ take_estimate_opts, sizeof(struct dumpfilter_estimate_opts), { .size = 0 }, true },
		{ take_estimate, sizeof(struct dumpfilter_estimate), { .size = 0 }, false },
		{ take_split_opts, sizeof(struct dumpfilter_split_opts), { .size = 0 }, true },
		{ take_piece, sizeof(struct dumpfilter_piece), { .size = 0 }, false },
		{ take_dmesg_opts, sizeof(struct dumpfilter_dmesg_opts), { .size = 0 }, true },
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		static const size_t odd[] = { 0, 1, 7, 1 << 20, SIZE_MAX, SIZE_MAX / 2 };
		union any any = rows[i].fill;

		any.size = rows[i].size;
		if (!rows[i].take(&any))
			T_FAIL("struct %zu is refused", i);
		for (size_t index = 0; index < sizeof odd / sizeof *odd; index++) {
			any = rows[i].fill;
			any.size = odd[index];
			if (rows[i].take(&any))
				T_FAIL("struct %zu with size %zu is taken", i, odd[index]);
		}
		/* of a newer header: fine where what is unknown is zero */
		any = rows[i].fill;
		any.size = rows[i].size + 64;
		if (!rows[i].take(&any))
			T_FAIL("struct %zu with 64 more zeros is refused", i);
		for (size_t at = rows[i].size; at < rows[i].size + 64 && rows[i].in; at += 21) {
			any = rows[i].fill;
			any.size = rows[i].size + 64;
			any.bytes[at] = 1;
			if (rows[i].take(&any))
				T_FAIL("struct %zu with an unknown byte %zu is taken", i, at);
		}
	}
}

/* Whatever struct it is: the same words, with the macro that does it right. */
static void one_text_for_a_wrong_size(void)
{
	struct dumpfilter *df = in_state(DONE);
	struct dumpfilter *fresh = in_state(NEW);
	struct dumpfilter_config config = { .size = 3 };
	struct dumpfilter_report report = { .size = 0 };
	struct dumpfilter_source_ops source = { .size = 1 << 20 };
	struct dumpfilter_sink_ops sink = { .size = 0 };
	struct dumpfilter_dmesg_opts dmesg = { .size = 1 };
	struct dumpfilter_sink *null = dumpfilter_sink_null(df);

	CHECK_EQ(dumpfilter_configure(df, &config), DUMPFILTER_E_INVAL);
	CHECK_STR(dumpfilter_errmsg(df),
		  "configure: the struct's size is 3, not 40: begin it with DUMPFILTER_CONFIG_INIT");
	CHECK_EQ(dumpfilter_report(df, &report), DUMPFILTER_E_INVAL);
	CHECK_STR(dumpfilter_errmsg(df),
		  "report: the struct's size is 0, not 368: begin it with DUMPFILTER_REPORT_INIT");
	CHECK_EQ(dumpfilter_open(fresh, &source, NULL), DUMPFILTER_E_INVAL);
	CHECK_STR(dumpfilter_errmsg(fresh),
		  "open: the struct's size is 1048576, not 40: begin it with DUMPFILTER_SOURCE_OPS_INIT");
	CHECK(!dumpfilter_sink_custom(df, &sink, NULL));
	CHECK_EQ(dumpfilter_errcode(df), DUMPFILTER_E_INVAL);
	CHECK_STR(dumpfilter_errmsg(df),
		  "sink_custom: the struct's size is 0, not 40: begin it with DUMPFILTER_SINK_OPS_INIT");
	CHECK_EQ(dumpfilter_dmesg(df, &dmesg, null), DUMPFILTER_E_INVAL);
	CHECK_STR(dumpfilter_errmsg(df),
		  "dmesg: the struct's size is 1, not 16: begin it with DUMPFILTER_DMESG_OPTS_INIT");
	dumpfilter_sink_free(null);
	dumpfilter_free(fresh);
	dumpfilter_free(df);
}

/* Output structs of an older header: nothing is written behind them. */
static void short_outputs(void)
{
	struct dumpfilter *df = in_state(DONE);
	union any any;

	memset(&any, 0x5a, sizeof any);
	any.size = offsetof(struct dumpfilter_report, class_pages);
	CHECK_EQ(dumpfilter_report(df, &any.report), 0);
	CHECK_EQ(any.report.max_pfn, img.max_pfn);
	for (size_t i = offsetof(struct dumpfilter_report, class_pages); i < sizeof any; i++)
		CHECK_EQ(any.bytes[i], 0x5a);
	memset(&any, 0x5a, sizeof any);
	any.size = offsetof(struct dumpfilter_image_info, cpus);
	CHECK_EQ(dumpfilter_image_info(df, &any.info), 0);
	CHECK_EQ(any.info.word_bits, 64);
	for (size_t i = offsetof(struct dumpfilter_image_info, cpus); i < sizeof any; i++)
		CHECK_EQ(any.bytes[i], 0x5a);
	dumpfilter_free(df);
}

/* ---- binary interface */

#define AT(type, member, where) CHECK_EQ(offsetof(struct dumpfilter_##type, member), where)

static void layout(void)
{
	if (sizeof(void *) != 8)
		return;
	CHECK_EQ(sizeof(struct dumpfilter_new_opts), 32);
	AT(new_opts, alloc, 8);
	AT(new_opts, free, 16);
	AT(new_opts, alloc_user, 24);
	CHECK_EQ(sizeof(struct dumpfilter_progress), 40);
	AT(progress, done, 8);
	AT(progress, bytes_out, 32);
	CHECK_EQ(sizeof(struct dumpfilter_source_ops), 40);
	AT(source_ops, caps, 8);
	AT(source_ops, read, 16);
	AT(source_ops, length, 24);
	AT(source_ops, name, 32);
	CHECK_EQ(sizeof(struct dumpfilter_sink_ops), 40);
	AT(sink_ops, write, 16);
	AT(sink_ops, finish, 24);
	AT(sink_ops, name, 32);
	CHECK_EQ(sizeof(struct dumpfilter_config), 40);
	AT(config, level, 8);
	AT(config, format, 12);
	AT(config, codec, 16);
	AT(config, threads, 20);
	AT(config, memory_limit, 24);
	AT(config, flags, 32);
	AT(config, compression_level, 36);
	CHECK_EQ(sizeof(struct dumpfilter_image_info), 88);
	AT(image_info, page_size, 40);
	AT(image_info, max_pfn, 56);
	AT(image_info, truncated, 76);
	AT(image_info, level, 80);
	AT(image_info, can_filter, 84);
	CHECK_EQ(sizeof(struct dumpfilter_report), 368);
	AT(report, class_pages, 32);
	AT(report, zero_pages, 160);
	AT(report, bytes_out, 232);
	AT(report, plan_seconds, 248);
	AT(report, threads, 264);
	AT(report, peak_memory, 272);
	AT(report, vmemmap_pages, 280);
	AT(report, cause, 288);
	AT(report, codec, 292);
	AT(report, lost_before_pages, 296);
	AT(report, absent_pages, 304);
	CHECK_EQ(sizeof(struct dumpfilter_split_opts), 16);
	AT(split_opts, block_bytes, 8);
	CHECK_EQ(sizeof(struct dumpfilter_piece), 64);
	AT(piece, start_pfn, 16);
	AT(piece, output_size, 56);
	CHECK_EQ(sizeof(struct dumpfilter_estimate_opts), 24);
	AT(estimate_opts, flags, 8);
	AT(estimate_opts, max_pages, 16);
	CHECK_EQ(sizeof(struct dumpfilter_estimate), 48);
	AT(estimate, bytes, 8);
	AT(estimate, high, 24);
	AT(estimate, pages, 40);
	CHECK_EQ(sizeof(struct dumpfilter_dmesg_opts), 16);
	AT(dmesg_opts, flags, 8);
	CHECK_EQ(-DUMPFILTER_E_NODATA, 13);
	CHECK_EQ(-DUMPFILTER_E_OTHER_KERNEL, 14);
	CHECK_EQ(-DUMPFILTER_E_LOST, 15);
	CHECK_EQ(DUMPFILTER_CLASS_COUNT, 7);
	CHECK_EQ(DUMPFILTER_CODEC_ZSTD, 4);
}

int main(void)
{
	if (!states_begin())
		return EXIT_FAILURE;
	RUN(sizes);
	RUN(one_text_for_a_wrong_size);
	RUN(short_outputs);
	RUN(layout);
	states_end();
	return T_END();
}
