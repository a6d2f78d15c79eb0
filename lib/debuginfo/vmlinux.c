/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "debuginfo/wants.h"

#include <stdio.h>
#include <string.h>

#define UTS_FIELD 65u

static void read_banner(struct df_debugfile *debugfile, const struct df_wants *wants, struct df_vmlinux *vmlinux)
{
	const struct df_want *want = df_wants_found(wants, DF_WANT_SYMBOL, "linux_banner", "");
	size_t count = want ? df_debugfile_bytes(debugfile, want->value, vmlinux->banner, sizeof vmlinux->banner - 1)
			    : 0;

	vmlinux->banner[count] = '\0';
	vmlinux->banner[strcspn(vmlinux->banner, "\n")] = '\0';
	if (strncmp(vmlinux->banner, "Linux version ", 14) != 0)
		vmlinux->banner[0] = '\0';
}

/* The release as the utsname has it that is built in, or as the banner. */
static void read_release(struct df_debugfile *debugfile, const struct df_wants *wants, struct df_vmlinux *vmlinux)
{
	const struct df_want *want = df_wants_found(wants, DF_WANT_SYMBOL, "init_uts_ns", "");
	const struct df_want *name = df_wants_found(wants, DF_WANT_OFFSET, "uts_namespace", "name");
	size_t count = 0;

	if (vmlinux->banner[0])
		snprintf(vmlinux->release, sizeof vmlinux->release, "%.*s", (int)strcspn(vmlinux->banner + 14, " "),
			 vmlinux->banner + 14);
	else if (want && name)
		count = df_debugfile_bytes(debugfile, want->value + name->value + 2 * UTS_FIELD, vmlinux->release,
					   sizeof vmlinux->release - 1);
	if (!vmlinux->banner[0])
		vmlinux->release[count] = '\0';
	for (char *end = vmlinux->release; *end; end++)
		if (*end <= ' ' || *end > '~')
			*end = '?';
}

static int read_file(struct df_debugfile *debugfile, struct df_wants *wants, struct df_vmlinux *vmlinux,
		     struct df_err *err)
{
	int result = df_debugfile_symbols(debugfile, wants, vmlinux, err);

	if (!result)
		result = df_debugfile_types(debugfile, wants, err);
	if (result < 0)
		return result;
	read_banner(debugfile, wants, vmlinux);
	read_release(debugfile, wants, vmlinux);
	return df_wants_print(wants, vmlinux, err);
}

int df_vmlinux_read(struct df_vmlinux *vmlinux, struct df_env *env, const char *path, struct df_err *err)
{
	struct df_debugfile *debugfile = NULL;
	struct df_wants wants = { 0 };
	int result;

	memset(vmlinux, 0, sizeof *vmlinux);
	result = df_debugfile_open(&debugfile, vmlinux, env, path, err);
	if (!result)
		result = df_wants_init(&wants, env, vmlinux, err);
	if (!result)
		result = read_file(debugfile, &wants, vmlinux, err);
	df_wants_fini(&wants);
	df_debugfile_close(debugfile, env);
	if (result < 0)
		df_vmlinux_fini(vmlinux, env);
	return result;
}

void df_vmlinux_fini(struct df_vmlinux *vmlinux, struct df_env *env)
{
	df_free(env, vmlinux->text);
	memset(vmlinux, 0, sizeof *vmlinux);
}
