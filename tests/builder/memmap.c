/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where the struct pages are: sections and their root array, or one array; the memory behind them. */
#include <string.h>

#include "bd.h"

#define ALL (UINT64_MAX >> 12)

static const char *const model_names[] = { "sparse-extreme", "sparse", "flat" };

void bd_memmodel(struct bd *b, struct bd_line *l)
{
	const char *name = bd_arg(b, l, "sparse-extreme, sparse or flat"), *where = bd_opt(l, "memmap");

	for (b->model = BD_EXTREME; b->model <= BD_FLAT; b->model++)
		if (!strcmp(name, model_names[b->model]))
			break;
	if (b->model > BD_FLAT)
		bd_fail(b, "no memory model \"%s\"", name);
	b->memmap_direct = b->model == BD_FLAT || (where && !strcmp(where, "direct"));
	if (where && strcmp(where, "direct") && strcmp(where, "vmemmap"))
		bd_fail(b, "memmap=%s", where);
	b->section_bits = (unsigned)bd_opt_num(b, l, "section_bits", 0);
	b->phys_bits = (unsigned)bd_opt_num(b, l, "phys_bits", 0);
}

void bd_section(struct bd *b, struct bd_line *l)
{
	struct bd_section_edit *e;

	b->sections = bd_more(b, b->sections, b->nsections, sizeof *e);
	e = &b->sections[b->nsections++];
	e->nr = bd_num(b, bd_arg(b, l, "N"));
	e->absent = bd_flag(l, "absent");
	e->has_word = bd_opt(l, "word") != NULL;
	e->word = bd_opt_num(b, l, "word", 0);
	e->has_flags = bd_opt(l, "flags") != NULL;
	e->flags = bd_opt_num(b, l, "flags", 0);
	e->or_bits = bd_opt_num(b, l, "or", 0);
}

/* ---- struct pages ---- */

static struct bd_span *span_of(struct bd *b, uint64_t pfn)
{
	for (size_t i = 0; i < b->nspans; i++)
		if (pfn >= b->spans[i].first && pfn < b->spans[i].end)
			return &b->spans[i];
	bd_fail(b, "page frame %#llx has no struct page", (unsigned long long)pfn);
}

bool bd_has_page(const struct bd *b, uint64_t pfn)
{
	for (size_t i = 0; i < b->nspans; i++)
		if (pfn >= b->spans[i].first && pfn < b->spans[i].end)
			return true;
	return false;
}

uint64_t bd_page_pa(struct bd *b, uint64_t pfn)
{
	struct bd_span *s = span_of(b, pfn);

	return s->pa + (pfn - s->first) * b->page_size;
}

uint8_t *bd_page(struct bd *b, uint64_t pfn)
{
	return bd_phys(b, bd_page_pa(b, pfn), b->page_size);
}

uint64_t bd_page_va(struct bd *b, uint64_t pfn)
{
	struct bd_span *s = span_of(b, pfn);

	return s->va + (pfn - s->first) * b->page_size;
}

static uint64_t round_up(uint64_t v, uint64_t to)
{
	return (v + to - 1) / to * to;
}

static void add_span(struct bd *b, uint64_t first, uint64_t end)
{
	uint64_t bytes = (end - first) * b->page_size, unit = b->memmap_direct ? b->page : b->pg.vmemmap;
	struct bd_span s = { .first = first, .end = end };

	if (b->m.e_machine == 22)
		unit = b->page;
	s.pa = bd_alloc(b, round_up(bytes, unit), unit);
	s.va = b->memmap_direct ? bd_direct(b, s.pa) : b->lay.vmemmap + first * b->page_size;
	b->spans = bd_more(b, b->spans, b->nspans, sizeof s);
	b->spans[b->nspans++] = s;
	for (uint64_t pfn = first; pfn < end; pfn++)
		bd_page_default(b, pfn);
}

/* One past the last frame of RAM in [first, end), or first where there is none. */
static uint64_t ram_end(struct bd *b, uint64_t first, uint64_t end)
{
	uint64_t top = first;

	for (unsigned i = 0; i < b->nregions; i++) {
		const struct bd_region *r = &b->regions[i];
		uint64_t s = r->pa >> b->page_shift, e = (r->pa + r->size + b->page - 1) >> b->page_shift;

		if (!r->memmap || s >= end || e <= first)
			continue;
		if (e > end)
			e = end;
		if (e > top)
			top = e;
	}
	return top;
}

/* ---- sparse ---- */

static struct bd_section_edit *edit_of(struct bd *b, uint64_t nr)
{
	for (size_t i = b->nsections; i--;)
		if (b->sections[i].nr == nr)
			return &b->sections[i];
	return NULL;
}

static uint64_t section_word(struct bd *b, uint64_t nr, const struct bd_span *s)
{
	const struct bd_section_edit *e = edit_of(b, nr);
	uint64_t flags = bd_fact_or(b, "section", 3);

	if (e && e->absent)
		return 0;
	if (e && e->has_word)
		return e->word;
	if (e && e->has_flags)
		flags = e->flags;
	return (s->va - s->first * b->page_size) | flags | (e ? e->or_bits : 0);
}

/* The root array: bytes of zeros in the image or in the direct map, and the symbol. */
static uint64_t root_array(struct bd *b, uint64_t bytes)
{
	const char *where = bd_fact_text(b, "root");
	uint64_t pa;

	if (where && !strcmp(where, "image"))
		return bd_image_pa(b, bd_sym_new(b, "mem_section", bytes, 64));
	pa = bd_alloc(b, bytes, b->page);
	bd_sym_at(b, "mem_section", bd_direct(b, pa));
	return pa;
}

