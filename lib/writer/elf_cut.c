/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where loads are cut.  A fragmented machine has a segment for each few hundred pages, so they are never listed. */
#include "writer/elf.h"

#define CUT_MAX 100000u

/* The segment that ends at memory address to. */
static void end_segment(struct df_elf_cut *c, const struct df_load *l, uint64_t to, bool cut, struct df_elf_segment *s)
{
	*s = (struct df_elf_segment){
		.paddr = c->start,
		.vaddr = l->vaddr + (c->start - l->paddr),
		.memsz = to - c->start,
		.filesz = c->data_end - c->start,
		.align = l->align,
		.flags = l->flags,
	};
	/* a load that is all gap has offset 0, but for the last one of its range: as makedumpfile writes it */
	s->offset = !s->filesz && cut ? 0 : c->offset;
	c->offset += s->filesz;
	c->n++;
}

/* Pages that an earlier dump has left out: what was in them is not known. */
static bool lacks(const struct df_image *img, uint64_t first, uint64_t end)
{
	return img->frame_shift && df_pageset_count_range(&img->stored_set, first, end) < end - first;
}

/* A gap with pages that must not be read, or cannot be, is left out however short it is, unless that would make
 * absurdly many loads (a balloon in single pages): then zeros stand for them. */
static bool must_cut(const struct df_elf_writer *e, const struct df_elf_cut *c, uint64_t end)
{
	return c->kept < end && c->n < CUT_MAX &&
	       (df_pageset_count_range(e->o->forbidden, c->kept, end) || lacks(e->o->image, c->kept, end));
}

static void enter_load(struct df_elf_cut *c, const struct df_load *l, unsigned shift)
{
	uint64_t stop = l->paddr + l->memsz;

	c->inside = true;
	c->start = c->data_end = l->paddr;
	c->kept = l->paddr >> shift;
	/* a frame that the load begins inside of is never left out */
	if (l->paddr & ((UINT64_C(1) << shift) - 1)) {
		c->kept++;
		c->data_end = c->kept << shift < stop ? c->kept << shift : stop;
	}
}

/* The next segment; false = no more.  c: zeroed at first, but for offset. */
bool df_elf_next_segment(const struct df_elf_writer *e, struct df_elf_cut *c, struct df_elf_segment *s)
{
	const struct df_load *l = &e->o->image->loads[c->load];
	unsigned shift = e->o->page_shift;
	uint64_t stop, limit, a, b;

	if (c->load == e->o->image->nloads)
		return false;
	if (!c->inside)
		enter_load(c, l, shift);
	stop = l->paddr + l->memsz;
	limit = (stop + (UINT64_C(1) << shift) - 1) >> shift;
	while (c->kept < limit && df_pageset_next_run(e->o->keep, c->kept, &a, &b) && a < limit) {
		bool cut = a - c->kept >= DF_ELF_GAP || must_cut(e, c, a);

		if (cut) {
			end_segment(c, l, a << shift, true, s);
			c->start = a << shift;
		}
		c->kept = b < limit ? b : limit;
		c->data_end = c->kept << shift < stop ? c->kept << shift : stop;
		if (cut)
			return true;
	}
	end_segment(c, l, stop, false, s);
	c->load++;
	c->inside = false;
	return true;
}

/* The plan could not be made again on the way: what came of it is wrong. */
int df_elf_plan_failed(const struct df_elf_writer *e, struct df_err *err)
{
	int r = df_pageset_failed(e->o->keep, err);

	return r ? r : df_pageset_failed(e->o->forbidden, err);
}
