/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* zlib by zlib itself, for builds without libdeflate: the same format, slower. */
#include "codec/rows.h"

#include <limits.h>
#include <zlib.h>

struct state {
	z_stream deflate, inflate; /* zlib points back at these: they must not move */
	bool has_deflate;
	bool has_inflate; /* made when first needed: who only compresses does not pay for it */
};

static void *zlib_alloc(void *env, unsigned items, unsigned size)
{
	return df_alloc_array(env, items, size);
}

static void zlib_free(void *env, void *ptr)
{
	df_free(env, ptr);
}

static size_t bound(size_t n)
{
	return compressBound(n);
}

static void *state_new(struct df_env *env, int level, size_t n)
{
	struct state *st = df_alloc(env, sizeof *st);

	(void)n;
	if (!st)
		return NULL;
	st->deflate.zalloc = st->inflate.zalloc = zlib_alloc;
	st->deflate.zfree = st->inflate.zfree = zlib_free;
	st->deflate.opaque = st->inflate.opaque = env;
	if (level == DF_CODEC_UNPACK)
		st->has_inflate = inflateInit(&st->inflate) == Z_OK;
	else
		st->has_deflate = deflateInit(&st->deflate, level ? level : 1) == Z_OK;
	if (!st->has_deflate && !st->has_inflate) {
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
	if (st->has_deflate)
		deflateEnd(&st->deflate);
	if (st->has_inflate)
		inflateEnd(&st->inflate);
	df_free(env, st);
}

static size_t compress_block(void *state, const void *in, size_t n, void *out, size_t cap)
{
	struct state *st = state;
	z_stream *z = &st->deflate;

	if (n > UINT_MAX || deflateReset(z) != Z_OK)
		return 0;
	z->next_in = (Bytef *)(uintptr_t)in;
	z->avail_in = (uInt)n;
	z->next_out = out;
	z->avail_out = cap > UINT_MAX ? UINT_MAX : (uInt)cap;
	return deflate(z, Z_FINISH) == Z_STREAM_END ? z->total_out : 0;
}

/* in[n] through a stream that was just made or reset. */
static bool inflate_block(z_stream *z, const void *in, size_t n, void *out, size_t len)
{
	if (n > UINT_MAX || len > UINT_MAX)
		return false;
	z->next_in = (Bytef *)(uintptr_t)in;
	z->avail_in = (uInt)n;
	z->next_out = out;
	z->avail_out = (uInt)len;
	return inflate(z, Z_FINISH) == Z_STREAM_END && z->total_out == len;
}

static bool decompress_once(const void *in, size_t n, void *out, size_t len)
{
	z_stream z = { 0 };
	bool ok;

	if (inflateInit(&z) != Z_OK)
		return false;
	ok = inflate_block(&z, in, n, out, len);
	inflateEnd(&z);
	return ok;
}

static bool decompress(void *state, const void *in, size_t n, void *out, size_t len)
{
	struct state *st = state;

	if (!st)
		return decompress_once(in, n, out, len);
	if (!st->has_inflate)
		st->has_inflate = inflateInit(&st->inflate) == Z_OK;
	else if (inflateReset(&st->inflate) != Z_OK)
		return false;
	return st->has_inflate && inflate_block(&st->inflate, in, n, out, len);
}

const struct df_codec df_codec_zlib = {
	.id = DUMPFILTER_CODEC_ZLIB,
	.name = "zlib",
	.kdump_flag = 0x01,
	.level_min = 1,
	.level_max = 9,
	.bound = bound,
	.state_new = state_new,
	.state_free = state_free,
	.compress = compress_block,
	.decompress = decompress,
};
