/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "arch/arch.h"

static const struct df_arch *const table[] = { &df_arch_x86_64, &df_arch_s390x };

const struct df_arch *df_arch_find(uint16_t machine, uint8_t bits, bool be)
{
	for (size_t i = 0; i < sizeof table / sizeof *table; i++)
		if (table[i]->machine == machine && table[i]->bits == bits && table[i]->be == be)
			return table[i];
	return NULL;
}
