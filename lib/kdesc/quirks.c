/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The only place that compares kernel releases.  Each block says why the presence of a fact cannot tell, and what else
 * confirms the layout: a unit of several pages is only ever left out when its tail pages point back to its head
 * (classify/units.c), so that a wrong guess here keeps pages and never loses one.
 */
#include "kdesc/kdesc.h"

#include <stdlib.h>

#define RELEASE(a, b) ((uint32_t)(a) << 16 | (uint32_t)(b) << 8)

static uint32_t part(const char **text)
{
	char *end;
	unsigned long value;

	if (**text < '0' || **text > '9')
		return 0;
	value = strtoul(*text, &end, 10);
	*text = *end == '.' ? end + 1 : end;
	return value > 255 ? 255 : (uint32_t)value;
}

uint32_t df_kdesc_release(const struct df_kdesc *kernel)
{
	const char *text = kernel->osrelease;
	uint32_t major = part(&text), minor = part(&text), patch = part(&text);

	return major << 16 | minor << 8 | patch;
}

static void known(struct df_kdesc *kernel, enum df_fact fact, uint64_t value)
{
	df_kdesc_set(kernel, fact, value, DF_FROM_LAYOUT);
}

/* Up to 4.3 order and destructor of a compound page are the list pointers of its second page (set_compound_order(),
 * set_compound_page_dtor() in include/linux/mm.h v3.10), and tails point back by first_page, which shares its
 * union with private.  1d798ca3f164 ("mm: make compound_head() robust", v4.4) changed all three; notes name them
 * from 4.6 on only (8639a847b0e1 "kexec: update VMCOREINFO for compound_order/dtor", d7f53518f71b
 * "kexec: export OFFSET(page.compound_head) to find out compound tail page"). */
static void compound_before_4_4(struct df_kdesc *kernel, unsigned word)
{
	uint64_t lru, private;

	if (df_get_fact(kernel, DF_OFF_page_lru, &lru)) {
		known(kernel, DF_OFF_lru_dtor, lru);
		known(kernel, DF_OFF_lru_order, lru + word);
	}
	if (df_get_fact(kernel, DF_OFF_page_private, &private))
		known(kernel, DF_OFF_first_page, private);
}

/* 4.4 and 4.5: struct page as in 4.6, whose note says so: compound_head over lru.next, then destructor and order, an
 * unsigned int each on 64-bit and a short each on 32-bit machines. */
static void compound_4_4(struct df_kdesc *kernel, unsigned word)
{
	uint64_t lru;

	if (!df_get_fact(kernel, DF_OFF_page_lru, &lru))
		return;
	known(kernel, DF_OFF_page_compound_head, lru);
	known(kernel, DF_OFF_page_compound_dtor, lru + word);
	known(kernel, DF_OFF_page_compound_order, lru + word + word / 2);
}

/* Memory that the guest has not accepted yet got page type 0xf7 in 6.12 (4ffca5a96678 gave each type a top byte: buddy
 * 0xf0, slab 0xf5); the note names it from 6.16 on, where it is configured.  Where it is not, no page has it. */
static void unaccepted_6_12(struct df_kdesc *kernel)
{
	uint32_t buddy = (uint32_t)df_fact(kernel, DF_NUM_PAGE_BUDDY, 0),
		 slab = (uint32_t)df_fact(kernel, DF_NUM_PAGE_SLAB, 0);

	if (buddy == 0xf0000000 && slab == 0xf5000000)
		known(kernel, DF_NUM_PAGE_UNACCEPTED, 0xf7000000);
}

/* Up to 2.6.25 the note has no flag numbers (they came with 2.6.26 and 2.6.27), and they were the same everywhere:
 * include/linux/page-flags.h v2.6.24. */
static void flags_2_6_24(struct df_kdesc *kernel)
{
	known(kernel, DF_NUM_PG_lru, 5);
	known(kernel, DF_NUM_PG_private, 11);
	known(kernel, DF_NUM_PG_swapcache, 15);
}

static void known_type(struct df_kdesc *kernel, enum df_fact fact, uint32_t value)
{
	known(kernel, fact, (uint64_t)(int64_t)(int32_t)value);
}

