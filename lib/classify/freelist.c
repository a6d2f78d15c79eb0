/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The buddy allocator's own lists: nodes, their zones, a free_area per order, a list per migrate type.  Only linked
 * blocks are taken whose neighbours agree, whose frames fit their order, and, where page.private is known, whose
 * struct page names the same order.  A list that breaks is left there; what was taken before the break was sound.
 */
#include "classify/classify.h"

#include "classify/zones.h"

struct walk {
	const struct df_classifier *classifier;
	struct df_pageset *free;
	size_t hint;
};

static bool complete(const struct df_kdesc *kernel)
{
	static const enum df_fact needed[] = {
		DF_OFF_page_lru,       DF_OFF_zone_free_area,      DF_LEN_zone_free_area,
		DF_SIZE_free_area,     DF_OFF_free_area_free_list, DF_OFF_list_head_next,
		DF_OFF_list_head_prev, DF_SIZE_list_head,
	};

	for (size_t i = 0; i < sizeof needed / sizeof *needed; i++)
		if (!df_has(kernel, needed[i]))
			return false;
	return df_zones_known(kernel);
}

/* The block whose list entry is at entry: false = no block of this order. */
static bool block_of(struct df_zones *zones, uint64_t entry, unsigned order, uint64_t *pfn)
{
	struct walk *walk = zones->user;
	uint64_t pages = UINT64_C(1) << order, struct_at = entry - zones->kernel->value[DF_OFF_page_lru], private;

	if (!df_memmap_pfn(walk->classifier->memmap, struct_at, &walk->hint, pfn) || *pfn & (pages - 1) ||
	    pages > walk->classifier->memmap->range[walk->hint].end - *pfn)
		return false;
	if (!df_has(zones->kernel, DF_OFF_page_private))
		return true;
	return !df_xlat_get(zones->walker, struct_at + zones->kernel->value[DF_OFF_page_private], zones->word, &private,
			    zones->err) &&
	       private == order;
}

/* 1 = the list ended where it began; 0 = it broke; negative: stop. */
static int one_list(struct df_zones *zones, uint64_t head, unsigned order)
{
	struct walk *walk = zones->user;
	uint64_t next_at = zones->kernel->value[DF_OFF_list_head_next],
		 prev_at = zones->kernel->value[DF_OFF_list_head_prev];
	uint64_t limit = (walk->classifier->memmap->end_pfn >> order) + 1, before = head, entry, prev, pfn;

	if (df_xlat_get(zones->walker, head + next_at, zones->word, &entry, zones->err) < 0)
		return 0;
	for (uint64_t count = 0; entry != head; count++) {
		int result;

		if (count >= limit || !df_zones_spend(zones) ||
		    df_xlat_get(zones->walker, entry + prev_at, zones->word, &prev, zones->err) < 0 || prev != before ||
		    !block_of(zones, entry, order, &pfn))
			return 0;
		result = df_pageset_set_range(walk->free, pfn, pfn + (UINT64_C(1) << order), zones->err);
		if (result < 0)
			return result;
		before = entry;
		if (df_xlat_get(zones->walker, entry + next_at, zones->word, &entry, zones->err) < 0)
			return 0;
	}
	return 1;
}

static int one_zone(struct df_zones *zones, uint64_t zone)
{
	const struct df_kdesc *kernel = zones->kernel;
	uint64_t types = df_fact(kernel, DF_LEN_free_area_free_list, 1);

	for (unsigned order = (unsigned)kernel->value[DF_LEN_zone_free_area]; order-- > 0;) {
		uint64_t area = zone + kernel->value[DF_OFF_zone_free_area] + order * kernel->value[DF_SIZE_free_area];

		for (uint64_t total = 0; total < types; total++) {
			int result = one_list(zones,
					      area + kernel->value[DF_OFF_free_area_free_list] +
						      total * kernel->value[DF_SIZE_list_head],
					      order);

			if (result < 0)
				return result;
			zones->doubts += !result;
		}
	}
	return 0;
}

int df_freelist_walk(const struct df_classifier *classifier, const struct df_kdesc *kernel, struct df_walker *walker,
		     struct df_pageset *free, uint64_t *doubts, struct df_err *err)
{
	struct walk walk = { .classifier = classifier, .free = free };
	struct df_zones zones = { .kernel = kernel, .walker = walker, .each = one_zone, .user = &walk, .err = err };
	int result;

	*doubts = 0;
	if (!complete(kernel))
		return df_err_set(err, DUMPFILTER_E_NOINFO,
				  "VMCOREINFO has neither the mark of free pages nor the "
				  "offsets of the free lists: free pages are kept");
	zones.word = classifier->xlat->image->bits / 8;
	zones.budget = 2 * df_image_pages(classifier->xlat->image, DF_STORED, classifier->page_shift, UINT64_MAX) +
		       (1 << 20);
	result = df_zones_foreach(&zones);
	*doubts = zones.doubts;
	return result;
}
