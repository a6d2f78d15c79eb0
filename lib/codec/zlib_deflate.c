/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* zlib by libdeflate: twice the speed of zlib's level 1 on kernel pages at the same size.  libdeflate allocates with a
 * function that gets no context: its memory is counted by what it is known to be (tests/unit/test_memory.c looks). */
#include "codec/rows.h"

#include <libdeflate.h>

/* A compressor's size by the way it looks for matches; in libdeflate 1.14 202759, 668295 and 9009543 bytes. */
#define FAST    (208u << 10) /* level 1 */
#define CHAINS  (688u << 10) /* 2 to 9 */
#define OPTIMAL (9000u << 10)

/* Of one thread.  Neither of the two carries anything over from block to block. */
struct state {
	struct libdeflate_compressor *comp;
	struct libdeflate_decompressor *decomp; /* made when first needed */
};

static size_t bound(size_t count)
{
	return libdeflate_zlib_compress_bound(NULL, count);
}

static size_t beside(int level, size_t count)
{
	(void)count;
	return level < 2 ? FAST : level < 10 ? CHAINS : OPTIMAL;
}

static void *state_new(struct df_env *env, int level, size_t count)
{
	struct state *st = df_alloc(env, sizeof *st);

	(void)count;
	if (!st)
		return NULL;
	if (level == DF_CODEC_UNPACK)
		st->decomp = libdeflate_alloc_decompressor();
	else
		st->comp = libdeflate_alloc_compressor(level ? level : 1);
	if (!st->comp && !st->decomp) {
		df_free(env, st);
		return NULL;
	}
	return st;
}

static void state_free(struct df_env *env, void *state)
{
	struct state *st = state;

	if (!st)
		return;
	if (st->comp)
		libdeflate_free_compressor(st->comp);
	if (st->decomp)
		libdeflate_free_decompressor(st->decomp);
	df_free(env, st);
}

static size_t compress_block(void *state, const void *in, size_t count, void *out, size_t cap)
{
	struct state *st = state;

	return libdeflate_zlib_compress(st->comp, in, count, out, cap);
}

/* Without a place for the real length libdeflate takes only what fills out exactly. */
static bool decompress_with(struct libdeflate_decompressor *libdeflate_decompressor, const void *in, size_t count,
			    void *out, size_t length)
{
	return libdeflate_decompressor &&
	       libdeflate_zlib_decompress(libdeflate_decompressor, in, count, out, length, NULL) == LIBDEFLATE_SUCCESS;
}

static bool decompress(void *state, const void *in, size_t count, void *out, size_t length)
{
	struct state *st = state;
	struct libdeflate_decompressor *once;
	bool ok;

	if (st) {
		if (!st->decomp)
			st->decomp = libdeflate_alloc_decompressor();
		return decompress_with(st->decomp, in, count, out, length);
	}
	once = libdeflate_alloc_decompressor();
	ok = decompress_with(once, in, count, out, length);
	if (once)
		libdeflate_free_decompressor(once);
	return ok;
}

const struct df_codec df_codec_zlib = {
	.id = DUMPFILTER_CODEC_ZLIB,
	.name = "zlib",
	.kdump_flag = 0x01,
	.level_min = 1,
	.level_max = 12,
	.bound = bound,
	.beside = beside,
	.state_new = state_new,
	.state_free = state_free,
	.compress = compress_block,
	.decompress = decompress,
};
