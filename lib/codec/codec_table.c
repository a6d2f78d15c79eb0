/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "codec/codec.h"
#include "codec/rows.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))

/* By enum dumpfilter_codec. */
static const char *const names[] = { "none", "zlib", "lzo", "snappy", "zstd" };

static const struct df_codec *const built_in[] = {
	&df_codec_zlib,
#if HAVE_LZO
	&df_codec_lzo,
#endif
#if HAVE_SNAPPY
	&df_codec_snappy,
#endif
#if HAVE_ZSTD
	&df_codec_zstd,
#endif
};

const struct df_codec *df_codec_find(int id)
{
	for (size_t i = 0; i < COUNT(built_in); i++)
		if (built_in[i]->id == id)
			return built_in[i];
	return NULL;
}

const struct df_codec *df_codec_by_flag(uint32_t kdump_flag)
{
	for (size_t i = 0; i < COUNT(built_in); i++)
		if (built_in[i]->kdump_flag == kdump_flag)
			return built_in[i];
	return NULL;
}

const char *df_codec_name(int id)
{
	return id >= 0 && (size_t)id < COUNT(names) ? names[id] : NULL;
}
