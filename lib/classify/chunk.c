/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "classify/classify.h"

#include "base/bits.h"
#include "base/bytes.h"

#include <string.h>

/* Pages of the smallest hugetlb page of any machine (arm64: 16 entries of 4 KiB).  A slab's type differs from hugetlb's
 * in one bit, and slabs are smaller (slub_max_order is 3). */
#define HUGETLB_LEAST 16u

int df_scanner_init(struct df_scanner *scanner, const struct df_classifier *classifier, struct df_err *err)
{
	const struct df_image *image = classifier->xlat->image;
	size_t far = classifier->memmap->page_struct > image->page_size ? classifier->memmap->page_struct
									: image->page_size;
	int result;

	memset(scanner, 0, sizeof *scanner);
	scanner->classifier = classifier;
	result = df_reader_init(&scanner->near_reader, image, DF_WINDOW_MAX, err);
	if (!result)
		result = df_reader_init(&scanner->far_reader, image, far, err);
	if (!result)
		result = df_walker_init(&scanner->near_walker, classifier->xlat, &scanner->near_reader, err);
	if (!result)
		result = df_walker_init(&scanner->far_walker, classifier->xlat, &scanner->far_reader, err);
	if (!result)
		result = df_structs_init(&scanner->near, classifier->memmap, &scanner->near_walker, DF_WINDOW_MAX, err);
	if (!result)
		result = df_structs_init(&scanner->structs, classifier->memmap, &scanner->far_walker, 0, err);
	if (result < 0)
		df_scanner_fini(scanner);
	return result;
}

void df_scanner_fini(struct df_scanner *scanner)
{
	df_structs_fini(&scanner->structs);
	df_structs_fini(&scanner->near);
	df_walker_fini(&scanner->far_walker);
	df_walker_fini(&scanner->near_walker);
	df_reader_fini(&scanner->far_reader);
	df_reader_fini(&scanner->near_reader);
}

struct df_walker *df_scanner_walker(struct df_scanner *scanner)
{
	scanner->structs.span_len = 0; /* reading tables may move the window that it is in */
	return &scanner->far_walker;
}

/* A group of up to 64 frames under work. */
struct group {
	const struct df_memmap_range *range;
	uint64_t pfn; /* of bit 0 */
	unsigned count;
	const uint8_t *structs;
	uint64_t have;
	uint64_t set[DF_SET_COUNT];
	uint64_t heads; /* heads in a set, whose unit is to be found */
	uint64_t free_heads, unaccepted;
	uint64_t busy; /* what no page inside a free block is */
	bool held;     /* somebody holds one of them */
};

/* Which sets a page belongs to by its own struct; tails carry nothing but poison. */
static void combine(const struct df_rules *rules, const uint64_t words[DF_WORD_ROLES], struct group *group)
{
	uint64_t sound = group->have & ~words[DF_RAW], own = sound & ~words[DF_TAIL];
	/* slab and other typed pages use the bytes of mapping and flags for themselves (a slab counter there looks like
	 * an anonymous mapping in 5.17 to 6.x) */
	uint64_t ours = words[DF_SLAB] | words[DF_TYPED];
	uint64_t anon = df_known(rules, DF_SLAB) ? own & words[DF_ANON] & ~ours : 0;
	uint64_t swap = words[DF_SWAPCACHE] & (df_known(rules, DF_SWAPBACKED) ? words[DF_SWAPBACKED] : ~UINT64_C(0));
	uint64_t cache = own & (words[DF_LRU] | swap) & ~words[DF_ANON] & ~ours;

	uint64_t offline = own & words[DF_OFFLINE] & ~words[DF_SLAB], lru = cache & words[DF_LRU], doubt;

	group->free_heads = own & words[DF_BUDDY] & ~words[DF_SLAB];
	group->unaccepted = own & words[DF_UNACCEPTED];
	group->busy = words[DF_SLAB] | words[DF_TYPED] | words[DF_TAIL] | words[DF_HEAD] | words[DF_LRU] |
		      words[DF_RAW];
	doubt = (anon & ~df_witness_mapped(rules, group->structs, anon)) |
		(lru & ~df_witness_cached(rules, group->structs, lru));
	anon &= ~doubt;
	cache &= ~doubt;
	group->set[DF_SET_CACHE] = cache & ~words[DF_PRIVATE];
	group->set[DF_SET_CACHE_PRIVATE] = cache & words[DF_PRIVATE];
	group->set[DF_SET_USER] = anon;
	group->set[DF_SET_HWPOISON] = sound & words[DF_HWPOISON];
	group->set[DF_SET_OFFLINE] = offline;
	group->set[DF_SET_FREE] = 0;
	group->set[DF_SET_DOUBT] = doubt;
	group->heads = own & words[DF_HEAD];
}