/* Where struct mem_section of nr lies; a root page is allocated on first use. */
static uint64_t section_at(struct bd *b, uint64_t array, uint64_t nr)
{
	uint64_t size = bd_need(b, "SIZE(mem_section)"), per_root = b->page / size, va;
	uint8_t *p;

	if (b->model == BD_SPARSE)
		return array + nr * size;
	p = bd_phys(b, array + nr / per_root * b->word, b->word);
	va = bd_get(b, p, b->word);
	if (!va) {
		va = bd_direct(b, bd_alloc(b, b->page, b->page));
		bd_put(b, p, b->word, va);
	}
	return va - b->lay.direct + b->lay.direct_pa + nr % per_root * size;
}

static void set_bits(struct bd *b, const char *key, unsigned *bits)
{
	char num[16] = { 0 };
	unsigned v = *bits;

	if (!v) {
		*bits = (unsigned)bd_need(b, key);
		return;
	}
	num[0] = (char)('0' + v / 10);
	num[1] = (char)('0' + v % 10);
	for (size_t i = 0; i < b->nfacts; i++)
		if (!strcmp(b->facts[i].key, key))
			b->facts[i].val = bd_dup(b, num, 2);
}

static void build_sparse(struct bd *b)
{
	uint64_t per_section, nr_sections, length, array, off = bd_need(b, "OFFSET(mem_section.section_mem_map)");
	uint64_t per_root = b->page / bd_need(b, "SIZE(mem_section)"), top = ram_end(b, 0, ALL);

	set_bits(b, "NUMBER(SECTION_SIZE_BITS)", &b->section_bits);
	set_bits(b, "NUMBER(MAX_PHYSMEM_BITS)", &b->phys_bits);
	if (b->section_bits <= b->page_shift || b->phys_bits <= b->section_bits || b->phys_bits > 60)
		bd_fail(b, "section_bits %u, phys_bits %u", b->section_bits, b->phys_bits);
	per_section = 1ull << (b->section_bits - b->page_shift);
	nr_sections = 1ull << (b->phys_bits - b->section_bits);
	length = b->model == BD_SPARSE ? nr_sections : round_up(nr_sections, per_root) / per_root;
	bd_sym_at(b, "mem_section_roots", length);
	array = root_array(b, length * (b->model == BD_SPARSE ? bd_need(b, "SIZE(mem_section)") : b->word));
	for (uint64_t nr = 0; nr < nr_sections && nr * per_section < top; nr++) {
		uint64_t first = nr * per_section, end = round_up(ram_end(b, first, first + per_section), 512);

		if (end == first)
			continue;
		add_span(b, first, end < first + per_section ? end : first + per_section);
		bd_put(b, bd_phys(b, section_at(b, array, nr) + off, b->word), b->word,
		       section_word(b, nr, &b->spans[b->nspans - 1]));
	}
}

/* ---- flat ---- */

static void build_flat(struct bd *b)
{
	static const char *const gone[] = { "-SYMBOL(mem_section)", "-LENGTH(mem_section)", "-SIZE(mem_section)",
					    "-OFFSET(mem_section.section_mem_map)" };
	uint64_t first = b->regions[0].pa >> b->page_shift;

	for (unsigned i = 0; i < sizeof gone / sizeof *gone; i++)
		if (bd_fact_text(b, gone[i] + 1))
			bd_fact_set(b, gone[i]);
	bd_fact_set(b, "SYMBOL(mem_map)=@");
	bd_fact_set(b, "SYMBOL(contig_page_data)=@");
	if (b->m.e_machine != 40)
		first = 0;
	add_span(b, first, ram_end(b, first, ALL));
	bd_put(b, bd_phys(b, bd_image_pa(b, bd_sym(b, "mem_map")), b->word), b->word, b->spans[0].va);
}

void bd_memmap_build(struct bd *b)
{
	b->page_size = bd_need(b, "SIZE(page)");
	b->flags_off = bd_need(b, "OFFSET(page.flags)");
	b->lru_off = bd_need(b, "OFFSET(page.lru)");
	if (b->page_size < 24 || b->page_size > 4096)
		bd_fail(b, "struct page of %llu bytes", (unsigned long long)b->page_size);
	if (!b->m.form)
		b->memmap_direct = true;
	if (b->model == BD_FLAT)
		build_flat(b);
	else
		build_sparse(b);
}

/* ---- pages of struct pages that the page tables hide ---- */

void bd_alias_add(struct bd *b, uint64_t va, uint64_t pa)
{
	if (b->memmap_direct || b->pg.vmemmap != b->page)
		bd_fail(b, "needs a vmemmap of small pages");
	b->aliases = bd_more(b, b->aliases, b->naliases, sizeof *b->aliases);
	b->aliases[b->naliases++] = (struct bd_alias){ va, pa };
}

/* Where the pages that hold the struct pages of PFNS are shown. */
static void show_at(struct bd *b, const char *pfns, uint64_t pa)
{
	struct builder_ranges r = bd_pfns(b, pfns);

	for (size_t i = 0; i < r.n; i++) {
		uint64_t va = bd_page_va(b, r.v[i].first) & ~(b->page - 1);

		for (; va < bd_page_va(b, r.v[i].last) + b->page_size; va += b->page)
			bd_alias_add(b, va, pa);
	}
}

void bd_unmap(struct bd *b, struct bd_line *l)
{
	show_at(b, bd_arg(b, l, "PFNS"), BD_UNSET);
}

void bd_share(struct bd *b, struct bd_line *l)
{
	const char *with = bd_opt(l, "with");

	if (!with)
		bd_fail(b, "share PFNS with=PFN");
	show_at(b, bd_arg(b, l, "PFNS"), bd_page_pa(b, bd_num(b, with)) & ~(b->page - 1));
}
