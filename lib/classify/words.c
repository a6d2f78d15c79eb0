/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The hot loop of planning: tests on 64 struct pages at a time.
 *
 * Nearly all tests ask for one bit.  The bytes that hold such bits are gathered, 8 pages' bytes make a 64-bit number,
 * and turning that as an 8×8 matrix gives 8 tests' bits at once.  What asks for more (a page type, an uninitialised
 * struct) is asked page by page, but only of the few pages that can have it.
 */
#include "classify/rules.h"

#include "base/bytes.h"

#include <string.h>

#define NEGATIVE UINT64_C(0x80000000)

/* The one bit that the test asks to be set, or −1. */
static int single_bit(const struct df_test *t)
{
	if (__builtin_popcountll(t->mask) != 1 || t->except)
		return -1;
	/* "equals the bit" or "is not zero" */
	if (t->negate ? t->value != 0 : t->value != t->mask)
		return -1;
	return __builtin_ctzll(t->mask);
}

/* Offset of the byte with this bit of a field. */
static uint16_t byte_of(const struct df_test *t, unsigned bit, bool be)
{
	unsigned byte = bit / 8;

	return (uint16_t)(t->offset + (be ? t->width - 1u - byte : byte));
}

static void use_bit(struct df_rules *r, enum df_role role, unsigned bit)
{
	uint16_t at = byte_of(&r->test[role], bit, r->be);
	unsigned i = 0;

	while (i < r->nplanes && r->plane[i] != at)
		i++;
	if (i == DF_PLANES)
		return;
	if (i == r->nplanes)
		r->plane[r->nplanes++] = at;
	r->quick[role] = (struct df_quick){ DF_QUICK_BIT, (uint8_t)i, (uint8_t)(bit % 8) };
}

/* Page types are negative as 32-bit numbers, but not −1, in every kernel. */
static bool is_type_test(const struct df_rules *r, const struct df_test *t)
{
	/* a full-width test for −1 itself would be no type */
	return t->width == 4 && !t->negate && t->mask & NEGATIVE && t->value & NEGATIVE &&
	       t->offset == r->type_offset && (t->value != 0xffffffff || t->mask != 0xffffffff);
}

void df_rules_prepare_words(struct df_rules *r)
{
	r->type_offset = r->test[DF_TYPED].how ? r->test[DF_TYPED].offset : UINT16_MAX;
	for (unsigned i = 0; i < DF_WORD_ROLES; i++) {
		const struct df_test *t = &r->test[i];
		int bit = t->how ? single_bit(t) : -1;

		r->quick[i] = (struct df_quick){ .kind = DF_QUICK_ALL };
		if (bit >= 0)
			use_bit(r, (enum df_role)i, (unsigned)bit);
		else if (i == DF_RAW)
			r->quick[i].kind = DF_QUICK_RAW;
		else if (t->how && is_type_test(r, t))
			r->quick[i].kind = DF_QUICK_TYPE;
	}
}

/* Byte k of the result holds bit k of the 8 bytes of x, from the lowest on. */
static uint64_t turn(uint64_t x)
{
	uint64_t t = (x ^ x >> 7) & UINT64_C(0x00aa00aa00aa00aa);

	x ^= t ^ t << 7;
	t = (x ^ x >> 14) & UINT64_C(0x0000cccc0000cccc);
	x ^= t ^ t << 14;
	t = (x ^ x >> 28) & UINT64_C(0x00000000f0f0f0f0);
	return x ^ t ^ t << 28;
}

static void gather(const struct df_rules *r, const uint8_t *structs, unsigned plane, unsigned count, uint64_t out[8])
{
	const uint8_t *p = structs + r->plane[plane];
	uint8_t bytes[64];
	size_t step = r->page_struct;

	if (count < 64)
		memset(bytes, 0, sizeof bytes);
	for (unsigned i = 0; i < count; i++)
		bytes[i] = p[i * step];
	for (unsigned i = 0; i < 8; i++)
		out[i] = turn(df_get64(bytes + 8 * i, false));
}

static uint64_t bit_word(const uint64_t turned[8], unsigned bit)
{
	uint64_t w = 0;

	for (unsigned i = 0; i < 8; i++)
		w |= (turned[i] >> 8 * bit & 0xff) << 8 * i;
	return w;
}

/* Pages whose type word is a type. */
static uint64_t typed(const struct df_rules *r, const uint8_t *structs, unsigned count)
{
	const uint8_t *p = structs + r->type_offset;
	uint64_t w = 0;

	for (unsigned i = 0; i < count; i++)
		w |= (uint64_t)((int32_t)df_get32(p + i * (size_t)r->page_struct, r->be) < -1) << i;
	return w;
}

static uint64_t one_by_one(const struct df_rules *r, enum df_role role, const uint8_t *structs, uint64_t which)
{
	uint64_t w = 0;

	for (; which; which &= which - 1) {
		unsigned i = (unsigned)__builtin_ctzll(which);

		w |= (uint64_t)df_rules_test(r, role, structs + i * (size_t)r->page_struct) << i;
	}
	return w;
}

void df_rules_words(const struct df_rules *r, const uint8_t *structs, unsigned count, uint64_t words[DF_WORD_ROLES])
{
	uint64_t turned[DF_PLANES][8], all = count == 64 ? ~UINT64_C(0) : (UINT64_C(1) << count) - 1;
	uint64_t types = r->type_offset == UINT16_MAX ? 0 : typed(r, structs, count), raw = all;

	for (unsigned i = 0; i < r->nplanes; i++)
		gather(r, structs, i, count, turned[i]);
	for (unsigned i = 0; i < DF_WORD_ROLES; i++) {
		const struct df_quick *q = &r->quick[i];

		words[i] = 0;
		if (!r->test[i].how || q->kind == DF_QUICK_RAW)
			continue;
		if (q->kind == DF_QUICK_BIT)
			words[i] = bit_word(turned[q->plane], q->bit);
		else
			words[i] = one_by_one(r, (enum df_role)i, structs, q->kind == DF_QUICK_TYPE ? types : all);
		if (q->kind == DF_QUICK_BIT && r->test[i].offset == r->test[DF_RAW].offset)
			raw &= words[i];
	}
	if (df_known(r, DF_RAW))
		words[DF_RAW] = one_by_one(r, DF_RAW, structs, raw);
}
