/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "classify/rules.h"

#include <stdio.h>

enum op { BIT, ANY, TYPE, EQUAL, LOW, TYPED, ONES, VALUE };
enum { FIRST = 0, SECOND = 1 };
enum { WORD = 0, PAIR = 255 };
#define DF_NONE DF_FACT_COUNT

/* A row of variants.def: one way in which some kernels say a role.  width: bytes; second: look at the next struct. */
struct variant {
	enum df_role role;
	const char *how;
	uint8_t second, width;
	enum op op;
	enum df_fact field, operand, also;
};

static const struct variant variants[] = {
#define VARIANT(role, how, page, field, width, op, operand, also) \
	{ DF_##role, how, page, width, op, DF_##field, DF_##operand, DF_##also },
#include "classify/variants.def"
#undef VARIANT
};

static bool need(const struct df_kdesc *k, enum df_fact f)
{
	return f == DF_NONE || df_has(k, f);
}

/* Destructor and order lie side by side: their distance is their width (u32 from 4.4, u16 on 32-bit machines, u8 from
 * 4.16 on), which no note tells. */
static unsigned pair_width(const struct df_kdesc *k)
{
	uint64_t d = k->value[DF_OFF_page_compound_order] - k->value[DF_OFF_page_compound_dtor];

	return d == 4 ? 4 : d == 2 ? 2 : 1;
}

static uint64_t all_ones(unsigned width)
{
	return width == 8 ? ~UINT64_C(0) : (UINT64_C(1) << 8 * width) - 1;
}

/* The types of 6.12 and newer fill the top byte (4ffca5a96678): compare what the kernel compares. */
static uint64_t type_mask(uint64_t type)
{
	return (type & 0xf0ffffff) == 0xf0000000 ? 0xff000000 : 0xffffffff;
}

static void compile_test(struct df_test *t, enum op op, uint64_t operand)
{
	switch (op) {
	case BIT:
		t->mask = t->value = UINT64_C(1) << operand;
		break;
	case ANY:
		t->mask = operand;
		t->negate = true; /* not zero */
		break;
	case TYPE:
		t->mask = type_mask(operand & 0xffffffff);
		t->value = operand & t->mask;
		break;
	case EQUAL:
		t->mask = all_ones(t->width);
		t->value = operand & t->mask;
		break;
	case LOW:
		t->mask = t->value = 1;
		break;
	case TYPED:
		t->mask = t->value = UINT64_C(1) << 31;
		t->except = 0xffffffff;
		break;
	case ONES:
		t->mask = t->value = all_ones(t->width);
		break;
	case VALUE:
		t->mask = all_ones(t->width);
		break;
	}
}

static void compile(struct df_rules *r, const struct df_kdesc *k, const struct variant *v, unsigned word)
{
	struct df_test *t = &r->test[v->role];
	uint64_t offset = k->value[v->field];
	unsigned width = v->width == WORD ? word : v->width == PAIR ? pair_width(k) : v->width;

	/* the folio's offsets count from the first page */
	if (v->second && offset >= r->page_struct)
		offset -= r->page_struct;
	if (offset > r->page_struct || offset + width > r->page_struct)
		return;
	if (v->op == BIT && k->value[v->operand] >= 8 * width)
		return;
	*t = (struct df_test){
		.how = v->how, .second = v->second != 0, .width = (uint8_t)width, .offset = (uint16_t)offset
	};
	compile_test(t, v->op, v->operand == DF_NONE ? 0 : k->value[v->operand]);
	if (v->role == DF_ORDER && v->field == DF_OFF_page_flags)
		t->mask = 0xff;
	if (v->role == DF_LINK)
		r->link_is_first_page = v->field == DF_OFF_first_page;
}

static uint16_t offset_of(const struct df_kdesc *k, enum df_fact fact)
{
	return df_has(k, fact) ? (uint16_t)k->value[fact] : UINT16_MAX;
}

static void compile_witness(struct df_witness *witness, const struct df_kdesc *k, unsigned word)
{
	*witness = (struct df_witness){ .mapping = offset_of(k, DF_OFF_page_mapping),
					.refcount = offset_of(k, DF_OFF_page__refcount),
					.lru = offset_of(k, DF_OFF_page_lru),
					.word = (uint8_t)word };
}

void df_rules_compile(struct df_rules *r, const struct df_kdesc *k, unsigned word, bool be)
{
	*r = (struct df_rules){ .page_struct = (uint32_t)df_fact(k, DF_SIZE_page, 0), .be = be };
	r->free_orders = (unsigned)df_fact(k, DF_LEN_zone_free_area, 0);
	r->struct_is_pow2 = (r->page_struct & (r->page_struct - 1)) == 0;
	for (size_t i = 0; i < sizeof variants / sizeof *variants; i++) {
		const struct variant *v = &variants[i];

		if (!df_known(r, v->role) && need(k, v->field) && need(k, v->operand) && need(k, v->also))
			compile(r, k, v, word);
	}
	compile_witness(&r->witness, k, word);
	df_rules_prepare_words(r);
}

void df_rules_explain(const struct df_rules *r, dumpfilter_line_fn fn, void *user)
{
	static const char *const names[DF_ROLE_COUNT] = {
		[DF_RAW] = "uninitialised struct",
		[DF_TAIL] = "tail page",
		[DF_HEAD] = "head page",
		[DF_TYPED] = "typed page",
		[DF_SLAB] = "slab",
		[DF_BUDDY] = "free block",
		[DF_OFFLINE] = "offline",
		[DF_UNACCEPTED] = "unaccepted",
		[DF_HWPOISON] = "hwpoison",
		[DF_LRU] = "on an LRU list",
		[DF_PRIVATE] = "private data",
		[DF_SWAPCACHE] = "swap cache",
		[DF_SWAPBACKED] = "swap backed",
		[DF_ANON] = "anonymous",
		[DF_HUGETLB] = "hugetlb",
		[DF_ORDER] = "order of a unit",
		[DF_BUDDY_ORDER] = "order of a free block",
		[DF_LINK] = "tail to head",
	};
	char line[160];

	for (unsigned i = 0; i < DF_ROLE_COUNT; i++) {
		const struct df_test *t = &r->test[i];

		if (t->how)
			snprintf(line, sizeof line, "%s: %s (offset %u of the %s struct page, %u bytes)", names[i],
				 t->how, t->offset, t->second ? "next" : "own", t->width);
		else
			snprintf(line, sizeof line, "%s: unknown in this kernel, rules that need it are off", names[i]);
		fn(user, line);
	}
}
