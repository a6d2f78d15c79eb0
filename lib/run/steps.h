/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The steps that make the bits of one chunk, for the pass over all of them and for making single ones again. */
#ifndef DF_RUN_STEPS_H
#define DF_RUN_STEPS_H

#include "run/vmemmap.h"

/* One chunk on its way through the pass.  Belongs to the worker that has it, then to the ordered steps. */
struct df_plan_slot {
	struct df_classes classes;
	uint64_t stored[DF_CHUNK_WORDS];
	uint64_t keep[DF_CHUNK_WORDS], forbidden[DF_CHUNK_WORDS];
	struct df_counts count;
	uint64_t hits[DF_SET_COUNT]; /* canaries that were in a set */
	struct df_vmemmap_part vmemmap;
};

/* One pass over all chunks, or what makes single ones again.  work() only reads it; next, spill_end and the plan's sets
 * are changed by one thread at a time, in the order of chunks. */
struct df_planner {
	struct df_dump *dump;
	struct df_plan *plan;
	const struct dumpfilter_config *config;
	struct df_classifier classifier;
	struct df_scanner *scanners; /* one per worker; NULL: nothing is classified, all is kept */
	unsigned nscanners;
	struct df_pageset listed; /* free blocks found by walking the lists (run/free_pages.h) */
	bool use_list;
	unsigned distrust;                /* a bit for each set whose pages are kept, as they cannot be what it says */
	uint64_t hits[DF_SET_COUNT];      /* canaries that were in a set */
	uint64_t next;                    /* chunk */
	uint64_t spill_end[DF_SET_COUNT]; /* units begun in earlier chunks reach up to these frames */
	struct df_vmemmap vmemmap;
	bool use_vmemmap; /* it is asked for, and as far as is known something can be left out */
};

/* n scanners.  Afterwards, also of a failure, df_plan_stop(). */
int df_plan_start(struct df_planner *planner, unsigned count, struct df_err *err);
void df_plan_stop(struct df_planner *planner);

/* Steps of the pool, in this order; slot: a struct df_plan_slot whose classes.chunk is set, user: a struct df_planner.
 * work: what the chunk's frames are by themselves.  order: what reaches into it from the chunks before.  resolve:
 * what is kept.  None of them fails, but for work where use_vmemmap is set. */
int df_plan_work(void *user, void *slot, unsigned worker, struct df_err *err);
void df_plan_order(void *user, void *slot);
int df_plan_resolve(void *user, void *slot, struct df_err *err);

#endif
