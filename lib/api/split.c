/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "api/context.h"

#include "base/bytes.h"
#include "run/memory.h"
#include "writer/split.h"
#include "writer/writer.h"

#include <inttypes.h>

#define CALL "run_split"

static int check_options(struct dumpfilter *df, const struct dumpfilter_split_opts *opts, uint64_t *granule)
{
	struct dumpfilter_split_opts o = DUMPFILTER_SPLIT_OPTS_INIT;
	uint64_t page = UINT64_C(1) << df->dump.page_shift;

	if (opts && df_api_options(df, &o, opts, CALL, "DUMPFILTER_SPLIT_OPTS_INIT"))
		return df->err.code;
	if (o.block_bytes % page || o.block_bytes >> 60)
		return df_err_set(&df->err, DUMPFILTER_E_INVAL,
				  "pieces cannot begin at multiples of %" PRIu64 " bytes: give whole pages of %" PRIu64
				  ", or 0",
				  o.block_bytes, page);
	*granule = o.block_bytes ? df_round_up(o.block_bytes / page, DF_SPLIT_GRANULE) : DF_SPLIT_GRANULE;
	return 0;
}

static int check_sinks(struct dumpfilter *df, struct dumpfilter_sink *const *sinks, unsigned n)
{
	if (n < 2 || n > DUMPFILTER_PIECES_MAX)
		return df_err_set(&df->err, DUMPFILTER_E_INVAL, CALL ": %u pieces; 2 to %u are possible", n,
				  DUMPFILTER_PIECES_MAX);
	for (unsigned i = 0; i < n; i++) {
		if (!sinks[i])
			return df_api_missing(df, CALL);
		for (unsigned k = 0; k < i; k++)
			if (sinks[k] == sinks[i])
				return df_err_set(&df->err, DUMPFILTER_E_INVAL, CALL ": %s is given twice",
						  sinks[i]->name);
	}
	if (!df_writer_find(df->cfg.format)->splits)
		return df_err_set(&df->err, DUMPFILTER_E_UNSUPPORTED, CALL ": %s output cannot be split",
				  df_writer_find(df->cfg.format)->name);
	return 0;
}

static int set_pieces(struct dumpfilter *df, struct dumpfilter_sink *const *sinks, unsigned n)
{
	df_api_forget_pieces(df);
	if (df->state == ST_PLANNED) /* a plan may have filled the limit, and can be made again */
		df_memory_make_room(&df->dump, &df->cfg, n * sizeof *df->pieces);
	df->pieces = df_alloc_array(&df->env, n, sizeof *df->pieces);
	if (!df->pieces)
		return df_err_nomem(&df->err, &df->env, "pieces", n * sizeof *df->pieces);
	df->npieces = n;
	for (unsigned i = 0; i < n; i++)
		df->pieces[i].sink = sinks[i];
	return 0;
}

/* The sinks may be freed before the next call: their numbers stay. */
static void let_go(struct dumpfilter *df)
{
	for (unsigned i = 0; i < df->npieces; i++) {
		struct df_piece *p = &df->pieces[i];

		p->bytes = atomic_load(&p->sink->bytes);
		p->size = atomic_load(&p->sink->end);
		p->sink = NULL;
	}
}

int dumpfilter_run_split(struct dumpfilter *df, struct dumpfilter_sink *const *sinks, unsigned n,
			 const struct dumpfilter_split_opts *opts)
{
	struct df_target to = { .npieces = n };
	int r = df_api_check(df, ST_OPEN, ST_PLANNED, CALL);

	if (!r)
		r = df_api_given(df, sinks, CALL);
	if (!r)
		r = check_sinks(df, sinks, n);
	if (!r)
		r = check_options(df, opts, &to.granule);
	if (!r)
		r = set_pieces(df, sinks, n);
	if (r)
		return r;
	to.pieces = df->pieces;
	r = df_api_run(df, &to, CALL);
	let_go(df);
	return r;
}

int dumpfilter_piece(struct dumpfilter *df, unsigned i, struct dumpfilter_piece *piece)
{
	struct dumpfilter_piece a = DUMPFILTER_PIECE_INIT;
	const struct df_piece *p;
	int r = df_api_look(df, ST_RUN, ST_RUN, "piece");

	if (r)
		return r;
	if (i >= df->npieces)
		return df_err_set(&df->err, DUMPFILTER_E_INVAL, "piece %u: there are %u", i, df->npieces);
	p = &df->pieces[i];
	a.result = p->result;
	a.start_pfn = p->start;
	a.end_pfn = p->end;
	a.kept_pages = p->kept;
	a.written_pages = p->pages;
	a.bytes_out = p->bytes;
	a.output_size = p->size;
	return df_api_answer(df, piece, &a, "piece", "DUMPFILTER_PIECE_INIT");
}
