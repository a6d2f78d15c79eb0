/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The input is a split dump: byte 0 says how it is read, bytes 1 and 2 where its three pieces meet, bytes 3 to 6 what
 * is changed in which of them; the rest are the parts of a kdump-compressed file, which stand at their places here so
 * that inputs stay small.  The pieces are copies of it with the range of each in the sub header.
 */
#include "fuzz.h"
#include "parts.h"

#include "format/kdump.h"

#define PIECES 3u
#define BEFORE 7u

enum { HIGH = 1, ELF = 2, THREADS = 4, PACKED = 8, COPY = 16, SPLIT = 32, ALIGN_4 = 64 };

/* The range of each piece, as far as the file has a header that can be told. */
static void make_piece(uint8_t *file, size_t size, const uint8_t *data, unsigned i)
{
	struct df_kdump_header header = { 0 };
	struct df_kdump_subheader subheader;
	struct df_kdump_abi abi;
	uint64_t end;

	if (size < DF_KDUMP_HEADER_MAX || !df_kdump_guess_abi(file, size, &abi))
		return;
	if (data[0] & ALIGN_4 && abi.bits == 32)
		abi.align64 = 4;
	df_kdump_decode_header(&abi, file, &header);
	df_kdump_decode_subheader(&abi, header.version, file + BLOCK, &subheader);
	end = subheader.max_mapnr_64 ? subheader.max_mapnr_64 : header.max_mapnr;
	subheader.split = 1;
	subheader.start_pfn = subheader.start_pfn_64 = i ? data[i] : 0;
	subheader.end_pfn = subheader.end_pfn_64 = i + 1 < PIECES ? data[i + 1] : end;
	df_kdump_encode_subheader(&abi, &subheader, file + BLOCK);
}

static void change(uint8_t *file, const uint8_t *data)
{
	file[(data[3] | (size_t)data[4] << 8) % FILE_MAX] ^= data[5];
}

static int open_pieces(struct dumpfilter *df, struct fz_source *source)
{
	struct dumpfilter_source_ops ops[PIECES];
	const struct dumpfilter_source_ops *p[PIECES];
	void *user[PIECES];
	int result;

	for (unsigned i = 0; i < PIECES; i++) {
		ops[i] = (struct dumpfilter_source_ops){ .size = sizeof ops[i],
							 .caps = DUMPFILTER_IO_CONCURRENT,
							 .read = fz_read,
							 .length = source[i].size,
							 .name = "piece" };
		p[i] = &ops[i];
		user[i] = &source[i];
	}
	result = dumpfilter_open_pieces(df, p, user, PIECES);
	MUST(result <= 0 && (result == 0 || dumpfilter_errmsg(df)[0]));
	fz_text(dumpfilter_errmsg(df));
	return result;
}

/* Into two pieces again. */
static void split(struct dumpfilter *df)
{
	struct fz_sink disk[2] = { 0 };
	struct dumpfilter_sink_ops ops = { .size = sizeof ops,
					   .caps = DUMPFILTER_IO_RANDOM | DUMPFILTER_IO_REWRITE,
					   .write = fz_write,
					   .finish = fz_finish };
	struct dumpfilter_sink *sinks[2] = { dumpfilter_sink_custom(df, &ops, &disk[0]),
					     dumpfilter_sink_custom(df, &ops, &disk[1]) };
	struct dumpfilter_piece piece = DUMPFILTER_PIECE_INIT, other = DUMPFILTER_PIECE_INIT;

	MUST(sinks[0] && sinks[1]);
	if (dumpfilter_run_split(df, sinks, 2, NULL) >= 0) {
		MUST(!dumpfilter_piece(df, 0, &piece) && !dumpfilter_piece(df, 1, &other));
		MUST(!piece.start_pfn && piece.end_pfn == other.start_pfn && other.start_pfn <= other.end_pfn);
		MUST(other.start_pfn % 64 == 0 || other.start_pfn == other.end_pfn);
		MUST(piece.written_pages <= piece.kept_pages && other.written_pages <= other.kept_pages);
	}
	fz_text(dumpfilter_errmsg(df));
	dumpfilter_sink_free(sinks[0]);
	dumpfilter_sink_free(sinks[1]);
}

static void dump(struct dumpfilter *df, unsigned how)
{
	struct dumpfilter_report report = DUMPFILTER_REPORT_INIT;
	struct fz_ranges ranges = { 0 };

	if (dumpfilter_plan(df) < 0)
		return;
	MUST(!dumpfilter_report(df, &report));
	fz_check_plan(df, report.level, &ranges);
	if (how & SPLIT && !(how & ELF))
		split(df);
	else
		fz_run(df, true);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t file[PIECES][FILE_MAX];
	struct dumpfilter_config config = DUMPFILTER_CONFIG_INIT;
	struct fz_source sources[PIECES];
	struct dumpfilter *df;

	if (size < BEFORE)
		return 0;
	for (unsigned i = 0; i < PIECES; i++) {
		sources[i] = (struct fz_source){ .data = file[i] };
		sources[i].size = spread(data + BEFORE, size - BEFORE, file[i]);
		make_piece(file[i], sources[i].size, data, i);
	}
	change(file[data[6] % PIECES], data);
	config.level = data[0] & HIGH && !(data[0] & COPY) ? 31 : 0;
	config.format = data[0] & ELF ? DUMPFILTER_FORMAT_ELF : DUMPFILTER_FORMAT_KDUMP;
	config.codec = data[0] & PACKED ? DUMPFILTER_CODEC_INPUT : DUMPFILTER_CODEC_NONE;
	config.threads = data[0] & THREADS ? 3 : 1;
	config.flags = data[0] & COPY ? DUMPFILTER_COPY_ALL : 0;
	df = fz_new(config.level, config.format, config.threads);
	MUST(!dumpfilter_configure(df, &config));
	if (!open_pieces(df, sources))
		dump(df, data[0]);
	dumpfilter_free(df);
	return 0;
}
