/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * x86_64: everything goes through the page tables; only their root is found by arithmetic, from the kernel image's
 * mapping at __START_KERNEL_map (arch/x86/include/asm/page_64_types.h).  Works for 4 and 5 levels, any KASLR offset,
 * and with memory encryption, whose C-bit is cut from each entry.
 */
#include "arch/x86_64.h"

#include "base/bytes.h"

#include <inttypes.h>

#define ENTRY_ADDRESS UINT64_C(0x000ffffffffff000) /* bits 12 to 51; above are protection keys and NX */
#define PRESENT       UINT64_C(1)
#define LARGE         UINT64_C(0x80)

static struct df_paging_level level(unsigned shift, bool can_be_leaf)
{
	return (struct df_paging_level){
		.shift = (uint8_t)shift,
		.bits = 9,
		.present_mask = PRESENT,
		.present_value = PRESENT,
		.leaf_mask = can_be_leaf ? LARGE : 0,
		.leaf_value = can_be_leaf ? LARGE : 0,
		.table_mask = ENTRY_ADDRESS,
		/* bit 12 of a large leaf is PAT, no address */
		.frame_mask = ENTRY_ADDRESS & ~((UINT64_C(1) << shift) - 1),
	};
}

static void paging_form(struct df_paging *paging, bool five_levels, uint64_t sme_mask)
{
	unsigned count = 0;

	if (five_levels)
		paging->level[count++] = level(48, false);
	paging->level[count++] = level(39, false);
	paging->level[count++] = level(30, true);
	paging->level[count++] = level(21, true);
	paging->level[count++] = level(12, false);
	paging->nlevels = count;
	paging->big_endian = false;
	paging->ignore = sme_mask;
}

/* Where the kernel image is loaded: PT_LOADs of a capture kernel map it at its virtual address. */
static bool phys_base_of_loads(const struct df_image *image, uint64_t *base)
{
	for (size_t i = 0; i < image->nloads; i++) {
		const struct df_load *load = &image->loads[i];

		if (load->vaddr >= START_KERNEL_MAP) {
			*base = load->paddr - (load->vaddr - START_KERNEL_MAP);
			return true;
		}
	}
	return false;
}

/* 0: the tables at x->root map the kernel's vaddr to where phys_base says it is; E_NODATA: they do not. */
static int tables_agree(struct df_xlat *xlat, uint64_t vaddr, struct df_reader *reader, struct df_err *err)
{
	uint64_t paddr, run;
	struct df_walker walker;
	int result = df_walker_init(&walker, xlat, reader, err);

	if (!result)
		result = df_xlat_v2p(&walker, vaddr, &paddr, &run, err);
	if (!result && paddr != vaddr - START_KERNEL_MAP + xlat->phys_base)
		result = DUMPFILTER_E_NODATA;
	df_walker_fini(&walker);
	return result;
}

/* The C-bit, where no note says it: the kernel has it in a variable (since 4.14).  Only a single bit that is an
 * entry's address is one. */
static uint64_t sme_mask(const struct df_xlat *xlat, const struct df_kdesc *kernel, struct df_reader *reader)
{
	uint64_t at, mask = 0;
	struct df_err ignored;
	uint8_t raw[8];

	if (df_has(kernel, DF_NUM_sme_mask) || !df_get_fact(kernel, DF_SYM_sme_me_mask, &at))
		return df_fact(kernel, DF_NUM_sme_mask, 0);
	if (!df_reader_read(reader, at - START_KERNEL_MAP + xlat->phys_base, raw, sizeof raw, &ignored))
		mask = df_get64(raw, false);
	return mask & (mask - 1) || mask & ~ENTRY_ADDRESS ? 0 : mask;
}

/* Do the tables agree with this phys_base?  Where no note says how many levels they have, both are tried: what a walk
 * takes for a table that is none does not map the image to its place. */
