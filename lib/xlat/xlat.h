/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Virtual to physical: a list of regions, and one page-table walker that is driven by data (a paging form).
 *
 * In comes a virtual address of the crashed kernel, out comes a physical one or the reason why there is none.  The
 * folder xlat/ knows no machine: lib/arch fills in the form.  Tables are read from stored memory only and are hostile:
 * a walk takes as many steps as the form has levels, so tables that point at each other cannot hold it.
 */
#ifndef DF_XLAT_XLAT_H
#define DF_XLAT_XLAT_H

#include "image/image.h"

#define DF_PAGING_LEVELS 6u
#define DF_TABLE_BLOCK   4096u /* tables are read and cached in aligned blocks of this size */

/* What one level's entries look like.  An entry is valid where (entry & present_mask) == present_value. */
struct df_paging_level {
	uint8_t shift; /* of the virtual address bits that index this level's table */
	uint8_t bits;  /* how many */
	uint64_t present_mask, present_value;
	uint64_t leaf_mask, leaf_value; /* (entry & leaf_mask) == leaf_value: maps 2^shift bytes.  mask 0: never */
	uint64_t table_mask;            /* address bits of an entry that points to the next table */
	uint64_t frame_mask;            /* address bits of a leaf */
};

/* Tables hold physical addresses and 8-byte entries; the walk's depth is nlevels, whatever the tables say. */
struct df_paging {
	unsigned nlevels;
	struct df_paging_level level[DF_PAGING_LEVELS]; /* top first; the last one's entries are all leaves */
	bool big_endian;
	uint64_t ignore; /* bits of any entry that are no address (memory encryption) */
};

/* Virtual addresses that are translated in one way.  delta 0 without walk: physical and virtual are the same. */
struct df_region {
	uint64_t first, last; /* virtual, inclusive */
	bool walk;            /* by the page tables; else paddr = vaddr + delta (modulo 2^64) */
	uint64_t delta;
};

#define DF_REGIONS 8u

/* How one kernel's addresses are translated.  Filled once by the machine's setup(), then only read: any number of
 * walkers.  Borrows the image. */
struct df_xlat {
	const struct df_image *image;
	struct df_paging paging;
	uint64_t root;                       /* physical address of the top table */
	struct df_region region[DF_REGIONS]; /* first match wins; outside all: walk */
	unsigned nregions;
	uint64_t phys_base; /* for the dump's header */
};

/* The last block of tables read for one level: a walk along an array asks the upper levels the same thing again and
 * again. */
struct df_table_cache {
	bool valid;
	uint64_t at; /* physical address of bytes */
	uint8_t bytes[DF_TABLE_BLOCK];
};

/* One thread's way through the tables. */
struct df_walker {
	const struct df_xlat *xlat;
	struct df_reader *reader;
	struct df_table_cache *cache; /* by level */
	/* the last leaf: virtual [first, first + length) is at phys */
	uint64_t leaf_first, leaf_len, leaf_phys;
	bool table_lost; /* set where a walk ended at a table that cannot be read; nobody but the user clears it */
};

/* reader: borrowed.  E_NOMEM. */
int df_walker_init(struct df_walker *walker, const struct df_xlat *xlat, struct df_reader *reader, struct df_err *err);
void df_walker_fini(struct df_walker *walker); /* also of a zeroed struct */

/* Physical address of vaddr; *run = bytes from there on that are contiguous in both.  E_NODATA: not mapped. */
int df_xlat_v2p(struct df_walker *walker, uint64_t vaddr, uint64_t *paddr, uint64_t *run, struct df_err *err);
/* All of the bytes, over page borders; E_NODATA where one is not mapped or not in the image. */
int df_xlat_read(struct df_walker *walker, uint64_t vaddr, void *buffer, size_t length, struct df_err *err);
/* A number of 4 or 8 bytes (width) in the image's byte order. */
int df_xlat_get(struct df_walker *walker, uint64_t vaddr, unsigned width, uint64_t *value, struct df_err *err);

#endif
