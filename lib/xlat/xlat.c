/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "xlat/xlat.h"

#include "base/bytes.h"

#include <inttypes.h>

int df_walker_init(struct df_walker *w, const struct df_xlat *x, struct df_reader *reader, struct df_err *err)
{
	struct df_env *env = x->image->env;
	size_t bytes = x->paging.nlevels * sizeof *w->cache;

	*w = (struct df_walker){ .xlat = x, .reader = reader };
	w->cache = df_alloc(env, bytes ? bytes : 1);
	return w->cache ? 0 : df_err_nomem(err, env, "page-table cache", bytes);
}

void df_walker_fini(struct df_walker *w)
{
	if (w->xlat)
		df_free(w->xlat->image->env, w->cache);
	*w = (struct df_walker){ 0 };
}

/* An entry of a table.  Blocks of tables are read whole and one is kept for each level, as neighbours are asked next.
 */
static int table_entry(struct df_walker *w, unsigned level, uint64_t paddr, uint64_t *entry, struct df_err *err)
{
	struct df_table_cache *c = &w->cache[level];
	uint64_t block = paddr & ~(uint64_t)(DF_TABLE_BLOCK - 1);

	if (!c->valid || c->at != block) {
		int r = df_reader_read(w->reader, block, c->bytes, sizeof c->bytes, err);

		c->valid = r >= 0;
		c->at = block;
		if (r < 0)
			return df_err_wrap(err, "page table of level %u", w->xlat->paging.nlevels - level);
	}
	*entry = df_get64(c->bytes + (paddr - block), w->xlat->paging.be);
	return 0;
}

/* Down from the root to a leaf, which is remembered: the addresses that follow are mostly in the same.  As many steps
 * as there are levels, so that tables of damaged memory cannot lead in a circle. */
static int walk(struct df_walker *w, uint64_t vaddr, struct df_err *err)
{
	const struct df_paging *p = &w->xlat->paging;
	uint64_t table = w->xlat->root;

	for (unsigned i = 0; i < p->nlevels; i++) {
		const struct df_paging_level *l = &p->level[i];
		uint64_t index = vaddr >> l->shift & ((UINT64_C(1) << l->bits) - 1), entry = 0;
		int r = table_entry(w, i, table + index * 8, &entry, err);

		if (r < 0) {
			w->table_lost = true;
			return r;
		}
		if ((entry & l->present_mask) != l->present_value)
			break;
		entry &= ~p->ignore;
		if (i + 1 == p->nlevels || (l->leaf_mask && (entry & l->leaf_mask) == l->leaf_value)) {
			w->leaf_len = UINT64_C(1) << l->shift;
			w->leaf_first = vaddr & ~(w->leaf_len - 1);
			w->leaf_phys = entry & l->frame_mask;
			return 0;
		}
		table = entry & l->table_mask;
	}
	return df_err_set(err, DUMPFILTER_E_NODATA, "kernel address %#" PRIx64 " is not mapped", vaddr);
}

static const struct df_region *region_of(const struct df_xlat *x, uint64_t vaddr)
{
	for (unsigned i = 0; i < x->nregions; i++)
		if (vaddr >= x->region[i].first && vaddr <= x->region[i].last)
			return &x->region[i];
	return NULL;
}

int df_xlat_v2p(struct df_walker *w, uint64_t vaddr, uint64_t *paddr, uint64_t *run, struct df_err *err)
{
	const struct df_region *g = region_of(w->xlat, vaddr);

	if (g && !g->walk) {
		*paddr = vaddr + g->delta;
		*run = g->last - vaddr < UINT64_MAX ? g->last - vaddr + 1 : UINT64_MAX;
		return 0;
	}
	if (vaddr - w->leaf_first >= w->leaf_len && walk(w, vaddr, err) < 0) {
		w->leaf_len = 0;
		return err->code;
	}
	*paddr = w->leaf_phys + (vaddr - w->leaf_first);
	*run = w->leaf_len - (vaddr - w->leaf_first);
	return 0;
}

int df_xlat_read(struct df_walker *w, uint64_t vaddr, void *buf, size_t len, struct df_err *err)
{
	uint8_t *out = buf;

	while (len) {
		uint64_t paddr = 0, run = 0;
		size_t n;
		int r = df_xlat_v2p(w, vaddr, &paddr, &run, err);

		if (r < 0)
			return r;
		n = run < len ? (size_t)run : len;
		r = df_reader_read(w->reader, paddr, out, n, err);
		if (r < 0)
			return df_err_wrap(err, "kernel address %#" PRIx64, vaddr);
		out += n;
		vaddr += n;
		len -= n;
	}
	return 0;
}

int df_xlat_get(struct df_walker *w, uint64_t vaddr, unsigned width, uint64_t *v, struct df_err *err)
{
	uint8_t raw[8];
	int r = df_xlat_read(w, vaddr, raw, width, err);

	if (!r)
		*v = df_get(raw, width, w->xlat->image->be);
	return r;
}
