/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The hot loop of planning: tests on 64 struct pages at a time.
 *
 * Most of memory is alike over long stretches: free, or one process's.  So the words that the tests look at are first
 * combined over all 64 structs with OR and AND: where a bit is the same in both all pages say the same, and nothing
 * else is to be done.
 *
 * Nearly all tests ask for one bit.  The bytes that hold such bits are gathered, 8 pages' bytes make a 64-bit number,
 * and turning that as an 8×8 matrix gives 8 tests' bits at once.  What asks for more (a page type, an uninitialised
 * struct) is asked page by page, but only of the few pages that can have it.
 */
#include "classify/rules.h"

#include "base/bits.h"
#include "base/bytes.h"

#include <string.h>

#define NEGATIVE UINT64_C(0x80000000)

/* The one bit that the test asks to be set, or −1. */
static int single_bit(const struct df_test *test)
{
	if (__builtin_popcountll(test->mask) != 1 || test->except)
		return -1;
	/* "equals the bit" or "is not zero" */
	if (test->negate ? test->value != 0 : test->value != test->mask)
		return -1;
	return __builtin_ctzll(test->mask);
}

/* Offset of the byte with this bit of a field. */
static uint16_t byte_of(const struct df_test *test, unsigned bit, bool big_endian)
{
	unsigned byte = bit / 8;

	return (uint16_t)(test->offset + (big_endian ? test->width - 1u - byte : byte));
}

/* The watched word that holds byte at; DF_WATCHES = there are too many. */
static unsigned use_word(struct df_rules *rules, uint16_t at)
{
	uint16_t offset = at / 8 * 8;
	unsigned i = 0;

	if (offset + 8u > rules->page_struct)
		offset = (uint16_t)(rules->page_struct - 8);
	while (i < rules->nwatches && rules->watch[i] != offset)
		i++;
	if (i == rules->nwatches && i < DF_WATCHES)
		rules->watch[rules->nwatches++] = offset;
	return i;
}

/* Bits of byte at, in a watched word. */
static uint64_t in_word(const struct df_rules *rules, unsigned watch, uint16_t at, uint8_t bits)
{
	uint8_t bytes[8] = { 0 };
	uint64_t word;

	bytes[at - rules->watch[watch]] = bits;
	memcpy(&word, bytes, sizeof word);
	return word;
}

static void use_bit(struct df_rules *rules, enum df_role role, unsigned bit)
{
	uint16_t at = byte_of(&rules->test[role], bit, rules->big_endian);
	unsigned i = 0, watch = use_word(rules, at);

	while (i < rules->nplanes && rules->plane[i] != at)
		i++;
	if (i == DF_PLANES || watch == DF_WATCHES)
		return;
	if (i == rules->nplanes)
		rules->plane[rules->nplanes++] = at;
	rules->watched[watch] |= in_word(rules, watch, at, (uint8_t)(1u << bit % 8));
	rules->quick[role] = (struct df_quick){ DF_QUICK_BIT, (uint8_t)i, (uint8_t)(bit % 8), (uint8_t)watch,
						in_word(rules, watch, at, (uint8_t)(1u << bit % 8)) };
}

static void use_type(struct df_rules *rules)
{
	unsigned watch;

	rules->type_offset = rules->test[DF_TYPED].how ? rules->test[DF_TYPED].offset : UINT16_MAX;
	if (rules->type_offset == UINT16_MAX)
		return;
	watch = use_word(rules, rules->type_offset);
	/* a type over the end of a watched word: no kernel has that; types are then asked page by page */
	if (watch == DF_WATCHES || rules->type_offset + 4u > rules->watch[watch] + 8u) {
		rules->type_offset = UINT16_MAX;
		return;
	}
	rules->type_watch = (uint8_t)watch;
	for (unsigned i = 0; i < 4; i++)
		rules->type_watched |= in_word(rules, watch, (uint16_t)(rules->type_offset + i), 0xff);
	rules->type_negative = in_word(rules, watch, (uint16_t)(rules->type_offset + (rules->big_endian ? 0 : 3)),
				       0x80);
}

static void use_refcount(struct df_rules *rules)
{
	struct df_witness *witness = &rules->witness;
	unsigned watch = witness->refcount == UINT16_MAX ? DF_WATCHES : use_word(rules, witness->refcount);

	if (watch < DF_WATCHES && witness->refcount + 4u > rules->watch[watch] + 8u)
		watch = DF_WATCHES;
	witness->held_watch = (uint8_t)watch;
	for (unsigned i = 0; watch < DF_WATCHES && i < 4; i++)
		witness->held_bits |= in_word(rules, watch, (uint16_t)(witness->refcount + i), 0xff);
}

