/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Where the struct pages are: ranges of page frames whose structs lie one behind the other in virtual memory.
 *
 * In come facts and a way to read virtual memory, out come ranges and struct pages; a file a memory model (sparse,
 * flat).  What the structs say is asked in classify/.  Sections and pointers come from the crashed machine: only ranges
 * of frames that the image stores something of are listed, so their number follows the file and not what a table
 * claims.
 */
#ifndef DF_MEMMAP_MEMMAP_H
#define DF_MEMMAP_MEMMAP_H

#include "arch/arch.h"

/* Frames whose structs follow one another in virtual memory, whatever lies behind them physically. */
struct df_memmap_range {
	uint64_t first, end; /* page frames [first, end) */
	uint64_t vaddr;      /* of the struct page of first */
};

/* Owned by the dump, filled once and then only read, by all threads.  Zeroed: no frame has a struct page that is
 * known. */
struct df_memmap {
	const char *model;             /* "sparse", "flat" */
	struct df_memmap_range *range; /* sorted, disjoint */
	size_t count, cap;
	uint64_t end_pfn;     /* behind the last frame that has a struct page */
	uint32_t page_struct; /* bytes of a struct page */
	unsigned page_shift;
	unsigned section_shift; /* frames of a section as a power of two; 64 = no sections */
	uint64_t odd_sections;  /* present sections whose memory map is not where it must be: not used */
};

/* models.c: find the memory map of frames below end_pfn.  E_NOINFO: facts are missing (text says which); E_CORRUPT and
 * others: not readable. */
int df_memmap_find(struct df_memmap *memmap, const struct df_arch *arch, const struct df_kdesc *kernel,
		   struct df_walker *walker, unsigned page_shift, uint64_t end_pfn, struct df_err *err);
void df_memmap_fini(struct df_memmap *memmap, struct df_env *env); /* also of a zeroed struct */

/* The range that holds pfn, else the first one behind it, else NULL. */
const struct df_memmap_range *df_memmap_at(const struct df_memmap *memmap, uint64_t pfn);
/* Virtual address of pfn's struct page; false = it has none. */
bool df_memmap_vaddr(const struct df_memmap *memmap, uint64_t pfn, uint64_t *vaddr);
/* Frame whose struct page is at vaddr (for list entries); false = no struct page starts there.  The ranges are
 * looked through one by one from the last hit on: with a virtual memory map there are few. */
bool df_memmap_pfn(const struct df_memmap *memmap, uint64_t vaddr, size_t *hint, uint64_t *pfn);

/* A reader of struct pages for one thread. */
struct df_structs {
	const struct df_memmap *memmap;
	struct df_walker *walker;
	const uint8_t *span; /* mapped bytes of virtual [span_at, span_at + span_len) */
	uint64_t span_at, span_len;
	size_t reach;    /* bytes to look at at once, where that many lie together */
	uint8_t *gather; /* where structs that do not lie together are put together */
};

#define DF_STRUCTS_GROUP 64u

/* reach: bytes to look at at once, for scanning; 0 = just the structs that are asked for.  The walker's reader must
 * allow that much, and DF_STRUCTS_GROUP structs. */
int df_structs_init(struct df_structs *structs, const struct df_memmap *memmap, struct df_walker *walker, size_t reach,
		    struct df_err *err);
void df_structs_fini(struct df_structs *structs); /* also of a zeroed struct */
/* The structs of count ≤ DF_STRUCTS_GROUP frames from pfn on, all in one range; bit i of *have: frame pfn + i was
 * readable (bytes of others are 0xff, which no rule takes for anything).  Pointer valid until the next call. */
const uint8_t *df_structs_get(struct df_structs *structs, const struct df_memmap_range *range, uint64_t pfn,
			      unsigned count, uint64_t *have);
/* The struct of pfn (in range) where the last df_structs_get() looked at it already; else NULL.  Moves nothing. */
const uint8_t *df_structs_seen(const struct df_structs *structs, const struct df_memmap_range *range, uint64_t pfn);

#endif
