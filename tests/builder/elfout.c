/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The ELF file: headers, notes, loads; then the patches that make it strange. */
#include <stdlib.h>
#include <string.h>

#include "bd.h"

#define PN_XNUM  0xffff
#define FILE_MAX (4ull << 30)

/* ---- lines ---- */

void bd_elf(struct bd *builder, struct bd_line *line)
{
	const char *style = bd_opt(line, "style"), *order = bd_opt(line, "order");

	if (style)
		builder->style = !strcmp(style, "qemu") ? BD_QEMU : !strcmp(style, "held") ? BD_HELD : BD_KDUMP;
	if (style && builder->style == BD_KDUMP && strcmp(style, "kdump"))
		bd_fail(builder, "elf style=%s", style);
	builder->reverse |= order && !strcmp(order, "reverse");
	builder->xnum |= bd_flag(line, "xnum");
	builder->gap = bd_opt_num(builder, line, "gap", builder->gap);
}

static void add_load(struct bd *builder, const struct bd_phdr *phdr)
{
	if (builder->nloads == BD_LOADS)
		bd_fail(builder, "more than %d loads", BD_LOADS);
	builder->loads = bd_more(builder, builder->loads, builder->nloads, sizeof *phdr);
	builder->loads[builder->nloads++] = *phdr;
}

static struct bd_phdr plain_load(struct bd *builder, uint64_t paddr, uint64_t size)
{
	return (struct bd_phdr){ .type = 1,
				 .flags = builder->style == BD_QEMU ? 0 : 7,
				 .vaddr = builder->style == BD_QEMU ? 0 : bd_direct(builder, paddr),
				 .paddr = paddr,
				 .filesz = size,
				 .memsz = size,
				 .from = paddr,
				 .length = size };
}

static void load_kernel(struct bd *builder)
{
	struct bd_phdr phdr = plain_load(builder, builder->layout.kernel, builder->layout.kernel_size);

	phdr.vaddr = builder->style == BD_QEMU ? 0 : builder->layout.text;
	add_load(builder, &phdr);
}

static void load_ram(struct bd *builder)
{
	for (unsigned i = 0; i < builder->nregions; i++) {
		struct bd_phdr phdr = plain_load(builder, builder->regions[i].paddr, builder->regions[i].size);

		add_load(builder, &phdr);
	}
}

/* One load in `parts` pieces of the same size, the last one with the rest. */
static void load_split(struct bd *builder, const struct bd_phdr *whole, uint64_t parts)
{
	uint64_t size = whole->filesz / parts, off = 0;

	if (!size)
		bd_fail(builder, "split=%llu of %llu bytes", (unsigned long long)parts,
			(unsigned long long)whole->filesz);
	for (uint64_t i = 0; i < parts; i++, off += size) {
		struct bd_phdr phdr = *whole;

		phdr.vaddr += off;
		phdr.paddr += off;
		phdr.from += off;
		phdr.filesz = phdr.memsz = phdr.length = i + 1 < parts ? size : whole->filesz - off;
		add_load(builder, &phdr);
	}
}

void bd_load(struct bd *builder, struct bd_line *line)
{
	const char *what = bd_arg(builder, line, "PADDR, kernel or ram"), *vaddr;
	uint64_t parts = bd_opt_num(builder, line, "split", 1);
	struct bd_phdr phdr;

	if (!strcmp(what, "kernel")) {
		load_kernel(builder);
		return;
	}
	if (!strcmp(what, "ram")) {
		load_ram(builder);
		return;
	}
	phdr = plain_load(builder, bd_num(builder, what), bd_num(builder, bd_arg(builder, line, "SIZE")));
	vaddr = bd_opt(line, "vaddr");
	if (vaddr && strcmp(vaddr, "auto"))
		phdr.vaddr = bd_num(builder, vaddr);
	phdr.filesz = phdr.length = bd_opt_num(builder, line, "filesz", phdr.filesz);
	phdr.memsz = bd_opt_num(builder, line, "memsz", phdr.memsz);
	phdr.fixed_offset = bd_opt(line, "offset") != NULL;
	phdr.offset = bd_opt_num(builder, line, "offset", 0);
	phdr.flags = (uint32_t)bd_opt_num(builder, line, "flags", phdr.flags);
	phdr.align = bd_opt_num(builder, line, "align", 0);
	if (phdr.fixed_offset)
		phdr.length = 0;
	if (parts > 1)
		load_split(builder, &phdr, parts);
	else
		add_load(builder, &phdr);
}

