/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The builder of test dumps: what it built is decoded here with offsets written out by hand. */
#include "../builder/build.h"

#include <stdlib.h>

#include "t.h"

static struct builder_image image;
static bool big;

static void build(const char *recipe)
{
	char err[BUILDER_ERR];

	builder_image_free(&image);
	if (builder_build(recipe, strlen(recipe), &image, err))
		T_FAIL("%s", err);
	big = image.data[5] == 2;
}

static uint64_t num(uint64_t at, unsigned width)
{
	uint64_t value = 0;

	if (at + width > image.size)
		T_FAIL("%#" PRIx64 " lies behind the end", at);
	for (unsigned i = 0; i < width; i++)
		value |= (uint64_t)image.data[at + (big ? width - 1 - i : i)] << 8 * i;
	return value;
}

/* File offset of a physical address: first PT_LOAD of an ELF64. */
static uint64_t file_at(uint64_t paddr)
{
	uint64_t ph = num(32, 8), count = num(56, 2);

	for (uint64_t i = 0; i < count; i++, ph += 56)
		if (num(ph, 4) == 1 && paddr >= num(ph + 24, 8) && paddr < num(ph + 24, 8) + num(ph + 32, 8))
			return num(ph + 8, 8) + paddr - num(ph + 24, 8);
	T_FAIL("no PT_LOAD has %#" PRIx64, paddr);
	return 0;
}

static uint64_t phys(uint64_t paddr, unsigned width)
{
	return num(file_at(paddr), width);
}

/* The text of the VMCOREINFO note in PT_NOTE number seg; empty where there is none.  Lives until the next call. */
static const char *info_in(unsigned seg)
{
	static char text[65536];
	uint64_t ph = num(32, 8) + 56 * seg, at = num(ph + 8, 8), end = at + num(ph + 32, 8);

	text[0] = '\0';
	while (at + 12 <= end) {
		uint64_t name = num(at, 4), desc = num(at + 4, 4), body = at + 12 + (name + 3) / 4 * 4;

		if (!strcmp((char *)image.data + at + 12, "VMCOREINFO") && desc < sizeof text) {
			memcpy(text, image.data + body, desc);
			text[desc] = '\0';
		}
		at = body + (desc + 3) / 4 * 4;
	}
	return text;
}

static const char *line(const char *key)
{
	static char out[256];
	const char *text = info_in(0);
	size_t count = strlen(key);

	for (; text && *text; text = strchr(text, '\n'), text += text != NULL) {
		if (strncmp(text, key, count) || text[count] != '=')
			continue;
		snprintf(out, sizeof out, "%.*s", (int)strcspn(text + count + 1, "\n"), text + count + 1);
		return out;
	}
	return NULL;
}

static uint64_t hex(const char *key)
{
	const char *text = line(key);

	if (!text)
		T_FAIL("no %s in the note", key);
	return strtoull(text, NULL, 16);
}

static int64_t dec(const char *key)
{
	const char *text = line(key);

	if (!text)
		T_FAIL("no %s in the note", key);
	return strtoll(text, NULL, 10);
}

static uint64_t dec_or_0(const char *key)
{
	return line(key) ? (uint64_t)dec(key) : 0;
}

/* x86_64: the physical address, or -1. */
static uint64_t walk(uint64_t vaddr)
{
	unsigned shift = dec_or_0("NUMBER(pgtable_l5_enabled)") ? 48 : 39;
	uint64_t mask = 0x000ffffffffff000 & ~dec_or_0("NUMBER(sme_mask)");
	uint64_t table = hex("SYMBOL(swapper_pg_dir)") - 0xffffffff80000000 + dec_or_0("NUMBER(phys_base)");

	for (;; shift -= 9) {
		uint64_t end = phys(table + 8 * (vaddr >> shift & 511), 8), size = 1ull << shift;

		if (!(end & 1))
			return UINT64_MAX;
		if (shift == 12 || (end & 0x80))
			return (end & mask & ~(size - 1)) | (vaddr & (size - 1));
		table = end & mask;
	}
}

