/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Inside the builder.  Any failure leaves through bd_fail(); all memory hangs off the builder until then. */
#ifndef TESTS_BUILDER_BD_H
#define TESTS_BUILDER_BD_H

#include <setjmp.h>

#include "build.h"

#define BD_TOKENS  64
#define BD_REGIONS 16
#define BD_MAPS    64
#define BD_LOADS   131072
#define BD_ORDERS  32

struct bd;

struct bd_line {
	unsigned no, count;
	char *tok[BD_TOKENS];
	bool used[BD_TOKENS];
};

/* When a directive runs. */
enum bd_stage { BD_SETUP, BD_PAGES, BD_CONTENTS, BD_FILE };
struct bd_directive {
	const char *name;
	enum bd_stage stage;
	void (*run)(struct bd *builder, struct bd_line *line);
};

struct bd_region {
	uint64_t paddr, size;
	bool memmap, blank;
	uint8_t *bytes;
};

struct bd_fact {
	char *key, *val;
	bool shown;
};

/* Edits of the note: '=' set, '-' drop, '+' line. */
struct bd_edit {
	char what;
	char *key, *val;
};

struct bd_sym {
	char *name;
	uint64_t vaddr;
};

struct bd_map {
	uint64_t vaddr, paddr, length;
};

/* Struct pages of [first, end), at physical pa and virtual va. */
struct bd_span {
	uint64_t first, end, paddr, vaddr;
};

struct bd_section_edit {
	uint64_t number, word, flags, or_bits;
	bool absent, has_word, has_flags;
};

/* A page of struct pages that the page tables do not show at all (pa = UINT64_MAX) or show elsewhere. */
struct bd_alias {
	uint64_t vaddr, paddr;
};

struct bd_block {
	uint64_t pfn;
	unsigned order;
};

struct bd_log;
struct bd_form;
struct bd_machine {
	const char *name, *uts;
	unsigned e_machine;
	bool is64, big;
	unsigned page_shift;
	const struct bd_form *form; /* paging; NULL: none */
	void (*place)(struct bd *builder);
	unsigned prstatus; /* bytes of NT_PRSTATUS */
};

/* How page-table entries look.  Level 0 is the last (pages). */
struct bd_form {
	unsigned max_levels, levels;
	unsigned shift[5], bits[5];
	uint64_t (*table)(struct bd *builder, unsigned level, uint64_t paddr);
	uint64_t (*leaf)(struct bd *builder, unsigned level, uint64_t paddr);
	uint64_t (*empty)(unsigned level);
	uint64_t (*child)(struct bd *builder, unsigned level, uint64_t entry);
};

struct bd_layout {
	uint64_t kernel, kernel_size, text, kaslr, direct, direct_pa, vmemmap, vmalloc, alloc_end, koff, image_gap;
};
#define BD_UNSET UINT64_MAX

struct bd_paging {
	unsigned levels;
	uint64_t direct, kernel, vmemmap, sme, leafbits;
	bool off;
};

struct bd_phdr {
	uint32_t type, flags;
	uint64_t offset, vaddr, paddr, filesz, memsz, align;
	uint64_t from, length; /* physical bytes behind it */
	bool fixed_offset;
};

struct bd_note {
	const char *name;
	uint32_t type;
	uint64_t size, namesz, descsz;
	unsigned segment;
	bool first;
};

/* A section of the ELF file. */
struct bd_elf_section {
	const char *name;
	uint64_t type, size, offset;
	bool fixed_offset;
};

enum bd_style { BD_KDUMP, BD_HELD, BD_QEMU };
enum bd_model { BD_EXTREME, BD_SPARSE, BD_FLAT };

struct bd {
	jmp_buf out;
	char *err;
	unsigned line;
	void **mem;
	size_t nmem, cap_mem;

	struct bd_line *lines;
	size_t nlines;

	struct bd_machine machine;
	unsigned word, page_shift;
	uint64_t page;

