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
	struct dumpfilter_config cfg;
	struct df_reader reader; /* for the contents of pages */
	bool made;               /* slot is complete */
	struct df_plan_slot slot;
	struct reach reach[LEVELS]; /* the last chunk of each alignment */
};

static unsigned alignment(uint64_t chunk)
{
	unsigned n = chunk ? (unsigned)__builtin_ctzll(chunk) : LEVELS - 1;

	return n < LEVELS ? n : LEVELS - 1;
}

/* Classify a chunk by itself, and remember what leaves it. */
static struct reach *look_at(struct df_refill *r, uint64_t chunk)
{
	struct reach *e = &r->reach[alignment(chunk)];
	struct df_err none;

	r->made = false;
	r->slot.c.chunk = chunk;
	df_plan_work(&r->planner, &r->slot, 0, &none);
	e->valid = true;
	e->chunk = chunk;
	memcpy(e->end, r->slot.c.spill_end, sizeof e->end);
	return e;
}

/* Units from before the chunk that reach into it.  A unit is aligned to its own size: one that holds the chunk's first
 * frame begins where some of the low bits of the chunk's number are cleared. */
static void units_before(struct df_refill *r, uint64_t chunk)
{
	uint64_t reach = r->planner.p->spill_reach;

	memset(r->planner.spill_end, 0, sizeof r->planner.spill_end);
	for (uint64_t low = 1, head; low <= chunk; low <<= 1) {
		const struct reach *e;

		head = chunk & ~(2 * low - 1);
		if (!(chunk & low))
			continue;
		if ((chunk - head) << DF_CHUNK_SHIFT >= reach)
			return;
		e = &r->reach[alignment(head)];
		if (!e->valid || e->chunk != head)
			e = look_at(r, head);
		for (unsigned k = 0; k < DF_SET_COUNT; k++)
			if (e->end[k] > r->planner.spill_end[k])
				r->planner.spill_end[k] = e->end[k];
	}
}

static void make_chunk(struct df_refill *r, uint64_t chunk)
{
	struct df_err none;

	if (r->made && r->slot.c.chunk == chunk)
		return;
	units_before(r, chunk);
	look_at(r, chunk);
	df_plan_order(&r->planner, &r->slot);
	df_plan_resolve(&r->planner, &r->slot, &none);
	r->made = true;
}

/* Pages of zeros have been taken out: again, by the same rule (pipe/sieve.c). */
static int sift(struct df_refill *r, uint64_t chunk, uint64_t words[DF_CHUNK_WORDS], struct df_err *err)
{
	unsigned shift = r->planner.d->page_shift;

	for (unsigned i = 0; i < DF_CHUNK_WORDS; i++) {
		for (uint64_t m = words[i]; m; m &= m - 1) {
			uint64_t pfn = (chunk << DF_CHUNK_SHIFT) + i * 64 + (unsigned)__builtin_ctzll(m);
			const uint8_t *page = df_reader_page(&r->reader, pfn << shift, (size_t)1 << shift, err);

			if (!page && err->code == DUMPFILTER_E_NOMEM)
				return err->code;
			if (page && df_is_zero(page, (size_t)1 << shift))
				words[i] &= ~(m & -m);
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
	struct df_refill *r = user;

	make_chunk(r, chunk);
	memcpy(words, r->slot.keep, sizeof r->slot.keep);
	if (chunk < r->planner.p->vmemmap_end)
		without_vmemmap(&r->planner.p->vmemmap, chunk, words);
	return stage & DF_STAGE_SIFTED ? sift(r, chunk, words, err) : 0;
}

static int refill_forbidden(void *user, uint64_t chunk, unsigned stage, uint64_t words[DF_CHUNK_WORDS],
			    struct df_err *err)
{
	struct df_refill *r = user;

	(void)stage;
	(void)err;
	make_chunk(r, chunk);
	memcpy(words, r->slot.forbidden, sizeof r->slot.forbidden);
	return 0;
}

static int init(struct df_refill *r, struct df_dump *d, struct df_err *err)
{
	struct df_planner *x = &r->planner;
	uint64_t doubts;
	int rc = 0;

	if (df_writer_find(r->cfg.format)->sifts)
		rc = df_reader_init(&r->reader, &d->image, DF_WINDOW_COPY, err);
	if (!rc && df_dump_classifies(d, &r->cfg))
		rc = df_plan_start(x, 1, err);
	if (!rc && d->plan.listed)
		rc = df_plan_list(x, &doubts, err);
	if (!rc)
		rc = df_pageset_refill(&d->plan.keep, refill_keep, r, err);
	if (!rc && d->plan.forbidden.env)
		rc = df_pageset_refill(&d->plan.forbidden, refill_forbidden, r, err);
	return rc;
}

int df_refill_start(struct df_dump *d, const struct dumpfilter_config *cfg, struct df_err *err)
{
	struct df_refill *r = df_alloc(d->env, sizeof *r);
	int rc;

	if (!r)
		return df_err_nomem(err, d->env, "planning in a window", sizeof *r);
	r->cfg = *cfg;
	if (df_dump_classifies(d, cfg))
		r->cfg.level |= d->image.past.level;
	r->planner = (struct df_planner){ .d = d, .p = &d->plan, .cfg = &r->cfg, .distrust = d->plan.distrust };
	d->plan.refill = r;
	d->plan.keep.may_drop = d->plan.forbidden.may_drop = true;
	rc = init(r, d, err);
	if (rc < 0)
		df_refill_stop(&d->plan);
	return rc;
}

int df_refill_where_needed(struct df_dump *d, const struct dumpfilter_config *cfg, struct df_err *err)
{
	struct df_plan *p = &d->plan;
	int r;

	if (p->refill)
		return 0;
	if (!(p->keep.dropped + p->forbidden.dropped)) {
		p->keep.may_drop = p->forbidden.may_drop = false; /* there is nobody who would make them again */
		return 0;
	}
	r = df_refill_start(d, cfg, err);
	return r == DUMPFILTER_E_NOMEM ? df_refill_drop_all(d, cfg, err) : r;
}

int df_refill_drop_all(struct df_dump *d, const struct dumpfilter_config *cfg, struct df_err *err)
{
	struct df_plan *p = &d->plan;

	df_pageset_drop(&p->keep);
	df_pageset_drop(&p->forbidden);
	return p->refill ? 0 : df_refill_start(d, cfg, err);
}

void df_refill_stop(struct df_plan *p)
{
	struct df_refill *r = p->refill;

	if (!r)
		return;
	df_pageset_no_refill(&p->keep);
	df_pageset_no_refill(&p->forbidden);
	p->keep.may_drop = p->forbidden.may_drop = false;
	df_plan_stop(&r->planner);
	df_reader_fini(&r->reader);
	df_free(r->planner.d->env, r);
	p->refill = NULL;
}
