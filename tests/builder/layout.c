/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Machines, where things lie in their address spaces, symbols of the kernel image, utsname. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bd.h"

#define X86_TEXT 0xffffffff80000000ull

static void otherwise(uint64_t *value, uint64_t def)
{
	if (*value == BD_UNSET)
		*value = def;
}

static void place_x86_64(struct bd *builder)
{
	bool l5 = builder->paging.levels == 5;
	struct bd_layout *layout = &builder->layout;

	otherwise(&layout->kaslr, 0);
	otherwise(&layout->text, X86_TEXT + (16 << 20) + layout->kaslr);
	otherwise(&layout->direct, l5 ? 0xff11000000000000 : bd_fact_or(builder, "direct", 0xffff888000000000));
	otherwise(&layout->vmemmap, l5 ? 0xffd4000000000000 : bd_fact_or(builder, "vmemmap", 0xffffea0000000000));
	otherwise(&layout->vmalloc, l5 ? 0xffa0000000000000 : bd_fact_or(builder, "vmalloc", 0xffffc90000000000));
	bd_sym_at(builder, "phys_base_value", layout->kernel - (layout->text - X86_TEXT));
}

/* Until 6.9 the kernel lies in the identity mapping; from 6.10 it is found by KERNELOFFSET (vaddr of the image) and
 * KERNELOFFPHYS, both below the text by image_gap. */
static void place_s390x(struct bd *builder)
{
	struct bd_layout *layout = &builder->layout;
	bool uncoupled = bd_fact_text(builder, "KERNELOFFPHYS") != NULL;

	otherwise(&layout->direct, bd_fact_or(builder, "direct", 0));
	otherwise(&layout->image_gap, 0x100000);
	otherwise(&layout->koff, uncoupled ? 0x3fffe7f8000 : layout->kernel - layout->image_gap);
	otherwise(&layout->text, layout->koff + layout->image_gap);
	otherwise(&layout->vmemmap, bd_fact_or(builder, "vmemmap", 0x37200000000));
	otherwise(&layout->vmalloc, bd_fact_or(builder, "vmalloc", 0x37ffe700000));
	layout->kaslr = uncoupled ? layout->koff : 0;
	bd_sym_at(builder, "koffphys", layout->kernel - layout->image_gap);
	bd_sym_at(builder, "identity", layout->direct);
	bd_sym_at(builder, "amode31", layout->kernel - layout->image_gap - 0x3000);
	bd_sym_at(builder, "amode31_end", layout->kernel - layout->image_gap);
}

static void place_arm64(struct bd *builder)
{
	struct bd_layout *layout = &builder->layout;

	otherwise(&layout->kaslr, 0);
	otherwise(&layout->text, 0xffff800080000000 + layout->kaslr);
	otherwise(&layout->direct, 0xffff000000000000);
	otherwise(&layout->direct_pa, builder->regions[0].paddr);
	otherwise(&layout->vmemmap, 0xfffffdffc0000000);
	otherwise(&layout->vmalloc, 0xffff800080000000);
	bd_sym_at(builder, "kimage_voffset", layout->text - layout->kernel);
	bd_sym_at(builder, "PHYS_OFFSET", layout->direct_pa);
}

/* 32 bits: the image lies in the direct map. */
static void place_flat(struct bd *builder)
{
	struct bd_layout *layout = &builder->layout;

	otherwise(&layout->kaslr, 0);
	otherwise(&layout->direct, builder->machine.is64 ? 0xc000000000000000 : 0xc0000000);
	otherwise(&layout->text, layout->direct + layout->kernel);
	otherwise(&layout->vmemmap, 0);
	otherwise(&layout->vmalloc, builder->machine.is64 ? 0xc008000000000000 : 0xf0000000);
}

static const struct bd_machine machines[] = {
	{ "x86_64", "x86_64", 62, true, false, 12, &bd_form_x86_64, place_x86_64, 336 },
	{ "s390x", "s390x", 22, true, true, 12, &bd_form_s390x, place_s390x, 336 },
	{ "arm64", "aarch64", 183, true, false, 12, &bd_form_arm64, place_arm64, 392 },
	{ "i386", "i686", 3, false, false, 12, NULL, place_flat, 144 },
	{ "ppc", "ppc", 20, false, true, 12, NULL, place_flat, 268 },
	{ "ppc64le", "ppc64le", 21, true, false, 12, NULL, place_flat, 504 },
};

static void use_machine(struct bd *builder, const struct bd_machine *machine)
{
	builder->machine = *machine;
	builder->word = machine->is64 ? 8 : 4;
	builder->page_shift = machine->page_shift;
	builder->page = 1ull << machine->page_shift;
}

