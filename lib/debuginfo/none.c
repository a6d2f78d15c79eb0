/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* WITH_DEBUGINFO is off: instead of all other files of this folder. */
#include "debuginfo/debuginfo.h"

#include <string.h>

int df_vmlinux_read(struct df_vmlinux *vmlinux, struct df_env *env, const char *path, struct df_err *err)
{
	(void)env;
	memset(vmlinux, 0, sizeof *vmlinux);
	return df_err_set(err, DUMPFILTER_E_UNSUPPORTED,
			  "%s: this build does not read debug information (WITH_DEBUGINFO is off); "
			  "VMCOREINFO text, made elsewhere, can be given instead",
			  path);
}

void df_vmlinux_fini(struct df_vmlinux *vmlinux, struct df_env *env)
{
	(void)env;
	memset(vmlinux, 0, sizeof *vmlinux);
}
