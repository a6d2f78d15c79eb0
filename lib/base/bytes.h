/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Numbers in dumped memory and in files: any alignment, either byte order, chosen at run time. */
#ifndef DF_BASE_BYTES_H
#define DF_BASE_BYTES_H

#include <endian.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

static inline uint16_t df_get16(const void *bytes, bool big_endian)
{
	uint16_t value;
	memcpy(&value, bytes, sizeof value);
	return big_endian ? be16toh(value) : le16toh(value);
}

static inline uint32_t df_get32(const void *bytes, bool big_endian)
{
	uint32_t value;
	memcpy(&value, bytes, sizeof value);
	return big_endian ? be32toh(value) : le32toh(value);
}

static inline uint64_t df_get64(const void *bytes, bool big_endian)
{
	uint64_t value;
	memcpy(&value, bytes, sizeof value);
	return big_endian ? be64toh(value) : le64toh(value);
}

static inline void df_put16(void *bytes, uint16_t value, bool big_endian)
{
	value = big_endian ? htobe16(value) : htole16(value);
	memcpy(bytes, &value, sizeof value);
}

static inline void df_put32(void *bytes, uint32_t value, bool big_endian)
{
	value = big_endian ? htobe32(value) : htole32(value);
	memcpy(bytes, &value, sizeof value);
}

static inline void df_put64(void *bytes, uint64_t value, bool big_endian)
{
	value = big_endian ? htobe64(value) : htole64(value);
	memcpy(bytes, &value, sizeof value);
}

/* An unsigned number of 1, 2, 4 or 8 bytes. */
static inline uint64_t df_get(const void *bytes, unsigned width, bool big_endian)
{
	switch (width) {
	case 1:
		return *(const uint8_t *)bytes;
	case 2:
		return df_get16(bytes, big_endian);
	case 4:
		return df_get32(bytes, big_endian);
	default:
		return df_get64(bytes, big_endian);
	}
}

static inline void df_put(void *bytes, unsigned width, uint64_t value, bool big_endian)
{
	switch (width) {
	case 1:
		*(uint8_t *)bytes = (uint8_t)value;
		break;
	case 2:
		df_put16(bytes, (uint16_t)value, big_endian);
		break;
	case 4:
		df_put32(bytes, (uint32_t)value, big_endian);
		break;
	default:
		df_put64(bytes, value, big_endian);
	}
}

/* left + right, or false where that does not fit 64 bits. */
static inline bool df_add64(uint64_t left, uint64_t right, uint64_t *sum)
{
	return !__builtin_add_overflow(left, right, sum);
}

static inline uint64_t df_round_up(uint64_t value,
				   uint64_t to) /* to: a power of two; the caller knows value + to fits */
{
	return (value + to - 1) & ~(to - 1);
}

#endif
