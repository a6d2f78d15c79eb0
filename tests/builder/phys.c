/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Physical memory: a buffer per region, words in the machine's byte order, frames for tables. */
#include <stdlib.h>
#include <string.h>

#include "bd.h"

#define RAM_MAX (4ull << 30)

static uint64_t mix(uint64_t value)
{
	value += 0x9e3779b97f4a7c15;
	value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9;
	value = (value ^ value >> 27) * 0x94d049bb133111eb;
	return value ^ value >> 31;
}

void bd_ram(struct bd *builder, struct bd_line *line)
{
	struct bd_region *region = &builder->regions[builder->nregions];

	if (builder->nregions == BD_REGIONS)
		bd_fail(builder, "more than %d ram lines", BD_REGIONS);
	region->memmap = !bd_flag(line, "nomap");
	region->blank = bd_flag(line, "zero");
	region->paddr = bd_num(builder, bd_arg(builder, line, "PADDR"));
	region->size = bd_num(builder, bd_arg(builder, line, "SIZE"));
	if (!region->size || region->size > RAM_MAX)
		bd_fail(builder, "ram of %llu bytes: at most 4G", (unsigned long long)region->size);
	builder->nregions++;
}

/* Every page its own: one word in eight is unique, the others repeat within the page, so that it compresses. */
static void pattern(struct bd_region *region, uint64_t page)
{
	for (uint64_t off = 0; off + 8 <= region->size; off += 8) {
		uint64_t paddr = region->paddr + off, value = mix((off & 56) ? paddr / page : paddr) | 1;

		memcpy(region->bytes + off, &value, 8);
	}
}

void bd_ram_done(struct bd *builder)
{
	uint64_t total = 0;

	if (!builder->nregions) {
		builder->regions[0] = (struct bd_region){ .paddr = 0, .size = 32 << 20, .memmap = true };
		builder->nregions = 1;
	}
	for (unsigned i = 0; i < builder->nregions; i++) {
		struct bd_region *region = &builder->regions[i];

		total += region->size;
		if (total > RAM_MAX)
			bd_fail(builder, "more than 4G of ram");
		region->bytes = bd_mem(builder, region->size);
		if (!region->blank)
			pattern(region, builder->page);
	}
}

/* The memory from pa on; *length is cut to what is there. */
uint8_t *bd_phys_try(struct bd *builder, uint64_t paddr, uint64_t *length)
{
	for (unsigned i = 0; i < builder->nregions; i++) {
		struct bd_region *region = &builder->regions[i];

		if (paddr < region->paddr || paddr - region->paddr >= region->size)
			continue;
		if (*length > region->size - (paddr - region->paddr))
			*length = region->size - (paddr - region->paddr);
		return region->bytes + (paddr - region->paddr);
	}
	return NULL;
}

uint8_t *bd_phys(struct bd *builder, uint64_t paddr, uint64_t length)
{
	uint64_t have = length;
	uint8_t *bytes = bd_phys_try(builder, paddr, &have);

	if (!bytes || have < length)
		bd_fail(builder, "no memory at %#llx (%llu bytes)", (unsigned long long)paddr,
			(unsigned long long)length);
	return bytes;
}

/* Frames are taken downwards from alloc_end, so the low memory is the recipe's. */
uint64_t bd_alloc(struct bd *builder, uint64_t bytes, uint64_t align)
{
	uint64_t paddr = builder->layout.alloc_end;

	if (align < builder->page)
		align = builder->page;
	if (bytes > paddr)
		bd_fail(builder, "out of memory for tables");
	paddr = (paddr - bytes) & ~(align - 1);
	if (paddr < builder->layout.kernel + builder->layout.kernel_size && paddr + bytes > builder->layout.kernel)
		bd_fail(builder, "the tables run into the kernel image: more ram, or layout alloc_end=");
	memset(bd_phys(builder, paddr, bytes), 0, bytes);
	builder->layout.alloc_end = paddr;
	return paddr;
}

void bd_put(struct bd *builder, uint8_t *bytes, unsigned width, uint64_t value)
{
	for (unsigned i = 0; i < width; i++)
		bytes[builder->machine.big ? width - 1 - i : i] = (uint8_t)(value >> 8 * i);
}

uint64_t bd_get(struct bd *builder, const uint8_t *bytes, unsigned width)
{
	uint64_t value = 0;

	for (unsigned i = 0; i < width; i++)
		value |= (uint64_t)bytes[builder->machine.big ? width - 1 - i : i] << 8 * i;
	return value;
}

/* Calls fn with each page of a PFNS word. */
static void each_page(struct bd *builder, const char *pfns, void (*fn)(uint8_t *bytes, uint64_t length, uint64_t arg),
		      uint64_t arg)
{
	struct builder_ranges ranges = bd_pfns(builder, pfns);

	for (size_t i = 0; i < ranges.count; i++) {
		for (uint64_t pfn = ranges.range[i].first; pfn <= ranges.range[i].last; pfn++) {
			uint64_t length = builder->page;
			uint8_t *bytes = bd_phys_try(builder, pfn << builder->page_shift, &length);

			if (!bytes)
				bd_fail(builder, "no memory at page frame %#llx", (unsigned long long)pfn);
			fn(bytes, length, arg ? arg : pfn);
		}
	}
}

static void fill_byte(uint8_t *bytes, uint64_t length, uint64_t arg)
{
	memset(bytes, (int)(arg & 0xff), length);
}

static void fill_random(uint8_t *bytes, uint64_t length, uint64_t pfn)
{
	for (uint64_t i = 0; i < length; i++)
		bytes[i] = (uint8_t)(mix(pfn << 20 | i) | !i);
}

void bd_zero(struct bd *builder, struct bd_line *line)
{
	each_page(builder, bd_arg(builder, line, "PFNS"), fill_byte, 0x100);
}

void bd_random(struct bd *builder, struct bd_line *line)
{
	each_page(builder, bd_arg(builder, line, "PFNS"), fill_random, 0);
}

void bd_fill(struct bd *builder, struct bd_line *line)
{
	const char *pfns = bd_arg(builder, line, "PFNS");

	each_page(builder, pfns, fill_byte, 0x100 | bd_num(builder, bd_arg(builder, line, "BYTE")));
}
