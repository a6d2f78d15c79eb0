/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Planning in a window: bits of the plan that were dropped for lack of memory are made again, chunk by chunk, when the
 * writer comes to them, by the same steps from the same image.
 */
#ifndef DF_RUN_REFILL_H
#define DF_RUN_REFILL_H

#include "run/dump.h"

/* After planning: where bits were dropped, have what makes them again.  If memory is too short even for that, all bits
 * are dropped first.  0 or E_NOMEM and the like. */
int df_refill_where_needed(struct df_dump *dump, const struct dumpfilter_config *config, struct df_err *err);

/* Drop all bits that can be made again, and have what makes them; from then on others may be dropped, too. */
int df_refill_drop_all(struct df_dump *dump, const struct dumpfilter_config *config, struct df_err *err);

/* Have what makes bits again, whether or not some are dropped. */
int df_refill_start(struct df_dump *dump, const struct dumpfilter_config *config, struct df_err *err);

void df_refill_stop(struct df_plan *plan); /* also where there is none; before the plan's sets are given up */

#endif
