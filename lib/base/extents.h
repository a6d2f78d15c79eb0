/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Ranges that say where bytes are: physical memory in a file, a file in a stream. */
#ifndef DF_BASE_EXTENTS_H
#define DF_BASE_EXTENTS_H

#include "base/env.h"

#include <stdint.h>

/* Bytes [start, end) of what is described are in the file from offset on.  All three are bytes, and end is at least
 * start: a range of no bytes holds nothing. */
struct df_extent {
	uint64_t start, end, offset;
};

/* Owns its array, from the dump's allocator.  Built once and then only read, so any number of threads may search it.
 * Zeroed: an empty list. */
struct df_extents {
	struct df_extent *extent; /* sorted, disjoint */
	size_t count, cap;
};

/* Index of the first extent that ends behind addr (extents->count: none). */
size_t df_extents_find(const struct df_extents *extents, uint64_t addr);
/* extents := the ranges of in[count] (any order, empty ones are skipped), disjoint and sorted; where they overlap the
 * one that comes first in in[] wins; neighbours that continue each other are joined.  merge: offsets do not matter. */
int df_extents_build(struct df_extents *extents, struct df_env *env, const struct df_extent *extent, size_t count,
		     bool merge, struct df_err *err);

#endif
