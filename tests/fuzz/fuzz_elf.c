/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The input is a memory image: headers, notes, program headers.  Its last byte chooses how it is dumped. */
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	unsigned how = size ? data[size - 1] : 0;
	struct fz_source s = { .data = data, .size = size, .length = how & 1 ? UINT64_MAX : size };
	int level = how & 2 ? 31 : how & 4 ? 1 : 0, format = how >> 3 & 1;
	struct dumpfilter_image_info info = DUMPFILTER_IMAGE_INFO_INIT;
	struct dumpfilter *df = fz_new(level, format, how & 16 ? 3 : 1);
	struct fz_ranges ranges = { 0 };

	if (!fz_open(df, &s)) {
		MUST(!dumpfilter_image_info(df, &info));
		MUST(info.page_size >= 4096 && !(info.page_size & (info.page_size - 1)));
		MUST(!dumpfilter_fact_foreach(df, fz_fact, NULL) && !dumpfilter_explain(df, fz_line, NULL));
		if (dumpfilter_plan(df) >= 0) {
			fz_check_plan(df, level, &ranges);
			fz_run(df, true);
		}
	}
	dumpfilter_free(df);
	return 0;
}
