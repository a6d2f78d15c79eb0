/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "run/free_pages.h"

#include "classify/zones.h"

#include <inttypes.h>

int df_plan_list(struct df_planner *x, uint64_t *doubts, struct df_err *err)
{
	struct df_dump *d = x->d;
	int r;

	*doubts = 0;
	if (df_known(&d->rules, DF_BUDDY))
		return 0;
	r = df_pageset_init(&x->listed, d->env, d->map.end_pfn, err);
	if (!r)
		r = df_freelist_walk(&x->classifier, &d->k, df_scanner_walker(&x->scanners[0]), &x->listed, doubts,
				     err);
	x->use_list = !r;
	return r;
}

int df_plan_walk_lists(struct df_planner *x, struct df_err *err)
{
	struct df_env *env = x->d->env;
	uint64_t doubts;
	int r = df_plan_list(x, &doubts, err);

	if (r == DUMPFILTER_E_NOINFO) {
		if (x->cfg->level & DUMPFILTER_LEVEL_FREE) {
			df_log(env, DUMPFILTER_LOG_WARN, "%s", err->text);
			x->p->kept_more = true;
		}
		return 0;
	}
	if (doubts) {
		df_log(env, DUMPFILTER_LOG_WARN, "%" PRIu64 " free lists are damaged: what they held is kept", doubts);
		x->p->kept_more = true;
	}
	return r;
}

/* The kernel counted its free pages, too: where far more look free than it knew of, something is misread, and nothing
 * is left out as free.  (CPUs hold back a few hundred changes each, and pages move while the machine dies.) */
bool df_plan_free_pages_agree(struct df_planner *x)
{
	struct df_dump *d = x->d;
	uint64_t counted = x->p->count.class_pages[DUMPFILTER_CLASS_FREE], known;

	if (!x->scanners || !df_zones_free_pages(&d->k, df_scanner_walker(&x->scanners[0]), &known))
		return true;
	df_log(d->env, DUMPFILTER_LOG_DEBUG, "free pages: %" PRIu64 " found, %" PRIu64 " by the kernel's counters",
	       counted, known);
	return counted <= known + known / 8 + 4096 + 512 * (uint64_t)d->image.cpus;
}
