/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Machines, where things lie in their address spaces, symbols of the kernel image, utsname. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bd.h"

#define X86_TEXT 0xffffffff80000000ull

static void otherwise(uint64_t *v, uint64_t def)
{
	if (*v == BD_UNSET)
		*v = def;
}

static void place_x86_64(struct bd *b)
{
	bool l5 = b->pg.levels == 5;
	struct bd_layout *y = &b->lay;

	otherwise(&y->kaslr, 0);
	otherwise(&y->text, X86_TEXT + (16 << 20) + y->kaslr);
	otherwise(&y->direct, l5 ? 0xff11000000000000 : bd_fact_or(b, "direct", 0xffff888000000000));
	otherwise(&y->vmemmap, l5 ? 0xffd4000000000000 : bd_fact_or(b, "vmemmap", 0xffffea0000000000));
	otherwise(&y->vmalloc, l5 ? 0xffa0000000000000 : bd_fact_or(b, "vmalloc", 0xffffc90000000000));
	bd_sym_at(b, "phys_base_value", y->kernel - (y->text - X86_TEXT));
}

/* Until 6.9 the kernel lies in the identity mapping; from 6.10 it is found by KERNELOFFSET (vaddr of the image) and
 * KERNELOFFPHYS, both below the text by image_gap. */
static void place_s390x(struct bd *b)
{
	struct bd_layout *y = &b->lay;
	bool uncoupled = bd_fact_text(b, "KERNELOFFPHYS") != NULL;

	otherwise(&y->direct, bd_fact_or(b, "direct", 0));
	otherwise(&y->image_gap, 0x100000);
	otherwise(&y->koff, uncoupled ? 0x3fffe7f8000 : y->kernel - y->image_gap);
	otherwise(&y->text, y->koff + y->image_gap);
	otherwise(&y->vmemmap, bd_fact_or(b, "vmemmap", 0x37200000000));
	otherwise(&y->vmalloc, bd_fact_or(b, "vmalloc", 0x37ffe700000));
	y->kaslr = uncoupled ? y->koff : 0;
	bd_sym_at(b, "koffphys", y->kernel - y->image_gap);
	bd_sym_at(b, "identity", y->direct);
	bd_sym_at(b, "amode31", y->kernel - y->image_gap - 0x3000);
	bd_sym_at(b, "amode31_end", y->kernel - y->image_gap);
}

static void place_arm64(struct bd *b)
{
	struct bd_layout *y = &b->lay;

	otherwise(&y->kaslr, 0);
	otherwise(&y->text, 0xffff800080000000 + y->kaslr);
	otherwise(&y->direct, 0xffff000000000000);
	otherwise(&y->direct_pa, b->regions[0].pa);
	otherwise(&y->vmemmap, 0xfffffdffc0000000);
	otherwise(&y->vmalloc, 0xffff800080000000);
	bd_sym_at(b, "kimage_voffset", y->text - y->kernel);
	bd_sym_at(b, "PHYS_OFFSET", y->direct_pa);
}

/* 32 bits: the image lies in the direct map. */
static void place_flat(struct bd *b)
{
	struct bd_layout *y = &b->lay;

	otherwise(&y->kaslr, 0);
	otherwise(&y->direct, b->m.is64 ? 0xc000000000000000 : 0xc0000000);
	otherwise(&y->text, y->direct + y->kernel);
	otherwise(&y->vmemmap, 0);
	otherwise(&y->vmalloc, b->m.is64 ? 0xc008000000000000 : 0xf0000000);
}

static const struct bd_machine machines[] = {
	{ "x86_64", "x86_64", 62, true, false, 12, &bd_form_x86_64, place_x86_64, 336 },
	{ "s390x", "s390x", 22, true, true, 12, &bd_form_s390x, place_s390x, 336 },
	{ "arm64", "aarch64", 183, true, false, 12, &bd_form_arm64, place_arm64, 392 },
	{ "i386", "i686", 3, false, false, 12, NULL, place_flat, 144 },
	{ "ppc", "ppc", 20, false, true, 12, NULL, place_flat, 268 },
	{ "ppc64le", "ppc64le", 21, true, false, 12, NULL, place_flat, 504 },
};

static void use_machine(struct bd *b, const struct bd_machine *m)
{
	b->m = *m;
	b->word = m->is64 ? 8 : 4;
	b->page_shift = m->page_shift;
	b->page = 1ull << m->page_shift;
}

