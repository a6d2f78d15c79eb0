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
	unsigned n;
	bool overflow;
};

static void count(struct census *c, uint64_t address, bool like_hugetlb)
{
	unsigned i = 0;

	while (i < c->n && c->kind[i].address != address)
		i++;
	if (i == KINDS) {
		c->overflow = true;
		return;
	}
	if (i == c->n)
		c->kind[c->n++].address = address;
	c->kind[i].seen++;
	c->kind[i].other += !like_hugetlb;
}

static void look_at_head(struct df_scanner *s, const struct df_memmap_range *r, uint64_t pfn, const uint8_t *page,
			 const struct df_test *dtor, struct census *c)
{
	uint64_t pages = df_unit_pages(s, r, pfn, page, true);
	uint64_t huge = UINT64_C(1) << (s->c->page_shift - 3); /* frames that a table of page entries maps: 2 MiB */
	bool like;

	if (pages < 2)
		return;
	like = pages >= huge && !df_rules_test(s->c->rules, DF_SLAB, page) && !df_rules_test(s->c->rules, DF_LRU, page);
	count(c, df_get64(page + s->c->rules->page_struct + dtor->offset, s->c->rules->be), like);
}

static void census_group(struct df_scanner *s, const struct df_memmap_range *r, uint64_t pfn, unsigned n,
			 const struct df_test *dtor, struct census *c)
{
	uint64_t words[DF_WORD_ROLES], have;
	const uint8_t *p = df_structs_get(&s->near, r, pfn, n, &have);

	df_rules_words(s->c->rules, p, n, words);
	for (uint64_t m = words[DF_HEAD] & have & have >> 1 & ~words[DF_RAW]; m; m &= m - 1) {
		unsigned i = (unsigned)__builtin_ctzll(m);

		look_at_head(s, r, pfn + i, p + (size_t)i * s->c->map->page_struct, dtor, c);
	}
}

/* Frames [pfn, end), all of which the image holds. */
static void census_frames(struct df_scanner *s, uint64_t pfn, uint64_t end, const struct df_test *dtor,
			  struct census *c)
{
	const struct df_memmap *map = s->c->map;
	const struct df_memmap_range *r = df_memmap_at(map, pfn);

	for (; r && r < map->v + map->n && r->first < end; r++) {
		uint64_t stop;

		if (pfn < r->first)
			pfn = r->first;
		for (; pfn < r->end && pfn < end; pfn = stop) {
			stop = (pfn | 63) + 1;
			if (stop > r->end)
				stop = r->end;
			census_group(s, r, pfn, (unsigned)(stop - pfn), dtor, c);
		}
	}
}

bool df_deduce_free_huge_page(struct df_scanner *s, const struct df_kdesc *k, uint64_t *address)
{
	struct df_test dtor = { .offset = (uint16_t)k->value[DF_OFF_lru_dtor] };
	const struct df_image *img = s->c->xlat->image;
	unsigned shift = s->c->page_shift;
	uint64_t pfn = 0, end;
	struct census c = { .n = 0 };
	unsigned fits = 0;
	bool common = false;

	if (!df_has(k, DF_OFF_lru_dtor) || df_known(s->c->rules, DF_HUGETLB) || img->bits != 64)
		return false;
	/* groups are looked at as a whole: what follows a short run in the same one is done with it */
	for (; df_image_next(img, DF_STORED, shift, pfn, &pfn, &end) && !df_cancelled(img->env);
	     pfn = (end + 63) & ~UINT64_C(63))
		census_frames(s, pfn, end, &dtor, &c);
	for (unsigned i = 0; i < c.n; i++) {
		if (c.kind[i].other) {
			common = true;
		} else {
			*address = c.kind[i].address;
			fits++;
		}
	}
	return common && fits == 1 && !c.overflow && *address;
}
