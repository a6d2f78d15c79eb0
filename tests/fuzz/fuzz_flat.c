/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The input is a flattened stream, with or without the 4 KiB of its header: a first byte below 128 puts one in front.
 */
#include "fuzz.h"

#include "format/flat.h"

#include <unistd.h>

static FILE *file;

static void fill(const uint8_t *data, size_t size)
{
	uint8_t header[DF_FLAT_HEADER];

	if (!file)
		file = tmpfile();
	MUST(file && !ftruncate(fileno(file), 0));
	rewind(file);
	df_flat_encode_header(header);
	if (data[0] < 128)
		MUST(fwrite(header, 1, sizeof header, file) == sizeof header);
	MUST(fwrite(data + 1, 1, size - 1, file) == size - 1 && !fflush(file));
	MUST(!lseek(fileno(file), 0, SEEK_SET));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fz_sink disk = { 0 };
	struct dumpfilter_sink_ops ops = { .size = sizeof ops,
					   .caps = DUMPFILTER_IO_RANDOM | DUMPFILTER_IO_REWRITE,
					   .write = fz_write,
					   .finish = fz_finish };
	struct dumpfilter *df = dumpfilter_new(NULL);
	struct dumpfilter_sink *sink = dumpfilter_sink_custom(df, &ops, &disk);
	int result;

	MUST(df && sink);
	if (size) {
		fill(data, size);
		result = dumpfilter_rearrange(df, fileno(file), NULL, sink);
		fz_text(dumpfilter_errmsg(df));
		MUST(result <= 0 && (!result || dumpfilter_errmsg(df)[0]));
		MUST(result != DUMPFILTER_E_FORMAT || !disk.bytes);
		MUST(result || disk.bytes);
	}
	dumpfilter_sink_free(sink);
	dumpfilter_free(df);
	return 0;
}
