/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * s390x: big-endian.  Up to 6.9 kernel addresses below high_memory are physical addresses.  From 6.10 on
 * (c98d2ecae08f "s390/mm: Uncouple physical vs virtual address spaces") identity mapping and kernel image have bases of
 * their own, which the note names.  vmalloc and vmemmap go through region, segment and page tables
 * (arch/s390/include/asm/pgtable.h), whose depth the type bits of the first entry tell.
 */
#include "arch/arch.h"

#include "base/bytes.h"

#include <inttypes.h>

#define TYPE         UINT64_C(0x0c) /* of region and segment entries */
#define INVALID      UINT64_C(0x20)
#define LARGE        UINT64_C(0x400)
#define PAGE_INVALID UINT64_C(0x400)
#define PAGE_ZERO    UINT64_C(0x800) /* must be 0 */
#define ADDRESS      UINT64_C(0xfffffffffffff000)

/* Region-first … segment: type 3 … 0. */
static struct df_paging_level table_level(unsigned type)
{
	unsigned shift = 20 + 11 * type;

	return (struct df_paging_level){
		.shift = (uint8_t)shift,
		.bits = 11,
		.present_mask = TYPE | INVALID,
		.present_value = type << 2,
		.leaf_mask = type <= 1 ? LARGE : 0, /* 2 GiB in a region-third entry, 1 MiB in a segment entry */
		.leaf_value = type <= 1 ? LARGE : 0,
		.table_mask = type ? ADDRESS : ~UINT64_C(0x7ff),
		.frame_mask = ~((UINT64_C(1) << shift) - 1),
	};
}

static void paging_form(struct df_paging *paging, unsigned top_type)
{
	unsigned count = 0;

	for (unsigned type = top_type + 1; type-- > 0;)
		paging->level[count++] = table_level(type);
	paging->level[count++] = (struct df_paging_level){
		.shift = 12,
		.bits = 8,
		.present_mask = PAGE_INVALID | PAGE_ZERO,
		.present_value = 0,
		.frame_mask = ADDRESS,
	};
	paging->nlevels = count;
	paging->big_endian = true;
}

static void linear(struct df_xlat *xlat, uint64_t first, uint64_t last, uint64_t delta)
{
	xlat->region[xlat->nregions++] = (struct df_region){ .first = first, .last = last, .delta = delta };
}

/* 6.10+: what is not listed is walked.  Order matters: lowcore and AMODE31 lie inside the identity mapping's range. */
static void regions_uncoupled(struct df_xlat *xlat, const struct df_kdesc *facts)
{
	uint64_t identity = df_fact(facts, DF_IDENTITYBASE, 0), kernel = facts->value[DF_KERNELOFFSET];
	uint64_t low31 = df_fact(facts, DF_SAMODE31, 0), high31 = df_fact(facts, DF_EAMODE31, 0);
	uint64_t vmemmap = df_fact(facts, DF_SYM_vmemmap, kernel);

	linear(xlat, 0, 0x1fff, 0);
	if (low31 < high31)
		linear(xlat, low31, high31 - 1, 0);
	if (identity < vmemmap)
		linear(xlat, identity, (vmemmap < kernel ? vmemmap : kernel) - 1, -identity);
	linear(xlat, kernel, UINT64_MAX, facts->value[DF_KERNELOFFPHYS] - kernel);
}

/* Up to 6.9.  high_memory is a variable in identity-mapped memory; where it cannot be read everything that the image
 * holds counts as identity-mapped, which it is: vmalloc lies above all memory. */
static void regions_identity(struct df_xlat *xlat, const struct df_kdesc *kernel, struct df_reader *reader)
{
	uint64_t at, top = xlat->image->end_paddr;
	struct df_err ignored;
	uint8_t raw[8];

	if (df_get_fact(kernel, DF_SYM_high_memory, &at) && !df_reader_read(reader, at, raw, sizeof raw, &ignored) &&
	    df_get64(raw, true))
		top = df_get64(raw, true);
	linear(xlat, 0, top - 1, 0);
}

static int setup(struct df_xlat *xlat, const struct df_kdesc *kernel, struct df_reader *reader, struct df_err *err)
{
	uint64_t root, run, paddr = 0;
	struct df_walker walker;
	uint8_t raw[8];
	int result;

	if (!df_get_fact(kernel, DF_SYM_swapper_pg_dir, &root))
		return df_err_set(err, DUMPFILTER_E_NOINFO,
				  "VMCOREINFO has no SYMBOL(swapper_pg_dir): the page tables cannot be found");
	if (df_has(kernel, DF_KERNELOFFPHYS) && df_has(kernel, DF_KERNELOFFSET) && kernel->value[DF_KERNELOFFSET])
		regions_uncoupled(xlat, kernel);
	else
		regions_identity(xlat, kernel, reader);
	/* the root lies in a linear region: no table is needed to find it */
	result = df_walker_init(&walker, xlat, reader, err);
	if (!result)
		result = df_xlat_v2p(&walker, root, &paddr, &run, err);
	df_walker_fini(&walker);
	if (!result)
		result = df_reader_read(reader, paddr, raw, sizeof raw, err);
	if (result < 0)
		return df_err_wrap(err, "swapper_pg_dir");
	xlat->root = paddr;
	paging_form(&xlat->paging, (unsigned)((df_get64(raw, true) & TYPE) >> 2));
	return 0;
}

static bool kernel_address(const struct df_xlat *xlat, uint64_t vaddr)
{
	(void)xlat;
	return vaddr != 0; /* the kernel's and the user's address space are two */
}

const struct df_arch df_arch_s390x = {
	.machine = 22,
	.bits = 64,
	.big_endian = true,
	.name = "s390x",
	.min_page_shift = 12,
	.max_page_shift = 12,
	.section_size_bits = 28,
	.max_physmem_bits = 46,
	.setup = setup,
	.pointer_mask = UINT64_C(0xffe0000000000000), /* three levels of regions reach 2^53 */
	.kernel_address = kernel_address,
};
