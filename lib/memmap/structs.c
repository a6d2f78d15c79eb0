/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "memmap/memmap.h"

#include <string.h>

int df_structs_init(struct df_structs *s, const struct df_memmap *map, struct df_walker *w, size_t reach,
		    struct df_err *err)
{
	size_t bytes = (size_t)DF_STRUCTS_GROUP * map->page_struct;
	struct df_env *env = w->xlat->image->env;

	*s = (struct df_structs){ .map = map, .walker = w, .reach = reach };
	s->gather = df_alloc(env, bytes);
	return s->gather ? 0 : df_err_nomem(err, env, "struct pages", bytes);
}

void df_structs_fini(struct df_structs *s)
{
	if (s->walker)
		df_free(s->walker->xlat->image->env, s->gather);
	*s = (struct df_structs){ 0 };
}

/* Look at as much as lies together from vaddr on; false = not even len bytes do. */
static bool look(struct df_structs *s, uint64_t vaddr, size_t len)
{
	uint64_t paddr, run;
	struct df_err err;

	s->span_len = 0;
	if (df_xlat_v2p(s->walker, vaddr, &paddr, &run, &err) < 0 || run < len)
		return false;
	if (run > s->reach)
		run = s->reach > len ? s->reach : len;
	s->span = s->walker->reader->image->ops->peek(s->walker->reader, paddr, (size_t)run, &err);
	if (!s->span && !err.code) { /* not that much together: then just what is asked for */
		run = len;
		s->span = s->walker->reader->image->ops->peek(s->walker->reader, paddr, len, &err);
	}
	if (!s->span)
		return false;
	s->span_at = vaddr;
	s->span_len = run;
	return true;
}

/* One by one, over page borders. */
static const uint8_t *gather(struct df_structs *s, uint64_t vaddr, unsigned count, uint64_t *have)
{
	size_t size = s->map->page_struct;
	struct df_err err;

	s->span_len = 0; /* reading may move the reader's window */
	*have = 0;
	for (unsigned i = 0; i < count; i++) {
		uint8_t *to = s->gather + i * size;

		if (df_xlat_read(s->walker, vaddr + i * size, to, size, &err) < 0)
			memset(to, 0xff, size);
		else
			*have |= UINT64_C(1) << i;
	}
	return s->gather;
}

static uint64_t vaddr_of(const struct df_structs *s, const struct df_memmap_range *r, uint64_t pfn)
{
	return r->vaddr + (pfn - r->first) * s->map->page_struct;
}

static bool in_span(const struct df_structs *s, uint64_t vaddr, size_t len)
{
	return vaddr >= s->span_at && vaddr - s->span_at <= s->span_len && s->span_len - (vaddr - s->span_at) >= len;
}

const uint8_t *df_structs_seen(const struct df_structs *s, const struct df_memmap_range *r, uint64_t pfn)
{
	uint64_t vaddr = vaddr_of(s, r, pfn);

	return in_span(s, vaddr, s->map->page_struct) ? s->span + (vaddr - s->span_at) : NULL;
}

const uint8_t *df_structs_get(struct df_structs *s, const struct df_memmap_range *r, uint64_t pfn, unsigned count,
			      uint64_t *have)
{
	uint64_t vaddr = vaddr_of(s, r, pfn);
	size_t len = (size_t)count * s->map->page_struct;

	if (!in_span(s, vaddr, len) && !look(s, vaddr, len))
		return gather(s, vaddr, count, have);
	*have = count == 64 ? ~UINT64_C(0) : (UINT64_C(1) << count) - 1;
	return s->span + (vaddr - s->span_at);
}