/* A field of a struct page of 64 bytes in vmemmap. */
static uint64_t field(uint64_t vmemmap, uint64_t pfn, unsigned off, unsigned width)
{
	return phys(walk(vmemmap + 64 * pfn) + off, width);
}

#define VM    0xffffea0000000000ull
#define VM_L5 0xffd4000000000000ull

static void test_headers(void)
{
	build("preset 6.1\n");
	CHECK(!memcmp(image.data, "\177ELF\2\1\1", 7));
	CHECK_EQ(num(16, 2), 4);
	CHECK_EQ(num(18, 2), 62);
	CHECK_EQ(num(32, 8), 64);
	CHECK_EQ(num(54, 2), 56);
	CHECK_EQ(num(56, 2), 3);
	CHECK_EQ(num(64, 4), 4);
	CHECK_EQ(num(64 + 8, 8), 0x1000);
	CHECK_EQ(num(64 + 56 + 16, 8), 0xffffffff81000000);
	CHECK_EQ(num(64 + 56 + 24, 8), 16 << 20);
	CHECK_EQ(num(64 + 112 + 16, 8), 0xffff888000000000);
	CHECK_EQ(num(64 + 112 + 32, 8), 32 << 20);
	CHECK_EQ(image.present.count, 1);
	CHECK_EQ(builder_ranges_count(&image.present), 8192);
	CHECK_EQ(image.page_size, 4096);
}

static void test_note(void)
{
	build("preset 6.1\ninfo drop NUMBER(PG_slab) SIZE(page)\ninfo set NUMBER(PG_lru)=99 NEW=x\ninfo line \"A B\"\n"
	      "fact NUMBER(PG_private)=12 !NUMBER(PG_swapcache)=10\n");
	CHECK_STR(line("OSRELEASE"), "6.1.0-50-cloud-amd64");
	CHECK(!line("NUMBER(PG_slab)") && !line("SIZE(page)") && !line("NUMBER(PG_swapcache)"));
	CHECK_EQ(dec("NUMBER(PG_lru)"), 99);
	CHECK_EQ(dec("NUMBER(PG_private)"), 12);
	CHECK_STR(line("NEW"), "x");
	CHECK_HAS(info_in(0), "\nA B\n");
	CHECK_EQ(dec("NUMBER(PAGE_BUDDY_MAPCOUNT_VALUE)"), -129);
	build("info raw \"A=1\\nB=2\"\n");
	CHECK_STR(info_in(0), "A=1\nB=2");
	build("info none\n");
	CHECK_STR(info_in(0), "");
	build("vmcoreinfo segment=1\nnote X 5 3 namesz=77 descsz=99\nprstatus 0\n");
	CHECK_HAS(info_in(1), "PAGESIZE=4096\n");
	CHECK_EQ(num(0x1000, 4), 77);
	CHECK_EQ(num(0x1004, 4), 99);
	CHECK_EQ(num(0x1008, 4), 5);
}

static void test_page_fields(void)
{
	build("preset 6.1\npage 0x101 kind=anon\npage 0x102 kind=private private=7 count=3\npage 0x103 kind=slab\n"
	      "page 0x104 type=offline\npage 0x105 .mapping=0x55 u16@2=0x1234\nbuddy 0x110 order=4\n"
	      "page 0x106 kind=swapcache\npage 0x107 flags=+hwpoison,0x100000000\n");
	CHECK_EQ(field(VM, 0x100, 0, 8), 0);
	CHECK_EQ(field(VM, 0x100, 8, 8), 0);
	CHECK_EQ(field(VM, 0x100, 48, 4), 0xffffffff);
	CHECK_EQ(field(VM, 0x101, 0, 8), 1 << 4 | 1 << 19);
	CHECK_EQ(field(VM, 0x101, 24, 8) & 3, 1);
	CHECK_EQ(field(VM, 0x102, 0, 8), 1 << 4 | 1 << 13);
	CHECK_EQ(field(VM, 0x102, 24, 8) & 3, 0);
	CHECK_EQ(field(VM, 0x102, 40, 8), 7);
	CHECK_EQ(field(VM, 0x102, 52, 4), 3);
	CHECK_EQ(field(VM, 0x103, 0, 8), 1 << 9);
	CHECK_EQ(field(VM, 0x104, 48, 4), 0xfffffeff);
	CHECK_EQ(field(VM, 0x105, 24, 8), 0x55);
	CHECK_EQ(field(VM, 0x105, 0, 4), 0x12340000);
	CHECK_EQ(field(VM, 0x106, 0, 8), 1 << 10 | 1 << 19);
	CHECK_EQ(field(VM, 0x107, 0, 8), 1ull << 32 | 1 << 22);
	CHECK_EQ(field(VM, 0x110, 48, 4), 0xffffff7f);
	CHECK_EQ(field(VM, 0x110, 40, 8), 4);
}

