/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The memory models: how a kernel's configuration lays out its struct pages. */
#ifndef DF_MEMMAP_MODELS_H
#define DF_MEMMAP_MODELS_H

#include "memmap/memmap.h"

/* Append frames [first, end), in ascending order; joined with the range before where the structs go on. */
bool df_memmap_add(struct df_memmap *memmap, struct df_env *env, uint64_t first, uint64_t end, uint64_t vaddr);

int df_memmap_sparse(struct df_memmap *memmap, const struct df_arch *arch, const struct df_kdesc *kernel,
		     struct df_walker *walker, uint64_t end_pfn, struct df_err *err);
int df_memmap_flat(struct df_memmap *memmap, const struct df_arch *arch, const struct df_kdesc *kernel,
		   struct df_walker *walker, uint64_t end_pfn, struct df_err *err);

#endif
