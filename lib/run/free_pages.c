/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "run/free_pages.h"

#include "classify/zones.h"

#include <inttypes.h>

int df_plan_list(struct df_planner *planner, uint64_t *doubts, struct df_err *err)
{
	struct df_dump *dump = planner->dump;
	int result;

	*doubts = 0;
	if (df_known(&dump->rules, DF_BUDDY))
		return 0;
	result = df_pageset_init(&planner->listed, dump->env, dump->memmap.end_pfn, err);
	if (!result)
		result = df_freelist_walk(&planner->classifier, &dump->kernel, df_scanner_walker(&planner->scanners[0]),
					  &planner->listed, doubts, err);
	planner->use_list = !result;
	return result;
}

int df_plan_walk_lists(struct df_planner *planner, struct df_err *err)
{
	struct df_env *env = planner->dump->env;
	uint64_t doubts;
	int result = df_plan_list(planner, &doubts, err);

	if (result == DUMPFILTER_E_NOINFO) {
		if (planner->config->level & DUMPFILTER_LEVEL_FREE) {
			df_log(env, DUMPFILTER_LOG_WARN, "%s", err->text);
			planner->plan->kept_more = true;
		}
		return 0;
	}
	if (doubts) {
		df_log(env, DUMPFILTER_LOG_WARN, "%" PRIu64 " free lists are damaged: what they held is kept", doubts);
		planner->plan->kept_more = true;
	}
	return result;
}

/* The kernel counted its free pages, too: where far more look free than it knew of, something is misread, and nothing
 * is left out as free.  (CPUs hold back a few hundred changes each, and pages move while the machine dies.) */
bool df_plan_free_pages_agree(struct df_planner *planner)
{
	struct df_dump *dump = planner->dump;
	uint64_t counted = planner->plan->count.class_pages[DUMPFILTER_CLASS_FREE], known;

	if (!planner->scanners || !df_zones_free_pages(&dump->kernel, df_scanner_walker(&planner->scanners[0]), &known))
		return true;
	df_log(dump->env, DUMPFILTER_LOG_DEBUG, "free pages: %" PRIu64 " found, %" PRIu64 " by the kernel's counters",
	       counted, known);
	return counted <= known + known / 8 + 4096 + 512 * (uint64_t)dump->image.cpus;
}
