/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "memmap/memmap.h"

#include "memmap/models.h"

#include <string.h>

void df_memmap_fini(struct df_memmap *memmap, struct df_env *env)
{
	df_free(env, memmap->range);
	memset(memmap, 0, sizeof *memmap);
}

bool df_memmap_add(struct df_memmap *memmap, struct df_env *env, uint64_t first, uint64_t end, uint64_t vaddr)
{
	struct df_memmap_range *prev = memmap->count ? &memmap->range[memmap->count - 1] : NULL;

	if (end > memmap->end_pfn)
		memmap->end_pfn = end;
	if (prev && prev->end == first && prev->vaddr + (first - prev->first) * memmap->page_struct == vaddr) {
		prev->end = end;
		return true;
	}
	if (!df_grow(env, (void **)&memmap->range, &memmap->cap, memmap->count + 1, sizeof *memmap->range))
		return false;
	memmap->range[memmap->count++] = (struct df_memmap_range){ first, end, vaddr };
	return true;
}

const struct df_memmap_range *df_memmap_at(const struct df_memmap *memmap, uint64_t pfn)
{
	size_t low = 0, high = memmap->count;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (memmap->range[mid].end <= pfn)
			low = mid + 1;
		else
			high = mid;
	}
	return low < memmap->count ? &memmap->range[low] : NULL;
}

bool df_memmap_vaddr(const struct df_memmap *memmap, uint64_t pfn, uint64_t *vaddr)
{
	const struct df_memmap_range *range = df_memmap_at(memmap, pfn);

	if (!range || pfn < range->first)
		return false;
	*vaddr = range->vaddr + (pfn - range->first) * memmap->page_struct;
	return true;
}

static bool in_range(const struct df_memmap *memmap, const struct df_memmap_range *range, uint64_t vaddr, uint64_t *pfn)
{
	uint64_t off = vaddr - range->vaddr;

	if (vaddr < range->vaddr || off / memmap->page_struct >= range->end - range->first || off % memmap->page_struct)
		return false;
	*pfn = range->first + off / memmap->page_struct;
	return true;
}

bool df_memmap_pfn(const struct df_memmap *memmap, uint64_t vaddr, size_t *hint, uint64_t *pfn)
{
	if (*hint < memmap->count && in_range(memmap, &memmap->range[*hint], vaddr, pfn))
		return true;
	for (size_t i = 0; i < memmap->count; i++) {
		if (in_range(memmap, &memmap->range[i], vaddr, pfn)) {
			*hint = i;
			return true;
		}
	}
	return false;
}
