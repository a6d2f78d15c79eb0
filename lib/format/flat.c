/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "format/flat.h"

#include "base/bytes.h"

#define TYPE    1
#define VERSION 1

static const char signature[16] = "makedumpfile"; /* padded with NULs */

void df_flat_encode_header(void *buffer)
{
	uint8_t *bytes = buffer;

	memset(bytes, 0, DF_FLAT_HEADER);
	memcpy(bytes, signature, sizeof signature);
	df_put64(bytes + 16, TYPE, true);
	df_put64(bytes + 24, VERSION, true);
}

bool df_flat_is(const void *buffer, size_t length)
{
	const uint8_t *bytes = buffer;

	/* with its NUL, as makedumpfile compares: it does not look at the rest of the field */
	return length >= 24 && !memcmp(bytes, signature, strlen(signature) + 1) && df_get64(bytes + 16, true) == TYPE;
}

void df_flat_encode_record(uint64_t offset, uint64_t size, void *buffer)
{
	uint8_t *bytes = buffer;

	df_put64(bytes, offset, true);
	df_put64(bytes + 8, size, true);
}

void df_flat_encode_end(void *buffer)
{
	df_flat_encode_record(UINT64_MAX, UINT64_MAX, buffer);
}

enum df_flat_kind df_flat_decode_record(const void *buffer, uint64_t *offset, uint64_t *size)
{
	const uint8_t *bytes = buffer;

	*offset = df_get64(bytes, true);
	*size = df_get64(bytes + 8, true);
	if (*offset == UINT64_MAX && *size == UINT64_MAX)
		return DF_FLAT_END;
	/* neither alone is over 2^63, so that the sum fits */
	if (*offset > INT64_MAX || *size > INT64_MAX || !*size || *offset + *size > UINT64_C(1) << 63)
		return DF_FLAT_BAD;
	return DF_FLAT_DATA;
}