void bd_machine_default(struct bd *b)
{
	use_machine(b, &machines[0]);
}

void bd_machine(struct bd *b, struct bd_line *l)
{
	const char *name = bd_arg(b, l, "NAME"), *end = bd_opt(l, "endian");
	uint64_t nr, page;

	for (size_t i = 0; i < sizeof machines / sizeof *machines; i++)
		if (!strcmp(machines[i].name, name))
			use_machine(b, &machines[i]);
	if (!builder_number(name, &nr)) {
		use_machine(b, &machines[5]);
		b->m.e_machine = (unsigned)nr;
	} else if (strcmp(b->m.name, name)) {
		bd_fail(b, "no machine \"%s\"", name);
	}
	if (end)
		b->m.big = !strcmp(end, "big");
	b->m.is64 = bd_opt_num(b, l, "class", b->m.is64 ? 64 : 32) == 64;
	b->word = b->m.is64 ? 8 : 4;
	page = bd_opt_num(b, l, "page", b->page);
	if (page < 1024 || page > 1 << 20 || (page & (page - 1)))
		bd_fail(b, "page size %llu", (unsigned long long)page);
	for (b->page = page, b->page_shift = 0; page > 1; page >>= 1)
		b->page_shift++;
}

void bd_layout(struct bd *b, struct bd_line *l)
{
	struct bd_layout *y = &b->lay;
	const struct {
		const char *key;
		uint64_t *v;
	} keys[] = {
		{ "kernel", &y->kernel },   { "kernel_size", &y->kernel_size }, { "text", &y->text },
		{ "kaslr", &y->kaslr },     { "direct", &y->direct },           { "direct_pa", &y->direct_pa },
		{ "vmemmap", &y->vmemmap }, { "vmalloc", &y->vmalloc },         { "alloc_end", &y->alloc_end },
		{ "koff", &y->koff },       { "image_gap", &y->image_gap },
	};

	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
		*keys[i].v = bd_opt_num(b, l, keys[i].key, *keys[i].v);
}

/* ---- symbols ---- */

static struct bd_sym *find_sym(struct bd *b, const char *name)
{
	for (size_t i = 0; i < b->nsyms; i++)
		if (!strcmp(b->syms[i].name, name))
			return &b->syms[i];
	return NULL;
}

void bd_sym_at(struct bd *b, const char *name, uint64_t va)
{
	struct bd_sym *s = find_sym(b, name);

	if (!s) {
		b->syms = bd_more(b, b->syms, b->nsyms, sizeof *s);
		s = &b->syms[b->nsyms++];
		s->name = bd_dup(b, name, strlen(name));
	}
	s->va = va;
}

uint64_t bd_image_pa(struct bd *b, uint64_t va)
{
	return va - b->lay.text + b->lay.kernel;
}

uint64_t bd_sym_new(struct bd *b, const char *name, uint64_t bytes, uint64_t align)
{
	uint64_t at = (b->image_next + align - 1) & ~(align - 1);

	if (!b->image_next)
		bd_fail(b, "@%s: no symbols before the memory is laid out", name);
	b->image_next = at + bytes;
	if (b->image_next > b->lay.text + b->lay.kernel_size)
		bd_fail(b, "symbol %s: the kernel image is full (layout kernel_size=)", name);
	memset(bd_phys(b, bd_image_pa(b, at), bytes), 0, bytes);
	bd_sym_at(b, name, at);
	return at;
}

uint64_t bd_sym(struct bd *b, const char *name)
{
	struct bd_sym *s = find_sym(b, name);

	return s ? s->va : bd_sym_new(b, name, 64, 16);
}

uint64_t bd_direct(struct bd *b, uint64_t pa)
{
	return b->lay.direct + pa - b->lay.direct_pa;
}

uint64_t bd_virt(struct bd *b, uint64_t va)
{
	for (unsigned i = 0; i < b->nmaps; i++)
		if (va >= b->maps[i].va && va - b->maps[i].va < b->maps[i].len)
			return b->maps[i].pa + (va - b->maps[i].va);
	bd_fail(b, "virtual address %#llx is not mapped", (unsigned long long)va);
}

