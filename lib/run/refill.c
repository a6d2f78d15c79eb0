/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "run/refill.h"

#include "pipe/pipe.h"
#include "run/free_pages.h"
#include "run/steps.h"
#include "writer/writer.h"

#include <string.h>

#define LEVELS 32u /* of alignment: more than a frame number has above the chunk's bits */

/* How far the units reach that begin in a chunk. */
struct reach {
	bool valid;
	uint64_t chunk;
	uint64_t end[DF_SET_COUNT];
};

/* Planning that goes on for single chunks after the pass.  Calling thread only. */
struct df_refill {
	struct df_planner planner;
	struct dumpfilter_config config;
	struct df_reader reader; /* for the contents of pages */
	bool made;               /* slot is complete */
	struct df_plan_slot slot;
	struct reach reach[LEVELS]; /* the last chunk of each alignment */
};

static unsigned alignment(uint64_t chunk)
{
	unsigned count = chunk ? (unsigned)__builtin_ctzll(chunk) : LEVELS - 1;

	return count < LEVELS ? count : LEVELS - 1;
}

/* Classify a chunk by itself, and remember what leaves it. */
static struct reach *look_at(struct df_refill *refill, uint64_t chunk)
{
	struct reach *reach = &refill->reach[alignment(chunk)];
	struct df_err none;

	refill->made = false;
	refill->slot.classes.chunk = chunk;
	df_plan_work(&refill->planner, &refill->slot, 0, &none);
	reach->valid = true;
	reach->chunk = chunk;
	memcpy(reach->end, refill->slot.classes.spill_end, sizeof reach->end);
	return reach;
}

/* Units from before the chunk that reach into it.  A unit is aligned to its own size: one that holds the chunk's first
 * frame begins where some of the low bits of the chunk's number are cleared. */
static void units_before(struct df_refill *refill, uint64_t chunk)
{
	uint64_t reach = refill->planner.plan->spill_reach;

	memset(refill->planner.spill_end, 0, sizeof refill->planner.spill_end);
	for (uint64_t low = 1, head; low <= chunk; low <<= 1) {
		const struct reach *spills;

		head = chunk & ~(2 * low - 1);
		if (!(chunk & low))
			continue;
		if ((chunk - head) << DF_CHUNK_SHIFT >= reach)
			return;
		spills = &refill->reach[alignment(head)];
		if (!spills->valid || spills->chunk != head)
			spills = look_at(refill, head);
		for (unsigned set = 0; set < DF_SET_COUNT; set++)
			if (spills->end[set] > refill->planner.spill_end[set])
				refill->planner.spill_end[set] = spills->end[set];
	}
}

static void make_chunk(struct df_refill *refill, uint64_t chunk)
{
	struct df_err none;

	if (refill->made && refill->slot.classes.chunk == chunk)
		return;
	units_before(refill, chunk);
	look_at(refill, chunk);
	df_plan_order(&refill->planner, &refill->slot);
	df_plan_resolve(&refill->planner, &refill->slot, &none);
	refill->made = true;
}

/* Pages of zeros have been taken out: again, by the same rule (pipe/sieve.c). */
static int sift(struct df_refill *refill, uint64_t chunk, uint64_t words[DF_CHUNK_WORDS], struct df_err *err)
{
	unsigned shift = refill->planner.dump->page_shift;

	for (unsigned i = 0; i < DF_CHUNK_WORDS; i++) {
		for (uint64_t left = words[i]; left; left &= left - 1) {
			uint64_t pfn = (chunk << DF_CHUNK_SHIFT) + i * 64 + (unsigned)__builtin_ctzll(left);
			const uint8_t *page = df_reader_page(&refill->reader, pfn << shift, (size_t)1 << shift, err);

			if (!page && err->code == DUMPFILTER_E_NOMEM)
				return err->code;
			if (page && df_is_zero(page, (size_t)1 << shift))
				words[i] &= ~(left & -left);
		}
	}
	return 0;
}

