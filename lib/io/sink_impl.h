/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Shared by the sinks of this folder only. */
#ifndef DF_IO_SINK_IMPL_H
#define DF_IO_SINK_IMPL_H

#include "io/sink.h"

/* A zeroed struct of size bytes that begins with the sink; NULL with err set. */
void *df_sink_new(struct df_env *env, size_t size, const struct df_sink_ops *sink_ops, unsigned caps, const char *name,
		  struct df_err *err);

/* Bytes one after the other with write(2); fd is closed with the sink where own is set (and at once on failure). */
struct dumpfilter_sink *df_sink_stream(struct df_env *env, int fd, bool own, const char *name, struct df_err *err);

#endif
