/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "io/sink_impl.h"

static int null_write(struct dumpfilter_sink *sink, uint64_t offset, const void *buffer, size_t length,
		      struct df_err *err)
{
	(void)sink;
	(void)offset;
	(void)buffer;
	(void)length;
	(void)err;
	return 0;
}

static void null_free(struct dumpfilter_sink *sink)
{
	df_free(sink->env, sink);
}

static const struct df_sink_ops null_ops = { .write = null_write, .free = null_free };

struct dumpfilter_sink *df_sink_null(struct df_env *env, struct df_err *err)
{
	unsigned caps = DUMPFILTER_IO_RANDOM | DUMPFILTER_IO_REWRITE | DUMPFILTER_IO_CONCURRENT;

	return df_sink_new(env, sizeof(struct dumpfilter_sink), &null_ops, caps, "null", err);
}