static void put_sym(struct bd *b, const char *name, uint64_t off, unsigned width, uint64_t v)
{
	bd_put(b, bd_phys(b, bd_image_pa(b, bd_sym(b, name)) + off, width), width, v);
}

/* ---- what lies in the image ---- */

/* The first vmalloc area, from which readers of kernels before 6.9 learn where vmalloc begins. */
static void place_vmalloc(struct bd *b)
{
	uint64_t area, list;

	bd_sym_at(b, "VMALLOC_START", b->lay.vmalloc);
	area = bd_sym_new(b, "first_vmap_area", 128, 16);
	if (bd_fact_text(b, "SYMBOL(vmap_area_list)")) {
		list = bd_fact_or(b, "OFFSET(vmap_area.list)", 48);
		put_sym(b, "vmap_area_list", 0, b->word, area + list);
		put_sym(b, "vmap_area_list", b->word, b->word, area + list);
		put_sym(b, "first_vmap_area", 0, b->word, b->lay.vmalloc);
		put_sym(b, "first_vmap_area", list, b->word, bd_sym(b, "vmap_area_list"));
		put_sym(b, "first_vmap_area", list + b->word, b->word, bd_sym(b, "vmap_area_list"));
	} else if (bd_fact_text(b, "SYMBOL(vmlist)")) {
		put_sym(b, "vmlist", 0, b->word, area);
		put_sym(b, "first_vmap_area", b->word, b->word, b->lay.vmalloc);
	}
}

static uint64_t checksum32(struct bd *b, const uint8_t *p, unsigned words)
{
	uint64_t sum = 0;

	for (; words--; p += 4) {
		sum += bd_get(b, p, 4);
		sum = (sum & 0xffffffff) + (sum >> 32);
	}
	return sum;
}

/* struct os_info of s390: found from the lowcore; value entries 4 to 9 describe the uncoupled layout of 6.10. */
static void place_os_info(struct bd *b)
{
	const uint64_t values[] = { b->lay.direct,  b->lay.koff,          bd_sym(b, "koffphys"),
				    b->lay.vmemmap, bd_sym(b, "amode31"), bd_sym(b, "amode31_end") };
	uint64_t pa = bd_alloc(b, 4096, 4096);
	uint8_t *p = bd_phys(b, pa, 4096);

	bd_put(b, bd_phys(b, 0xe18, 8), 8, pa);
	bd_put(b, p, 8, 0x4f53494e464f535a);
	bd_put(b, p + 12, 2, 1);
	bd_put(b, p + 14, 2, 1);
	for (unsigned i = 0; i < sizeof values / sizeof *values; i++)
		bd_put(b, p + 32 + 20 * (4 + i), 8, values[i]);
	bd_put(b, p + 8, 4, checksum32(b, p + 12, (4096 - 12) / 4));
}

static void place_image(struct bd *b)
{
	bd_sym_at(b, "_stext", b->lay.text);
	bd_sym_at(b, "page_size", b->page);
	bd_sym_at(b, "kaslr", b->lay.kaslr);
	bd_sym_at(b, "sme_mask", b->pg.sme);
	bd_sym_at(b, "pgtable_l5_enabled", b->pg.levels == 5);
	bd_sym_at(b, "vmemmap", b->lay.vmemmap);
	bd_sym_new(b, "init_uts_ns", 512, 64);
	if (bd_fact_text(b, "SYMBOL(phys_base)"))
		put_sym(b, "phys_base", 0, 8, bd_sym(b, "phys_base_value"));
	bd_sym_new(b, "node_online_map", 128, 64);
	put_sym(b, "node_online_map", 0, b->word, 1);
	place_vmalloc(b);
	if (b->m.e_machine == 22) {
		bd_sym_new(b, "lowcore_ptr", 2048, 8);
		put_sym(b, "high_memory", 0, 8, bd_direct(b, b->regions[0].pa + b->regions[0].size));
		bd_put(b, bd_phys(b, 0xe18, 8), 8, 0);
	}
	if (bd_fact_text(b, "KERNELOFFPHYS"))
		place_os_info(b);
}

