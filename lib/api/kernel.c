/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the caller knows of the kernel besides the image. */
#include "api/context.h"

#include "debuginfo/debuginfo.h"

#include <string.h>

int dumpfilter_add_vmcoreinfo(struct dumpfilter *df, const char *text, size_t length)
{
	struct df_dump *dump = &df->dump;
	char *copy;
	int result = df_api_check(df, ST_OPEN, ST_OPEN, "add_vmcoreinfo");

	if (result)
		return result;
	if (df_api_given(df, text, "add_vmcoreinfo"))
		return df->err.code;
	if (!length || length > 1u << 20)
		return df_err_set(&df->err, DUMPFILTER_E_INVAL, "VMCOREINFO text of %zu bytes; 1 to %u are possible",
				  length, 1u << 20);
	copy = df_alloc(&df->env, length);
	if (!copy)
		return df_err_nomem(&df->err, &df->env, "VMCOREINFO text", length);
	memcpy(copy, text, length);
	return df_dump_give(dump, copy, length, NULL, &df->err);
}

/* Debug information of another machine fits no fact of this one. */
static int same_machine(struct dumpfilter *df, const struct df_vmlinux *vmlinux, const char *path)
{
	const struct df_image *image = &df->dump.image;

	if (vmlinux->machine == image->machine && vmlinux->bits == image->bits &&
	    vmlinux->big_endian == image->big_endian)
		return 0;
	return df_err_set(&df->err, DUMPFILTER_E_OTHER_KERNEL,
			  "%s is of another machine (e_machine %u, %u bits, %s-endian) than the image (e_machine %u, "
			  "%u bits, %s-endian)",
			  path, vmlinux->machine, vmlinux->bits, vmlinux->big_endian ? "big" : "little", image->machine,
			  image->bits, image->big_endian ? "big" : "little");
}

int dumpfilter_add_vmlinux(struct dumpfilter *df, const char *path, unsigned flags)
{
	struct df_vmlinux vmlinux;
	char *banner = NULL;
	int result = df_api_check(df, ST_OPEN, ST_OPEN, "add_vmlinux");

	if (!result)
		result = df_api_given(df, path, "add_vmlinux");
	if (!result && flags)
		result = df_err_set(&df->err, DUMPFILTER_E_INVAL, "add_vmlinux: unknown flags %#x", flags);
	if (!result)
		result = df_vmlinux_read(&vmlinux, &df->env, path, &df->err);
	if (result)
		return result;
	result = same_machine(df, &vmlinux, path);
	if (!result && vmlinux.banner[0]) {
		banner = df_alloc(&df->env, sizeof vmlinux.banner);
		if (!banner)
			result = df_err_nomem(&df->err, &df->env, "the version of a vmlinux", sizeof vmlinux.banner);
		else
			memcpy(banner, vmlinux.banner, sizeof vmlinux.banner);
	}
	if (!result) {
		char *text = vmlinux.text;

		vmlinux.text = NULL;
		result = df_dump_give(&df->dump, text, vmlinux.length, banner, &df->err);
		if (result < 0)
			df_err_wrap(&df->err, "%s", path);
	}
	df_vmlinux_fini(&vmlinux, &df->env);
	return result;
}

int dumpfilter_write_vmcoreinfo(struct dumpfilter *df, const char *vmlinux, struct dumpfilter_sink *sink)
{
	struct df_vmlinux debuginfo;
	struct df_err late;
	int result = df_api_check(df, ST_NEW, ST_RUN, "write_vmcoreinfo"), finished;

	if (!result)
		result = df_api_given(df, vmlinux, "write_vmcoreinfo");
	if (!result)
		result = df_api_given(df, sink, "write_vmcoreinfo");
	if (!result && sink->used)
		result = df_err_set(&df->err, DUMPFILTER_E_SEQUENCE, "write_vmcoreinfo: %s has taken an output already",
				    sink->name);
	if (!result)
		result = df_vmlinux_read(&debuginfo, &df->env, vmlinux, &df->err);
	if (result)
		return result;
	if (!debuginfo.release[0])
		result = df_err_set(
			&df->err, DUMPFILTER_E_NOINFO,
			"%s has debug information only, so no release: give the vmlinux that it was split from",
			vmlinux);
	if (!result) {
		sink->used = true;
		result = df_sink_write(sink, 0, debuginfo.text, debuginfo.length, &df->err);
		finished = sink->touched ? df_sink_finish(sink, result, &late) : 0;
		sink->used = sink->touched;
		if (!result && finished < 0) {
			df->err = late;
			result = finished;
		}
	}
	df_vmlinux_fini(&debuginfo, &df->env);
	return result;
}
