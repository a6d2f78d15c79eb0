/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The ELF file: headers, notes, loads; then the patches that make it strange. */
#include <stdlib.h>
#include <string.h>

#include "bd.h"

#define PN_XNUM  0xffff
#define FILE_MAX (4ull << 30)

/* ---- lines ---- */

void bd_elf(struct bd *b, struct bd_line *l)
{
	const char *style = bd_opt(l, "style"), *order = bd_opt(l, "order");

	if (style)
		b->style = !strcmp(style, "qemu") ? BD_QEMU : !strcmp(style, "held") ? BD_HELD : BD_KDUMP;
	if (style && b->style == BD_KDUMP && strcmp(style, "kdump"))
		bd_fail(b, "elf style=%s", style);
	b->reverse |= order && !strcmp(order, "reverse");
	b->xnum |= bd_flag(l, "xnum");
	b->gap = bd_opt_num(b, l, "gap", b->gap);
}

static void add_load(struct bd *b, const struct bd_phdr *p)
{
	if (b->nloads == BD_LOADS)
		bd_fail(b, "more than %d loads", BD_LOADS);
	b->loads = bd_more(b, b->loads, b->nloads, sizeof *p);
	b->loads[b->nloads++] = *p;
}

static struct bd_phdr plain_load(struct bd *b, uint64_t pa, uint64_t size)
{
	return (struct bd_phdr){ .type = 1,
				 .flags = b->style == BD_QEMU ? 0 : 7,
				 .vaddr = b->style == BD_QEMU ? 0 : bd_direct(b, pa),
				 .paddr = pa,
				 .filesz = size,
				 .memsz = size,
				 .from = pa,
				 .len = size };
}

static void load_kernel(struct bd *b)
{
	struct bd_phdr p = plain_load(b, b->lay.kernel, b->lay.kernel_size);

	p.vaddr = b->style == BD_QEMU ? 0 : b->lay.text;
	add_load(b, &p);
}

static void load_ram(struct bd *b)
{
	for (unsigned i = 0; i < b->nregions; i++) {
		struct bd_phdr p = plain_load(b, b->regions[i].pa, b->regions[i].size);

		add_load(b, &p);
	}
}

/* One load in `parts` pieces of the same size, the last one with the rest. */
static void load_split(struct bd *b, const struct bd_phdr *whole, uint64_t parts)
{
	uint64_t size = whole->filesz / parts, off = 0;

	if (!size)
		bd_fail(b, "split=%llu of %llu bytes", (unsigned long long)parts, (unsigned long long)whole->filesz);
	for (uint64_t i = 0; i < parts; i++, off += size) {
		struct bd_phdr p = *whole;

		p.vaddr += off;
		p.paddr += off;
		p.from += off;
		p.filesz = p.memsz = p.len = i + 1 < parts ? size : whole->filesz - off;
		add_load(b, &p);
	}
}

void bd_load(struct bd *b, struct bd_line *l)
{
	const char *what = bd_arg(b, l, "PADDR, kernel or ram"), *vaddr;
	uint64_t parts = bd_opt_num(b, l, "split", 1);
	struct bd_phdr p;

	if (!strcmp(what, "kernel")) {
		load_kernel(b);
		return;
	}
	if (!strcmp(what, "ram")) {
		load_ram(b);
		return;
	}
	p = plain_load(b, bd_num(b, what), bd_num(b, bd_arg(b, l, "SIZE")));
	vaddr = bd_opt(l, "vaddr");
	if (vaddr && strcmp(vaddr, "auto"))
		p.vaddr = bd_num(b, vaddr);
	p.filesz = p.len = bd_opt_num(b, l, "filesz", p.filesz);
	p.memsz = bd_opt_num(b, l, "memsz", p.memsz);
	p.fixed_offset = bd_opt(l, "offset") != NULL;
	p.offset = bd_opt_num(b, l, "offset", 0);
	p.flags = (uint32_t)bd_opt_num(b, l, "flags", p.flags);
	p.align = bd_opt_num(b, l, "align", 0);
	if (p.fixed_offset)
		p.len = 0;
	if (parts > 1)
		load_split(b, &p, parts);
	else
		add_load(b, &p);
}

