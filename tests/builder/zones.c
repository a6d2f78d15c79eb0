/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One node: pgdat, its zones, the free lists and the counter of free pages.  All memory is in the second zone; the
 * first is empty. */
#include <string.h>

#include "bd.h"

#define ZONE 1

void bd_freelist(struct bd *b, struct bd_line *l)
{
	b->freelist_break = bd_opt_num(b, l, "break", b->freelist_break);
	b->freelist_nocount |= bd_flag(l, "nocount");
}

static void put(struct bd *b, uint64_t pa, unsigned width, uint64_t v)
{
	bd_put(b, bd_phys(b, pa, width), width, v);
}

/* The link {next, prev} at a physical address. */
static void put_link(struct bd *b, uint64_t pa, uint64_t next, uint64_t prev)
{
	put(b, pa + bd_need(b, "OFFSET(list_head.next)"), b->word, next);
	put(b, pa + bd_need(b, "OFFSET(list_head.prev)"), b->word, prev);
}

static uint64_t lru_pa(struct bd *b, uint64_t pfn)
{
	return bd_page_pa(b, pfn) + b->lru_off;
}

static uint64_t lru_va(struct bd *b, uint64_t pfn)
{
	return bd_page_va(b, pfn) + b->lru_off;
}

/* The list of one order and migrate type: blocks go to the types in turn. */
static uint64_t fill_list(struct bd *b, uint64_t head_pa, uint64_t head_va, unsigned order, uint64_t type,
			  uint64_t types)
{
	uint64_t prev_pa = head_pa, prev_va = head_va, seen = 0, pages = 0;

	put_link(b, head_pa, head_va, head_va);
	for (size_t i = 0; i < b->nblocks; i++) {
		uint64_t pfn = b->blocks[i].pfn;

		if (b->blocks[i].order != order || seen++ % types != type)
			continue;
		put_link(b, lru_pa(b, pfn), head_va, pfn == b->freelist_break ? prev_va + 8 : prev_va);
		put(b, prev_pa + bd_need(b, "OFFSET(list_head.next)"), b->word, lru_va(b, pfn));
		put(b, head_pa + bd_need(b, "OFFSET(list_head.prev)"), b->word, lru_va(b, pfn));
		prev_pa = lru_pa(b, pfn);
		prev_va = lru_va(b, pfn);
		pages += 1ull << order;
	}
	return pages;
}

static void fill_zone(struct bd *b, uint64_t zone_pa, uint64_t zone_va)
{
	uint64_t orders = bd_need(b, "LENGTH(zone.free_area)"), types = bd_need(b, "LENGTH(free_area.free_list)");
	uint64_t area = bd_need(b, "OFFSET(zone.free_area)"), size = bd_need(b, "SIZE(free_area)");
	uint64_t list = bd_need(b, "OFFSET(free_area.free_list)"), link = bd_need(b, "SIZE(list_head)");
	uint64_t stat = bd_need(b, "OFFSET(zone.vm_stat)") + b->word * bd_need(b, "NUMBER(NR_FREE_PAGES)");
	uint64_t pages = 0;

	for (unsigned o = 0; o < orders; o++) {
		for (uint64_t t = 0; t < types; t++) {
			uint64_t off = area + o * size + list + t * link;

			pages += fill_list(b, zone_pa + off, zone_va + off, o, t, types);
		}
	}
	put(b, zone_pa + stat, b->word, b->freelist_nocount ? 0 : pages);
}

/* pgdat and where readers find it: node_data[0], or contig_page_data itself. */
static uint64_t place_pgdat(struct bd *b, uint64_t *va)
{
	uint64_t bytes = bd_need(b, "SIZE(pglist_data)"), pa;

	pa = bd_alloc(b, (bytes + b->page - 1) & ~(b->page - 1), b->page);
	*va = bd_direct(b, pa);
	if (bd_fact_text(b, "SYMBOL(contig_page_data)"))
		bd_sym_at(b, "contig_page_data", *va);
	if (bd_fact_text(b, "SYMBOL(node_data)")) {
		uint64_t array = bd_sym_new(b, "node_data", b->word * bd_need(b, "LENGTH(node_data)"), 64);

		put(b, bd_image_pa(b, array), b->word, *va);
	}
	return pa;
}

void bd_zones_build(struct bd *b)
{
	uint64_t va, pa, zone, span = 0;

	if (!bd_fact_text(b, "SIZE(pglist_data)"))
		return;
	pa = place_pgdat(b, &va);
	for (size_t i = 0; i < b->nspans; i++)
		if (b->spans[i].end > span)
			span = b->spans[i].end;
	zone = bd_need(b, "OFFSET(pglist_data.node_zones)") + ZONE * bd_need(b, "SIZE(zone)");
	put(b, pa + bd_need(b, "OFFSET(pglist_data.nr_zones)"), 4, ZONE + 1);
	put(b, pa + bd_need(b, "OFFSET(pglist_data.node_spanned_pages)"), b->word, span);
	put(b, pa + zone + bd_need(b, "OFFSET(zone.spanned_pages)"), b->word, span);
	fill_zone(b, pa + zone, va + zone);
}
