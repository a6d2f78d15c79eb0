/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reading kdump-compressed, ELF and flattened files without the library: the oracle of the tests.  Whole files are
 * mapped; what cannot be read at all ends the program with status 2, what merely does not hold is counted. */
#ifndef TESTS_BUILDER_READDUMP_H
#define TESTS_BUILDER_READDUMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RD_MAX_BLOCK (1u << 20)

/* A stretch of physical memory and where its bytes are; extents of a dump do not overlap. */
struct extent {
	uint64_t paddr, end, off;
};

struct load {
	uint64_t off, vaddr, paddr, filesz, memsz;
};

/* Offsets of the fields of the two kdump headers: 64 bits, 32 bits packed (i386), 32 bits padded (arm, ppc). */
struct layout {
	const char *name;
	bool is64;
	unsigned time, status; /* main header; block size and the rest follow the status */
	unsigned level, split, vmci_off, vmci_size, note_off, note_size, erase_off, erase_size, start64, end64, max64,
		size;
};

struct dump {
	const char *path;
	const uint8_t *bytes;
	uint64_t count;
	bool elf, big, is64, flat, incomplete;
	uint32_t block;
	/* kdump */
	const struct layout *layout;
	uint32_t version, status, sub_blocks, bitmap_blocks, nr_cpus, level, split;
	uint64_t max_mapnr, start_pfn, end_pfn, vmci_off, vmci_size, note_off, note_size, erase_off, erase_size;
	const uint8_t *bm1, *bm2;
	uint64_t pd_at, dumpable;
	/* ELF */
	struct load *loads;
	size_t nloads;
	struct extent *extent;
	size_t next, cap_ext;
	uint8_t *notes; /* all PT_NOTE, one after the other */
	uint64_t notes_size;
};

extern unsigned rd_bad_count;
_Noreturn void rd_die(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* Something does not hold: said (the first twenty times) and remembered for the exit status. */
void rd_bad(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void *rd_need(void *memory);

struct dump *rd_open(const char *path);
void rd_close(struct dump *dump);

/* A number in the dump's byte order; word: of its word size. */
uint64_t rd_get(const struct dump *dump, uint64_t at, unsigned width);
uint64_t rd_word(const struct dump *dump, uint64_t at);
bool rd_bit(const uint8_t *map, uint64_t i);
/* Whether [off, off + length) lies in the file. */
bool rd_inside(const struct dump *dump, uint64_t off, uint64_t length);
uint64_t rd_div_up(uint64_t start, uint64_t end);

/* The bytes of a page that an ELF file has, zeros elsewhere; mask (may be NULL) says which.  Returns how many. */
uint64_t rd_assemble(struct dump *dump, uint64_t pfn, uint32_t block, uint8_t *buffer, uint8_t *mask);
/* Whether a PT_LOAD touches the page, with data or without. */
bool rd_touches(const struct dump *dump, uint64_t pfn, uint32_t block);
bool rd_kept(const struct dump *dump, uint64_t pfn);
/* The first kept page frame from pfn on, or UINT64_MAX. */
uint64_t rd_next(const struct dump *dump, uint64_t pfn);
/* Page frames that exist: bitmap 1, or touched by a PT_LOAD. */
uint64_t rd_present(const struct dump *dump);

#endif
