/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How many frames arrive, each once, although loads overlap. */
#include "base/bits.h"
#include "writer/elf.h"

#include <stdlib.h>

#define SEEN (1u << 27) /* frames in more than one load: no honest image has as many; then some count twice */

void df_elf_count_lost(struct df_elf_writer *elf, const struct df_elf_piece *piece)
{
	uint64_t first = piece->paddr >> elf->output->page_shift, before = elf->lost.count;
	struct df_err ignored;

	for (unsigned i = 0; i < 128; i++)
		if (df_bit_test(piece->lost, i) &&
		    df_pageset_set_range(&elf->lost, first + i, first + i + 1, &ignored) < 0)
			elf->done->unreadable_pages++; /* no memory to tell whether it was counted before */
	elf->done->unreadable_pages += elf->lost.count - before;
	if (elf->lost_lines++ < DF_LOST_LINES)
		df_log(elf->output->env, DUMPFILTER_LOG_WARN, "pages cannot be read and are lost: %s", piece->why);
}

/* Frames of more than one load: by frame, and by whether they are counted. */
static void count_shared(struct df_elf_writer *elf, const struct df_elf_frames *frames, uint64_t first, uint64_t end)
{
	for (uint64_t pfn = first; pfn < end; pfn++) {
		uint64_t bit = frames->bit + (pfn - frames->first);

		if (df_bit_test(elf->seen, bit))
			continue;
		df_bit_set(elf->seen, bit);
		elf->done->elf_pages++;
		elf->done->pages += df_pageset_test(elf->output->keep, pfn);
	}
}

/* Index of the first shared range that ends behind pfn. */
static size_t shared_at(const struct df_elf_writer *elf, uint64_t pfn)
{
	size_t low = 0, high = elf->nshared;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (elf->shared[mid].end <= pfn)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

/* The frames that are complete in the output with this piece.  One that is cut counts where its end is written. */
void df_elf_count_frames(struct df_elf_writer *elf, const struct df_elf_piece *piece)
{
	unsigned shift = elf->output->page_shift;
	uint64_t first = piece->paddr >> shift, end = piece->paddr + piece->length;

	end = piece->ends ? (end + (UINT64_C(1) << shift) - 1) >> shift : end >> shift;
	for (size_t i = shared_at(elf, first); first < end; i++) {
		uint64_t alone = i < elf->nshared && elf->shared[i].first < end ? elf->shared[i].first : end, both;

		if (first < alone) {
			elf->done->elf_pages += alone - first;
			elf->done->pages += df_pageset_count_range(elf->output->keep, first, alone);
			first = alone;
		}
		if (first == end)
			break;
		both = elf->shared[i].end < end ? elf->shared[i].end : end;
		count_shared(elf, &elf->shared[i], first, both);
		first = both;
	}
}

static int by_first(const void *left, const void *right)
{
	const struct df_elf_frames *frames = left, *second = right;

	return (frames->first > second->first) - (frames->first < second->first);
}

/* Sorted ranges into those that more than one of them has a part of.  In place: each adds at most one. */
static size_t overlaps(struct df_elf_frames *frames, size_t count)
{
	uint64_t reach = 0;
	size_t written = 0;

	for (size_t i = 0; i < count; i++) {
		struct df_elf_frames common = { frames[i].first, frames[i].end < reach ? frames[i].end : reach, 0 };

		if (frames[i].end > reach)
			reach = frames[i].end;
		if (common.first >= common.end)
			continue;
		if (written && frames[written - 1].end >= common.first) {
			if (frames[written - 1].end < common.end)
				frames[written - 1].end = common.end;
		} else {
			frames[written++] = common;
		}
	}
	return written;
}

/* Frames of more than one load, and room to remember which are counted. */
int df_elf_find_shared(struct df_elf_writer *elf, struct df_err *err)
{
	const struct df_image *image = elf->output->image;
	uint64_t round = (UINT64_C(1) << elf->output->page_shift) - 1, bits = 0;
	struct df_elf_frames *frames = df_alloc_array(elf->output->env, image->nloads, sizeof *frames);

	elf->shared = frames;
	if (!frames)
		return df_err_nomem(err, elf->output->env, "the list of frames", image->nloads * sizeof *frames);
	for (size_t i = 0; i < image->nloads; i++)
		frames[i] = (struct df_elf_frames){ image->loads[i].paddr >> elf->output->page_shift,
						    (image->loads[i].paddr + image->loads[i].memsz + round) >>
							    elf->output->page_shift,
						    0 };
	qsort(frames, image->nloads, sizeof *frames, by_first);
	elf->nshared = overlaps(frames, image->nloads);
	for (size_t i = 0; i < elf->nshared; bits += frames[i].end - frames[i].first, i++)
		frames[i].bit = bits;
	if (bits > SEEN)
		elf->nshared = bits = 0;
	elf->seen = df_alloc_array(elf->output->env, bits / 64 + 1, sizeof *elf->seen);
	return elf->seen ? 0 : df_err_nomem(err, elf->output->env, "the list of frames", bits / 8);
}
