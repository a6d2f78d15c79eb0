/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Struct pages as 6.1 leaves them, and which frames are what. */
#include "gen.h"

#include <stdlib.h>
#include <string.h>

#define ZONE  UINT64_C(0x17ffffc0000000) /* node 0, zone Normal, no CPU */
#define LRU   (UINT64_C(1) << 4)
#define SLAB  (UINT64_C(1) << 9)
#define FIXED (UINT64_C(1) << 12) /* PG_reserved */
#define PRIV  (UINT64_C(1) << 13)
#define HEAD  (UINT64_C(1) << 16)
#define SWAPB (UINT64_C(1) << 19)
#define USUAL UINT64_C(0x0024) /* referenced, uptodate: what most pages in use have */

#define NO_MAP       UINT64_C(0xffffffff) /* _mapcount -1 */
#define BUDDY        UINT64_C(0xffffff7f)
#define TAIL_MAPPING UINT64_C(0xdead000000000400)
#define MAX_ORDER    10u

#define FILL_PAGES 32u /* written at once */

enum use { USE_FREE, USE_CACHE, USE_CACHE_PRIVATE, USE_ANON, USE_THP, USE_HUGETLB, USE_SLAB, USE_KERNEL };

/* A run of frames with one use: how often (of 1000 frames), and how long at most. */
struct share {
	enum use use;
	unsigned weight, longest;
};

/* A machine in use.  13 % and the struct pages are kept at level 31. */
static const struct share in_use[] = {
	{ USE_FREE, 290, 2048 }, { USE_CACHE, 280, 256 },   { USE_CACHE_PRIVATE, 30, 32 }, { USE_ANON, 170, 128 },
	{ USE_THP, 80, 512 },    { USE_HUGETLB, 20, 2048 }, { USE_SLAB, 80, 32 },          { USE_KERNEL, 50, 16 },
};
/* An idle one. */
static const struct share idle[] = {
	{ USE_FREE, 975, 16384 },
	{ USE_CACHE, 12, 512 },
	{ USE_ANON, 10, 512 },
	{ USE_SLAB, 3, 64 },
};

static uint64_t struct_at(const struct gen *gen, uint64_t pfn)
{
	(void)gen;
	return VMEMMAP + pfn * PAGE_STRUCT;
}

static void flush_section(struct gen *gen)
{
	if (gen->section != SECTION_NONE)
		gen_write(gen, gen_section_structs(gen, gen->section), gen->buffer, BLOCK);
	memset(gen->buffer, 0, BLOCK);
}

/* The eight words of a struct page.  counts: _mapcount and _refcount. */
static void put(struct gen *gen, uint64_t pfn, uint64_t flags, uint64_t next, uint64_t prev, uint64_t mapping,
		uint64_t index, uint64_t priv, uint64_t map_count, uint64_t ref_count)
{
	uint8_t *bytes = gen->buffer + pfn % SECTION_PFN * PAGE_STRUCT;

	if (pfn / SECTION_PFN != gen->section) {
		flush_section(gen);
		gen->section = pfn / SECTION_PFN;
	}
	gen_put64(bytes, flags | ZONE);
	gen_put64(bytes + 8, next);
	gen_put64(bytes + 16, prev);
	gen_put64(bytes + 24, mapping);
	gen_put64(bytes + 32, index);
	gen_put64(bytes + 40, priv);
	gen_put64(bytes + 48, map_count | ref_count << 32);
	gen_put64(bytes + 56, 0);
}

/* An address that an object of this machine could have. */
static uint64_t some_object(struct gen *gen)
{
	return DIRECT + gen_below(gen, gen->end < HOLE_START ? gen->end / 64 : HOLE_START / 64) * 64;
}

static void put_free(struct gen *gen, uint64_t pfn, uint64_t count)
{
	while (count) {
		unsigned order = MAX_ORDER;

		while (pfn & ((UINT64_C(1) << order) - 1) || count < UINT64_C(1) << order)
			order--;
		put(gen, pfn, 0, struct_at(gen, pfn) + (PAGE_STRUCT << order) + 8,
		    struct_at(gen, pfn) - (PAGE_STRUCT << order) + 8, 0, 0, order, BUDDY, 0);
		/* as boot left them: a list of one */
		for (uint64_t i = 1; i < UINT64_C(1) << order; i++)
			put(gen, pfn + i, 0, struct_at(gen, pfn + i) + 8, struct_at(gen, pfn + i) + 8, 0, 0, 0, NO_MAP,
			    0);
		pfn += UINT64_C(1) << order;
		count -= UINT64_C(1) << order;
	}
}

