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
	struct df_kdump_header h = { 0 };
	struct df_kdump_subheader s;
	struct df_kdump_abi abi;
	uint64_t end;

	if (size < DF_KDUMP_HEADER_MAX || !df_kdump_guess_abi(file, size, &abi))
		return;
	if (data[0] & ALIGN_4 && abi.bits == 32)
		abi.align64 = 4;
	df_kdump_decode_header(&abi, file, &h);
	df_kdump_decode_subheader(&abi, h.version, file + BLOCK, &s);
	end = s.max_mapnr_64 ? s.max_mapnr_64 : h.max_mapnr;
	s.split = 1;
	s.start_pfn = s.start_pfn_64 = i ? data[i] : 0;
	s.end_pfn = s.end_pfn_64 = i + 1 < PIECES ? data[i + 1] : end;
	df_kdump_encode_subheader(&abi, &s, file + BLOCK);
}

static void change(uint8_t *file, const uint8_t *data)
{
	file[(data[3] | (size_t)data[4] << 8) % FILE_MAX] ^= data[5];
}

static int open_pieces(struct dumpfilter *df, struct fz_source *s)
{
	struct dumpfilter_source_ops ops[PIECES];
	const struct dumpfilter_source_ops *p[PIECES];
	void *user[PIECES];
	int r;

	for (unsigned i = 0; i < PIECES; i++) {
		ops[i] = (struct dumpfilter_source_ops){ .size = sizeof ops[i],
							 .caps = DUMPFILTER_IO_CONCURRENT,
							 .read = fz_read,
							 .length = s[i].size,
							 .name = "piece" };
		p[i] = &ops[i];
		user[i] = &s[i];
	}
	r = dumpfilter_open_pieces(df, p, user, PIECES);
	MUST(r <= 0 && (r == 0 || dumpfilter_errmsg(df)[0]));
	fz_text(dumpfilter_errmsg(df));
	return r;
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
	struct dumpfilter_piece a = DUMPFILTER_PIECE_INIT, b = DUMPFILTER_PIECE_INIT;

	MUST(sinks[0] && sinks[1]);
	if (dumpfilter_run_split(df, sinks, 2, NULL) >= 0) {
		MUST(!dumpfilter_piece(df, 0, &a) && !dumpfilter_piece(df, 1, &b));
		MUST(!a.start_pfn && a.end_pfn == b.start_pfn && b.start_pfn <= b.end_pfn);
		MUST(b.start_pfn % 64 == 0 || b.start_pfn == b.end_pfn);
		MUST(a.written_pages <= a.kept_pages && b.written_pages <= b.kept_pages);
	}
	fz_text(dumpfilter_errmsg(df));
	dumpfilter_sink_free(sinks[0]);
	dumpfilter_sink_free(sinks[1]);
}

static void dump(struct dumpfilter *df, unsigned how)
{
	struct dumpfilter_report rep = DUMPFILTER_REPORT_INIT;
	struct fz_ranges ranges = { 0 };

	if (dumpfilter_plan(df) < 0)
		return;
	MUST(!dumpfilter_report(df, &rep));
	fz_check_plan(df, rep.level, &ranges);
	if (how & SPLIT && !(how & ELF))
		split(df);
	else
		fz_run(df, true);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t file[PIECES][FILE_MAX];
	struct dumpfilter_config cfg = DUMPFILTER_CONFIG_INIT;
	struct fz_source s[PIECES];
	struct dumpfilter *df;

	if (size < BEFORE)
		return 0;
	for (unsigned i = 0; i < PIECES; i++) {
		s[i] = (struct fz_source){ .data = file[i] };
		s[i].size = spread(data + BEFORE, size - BEFORE, file[i]);
		make_piece(file[i], s[i].size, data, i);
	}
	change(file[data[6] % PIECES], data);
	cfg.level = data[0] & HIGH && !(data[0] & COPY) ? 31 : 0;
	cfg.format = data[0] & ELF ? DUMPFILTER_FORMAT_ELF : DUMPFILTER_FORMAT_KDUMP;
	cfg.codec = data[0] & PACKED ? DUMPFILTER_CODEC_INPUT : DUMPFILTER_CODEC_NONE;
	cfg.threads = data[0] & THREADS ? 3 : 1;
	cfg.flags = data[0] & COPY ? DUMPFILTER_COPY_ALL : 0;
	df = fz_new(cfg.level, cfg.format, cfg.threads);
	MUST(!dumpfilter_configure(df, &cfg));
	if (!open_pieces(df, s))
		dump(df, data[0]);
	dumpfilter_free(df);
	return 0;
}
