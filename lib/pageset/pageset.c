/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "pageset/dropped.h"

#include "base/bits.h"

#include <string.h>

#define NPAGES_MAX (UINT64_C(1) << 44)

const struct df_pageset_block df_pageset_full_block = { 0 };

static void release(struct df_pageset *s, slot v)
{
	if (has_bits(v))
		df_free(s->env, bits(v));
	s->dropped -= v & DROPPED;
}

void df_pageset_release_block(struct df_pageset *s, struct df_pageset_block *b)
{
	if (!b || b == FULL_BLOCK)
		return;
	for (unsigned i = 0; i < BLOCK_CHUNKS; i++)
		release(s, b->slots[i]);
	df_free(s->env, b);
}

int df_pageset_init(struct df_pageset *s, struct df_env *env, uint64_t npages, struct df_err *err)
{
	*s = (struct df_pageset){ .env = env, .npages = npages };
	if (npages > NPAGES_MAX) {
		s->npages = 0;
		return df_err_set(err, DUMPFILTER_E_UNSUPPORTED, "%llu page frames are more than the %llu supported",
				  (unsigned long long)npages, (unsigned long long)NPAGES_MAX);
	}
	s->nchunks = (npages + DF_CHUNK_PAGES - 1) >> DF_CHUNK_SHIFT;
	s->nblocks = (s->nchunks + BLOCK_CHUNKS - 1) >> BLOCK_SHIFT;
	s->blocks = df_alloc_array(env, s->nblocks, sizeof(struct df_pageset_block *));
	if (!s->blocks) {
		size_t bytes = s->nblocks * sizeof(struct df_pageset_block *);

		*s = (struct df_pageset){ 0 };
		return df_err_nomem(err, env, "the index of a set of page frames", bytes);
	}
	return 0;
}

void df_pageset_fini(struct df_pageset *s)
{
	for (uint64_t i = 0; i < s->nblocks; i++)
		df_pageset_release_block(s, s->blocks[i]);
	if (s->blocks)
		df_free(s->env, s->blocks);
	df_pageset_no_refill(s);
	*s = (struct df_pageset){ 0 };
}

uint64_t df_pageset_chunk_count(const struct df_pageset *s, uint64_t chunk)
{
	return chunk < s->nchunks ? count_of(s, chunk, slot_at(s, chunk)) : 0;
}

/* The block of a chunk with memory of its own, so that one slot can differ. */
static struct df_pageset_block *own_block(struct df_pageset *s, uint64_t index)
{
	struct df_pageset_block *b = s->blocks[index];
	uint64_t chunks = s->nchunks - (index << BLOCK_SHIFT);

	if (b && b != FULL_BLOCK)
		return b;
	b = df_alloc(s->env, sizeof *b);
	if (!b)
		return NULL;
	if (s->blocks[index] == FULL_BLOCK) {
		for (uint64_t i = 0; i < chunks && i < BLOCK_CHUNKS; i++)
			b->slots[i] = FULL;
		b->count = frames(s, index, PFN_SHIFT);
	}
	s->blocks[index] = b;
	return b;
}

/* Back to a mark where the block has become uniform. */
static void settle_block(struct df_pageset *s, uint64_t index)
{
	struct df_pageset_block *b = s->blocks[index];

	if (b->count && b->count < frames(s, index, PFN_SHIFT))
		return;
	s->blocks[index] = b->count ? FULL_BLOCK : NULL;
	df_pageset_release_block(s, b);
}

/* Put v into a slot; its bits are the set's from then on. */
static bool put(struct df_pageset *s, uint64_t chunk, slot v)
{
	slot old = slot_at(s, chunk);
	uint64_t now = count_of(s, chunk, v), before = count_of(s, chunk, old);
	struct df_pageset_block *b;

	if (v == old)
		return true;
	b = own_block(s, chunk >> BLOCK_SHIFT);
	if (!b)
		return false;
	s->dropped += v & DROPPED;
	release(s, old);
	if (s->refill)
		df_pageset_forget(s->refill, chunk);
	b->slots[chunk % BLOCK_CHUNKS] = v;
	b->count += now - before;
	s->count += now - before;
	settle_block(s, chunk >> BLOCK_SHIFT);
	return true;
}