static void put_compound(struct gen *gen, uint64_t pfn, unsigned order, unsigned destructor, uint64_t flags,
			 uint64_t mapping)
{
	uint64_t head = struct_at(gen, pfn);

	put(gen, pfn, flags | HEAD, some_object(gen), some_object(gen), mapping, pfn & 0xffff, 0, NO_MAP, 1);
	for (uint64_t i = 1; i < UINT64_C(1) << order; i++)
		put(gen, pfn + i, 0, head | 1, i == 1 ? destructor | order << 8 : 0, TAIL_MAPPING, 0, 0, NO_MAP, 0);
}

static void put_simple(struct gen *gen, uint64_t pfn, uint64_t count, uint64_t flags, unsigned mapping_bit, bool mapped)
{
	uint64_t owner = (some_object(gen) & ~UINT64_C(7)) | mapping_bit;

	for (uint64_t i = 0; i < count; i++)
		put(gen, pfn + i, flags, struct_at(gen, pfn + i + 1) + 8, struct_at(gen, pfn + i - 1) + 8, owner,
		    pfn % 4096 + i, flags & PRIV ? some_object(gen) : 0, mapped ? 0 : NO_MAP, 1 + mapped);
}

/* Units of 2 MiB; what does not fit is base pages. */
static void put_huge(struct gen *gen, uint64_t pfn, uint64_t count, bool hugetlb)
{
	for (uint64_t i = 0; i < count; i++) {
		if ((pfn + i) % 512 || count - i < 512) {
			put_simple(gen, pfn + i, 1, LRU | USUAL | SWAPB, 1, true);
			continue;
		}
		put_compound(gen, pfn + i, 9, hugetlb ? 2 : 3, USUAL | (hugetlb ? 0 : LRU | SWAPB),
			     some_object(gen) | !hugetlb);
		i += 511;
	}
}

static void put_slab(struct gen *gen, uint64_t pfn, uint64_t count)
{
	uint64_t cache = some_object(gen);

	for (uint64_t i = 0; i < count; i++)
		put(gen, pfn + i, SLAB, cache, struct_at(gen, pfn + i) + 16, 0, some_object(gen), 0x1000200010,
		    0xffffffff, 1);
}

static void describe(struct gen *gen, enum use use, uint64_t pfn, uint64_t count)
{
	static const enum count counts[] = { COUNT_FREE, COUNT_CACHE, COUNT_PRIVATE, COUNT_USER,
					     COUNT_USER, COUNT_USER,  COUNT_KEEP,    COUNT_KEEP };

	gen->count[counts[use]] += count;
	switch (use) {
	case USE_FREE:
		put_free(gen, pfn, count);
		break;
	case USE_CACHE:
		put_simple(gen, pfn, count, LRU | USUAL, 0, gen_below(gen, 4) == 0);
		break;
	case USE_CACHE_PRIVATE:
		put_simple(gen, pfn, count, LRU | USUAL | PRIV, 0, false);
		break;
	case USE_ANON:
		put_simple(gen, pfn, count, LRU | USUAL | SWAPB, 1, true);
		break;
	case USE_THP:
	case USE_HUGETLB:
		put_huge(gen, pfn, count, use == USE_HUGETLB);
		break;
	case USE_SLAB:
		put_slab(gen, pfn, count);
		break;
	case USE_KERNEL:
		put_simple(gen, pfn, count, 0, 0, false);
		break;
	}
}

/* Pages of zeros, of 1000.  Kernel and free: as in the kernel dumps that the tests use (16 %). */
static void fill_run(struct gen *gen, enum use use, uint64_t pfn, uint64_t count)
{
	static const struct {
		enum content what;
		unsigned zero;
	} how[] = { { CONTENT_STALE, 160 }, { CONTENT_CACHE, 10 }, { CONTENT_CACHE, 10 }, { CONTENT_USER, 100 },
		    { CONTENT_USER, 100 },  { CONTENT_USER, 100 }, { CONTENT_SLAB, 20 },  { CONTENT_KERNEL, 400 } };

	uint8_t pages[FILL_PAGES * PAGE];
	uint64_t filled = 0; /* pages of the buffer, for the frames before this one */

	if (gen->kind != KIND_REAL && use != USE_SLAB)
		return;
	for (uint64_t i = 0; i < count; i++) {
		bool zero = gen_below(gen, 1000) < how[use].zero;

		if (!filled)
			memset(pages, 0, sizeof pages);
		if (!zero)
			gen_fill(gen, how[use].what, pfn + i, pages + filled++ * PAGE);
		if (filled && (zero || filled == FILL_PAGES || i == count - 1)) {
			gen_write(gen, (pfn + i + !zero - filled) * PAGE, pages, filled * PAGE);
			filled = 0;
		}
	}
}