void bd_place(struct bd *b)
{
	const struct bd_region *big = &b->regions[0];

	for (unsigned i = 1; i < b->nregions; i++)
		if (b->regions[i].memmap && (b->regions[i].size > big->size || !big->memmap))
			big = &b->regions[i];
	if (!b->pg.levels && b->m.form)
		b->pg.levels = (unsigned)bd_fact_or(b, "levels", b->m.form->levels);
	otherwise(&b->lay.kernel, b->regions[0].pa + (16 << 20));
	otherwise(&b->lay.kernel_size, 2 << 20);
	otherwise(&b->lay.alloc_end, (big->pa + big->size) & ~(b->page - 1));
	if (b->m.e_machine != 183)
		otherwise(&b->lay.direct_pa, 0);
	b->m.place(b);
	b->image_next = b->lay.text + 0x1000;
	place_image(b);
	bd_paging_root(b);
}

/* ---- utsname ---- */

static const char *const uts_keys[6] = { "sysname", "nodename", "release", "version", "machine", "domainname" };

void bd_uts(struct bd *b, struct bd_line *l)
{
	for (unsigned i = 0; i < 6; i++) {
		const char *v = bd_opt(l, uts_keys[i]);

		if (v)
			b->uts[i] = v;
	}
}

void bd_uts_write(struct bd *b)
{
	const char *def[6] = { "Linux",  "builder", bd_fact_text(b, "OSRELEASE"), "#1 SMP Thu Jan 1 00:00:00 UTC 1970",
			       b->m.uts, "(none)" };
	uint64_t pa = bd_image_pa(b, bd_sym(b, "init_uts_ns")) + bd_fact_or(b, "OFFSET(uts_namespace.name)", 4);

	for (unsigned i = 0; i < 6; i++) {
		const char *s = b->uts[i] ? b->uts[i] : def[i];
		uint8_t *p = bd_phys(b, pa + 65 * i, 65);

		memset(p, 0, 65);
		snprintf((char *)p, 65, "%s", s ? s : "");
	}
}

/* ---- mem lines ---- */

/* p:N, v:N or a symbol, each with +OFFSET, as a physical address. */
static uint64_t address(struct bd *b, const char *s)
{
	const char *plus = strchr(s, '+');
	char *base = bd_dup(b, s, plus ? (size_t)(plus - s) : strlen(s));
	uint64_t off = plus ? bd_num(b, plus + 1) : 0;

	if (!strncmp(base, "p:", 2))
		return bd_num(b, base + 2) + off;
	if (!strncmp(base, "v:", 2))
		return bd_virt(b, bd_num(b, base + 2) + off);
	return bd_image_pa(b, bd_sym(b, base)) + off;
}

static unsigned width_of(struct bd *b, const char *type)
{
	if (!strcmp(type, "word"))
		return b->word;
	if (*type == 'u' &&
	    (!strcmp(type + 1, "8") || !strcmp(type + 1, "16") || !strcmp(type + 1, "32") || !strcmp(type + 1, "64")))
		return (unsigned)atoi(type + 1) / 8;
	return 0;
}

static uint64_t put_copy(struct bd *b, uint64_t pa, const char *val)
{
	const char *comma = strchr(val, ',');
	uint64_t len, from;

	if (!comma)
		bd_fail(b, "copy=ADDR,LEN");
	from = address(b, bd_dup(b, val, (size_t)(comma - val)));
	len = bd_num(b, comma + 1);
	memmove(bd_phys(b, pa, len), bd_phys(b, from, len), len);
	return len;
}

/* Bytes written. */
static uint64_t put_item(struct bd *b, uint64_t pa, const char *type, const char *val)
{
	unsigned width = width_of(b, type);

	if (width) {
		bd_put(b, bd_phys(b, pa, width), width, bd_num(b, val));
		return width;
	}
	if (!strcmp(type, "str")) {
		memcpy(bd_phys(b, pa, strlen(val) + 1), val, strlen(val) + 1);
		return strlen(val) + 1;
	}
	if (!strcmp(type, "copy"))
		return put_copy(b, pa, val);
	bd_fail(b, "mem: unknown type \"%s\"", type);
}

void bd_memory(struct bd *b, struct bd_line *l)
{
	uint64_t pa = address(b, bd_arg(b, l, "ADDR"));
	const char *s, *eq;
	unsigned i = 1;

	while ((s = bd_next(l, &i))) {
		eq = strchr(s, '=');
		if (!eq)
			bd_fail(b, "mem: \"%s\" has no =", s);
		pa += put_item(b, pa, bd_dup(b, s, (size_t)(eq - s)), eq + 1);
	}
}
