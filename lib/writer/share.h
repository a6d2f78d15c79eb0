/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Equal pages once.  Of pages that compress to next to nothing there are mostly several: filled with one pattern, page
 * tables of nothing, structs that were never used.  Equal compressed bytes are equal pages, so just these are compared,
 * byte for byte, with the last ones seen; no page is read a second time and no hash is trusted.  (Looking at the whole
 * contents of all pages costs twice what it saves: docs/performance.md.)
 */
#ifndef DF_WRITER_SHARE_H
#define DF_WRITER_SHARE_H

#include "base/env.h"

#include <stdint.h>

#define DF_SHARE_MAX 128u /* bytes; what is larger is hardly ever there twice */

struct df_share;

/* NULL = no memory. */
struct df_share *df_share_new(struct df_env *env);
void df_share_free(struct df_share *share, struct df_env *env); /* NULL is fine */

/* Where a page that compressed to data[length] is in the output: the offset of an equal one, or `at`, where it goes and
 * is remembered.  The answer depends on the calls before, and on nothing else.  One thread at a time. */
uint64_t df_share_place(struct df_share *share, const uint8_t *data, size_t length, uint64_t at);

#endif
