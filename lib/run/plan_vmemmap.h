/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The plan's part of DUMPFILTER_EXCLUDE_VMEMMAP (run/vmemmap.h): nothing where it is not asked for. */
#ifndef DF_RUN_PLAN_VMEMMAP_H
#define DF_RUN_PLAN_VMEMMAP_H

#include "run/steps.h"

/* Before the pass. */
int df_plan_vmemmap_begin(struct df_planner *planner, struct df_err *err);
/* A chunk is resolved, in any order: what its struct pages' pages are a candidate or a veto for. */
int df_plan_vmemmap_judge(struct df_planner *planner, const struct df_plan_slot *slot, struct df_err *err);
/* After the pass: take them out of the plan, and say where none can be. */
int df_plan_vmemmap_finish(struct df_planner *planner, struct df_err *err);

#endif
