/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Struct pages: single, compound, buddy.  Names become bits, offsets and values through the preset. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bd.h"

/* What a page of a kind looks like.  Kinds for which the kernel has no mark are simply pages without marks. */
static const struct kind {
	const char *name, *flags, *mapping, *type;
	bool hugetlb;
} kinds[] = {
	{ "anon", "+lru,+swapbacked", "anon", NULL, false },
	{ "thp", "+lru,+swapbacked", "anon", NULL, false },
	{ "ksm", "+lru,+swapbacked", "ksm", NULL, false },
	{ "file", "+lru", "file", NULL, false },
	{ "private", "+lru,+private", "file", NULL, false },
	{ "shmem", "+lru,+swapbacked", "file", NULL, false },
	{ "swapcache", "+swapcache,+swapbacked", "none", NULL, false },
	{ "hugetlb", "", "anon", NULL, true },
	{ "hugetlbfs", "", "file", NULL, true },
	{ "pool", "", "none", NULL, true },
	{ "slab", "", "none", "slab", false },
	{ "table", "", "none", "table", false },
	{ "offline", "", "none", "offline", false },
	{ "zsmalloc", "", "none", "zsmalloc", false },
	{ "other", "", "none", NULL, false },
};

static const struct kind *find_kind(struct bd *builder, const char *name)
{
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		if (!strcmp(kinds[i].name, name))
			return &kinds[i];
	bd_fail(builder, "no kind \"%s\"", name);
}

/* ---- fields ---- */

static const char *keyf(struct bd *builder, const char *fmt, const char *name)
{
	char key[96];

	snprintf(key, sizeof key, fmt, name);
	return bd_dup(builder, key, strlen(key));
}

unsigned bd_field_width(struct bd *builder, const char *field)
{
	uint64_t word;

	if (bd_fact(builder, keyf(builder, "width.%s", field), &word))
		return (unsigned)word;
	if (!strcmp(field, "_mapcount") || !strcmp(field, "_refcount") || !strcmp(field, "_count"))
		return 4;
	return builder->word;
}

static void put_at(struct bd *builder, uint64_t pfn, uint64_t off, unsigned width, uint64_t value)
{
	if (off + width > builder->page_size)
		bd_fail(builder, "offset %llu lies outside struct page", (unsigned long long)off);
	bd_put(builder, bd_page(builder, pfn) + off, width, value);
}

void bd_page_set(struct bd *builder, uint64_t pfn, const char *field, uint64_t value)
{
	put_at(builder, pfn, bd_need(builder, keyf(builder, "OFFSET(page.%s)", field)), bd_field_width(builder, field),
	       value);
}

static uint64_t get_flags(struct bd *builder, uint64_t pfn)
{
	return bd_get(builder, bd_page(builder, pfn) + builder->flags_off, builder->word);
}

static void set_flags(struct bd *builder, uint64_t pfn, uint64_t value)
{
	put_at(builder, pfn, builder->flags_off, builder->word, value);
}

static uint64_t get_type(struct bd *builder, uint64_t pfn)
{
	return bd_get(builder, bd_page(builder, pfn) + bd_need(builder, "OFFSET(page._mapcount)"), 4);
}

static const char *count_name(struct bd *builder)
{
	return bd_fact_text(builder, "OFFSET(page._refcount)") ? "_refcount" : "_count";
}

static const char *tail_name(struct bd *builder)
{
	return bd_fact_text(builder, "OFFSET(page.compound_info)") ? "compound_info" : "compound_head";
}

void bd_page_default(struct bd *builder, uint64_t pfn)
{
	uint8_t *bytes = bd_page(builder, pfn);

	if (!builder->blank) {
		memset(bytes, 0, builder->page_size);
		bd_page_set(builder, pfn, "_mapcount", UINT32_MAX);
		bd_page_set(builder, pfn, count_name(builder), 1);
		builder->blank = bd_mem(builder, builder->page_size);
		memcpy(builder->blank, bytes, builder->page_size);
	}
	memcpy(bytes, builder->blank, builder->page_size);
}

/* ---- names ---- */

static uint64_t flag_mask(struct bd *builder, const char *name)
{
	uint64_t value;

	if (!builder_number(name, &value))
		return value;
	if (!strcmp(name, "head"))
		return 1ull << bd_need(builder, "head");
	return 1ull << bd_need(builder, keyf(builder, "NUMBER(PG_%s)", name));
}

