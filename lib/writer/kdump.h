/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Shared by kdump.c (the whole), kdump_file.c (a file's index and data), kdump_head.c (headers and bitmaps) and
 * kdump_put.c (bytes into one file); each calls those that stand behind it.
 *
 * A dump is one file or, split, several: each has all headers and both bitmaps, and of the index and the data its own
 * part.  A file that fails takes no more, and the others go on.
 */
#ifndef DF_WRITER_KDUMP_H
#define DF_WRITER_KDUMP_H

#include "format/kdump.h"
#include "writer/share.h"
#include "writer/writer.h"

#include <stdatomic.h>

#define DF_KDUMP_DESCS (64u << 10) /* descriptors are written in pieces of this size */

/* One file of the output and how far it is.  Offsets and sizes are bytes of that file. */
struct df_kdump_file {
	struct dumpfilter_sink *sink;
	bool split;
	uint64_t start, end; /* frames [start, end) */
	uint64_t kept;       /* of these: descriptors */
	uint64_t zero_at;    /* shared page of zeros; 0 = none */
	uint64_t data_end;   /* where the next page's data goes */
	uint64_t desc_done;  /* bytes of the descriptor table that are written */
	uint8_t *desc;       /* those behind */
	size_t desc_len;
	struct df_share *share; /* NULL: pages are not compressed */
	uint64_t pages;         /* described and in the file */
	struct df_err err;      /* code 0: nothing has failed */
	atomic_bool dead;       /* something has: for other threads */
	bool headless;          /* not even the headers are there, or the index is not and cannot be mended */
};

/* One run of the writer over all of its files. */
struct df_kdump {
	const struct df_output *output;
	struct df_written *done;
	struct df_kdump_abi abi;
	struct df_kdump_layout layout;
	uint32_t block;
	uint32_t status;
	uint64_t lost_lines; /* said, or not */
	struct df_pipe_run *pipe;
	struct df_kdump_file *files;
	struct df_pipe_part *parts; /* NULL: not split */
	unsigned count;
};

/* Remember the first failure. */
void df_kdump_fail(struct df_kdump_file *file, const struct df_err *err);
/* Write, unless something has failed. */
void df_kdump_put(struct df_kdump_file *file, uint64_t offset, const void *buffer, size_t length);
void df_kdump_zeros(struct df_kdump_file *file, uint64_t offset, uint64_t length);
/* Negative where all files have failed: the first one's failure. */
int df_kdump_alive(const struct df_kdump *kdump, struct df_err *err);

/* All before the first page.  Negative: nothing that opens. */
int df_kdump_begin(struct df_kdump *kdump, struct df_err *err);
/* Of a flattened stream, last of all: the header with the mark, in place of the first one. */
int df_kdump_header_again(struct df_kdump *kdump, struct df_kdump_file *file, struct df_err *err);
/* The sub header; erased_at: where the text about erased data is, 0 = not known yet. */
int df_kdump_subheader(struct df_kdump *kdump, struct df_kdump_file *file, uint64_t erased_at, struct df_err *err);
/* Must the sub header wait until all is known?  Sinks that cannot write it again. */
bool df_kdump_subheader_late(const struct df_kdump *kdump, const struct df_kdump_file *file);

/* Tell the sink what will be written even where data does not fit any more: descriptors, those of `more` bytes on the
 * way included, the zeros that end the index, a sub header that waits, the header with the mark. */
void df_kdump_keep_room(struct df_kdump *kdump, struct df_kdump_file *file, size_t more);
/* The pipe's calls. */
void df_kdump_place(void *user, struct df_batch *batch);
int df_kdump_write(void *user, struct df_batch *batch, struct df_err *err);
int df_kdump_take(void *user, struct df_batch *batch, struct df_err *err);
/* What follows the data and the rest of the index. */
void df_kdump_end(struct df_kdump *kdump, struct df_kdump_file *file);
/* The mark, or that there is none; also where something has failed. */
int df_kdump_mark(struct df_kdump *kdump, struct df_kdump_file *file, bool incomplete, struct df_err *err);

#endif
