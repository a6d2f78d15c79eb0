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
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

uint64_t df_dump_chunks(const struct df_dump *dump)
{
	return df_image_pages(&dump->image, DF_STORED, dump->page_shift, UINT64_MAX) >> DF_CHUNK_SHIFT;
}

static int make(void *user, void *slot, struct df_err *err)
{
	struct df_planner *planner = user;
	struct df_plan_slot *plan_slot = slot;
	uint64_t pfn = planner->next << DF_CHUNK_SHIFT;

	if (pfn >= planner->plan->max_pfn)
		return 0;
	/* over holes, and over what is described but not stored, in one step */
	if (!df_image_next(&planner->dump->image, DF_STORED, planner->dump->page_shift, pfn, &pfn, NULL) ||
	    pfn >= planner->plan->max_pfn)
		return 0;
	if (df_cancelled(planner->dump->env))
		return df_err_set(err, DUMPFILTER_E_CANCELLED, "cancelled");
	plan_slot->classes.chunk = pfn >> DF_CHUNK_SHIFT;
	planner->next = plan_slot->classes.chunk + 1;
	return 1;
}

static int take(void *user, void *slot, struct df_err *err)
{
	struct df_planner *planner = user;
	struct df_plan_slot *plan_slot = slot;
	struct dumpfilter_progress progress = { .phase = DUMPFILTER_PHASE_PLAN, .total = planner->plan->max_pfn };
	int result;

	df_counts_add(&planner->plan->count, &plan_slot->count, 1);
	for (unsigned i = 0; i < DF_SET_COUNT; i++)
		planner->hits[i] += plan_slot->hits[i];
	progress.done = (plan_slot->classes.chunk + 1) << DF_CHUNK_SHIFT;
	if (progress.done > progress.total)
		progress.done = progress.total;
	df_progress(planner->dump->env, &progress);
	result = planner->plan->forbidden.env ? df_pageset_store(&planner->plan->forbidden, plan_slot->classes.chunk,
								 plan_slot->forbidden, err)
					      : 0;
	if (!result)
		result = df_plan_vmemmap_judge(planner, plan_slot, err);
	return result ? result : df_pageset_store(&planner->plan->keep, plan_slot->classes.chunk, plan_slot->keep, err);
}

static int scan(struct df_planner *planner, struct df_err *err)
{
	static const struct df_pool_ops pool_ops = {
		.make = make, .work = df_plan_work, .order = df_plan_order, .write = df_plan_resolve, .take = take
	};
	struct df_env *env = planner->dump->env;
	unsigned threads = planner->config->threads, nslots = threads > 1 ? 2 * threads : 1;
	struct df_plan_slot *slots = df_alloc_array(env, nslots, sizeof *slots);
	int result;

	if (!slots)
		return df_err_nomem(err, env, "workers", nslots * sizeof *slots);
	result = df_pool_run(env, &pool_ops, planner, threads, slots, sizeof *slots, nslots, err);
	for (unsigned i = 0; i < nslots; i++)
		df_vmemmap_part_fini(&slots[i].vmemmap, env);
	df_free(env, slots);
	return result;
}

/* May this image be planned?  0, also where nothing can be told apart, or the reason why not in err. */
static int judge(struct df_dump *dump, const struct dumpfilter_config *config, struct df_plan *plan, struct df_err *err)
{
	if (dump->can_classify || config->flags & DUMPFILTER_COPY_ALL)
		return 0;
	if (!dump->kernel.has_text && !dump->image.xen_note) {
		*err = dump->why_not;
		return config->level <= DUMPFILTER_LEVEL_ZERO ? 0 : err->code;
	}
	/* One chance: a dump with everything in it is better than none. */
	plan->kept_more = config->level > DUMPFILTER_LEVEL_ZERO;
	df_log(dump->env, plan->kept_more ? DUMPFILTER_LOG_WARN : DUMPFILTER_LOG_INFO,
	       "pages cannot be told apart, all are kept: %s", dump->why_not.text);
	return 0;
}

