/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A memory image: what of a machine's physical memory an input describes and stores, its notes, and readers of it.
 * Immutable once opened: any number of readers, one per thread.
 *
 * In comes what an input format found in its headers; out come bytes of physical memory, by address or by page.  Layers
 * above ask this folder and never the file, so that they work alike on every input.  It must never make up a byte
 * unasked: only df_reader_page() gives zeros for what is described and not stored.  Who needs true bytes (page tables,
 * struct pages) asks with df_reader_read(), which fails instead.
 */
#ifndef DF_IMAGE_IMAGE_H
#define DF_IMAGE_IMAGE_H

#include "base/extents.h"
#include "io/source.h"
#include "pageset/pageset.h"

#include <stdint.h>

/* Memory as the input's headers list it (for ELF output: a PT_LOAD), in their order. */
struct df_load {
	uint64_t paddr, vaddr, memsz, filesz, offset, align;
	uint32_t flags;
};

struct df_image;

/* One thread's way to the bytes.  Owned by who calls df_reader_init(); what it returns is its own memory, or the
 * mapping, and goes with the next call. */
struct df_reader {
	const struct df_image *image;
	struct df_window window;
	size_t last;    /* extent of the last read: reads are mostly near each other */
	uint8_t *patch; /* where a page from several extents is put together */
	void *state;    /* of ops->start */
};

/* A page as the input stores it. */
struct df_stored_page {
	const uint8_t *data; /* valid until the next call on the reader */
	uint32_t size, kdump_flag;
};

/* How an input format reads.  Both: any thread with a reader of its own. */
struct df_image_ops {
	/* Pointer to stored bytes [paddr, paddr + length), length ≤ the reader's most, valid until the next call on the
	 * reader; NULL: not contiguous in the file, not stored, or not readable (err tells these apart by its code: 0,
	 * E_NODATA, others). */
	const uint8_t *(*peek)(struct df_reader *reader, uint64_t paddr, size_t length, struct df_err *err);
	/* Stored bytes into buffer; bytes that are not stored read as zero, and *missing counts them. */
	int (*read)(struct df_reader *reader, uint64_t paddr, void *buffer, size_t length, size_t *missing,
		    struct df_err *err);
	/* The rest may be NULL: formats that store plain bytes need none of it. */
	/* Memory of a reader besides; undone by stop, also after a failure. */
	int (*start)(struct df_reader *reader, struct df_err *err);
	void (*stop)(struct df_reader *reader);
	/* Pages [paddr, paddr + length) that are stored are about to be read, one by one: what helps that. */
	void (*prepare)(struct df_reader *reader, uint64_t paddr, size_t length);
	/* The page at paddr without unpacking it; false: it is not there or damaged, which reading it tells better. */
	bool (*stored)(struct df_reader *reader, uint64_t paddr, struct df_stored_page *page);
	void (*close)(struct df_image *image); /* of img->format_data */
};

/* What a dump that was filtered before says of itself; zeroed for memory images. */
struct df_past {
	int level;           /* dump level it was made with */
	bool incomplete;     /* marked: pages are missing */
	bool no_vmemmap;     /* struct pages of what was left out are left out, too */
	uint32_t codec_flag; /* of the codec that its maker was asked to use */
	bool has_phys_base;
	uint64_t phys_base, crash_time, crash_usec;
	uint8_t uts[6 * 65]; /* as in the header: hostile */
};

/* What the input has and no output carries, for people; zeroed where there is nothing. */
struct df_leftovers {
	char text[256]; /* a list */
	unsigned more;  /* for which there was no room */
};

/* Owned by the dump; filled by one input format.  Addresses and lengths are bytes of physical memory or of the file,
 * whatever the kernel's page size: that is known only later. */
