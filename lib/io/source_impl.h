/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Shared by source.c, source_flat.c and window.c only. */
#ifndef DF_IO_SOURCE_IMPL_H
#define DF_IO_SOURCE_IMPL_H

#include "io/source.h"

/* Error where [offset, offset + length) is not inside the source's length. */
int df_source_check(const struct df_source *source, uint64_t offset, size_t length, struct df_err *err);
/* Read until at least min bytes are there, at most max; *got of them (fewer than min: the source ends). */
int df_source_read_some(const struct df_source *source, uint64_t offset, void *buffer, size_t min, size_t max,
			size_t *got, struct df_err *err);
/* The line for a source that ends at byte end, inside the range. */
int df_source_truncated(const struct df_source *source, uint64_t offset, size_t length, uint64_t end,
			struct df_err *err);

/* One read of at most length bytes, at least one: bytes read, 0 at the end, or −errno. */
int64_t df_source_read_once(const struct df_source *source, uint64_t offset, void *buffer, size_t length);

#endif
