/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Small vmcores from text recipes.  Independent of the library on purpose: what it says about a kernel comes from the
 * notes and sources of real kernels, and it serves as the oracle of the tests.
 *
 *     struct builder_image image;
 *     char err[BUILDER_ERR];
 *     if (builder_build(text, strlen(text), &image, err))
 *             puts(err);
 *     ... image.data, image.size ...
 *     builder_image_free(&image);
 *
 * A RECIPE is lines of words.  `#` at the start of a word begins a comment; "..." quotes.  Numbers are decimal, 0x hex
 * or negative, with K, M, G or T behind them, or @NAME (a symbol's address; see `mem`).  PFNS is a comma list of N, N-M
 * (both ends included) or N+COUNT.  Lines work in stages (machine, memory, struct pages, contents, file): only inside a
 * stage does their order count.  A word that nobody understands is an error.
 *
 * The machine and the kernel
 *   machine NAME|NUMBER [class=32|64] [endian=little|big] [page=BYTES]
 *              x86_64 (default), s390x, arm64, i386, ppc or a number of e_machine.
 *   preset NAME                one of the layouts in presets.c (default 6.1): the kernel's own facts, and which of them
 * it prints in its note fact KEY=VALUE…            change the kernel itself; !KEY=VALUE is not printed; -KEY makes it
 * unknown info set KEY=VALUE | drop KEY | line TEXT | none | raw TEXT change only what the note says (set appends where
 * the key is new); raw TEXT replaces the note, with \n for a newline uts [sysname=] [nodename=] [release=] [version=]
 * [machine=] [domainname=]
 *
 * Physical memory
 *   ram PADDR SIZE [nomap] [zero]
 *              memory; nomap: without struct pages (a ROM); zero: all zeros, costs nothing.  Default: ram 0 32M
 *   layout KEY=VALUE…          kernel (paddr of the image, default 16M), kernel_size (2M), text (vaddr of the image),
 *                              kaslr, direct, direct_pa, vmemmap, vmalloc (bases), alloc_end (tables and memmap are
 * taken downwards from here; default the end of RAM), koff, image_gap (s390x) paging [levels=4|5|3] [direct=4K|2M|1G]
 * [kernel=…] [vmemmap=…] [sme=MASK] [leafbits=MASK] [off] leafbits: bits that every leaf gets on top (protection keys,
 * the PAT bit of a large page) memmodel sparse-extreme|sparse|flat [memmap=vmemmap|direct] [section_bits=N]
 * [phys_bits=N] section N [absent] [flags=MASK] [or=MASK] [word=VALUE] of section number N: not present, its flag bits,
 * bits added, or the whole word
 *
 * Struct pages (all start as: flags 0, type none, map count -1, compound word 0)
 *   page PFNS [kind=K] [flags=+lru,+private,-x,0xMASK] [mapping=anon|ksm|file|movable|none|VALUE] [type=T|VALUE]
 * [low=N] [order=N] [private=N] [count=N] [compound=VALUE] [.FIELD=VALUE] [uN@OFFSET=VALUE] kind (page and compound):
 * anon, ksm, file, private, shmem, swapcache, hugetlb, pool, slab, table, offline, zsmalloc, other.  type: none, buddy,
 * offline, hugetlb, slab, unaccepted, table, guard, zsmalloc, balloon. .FIELD is any OFFSET(page.FIELD) of the preset.
 *   compound PFN order=N [kind=K] [tails=head|mask|none] [tail_mapping=VALUE] [hvo] [and all of `page` for the head]
 *              a whole unit: head, order, destructor, all tails.  hvo: the struct pages behind the first page of them
 *              are shared (page tables), as the kernel's hugetlb vmemmap optimisation leaves them
 *   buddy PFN order=N          a free block, also put on the zone's free list
 *   unmap PFNS                 the pages that hold these struct pages are not in the page tables
 *   share PFNS with=PFN        they are, but show the page that holds the struct page of PFN
 *   freelist break=PFN | nocount
 *              spoil the back link of that block's entry; nocount: the zone's counter stays 0
 *
 * Contents (default: every page differs from all others and is not zero)
 *   zero PFNS | random PFNS | fill PFNS BYTE
 *   mem ADDR [u8=N] [u16=N] [u32=N] [u64=N] [word=N] [str=TEXT] [copy=ADDR,LEN] …
 *              in sequence from ADDR: p:PADDR, v:VADDR, or a symbol's name (allocated on first use), each with +OFFSET.
 *
 * The kernel's log (a part of the contents; symbols for `mem`: __log_buf, or prb_descs, prb_infos, prb_text)
 *   log text|records|ring [bits=N] [count=N] [fits]
 *              an empty log of 2^bits bytes (12), a ring of 2^count records (5); fits: as from 6.18 on.  The layout
 *              is the preset's: 2.6.32 has text, up to 5.9 records, from 5.10 a ring
 *   say TEXT [ts=NS] [level=N] [facility=N] [caller=N] [flags=N] [dict=BYTES] [state=N] [lost]
 *              [times=N [gap=NS]] [pad=N]
 *              what printk() does; TEXT with \n, \xHH, \\ and {n}, the number of the repetition; pad: to N bytes,
 *              with dots; state: of the ring's descriptor (1 committed, 0 reserved, 3 reusable); lost: no room for
 *              the text
 *   log clear  what `dmesg --clear` does
 *
 * The file
 *   elf [style=kdump|held|qemu] [order=reverse] [xnum] [gap=BYTES]
 *              kdump: as /proc/vmcore; held: notes right behind the headers, data page aligned; qemu: section headers
 *              first, e_phoff 192, e_ehsize 8, p_vaddr 0, data unaligned behind the notes.  gap: bytes between loads.
 *   load PADDR SIZE [vaddr=auto|V] [filesz=N] [memsz=N] [offset=N] [flags=N] [align=N] [split=N]
 *   load kernel | load ram     default: load kernel, then load ram (one for each `ram`)
 *   shdr NAME SIZE [type=N] [offset=N]
 *              a section of the file, with bytes of its own (or those at offset) that no program header has; the table
 *              lies at the end of the file (qemu: at its beginning), the names behind all data
 *   prstatus N                 number of NT_PRSTATUS notes (default 2)
 *   note NAME TYPE SIZE [segment=N] [namesz=N] [descsz=N] [first]
 *              one more note behind (or before) the others; namesz/descsz: what the header says
 *   vmcoreinfo segment=N [name=NAME]
 *   ehdr FIELD=VALUE…          patch the ELF header: e_phnum and so on
 *   phdr N FIELD=VALUE…        patch program header N: p_type, p_offset, p_vaddr, p_paddr, p_filesz, p_memsz, …
 *   cut BYTES | cut -BYTES     the file ends here (or this long before its end)
 *
 * EXPECTATIONS are comments, read by builder_expect_parse():
 *   # expect class=C drop=PFNS    C: cache (left out by 2 or 4), private (4), user (8), free (16), hwpoison, offline
 * (any) # expect class=C may=PFNS     both left out and kept are right where the class is asked for # expect level=N
 * drop=PFNS | keep=PFNS | may=PFNS      at this level, whatever the lines above say # expect present=N            page
 * frames that exist, each counted once # expect outcome=ok|warn|fail|any     default any of ok and warn; `any` also
 * allows a clean failure A word `--` ends such a line.  Every page that is in the image and in no list is kept.
 */
#ifndef TESTS_BUILDER_BUILD_H
#define TESTS_BUILDER_BUILD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BUILDER_ERR 256

struct builder_range {
	uint64_t first, last; /* page frames, both included */
};
struct builder_ranges {
	struct builder_range *range;
	size_t count;
};

struct builder_image {
	uint8_t *data;
	size_t size;
	uint32_t page_size;
	/* Page frames of which the file has at least one byte: ascending, no two touch. */
	struct builder_ranges present;
};

/* 0, or -1 and a line of text with the number of the recipe's line. */
int builder_build(const char *recipe, size_t length, struct builder_image *image, char errbuf[BUILDER_ERR]);
void builder_image_free(struct builder_image *image);

bool builder_ranges_have(const struct builder_ranges *ranges, uint64_t pfn);
uint64_t builder_ranges_count(const struct builder_ranges *ranges);

enum builder_class {
	BUILDER_CACHE,
	BUILDER_PRIVATE,
	BUILDER_USER,
	BUILDER_FREE,
	BUILDER_HWPOISON,
	BUILDER_OFFLINE,
	BUILDER_CLASSES
};
enum builder_verdict { BUILDER_KEEP, BUILDER_DROP, BUILDER_EITHER };
enum builder_outcome { BUILDER_OK_OR_WARN, BUILDER_OK, BUILDER_WARN, BUILDER_FAIL, BUILDER_ANY };

#define BUILDER_ALL_LEVELS 32u
struct builder_rule {
	unsigned level;
	enum builder_verdict verdict;
	struct builder_ranges pfns;
};

struct builder_expect {
	struct builder_ranges drop[BUILDER_CLASSES], may[BUILDER_CLASSES];
	struct builder_rule *rules;
	size_t nrules;
	bool has_present;
	uint64_t present;
	enum builder_outcome outcome;
};

int builder_expect_parse(const char *recipe, size_t length, struct builder_expect *expect, char errbuf[BUILDER_ERR]);
void builder_expect_free(struct builder_expect *expect);
/* What has to become of a page that is in the image. */
enum builder_verdict builder_expect_verdict(const struct builder_expect *expect, unsigned level, uint64_t pfn);
const char *builder_class_name(enum builder_class class);

#endif
