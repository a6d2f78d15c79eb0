/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A set of page frames: one bit each, in chunks of 2^15 frames; chunks that are all 0 or all 1 take no memory, and
 * neither do blocks of chunks that were never touched, so that a hole of terabytes costs nothing.
 *
 * Where memory is short a set may drop bits whose owner can make them again: of such a chunk only the number of bits
 * and a check sum stay, in the slot of its index.  The owner is asked for the bits when somebody looks at them.
 *
 * The folder pageset/ knows frame numbers and nothing of what is in the frames.  It must never give bits that are not
 * those that were stored: a wrong bit is a lost page.  So the check sum of bits that were made again is compared, and a
 * set that has failed says of every frame that it is in it.
 */
#ifndef DF_PAGESET_PAGESET_H
#define DF_PAGESET_PAGESET_H

#include "base/env.h"

#include <stdint.h>

#define DF_CHUNK_SHIFT 15u
#define DF_CHUNK_PAGES (1u << DF_CHUNK_SHIFT)
#define DF_CHUNK_WORDS (DF_CHUNK_PAGES / 64u)

/* Owned by who declares it.  One thread changes it and nobody reads meanwhile; then any number may read, unless bits
 * may be made again (df_pageset_refill()).  Zeroed: a set that was never begun, which df_pageset_fini() takes. */
struct df_pageset {
	struct df_env *env;
	uint64_t npages; /* frames [0, npages) */
	uint64_t nchunks;
	uint64_t count; /* bits set */
	struct df_pageset_block **blocks;
	uint64_t nblocks;
	bool may_drop;    /* where there is no memory for a chunk's bits, go on without them */
	unsigned stage;   /* DF_STAGE_*: added to those of a chunk that is stored */
	uint64_t dropped; /* chunks whose bits are not there */
	struct df_pageset_refill *refill;
};

#define DF_STAGE_SIFTED 1u /* without pages of zeros: the owner has to look for these again */
#define DF_STAGE_PINNED 2u /* changed in a way that the owner cannot repeat: never dropped */

/* The owner: the bits of a chunk as they were when it was stored with these stages.  0 or an error. */
typedef int (*df_pageset_refill_fn)(void *user, uint64_t chunk, unsigned stage, uint64_t words[DF_CHUNK_WORDS],
				    struct df_err *err);

/* Empty set.  npages ≤ 2^44. */
int df_pageset_init(struct df_pageset *pageset, struct df_env *env, uint64_t npages, struct df_err *err);
void df_pageset_fini(struct df_pageset *pageset); /* also of a zeroed struct */

/* Drop the bits of all chunks, but for pinned ones. */
void df_pageset_drop(struct df_pageset *pageset);
/* Who makes dropped bits again, and memory for the last few chunks that were.  From then on the set, also where it is
 * const, is for one thread. */
int df_pageset_refill(struct df_pageset *pageset, df_pageset_refill_fn fn, void *user, struct df_err *err);
/* There is nobody any more: the set has failed if bits are dropped. */
void df_pageset_no_refill(struct df_pageset *pageset);
/* Once bits cannot be made again, or are not what they were, this returns the error, and the set is of no use: it has
 * no more runs, loads nothing and claims to hold whatever it is asked for. */
int df_pageset_failed(const struct df_pageset *pageset, struct df_err *err);
/* Most bytes that the index of one set takes for a block of 2^DF_BLOCK_SHIFT frames. */
#define DF_BLOCK_SHIFT 25u
size_t df_pageset_block_bytes(void);

/* Replace a chunk; bits at and beyond npages must be 0. */
int df_pageset_store(struct df_pageset *pageset, uint64_t chunk, const uint64_t words[DF_CHUNK_WORDS],
		     struct df_err *err);
void df_pageset_load(const struct df_pageset *pageset, uint64_t chunk, uint64_t words[DF_CHUNK_WORDS]);
/* Bits set in a chunk, without loading it. */
uint64_t df_pageset_chunk_count(const struct df_pageset *pageset, uint64_t chunk);

bool df_pageset_test(const struct df_pageset *pageset, uint64_t pfn); /* false at and beyond npages */
int df_pageset_set_range(struct df_pageset *pageset, uint64_t first, uint64_t end,
			 struct df_err *err); /* [first, end) */
/* Next run of set bits at or after from: [*first, *end).  false = none.  Runs join over chunk ends. */
bool df_pageset_next_run(const struct df_pageset *pageset, uint64_t from, uint64_t *first, uint64_t *end);
/* Bits set in [first, end). */
uint64_t df_pageset_count_range(const struct df_pageset *pageset, uint64_t first, uint64_t end);

#endif
