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

static bool need(const struct df_kdesc *kernel, enum df_fact fact)
{
	return fact == DF_NONE || df_has(kernel, fact);
}

/* Destructor and order lie side by side: their distance is their width (u32 from 4.4, u16 on 32-bit machines, u8 from
 * 4.16 on), which no note tells. */
static unsigned pair_width(const struct df_kdesc *kernel)
{
	uint64_t distance = kernel->value[DF_OFF_page_compound_order] - kernel->value[DF_OFF_page_compound_dtor];

	return distance == 4 ? 4 : distance == 2 ? 2 : 1;
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

static void compile_test(struct df_test *test, enum op op, uint64_t operand)
{
	switch (op) {
	case BIT:
		test->mask = test->value = UINT64_C(1) << operand;
		break;
	case ANY:
		test->mask = operand;
		test->negate = true; /* not zero */
		break;
	case TYPE:
		test->mask = type_mask(operand & 0xffffffff);
		test->value = operand & test->mask;
		break;
	case EQUAL:
		test->mask = all_ones(test->width);
		test->value = operand & test->mask;
		break;
	case LOW:
		test->mask = test->value = 1;
		break;
	case TYPED:
		test->mask = test->value = UINT64_C(1) << 31;
		test->except = 0xffffffff;
		break;
	case ONES:
		test->mask = test->value = all_ones(test->width);
		break;
	case VALUE:
		test->mask = all_ones(test->width);
		break;
	}
}

static void compile(struct df_rules *rules, const struct df_kdesc *kernel, const struct variant *variant, unsigned word)
{
	struct df_test *test = &rules->test[variant->role];
	uint64_t offset = kernel->value[variant->field];
	unsigned width = variant->width == WORD ? word : variant->width == PAIR ? pair_width(kernel) : variant->width;

	/* the folio's offsets count from the first page */
	if (variant->second && offset >= rules->page_struct)
		offset -= rules->page_struct;
	if (offset > rules->page_struct || offset + width > rules->page_struct)
		return;
	if (variant->op == BIT && kernel->value[variant->operand] >= 8 * width)
		return;
	*test = (struct df_test){
		.how = variant->how, .second = variant->second != 0, .width = (uint8_t)width, .offset = (uint16_t)offset
	};
	compile_test(test, variant->op, variant->operand == DF_NONE ? 0 : kernel->value[variant->operand]);
	if (variant->role == DF_ORDER && variant->field == DF_OFF_page_flags)
		test->mask = 0xff;
	if (variant->role == DF_LINK)
		rules->link_is_first_page = variant->field == DF_OFF_first_page;
}

static uint16_t offset_of(const struct df_kdesc *kernel, enum df_fact fact)
{
	return df_has(kernel, fact) ? (uint16_t)kernel->value[fact] : UINT16_MAX;
}

static void compile_witness(struct df_witness *witness, const struct df_kdesc *kernel, unsigned word)
{
	*witness = (struct df_witness){ .mapping = offset_of(kernel, DF_OFF_page_mapping),
					.refcount = offset_of(kernel, DF_OFF_page__refcount),
					.lru = offset_of(kernel, DF_OFF_page_lru),
					.word = (uint8_t)word };
}

void df_rules_compile(struct df_rules *rules, const struct df_kdesc *kernel, unsigned word, bool big_endian)
{
	*rules = (struct df_rules){ .page_struct = (uint32_t)df_fact(kernel, DF_SIZE_page, 0),
				    .big_endian = big_endian };
	rules->free_orders = (unsigned)df_fact(kernel, DF_LEN_zone_free_area, 0);
	rules->struct_is_pow2 = (rules->page_struct & (rules->page_struct - 1)) == 0;
	for (size_t i = 0; i < sizeof variants / sizeof *variants; i++) {
		const struct variant *variant = &variants[i];

		if (!df_known(rules, variant->role) && need(kernel, variant->field) && need(kernel, variant->operand) &&
		    need(kernel, variant->also))
			compile(rules, kernel, variant, word);
	}
	compile_witness(&rules->witness, kernel, word);
	df_rules_prepare_words(rules);
}

void df_rules_explain(const struct df_rules *rules, dumpfilter_line_fn fn, void *user)
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
		const struct df_test *test = &rules->test[i];

		if (test->how)
			snprintf(line, sizeof line, "%s: %s (offset %u of the %s struct page, %u bytes)", names[i],
				 test->how, test->offset, test->second ? "next" : "own", test->width);
		else
			snprintf(line, sizeof line, "%s: unknown in this kernel, rules that need it are off", names[i]);
		fn(user, line);
	}
}
