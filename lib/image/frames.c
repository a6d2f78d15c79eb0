/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which page frames an image describes and stores, from its ranges or its sets. */
#include "base/bits.h"
#include "image/image.h"

static const struct df_extents *ranges_of(const struct df_image *image, enum df_part part)
{
	return part == DF_DESCRIBED ? &image->described : &image->stored;
}

/* NULL: the image has ranges. */
static const struct df_pageset *set_of(const struct df_image *image, enum df_part part)
{
	if (!image->frame_shift)
		return NULL;
	return part == DF_DESCRIBED ? &image->described_set : &image->stored_set;
}

static void chunk_of_ranges(const struct df_extents *extents, unsigned page_shift, uint64_t chunk, uint64_t *words)
{
	uint64_t base = chunk << DF_CHUNK_SHIFT, end = base + DF_CHUNK_PAGES;

	for (unsigned i = 0; i < DF_CHUNK_WORDS; i++)
		words[i] = 0;
	for (size_t i = df_extents_find(extents, base << page_shift); i < extents->count; i++) {
		uint64_t first = extents->extent[i].start >> page_shift,
			 last = (extents->extent[i].end - 1) >> page_shift;

		if (first >= end)
			break;
		df_bits_fill(words, first < base ? 0 : first - base, (last >= end ? end : last + 1) - base);
	}
}

void df_image_chunk(const struct df_image *image, enum df_part part, unsigned page_shift, uint64_t chunk,
		    uint64_t *words)
{
	const struct df_pageset *pageset = set_of(image, part);

	if (pageset)
		df_pageset_load(pageset, chunk, words);
	else
		chunk_of_ranges(ranges_of(image, part), page_shift, chunk, words);
}

bool df_image_next(const struct df_image *image, enum df_part part, unsigned page_shift, uint64_t from, uint64_t *first,
		   uint64_t *end)
{
	const struct df_pageset *pageset = set_of(image, part);
	const struct df_extents *extents = ranges_of(image, part);
	uint64_t stop;
	size_t i;

	if (pageset)
		return df_pageset_next_run(pageset, from, first, end ? end : &stop);
	i = df_extents_find(extents, from << page_shift);
	if (i == extents->count)
		return false;
	*first = extents->extent[i].start >> page_shift > from ? extents->extent[i].start >> page_shift : from;
	if (end)
		*end = ((extents->extent[i].end - 1) >> page_shift) + 1;
	return true;
}

static uint64_t pages_of_ranges(const struct df_extents *extents, unsigned page_shift, uint64_t end_pfn)
{
	uint64_t pages = 0, counted = 0; /* frames below counted are done */

	for (size_t i = 0; i < extents->count && counted < end_pfn; i++) {
		uint64_t first = extents->extent[i].start >> page_shift,
			 last = ((extents->extent[i].end - 1) >> page_shift) + 1;

		if (first < counted)
			first = counted;
		if (last > end_pfn)
			last = end_pfn;
		if (first < last) {
			pages += last - first;
			counted = last;
		}
	}
	return pages;
}

uint64_t df_image_pages(const struct df_image *image, enum df_part part, unsigned page_shift, uint64_t end_pfn)
{
	const struct df_pageset *pageset = set_of(image, part);

	return pageset ? df_pageset_count_range(pageset, 0, end_pfn)
		       : pages_of_ranges(ranges_of(image, part), page_shift, end_pfn);
}

bool df_image_whole(const struct df_image *image, unsigned page_shift, uint64_t pfn, uint64_t pages)
{
	const struct df_pageset *pageset = set_of(image, DF_DESCRIBED);
	const struct df_extents *extents = &image->described; /* merged: what is described as a whole lies in one */
	uint64_t start = pfn << page_shift, end = (pfn + pages) << page_shift;
	size_t i;

	if (pageset)
		return df_pageset_count_range(pageset, pfn, pfn + pages) == pages;
	i = df_extents_find(extents, start);
	return i < extents->count && extents->extent[i].start <= start && end <= extents->extent[i].end;
}