void bd_machine_default(struct bd *builder)
{
	use_machine(builder, &machines[0]);
}

void bd_machine(struct bd *builder, struct bd_line *line)
{
	const char *name = bd_arg(builder, line, "NAME"), *end = bd_opt(line, "endian");
	uint64_t number, page;

	for (size_t i = 0; i < sizeof machines / sizeof *machines; i++)
		if (!strcmp(machines[i].name, name))
			use_machine(builder, &machines[i]);
	if (!builder_number(name, &number)) {
		use_machine(builder, &machines[5]);
		builder->machine.e_machine = (unsigned)number;
	} else if (strcmp(builder->machine.name, name)) {
		bd_fail(builder, "no machine \"%s\"", name);
	}
	if (end)
		builder->machine.big = !strcmp(end, "big");
	builder->machine.is64 = bd_opt_num(builder, line, "class", builder->machine.is64 ? 64 : 32) == 64;
	builder->word = builder->machine.is64 ? 8 : 4;
	page = bd_opt_num(builder, line, "page", builder->page);
	if (page < 1024 || page > 1 << 20 || (page & (page - 1)))
		bd_fail(builder, "page size %llu", (unsigned long long)page);
	for (builder->page = page, builder->page_shift = 0; page > 1; page >>= 1)
		builder->page_shift++;
}

void bd_layout(struct bd *builder, struct bd_line *line)
{
	struct bd_layout *layout = &builder->layout;
	const struct {
		const char *key;
		uint64_t *value;
	} keys[] = {
		{ "kernel", &layout->kernel },       { "kernel_size", &layout->kernel_size },
		{ "text", &layout->text },           { "kaslr", &layout->kaslr },
		{ "direct", &layout->direct },       { "direct_pa", &layout->direct_pa },
		{ "vmemmap", &layout->vmemmap },     { "vmalloc", &layout->vmalloc },
		{ "alloc_end", &layout->alloc_end }, { "koff", &layout->koff },
		{ "image_gap", &layout->image_gap },
	};

	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
		*keys[i].value = bd_opt_num(builder, line, keys[i].key, *keys[i].value);
}

/* ---- symbols ---- */

static struct bd_sym *find_sym(struct bd *builder, const char *name)
{
	for (size_t i = 0; i < builder->nsyms; i++)
		if (!strcmp(builder->syms[i].name, name))
			return &builder->syms[i];
	return NULL;
}

void bd_sym_at(struct bd *builder, const char *name, uint64_t vaddr)
{
	struct bd_sym *sym = find_sym(builder, name);

	if (!sym) {
		builder->syms = bd_more(builder, builder->syms, builder->nsyms, sizeof *sym);
		sym = &builder->syms[builder->nsyms++];
		sym->name = bd_dup(builder, name, strlen(name));
	}
	sym->vaddr = vaddr;
}

uint64_t bd_image_pa(struct bd *builder, uint64_t vaddr)
{
	return vaddr - builder->layout.text + builder->layout.kernel;
}

uint64_t bd_sym_new(struct bd *builder, const char *name, uint64_t bytes, uint64_t align)
{
	uint64_t at = (builder->image_next + align - 1) & ~(align - 1);

	if (!builder->image_next)
		bd_fail(builder, "@%s: no symbols before the memory is laid out", name);
	builder->image_next = at + bytes;
	if (builder->image_next > builder->layout.text + builder->layout.kernel_size)
		bd_fail(builder, "symbol %s: the kernel image is full (layout kernel_size=)", name);
	memset(bd_phys(builder, bd_image_pa(builder, at), bytes), 0, bytes);
	bd_sym_at(builder, name, at);
	return at;
}

uint64_t bd_sym(struct bd *builder, const char *name)
{
	struct bd_sym *sym = find_sym(builder, name);

	return sym ? sym->vaddr : bd_sym_new(builder, name, 64, 16);
}

uint64_t bd_direct(struct bd *builder, uint64_t paddr)
{
	return builder->layout.direct + paddr - builder->layout.direct_pa;
}

uint64_t bd_virt(struct bd *builder, uint64_t vaddr)
{
	for (unsigned i = 0; i < builder->nmaps; i++)
		if (vaddr >= builder->maps[i].vaddr && vaddr - builder->maps[i].vaddr < builder->maps[i].length)
			return builder->maps[i].paddr + (vaddr - builder->maps[i].vaddr);
	bd_fail(builder, "virtual address %#llx is not mapped", (unsigned long long)vaddr);
}

