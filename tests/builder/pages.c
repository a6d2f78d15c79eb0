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

static const struct kind *find_kind(struct bd *b, const char *name)
{
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		if (!strcmp(kinds[i].name, name))
			return &kinds[i];
	bd_fail(b, "no kind \"%s\"", name);
}

/* ---- fields ---- */

static const char *keyf(struct bd *b, const char *fmt, const char *name)
{
	char key[96];

	snprintf(key, sizeof key, fmt, name);
	return bd_dup(b, key, strlen(key));
}

unsigned bd_field_width(struct bd *b, const char *field)
{
	uint64_t w;

	if (bd_fact(b, keyf(b, "width.%s", field), &w))
		return (unsigned)w;
	if (!strcmp(field, "_mapcount") || !strcmp(field, "_refcount") || !strcmp(field, "_count"))
		return 4;
	return b->word;
}

static void put_at(struct bd *b, uint64_t pfn, uint64_t off, unsigned width, uint64_t v)
{
	if (off + width > b->page_size)
		bd_fail(b, "offset %llu lies outside struct page", (unsigned long long)off);
	bd_put(b, bd_page(b, pfn) + off, width, v);
}

void bd_page_set(struct bd *b, uint64_t pfn, const char *field, uint64_t v)
{
	put_at(b, pfn, bd_need(b, keyf(b, "OFFSET(page.%s)", field)), bd_field_width(b, field), v);
}

static uint64_t get_flags(struct bd *b, uint64_t pfn)
{
	return bd_get(b, bd_page(b, pfn) + b->flags_off, b->word);
}

static void set_flags(struct bd *b, uint64_t pfn, uint64_t v)
{
	put_at(b, pfn, b->flags_off, b->word, v);
}

static uint64_t get_type(struct bd *b, uint64_t pfn)
{
	return bd_get(b, bd_page(b, pfn) + bd_need(b, "OFFSET(page._mapcount)"), 4);
}

static const char *count_name(struct bd *b)
{
	return bd_fact_text(b, "OFFSET(page._refcount)") ? "_refcount" : "_count";
}

static const char *tail_name(struct bd *b)
{
	return bd_fact_text(b, "OFFSET(page.compound_info)") ? "compound_info" : "compound_head";
}

void bd_page_default(struct bd *b, uint64_t pfn)
{
	uint8_t *p = bd_page(b, pfn);

	if (!b->blank) {
		memset(p, 0, b->page_size);
		bd_page_set(b, pfn, "_mapcount", UINT32_MAX);
		bd_page_set(b, pfn, count_name(b), 1);
		b->blank = bd_mem(b, b->page_size);
		memcpy(b->blank, p, b->page_size);
	}
	memcpy(p, b->blank, b->page_size);
}

/* ---- names ---- */

static uint64_t flag_mask(struct bd *b, const char *name)
{
	uint64_t v;

	if (!builder_number(name, &v))
		return v;
	if (!strcmp(name, "head"))
		return 1ull << bd_need(b, "head");
	return 1ull << bd_need(b, keyf(b, "NUMBER(PG_%s)", name));
}

static void apply_flags(struct bd *b, uint64_t pfn, const char *list)
{
	uint64_t flags = get_flags(b, pfn), mask;

	while (*list) {
		size_t n = strcspn(list, ",");
		bool minus = *list == '-', sign = minus || *list == '+';

		mask = flag_mask(b, bd_dup(b, list + sign, n - sign));
		flags = minus ? flags & ~mask : flags | mask;
		list += n + (list[n] == ',');
	}
	set_flags(b, pfn, flags);
}

static uint64_t mapping_of(struct bd *b, const char *name)
{
	uint64_t anon_vma = bd_direct(b, b->lay.kernel) + 0x1200, space = bd_direct(b, b->lay.kernel) + 0x1300;

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
	return bd_num(b, name);
}

