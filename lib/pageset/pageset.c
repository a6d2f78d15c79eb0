/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "pageset/dropped.h"

#include "base/bits.h"

#include <string.h>

#define NPAGES_MAX (UINT64_C(1) << 44)

const struct df_pageset_block df_pageset_full_block = { 0 };

static void release(struct df_pageset *pageset, slot content)
{
	if (has_bits(content))
		df_free(pageset->env, bits(content));
	pageset->dropped -= content & DROPPED;
}

void df_pageset_release_block(struct df_pageset *pageset, struct df_pageset_block *block)
{
	if (!block || block == FULL_BLOCK)
		return;
	for (unsigned i = 0; i < BLOCK_CHUNKS; i++)
		release(pageset, block->slots[i]);
	df_free(pageset->env, block);
}

int df_pageset_init(struct df_pageset *pageset, struct df_env *env, uint64_t npages, struct df_err *err)
{
	*pageset = (struct df_pageset){ .env = env, .npages = npages };
	if (npages > NPAGES_MAX) {
		pageset->npages = 0;
		return df_err_set(err, DUMPFILTER_E_UNSUPPORTED, "%llu page frames are more than the %llu supported",
				  (unsigned long long)npages, (unsigned long long)NPAGES_MAX);
	}
	pageset->nchunks = (npages + DF_CHUNK_PAGES - 1) >> DF_CHUNK_SHIFT;
	pageset->nblocks = (pageset->nchunks + BLOCK_CHUNKS - 1) >> BLOCK_SHIFT;
	pageset->blocks = df_alloc_array(env, pageset->nblocks, sizeof(struct df_pageset_block *));
	if (!pageset->blocks) {
		size_t bytes = pageset->nblocks * sizeof(struct df_pageset_block *);

		*pageset = (struct df_pageset){ 0 };
		return df_err_nomem(err, env, "the index of a set of page frames", bytes);
	}
	return 0;
}

void df_pageset_fini(struct df_pageset *pageset)
{
	for (uint64_t i = 0; i < pageset->nblocks; i++)
		df_pageset_release_block(pageset, pageset->blocks[i]);
	if (pageset->blocks)
		df_free(pageset->env, pageset->blocks);
	df_pageset_no_refill(pageset);
	*pageset = (struct df_pageset){ 0 };
}

uint64_t df_pageset_chunk_count(const struct df_pageset *pageset, uint64_t chunk)
{
	return chunk < pageset->nchunks ? count_of(pageset, chunk, slot_at(pageset, chunk)) : 0;
}

/* The block of a chunk with memory of its own, so that one slot can differ. */
static struct df_pageset_block *own_block(struct df_pageset *pageset, uint64_t index)
{
	struct df_pageset_block *block = pageset->blocks[index];
	uint64_t chunks = pageset->nchunks - (index << BLOCK_SHIFT);

	if (block && block != FULL_BLOCK)
		return block;
	block = df_alloc(pageset->env, sizeof *block);
	if (!block)
		return NULL;
	if (pageset->blocks[index] == FULL_BLOCK) {
		for (uint64_t i = 0; i < chunks && i < BLOCK_CHUNKS; i++)
			block->slots[i] = FULL;
		block->count = frames(pageset, index, PFN_SHIFT);
	}
	pageset->blocks[index] = block;
	return block;
}

/* Back to a mark where the block has become uniform. */
static void settle_block(struct df_pageset *pageset, uint64_t index)
{
	struct df_pageset_block *block = pageset->blocks[index];

	if (block->count && block->count < frames(pageset, index, PFN_SHIFT))
		return;
	pageset->blocks[index] = block->count ? FULL_BLOCK : NULL;
	df_pageset_release_block(pageset, block);
}

/* Put content into a slot; its bits are the set's from then on. */
static bool put(struct df_pageset *pageset, uint64_t chunk, slot content)
{
	slot old = slot_at(pageset, chunk);
	uint64_t now = count_of(pageset, chunk, content), before = count_of(pageset, chunk, old);
	struct df_pageset_block *block;

	if (content == old)
		return true;
	block = own_block(pageset, chunk >> BLOCK_SHIFT);
	if (!block)
		return false;
	pageset->dropped += content & DROPPED;
	release(pageset, old);
	if (pageset->refill)
		df_pageset_forget(pageset->refill, chunk);
	block->slots[chunk % BLOCK_CHUNKS] = content;
	block->count += now - before;
	pageset->count += now - before;
	settle_block(pageset, chunk >> BLOCK_SHIFT);
	return true;
}

