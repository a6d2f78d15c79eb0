/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Compressors of one block: one file each and one row in codec_table.c.
 *
 * In come the bytes of one page, or the packed bytes of one that somebody else made, which are hostile.  Out come
 * packed bytes, or just the page.  A codec never writes behind the buffer that it is given and keeps nothing between
 * two blocks that would change the bytes of the second.  The headers of compression libraries are included in this
 * folder only, so that everybody else asks the table and a build without one of them only lacks a row.
 */
#ifndef DF_CODEC_CODEC_H
#define DF_CODEC_CODEC_H

#include "base/env.h"

#include <limits.h>
#include <stddef.h>
#include <stdint.h>

/* A level for who will only call decompress: the state has what that needs, and no more. */
#define DF_CODEC_UNPACK INT_MIN

/* A row of the table: constant, shared by all threads.  What differs between threads is in the state. */
struct df_codec {
	int id;              /* enum dumpfilter_codec */
	const char *name;    /* "zlib" */
	uint32_t kdump_flag; /* of page descriptors and of the header's status */
	/* Levels, 0 being none of them; both 0 = it has none. */
	int level_min, level_max;
	/* Bytes that n input bytes take at worst. */
	size_t (*bound)(size_t count);
	/* Working state of one thread, reused for each block of up to n bytes: compressing them allocates nothing more.
	 * May be NULL for a codec without state.  level 0 = the codec's default (the fast one that makedumpfile uses).
	 */
	void *(*state_new)(struct df_env *env, int level, size_t count);
	void (*state_free)(struct df_env *env, void *state);
	/* Bytes that the codec allocates for one state of a level and blocks of n bytes without asking df_alloc: more
	 * rather than less.  NULL = none. */
	size_t (*beside)(int level, size_t count);
	/* in[n] into out[cap], cap ≥ bound(n).  Bytes written, 0 = failed.  Same input, same level: same output. */
	size_t (*compress)(void *state, const void *in, size_t count, void *out, size_t cap);
	/* in[n] (hostile) into exactly out[length]; false where it does not decode to just that many bytes.
	 * Never writes behind out[length].  state may be NULL. */
	bool (*decompress)(void *state, const void *in, size_t count, void *out, size_t length);
};

/* NULL where this build lacks it (or id is unknown).  NONE has no row: pages are stored as they are. */
const struct df_codec *df_codec_find(int id);
/* By the flag of a page descriptor. */
const struct df_codec *df_codec_by_flag(uint32_t kdump_flag);
/* Of every codec that exists, built in or not; NULL for a number that is none. */
const char *df_codec_name(int id);

#endif
