/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Shared by kdump.c (what is in a file), kdump_set.c (several that are pieces of one dump) and kdump_pages.c (reading
 * pages) only. */
#ifndef DF_INPUT_KDUMP_H
#define DF_INPUT_KDUMP_H

#include "codec/codec.h"
#include "format/kdump.h"
#include "image/image.h"

/* Which page frames a file has, and how its index counts. */
struct df_kdump_piece {
	struct df_source source; /* of a piece; a dump that is not split is the image's source */
	bool is_own;
	uint64_t start, end; /* frames [start, end) */
	uint64_t first;      /* pages stored below start: its index begins behind them */
};

/* The image's format_data.  Immutable once opened, shared by all readers.  block and desc_at are bytes, rank counts
 * pages. */
struct df_kdump_input {
	struct df_kdump_abi abi;
	uint32_t block;
	uint64_t desc_at;              /* first descriptor, in each file */
	const struct df_codec *codec;  /* that the header speaks of; NULL: none */
	uint64_t *rank;                /* pages stored below each chunk */
	struct df_kdump_piece *pieces; /* in ascending order, without a gap */
	unsigned npieces;              /* at least 1 */
};

/* While a file is opened. */
struct df_kdump_opener {
	struct df_image *image;
	struct df_kdump_input *input;
	const struct df_source *source; /* the file that is looked at */
	struct df_kdump_header header;
	struct df_kdump_subheader subheader;
	uint64_t start, end; /* of a piece */
	uint64_t max_mapnr;
	uint64_t bitmap_at, bitmap1, bitmap2; /* where the two begin */
	uint8_t *buffer;                      /* two pieces of bitmaps */
	size_t erased_first, erased_cap;      /* length of the first text about erased data; capacity of all */
};

/* The opener, and image's format_data and ops.  NULL with err set.  Freed by the caller with df_kdump_opener_free(). */
struct df_kdump_opener *df_kdump_opener_new(struct df_image *image, struct df_err *err);
void df_kdump_opener_free(struct df_kdump_opener *opener); /* NULL is fine */
/* Both headers of opener->source, which begins with head[length]; sub header fields are in opener. */
int df_kdump_read_headers(struct df_kdump_opener *opener, const uint8_t *head, size_t length, struct df_err *err);
/* Everything else, from opener->source. */
int df_kdump_read_rest(struct df_kdump_opener *opener, struct df_err *err);
/* Page frames [first, end) in bitmap 2 of opener->source are those that the image stores; first: of a chunk's begin. 0,
 * or E_CORRUPT. */
int df_kdump_compare_bitmap(struct df_kdump_opener *opener, uint64_t first, uint64_t end, struct df_err *err);
/* Text about erased data, behind what the image has of it, unless the same is there. */
int df_kdump_read_eraseinfo(struct df_kdump_opener *opener, struct df_err *err);

extern const struct df_image_ops df_kdump_image_ops;

#endif
