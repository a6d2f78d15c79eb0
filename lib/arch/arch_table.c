/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "arch/arch.h"

static const struct df_arch *const table[] = { &df_arch_x86_64, &df_arch_s390x };

const struct df_arch *df_arch_find(uint16_t machine, uint8_t bits, bool big_endian)
{
	for (size_t i = 0; i < sizeof table / sizeof *table; i++)
		if (table[i]->machine == machine && table[i]->bits == bits && table[i]->big_endian == big_endian)
			return table[i];
	return NULL;
}

/* Machines whose memory cannot be told apart yet: readers of a dump still want to know what it is of. */
static const struct {
	uint16_t machine;
	uint8_t bits;
	bool big_endian;
	const char *name;
} names[] = {
	{ 183, 64, false, "aarch64" }, { 183, 64, true, "aarch64_be" }, { 21, 64, false, "ppc64le" },
	{ 21, 64, true, "ppc64" },     { 243, 64, false, "riscv64" },   { 258, 64, false, "loongarch64" },
	{ 8, 64, false, "mips64" },    { 8, 64, true, "mips64" },       { 43, 64, true, "sparc64" },
	{ 50, 64, false, "ia64" },     { 3, 32, false, "i686" },        { 3, 64, false, "i686" },
	{ 40, 32, false, "armv7l" },   { 20, 32, true, "ppc" },
};

const char *df_arch_name(uint16_t machine, uint8_t bits, bool big_endian)
{
	const struct df_arch *arch = df_arch_find(machine, bits, big_endian);

	for (size_t i = 0; !arch && i < sizeof names / sizeof *names; i++)
		if (names[i].machine == machine && names[i].bits == bits && names[i].big_endian == big_endian)
			return names[i].name;
	return arch ? arch->name : NULL;
}
