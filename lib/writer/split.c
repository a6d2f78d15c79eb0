/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "writer/split.h"

#include "base/bytes.h"

/* Sampled pages: so many give the size of a piece to about one percent.  At most one page of LEAST is looked at, as
 * each costs what copying it does, but in a small dump at least EACH for a piece. */
#define SAMPLES 16384u
#define LEAST   9u
#define EACH    64u

/* What a page takes beside its data. */
#define INDEX 24u

/* What sampled pages weigh, from which follows where the pieces begin. */
struct sampler {
	uint32_t *weight; /* of each sampled page, in order */
	uint64_t n, cap, sum;
	uint64_t stride; /* odd: memory has patterns of powers of two */
};

static int take(void *user, struct df_batch *b, struct df_err *err)
{
	struct sampler *s = user;

	(void)err;
	for (unsigned i = 0; i < b->n && s->n < s->cap; i++) {
		s->weight[s->n++] = b->size[i] + INDEX;
		s->sum += b->size[i] + INDEX;
	}
	return 0;
}

static int sample(const struct df_pipe *p, struct sampler *s, struct df_err *err)
{
	struct df_pipe q = *p;
	struct df_pipe_run *run;
	int r;

	q.parts = NULL;
	q.phase = -1;
	q.group = 1;
	q.skip = s->stride - 1;
	q.user = s;
	q.place = NULL;
	q.write = NULL;
	q.take = take;
	run = df_pipe_start(&q, err);
	r = run ? df_pipe_copy(run, err) : err->code;
	df_pipe_stop(run);
	return r;
}

/* The number of the kept page before which part i of n of all data lies. */
static uint64_t rank_of(const struct sampler *s, uint64_t kept, unsigned i, unsigned n)
{
	uint64_t before = 0, want = s->sum / n * i + s->sum % n * i / n, at = 0;

	if (!s->n)
		return kept / n * i + kept % n * i / n;
	while (at < s->n && before + s->weight[at] <= want)
		before += s->weight[at++];
	if (at == s->n)
		return kept - 1;
	at = at * s->stride + (want - before) * s->stride / s->weight[at];
	return at < kept ? at : kept - 1;
}

/* The frame of kept page number rank. */
static uint64_t frame_of(const struct df_pageset *keep, uint64_t rank)
{
	uint64_t lo = 0, hi = keep->npages;

	while (hi - lo > 1) {
		uint64_t mid = lo + (hi - lo) / 2;

		if (df_pageset_count_range(keep, 0, mid) > rank)
			hi = mid;
		else
			lo = mid;
	}
	return lo;
}

/* Cut where the sample says; false: two would begin at the same place, or the first one has nothing. */
static bool cut_by_data(const struct df_pageset *keep, const struct sampler *s, struct df_piece *pieces, unsigned n,
			uint64_t granule)
{
	uint64_t before = 0;

	for (unsigned i = 1; i < n; i++) {
		uint64_t pfn = frame_of(keep, rank_of(s, keep->count, i, n)), low = pfn / granule * granule;

		pieces[i].start = low;
		if (low <= before || !df_pageset_count_range(keep, before, low))
			return false;
		before = low;
	}
	return true;
}

/* The granule at or behind *at that has a kept page; *at is behind it then. */
static bool next_granule(const struct df_pageset *keep, uint64_t granule, uint64_t *at, uint64_t *start)
{
	uint64_t end;

	if (!df_pageset_next_run(keep, *at, start, &end))
		return false;
	*start = *start / granule * granule;
	*at = *start + granule;
	return true;
}

/* In a dump of few granules: as many for each. */
static void cut_by_granules(const struct df_pageset *keep, struct df_piece *pieces, unsigned n, uint64_t granule,
			    uint64_t max_pfn)
{
	uint64_t total = 0, at = 0, start;
	unsigned i = 1;

	while (next_granule(keep, granule, &at, &start))
		total++;
	at = 0;
	for (uint64_t g = 0; i < n && next_granule(keep, granule, &at, &start); g++)
		if (total < n ? g : g && g * n / total >= i)
			pieces[i++].start = start;
	while (i < n)
		pieces[i++].start = max_pfn;
}

static bool all_alike(const struct df_pipe *p)
{
	return !p->codec && !p->find_zero;
}

int df_split_choose(const struct df_pipe *p, struct df_piece *pieces, unsigned n, uint64_t granule, uint64_t max_pfn,
		    struct df_err *err)
{
	uint64_t kept = p->keep->count, stride = kept / SAMPLES + 1, most = kept / ((uint64_t)n * EACH) + 1;
	struct sampler s = { .stride = (stride > LEAST ? stride : most < LEAST ? most : LEAST) | 1 };
	int r = 0;

	if (!all_alike(p)) {
		s.cap = kept / s.stride + 1;
		s.weight = df_alloc_array(p->env, s.cap, sizeof *s.weight);
		if (!s.weight)
			return df_err_nomem(err, p->env, "a sample of pages", s.cap * sizeof *s.weight);
		r = sample(p, &s, err);
	}
	pieces[0].start = 0;
	if (!r && (!kept || !cut_by_data(p->keep, &s, pieces, n, granule)))
		cut_by_granules(p->keep, pieces, n, granule, max_pfn);
	if (!r)
		r = df_pageset_failed(p->keep, err);
	for (unsigned i = 0; i < n; i++)
		pieces[i].end = i + 1 < n ? pieces[i + 1].start : max_pfn;
	df_free(p->env, s.weight);
	return r;
}