/* Is this page linked with another one's struct? */
static bool beside_a_page(const struct df_scanner *scanner, const uint8_t *page)
{
	const struct df_witness *witness = &scanner->classifier->rules->witness;
	uint64_t next = df_get(page + witness->lru, witness->word, scanner->classifier->rules->big_endian), pfn;
	uint64_t prev = df_get(page + witness->lru + witness->word, witness->word,
			       scanner->classifier->rules->big_endian);
	size_t hint = 0;

	return df_memmap_pfn(scanner->classifier->memmap, next - witness->lru, &hint, &pfn) ||
	       df_memmap_pfn(scanner->classifier->memmap, prev - witness->lru, &hint, &pfn);
}

/* Memory is given back to the hypervisor in runs, or a page at a time into a list: a page that is offline alone and in
 * no list is one whose type was damaged. */
static void lone_offline(const struct df_scanner *scanner, struct group *group)
{
	uint64_t offline = group->set[DF_SET_OFFLINE], lone = offline & ~(offline << 1 | offline >> 1);

	for (uint64_t m = scanner->classifier->rules->witness.lru == UINT16_MAX ? 0 : lone; m; m &= m - 1) {
		unsigned i = (unsigned)__builtin_ctzll(m);

		if (beside_a_page(scanner, group->structs + (size_t)i * scanner->classifier->memmap->page_struct))
			continue;
		group->set[DF_SET_OFFLINE] &= ~(UINT64_C(1) << i);
		group->set[DF_SET_DOUBT] |= UINT64_C(1) << i;
	}
}

/* Frames [pfn, pfn + pages) belong to the sets; what lies behind the chunk spills. */
static void fill(struct df_classes *classes, uint64_t pfn, uint64_t pages, unsigned sets)
{
	uint64_t base = classes->chunk << DF_CHUNK_SHIFT, end = pfn + pages, stop = base + DF_CHUNK_PAGES;

	for (unsigned i = 0; i < DF_SET_COUNT; i++) {
		if (!(sets >> i & 1))
			continue;
		df_bits_fill(classes->words[i], pfn - base, (end < stop ? end : stop) - base);
		if (end > stop && end > classes->spill_end[i])
			classes->spill_end[i] = end;
	}
}

/* A block that is free to its end holds no page that is anything else: where one is, all of it is kept. */
static void inner_pages(struct df_scanner *scanner, struct group *group, struct df_classes *classes)
{
	uint64_t base = classes->chunk << DF_CHUNK_SHIFT, first = scanner->block.first + 1, end = scanner->block.end,
		 inside;

	first = first > group->pfn ? first - group->pfn : 0;
	end = end > group->pfn ? end - group->pfn : 0;
	inside = group->have & df_bit_mask((unsigned)(first < 64 ? first : 64), (unsigned)(end < 64 ? end : 64));
	if (!(inside & group->busy) &&
	    !(group->held && df_witness_held(scanner->classifier->rules, group->structs, inside)))
		return;
	df_bits_clear(classes->words[DF_SET_FREE], scanner->block.first - base, scanner->block.end - base);
	df_bits_fill(classes->words[DF_SET_DOUBT], scanner->block.first - base, scanner->block.end - base);
	scanner->block.end = 0;
}

/* Frames of the block that the free or unaccepted page at bit i begins; 0 = it contradicts itself. */
static uint64_t block_pages(struct df_scanner *scanner, const struct group *group, unsigned i, enum df_role role)
{
	const uint8_t *page = group->structs + (size_t)i * scanner->classifier->memmap->page_struct;
	uint64_t pfn = group->pfn + i, unit;

	if (!df_witness_free(scanner->classifier->rules, page))
		return 0;
	if (role == DF_BUDDY)
		return df_block_pages(scanner->classifier, group->range, pfn, page);
	unit = scanner->classifier->rules->free_orders ? UINT64_C(1) << (scanner->classifier->rules->free_orders - 1)
						       : 0;
	return unit && unit <= DF_CHUNK_PAGES && !(pfn & (unit - 1)) && unit <= group->range->end - pfn ? unit : 0;
}

static void free_blocks(struct df_scanner *scanner, struct group *group, enum df_role role, uint64_t heads,
			struct df_classes *classes)
{
	for (uint64_t left = heads; left; left &= left - 1) {
		unsigned i = (unsigned)__builtin_ctzll(left);
		uint64_t pages = block_pages(scanner, group, i, role);

		fill(classes, group->pfn + i, pages ? pages : 1, 1u << (pages ? DF_SET_FREE : DF_SET_DOUBT));
		if (pages > 1)
			scanner->block = (struct df_block){ group->pfn + i, group->pfn + i + pages };
		if (pages > 1 && pages <= 64)
			inner_pages(scanner, group, classes);
	}
}

