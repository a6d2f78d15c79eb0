/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "pageset/pageset.h"

#include "base/bits.h"

#include <string.h>

#define BLOCK_SHIFT  10u
#define BLOCK_CHUNKS (1u << BLOCK_SHIFT)
#define PFN_SHIFT    (BLOCK_SHIFT + DF_CHUNK_SHIFT) /* frame number to block: 128 GiB of 4 KiB pages */
#define NPAGES_MAX   (UINT64_C(1) << 44)

struct chunk {
	uint32_t count;
	uint64_t words[DF_CHUNK_WORDS];
};

/* A slot is NULL for a chunk without a set bit, &full_chunk for one with all its valid bits set, else its own memory.
 * Blocks have the same two marks.  count is that of all chunks. */
struct df_pageset_block {
	uint64_t count;
	const struct chunk *slots[BLOCK_CHUNKS];
};

/* Only their addresses matter. */
static const struct chunk full_chunk = { 0 };
static const struct df_pageset_block full_block = { 0 };
#define FULL_BLOCK ((struct df_pageset_block *)(uintptr_t)&full_block)

/* Valid frames of a chunk or block: shift is its size. */
static uint64_t frames(const struct df_pageset *s, uint64_t index, unsigned shift)
{
	uint64_t size = UINT64_C(1) << shift, left = s->npages - (index << shift);

	return left < size ? left : size;
}

static void release_chunk(struct df_pageset *s, const struct chunk *c)
{
	if (c != &full_chunk)
		df_free(s->env, (void *)(uintptr_t)c);
}

static void release_block(struct df_pageset *s, struct df_pageset_block *b)
{
	if (!b || b == FULL_BLOCK)
		return;
	for (unsigned i = 0; i < BLOCK_CHUNKS; i++)
		release_chunk(s, b->slots[i]);
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
		release_block(s, s->blocks[i]);
	if (s->blocks)
		df_free(s->env, s->blocks);
	*s = (struct df_pageset){ 0 };
}

/* The slot's content: NULL, &full_chunk or a chunk. */
static const struct chunk *chunk_at(const struct df_pageset *s, uint64_t chunk)
{
	const struct df_pageset_block *b = s->blocks[chunk >> BLOCK_SHIFT];

	if (b == FULL_BLOCK)
		return &full_chunk;
	return b ? b->slots[chunk % BLOCK_CHUNKS] : NULL;
}

static uint64_t count_of(const struct df_pageset *s, uint64_t chunk, const struct chunk *c)
{
	if (c == &full_chunk)
		return frames(s, chunk, DF_CHUNK_SHIFT);
	return c ? c->count : 0;
}

uint64_t df_pageset_chunk_count(const struct df_pageset *s, uint64_t chunk)
{
	return chunk < s->nchunks ? count_of(s, chunk, chunk_at(s, chunk)) : 0;
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
			b->slots[i] = &full_chunk;
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
	release_block(s, b);
}

/* Put c, NULL or &full_chunk into a slot; it is the set's from then on. */
static bool put(struct df_pageset *s, uint64_t chunk, const struct chunk *c)
{
	const struct chunk *old = chunk_at(s, chunk);
	uint64_t now = count_of(s, chunk, c), before = count_of(s, chunk, old);
	struct df_pageset_block *b;

	if (c == old)
		return true;
	b = own_block(s, chunk >> BLOCK_SHIFT);
	if (!b)
		return false;
	release_chunk(s, old);
	b->slots[chunk % BLOCK_CHUNKS] = c;
	b->count += now - before;
	s->count += now - before;
	settle_block(s, chunk >> BLOCK_SHIFT);
	return true;
}

int df_pageset_store(struct df_pageset *s, uint64_t chunk, const uint64_t words[DF_CHUNK_WORDS], struct df_err *err)
{
	uint64_t count = df_bits_count(words, DF_CHUNK_WORDS);
	struct chunk *c;

	if (!count || count == frames(s, chunk, DF_CHUNK_SHIFT)) {
		if (put(s, chunk, count ? &full_chunk : NULL))
			return 0;
		return df_err_nomem(err, s->env, "a set of page frames", sizeof(struct df_pageset_block));
	}
	c = df_alloc(s->env, sizeof *c);
	if (!c)
		return df_err_nomem(err, s->env, "a set of page frames", sizeof *c);
	c->count = (uint32_t)count;
	memcpy(c->words, words, sizeof c->words);
	if (put(s, chunk, c))
		return 0;
	df_free(s->env, c);
	return df_err_nomem(err, s->env, "a set of page frames", sizeof(struct df_pageset_block));
}

void df_pageset_load(const struct df_pageset *s, uint64_t chunk, uint64_t words[DF_CHUNK_WORDS])
{
	const struct chunk *c = chunk < s->nchunks ? chunk_at(s, chunk) : NULL;

	if (c && c != &full_chunk) {
		memcpy(words, c->words, sizeof c->words);
		return;
	}
	memset(words, 0, sizeof c->words);
	if (c)
		df_bits_fill(words, 0, frames(s, chunk, DF_CHUNK_SHIFT));
}

bool df_pageset_test(const struct df_pageset *s, uint64_t pfn)
{
	const struct chunk *c;

	if (pfn >= s->npages)
		return false;
	c = chunk_at(s, pfn >> DF_CHUNK_SHIFT);
	return c == &full_chunk || (c && df_bit_test(c->words, pfn % DF_CHUNK_PAGES));
}