struct df_image {
	struct df_env *env;
	struct df_source source;
	const struct df_image_ops *image_ops;
	const char *format;
	bool big_endian;
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
	uint64_t note_align;   /* p_align of the first one: 0 in /proc/vmcore up to 6.1, 4 from 6.12 on */
	uint32_t cpus;         /* NT_PRSTATUS notes */
	size_t vmcoreinfo_at;  /* in notes */
	size_t vmcoreinfo_len; /* 0 = none */
	const char *xen_note;  /* name of one that only dumps of Xen hosts have; NULL = none */
	uint8_t *eraseinfo;    /* lines about what an earlier run erased */
	size_t eraseinfo_len;  /* 0 = none */
	bool eraseinfo_noted;  /* notes have them, too */

	/* Inputs that list page frames one by one have these sets instead of the two lists above. */
	uint8_t frame_shift; /* bytes of such a frame as a power of two; 0 = the lists count */
	struct df_pageset described_set, stored_set;
	struct df_past past;
	struct df_leftovers leftovers;
	void *format_data; /* the format's own */
};

enum df_part { DF_DESCRIBED, DF_STORED };

void df_image_fini(struct df_image *image); /* also of a zeroed struct */

/* Put something on the list of what no output carries. */
void df_image_leave(struct df_image *image, const char *fmt, ...) DUMPFILTER_PRINTF(2, 3);

/* From now on the image neither describes nor stores [start, end).  No reader may be in use.  The ranges that it had
 * become the caller's, who has copied *image before.  On failure nothing has changed: E_UNSUPPORTED where frames are
 * listed one by one, E_INVAL where nothing would be left, E_NOMEM. */
int df_image_cut(struct df_image *image, uint64_t start, uint64_t end, struct df_err *err);
/* The memory of loads, described and stored alone. */
void df_image_free_ranges(struct df_image *image);

/* most: bytes that peek will be asked for at once, at least a page; DF_WINDOW_COPY is usual. */
int df_reader_init(struct df_reader *reader, const struct df_image *image, size_t most, struct df_err *err);
void df_reader_fini(struct df_reader *reader); /* also of a zeroed struct */

/* All of [paddr, paddr + length) into buffer, every byte stored; else DUMPFILTER_E_NODATA or the read error. */
int df_reader_read(struct df_reader *reader, uint64_t paddr, void *buffer, size_t length, struct df_err *err);
/* A page: pointer to its bytes, in place where they lie together in a mapping, else put together in the reader's own
 * buffer with zeros where nothing is stored.  Valid until the next call on r.  NULL with err set: not readable. */
const uint8_t *df_reader_page(struct df_reader *reader, uint64_t paddr, size_t page_size, struct df_err *err);
#define DF_PAGE_SIZE_MAX (256u << 10)

/* Which page frames an image describes or stores: those of which it does so with at least one byte.  page_shift: as
 * img->frame_shift where that is set. */
/* Words with a bit for each frame of one chunk of a page set: DF_CHUNK_WORDS. */
void df_image_chunk(const struct df_image *image, enum df_part part, unsigned page_shift, uint64_t chunk,
		    uint64_t *words);
/* Frames [*first, *end) are the first at or behind from; those behind them may go on.  end may be NULL.  false: none.
 */
bool df_image_next(const struct df_image *image, enum df_part part, unsigned page_shift, uint64_t from, uint64_t *first,
		   uint64_t *end);
/* Distinct frames below end_pfn. */
uint64_t df_image_pages(const struct df_image *image, enum df_part part, unsigned page_shift, uint64_t end_pfn);
/* Every byte of the frames [pfn, pfn + pages) is described. */
bool df_image_whole(const struct df_image *image, unsigned page_shift, uint64_t pfn, uint64_t pages);
/* The part that tells how far a walk over all memory may go.  What is stored is bounded by the length of the file; so
 * is what is described where the input has a bit for each frame, and there a memory map may lie beside what is stored
 * that speaks of what is not. */
static inline enum df_part df_image_bounded(const struct df_image *image)
{
	return image->frame_shift ? DF_DESCRIBED : DF_STORED;
}

extern const struct df_image_ops df_image_extent_ops; /* images whose stored extents are plain file ranges */

#endif