/* Mixed bits in memory of their own, or what is kept of them where there is none; EMPTY: neither. */
static slot make_slot(struct df_pageset *pageset, const uint64_t words[DF_CHUNK_WORDS], uint64_t count, unsigned stage)
{
	struct chunk *chunk = df_alloc(pageset->env, sizeof *chunk);

	if (chunk) {
		chunk->count = (uint32_t)count;
		chunk->stage = stage;
		memcpy(chunk->words, words, sizeof chunk->words);
		return (uintptr_t)chunk;
	}
	return pageset->may_drop && !(stage & DF_STAGE_PINNED) ? df_pageset_without_bits(words, count, stage) : EMPTY;
}

int df_pageset_store(struct df_pageset *pageset, uint64_t chunk, const uint64_t words[DF_CHUNK_WORDS],
		     struct df_err *err)
{
	uint64_t count = df_bits_count(words, DF_CHUNK_WORDS);
	bool same = !count || count == frames(pageset, chunk, DF_CHUNK_SHIFT);
	slot content = count ? FULL : EMPTY;

	if (!same)
		content = make_slot(pageset, words, count, pageset->stage | stage_of(slot_at(pageset, chunk)));
	if (!same && content == EMPTY)
		return df_err_nomem(err, pageset->env, "a set of page frames", sizeof(struct chunk));
	if (put(pageset, chunk, content))
		return 0;
	/* the index comes before bits */
	if (has_bits(content)) {
		slot less = df_pageset_without_bits(words, count, bits(content)->stage);
		bool pinned = bits(content)->stage & DF_STAGE_PINNED;

		df_free(pageset->env, bits(content));
		content = pinned ? EMPTY : less;
	}
	if (pageset->may_drop && (same || content != EMPTY)) {
		df_pageset_drop(pageset);
		if (put(pageset, chunk, content))
			return 0;
	}
	return df_err_nomem(err, pageset->env, "a set of page frames", sizeof(struct df_pageset_block));
}

void df_pageset_drop(struct df_pageset *pageset)
{
	for (uint64_t i = 0; i < pageset->nblocks; i++) {
		struct df_pageset_block *block = pageset->blocks[i];

		for (unsigned index = 0; block && block != FULL_BLOCK && index < BLOCK_CHUNKS; index++) {
			struct chunk *chunk = has_bits(block->slots[index]) ? bits(block->slots[index]) : NULL;

			if (!chunk || chunk->stage & DF_STAGE_PINNED)
				continue;
			block->slots[index] = df_pageset_without_bits(chunk->words, chunk->count, chunk->stage);
			pageset->dropped++;
			df_free(pageset->env, chunk);
		}
	}
}

size_t df_pageset_block_bytes(void)
{
	return sizeof(struct df_pageset_block);
}

void df_pageset_load(const struct df_pageset *pageset, uint64_t chunk, uint64_t words[DF_CHUNK_WORDS])
{
	slot content = chunk < pageset->nchunks ? slot_at(pageset, chunk) : EMPTY;
	const struct chunk *bits = content == EMPTY || content == FULL ? NULL : bits_of(pageset, chunk, content);

	if (bits) {
		memcpy(words, bits->words, sizeof bits->words);
		return;
	}
	memset(words, 0, sizeof bits->words);
	if (content == FULL)
		df_bits_fill(words, 0, frames(pageset, chunk, DF_CHUNK_SHIFT));
}

bool df_pageset_test(const struct df_pageset *pageset, uint64_t pfn)
{
	const struct chunk *chunk;
	slot content;

	if (pfn >= pageset->npages)
		return false;
	content = slot_at(pageset, pfn >> DF_CHUNK_SHIFT);
	if (content == EMPTY || content == FULL)
		return content == FULL;
	chunk = bits_of(pageset, pfn >> DF_CHUNK_SHIFT, content);
	return !chunk || df_bit_test(chunk->words, pfn % DF_CHUNK_PAGES);
}
