/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Frames that are the kernel's own beyond doubt: those that hold struct pages, the start of its text, the variables
 * that VMCOREINFO names, page tables' root, zones and the log buffer.  No level leaves them out, and a class that
 * claims one of them is misread: what else it claims is not believed either.
 */
#ifndef DF_RUN_CANARIES_H
#define DF_RUN_CANARIES_H

#include "run/steps.h"

/* Find them, into dump->canaries.  What cannot be translated is not among them.  walker: of this thread.  E_NOMEM. */
int df_canaries_find(struct df_dump *dump, struct df_walker *walker, struct df_err *err);
void df_canaries_fini(struct df_dump *dump);

/* Take the canaries of a chunk out of all its classes; hits[set] counts those that were in one. */
void df_canaries_protect(const struct df_dump *dump, struct df_classes *classes, uint64_t hits[DF_SET_COUNT]);

/* After a pass: a bit for each set that is not to be believed; each is named in a warning. */
unsigned df_canaries_judge(struct df_planner *planner);

#endif
