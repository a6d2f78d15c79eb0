/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What happens where memory is short, in this order: fewer threads; bits of the plan are dropped and made again when
 * they are needed (run/refill.h); an error before the output is touched, which says how much is needed.
 */
#ifndef DF_RUN_MEMORY_H
#define DF_RUN_MEMORY_H

#include "run/dump.h"

/* df_dump_plan() and df_dump_run() on this ladder; config->threads becomes the number in force. */
int df_memory_plan(struct df_dump *dump, struct dumpfilter_config *config, struct df_err *err);
int df_memory_run(struct df_dump *dump, struct dumpfilter_config *config, struct dumpfilter_report *report,
		  struct df_err *err);

/* A plan is made: do what only reads what it keeps, on the same ladder. */
typedef int (*df_read_fn)(struct df_dump *dump, const struct dumpfilter_config *config, void *user, struct df_err *err);
int df_memory_read(struct df_dump *dump, struct dumpfilter_config *config, df_read_fn fn, void *user,
		   struct df_err *err);

/* A plan is made: have bytes free under the limit, if that takes dropping bits of it.  Best effort. */
void df_memory_make_room(struct df_dump *dump, const struct dumpfilter_config *config, size_t bytes);

/* Put the limit in force: the one that is configured, or, where that is 0, one of what the system has left. */
void df_memory_limit(struct df_env *env, size_t configured);

#endif
