/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "run/plan_vmemmap.h"

int df_plan_vmemmap_begin(struct df_planner *planner, struct df_err *err)
{
	int result;

	df_vmemmap_fini(&planner->vmemmap);
	if (!(planner->config->flags & DUMPFILTER_EXCLUDE_VMEMMAP))
		return 0;
	result = df_vmemmap_begin(&planner->vmemmap, planner->dump,
				  planner->scanners ? df_scanner_walker(&planner->scanners[0]) : NULL, err);
	planner->use_vmemmap = !result && !planner->vmemmap.why_not;
	return result;
}

/* Struct pages of what the plan leaves out, but of poisoned pages: these say which memory is faulty. */
int df_plan_vmemmap_judge(struct df_planner *planner, const struct df_plan_slot *slot, struct df_err *err)
{
	uint64_t out[DF_CHUNK_WORDS];

	if (!planner->use_vmemmap)
		return 0;
	for (unsigned word = 0; word < DF_CHUNK_WORDS; word++)
		out[word] = slot->stored[word] & ~slot->keep[word] & ~slot->classes.words[DF_SET_HWPOISON][word];
	return df_vmemmap_judge(&planner->vmemmap, &slot->vmemmap, out, err);
}

int df_plan_vmemmap_finish(struct df_planner *planner, struct df_err *err)
{
	const char *why = NULL;
	int result;

	if (!(planner->config->flags & DUMPFILTER_EXCLUDE_VMEMMAP))
		return 0;
	result = df_vmemmap_finish(&planner->vmemmap, &planner->plan->keep, &planner->plan->vmemmap, err);
	if (!result)
		result = df_vmemmap_subtract(&planner->plan->keep, &planner->plan->vmemmap, &planner->plan->vmemmap_end,
					     err);
	if (result < 0)
		return result;
	if (planner->vmemmap.why_not) {
		planner->plan->kept_more = true;
		why = planner->vmemmap.why_not;
	} else if (!planner->plan->vmemmap.count) {
		why = "each page of them is also about pages that are kept";
	}
	if (why)
		df_log(planner->dump->env, DUMPFILTER_LOG_WARN, "no struct pages are left out: %s", why);
	return 0;
}
