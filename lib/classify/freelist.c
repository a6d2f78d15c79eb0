/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The buddy allocator's own lists: nodes, their zones, a free_area per order, a list per migrate type.  Only linked
 * blocks are taken whose neighbours agree, whose frames fit their order, and, where page.private is known, whose
 * struct page names the same order.  A list that breaks is left there; what was taken before the break was sound.
 */
#include "classify/classify.h"

#include "classify/zones.h"

struct walk {
	const struct df_classifier *c;
	struct df_pageset *free;
	size_t hint;
};

static bool complete(const struct df_kdesc *k)
{
	static const enum df_fact needed[] = {
		DF_OFF_page_lru,       DF_OFF_zone_free_area,      DF_LEN_zone_free_area,
		DF_SIZE_free_area,     DF_OFF_free_area_free_list, DF_OFF_list_head_next,
		DF_OFF_list_head_prev, DF_SIZE_list_head,
	};

	for (size_t i = 0; i < sizeof needed / sizeof *needed; i++)
		if (!df_has(k, needed[i]))
			return false;
	return df_zones_known(k);
}

/* The block whose list entry is at entry: false = no block of this order. */
static bool block_of(struct df_zones *z, uint64_t entry, unsigned order, uint64_t *pfn)
{
	struct walk *x = z->user;
	uint64_t pages = UINT64_C(1) << order, struct_at = entry - z->k->value[DF_OFF_page_lru], private;

	if (!df_memmap_pfn(x->c->map, struct_at, &x->hint, pfn) || *pfn & (pages - 1) ||
	    pages > x->c->map->v[x->hint].end - *pfn)
		return false;
	if (!df_has(z->k, DF_OFF_page_private))
		return true;
	return !df_xlat_get(z->w, struct_at + z->k->value[DF_OFF_page_private], z->word, &private, z->err) &&
	       private == order;
}

/* 1 = the list ended where it began; 0 = it broke; negative: stop. */
static int one_list(struct df_zones *z, uint64_t head, unsigned order)
{
	struct walk *x = z->user;
	uint64_t next_at = z->k->value[DF_OFF_list_head_next], prev_at = z->k->value[DF_OFF_list_head_prev];
	uint64_t limit = (x->c->map->end_pfn >> order) + 1, before = head, entry, prev, pfn;

	if (df_xlat_get(z->w, head + next_at, z->word, &entry, z->err) < 0)
		return 0;
	for (uint64_t n = 0; entry != head; n++) {
		int r;

		if (n >= limit || !df_zones_spend(z) ||
		    df_xlat_get(z->w, entry + prev_at, z->word, &prev, z->err) < 0 || prev != before ||
		    !block_of(z, entry, order, &pfn))
			return 0;
		r = df_pageset_set_range(x->free, pfn, pfn + (UINT64_C(1) << order), z->err);
		if (r < 0)
			return r;
		before = entry;
		if (df_xlat_get(z->w, entry + next_at, z->word, &entry, z->err) < 0)
			return 0;
	}
	return 1;
}

static int one_zone(struct df_zones *z, uint64_t zone)
{
	const struct df_kdesc *k = z->k;
	uint64_t types = df_fact(k, DF_LEN_free_area_free_list, 1);

	for (unsigned order = (unsigned)k->value[DF_LEN_zone_free_area]; order-- > 0;) {
		uint64_t area = zone + k->value[DF_OFF_zone_free_area] + order * k->value[DF_SIZE_free_area];

		for (uint64_t t = 0; t < types; t++) {
			int r = one_list(z,
					 area + k->value[DF_OFF_free_area_free_list] + t * k->value[DF_SIZE_list_head],
					 order);

			if (r < 0)
				return r;
			z->doubts += !r;
		}
	}
	return 0;
}

int df_freelist_walk(const struct df_classifier *c, const struct df_kdesc *k, struct df_walker *w,
		     struct df_pageset *free, uint64_t *doubts, struct df_err *err)
{
	struct walk x = { .c = c, .free = free };
	struct df_zones z = { .k = k, .w = w, .each = one_zone, .user = &x, .err = err };
	int r;

	*doubts = 0;
	if (!complete(k))
		return df_err_set(err, DUMPFILTER_E_NOINFO,
				  "VMCOREINFO has neither the mark of free pages nor the "
				  "offsets of the free lists: free pages are kept");
	z.word = c->xlat->image->bits / 8;
	z.budget = 2 * df_image_pages(c->xlat->image, DF_STORED, c->page_shift, UINT64_MAX) + (1 << 20);
	r = df_zones_foreach(&z);
	*doubts = z.doubts;
	return r;
}
