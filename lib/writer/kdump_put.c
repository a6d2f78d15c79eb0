/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Bytes into one file of several, until something fails there. */
#include "writer/kdump.h"

void df_kdump_fail(struct df_kdump_file *f, const struct df_err *why)
{
	if (!f->why.code)
		f->why = *why;
	atomic_store_explicit(&f->dead, true, memory_order_relaxed);
}

void df_kdump_put(struct df_kdump_file *f, uint64_t offset, const void *buf, size_t len)
{
	struct df_err why;

	if (!f->why.code && df_sink_write(f->sink, offset, buf, len, &why) < 0)
		df_kdump_fail(f, &why);
}

void df_kdump_zeros(struct df_kdump_file *f, uint64_t offset, uint64_t len)
{
	struct df_err why;

	if (!f->why.code && df_sink_zeros(f->sink, offset, len, &why) < 0)
		df_kdump_fail(f, &why);
}

int df_kdump_alive(const struct df_kdump *k, struct df_err *err)
{
	for (unsigned i = 0; i < k->n; i++)
		if (!k->files[i].why.code)
			return 0;
	*err = k->files[0].why;
	return err->code;
}