static void apply_flags(struct bd *builder, uint64_t pfn, const char *list)
{
	uint64_t flags = get_flags(builder, pfn), mask;

	while (*list) {
		size_t count = strcspn(list, ",");
		bool minus = *list == '-', sign = minus || *list == '+';

		mask = flag_mask(builder, bd_dup(builder, list + sign, count - sign));
		flags = minus ? flags & ~mask : flags | mask;
		list += count + (list[count] == ',');
	}
	set_flags(builder, pfn, flags);
}

static uint64_t mapping_of(struct bd *builder, const char *name)
{
	uint64_t anon_vma = bd_direct(builder, builder->layout.kernel) + 0x1200,
		 space = bd_direct(builder, builder->layout.kernel) + 0x1300;

	if (!strcmp(name, "none"))
		return 0;
	if (!strcmp(name, "anon"))
		return anon_vma | 1;
	if (!strcmp(name, "ksm"))
		return anon_vma | 3;
	if (!strcmp(name, "movable"))
		return space | 2;
	if (!strcmp(name, "file"))
		return space;
	return bd_num(builder, name);
}

static bool fact_is(struct bd *builder, const char *key, const char *val)
{
	const char *text = bd_fact_text(builder, key);

	return text && !strcmp(text, val);
}

static const char *const type_keys[][2] = {
	{ "buddy", "NUMBER(PAGE_BUDDY_MAPCOUNT_VALUE)" },
	{ "offline", "NUMBER(PAGE_OFFLINE_MAPCOUNT_VALUE)" },
	{ "hugetlb", "NUMBER(PAGE_HUGETLB_MAPCOUNT_VALUE)" },
	{ "slab", "NUMBER(PAGE_SLAB_MAPCOUNT_VALUE)" },
	{ "unaccepted", "NUMBER(PAGE_UNACCEPTED_MAPCOUNT_VALUE)" },
	{ "table", "NUMBER(PAGE_TABLE_MAPCOUNT_VALUE)" },
	{ "guard", "NUMBER(PAGE_GUARD_MAPCOUNT_VALUE)" },
	{ "zsmalloc", "NUMBER(PAGE_ZSMALLOC_MAPCOUNT_VALUE)" },
};

static uint64_t type_value(struct bd *builder, const char *name)
{
	for (size_t i = 0; i < sizeof type_keys / sizeof *type_keys; i++) {
		if (strcmp(type_keys[i][0], name))
			continue;
		/* kernels in which these have no mark */
		if (!strcmp(name, "table") || !strcmp(name, "guard") || !strcmp(name, "zsmalloc"))
			return bd_fact_or(builder, type_keys[i][1], UINT32_MAX) & UINT32_MAX;
		return bd_need(builder, type_keys[i][1]) & UINT32_MAX;
	}
	return strcmp(name, "none") ? bd_num(builder, name) & UINT32_MAX : UINT32_MAX;
}

static void apply_type(struct bd *builder, uint64_t pfn, const char *name)
{
	if (!strcmp(name, "slab") && fact_is(builder, "slab", "flag")) {
		apply_flags(builder, pfn, "+slab");
	} else if (!strcmp(name, "buddy") && fact_is(builder, "types", "no")) {
		if (bd_fact_text(builder, "NUMBER(PG_buddy)"))
			apply_flags(builder, pfn, "+buddy");
	} else {
		bd_page_set(builder, pfn, "_mapcount", type_value(builder, name));
	}
}

/* ---- compound units ---- */

/* Writes the order where this kernel keeps it; nothing else. */
static void set_order(struct bd *builder, uint64_t pfn, uint64_t order)
{
	if (fact_is(builder, "order", "lru"))
		put_at(builder, pfn + 1, builder->lru_off + builder->word, builder->word, order);
	else if (fact_is(builder, "order", "field"))
		bd_page_set(builder, pfn + 1, "compound_order", order);
	else if (fact_is(builder, "order", "folio"))
		put_at(builder, pfn + 1, bd_need(builder, "OFFSET(folio._folio_order)") - builder->page_size, 1, order);
	else
		set_flags(builder, pfn + 1, (get_flags(builder, pfn + 1) & ~0xffull) | order);
}

