/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where the struct pages are: sections and their root array, or one array; the memory behind them. */
#include <string.h>

#include "bd.h"

#define ALL (UINT64_MAX >> 12)

static const char *const model_names[] = { "sparse-extreme", "sparse", "flat" };

void bd_memmodel(struct bd *builder, struct bd_line *line)
{
	const char *name = bd_arg(builder, line, "sparse-extreme, sparse or flat"), *where = bd_opt(line, "memmap");

	for (builder->model = BD_EXTREME; builder->model <= BD_FLAT; builder->model++)
		if (!strcmp(name, model_names[builder->model]))
			break;
	if (builder->model > BD_FLAT)
		bd_fail(builder, "no memory model \"%s\"", name);
	builder->memmap_direct = builder->model == BD_FLAT || (where && !strcmp(where, "direct"));
	if (where && strcmp(where, "direct") && strcmp(where, "vmemmap"))
		bd_fail(builder, "memmap=%s", where);
	builder->section_bits = (unsigned)bd_opt_num(builder, line, "section_bits", 0);
	builder->phys_bits = (unsigned)bd_opt_num(builder, line, "phys_bits", 0);
}

void bd_section(struct bd *builder, struct bd_line *line)
{
	struct bd_section_edit *section_edit;

	builder->sections = bd_more(builder, builder->sections, builder->nsections, sizeof *section_edit);
	section_edit = &builder->sections[builder->nsections++];
	section_edit->number = bd_num(builder, bd_arg(builder, line, "N"));
	section_edit->absent = bd_flag(line, "absent");
	section_edit->has_word = bd_opt(line, "word") != NULL;
	section_edit->word = bd_opt_num(builder, line, "word", 0);
	section_edit->has_flags = bd_opt(line, "flags") != NULL;
	section_edit->flags = bd_opt_num(builder, line, "flags", 0);
	section_edit->or_bits = bd_opt_num(builder, line, "or", 0);
}

/* ---- struct pages ---- */

static struct bd_span *span_of(struct bd *builder, uint64_t pfn)
{
	for (size_t i = 0; i < builder->nspans; i++)
		if (pfn >= builder->spans[i].first && pfn < builder->spans[i].end)
			return &builder->spans[i];
	bd_fail(builder, "page frame %#llx has no struct page", (unsigned long long)pfn);
}

bool bd_has_page(const struct bd *builder, uint64_t pfn)
{
	for (size_t i = 0; i < builder->nspans; i++)
		if (pfn >= builder->spans[i].first && pfn < builder->spans[i].end)
			return true;
	return false;
}

uint64_t bd_page_pa(struct bd *builder, uint64_t pfn)
{
	struct bd_span *span = span_of(builder, pfn);

	return span->paddr + (pfn - span->first) * builder->page_size;
}

uint8_t *bd_page(struct bd *builder, uint64_t pfn)
{
	return bd_phys(builder, bd_page_pa(builder, pfn), builder->page_size);
}

uint64_t bd_page_va(struct bd *builder, uint64_t pfn)
{
	struct bd_span *span = span_of(builder, pfn);

	return span->vaddr + (pfn - span->first) * builder->page_size;
}

static uint64_t round_up(uint64_t value, uint64_t to)
{
	return (value + to - 1) / to * to;
}

static void add_span(struct bd *builder, uint64_t first, uint64_t end)
{
	uint64_t bytes = (end - first) * builder->page_size,
		 unit = builder->memmap_direct ? builder->page : builder->paging.vmemmap;
	struct bd_span span = { .first = first, .end = end };

	if (builder->machine.e_machine == 22)
		unit = builder->page;
	span.paddr = bd_alloc(builder, round_up(bytes, unit), unit);
	span.vaddr = builder->memmap_direct ? bd_direct(builder, span.paddr)
					    : builder->layout.vmemmap + first * builder->page_size;
	builder->spans = bd_more(builder, builder->spans, builder->nspans, sizeof span);
	builder->spans[builder->nspans++] = span;
	for (uint64_t pfn = first; pfn < end; pfn++)
		bd_page_default(builder, pfn);
}

