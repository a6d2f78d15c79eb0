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

static void paging_form(struct df_paging *p, unsigned top_type)
{
	unsigned n = 0;

	for (unsigned t = top_type + 1; t-- > 0;)
		p->level[n++] = table_level(t);
	p->level[n++] = (struct df_paging_level){
		.shift = 12,
		.bits = 8,
		.present_mask = PAGE_INVALID | PAGE_ZERO,
		.present_value = 0,
		.frame_mask = ADDRESS,
	};
	p->nlevels = n;
	p->be = true;
}

static void linear(struct df_xlat *x, uint64_t first, uint64_t last, uint64_t delta)
{
	x->region[x->nregions++] = (struct df_region){ .first = first, .last = last, .delta = delta };
}

/* 6.10+: what is not listed is walked.  Order matters: lowcore and AMODE31 lie inside the identity mapping's range. */
static void regions_uncoupled(struct df_xlat *x, const struct df_kdesc *k)
{
	uint64_t identity = df_fact(k, DF_IDENTITYBASE, 0), kernel = k->value[DF_KERNELOFFSET];
	uint64_t low31 = df_fact(k, DF_SAMODE31, 0), high31 = df_fact(k, DF_EAMODE31, 0);
	uint64_t vmemmap = df_fact(k, DF_SYM_vmemmap, kernel);

	linear(x, 0, 0x1fff, 0);
	if (low31 < high31)
		linear(x, low31, high31 - 1, 0);
	if (identity < vmemmap)
		linear(x, identity, (vmemmap < kernel ? vmemmap : kernel) - 1, -identity);
	linear(x, kernel, UINT64_MAX, k->value[DF_KERNELOFFPHYS] - kernel);
}

/* Up to 6.9.  high_memory is a variable in identity-mapped memory; where it cannot be read everything that the image
 * holds counts as identity-mapped, which it is: vmalloc lies above all memory. */
static void regions_identity(struct df_xlat *x, const struct df_kdesc *k, struct df_reader *reader)
{
	uint64_t at, top = x->image->end_paddr;
	struct df_err ignored;
	uint8_t raw[8];

	if (df_get_fact(k, DF_SYM_high_memory, &at) && !df_reader_read(reader, at, raw, sizeof raw, &ignored) &&
	    df_get64(raw, true))
		top = df_get64(raw, true);
	linear(x, 0, top - 1, 0);
}

static int setup(struct df_xlat *x, const struct df_kdesc *k, struct df_reader *reader, struct df_err *err)
{
	uint64_t root, run, paddr = 0;
	struct df_walker w;
	uint8_t raw[8];
	int r;

	if (!df_get_fact(k, DF_SYM_swapper_pg_dir, &root))
		return df_err_set(err, DUMPFILTER_E_NOINFO,
				  "VMCOREINFO has no SYMBOL(swapper_pg_dir): the page tables cannot be found");
	if (df_has(k, DF_KERNELOFFPHYS) && df_has(k, DF_KERNELOFFSET) && k->value[DF_KERNELOFFSET])
		regions_uncoupled(x, k);
	else
		regions_identity(x, k, reader);
	/* the root lies in a linear region: no table is needed to find it */
	r = df_walker_init(&w, x, reader, err);
	if (!r)
		r = df_xlat_v2p(&w, root, &paddr, &run, err);
	df_walker_fini(&w);
	if (!r)
		r = df_reader_read(reader, paddr, raw, sizeof raw, err);
	if (r < 0)
		return df_err_wrap(err, "swapper_pg_dir");
	x->root = paddr;
	paging_form(&x->paging, (unsigned)((df_get64(raw, true) & TYPE) >> 2));
	return 0;
}

static bool kernel_address(const struct df_xlat *x, uint64_t vaddr)
{
	(void)x;
	return vaddr != 0; /* the kernel's and the user's address space are two */
}

const struct df_arch df_arch_s390x = {
	.machine = 22,
	.bits = 64,
	.be = true,
	.name = "s390x",
	.min_page_shift = 12,
	.max_page_shift = 12,
	.section_size_bits = 28,
	.max_physmem_bits = 46,
	.setup = setup,
	.pointer_mask = UINT64_C(0xffe0000000000000), /* three levels of regions reach 2^53 */
	.kernel_address = kernel_address,
};
