/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Output formats.  A writer says "these bytes at this offset" to a sink and knows nothing of where they go.
 *
 * What is written opens at any moment: headers and index come first and carry the incomplete mark; the index is filled
 * as pages arrive; the mark is taken off last, when all else is on the disk.  A sink that cannot write a range twice
 * gets the mark's bytes only at the end, with the result in them.
 *
 * The folder writer/ takes what is kept as given: it leaves out pages of zeros and nothing else.  It must never name
 * data that was not written, which is why an index entry follows its page, and never read a frame of `forbidden`: doing
 * so on a running crash kernel can stop the machine.
 */
#ifndef DF_WRITER_WRITER_H
#define DF_WRITER_WRITER_H

#include "image/image.h"
#include "io/sink.h"
#include "pageset/pageset.h"
#include "pipe/pipe.h"
#include "writer/estimate.h"

/* A file of a split dump: the page frames [start, end), and what came of it. */
struct df_piece {
	struct dumpfilter_sink *sink; /* NULL while rehearsing */
	uint64_t start, end;
	uint64_t kept, pages; /* frames that belong into it, and that are in it */
	int result;           /* 0, DUMPFILTER_PARTIAL, or negative: nothing that opens */
	uint64_t bytes, size; /* given to the sink, end of its file; set when the run is over */
};

/* What a writer must know of the dump.  Borrowed for one call; the writer changes nothing in it but sinks, pieces, keep
 * and *zero_dropped.  Frames are of 2^page_shift bytes; max_pfn is the frame behind the last one. */
struct df_output {
	struct df_env *env;
	const struct df_image *image;
	struct dumpfilter_sink *sink; /* NULL where there are pieces */
	struct df_piece *pieces;
	unsigned npieces;                   /* 0 = not split */
	uint64_t granule;                   /* pieces begin at multiples of so many frames */
	struct df_pageset *keep;            /* kdump: with pages of zeros; ELF: the writer takes them out */
	const struct df_pageset *forbidden; /* pages that must not be read: poisoned or offline */
	uint64_t *zero_dropped;             /* pages of zeros that were taken out of keep, also in an earlier attempt */
	uint64_t max_pfn;
	unsigned page_shift;
	unsigned threads;
	int level;
	const struct df_codec *codec; /* NULL: none */
	int codec_level;              /* 0 = its default */
	const uint8_t *uts;           /* 6 × 65 bytes */
	uint64_t crash_time, crash_usec, phys_base;
	bool without_vmemmap; /* pages of struct pages are missing in keep */
	bool incomplete;      /* the input is already known to lack pages: the mark stays */
};

/* What came of it, in pages of the kernel's size. */
struct df_written {
	uint64_t pages; /* in the output, with zero pages */
	uint64_t zero_pages;
	uint64_t lost_pages, unreadable_pages;
	uint64_t lost_before; /* of the unreadable ones: lost already when the input was made */
	uint64_t elf_pages;   /* ELF: pages in the output with those that fill small gaps */
};

/* Log lines about lost pages: an input that lacks many would flood a console.  The report has their number. */
#define DF_LOST_LINES 8u

/* An output format: constant. */
struct df_writer {
	int format; /* enum dumpfilter_format */
	const char *name;
	bool compresses;
	bool needs_forbidden; /* df_output.forbidden is set */
	bool sifts;           /* takes pages of zeros out of df_output.keep */
	bool splits;          /* writes pieces */
	/* Write all.  0; DUMPFILTER_PARTIAL with err telling why; negative: nothing that opens was written. */
	int (*write)(const struct df_output *output, struct df_written *done, struct df_err *err);
	/* Allocate what write() does, in its order, and free it: for measuring.  Sinks may be NULL. */
	int (*rehearse)(const struct df_output *output, struct df_err *err);
	/* How large it would be; output->sink is NULL.  Nothing of the output's is changed.  Does not report pages that
	 * cannot be read. */
	int (*estimate)(const struct df_output *output, struct df_estimate *estimate, struct df_err *err);
};

/* fits.c.  Before the first byte: do the headers fit below the limit of output->sink?  They end at offset head; where
 * offsets say nothing, begin() is called to write them to a sink that is as output->sink.  0, or E_NOSPACE. */
int df_writer_fits(const struct df_output *output, uint64_t head,
		   int (*begin)(void *user, struct dumpfilter_sink *sink, struct df_err *err), void *user,
		   struct df_err *err);

extern const struct df_writer df_writer_kdump, df_writer_elf;
const struct df_writer *df_writer_find(int format);

#endif
