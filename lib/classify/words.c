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

/* The watched word that holds byte at; DF_WATCHES = there are too many. */
static unsigned use_word(struct df_rules *r, uint16_t at)
{
	uint16_t offset = at / 8 * 8;
	unsigned i = 0;

	if (offset + 8u > r->page_struct)
		offset = (uint16_t)(r->page_struct - 8);
	while (i < r->nwatches && r->watch[i] != offset)
		i++;
	if (i == r->nwatches && i < DF_WATCHES)
		r->watch[r->nwatches++] = offset;
	return i;
}

/* Bits of byte at, in a watched word. */
static uint64_t in_word(const struct df_rules *r, unsigned watch, uint16_t at, uint8_t bits)
{
	uint8_t bytes[8] = { 0 };
	uint64_t word;

	bytes[at - r->watch[watch]] = bits;
	memcpy(&word, bytes, sizeof word);
	return word;
}

static void use_bit(struct df_rules *r, enum df_role role, unsigned bit)
{
	uint16_t at = byte_of(&r->test[role], bit, r->be);
	unsigned i = 0, watch = use_word(r, at);

	while (i < r->nplanes && r->plane[i] != at)
		i++;
	if (i == DF_PLANES || watch == DF_WATCHES)
		return;
	if (i == r->nplanes)
		r->plane[r->nplanes++] = at;
	r->watched[watch] |= in_word(r, watch, at, (uint8_t)(1u << bit % 8));
	r->quick[role] = (struct df_quick){ DF_QUICK_BIT, (uint8_t)i, (uint8_t)(bit % 8), (uint8_t)watch,
					    in_word(r, watch, at, (uint8_t)(1u << bit % 8)) };
}

static void use_type(struct df_rules *r)
{
	unsigned watch;

	r->type_offset = r->test[DF_TYPED].how ? r->test[DF_TYPED].offset : UINT16_MAX;
	if (r->type_offset == UINT16_MAX)
		return;
	watch = use_word(r, r->type_offset);
	/* a type over the end of a watched word: no kernel has that; types are then asked page by page */
	if (watch == DF_WATCHES || r->type_offset + 4u > r->watch[watch] + 8u) {
		r->type_offset = UINT16_MAX;
		return;
	}
	r->type_watch = (uint8_t)watch;
	for (unsigned i = 0; i < 4; i++)
		r->type_watched |= in_word(r, watch, (uint16_t)(r->type_offset + i), 0xff);
	r->type_negative = in_word(r, watch, (uint16_t)(r->type_offset + (r->be ? 0 : 3)), 0x80);
}

static void use_refcount(struct df_rules *r)
{
	struct df_witness *witness = &r->witness;
	unsigned watch = witness->refcount == UINT16_MAX ? DF_WATCHES : use_word(r, witness->refcount);

	if (watch < DF_WATCHES && witness->refcount + 4u > r->watch[watch] + 8u)
		watch = DF_WATCHES;
	witness->held_watch = (uint8_t)watch;
	for (unsigned i = 0; watch < DF_WATCHES && i < 4; i++)
		witness->held_bits |= in_word(r, watch, (uint16_t)(witness->refcount + i), 0xff);
}

/* Page types are negative as 32-bit numbers, but not −1, in every kernel. */
static bool is_type_test(const struct df_rules *r, const struct df_test *t)
{
	/* a full-width test for −1 itself would be no type */
	return t->width == 4 && !t->negate && t->mask & NEGATIVE && t->value & NEGATIVE &&
	       t->offset == r->type_offset && (t->value != 0xffffffff || t->mask != 0xffffffff);
}

/* Is an uninitialised struct sure to show in a bit that is watched? */
static bool raw_shows(const struct df_rules *r)
{
	for (unsigned i = 0; i < DF_WORD_ROLES; i++)
		if (r->quick[i].kind == DF_QUICK_BIT && r->test[i].offset == r->test[DF_RAW].offset)
			return true;
	return !df_known(r, DF_RAW);
}

void df_rules_prepare_words(struct df_rules *r)
{
	use_type(r);
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
		r->slow |= t->how && r->quick[i].kind == DF_QUICK_ALL;
	}
	r->slow |= !raw_shows(r);
	use_refcount(r);
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

/* A watched word of all structs, combined.  Unrolled, and with the step known when compiled where it is the usual one:
 * one instruction a struct. */
static inline uint64_t any_of(const uint8_t *p, size_t step, unsigned count)
{
	uint64_t any = 0, w[4];

	for (; count >= 4; count -= 4, p += 4 * step) {
		for (unsigned i = 0; i < 4; i++)
			memcpy(&w[i], p + i * step, 8);
		any |= w[0] | w[1] | w[2] | w[3];
	}
	for (; count; count--, p += step) {
		memcpy(&w[0], p, 8);
		any |= w[0];
	}
	return any;
}

