/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ELF cores that are no plain image of a kernel's memory: protected guests of s390, guests and hosts of Xen, processes;
 * and what an input has that no output carries.  Files that are no ELF: test_foreign.c.
 */
#include "build.h"
#include "mkdump.h"
#include "refilter.h"

static struct {
	struct memory memory, out;
	struct rf_seen seen;
} fixture;

static const struct rf_how kdump = { .level = 31, .format = DUMPFILTER_FORMAT_KDUMP, .codec = DUMPFILTER_CODEC_NONE };
static const struct rf_how elf = { .level = 31, .format = DUMPFILTER_FORMAT_ELF, .codec = DUMPFILTER_CODEC_NONE };
static const struct rf_how all = { .level = 0, .format = DUMPFILTER_FORMAT_KDUMP, .codec = DUMPFILTER_CODEC_NONE };

static void end(void)
{
	memory_free(&fixture.out);
	free(fixture.memory.data);
	fixture.memory = (struct memory){ 0 };
}

/* The image of a recipe. */
static void make(const char *head, const char *more)
{
	struct builder_image image;
	char text[6000], why[BUILDER_ERR] = "";

	end();
	snprintf(text, sizeof text, "%s\nram 0 20M\n%s\n", head, more);
	if (builder_build(text, strlen(text), &image, why))
		T_FAIL("%s", why);
	fixture.memory = (struct memory){ image.data, image.size, 0 };
	image.data = NULL;
	builder_image_free(&image);
}

static int dump(const struct rf_how *how)
{
	return rf_dump(&fixture.memory, how, &fixture.out, &fixture.seen);
}

static const char x86[] = "preset 6.1", s390[] = "machine s390x\npreset 6.12-s390x",
		  i386[] = "machine i386\npreset 5.10-32bit\nmemmodel flat";

/* ---- refused */

static const struct {
	const char *name, *head, *more;
	int code;
	const char *text;
} others[] = {
	{ "PV, both sections", s390, "shdr pv_mem_meta 4096 type=1\nshdr pv_compl 256 type=1\nelf style=qemu",
	  DUMPFILTER_E_UNSUPPORTED,
	  "input is the encrypted dump of a protected guest (IBM Secure Execution; sections pv_mem_meta, pv_compl): "
	  "decrypt it first (zgetdump -k KEY OLD NEW), or copy the whole file" },
	{ "PV, no metadata", s390, "shdr pv_compl 256", DUMPFILTER_E_UNSUPPORTED,
	  "Secure Execution; section pv_compl):" },
	{ "PV, no completion", s390, "shdr pv_mem_meta 256", DUMPFILTER_E_UNSUPPORTED,
	  "Secure Execution; section pv_mem_meta):" },
	{ "PV, no sections", s390, "note LINUX 0x30e 640", DUMPFILTER_E_UNSUPPORTED,
	  "input is of a protected guest (IBM Secure Execution; note NT_S390_PV_CPU_DATA) and lacks what decrypts it" },
	{ "Xen guest", x86, "shdr .note.Xen 564 type=7\nshdr .xen_pages 65536\nehdr e_phnum=0", DUMPFILTER_E_FORMAT,
	  "input is a core of a Xen guest (xl dump-core; sections .note.Xen, .xen_pages): it is not supported" },
	{ "Xen guest, 32 bits", i386, "shdr .xen_pages 65536", DUMPFILTER_E_FORMAT,
	  "core of a Xen guest (xl dump-core" },
	{ "process, NT_AUXV", x86, "info none\nnote CORE 6 320", DUMPFILTER_E_FORMAT,
	  "input is the core of a process (note NT_AUXV), not of a kernel: gdb reads it" },
	{ "process, NT_FILE", x86, "info none\nnote CORE 0x46494c45 64 first", DUMPFILTER_E_FORMAT,
	  "core of a process (note NT_FILE)" },
	{ "process, NT_SIGINFO", s390, "info none\nnote CORE 0x53494749 128", DUMPFILTER_E_FORMAT,
	  "core of a process (note NT_SIGINFO)" },
	{ "process, 32 bits", i386, "info none\nnote CORE 6 160", DUMPFILTER_E_FORMAT,
	  "core of a process (note NT_AUXV)" },
	{ "program", x86, "ehdr e_type=2", DUMPFILTER_E_FORMAT,
	  "input is an ELF file but no core file (e_type 2): it is a program; a vmlinux is given with -x" },
	{ "shared object", x86, "ehdr e_type=3", DUMPFILTER_E_FORMAT, "it is a program" },
	{ "module", x86, "ehdr e_type=1", DUMPFILTER_E_FORMAT, "input is an ELF file but no core file (e_type 1)" },
};

