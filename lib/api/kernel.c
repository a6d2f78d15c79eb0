/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the caller knows of the kernel besides the image. */
#include "api/context.h"

#include "debuginfo/debuginfo.h"

#include <string.h>

int dumpfilter_add_vmcoreinfo(struct dumpfilter *df, const char *text, size_t len)
{
	struct df_dump *d = &df->dump;
	char *copy;
	int r = df_api_check(df, ST_OPEN, ST_OPEN, "add_vmcoreinfo");

	if (r)
		return r;
	if (df_api_given(df, text, "add_vmcoreinfo"))
		return df->err.code;
	if (!len || len > 1u << 20)
		return df_err_set(&df->err, DUMPFILTER_E_INVAL, "VMCOREINFO text of %zu bytes; 1 to %u are possible",
				  len, 1u << 20);
	copy = df_alloc(&df->env, len);
	if (!copy)
		return df_err_nomem(&df->err, &df->env, "VMCOREINFO text", len);
	memcpy(copy, text, len);
	return df_dump_give(d, copy, len, NULL, &df->err);
}

/* Debug information of another machine fits no fact of this one. */
static int same_machine(struct dumpfilter *df, const struct df_vmlinux *v, const char *path)
{
	const struct df_image *img = &df->dump.image;

	if (v->machine == img->machine && v->bits == img->bits && v->be == img->be)
		return 0;
	return df_err_set(&df->err, DUMPFILTER_E_OTHER_KERNEL,
			  "%s is of another machine (e_machine %u, %u bits, %s-endian) than the image (e_machine %u, "
			  "%u bits, %s-endian)",
			  path, v->machine, v->bits, v->be ? "big" : "little", img->machine, img->bits,
			  img->be ? "big" : "little");
}

int dumpfilter_add_vmlinux(struct dumpfilter *df, const char *path, unsigned flags)
{
	struct df_vmlinux v;
	char *banner = NULL;
	int r = df_api_check(df, ST_OPEN, ST_OPEN, "add_vmlinux");

	if (!r)
		r = df_api_given(df, path, "add_vmlinux");
	if (!r && flags)
		r = df_err_set(&df->err, DUMPFILTER_E_INVAL, "add_vmlinux: unknown flags %#x", flags);
	if (!r)
		r = df_vmlinux_read(&v, &df->env, path, &df->err);
	if (r)
		return r;
	r = same_machine(df, &v, path);
	if (!r && v.banner[0]) {
		banner = df_alloc(&df->env, sizeof v.banner);
		if (!banner)
			r = df_err_nomem(&df->err, &df->env, "the version of a vmlinux", sizeof v.banner);
		else
			memcpy(banner, v.banner, sizeof v.banner);
	}
	if (!r) {
		char *text = v.text;

		v.text = NULL;
		r = df_dump_give(&df->dump, text, v.len, banner, &df->err);
		if (r < 0)
			df_err_wrap(&df->err, "%s", path);
	}
	df_vmlinux_fini(&v, &df->env);
	return r;
}

int dumpfilter_write_vmcoreinfo(struct dumpfilter *df, const char *vmlinux, struct dumpfilter_sink *sink)
{
	struct df_vmlinux v;
	struct df_err late;
	int r = df_api_check(df, ST_NEW, ST_RUN, "write_vmcoreinfo"), f;

	if (!r)
		r = df_api_given(df, vmlinux, "write_vmcoreinfo");
	if (!r)
		r = df_api_given(df, sink, "write_vmcoreinfo");
	if (!r && sink->used)
		r = df_err_set(&df->err, DUMPFILTER_E_SEQUENCE, "write_vmcoreinfo: %s has taken an output already",
			       sink->name);
	if (!r)
		r = df_vmlinux_read(&v, &df->env, vmlinux, &df->err);
	if (r)
		return r;
	if (!v.release[0])
		r = df_err_set(&df->err, DUMPFILTER_E_NOINFO,
			       "%s has debug information only, so no release: give the vmlinux that it was split from",
			       vmlinux);
	if (!r) {
		sink->used = true;
		r = df_sink_write(sink, 0, v.text, v.len, &df->err);
		f = sink->touched ? df_sink_finish(sink, r, &late) : 0;
		sink->used = sink->touched;
		if (!r && f < 0) {
			df->err = late;
			r = f;
		}
	}
	df_vmlinux_fini(&v, &df->env);
	return r;
}
