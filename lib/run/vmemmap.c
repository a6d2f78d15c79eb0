/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "run/vmemmap.h"

#include "base/bits.h"

/* Chunks that the memory map describes and the image has nothing of.  A section with stored memory may have some (the
 * largest sections of real kernels have 8 chunks); a note that claims gigantic ones must not make us look at them all.
 */
#define BLANK_CHUNKS (UINT64_C(1) << 16)

#define NEVER UINT32_MAX /* df_vmemmap_run.at of pages that hold something else, too */

static bool add_run(struct df_vmemmap_part *part, struct df_env *env, struct df_vmemmap_run vmemmap_run, uint64_t page)
{
	struct df_vmemmap_run *last = part->count ? &part->vmemmap_run[part->count - 1] : NULL;

	if (last && last->frame + last->pages == vmemmap_run.frame &&
	    (vmemmap_run.at == NEVER ? last->at == NEVER : last->at + last->pages * page == vmemmap_run.at)) {
		last->pages += vmemmap_run.pages;
		return true;
	}
	if (!df_grow(env, (void **)&part->vmemmap_run, &part->cap, part->count + 1, sizeof vmemmap_run))
		return false;
	part->vmemmap_run[part->count++] = vmemmap_run;
	return true;
}

/* Struct pages [from, to) of one range of the map; chunk_at: where the one of the chunk's first frame would be. */
static int translate_range(const struct df_vmemmap *vmemmap, struct df_walker *walker, uint64_t from, uint64_t to,
			   uint64_t chunk_at, struct df_vmemmap_part *part, struct df_err *err)
{
	unsigned shift = vmemmap->dump->page_shift;
	uint64_t page = UINT64_C(1) << shift, first = (from + page - 1) & -page, end = to & -page; /* whole pages */
	struct df_err ignored;

	for (uint64_t at = from & -page, length; at < to; at += length) {
		struct df_vmemmap_run vmemmap_run = { .at = NEVER };
		uint64_t paddr, together;

		length = page - at % page;
		if (df_xlat_v2p(walker, at, &paddr, &together, &ignored) < 0)
			continue;
		vmemmap_run.frame = paddr >> shift;
		if (at >= first && at < end && length == page && paddr % page == 0 && together >= page) {
			length = (together < end - at ? together : end - at) & -page;
			vmemmap_run.at = (uint32_t)(at - chunk_at);
		} else if (together < length) {
			length = together;
		}
		if (paddr + length < paddr)
			continue;
		vmemmap_run.pages = (uint32_t)(((paddr + length - 1) >> shift) - vmemmap_run.frame + 1);
		if (!add_run(part, vmemmap->dump->env, vmemmap_run, page))
			return df_err_nomem(err, vmemmap->dump->env, "pages of struct pages",
					    (part->count + 1) * sizeof vmemmap_run);
	}
	return 0;
}

int df_vmemmap_translate(const struct df_vmemmap *vmemmap, struct df_walker *walker, uint64_t chunk,
			 struct df_vmemmap_part *part, struct df_err *err)
{
	const struct df_memmap *memmap = &vmemmap->dump->memmap;
	uint64_t base = chunk << DF_CHUNK_SHIFT, end = base + DF_CHUNK_PAGES, size = memmap->page_struct;
	const struct df_memmap_range *range = df_memmap_at(memmap, base);
	int result = 0;

	part->count = 0;
	walker->table_lost = false;
	for (; !result && range && range < memmap->range + memmap->count && range->first < end; range++) {
		uint64_t first = range->first > base ? range->first : base, last = range->end < end ? range->end : end;
		uint64_t from = range->vaddr + (first - range->first) * size;

		result = translate_range(vmemmap, walker, from, from + (last - first) * size,
					 from - (first - base) * size, part, err);
	}
	part->blind = walker->table_lost;
	return result;
}

