/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The plan: chunks classified in parallel, taken in order; what a unit spills into later chunks is applied then. */
#include "base/pool.h"
#include "run/canaries.h"
#include "run/free_pages.h"
#include "run/plan_vmemmap.h"
#include "run/refill.h"
#include "run/steps.h"
#include "writer/writer.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

#define BEYOND_WARN 1024u /* frames behind the memory map: more than a device's ROM is worth a warning */

double df_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

uint64_t df_dump_chunks(const struct df_dump *d)
{
	return df_image_pages(&d->image, DF_STORED, d->page_shift, UINT64_MAX) >> DF_CHUNK_SHIFT;
}

static int make(void *user, void *slot, struct df_err *err)
{
	struct df_planner *x = user;
	struct df_plan_slot *s = slot;
	uint64_t pfn = x->next << DF_CHUNK_SHIFT;

	if (pfn >= x->p->max_pfn)
		return 0;
	/* over holes, and over what is described but not stored, in one step */
	if (!df_image_next(&x->d->image, DF_STORED, x->d->page_shift, pfn, &pfn, NULL) || pfn >= x->p->max_pfn)
		return 0;
	if (df_cancelled(x->d->env))
		return df_err_set(err, DUMPFILTER_E_CANCELLED, "cancelled");
	s->c.chunk = pfn >> DF_CHUNK_SHIFT;
	x->next = s->c.chunk + 1;
	return 1;
}

static int take(void *user, void *slot, struct df_err *err)
{
	struct df_planner *x = user;
	struct df_plan_slot *s = slot;
	struct dumpfilter_progress pr = { .phase = DUMPFILTER_PHASE_PLAN, .total = x->p->max_pfn };
	int r;

	df_counts_add(&x->p->count, &s->count, 1);
	for (unsigned i = 0; i < DF_SET_COUNT; i++)
		x->hits[i] += s->hits[i];
	pr.done = (s->c.chunk + 1) << DF_CHUNK_SHIFT;
	if (pr.done > pr.total)
		pr.done = pr.total;
	df_progress(x->d->env, &pr);
	r = x->p->forbidden.env ? df_pageset_store(&x->p->forbidden, s->c.chunk, s->forbidden, err) : 0;
	if (!r)
		r = df_plan_vmemmap_judge(x, s, err);
	return r ? r : df_pageset_store(&x->p->keep, s->c.chunk, s->keep, err);
}

static int scan(struct df_planner *x, struct df_err *err)
{
	static const struct df_pool_ops ops = {
		.make = make, .work = df_plan_work, .order = df_plan_order, .write = df_plan_resolve, .take = take
	};
	struct df_env *env = x->d->env;
	unsigned threads = x->cfg->threads, nslots = threads > 1 ? 2 * threads : 1;
	struct df_plan_slot *slots = df_alloc_array(env, nslots, sizeof *slots);
	int r;

	if (!slots)
		return df_err_nomem(err, env, "workers", nslots * sizeof *slots);
	r = df_pool_run(env, &ops, x, threads, slots, sizeof *slots, nslots, err);
	for (unsigned i = 0; i < nslots; i++)
		df_vmemmap_part_fini(&slots[i].vmemmap, env);
	df_free(env, slots);
	return r;
}

/* May this image be planned?  0, also where nothing can be told apart, or the reason why not in err. */
static int judge(struct df_dump *d, const struct dumpfilter_config *cfg, struct df_plan *p, struct df_err *err)
{
	if (d->can_classify || cfg->flags & DUMPFILTER_COPY_ALL)
		return 0;
	if (!d->k.has_text && !d->image.xen_note) {
		*err = d->why_not;
		return cfg->level <= DUMPFILTER_LEVEL_ZERO ? 0 : err->code;
	}
	/* One chance: a dump with everything in it is better than none. */
	p->kept_more = cfg->level > DUMPFILTER_LEVEL_ZERO;
	df_log(d->env, p->kept_more ? DUMPFILTER_LOG_WARN : DUMPFILTER_LOG_INFO,
	       "pages cannot be told apart, all are kept: %s", d->why_not.text);
	return 0;
}

void df_plan_set_end(struct df_dump *d, const struct dumpfilter_config *cfg, struct df_plan *p)
{
	bool classifies = df_dump_classifies(d, cfg);
	const struct df_image *img = &d->image;
	uint64_t round = (UINT64_C(1) << d->page_shift) - 1, end = (d->image.end_paddr + round) >> d->page_shift;
	const struct df_extents *stored = &img->stored;

	/* where no memory map sets bounds, headers may describe any amount of memory that is not in the file */
	if ((!classifies || d->map.section_shift == 64) && !img->frame_shift)
		end = stored->n ? (stored->v[stored->n - 1].end + round) >> d->page_shift : 0;
	p->max_pfn = end;
	p->described_pages = df_image_pages(img, DF_DESCRIBED, d->page_shift, end);
	/* memory behind the last struct page is none that the kernel knew (device ROMs, mem=): makedumpfile cuts there
	 */
	if (classifies && !d->map.odd_sections && d->map.end_pfn < end) {
		p->max_pfn = d->map.end_pfn;
		p->beyond_pages = p->described_pages - df_image_pages(img, DF_DESCRIBED, d->page_shift, p->max_pfn);
		p->described_pages -= p->beyond_pages;
	}
}

