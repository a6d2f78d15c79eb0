/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Small kdump-compressed files of any version, word size, byte order and compressor, made without the library. */
#ifndef TESTS_UNIT_MKDUMP_H
#define TESTS_UNIT_MKDUMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mk {
	unsigned bits, align; /* 32 or 64; alignment of 64-bit numbers */
	bool big_endian;
	unsigned version;
	uint32_t block, status, level, split, nr_cpus;
	uint64_t phys_base, time;
	const char *machine; /* uname's; NULL = no names at all */
	const char *info;    /* VMCOREINFO text; NULL = none */
	uint32_t packer;     /* flag of the pages' codec: 1 zlib, 2 LZO, 4 snappy, 32 zstd */
	bool one_bitmap;     /* that stands for both */
	uint64_t start, end; /* with split: the frames of this piece */
	const char *erased;  /* text about erased data; NULL = none */
	/* A letter per frame: ' ' does not exist, '.' not stored, p packed, r raw, z the shared page of zeros, l lost,
	 * s with the data of the page stored before it. */
	const char *pages;
};

struct mk_file {
	uint8_t *data;
	size_t size;
	uint64_t sub_at, notes_at, notes_len, bitmap1_at, bitmap2_at, desc_at, data_at;
};

/* A small one of x86_64 with pages of all kinds. */
extern const struct mk mk_plain;

/* What a page that is stored holds. */
void mk_page(const struct mk *made, uint64_t pfn, uint8_t *buffer);
/* What the frame must hold, valid until the next call; NULL: nothing that could be read. */
const uint8_t *mk_wanted(const struct mk *made, uint64_t pfn);
void mk_build(const struct mk *made, struct mk_file *file);
void mk_free(struct mk_file *file);
/* A number in the file's byte order. */
void mk_put(const struct mk *made, uint8_t *at, unsigned width, uint64_t value);
/* Descriptor number i. */
void mk_desc(const struct mk *made, struct mk_file *file, uint64_t i, uint64_t offset, uint32_t size, uint32_t flags);
bool mk_can_pack(uint32_t packer);

#endif