/* Behind the last byte that the file holds. */
static uint64_t stored_end(const struct df_dump *dump)
{
	const struct df_extents *stored = &dump->image.stored;
	uint64_t round = (UINT64_C(1) << dump->page_shift) - 1;

	return stored->count ? (stored->extent[stored->count - 1].end + round) >> dump->page_shift : 0;
}

/* Memory behind the last struct page is none that the kernel knew (device ROMs): makedumpfile cuts there.  More than a
 * ROM's worth of it that is in the file speaks for a memory map of which a part is lost, and is kept. */
static void cut_behind_map(const struct df_dump *dump, struct df_plan *plan)
{
	const struct df_image *image = &dump->image;
	unsigned shift = dump->page_shift;
	uint64_t end = dump->memmap.end_pfn, stored = df_image_pages(image, DF_STORED, shift, UINT64_MAX);

	stored -= df_image_pages(image, DF_STORED, shift, end);
	if (stored > BEYOND_WARN) {
		plan->unmapped_pages = stored;
		if (!image->frame_shift)
			plan->max_pfn = stored_end(dump);
		plan->described_pages = df_image_pages(image, DF_DESCRIBED, shift, plan->max_pfn);
		return;
	}
	plan->max_pfn = end;
	plan->beyond_pages = plan->described_pages - df_image_pages(image, DF_DESCRIBED, shift, end);
	plan->described_pages -= plan->beyond_pages;
}

void df_plan_set_end(struct df_dump *dump, const struct dumpfilter_config *config, struct df_plan *plan)
{
	bool classifies = df_dump_classifies(dump, config);
	const struct df_image *image = &dump->image;
	uint64_t round = (UINT64_C(1) << dump->page_shift) - 1,
		 end = (dump->image.end_paddr + round) >> dump->page_shift;

	/* where no memory map sets bounds, headers may describe any amount of memory that is not in the file */
	if ((!classifies || dump->memmap.section_shift == 64) && !image->frame_shift)
		end = stored_end(dump);
	plan->max_pfn = end;
	plan->described_pages = df_image_pages(image, DF_DESCRIBED, dump->page_shift, end);
	if (classifies && !dump->memmap.odd_sections && dump->memmap.end_pfn < end)
		cut_behind_map(dump, plan);
}

static void conclude(struct df_dump *dump, const struct dumpfilter_config *config, struct df_plan *plan)
{
	if (dump->image.truncated)
		plan->truncated_pages = (dump->image.missing_bytes + (UINT64_C(1) << dump->page_shift) - 1) >>
					dump->page_shift;
	if (plan->unmapped_pages) {
		df_log(dump->env, DUMPFILTER_LOG_WARN,
		       "%" PRIu64 " pages lie behind the kernel's memory map: they are kept", plan->unmapped_pages);
		plan->kept_more = true;
	}
	if (plan->beyond_pages)
		df_log(dump->env, plan->beyond_pages > BEYOND_WARN ? DUMPFILTER_LOG_WARN : DUMPFILTER_LOG_INFO,
		       "%" PRIu64 " pages behind the kernel's memory map are left out", plan->beyond_pages);
	if (dump->memmap.odd_sections && !(config->flags & DUMPFILTER_COPY_ALL)) {
		df_log(dump->env, DUMPFILTER_LOG_WARN,
		       "%" PRIu64 " memory sections are not where they must be: their pages are kept",
		       dump->memmap.odd_sections);
		plan->kept_more = true;
	}
	if (plan->count.unreadable_structs) {
		df_log(dump->env, DUMPFILTER_LOG_WARN,
		       "struct pages of %" PRIu64 " pages cannot be read: they are kept",
		       plan->count.unreadable_structs);
		plan->kept_more = true;
	}
	if (plan->count.doubtful)
		df_log(dump->env, DUMPFILTER_LOG_INFO,
		       "%" PRIu64 " pages are kept because their page structures "
		       "contradict each other",
		       plan->count.doubtful);
}

static int start_sets(struct df_planner *planner, struct df_err *err)
{
	struct df_plan *plan = planner->plan;
	int result = df_pageset_init(&plan->keep, planner->dump->env, plan->max_pfn, err);

	if (!result && df_writer_find(planner->config->format)->needs_forbidden)
		result = df_pageset_init(&plan->forbidden, planner->dump->env, plan->max_pfn, err);
	plan->keep.may_drop = plan->forbidden.may_drop = true;
	return result;
}