static int try_base(struct df_xlat *xlat, const struct df_kdesc *kernel, uint64_t phys_base, struct df_reader *reader,
		    struct df_err *err)
{
	uint64_t top = df_fact(kernel, DF_SYM_init_top_pgt, kernel->value[DF_SYM_swapper_pg_dir]);
	uint64_t image = df_fact(kernel, DF_SYM_init_uts_ns, kernel->value[DF_SYM_stext]), five, last;
	int result = DUMPFILTER_E_NODATA;

	if (!df_get_fact(kernel, DF_NUM_pgtable_l5_enabled, &five))
		five = 0;
	last = df_has(kernel, DF_NUM_pgtable_l5_enabled) ? five : 1;
	xlat->phys_base = phys_base;
	for (; result && result != DUMPFILTER_E_NOMEM && five <= last; five++) {
		paging_form(&xlat->paging, five != 0, sme_mask(xlat, kernel, reader));
		xlat->root = (top - START_KERNEL_MAP + xlat->phys_base) & ENTRY_ADDRESS & ~xlat->paging.ignore;
		result = tables_agree(xlat, image, reader, err);
	}
	return result;
}

static int setup(struct df_xlat *xlat, const struct df_kdesc *kernel, struct df_reader *reader, struct df_err *err)
{
	uint64_t candidates[4];
	unsigned count = 0;
	int result;

	if (!df_has(kernel, DF_SYM_init_top_pgt) && !df_has(kernel, DF_SYM_swapper_pg_dir))
		return df_err_set(err, DUMPFILTER_E_NOINFO,
				  "VMCOREINFO has neither SYMBOL(init_top_pgt) nor "
				  "SYMBOL(swapper_pg_dir): the page tables cannot be found");
	if (!df_has(kernel, DF_SYM_init_uts_ns) && !df_has(kernel, DF_SYM_stext))
		return df_err_set(err, DUMPFILTER_E_NOINFO,
				  "VMCOREINFO has neither SYMBOL(init_uts_ns) nor SYMBOL(_stext): "
				  "the page tables cannot be checked");
	/* Before 4.9 (401721ecd1dc) the note has no value; kernels without KASLR mostly run where they were linked. */
	if (df_has(kernel, DF_NUM_phys_base))
		candidates[count++] = kernel->value[DF_NUM_phys_base];
	if (phys_base_of_loads(xlat->image, &candidates[count]))
		count++;
	if (xlat->image->past.has_phys_base)
		candidates[count++] = xlat->image->past.phys_base; /* QEMU's may be wrong, as any may */
	candidates[count++] = 0;
	for (unsigned i = 0; i < count; i++) {
		result = try_base(xlat, kernel, candidates[i], reader, err);
		if (!result || result == DUMPFILTER_E_NOMEM)
			return result;
	}
	try_base(xlat, kernel, candidates[0], reader, err);
	return df_err_set(err, DUMPFILTER_E_CORRUPT,
			  "the page tables at physical address %#" PRIx64
			  " do not map the kernel image: damaged memory, "
			  "or VMCOREINFO of another kernel",
			  xlat->root);
}

static bool kernel_address(const struct df_xlat *xlat, uint64_t vaddr)
{
	/* canonical upper half: KASLR moves all regions, and 5 levels widen it */
	return vaddr >= (xlat->paging.nlevels == 5 ? UINT64_C(0xff00000000000000) : UINT64_C(0xffff800000000000));
}

const struct df_arch df_arch_x86_64 = {
	.machine = 62,
	.bits = 64,
	.big_endian = false,
	.name = "x86_64",
	.min_page_shift = 12,
	.max_page_shift = 12,
	.section_size_bits = 27,
	.max_physmem_bits = 46,
	.setup = setup,
	.find = df_x86_64_find,
	.pointer_mask = UINT64_C(0xff00000000000000), /* with 5 levels; 4 leave fewer */
	.pointer_value = UINT64_C(0xff00000000000000),
	.kernel_address = kernel_address,
};
