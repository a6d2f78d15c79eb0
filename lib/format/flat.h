/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The flattened stream: a header block, then records "these bytes at this offset", all big-endian. */
#ifndef DF_FORMAT_FLAT_H
#define DF_FORMAT_FLAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DF_FLAT_HEADER 4096u
#define DF_FLAT_RECORD 16u

enum df_flat_kind { DF_FLAT_DATA, DF_FLAT_END, DF_FLAT_BAD };

void df_flat_encode_header(void *buffer /* DF_FLAT_HEADER bytes */);
/* signature and type right; the version is not looked at (nor does makedumpfile). length ≥ 24. */
bool df_flat_is(const void *buffer, size_t length);
void df_flat_encode_record(uint64_t offset, uint64_t size, void *buffer /* DF_FLAT_RECORD bytes */);
void df_flat_encode_end(void *buffer);
/* BAD: negative offset, size ≤ 0, or offset + size over 2^63. */
enum df_flat_kind df_flat_decode_record(const void *buffer, uint64_t *offset, uint64_t *size);

#endif
