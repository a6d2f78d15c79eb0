/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The input is a memory image: headers, notes, program headers.  Its last byte chooses how it is dumped, and whether a
 * range is cut out of it, and a note of its memory added, before: of the numbers that stand in front of that byte. */
#include "fuzz.h"

enum { UNKNOWN_LENGTH = 1, HIGH = 2, ZERO = 4, ELF = 8, THREADS = 16, CUT = 32, NOTE = 64, LOOK = 128 };

static uint64_t present(struct dumpfilter *df)
{
	struct dumpfilter_image_info info = DUMPFILTER_IMAGE_INFO_INIT;

	MUST(!dumpfilter_image_info(df, &info));
	MUST(info.page_size >= 4096 && !(info.page_size & (info.page_size - 1)));
	return info.present_pages;
}

/* What fails changes nothing. */
static void change(struct dumpfilter *df, unsigned how, const uint8_t *data, size_t size)
{
	uint64_t before = present(df), values[2] = { 0x1000, 0x1000 };

	if (size > sizeof values)
		memcpy(values, data + size - 1 - sizeof values, sizeof values);
	if (how & CUT) {
		int result = dumpfilter_cut(df, values[0], values[1]);

		MUST(result <= 0 && (result ? present(df) == before : present(df) <= before));
		before = present(df);
	}
	if (how & NOTE)
		dumpfilter_add_vmcoreinfo_at(df, values[0], values[1] % 8192);
	MUST(present(df) == before);
}

/* What is asked without writing. */
static void look(struct dumpfilter *df)
{
	struct dumpfilter_estimate estimate = DUMPFILTER_ESTIMATE_INIT;
	struct dumpfilter_report report = DUMPFILTER_REPORT_INIT;

	if (dumpfilter_estimate(df, NULL, &estimate) >= 0)
		MUST(estimate.low <= estimate.bytes && estimate.bytes <= estimate.high &&
		     estimate.sampled_pages <= estimate.pages);
	if (dumpfilter_survey(df) >= 0)
		MUST(!dumpfilter_report(df, &report) &&
		     report.zero_pages + report.unreadable_pages <= report.kept_pages);
	fz_text(dumpfilter_errmsg(df));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	unsigned how = size ? data[size - 1] : 0;
	struct fz_source source = { .data = data, .size = size, .length = how & UNKNOWN_LENGTH ? UINT64_MAX : size };
	int level = how & HIGH ? 31 : how & ZERO ? 1 : 0;
	int format = how & ELF ? DUMPFILTER_FORMAT_ELF : DUMPFILTER_FORMAT_KDUMP;
	struct dumpfilter *df = fz_new(level, format, how & THREADS ? 3 : 1);
	struct fz_ranges ranges = { 0 };

	if (!fz_open(df, &source)) {
		change(df, how, data, size);
		MUST(!dumpfilter_fact_foreach(df, fz_fact, NULL) && !dumpfilter_explain(df, fz_line, NULL));
		if (dumpfilter_plan(df) >= 0) {
			fz_check_plan(df, level, &ranges);
			if (how & LOOK)
				look(df);
			fz_run(df, true);
		}
	}
	dumpfilter_free(df);
	return 0;
}
