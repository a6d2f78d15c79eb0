/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The parts of the ELF writer: elf.c drives copying, elf_cut.c cuts loads into segments, elf_head.c lays out and writes
 * what stands in front of the data, elf_count.c counts the frames that arrive.  For these files alone.
 */
#ifndef DF_WRITER_ELF_H
#define DF_WRITER_ELF_H

#include "format/elf.h"
#include "pageset/pageset.h"
#include "writer/writer.h"

#define DF_ELF_GAP 256u /* pages in a row that are left out cut a load */

struct df_elf_segment {
	uint64_t paddr, vaddr, memsz, filesz, offset, align;
	uint32_t flags;
};

struct df_elf_piece {
	uint64_t paddr, offset;
	size_t length;
	bool ends;        /* the data of its segment */
	uint64_t lost[2]; /* a bit for each frame from the first on: kept, but could not be read */
	uint8_t *buffer;
	char why[DF_ERR_TEXT];
};

/* Where cutting stands: at a load, and in it. */
struct df_elf_cut {
	size_t load;
	bool inside;
	uint64_t start;    /* of the segment under way */
	uint64_t data_end; /* behind its last kept byte so far */
	uint64_t kept;     /* behind its last kept frame so far */
	uint64_t offset;   /* of the next data in the file */
	uint64_t count;    /* segments so far */
};

struct df_elf_frames {
	uint64_t first, end;
	uint64_t bit; /* of first, in elf.seen */
};

struct df_elf_writer {
	const struct df_output *output;
	struct df_written *done;
	struct df_elf_header header;
	uint64_t nseg;
	uint64_t shdr_at, note_at, data_at; /* file offsets */
	uint8_t *erased;                    /* a note that the input lacks, behind those that it has … */
	size_t erased_len;                  /* … and its bytes, 0 = none */
	/* copying */
	unsigned workers, nslots;
	struct df_reader *readers;
	struct df_elf_piece *slots;
	struct df_pageset lost;        /* kept frames that could not be read: overlapping loads hold them twice */
	struct df_elf_cut cursor;      /* make: segment … */
	struct df_elf_segment segment; /* … which is this, */
	uint64_t at_byte;              /* … and byte of it */
	uint64_t total, copied, lost_lines;
	uint64_t written; /* data of segments up to here (file offset) is in the sink */
	/* counting each frame once, although loads overlap */
	struct df_elf_frames *shared; /* sorted: frames of more than one load */
	size_t nshared;
	uint64_t *seen; /* a bit for each of them: it is counted */
};

/* elf_cut.c: the next segment of the output, false behind the last one.  Whoever starts with a zeroed cut gets all of
 * them again. */
bool df_elf_next_segment(const struct df_elf_writer *elf, struct df_elf_cut *cursor, struct df_elf_segment *segment);
/* The plan could not be made again on the way: what came of it is wrong. */
int df_elf_plan_failed(const struct df_elf_writer *elf, struct df_err *err);

/* elf_head.c: number of segments, offsets and the file's header. */
int df_elf_lay_out(struct df_elf_writer *elf, struct df_err *err);
/* All in front of the data. */
int df_elf_begin(struct df_elf_writer *elf, struct df_err *err);
/* Program headers; bytes of the file behind limit are not there. */
int df_elf_write_phdrs(struct df_elf_writer *elf, uint64_t limit, struct df_err *err);
/* The mark of the incomplete, or none. */
int df_elf_write_mark(struct df_elf_writer *elf, bool complete, struct df_err *err);
/* Bytes of header and program headers. */
uint64_t df_elf_heads_len(const struct df_elf_writer *elf);
/* Of a flattened stream that ends early, last of all: the headers with the mark, in place of the first ones. */
int df_elf_write_heads_again(struct df_elf_writer *elf, uint64_t limit, struct df_err *err);

/* elf_count.c: frames that more than one load has, and room to remember which of them are counted; before copying. */
int df_elf_find_shared(struct df_elf_writer *elf, struct df_err *err);
/* Of a piece that is written: frames that are complete with it, and those that could not be read. */
void df_elf_count_frames(struct df_elf_writer *elf, const struct df_elf_piece *piece);
void df_elf_count_lost(struct df_elf_writer *elf, const struct df_elf_piece *piece);

#endif
