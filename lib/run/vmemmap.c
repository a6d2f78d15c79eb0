/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "run/vmemmap.h"

#include "base/bits.h"

/* Chunks that the memory map describes and the image has nothing of.  A section with stored memory may have some (the
 * largest sections of real kernels have 8 chunks); a note that claims gigantic ones must not make us look at them all.
 */
#define BLANK_CHUNKS (UINT64_C(1) << 16)

#define NEVER UINT32_MAX /* df_vmemmap_run.at of pages that hold something else, too */

static bool add_run(struct df_vmemmap_part *part, struct df_env *env, struct df_vmemmap_run run, uint64_t page)
{
	struct df_vmemmap_run *last = part->n ? &part->v[part->n - 1] : NULL;

	if (last && last->frame + last->pages == run.frame &&
	    (run.at == NEVER ? last->at == NEVER : last->at + last->pages * page == run.at)) {
		last->pages += run.pages;
		return true;
	}
	if (!df_grow(env, (void **)&part->v, &part->cap, part->n + 1, sizeof run))
		return false;
	part->v[part->n++] = run;
	return true;
}

/* Struct pages [from, to) of one range of the map; chunk_at: where the one of the chunk's first frame would be. */
static int translate_range(const struct df_vmemmap *t, struct df_walker *w, uint64_t from, uint64_t to,
			   uint64_t chunk_at, struct df_vmemmap_part *part, struct df_err *err)
{
	unsigned shift = t->d->page_shift;
	uint64_t page = UINT64_C(1) << shift, first = (from + page - 1) & -page, end = to & -page; /* whole pages */
	struct df_err ignored;

	for (uint64_t at = from & -page, len; at < to; at += len) {
		struct df_vmemmap_run run = { .at = NEVER };
		uint64_t paddr, together;

		len = page - at % page;
		if (df_xlat_v2p(w, at, &paddr, &together, &ignored) < 0)
			continue;
		run.frame = paddr >> shift;
		if (at >= first && at < end && len == page && paddr % page == 0 && together >= page) {
			len = (together < end - at ? together : end - at) & -page;
			run.at = (uint32_t)(at - chunk_at);
		} else if (together < len) {
			len = together;
		}
		if (paddr + len < paddr)
			continue;
		run.pages = (uint32_t)(((paddr + len - 1) >> shift) - run.frame + 1);
		if (!add_run(part, t->d->env, run, page))
			return df_err_nomem(err, t->d->env, "pages of struct pages", (part->n + 1) * sizeof run);
	}
	return 0;
}

int df_vmemmap_translate(const struct df_vmemmap *t, struct df_walker *w, uint64_t chunk, struct df_vmemmap_part *part,
			 struct df_err *err)
{
	const struct df_memmap *map = &t->d->map;
	uint64_t base = chunk << DF_CHUNK_SHIFT, end = base + DF_CHUNK_PAGES, size = map->page_struct;
	const struct df_memmap_range *r = df_memmap_at(map, base);
	int result = 0;

