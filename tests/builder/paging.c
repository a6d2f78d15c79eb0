/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Page tables: one walker, a form for each machine. */
#include <string.h>

#include "bd.h"

/* ---- x86_64 ---- */

#define X86_ADDR 0x000ffffffffff000ull

static uint64_t x86_table(struct bd *builder, unsigned level, uint64_t paddr)
{
	(void)level;
	return paddr | 0x67 | builder->paging.sme;
}

static uint64_t x86_leaf(struct bd *builder, unsigned level, uint64_t paddr)
{
	return paddr | 0x8000000000000163 | (level ? 0x80 : 0) | builder->paging.sme | builder->paging.leafbits;
}

static uint64_t zero_entry(unsigned level)
{
	(void)level;
	return 0;
}

static uint64_t x86_child(struct bd *builder, unsigned level, uint64_t end)
{
	(void)level;
	return end & X86_ADDR & ~builder->paging.sme;
}

const struct bd_form bd_form_x86_64 = {
	.max_levels = 5,
	.levels = 4,
	.shift = { 12, 21, 30, 39, 48 },
	.bits = { 9, 9, 9, 9, 9 },
	.table = x86_table,
	.leaf = x86_leaf,
	.empty = zero_entry,
	.child = x86_child,
};

/* ---- s390x: level 0 page tables of 256, level 1 segment tables, levels 2 to 4 region tables, all of 2048 entries ----
 */

static uint64_t s390_type(unsigned level)
{
	return level > 1 ? (level - 1) << 2 : 0;
}

static uint64_t s390_table(struct bd *builder, unsigned level, uint64_t paddr)
{
	(void)builder;
	return paddr | (level > 1 ? s390_type(level) | 3 : 0);
}

static uint64_t s390_leaf(struct bd *builder, unsigned level, uint64_t paddr)
{
	return paddr | builder->paging.leafbits | (level ? 0x400 | s390_type(level) : 0x13d);
}

static uint64_t s390_empty(unsigned level)
{
	return level ? 0x20 | s390_type(level) : 0x400;
}

static uint64_t s390_child(struct bd *builder, unsigned level, uint64_t end)
{
	(void)builder;
	return end & (level > 1 ? ~0xfffull : ~0x7ffull);
}

const struct bd_form bd_form_s390x = {
	.max_levels = 5,
	.levels = 3,
	.shift = { 12, 20, 31, 42, 53 },
	.bits = { 8, 11, 11, 11, 11 },
	.table = s390_table,
	.leaf = s390_leaf,
	.empty = s390_empty,
	.child = s390_child,
};

/* ---- arm64, 4K pages, 48 bits ---- */

static uint64_t arm64_table(struct bd *builder, unsigned level, uint64_t paddr)
{
	(void)builder, (void)level;
	return paddr | 3;
}

static uint64_t arm64_leaf(struct bd *builder, unsigned level, uint64_t paddr)
{
	return paddr | 0x0068000000000f00 | (level ? 1 : 3) | builder->paging.leafbits;
}

static uint64_t arm64_child(struct bd *builder, unsigned level, uint64_t end)
{
	(void)builder, (void)level;
	return end & 0x0000fffffffff000;
}

const struct bd_form bd_form_arm64 = {
	.max_levels = 4,
	.levels = 4,
	.shift = { 12, 21, 30, 39 },
	.bits = { 9, 9, 9, 9 },
	.table = arm64_table,
	.leaf = arm64_leaf,
	.empty = zero_entry,
	.child = arm64_child,
};

/* ---- the walker ---- */

static uint64_t table_bytes(const struct bd_form *form, unsigned level)
{
	return 8ull << form->bits[level];
}

static void init_table(struct bd *builder, unsigned level, uint64_t paddr)
{
	const struct bd_form *form = builder->machine.form;
	uint8_t *bytes = bd_phys(builder, paddr, table_bytes(form, level));

	for (uint64_t i = 0; i < 1ull << form->bits[level]; i++)
		bd_put(builder, bytes + 8 * i, 8, form->empty(level));
}

static uint8_t *slot(struct bd *builder, unsigned level, uint64_t table, uint64_t vaddr)
{
	const struct bd_form *form = builder->machine.form;
	uint64_t index = vaddr >> form->shift[level] & ((1ull << form->bits[level]) - 1);

	return bd_phys(builder, table + 8 * index, 8);
}

static unsigned level_of(struct bd *builder, uint64_t size)
{
	for (unsigned i = 0; i < builder->paging.levels; i++)
		if (1ull << builder->machine.form->shift[i] == size)
			return i;
	bd_fail(builder, "no page of %llu bytes on %s", (unsigned long long)size, builder->machine.name);
}