static void put_sym(struct bd *builder, const char *name, uint64_t off, unsigned width, uint64_t value)
{
	bd_put(builder, bd_phys(builder, bd_image_pa(builder, bd_sym(builder, name)) + off, width), width, value);
}

/* ---- what lies in the image ---- */

/* The first vmalloc area, from which readers of kernels before 6.9 learn where vmalloc begins. */
static void place_vmalloc(struct bd *builder)
{
	uint64_t area, list;

	bd_sym_at(builder, "VMALLOC_START", builder->layout.vmalloc);
	area = bd_sym_new(builder, "first_vmap_area", 128, 16);
	if (bd_fact_text(builder, "SYMBOL(vmap_area_list)")) {
		list = bd_fact_or(builder, "OFFSET(vmap_area.list)", 48);
		put_sym(builder, "vmap_area_list", 0, builder->word, area + list);
		put_sym(builder, "vmap_area_list", builder->word, builder->word, area + list);
		put_sym(builder, "first_vmap_area", 0, builder->word, builder->layout.vmalloc);
		put_sym(builder, "first_vmap_area", list, builder->word, bd_sym(builder, "vmap_area_list"));
		put_sym(builder, "first_vmap_area", list + builder->word, builder->word,
			bd_sym(builder, "vmap_area_list"));
	} else if (bd_fact_text(builder, "SYMBOL(vmlist)")) {
		put_sym(builder, "vmlist", 0, builder->word, area);
		put_sym(builder, "first_vmap_area", builder->word, builder->word, builder->layout.vmalloc);
	}
}

static uint64_t checksum32(struct bd *builder, const uint8_t *bytes, unsigned words)
{
	uint64_t sum = 0;

	for (; words--; bytes += 4) {
		sum += bd_get(builder, bytes, 4);
		sum = (sum & 0xffffffff) + (sum >> 32);
	}
	return sum;
}

/* struct os_info of s390: found from the lowcore; value entries 4 to 9 describe the uncoupled layout of 6.10. */
static void place_os_info(struct bd *builder)
{
	const uint64_t values[] = {
		builder->layout.direct,  builder->layout.koff,       bd_sym(builder, "koffphys"),
		builder->layout.vmemmap, bd_sym(builder, "amode31"), bd_sym(builder, "amode31_end")
	};
	uint64_t paddr = bd_alloc(builder, 4096, 4096);
	uint8_t *bytes = bd_phys(builder, paddr, 4096);

	bd_put(builder, bd_phys(builder, 0xe18, 8), 8, paddr);
	bd_put(builder, bytes, 8, 0x4f53494e464f535a);
	bd_put(builder, bytes + 12, 2, 1);
	bd_put(builder, bytes + 14, 2, 1);
	for (unsigned i = 0; i < sizeof values / sizeof *values; i++)
		bd_put(builder, bytes + 32 + 20 * (4 + i), 8, values[i]);
	bd_put(builder, bytes + 8, 4, checksum32(builder, bytes + 12, (4096 - 12) / 4));
}

static void place_image(struct bd *builder)
{
	bd_sym_at(builder, "_stext", builder->layout.text);
	bd_sym_at(builder, "page_size", builder->page);
	bd_sym_at(builder, "kaslr", builder->layout.kaslr);
	bd_sym_at(builder, "sme_mask", builder->paging.sme);
	bd_sym_at(builder, "pgtable_l5_enabled", builder->paging.levels == 5);
	bd_sym_at(builder, "vmemmap", builder->layout.vmemmap);
	bd_sym_new(builder, "init_uts_ns", 512, 64);
	if (bd_fact_text(builder, "SYMBOL(phys_base)"))
		put_sym(builder, "phys_base", 0, 8, bd_sym(builder, "phys_base_value"));
	bd_sym_new(builder, "node_online_map", 128, 64);
	put_sym(builder, "node_online_map", 0, builder->word, 1);
	place_vmalloc(builder);
	if (builder->machine.e_machine == 22) {
		bd_sym_new(builder, "lowcore_ptr", 2048, 8);
		put_sym(builder, "high_memory", 0, 8,
			bd_direct(builder, builder->regions[0].paddr + builder->regions[0].size));
		bd_put(builder, bd_phys(builder, 0xe18, 8), 8, 0);
	}
	if (bd_fact_text(builder, "KERNELOFFPHYS"))
		place_os_info(builder);
}

