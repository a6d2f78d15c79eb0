/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "run/plan_vmemmap.h"

int df_plan_vmemmap_begin(struct df_planner *x, struct df_err *err)
{
	int r;

	df_vmemmap_fini(&x->vmemmap);
	if (!(x->cfg->flags & DUMPFILTER_EXCLUDE_VMEMMAP))
		return 0;
	r = df_vmemmap_begin(&x->vmemmap, x->d, x->scanners ? df_scanner_walker(&x->scanners[0]) : NULL, err);
	x->use_vmemmap = !r && !x->vmemmap.why_not;
	return r;
}

/* Struct pages of what the plan leaves out, but of poisoned pages: these say which memory is faulty. */
int df_plan_vmemmap_judge(struct df_planner *x, const struct df_plan_slot *s, struct df_err *err)
{
	uint64_t out[DF_CHUNK_WORDS];

	if (!x->use_vmemmap)
		return 0;
	for (unsigned w = 0; w < DF_CHUNK_WORDS; w++)
		out[w] = s->stored[w] & ~s->keep[w] & ~s->c.w[DF_SET_HWPOISON][w];
	return df_vmemmap_judge(&x->vmemmap, &s->vmemmap, out, err);
}

int df_plan_vmemmap_finish(struct df_planner *x, struct df_err *err)
{
	const char *why = NULL;
	int r;

	if (!(x->cfg->flags & DUMPFILTER_EXCLUDE_VMEMMAP))
		return 0;
	r = df_vmemmap_finish(&x->vmemmap, &x->p->keep, &x->p->vmemmap, err);
	if (!r)
		r = df_vmemmap_subtract(&x->p->keep, &x->p->vmemmap, &x->p->vmemmap_end, err);
	if (r < 0)
		return r;
	if (x->vmemmap.why_not) {
		x->p->kept_more = true;
		why = x->vmemmap.why_not;
	} else if (!x->p->vmemmap.count) {
		why = "each page of them is also about pages that are kept";
	}
	if (why)
		df_log(x->d->env, DUMPFILTER_LOG_WARN, "no struct pages are left out: %s", why);
	return 0;
}
