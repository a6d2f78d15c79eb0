/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Many frames at once: ranges to set, to find and to count. */
#include "pageset/dropped.h"

#include "base/bits.h"

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
	df_pageset_release_block(s, b);
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
	if (df_pageset_lost(s))
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
