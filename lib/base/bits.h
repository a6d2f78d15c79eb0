/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Arrays of bits in 64-bit words: bit n is word n/64, bit n%64. */
#ifndef DF_BASE_BITS_H
#define DF_BASE_BITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

static inline bool df_bit_test(const uint64_t *words, uint64_t count)
{
	return words[count / 64] >> (count % 64) & 1;
}

static inline void df_bit_set(uint64_t *words, uint64_t count)
{
	words[count / 64] |= UINT64_C(1) << (count % 64);
}

static inline void df_bit_clear(uint64_t *words, uint64_t count)
{
	words[count / 64] &= ~(UINT64_C(1) << (count % 64));
}

/* Bits [from, to) of one word, to ≤ 64. */
static inline uint64_t df_bit_mask(unsigned from, unsigned to)
{
	uint64_t upto = to >= 64 ? ~UINT64_C(0) : (UINT64_C(1) << to) - 1;

	return from >= 64 ? 0 : upto & ~UINT64_C(0) << from;
}

/* Set bits [from, to). */
static inline void df_bits_fill(uint64_t *words, uint64_t from, uint64_t to)
{
	while (from < to) {
		uint64_t end = (from | 63) + 1;
		uint64_t stop = to < end ? to : end;

		words[from / 64] |= df_bit_mask(from % 64, (unsigned)(stop - from / 64 * 64));
		from = stop;
	}
}

/* Clear bits [from, to). */
static inline void df_bits_clear(uint64_t *words, uint64_t from, uint64_t to)
{
	while (from < to) {
		uint64_t end = (from | 63) + 1;
		uint64_t stop = to < end ? to : end;

		words[from / 64] &= ~df_bit_mask(from % 64, (unsigned)(stop - from / 64 * 64));
		from = stop;
	}
}

static inline uint64_t df_bits_count(const uint64_t *word, size_t words)
{
	uint64_t count = 0;

	for (size_t i = 0; i < words; i++)
		count += (uint64_t)__builtin_popcountll(word[i]);
	return count;
}

#endif
