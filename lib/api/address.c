/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "api/context.h"

#include <inttypes.h>

#define NOTES_MAX (1u << 20) /* the kernel's is about a page */

int dumpfilter_translate(struct dumpfilter *df, uint64_t vaddr, uint64_t *paddr)
{
	uint64_t found;
	int result = df_api_check(df, ST_OPEN, ST_RUN, "translate");

	if (!result)
		result = df_api_given(df, paddr, "translate");
	if (!result)
		result = df_dump_translate(&df->dump, vaddr, &found, &df->err);
	if (!result)
		*paddr = found;
	return result;
}

int dumpfilter_add_vmcoreinfo_at(struct dumpfilter *df, uint64_t paddr, size_t length)
{
	int result = df_api_check(df, ST_OPEN, ST_OPEN, "add_vmcoreinfo_at");

	if (result)
		return result;
	if (!length || length > NOTES_MAX)
		return df_err_set(&df->err, DUMPFILTER_E_INVAL, "VMCOREINFO note of %zu bytes; 1 to %u are possible",
				  length, NOTES_MAX);
	return df_dump_add_notes(&df->dump, paddr, length, &df->err);
}

int dumpfilter_cut(struct dumpfilter *df, uint64_t paddr, uint64_t bytes)
{
	int result = df_api_check(df, ST_OPEN, ST_OPEN, "cut");

	if (result)
		return result;
	if (!bytes || bytes - 1 > UINT64_MAX - paddr)
		return df_err_set(&df->err, DUMPFILTER_E_INVAL, "cut: %" PRIu64 " bytes at %#" PRIx64 " are no range",
				  bytes, paddr);
	return df_dump_cut(&df->dump, paddr, bytes - 1 == UINT64_MAX - paddr ? UINT64_MAX : paddr + bytes, &df->err);
}