static void test_compound_61(void)
{
	build("preset 6.1\ncompound 0x200 order=9 kind=thp\ncompound 0x400 order=9 kind=hugetlb hvo\n");
	CHECK_EQ(field(VM, 0x200, 0, 8), 1 << 16 | 1 << 4 | 1 << 19);
	CHECK_EQ(field(VM, 0x200, 8, 8), 0);
	CHECK_EQ(field(VM, 0x201, 8, 8), (VM + 64 * 0x200) | 1);
	CHECK_EQ(field(VM, 0x201, 16, 1), 3);
	CHECK_EQ(field(VM, 0x201, 17, 1), 9);
	CHECK_EQ(field(VM, 0x3ff, 8, 8), (VM + 64 * 0x200) | 1);
	CHECK_EQ(field(VM, 0x401, 16, 1), 2);
	/* shared struct pages: the 65th looks like the head again */
	CHECK_EQ(walk(VM + 64 * 0x440), walk(VM + 64 * 0x400));
	CHECK_EQ(walk(VM + 64 * 0x5c0), walk(VM + 64 * 0x400));
	CHECK_EQ(field(VM, 0x440, 0, 8), 1 << 16);
	CHECK(walk(VM + 64 * 0x600) != walk(VM + 64 * 0x400));
}

static void test_compound_73(void)
{
	build("preset 7.3\ncompound 0x200 order=9 kind=thp\ncompound 0x400 order=9 kind=pool hvo\n"
	      "page 0x101 type=zsmalloc low=0x1234\npage 0x102 kind=slab\n");
	CHECK_EQ(dec("NUMBER(pgtable_l5_enabled)"), 1);
	CHECK_EQ(dec("LENGTH(mem_section)"), 131072);
	CHECK_EQ(field(VM_L5, 0x200, 0, 8), 1 << 6 | 1 << 5 | 1 << 17);
	CHECK_EQ(field(VM_L5, 0x201, 0, 8), 9);
	CHECK_EQ(field(VM_L5, 0x3ff, 8, 8), (0 - (64ull << 9)) | 1);
	CHECK_EQ(field(VM_L5, 0x400, 48, 4), 0xf4000000);
	CHECK_EQ(field(VM_L5, 0x400, 0, 8), 1 << 6);
	/* the shared page holds tails only */
	CHECK_EQ(walk(VM_L5 + 64 * 0x440), walk(VM_L5 + 64 * 0x5c0));
	CHECK(walk(VM_L5 + 64 * 0x440) != walk(VM_L5 + 64 * 0x400));
	CHECK_EQ(field(VM_L5, 0x440, 0, 8), 0);
	CHECK_EQ(field(VM_L5, 0x440, 8, 8), (0 - (64ull << 9)) | 1);
	CHECK_EQ(field(VM_L5, 0x101, 48, 4), 0xf6001234);
	CHECK_EQ(field(VM_L5, 0x102, 48, 4), 0xf5000000);
}

/* Where each kernel keeps the order of a unit and what says that it is hugetlb: offset from the head, width, value. */
static const struct where {
	const char *preset;
	unsigned order_at, order_width, huge_at, huge_width;
	uint64_t huge;
} wheres[] = {
	{ "4.14", 64 + 44, 4, 64 + 40, 4, 2 }, { "4.16", 64 + 41, 1, 64 + 40, 1, 2 },
	{ "4.18", 64 + 17, 1, 64 + 16, 1, 2 }, { "6.3", 81, 1, 80, 1, 2 },
	{ "6.6", 64, 1, 64 + 1, 1, 1 },        { "6.8", 64, 1, 64 + 1, 1, 1 },
	{ "6.9", 64, 1, 48, 4, 0xfffff7ff },   { "6.10", 64, 1, 48, 4, 0xfffff7ff },
	{ "6.11", 64, 1, 48, 4, 0xfbffffff },  { "6.12", 64, 1, 48, 4, 0xf4000000 },
	{ "7.1", 64, 1, 48, 4, 0xf4000000 },
};