	struct bd_region regions[BD_REGIONS];
	unsigned nregions;
	struct bd_layout layout;
	struct bd_paging paging;
	uint64_t root_pa;
	uint64_t image_next;
	struct bd_map maps[BD_MAPS];
	unsigned nmaps;

	struct bd_fact *facts;
	size_t nfacts;
	struct bd_edit *edits;
	size_t nedits;
	char *info_raw;
	bool info_none;
	struct bd_sym *syms;
	size_t nsyms;
	const char *uts[6];

	enum bd_model model;
	bool memmap_direct;
	unsigned section_bits, phys_bits;
	struct bd_section_edit *sections;
	size_t nsections;
	struct bd_span *spans;
	size_t nspans;
	struct bd_alias *aliases;
	size_t naliases;
	uint64_t shared_tails[BD_ORDERS]; /* by order: physical address of the page of tails that hvo shares; 0 = none
					     yet */
	uint64_t page_size, flags_off, lru_off; /* of struct page */
	uint8_t *blank;                         /* a struct page as all of them begin */

	struct bd_block *blocks;
	size_t nblocks;
	uint64_t freelist_break;
	bool freelist_nocount;

	enum bd_style style;
	bool reverse, xnum;
	uint64_t gap;
	unsigned nprstatus, info_segment;
	const char *info_name;
	struct bd_note *notes;
	size_t nnotes;
	struct bd_phdr *loads;
	size_t nloads;
	struct bd_elf_section *elf_sections;
	size_t nelf_sections;
	struct bd_line **patches;
	size_t npatches;
	bool has_cut;
	int64_t cut;

	struct bd_log *log;
};

