/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "memmap/memmap.h"

#include "memmap/models.h"

#include <string.h>

void df_memmap_fini(struct df_memmap *m, struct df_env *env)
{
	df_free(env, m->v);
	memset(m, 0, sizeof *m);
}

bool df_memmap_add(struct df_memmap *m, struct df_env *env, uint64_t first, uint64_t end, uint64_t vaddr)
{
	struct df_memmap_range *prev = m->n ? &m->v[m->n - 1] : NULL;

	if (end > m->end_pfn)
		m->end_pfn = end;
	if (prev && prev->end == first && prev->vaddr + (first - prev->first) * m->page_struct == vaddr) {
		prev->end = end;
		return true;
	}
	if (!df_grow(env, (void **)&m->v, &m->cap, m->n + 1, sizeof *m->v))
		return false;
	m->v[m->n++] = (struct df_memmap_range){ first, end, vaddr };
	return true;
}

const struct df_memmap_range *df_memmap_at(const struct df_memmap *m, uint64_t pfn)
{
	size_t lo = 0, hi = m->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (m->v[mid].end <= pfn)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < m->n ? &m->v[lo] : NULL;
}

bool df_memmap_vaddr(const struct df_memmap *m, uint64_t pfn, uint64_t *vaddr)
{
	const struct df_memmap_range *r = df_memmap_at(m, pfn);

	if (!r || pfn < r->first)
		return false;
	*vaddr = r->vaddr + (pfn - r->first) * m->page_struct;
	return true;
}

static bool in_range(const struct df_memmap *m, const struct df_memmap_range *r, uint64_t vaddr, uint64_t *pfn)
{
	uint64_t off = vaddr - r->vaddr;

	if (vaddr < r->vaddr || off / m->page_struct >= r->end - r->first || off % m->page_struct)
		return false;
	*pfn = r->first + off / m->page_struct;
	return true;
}

bool df_memmap_pfn(const struct df_memmap *m, uint64_t vaddr, size_t *hint, uint64_t *pfn)
{
	if (*hint < m->n && in_range(m, &m->v[*hint], vaddr, pfn))
		return true;
	for (size_t i = 0; i < m->n; i++) {
		if (in_range(m, &m->v[i], vaddr, pfn)) {
			*hint = i;
			return true;
		}
	}
	return false;
}