static void refused(const struct rf_how *how, int code, const char *text)
{
	dump(how);
	if (fixture.seen.opened != code || !strstr(fixture.seen.text, text))
		T_FAIL("result %d, expected %d: \"%s\" should say \"%s\"", fixture.seen.opened, code, fixture.seen.text,
		       text);
	CHECK_EQ(fixture.out.size, 0);
	CHECK_EQ(fixture.seen.warnings, 0);
}

static size_t row; /* of others */

static void refuses(size_t i)
{
	make(others[i].head, others[i].more);
	refused(&kdump, others[i].code, others[i].text);
	refused(&elf, others[i].code, others[i].text);
	refused(&all, others[i].code, others[i].text);
}

/* What looks like these and is none: notes of /proc/kcore and of zgetdump; a process's note where there is
 * VMCOREINFO, too; names that only begin like those. */
static void taken(void)
{
	static const char *const looks[] = {
		"note CORE 3 136\nnote CORE 4 1600",
		"note CORE 6 320",
		"note CORE 0x30e 64",
		"note LINUX 6 64\nnote Xenon 1 64",
	};

	for (unsigned i = 0; i < sizeof looks / sizeof *looks; i++) {
		make(x86, looks[i]);
		CHECK_EQ(dump(&kdump), 0);
		CHECK_EQ(fixture.seen.warnings, 0);
	}
}

/* ---- Xen hosts: nothing is filtered, and it is said why */

static void xen_host(void)
{
	static const char *const notes[] = { "note Xen 0x1000001 80", "note VMCOREINFO_XEN 0 64",
					     "note \"XEN CORE\" 1 80 first", "note Xen 0x1000002 32\ninfo none" };

	for (unsigned i = 0; i < sizeof notes / sizeof *notes; i++) {
		char more[200];

		snprintf(more, sizeof more, "%s\nbuddy 0x400 order=9\npage 0x600-0x6ff kind=anon", notes[i]);
		make(x86, more);
		CHECK_EQ(dump(&kdump), DUMPFILTER_WARN);
		CHECK_EQ(fixture.seen.image.can_filter, 0);
		CHECK_EQ(fixture.seen.report.kept_pages, fixture.seen.image.present_pages);
		CHECK_EQ(fixture.seen.warnings, 1);
		CHECK_HAS(fixture.seen.warning,
			  "pages cannot be told apart, all are kept: input is of a Xen host (note ");
		CHECK_EQ(dump(&elf), DUMPFILTER_WARN);
		CHECK_EQ(fixture.seen.report.kept_pages, fixture.seen.image.present_pages);
		CHECK_EQ(dump(&all), 0);
		CHECK_EQ(fixture.seen.warnings, 0);
	}
}

/* A dump of such a dump has the notes, too. */
static void xen_host_again(void)
{
	struct memory first;

	make(x86, "note Xen 0x1000001 80\nbuddy 0x400 order=9");
	CHECK_EQ(dump(&all), 0);
	first = fixture.out;
	fixture.out = (struct memory){ 0 };
	free(fixture.memory.data);
	fixture.memory = (struct memory){ first.data, first.size, 0 };
	CHECK_EQ(dump(&kdump), DUMPFILTER_WARN);
	CHECK_HAS(fixture.seen.warning, "of a Xen host (note Xen)");
	CHECK_EQ(fixture.seen.report.kept_pages, fixture.seen.image.present_pages);
}

