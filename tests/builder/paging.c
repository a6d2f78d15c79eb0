/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Page tables: one walker, a form for each machine. */
#include <string.h>

#include "bd.h"

/* ---- x86_64 ---- */

#define X86_ADDR 0x000ffffffffff000ull

static uint64_t x86_table(struct bd *b, unsigned level, uint64_t pa)
{
	(void)level;
	return pa | 0x67 | b->pg.sme;
}

static uint64_t x86_leaf(struct bd *b, unsigned level, uint64_t pa)
{
	return pa | 0x8000000000000163 | (level ? 0x80 : 0) | b->pg.sme | b->pg.leafbits;
}

static uint64_t zero_entry(unsigned level)
{
	(void)level;
	return 0;
}

static uint64_t x86_child(struct bd *b, unsigned level, uint64_t e)
{
	(void)level;
	return e & X86_ADDR & ~b->pg.sme;
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

static uint64_t s390_table(struct bd *b, unsigned level, uint64_t pa)
{
	(void)b;
	return pa | (level > 1 ? s390_type(level) | 3 : 0);
}

static uint64_t s390_leaf(struct bd *b, unsigned level, uint64_t pa)
{
	return pa | b->pg.leafbits | (level ? 0x400 | s390_type(level) : 0x13d);
}

static uint64_t s390_empty(unsigned level)
{
	return level ? 0x20 | s390_type(level) : 0x400;
}

static uint64_t s390_child(struct bd *b, unsigned level, uint64_t e)
{
	(void)b;
	return e & (level > 1 ? ~0xfffull : ~0x7ffull);
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

static uint64_t arm64_table(struct bd *b, unsigned level, uint64_t pa)
{
	(void)b, (void)level;
	return pa | 3;
}

static uint64_t arm64_leaf(struct bd *b, unsigned level, uint64_t pa)
{
	return pa | 0x0068000000000f00 | (level ? 1 : 3) | b->pg.leafbits;
}

static uint64_t arm64_child(struct bd *b, unsigned level, uint64_t e)
{
	(void)b, (void)level;
	return e & 0x0000fffffffff000;
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

static uint64_t table_bytes(const struct bd_form *f, unsigned level)
{
	return 8ull << f->bits[level];
}

static void init_table(struct bd *b, unsigned level, uint64_t pa)
{
	const struct bd_form *f = b->m.form;
	uint8_t *p = bd_phys(b, pa, table_bytes(f, level));

	for (uint64_t i = 0; i < 1ull << f->bits[level]; i++)
		bd_put(b, p + 8 * i, 8, f->empty(level));
}

static uint8_t *slot(struct bd *b, unsigned level, uint64_t table, uint64_t va)
{
	const struct bd_form *f = b->m.form;
	uint64_t index = va >> f->shift[level] & ((1ull << f->bits[level]) - 1);

	return bd_phys(b, table + 8 * index, 8);
}

static unsigned level_of(struct bd *b, uint64_t size)
{
	for (unsigned i = 0; i < b->pg.levels; i++)
		if (1ull << b->m.form->shift[i] == size)
			return i;
	bd_fail(b, "no page of %llu bytes on %s", (unsigned long long)size, b->m.name);
}

static void map_one(struct bd *b, uint64_t va, uint64_t pa, unsigned leaf)
{
	const struct bd_form *f = b->m.form;
	uint64_t table = b->root_pa, next;

	for (unsigned level = b->pg.levels - 1; level > leaf; level--) {
		uint8_t *p = slot(b, level, table, va);

		if (bd_get(b, p, 8) == f->empty(level)) {
			next = bd_alloc(b, table_bytes(f, level - 1), table_bytes(f, level - 1));
			init_table(b, level - 1, next);
			bd_put(b, p, 8, f->table(b, level, next));
		}
		table = f->child(b, level, bd_get(b, p, 8));
	}
	bd_put(b, slot(b, leaf, table, va), 8, f->leaf(b, leaf, pa));
}

/* The page of struct pages at va: where the tables show it, or BD_UNSET for nowhere. */
static uint64_t aliased(struct bd *b, uint64_t va, uint64_t pa)
{
	for (size_t i = b->naliases; i--;)
		if (b->aliases[i].va == va)
			return b->aliases[i].pa;
	return pa;
}

static void map(struct bd *b, uint64_t va, uint64_t pa, uint64_t len, uint64_t size)
{
	unsigned leaf = level_of(b, size);
	uint64_t shown;

	len = ((va & (size - 1)) + len + size - 1) & ~(size - 1);
	pa -= va & (size - 1);
	va &= ~(size - 1);
	if (pa & (size - 1))
		bd_fail(b, "pages of %#llx: %#llx and %#llx are not aligned alike", (unsigned long long)size,
			(unsigned long long)va, (unsigned long long)pa);
	for (uint64_t off = 0; off < len; off += size) {
		shown = aliased(b, va + off, pa + off);
		if (shown != BD_UNSET)
			map_one(b, va + off, shown, leaf);
	}
}

static void add_map(struct bd *b, uint64_t va, uint64_t pa, uint64_t len)
{
	if (b->nmaps == BD_MAPS)
		bd_fail(b, "too many mappings");
	b->maps[b->nmaps++] = (struct bd_map){ va, pa, len };
}

static void note_maps(struct bd *b)
{
	add_map(b, b->lay.text, b->lay.kernel, b->lay.kernel_size);
	for (unsigned i = 0; i < b->nregions; i++)
		add_map(b, bd_direct(b, b->regions[i].pa), b->regions[i].pa, b->regions[i].size);
	for (size_t i = 0; i < b->nspans && !b->memmap_direct; i++)
		add_map(b, b->spans[i].va, b->spans[i].pa, (b->spans[i].end - b->spans[i].first) * b->page_size);
}

void bd_paging_root(struct bd *b)
{
	const struct bd_form *f = b->m.form;
	uint64_t bytes = b->page;

	if (f)
		bytes = table_bytes(f, b->pg.levels - 1);
	b->root_pa = bd_image_pa(b, bd_sym_new(b, "swapper_pg_dir", bytes, bytes));
	if (f)
		init_table(b, b->pg.levels - 1, b->root_pa);
}

static void s390_sizes(struct bd *b)
{
	uint64_t *sizes[] = { &b->pg.direct, &b->pg.kernel, &b->pg.vmemmap };

	for (unsigned i = 0; i < 3; i++)
		if (*sizes[i] == 2 << 20)
			*sizes[i] = i ? 4096 : 1 << 20;
}

void bd_paging_build(struct bd *b)
{
	note_maps(b);
	if (!b->m.form || b->pg.off)
		return;
	if (b->m.e_machine == 22)
		s390_sizes(b);
	map(b, b->lay.text, b->lay.kernel, b->lay.kernel_size, b->pg.kernel);
	for (unsigned i = 0; i < b->nregions; i++)
		map(b, bd_direct(b, b->regions[i].pa), b->regions[i].pa, b->regions[i].size, b->pg.direct);
	for (size_t i = 0; i < b->nspans && !b->memmap_direct; i++)
		map(b, b->spans[i].va, b->spans[i].pa, (b->spans[i].end - b->spans[i].first) * b->page_size,
		    b->pg.vmemmap);
}

void bd_paging(struct bd *b, struct bd_line *l)
{
	b->pg.levels = (unsigned)bd_opt_num(b, l, "levels", b->pg.levels);
	if (b->m.form && b->pg.levels && (b->pg.levels < 3 || b->pg.levels > b->m.form->max_levels))
		bd_fail(b, "%u levels", b->pg.levels);
	b->pg.direct = bd_opt_num(b, l, "direct", b->pg.direct);
	b->pg.kernel = bd_opt_num(b, l, "kernel", b->pg.kernel);
	b->pg.vmemmap = bd_opt_num(b, l, "vmemmap", b->pg.vmemmap);
	b->pg.sme = bd_opt_num(b, l, "sme", b->pg.sme);
	b->pg.leafbits = bd_opt_num(b, l, "leafbits", b->pg.leafbits);
	b->pg.off |= bd_flag(l, "off");
}
