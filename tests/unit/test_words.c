/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The word-wise evaluation of rules against the obvious one, page by page: random struct pages and those that are just
 * beside a rule, for the facts of several kernels. */
#include "base/bytes.h"
#include "classify/rules.h"

#include "t.h"

struct kernel {
	const char *name, *note;
	unsigned word;
	bool big_endian;
};

static const struct kernel kernels[] = {
	{ "2.6.32",
	  "OSRELEASE=2.6.32\nSIZE(page)=56\nOFFSET(page.flags)=0\nOFFSET(page.mapping)=24\nOFFSET(page.lru)=40\n"
	  "OFFSET(page.private)=16\nNUMBER(PG_lru)=5\nNUMBER(PG_private)=11\nNUMBER(PG_swapcache)=16\n"
	  "NUMBER(PG_buddy)=19\nNUMBER(PG_hwpoison)=23\nNUMBER(PG_head_mask)=16384\n",
	  8, false },
	{ "4.14",
	  "OSRELEASE=4.14.67\nSIZE(page)=64\nOFFSET(page.flags)=0\nOFFSET(page.mapping)=8\nOFFSET(page.lru)=32\n"
	  "OFFSET(page._mapcount)=24\nOFFSET(page.private)=48\nOFFSET(page.compound_head)=32\nNUMBER(PG_lru)=5\n"
	  "NUMBER(PG_private)=12\nNUMBER(PG_swapcache)=9\nNUMBER(PG_slab)=8\nNUMBER(PG_hwpoison)=21\n"
	  "NUMBER(PG_head_mask)=32768\nNUMBER(PAGE_BUDDY_MAPCOUNT_VALUE)=-128\n",
	  8, false },
	{ "7.3",
	  "OSRELEASE=7.3.4\nSIZE(page)=64\nOFFSET(page.flags)=0\nOFFSET(page.mapping)=24\nOFFSET(page.lru)=8\n"
	  "OFFSET(page._mapcount)=48\nOFFSET(page.private)=40\nOFFSET(page.compound_info)=8\nNUMBER(PG_lru)=5\n"
	  "LENGTH(zone.free_area)=11\nNUMBER(PG_private)=14\nNUMBER(PG_swapcache)=10\nNUMBER(PG_swapbacked)=17\n"
	  "NUMBER(PAGE_SLAB_MAPCOUNT_VALUE)=-184549376\nNUMBER(PG_hwpoison)=21\nNUMBER(PG_head_mask)=64\n"
	  "NUMBER(PAGE_BUDDY_MAPCOUNT_VALUE)=-268435456\nNUMBER(PAGE_HUGETLB_MAPCOUNT_VALUE)=-201326592\n"
	  "NUMBER(PAGE_OFFLINE_MAPCOUNT_VALUE)=-251658240\n"
	  "NUMBER(PAGE_UNACCEPTED_MAPCOUNT_VALUE)=-150994944\n",
	  8, false },
	{ "6.12 big-endian",
	  "OSRELEASE=6.12.1\nSIZE(page)=64\nOFFSET(page.flags)=0\nOFFSET(page.mapping)=24\n"
	  "OFFSET(page._mapcount)=48\nOFFSET(page.private)=40\nOFFSET(page.compound_head)=8\nNUMBER(PG_lru)=5\n"
	  "NUMBER(PG_private)=14\nNUMBER(PG_swapcache)=10\nNUMBER(PG_swapbacked)=17\n"
	  "NUMBER(PAGE_SLAB_MAPCOUNT_VALUE)=-184549376\nNUMBER(PG_head_mask)=64\n"
	  "NUMBER(PAGE_BUDDY_MAPCOUNT_VALUE)=-268435456\nNUMBER(PAGE_OFFLINE_MAPCOUNT_VALUE)=-251658240\n",
	  8, true },
	{ "32 bit",
	  "OSRELEASE=4.9.1\nSIZE(page)=32\nOFFSET(page.flags)=0\nOFFSET(page.mapping)=4\n"
	  "OFFSET(page._mapcount)=12\nOFFSET(page.private)=28\nOFFSET(page.compound_head)=20\nNUMBER(PG_lru)=5\n"
	  "NUMBER(PG_private)=11\nNUMBER(PG_swapcache)=15\nNUMBER(PG_slab)=7\nNUMBER(PG_hwpoison)=21\n"
	  "NUMBER(PG_head_mask)=49152\nNUMBER(PAGE_BUDDY_MAPCOUNT_VALUE)=-128\n",
	  4, false },
	{ "odd types",
	  "OSRELEASE=6.9.1\nSIZE(page)=80\nOFFSET(page.flags)=0\nOFFSET(page.mapping)=24\n"
	  "OFFSET(page._mapcount)=48\nOFFSET(page.private)=40\nOFFSET(page.compound_head)=8\nNUMBER(PG_lru)=63\n"
	  "NUMBER(PG_slab)=31\nNUMBER(PG_head_mask)=64\nNUMBER(PAGE_BUDDY_MAPCOUNT_VALUE)=1234\n"
	  "NUMBER(PAGE_OFFLINE_MAPCOUNT_VALUE)=-1\n",
	  8, false },
};

