/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One node: pgdat, its zones, the free lists and the counter of free pages.  All memory is in the second zone; the
 * first is empty. */
#include <string.h>

#include "bd.h"

#define ZONE 1

void bd_freelist(struct bd *builder, struct bd_line *line)
{
	builder->freelist_break = bd_opt_num(builder, line, "break", builder->freelist_break);
	builder->freelist_nocount |= bd_flag(line, "nocount");
}

static void put(struct bd *builder, uint64_t paddr, unsigned width, uint64_t value)
{
	bd_put(builder, bd_phys(builder, paddr, width), width, value);
}

/* The link {next, prev} at a physical address. */
static void put_link(struct bd *builder, uint64_t paddr, uint64_t next, uint64_t prev)
{
	put(builder, paddr + bd_need(builder, "OFFSET(list_head.next)"), builder->word, next);
	put(builder, paddr + bd_need(builder, "OFFSET(list_head.prev)"), builder->word, prev);
}

static uint64_t lru_pa(struct bd *builder, uint64_t pfn)
{
	return bd_page_pa(builder, pfn) + builder->lru_off;
}

static uint64_t lru_va(struct bd *builder, uint64_t pfn)
{
	return bd_page_va(builder, pfn) + builder->lru_off;
}

/* The list of one order and migrate type: blocks go to the types in turn. */
static uint64_t fill_list(struct bd *builder, uint64_t head_pa, uint64_t head_va, unsigned order, uint64_t type,
			  uint64_t types)
{
	uint64_t prev_pa = head_pa, prev_va = head_va, seen = 0, pages = 0;

	put_link(builder, head_pa, head_va, head_va);
	for (size_t i = 0; i < builder->nblocks; i++) {
		uint64_t pfn = builder->blocks[i].pfn;

		if (builder->blocks[i].order != order || seen++ % types != type)
			continue;
		put_link(builder, lru_pa(builder, pfn), head_va,
			 pfn == builder->freelist_break ? prev_va + 8 : prev_va);
		put(builder, prev_pa + bd_need(builder, "OFFSET(list_head.next)"), builder->word, lru_va(builder, pfn));
		put(builder, head_pa + bd_need(builder, "OFFSET(list_head.prev)"), builder->word, lru_va(builder, pfn));
		prev_pa = lru_pa(builder, pfn);
		prev_va = lru_va(builder, pfn);
		pages += 1ull << order;
	}
	return pages;
}

static void fill_zone(struct bd *builder, uint64_t zone_pa, uint64_t zone_va)
{
	uint64_t orders = bd_need(builder, "LENGTH(zone.free_area)"),
		 types = bd_need(builder, "LENGTH(free_area.free_list)");
	uint64_t area = bd_need(builder, "OFFSET(zone.free_area)"), size = bd_need(builder, "SIZE(free_area)");
	uint64_t list = bd_need(builder, "OFFSET(free_area.free_list)"), link = bd_need(builder, "SIZE(list_head)");
	uint64_t stat = bd_need(builder, "OFFSET(zone.vm_stat)") +
			builder->word * bd_need(builder, "NUMBER(NR_FREE_PAGES)");
	uint64_t pages = 0;

	for (unsigned offset = 0; offset < orders; offset++) {
		for (uint64_t time = 0; time < types; time++) {
			uint64_t off = area + offset * size + list + time * link;

			pages += fill_list(builder, zone_pa + off, zone_va + off, offset, time, types);
		}
	}
	put(builder, zone_pa + stat, builder->word, builder->freelist_nocount ? 0 : pages);
}

/* pgdat and where readers find it: node_data[0], or contig_page_data itself. */
static uint64_t place_pgdat(struct bd *builder, uint64_t *vaddr)
{
	uint64_t bytes = bd_need(builder, "SIZE(pglist_data)"), paddr;

	paddr = bd_alloc(builder, (bytes + builder->page - 1) & ~(builder->page - 1), builder->page);
	*vaddr = bd_direct(builder, paddr);
	if (bd_fact_text(builder, "SYMBOL(contig_page_data)"))
		bd_sym_at(builder, "contig_page_data", *vaddr);
	if (bd_fact_text(builder, "SYMBOL(node_data)")) {
		uint64_t array = bd_sym_new(builder, "node_data", builder->word * bd_need(builder, "LENGTH(node_data)"),
					    64);

		put(builder, bd_image_pa(builder, array), builder->word, *vaddr);
	}
	return paddr;
}

void bd_zones_build(struct bd *builder)
{
	uint64_t vaddr, paddr, zone, span = 0;

	if (!bd_fact_text(builder, "SIZE(pglist_data)"))
		return;
	paddr = place_pgdat(builder, &vaddr);
	for (size_t i = 0; i < builder->nspans; i++)
		if (builder->spans[i].end > span)
			span = builder->spans[i].end;
	zone = bd_need(builder, "OFFSET(pglist_data.node_zones)") + ZONE * bd_need(builder, "SIZE(zone)");
	put(builder, paddr + bd_need(builder, "OFFSET(pglist_data.nr_zones)"), 4, ZONE + 1);
	put(builder, paddr + bd_need(builder, "OFFSET(pglist_data.node_spanned_pages)"), builder->word, span);
	put(builder, paddr + zone + bd_need(builder, "OFFSET(zone.spanned_pages)"), builder->word, span);
	fill_zone(builder, paddr + zone, vaddr + zone);
}