static bool fact_is(struct bd *b, const char *key, const char *val)
{
	const char *s = bd_fact_text(b, key);

	return s && !strcmp(s, val);
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

static uint64_t type_value(struct bd *b, const char *name)
{
	for (size_t i = 0; i < sizeof type_keys / sizeof *type_keys; i++) {
		if (strcmp(type_keys[i][0], name))
			continue;
		/* kernels in which these have no mark */
		if (!strcmp(name, "table") || !strcmp(name, "guard") || !strcmp(name, "zsmalloc"))
			return bd_fact_or(b, type_keys[i][1], UINT32_MAX) & UINT32_MAX;
		return bd_need(b, type_keys[i][1]) & UINT32_MAX;
	}
	return strcmp(name, "none") ? bd_num(b, name) & UINT32_MAX : UINT32_MAX;
}

static void apply_type(struct bd *b, uint64_t pfn, const char *name)
{
	if (!strcmp(name, "slab") && fact_is(b, "slab", "flag")) {
		apply_flags(b, pfn, "+slab");
	} else if (!strcmp(name, "buddy") && fact_is(b, "types", "no")) {
		if (bd_fact_text(b, "NUMBER(PG_buddy)"))
			apply_flags(b, pfn, "+buddy");
	} else {
		bd_page_set(b, pfn, "_mapcount", type_value(b, name));
	}
}

/* ---- compound units ---- */

/* Writes the order where this kernel keeps it; nothing else. */
static void set_order(struct bd *b, uint64_t pfn, uint64_t order)
{
	if (fact_is(b, "order", "lru"))
		put_at(b, pfn + 1, b->lru_off + b->word, b->word, order);
	else if (fact_is(b, "order", "field"))
		bd_page_set(b, pfn + 1, "compound_order", order);
	else if (fact_is(b, "order", "folio"))
		put_at(b, pfn + 1, bd_need(b, "OFFSET(folio._folio_order)") - b->page_size, 1, order);
	else
		set_flags(b, pfn + 1, (get_flags(b, pfn + 1) & ~0xffull) | order);
}

static void set_dtor(struct bd *b, uint64_t pfn, bool hugetlb, bool thp)
{
	uint64_t id = hugetlb ? bd_fact_or(b, "NUMBER(HUGETLB_PAGE_DTOR)", 2)
			      : bd_fact_or(b, thp ? "dtor.thp" : "dtor.plain", 1);

	if (fact_is(b, "hugetlb", "address"))
		put_at(b, pfn + 1, b->lru_off, b->word, bd_sym(b, hugetlb ? "free_huge_page" : "free_compound_page"));
	else if (fact_is(b, "hugetlb", "dtor"))
		bd_page_set(b, pfn + 1, "compound_dtor", id);
	else if (fact_is(b, "hugetlb", "folio"))
		put_at(b, pfn + 1, bd_need(b, "OFFSET(folio._folio_dtor)") - b->page_size, 1, id);
	else if (fact_is(b, "hugetlb", "bit") && hugetlb)
		apply_flags(b, pfn + 1, "+hugetlb");
	else if (fact_is(b, "hugetlb", "type") && hugetlb)
		apply_type(b, pfn, "hugetlb");
}

static void set_tail(struct bd *b, uint64_t head, uint64_t pfn, unsigned order, const char *how)
{
	uint64_t mask = 0 - (b->page_size << order);

	if (!strcmp(how, "flag")) {
		apply_flags(b, pfn, "+tail");
		bd_page_set(b, pfn, "first_page", bd_page_va(b, head));
	} else if (!strcmp(how, "head")) {
		bd_page_set(b, pfn, tail_name(b), bd_page_va(b, head) | 1);
	} else if (!strcmp(how, "mask")) {
		bd_page_set(b, pfn, tail_name(b), mask | 1);
	}
}

static void set_tails(struct bd *b, struct bd_line *l, uint64_t pfn, unsigned order)
{
	const char *how = bd_opt(l, "tails");
	uint64_t mapping = bd_opt_num(b, l, "tail_mapping", bd_fact_or(b, "tail_mapping", 0));

	if (!how)
		how = bd_fact_text(b, "tail");
	bd_page_default(b, pfn + 1);
	bd_page_set(b, pfn + 1, count_name(b), 0);
	bd_page_set(b, pfn + 1, "mapping", mapping);
	set_tail(b, pfn, pfn + 1, order, how ? how : "none");
	for (uint64_t i = 2; i < 1ull << order; i++)
		memcpy(bd_page(b, pfn + i), bd_page(b, pfn + 1), b->page_size);
}

/* 5.14 to 7.0: the pages of tails are the head's page once more.  7.1: one page of proper tails for all of
 * an order. */
static void share_tails(struct bd *b, uint64_t pfn, unsigned order)
{
	uint64_t va = bd_page_va(b, pfn), bytes = b->page_size << order, per = b->page / b->page_size, pa;

	if (va & (b->page - 1) || bytes <= b->page)
		bd_fail(b, "hvo needs a unit with several pages of struct pages");
	pa = bd_page_pa(b, pfn);
	if (fact_is(b, "tail", "mask") && b->shared_tails[order]) {
		pa = b->shared_tails[order];
	} else if (fact_is(b, "tail", "mask")) {
		pa = b->shared_tails[order] = bd_alloc(b, b->page, b->page);
		for (uint64_t i = 0; i < per; i++)
			memcpy(bd_phys(b, pa + i * b->page_size, b->page_size), bd_page(b, pfn + per - 1),
			       b->page_size);
	}
	for (uint64_t off = b->page; off < bytes; off += b->page) {
		/* nobody can read what lies there now */
		memset(bd_phys(b, bd_page_pa(b, pfn + off / b->page_size), b->page), 0x5b, b->page);
		bd_alias_add(b, va + off, pa);
	}
}

/* ---- lines ---- */

static void apply_raw(struct bd *b, uint64_t pfn, const char *s)
{
	const char *eq = strchr(s, '=');
	char *name = bd_dup(b, s + 1, (size_t)(eq - s - 1)), *at = strchr(name, '@');

	if (*s == '.') {
		bd_page_set(b, pfn, name, bd_num(b, eq + 1));
		return;
	}
	if (!at)
		bd_fail(b, "\"%s\": uBITS@OFFSET=VALUE", s);
	*at = '\0';
	put_at(b, pfn, bd_num(b, at + 1), (unsigned)bd_num(b, name) / 8, bd_num(b, eq + 1));
}

static void apply_raws(struct bd *b, struct bd_line *l, uint64_t pfn)
{
	for (unsigned i = 1; i < l->n; i++) {
		const char *s = l->tok[i];

		if (strchr(s, '=') && (*s == '.' || (*s == 'u' && s[1] >= '0' && s[1] <= '9'))) {
			l->used[i] = true;
			apply_raw(b, pfn, s);
		}
	}
}

/* Nobody holds it, and it is alone in a list, until lists are built. */
static void free_block(struct bd *b, uint64_t pfn, uint64_t order)
{
	uint64_t lru = bd_page_va(b, pfn) + b->lru_off;

	bd_put(b, bd_page(b, pfn) + b->lru_off, b->word, lru);
	bd_put(b, bd_page(b, pfn) + b->lru_off + b->word, b->word, lru);
	for (uint64_t i = 0; order < 20 && i < 1ull << order && bd_has_page(b, pfn + i); i++)
		bd_page_set(b, pfn + i, count_name(b), 0);
}

static void apply_kind(struct bd *b, uint64_t pfn, const struct kind *k)
{
	apply_flags(b, pfn, k->flags);
	bd_page_set(b, pfn, "mapping", mapping_of(b, k->mapping));
	if (k->type)
		apply_type(b, pfn, k->type);
}

/* Everything that `page` and the head of `compound` have in common. */
static void apply_common(struct bd *b, struct bd_line *l, uint64_t pfn)
{
	const char *s;

	if ((s = bd_opt(l, "kind")))
		apply_kind(b, pfn, find_kind(b, s));
	if ((s = bd_opt(l, "flags")))
		apply_flags(b, pfn, s);
	if ((s = bd_opt(l, "mapping")))
		bd_page_set(b, pfn, "mapping", mapping_of(b, s));
	if ((s = bd_opt(l, "type")))
		apply_type(b, pfn, s);
	if ((s = bd_opt(l, "low")))
		bd_page_set(b, pfn, "_mapcount", get_type(b, pfn) | bd_num(b, s));
	if ((s = bd_opt(l, "private")))
		bd_page_set(b, pfn, "private", bd_num(b, s));
	if ((s = bd_opt(l, "count")))
		bd_page_set(b, pfn, count_name(b), bd_num(b, s));
	if ((s = bd_opt(l, "compound")))
		bd_page_set(b, pfn, tail_name(b), bd_num(b, s));
	apply_raws(b, l, pfn);
}

void bd_page_line(struct bd *b, struct bd_line *l)
{
	struct builder_ranges r = bd_pfns(b, bd_arg(b, l, "PFNS"));
	const char *order = bd_opt(l, "order"), *type = bd_opt(l, "type");

	for (size_t i = 0; i < r.n; i++) {
		for (uint64_t pfn = r.v[i].first; pfn <= r.v[i].last; pfn++) {
			if (type && !strcmp(type, "unaccepted"))
				free_block(b, pfn, bd_need(b, "LENGTH(zone.free_area)") - 1);
			if (order && type && !strcmp(type, "buddy"))
				bd_page_set(b, pfn, "private", bd_num(b, order));
			else if (order)
				set_order(b, pfn, bd_num(b, order));
			apply_common(b, l, pfn);
		}
	}
}

void bd_compound(struct bd *b, struct bd_line *l)
{
	uint64_t pfn = bd_num(b, bd_arg(b, l, "PFN")), order = bd_opt_num(b, l, "order", 0);
	const char *name = bd_opt(l, "kind");
	const struct kind *k = find_kind(b, name ? name : "other");

	if (order < 1 || order > 20)
		bd_fail(b, "order=1 to 20");
	set_tails(b, l, pfn, (unsigned)order);
	apply_flags(b, pfn, "+head");
	set_order(b, pfn, order);
	set_dtor(b, pfn, k->hugetlb, !strcmp(k->name, "thp") || !strcmp(k->name, "anon"));
	apply_common(b, l, pfn);
	if (bd_flag(l, "hvo"))
		share_tails(b, pfn, (unsigned)order);
}

void bd_buddy(struct bd *b, struct bd_line *l)
{
	uint64_t pfn = bd_num(b, bd_arg(b, l, "PFN")), order = bd_opt_num(b, l, "order", 0);

	apply_type(b, pfn, "buddy");
	bd_page_set(b, pfn, "private", order);
	free_block(b, pfn, order);
	b->blocks = bd_more(b, b->blocks, b->nblocks, sizeof *b->blocks);
	b->blocks[b->nblocks++] = (struct bd_block){ pfn, (unsigned)order };
}
