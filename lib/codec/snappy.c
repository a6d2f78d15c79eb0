/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* snappy's C interface keeps nothing between calls and takes its memory from malloc, which is counted by what it is
 * known to be. */
#include "codec/rows.h"

#include <snappy-c.h>

static size_t bound(size_t count)
{
	return snappy_max_compressed_length(count);
}

/* For each piece of up to 64 KiB: a table of 16-bit numbers, a copy, the worst case of the output. */
static size_t beside(int level, size_t count)
{
	size_t piece = count < 65536 ? count : 65536, table = 256;

	(void)level;
	while (table < count && table < 32768)
		table *= 2;
	return table * sizeof(uint16_t) + piece + snappy_max_compressed_length(piece);
}

/* Nothing to keep; not NULL, so that NULL always means no memory. */
static void *state_new(struct df_env *env, int level, size_t count)
{
	(void)level;
	(void)count;
	return df_alloc(env, 1);
}

static size_t compress_block(void *state, const void *in, size_t count, void *out, size_t cap)
{
	size_t length = cap;

	(void)state;
	return snappy_compress(in, count, out, &length) == SNAPPY_OK ? length : 0;
}

/* The block says how long it is, and may lie: ask before anything is written. */
static bool decompress(void *state, const void *in, size_t count, void *out, size_t length)
{
	size_t says;

	(void)state;
	if (snappy_uncompressed_length(in, count, &says) != SNAPPY_OK || says != length)
		return false;
	return snappy_uncompress(in, count, out, &says) == SNAPPY_OK && says == length;
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
