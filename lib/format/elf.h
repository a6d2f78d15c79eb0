/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * ELF core headers and notes: pure encode and decode, any class and byte order, no I/O.
 *
 * The folder format/ turns bytes of headers into structs with numbers and back: ELF, kdump-compressed, flattened.  It
 * is told word size and byte order and never asks for those of the machine that it runs on; no struct of the host is
 * laid over a file.  It reads and writes no file, allocates nothing, and judges only what a header says by itself: if
 * an offset lies inside the file is for the folder input/ to ask.
 */
#ifndef DF_FORMAT_ELF_H
#define DF_FORMAT_ELF_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DF_ELF_HEADER_MAX      64u /* bytes that hold an ELF header of either class */
#define DF_ELF_PHDR_MAX        56u
#define DF_ELF_SHDR_MAX        64u
#define DF_ELF_PN_XNUM         0xffffu
#define DF_ELF_ET_EXEC         2u
#define DF_ELF_ET_DYN          3u
#define DF_ELF_ET_CORE         4u
#define DF_ELF_PT_NULL         0u
#define DF_ELF_PT_LOAD         1u
#define DF_ELF_PT_NOTE         4u
#define DF_ELF_NT_PRSTATUS     1u
#define DF_ELF_NT_AUXV         6u
#define DF_ELF_NT_PV_CPU_DATA  0x30eu /* s390: registers of a protected guest, encrypted */
#define DF_ELF_NT_FILE         0x46494c45u
#define DF_ELF_NT_SIGINFO      0x53494749u
#define DF_ELF_SHT_NOBITS      8u
#define DF_ELF_FLAG_INCOMPLETE 1u /* e_flags: makedumpfile's mark */

/* An ELF header as it is stored; offsets and sizes are bytes.  Nothing in it is checked against the file. */
struct df_elf_header {
	bool big_endian;
	uint8_t bits; /* 32 or 64 */
	uint8_t osabi;
	uint16_t type, machine;
	uint32_t flags;
	uint64_t entry, phoff, shoff;
	uint16_t ehsize, phentsize, phnum, shentsize, shnum, shstrndx; /* as stored; phnum may be PN_XNUM */
};

/* A program header of either class, widened to 64 bits.  Bytes; filesz 0: described and not stored. */
struct df_elf_phdr {
	uint32_t type, flags;
	uint64_t offset, vaddr, paddr, filesz, memsz, align;
};

/* true: buffer starts with the ELF magic. */
bool df_elf_is(const void *buffer, size_t length);
/* Refuses (E_FORMAT, E_UNSUPPORTED, E_TRUNCATED) a bad class, byte order, version or a phentsize smaller than a header.
 */
int df_elf_decode_header(const void *buffer, size_t length, struct df_elf_header *header, struct df_err *err);
/* buffer: DF_ELF_HEADER_MAX bytes; returns the bytes of this class (52 or 64). */
size_t df_elf_encode_header(const struct df_elf_header *header, void *buffer);
size_t df_elf_header_size(const struct df_elf_header *header);
size_t df_elf_phdr_size(const struct df_elf_header *header);
/* buffer: at least df_elf_phdr_size(header) bytes. */
void df_elf_decode_phdr(const struct df_elf_header *header, const void *buffer, struct df_elf_phdr *phdr);
void df_elf_encode_phdr(const struct df_elf_header *header, const struct df_elf_phdr *phdr, void *buffer);
struct df_elf_shdr {
	uint32_t name, type; /* name: where in the section of names */
	uint64_t offset, size;
};
/* buffer: at least df_elf_shdr_size(header) bytes. */
void df_elf_decode_shdr(const struct df_elf_header *header, const void *buffer, struct df_elf_shdr *elf_shdr);
/* Section header 0 that holds the number of program headers where phnum is PN_XNUM: sh_info. */
size_t df_elf_shdr_size(const struct df_elf_header *header);
uint32_t df_elf_decode_shdr0_info(const struct df_elf_header *header, const void *buffer);
void df_elf_encode_shdr0(const struct df_elf_header *header, uint32_t phnum, void *buffer);

struct df_elf_note {
	const char *name; /* namesz bytes, not necessarily terminated */
	uint32_t namesz, type;
	const uint8_t *desc;
	uint32_t descsz;
	size_t desc_offset; /* of desc in the block of notes */
};
/* The note at *pos in notes[length]; moves *pos behind it.  false at the end, and where the note does not fit
 * (damaged: the walk stops). Always moves on. */
bool df_elf_next_note(bool big_endian, const uint8_t *notes, size_t length, size_t *pos, struct df_elf_note *note);
/* A note of type 0 into buffer: its size, which is a multiple of 4.  desc NULL: only the size. */
size_t df_elf_encode_note(bool big_endian, const char *name, const void *desc, uint32_t descsz, void *buffer);
/* Name without the terminating NULs equals text. */
bool df_elf_note_is(const struct df_elf_note *note, const char *text);

#endif