static void set_dtor(struct bd *builder, uint64_t pfn, bool hugetlb, bool thp)
{
	uint64_t id = hugetlb ? bd_fact_or(builder, "NUMBER(HUGETLB_PAGE_DTOR)", 2)
			      : bd_fact_or(builder, thp ? "dtor.thp" : "dtor.plain", 1);

	if (fact_is(builder, "hugetlb", "address"))
		put_at(builder, pfn + 1, builder->lru_off, builder->word,
		       bd_sym(builder, hugetlb ? "free_huge_page" : "free_compound_page"));
	else if (fact_is(builder, "hugetlb", "dtor"))
		bd_page_set(builder, pfn + 1, "compound_dtor", id);
	else if (fact_is(builder, "hugetlb", "folio"))
		put_at(builder, pfn + 1, bd_need(builder, "OFFSET(folio._folio_dtor)") - builder->page_size, 1, id);
	else if (fact_is(builder, "hugetlb", "bit") && hugetlb)
		apply_flags(builder, pfn + 1, "+hugetlb");
	else if (fact_is(builder, "hugetlb", "type") && hugetlb)
		apply_type(builder, pfn, "hugetlb");
}

static void set_tail(struct bd *builder, uint64_t head, uint64_t pfn, unsigned order, const char *how)
{
	uint64_t mask = 0 - (builder->page_size << order);

	if (!strcmp(how, "flag")) {
		apply_flags(builder, pfn, "+tail");
		bd_page_set(builder, pfn, "first_page", bd_page_va(builder, head));
	} else if (!strcmp(how, "head")) {
		bd_page_set(builder, pfn, tail_name(builder), bd_page_va(builder, head) | 1);
	} else if (!strcmp(how, "mask")) {
		bd_page_set(builder, pfn, tail_name(builder), mask | 1);
	}
}

static void set_tails(struct bd *builder, struct bd_line *line, uint64_t pfn, unsigned order)
{
	const char *how = bd_opt(line, "tails");
	uint64_t mapping = bd_opt_num(builder, line, "tail_mapping", bd_fact_or(builder, "tail_mapping", 0));

	if (!how)
		how = bd_fact_text(builder, "tail");
	bd_page_default(builder, pfn + 1);
	bd_page_set(builder, pfn + 1, count_name(builder), 0);
	bd_page_set(builder, pfn + 1, "mapping", mapping);
	set_tail(builder, pfn, pfn + 1, order, how ? how : "none");
	for (uint64_t i = 2; i < 1ull << order; i++)
		memcpy(bd_page(builder, pfn + i), bd_page(builder, pfn + 1), builder->page_size);
}

/* 5.14 to 7.0: the pages of tails are the head's page once more.  7.1: one page of proper tails for all of
 * an order. */
static void share_tails(struct bd *builder, uint64_t pfn, unsigned order)
{
	uint64_t vaddr = bd_page_va(builder, pfn), bytes = builder->page_size << order,
		 per = builder->page / builder->page_size, paddr;

	if (vaddr & (builder->page - 1) || bytes <= builder->page)
		bd_fail(builder, "hvo needs a unit with several pages of struct pages");
	paddr = bd_page_pa(builder, pfn);
	if (fact_is(builder, "tail", "mask") && builder->shared_tails[order]) {
		paddr = builder->shared_tails[order];
	} else if (fact_is(builder, "tail", "mask")) {
		paddr = builder->shared_tails[order] = bd_alloc(builder, builder->page, builder->page);
		for (uint64_t i = 0; i < per; i++)
			memcpy(bd_phys(builder, paddr + i * builder->page_size, builder->page_size),
			       bd_page(builder, pfn + per - 1), builder->page_size);
	}
	for (uint64_t off = builder->page; off < bytes; off += builder->page) {
		/* nobody can read what lies there now */
		memset(bd_phys(builder, bd_page_pa(builder, pfn + off / builder->page_size), builder->page), 0x5b,
		       builder->page);
		bd_alias_add(builder, vaddr + off, paddr);
	}
}

/* ---- lines ---- */

static void apply_raw(struct bd *builder, uint64_t pfn, const char *text)
{
	const char *eq = strchr(text, '=');
	char *name = bd_dup(builder, text + 1, (size_t)(eq - text - 1)), *at = strchr(name, '@');

	if (*text == '.') {
		bd_page_set(builder, pfn, name, bd_num(builder, eq + 1));
		return;
	}
	if (!at)
		bd_fail(builder, "\"%s\": uBITS@OFFSET=VALUE", text);
	*at = '\0';
	put_at(builder, pfn, bd_num(builder, at + 1), (unsigned)bd_num(builder, name) / 8, bd_num(builder, eq + 1));
}

static void apply_raws(struct bd *builder, struct bd_line *line, uint64_t pfn)
{
	for (unsigned i = 1; i < line->count; i++) {
		const char *text = line->tok[i];

		if (strchr(text, '=') && (*text == '.' || (*text == 'u' && text[1] >= '0' && text[1] <= '9'))) {
			line->used[i] = true;
			apply_raw(builder, pfn, text);
		}
	}
}

