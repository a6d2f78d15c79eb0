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

void bd_fail(struct bd *builder, const char *fmt, ...)
{
	va_list ap;
	int count = builder->line ? snprintf(builder->err, BUILDER_ERR, "line %u: ", builder->line) : 0;

	va_start(ap, fmt);
	vsnprintf(builder->err + count, BUILDER_ERR - (size_t)count, fmt, ap);
	va_end(ap);
	longjmp(builder->out, 1);
}

void bd_keep(struct bd *builder, void *memory)
{
	void **mem;

	if (builder->nmem == builder->cap_mem) {
		mem = realloc(builder->mem, (builder->cap_mem * 2 + 64) * sizeof *mem);
		if (!mem) {
			free(memory);
			bd_fail(builder, "no memory");
		}
		builder->mem = mem;
		builder->cap_mem = builder->cap_mem * 2 + 64;
	}
	builder->mem[builder->nmem++] = memory;
}

void *bd_mem(struct bd *builder, size_t bytes)
{
	void *memory = calloc(1, bytes ? bytes : 1);

	if (!memory)
		bd_fail(builder, "no memory for %zu bytes", bytes);
	bd_keep(builder, memory);
	return memory;
}

void *bd_more(struct bd *builder, void *arr, size_t count, size_t size)
{
	void *memory;

	/* full where n is 0 or a power of two from 16 on */
	if (count && (count < 16 || (count & (count - 1))))
		return arr;
	memory = bd_mem(builder, (count ? count * 2 : 16) * size);
	if (count)
		memcpy(memory, arr, count * size);
	return memory;
}

char *bd_dup(struct bd *builder, const char *text, size_t length)
{
	char *p = bd_mem(builder, length + 1);

	memcpy(p, text, length);
	return p;
}

static const struct bd_directive *directive(struct bd *builder, const char *name)
{
	for (size_t i = 0; i < sizeof directives / sizeof *directives; i++)
		if (!strcmp(directives[i].name, name))
			return &directives[i];
	bd_fail(builder, "unknown directive \"%s\"", name);
}

static void all_used(struct bd *builder, const struct bd_line *line)
{
	for (unsigned i = 0; i < line->count; i++)
		if (!line->used[i])
			bd_fail(builder, "cannot make sense of \"%s\"", line->tok[i]);
}

static void stage(struct bd *builder, enum bd_stage s)
{
	for (size_t i = 0; i < builder->nlines; i++) {
		struct bd_line *line = &builder->lines[i];
		const struct bd_directive *order;

		builder->line = line->no;
		order = directive(builder, line->tok[0]);
		if (order->stage != s)
			continue;
		line->used[0] = true;
		order->run(builder, line);
		all_used(builder, line);
	}
	builder->line = 0;
}

static void defaults(struct bd *builder)
{
	memset(&builder->layout, 0xff, sizeof builder->layout);
	builder->paging.direct = builder->paging.kernel = 2 << 20;
	builder->paging.vmemmap = 4096;
	builder->freelist_break = UINT64_MAX;
	builder->nprstatus = 2;
	builder->info_name = "VMCOREINFO";
	bd_machine_default(builder);
}

static void make(struct bd *builder, const char *recipe, size_t length, struct builder_image *image)
{
	defaults(builder);
	bd_parse(builder, recipe, length);
	stage(builder, BD_SETUP);
	if (!builder->nfacts)
		bd_preset_apply(builder, "6.1");
	bd_ram_done(builder);
	bd_place(builder);
	bd_memmap_build(builder);
	stage(builder, BD_PAGES);
	bd_zones_build(builder);
	bd_paging_build(builder);
	bd_uts_write(builder);
	stage(builder, BD_CONTENTS);
	stage(builder, BD_FILE);
	bd_elf_write(builder, image);
}

int builder_build(const char *recipe, size_t length, struct builder_image *image, char errbuf[BUILDER_ERR])
{
	struct bd *builder = calloc(1, sizeof *builder);
	int failed;

	memset(image, 0, sizeof *image);
	errbuf[0] = '\0';
	if (!builder) {
		snprintf(errbuf, BUILDER_ERR, "no memory");
		return -1;
	}
	builder->err = errbuf;
	failed = setjmp(builder->out);
	if (!failed)
		make(builder, recipe, length, image);
	else
		builder_image_free(image);
	while (builder->nmem)
		free(builder->mem[--builder->nmem]);
	free(builder->mem);
	free(builder);
	return failed ? -1 : 0;
}

void builder_image_free(struct builder_image *image)
{
	free(image->data);
	free(image->present.range);
	memset(image, 0, sizeof *image);
}