static void one_order(const struct where *where)
{
	char recipe[128];

	snprintf(recipe, sizeof recipe, "preset %s\ncompound 0x180 order=7 kind=pool\n", where->preset);
	build(recipe);
	CHECK_EQ(field(VM, 0x180, where->order_at, where->order_width), 7);
	CHECK_EQ(field(VM, 0x180, where->huge_at, where->huge_width), where->huge);
	CHECK_EQ(field(VM, 0x181, 8, 8) & 1,
		 where->preset[0] != '4' || where->preset[2] != '1' || where->preset[3] == '8');
}

static void test_orders(void)
{
	for (size_t i = 0; i < sizeof wheres / sizeof *wheres; i++)
		one_order(&wheres[i]);
}

static void test_old_compound(void)
{
	uint64_t paddr;

	build("preset 3.10\ncompound 0x200 order=9 kind=pool\n");
	paddr = walk(VM + 64 * 0x200);
	CHECK_EQ(phys(paddr, 8), 1 << 14);
	CHECK_EQ(phys(paddr + 64, 8), 1 << 15);
	CHECK_EQ(phys(paddr + 64 + 32, 8), hex("SYMBOL(free_huge_page)"));
	CHECK_EQ(phys(paddr + 64 + 40, 8), 9);
	CHECK_EQ(phys(paddr + 64 + 48, 8), VM + 64 * 0x200);
}

static void test_translation(void)
{
	build("preset 6.1\nlayout kaslr=0x1b600000 direct=0xffff897580000000\npaging sme=0x800000000000 vmemmap=2M\n");
	CHECK_EQ(dec("NUMBER(phys_base)"), -0x1b600000);
	CHECK_EQ(hex("KERNELOFFSET"), 0x1b600000);
	CHECK_EQ(walk(hex("SYMBOL(_stext)")), 16 << 20);
	CHECK_EQ(walk(0xffff897580123456), 0x123456);
	CHECK_EQ(phys(walk(hex("SYMBOL(init_uts_ns)")), 4), 0x756e694c); /* "Linu" */
	CHECK(walk(0xffff8975c0000000) == UINT64_MAX);
	build("preset 6.1\npaging direct=1G leafbits=0x6800000000001000\n");
	CHECK_EQ(walk(0xffff888001abcdef), 0x1abcdef);
	build("preset 6.1\npage 0x140 kind=anon\nunmap 0x140\n");
	CHECK(walk(VM + 64 * 0x140) == UINT64_MAX && walk(VM + 64 * 0x17f) == UINT64_MAX);
	CHECK(walk(VM + 64 * 0x13f) != UINT64_MAX && walk(VM + 64 * 0x180) != UINT64_MAX);
}

static void test_sections(void)
{
	uint64_t root, section;

	build("preset 6.1\nram 0 32M\nram 128M 4M\nsection 1 or=0x20\n");
	root = walk(hex("SYMBOL(mem_section)"));
	section = walk(phys(root, 8));
	CHECK_EQ(phys(section, 8), VM | 15);
	CHECK_EQ(phys(section + 16, 8), VM | 0x2f);
	CHECK_EQ(phys(section + 32, 8), 0);
	CHECK_EQ(phys(root + 8, 8), 0);
	CHECK(walk(VM + 64 * 0x8000) != UINT64_MAX && walk(VM + 64 * 0x4000) == UINT64_MAX);
	build("preset 6.1\nmemmodel sparse memmap=direct section_bits=22 phys_bits=36\nsection 3 absent\n");
	CHECK_EQ(dec("LENGTH(mem_section)"), 1 << 14);
	CHECK_EQ(dec("NUMBER(SECTION_SIZE_BITS)"), 22);
	section = walk(hex("SYMBOL(mem_section)"));
	CHECK_EQ(phys(section + 16 * 3, 8), 0);
	/* section 2: the word is the address of its first struct page minus first_pfn * 64 */
	CHECK_EQ(phys(walk((phys(section + 16 * 2, 8) & ~15ull) + 64 * 0x800) + 48, 4), 0xffffffff);
}

