/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* FLATMEM: one array, mem_map, from frame 0 on. */
#include "memmap/models.h"

#include <inttypes.h>

int df_memmap_flat(struct df_memmap *memmap, const struct df_arch *arch, const struct df_kdesc *kernel,
		   struct df_walker *walker, uint64_t end_pfn, struct df_err *err)
{
	uint64_t map;
	int result = df_xlat_get(walker, kernel->value[DF_SYM_mem_map], arch->bits / 8, &map, err);

	if (result < 0)
		return df_err_wrap(err, "mem_map");
	if (!arch->kernel_address(walker->xlat, map))
		return df_err_set(err, DUMPFILTER_E_CORRUPT, "mem_map holds %#" PRIx64 ", which is no kernel address",
				  map);
	memmap->model = "flat";
	if (!df_memmap_add(memmap, walker->xlat->image->env, 0, end_pfn, map))
		return df_err_nomem(err, walker->xlat->image->env, "the memory map", sizeof *memmap->range);
	return 0;
}
