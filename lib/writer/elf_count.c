/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How many frames arrive, each once, although loads overlap. */
#include "base/bits.h"
#include "writer/elf.h"

#include <stdlib.h>

#define SEEN (1u << 27) /* frames in more than one load: no honest image has as many; then some count twice */

void df_elf_count_lost(struct df_elf_writer *e, const struct df_elf_piece *p)
{
	uint64_t first = p->paddr >> e->o->page_shift, before = e->lost.count;
	struct df_err ignored;

	for (unsigned i = 0; i < 128; i++)
		if (df_bit_test(p->lost, i) && df_pageset_set_range(&e->lost, first + i, first + i + 1, &ignored) < 0)
			e->done->unreadable_pages++; /* no memory to tell whether it was counted before */
	e->done->unreadable_pages += e->lost.count - before;
	if (e->lost_lines++ < DF_LOST_LINES)
		df_log(e->o->env, DUMPFILTER_LOG_WARN, "pages cannot be read and are lost: %s", p->why);
}

/* Frames of more than one load: by frame, and by whether they are counted. */
static void count_shared(struct df_elf_writer *e, const struct df_elf_frames *f, uint64_t first, uint64_t end)
{
	for (uint64_t pfn = first; pfn < end; pfn++) {
		uint64_t bit = f->bit + (pfn - f->first);

		if (df_bit_test(e->seen, bit))
			continue;
		df_bit_set(e->seen, bit);
		e->done->elf_pages++;
		e->done->pages += df_pageset_test(e->o->keep, pfn);
	}
}

/* Index of the first shared range that ends behind pfn. */
static size_t shared_at(const struct df_elf_writer *e, uint64_t pfn)
{
	size_t lo = 0, hi = e->nshared;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (e->shared[mid].end <= pfn)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* The frames that are complete in the output with this piece.  One that is cut counts where its end is written. */
void df_elf_count_frames(struct df_elf_writer *e, const struct df_elf_piece *p)
{
	unsigned shift = e->o->page_shift;
	uint64_t first = p->paddr >> shift, end = p->paddr + p->len;

	end = p->ends ? (end + (UINT64_C(1) << shift) - 1) >> shift : end >> shift;
	for (size_t i = shared_at(e, first); first < end; i++) {
		uint64_t alone = i < e->nshared && e->shared[i].first < end ? e->shared[i].first : end, both;

		if (first < alone) {
			e->done->elf_pages += alone - first;
			e->done->pages += df_pageset_count_range(e->o->keep, first, alone);
			first = alone;
		}
		if (first == end)
			break;
		both = e->shared[i].end < end ? e->shared[i].end : end;
		count_shared(e, &e->shared[i], first, both);
		first = both;
	}
}

static int by_first(const void *a, const void *b)
{
	const struct df_elf_frames *x = a, *y = b;

	return (x->first > y->first) - (x->first < y->first);
}

/* Sorted ranges into those that more than one of them has a part of.  In place: each adds at most one. */
static size_t overlaps(struct df_elf_frames *v, size_t n)
{
	uint64_t reach = 0;
	size_t k = 0;

	for (size_t i = 0; i < n; i++) {
		struct df_elf_frames f = { v[i].first, v[i].end < reach ? v[i].end : reach, 0 };

		if (v[i].end > reach)
			reach = v[i].end;
		if (f.first >= f.end)
			continue;
		if (k && v[k - 1].end >= f.first) {
			if (v[k - 1].end < f.end)
				v[k - 1].end = f.end;
		} else {
			v[k++] = f;
		}
	}
	return k;
}

/* Frames of more than one load, and room to remember which are counted. */
int df_elf_find_shared(struct df_elf_writer *e, struct df_err *err)
{
	const struct df_image *img = e->o->image;
	uint64_t round = (UINT64_C(1) << e->o->page_shift) - 1, bits = 0;
	struct df_elf_frames *v = df_alloc_array(e->o->env, img->nloads, sizeof *v);

	e->shared = v;
	if (!v)
		return df_err_nomem(err, e->o->env, "the list of frames", img->nloads * sizeof *v);
	for (size_t i = 0; i < img->nloads; i++)
		v[i] = (struct df_elf_frames){ img->loads[i].paddr >> e->o->page_shift,
					       (img->loads[i].paddr + img->loads[i].memsz + round) >> e->o->page_shift,
					       0 };
	qsort(v, img->nloads, sizeof *v, by_first);
	e->nshared = overlaps(v, img->nloads);
	for (size_t i = 0; i < e->nshared; bits += v[i].end - v[i].first, i++)
		v[i].bit = bits;
	if (bits > SEEN)
		e->nshared = bits = 0;
	e->seen = df_alloc_array(e->o->env, bits / 64 + 1, sizeof *e->seen);
	return e->seen ? 0 : df_err_nomem(err, e->o->env, "the list of frames", bits / 8);
}
