/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which pages are free: what the allocator's own lists and counters say beside the struct pages. */
#ifndef DF_RUN_FREE_PAGES_H
#define DF_RUN_FREE_PAGES_H

#include "run/steps.h"

/* Kernels before 3.9 do not say how a free block is recognised: walk their lists, with scanner 0.  *doubts: lists that
 * are damaged.  E_NOINFO: they cannot be walked either. */
int df_plan_list(struct df_planner *planner, uint64_t *doubts, struct df_err *err);
/* The same for the plan: what is missing or damaged means that more is kept. */
int df_plan_walk_lists(struct df_planner *planner, struct df_err *err);
/* After the pass: does what was found agree with the kernel's counters? */
bool df_plan_free_pages_agree(struct df_planner *planner);

#endif
