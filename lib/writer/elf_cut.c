/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where loads are cut.  A fragmented machine has a segment for each few hundred pages, so they are never listed. */
#include "writer/elf.h"

#define CUT_MAX 100000u

/* The segment that ends at memory address to. */
static void end_segment(struct df_elf_cut *cursor, const struct df_load *load, uint64_t to, bool cut,
			struct df_elf_segment *segment)
{
	*segment = (struct df_elf_segment){
		.paddr = cursor->start,
		.vaddr = load->vaddr + (cursor->start - load->paddr),
		.memsz = to - cursor->start,
		.filesz = cursor->data_end - cursor->start,
		.align = load->align,
		.flags = load->flags,
	};
	/* a load that is all gap has offset 0, but for the last one of its range: as makedumpfile writes it */
	segment->offset = !segment->filesz && cut ? 0 : cursor->offset;
	cursor->offset += segment->filesz;
	cursor->count++;
}

/* Pages that an earlier dump has left out: what was in them is not known. */
static bool lacks(const struct df_image *image, uint64_t first, uint64_t end)
{
	return image->frame_shift && df_pageset_count_range(&image->stored_set, first, end) < end - first;
}

/* A gap with pages that must not be read, or cannot be, is left out however short it is, unless that would make
 * absurdly many loads (a balloon in single pages): then zeros stand for them. */
static bool must_cut(const struct df_elf_writer *elf, const struct df_elf_cut *cursor, uint64_t end)
{
	return cursor->kept < end && cursor->count < CUT_MAX &&
	       (df_pageset_count_range(elf->output->forbidden, cursor->kept, end) ||
		lacks(elf->output->image, cursor->kept, end));
}

static void enter_load(struct df_elf_cut *cursor, const struct df_load *load, unsigned shift)
{
	uint64_t stop = load->paddr + load->memsz;

	cursor->inside = true;
	cursor->start = cursor->data_end = load->paddr;
	cursor->kept = load->paddr >> shift;
	/* a frame that the load begins inside of is never left out */
	if (load->paddr & ((UINT64_C(1) << shift) - 1)) {
		cursor->kept++;
		cursor->data_end = cursor->kept << shift < stop ? cursor->kept << shift : stop;
	}
}

/* The next segment; false = no more.  cursor: zeroed at first, but for offset. */
bool df_elf_next_segment(const struct df_elf_writer *elf, struct df_elf_cut *cursor, struct df_elf_segment *segment)
{
	const struct df_load *load = &elf->output->image->loads[cursor->load];
	unsigned shift = elf->output->page_shift;
	uint64_t stop, limit, a, b;

	if (cursor->load == elf->output->image->nloads)
		return false;
	if (!cursor->inside)
		enter_load(cursor, load, shift);
	stop = load->paddr + load->memsz;
	limit = (stop + (UINT64_C(1) << shift) - 1) >> shift;
	while (cursor->kept < limit && df_pageset_next_run(elf->output->keep, cursor->kept, &a, &b) && a < limit) {
		bool cut = a - cursor->kept >= DF_ELF_GAP || must_cut(elf, cursor, a);

		if (cut) {
			end_segment(cursor, load, a << shift, true, segment);
			cursor->start = a << shift;
		}
		cursor->kept = b < limit ? b : limit;
		cursor->data_end = cursor->kept << shift < stop ? cursor->kept << shift : stop;
		if (cut)
			return true;
	}
	end_segment(cursor, load, stop, false, segment);
	cursor->load++;
	cursor->inside = false;
	return true;
}

/* The plan could not be made again on the way: what came of it is wrong. */
int df_elf_plan_failed(const struct df_elf_writer *elf, struct df_err *err)
{
	int result = df_pageset_failed(elf->output->keep, err);

	return result ? result : df_pageset_failed(elf->output->forbidden, err);
}