/* ---- what no output carries */

static void says(const struct rf_how *how, const char *text)
{
	CHECK(dump(how) >= 0);
	CHECK_EQ(fixture.seen.warnings, text ? 1 : 0);
	if (text)
		CHECK_STR(fixture.seen.warning, text);
}

static void sections(void)
{
	make(x86, "shdr .odd 100 type=1\nshdr .empty 0\nshdr .bss 64 type=8\nshdr .more 7 type=0x70000001");
	says(&kdump, "input: the output does not carry section .odd (100 bytes), section .more (7 bytes)");
	says(&elf, "input: the output does not carry section .odd (100 bytes), section .more (7 bytes)");
	make(x86, "elf style=qemu\nshdr .odd 100");
	says(&kdump, "input: the output does not carry section .odd (100 bytes)");
	make(i386, "shdr .odd 100"); /* not read at all yet */
	CHECK_EQ(dump(&kdump), DUMPFILTER_E_UNSUPPORTED);
}

/* objcopy gives each program header a section of its own. */
static void sections_of_program_headers(void)
{
	make(x86, "shdr note0 64 type=7 offset=0x1000\nshdr load1 4096 offset=0x3000\nelf style=qemu");
	says(&kdump, NULL);
	make(x86, "elf style=qemu");
	says(&kdump, NULL);
	says(&elf, NULL);
}

static void many_sections(void)
{
	char more[400 * 20] = "";

	for (unsigned i = 0; i < 12; i++)
		snprintf(more + strlen(more), sizeof more - strlen(more), "shdr section-%02u 16\n", i);
	make(x86, more);
	CHECK_EQ(dump(&kdump), 0);
	CHECK_EQ(fixture.seen.warnings, 1);
	CHECK_HAS(fixture.seen.warning, "section section-00 (16 bytes), section section-01 (16 bytes)");
	CHECK_HAS(fixture.seen.warning, " and 4 more");
}

/* Where the table is damaged the memory counts; no line is wrong. */
static void damaged_sections(void)
{
	static const struct {
		const char *more, *text;
	} rows[] = {
		{ "shdr .odd 100\nehdr e_shoff=0xfffffffffffffff0", NULL },
		{ "shdr .odd 100\nehdr e_shoff=0x7fffffff00000000", NULL },
		{ "shdr .odd 100\nehdr e_shentsize=63", NULL },
		{ "shdr .odd 100\nehdr e_shnum=0", NULL },
		{ "shdr .odd 100\nehdr e_shstrndx=0xffff",
		  "input: the output does not carry section 1 (100 bytes), section 2 (16 bytes)" },
		{ "shdr .odd 0xffffffffffffff offset=0xffffffffffffff00",
		  "input: the output does not carry section .odd (72057594037927935 bytes)" },
	};

	for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
		make(x86, rows[i].more);
		says(&kdump, rows[i].text);
	}
	make(x86, "shdr .odd 100\nehdr e_shnum=0xffff");
	CHECK_EQ(dump(&kdump), 0);
	CHECK_EQ(fixture.seen.warnings, 1);
	CHECK_HAS(fixture.seen.warning, "what 65279 more sections hold");
}

static void program_headers(void)
{
	make(x86, "load kernel\nload ram\nload 0x1000000 0x1000\nphdr 3 p_type=0x6474e553");
	says(&kdump, "input: the output does not carry program header 3 of type 0x6474e553 (4096 bytes)");
	make(x86, "load kernel\nload ram\nload 0x1000000 0x1000\nphdr 3 p_type=0");
	says(&kdump, NULL);
}

/* ELF output has them. */
static void elf_flags(void)
{
	make(x86, "ehdr e_flags=6");
	says(&kdump, "input: the output does not carry e_flags 0x6");
	says(&elf, NULL);
	make(x86, "ehdr e_flags=1"); /* incomplete, which is said already */
	says(&elf, "input is marked incomplete, and so is the output");
	says(&kdump, "input is marked incomplete, and so is the output");
}