void bd_shdr(struct bd *b, struct bd_line *l)
{
	struct bd_elf_section *s;

	b->elf_sections = bd_more(b, b->elf_sections, b->nelf_sections, sizeof *s);
	s = &b->elf_sections[b->nelf_sections++];
	s->name = bd_arg(b, l, "NAME");
	s->size = bd_num(b, bd_arg(b, l, "SIZE"));
	s->type = bd_opt_num(b, l, "type", 1);
	s->fixed_offset = bd_opt(l, "offset") != NULL;
	s->offset = bd_opt_num(b, l, "offset", 0);
	if (!s->fixed_offset && s->size > FILE_MAX)
		bd_fail(b, "shdr: too large");
}

void bd_patch(struct bd *b, struct bd_line *l)
{
	const char *s;
	unsigned i = 1;

	if (!strcmp(l->tok[0], "phdr"))
		bd_arg(b, l, "N");
	while ((s = bd_next(l, &i)))
		if (!strchr(s, '='))
			bd_fail(b, "\"%s\" has no =", s);
	b->patches = bd_more(b, b->patches, b->npatches, sizeof *b->patches);
	b->patches[b->npatches++] = l;
}

void bd_cut(struct bd *b, struct bd_line *l)
{
	b->has_cut = true;
	b->cut = (int64_t)bd_num(b, bd_arg(b, l, "BYTES"));
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

static void put_field(struct bd *b, uint8_t *base, const struct field *f, const char *name, uint64_t v)
{
	for (; f->name; f++) {
		if (strcmp(f->name, name))
			continue;
		bd_put(b, base + (b->m.is64 ? f->off64 : f->off32), b->m.is64 ? f->w64 : f->w32, v);
		return;
	}
	bd_fail(b, "no field %s", name);
}

/* ---- writing ---- */

struct file {
	struct bd *b;
	uint8_t *p;
	uint64_t size;
	uint64_t ehsize, phentsize, shentsize, phoff, shoff, nph, nsh, names, names_size, data;
	unsigned nseg;
	struct bd_phdr *ph; /* notes, then loads */
	uint8_t **note;
};

static uint64_t round_page(struct bd *b, uint64_t v)
{
	return (v + b->page - 1) & ~(b->page - 1);
}

static void place_headers(struct file *f)
{
	struct bd *b = f->b;

	f->ehsize = b->m.is64 ? 64 : 52;
	f->phentsize = b->m.is64 ? 56 : 32;
	f->shentsize = b->m.is64 ? 64 : 40;
	f->phoff = f->ehsize;
	f->nseg = bd_notes_segments(b);
	f->nph = f->nseg + b->nloads;
	b->xnum |= f->nph >= PN_XNUM;
	if (b->style == BD_QEMU || b->nelf_sections)
		f->nsh = 2 + b->nelf_sections; /* the first is empty, the last one has the names */
	if (f->nsh && b->xnum && b->style != BD_QEMU)
		bd_fail(b, "shdr does not go with so many program headers");
	if (b->style == BD_QEMU) {
		f->shoff = f->ehsize;
		f->phoff = f->ehsize + f->nsh * f->shentsize;
	} else if (b->xnum) {
		f->shoff = f->phoff + f->nph * f->phentsize;
	}
	f->data = f->phoff + f->nph * f->phentsize + (b->style != BD_QEMU && b->xnum ? f->shentsize : 0);
	if (b->style == BD_KDUMP)
		f->data = round_page(b, f->data);
}

static void place_notes(struct file *f)
{
	for (unsigned i = 0; i < f->nseg; i++) {
		size_t len;

		f->note[i] = bd_notes_segment(f->b, i, &len);
		f->ph[i] = (struct bd_phdr){ .type = 4, .offset = f->data, .filesz = len, .memsz = len };
		f->data += len;
	}
}

static void place_loads(struct file *f)
{
	struct bd *b = f->b;

	for (size_t i = 0; i < b->nloads; i++) {
		struct bd_phdr *p = &f->ph[f->nseg + i];

		*p = b->loads[b->reverse ? b->nloads - 1 - i : i];
		if (p->fixed_offset)
			continue;
		if (b->style != BD_QEMU)
			f->data = round_page(b, f->data);
		f->data += b->gap;
		p->offset = p->filesz ? f->data : 0;
		f->data += p->filesz;
		if (f->data > FILE_MAX)
			bd_fail(b, "the file would have more than 4G");
	}
}

static void place_sections(struct file *f)
{
	struct bd *b = f->b;

	if (!f->nsh)
		return;
	f->names_size = 1 + sizeof ".shstrtab";
	for (size_t i = 0; i < b->nelf_sections; i++) {
		struct bd_elf_section *s = &b->elf_sections[i];

		f->names_size += strlen(s->name) + 1;
		if (s->fixed_offset)
			continue;
		s->offset = f->data;
		f->data += s->size;
	}
	f->names = f->data;
	f->data += f->names_size;
	if (b->style == BD_QEMU)
		return;
	f->shoff = f->data = (f->data + 7) & ~(uint64_t)7;
	f->data += f->nsh * f->shentsize;
}

static void write_ehdr(struct file *f)
{
	struct bd *b = f->b;
	bool qemu = b->style == BD_QEMU, shdr = f->nsh || b->xnum;
	const struct {
		const char *name;
		uint64_t v;
	} vals[] = {
		{ "e_type", 4 },
		{ "e_machine", b->m.e_machine },
		{ "e_version", 1 },
		{ "e_phoff", f->phoff },
		{ "e_shoff", f->shoff },
		{ "e_ehsize", qemu ? 8 : f->ehsize },
		{ "e_phentsize", f->phentsize },
		{ "e_phnum", b->xnum ? PN_XNUM : f->nph },
		{ "e_shentsize", shdr ? f->shentsize : 0 },
		{ "e_shnum", f->nsh ? f->nsh : b->xnum },
		{ "e_shstrndx", f->nsh ? f->nsh - 1 : 0 },
		{ "ei_class", b->m.is64 ? 2 : 1 },
		{ "ei_data", b->m.big ? 2 : 1 },
		{ "ei_version", 1 },
	};

	memcpy(f->p, "\177ELF", 4);
	for (size_t i = 0; i < sizeof vals / sizeof *vals; i++)
		put_field(b, f->p, eh_fields, vals[i].name, vals[i].v);
}

static void write_shdr(struct file *f, uint64_t i, uint64_t name, const struct bd_elf_section *s)
{
	struct bd *b = f->b;
	uint8_t *at = f->p + f->shoff + i * f->shentsize;

	bd_put(b, at, 4, name);
	bd_put(b, at + 4, 4, s->type);
	bd_put(b, at + (b->m.is64 ? 24 : 16), b->word, s->offset);
	bd_put(b, at + (b->m.is64 ? 32 : 20), b->word, s->size);
	memcpy(f->p + f->names + name, s->name, strlen(s->name));
	for (uint64_t k = 0; k < s->size && !s->fixed_offset; k++)
		f->p[s->offset + k] = (uint8_t)(k * 5 + 3);
}

/* Section 0 holds the number of program headers where e_phnum cannot. */
static void write_shdrs(struct file *f)
{
	struct bd *b = f->b;
	const struct bd_elf_section names = {
		.name = ".shstrtab", .type = 3, .offset = f->names, .size = f->names_size, .fixed_offset = true
	};
	uint64_t name = 1;

	if (b->xnum)
		bd_put(b, f->p + f->shoff + (b->m.is64 ? 44 : 28), 4, f->nph);
	for (size_t i = 0; i < b->nelf_sections; i++) {
		write_shdr(f, 1 + i, name, &b->elf_sections[i]);
		name += strlen(b->elf_sections[i].name) + 1;
	}
	if (f->nsh)
		write_shdr(f, f->nsh - 1, name, &names);
}

static void write_phdr(struct file *f, uint64_t i)
{
	const struct bd_phdr *p = &f->ph[i];
	uint8_t *at = f->p + f->phoff + i * f->phentsize;
	const uint64_t vals[] = { p->type, p->flags, p->offset, p->vaddr, p->paddr, p->filesz, p->memsz, p->align };

	for (unsigned k = 0; k < sizeof vals / sizeof *vals; k++)
		put_field(f->b, at, ph_fields, ph_fields[k].name, vals[k]);
}

/* Bytes of a load that no memory is behind stay zero. */
static void write_load(struct file *f, const struct bd_phdr *p)
{
	uint64_t done = 0, n;

	while (done < p->len && done < p->filesz) {
		const uint8_t *src;

		n = p->len - done;
		src = bd_phys_try(f->b, p->from + done, &n);
		if (!src)
			return;
		memcpy(f->p + p->offset + done, src, n);
		done += n;
	}
}

static void patch(struct file *f, struct bd_line *l)
{
	struct bd *b = f->b;
	const struct field *fields = eh_fields;
	uint8_t *base = f->p;
	unsigned i = 1;

	b->line = l->no;
	if (!strcmp(l->tok[0], "phdr")) {
		uint64_t n = bd_num(b, l->tok[1]);

		if (n >= f->nph)
			bd_fail(b, "there are %llu program headers", (unsigned long long)f->nph);
		base += f->phoff + n * f->phentsize;
		fields = ph_fields;
		i = 2;
	}
	for (; i < l->n; i++) {
		char *eq = strchr(l->tok[i], '=');
		char *name = bd_dup(b, l->tok[i], (size_t)(eq - l->tok[i]));

		put_field(b, base, fields, name, bd_num(b, eq + 1));
	}
	b->line = 0;
}

/* ---- which page frames the file has bytes of ---- */

static int by_first(const void *a, const void *c)
{
	const struct builder_range *x = a, *y = c;

	return x->first < y->first ? -1 : x->first > y->first;
}

static void merge(struct builder_ranges *r)
{
	size_t n = 0;

	qsort(r->v, r->n, sizeof *r->v, by_first);
	for (size_t i = 1; i < r->n; i++) {
		if (r->v[i].first <= r->v[n].last + 1) {
			if (r->v[i].last > r->v[n].last)
				r->v[n].last = r->v[i].last;
		} else {
			r->v[++n] = r->v[i];
		}
	}
	r->n = r->n ? n + 1 : 0;
}

static void find_present(struct file *f, struct builder_image *out)
{
	struct bd *b = f->b;
	struct builder_ranges *r = &out->present;

	r->v = malloc((b->nloads + 1) * sizeof *r->v);
	if (!r->v)
		bd_fail(b, "no memory");
	for (uint64_t i = f->nseg; i < f->nph; i++) {
		const struct bd_phdr *p = &f->ph[i];
		uint64_t have = p->filesz;

		if (!have || p->type != 1 || p->offset >= f->size)
			continue;
		if (have > f->size - p->offset)
			have = f->size - p->offset;
		r->v[r->n].first = p->paddr >> b->page_shift;
		r->v[r->n++].last = (p->paddr + have - 1) >> b->page_shift;
	}
	merge(r);
}

static void cut_file(struct file *f)
{
	struct bd *b = f->b;
	uint64_t to = b->cut < 0 ? f->size + (uint64_t)b->cut : (uint64_t)b->cut;

	if (to > f->size)
		bd_fail(b, "cut: the file has only %llu bytes", (unsigned long long)f->size);
	f->size = to;
}

void bd_elf_write(struct bd *b, struct builder_image *out)
{
	struct file f = { .b = b };

	if (!b->nloads) {
		if (b->style == BD_KDUMP && b->lay.text != bd_direct(b, b->lay.kernel))
			load_kernel(b);
		load_ram(b);
	}
	place_headers(&f);
	f.ph = bd_mem(b, f.nph * sizeof *f.ph);
	f.note = bd_mem(b, f.nseg * sizeof *f.note);
	place_notes(&f);
	place_loads(&f);
	place_sections(&f);
	f.size = f.data;
	f.p = out->data = calloc(1, f.size);
	if (!f.p)
		bd_fail(b, "no memory");
	write_ehdr(&f);
	if (f.shoff)
		write_shdrs(&f);
	for (uint64_t i = 0; i < f.nph; i++)
		write_phdr(&f, i);
	for (unsigned i = 0; i < f.nseg; i++)
		if (f.ph[i].filesz)
			memcpy(f.p + f.ph[i].offset, f.note[i], f.ph[i].filesz);
	for (uint64_t i = f.nseg; i < f.nph; i++)
		write_load(&f, &f.ph[i]);
	for (size_t i = 0; i < b->npatches; i++)
		patch(&f, b->patches[i]);
	if (b->has_cut)
		cut_file(&f);
	out->size = f.size;
	out->page_size = (uint32_t)b->page;
	find_present(&f, out);
}