/* Sets of the page at bit i. */
static unsigned sets_of(const struct group *group, unsigned i)
{
	unsigned sets = 0;

	for (unsigned set = 0; set < DF_SET_COUNT; set++)
		sets |= (unsigned)(group->set[set] >> i & 1) << set;
	return sets;
}

/* A head counts for its whole unit, or, where that cannot be confirmed, for nothing. */
static void one_head(struct df_scanner *scanner, struct group *group, unsigned i, struct df_classes *classes)
{
	const struct df_rules *rules = scanner->classifier->rules;
	const uint8_t *page = group->structs + (size_t)i * scanner->classifier->memmap->page_struct;
	bool next = i + 1 < group->count && group->have >> (i + 1) & 1;
	bool huge = df_known(rules, DF_HUGETLB) && (next || !rules->test[DF_HUGETLB].second) &&
		    df_rules_test(rules, DF_HUGETLB, page);
	unsigned sets = sets_of(group, i), poison = sets & 1u << DF_SET_HWPOISON;
	uint64_t bit = UINT64_C(1) << i, pages;

	if (huge)
		sets |= 1u << DF_SET_USER;
	else
		sets &= ~poison; /* poison marks single pages, but for hugetlb, where the head stands for all */
	if (!sets)
		return;
	for (unsigned set = 0; set < DF_SET_COUNT; set++)
		if (set != DF_SET_HWPOISON)
			group->set[set] &= ~bit;
	pages = df_unit_pages(scanner, group->range, group->pfn + i, page, next);
	if (huge && pages < HUGETLB_LEAST)
		pages = 0;
	if (pages)
		fill(classes, group->pfn + i, pages, sets);
	else
		group->set[DF_SET_DOUBT] |= bit;
}

static void scan_group(struct df_scanner *scanner, struct group *group, struct df_classes *classes)
{
	uint64_t words[DF_WORD_ROLES], at = group->pfn - (classes->chunk << DF_CHUNK_SHIFT);
	uint64_t all = group->count == 64 ? ~UINT64_C(0) : (UINT64_C(1) << group->count) - 1;

	group->structs = df_structs_get(&scanner->near, group->range, group->pfn, group->count, &group->have);
	group->held = df_rules_words(scanner->classifier->rules, group->structs, group->count, words);
	combine(scanner->classifier->rules, words, group);
	if (group->set[DF_SET_OFFLINE])
		lone_offline(scanner, group);
	if (scanner->block.end > group->pfn && (group->held || group->busy))
		inner_pages(scanner, group, classes);
	if (group->free_heads | group->unaccepted) {
		free_blocks(scanner, group, DF_BUDDY, group->free_heads, classes);
		free_blocks(scanner, group, DF_UNACCEPTED, group->unaccepted, classes);
	}
	for (uint64_t left = group->heads; left; left &= left - 1)
		one_head(scanner, group, (unsigned)__builtin_ctzll(left), classes);
	for (unsigned set = 0; set < DF_SET_COUNT; set++)
		classes->words[set][at / 64] |= group->set[set] << at % 64;
	classes->unreadable[at / 64] |= (all & ~group->have) << at % 64;
}

void df_classify_chunk(struct df_scanner *scanner, const uint64_t stored[DF_CHUNK_WORDS], struct df_classes *classes)
{
	uint64_t first = classes->chunk << DF_CHUNK_SHIFT, end = first + DF_CHUNK_PAGES, pfn = first;
	const struct df_memmap *memmap = scanner->classifier->memmap;

	memset(classes->words, 0, sizeof classes->words);
	memset(classes->unreadable, 0, sizeof classes->unreadable);
	memset(classes->spill_end, 0, sizeof classes->spill_end);
	scanner->block.end = 0;
	for (const struct df_memmap_range *range = df_memmap_at(memmap, first);
	     range && range < memmap->range + memmap->count && range->first < end; range++) {
		if (pfn < range->first)
			pfn = range->first;
		while (pfn < range->end && pfn < end) {
			/* groups are aligned, so that a head and the page behind it are always in one */
			uint64_t stop = (pfn | 63) + 1;
			struct group group = { .range = range, .pfn = pfn };

			if (stop > range->end)
				stop = range->end;
			group.count = (unsigned)(stop - pfn);
			if (stored[(pfn - first) / 64])
				scan_group(scanner, &group, classes);
			pfn = stop;
		}
	}
}