static void test_free_list(void)
{
	const uint64_t vm = 0xffffea0000000000, want[] = { 0x200, 0x700 };
	uint64_t pgdat, zone, head, at, prev;

	/* orders of one kind go to the five migrate types in turn */
	build("preset 2.6.32-el6\nbuddy 0x200 order=4\nbuddy 0x300 order=4\nbuddy 0x400 order=4\nbuddy 0x500 order=4\n"
	      "buddy 0x600 order=4\nbuddy 0x700 order=4\nbuddy 0x800 order=10\n");
	pgdat = phys(walk(hex("SYMBOL(node_data)")), 8);
	CHECK_EQ(phys(walk(pgdat) + 18304, 4), 2);
	CHECK_EQ(phys(walk(pgdat) + 2088, 8), 0);
	zone = walk(pgdat + 2240);
	CHECK_EQ(phys(zone + 2088, 8), 8192);
	CHECK_EQ(phys(zone + 1776, 8), 6 * 16 + 1024);
	prev = head = pgdat + 2240 + 608 + 4 * 88;
	for (size_t i = 0; i < 2; i++) {
		at = phys(walk(prev), 8);
		CHECK_EQ(at, vm + 56 * want[i] + 40);
		CHECK_EQ(phys(walk(at + 8), 8), prev);
		prev = at;
	}
	CHECK_EQ(phys(walk(prev), 8), head);
	CHECK_EQ(phys(walk(head + 8), 8), prev);
	/* an empty list */
	CHECK_EQ(phys(walk(head + 88), 8), head + 88);
}

static void test_s390x(void)
{
	uint64_t root, table, vaddr = 0x37200000000 + 64 * 0x101;

	build("machine s390x\npreset 6.12-s390x\npage 0x101 kind=anon\n");
	CHECK_EQ(num(18, 2), 22);
	root = hex("SYMBOL(swapper_pg_dir)") - hex("KERNELOFFSET") + hex("KERNELOFFPHYS");
	table = phys(root + 8 * (vaddr >> 31 & 2047), 8);
	CHECK_EQ(table & 0xfff, 7);
	table = phys((table & ~0xfffull) + 8 * (vaddr >> 20 & 2047), 8);
	CHECK_EQ(table & 0x7ff, 0);
	table = phys(table + 8 * (vaddr >> 12 & 255), 8);
	CHECK_EQ(table & 0xc00, 0);
	CHECK_EQ(phys((table & ~0xfffull) + (vaddr & 4095), 8), 1 << 5 | 1 << 17);
	CHECK_EQ(phys((table & ~0xfffull) + (vaddr & 4095) + 24, 8) & 3, 1);
	CHECK_EQ(phys(phys(0xe18, 8), 8), 0x4f53494e464f535a);
	CHECK_EQ(phys(root, 8) & 0xc, 4);
}

static void test_s390x_order(void)
{
	build("machine s390x\npreset 4.14-s390x\nmemmodel sparse-extreme memmap=direct\ncompound 0x200 order=9 "
	      "kind=thp\n");
	/* struct pages in the identity mapping; the order is a word of 32 bits */
	uint64_t section = phys(hex("SYMBOL(mem_section)"), 8), map = phys(section, 8) & ~0xfull;

	CHECK_EQ(phys(map + 64 * 0x201 + 44, 4), 9);
	CHECK_EQ(phys(map + 64 * 0x201 + 44, 2), 0);
}

