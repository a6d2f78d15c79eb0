/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Up to 4.3 a compound page's second struct holds the address of its destructor, and there are just two
 * (include/linux/mm.h v3.10): free_compound_page for slab, transparent huge and driver pages, and free_huge_page for
 * hugetlb. The latter's address is in notes from 3.17 on (8f1d26d0e59b, 3a1122d26c62).  In an older image: of the
 * destructors of all confirmed compound pages, the common one is seen on slab pages or on small units, the other only
 * on units of a huge page's size that are neither slab nor on an LRU list.  Only where just one address fits is it
 * taken.
 */
#include "classify/classify.h"

#include "base/bytes.h"

#define KINDS 8u /* distinct destructors remembered; more than two are already too many */

/* Units with one destructor, as it was seen in memory. */
struct kind {
	uint64_t address, seen, other; /* units; of these, not like hugetlb */
};

struct census {
	struct kind kind[KINDS];
	unsigned count;
	bool overflow;
};

static void count(struct census *census, uint64_t address, bool like_hugetlb)
{
	unsigned i = 0;

	while (i < census->count && census->kind[i].address != address)
		i++;
	if (i == KINDS) {
		census->overflow = true;
		return;
	}
	if (i == census->count)
		census->kind[census->count++].address = address;
	census->kind[i].seen++;
	census->kind[i].other += !like_hugetlb;
}

static void look_at_head(struct df_scanner *scanner, const struct df_memmap_range *range, uint64_t pfn,
			 const uint8_t *page, const struct df_test *dtor, struct census *census)
{
	uint64_t pages = df_unit_pages(scanner, range, pfn, page, true);
	uint64_t huge = UINT64_C(1) << (scanner->classifier->page_shift -
					3); /* frames that a table of page entries maps: 2 MiB */
	bool like;

	if (pages < 2)
		return;
	like = pages >= huge && !df_rules_test(scanner->classifier->rules, DF_SLAB, page) &&
	       !df_rules_test(scanner->classifier->rules, DF_LRU, page);
	count(census,
	      df_get64(page + scanner->classifier->rules->page_struct + dtor->offset,
		       scanner->classifier->rules->big_endian),
	      like);
}

static void census_group(struct df_scanner *scanner, const struct df_memmap_range *range, uint64_t pfn, unsigned count,
			 const struct df_test *dtor, struct census *census)
{
	uint64_t words[DF_WORD_ROLES], have;
	const uint8_t *bytes = df_structs_get(&scanner->near, range, pfn, count, &have);

	df_rules_words(scanner->classifier->rules, bytes, count, words);
	for (uint64_t left = words[DF_HEAD] & have & have >> 1 & ~words[DF_RAW]; left; left &= left - 1) {
		unsigned i = (unsigned)__builtin_ctzll(left);

		look_at_head(scanner, range, pfn + i, bytes + (size_t)i * scanner->classifier->memmap->page_struct,
			     dtor, census);
	}
}

/* Frames [pfn, end), all of which the image holds. */
static void census_frames(struct df_scanner *scanner, uint64_t pfn, uint64_t end, const struct df_test *dtor,
			  struct census *census)
{
	const struct df_memmap *memmap = scanner->classifier->memmap;
	const struct df_memmap_range *range = df_memmap_at(memmap, pfn);

	for (; range && range < memmap->range + memmap->count && range->first < end; range++) {
		uint64_t stop;

		if (pfn < range->first)
			pfn = range->first;
		for (; pfn < range->end && pfn < end; pfn = stop) {
			stop = (pfn | 63) + 1;
			if (stop > range->end)
				stop = range->end;
			census_group(scanner, range, pfn, (unsigned)(stop - pfn), dtor, census);
		}
	}
}

bool df_deduce_free_huge_page(struct df_scanner *scanner, const struct df_kdesc *kernel, uint64_t *address)
{
	struct df_test dtor = { .offset = (uint16_t)kernel->value[DF_OFF_lru_dtor] };
	const struct df_image *image = scanner->classifier->xlat->image;
	unsigned shift = scanner->classifier->page_shift;
	uint64_t pfn = 0, end;
	struct census census = { .count = 0 };
	unsigned fits = 0;
	bool common = false;

	if (!df_has(kernel, DF_OFF_lru_dtor) || df_known(scanner->classifier->rules, DF_HUGETLB) || image->bits != 64)
		return false;
	/* groups are looked at as a whole: what follows a short run in the same one is done with it */
	for (; df_image_next(image, DF_STORED, shift, pfn, &pfn, &end) && !df_cancelled(image->env);
	     pfn = (end + 63) & ~UINT64_C(63))
		census_frames(scanner, pfn, end, &dtor, &census);
	for (unsigned i = 0; i < census.count; i++) {
		if (census.kind[i].other) {
			common = true;
		} else {
			*address = census.kind[i].address;
			fits++;
		}
	}
	return common && fits == 1 && !census.overflow && *address;
}