static const struct share *pick(struct gen *gen, const struct share *shares, unsigned count)
{
	/* shares are of frames: the longer the runs of a use, the rarer they are */
	uint64_t all = 0, at;

	for (unsigned i = 0; i < count; i++)
		all += 1000000 * shares[i].weight / shares[i].longest;
	at = gen_below(gen, all);
	for (unsigned i = 0; i < count - 1; i++) {
		uint64_t part = 1000000 * shares[i].weight / shares[i].longest;

		if (at < part)
			return &shares[i];
		at -= part;
	}
	return &shares[count - 1];
}

/* Frames [pfn, end) of memory that nothing of the kernel's lies in. */
static void populate(struct gen *gen, uint64_t pfn, uint64_t end)
{
	bool real = gen->kind == KIND_REAL;

	while (pfn < end) {
		const struct share *share = real ? pick(gen, in_use, sizeof in_use / sizeof *in_use)
						 : pick(gen, idle, sizeof idle / sizeof *idle);
		uint64_t count = 1 + gen_below(gen, share->longest) + gen_below(gen, share->longest);

		if (share->use == USE_THP || share->use == USE_HUGETLB)
			count = (count + 511) / 512 * 512 + (-pfn & 511);
		if (count > end - pfn)
			count = end - pfn;
		describe(gen, share->use, pfn, count);
		fill_run(gen, share->use, pfn, count);
		pfn += count;
	}
}

static void reserve(struct gen *gen, uint64_t pfn, uint64_t end)
{
	gen->count[COUNT_KEEP] += end - pfn;
	for (; pfn < end; pfn++)
		put(gen, pfn, FIXED, struct_at(gen, pfn) + 8, struct_at(gen, pfn) + 8, 0, 0, 0, NO_MAP, 1);
}

/* The first section: kernel image, tables, and for KIND_SHARED struct pages; it is kept as a whole. */
static void first_section(struct gen *gen)
{
	reserve(gen, 0, SECTION_PFN);
	for (uint64_t at = 0; gen->kind == KIND_REAL && at < KERNEL_SIZE * 2 / 3; at += PAGE)
		gen_fill(gen, CONTENT_KERNEL_TEXT, (KERNEL_PA + at) / PAGE, gen_at(gen, KERNEL_PA + at));
}

/* The eight sections whose struct pages all the others share.  They are not told apart by address: no lists, no
 * compound pages. */
static void shared_sections(struct gen *gen)
{
	for (uint64_t seed = 1; seed <= 8; seed++) {
		for (uint64_t pfn = seed * SECTION_PFN; pfn < (seed + 1) * SECTION_PFN; pfn++) {
			if (seed == 7)
				put(gen, pfn, LRU | USUAL | SWAPB, 0, 0, DIRECT | 1, pfn, 0, 0, 2);
			else if (seed == 8)
				put(gen, pfn, LRU | USUAL, 0, 0, DIRECT, pfn, 0, NO_MAP, 1);
			else
				put(gen, pfn, 0, struct_at(gen, pfn) + 8, struct_at(gen, pfn) + 8, 0, 0, MAX_ORDER,
				    pfn % 1024 ? NO_MAP : BUDDY, 0);
		}
	}
	for (uint64_t seed = 1; seed * SECTION < gen->end; seed++)
		if (seed * SECTION < HOLE_START || seed * SECTION >= HOLE_END)
			gen->count[seed % 8 == 7   ? COUNT_USER
				   : seed % 8 == 0 ? COUNT_CACHE
						   : COUNT_FREE] += SECTION_PFN;
}

uint64_t gen_section_structs(struct gen *gen, uint64_t section)
{
	if (gen->kind != KIND_SHARED)
		return gen->structs + section * BLOCK;
	return gen->first_own + (section ? (section - 1) % 8 + 1 : 0) * BLOCK;
}

/* Struct pages lie behind the hole (or, on a small machine, behind the first section). */
static void place_structs(struct gen *gen)
{
	if (gen->kind == KIND_SHARED)
		gen->first_own = gen_alloc(gen, 9 * BLOCK, BLOCK);
	else
		gen->structs = gen->end > HOLE_END ? HOLE_END : SECTION;
}

void gen_memmap(struct gen *gen)
{
	uint64_t structs, structs_end;

	gen->buffer = malloc(BLOCK);
	if (!gen->buffer)
		gen_fail("out of memory");
	place_structs(gen);
	first_section(gen);
	if (gen->kind == KIND_SHARED) {
		shared_sections(gen);
		flush_section(gen);
		free(gen->buffer);
		return;
	}
	structs = gen->structs / PAGE;
	structs_end = structs + gen->end / SECTION * (BLOCK / PAGE);
	if (gen->end > HOLE_END)
		populate(gen, SECTION_PFN, HOLE_START / PAGE);
	reserve(gen, structs, structs_end);
	populate(gen, structs_end, gen->end / PAGE);
	flush_section(gen);
	free(gen->buffer);
}
