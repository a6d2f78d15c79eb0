/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "debuginfo/wants.h"

#include <stdio.h>
#include <string.h>

#define UTS_FIELD 65u

static void read_banner(struct df_debugfile *e, const struct df_wants *w, struct df_vmlinux *v)
{
	const struct df_want *at = df_wants_found(w, DF_WANT_SYMBOL, "linux_banner", "");
	size_t n = at ? df_debugfile_bytes(e, at->value, v->banner, sizeof v->banner - 1) : 0;

	v->banner[n] = '\0';
	v->banner[strcspn(v->banner, "\n")] = '\0';
	if (strncmp(v->banner, "Linux version ", 14) != 0)
		v->banner[0] = '\0';
}

/* The release as the utsname has it that is built in, or as the banner. */
static void read_release(struct df_debugfile *e, const struct df_wants *w, struct df_vmlinux *v)
{
	const struct df_want *uts = df_wants_found(w, DF_WANT_SYMBOL, "init_uts_ns", "");
	const struct df_want *name = df_wants_found(w, DF_WANT_OFFSET, "uts_namespace", "name");
	size_t n = 0;

	if (v->banner[0])
		snprintf(v->release, sizeof v->release, "%.*s", (int)strcspn(v->banner + 14, " "), v->banner + 14);
	else if (uts && name)
		n = df_debugfile_bytes(e, uts->value + name->value + 2 * UTS_FIELD, v->release, sizeof v->release - 1);
	if (!v->banner[0])
		v->release[n] = '\0';
	for (char *c = v->release; *c; c++)
		if (*c <= ' ' || *c > '~')
			*c = '?';
}

static int read_file(struct df_debugfile *e, struct df_wants *w, struct df_vmlinux *v, struct df_err *err)
{
	int r = df_debugfile_symbols(e, w, v, err);

	if (!r)
		r = df_debugfile_types(e, w, err);
	if (r < 0)
		return r;
	read_banner(e, w, v);
	read_release(e, w, v);
	return df_wants_print(w, v, err);
}

int df_vmlinux_read(struct df_vmlinux *v, struct df_env *env, const char *path, struct df_err *err)
{
	struct df_debugfile *e = NULL;
	struct df_wants w = { 0 };
	int r;

	memset(v, 0, sizeof *v);
	r = df_debugfile_open(&e, v, env, path, err);
	if (!r)
		r = df_wants_init(&w, env, v, err);
	if (!r)
		r = read_file(e, &w, v, err);
	df_wants_fini(&w);
	df_debugfile_close(e, env);
	if (r < 0)
		df_vmlinux_fini(v, env);
	return r;
}

void df_vmlinux_fini(struct df_vmlinux *v, struct df_env *env)
{
	df_free(env, v->text);
	memset(v, 0, sizeof *v);
}