static uint64_t seed = 1;

static uint64_t random64(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

/* Struct pages of which many are near what rules look for. */
static void fill(uint8_t *bytes, size_t size, const struct df_rules *rules)
{
	static const uint32_t types[] = { 0xffffffff, 0xffffff7f, 0xf0000000, 0xf0000001, 0xf1000000,
					  0xf5abcdef, 0xf7000000, 0xffffff80, 1234,       0 };

	for (size_t i = 0; i < size; i++)
		bytes[i] = (uint8_t)random64();
	if (random64() % 3)
		df_put32(bytes + (rules->type_offset == UINT16_MAX ? 0 : rules->type_offset),
			 types[random64() % (sizeof types / sizeof *types)], rules->big_endian);
	if (random64() % 16 == 0)
		memset(bytes, 0xff, size);
	if (random64() % 16 == 0)
		memset(bytes, 0, size);
}

static void check(const struct kernel *kernel)
{
	static uint8_t structs[64 * 128];
	static struct df_kdesc other;
	struct df_env env = { 0 };
	struct df_rules rules;

	memset(&other, 0, sizeof other);
	df_kdesc_parse(&other, kernel->note, strlen(kernel->note), DF_FROM_NOTE);
	df_kdesc_check(&other, &env, kernel->word);
	df_kdesc_quirks(&other, kernel->word);
	df_rules_compile(&rules, &other, kernel->word, kernel->big_endian);
	CHECK(df_known(&rules, DF_LRU) && df_known(&rules, DF_ANON));
	for (unsigned round = 0; round < 2000; round++) {
		unsigned count = round % 4 ? 64 : (unsigned)(random64() % 64 + 1);
		uint64_t words[DF_WORD_ROLES];

		for (unsigned i = 0; i < count; i++)
			fill(structs + i * rules.page_struct, rules.page_struct, &rules);
		df_rules_words(&rules, structs, count, words);
		for (unsigned role = 0; role < DF_WORD_ROLES; role++)
			for (unsigned i = 0; i < 64; i++) {
				bool want = i < count &&
					    df_rules_test(&rules, (enum df_role)role, structs + i * rules.page_struct);

				if ((words[role] >> i & 1) != want)
					T_FAIL("role %u, page %u of %u: %d instead of %d", role, i, count, !want, want);
			}
	}
}

int main(void)
{
	static size_t i; /* static: survives the longjmp of a failed check */

	for (i = 0; i < sizeof kernels / sizeof *kernels; i++)
		T_RUN(kernels[i].name, check(&kernels[i]));
	return T_END();
}