/* What a map count reads as on a typed page, where a vmlinux says how struct page looks and no note says this: up
 * to 6.9 these numbers are macros, which debug information does not have.  Types came with 4.18, each a bit that is
 * cleared (6e292b9be7f4 "mm: split page_type out from _mapcount"; include/linux/page-flags.h v4.18: buddy 0x80), and
 * page_type is what tells.  Offline is 0x100 from 5.1 on (ca215086b14b), hugetlb 0x800 from 6.9 on (d99e3140a4d3).
 * From 6.10 on they are enumerators.  Before, free blocks had a map count of -2 (2.6.38, 5f24ce5fd34c) and of -128
 * (2.6.39 to 4.17). */
static void types_of_vmlinux(struct df_kdesc *kernel, uint32_t value)
{
	if (df_has(kernel, DF_NUM_PG_buddy) || !df_has(kernel, DF_OFF_page__mapcount) ||
	    df_has(kernel, DF_NUM_PAGE_BUDDY))
		return;
	if (value < RELEASE(4, 18) && !df_has(kernel, DF_OFF_page_page_type)) {
		if (value >= (RELEASE(2, 6) | 38))
			known_type(kernel, DF_NUM_PAGE_BUDDY,
				   value == (RELEASE(2, 6) | 38) ? (uint32_t)-2 : (uint32_t)-128);
		return;
	}
	if (value >= RELEASE(6, 10))
		return;
	known_type(kernel, DF_NUM_PAGE_BUDDY, ~(uint32_t)0x80);
	if (value >= RELEASE(5, 1))
		known_type(kernel, DF_NUM_PAGE_OFFLINE, ~(uint32_t)0x100);
	if (value >= RELEASE(6, 9))
		known_type(kernel, DF_NUM_PAGE_HUGETLB, ~(uint32_t)0x800);
}

void df_kdesc_quirks(struct df_kdesc *kernel, unsigned word)
{
	uint32_t value = df_kdesc_release(kernel);
	uint64_t swapcache, private;

	if (!value)
		return;
	if (value < (RELEASE(2, 6) | 26))
		flags_2_6_24(kernel);
	if (value < RELEASE(4, 4))
		compound_before_4_4(kernel, word);
	else if (value < RELEASE(4, 6) && !df_has(kernel, DF_OFF_page_compound_head))
		compound_4_4(kernel, word);
	/* enum compound_dtor_id, include/linux/mm.h v4.4 (f1e61557f023): NULL 0, COMPOUND_PAGE 1, HUGETLB_PAGE 2.
	 * Notes have the number from 4.8 on. */
	if (value >= RELEASE(4, 4) && value < RELEASE(4, 9) && df_has(kernel, DF_OFF_page_compound_dtor))
		known(kernel, DF_NUM_HUGETLB_PAGE_DTOR, 2);
	/* 6.6 moved the order to the low byte of the second page's flags (ebc1baf5c9b4); PG_hugetlb in the note
	 * tells, but only where hugetlb is configured. */
	if (value >= RELEASE(6, 6) && !df_has(kernel, DF_OFF_page_compound_order) &&
	    !df_has(kernel, DF_OFF_folio__folio_order))
		known(kernel, DF_NUM_order_in_flags, 1);
	types_of_vmlinux(kernel, value);
	if (value >= RELEASE(6, 12) && value < RELEASE(6, 16))
		unaccepted_6_12(kernel);
	/* enum pageflags had one order from 2.6.26 to 4.9 (62906027091f put PG_waiters in front): head 14, slab 7,
	 * where the flags were exported before these two were (3.9, 3.16). */
	if (value < RELEASE(4, 10)) {
		known(kernel, DF_NUM_PG_slab, 7);
		known(kernel, DF_NUM_PG_head_mask, UINT64_C(1) << 14);
	}
	/* 4.10 reused PG_swapcache's bit for other owners; it means swap cache only together with PG_swapbacked
	 * (6326fec1122c), whose number notes have from 4.18 on.  In between it lies 6 behind PG_private. */
	if (value >= RELEASE(4, 10) && value < RELEASE(4, 18) && df_get_fact(kernel, DF_NUM_PG_swapcache, &swapcache) &&
	    df_get_fact(kernel, DF_NUM_PG_private, &private) && swapcache < private)
		known(kernel, DF_NUM_PG_swapbacked, private + 6);
}
