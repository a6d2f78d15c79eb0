/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "memmap/models.h"

int df_memmap_find(struct df_memmap *memmap, const struct df_arch *arch, const struct df_kdesc *kernel,
		   struct df_walker *walker, unsigned page_shift, uint64_t end_pfn, struct df_err *err)
{
	uint64_t size;

	*memmap = (struct df_memmap){ .page_shift = page_shift, .section_shift = 64 };
	if (!df_get_fact(kernel, DF_SIZE_page, &size) || !df_has(kernel, DF_OFF_page_flags) ||
	    !df_has(kernel, DF_OFF_page_mapping))
		return df_err_set(err, DUMPFILTER_E_NOINFO,
				  "VMCOREINFO lacks a usable SIZE(page), OFFSET(page.flags) or OFFSET(page.mapping)");
	memmap->page_struct = (uint32_t)size;
	if (df_has(kernel, DF_SYM_mem_section) && df_has(kernel, DF_SIZE_mem_section) &&
	    df_has(kernel, DF_OFF_mem_section_section_mem_map))
		return df_memmap_sparse(memmap, arch, kernel, walker, end_pfn, err);
	if (df_has(kernel, DF_SYM_mem_map))
		return df_memmap_flat(memmap, arch, kernel, walker, end_pfn, err);
	return df_err_set(err, DUMPFILTER_E_NOINFO,
			  "VMCOREINFO names neither mem_section (with SIZE and OFFSET) nor mem_map: the memory model "
			  "is not known");
}