static bool all_set(const uint64_t *words, uint64_t from, uint64_t to)
{
	for (uint64_t stop; from < to; from = stop) {
		uint64_t mask;

		stop = (from | 63) + 1 < to ? (from | 63) + 1 : to;
		mask = df_bit_mask(from % 64, (unsigned)(stop - from / 64 * 64));
		if ((words[from / 64] & mask) != mask)
			return false;
	}
	return true;
}

/* May page i of a run go, as far as this place of the map is concerned? */
static bool may_go(const struct df_vmemmap *vmemmap, const struct df_vmemmap_run *vmemmap_run, uint32_t i,
		   const uint64_t *out)
{
	uint64_t page = UINT64_C(1) << vmemmap->dump->page_shift, size = vmemmap->dump->memmap.page_struct,
		 at = vmemmap_run->at + i * page;

	return vmemmap_run->at != NEVER && all_set(out, at / size, (at + page + size - 1) / size);
}

int df_vmemmap_judge(struct df_vmemmap *vmemmap, const struct df_vmemmap_part *part, const uint64_t out[DF_CHUNK_WORDS],
		     struct df_err *err)
{
	if (part->blind)
		vmemmap->why_not = "a page table of the memory map cannot be read";
	for (size_t index = 0; index < part->count; index++) {
		const struct df_vmemmap_run *vmemmap_run = &part->vmemmap_run[index];

		for (uint32_t i = 0, stop; i < vmemmap_run->pages; i = stop) {
			bool go = may_go(vmemmap, vmemmap_run, i, out);
			int result;

			for (stop = i + 1; stop < vmemmap_run->pages && may_go(vmemmap, vmemmap_run, stop, out) == go;)
				stop++;
			result = df_pageset_set_range(go ? &vmemmap->candidate : &vmemmap->veto, vmemmap_run->frame + i,
						      vmemmap_run->frame + stop, err);
			if (result < 0)
				return result;
		}
	}
	return 0;
}

/* The pass looks at a chunk only where the image has a frame of it below max_pfn. */
static bool is_blank(const struct df_dump *dump, uint64_t chunk)
{
	uint64_t base = chunk << DF_CHUNK_SHIFT, end = base + DF_CHUNK_PAGES, first;

	if (end > dump->plan.max_pfn)
		end = dump->plan.max_pfn;
	return base >= end ||
	       !df_image_next(&dump->image, df_image_bounded(&dump->image), dump->page_shift, base, &first, NULL) ||
	       first >= end;
}

static int judge_blanks(struct df_vmemmap *vmemmap, struct df_walker *walker, struct df_vmemmap_part *part,
			struct df_err *err)
{
	static const uint64_t none[DF_CHUNK_WORDS];
	uint64_t chunk = 0, blanks = 0;
	int result = 0;

	for (size_t i = 0; i < vmemmap->dump->memmap.count; i++) {
		const struct df_memmap_range *range = &vmemmap->dump->memmap.range[i];

		if (chunk < range->first >> DF_CHUNK_SHIFT)
			chunk = range->first >> DF_CHUNK_SHIFT;
		for (; chunk <= (range->end - 1) >> DF_CHUNK_SHIFT; chunk++) {
			if (!is_blank(vmemmap->dump, chunk))
				continue;
			if (df_cancelled(vmemmap->dump->env))
				return df_err_set(err, DUMPFILTER_E_CANCELLED, "cancelled");
			if (++blanks > BLANK_CHUNKS) {
				vmemmap->why_not = "the memory map speaks of far more memory than the image holds";
				return 0;
			}
			result = df_vmemmap_translate(vmemmap, walker, chunk, part, err);
			if (!result)
				result = df_vmemmap_judge(vmemmap, part, none, err);
			if (result < 0)
				return result;
		}
	}
	return 0;
}