/* One past the last frame of RAM in [first, end), or first where there is none. */
static uint64_t ram_end(struct bd *builder, uint64_t first, uint64_t end)
{
	uint64_t top = first;

	for (unsigned i = 0; i < builder->nregions; i++) {
		const struct bd_region *region = &builder->regions[i];
		uint64_t seed = region->paddr >> builder->page_shift,
			 e = (region->paddr + region->size + builder->page - 1) >> builder->page_shift;

		if (!region->memmap || seed >= end || e <= first)
			continue;
		if (e > end)
			e = end;
		if (e > top)
			top = e;
	}
	return top;
}

/* ---- sparse ---- */

static struct bd_section_edit *edit_of(struct bd *builder, uint64_t number)
{
	for (size_t i = builder->nsections; i--;)
		if (builder->sections[i].number == number)
			return &builder->sections[i];
	return NULL;
}

static uint64_t section_word(struct bd *builder, uint64_t number, const struct bd_span *span)
{
	const struct bd_section_edit *section_edit = edit_of(builder, number);
	uint64_t flags = bd_fact_or(builder, "section", 3);

	if (section_edit && section_edit->absent)
		return 0;
	if (section_edit && section_edit->has_word)
		return section_edit->word;
	if (section_edit && section_edit->has_flags)
		flags = section_edit->flags;
	return (span->vaddr - span->first * builder->page_size) | flags | (section_edit ? section_edit->or_bits : 0);
}

/* The root array: bytes of zeros in the image or in the direct map, and the symbol. */
static uint64_t root_array(struct bd *builder, uint64_t bytes)
{
	const char *where = bd_fact_text(builder, "root");
	uint64_t paddr;

	if (where && !strcmp(where, "image"))
		return bd_image_pa(builder, bd_sym_new(builder, "mem_section", bytes, 64));
	paddr = bd_alloc(builder, bytes, builder->page);
	bd_sym_at(builder, "mem_section", bd_direct(builder, paddr));
	return paddr;
}

/* Where struct mem_section of nr lies; a root page is allocated on first use. */
static uint64_t section_at(struct bd *builder, uint64_t array, uint64_t number)
{
	uint64_t size = bd_need(builder, "SIZE(mem_section)"), per_root = builder->page / size, vaddr;
	uint8_t *bytes;

	if (builder->model == BD_SPARSE)
		return array + number * size;
	bytes = bd_phys(builder, array + number / per_root * builder->word, builder->word);
	vaddr = bd_get(builder, bytes, builder->word);
	if (!vaddr) {
		vaddr = bd_direct(builder, bd_alloc(builder, builder->page, builder->page));
		bd_put(builder, bytes, builder->word, vaddr);
	}
	return vaddr - builder->layout.direct + builder->layout.direct_pa + number % per_root * size;
}

static void set_bits(struct bd *builder, const char *key, unsigned *bits)
{
	char num[16] = { 0 };
	unsigned value = *bits;

	if (!value) {
		*bits = (unsigned)bd_need(builder, key);
		return;
	}
	num[0] = (char)('0' + value / 10);
	num[1] = (char)('0' + value % 10);
	for (size_t i = 0; i < builder->nfacts; i++)
		if (!strcmp(builder->facts[i].key, key))
			builder->facts[i].val = bd_dup(builder, num, 2);
}