static void test_32bit(void)
{
	uint64_t ph, off;

	build("machine i386\npreset 5.10-32bit\nmemmodel flat\npage 0x101 kind=file\n");
	CHECK_EQ(image.data[4], 1);
	CHECK_EQ(num(18, 2), 3);
	ph = num(28, 4);
	CHECK_EQ(num(ph, 4), 4);
	CHECK_EQ(num(ph + 32 + 8, 4), 0xc0000000);
	off = num(ph + 32 + 4, 4);
	/* mem_map, somewhere in the image, points at an array of 32-byte struct pages in the direct map */
	CHECK_EQ(num(ph + 32 + 16, 4), 32 << 20);
	CHECK_EQ(num(off + 0x2000000 - 8192 * 32 + 0x101 * 32, 4) & 1 << 4, 1 << 4);
	build("machine ppc\npreset 5.10-32bit\nmemmodel flat\n");
	CHECK_EQ(image.data[5], 2);
	CHECK_EQ(num(18, 2), 20);
}

static void test_qemu(void)
{
	build("preset 5.10\nelf style=qemu\n");
	CHECK_EQ(num(32, 8), 192);
	CHECK_EQ(num(40, 8), 64);
	CHECK_EQ(num(52, 2), 8);
	CHECK_EQ(num(60, 2), 2);
	CHECK_EQ(num(192, 4), 4);
	CHECK_EQ(num(192 + 56 + 8, 8), num(192 + 8, 8) + num(192 + 32, 8));
	CHECK_EQ(num(192 + 56 + 16, 8), 0);
	CHECK(!strcmp((char *)image.data + image.size - 10, ".shstrtab"));
}

static void test_loads(void)
{
	build("elf xnum\n");
	CHECK_EQ(num(56, 2), 0xffff);
	CHECK_EQ(num(num(40, 8) + 44, 4), 3);
	build("ram 0 32M\nload 0x1000 0x2800 memsz=0x8000 vaddr=0x77\nload 0x3800 0x800\nload 0x10000 0x1000 offset=-1 "
	      "filesz=0\n");
	CHECK_EQ(image.present.count, 1);
	CHECK_EQ(image.present.range[0].first, 1);
	CHECK_EQ(image.present.range[0].last, 3);
	CHECK_EQ(num(64 + 56 + 40, 8), 0x8000);
	CHECK_EQ(num(64 + 56 + 16, 8), 0x77);
	CHECK_EQ(num(64 + 3 * 56 + 8, 8), UINT64_MAX);
	build("ram 0 32M\nload 0 1M split=4\nelf order=reverse\nphdr 1 p_paddr=0x123456789abcd000\nehdr e_flags=1\ncut "
	      "300\n");
	CHECK_EQ(image.size, 300);
	CHECK_EQ(num(48, 4), 1);
	CHECK_EQ(num(64 + 56 + 24, 8), 0x123456789abcd000);
	CHECK_EQ(num(64 + 112 + 24, 8), 0x80000);
}

static void test_contents(void)
{
	build("preset 6.1\nzero 0x100-0x101\nfill 0x102 0x77\nrandom 0x103\nmem p:0x104010 u16=0x1234 str=abc word=-1\n"
	      "mem foo+8 u32=7\ninfo set FOO=1\n");
	CHECK_EQ(phys(0x100000, 8), 0);
	CHECK_EQ(phys(0x101ff8, 8), 0);
	CHECK_EQ(phys(0x102ff8, 8), 0x7777777777777777);
	CHECK_EQ(phys(0x104010, 2), 0x1234);
	CHECK_EQ(phys(0x104012, 4), 0x00636261);
	CHECK_EQ(phys(0x104016, 8), UINT64_MAX);
	CHECK(phys(0x105000, 8) != phys(0x106000, 8) && phys(0x105000, 8));
	CHECK_EQ(phys(0x105008, 8), phys(0x105010, 8));
}

