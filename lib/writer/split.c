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
	uint64_t count, cap, sum;
	uint64_t stride; /* odd: memory has patterns of powers of two */
};

static int take(void *user, struct df_batch *batch, struct df_err *err)
{
	struct sampler *sampler = user;

	(void)err;
	for (unsigned i = 0; i < batch->count && sampler->count < sampler->cap; i++) {
		sampler->weight[sampler->count++] = batch->size[i] + INDEX;
		sampler->sum += batch->size[i] + INDEX;
	}
	return 0;
}

static int sample(const struct df_pipe *p, struct sampler *sampler, struct df_err *err)
{
	struct df_pipe pipe = *p;
	struct df_pipe_run *run;
	int result;

	pipe.parts = NULL;
	pipe.phase = -1;
	pipe.group = 1;
	pipe.skip = sampler->stride - 1;
	pipe.user = sampler;
	pipe.place = NULL;
	pipe.write = NULL;
	pipe.take = take;
	run = df_pipe_start(&pipe, err);
	result = run ? df_pipe_copy(run, err) : err->code;
	df_pipe_stop(run);
	return result;
}

/* The number of the kept page before which part i of n of all data lies. */
static uint64_t rank_of(const struct sampler *sampler, uint64_t kept, unsigned i, unsigned count)
{
	uint64_t before = 0, want = sampler->sum / count * i + sampler->sum % count * i / count, at = 0;

	if (!sampler->count)
		return kept / count * i + kept % count * i / count;
	while (at < sampler->count && before + sampler->weight[at] <= want)
		before += sampler->weight[at++];
	if (at == sampler->count)
		return kept - 1;
	at = at * sampler->stride + (want - before) * sampler->stride / sampler->weight[at];
	return at < kept ? at : kept - 1;
}

/* The frame of kept page number rank. */
static uint64_t frame_of(const struct df_pageset *keep, uint64_t rank)
{
	uint64_t low = 0, high = keep->npages;

	while (high - low > 1) {
		uint64_t mid = low + (high - low) / 2;

		if (df_pageset_count_range(keep, 0, mid) > rank)
			high = mid;
		else
			low = mid;
	}
	return low;
}

/* Cut where the sample says; false: two would begin at the same place, or the first one has nothing. */
static bool cut_by_data(const struct df_pageset *keep, const struct sampler *sampler, struct df_piece *pieces,
			unsigned count, uint64_t granule)
{
	uint64_t before = 0;

	for (unsigned i = 1; i < count; i++) {
		uint64_t pfn = frame_of(keep, rank_of(sampler, keep->count, i, count)), low = pfn / granule * granule;

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
static void cut_by_granules(const struct df_pageset *keep, struct df_piece *pieces, unsigned count, uint64_t granule,
			    uint64_t max_pfn)
{
	uint64_t total = 0, at = 0, start;
	unsigned i = 1;

	while (next_granule(keep, granule, &at, &start))
		total++;
	at = 0;
	for (uint64_t index = 0; i < count && next_granule(keep, granule, &at, &start); index++)
		if (total < count ? index : index && index * count / total >= i)
			pieces[i++].start = start;
	while (i < count)
		pieces[i++].start = max_pfn;
}

static bool all_alike(const struct df_pipe *pipe)
{
	return !pipe->codec && !pipe->find_zero;
}

int df_split_choose(const struct df_pipe *pipe, struct df_piece *pieces, unsigned count, uint64_t granule,
		    uint64_t max_pfn, struct df_err *err)
{
	uint64_t kept = pipe->keep->count, stride = kept / SAMPLES + 1, most = kept / ((uint64_t)count * EACH) + 1;
	struct sampler sampler = { .stride = (stride > LEAST ? stride : most < LEAST ? most : LEAST) | 1 };
	int result = 0;

	if (!all_alike(pipe)) {
		sampler.cap = kept / sampler.stride + 1;
		sampler.weight = df_alloc_array(pipe->env, sampler.cap, sizeof *sampler.weight);
		if (!sampler.weight)
			return df_err_nomem(err, pipe->env, "a sample of pages", sampler.cap * sizeof *sampler.weight);
		result = sample(pipe, &sampler, err);
	}
	pieces[0].start = 0;
	if (!result && (!kept || !cut_by_data(pipe->keep, &sampler, pieces, count, granule)))
		cut_by_granules(pipe->keep, pieces, count, granule, max_pfn);
	if (!result)
		result = df_pageset_failed(pipe->keep, err);
	for (unsigned i = 0; i < count; i++)
		pieces[i].end = i + 1 < count ? pieces[i + 1].start : max_pfn;
	df_free(pipe->env, sampler.weight);
	return result;
}
