/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Classes of page frames.  The classification of a chunk is a pure function of the facts and the image: chunks may be
 * done in any order and by any thread; what reaches beyond a chunk (units larger than one) is handed to the caller, who
 * applies it in the order of chunks.  The class words know no dump level; a level only chooses which of them count.
 *
 * In come struct pages, out come bits that say "free", "cache", "user" …; what is kept is decided in run/.  A frame
 * gets a bit only on evidence that something else confirms.  What cannot be read, does not fit or is of a kind that
 * nobody knows gets none, or DF_SET_DOUBT: no bit means kept.
 */
#ifndef DF_CLASSIFY_CLASSIFY_H
#define DF_CLASSIFY_CLASSIFY_H

#include "classify/rules.h"
#include "memmap/memmap.h"
#include "pageset/pageset.h"

/* Sets that a frame may be in, several at a time. */
enum df_set {
	DF_SET_FREE,
	DF_SET_CACHE,
	DF_SET_CACHE_PRIVATE,
	DF_SET_USER,
	DF_SET_HWPOISON,
	DF_SET_OFFLINE,
	DF_SET_DOUBT,
	DF_SET_COUNT
};

/* What the frames of one chunk are: bit i of a row of words is frame chunk × 2^15 + i.  4 KiB a set, so it lives in a
 * slot of the planning pass and not on a stack.  Written by the one thread that has the slot. */
struct df_classes {
	uint64_t chunk;
	uint64_t words[DF_SET_COUNT][DF_CHUNK_WORDS];
	uint64_t unreadable[DF_CHUNK_WORDS]; /* frames whose struct page cannot be read */
	/* Frames behind this chunk, up to here, that belong to a set because a unit goes on there; 0 = none. */
	uint64_t spill_end[DF_SET_COUNT];
};

/* Everything that is the same for all chunks; immutable while threads use it. */
struct df_classifier {
	const struct df_rules *rules;
	const struct df_memmap *memmap;
	const struct df_xlat *xlat;
	unsigned page_shift;
};

/* A free block of several frames whose inner pages are still to come. */
struct df_block {
	uint64_t first, end; /* frames; end 0 = none */
};

/* One thread's readers.  Two of them, because a look at the last tail of a large unit would else move the window away
 * from the run of struct pages that is being scanned. */
struct df_scanner {
	struct df_block block;
	const struct df_classifier *classifier;
	struct df_reader near_reader, far_reader;
	struct df_walker near_walker, far_walker;
	struct df_structs near;    /* the run of struct pages that is being scanned */
	struct df_structs structs; /* single ones elsewhere: the last tail of a unit */
};

int df_scanner_init(struct df_scanner *scanner, const struct df_classifier *classifier, struct df_err *err);
void df_scanner_fini(struct df_scanner *scanner); /* also of a zeroed struct */
/* The scanner's walker for other uses between two chunks. */
struct df_walker *df_scanner_walker(struct df_scanner *scanner);

/* Classify chunk out->chunk into *out.  stored: a bit per frame that the image holds; groups of 64 frames without one
 * are not looked at. */
void df_classify_chunk(struct df_scanner *scanner, const uint64_t stored[DF_CHUNK_WORDS], struct df_classes *classes);

/* classify/units.c: frames of the compound page whose head is pfn: 1 = not a compound page of several pages;
 * 0 = it claims to be one, but order, alignment or tails contradict each other. */
uint64_t df_unit_pages(struct df_scanner *scanner, const struct df_memmap_range *range, uint64_t pfn,
		       const uint8_t *page, bool next_readable);
/* Frames of the free block that starts at pfn; 0 = its order cannot be. */
uint64_t df_block_pages(const struct df_classifier *classifier, const struct df_memmap_range *range, uint64_t pfn,
			const uint8_t *page);

/* classify/freelist.c: for kernels whose notes do not say how a free block is recognised (before 3.9, but for el6):
 * walk the buddy allocator's lists.  Sets frames in free; *doubts counts lists that were given up.  E_NOINFO: facts are
 * missing. */
int df_freelist_walk(const struct df_classifier *classifier, const struct df_kdesc *kernel, struct df_walker *walker,
		     struct df_pageset *free, uint64_t *doubts, struct df_err *err);

/* classify/deduce.c: up to 3.16 notes lack the address of free_huge_page, by which hugetlb pages are told from other
 * compound pages; the image itself shows it.  true: *address is it. */
bool df_deduce_free_huge_page(struct df_scanner *scanner, const struct df_kdesc *kernel, uint64_t *address);

#endif
