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

static size_t bound(size_t count)
{
	return compressBound(count);
}

static void *state_new(struct df_env *env, int level, size_t count)
{
	struct state *st = df_alloc(env, sizeof *st);

	(void)count;
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

static size_t compress_block(void *state, const void *in, size_t count, void *out, size_t cap)
{
	struct state *st = state;
	z_stream *stream = &st->deflate;

	if (count > UINT_MAX || deflateReset(stream) != Z_OK)
		return 0;
	stream->next_in = (Bytef *)(uintptr_t)in;
	stream->avail_in = (uInt)count;
	stream->next_out = out;
	stream->avail_out = cap > UINT_MAX ? UINT_MAX : (uInt)cap;
	return deflate(stream, Z_FINISH) == Z_STREAM_END ? stream->total_out : 0;
}

/* in[n] through a stream that was just made or reset. */
static bool inflate_block(z_stream *stream, const void *in, size_t count, void *out, size_t length)
{
	if (count > UINT_MAX || length > UINT_MAX)
		return false;
	stream->next_in = (Bytef *)(uintptr_t)in;
	stream->avail_in = (uInt)count;
	stream->next_out = out;
	stream->avail_out = (uInt)length;
	return inflate(stream, Z_FINISH) == Z_STREAM_END && stream->total_out == length;
}

static bool decompress_once(const void *in, size_t count, void *out, size_t length)
{
	z_stream stream = { 0 };
	bool ok;

	if (inflateInit(&stream) != Z_OK)
		return false;
	ok = inflate_block(&stream, in, count, out, length);
	inflateEnd(&stream);
	return ok;
}

static bool decompress(void *state, const void *in, size_t count, void *out, size_t length)
{
	struct state *st = state;

	if (!st)
		return decompress_once(in, count, out, length);
	if (!st->has_inflate)
		st->has_inflate = inflateInit(&st->inflate) == Z_OK;
	else if (inflateReset(&st->inflate) != Z_OK)
		return false;
	return st->has_inflate && inflate_block(&st->inflate, in, count, out, length);
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