_Noreturn void bd_fail(struct bd *builder, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Free p when the builder goes. */
void bd_keep(struct bd *builder, void *memory);
void *bd_mem(struct bd *builder, size_t bytes);
/* Room for one more element of an array of n; the array may move. */
void *bd_more(struct bd *builder, void *arr, size_t count, size_t size);
char *bd_dup(struct bd *builder, const char *text, size_t length);

/* words.c: lines, numbers, lists */
void bd_parse(struct bd *builder, const char *text, size_t length);
const char *bd_arg(struct bd *builder, struct bd_line *line, const char *what); /* next word without '=' */
const char *bd_next(struct bd_line *line, unsigned *i);                         /* next unused word */
const char *bd_opt(struct bd_line *line, const char *key);                      /* the value of key=, or NULL */
bool bd_flag(struct bd_line *line, const char *word);
uint64_t bd_num(struct bd *builder, const char *text);
uint64_t bd_opt_num(struct bd *builder, struct bd_line *line, const char *key, uint64_t otherwise);
/* 0, or -1 where s is no number. */
int builder_number(const char *text, uint64_t *out);
/* The same, owned by the builder. */
struct builder_ranges bd_pfns(struct bd *builder, const char *text);
int builder_pfns(const char *text, struct builder_ranges *ranges);

/* phys.c */
void bd_ram_done(struct bd *builder);
uint8_t *bd_phys(struct bd *builder, uint64_t paddr, uint64_t length);
uint8_t *bd_phys_try(struct bd *builder, uint64_t paddr, uint64_t *length);
uint64_t bd_alloc(struct bd *builder, uint64_t bytes, uint64_t align);
void bd_put(struct bd *builder, uint8_t *bytes, unsigned width, uint64_t value);
uint64_t bd_get(struct bd *builder, const uint8_t *bytes, unsigned width);
void bd_ram(struct bd *builder, struct bd_line *line);
void bd_zero(struct bd *builder, struct bd_line *line);
void bd_random(struct bd *builder, struct bd_line *line);
void bd_fill(struct bd *builder, struct bd_line *line);

/* facts.c, presets.c */
struct bd_preset {
	const char *name, *base, *text;
};
extern const struct bd_preset bd_presets[];
void bd_preset_apply(struct bd *builder, const char *name);
void bd_fact_set(struct bd *builder, const char *line);
const char *bd_fact_text(struct bd *builder, const char *key);
bool bd_fact(struct bd *builder, const char *key, uint64_t *value);
uint64_t bd_fact_or(struct bd *builder, const char *key, uint64_t otherwise);
uint64_t bd_need(struct bd *builder, const char *key);
char *bd_note_text(struct bd *builder, size_t *length);
void bd_preset(struct bd *builder, struct bd_line *line);
void bd_fact_line(struct bd *builder, struct bd_line *line);
void bd_info(struct bd *builder, struct bd_line *line);

/* layout.c */
void bd_machine_default(struct bd *builder);
void bd_place(struct bd *builder);
uint64_t bd_sym(struct bd *builder, const char *name); /* address; allocated where it is new */
uint64_t bd_sym_new(struct bd *builder, const char *name, uint64_t bytes, uint64_t align);
void bd_sym_at(struct bd *builder, const char *name, uint64_t vaddr);
uint64_t bd_direct(struct bd *builder, uint64_t paddr);
uint64_t bd_image_pa(struct bd *builder, uint64_t vaddr);
uint64_t bd_virt(struct bd *builder, uint64_t vaddr); /* physical address */
void bd_uts_write(struct bd *builder);
void bd_machine(struct bd *builder, struct bd_line *line);
void bd_layout(struct bd *builder, struct bd_line *line);
void bd_uts(struct bd *builder, struct bd_line *line);
void bd_memory(struct bd *builder, struct bd_line *line);

/* paging.c */
extern const struct bd_form bd_form_x86_64, bd_form_s390x, bd_form_arm64;
void bd_paging_build(struct bd *builder);
void bd_paging_root(struct bd *builder);
void bd_paging(struct bd *builder, struct bd_line *line);

/* memmap.c */
void bd_memmap_build(struct bd *builder);
uint8_t *bd_page(struct bd *builder, uint64_t pfn);
uint64_t bd_page_pa(struct bd *builder, uint64_t pfn);
uint64_t bd_page_va(struct bd *builder, uint64_t pfn);
bool bd_has_page(const struct bd *builder, uint64_t pfn);
void bd_memmodel(struct bd *builder, struct bd_line *line);
void bd_section(struct bd *builder, struct bd_line *line);
void bd_unmap(struct bd *builder, struct bd_line *line);
void bd_share(struct bd *builder, struct bd_line *line);
void bd_alias_add(struct bd *builder, uint64_t vaddr, uint64_t paddr);

/* pages.c */
void bd_page_line(struct bd *builder, struct bd_line *line);
void bd_compound(struct bd *builder, struct bd_line *line);
void bd_buddy(struct bd *builder, struct bd_line *line);
unsigned bd_field_width(struct bd *builder, const char *field);
void bd_page_set(struct bd *builder, uint64_t pfn, const char *field, uint64_t value);
void bd_page_default(struct bd *builder, uint64_t pfn);

/* zones.c */
void bd_zones_build(struct bd *builder);
void bd_freelist(struct bd *builder, struct bd_line *line);

/* log.c */
void bd_log(struct bd *builder, struct bd_line *line);
void bd_say(struct bd *builder, struct bd_line *line);

/* elfout.c, notes.c */
void bd_elf_write(struct bd *builder, struct builder_image *image);
uint8_t *bd_notes_segment(struct bd *builder, unsigned segment, size_t *length);
unsigned bd_notes_segments(struct bd *builder);
void bd_elf(struct bd *builder, struct bd_line *line);
void bd_load(struct bd *builder, struct bd_line *line);
void bd_shdr(struct bd *builder, struct bd_line *line);
void bd_prstatus(struct bd *builder, struct bd_line *line);
void bd_note(struct bd *builder, struct bd_line *line);
void bd_vmcoreinfo(struct bd *builder, struct bd_line *line);
void bd_patch(struct bd *builder, struct bd_line *line);
void bd_cut(struct bd *builder, struct bd_line *line);

#endif
