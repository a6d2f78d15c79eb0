/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Physical memory: a buffer per region, words in the machine's byte order, frames for tables. */
#include <stdlib.h>
#include <string.h>

#include "bd.h"

#define RAM_MAX (4ull << 30)

static uint64_t mix(uint64_t x)
{
	x += 0x9e3779b97f4a7c15;
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
	x = (x ^ x >> 27) * 0x94d049bb133111eb;
	return x ^ x >> 31;
}

void bd_ram(struct bd *b, struct bd_line *l)
{
	struct bd_region *r = &b->regions[b->nregions];

	if (b->nregions == BD_REGIONS)
		bd_fail(b, "more than %d ram lines", BD_REGIONS);
	r->memmap = !bd_flag(l, "nomap");
	r->blank = bd_flag(l, "zero");
	r->pa = bd_num(b, bd_arg(b, l, "PADDR"));
	r->size = bd_num(b, bd_arg(b, l, "SIZE"));
	if (!r->size || r->size > RAM_MAX)
		bd_fail(b, "ram of %llu bytes: at most 4G", (unsigned long long)r->size);
	b->nregions++;
}

/* Every page its own: one word in eight is unique, the others repeat within the page, so that it compresses. */
static void pattern(struct bd_region *r, uint64_t page)
{
	for (uint64_t off = 0; off + 8 <= r->size; off += 8) {
		uint64_t pa = r->pa + off, v = mix((off & 56) ? pa / page : pa) | 1;

		memcpy(r->p + off, &v, 8);
	}
}

void bd_ram_done(struct bd *b)
{
	uint64_t total = 0;

	if (!b->nregions) {
		b->regions[0] = (struct bd_region){ .pa = 0, .size = 32 << 20, .memmap = true };
		b->nregions = 1;
	}
	for (unsigned i = 0; i < b->nregions; i++) {
		struct bd_region *r = &b->regions[i];

		total += r->size;
		if (total > RAM_MAX)
			bd_fail(b, "more than 4G of ram");
		r->p = bd_mem(b, r->size);
		if (!r->blank)
			pattern(r, b->page);
	}
}

/* The memory from pa on; *len is cut to what is there. */
uint8_t *bd_phys_try(struct bd *b, uint64_t pa, uint64_t *len)
{
	for (unsigned i = 0; i < b->nregions; i++) {
		struct bd_region *r = &b->regions[i];

		if (pa < r->pa || pa - r->pa >= r->size)
			continue;
		if (*len > r->size - (pa - r->pa))
			*len = r->size - (pa - r->pa);
		return r->p + (pa - r->pa);
	}
	return NULL;
}

uint8_t *bd_phys(struct bd *b, uint64_t pa, uint64_t len)
{
	uint64_t have = len;
	uint8_t *p = bd_phys_try(b, pa, &have);

	if (!p || have < len)
		bd_fail(b, "no memory at %#llx (%llu bytes)", (unsigned long long)pa, (unsigned long long)len);
	return p;
}

/* Frames are taken downwards from alloc_end, so the low memory is the recipe's. */
uint64_t bd_alloc(struct bd *b, uint64_t bytes, uint64_t align)
{
	uint64_t pa = b->lay.alloc_end;

	if (align < b->page)
		align = b->page;
	if (bytes > pa)
		bd_fail(b, "out of memory for tables");
	pa = (pa - bytes) & ~(align - 1);
	if (pa < b->lay.kernel + b->lay.kernel_size && pa + bytes > b->lay.kernel)
		bd_fail(b, "the tables run into the kernel image: more ram, or layout alloc_end=");
	memset(bd_phys(b, pa, bytes), 0, bytes);
	b->lay.alloc_end = pa;
	return pa;
}

void bd_put(struct bd *b, uint8_t *p, unsigned width, uint64_t v)
{
	for (unsigned i = 0; i < width; i++)
		p[b->m.big ? width - 1 - i : i] = (uint8_t)(v >> 8 * i);
}

uint64_t bd_get(struct bd *b, const uint8_t *p, unsigned width)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < width; i++)
		v |= (uint64_t)p[b->m.big ? width - 1 - i : i] << 8 * i;
	return v;
}

/* Calls fn with each page of a PFNS word. */
static void each_page(struct bd *b, const char *pfns, void (*fn)(uint8_t *p, uint64_t len, uint64_t arg), uint64_t arg)
{
	struct builder_ranges r = bd_pfns(b, pfns);

	for (size_t i = 0; i < r.n; i++) {
		for (uint64_t pfn = r.v[i].first; pfn <= r.v[i].last; pfn++) {
			uint64_t len = b->page;
			uint8_t *p = bd_phys_try(b, pfn << b->page_shift, &len);

			if (!p)
				bd_fail(b, "no memory at page frame %#llx", (unsigned long long)pfn);
			fn(p, len, arg ? arg : pfn);
		}
	}
}

static void fill_byte(uint8_t *p, uint64_t len, uint64_t arg)
{
	memset(p, (int)(arg & 0xff), len);
}

static void fill_random(uint8_t *p, uint64_t len, uint64_t pfn)
{
	for (uint64_t i = 0; i < len; i++)
		p[i] = (uint8_t)(mix(pfn << 20 | i) | !i);
}

void bd_zero(struct bd *b, struct bd_line *l)
{
	each_page(b, bd_arg(b, l, "PFNS"), fill_byte, 0x100);
}

void bd_random(struct bd *b, struct bd_line *l)
{
	each_page(b, bd_arg(b, l, "PFNS"), fill_random, 0);
}

void bd_fill(struct bd *b, struct bd_line *l)
{
	const char *pfns = bd_arg(b, l, "PFNS");

	each_page(b, pfns, fill_byte, 0x100 | bd_num(b, bd_arg(b, l, "BYTE")));
}