static void map_one(struct bd *builder, uint64_t vaddr, uint64_t paddr, unsigned leaf)
{
	const struct bd_form *form = builder->machine.form;
	uint64_t table = builder->root_pa, next;

	for (unsigned level = builder->paging.levels - 1; level > leaf; level--) {
		uint8_t *bytes = slot(builder, level, table, vaddr);

		if (bd_get(builder, bytes, 8) == form->empty(level)) {
			next = bd_alloc(builder, table_bytes(form, level - 1), table_bytes(form, level - 1));
			init_table(builder, level - 1, next);
			bd_put(builder, bytes, 8, form->table(builder, level, next));
		}
		table = form->child(builder, level, bd_get(builder, bytes, 8));
	}
	bd_put(builder, slot(builder, leaf, table, vaddr), 8, form->leaf(builder, leaf, paddr));
}

/* The page of struct pages at va: where the tables show it, or BD_UNSET for nowhere. */
static uint64_t aliased(struct bd *builder, uint64_t vaddr, uint64_t paddr)
{
	for (size_t i = builder->naliases; i--;)
		if (builder->aliases[i].vaddr == vaddr)
			return builder->aliases[i].paddr;
	return paddr;
}

static void map(struct bd *builder, uint64_t vaddr, uint64_t paddr, uint64_t length, uint64_t size)
{
	unsigned leaf = level_of(builder, size);
	uint64_t shown;

	length = ((vaddr & (size - 1)) + length + size - 1) & ~(size - 1);
	paddr -= vaddr & (size - 1);
	vaddr &= ~(size - 1);
	if (paddr & (size - 1))
		bd_fail(builder, "pages of %#llx: %#llx and %#llx are not aligned alike", (unsigned long long)size,
			(unsigned long long)vaddr, (unsigned long long)paddr);
	for (uint64_t off = 0; off < length; off += size) {
		shown = aliased(builder, vaddr + off, paddr + off);
		if (shown != BD_UNSET)
			map_one(builder, vaddr + off, shown, leaf);
	}
}

static void add_map(struct bd *builder, uint64_t vaddr, uint64_t paddr, uint64_t length)
{
	if (builder->nmaps == BD_MAPS)
		bd_fail(builder, "too many mappings");
	builder->maps[builder->nmaps++] = (struct bd_map){ vaddr, paddr, length };
}

static void note_maps(struct bd *builder)
{
	add_map(builder, builder->layout.text, builder->layout.kernel, builder->layout.kernel_size);
	for (unsigned i = 0; i < builder->nregions; i++)
		add_map(builder, bd_direct(builder, builder->regions[i].paddr), builder->regions[i].paddr,
			builder->regions[i].size);
	for (size_t i = 0; i < builder->nspans && !builder->memmap_direct; i++)
		add_map(builder, builder->spans[i].vaddr, builder->spans[i].paddr,
			(builder->spans[i].end - builder->spans[i].first) * builder->page_size);
}

void bd_paging_root(struct bd *builder)
{
	const struct bd_form *form = builder->machine.form;
	uint64_t bytes = builder->page;

	if (form)
		bytes = table_bytes(form, builder->paging.levels - 1);
	builder->root_pa = bd_image_pa(builder, bd_sym_new(builder, "swapper_pg_dir", bytes, bytes));
	if (form)
		init_table(builder, builder->paging.levels - 1, builder->root_pa);
}

static void s390_sizes(struct bd *builder)
{
	uint64_t *sizes[] = { &builder->paging.direct, &builder->paging.kernel, &builder->paging.vmemmap };

	for (unsigned i = 0; i < 3; i++)
		if (*sizes[i] == 2 << 20)
			*sizes[i] = i ? 4096 : 1 << 20;
}

void bd_paging_build(struct bd *builder)
{
	note_maps(builder);
	if (!builder->machine.form || builder->paging.off)
		return;
	if (builder->machine.e_machine == 22)
		s390_sizes(builder);
	map(builder, builder->layout.text, builder->layout.kernel, builder->layout.kernel_size, builder->paging.kernel);
	for (unsigned i = 0; i < builder->nregions; i++)
		map(builder, bd_direct(builder, builder->regions[i].paddr), builder->regions[i].paddr,
		    builder->regions[i].size, builder->paging.direct);
	for (size_t i = 0; i < builder->nspans && !builder->memmap_direct; i++)
		map(builder, builder->spans[i].vaddr, builder->spans[i].paddr,
		    (builder->spans[i].end - builder->spans[i].first) * builder->page_size, builder->paging.vmemmap);
}

void bd_paging(struct bd *builder, struct bd_line *line)
{
	builder->paging.levels = (unsigned)bd_opt_num(builder, line, "levels", builder->paging.levels);
	if (builder->machine.form && builder->paging.levels &&
	    (builder->paging.levels < 3 || builder->paging.levels > builder->machine.form->max_levels))
		bd_fail(builder, "%u levels", builder->paging.levels);
	builder->paging.direct = bd_opt_num(builder, line, "direct", builder->paging.direct);
	builder->paging.kernel = bd_opt_num(builder, line, "kernel", builder->paging.kernel);
	builder->paging.vmemmap = bd_opt_num(builder, line, "vmemmap", builder->paging.vmemmap);
	builder->paging.sme = bd_opt_num(builder, line, "sme", builder->paging.sme);
	builder->paging.leafbits = bd_opt_num(builder, line, "leafbits", builder->paging.leafbits);
	builder->paging.off |= bd_flag(line, "off");
}
