/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Bytes into one file of several, until something fails there. */
#include "writer/kdump.h"

void df_kdump_fail(struct df_kdump_file *file, const struct df_err *err)
{
	if (!file->err.code)
		file->err = *err;
	atomic_store_explicit(&file->dead, true, memory_order_relaxed);
}

void df_kdump_put(struct df_kdump_file *file, uint64_t offset, const void *buffer, size_t length)
{
	struct df_err err;

	if (!file->err.code && df_sink_write(file->sink, offset, buffer, length, &err) < 0)
		df_kdump_fail(file, &err);
}

void df_kdump_zeros(struct df_kdump_file *file, uint64_t offset, uint64_t length)
{
	struct df_err err;

	if (!file->err.code && df_sink_zeros(file->sink, offset, length, &err) < 0)
		df_kdump_fail(file, &err);
}

int df_kdump_alive(const struct df_kdump *kdump, struct df_err *err)
{
	for (unsigned i = 0; i < kdump->count; i++)
		if (!kdump->files[i].err.code)
			return 0;
	*err = kdump->files[0].err;
	return err->code;
}
