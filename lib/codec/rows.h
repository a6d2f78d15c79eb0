/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The rows of codec_table.c, each from the file of its codec.  zlib_deflate.c and zlib_zlib.c both define the zlib row:
 * the build takes the first where it has libdeflate. */
#ifndef DF_CODEC_ROWS_H
#define DF_CODEC_ROWS_H

#include "codec/codec.h"

extern const struct df_codec df_codec_zlib;
extern const struct df_codec df_codec_lzo;
extern const struct df_codec df_codec_snappy;
extern const struct df_codec df_codec_zstd;

#endif