void bd_shdr(struct bd *builder, struct bd_line *line)
{
	struct bd_elf_section *elf_section;

	builder->elf_sections = bd_more(builder, builder->elf_sections, builder->nelf_sections, sizeof *elf_section);
	elf_section = &builder->elf_sections[builder->nelf_sections++];
	elf_section->name = bd_arg(builder, line, "NAME");
	elf_section->size = bd_num(builder, bd_arg(builder, line, "SIZE"));
	elf_section->type = bd_opt_num(builder, line, "type", 1);
	elf_section->fixed_offset = bd_opt(line, "offset") != NULL;
	elf_section->offset = bd_opt_num(builder, line, "offset", 0);
	if (!elf_section->fixed_offset && elf_section->size > FILE_MAX)
		bd_fail(builder, "shdr: too large");
}

void bd_patch(struct bd *builder, struct bd_line *line)
{
	const char *text;
	unsigned i = 1;

	if (!strcmp(line->tok[0], "phdr"))
		bd_arg(builder, line, "N");
	while ((text = bd_next(line, &i)))
		if (!strchr(text, '='))
			bd_fail(builder, "\"%s\" has no =", text);
	builder->patches = bd_more(builder, builder->patches, builder->npatches, sizeof *builder->patches);
	builder->patches[builder->npatches++] = line;
}

void bd_cut(struct bd *builder, struct bd_line *line)
{
	builder->has_cut = true;
	builder->cut = (int64_t)bd_num(builder, bd_arg(builder, line, "BYTES"));
}

/* ---- fields: offset and width for 32 and 64 bits ---- */

struct field {
	const char *name;
	uint8_t off32, w32, off64, w64;
};

static const struct field eh_fields[] = {
	{ "e_type", 16, 2, 16, 2 },     { "e_machine", 18, 2, 18, 2 },   { "e_version", 20, 4, 20, 4 },
	{ "e_entry", 24, 4, 24, 8 },    { "e_phoff", 28, 4, 32, 8 },     { "e_shoff", 32, 4, 40, 8 },
	{ "e_flags", 36, 4, 48, 4 },    { "e_ehsize", 40, 2, 52, 2 },    { "e_phentsize", 42, 2, 54, 2 },
	{ "e_phnum", 44, 2, 56, 2 },    { "e_shentsize", 46, 2, 58, 2 }, { "e_shnum", 48, 2, 60, 2 },
	{ "e_shstrndx", 50, 2, 62, 2 }, { "ei_class", 4, 1, 4, 1 },      { "ei_data", 5, 1, 5, 1 },
	{ "ei_version", 6, 1, 6, 1 },   { "ei_mag0", 0, 1, 0, 1 },       { NULL, 0, 0, 0, 0 },
};

static const struct field ph_fields[] = {
	{ "p_type", 0, 4, 0, 4 },    { "p_flags", 24, 4, 4, 4 },  { "p_offset", 4, 4, 8, 8 },
	{ "p_vaddr", 8, 4, 16, 8 },  { "p_paddr", 12, 4, 24, 8 }, { "p_filesz", 16, 4, 32, 8 },
	{ "p_memsz", 20, 4, 40, 8 }, { "p_align", 28, 4, 48, 8 }, { NULL, 0, 0, 0, 0 },
};

static void put_field(struct bd *builder, uint8_t *base, const struct field *field, const char *name, uint64_t value)
{
	for (; field->name; field++) {
		if (strcmp(field->name, name))
			continue;
		bd_put(builder, base + (builder->machine.is64 ? field->off64 : field->off32),
		       builder->machine.is64 ? field->w64 : field->w32, value);
		return;
	}
	bd_fail(builder, "no field %s", name);
}