static bool out_has(const char *name)
{
	size_t length = strlen(name) + 1;

	for (size_t at = 0; at + length <= fixture.out.size; at++)
		if (!memcmp(fixture.out.data + at, name, length))
			return true;
	return false;
}

/* Notes of any name go into both formats as they are. */
static void unknown_notes(void)
{
	make(x86, "note UNHEARDOF 77 1000");
	says(&kdump, NULL);
	CHECK(out_has("UNHEARDOF"));
	says(&elf, NULL);
	CHECK(out_has("UNHEARDOF"));
}

/* ---- headers of kdump-compressed files; offsets in that of 64-bit machines */

static void makes_kdump(uint32_t at, uint32_t value)
{
	struct mk plain = mk_plain;
	struct mk_file file = { 0 };

	end();
	plain.pages = "  pprz.prs  p.zzp"; /* none is lost */
	mk_build(&plain, &file);
	fixture.memory.data = malloc(file.size);
	CHECK(fixture.memory.data);
	memcpy(fixture.memory.data, file.data, file.size);
	fixture.memory.size = file.size;
	mk_put(&plain, fixture.memory.data + at, 4, value);
	mk_free(&file);
}

static void kdump_headers(void)
{
	static const struct {
		uint32_t at, value;
		const char *text;
	} rows[] = {
		{ 8, 7, "input: the output does not carry what version 7 of its header has and version 6 has not" },
		{ 424, 0x141, "input: the output does not carry bits 0x140 of its header's status" },
		{ 4096 + 8, 0x61, "input: dump level 97 in its header: only 1 of it counts" },
		{ 440 + 4, 5, "input: the output does not carry total_ram_blocks 5 of its header" },
		{ 440 + 8, 6, "input: the output does not carry device_blocks 6 of its header" },
		{ 440 + 12, 7, "input: the output does not carry written_blocks 7 of its header" },
		{ 440 + 16, 1, "input: the output does not carry current_cpu 1 of its header" },
		{ 424, 1, NULL },
	};
	struct rf_how how = kdump;

	how.level = 1;
	for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
		makes_kdump(rows[i].at, rows[i].value);
		CHECK(dump(&how) >= 0);
		if (rows[i].text)
			CHECK_STR(fixture.seen.warning, rows[i].text);
		CHECK_EQ(fixture.seen.warnings, rows[i].text ? 1 : 0);
	}
}

/* Where no note has the time of the crash, that of the header stays, to the microsecond. */
static void kdump_time(void)
{
	static const uint8_t usec[8] = { 0x40, 0xe2, 0x01 };
	struct rf_how how = kdump;

	how.level = 1;
	makes_kdump(416, 123456);
	CHECK_EQ(dump(&how), 0);
	CHECK_EQ(fixture.seen.warnings, 0);
	CHECK(fixture.out.size > 424 && !memcmp(fixture.out.data + 408, fixture.memory.data + 408, 16));
	CHECK(!memcmp(fixture.out.data + 416, usec, sizeof usec));
	/* a power of two would make libkdumpfile take the file for one of 32 bits */
	makes_kdump(416, 65536);
	CHECK_EQ(dump(&how), 0);
	CHECK_EQ(fixture.out.data[416] | fixture.out.data[417] << 8 | fixture.out.data[418] << 16, 65537);
}

int main(void)
{
	for (row = 0; row < sizeof others / sizeof *others; row++)
		T_RUN(others[row].name, refuses(row));
	RUN(taken);
	RUN(xen_host);
	RUN(xen_host_again);
	RUN(sections);
	RUN(sections_of_program_headers);
	RUN(many_sections);
	RUN(damaged_sections);
	RUN(program_headers);
	RUN(elf_flags);
	RUN(unknown_notes);
	RUN(kdump_headers);
	RUN(kdump_time);
	end();
	return T_END();
}
