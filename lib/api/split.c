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
	struct dumpfilter_split_opts options = DUMPFILTER_SPLIT_OPTS_INIT;
	uint64_t page = UINT64_C(1) << df->dump.page_shift;

	if (opts && df_api_options(df, &options, opts, CALL, "DUMPFILTER_SPLIT_OPTS_INIT"))
		return df->err.code;
	if (options.block_bytes % page || options.block_bytes >> 60)
		return df_err_set(&df->err, DUMPFILTER_E_INVAL,
				  "pieces cannot begin at multiples of %" PRIu64 " bytes: give whole pages of %" PRIu64
				  ", or 0",
				  options.block_bytes, page);
	*granule = options.block_bytes ? df_round_up(options.block_bytes / page, DF_SPLIT_GRANULE) : DF_SPLIT_GRANULE;
	return 0;
}

static int check_sinks(struct dumpfilter *df, struct dumpfilter_sink *const *sinks, unsigned count)
{
	if (count < 2 || count > DUMPFILTER_PIECES_MAX)
		return df_err_set(&df->err, DUMPFILTER_E_INVAL, CALL ": %u pieces; 2 to %u are possible", count,
				  DUMPFILTER_PIECES_MAX);
	for (unsigned i = 0; i < count; i++) {
		if (!sinks[i])
			return df_api_missing(df, CALL);
		for (unsigned other = 0; other < i; other++)
			if (sinks[other] == sinks[i])
				return df_err_set(&df->err, DUMPFILTER_E_INVAL, CALL ": %s is given twice",
						  sinks[i]->name);
	}
	if (!df_writer_find(df->config.format)->splits)
		return df_err_set(&df->err, DUMPFILTER_E_UNSUPPORTED, CALL ": %s output cannot be split",
				  df_writer_find(df->config.format)->name);
	return 0;
}

static int set_pieces(struct dumpfilter *df, struct dumpfilter_sink *const *sinks, unsigned count)
{
	df_api_forget_pieces(df);
	if (df->state == ST_PLANNED) /* a plan may have filled the limit, and can be made again */
		df_memory_make_room(&df->dump, &df->config, count * sizeof *df->pieces);
	df->pieces = df_alloc_array(&df->env, count, sizeof *df->pieces);
	if (!df->pieces)
		return df_err_nomem(&df->err, &df->env, "pieces", count * sizeof *df->pieces);
	df->npieces = count;
	for (unsigned i = 0; i < count; i++)
		df->pieces[i].sink = sinks[i];
	return 0;
}

/* The sinks may be freed before the next call: their numbers stay. */
static void let_go(struct dumpfilter *df)
{
	for (unsigned i = 0; i < df->npieces; i++) {
		struct df_piece *piece = &df->pieces[i];

		piece->bytes = atomic_load(&piece->sink->bytes);
		piece->size = atomic_load(&piece->sink->end);
		piece->sink = NULL;
	}
}

int dumpfilter_run_split(struct dumpfilter *df, struct dumpfilter_sink *const *sinks, unsigned count,
			 const struct dumpfilter_split_opts *opts)
{
	struct df_target target = { .npieces = count };
	int result = df_api_check(df, ST_OPEN, ST_PLANNED, CALL);

	if (!result)
		result = df_api_given(df, sinks, CALL);
	if (!result)
		result = check_sinks(df, sinks, count);
	if (!result)
		result = check_options(df, opts, &target.granule);
	if (!result)
		result = set_pieces(df, sinks, count);
	if (result)
		return result;
	target.pieces = df->pieces;
	result = df_api_run(df, &target, CALL);
	let_go(df);
	return result;
}

int dumpfilter_piece(struct dumpfilter *df, unsigned i, struct dumpfilter_piece *piece)
{
	struct dumpfilter_piece answer = DUMPFILTER_PIECE_INIT;
	const struct df_piece *share;
	int result = df_api_look(df, ST_RUN, ST_RUN, "piece");

	if (result)
		return result;
	if (i >= df->npieces)
		return df_err_set(&df->err, DUMPFILTER_E_INVAL, "piece %u: there are %u", i, df->npieces);
	share = &df->pieces[i];
	answer.result = share->result;
	answer.start_pfn = share->start;
	answer.end_pfn = share->end;
	answer.kept_pages = share->kept;
	answer.written_pages = share->pages;
	answer.bytes_out = share->bytes;
	answer.output_size = share->size;
	return df_api_answer(df, piece, &answer, "piece", "DUMPFILTER_PIECE_INIT");
}
