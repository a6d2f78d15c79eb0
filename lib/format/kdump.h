/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* kdump-compressed files: headers and descriptors, any word size and byte order, no I/O. */
#ifndef DF_FORMAT_KDUMP_H
#define DF_FORMAT_KDUMP_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DF_KDUMP_SIGNATURE        "KDUMP   " /* 8 bytes, no NUL */
#define DF_KDUMP_VERSION          6u
#define DF_KDUMP_UTS_FIELD        65u
#define DF_KDUMP_UTS_SIZE         (6u * DF_KDUMP_UTS_FIELD)
#define DF_KDUMP_DESC_SIZE        24u
#define DF_KDUMP_STATUS_OFFSET_64 424u
#define DF_KDUMP_HEADER_MAX       464u
#define DF_KDUMP_SUBHEADER_MAX    104u

enum df_kdump_status {
	DF_KDUMP_ZLIB = 0x01,
	DF_KDUMP_LZO = 0x02,
	DF_KDUMP_SNAPPY = 0x04,
	DF_KDUMP_INCOMPLETE = 0x08,
	DF_KDUMP_EXCLUDED_VMEMMAP = 0x10,
	DF_KDUMP_ZSTD = 0x20,
};

/* How a machine's C compiler laid the structs out. */
struct df_kdump_abi {
	bool big_endian;
	uint8_t bits;    /* 32 or 64 */
	uint8_t align64; /* alignment of a 64-bit number: 8, or 4 on i386 */
};

/* The main header, first block of the file.  block_size is bytes, sub_hdr_size and bitmap_blocks are blocks, max_mapnr
 * is frames and ends at 32 bits. */
struct df_kdump_header {
	uint32_t version;
	uint8_t uts[DF_KDUMP_UTS_SIZE]; /* sysname, nodename, release, version, machine, domainname */
	uint64_t time_sec, time_usec;
	uint32_t status, block_size, sub_hdr_size, bitmap_blocks, max_mapnr;
	uint32_t total_ram_blocks, device_blocks, written_blocks, current_cpu;
	int32_t nr_cpus;
};

/* The second block on.  Offsets and sizes are bytes from the beginning of the file, 0 where there is none; pairs of
 * frame numbers are [start, end) and count only where split is set. */
struct df_kdump_subheader {
	uint64_t phys_base;
	uint32_t dump_level, split;
	uint64_t start_pfn, end_pfn; /* the obsolete, word-sized pair */
	uint64_t offset_vmcoreinfo, size_vmcoreinfo, offset_note, size_note, offset_eraseinfo, size_eraseinfo;
	uint64_t start_pfn_64, end_pfn_64, max_mapnr_64;
};

/* The index entry of one page.  offset and size are bytes of the file: size that of the packed page.  flags names the
 * codec, 0 = stored as it is.  All zero: the page is not there. */
struct df_kdump_desc {
	uint64_t offset;
	uint32_t size, flags;
	uint64_t page_flags;
};

/* Alignment of 64-bit numbers on a machine (ELF e_machine, 0 where not known). */
uint8_t df_kdump_align64(uint8_t bits, uint16_t machine);
bool df_kdump_is(const void *buffer, size_t length);
size_t df_kdump_header_size(const struct df_kdump_abi *abi);    /* 464 or 452 */
size_t df_kdump_subheader_size(const struct df_kdump_abi *abi); /* 104, 80 or 96 */
/* Byte offset of status in the main header. */
size_t df_kdump_status_offset(const struct df_kdump_abi *abi);
/* buffer: zeroed by the callee over the struct's size. */
void df_kdump_encode_header(const struct df_kdump_abi *abi, const struct df_kdump_header *header, void *buffer);
void df_kdump_encode_subheader(const struct df_kdump_abi *abi, const struct df_kdump_subheader *subheader,
			       void *buffer);
void df_kdump_encode_desc(const struct df_kdump_abi *abi, const struct df_kdump_desc *desc, void *buffer);
void df_kdump_decode_header(const struct df_kdump_abi *abi, const void *buffer, struct df_kdump_header *header);
/* Fields newer than version read as zero. */
void df_kdump_decode_subheader(const struct df_kdump_abi *abi, uint32_t version, const void *buffer,
			       struct df_kdump_subheader *subheader);
void df_kdump_decode_desc(const struct df_kdump_abi *abi, const void *buffer, struct df_kdump_desc *desc);
/* Finds word size and byte order of buffer (a main header, length bytes) by plausibility; i386 packing is told from the
 * padded one only by the sub header, so align64 is 8 for 32-bit.  false = no kdump header. */
bool df_kdump_guess_abi(const void *buffer, size_t length, struct df_kdump_abi *abi);

/* Where the parts lie: bytes from the beginning of the file, where nothing else is said. */
struct df_kdump_layout {
	uint64_t sub_offset;                                   /* sub header */
	uint64_t note_offset;                                  /* notes, right behind it */
	uint64_t bitmap1_offset, bitmap2_offset, bitmap_bytes; /* bytes of one bitmap, whole blocks */
	uint64_t desc_offset, data_offset;
	uint32_t sub_hdr_size, bitmap_blocks; /* header fields, blocks */
};
/* notes: bytes of the ELF notes; pages: descriptors.  E_UNSUPPORTED where a field would not fit. */
int df_kdump_layout(const struct df_kdump_abi *abi, uint32_t block, uint64_t max_mapnr, uint64_t notes, uint64_t pages,
		    struct df_kdump_layout *layout, struct df_err *err);

#endif