void bd_place(struct bd *builder)
{
	const struct bd_region *region = &builder->regions[0];

	for (unsigned i = 1; i < builder->nregions; i++)
		if (builder->regions[i].memmap && (builder->regions[i].size > region->size || !region->memmap))
			region = &builder->regions[i];
	if (!builder->paging.levels && builder->machine.form)
		builder->paging.levels = (unsigned)bd_fact_or(builder, "levels", builder->machine.form->levels);
	otherwise(&builder->layout.kernel, builder->regions[0].paddr + (16 << 20));
	otherwise(&builder->layout.kernel_size, 2 << 20);
	otherwise(&builder->layout.alloc_end, (region->paddr + region->size) & ~(builder->page - 1));
	if (builder->machine.e_machine != 183)
		otherwise(&builder->layout.direct_pa, 0);
	builder->machine.place(builder);
	builder->image_next = builder->layout.text + 0x1000;
	place_image(builder);
	bd_paging_root(builder);
}

/* ---- utsname ---- */

static const char *const uts_keys[6] = { "sysname", "nodename", "release", "version", "machine", "domainname" };

void bd_uts(struct bd *builder, struct bd_line *line)
{
	for (unsigned i = 0; i < 6; i++) {
		const char *value = bd_opt(line, uts_keys[i]);

		if (value)
			builder->uts[i] = value;
	}
}

void bd_uts_write(struct bd *builder)
{
	const char *def[6] = { "Linux",
			       "builder",
			       bd_fact_text(builder, "OSRELEASE"),
			       "#1 SMP Thu Jan 1 00:00:00 UTC 1970",
			       builder->machine.uts,
			       "(none)" };
	uint64_t paddr = bd_image_pa(builder, bd_sym(builder, "init_uts_ns")) +
			 bd_fact_or(builder, "OFFSET(uts_namespace.name)", 4);

	for (unsigned i = 0; i < 6; i++) {
		const char *text = builder->uts[i] ? builder->uts[i] : def[i];
		uint8_t *bytes = bd_phys(builder, paddr + 65 * i, 65);

		memset(bytes, 0, 65);
		snprintf((char *)bytes, 65, "%s", text ? text : "");
	}
}

/* ---- mem lines ---- */

/* p:N, v:N or a symbol, each with +OFFSET, as a physical address. */
static uint64_t address(struct bd *builder, const char *text)
{
	const char *plus = strchr(text, '+');
	char *base = bd_dup(builder, text, plus ? (size_t)(plus - text) : strlen(text));
	uint64_t off = plus ? bd_num(builder, plus + 1) : 0;

	if (!strncmp(base, "p:", 2))
		return bd_num(builder, base + 2) + off;
	if (!strncmp(base, "v:", 2))
		return bd_virt(builder, bd_num(builder, base + 2) + off);
	return bd_image_pa(builder, bd_sym(builder, base)) + off;
}

static unsigned width_of(struct bd *builder, const char *type)
{
	if (!strcmp(type, "word"))
		return builder->word;
	if (*type == 'u' &&
	    (!strcmp(type + 1, "8") || !strcmp(type + 1, "16") || !strcmp(type + 1, "32") || !strcmp(type + 1, "64")))
		return (unsigned)atoi(type + 1) / 8;
	return 0;
}

static uint64_t put_copy(struct bd *builder, uint64_t paddr, const char *val)
{
	const char *comma = strchr(val, ',');
	uint64_t length, from;

	if (!comma)
		bd_fail(builder, "copy=ADDR,LEN");
	from = address(builder, bd_dup(builder, val, (size_t)(comma - val)));
	length = bd_num(builder, comma + 1);
	memmove(bd_phys(builder, paddr, length), bd_phys(builder, from, length), length);
	return length;
}

/* Bytes written. */
static uint64_t put_item(struct bd *builder, uint64_t paddr, const char *type, const char *val)
{
	unsigned width = width_of(builder, type);

	if (width) {
		bd_put(builder, bd_phys(builder, paddr, width), width, bd_num(builder, val));
		return width;
	}
	if (!strcmp(type, "str")) {
		memcpy(bd_phys(builder, paddr, strlen(val) + 1), val, strlen(val) + 1);
		return strlen(val) + 1;
	}
	if (!strcmp(type, "copy"))
		return put_copy(builder, paddr, val);
	bd_fail(builder, "mem: unknown type \"%s\"", type);
}

void bd_memory(struct bd *builder, struct bd_line *line)
{
	uint64_t paddr = address(builder, bd_arg(builder, line, "ADDR"));
	const char *text, *eq;
	unsigned i = 1;

	while ((text = bd_next(line, &i))) {
		eq = strchr(text, '=');
		if (!eq)
			bd_fail(builder, "mem: \"%s\" has no =", text);
		paddr += put_item(builder, paddr, bd_dup(builder, text, (size_t)(eq - text)), eq + 1);
	}
}
