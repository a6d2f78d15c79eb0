/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From what was found to lines of VMCOREINFO. */
#include "debuginfo/wants.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static bool line(struct df_wants *wants, struct df_vmlinux *vmlinux, const char *key, const char *value)
{
	size_t need = strlen(key) + strlen(value) + 2;

	if (!df_grow(wants->env, (void **)&vmlinux->text, &vmlinux->cap, vmlinux->length + need + 1, 1))
		return false;
	snprintf(vmlinux->text + vmlinux->length, need + 1, "%s=%s\n", key, value);
	vmlinux->length += need;
	return true;
}

static bool print(struct df_wants *wants, struct df_vmlinux *vmlinux, const struct df_want *want)
{
	static const char *const kinds[] = { "SYMBOL", "SIZE", "OFFSET", "LENGTH", "NUMBER" };
	char key[2 * DF_WANT_NAME + 16], value[80];

	if (want->kind == DF_WANT_MADE)
		return !want->make(wants, want->name, value, sizeof value) || line(wants, vmlinux, want->name, value);
	if (!want->found || want->part)
		return true;
	if (want->kind == DF_WANT_NUMBER)
		snprintf(key, sizeof key, "NUMBER(%s)", want->member);
	else
		snprintf(key, sizeof key, "%s(%s%s%s)", kinds[want->kind], want->name, want->member[0] ? "." : "",
			 want->member);
	snprintf(value, sizeof value, want->kind == DF_WANT_SYMBOL ? "%" PRIx64 : "%" PRIu64, want->value);
	return line(wants, vmlinux, key, value);
}

/* empty_zero_page is an array of a page in kernels that can have pages of several sizes; s390's is a pointer. */
static void page_size(const struct df_vmlinux *vmlinux, uint64_t zero_page, char *value, size_t size)
{
	value[0] = '\0';
	if (zero_page >= 4096 && zero_page <= 256u << 10 && !(zero_page & (zero_page - 1)))
		snprintf(value, size, "%" PRIu64, zero_page);
	else if (vmlinux->machine == 62 || vmlinux->machine == 3 || vmlinux->machine == 22)
		snprintf(value, size, "4096"); /* x86 and s390 have no other */
}

int df_wants_print(struct df_wants *wants, struct df_vmlinux *vmlinux, struct df_err *err)
{
	char value[24];
	bool ok = !vmlinux->release[0] || line(wants, vmlinux, "OSRELEASE", vmlinux->release);

	page_size(vmlinux, vmlinux->zero_page, value, sizeof value);
	ok = ok && (!value[0] || line(wants, vmlinux, "PAGESIZE", value));
	for (size_t i = 0; ok && i < wants->count; i++)
		ok = print(wants, vmlinux, &wants->want[i]);
	return ok ? 0 : df_err_nomem(err, wants->env, "VMCOREINFO text", vmlinux->length);
}