/* ---- writing ---- */

struct file {
	struct bd *builder;
	uint8_t *bytes;
	uint64_t size;
	uint64_t ehsize, phentsize, shentsize, phoff, shoff, nph, nsh, names, names_size, data;
	unsigned nseg;
	struct bd_phdr *phdr; /* notes, then loads */
	uint8_t **note;
};

static uint64_t round_page(struct bd *builder, uint64_t value)
{
	return (value + builder->page - 1) & ~(builder->page - 1);
}

static void place_headers(struct file *file)
{
	struct bd *builder = file->builder;

	file->ehsize = builder->machine.is64 ? 64 : 52;
	file->phentsize = builder->machine.is64 ? 56 : 32;
	file->shentsize = builder->machine.is64 ? 64 : 40;
	file->phoff = file->ehsize;
	file->nseg = bd_notes_segments(builder);
	file->nph = file->nseg + builder->nloads;
	builder->xnum |= file->nph >= PN_XNUM;
	if (builder->style == BD_QEMU || builder->nelf_sections)
		file->nsh = 2 + builder->nelf_sections; /* the first is empty, the last one has the names */
	if (file->nsh && builder->xnum && builder->style != BD_QEMU)
		bd_fail(builder, "shdr does not go with so many program headers");
	if (builder->style == BD_QEMU) {
		file->shoff = file->ehsize;
		file->phoff = file->ehsize + file->nsh * file->shentsize;
	} else if (builder->xnum) {
		file->shoff = file->phoff + file->nph * file->phentsize;
	}
	file->data = file->phoff + file->nph * file->phentsize +
		     (builder->style != BD_QEMU && builder->xnum ? file->shentsize : 0);
	if (builder->style == BD_KDUMP)
		file->data = round_page(builder, file->data);
}

static void place_notes(struct file *file)
{
	for (unsigned i = 0; i < file->nseg; i++) {
		size_t length;

		file->note[i] = bd_notes_segment(file->builder, i, &length);
		file->phdr[i] = (struct bd_phdr){ .type = 4, .offset = file->data, .filesz = length, .memsz = length };
		file->data += length;
	}
}

static void place_loads(struct file *file)
{
	struct bd *builder = file->builder;

	for (size_t i = 0; i < builder->nloads; i++) {
		struct bd_phdr *phdr = &file->phdr[file->nseg + i];

		*phdr = builder->loads[builder->reverse ? builder->nloads - 1 - i : i];
		if (phdr->fixed_offset)
			continue;
		if (builder->style != BD_QEMU)
			file->data = round_page(builder, file->data);
		file->data += builder->gap;
		phdr->offset = phdr->filesz ? file->data : 0;
		file->data += phdr->filesz;
		if (file->data > FILE_MAX)
			bd_fail(builder, "the file would have more than 4G");
	}
}

static void place_sections(struct file *file)
{
	struct bd *builder = file->builder;

	if (!file->nsh)
		return;
	file->names_size = 1 + sizeof ".shstrtab";
	for (size_t i = 0; i < builder->nelf_sections; i++) {
		struct bd_elf_section *elf_section = &builder->elf_sections[i];

		file->names_size += strlen(elf_section->name) + 1;
		if (elf_section->fixed_offset)
			continue;
		elf_section->offset = file->data;
		file->data += elf_section->size;
	}
	file->names = file->data;
	file->data += file->names_size;
	if (builder->style == BD_QEMU)
		return;
	file->shoff = file->data = (file->data + 7) & ~(uint64_t)7;
	file->data += file->nsh * file->shentsize;
}