static void conclude(struct df_dump *d, const struct dumpfilter_config *cfg, struct df_plan *p)
{
	if (d->image.truncated)
		p->truncated_pages = (d->image.missing_bytes + (UINT64_C(1) << d->page_shift) - 1) >> d->page_shift;
	if (p->beyond_pages)
		df_log(d->env, p->beyond_pages > BEYOND_WARN ? DUMPFILTER_LOG_WARN : DUMPFILTER_LOG_INFO,
		       "%" PRIu64 " pages behind the kernel's memory map are left out", p->beyond_pages);
	if (d->map.odd_sections && !(cfg->flags & DUMPFILTER_COPY_ALL)) {
		df_log(d->env, DUMPFILTER_LOG_WARN,
		       "%" PRIu64 " memory sections are not where they must be: their pages are kept",
		       d->map.odd_sections);
		p->kept_more = true;
	}
	if (p->count.unreadable_structs) {
		df_log(d->env, DUMPFILTER_LOG_WARN, "struct pages of %" PRIu64 " pages cannot be read: they are kept",
		       p->count.unreadable_structs);
		p->kept_more = true;
	}
	if (p->count.doubtful)
		df_log(d->env, DUMPFILTER_LOG_INFO,
		       "%" PRIu64 " pages are kept because their page structures "
		       "contradict each other",
		       p->count.doubtful);
}

static int start_sets(struct df_planner *x, struct df_err *err)
{
	struct df_plan *p = x->p;
	int r = df_pageset_init(&p->keep, x->d->env, p->max_pfn, err);

	if (!r && df_writer_find(x->cfg->format)->needs_forbidden)
		r = df_pageset_init(&p->forbidden, x->d->env, p->max_pfn, err);
	p->keep.may_drop = p->forbidden.may_drop = true;
	return r;
}

/* One pass over all chunks. */
static int pass(struct df_planner *x, struct df_err *err)
{
	struct df_dump *d = x->d;
	struct df_plan *p = x->p;
	struct dumpfilter_progress pr = { .phase = DUMPFILTER_PHASE_PLAN };
	bool kept_more = p->kept_more;
	int r;

	df_dump_plan_fini(p);
	p->kept_more = kept_more;
	df_plan_set_end(d, x->cfg, p);
	pr.total = p->max_pfn;
	df_progress(d->env, &pr);
	r = start_sets(x, err);
	if (!r)
		r = df_plan_vmemmap_begin(x, err);
	if (!r)
		r = scan(x, err);
	if (r < 0)
		return r;
	pr.done = pr.total;
	df_progress(d->env, &pr);
	return 0;
}

/* Sets that are not believed after a pass; each is named in a warning.  Struct pages that look free and are not would
 * cost kernel pages, and the zones' counters are evidence of another kind. */
static unsigned misread(struct df_planner *x)
{
	unsigned sets = df_canaries_judge(x);

	if (!(x->distrust >> DF_SET_FREE & 1) && !df_plan_free_pages_agree(x)) {
		df_log(x->d->env, DUMPFILTER_LOG_WARN,
		       "%" PRIu64 " pages look free, far more than the kernel counted: none is left out as free",
		       x->p->count.class_pages[DUMPFILTER_CLASS_FREE]);
		sets |= 1u << DF_SET_FREE;
	}
	return sets;
}

/* Again without the sets that cannot be right, which may uncover others behind them. */
static int passes(struct df_planner *x, struct df_err *err)
{
	unsigned sets;
	int r = pass(x, err);

	while (r >= 0 && (sets = misread(x))) {
		x->p->kept_more = true;
		x->distrust |= sets;
		x->next = 0;
		memset(x->spill_end, 0, sizeof x->spill_end);
		memset(x->hits, 0, sizeof x->hits);
		r = pass(x, err);
	}
	return r;
}

void df_dump_plan_fini(struct df_plan *p)
{
	df_refill_stop(p);
	df_pageset_fini(&p->vmemmap);
	df_pageset_fini(&p->forbidden);
	df_pageset_fini(&p->keep);
	*p = (struct df_plan){ 0 };
}

int df_dump_plan(struct df_dump *d, const struct dumpfilter_config *cfg, struct df_err *err)
{
	struct df_plan *p = &d->plan;
	struct dumpfilter_config in_force = *cfg;
	struct df_planner x = { .d = d, .p = p, .cfg = &in_force };
	double start = df_now();
	int r;

	/* each has buffers to be made ready: no more than find a chunk to do */
	if (in_force.threads > df_dump_chunks(d) + 1)
		in_force.threads = (unsigned)df_dump_chunks(d) + 1;
	p->kept_more = false;
	r = judge(d, cfg, p, err);
	if (df_dump_classifies(d, cfg))
		in_force.level |= d->image.past.level; /* as if the vmcore were dumped at once */
	if (!r && df_dump_classifies(d, cfg))
		r = df_plan_start(&x, in_force.threads, err);
	if (!r && x.scanners)
		r = df_canaries_find(d, df_scanner_walker(&x.scanners[0]), err);
	if (!r && x.scanners)
		r = df_plan_walk_lists(&x, err);
	if (!r)
		r = passes(&x, err);
	df_plan_stop(&x);
	p->listed = x.use_list;
	p->distrust = x.distrust;
	if (!r)
		r = df_refill_where_needed(d, &in_force, err);
	if (!r)
		r = df_plan_vmemmap_finish(&x, err);
	df_vmemmap_fini(&x.vmemmap);
	if (r < 0) {
		df_dump_plan_fini(p);
		return r;
	}
	conclude(d, cfg, p);
	p->seconds = df_now() - start;
	return p->kept_more ? DUMPFILTER_WARN : 0;
}