static void without_vmemmap(const struct df_pageset *vmemmap, uint64_t chunk, uint64_t words[DF_CHUNK_WORDS])
{
	uint64_t out[DF_CHUNK_WORDS];

	if (!vmemmap->count || !df_pageset_chunk_count(vmemmap, chunk))
		return;
	df_pageset_load(vmemmap, chunk, out);
	for (unsigned i = 0; i < DF_CHUNK_WORDS; i++)
		words[i] &= ~out[i];
}

static int refill_keep(void *user, uint64_t chunk, unsigned stage, uint64_t words[DF_CHUNK_WORDS], struct df_err *err)
{
	struct df_refill *refill = user;

	make_chunk(refill, chunk);
	memcpy(words, refill->slot.keep, sizeof refill->slot.keep);
	if (chunk < refill->planner.plan->vmemmap_end)
		without_vmemmap(&refill->planner.plan->vmemmap, chunk, words);
	return stage & DF_STAGE_SIFTED ? sift(refill, chunk, words, err) : 0;
}

static int refill_forbidden(void *user, uint64_t chunk, unsigned stage, uint64_t words[DF_CHUNK_WORDS],
			    struct df_err *err)
{
	struct df_refill *refill = user;

	(void)stage;
	(void)err;
	make_chunk(refill, chunk);
	memcpy(words, refill->slot.forbidden, sizeof refill->slot.forbidden);
	return 0;
}

static int init(struct df_refill *refill, struct df_dump *dump, struct df_err *err)
{
	struct df_planner *planner = &refill->planner;
	uint64_t doubts;
	int result = 0;

	if (df_writer_find(refill->config.format)->sifts)
		result = df_reader_init(&refill->reader, &dump->image, DF_WINDOW_COPY, err);
	if (!result && df_dump_classifies(dump, &refill->config))
		result = df_plan_start(planner, 1, err);
	if (!result && dump->plan.listed)
		result = df_plan_list(planner, &doubts, err);
	if (!result)
		result = df_pageset_refill(&dump->plan.keep, refill_keep, refill, err);
	if (!result && dump->plan.forbidden.env)
		result = df_pageset_refill(&dump->plan.forbidden, refill_forbidden, refill, err);
	return result;
}

int df_refill_start(struct df_dump *dump, const struct dumpfilter_config *config, struct df_err *err)
{
	struct df_refill *refill = df_alloc(dump->env, sizeof *refill);
	int result;

	if (!refill)
		return df_err_nomem(err, dump->env, "planning in a window", sizeof *refill);
	refill->config = *config;
	if (df_dump_classifies(dump, config))
		refill->config.level |= dump->image.past.level;
	refill->planner = (struct df_planner){
		.dump = dump, .plan = &dump->plan, .config = &refill->config, .distrust = dump->plan.distrust
	};
	dump->plan.refill = refill;
	dump->plan.keep.may_drop = dump->plan.forbidden.may_drop = true;
	result = init(refill, dump, err);
	if (result < 0)
		df_refill_stop(&dump->plan);
	return result;
}

int df_refill_where_needed(struct df_dump *dump, const struct dumpfilter_config *config, struct df_err *err)
{
	struct df_plan *plan = &dump->plan;
	int result;

	if (plan->refill)
		return 0;
	if (!(plan->keep.dropped + plan->forbidden.dropped)) {
		plan->keep.may_drop = plan->forbidden.may_drop = false; /* there is nobody who would make them again */
		return 0;
	}
	result = df_refill_start(dump, config, err);
	return result == DUMPFILTER_E_NOMEM ? df_refill_drop_all(dump, config, err) : result;
}

int df_refill_drop_all(struct df_dump *dump, const struct dumpfilter_config *config, struct df_err *err)
{
	struct df_plan *plan = &dump->plan;

	df_pageset_drop(&plan->keep);
	df_pageset_drop(&plan->forbidden);
	return plan->refill ? 0 : df_refill_start(dump, config, err);
}

void df_refill_stop(struct df_plan *plan)
{
	struct df_refill *refill = plan->refill;

	if (!refill)
		return;
	df_pageset_no_refill(&plan->keep);
	df_pageset_no_refill(&plan->forbidden);
	plan->keep.may_drop = plan->forbidden.may_drop = false;
	df_plan_stop(&refill->planner);
	df_reader_fini(&refill->reader);
	df_free(refill->planner.dump->env, refill);
	plan->refill = NULL;
}