static void write_ehdr(struct file *file)
{
	struct bd *builder = file->builder;
	bool qemu = builder->style == BD_QEMU, shdr = file->nsh || builder->xnum;
	const struct {
		const char *name;
		uint64_t value;
	} vals[] = {
		{ "e_type", 4 },
		{ "e_machine", builder->machine.e_machine },
		{ "e_version", 1 },
		{ "e_phoff", file->phoff },
		{ "e_shoff", file->shoff },
		{ "e_ehsize", qemu ? 8 : file->ehsize },
		{ "e_phentsize", file->phentsize },
		{ "e_phnum", builder->xnum ? PN_XNUM : file->nph },
		{ "e_shentsize", shdr ? file->shentsize : 0 },
		{ "e_shnum", file->nsh ? file->nsh : builder->xnum },
		{ "e_shstrndx", file->nsh ? file->nsh - 1 : 0 },
		{ "ei_class", builder->machine.is64 ? 2 : 1 },
		{ "ei_data", builder->machine.big ? 2 : 1 },
		{ "ei_version", 1 },
	};

	memcpy(file->bytes, "\177ELF", 4);
	for (size_t i = 0; i < sizeof vals / sizeof *vals; i++)
		put_field(builder, file->bytes, eh_fields, vals[i].name, vals[i].value);
}

static void write_shdr(struct file *file, uint64_t i, uint64_t name, const struct bd_elf_section *elf_section)
{
	struct bd *builder = file->builder;
	uint8_t *at = file->bytes + file->shoff + i * file->shentsize;

	bd_put(builder, at, 4, name);
	bd_put(builder, at + 4, 4, elf_section->type);
	bd_put(builder, at + (builder->machine.is64 ? 24 : 16), builder->word, elf_section->offset);
	bd_put(builder, at + (builder->machine.is64 ? 32 : 20), builder->word, elf_section->size);
	memcpy(file->bytes + file->names + name, elf_section->name, strlen(elf_section->name));
	for (uint64_t index = 0; index < elf_section->size && !elf_section->fixed_offset; index++)
		file->bytes[elf_section->offset + index] = (uint8_t)(index * 5 + 3);
}

/* Section 0 holds the number of program headers where e_phnum cannot. */
static void write_shdrs(struct file *file)
{
	struct bd *builder = file->builder;
	const struct bd_elf_section names = {
		.name = ".shstrtab", .type = 3, .offset = file->names, .size = file->names_size, .fixed_offset = true
	};
	uint64_t name = 1;

	if (builder->xnum)
		bd_put(builder, file->bytes + file->shoff + (builder->machine.is64 ? 44 : 28), 4, file->nph);
	for (size_t i = 0; i < builder->nelf_sections; i++) {
		write_shdr(file, 1 + i, name, &builder->elf_sections[i]);
		name += strlen(builder->elf_sections[i].name) + 1;
	}
	if (file->nsh)
		write_shdr(file, file->nsh - 1, name, &names);
}

static void write_phdr(struct file *file, uint64_t i)
{
	const struct bd_phdr *phdr = &file->phdr[i];
	uint8_t *at = file->bytes + file->phoff + i * file->phentsize;
	const uint64_t vals[] = { phdr->type,  phdr->flags,  phdr->offset, phdr->vaddr,
				  phdr->paddr, phdr->filesz, phdr->memsz,  phdr->align };

	for (unsigned index = 0; index < sizeof vals / sizeof *vals; index++)
		put_field(file->builder, at, ph_fields, ph_fields[index].name, vals[index]);
}

/* Bytes of a load that no memory is behind stay zero. */
static void write_load(struct file *file, const struct bd_phdr *phdr)
{
	uint64_t done = 0, count;

	while (done < phdr->length && done < phdr->filesz) {
		const uint8_t *src;

		count = phdr->length - done;
		src = bd_phys_try(file->builder, phdr->from + done, &count);
		if (!src)
			return;
		memcpy(file->bytes + phdr->offset + done, src, count);
		done += count;
	}
}