static const struct {
	const char *recipe, *err;
} wrongs[] = {
	{ "bogus 1\n", "line 1: unknown directive \"bogus\"" },
	{ "\n\npreset 9.9\n", "line 3: no preset \"9.9\"" },
	{ "page 0x100 kind=nonsense\n", "no kind \"nonsense\"" },
	{ "page 0x100 colour=red\n", "cannot make sense of \"colour=red\"" },
	{ "page 0x9000 kind=anon\n", "has no struct page" },
	{ "page 1- kind=anon\n", "not a list of page frames" },
	{ "ram 0 8G\n", "at most 4G" },
	{ "ram 0 1M\nlayout kernel=0 kernel_size=1M\n", "run into the kernel image" },
	{ "machine toaster\n", "no machine \"toaster\"" },
	{ "preset 4.14\npage 1 kind=offline\n", "does not know NUMBER(PAGE_OFFLINE_MAPCOUNT_VALUE)" },
	{ "info set X\n", "has no =" },
	{ "phdr 9 p_type=1\n", "there are 3 program headers" },
	{ "ehdr e_bogus=1\n", "no field e_bogus" },
	{ "mem \"p:0\n", "quote" },
	{ "mem p:0x10000000 u8=1\n", "no memory at 0x10000000" },
	{ "cut 1G\n", "has only" },
};

static void test_errors(void)
{
	struct builder_image out;
	char err[BUILDER_ERR];

	for (size_t i = 0; i < sizeof wrongs / sizeof *wrongs; i++) {
		if (!builder_build(wrongs[i].recipe, strlen(wrongs[i].recipe), &out, err))
			T_FAIL("accepted: %s", wrongs[i].recipe);
		CHECK_HAS(err, wrongs[i].err);
		CHECK(!out.data && !out.present.range);
	}
}

static void test_expect(void)
{
	static const char text[] = "# expect class=user drop=0x10-0x1f,0x30 -- text\n"
				   "  # expect class=cache drop=0x40+2 may=0x50\n# expect class=private drop=0x60\n"
				   "# expect class=offline drop=1\n# expect level=31 keep=0x10 may=0x99\n"
				   "# expect present=77\n# expect outcome=fail\npage 1 kind=anon\n# expected nothing\n";
	struct builder_expect expect;
	char err[BUILDER_ERR];

	CHECK(!builder_expect_parse(text, strlen(text), &expect, err));
	CHECK_EQ(builder_expect_verdict(&expect, 8, 0x10), BUILDER_DROP);
	CHECK_EQ(builder_expect_verdict(&expect, 31, 0x10), BUILDER_KEEP);
	CHECK_EQ(builder_expect_verdict(&expect, 31, 0x11), BUILDER_DROP);
	CHECK_EQ(builder_expect_verdict(&expect, 23, 0x11), BUILDER_KEEP);
	CHECK_EQ(builder_expect_verdict(&expect, 2, 0x41), BUILDER_DROP);
	CHECK_EQ(builder_expect_verdict(&expect, 4, 0x41), BUILDER_DROP);
	CHECK_EQ(builder_expect_verdict(&expect, 4, 0x42), BUILDER_KEEP);
	CHECK_EQ(builder_expect_verdict(&expect, 2, 0x50), BUILDER_EITHER);
	CHECK_EQ(builder_expect_verdict(&expect, 2, 0x60), BUILDER_KEEP);
	CHECK_EQ(builder_expect_verdict(&expect, 4, 0x60), BUILDER_DROP);
	CHECK_EQ(builder_expect_verdict(&expect, 0, 1), BUILDER_DROP);
	CHECK_EQ(builder_expect_verdict(&expect, 31, 0x99), BUILDER_EITHER);
	CHECK(expect.has_present && expect.present == 77 && expect.outcome == BUILDER_FAIL);
	CHECK_EQ(builder_ranges_count(&expect.drop[BUILDER_USER]), 17);
	builder_expect_free(&expect);
	CHECK(builder_expect_parse("\n# expect class=user keep=1\n", 27, &expect, err));
	CHECK_HAS(err, "line 2");
}

int main(void)
{
	RUN(test_headers);
	RUN(test_note);
	RUN(test_page_fields);
	RUN(test_compound_61);
	RUN(test_compound_73);
	RUN(test_orders);
	RUN(test_old_compound);
	RUN(test_translation);
	RUN(test_sections);
	RUN(test_free_list);
	RUN(test_s390x);
	RUN(test_s390x_order);
	RUN(test_32bit);
	RUN(test_qemu);
	RUN(test_loads);
	RUN(test_contents);
	RUN(test_errors);
	RUN(test_expect);
	builder_image_free(&image);
	return T_END();
}