static void build_sparse(struct bd *builder)
{
	uint64_t per_section, nr_sections, length, array, off = bd_need(builder, "OFFSET(mem_section.section_mem_map)");
	uint64_t per_root = builder->page / bd_need(builder, "SIZE(mem_section)"), top = ram_end(builder, 0, ALL);

	set_bits(builder, "NUMBER(SECTION_SIZE_BITS)", &builder->section_bits);
	set_bits(builder, "NUMBER(MAX_PHYSMEM_BITS)", &builder->phys_bits);
	if (builder->section_bits <= builder->page_shift || builder->phys_bits <= builder->section_bits ||
	    builder->phys_bits > 60)
		bd_fail(builder, "section_bits %u, phys_bits %u", builder->section_bits, builder->phys_bits);
	per_section = 1ull << (builder->section_bits - builder->page_shift);
	nr_sections = 1ull << (builder->phys_bits - builder->section_bits);
	length = builder->model == BD_SPARSE ? nr_sections : round_up(nr_sections, per_root) / per_root;
	bd_sym_at(builder, "mem_section_roots", length);
	array = root_array(builder, length * (builder->model == BD_SPARSE ? bd_need(builder, "SIZE(mem_section)")
									  : builder->word));
	for (uint64_t number = 0; number < nr_sections && number * per_section < top; number++) {
		uint64_t first = number * per_section,
			 end = round_up(ram_end(builder, first, first + per_section), 512);

		if (end == first)
			continue;
		add_span(builder, first, end < first + per_section ? end : first + per_section);
		bd_put(builder, bd_phys(builder, section_at(builder, array, number) + off, builder->word),
		       builder->word, section_word(builder, number, &builder->spans[builder->nspans - 1]));
	}
}

/* ---- flat ---- */

static void build_flat(struct bd *builder)
{
	static const char *const gone[] = { "-SYMBOL(mem_section)", "-LENGTH(mem_section)", "-SIZE(mem_section)",
					    "-OFFSET(mem_section.section_mem_map)" };
	uint64_t first = builder->regions[0].paddr >> builder->page_shift;

	for (unsigned i = 0; i < sizeof gone / sizeof *gone; i++)
		if (bd_fact_text(builder, gone[i] + 1))
			bd_fact_set(builder, gone[i]);
	bd_fact_set(builder, "SYMBOL(mem_map)=@");
	bd_fact_set(builder, "SYMBOL(contig_page_data)=@");
	if (builder->machine.e_machine != 40)
		first = 0;
	add_span(builder, first, ram_end(builder, first, ALL));
	bd_put(builder, bd_phys(builder, bd_image_pa(builder, bd_sym(builder, "mem_map")), builder->word),
	       builder->word, builder->spans[0].vaddr);
}

void bd_memmap_build(struct bd *builder)
{
	builder->page_size = bd_need(builder, "SIZE(page)");
	builder->flags_off = bd_need(builder, "OFFSET(page.flags)");
	builder->lru_off = bd_need(builder, "OFFSET(page.lru)");
	if (builder->page_size < 24 || builder->page_size > 4096)
		bd_fail(builder, "struct page of %llu bytes", (unsigned long long)builder->page_size);
	if (!builder->machine.form)
		builder->memmap_direct = true;
	if (builder->model == BD_FLAT)
		build_flat(builder);
	else
		build_sparse(builder);
}

/* ---- pages of struct pages that the page tables hide ---- */

void bd_alias_add(struct bd *builder, uint64_t vaddr, uint64_t paddr)
{
	if (builder->memmap_direct || builder->paging.vmemmap != builder->page)
		bd_fail(builder, "needs a vmemmap of small pages");
	builder->aliases = bd_more(builder, builder->aliases, builder->naliases, sizeof *builder->aliases);
	builder->aliases[builder->naliases++] = (struct bd_alias){ vaddr, paddr };
}

/* Where the pages that hold the struct pages of PFNS are shown. */
static void show_at(struct bd *builder, const char *pfns, uint64_t paddr)
{
	struct builder_ranges ranges = bd_pfns(builder, pfns);

	for (size_t i = 0; i < ranges.count; i++) {
		uint64_t vaddr = bd_page_va(builder, ranges.range[i].first) & ~(builder->page - 1);

		for (; vaddr < bd_page_va(builder, ranges.range[i].last) + builder->page_size; vaddr += builder->page)
			bd_alias_add(builder, vaddr, paddr);
	}
}

void bd_unmap(struct bd *builder, struct bd_line *line)
{
	show_at(builder, bd_arg(builder, line, "PFNS"), BD_UNSET);
}

void bd_share(struct bd *builder, struct bd_line *line)
{
	const char *with = bd_opt(line, "with");

	if (!with)
		bd_fail(builder, "share PFNS with=PFN");
	show_at(builder, bd_arg(builder, line, "PFNS"),
		bd_page_pa(builder, bd_num(builder, with)) & ~(builder->page - 1));
}
