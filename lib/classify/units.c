/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How far a compound page or a free block reaches.  The numbers come from the crashed machine's memory and may be those
 * of a page that was just being built or taken apart when it died, so nothing is believed alone: the order must fit
 * the frame's alignment, and the first and last tail must name this head.
 */
#include "classify/classify.h"

#define MAX_UNIT_BYTES_SHIFT 34u /* the largest hugetlb page of any machine: 16 GiB (ppc64, arm64 with 64K pages) */

/* Does the word of the tail whose struct is at tail name the head whose struct is at head? */
static bool names_head(const struct df_rules *rules, uint64_t word, uint64_t tail, uint64_t head)
{
	uint64_t mask = word & ~UINT64_C(1);

	if (rules->link_is_first_page)
		return word == head;
	if (!(word & 1))
		return false;
	if (mask == head)
		return true;
	/* 7.1 and newer, where structs are a power of two long: the word may be a mask of the tail's own address, so
	 * that one page of structs can serve as tails of many units */
	return rules->struct_is_pow2 && (~mask & (~mask + 1)) == 0 && ~mask >= rules->page_struct &&
	       (tail & mask) == head;
}

static bool tail_confirms(struct df_scanner *scanner, uint64_t pfn, uint64_t head_vaddr)
{
	const struct df_memmap_range *range = df_memmap_at(scanner->classifier->memmap, pfn);
	const uint8_t *page;
	uint64_t have = 1, vaddr;

	if (!range || pfn < range->first)
		return false;
	vaddr = range->vaddr + (pfn - range->first) * scanner->classifier->memmap->page_struct;
	page = df_structs_seen(&scanner->near, range, pfn); /* most tails are: no second read */
	if (!page)
		page = df_structs_get(&scanner->structs, range, pfn, 1, &have);
	return have && names_head(scanner->classifier->rules, df_rules_value(scanner->classifier->rules, DF_LINK, page),
				  vaddr, head_vaddr);
}

uint64_t df_unit_pages(struct df_scanner *scanner, const struct df_memmap_range *range, uint64_t pfn,
		       const uint8_t *page, bool next_readable)
{
	const struct df_rules *rules = scanner->classifier->rules;
	uint64_t order, pages, vaddr = range->vaddr + (pfn - range->first) * scanner->classifier->memmap->page_struct;

	if (!df_known(rules, DF_ORDER) || !df_known(rules, DF_LINK))
		return 1; /* nothing tells: its tails are kept */
	if (!next_readable)
		return 0;
	order = df_rules_value(rules, DF_ORDER, page);
	if (!order || order > MAX_UNIT_BYTES_SHIFT - scanner->classifier->page_shift)
		return 0;
	pages = UINT64_C(1) << order;
	if (pfn & (pages - 1))
		return 0;
	return tail_confirms(scanner, pfn + 1, vaddr) && tail_confirms(scanner, pfn + pages - 1, vaddr) ? pages : 0;
}

uint64_t df_block_pages(const struct df_classifier *classifier, const struct df_memmap_range *range, uint64_t pfn,
			const uint8_t *page)
{
	uint64_t order, pages;

	if (!df_known(classifier->rules, DF_BUDDY_ORDER))
		return 0;
	order = df_rules_value(classifier->rules, DF_BUDDY_ORDER, page);
	if (order >= classifier->rules->free_orders || order > DF_CHUNK_SHIFT) /* no block is larger than a chunk */
		return 0;
	pages = UINT64_C(1) << order;
	if (pfn & (pages - 1) || pages > range->end - pfn)
		return 0;
	/* no free block reaches over a hole in memory: all of it must be in the image */
	return pages == 1 || df_image_whole(classifier->xlat->image, classifier->page_shift, pfn, pages) ? pages : 0;
}
