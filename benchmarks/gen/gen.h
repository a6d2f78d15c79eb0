/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Large vmcores of an x86_64 kernel for benchmarks.  See main.c for what they look like. */
#ifndef BENCHMARKS_GEN_H
#define BENCHMARKS_GEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PAGE        UINT64_C(4096)
#define MIB         (UINT64_C(1) << 20)
#define GIB         (UINT64_C(1) << 30)
#define BLOCK       (2 * MIB) /* what a large page maps: the struct pages of just one section */
#define SECTION     (128 * MIB)
#define SECTION_PFN (SECTION / PAGE)
#define PAGE_STRUCT UINT64_C(64)

#define HOLE_START (3 * GIB) /* of PCI devices: no memory from here … */
#define HOLE_END   (4 * GIB) /* … to here */

#define KERNEL_PA   (16 * MIB)
#define KERNEL_SIZE (32 * MIB)
#define TEXT        UINT64_C(0xffffffff81000000) /* virtual address of KERNEL_PA */
#define DIRECT      UINT64_C(0xffff888000000000)
#define VMEMMAP     UINT64_C(0xffffea0000000000)

#define SECTION_NONE UINT64_MAX

enum kind { KIND_REAL, KIND_SCALE, KIND_SHARED };

/* What the classes are counted for: the numbers that a plan must come to. */
enum count { COUNT_KEEP, COUNT_CACHE, COUNT_PRIVATE, COUNT_USER, COUNT_FREE, COUNTS };

struct gen {
	enum kind kind;
	uint64_t end; /* of physical memory */
	int fd;
	uint8_t *file;      /* all of it, mapped; for what is written here and there */
	uint64_t data;      /* offset of physical address 0 */
	uint64_t next;      /* physical memory for tables is taken from here upwards */
	uint64_t structs;   /* physical address of the struct pages of frame 0, where there is one for each frame */
	uint64_t first_own; /* KIND_SHARED: struct pages of section 0 */
	uint64_t random;    /* state of the generator */
	uint64_t count[COUNTS];
	uint8_t *buffer;     /* the struct pages of one section, which are made in ascending order … */
	uint64_t section;    /* … of this one; SECTION_NONE: of none yet */
	struct files *files; /* contents of this machine's files; NULL: not needed */
};

_Noreturn void gen_fail(const char *what);

/* xorshift64*: deterministic, the seed is in main.c. */
uint64_t gen_random(struct gen *gen);
uint64_t gen_below(struct gen *gen, uint64_t count);

/* Bytes of the file that hold a physical address. */
uint8_t *gen_at(const struct gen *gen, uint64_t paddr);
/* Large runs: quicker than page faults on a mapping. */
void gen_write(const struct gen *gen, uint64_t paddr, const void *buffer, size_t length);
/* Zeroed physical memory for what the kernel keeps beside its image. */
uint64_t gen_alloc(struct gen *gen, uint64_t bytes, uint64_t align);
void gen_put64(uint8_t *bytes, uint64_t value);

/* memmap.c: struct pages, and contents for KIND_REAL. */
void gen_memmap(struct gen *gen);
/* Physical address of the struct pages of a section. */
uint64_t gen_section_structs(struct gen *gen, uint64_t section);

/* content.c */
enum content { CONTENT_KERNEL_TEXT, CONTENT_SLAB, CONTENT_KERNEL, CONTENT_CACHE, CONTENT_USER, CONTENT_STALE };
struct files *gen_files_open(void);
void gen_files_close(struct files *files);
/* Contents for a frame into page, which is all zeros. */
void gen_fill(struct gen *gen, enum content what, uint64_t pfn, uint8_t *page);

#endif
