/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A memory image: what of a machine's physical memory an input describes and stores, its notes, and readers of it.
 * Immutable once opened: any number of readers, one per thread. */
#ifndef DF_IMAGE_IMAGE_H
#define DF_IMAGE_IMAGE_H

#include "base/env.h"
#include "io/source.h"

#include <stdint.h>

/* Memory as the input's headers list it (for ELF output: a PT_LOAD), in their order. */
struct df_load {
	uint64_t paddr, vaddr, memsz, filesz, offset, align;
	uint32_t flags;
};

/* Physical [start, end); in image.stored: the bytes are in the file from offset on. */
struct df_extent {
	uint64_t start, end, offset;
};

struct df_extents {
	struct df_extent *v; /* sorted, disjoint */
	size_t n, cap;
};

struct df_image;

struct df_reader {
	const struct df_image *image;
	struct df_window window;
	size_t last;    /* extent of the last read: reads are mostly near each other */
	uint8_t *patch; /* where a page from several extents is put together */
};

/* How an input format reads.  Both: any thread with a reader of its own. */
struct df_image_ops {
	/* Pointer to stored bytes [paddr, paddr + len), len ≤ the reader's most, valid until the next call on the
	 * reader; NULL: not contiguous in the file, not stored, or not readable (err tells these apart by its code: 0,
	 * E_NODATA, others). */
	const uint8_t *(*peek)(struct df_reader *r, uint64_t paddr, size_t len, struct df_err *err);
	/* Stored bytes into buf; bytes that are not stored read as zero, and *missing counts them. */
	int (*read)(struct df_reader *r, uint64_t paddr, void *buf, size_t len, size_t *missing, struct df_err *err);
};

struct df_image {
	struct df_env *env;
	struct df_source source;
	const struct df_image_ops *ops;
	const char *format;
	bool be;
	uint8_t bits;
	uint16_t machine; /* ELF e_machine */
	uint16_t elf_type;
	uint8_t osabi;
	uint32_t elf_flags;

	struct df_load *loads;
	size_t nloads;
	struct df_extents described; /* by memsz; merged, overlaps gone */
	struct df_extents stored;    /* by filesz; where loads overlap the first in the file's order wins */
	size_t page_size;            /* for the buffers of readers; 4096 until the kernel's is known */
	uint64_t end_paddr;          /* end of the highest described byte */
	uint64_t missing_bytes;      /* that the headers promise behind the end of the file */
	bool truncated;              /* the file ends before its headers say */

	uint8_t *notes; /* contents of all PT_NOTEs */
	size_t notes_len;
	uint32_t cpus;         /* NT_PRSTATUS notes */
	size_t vmcoreinfo_at;  /* in notes */
	size_t vmcoreinfo_len; /* 0 = none */
};

void df_image_fini(struct df_image *img); /* also of a zeroed struct */

/* most: bytes that peek will be asked for at once, at least a page; DF_WINDOW_COPY is usual. */
int df_reader_init(struct df_reader *r, const struct df_image *img, size_t most, struct df_err *err);
void df_reader_fini(struct df_reader *r); /* also of a zeroed struct */

/* All of [paddr, paddr + len) into buf, every byte stored; else DUMPFILTER_E_NODATA or the read error. */
int df_reader_read(struct df_reader *r, uint64_t paddr, void *buf, size_t len, struct df_err *err);
/* A page: pointer to its bytes, in place where they lie together in a mapping, else put together in the reader's own
 * buffer with zeros where nothing is stored.  Valid until the next call on r.  NULL with err set: not readable. */
const uint8_t *df_reader_page(struct df_reader *r, uint64_t paddr, size_t page_size, struct df_err *err);
#define DF_PAGE_SIZE_MAX (256u << 10)

/* Page frames of one chunk of a page set: words with a bit per frame of which at least one byte is described (or
 * stored). words: DF_CHUNK_PAGES / 64. */
void df_image_chunk(const struct df_extents *x, unsigned page_shift, uint64_t chunk, uint64_t *words);
/* Distinct page frames below end_pfn that x touches. */
uint64_t df_extents_pages(const struct df_extents *x, unsigned page_shift, uint64_t end_pfn);

/* Index of the first extent that ends behind addr (x->n: none). */
size_t df_extents_find(const struct df_extents *x, uint64_t addr);
/* x := the ranges of in[n] (any order, empty ones are skipped), disjoint and sorted; where they overlap the one
 * that comes first in in[] wins; neighbours that continue each other are joined.  merge: offsets do not matter. */
int df_extents_build(struct df_extents *x, struct df_env *env, const struct df_extent *in, size_t n, bool merge,
		     struct df_err *err);

extern const struct df_image_ops df_image_extent_ops; /* images whose stored extents are plain file ranges */

#endif
