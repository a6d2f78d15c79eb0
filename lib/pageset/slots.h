/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How a set is kept, for the files of this folder only: slots of chunks in blocks.
 */
#ifndef DF_PAGESET_SLOTS_H
#define DF_PAGESET_SLOTS_H

#include "pageset/pageset.h"

#define BLOCK_SHIFT  (DF_BLOCK_SHIFT - DF_CHUNK_SHIFT)
#define BLOCK_CHUNKS (1u << BLOCK_SHIFT)
#define PFN_SHIFT    DF_BLOCK_SHIFT /* frame number to block: 128 GiB of 4 KiB pages */

/* The bits of a mixed chunk; count: bits set, stage: DF_STAGE_*.  Allocated by the set; the slot has the address, which
 * is even, so that bit 0 is free for DROPPED. */
struct chunk {
	uint32_t count, stage;
	uint64_t words[DF_CHUNK_WORDS];
};

/* What is in a chunk: EMPTY, FULL, the address of its bits, or, with bit 0 set, what is left of dropped ones: count in
 * bits 1 to 15 (never 0 or all), stage in 16 and 17, check sum above. */
typedef uint64_t slot;
#define EMPTY       UINT64_C(0)
#define FULL        UINT64_C(2)
#define DROPPED     UINT64_C(1)
#define STAGE_SHIFT 16u
#define SUM_SHIFT   18u

/* Slots of BLOCK_CHUNKS chunks; count: bits set in all of them.  NULL instead of one: all empty. */
struct df_pageset_block {
	uint64_t count;
	slot slots[BLOCK_CHUNKS];
};

/* A block of full chunks only.  Only its address matters. */
extern const struct df_pageset_block df_pageset_full_block;
#define FULL_BLOCK ((struct df_pageset_block *)(uintptr_t)&df_pageset_full_block)

/* Valid frames of a chunk or block: shift is its size. */
static inline uint64_t frames(const struct df_pageset *pageset, uint64_t index, unsigned shift)
{
	uint64_t size = UINT64_C(1) << shift, left = pageset->npages - (index << shift);

	return left < size ? left : size;
}

static inline bool has_bits(slot content)
{
	return content != EMPTY && content != FULL && !(content & DROPPED);
}

static inline struct chunk *bits(slot content)
{
	return (struct chunk *)(uintptr_t)content;
}

static inline unsigned stage_of(slot content)
{
	return content & DROPPED ? content >> STAGE_SHIFT & 3 : has_bits(content) ? bits(content)->stage : 0;
}

static inline slot slot_at(const struct df_pageset *pageset, uint64_t chunk)
{
	const struct df_pageset_block *block = pageset->blocks[chunk >> BLOCK_SHIFT];

	if (block == FULL_BLOCK)
		return FULL;
	return block ? block->slots[chunk % BLOCK_CHUNKS] : EMPTY;
}

static inline uint64_t count_of(const struct df_pageset *pageset, uint64_t chunk, slot content)
{
	if (content == FULL)
		return frames(pageset, chunk, DF_CHUNK_SHIFT);
	if (content & DROPPED)
		return content >> 1 & (DF_CHUNK_PAGES - 1);
	return content == EMPTY ? 0 : bits(content)->count;
}

/* pageset.c */
void df_pageset_release_block(struct df_pageset *pageset, struct df_pageset_block *block);

#endif
