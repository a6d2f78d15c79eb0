/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "memmap/memmap.h"

#include <string.h>

int df_structs_init(struct df_structs *structs, const struct df_memmap *memmap, struct df_walker *walker, size_t reach,
		    struct df_err *err)
{
	size_t bytes = (size_t)DF_STRUCTS_GROUP * memmap->page_struct;
	struct df_env *env = walker->xlat->image->env;

	*structs = (struct df_structs){ .memmap = memmap, .walker = walker, .reach = reach };
	structs->gather = df_alloc(env, bytes);
	return structs->gather ? 0 : df_err_nomem(err, env, "struct pages", bytes);
}

void df_structs_fini(struct df_structs *structs)
{
	if (structs->walker)
		df_free(structs->walker->xlat->image->env, structs->gather);
	*structs = (struct df_structs){ 0 };
}

/* Look at as much as lies together from vaddr on; false = not even length bytes do. */
static bool look(struct df_structs *structs, uint64_t vaddr, size_t length)
{
	uint64_t paddr, run;
	struct df_err err;

	structs->span_len = 0;
	if (df_xlat_v2p(structs->walker, vaddr, &paddr, &run, &err) < 0 || run < length)
		return false;
	if (run > structs->reach)
		run = structs->reach > length ? structs->reach : length;
	structs->span = structs->walker->reader->image->image_ops->peek(structs->walker->reader, paddr, (size_t)run,
									&err);
	if (!structs->span && !err.code) { /* not that much together: then just what is asked for */
		run = length;
		structs->span = structs->walker->reader->image->image_ops->peek(structs->walker->reader, paddr, length,
										&err);
	}
	if (!structs->span)
		return false;
	structs->span_at = vaddr;
	structs->span_len = run;
	return true;
}

/* One by one, over page borders. */
static const uint8_t *gather(struct df_structs *structs, uint64_t vaddr, unsigned count, uint64_t *have)
{
	size_t size = structs->memmap->page_struct;
	struct df_err err;

	structs->span_len = 0; /* reading may move the reader's window */
	*have = 0;
	for (unsigned i = 0; i < count; i++) {
		uint8_t *to = structs->gather + i * size;

		if (df_xlat_read(structs->walker, vaddr + i * size, to, size, &err) < 0)
			memset(to, 0xff, size);
		else
			*have |= UINT64_C(1) << i;
	}
	return structs->gather;
}

static uint64_t vaddr_of(const struct df_structs *structs, const struct df_memmap_range *range, uint64_t pfn)
{
	return range->vaddr + (pfn - range->first) * structs->memmap->page_struct;
}

static bool in_span(const struct df_structs *structs, uint64_t vaddr, size_t length)
{
	return vaddr >= structs->span_at && vaddr - structs->span_at <= structs->span_len &&
	       structs->span_len - (vaddr - structs->span_at) >= length;
}

const uint8_t *df_structs_seen(const struct df_structs *structs, const struct df_memmap_range *range, uint64_t pfn)
{
	uint64_t vaddr = vaddr_of(structs, range, pfn);

	return in_span(structs, vaddr, structs->memmap->page_struct) ? structs->span + (vaddr - structs->span_at)
								     : NULL;
}

const uint8_t *df_structs_get(struct df_structs *structs, const struct df_memmap_range *range, uint64_t pfn,
			      unsigned count, uint64_t *have)
{
	uint64_t vaddr = vaddr_of(structs, range, pfn);
	size_t length = (size_t)count * structs->memmap->page_struct;

	if (!in_span(structs, vaddr, length) && !look(structs, vaddr, length))
		return gather(structs, vaddr, count, have);
	*have = count == 64 ? ~UINT64_C(0) : (UINT64_C(1) << count) - 1;
	return structs->span + (vaddr - structs->span_at);
}
