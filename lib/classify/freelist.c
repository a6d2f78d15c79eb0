/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The buddy allocator's own lists: nodes, their zones, a free_area per order, a list per migrate type.  Only linked
 * blocks are taken whose neighbours agree, whose frames fit their order, and, where page.private is known, whose
 * struct page names the same order.  A list that breaks is left there; what was taken before the break was sound.
 */
#include "classify/classify.h"

#include "base/bytes.h"

#include <inttypes.h>

#define MAX_ZONES 16u /* MAX_NR_ZONES is 6 at most */

struct walk {
	const struct df_classifier *c;
	const struct df_kdesc *k;
	struct df_walker *w;
	struct df_pageset *free;
	uint64_t doubts;
	unsigned word;
	size_t hint;
	struct df_err *err;
};

static bool complete(const struct df_kdesc *k)
{
	static const enum df_fact needed[] = {
		DF_OFF_page_lru,
		DF_OFF_pglist_data_node_zones,
		DF_OFF_pglist_data_nr_zones,
		DF_SIZE_zone,
		DF_OFF_zone_free_area,
		DF_LEN_zone_free_area,
		DF_OFF_zone_spanned_pages,
		DF_SIZE_free_area,
		DF_OFF_free_area_free_list,
		DF_OFF_list_head_next,
		DF_OFF_list_head_prev,
		DF_SIZE_list_head,
	};

	for (size_t i = 0; i < sizeof needed / sizeof *needed; i++)
		if (!df_has(k, needed[i]))
			return false;
	return (df_has(k, DF_SYM_node_data) && df_has(k, DF_LEN_node_data) && df_has(k, DF_SYM_node_online_map)) ||
	       df_has(k, DF_SYM_contig_page_data);
}

/* The block whose list entry is at entry: false = no block of this order. */
static bool block_of(struct walk *x, uint64_t entry, unsigned order, uint64_t *pfn)
{
	uint64_t pages = UINT64_C(1) << order, struct_at = entry - x->k->value[DF_OFF_page_lru], private;

	if (!df_memmap_pfn(x->c->map, struct_at, &x->hint, pfn) || *pfn & (pages - 1) ||
	    pages > x->c->map->v[x->hint].end - *pfn)
		return false;
	if (!df_has(x->k, DF_OFF_page_private))
		return true;
	return !df_xlat_get(x->w, struct_at + x->k->value[DF_OFF_page_private], x->word, &private, x->err) &&
	       private == order;
}

static int one_list(struct walk *x, uint64_t head, unsigned order)
{
	uint64_t next_at = x->k->value[DF_OFF_list_head_next], prev_at = x->k->value[DF_OFF_list_head_prev];
	uint64_t limit = (x->c->map->end_pfn >> order) + 1, before = head, entry, prev, pfn;

	if (df_xlat_get(x->w, head + next_at, x->word, &entry, x->err) < 0) {
		x->doubts++;
		return 0;
	}
	for (uint64_t n = 0; entry != head; n++) {
		int r;

		if (n >= limit || df_xlat_get(x->w, entry + prev_at, x->word, &prev, x->err) < 0 || prev != before ||
		    !block_of(x, entry, order, &pfn)) {
			x->doubts++;
			return 0;
		}
		r = df_pageset_set_range(x->free, pfn, pfn + (UINT64_C(1) << order), x->err);
		if (r < 0)
			return r;
		before = entry;
		if (df_xlat_get(x->w, entry + next_at, x->word, &entry, x->err) < 0) {
			x->doubts++;
			return 0;
		}
	}
	return 0;
}

static int one_zone(struct walk *x, uint64_t zone)
{
	const struct df_kdesc *k = x->k;
	uint64_t types = df_fact(k, DF_LEN_free_area_free_list, 1), spanned;
	unsigned orders = (unsigned)k->value[DF_LEN_zone_free_area];

	if (df_xlat_get(x->w, zone + k->value[DF_OFF_zone_spanned_pages], x->word, &spanned, x->err) < 0) {
		x->doubts++;
		return 0;
	}
	for (unsigned order = orders; spanned && order-- > 0;) {
		uint64_t area = zone + k->value[DF_OFF_zone_free_area] + order * k->value[DF_SIZE_free_area];

		for (uint64_t t = 0; t < types; t++) {
			int r = one_list(x,
					 area + k->value[DF_OFF_free_area_free_list] + t * k->value[DF_SIZE_list_head],
					 order);

			if (r < 0)
				return r;
		}
	}
	return 0;
}

static int one_node(struct walk *x, uint64_t pgdat)
{
	uint64_t zones;

	if (df_xlat_get(x->w, pgdat + x->k->value[DF_OFF_pglist_data_nr_zones], 4, &zones, x->err) < 0 ||
	    zones > MAX_ZONES) {
		x->doubts++;
		return 0;
	}
	for (uint64_t i = 0; i < zones; i++) {
		int r = one_zone(x, pgdat + x->k->value[DF_OFF_pglist_data_node_zones] + i * x->k->value[DF_SIZE_zone]);

		if (r < 0)
			return r;
	}
	return 0;
}

static int numa_nodes(struct walk *x)
{
	uint64_t nodes = x->k->value[DF_LEN_node_data], online, pgdat;

	for (uint64_t n = 0; n < nodes; n++) {
		uint64_t map_word = x->k->value[DF_SYM_node_online_map] + n / (8 * x->word) * x->word;
		int r;

		if (df_xlat_get(x->w, map_word, x->word, &online, x->err) < 0) {
			x->doubts++;
			return 0;
		}
		if (!(online >> n % (8 * x->word) & 1))
			continue;
		if (df_xlat_get(x->w, x->k->value[DF_SYM_node_data] + n * x->word, x->word, &pgdat, x->err) < 0 ||
		    !pgdat) {
			x->doubts++;
			continue;
		}
		r = one_node(x, pgdat);
		if (r < 0)
			return r;
	}
	return 0;
}

int df_freelist_walk(const struct df_classifier *c, const struct df_kdesc *k, struct df_walker *w,
		     struct df_pageset *free, uint64_t *doubts, struct df_err *err)
{
	struct walk x = { .c = c, .k = k, .w = w, .free = free, .word = c->xlat->image->bits / 8, .err = err };
	int r;

	*doubts = 0;
	if (!complete(k))
		return df_err_set(err, DUMPFILTER_E_NOINFO,
				  "VMCOREINFO has neither the mark of free pages nor the "
				  "offsets of the free lists: free pages are kept");
	if (df_has(k, DF_SYM_node_data) && df_has(k, DF_LEN_node_data))
		r = numa_nodes(&x);
	else
		r = one_node(&x, k->value[DF_SYM_contig_page_data]);
	*doubts = x.doubts;
	return r;
}
