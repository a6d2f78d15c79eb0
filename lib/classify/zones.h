/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Nodes and zones of the kernel's page allocator: for counting what is free, and for lists of free blocks.  All links
 * come from the crashed machine, so the walk has a budget and not an end. */
#ifndef DF_CLASSIFY_ZONES_H
#define DF_CLASSIFY_ZONES_H

#include "kdesc/kdesc.h"
#include "xlat/xlat.h"

/* A walk over all populated zones.  each: address of a struct zone; negative stops. */
struct df_zones {
	const struct df_kdesc *kernel;
	struct df_walker *walker;
	int (*each)(struct df_zones *zones, uint64_t zone);
	void *user;
	unsigned word;   /* bytes of an unsigned long */
	uint64_t budget; /* zones and list entries that may still be looked at: damaged links may never end */
	uint64_t doubts; /* nodes, zones or lists that could not be followed */
	struct df_err *err;
};

/* Are the facts there that the walk needs? */
bool df_zones_known(const struct df_kdesc *kernel);
/* Of the budget; false = used up, or the dump was cancelled. */
bool df_zones_spend(struct df_zones *zones);
/* What each() returned, where negative; damage only counts in doubts. */
int df_zones_foreach(struct df_zones *zones);

/* Sum of the zones' own counters of free pages; false = not known.  Each CPU may hold back a few hundred of changes. */
bool df_zones_free_pages(const struct df_kdesc *kernel, struct df_walker *walker, uint64_t *pages);

#endif
