/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * SPARSEMEM: memory in sections, each with a word that codes the address of its struct pages
 * (include/linux/mmzone.h).  EXTREME: a table of roots, each a page of sections; plain: one array of sections.
 */
#include "base/bytes.h"
#include "memmap/models.h"

#include <inttypes.h>

#define PRESENT     UINT64_C(1)
#define HAS_MEM_MAP UINT64_C(2)
/* Flags in section_mem_map: five of them up to 6.14, IS_VMEMMAP_PREINIT makes six (d65917c42373, v6.15).  The address
 * is aligned to far more in every kernel, so all six are cut everywhere. */
#define FLAGS UINT64_C(0x3f)

/* While the sections are looked through.  block: a piece of the table of sections, which may be much larger. */
struct sections {
	struct df_memmap *memmap;
	const struct df_arch *arch;
	const struct df_kdesc *kernel;
	struct df_walker *walker;
	unsigned section_bits, shift; /* bytes and frames of a section, as powers of two */
	uint64_t count;               /* sections to look at */
	uint64_t per_root;            /* sections in a root; 0 = plain */
	unsigned word;
	uint64_t size; /* of struct mem_section */
	uint64_t present, unreachable;
	uint8_t block[4096];
};

static int geometry(struct sections *sections, uint64_t end_pfn, struct df_err *err)
{
	const struct df_kdesc *kernel = sections->kernel;
	unsigned shift = sections->memmap->page_shift;
	uint64_t page = UINT64_C(1) << shift, length = df_fact(kernel, DF_LEN_mem_section, 0), per_root, bits, all;

	sections->word = sections->arch->bits / 8;
	sections->size = kernel->value[DF_SIZE_mem_section];
	sections->section_bits = (unsigned)df_fact(kernel, DF_NUM_SECTION_SIZE_BITS, sections->arch->section_size_bits);
	if (sections->section_bits <= shift)
		return df_err_set(err, DUMPFILTER_E_CORRUPT, "SECTION_SIZE_BITS %u with pages of 2^%u bytes",
				  sections->section_bits, shift);
	sections->shift = sections->section_bits - shift;
	per_root = page / sections->size;
	/* the table's length gives the number of sections where the note has no MAX_PHYSMEM_BITS (before 5.9) */
	if (!df_get_fact(kernel, DF_NUM_MAX_PHYSMEM_BITS, &bits)) {
		bits = sections->arch->max_physmem_bits;
		if (length * per_root >> (56 - sections->section_bits) == 0 && length)
			bits = sections->section_bits + (63 - (unsigned)__builtin_clzll(length * per_root));
	}
	if (bits <= sections->section_bits)
		return df_err_set(err, DUMPFILTER_E_CORRUPT, "MAX_PHYSMEM_BITS %" PRIu64 " with sections of 2^%u bytes",
				  bits, sections->section_bits);
	all = UINT64_C(1) << (bits - sections->section_bits);
	sections->per_root = length == all && per_root > 1 ? 0 : per_root;
	sections->count = (end_pfn + (UINT64_C(1) << sections->shift) - 1) >> sections->shift;
	if (sections->count > all) {
		/* memory where the kernel says none can be: one of the two is wrong, so it is kept */
		sections->unreachable = sections->count - all;
		sections->count = all;
	}
	return 0;
}

/* Where SYMBOL(vmemmap) is known it says where every section's structs must be. */
static bool plausible(const struct sections *sections, uint64_t first, uint64_t map)
{
	uint64_t vmemmap;

	if (!sections->arch->kernel_address(sections->walker->xlat, map))
		return false;
	return !df_get_fact(sections->kernel, DF_SYM_vmemmap, &vmemmap) ||
	       map == vmemmap + first * sections->memmap->page_struct;
}