/* Set [first, end) of one chunk. */
static int fill_chunk(struct df_pageset *s, uint64_t first, uint64_t end, struct df_err *err)
{
	uint64_t words[DF_CHUNK_WORDS], chunk = first >> DF_CHUNK_SHIFT, base = chunk << DF_CHUNK_SHIFT;

	if (chunk_at(s, chunk) == &full_chunk)
		return 0;
	df_pageset_load(s, chunk, words);
	df_bits_fill(words, first - base, end - base);
	return df_pageset_store(s, chunk, words, err);
}

static void fill_block(struct df_pageset *s, uint64_t index)
{
	struct df_pageset_block *b = s->blocks[index];
	uint64_t before = b == FULL_BLOCK ? frames(s, index, PFN_SHIFT) : b ? b->count : 0;

	s->blocks[index] = FULL_BLOCK;
	s->count += frames(s, index, PFN_SHIFT) - before;
	release_block(s, b);
}

/* End of the chunk or block (by shift) that holds pfn, at most limit. */
static uint64_t end_of(uint64_t pfn, unsigned shift, uint64_t limit)
{
	uint64_t end = ((pfn >> shift) + 1) << shift;

	return end < limit ? end : limit;
}

int df_pageset_set_range(struct df_pageset *s, uint64_t first, uint64_t end, struct df_err *err)
{
	if (end > s->npages)
		end = s->npages;
	while (first < end) {
		uint64_t block = first >> PFN_SHIFT, stop = end_of(first, PFN_SHIFT, end);

		if (stop - first == frames(s, block, PFN_SHIFT)) {
			fill_block(s, block);
		} else {
			int r;

			stop = end_of(first, DF_CHUNK_SHIFT, end);
			r = fill_chunk(s, first, stop, err);
			if (r < 0)
				return r;
		}
		first = stop;
	}
	return 0;
}

/* First frame of [pfn, end of its chunk) with the wanted bit, or that end. */
static uint64_t scan_words(const struct chunk *c, uint64_t pfn, bool want)
{
	uint64_t base = pfn & ~(uint64_t)(DF_CHUNK_PAGES - 1), bit = pfn - base;

	while (bit < DF_CHUNK_PAGES) {
		uint64_t w = want ? c->words[bit / 64] : ~c->words[bit / 64];

		w &= df_bit_mask(bit % 64, 64);
		if (w)
			return base + bit / 64 * 64 + (unsigned)__builtin_ctzll(w);
		bit = (bit | 63) + 1;
	}
	return base + DF_CHUNK_PAGES;
}

/* First frame at or after pfn with the wanted bit, or npages. */
static uint64_t scan(const struct df_pageset *s, uint64_t pfn, bool want)
{
	while (pfn < s->npages) {
		const struct df_pageset_block *b = s->blocks[pfn >> PFN_SHIFT];
		const struct chunk *c = chunk_at(s, pfn >> DF_CHUNK_SHIFT);
		uint64_t end;

		if (c && c != &full_chunk) {
			end = end_of(pfn, DF_CHUNK_SHIFT, s->npages);
			pfn = scan_words(c, pfn, want);
			if (pfn < end)
				return pfn;
			pfn = end;
			continue;
		}
		if (want == (c == &full_chunk))
			return pfn;
		pfn = end_of(pfn, b && b != FULL_BLOCK ? DF_CHUNK_SHIFT : PFN_SHIFT, s->npages);
	}
	return s->npages;
}

bool df_pageset_next_run(const struct df_pageset *s, uint64_t from, uint64_t *first, uint64_t *end)
{
	*first = scan(s, from, true);
	if (*first >= s->npages)
		return false;
	*end = scan(s, *first, false);
	return true;
}

/* Bits set in [first, end) of one chunk. */
static uint64_t count_part(const struct df_pageset *s, uint64_t first, uint64_t end)
{
	const struct chunk *c = chunk_at(s, first >> DF_CHUNK_SHIFT);
	uint64_t n = 0;

	if (!c || c == &full_chunk)
		return c ? end - first : 0;
	if (end - first == frames(s, first >> DF_CHUNK_SHIFT, DF_CHUNK_SHIFT))
		return c->count;
	while (first < end) {
		uint64_t stop = end_of(first, 6, end), base = first & ~UINT64_C(63);
		uint64_t mask = df_bit_mask((unsigned)(first - base), (unsigned)(stop - base));

		n += (uint64_t)__builtin_popcountll(c->words[base % DF_CHUNK_PAGES / 64] & mask);
		first = stop;
	}
	return n;
}

uint64_t df_pageset_count_range(const struct df_pageset *s, uint64_t first, uint64_t end)
{
	uint64_t n = 0;

	if (end > s->npages)
		end = s->npages;
	while (first < end) {
		const struct df_pageset_block *b = s->blocks[first >> PFN_SHIFT];
		uint64_t stop = end_of(first, PFN_SHIFT, end);

		if (b == FULL_BLOCK) {
			n += stop - first;
		} else if (b && stop - first == frames(s, first >> PFN_SHIFT, PFN_SHIFT)) {
			n += b->count;
		} else if (b) {
			stop = end_of(first, DF_CHUNK_SHIFT, end);
			n += count_part(s, first, stop);
		}
		first = stop;
	}
	return n;
}
