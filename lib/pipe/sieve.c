/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Pages of zeros, for formats that must know them before the first byte is written. */
#include "base/bits.h"
#include "base/pool.h"
#include "pipe/workers.h"

/* A pass that takes pages of zeros out of keep.  chunk is the next to be done; the rest count pages. */
struct sieve {
	const struct df_pipe *p;
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
	struct sieve *s = user;
	struct slot *c = slot;
	uint64_t first, end;

	if (!df_pageset_next_run(s->keep, s->chunk << DF_CHUNK_SHIFT, &first, &end))
		return df_pageset_failed(s->keep, err);
	if (df_cancelled(s->p->env))
		return df_err_set(err, DUMPFILTER_E_CANCELLED, "cancelled");
	c->chunk = first >> DF_CHUNK_SHIFT;
	c->had = df_pageset_chunk_count(s->keep, c->chunk);
	s->chunk = c->chunk + 1;
	df_pageset_load(s->keep, c->chunk, c->words);
	return df_pageset_failed(s->keep, err) ? err->code : 1;
}

/* Frames from pfn on, as far as bits of m follow one another, are read at once: a call for each would cost as much as
 * its page does.  A bit for each that was looked at. */
static uint64_t look_at_run(const struct sieve *s, struct df_reader *reader, uint64_t pfn, uint64_t m)
{
	unsigned n = ~m ? (unsigned)__builtin_ctzll(~m) : 64, most = DF_WINDOW_COPY >> s->p->page_shift;
	const struct df_image_ops *ops = s->p->image->ops;
	struct df_err ignored;

	if (n > most)
		n = most;
	if (ops->prepare)
		ops->prepare(reader, pfn << s->p->page_shift, (size_t)n << s->p->page_shift);
	else
		ops->peek(reader, pfn << s->p->page_shift, (size_t)n << s->p->page_shift, &ignored);
	return df_bit_mask(0, n);
}

/* Clear the bits of one word whose pages are zero.  A page that cannot be read stays: it is reported when copied. */
static int sift(struct sieve *s, struct df_reader *reader, struct slot *c, unsigned word, struct df_err *err)
{
	size_t page_size = (size_t)1 << s->p->page_shift;

	for (uint64_t m = c->words[word], seen = 0; m; m &= m - 1) {
		unsigned bit = (unsigned)__builtin_ctzll(m);
		uint64_t pfn = (c->chunk << DF_CHUNK_SHIFT) + word * 64 + bit;
		const uint8_t *page;

		if (!(seen >> bit & 1))
			seen |= look_at_run(s, reader, pfn, m >> bit) << bit;
		page = df_reader_page(reader, pfn << s->p->page_shift, page_size, err);
		if (!page && err->code == DUMPFILTER_E_NOMEM)
			return err->code;
		if (!page || !df_is_zero(page, page_size))
			continue;
		c->words[word] &= ~(m & -m);
		c->zero++;
	}
	return 0;
}

static int work(void *user, void *slot, unsigned worker, struct df_err *err)
{
	struct sieve *s = user;
	struct slot *c = slot;
	int r = 0;

	c->zero = 0;
	for (unsigned i = 0; !r && i < DF_CHUNK_WORDS; i++)
		r = sift(s, &s->workers.v[worker].reader, c, i, err);
	if (!r)
		df_err_clear(err);
	return r;
}

static int take(void *user, void *slot, struct df_err *err)
{
	struct sieve *s = user;
	struct slot *c = slot;
	struct dumpfilter_progress p = { .phase = DUMPFILTER_PHASE_ZERO, .total = s->total };
	int r = c->zero ? df_pageset_store(s->keep, c->chunk, c->words, err) : 0;

	if (r < 0)
		return r; /* they are still there */
	s->dropped += c->zero;
	s->done += c->had;
	p.done = s->done;
	p.bytes_in = s->done << s->p->page_shift;
	df_progress(s->p->env, &p);
	return r;
}

static int start(struct sieve *s, struct slot **slots, struct df_err *err)
{
	int r = df_pipe_workers_init(&s->workers, s->p, err);

	*slots = NULL;
	if (r < 0)
		return r;
	*slots = df_alloc_array(s->p->env, s->workers.nslots, sizeof **slots);
	return *slots ? 0 : df_err_nomem(err, s->p->env, "workers", s->workers.nslots * sizeof **slots);
}

static void stop(struct sieve *s, struct slot *slots)
{
	df_free(s->p->env, slots);
	df_pipe_workers_fini(&s->workers);
}

int df_pipe_drop_zero(const struct df_pipe *p, struct df_pageset *keep, uint64_t *dropped, struct df_err *err)
{
	static const struct df_pool_ops ops = { .make = make, .work = work, .take = take };
	struct sieve s = { .p = p, .keep = keep, .total = keep->count };
	struct slot *slots;
	int r = start(&s, &slots, err);

	keep->stage |= DF_STAGE_SIFTED;
	if (!r)
		r = df_pool_run(p->env, &ops, &s, s.workers.n, slots, sizeof *slots, s.workers.nslots, err);
	stop(&s, slots);
	*dropped = s.dropped;
	return r;
}

int df_pipe_rehearse_zero(const struct df_pipe *p, struct df_err *err)
{
	struct sieve s = { .p = p };
	struct slot *slots;
	int r = start(&s, &slots, err);

	stop(&s, slots);
	return r;
}
