/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Numbers in dumped memory and in files: any alignment, either byte order, chosen at run time. */
#ifndef DF_BASE_BYTES_H
#define DF_BASE_BYTES_H

#include <endian.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

static inline uint16_t df_get16(const void *p, bool be)
{
	uint16_t v;
	memcpy(&v, p, sizeof v);
	return be ? be16toh(v) : le16toh(v);
}

static inline uint32_t df_get32(const void *p, bool be)
{
	uint32_t v;
	memcpy(&v, p, sizeof v);
	return be ? be32toh(v) : le32toh(v);
}

static inline uint64_t df_get64(const void *p, bool be)
{
	uint64_t v;
	memcpy(&v, p, sizeof v);
	return be ? be64toh(v) : le64toh(v);
}

static inline void df_put16(void *p, uint16_t v, bool be)
{
	v = be ? htobe16(v) : htole16(v);
	memcpy(p, &v, sizeof v);
}

static inline void df_put32(void *p, uint32_t v, bool be)
{
	v = be ? htobe32(v) : htole32(v);
	memcpy(p, &v, sizeof v);
}

static inline void df_put64(void *p, uint64_t v, bool be)
{
	v = be ? htobe64(v) : htole64(v);
	memcpy(p, &v, sizeof v);
}

/* An unsigned number of 1, 2, 4 or 8 bytes. */
static inline uint64_t df_get(const void *p, unsigned width, bool be)
{
	switch (width) {
	case 1:
		return *(const uint8_t *)p;
	case 2:
		return df_get16(p, be);
	case 4:
		return df_get32(p, be);
	default:
		return df_get64(p, be);
	}
}

static inline void df_put(void *p, unsigned width, uint64_t v, bool be)
{
	switch (width) {
	case 1:
		*(uint8_t *)p = (uint8_t)v;
		break;
	case 2:
		df_put16(p, (uint16_t)v, be);
		break;
	case 4:
		df_put32(p, (uint32_t)v, be);
		break;
	default:
		df_put64(p, v, be);
	}
}

/* a + b, or false where that does not fit 64 bits. */
static inline bool df_add64(uint64_t a, uint64_t b, uint64_t *sum)
{
	return !__builtin_add_overflow(a, b, sum);
}

static inline uint64_t df_round_up(uint64_t v, uint64_t to) /* to: a power of two; the caller knows v + to fits */
{
	return (v + to - 1) & ~(to - 1);
}

#endif
