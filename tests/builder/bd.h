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
	unsigned no, n;
	char *tok[BD_TOKENS];
	bool used[BD_TOKENS];
};

/* When a directive runs. */
enum bd_stage { BD_SETUP, BD_PAGES, BD_CONTENTS, BD_FILE };
struct bd_directive {
	const char *name;
	enum bd_stage stage;
	void (*run)(struct bd *b, struct bd_line *l);
};

struct bd_region {
	uint64_t pa, size;
	bool memmap, blank;
	uint8_t *p;
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
	uint64_t va;
};

struct bd_map {
	uint64_t va, pa, len;
};

/* Struct pages of [first, end), at physical pa and virtual va. */
struct bd_span {
	uint64_t first, end, pa, va;
};

struct bd_section_edit {
	uint64_t nr, word, flags, or_bits;
	bool absent, has_word, has_flags;
};

/* A page of struct pages that the page tables do not show at all (pa = UINT64_MAX) or show elsewhere. */
struct bd_alias {
	uint64_t va, pa;
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
	void (*place)(struct bd *b);
	unsigned prstatus; /* bytes of NT_PRSTATUS */
};

/* How page-table entries look.  Level 0 is the last (pages). */
struct bd_form {
	unsigned max_levels, levels;
	unsigned shift[5], bits[5];
	uint64_t (*table)(struct bd *b, unsigned level, uint64_t pa);
	uint64_t (*leaf)(struct bd *b, unsigned level, uint64_t pa);
	uint64_t (*empty)(unsigned level);
	uint64_t (*child)(struct bd *b, unsigned level, uint64_t entry);
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
	uint64_t from, len; /* physical bytes behind it */
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

	struct bd_machine m;
	unsigned word, page_shift;
	uint64_t page;

