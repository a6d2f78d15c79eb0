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
static uint64_t count_words(const struct chunk *chunk, uint64_t first, uint64_t end)
{
	uint64_t count = 0;

	while (first < end) {
		uint64_t stop = end_of(first, 6, end), base = first & ~UINT64_C(63);
		uint64_t mask = df_bit_mask((unsigned)(first - base), (unsigned)(stop - base));

		count += (uint64_t)__builtin_popcountll(chunk->words[base % DF_CHUNK_PAGES / 64] & mask);
		first = stop;
	}
	return count;
}

/* Set [first, end) where the chunk has memory of its own and is not full then: no copy. */
static bool fill_in_place(struct df_pageset *pageset, uint64_t first, uint64_t end)
{
	uint64_t chunk = first >> DF_CHUNK_SHIFT, added;
	slot content = slot_at(pageset, chunk);

	if (!has_bits(content))
		return false;
	added = end - first - count_words(bits(content), first, end);
	if (bits(content)->count + added >= frames(pageset, chunk, DF_CHUNK_SHIFT))
		return false;
	df_bits_fill(bits(content)->words, first % DF_CHUNK_PAGES, first % DF_CHUNK_PAGES + (end - first));
	bits(content)->count += (uint32_t)added;
	bits(content)->stage |= pageset->stage;
	pageset->blocks[chunk >> BLOCK_SHIFT]->count += added;
	pageset->count += added;
	return true;
}

/* Set [first, end) of one chunk. */
static int fill_chunk(struct df_pageset *pageset, uint64_t first, uint64_t end, struct df_err *err)
{
	uint64_t words[DF_CHUNK_WORDS], chunk = first >> DF_CHUNK_SHIFT, base = chunk << DF_CHUNK_SHIFT;

	if (slot_at(pageset, chunk) == FULL || fill_in_place(pageset, first, end))
		return 0;
	df_pageset_load(pageset, chunk, words);
	df_bits_fill(words, first - base, end - base);
	return df_pageset_store(pageset, chunk, words, err);
}

static void fill_block(struct df_pageset *pageset, uint64_t index)
{
	struct df_pageset_block *block = pageset->blocks[index];
	uint64_t before = block == FULL_BLOCK ? frames(pageset, index, PFN_SHIFT) : block ? block->count : 0;

	pageset->blocks[index] = FULL_BLOCK;
	pageset->count += frames(pageset, index, PFN_SHIFT) - before;
	df_pageset_release_block(pageset, block);
}

int df_pageset_set_range(struct df_pageset *pageset, uint64_t first, uint64_t end, struct df_err *err)
{
	if (end > pageset->npages)
		end = pageset->npages;
	while (first < end) {
		uint64_t block = first >> PFN_SHIFT, stop = end_of(first, PFN_SHIFT, end);

		if (stop - first == frames(pageset, block, PFN_SHIFT)) {
			fill_block(pageset, block);
		} else {
			int result;

			stop = end_of(first, DF_CHUNK_SHIFT, end);
			result = fill_chunk(pageset, first, stop, err);
			if (result < 0)
				return result;
		}
		first = stop;
	}
	return 0;
}

/* First frame of [pfn, end of its chunk) with the wanted bit, or that end. */
static uint64_t scan_words(const struct chunk *chunk, uint64_t pfn, bool want)
{
	uint64_t base = pfn & ~(uint64_t)(DF_CHUNK_PAGES - 1), bit = pfn - base;

	while (bit < DF_CHUNK_PAGES) {
		uint64_t word = want ? chunk->words[bit / 64] : ~chunk->words[bit / 64];

		word &= df_bit_mask(bit % 64, 64);
		if (word)
			return base + bit / 64 * 64 + (unsigned)__builtin_ctzll(word);
		bit = (bit | 63) + 1;
	}
	return base + DF_CHUNK_PAGES;
}

/* First frame at or after pfn with the wanted bit, or npages.  Where bits cannot be made again nothing is set. */
static uint64_t scan(const struct df_pageset *pageset, uint64_t pfn, bool want)
{
	while (pfn < pageset->npages) {
		const struct df_pageset_block *block = pageset->blocks[pfn >> PFN_SHIFT];
		slot content = slot_at(pageset, pfn >> DF_CHUNK_SHIFT);
		uint64_t end;

		if (content != EMPTY && content != FULL) {
			const struct chunk *chunk = bits_of(pageset, pfn >> DF_CHUNK_SHIFT, content);

			if (!chunk)
				return want ? pageset->npages : pfn;
			end = end_of(pfn, DF_CHUNK_SHIFT, pageset->npages);
			pfn = scan_words(chunk, pfn, want);
			if (pfn < end)
				return pfn;
			pfn = end;
			continue;
		}
		if (want == (content == FULL))
			return pfn;
		pfn = end_of(pfn, block && block != FULL_BLOCK ? DF_CHUNK_SHIFT : PFN_SHIFT, pageset->npages);
	}
	return pageset->npages;
}

bool df_pageset_next_run(const struct df_pageset *pageset, uint64_t from, uint64_t *first, uint64_t *end)
{
	if (df_pageset_lost(pageset))
		return false;
	*first = scan(pageset, from, true);
	if (*first >= pageset->npages)
		return false;
	*end = scan(pageset, *first, false);
	return true;
}

/* Bits set in [first, end) of one chunk. */
static uint64_t count_part(const struct df_pageset *pageset, uint64_t first, uint64_t end)
{
	uint64_t chunk = first >> DF_CHUNK_SHIFT;
	slot content = slot_at(pageset, chunk);
	const struct chunk *part;

	if (content == EMPTY)
		return 0;
	if (end - first == frames(pageset, chunk, DF_CHUNK_SHIFT))
		return count_of(pageset, chunk, content);
	part = content == FULL ? NULL : bits_of(pageset, chunk, content);
	if (!part)
		return end - first;
	return count_words(part, first, end);
}

uint64_t df_pageset_count_range(const struct df_pageset *pageset, uint64_t first, uint64_t end)
{
	uint64_t count = 0;

	if (end > pageset->npages)
		end = pageset->npages;
	while (first < end) {
		const struct df_pageset_block *block = pageset->blocks[first >> PFN_SHIFT];
		uint64_t stop = end_of(first, PFN_SHIFT, end);

		if (block == FULL_BLOCK) {
			count += stop - first;
		} else if (block && stop - first == frames(pageset, first >> PFN_SHIFT, PFN_SHIFT)) {
			count += block->count;
		} else if (block) {
			stop = end_of(first, DF_CHUNK_SHIFT, end);
			count += count_part(pageset, first, stop);
		}
		first = stop;
	}
	return count;
}
