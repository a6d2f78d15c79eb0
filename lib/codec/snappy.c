/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* snappy's C interface keeps nothing between calls and takes its memory from malloc, which is counted by what it is
 * known to be. */
#include "codec/rows.h"

#include <snappy-c.h>

static size_t bound(size_t n)
{
	return snappy_max_compressed_length(n);
}

/* For each piece of up to 64 KiB: a table of 16-bit numbers, a copy, the worst case of the output. */
static size_t beside(int level, size_t n)
{
	size_t piece = n < 65536 ? n : 65536, table = 256;

	(void)level;
	while (table < n && table < 32768)
		table *= 2;
	return table * sizeof(uint16_t) + piece + snappy_max_compressed_length(piece);
}

/* Nothing to keep; not NULL, so that NULL always means no memory. */
static void *state_new(struct df_env *env, int level, size_t n)
{
	(void)level;
	(void)n;
	return df_alloc(env, 1);
}

static size_t compress_block(void *state, const void *in, size_t n, void *out, size_t cap)
{
	size_t len = cap;

	(void)state;
	return snappy_compress(in, n, out, &len) == SNAPPY_OK ? len : 0;
}

/* The block says how long it is, and may lie: ask before anything is written. */
static bool decompress(void *state, const void *in, size_t n, void *out, size_t len)
{
	size_t says;

	(void)state;
	if (snappy_uncompressed_length(in, n, &says) != SNAPPY_OK || says != len)
		return false;
	return snappy_uncompress(in, n, out, &says) == SNAPPY_OK && says == len;
}

const struct df_codec df_codec_snappy = {
	.id = DUMPFILTER_CODEC_SNAPPY,
	.name = "snappy",
	.kdump_flag = 0x04,
	.bound = bound,
	.beside = beside,
	.state_new = state_new,
	.state_free = df_free,
	.compress = compress_block,
	.decompress = decompress,
};