	part->n = 0;
	w->table_lost = false;
	for (; !result && r && r < map->v + map->n && r->first < end; r++) {
		uint64_t first = r->first > base ? r->first : base, last = r->end < end ? r->end : end;
		uint64_t from = r->vaddr + (first - r->first) * size;

		result = translate_range(t, w, from, from + (last - first) * size, from - (first - base) * size, part,
					 err);
	}
	part->blind = w->table_lost;
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
static bool may_go(const struct df_vmemmap *t, const struct df_vmemmap_run *run, uint32_t i, const uint64_t *out)
{
	uint64_t page = UINT64_C(1) << t->d->page_shift, size = t->d->map.page_struct, at = run->at + i * page;

	return run->at != NEVER && all_set(out, at / size, (at + page + size - 1) / size);
}

int df_vmemmap_judge(struct df_vmemmap *t, const struct df_vmemmap_part *part, const uint64_t out[DF_CHUNK_WORDS],
		     struct df_err *err)
{
	if (part->blind)
		t->why_not = "a page table of the memory map cannot be read";
	for (size_t k = 0; k < part->n; k++) {
		const struct df_vmemmap_run *run = &part->v[k];

		for (uint32_t i = 0, stop; i < run->pages; i = stop) {
			bool go = may_go(t, run, i, out);
			int r;

			for (stop = i + 1; stop < run->pages && may_go(t, run, stop, out) == go;)
				stop++;
			r = df_pageset_set_range(go ? &t->candidate : &t->veto, run->frame + i, run->frame + stop, err);
			if (r < 0)
				return r;
		}
	}
	return 0;
}

/* The pass looks at a chunk only where the image has a frame of it below max_pfn. */
static bool is_blank(const struct df_dump *d, uint64_t chunk)
{
	uint64_t base = chunk << DF_CHUNK_SHIFT, end = base + DF_CHUNK_PAGES, first;

	if (end > d->plan.max_pfn)
		end = d->plan.max_pfn;
	return base >= end ||
	       !df_image_next(&d->image, df_image_bounded(&d->image), d->page_shift, base, &first, NULL) ||
	       first >= end;
}

static int judge_blanks(struct df_vmemmap *t, struct df_walker *w, struct df_vmemmap_part *part, struct df_err *err)
{
	static const uint64_t none[DF_CHUNK_WORDS];
	uint64_t chunk = 0, blanks = 0;
	int r = 0;

	for (size_t i = 0; i < t->d->map.n; i++) {
		const struct df_memmap_range *range = &t->d->map.v[i];

		if (chunk < range->first >> DF_CHUNK_SHIFT)
			chunk = range->first >> DF_CHUNK_SHIFT;
		for (; chunk <= (range->end - 1) >> DF_CHUNK_SHIFT; chunk++) {
			if (!is_blank(t->d, chunk))
				continue;
			if (df_cancelled(t->d->env))
				return df_err_set(err, DUMPFILTER_E_CANCELLED, "cancelled");
			if (++blanks > BLANK_CHUNKS) {
				t->why_not = "the memory map speaks of far more memory than the image holds";
				return 0;
			}
			r = df_vmemmap_translate(t, w, chunk, part, err);
			if (!r)
				r = df_vmemmap_judge(t, part, none, err);
			if (r < 0)
				return r;
		}
	}
	return 0;
}

/* Is the map what it must be for addresses in it to be computed, and known as a whole? */
static const char *judge_map(const struct df_dump *d)
{
	uint64_t page = UINT64_C(1) << d->page_shift;

	if (!d->can_classify)
		return "pages cannot be told apart";
	if (d->map.section_shift == 64)
		return "the struct pages are one array, of which only the beginning is known (FLATMEM)";
	if (d->map.odd_sections)
		return "memory sections are not where they must be";
	for (size_t i = 0; i < d->map.n; i++) {
		const struct df_memmap_range *r = &d->map.v[i];

		if (r->vaddr > UINT64_MAX - page ||
		    r->end - r->first > (UINT64_MAX - page - r->vaddr) / d->map.page_struct)
			return "memory sections are not where they must be";
	}
	return NULL;
}

int df_vmemmap_begin(struct df_vmemmap *t, const struct df_dump *d, struct df_walker *w, struct df_err *err)
{
	struct df_vmemmap_part part = { 0 };
	int r;

	*t = (struct df_vmemmap){ .d = d, .why_not = judge_map(d) };
	if (t->why_not)
		return 0;
	r = df_pageset_init(&t->candidate, d->env, d->plan.max_pfn, err);
	if (!r)
		r = df_pageset_init(&t->veto, d->env, d->plan.max_pfn, err);
	if (!r)
		r = judge_blanks(t, w, &part, err);
	df_vmemmap_part_fini(&part, d->env);
	return r;
}

int df_vmemmap_finish(struct df_vmemmap *t, const struct df_pageset *keep, struct df_pageset *result,
		      struct df_err *err)
{
	uint64_t go[DF_CHUNK_WORDS], veto[DF_CHUNK_WORDS], kept[DF_CHUNK_WORDS];
	int r = df_pageset_init(result, t->d->env, keep->npages, err);
	uint64_t first, end;

	for (uint64_t at = 0; !r && !t->why_not && df_pageset_next_run(&t->candidate, at, &first, &end);) {
		uint64_t chunk = first >> DF_CHUNK_SHIFT;

		df_pageset_load(&t->candidate, chunk, go);
		df_pageset_load(&t->veto, chunk, veto);
		df_pageset_load(keep, chunk, kept);
		for (unsigned i = 0; i < DF_CHUNK_WORDS; i++)
			go[i] &= ~veto[i] & kept[i];
		r = df_pageset_store(result, chunk, go, err);
		at = (chunk + 1) << DF_CHUNK_SHIFT;
	}
	return r;
}

int df_vmemmap_subtract(struct df_pageset *keep, const struct df_pageset *vmemmap, uint64_t *end, struct df_err *err)
{
	uint64_t out[DF_CHUNK_WORDS], kept[DF_CHUNK_WORDS], first, last;
	int r = 0;

	for (uint64_t at = 0; !r && df_pageset_next_run(vmemmap, at, &first, &last);) {
		uint64_t chunk = first >> DF_CHUNK_SHIFT;

		df_pageset_load(vmemmap, chunk, out);
		df_pageset_load(keep, chunk, kept);
		for (unsigned i = 0; i < DF_CHUNK_WORDS; i++)
			kept[i] &= ~out[i];
		r = df_pageset_store(keep, chunk, kept, err);
		*end = chunk + 1;
		at = *end << DF_CHUNK_SHIFT;
	}
	if (!r)
		r = df_pageset_failed(keep, err);
	*end = UINT64_MAX;
	return r;
}

void df_vmemmap_part_fini(struct df_vmemmap_part *part, struct df_env *env)
{
	df_free(env, part->v);
	*part = (struct df_vmemmap_part){ 0 };
}

void df_vmemmap_fini(struct df_vmemmap *t)
{
	df_pageset_fini(&t->candidate);
	df_pageset_fini(&t->veto);
	*t = (struct df_vmemmap){ 0 };
}