/* Page types are negative as 32-bit numbers, but not −1, in every kernel. */
static bool is_type_test(const struct df_rules *rules, const struct df_test *test)
{
	/* a full-width test for −1 itself would be no type */
	return test->width == 4 && !test->negate && test->mask & NEGATIVE && test->value & NEGATIVE &&
	       test->offset == rules->type_offset && (test->value != 0xffffffff || test->mask != 0xffffffff);
}

/* Is an uninitialised struct sure to show in a bit that is watched? */
static bool raw_shows(const struct df_rules *rules)
{
	for (unsigned i = 0; i < DF_WORD_ROLES; i++)
		if (rules->quick[i].kind == DF_QUICK_BIT && rules->test[i].offset == rules->test[DF_RAW].offset)
			return true;
	return !df_known(rules, DF_RAW);
}

void df_rules_prepare_words(struct df_rules *rules)
{
	use_type(rules);
	for (unsigned i = 0; i < DF_WORD_ROLES; i++) {
		const struct df_test *test = &rules->test[i];
		int bit = test->how ? single_bit(test) : -1;

		rules->quick[i] = (struct df_quick){ .kind = DF_QUICK_ALL };
		if (bit >= 0)
			use_bit(rules, (enum df_role)i, (unsigned)bit);
		else if (i == DF_RAW)
			rules->quick[i].kind = DF_QUICK_RAW;
		else if (test->how && is_type_test(rules, test))
			rules->quick[i].kind = DF_QUICK_TYPE;
		rules->slow |= test->how && rules->quick[i].kind == DF_QUICK_ALL;
	}
	rules->slow |= !raw_shows(rules);
	use_refcount(rules);
}

/* Byte k of the result holds bit k of the 8 bytes of matrix, from the lowest on. */
static uint64_t turn(uint64_t matrix)
{
	uint64_t swapped = (matrix ^ matrix >> 7) & UINT64_C(0x00aa00aa00aa00aa);

	matrix ^= swapped ^ swapped << 7;
	swapped = (matrix ^ matrix >> 14) & UINT64_C(0x0000cccc0000cccc);
	matrix ^= swapped ^ swapped << 14;
	swapped = (matrix ^ matrix >> 28) & UINT64_C(0x00000000f0f0f0f0);
	return matrix ^ swapped ^ swapped << 28;
}

static void gather(const struct df_rules *rules, const uint8_t *structs, unsigned plane, unsigned count,
		   uint64_t out[8])
{
	const uint8_t *from = structs + rules->plane[plane];
	uint8_t bytes[64];
	size_t step = rules->page_struct;

	if (count < 64)
		memset(bytes, 0, sizeof bytes);
	for (unsigned i = 0; i < count; i++)
		bytes[i] = from[i * step];
	for (unsigned i = 0; i < 8; i++)
		out[i] = turn(df_get64(bytes + 8 * i, false));
}

static uint64_t bit_word(const uint64_t turned[8], unsigned bit)
{
	uint64_t word = 0;

	for (unsigned i = 0; i < 8; i++)
		word |= (turned[i] >> 8 * bit & 0xff) << 8 * i;
	return word;
}

/* A watched word of all structs, combined.  Unrolled, and with the step known when compiled where it is the usual one:
 * one instruction a struct. */
static inline uint64_t any_of(const uint8_t *bytes, size_t step, unsigned count)
{
	uint64_t any = 0, words[4];

	for (; count >= 4; count -= 4, bytes += 4 * step) {
		for (unsigned i = 0; i < 4; i++)
			memcpy(&words[i], bytes + i * step, 8);
		any |= words[0] | words[1] | words[2] | words[3];
	}
	for (; count; count--, bytes += step) {
		memcpy(&words[0], bytes, 8);
		any |= words[0];
	}
	return any;
}

static inline uint64_t all_of(const uint8_t *bytes, size_t step, unsigned count)
{
	uint64_t all = ~UINT64_C(0), words[4];

	for (; count >= 4; count -= 4, bytes += 4 * step) {
		for (unsigned i = 0; i < 4; i++)
			memcpy(&words[i], bytes + i * step, 8);
		all &= words[0] & words[1] & words[2] & words[3];
	}
	for (; count; count--, bytes += step) {
		memcpy(&words[0], bytes, 8);
		all &= words[0];
	}
	return all;
}