/* One pass over all chunks. */
static int pass(struct df_planner *planner, struct df_err *err)
{
	struct df_dump *dump = planner->dump;
	struct df_plan *plan = planner->plan;
	struct dumpfilter_progress progress = { .phase = DUMPFILTER_PHASE_PLAN };
	bool kept_more = plan->kept_more;
	int result;

	df_dump_plan_fini(plan);
	plan->kept_more = kept_more;
	df_plan_set_end(dump, planner->config, plan);
	progress.total = plan->max_pfn;
	df_progress(dump->env, &progress);
	result = start_sets(planner, err);
	if (!result)
		result = df_plan_vmemmap_begin(planner, err);
	if (!result)
		result = scan(planner, err);
	if (result < 0)
		return result;
	progress.done = progress.total;
	df_progress(dump->env, &progress);
	return 0;
}

/* Sets that are not believed after a pass; each is named in a warning.  Struct pages that look free and are not would
 * cost kernel pages, and the zones' counters are evidence of another kind. */
static unsigned misread(struct df_planner *planner)
{
	unsigned sets = df_canaries_judge(planner);

	if (!(planner->distrust >> DF_SET_FREE & 1) && !df_plan_free_pages_agree(planner)) {
		df_log(planner->dump->env, DUMPFILTER_LOG_WARN,
		       "%" PRIu64 " pages look free, far more than the kernel counted: none is left out as free",
		       planner->plan->count.class_pages[DUMPFILTER_CLASS_FREE]);
		sets |= 1u << DF_SET_FREE;
	}
	return sets;
}

/* Again without the sets that cannot be right, which may uncover others behind them. */
static int passes(struct df_planner *planner, struct df_err *err)
{
	unsigned sets;
	int result = pass(planner, err);

	while (result >= 0 && (sets = misread(planner))) {
		planner->plan->kept_more = true;
		planner->distrust |= sets;
		planner->next = 0;
		memset(planner->spill_end, 0, sizeof planner->spill_end);
		memset(planner->hits, 0, sizeof planner->hits);
		result = pass(planner, err);
	}
	return result;
}

void df_dump_plan_fini(struct df_plan *plan)
{
	df_refill_stop(plan);
	df_pageset_fini(&plan->vmemmap);
	df_pageset_fini(&plan->forbidden);
	df_pageset_fini(&plan->keep);
	*plan = (struct df_plan){ 0 };
}

int df_dump_plan(struct df_dump *dump, const struct dumpfilter_config *config, struct df_err *err)
{
	struct df_plan *plan = &dump->plan;
	struct dumpfilter_config in_force = *config;
	struct df_planner planner = { .dump = dump, .plan = plan, .config = &in_force };
	double start = df_now();
	int result;

	/* each has buffers to be made ready: no more than find a chunk to do */
	if (in_force.threads > df_dump_chunks(dump) + 1)
		in_force.threads = (unsigned)df_dump_chunks(dump) + 1;
	plan->kept_more = false;
	result = judge(dump, config, plan, err);
	if (df_dump_classifies(dump, config))
		in_force.level |= dump->image.past.level; /* as if the vmcore were dumped at once */
	if (!result && df_dump_classifies(dump, config))
		result = df_plan_start(&planner, in_force.threads, err);
	if (!result && planner.scanners)
		result = df_canaries_find(dump, df_scanner_walker(&planner.scanners[0]), err);
	if (!result && planner.scanners)
		result = df_plan_walk_lists(&planner, err);
	if (!result)
		result = passes(&planner, err);
	df_plan_stop(&planner);
	plan->listed = planner.use_list;
	plan->distrust = planner.distrust;
	if (!result)
		result = df_refill_where_needed(dump, &in_force, err);
	if (!result)
		result = df_plan_vmemmap_finish(&planner, err);
	df_vmemmap_fini(&planner.vmemmap);
	if (result < 0) {
		df_dump_plan_fini(plan);
		return result;
	}
	conclude(dump, config, plan);
	plan->seconds = df_now() - start;
	return plan->kept_more ? DUMPFILTER_WARN : 0;
}