static inline uint64_t all_of(const uint8_t *p, size_t step, unsigned count)
{
	uint64_t all = ~UINT64_C(0), w[4];

	for (; count >= 4; count -= 4, p += 4 * step) {
		for (unsigned i = 0; i < 4; i++)
			memcpy(&w[i], p + i * step, 8);
		all &= w[0] & w[1] & w[2] & w[3];
	}
	for (; count; count--, p += step) {
		memcpy(&w[0], p, 8);
		all &= w[0];
	}
	return all;
}

/* Bits that are set in any of the structs' watched words. */
static uint64_t any(const struct df_rules *r, const uint8_t *structs, unsigned count, unsigned watch)
{
	const uint8_t *p = structs + r->watch[watch];

	return r->page_struct == 64 ? any_of(p, 64, count) : any_of(p, r->page_struct, count);
}

static uint64_t all(const struct df_rules *r, const uint8_t *structs, unsigned count, unsigned watch)
{
	const uint8_t *p = structs + r->watch[watch];

	return r->page_struct == 64 ? all_of(p, 64, count) : all_of(p, r->page_struct, count);
}

/* A group under test: what its structs have in common, and planes that have been gathered. */
struct group {
	const struct df_rules *r;
	const uint8_t *structs;
	unsigned count;
	unsigned planes, alls; /* which of these are there */
	uint64_t any[DF_WATCHES], all[DF_WATCHES];
	uint64_t turned[DF_PLANES][8];
};

/* Only the group whose pages are not all without a bit asks for this. */
static uint64_t all_once(struct group *g, unsigned watch)
{
	if (!(g->alls >> watch & 1))
		g->all[watch] = all(g->r, g->structs, g->count, watch);
	g->alls |= 1u << watch;
	return g->all[watch];
}

/* Pages whose type word is a type: negative, but not −1. */
static uint64_t typed(struct group *g)
{
	const struct df_rules *r = g->r;
	const uint8_t *p = g->structs + r->type_offset;
	uint64_t w = 0;

	if (r->type_offset == UINT16_MAX || !(g->any[r->type_watch] & r->type_negative) ||
	    !(~all_once(g, r->type_watch) & r->type_watched))
		return 0;
	for (unsigned i = 0; i < g->count; i++)
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

static uint64_t one_bit(struct group *g, const struct df_quick *q)
{
	if (!(g->any[q->watch] & q->watched))
		return 0;
	if (all_once(g, q->watch) & q->watched)
		return df_bit_mask(0, g->count);
	if (!(g->planes >> q->plane & 1))
		gather(g->r, g->structs, q->plane, g->count, g->turned[q->plane]);
	g->planes |= 1u << q->plane;
	return bit_word(g->turned[q->plane], q->bit);
}

static void evaluate(struct group *g, uint64_t types, uint64_t words[DF_WORD_ROLES])
{
	const struct df_rules *r = g->r;
	uint64_t every = df_bit_mask(0, g->count), raw = every;

	for (unsigned i = 0; i < DF_WORD_ROLES; i++) {
		const struct df_quick *q = &r->quick[i];

		words[i] = 0;
		if (!r->test[i].how || q->kind == DF_QUICK_RAW)
			continue;
		if (q->kind == DF_QUICK_BIT)
			words[i] = one_bit(g, q);
		else
			words[i] = one_by_one(r, (enum df_role)i, g->structs, q->kind == DF_QUICK_TYPE ? types : every);
		if (q->kind == DF_QUICK_BIT && r->test[i].offset == r->test[DF_RAW].offset)
			raw &= words[i];
	}
	if (df_known(r, DF_RAW))
		words[DF_RAW] = one_by_one(r, DF_RAW, g->structs, raw);
}

bool df_rules_words(const struct df_rules *r, const uint8_t *structs, unsigned count, uint64_t words[DF_WORD_ROLES])
{
	struct group g;
	uint64_t seen = 0, types;

	g.r = r;
	g.structs = structs;
	g.count = count;
	g.planes = g.alls = 0;
	for (unsigned i = 0; i < r->nwatches; i++) {
		g.any[i] = any(r, structs, count, i);
		seen |= g.any[i] & r->watched[i];
	}
	types = typed(&g);
	if (seen | types | r->slow)
		evaluate(&g, types, words);
	else
		memset(words, 0, DF_WORD_ROLES * sizeof *words);
	return r->witness.held_watch == DF_WATCHES || g.any[r->witness.held_watch] & r->witness.held_bits;
}