static int add_section(struct sections *sections, uint64_t number, uint64_t coded, struct df_err *err)
{
	uint64_t first = number << sections->shift, map = (coded & ~FLAGS) + first * sections->memmap->page_struct;

	if (!(coded & PRESENT) || !(coded & HAS_MEM_MAP))
		return 0;
	if (!plausible(sections, first, map)) {
		sections->memmap->odd_sections++;
		return 0;
	}
	sections->present++;
	if (!df_memmap_add(sections->memmap, sections->walker->xlat->image->env, first,
			   first + (UINT64_C(1) << sections->shift), map))
		return df_err_nomem(err, sections->walker->xlat->image->env, "the memory map",
				    (sections->memmap->count + 1) * sizeof *sections->memmap->range);
	return 0;
}

/* Sections [nr, nr + count), at most a block of them, that lie at vaddr.  What cannot be read counts as odd: its frames
 * are kept. */
static int add_run(struct sections *sections, uint64_t number, uint64_t count, uint64_t vaddr, struct df_err *err)
{
	uint64_t off = sections->kernel->value[DF_OFF_mem_section_section_mem_map];
	int result = 0;

	if (df_xlat_read(sections->walker, vaddr, sections->block, count * sections->size, err) < 0) {
		sections->memmap->odd_sections += count;
		return 0;
	}
	for (uint64_t i = 0; !result && i < count; i++)
		result = add_section(sections, number + i,
				     df_get(sections->block + i * sections->size + off, sections->word,
					    sections->walker->xlat->image->big_endian),
				     err);
	return result;
}

/* Sections [*nr, return value) hold memory of the image; *nr moves on to the first such.  Only these are looked at:
 * the table may claim more than a loop could do. */
static uint64_t next_sections(const struct sections *sections, uint64_t *number)
{
	const struct df_image *image = sections->walker->xlat->image;
	uint64_t first, end;

	if (!df_image_next(image, df_image_bounded(image), sections->memmap->page_shift, *number << sections->shift,
			   &first, &end))
		return 0;
	*number = first >> sections->shift;
	return ((end - 1) >> sections->shift) + 1;
}

/* Address of section nr's struct; *left = how many follow one another from there.  0: it has none. */
static int section_at(struct sections *sections, uint64_t table, uint64_t number, uint64_t *vaddr, uint64_t *left,
		      struct df_err *err)
{
	uint64_t root;
	int result;

	*left = sections->count - number;
	*vaddr = table + number * sections->size;
	if (!sections->per_root)
		return 0;
	result = df_xlat_get(sections->walker, table + number / sections->per_root * sections->word, sections->word,
			     &root, err);
	if (result < 0)
		return df_err_wrap(err, "root %" PRIu64 " of mem_section", number / sections->per_root);
	if (*left > sections->per_root - number % sections->per_root)
		*left = sections->per_root - number % sections->per_root;
	*vaddr = root ? root + number % sections->per_root * sections->size : 0;
	return 0;
}

static int add_sections(struct sections *sections, uint64_t table, struct df_err *err)
{
	uint64_t per_block = sizeof sections->block / sections->size, end, vaddr, count;

	for (uint64_t number = 0; (end = next_sections(sections, &number)) && number < sections->count;
	     number += count) {
		int result = section_at(sections, table, number, &vaddr, &count, err);

		if (result < 0)
			return result;
		if (count > end - number)
			count = end - number;
		if (count > per_block)
			count = per_block;
		if (!vaddr)
			continue;
		if (sections->arch->kernel_address(sections->walker->xlat, vaddr))
			result = add_run(sections, number, count, vaddr, err);
		else
			sections->memmap->odd_sections += count;
		if (result < 0)
			return result;
	}
	return 0;
}

static uint64_t base_of(const struct df_memmap *memmap, const struct df_memmap_range *range)
{
	return range->vaddr - range->first * memmap->page_struct;
}

#define MOST_BASES 8u /* of so many ranges one has the common base, if there is one */

/* The address that more than half of all sections count their struct pages from, as all do where these are mapped as
 * one array (VMEMMAP); 0 = none. */
