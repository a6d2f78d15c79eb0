/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * DUMPFILTER_EXCLUDE_VMEMMAP: frames that hold nothing but struct pages of frames that are left out are left out, too.
 *
 * The kernel may show one frame at several places of its memory map (hugetlb pages share what their tails would hold),
 * and each place speaks of other frames.  So the question is put to each virtual page of the map: do all struct pages
 * on it, also those that only begin or end there, belong to frames that this plan leaves out?  Yes makes the frame
 * behind it a candidate, no is a veto, and what is a candidate without a veto, kept itself and in the image goes.  Both
 * sets are unions over virtual pages: the order of chunks, and so the number of threads, makes no difference.
 *
 * A veto are struct pages of frames that are kept, for whatever reason, that are not in the image, or that are poisoned
 * (where the struct page is the only trace of the fault); and whatever else lies on a page that the map fills in part.
 * Nothing is left out where the map is not known as a whole: one array whose end nobody tells (FLATMEM), sections that
 * are not where they must be, page tables that cannot be read.
 */
#ifndef DF_RUN_VMEMMAP_H
#define DF_RUN_VMEMMAP_H

#include "run/dump.h"

/* Virtual pages that follow one another, and the frames behind them. */
struct df_vmemmap_run {
	uint64_t frame; /* behind the first one */
	uint32_t pages;
	uint32_t at; /* of the first one, in bytes from where the struct page of the chunk's first frame would be */
};

/* The pages of the memory map that speak of one chunk's frames.  Belongs to a slot of the planning pass. */
struct df_vmemmap_part {
	struct df_vmemmap_run *vmemmap_run;
	size_t count, cap;
	bool blind; /* a table that maps some of them cannot be read */
};

/* Of one planning pass; changed by its calling thread only. */
struct df_vmemmap {
	const struct df_dump *dump;
	struct df_pageset candidate, veto;
	const char *why_not; /* nothing can be left out; NULL = as far as is known it can */
};

/* Before the pass, of a zeroed struct: looks at the parts of the map that speak of chunks without a frame of the image,
 * which the pass steps over.  0 or E_NOMEM or E_CANCELLED. */
int df_vmemmap_begin(struct df_vmemmap *vmemmap, const struct df_dump *dump, struct df_walker *walker,
		     struct df_err *err);
/* Any thread, with a walker of its own: find what the pages that speak of a chunk are mapped onto.  E_NOMEM. */
int df_vmemmap_translate(const struct df_vmemmap *vmemmap, struct df_walker *walker, uint64_t chunk,
			 struct df_vmemmap_part *part, struct df_err *err);
/* The calling thread, chunks in any order: judge them.  out: frames of the chunk that the plan leaves out. */
int df_vmemmap_judge(struct df_vmemmap *vmemmap, const struct df_vmemmap_part *part, const uint64_t out[DF_CHUNK_WORDS],
		     struct df_err *err);
/* After the pass: the set of frames to leave out, out of those kept, into *result (a zeroed struct).  Empty where
 * vmemmap->why_not says so. */
int df_vmemmap_finish(struct df_vmemmap *vmemmap, const struct df_pageset *keep, struct df_pageset *result,
		      struct df_err *err);
/* Take the frames of a result out of those kept, chunk by chunk; *end: the first chunk where that is not done yet (who
 * makes bits of keep again must know). */
int df_vmemmap_subtract(struct df_pageset *keep, const struct df_pageset *vmemmap, uint64_t *end, struct df_err *err);
void df_vmemmap_part_fini(struct df_vmemmap_part *part, struct df_env *env); /* also of a zeroed struct */
void df_vmemmap_fini(struct df_vmemmap *vmemmap);                            /* also of a zeroed struct */

#endif