/* Bits that are set in any of the structs' watched words. */
static uint64_t any(const struct df_rules *rules, const uint8_t *structs, unsigned count, unsigned watch)
{
	const uint8_t *bytes = structs + rules->watch[watch];

	return rules->page_struct == 64 ? any_of(bytes, 64, count) : any_of(bytes, rules->page_struct, count);
}

static uint64_t all(const struct df_rules *rules, const uint8_t *structs, unsigned count, unsigned watch)
{
	const uint8_t *bytes = structs + rules->watch[watch];

	return rules->page_struct == 64 ? all_of(bytes, 64, count) : all_of(bytes, rules->page_struct, count);
}

/* A group under test: what its structs have in common, and planes that have been gathered. */
struct group {
	const struct df_rules *rules;
	const uint8_t *structs;
	unsigned count;
	unsigned planes, alls; /* which of these are there */
	uint64_t any[DF_WATCHES], all[DF_WATCHES];
	uint64_t turned[DF_PLANES][8];
};

/* Only the group whose pages are not all without a bit asks for this. */
static uint64_t all_once(struct group *group, unsigned watch)
{
	if (!(group->alls >> watch & 1))
		group->all[watch] = all(group->rules, group->structs, group->count, watch);
	group->alls |= 1u << watch;
	return group->all[watch];
}

/* Pages whose type word is a type: negative, but not −1. */
static uint64_t typed(struct group *group)
{
	const struct df_rules *rules = group->rules;
	const uint8_t *bytes = group->structs + rules->type_offset;
	uint64_t word = 0;

	if (rules->type_offset == UINT16_MAX || !(group->any[rules->type_watch] & rules->type_negative) ||
	    !(~all_once(group, rules->type_watch) & rules->type_watched))
		return 0;
	for (unsigned i = 0; i < group->count; i++)
		word |= (uint64_t)((int32_t)df_get32(bytes + i * (size_t)rules->page_struct, rules->big_endian) < -1)
			<< i;
	return word;
}

static uint64_t one_by_one(const struct df_rules *rules, enum df_role role, const uint8_t *structs, uint64_t which)
{
	uint64_t word = 0;

	for (; which; which &= which - 1) {
		unsigned i = (unsigned)__builtin_ctzll(which);

		word |= (uint64_t)df_rules_test(rules, role, structs + i * (size_t)rules->page_struct) << i;
	}
	return word;
}

static uint64_t one_bit(struct group *group, const struct df_quick *quick)
{
	if (!(group->any[quick->watch] & quick->watched))
		return 0;
	if (all_once(group, quick->watch) & quick->watched)
		return df_bit_mask(0, group->count);
	if (!(group->planes >> quick->plane & 1))
		gather(group->rules, group->structs, quick->plane, group->count, group->turned[quick->plane]);
	group->planes |= 1u << quick->plane;
	return bit_word(group->turned[quick->plane], quick->bit);
}

static void evaluate(struct group *group, uint64_t types, uint64_t words[DF_WORD_ROLES])
{
	const struct df_rules *rules = group->rules;
	uint64_t every = df_bit_mask(0, group->count), raw = every;

	for (unsigned i = 0; i < DF_WORD_ROLES; i++) {
		const struct df_quick *quick = &rules->quick[i];

		words[i] = 0;
		if (!rules->test[i].how || quick->kind == DF_QUICK_RAW)
			continue;
		if (quick->kind == DF_QUICK_BIT)
			words[i] = one_bit(group, quick);
		else
			words[i] = one_by_one(rules, (enum df_role)i, group->structs,
					      quick->kind == DF_QUICK_TYPE ? types : every);
		if (quick->kind == DF_QUICK_BIT && rules->test[i].offset == rules->test[DF_RAW].offset)
			raw &= words[i];
	}
	if (df_known(rules, DF_RAW))
		words[DF_RAW] = one_by_one(rules, DF_RAW, group->structs, raw);
}

bool df_rules_words(const struct df_rules *rules, const uint8_t *structs, unsigned count, uint64_t words[DF_WORD_ROLES])
{
	struct group group;
	uint64_t seen = 0, types;

	group.rules = rules;
	group.structs = structs;
	group.count = count;
	group.planes = group.alls = 0;
	for (unsigned i = 0; i < rules->nwatches; i++) {
		group.any[i] = any(rules, structs, count, i);
		seen |= group.any[i] & rules->watched[i];
	}
	types = typed(&group);
	if (seen | types | rules->slow)
		evaluate(&group, types, words);
	else
		memset(words, 0, DF_WORD_ROLES * sizeof *words);
	return rules->witness.held_watch == DF_WATCHES ||
	       group.any[rules->witness.held_watch] & rules->witness.held_bits;
}
