/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "classify/classify.h"

#include "base/bits.h"
#include "base/bytes.h"

#include <string.h>

/* Pages of the smallest hugetlb page of any machine (arm64: 16 entries of 4 KiB).  A slab's type differs from hugetlb's
 * in one bit, and slabs are smaller (slub_max_order is 3). */
#define HUGETLB_LEAST 16u

int df_scanner_init(struct df_scanner *s, const struct df_classifier *c, struct df_err *err)
{
	const struct df_image *img = c->xlat->image;
	size_t far = c->map->page_struct > img->page_size ? c->map->page_struct : img->page_size;
	int r;

	memset(s, 0, sizeof *s);
	s->c = c;
	r = df_reader_init(&s->near_reader, img, DF_WINDOW_MAX, err);
	if (!r)
		r = df_reader_init(&s->far_reader, img, far, err);
	if (!r)
		r = df_walker_init(&s->near_walker, c->xlat, &s->near_reader, err);
	if (!r)
		r = df_walker_init(&s->far_walker, c->xlat, &s->far_reader, err);
	if (!r)
		r = df_structs_init(&s->near, c->map, &s->near_walker, DF_WINDOW_MAX, err);
	if (!r)
		r = df_structs_init(&s->far, c->map, &s->far_walker, 0, err);
	if (r < 0)
		df_scanner_fini(s);
	return r;
}

void df_scanner_fini(struct df_scanner *s)
{
	df_structs_fini(&s->far);
	df_structs_fini(&s->near);
	df_walker_fini(&s->far_walker);
	df_walker_fini(&s->near_walker);
	df_reader_fini(&s->far_reader);
	df_reader_fini(&s->near_reader);
}

