/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "codec/lzo_records.h"

#include "base/bytes.h"

#define BACK      64u /* distance of all matches */
#define MIN_MATCH 3u

/* Of 64 words: how many equal those before at least and at most, and how many are zero at most.  Chosen so that pages
 * other than struct pages gain nothing and lose nothing. */
#define SAME_MIN 24u
#define SAME_MAX 60u
#define ZERO_MAX 36u

/* The distance as instructions hold it, less 1: its low bits in the first byte and the rest in the second, or in a
 * 16-bit number above two bits of state. */
#define SHORT_LOW  (((BACK - 1) & 7) << 2)
#define SHORT_HIGH ((BACK - 1) >> 3)
#define LONG_LOW   (((BACK - 1) << 2) & 0xff)
#define LONG_HIGH  ((BACK - 1) >> 6)

struct look {
	unsigned words, same, zero;
};

/* The record at `at`: words that equal those of the one before, and words of zeros. */
static void look_at(const uint8_t *in, size_t at, struct look *look)
{
	for (size_t i = at; i < at + BACK; i += 8) {
		uint64_t word = df_get64(in + i, false);

		look->same += word == df_get64(in + i - BACK, false);
		look->zero += !word;
	}
	look->words += BACK / 8;
}

/* Much is the same, and some of that is not zero, which tells such pages from mostly empty ones; but not nearly all,
 * which a general compressor does better. */
static bool promising(const struct look *look)
{
	return look->same >= look->words * SAME_MIN / 64 && look->same <= look->words * SAME_MAX / 64 &&
	       look->zero <= look->words * ZERO_MAX / 64;
}

/* Two records tell most other pages, eight the rest. */
static bool is_regular(const uint8_t *in, size_t count)
{
	struct look look = { 0 };

	look_at(in, count / 2 / BACK * BACK, &look);
	if (!promising(&look)) {
		look = (struct look){ 0 };
		look_at(in, count / 4 / BACK * BACK, &look);
		if (!promising(&look))
			return false;
	}
	look = (struct look){ 0 };
	for (size_t at = 7 * BACK; at + BACK <= count; at += 8 * BACK)
		look_at(in, at, &look);
	return promising(&look);
}

/* How many bytes from at on equal those one record before. */
static size_t match_at(const uint8_t *in, size_t at, size_t count)
{
	size_t start = at;

	for (; at + 8 <= count; at += 8) {
		uint64_t differ = df_get64(in + at, false) ^ df_get64(in + at - BACK, false);

		if (differ)
			return at - start + (unsigned)__builtin_ctzll(differ) / 8;
	}
	while (at < count && in[at] == in[at - BACK])
		at++;
	return at - start;
}

/* A length that does not fit its instruction: as many 255s as zeros, and the rest. */
static uint8_t *put_rest(uint8_t *out, size_t rest)
{
	for (; rest > 255; rest -= 255)
		*out++ = 0;
	*out++ = (uint8_t)rest;
	return out;
}

/* in[n], behind a match but for the first ones. */
static uint8_t *put_literals(uint8_t *out, const uint8_t *in, size_t count, bool first)
{
	if (first && count <= 238) {
		*out++ = (uint8_t)(17 + count);
	} else if (count <= 3) {
		out[-2] |= (uint8_t)count; /* the state that the match before leaves */
	} else if (count <= 18) {
		*out++ = (uint8_t)(count - 3);
	} else {
		*out++ = 0;
		out = put_rest(out, count - 18);
	}
	memcpy(out, in, count);
	return out + count;
}

static uint8_t *put_match(uint8_t *out, size_t length)
{
	if (length <= 8) {
		*out++ = (uint8_t)((length - 1) << 5 | SHORT_LOW);
		*out++ = SHORT_HIGH;
		return out;
	}
	if (length <= 33) {
		*out++ = (uint8_t)(0x20 | (length - 2));
	} else {
		*out++ = 0x20;
		out = put_rest(out, length - 33);
	}
	*out++ = LONG_LOW;
	*out++ = LONG_HIGH;
	return out;
}

/* The next match at or behind at, of at least MIN_MATCH bytes: its start, *length.  count = none. */
static size_t next_match(const uint8_t *in, size_t at, size_t count, size_t *length)
{
	while (at < count) {
		if (in[at] != in[at - BACK]) {
			at++;
			continue;
		}
		*length = match_at(in, at, count);
		if (*length >= MIN_MATCH)
			return at;
		at += *length;
	}
	return count;
}

size_t df_lzo_records(const uint8_t *in, size_t count, uint8_t *out, size_t cap)
{
	size_t small = count / 4, done = 0, at = BACK, length = 0;
	uint8_t *to = out;

	if (count < 8 * BACK || cap < count || !is_regular(in, count))
		return 0;
	while ((at = next_match(in, at, count, &length)) < count) {
		/* what instructions add to the literals is far less than the rest of out */
		if ((size_t)(to - out) + (at - done) > small)
			return 0;
		to = put_match(put_literals(to, in + done, at - done, !done), length);
		at += length;
		done = at;
	}
	if (!done || (size_t)(to - out) + (count - done) > small)
		return 0;
	to = put_literals(to, in + done, count - done, false);
	memcpy(to, "\x11\0\0", 3); /* the end */
	return (size_t)(to + 3 - out);
}
