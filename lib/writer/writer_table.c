/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "writer/writer.h"

static const struct df_writer *const table[] = { &df_writer_kdump, &df_writer_elf };

const struct df_writer *df_writer_find(int format)
{
	for (size_t i = 0; i < sizeof table / sizeof *table; i++)
		if (table[i]->format == format)
			return table[i];
	return NULL;
}