struct df_walker *df_scanner_walker(struct df_scanner *s)
{
	s->far.span_len = 0; /* reading tables may move the window that it is in */
	return &s->far_walker;
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
static void combine(const struct df_rules *r, const uint64_t w[DF_WORD_ROLES], struct group *g)
{
	uint64_t sound = g->have & ~w[DF_RAW], own = sound & ~w[DF_TAIL];
	/* slab and other typed pages use the bytes of mapping and flags for themselves (a slab counter there looks like
	 * an anonymous mapping in 5.17 to 6.x) */
	uint64_t ours = w[DF_SLAB] | w[DF_TYPED];
	uint64_t anon = df_known(r, DF_SLAB) ? own & w[DF_ANON] & ~ours : 0;
	uint64_t swap = w[DF_SWAPCACHE] & (df_known(r, DF_SWAPBACKED) ? w[DF_SWAPBACKED] : ~UINT64_C(0));
	uint64_t cache = own & (w[DF_LRU] | swap) & ~w[DF_ANON] & ~ours;

	uint64_t offline = own & w[DF_OFFLINE] & ~w[DF_SLAB], lru = cache & w[DF_LRU], doubt;

	g->free_heads = own & w[DF_BUDDY] & ~w[DF_SLAB];
	g->unaccepted = own & w[DF_UNACCEPTED];
	g->busy = w[DF_SLAB] | w[DF_TYPED] | w[DF_TAIL] | w[DF_HEAD] | w[DF_LRU] | w[DF_RAW];
	doubt = (anon & ~df_witness_mapped(r, g->structs, anon)) | (lru & ~df_witness_cached(r, g->structs, lru));
	anon &= ~doubt;
	cache &= ~doubt;
	g->set[DF_SET_CACHE] = cache & ~w[DF_PRIVATE];
	g->set[DF_SET_CACHE_PRIVATE] = cache & w[DF_PRIVATE];
	g->set[DF_SET_USER] = anon;
	g->set[DF_SET_HWPOISON] = sound & w[DF_HWPOISON];
	g->set[DF_SET_OFFLINE] = offline;
	g->set[DF_SET_FREE] = 0;
	g->set[DF_SET_DOUBT] = doubt;
	g->heads = own & w[DF_HEAD];
}

/* Is this page linked with another one's struct? */
static bool beside_a_page(const struct df_scanner *s, const uint8_t *page)
{
	const struct df_witness *witness = &s->c->rules->witness;
	uint64_t next = df_get(page + witness->lru, witness->word, s->c->rules->be), pfn;
	uint64_t prev = df_get(page + witness->lru + witness->word, witness->word, s->c->rules->be);
	size_t hint = 0;

	return df_memmap_pfn(s->c->map, next - witness->lru, &hint, &pfn) ||
	       df_memmap_pfn(s->c->map, prev - witness->lru, &hint, &pfn);
}

/* Memory is given back to the hypervisor in runs, or a page at a time into a list: a page that is offline alone and in
 * no list is one whose type was damaged. */
static void lone_offline(const struct df_scanner *s, struct group *g)
{
	uint64_t offline = g->set[DF_SET_OFFLINE], lone = offline & ~(offline << 1 | offline >> 1);

	for (uint64_t m = s->c->rules->witness.lru == UINT16_MAX ? 0 : lone; m; m &= m - 1) {
		unsigned i = (unsigned)__builtin_ctzll(m);

		if (beside_a_page(s, g->structs + (size_t)i * s->c->map->page_struct))
			continue;
		g->set[DF_SET_OFFLINE] &= ~(UINT64_C(1) << i);
		g->set[DF_SET_DOUBT] |= UINT64_C(1) << i;
	}
}

/* Frames [pfn, pfn + pages) belong to the sets; what lies behind the chunk spills. */
static void fill(struct df_classes *out, uint64_t pfn, uint64_t pages, unsigned sets)
{
	uint64_t base = out->chunk << DF_CHUNK_SHIFT, end = pfn + pages, stop = base + DF_CHUNK_PAGES;

	for (unsigned i = 0; i < DF_SET_COUNT; i++) {
		if (!(sets >> i & 1))
			continue;
		df_bits_fill(out->w[i], pfn - base, (end < stop ? end : stop) - base);
		if (end > stop && end > out->spill_end[i])
			out->spill_end[i] = end;
	}
}

/* A block that is free to its end holds no page that is anything else: where one is, all of it is kept. */
static void inner_pages(struct df_scanner *s, struct group *g, struct df_classes *out)
{
	uint64_t base = out->chunk << DF_CHUNK_SHIFT, first = s->block.first + 1, end = s->block.end, inside;

	first = first > g->pfn ? first - g->pfn : 0;
	end = end > g->pfn ? end - g->pfn : 0;
	inside = g->have & df_bit_mask((unsigned)(first < 64 ? first : 64), (unsigned)(end < 64 ? end : 64));
	if (!(inside & g->busy) && !(g->held && df_witness_held(s->c->rules, g->structs, inside)))
		return;
	df_bits_clear(out->w[DF_SET_FREE], s->block.first - base, s->block.end - base);
	df_bits_fill(out->w[DF_SET_DOUBT], s->block.first - base, s->block.end - base);
	s->block.end = 0;
}

/* Frames of the block that the free or unaccepted page at bit i begins; 0 = it contradicts itself. */
static uint64_t block_pages(struct df_scanner *s, const struct group *g, unsigned i, enum df_role role)
{
	const uint8_t *page = g->structs + (size_t)i * s->c->map->page_struct;
	uint64_t pfn = g->pfn + i, unit;

	if (!df_witness_free(s->c->rules, page))
		return 0;
	if (role == DF_BUDDY)
		return df_block_pages(s->c, g->range, pfn, page);
	unit = s->c->rules->free_orders ? UINT64_C(1) << (s->c->rules->free_orders - 1) : 0;
	return unit && unit <= DF_CHUNK_PAGES && !(pfn & (unit - 1)) && unit <= g->range->end - pfn ? unit : 0;
}

static void free_blocks(struct df_scanner *s, struct group *g, enum df_role role, uint64_t heads,
			struct df_classes *out)
{
	for (uint64_t m = heads; m; m &= m - 1) {
		unsigned i = (unsigned)__builtin_ctzll(m);
		uint64_t pages = block_pages(s, g, i, role);

		fill(out, g->pfn + i, pages ? pages : 1, 1u << (pages ? DF_SET_FREE : DF_SET_DOUBT));
		if (pages > 1)
			s->block = (struct df_block){ g->pfn + i, g->pfn + i + pages };
		if (pages > 1 && pages <= 64)
			inner_pages(s, g, out);
	}
}

/* Sets of the page at bit i. */
static unsigned sets_of(const struct group *g, unsigned i)
{
	unsigned sets = 0;

	for (unsigned k = 0; k < DF_SET_COUNT; k++)
		sets |= (unsigned)(g->set[k] >> i & 1) << k;
	return sets;
}

/* A head counts for its whole unit, or, where that cannot be confirmed, for nothing. */
static void one_head(struct df_scanner *s, struct group *g, unsigned i, struct df_classes *out)
{
	const struct df_rules *rules = s->c->rules;
	const uint8_t *page = g->structs + (size_t)i * s->c->map->page_struct;
	bool next = i + 1 < g->count && g->have >> (i + 1) & 1;
	bool huge = df_known(rules, DF_HUGETLB) && (next || !rules->test[DF_HUGETLB].second) &&
		    df_rules_test(rules, DF_HUGETLB, page);
	unsigned sets = sets_of(g, i), poison = sets & 1u << DF_SET_HWPOISON;
	uint64_t bit = UINT64_C(1) << i, pages;

	if (huge)
		sets |= 1u << DF_SET_USER;
	else
		sets &= ~poison; /* poison marks single pages, but for hugetlb, where the head stands for all */
	if (!sets)
		return;
	for (unsigned k = 0; k < DF_SET_COUNT; k++)
		if (k != DF_SET_HWPOISON)
			g->set[k] &= ~bit;
	pages = df_unit_pages(s, g->range, g->pfn + i, page, next);
	if (huge && pages < HUGETLB_LEAST)
		pages = 0;
	if (pages)
		fill(out, g->pfn + i, pages, sets);
	else
		g->set[DF_SET_DOUBT] |= bit;
}

static void scan_group(struct df_scanner *s, struct group *g, struct df_classes *out)
{
	uint64_t words[DF_WORD_ROLES], at = g->pfn - (out->chunk << DF_CHUNK_SHIFT);
	uint64_t all = g->count == 64 ? ~UINT64_C(0) : (UINT64_C(1) << g->count) - 1;

	g->structs = df_structs_get(&s->near, g->range, g->pfn, g->count, &g->have);
	g->held = df_rules_words(s->c->rules, g->structs, g->count, words);
	combine(s->c->rules, words, g);
	if (g->set[DF_SET_OFFLINE])
		lone_offline(s, g);
	if (s->block.end > g->pfn && (g->held || g->busy))
		inner_pages(s, g, out);
	if (g->free_heads | g->unaccepted) {
		free_blocks(s, g, DF_BUDDY, g->free_heads, out);
		free_blocks(s, g, DF_UNACCEPTED, g->unaccepted, out);
	}
	for (uint64_t m = g->heads; m; m &= m - 1)
		one_head(s, g, (unsigned)__builtin_ctzll(m), out);
	for (unsigned k = 0; k < DF_SET_COUNT; k++)
		out->w[k][at / 64] |= g->set[k] << at % 64;
	out->unreadable[at / 64] |= (all & ~g->have) << at % 64;
}

void df_classify_chunk(struct df_scanner *s, const uint64_t stored[DF_CHUNK_WORDS], struct df_classes *out)
{
	uint64_t first = out->chunk << DF_CHUNK_SHIFT, end = first + DF_CHUNK_PAGES, pfn = first;
	const struct df_memmap *map = s->c->map;

	memset(out->w, 0, sizeof out->w);
	memset(out->unreadable, 0, sizeof out->unreadable);
	memset(out->spill_end, 0, sizeof out->spill_end);
	s->block.end = 0;
	for (const struct df_memmap_range *r = df_memmap_at(map, first); r && r < map->v + map->n && r->first < end;
	     r++) {
		if (pfn < r->first)
			pfn = r->first;
		while (pfn < r->end && pfn < end) {
			/* groups are aligned, so that a head and the page behind it are always in one */
			uint64_t stop = (pfn | 63) + 1;
			struct group g = { .range = r, .pfn = pfn };

			if (stop > r->end)
				stop = r->end;
			g.count = (unsigned)(stop - pfn);
			if (stored[(pfn - first) / 64])
				scan_group(s, &g, out);
			pfn = stop;
		}
	}
}