	struct bd_region regions[BD_REGIONS];
	unsigned nregions;
	struct bd_layout lay;
	struct bd_paging pg;
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

_Noreturn void bd_fail(struct bd *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Free p when the builder goes. */
void bd_keep(struct bd *b, void *p);
void *bd_mem(struct bd *b, size_t bytes);
/* Room for one more element of an array of n; the array may move. */
void *bd_more(struct bd *b, void *arr, size_t n, size_t size);
char *bd_dup(struct bd *b, const char *s, size_t len);

/* words.c: lines, numbers, lists */
void bd_parse(struct bd *b, const char *text, size_t len);
const char *bd_arg(struct bd *b, struct bd_line *l, const char *what); /* next word without '=' */
const char *bd_next(struct bd_line *l, unsigned *i);                   /* next unused word */
const char *bd_opt(struct bd_line *l, const char *key);                /* the value of key=, or NULL */
bool bd_flag(struct bd_line *l, const char *word);
uint64_t bd_num(struct bd *b, const char *s);
uint64_t bd_opt_num(struct bd *b, struct bd_line *l, const char *key, uint64_t otherwise);
/* 0, or -1 where s is no number. */
int builder_number(const char *s, uint64_t *out);
/* The same, owned by the builder. */
struct builder_ranges bd_pfns(struct bd *b, const char *s);
int builder_pfns(const char *s, struct builder_ranges *out);

/* phys.c */
void bd_ram_done(struct bd *b);
uint8_t *bd_phys(struct bd *b, uint64_t pa, uint64_t len);
uint8_t *bd_phys_try(struct bd *b, uint64_t pa, uint64_t *len);
uint64_t bd_alloc(struct bd *b, uint64_t bytes, uint64_t align);
void bd_put(struct bd *b, uint8_t *p, unsigned width, uint64_t v);
uint64_t bd_get(struct bd *b, const uint8_t *p, unsigned width);
void bd_ram(struct bd *b, struct bd_line *l);
void bd_zero(struct bd *b, struct bd_line *l);
void bd_random(struct bd *b, struct bd_line *l);
void bd_fill(struct bd *b, struct bd_line *l);

/* facts.c, presets.c */
struct bd_preset {
	const char *name, *base, *text;
};
extern const struct bd_preset bd_presets[];
void bd_preset_apply(struct bd *b, const char *name);
void bd_fact_set(struct bd *b, const char *line);
const char *bd_fact_text(struct bd *b, const char *key);
bool bd_fact(struct bd *b, const char *key, uint64_t *v);
uint64_t bd_fact_or(struct bd *b, const char *key, uint64_t otherwise);
uint64_t bd_need(struct bd *b, const char *key);
char *bd_note_text(struct bd *b, size_t *len);
void bd_preset(struct bd *b, struct bd_line *l);
void bd_fact_line(struct bd *b, struct bd_line *l);
void bd_info(struct bd *b, struct bd_line *l);

/* layout.c */
void bd_machine_default(struct bd *b);
void bd_place(struct bd *b);
uint64_t bd_sym(struct bd *b, const char *name); /* address; allocated where it is new */
uint64_t bd_sym_new(struct bd *b, const char *name, uint64_t bytes, uint64_t align);
void bd_sym_at(struct bd *b, const char *name, uint64_t va);
uint64_t bd_direct(struct bd *b, uint64_t pa);
uint64_t bd_image_pa(struct bd *b, uint64_t va);
uint64_t bd_virt(struct bd *b, uint64_t va); /* physical address */
void bd_uts_write(struct bd *b);
void bd_machine(struct bd *b, struct bd_line *l);
void bd_layout(struct bd *b, struct bd_line *l);
void bd_uts(struct bd *b, struct bd_line *l);
void bd_memory(struct bd *b, struct bd_line *l);

/* paging.c */
extern const struct bd_form bd_form_x86_64, bd_form_s390x, bd_form_arm64;
void bd_paging_build(struct bd *b);
void bd_paging_root(struct bd *b);
void bd_paging(struct bd *b, struct bd_line *l);

/* memmap.c */
void bd_memmap_build(struct bd *b);
uint8_t *bd_page(struct bd *b, uint64_t pfn);
uint64_t bd_page_pa(struct bd *b, uint64_t pfn);
uint64_t bd_page_va(struct bd *b, uint64_t pfn);
bool bd_has_page(const struct bd *b, uint64_t pfn);
void bd_memmodel(struct bd *b, struct bd_line *l);
void bd_section(struct bd *b, struct bd_line *l);
void bd_unmap(struct bd *b, struct bd_line *l);
void bd_share(struct bd *b, struct bd_line *l);
void bd_alias_add(struct bd *b, uint64_t va, uint64_t pa);

/* pages.c */
void bd_page_line(struct bd *b, struct bd_line *l);
void bd_compound(struct bd *b, struct bd_line *l);
void bd_buddy(struct bd *b, struct bd_line *l);
unsigned bd_field_width(struct bd *b, const char *field);
void bd_page_set(struct bd *b, uint64_t pfn, const char *field, uint64_t v);
void bd_page_default(struct bd *b, uint64_t pfn);

/* zones.c */
void bd_zones_build(struct bd *b);
void bd_freelist(struct bd *b, struct bd_line *l);

/* log.c */
void bd_log(struct bd *b, struct bd_line *l);
void bd_say(struct bd *b, struct bd_line *l);

/* elfout.c, notes.c */
void bd_elf_write(struct bd *b, struct builder_image *out);
uint8_t *bd_notes_segment(struct bd *b, unsigned segment, size_t *len);
unsigned bd_notes_segments(struct bd *b);
void bd_elf(struct bd *b, struct bd_line *l);
void bd_load(struct bd *b, struct bd_line *l);
void bd_shdr(struct bd *b, struct bd_line *l);
void bd_prstatus(struct bd *b, struct bd_line *l);
void bd_note(struct bd *b, struct bd_line *l);
void bd_vmcoreinfo(struct bd *b, struct bd_line *l);
void bd_patch(struct bd *b, struct bd_line *l);
void bd_cut(struct bd *b, struct bd_line *l);

#endif