/* Mixed bits in memory of their own, or what is kept of them where there is none; EMPTY: neither. */
static slot make_slot(struct df_pageset *s, const uint64_t words[DF_CHUNK_WORDS], uint64_t count, unsigned stage)
{
	struct chunk *c = df_alloc(s->env, sizeof *c);

	if (c) {
		c->count = (uint32_t)count;
		c->stage = stage;
		memcpy(c->words, words, sizeof c->words);
		return (uintptr_t)c;
	}
	return s->may_drop && !(stage & DF_STAGE_PINNED) ? df_pageset_without_bits(words, count, stage) : EMPTY;
}

int df_pageset_store(struct df_pageset *s, uint64_t chunk, const uint64_t words[DF_CHUNK_WORDS], struct df_err *err)
{
	uint64_t count = df_bits_count(words, DF_CHUNK_WORDS);
	bool same = !count || count == frames(s, chunk, DF_CHUNK_SHIFT);
	slot v = count ? FULL : EMPTY;

	if (!same)
		v = make_slot(s, words, count, s->stage | stage_of(slot_at(s, chunk)));
	if (!same && v == EMPTY)
		return df_err_nomem(err, s->env, "a set of page frames", sizeof(struct chunk));
	if (put(s, chunk, v))
		return 0;
	/* the index comes before bits */
	if (has_bits(v)) {
		slot less = df_pageset_without_bits(words, count, bits(v)->stage);
		bool pinned = bits(v)->stage & DF_STAGE_PINNED;

		df_free(s->env, bits(v));
		v = pinned ? EMPTY : less;
	}
	if (s->may_drop && (same || v != EMPTY)) {
		df_pageset_drop(s);
		if (put(s, chunk, v))
			return 0;
	}
	return df_err_nomem(err, s->env, "a set of page frames", sizeof(struct df_pageset_block));
}

void df_pageset_drop(struct df_pageset *s)
{
	for (uint64_t i = 0; i < s->nblocks; i++) {
		struct df_pageset_block *b = s->blocks[i];

		for (unsigned k = 0; b && b != FULL_BLOCK && k < BLOCK_CHUNKS; k++) {
			struct chunk *c = has_bits(b->slots[k]) ? bits(b->slots[k]) : NULL;

			if (!c || c->stage & DF_STAGE_PINNED)
				continue;
			b->slots[k] = df_pageset_without_bits(c->words, c->count, c->stage);
			s->dropped++;
			df_free(s->env, c);
		}
	}
}

size_t df_pageset_block_bytes(void)
{
	return sizeof(struct df_pageset_block);
}

void df_pageset_load(const struct df_pageset *s, uint64_t chunk, uint64_t words[DF_CHUNK_WORDS])
{
	slot v = chunk < s->nchunks ? slot_at(s, chunk) : EMPTY;
	const struct chunk *c = v == EMPTY || v == FULL ? NULL : bits_of(s, chunk, v);

	if (c) {
		memcpy(words, c->words, sizeof c->words);
		return;
	}
	memset(words, 0, sizeof c->words);
	if (v == FULL)
		df_bits_fill(words, 0, frames(s, chunk, DF_CHUNK_SHIFT));
}

bool df_pageset_test(const struct df_pageset *s, uint64_t pfn)
{
	const struct chunk *c;
	slot v;

	if (pfn >= s->npages)
		return false;
	v = slot_at(s, pfn >> DF_CHUNK_SHIFT);
	if (v == EMPTY || v == FULL)
		return v == FULL;
	c = bits_of(s, pfn >> DF_CHUNK_SHIFT, v);
	return !c || df_bit_test(c->words, pfn % DF_CHUNK_PAGES);
}
