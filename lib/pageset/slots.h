/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef DF_PAGESET_SLOTS_H
#define DF_PAGESET_SLOTS_H
#include "pageset/pageset.h"

#include "base/bits.h"

#include <string.h>

#define BLOCK_SHIFT  (DF_BLOCK_SHIFT - DF_CHUNK_SHIFT)
#define BLOCK_CHUNKS (1u << BLOCK_SHIFT)
#define PFN_SHIFT    DF_BLOCK_SHIFT /* frame number to block: 128 GiB of 4 KiB pages */
#define NPAGES_MAX   (UINT64_C(1) << 44)

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

struct df_pageset_block {
	uint64_t count;
	slot slots[BLOCK_CHUNKS];
};

/* A block of full chunks only.  Only its address matters. */
static const struct df_pageset_block full_block = { 0 };
#define FULL_BLOCK ((struct df_pageset_block *)(uintptr_t)&full_block)

/* Chunks made again: of two, so that a run over their border can be looked at from either side. */
#define REFILLED 2u
struct df_pageset_refill {
	df_pageset_refill_fn fn;
	void *user;
	struct df_err failed;
	unsigned last; /* the one that was asked for last */
	uint64_t chunk[REFILLED];
	struct chunk c[REFILLED];
};
#define NO_CHUNK UINT64_MAX

/* Valid frames of a chunk or block: shift is its size. */
static uint64_t frames(const struct df_pageset *s, uint64_t index, unsigned shift)
{
	uint64_t size = UINT64_C(1) << shift, left = s->npages - (index << shift);

	return left < size ? left : size;
}

static bool has_bits(slot v)
{
	return v != EMPTY && v != FULL && !(v & DROPPED);
}

static struct chunk *bits(slot v)
{
	return (struct chunk *)(uintptr_t)v;
}

static uint64_t check_sum(const uint64_t words[DF_CHUNK_WORDS])
{
	uint64_t h = 0;

	for (unsigned i = 0; i < DF_CHUNK_WORDS; i++) {
		h = (h ^ words[i]) * UINT64_C(0x9e3779b97f4a7c15);
		h ^= h >> 32;
	}
	return h >> SUM_SHIFT;
}

static slot without_bits(const uint64_t words[DF_CHUNK_WORDS], uint64_t count, unsigned stage)
{
	return DROPPED | count << 1 | (uint64_t)stage << STAGE_SHIFT | check_sum(words) << SUM_SHIFT;
}

static unsigned stage_of(slot v)
{
	return v & DROPPED ? v >> STAGE_SHIFT & 3 : has_bits(v) ? bits(v)->stage : 0;
}

static void release(struct df_pageset *s, slot v)
{
	if (has_bits(v))
		df_free(s->env, bits(v));
	s->dropped -= v & DROPPED;
}

static void release_block(struct df_pageset *s, struct df_pageset_block *b)
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
		release_block(s, s->blocks[i]);
	if (s->blocks)
		df_free(s->env, s->blocks);
	df_pageset_no_refill(s);
	*s = (struct df_pageset){ 0 };
}

static slot slot_at(const struct df_pageset *s, uint64_t chunk)
{
	const struct df_pageset_block *b = s->blocks[chunk >> BLOCK_SHIFT];

	if (b == FULL_BLOCK)
		return FULL;
	return b ? b->slots[chunk % BLOCK_CHUNKS] : EMPTY;
}

static uint64_t count_of(const struct df_pageset *s, uint64_t chunk, slot v)
{
	if (v == FULL)
		return frames(s, chunk, DF_CHUNK_SHIFT);
	if (v & DROPPED)
		return v >> 1 & (DF_CHUNK_PAGES - 1);
	return v == EMPTY ? 0 : bits(v)->count;
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
	release_block(s, b);
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
	for (unsigned i = 0; s->refill && i < REFILLED; i++)
		if (s->refill->chunk[i] == chunk)
			s->refill->chunk[i] = NO_CHUNK;
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
	return s->may_drop && !(stage & DF_STAGE_PINNED) ? without_bits(words, count, stage) : EMPTY;
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
		slot less = without_bits(words, count, bits(v)->stage);
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
			b->slots[k] = without_bits(c->words, c->count, c->stage);
			s->dropped++;
			df_free(s->env, c);
		}
	}
}

int df_pageset_refill(struct df_pageset *s, df_pageset_refill_fn fn, void *user, struct df_err *err)
{
	if (!s->refill)
		s->refill = df_alloc(s->env, sizeof *s->refill);
	if (!s->refill)
		return df_err_nomem(err, s->env, "parts of a set of page frames", sizeof *s->refill);
	s->refill->fn = fn;
	s->refill->user = user;
	df_err_clear(&s->refill->failed);
	for (unsigned i = 0; i < REFILLED; i++)
		s->refill->chunk[i] = NO_CHUNK;
	return 0;
}

void df_pageset_no_refill(struct df_pageset *s)
{
	if (s->refill)
		df_free(s->env, s->refill);
	s->refill = NULL;
}

static bool lost(const struct df_pageset *s)
{
	return s->refill ? s->refill->failed.code : s->dropped != 0;
}

int df_pageset_failed(const struct df_pageset *s, struct df_err *err)
{
	if (!lost(s))
		return 0;
	if (!s->refill)
		return df_err_set(err, DUMPFILTER_E_NOMEM, "no memory to make parts of the plan again");
	*err = s->refill->failed;
	return err->code;
}

size_t df_pageset_block_bytes(void)
{
	return sizeof(struct df_pageset_block);
}

