/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "format/flat.h"

#include "base/bytes.h"

#define TYPE    1
#define VERSION 1

static const char signature[16] = "makedumpfile"; /* padded with NULs */

void df_flat_encode_header(void *buf)
{
	uint8_t *b = buf;

	memset(b, 0, DF_FLAT_HEADER);
	memcpy(b, signature, sizeof signature);
	df_put64(b + 16, TYPE, true);
	df_put64(b + 24, VERSION, true);
}

bool df_flat_is(const void *buf, size_t len)
{
	const uint8_t *b = buf;

	/* with its NUL, as makedumpfile compares: it does not look at the rest of the field */
	return len >= 24 && !memcmp(b, signature, strlen(signature) + 1) && df_get64(b + 16, true) == TYPE;
}

void df_flat_encode_record(uint64_t offset, uint64_t size, void *buf)
{
	uint8_t *b = buf;

	df_put64(b, offset, true);
	df_put64(b + 8, size, true);
}

void df_flat_encode_end(void *buf)
{
	df_flat_encode_record(UINT64_MAX, UINT64_MAX, buf);
}

enum df_flat_kind df_flat_decode_record(const void *buf, uint64_t *offset, uint64_t *size)
{
	const uint8_t *b = buf;

	*offset = df_get64(b, true);
	*size = df_get64(b + 8, true);
	if (*offset == UINT64_MAX && *size == UINT64_MAX)
		return DF_FLAT_END;
	/* neither alone is over 2^63, so that the sum fits */
	if (*offset > INT64_MAX || *size > INT64_MAX || !*size || *offset + *size > UINT64_C(1) << 63)
		return DF_FLAT_BAD;
	return DF_FLAT_DATA;
}