/* Nobody holds it, and it is alone in a list, until lists are built. */
static void free_block(struct bd *builder, uint64_t pfn, uint64_t order)
{
	uint64_t lru = bd_page_va(builder, pfn) + builder->lru_off;

	bd_put(builder, bd_page(builder, pfn) + builder->lru_off, builder->word, lru);
	bd_put(builder, bd_page(builder, pfn) + builder->lru_off + builder->word, builder->word, lru);
	for (uint64_t i = 0; order < 20 && i < 1ull << order && bd_has_page(builder, pfn + i); i++)
		bd_page_set(builder, pfn + i, count_name(builder), 0);
}

static void apply_kind(struct bd *builder, uint64_t pfn, const struct kind *kind)
{
	apply_flags(builder, pfn, kind->flags);
	bd_page_set(builder, pfn, "mapping", mapping_of(builder, kind->mapping));
	if (kind->type)
		apply_type(builder, pfn, kind->type);
}

/* Everything that `page` and the head of `compound` have in common. */
static void apply_common(struct bd *builder, struct bd_line *line, uint64_t pfn)
{
	const char *text;

	if ((text = bd_opt(line, "kind")))
		apply_kind(builder, pfn, find_kind(builder, text));
	if ((text = bd_opt(line, "flags")))
		apply_flags(builder, pfn, text);
	if ((text = bd_opt(line, "mapping")))
		bd_page_set(builder, pfn, "mapping", mapping_of(builder, text));
	if ((text = bd_opt(line, "type")))
		apply_type(builder, pfn, text);
	if ((text = bd_opt(line, "low")))
		bd_page_set(builder, pfn, "_mapcount", get_type(builder, pfn) | bd_num(builder, text));
	if ((text = bd_opt(line, "private")))
		bd_page_set(builder, pfn, "private", bd_num(builder, text));
	if ((text = bd_opt(line, "count")))
		bd_page_set(builder, pfn, count_name(builder), bd_num(builder, text));
	if ((text = bd_opt(line, "compound")))
		bd_page_set(builder, pfn, tail_name(builder), bd_num(builder, text));
	apply_raws(builder, line, pfn);
}

void bd_page_line(struct bd *builder, struct bd_line *line)
{
	struct builder_ranges ranges = bd_pfns(builder, bd_arg(builder, line, "PFNS"));
	const char *order = bd_opt(line, "order"), *type = bd_opt(line, "type");

	for (size_t i = 0; i < ranges.count; i++) {
		for (uint64_t pfn = ranges.range[i].first; pfn <= ranges.range[i].last; pfn++) {
			if (type && !strcmp(type, "unaccepted"))
				free_block(builder, pfn, bd_need(builder, "LENGTH(zone.free_area)") - 1);
			if (order && type && !strcmp(type, "buddy"))
				bd_page_set(builder, pfn, "private", bd_num(builder, order));
			else if (order)
				set_order(builder, pfn, bd_num(builder, order));
			apply_common(builder, line, pfn);
		}
	}
}

void bd_compound(struct bd *builder, struct bd_line *line)
{
	uint64_t pfn = bd_num(builder, bd_arg(builder, line, "PFN")), order = bd_opt_num(builder, line, "order", 0);
	const char *name = bd_opt(line, "kind");
	const struct kind *kind = find_kind(builder, name ? name : "other");

	if (order < 1 || order > 20)
		bd_fail(builder, "order=1 to 20");
	set_tails(builder, line, pfn, (unsigned)order);
	apply_flags(builder, pfn, "+head");
	set_order(builder, pfn, order);
	set_dtor(builder, pfn, kind->hugetlb, !strcmp(kind->name, "thp") || !strcmp(kind->name, "anon"));
	apply_common(builder, line, pfn);
	if (bd_flag(line, "hvo"))
		share_tails(builder, pfn, (unsigned)order);
}

void bd_buddy(struct bd *builder, struct bd_line *line)
{
	uint64_t pfn = bd_num(builder, bd_arg(builder, line, "PFN")), order = bd_opt_num(builder, line, "order", 0);

	apply_type(builder, pfn, "buddy");
	bd_page_set(builder, pfn, "private", order);
	free_block(builder, pfn, order);
	builder->blocks = bd_more(builder, builder->blocks, builder->nblocks, sizeof *builder->blocks);
	builder->blocks[builder->nblocks++] = (struct bd_block){ pfn, (unsigned)order };
}