static void patch(struct file *file, struct bd_line *line)
{
	struct bd *builder = file->builder;
	const struct field *fields = eh_fields;
	uint8_t *base = file->bytes;
	unsigned i = 1;

	builder->line = line->no;
	if (!strcmp(line->tok[0], "phdr")) {
		uint64_t count = bd_num(builder, line->tok[1]);

		if (count >= file->nph)
			bd_fail(builder, "there are %llu program headers", (unsigned long long)file->nph);
		base += file->phoff + count * file->phentsize;
		fields = ph_fields;
		i = 2;
	}
	for (; i < line->count; i++) {
		char *eq = strchr(line->tok[i], '=');
		char *name = bd_dup(builder, line->tok[i], (size_t)(eq - line->tok[i]));

		put_field(builder, base, fields, name, bd_num(builder, eq + 1));
	}
	builder->line = 0;
}

/* ---- which page frames the file has bytes of ---- */

static int by_first(const void *left, const void *c)
{
	const struct builder_range *range = left, *second = c;

	return range->first < second->first ? -1 : range->first > second->first;
}

static void merge(struct builder_ranges *ranges)
{
	size_t count = 0;

	qsort(ranges->range, ranges->count, sizeof *ranges->range, by_first);
	for (size_t i = 1; i < ranges->count; i++) {
		if (ranges->range[i].first <= ranges->range[count].last + 1) {
			if (ranges->range[i].last > ranges->range[count].last)
				ranges->range[count].last = ranges->range[i].last;
		} else {
			ranges->range[++count] = ranges->range[i];
		}
	}
	ranges->count = ranges->count ? count + 1 : 0;
}

static void find_present(struct file *file, struct builder_image *image)
{
	struct bd *builder = file->builder;
	struct builder_ranges *ranges = &image->present;

	ranges->range = malloc((builder->nloads + 1) * sizeof *ranges->range);
	if (!ranges->range)
		bd_fail(builder, "no memory");
	for (uint64_t i = file->nseg; i < file->nph; i++) {
		const struct bd_phdr *phdr = &file->phdr[i];
		uint64_t have = phdr->filesz;

		if (!have || phdr->type != 1 || phdr->offset >= file->size)
			continue;
		if (have > file->size - phdr->offset)
			have = file->size - phdr->offset;
		ranges->range[ranges->count].first = phdr->paddr >> builder->page_shift;
		ranges->range[ranges->count++].last = (phdr->paddr + have - 1) >> builder->page_shift;
	}
	merge(ranges);
}

static void cut_file(struct file *file)
{
	struct bd *builder = file->builder;
	uint64_t to = builder->cut < 0 ? file->size + (uint64_t)builder->cut : (uint64_t)builder->cut;

	if (to > file->size)
		bd_fail(builder, "cut: the file has only %llu bytes", (unsigned long long)file->size);
	file->size = to;
}

void bd_elf_write(struct bd *builder, struct builder_image *image)
{
	struct file file = { .builder = builder };

	if (!builder->nloads) {
		if (builder->style == BD_KDUMP && builder->layout.text != bd_direct(builder, builder->layout.kernel))
			load_kernel(builder);
		load_ram(builder);
	}
	place_headers(&file);
	file.phdr = bd_mem(builder, file.nph * sizeof *file.phdr);
	file.note = bd_mem(builder, file.nseg * sizeof *file.note);
	place_notes(&file);
	place_loads(&file);
	place_sections(&file);
	file.size = file.data;
	file.bytes = image->data = calloc(1, file.size);
	if (!file.bytes)
		bd_fail(builder, "no memory");
	write_ehdr(&file);
	if (file.shoff)
		write_shdrs(&file);
	for (uint64_t i = 0; i < file.nph; i++)
		write_phdr(&file, i);
	for (unsigned i = 0; i < file.nseg; i++)
		if (file.phdr[i].filesz)
			memcpy(file.bytes + file.phdr[i].offset, file.note[i], file.phdr[i].filesz);
	for (uint64_t i = file.nseg; i < file.nph; i++)
		write_load(&file, &file.phdr[i]);
	for (size_t i = 0; i < builder->npatches; i++)
		patch(&file, builder->patches[i]);
	if (builder->has_cut)
		cut_file(&file);
	image->size = file.size;
	image->page_size = (uint32_t)builder->page;
	find_present(&file, image);
}
