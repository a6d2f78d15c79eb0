/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef DF_CODEC_LZO_RECORDS_H
#define DF_CODEC_LZO_RECORDS_H

#include <stddef.h>
#include <stdint.h>

/*
 * LZO1X for pages of records that are 64 bytes long and much like each other: struct pages, above all, which are nearly
 * all that is left of a large idle machine.  Every match is 64 bytes back, so nothing is searched, and none is missed:
 * a general compressor with a small table finds every second one.
 *
 * in[n] into out[cap].  Bytes written; 0 = in is not like that, or the result would not be clearly small.  Any LZO1X
 * decompressor unpacks it (the format: Documentation/staging/lzo.rst of the kernel, v6.12).
 */
size_t df_lzo_records(const uint8_t *in, size_t count, uint8_t *out, size_t cap);

#endif
