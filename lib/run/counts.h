/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How many frames of which class there are, and what each dump level would keep.  Words of 64 frames; all that is
 * counted is in the image.
 */
#ifndef DF_RUN_COUNTS_H
#define DF_RUN_COUNTS_H

#include "classify/classify.h"

/* Combinations of level bits that differ in what they keep: cache (none, clean, all) × user × free. */
#define DF_PRICES 12u

/* Numbers of frames, of one chunk or summed up. */
struct df_counts {
	uint64_t stored; /* frames with at least a byte in the file */
	uint64_t class_pages[DUMPFILTER_CLASS_COUNT];
	uint64_t excluded_pages[DUMPFILTER_CLASS_COUNT];
	uint64_t kept_at[DF_PRICES];
	uint64_t doubtful, unreadable_structs;
};

/* Index in kept_at of a level. */
unsigned df_plan_price(int level);

/* Of the frames in word w of a chunk, of which `stored` are in the image: those that a level keeps. */
uint64_t df_counts_kept(const struct df_classes *classes, unsigned word, uint64_t stored, int level);
/* Count them; excluded_pages is what the level leaves out. */
void df_counts_word(struct df_counts *counts, const struct df_classes *classes, unsigned word, uint64_t stored,
		    int level);
void df_counts_add(struct df_counts *counts, const struct df_counts *more, uint64_t times);

#endif
