/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "codec/rows.h"

#include <lzo/lzo1x.h>

/* What the LZO FAQ gives for blocks that do not shrink. */
static size_t bound(size_t n)
{
	return n + n / 16 + 64 + 3;
}

/* The state is lzo1x_1's dictionary.  It has only one level. */
static void *state_new(struct df_env *env, int level)
{
	(void)level;
	if (lzo_init() != LZO_E_OK) /* only checks that header and library agree; keeps nothing */
		return NULL;
	return df_alloc(env, LZO1X_1_MEM_COMPRESS);
}

static size_t compress_block(void *state, const void *in, size_t n, void *out, size_t cap)
{
	lzo_uint len = 0;

	if (cap < bound(n)) /* it is not told where out ends */
		return 0;
	return lzo1x_1_compress(in, n, out, &len, state) == LZO_E_OK ? len : 0;
}

static bool decompress(void *state, const void *in, size_t n, void *out, size_t len)
{
	lzo_uint got = len;

	(void)state;
	return lzo1x_decompress_safe(in, n, out, &got, NULL) == LZO_E_OK && got == len;
}

const struct df_codec df_codec_lzo = {
	.id = DUMPFILTER_CODEC_LZO,
	.name = "lzo",
	.kdump_flag = 0x02,
	.bound = bound,
	.state_new = state_new,
	.state_free = df_free,
	.compress = compress_block,
	.decompress = decompress,
};
