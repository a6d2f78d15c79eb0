/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The copying pipeline: kept pages in batches; a worker owns a batch from reading to compressing; batches come out in
 * the order of frames, whatever the number of threads.
 *
 * In come a set of frames and an image, out come batches of packed pages; where they go is for the writer to say.  The
 * pipeline must not read a frame that is not in the set, and has all memory for copying before it begins.  A page that
 * cannot be read ends nothing: it comes out as LOST or GONE, and the ones behind it follow.
 */
#ifndef DF_PIPE_PIPE_H
#define DF_PIPE_PIPE_H

#include "codec/codec.h"
#include "image/image.h"
#include "pageset/pageset.h"

/* A batch is at most 64 pages and at most this many bytes of pages: two batches a thread must fit the memory promise.
 */
#define DF_BATCH_PAGES 64u
#define DF_BATCH_BYTES (256u << 10)

/* GONE: lost already when the input was made; LOST: now. */
enum df_page_kind { DF_PAGE_ZERO, DF_PAGE_RAW, DF_PAGE_PACKED, DF_PAGE_LOST, DF_PAGE_GONE };

static inline bool df_page_is_missing(uint8_t kind)
{
	return kind == DF_PAGE_LOST || kind == DF_PAGE_GONE;
}

/* The slot of the pool: reused for one batch after the other, owned by one thread at a time.  kind, size and page_at go
 * with pfn; sizes and offsets are bytes. */
struct df_batch {
	unsigned count, part;
	uint64_t pfn[DF_BATCH_PAGES];
	uint8_t kind[DF_BATCH_PAGES];  /* enum df_page_kind */
	uint32_t size[DF_BATCH_PAGES]; /* bytes in data, one page's behind the other's; 0 for the others */
	uint8_t *data;
	size_t data_len;
	uint64_t at;                      /* for the writer's use: where data goes … */
	uint64_t page_at[DF_BATCH_PAGES]; /* … and where each page's is */
	bool shared;                      /* data holds pages that are elsewhere already */
	struct df_err late;               /* also the writer's: writing failed */
	char why[DF_ERR_TEXT];            /* of the first page that is LOST or GONE */
};

/* Frames [start, end). */
struct df_pipe_part {
	uint64_t start, end;
};

/* What to copy and whom to give it to.  Filled in by the writer and borrowed by a run, as is all that it points to.
 * Frames are of 2^page_shift bytes, the kernel's pages. */
struct df_pipe {
	struct df_env *env;
	const struct df_image *image;
	const struct df_pageset *keep;
	unsigned page_shift;
	unsigned threads;
	const struct df_codec *codec; /* NULL: pages as they are */
	int codec_level;              /* 0 = default */
	bool find_zero;               /* pages of zeros are ZERO instead of stored */
	int phase;                    /* of progress; 0 = DUMPFILTER_PHASE_COPY; negative: none is shown */
	/* A sample: pass over skip / 2 kept pages, then take `group` of them and pass over skip, and so on.  skip 0:
	 * all. */
	unsigned group;
	uint64_t skip;
	/* Batches come from the parts in turn, so that all of them grow together; what a part's batches are does not
	 * depend on the others.  NULL = one part with everything. */
	const struct df_pipe_part *parts;
	unsigned nparts;
	void *user;
	/* In order, by any thread, one at a time: give the batch its place.  NULL = nothing to do. */
	void (*place)(void *user, struct df_batch *batch);
	/* After place, by any thread, up to `writers` at the same time (0 = any number): write the data.  NULL = take
	 * does it. */
	int (*write)(void *user, struct df_batch *batch, struct df_err *err);
	unsigned writers;
	/* Each batch, in order, on the calling thread.  Negative: stop. */
	int (*take)(void *user, struct df_batch *batch, struct df_err *err);
};

struct df_pipe_run;

/* Readers, codec states and buffers: all memory that copying needs.  NULL with err set. */
struct df_pipe_run *df_pipe_start(const struct df_pipe *pipe, struct df_err *err);
/* Pages that it will look at. */
uint64_t df_pipe_total(const struct df_pipe *pipe);
/* Copy all of keep.  DUMPFILTER_E_CANCELLED where df_cancelled() turned true; else the first failure in order.  Pages
 * that cannot be read are LOST or GONE, which is no failure. */
int df_pipe_copy(struct df_pipe_run *run, struct df_err *err);
/* From take: no more batches of this part. */
void df_pipe_end_part(struct df_pipe_run *run, unsigned part);
void df_pipe_stop(struct df_pipe_run *run); /* NULL is fine */

/* keep without its pages of zeros.  Progress: phase ZERO. */
int df_pipe_drop_zero(const struct df_pipe *pipe, struct df_pageset *keep, uint64_t *dropped, struct df_err *err);

/* Allocate what that does, and free it. */
int df_pipe_rehearse_zero(const struct df_pipe *pipe, struct df_err *err);

/* true: length bytes (a multiple of 64) at bytes are all zero. */
bool df_is_zero(const uint8_t *bytes, size_t length);

#endif
