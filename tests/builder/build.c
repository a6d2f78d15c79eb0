/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "build.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bd.h"

static const struct bd_directive directives[] = {
	{ "machine", BD_SETUP, bd_machine },
	{ "preset", BD_SETUP, bd_preset },
	{ "fact", BD_SETUP, bd_fact_line },
	{ "info", BD_SETUP, bd_info },
	{ "uts", BD_SETUP, bd_uts },
	{ "ram", BD_SETUP, bd_ram },
	{ "layout", BD_SETUP, bd_layout },
	{ "paging", BD_SETUP, bd_paging },
	{ "memmodel", BD_SETUP, bd_memmodel },
	{ "section", BD_SETUP, bd_section },
	{ "page", BD_PAGES, bd_page_line },
	{ "compound", BD_PAGES, bd_compound },
	{ "buddy", BD_PAGES, bd_buddy },
	{ "unmap", BD_PAGES, bd_unmap },
	{ "share", BD_PAGES, bd_share },
	{ "freelist", BD_PAGES, bd_freelist },
	{ "zero", BD_CONTENTS, bd_zero },
	{ "random", BD_CONTENTS, bd_random },
	{ "fill", BD_CONTENTS, bd_fill },
	{ "log", BD_CONTENTS, bd_log },
	{ "say", BD_CONTENTS, bd_say },
	{ "mem", BD_CONTENTS, bd_memory },
	{ "elf", BD_FILE, bd_elf },
	{ "load", BD_FILE, bd_load },
	{ "shdr", BD_FILE, bd_shdr },
	{ "prstatus", BD_FILE, bd_prstatus },
	{ "note", BD_FILE, bd_note },
	{ "vmcoreinfo", BD_FILE, bd_vmcoreinfo },
	{ "ehdr", BD_FILE, bd_patch },
	{ "phdr", BD_FILE, bd_patch },
	{ "cut", BD_FILE, bd_cut },
};

void bd_fail(struct bd *b, const char *fmt, ...)
{
	va_list ap;
	int n = b->line ? snprintf(b->err, BUILDER_ERR, "line %u: ", b->line) : 0;

	va_start(ap, fmt);
	vsnprintf(b->err + n, BUILDER_ERR - (size_t)n, fmt, ap);
	va_end(ap);
	longjmp(b->out, 1);
}

void bd_keep(struct bd *b, void *p)
{
	void **mem;

	if (b->nmem == b->cap_mem) {
		mem = realloc(b->mem, (b->cap_mem * 2 + 64) * sizeof *mem);
		if (!mem) {
			free(p);
			bd_fail(b, "no memory");
		}
		b->mem = mem;
		b->cap_mem = b->cap_mem * 2 + 64;
	}
	b->mem[b->nmem++] = p;
}

void *bd_mem(struct bd *b, size_t bytes)
{
	void *p = calloc(1, bytes ? bytes : 1);

	if (!p)
		bd_fail(b, "no memory for %zu bytes", bytes);
	bd_keep(b, p);
	return p;
}

void *bd_more(struct bd *b, void *arr, size_t n, size_t size)
{
	void *p;

	/* full where n is 0 or a power of two from 16 on */
	if (n && (n < 16 || (n & (n - 1))))
		return arr;
	p = bd_mem(b, (n ? n * 2 : 16) * size);
	if (n)
		memcpy(p, arr, n * size);
	return p;
}

char *bd_dup(struct bd *b, const char *s, size_t len)
{
	char *p = bd_mem(b, len + 1);

	memcpy(p, s, len);
	return p;
}

static const struct bd_directive *directive(struct bd *b, const char *name)
{
	for (size_t i = 0; i < sizeof directives / sizeof *directives; i++)
		if (!strcmp(directives[i].name, name))
			return &directives[i];
	bd_fail(b, "unknown directive \"%s\"", name);
}

static void all_used(struct bd *b, const struct bd_line *l)
{
	for (unsigned i = 0; i < l->n; i++)
		if (!l->used[i])
			bd_fail(b, "cannot make sense of \"%s\"", l->tok[i]);
}

static void stage(struct bd *b, enum bd_stage s)
{
	for (size_t i = 0; i < b->nlines; i++) {
		struct bd_line *l = &b->lines[i];
		const struct bd_directive *d;

		b->line = l->no;
		d = directive(b, l->tok[0]);
		if (d->stage != s)
			continue;
		l->used[0] = true;
		d->run(b, l);
		all_used(b, l);
	}
	b->line = 0;
}

static void defaults(struct bd *b)
{
	memset(&b->lay, 0xff, sizeof b->lay);
	b->pg.direct = b->pg.kernel = 2 << 20;
	b->pg.vmemmap = 4096;
	b->freelist_break = UINT64_MAX;
	b->nprstatus = 2;
	b->info_name = "VMCOREINFO";
	bd_machine_default(b);
}

static void make(struct bd *b, const char *recipe, size_t len, struct builder_image *out)
{
	defaults(b);
	bd_parse(b, recipe, len);
	stage(b, BD_SETUP);
	if (!b->nfacts)
		bd_preset_apply(b, "6.1");
	bd_ram_done(b);
	bd_place(b);
	bd_memmap_build(b);
	stage(b, BD_PAGES);
	bd_zones_build(b);
	bd_paging_build(b);
	bd_uts_write(b);
	stage(b, BD_CONTENTS);
	stage(b, BD_FILE);
	bd_elf_write(b, out);
}

int builder_build(const char *recipe, size_t len, struct builder_image *out, char errbuf[BUILDER_ERR])
{
	struct bd *b = calloc(1, sizeof *b);
	int failed;

	memset(out, 0, sizeof *out);
	errbuf[0] = '\0';
	if (!b) {
		snprintf(errbuf, BUILDER_ERR, "no memory");
		return -1;
	}
	b->err = errbuf;
	failed = setjmp(b->out);
	if (!failed)
		make(b, recipe, len, out);
	else
		builder_image_free(out);
	while (b->nmem)
		free(b->mem[--b->nmem]);
	free(b->mem);
	free(b);
	return failed ? -1 : 0;
}

void builder_image_free(struct builder_image *img)
{
	free(img->data);
	free(img->present.v);
	memset(img, 0, sizeof *img);
}
