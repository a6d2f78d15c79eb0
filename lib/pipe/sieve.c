/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Pages of zeros, for formats that must know them before the first byte is written. */
#include "base/bits.h"
#include "base/pool.h"
#include "pipe/workers.h"

/* A pass that takes pages of zeros out of keep.  chunk is the next to be done; the rest count pages. */
struct sieve {
	const struct df_pipe *pipe;
	struct df_pipe_workers workers;
	struct df_pageset *keep;
	uint64_t chunk, done, total, dropped;
};

/* One chunk on its way: had and zero are numbers of its pages, words what is left of its bits. */
struct slot {
	uint64_t chunk, had, zero;
	uint64_t words[DF_CHUNK_WORDS];
};

static int make(void *user, void *slot, struct df_err *err)
{
	struct sieve *sieve = user;
	struct slot *sieve_slot = slot;
	uint64_t first, end;

	if (!df_pageset_next_run(sieve->keep, sieve->chunk << DF_CHUNK_SHIFT, &first, &end))
		return df_pageset_failed(sieve->keep, err);
	if (df_cancelled(sieve->pipe->env))
		return df_err_set(err, DUMPFILTER_E_CANCELLED, "cancelled");
	sieve_slot->chunk = first >> DF_CHUNK_SHIFT;
	sieve_slot->had = df_pageset_chunk_count(sieve->keep, sieve_slot->chunk);
	sieve->chunk = sieve_slot->chunk + 1;
	df_pageset_load(sieve->keep, sieve_slot->chunk, sieve_slot->words);
	return df_pageset_failed(sieve->keep, err) ? err->code : 1;
}

/* Frames from pfn on, as far as bits of wanted follow one another, are read at once: a call for each would cost as much
 * as its page does.  A bit for each that was looked at. */
static uint64_t look_at_run(const struct sieve *sieve, struct df_reader *reader, uint64_t pfn, uint64_t wanted)
{
	unsigned count = ~wanted ? (unsigned)__builtin_ctzll(~wanted) : 64,
		 most = DF_WINDOW_COPY >> sieve->pipe->page_shift;
	const struct df_image_ops *image_ops = sieve->pipe->image->image_ops;
	struct df_err ignored;

	if (count > most)
		count = most;
	if (image_ops->prepare)
		image_ops->prepare(reader, pfn << sieve->pipe->page_shift, (size_t)count << sieve->pipe->page_shift);
	else
		image_ops->peek(reader, pfn << sieve->pipe->page_shift, (size_t)count << sieve->pipe->page_shift,
				&ignored);
	return df_bit_mask(0, count);
}

/* Clear the bits of one word whose pages are zero.  A page that cannot be read stays: it is reported when copied. */
static int sift(struct sieve *sieve, struct df_reader *reader, struct slot *slot, unsigned word, struct df_err *err)
{
	size_t page_size = (size_t)1 << sieve->pipe->page_shift;

	for (uint64_t left = slot->words[word], seen = 0; left; left &= left - 1) {
		unsigned bit = (unsigned)__builtin_ctzll(left);
		uint64_t pfn = (slot->chunk << DF_CHUNK_SHIFT) + word * 64 + bit;
		const uint8_t *page;

		if (!(seen >> bit & 1))
			seen |= look_at_run(sieve, reader, pfn, left >> bit) << bit;
		page = df_reader_page(reader, pfn << sieve->pipe->page_shift, page_size, err);
		if (!page && err->code == DUMPFILTER_E_NOMEM)
			return err->code;
		if (!page || !df_is_zero(page, page_size))
			continue;
		slot->words[word] &= ~(left & -left);
		slot->zero++;
	}
	return 0;
}

static int work(void *user, void *slot, unsigned worker, struct df_err *err)
{
	struct sieve *sieve = user;
	struct slot *sieve_slot = slot;
	int result = 0;

	sieve_slot->zero = 0;
	for (unsigned i = 0; !result && i < DF_CHUNK_WORDS; i++)
		result = sift(sieve, &sieve->workers.worker[worker].reader, sieve_slot, i, err);
	if (!result)
		df_err_clear(err);
	return result;
}

static int take(void *user, void *slot, struct df_err *err)
{
	struct sieve *sieve = user;
	struct slot *sieve_slot = slot;
	struct dumpfilter_progress progress = { .phase = DUMPFILTER_PHASE_ZERO, .total = sieve->total };
	int result = sieve_slot->zero ? df_pageset_store(sieve->keep, sieve_slot->chunk, sieve_slot->words, err) : 0;

	if (result < 0)
		return result; /* they are still there */
	sieve->dropped += sieve_slot->zero;
	sieve->done += sieve_slot->had;
	progress.done = sieve->done;
	progress.bytes_in = sieve->done << sieve->pipe->page_shift;
	df_progress(sieve->pipe->env, &progress);
	return result;
}

static int start(struct sieve *sieve, struct slot **slots, struct df_err *err)
{
	int result = df_pipe_workers_init(&sieve->workers, sieve->pipe, err);

	*slots = NULL;
	if (result < 0)
		return result;
	*slots = df_alloc_array(sieve->pipe->env, sieve->workers.nslots, sizeof **slots);
	return *slots ? 0 : df_err_nomem(err, sieve->pipe->env, "workers", sieve->workers.nslots * sizeof **slots);
}

static void stop(struct sieve *sieve, struct slot *slots)
{
	df_free(sieve->pipe->env, slots);
	df_pipe_workers_fini(&sieve->workers);
}

int df_pipe_drop_zero(const struct df_pipe *pipe, struct df_pageset *keep, uint64_t *dropped, struct df_err *err)
{
	static const struct df_pool_ops pool_ops = { .make = make, .work = work, .take = take };
	struct sieve sieve = { .pipe = pipe, .keep = keep, .total = keep->count };
	struct slot *slots;
	int result = start(&sieve, &slots, err);

	keep->stage |= DF_STAGE_SIFTED;
	if (!result)
		result = df_pool_run(pipe->env, &pool_ops, &sieve, sieve.workers.count, slots, sizeof *slots,
				     sieve.workers.nslots, err);
	stop(&sieve, slots);
	*dropped = sieve.dropped;
	return result;
}

int df_pipe_rehearse_zero(const struct df_pipe *pipe, struct df_err *err)
{
	struct sieve sieve = { .pipe = pipe };
	struct slot *slots;
	int result = start(&sieve, &slots, err);

	stop(&sieve, slots);
	return result;
}