static bool make_again(struct df_pageset_refill *r, uint64_t chunk, slot v, struct chunk *c)
{
	struct df_err err = { 0 };
	int code = r->fn(r->user, chunk, stage_of(v), c->words, &err);

	c->count = (uint32_t)df_bits_count(c->words, DF_CHUNK_WORDS);
	if (!code && without_bits(c->words, c->count, stage_of(v)) == v)
		return true;
	if (code)
		r->failed = err;
	else
		df_err_set(&r->failed, DUMPFILTER_E_IO,
			   "the image changes while it is read: pages from frame %#llx on are not what they were "
			   "(with more memory they are looked at only once)",
			   (unsigned long long)(chunk << DF_CHUNK_SHIFT));
	return false;
}

/* The bits of a mixed chunk; NULL where they were dropped and cannot be made again. */
static const struct chunk *bits_of(const struct df_pageset *s, uint64_t chunk, slot v)
{
	struct df_pageset_refill *r = s->refill;

	if (!(v & DROPPED))
		return bits(v);
	if (!r || r->failed.code)
		return NULL;
	for (unsigned i = 0; i < REFILLED; i++)
		if (r->chunk[i] == chunk)
			return &r->c[r->last = i];
	r->last = (r->last + 1) % REFILLED;
	r->chunk[r->last] = NO_CHUNK;
	/* a second try: reading can fail for once */
	if (!make_again(r, chunk, v, &r->c[r->last]) && !make_again(r, chunk, v, &r->c[r->last]))
		return NULL;
	df_err_clear(&r->failed);
	r->chunk[r->last] = chunk;
	return &r->c[r->last];
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

/* End of the chunk or block (by shift) that holds pfn, at most limit. */
static uint64_t end_of(uint64_t pfn, unsigned shift, uint64_t limit)
{
	uint64_t end = ((pfn >> shift) + 1) << shift;

	return end < limit ? end : limit;
}

/* Bits set in [first, end) of a chunk's words. */
static uint64_t count_words(const struct chunk *c, uint64_t first, uint64_t end)
{
	uint64_t n = 0;

	while (first < end) {
		uint64_t stop = end_of(first, 6, end), base = first & ~UINT64_C(63);
		uint64_t mask = df_bit_mask((unsigned)(first - base), (unsigned)(stop - base));

		n += (uint64_t)__builtin_popcountll(c->words[base % DF_CHUNK_PAGES / 64] & mask);
		first = stop;
	}
	return n;
}

/* Set [first, end) where the chunk has memory of its own and is not full then: no copy. */
static bool fill_in_place(struct df_pageset *s, uint64_t first, uint64_t end)
{
	uint64_t chunk = first >> DF_CHUNK_SHIFT, added;
	slot v = slot_at(s, chunk);

	if (!has_bits(v))
		return false;
	added = end - first - count_words(bits(v), first, end);
	if (bits(v)->count + added >= frames(s, chunk, DF_CHUNK_SHIFT))
		return false;
	df_bits_fill(bits(v)->words, first % DF_CHUNK_PAGES, first % DF_CHUNK_PAGES + (end - first));
	bits(v)->count += (uint32_t)added;
	bits(v)->stage |= s->stage;
	s->blocks[chunk >> BLOCK_SHIFT]->count += added;
	s->count += added;
	return true;
}

/* Set [first, end) of one chunk. */
static int fill_chunk(struct df_pageset *s, uint64_t first, uint64_t end, struct df_err *err)
{
	uint64_t words[DF_CHUNK_WORDS], chunk = first >> DF_CHUNK_SHIFT, base = chunk << DF_CHUNK_SHIFT;

	if (slot_at(s, chunk) == FULL || fill_in_place(s, first, end))
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

/* First frame at or after pfn with the wanted bit, or npages.  Where bits cannot be made again nothing is set. */
static uint64_t scan(const struct df_pageset *s, uint64_t pfn, bool want)
{
	while (pfn < s->npages) {
		const struct df_pageset_block *b = s->blocks[pfn >> PFN_SHIFT];
		slot v = slot_at(s, pfn >> DF_CHUNK_SHIFT);
		uint64_t end;

		if (v != EMPTY && v != FULL) {
			const struct chunk *c = bits_of(s, pfn >> DF_CHUNK_SHIFT, v);

			if (!c)
				return want ? s->npages : pfn;
			end = end_of(pfn, DF_CHUNK_SHIFT, s->npages);
			pfn = scan_words(c, pfn, want);
			if (pfn < end)
				return pfn;
			pfn = end;
			continue;
		}
		if (want == (v == FULL))
			return pfn;
		pfn = end_of(pfn, b && b != FULL_BLOCK ? DF_CHUNK_SHIFT : PFN_SHIFT, s->npages);
	}
	return s->npages;
}

bool df_pageset_next_run(const struct df_pageset *s, uint64_t from, uint64_t *first, uint64_t *end)
{
	if (lost(s))
		return false;
	*first = scan(s, from, true);
	if (*first >= s->npages)
		return false;
	*end = scan(s, *first, false);
	return true;
}

/* Bits set in [first, end) of one chunk. */
static uint64_t count_part(const struct df_pageset *s, uint64_t first, uint64_t end)
{
	uint64_t chunk = first >> DF_CHUNK_SHIFT;
	slot v = slot_at(s, chunk);
	const struct chunk *c;

	if (v == EMPTY)
		return 0;
	if (end - first == frames(s, chunk, DF_CHUNK_SHIFT))
		return count_of(s, chunk, v);
	c = v == FULL ? NULL : bits_of(s, chunk, v);
	if (!c)
		return end - first;
	return count_words(c, first, end);
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
#endif
