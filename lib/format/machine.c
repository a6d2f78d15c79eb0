/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "format/machine.h"

#include <string.h>

/* UTS_MACHINE and what machines put in its place at boot.  Some go on with a version or a byte order (armv7l,
 * mips64el): those are found by how they begin, so longer names stand before shorter ones. */
static const struct {
	const char *name;
	uint16_t number;
} machines[] = {
	{ "x86_64", 62 },      { "s390", 22 },        { "aarch64", 183 },    { "arm", 40 },       { "ppc64", 21 },
	{ "ppc", 20 },         { "loongarch", 258 },  { "riscv", 243 },      { "mips", 8 },       { "sparc64", 43 },
	{ "sparc", 2 },        { "ia64", 50 },        { "parisc", 15 },      { "alpha", 0x9026 }, { "i386", DF_EM_386 },
	{ "i486", DF_EM_386 }, { "i586", DF_EM_386 }, { "i686", DF_EM_386 },
};

uint16_t df_machine_number(const void *name, size_t max)
{
	for (size_t i = 0; i < sizeof machines / sizeof *machines; i++) {
		size_t count = strlen(machines[i].name);

		if (count <= max && !memcmp(name, machines[i].name, count))
			return machines[i].number;
	}
	return 0;
}

/* What only one machine's arch_crash_save_vmcoreinfo() adds (Linux 7.3: arch/NAME/kernel/machine_kexec*.c,
 * vmcore_info.c; before 3.10 SYMBOL(phys_base), before 4.13 init_level4_pgt). */
static const struct {
	const char *line;
	uint16_t number;
} lines[] = {
	{ "NUMBER(phys_base)=", 62 },       { "SYMBOL(phys_base)=", 62 },    { "SYMBOL(init_top_pgt)=", 62 },
	{ "SYMBOL(init_level4_pgt)=", 62 }, { "SYMBOL(lowcore_ptr)=", 22 },  { "NUMBER(kimage_voffset)=", 183 },
	{ "NUMBER(phys_ram_base)=", 243 },  { "SYMBOL(vmemmap_list)=", 21 },
};

uint16_t df_machine_of_vmcoreinfo(const char *text, size_t length)
{
	for (const char *line = text, *end = text + length; line < end;) {
		size_t left = (size_t)(end - line);
		const char *next = memchr(line, '\n', left);

		for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
			if (strlen(lines[i].line) <= left && !memcmp(line, lines[i].line, strlen(lines[i].line)))
				return lines[i].number;
		line = next ? next + 1 : end;
	}
	return 0;
}