static uint64_t common_base(const struct df_memmap *memmap, uint64_t sections)
{
	for (size_t i = 0; i < memmap->count && i < MOST_BASES; i++) {
		uint64_t base = base_of(memmap, &memmap->range[i]), share = 0;

		for (size_t k = 0; k < memmap->count; k++)
			if (base_of(memmap, &memmap->range[k]) == base)
				share += (memmap->range[k].end - memmap->range[k].first) >> memmap->section_shift;
		if (2 * share > sections)
			return base;
	}
	return 0;
}

/* A section whose base is that of the others but for a bit or two speaks for other frames' struct pages: it is not
 * used.  (Where each section has an array of its own, bases have nothing to do with each other.) */
static void drop_strays(struct df_memmap *memmap, uint64_t sections)
{
	uint64_t base = sections > 2 ? common_base(memmap, sections) : 0;
	size_t kept = 0;

	for (size_t i = 0; base && i < memmap->count; i++) {
		struct df_memmap_range range = memmap->range[i];
		int bits = __builtin_popcountll(base_of(memmap, &range) ^ base);

		if (bits == 1 || bits == 2)
			memmap->odd_sections += (range.end - range.first) >> memmap->section_shift;
		else
			memmap->range[kept++] = range;
	}
	if (base)
		memmap->count = kept;
}

static int attempt(struct sections *sections, uint64_t table, struct df_err *err)
{
	int result;

	sections->memmap->count = 0;
	sections->memmap->end_pfn = 0;
	sections->memmap->odd_sections = sections->unreachable;
	sections->present = 0;
	result = add_sections(sections, table, err);
	if (!result)
		drop_strays(sections->memmap, sections->present);
	if (!result && !sections->present)
		result = df_err_set(err, DUMPFILTER_E_CORRUPT, "mem_section at %#" PRIx64 " lists no section", table);
	return result;
}

/* From 4.15 on mem_section is a pointer (83e3c48729d9).  A note has its value, but text made from a vmlinux has its
 * address: our own says so; where others do not, the value itself makes no sense then. */
static int look_through(struct sections *sections, uint64_t table, struct df_err *err)
{
	bool is_pointer = df_fact(sections->kernel, DF_NUM_mem_section_pointer, 0) != 0;
	uint64_t inner;
	struct df_err first;
	int result = DUMPFILTER_E_NODATA;

	if (!is_pointer)
		result = attempt(sections, table, err);
	if (!result || result == DUMPFILTER_E_NOMEM)
		return result;
	first = *err;
	result = df_xlat_get(sections->walker, table, sections->word, &inner, err);
	if (!result && sections->arch->kernel_address(sections->walker->xlat, inner))
		result = attempt(sections, inner, err);
	else if (!result)
		result = df_err_set(err, DUMPFILTER_E_CORRUPT,
				    "mem_section holds %#" PRIx64 ", which is no kernel address", inner);
	if (result < 0 && result != DUMPFILTER_E_NOMEM && !is_pointer)
		*err = first;
	return result;
}

int df_memmap_sparse(struct df_memmap *memmap, const struct df_arch *arch, const struct df_kdesc *kernel,
		     struct df_walker *walker, uint64_t end_pfn, struct df_err *err)
{
	struct sections *sections = df_alloc(walker->xlat->image->env, sizeof *sections);
	uint64_t table = kernel->value[DF_SYM_mem_section];
	int result;

	if (!sections)
		return df_err_nomem(err, walker->xlat->image->env, "the memory map", sizeof *sections);
	*sections = (struct sections){ .memmap = memmap, .arch = arch, .kernel = kernel, .walker = walker };
	memmap->model = "sparse";
	result = geometry(sections, end_pfn, err);
	if (!result) {
		memmap->section_shift = sections->shift;
		result = look_through(sections, table, err);
	}
	df_free(walker->xlat->image->env, sections);
	return result < 0 ? err->code : 0;
}
