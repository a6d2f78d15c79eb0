/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The input is a dump to be filtered again.  The first byte says how, the rest is either the records of a flattened
 * stream or the parts of a kdump-compressed file, which stand at their places here so that inputs stay small.
 */
#include "fuzz.h"
#include "parts.h"

#include "format/flat.h"

enum { FLAT = 1, HIGH = 2, ELF = 4, THREADS = 8, PACKED = 16, UNKNOWN_LENGTH = 32, FLAT_KDUMP = 64 };

static size_t stream(const uint8_t *data, size_t size, uint8_t *file)
{
	if (size > FILE_MAX - DF_FLAT_HEADER)
		size = FILE_MAX - DF_FLAT_HEADER;
	df_flat_encode_header(file);
	memcpy(file + DF_FLAT_HEADER, data, size);
	return DF_FLAT_HEADER + size;
}

/* One record with the whole of a file in it. */
static size_t wrap(uint8_t *file, size_t size)
{
	if (size > FILE_MAX - DF_FLAT_HEADER - 2 * DF_FLAT_RECORD)
		size = FILE_MAX - DF_FLAT_HEADER - 2 * DF_FLAT_RECORD;
	memmove(file + DF_FLAT_HEADER + DF_FLAT_RECORD, file, size);
	df_flat_encode_header(file);
	df_flat_encode_record(0, size, file + DF_FLAT_HEADER);
	df_flat_encode_end(file + DF_FLAT_HEADER + DF_FLAT_RECORD + size);
	return size + DF_FLAT_HEADER + 2 * DF_FLAT_RECORD;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t file[FILE_MAX];
	struct dumpfilter_config config = DUMPFILTER_CONFIG_INIT;
	struct dumpfilter_image_info info = DUMPFILTER_IMAGE_INFO_INIT;
	struct fz_ranges ranges = { 0 };
	struct fz_source source = { .data = file };
	struct dumpfilter *df;
	unsigned how;

	if (!size)
		return 0;
	how = data[0];
	source.size = how & FLAT ? stream(data + 1, size - 1, file) : spread(data + 1, size - 1, file);
	if (!(how & FLAT) && how & FLAT_KDUMP)
		source.size = wrap(file, source.size);
	source.length = how & UNKNOWN_LENGTH ? UINT64_MAX : source.size;
	config.level = how & HIGH ? 31 : 0;
	config.format = how & ELF ? DUMPFILTER_FORMAT_ELF : DUMPFILTER_FORMAT_KDUMP;
	config.codec = how & PACKED && !(how & ELF) ? DUMPFILTER_CODEC_ZLIB : DUMPFILTER_CODEC_NONE;
	config.threads = how & THREADS ? 3 : 1;
	df = fz_new(config.level, config.format, config.threads);
	MUST(!dumpfilter_configure(df, &config));
	if (!fz_open(df, &source)) {
		MUST(!dumpfilter_image_info(df, &info) && info.level <= DUMPFILTER_LEVEL_MAX);
		MUST(info.present_pages <= info.max_pfn);
		if (dumpfilter_plan(df) >= 0) {
			struct dumpfilter_report report = DUMPFILTER_REPORT_INIT;

			MUST(!dumpfilter_report(df, &report));
			fz_check_plan(df, report.level, &ranges);
			fz_run(df, true);
		}
	}
	dumpfilter_free(df);
	return 0;
}
