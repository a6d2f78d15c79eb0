/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "xlat/xlat.h"

#include "base/bytes.h"

#include <inttypes.h>

int df_walker_init(struct df_walker *walker, const struct df_xlat *xlat, struct df_reader *reader, struct df_err *err)
{
	struct df_env *env = xlat->image->env;
	size_t bytes = xlat->paging.nlevels * sizeof *walker->cache;

	*walker = (struct df_walker){ .xlat = xlat, .reader = reader };
	walker->cache = df_alloc(env, bytes ? bytes : 1);
	return walker->cache ? 0 : df_err_nomem(err, env, "page-table cache", bytes);
}

void df_walker_fini(struct df_walker *walker)
{
	if (walker->xlat)
		df_free(walker->xlat->image->env, walker->cache);
	*walker = (struct df_walker){ 0 };
}

/* An entry of a table.  Blocks of tables are read whole and one is kept for each level, as neighbours are asked next.
 */
static int table_entry(struct df_walker *walker, unsigned level, uint64_t paddr, uint64_t *entry, struct df_err *err)
{
	struct df_table_cache *table_cache = &walker->cache[level];
	uint64_t block = paddr & ~(uint64_t)(DF_TABLE_BLOCK - 1);

	if (!table_cache->valid || table_cache->at != block) {
		int result = df_reader_read(walker->reader, block, table_cache->bytes, sizeof table_cache->bytes, err);

		table_cache->valid = result >= 0;
		table_cache->at = block;
		if (result < 0)
			return df_err_wrap(err, "page table of level %u", walker->xlat->paging.nlevels - level);
	}
	*entry = df_get64(table_cache->bytes + (paddr - block), walker->xlat->paging.big_endian);
	return 0;
}

/* Down from the root to a leaf, which is remembered: the addresses that follow are mostly in the same.  As many steps
 * as there are levels, so that tables of damaged memory cannot lead in a circle. */
static int walk(struct df_walker *walker, uint64_t vaddr, struct df_err *err)
{
	const struct df_paging *paging = &walker->xlat->paging;
	uint64_t table = walker->xlat->root;

	for (unsigned i = 0; i < paging->nlevels; i++) {
		const struct df_paging_level *level = &paging->level[i];
		uint64_t index = vaddr >> level->shift & ((UINT64_C(1) << level->bits) - 1), entry = 0;
		int result = table_entry(walker, i, table + index * 8, &entry, err);

		if (result < 0) {
			walker->table_lost = true;
			return result;
		}
		if ((entry & level->present_mask) != level->present_value)
			break;
		entry &= ~paging->ignore;
		if (i + 1 == paging->nlevels || (level->leaf_mask && (entry & level->leaf_mask) == level->leaf_value)) {
			walker->leaf_len = UINT64_C(1) << level->shift;
			walker->leaf_first = vaddr & ~(walker->leaf_len - 1);
			walker->leaf_phys = entry & level->frame_mask;
			return 0;
		}
		table = entry & level->table_mask;
	}
	return df_err_set(err, DUMPFILTER_E_NODATA, "kernel address %#" PRIx64 " is not mapped", vaddr);
}

static const struct df_region *region_of(const struct df_xlat *xlat, uint64_t vaddr)
{
	for (unsigned i = 0; i < xlat->nregions; i++)
		if (vaddr >= xlat->region[i].first && vaddr <= xlat->region[i].last)
			return &xlat->region[i];
	return NULL;
}

int df_xlat_v2p(struct df_walker *walker, uint64_t vaddr, uint64_t *paddr, uint64_t *run, struct df_err *err)
{
	const struct df_region *region = region_of(walker->xlat, vaddr);

	if (region && !region->walk) {
		*paddr = vaddr + region->delta;
		*run = region->last - vaddr < UINT64_MAX ? region->last - vaddr + 1 : UINT64_MAX;
		return 0;
	}
	if (vaddr - walker->leaf_first >= walker->leaf_len && walk(walker, vaddr, err) < 0) {
		walker->leaf_len = 0;
		return err->code;
	}
	*paddr = walker->leaf_phys + (vaddr - walker->leaf_first);
	*run = walker->leaf_len - (vaddr - walker->leaf_first);
	return 0;
}

int df_xlat_read(struct df_walker *walker, uint64_t vaddr, void *buffer, size_t length, struct df_err *err)
{
	uint8_t *out = buffer;

	while (length) {
		uint64_t paddr = 0, run = 0;
		size_t count;
		int result = df_xlat_v2p(walker, vaddr, &paddr, &run, err);

		if (result < 0)
			return result;
		count = run < length ? (size_t)run : length;
		result = df_reader_read(walker->reader, paddr, out, count, err);
		if (result < 0)
			return df_err_wrap(err, "kernel address %#" PRIx64, vaddr);
		out += count;
		vaddr += count;
		length -= count;
	}
	return 0;
}

int df_xlat_get(struct df_walker *walker, uint64_t vaddr, unsigned width, uint64_t *value, struct df_err *err)
{
	uint8_t raw[8];
	int result = df_xlat_read(walker, vaddr, raw, width, err);

	if (!result)
		*value = df_get(raw, width, walker->xlat->image->big_endian);
	return result;
}