/* Is the map what it must be for addresses in it to be computed, and known as a whole? */
static const char *judge_map(const struct df_dump *dump)
{
	uint64_t page = UINT64_C(1) << dump->page_shift;

	if (!dump->can_classify)
		return "pages cannot be told apart";
	if (dump->memmap.section_shift == 64)
		return "the struct pages are one array, of which only the beginning is known (FLATMEM)";
	if (dump->memmap.odd_sections)
		return "memory sections are not where they must be";
	for (size_t i = 0; i < dump->memmap.count; i++) {
		const struct df_memmap_range *range = &dump->memmap.range[i];

		if (range->vaddr > UINT64_MAX - page ||
		    range->end - range->first > (UINT64_MAX - page - range->vaddr) / dump->memmap.page_struct)
			return "memory sections are not where they must be";
	}
	return NULL;
}

int df_vmemmap_begin(struct df_vmemmap *vmemmap, const struct df_dump *dump, struct df_walker *walker,
		     struct df_err *err)
{
	struct df_vmemmap_part part = { 0 };
	int result;

	*vmemmap = (struct df_vmemmap){ .dump = dump, .why_not = judge_map(dump) };
	if (vmemmap->why_not)
		return 0;
	result = df_pageset_init(&vmemmap->candidate, dump->env, dump->plan.max_pfn, err);
	if (!result)
		result = df_pageset_init(&vmemmap->veto, dump->env, dump->plan.max_pfn, err);
	if (!result)
		result = judge_blanks(vmemmap, walker, &part, err);
	df_vmemmap_part_fini(&part, dump->env);
	return result;
}

int df_vmemmap_finish(struct df_vmemmap *vmemmap, const struct df_pageset *keep, struct df_pageset *result,
		      struct df_err *err)
{
	uint64_t go[DF_CHUNK_WORDS], veto[DF_CHUNK_WORDS], kept[DF_CHUNK_WORDS];
	int finished = df_pageset_init(result, vmemmap->dump->env, keep->npages, err);
	uint64_t first, end;

	for (uint64_t at = 0;
	     !finished && !vmemmap->why_not && df_pageset_next_run(&vmemmap->candidate, at, &first, &end);) {
		uint64_t chunk = first >> DF_CHUNK_SHIFT;

		df_pageset_load(&vmemmap->candidate, chunk, go);
		df_pageset_load(&vmemmap->veto, chunk, veto);
		df_pageset_load(keep, chunk, kept);
		for (unsigned i = 0; i < DF_CHUNK_WORDS; i++)
			go[i] &= ~veto[i] & kept[i];
		finished = df_pageset_store(result, chunk, go, err);
		at = (chunk + 1) << DF_CHUNK_SHIFT;
	}
	return finished;
}

int df_vmemmap_subtract(struct df_pageset *keep, const struct df_pageset *vmemmap, uint64_t *end, struct df_err *err)
{
	uint64_t out[DF_CHUNK_WORDS], kept[DF_CHUNK_WORDS], first, last;
	int result = 0;

	for (uint64_t at = 0; !result && df_pageset_next_run(vmemmap, at, &first, &last);) {
		uint64_t chunk = first >> DF_CHUNK_SHIFT;

		df_pageset_load(vmemmap, chunk, out);
		df_pageset_load(keep, chunk, kept);
		for (unsigned i = 0; i < DF_CHUNK_WORDS; i++)
			kept[i] &= ~out[i];
		result = df_pageset_store(keep, chunk, kept, err);
		*end = chunk + 1;
		at = *end << DF_CHUNK_SHIFT;
	}
	if (!result)
		result = df_pageset_failed(keep, err);
	*end = UINT64_MAX;
	return result;
}

void df_vmemmap_part_fini(struct df_vmemmap_part *part, struct df_env *env)
{
	df_free(env, part->vmemmap_run);
	*part = (struct df_vmemmap_part){ 0 };
}

void df_vmemmap_fini(struct df_vmemmap *vmemmap)
{
	df_pageset_fini(&vmemmap->candidate);
	df_pageset_fini(&vmemmap->veto);
	*vmemmap = (struct df_vmemmap){ 0 };
}
