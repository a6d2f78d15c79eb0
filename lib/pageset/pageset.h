/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A set of page frames: one bit each, in chunks of 2^15 frames; chunks that are all 0 or all 1 take no memory, and
 * neither do blocks of chunks that were never touched, so that a hole of terabytes costs nothing. */
#ifndef DF_PAGESET_PAGESET_H
#define DF_PAGESET_PAGESET_H

#include "base/env.h"

#include <stdint.h>

#define DF_CHUNK_SHIFT 15u
#define DF_CHUNK_PAGES (1u << DF_CHUNK_SHIFT)
#define DF_CHUNK_WORDS (DF_CHUNK_PAGES / 64u)

struct df_pageset {
	struct df_env *env;
	uint64_t npages; /* frames [0, npages) */
	uint64_t nchunks;
	uint64_t count; /* bits set */
	struct df_pageset_block **blocks;
	uint64_t nblocks;
};

/* Empty set.  npages ≤ 2^44. */
int df_pageset_init(struct df_pageset *s, struct df_env *env, uint64_t npages, struct df_err *err);
void df_pageset_fini(struct df_pageset *s); /* also of a zeroed struct */

/* Replace a chunk; bits at and beyond npages must be 0. */
int df_pageset_store(struct df_pageset *s, uint64_t chunk, const uint64_t words[DF_CHUNK_WORDS], struct df_err *err);
void df_pageset_load(const struct df_pageset *s, uint64_t chunk, uint64_t words[DF_CHUNK_WORDS]);
/* Bits set in a chunk, without loading it. */
uint64_t df_pageset_chunk_count(const struct df_pageset *s, uint64_t chunk);

bool df_pageset_test(const struct df_pageset *s, uint64_t pfn); /* false at and beyond npages */
int df_pageset_set_range(struct df_pageset *s, uint64_t first, uint64_t end, struct df_err *err); /* [first, end) */
/* Next run of set bits at or after from: [*first, *end).  false = none.  Runs join over chunk ends. */
bool df_pageset_next_run(const struct df_pageset *s, uint64_t from, uint64_t *first, uint64_t *end);
/* Bits set in [first, end). */
uint64_t df_pageset_count_range(const struct df_pageset *s, uint64_t first, uint64_t end);

#endif
