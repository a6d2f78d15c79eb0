/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A flattened stream becomes a normal file. */
#ifndef DF_RUN_REARRANGE_H
#define DF_RUN_REARRANGE_H

#include "io/sink.h"

/* The engine of dumpfilter_rearrange(), see there.  Reads fd without seeking and never waits for bytes behind the end
 * record (but may have read some).  Finishes the sink, except where it returns before anything was written because the
 * input is not flattened (E_FORMAT), cut in its header (E_TRUNCATED) or the sink lacks DUMPFILTER_IO_RANDOM (E_INVAL).
 * name: of fd, for messages.  After a cancel: E_CANCELLED, what arrived is in the sink and marked. */
int df_rearrange(struct df_env *env, int fd, const char *name, struct dumpfilter_sink *sink, struct df_err *err);

#endif
