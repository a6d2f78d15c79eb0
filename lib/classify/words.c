/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The hot loop of planning: tests on 64 struct pages at a time.  Each field is loaded once, each test makes a word. */
#include "classify/rules.h"

#include "base/bytes.h"

static void load_field(const struct df_rules *r, const struct df_field *f, const uint8_t *structs, unsigned count,
		       uint64_t out[64])
{
	const uint8_t *p = structs + f->offset;
	size_t step = r->page_struct;

	if (f->width == 8)
		for (unsigned i = 0; i < count; i++, p += step)
			out[i] = df_get64(p, r->be);
	else
		for (unsigned i = 0; i < count; i++, p += step)
			out[i] = df_get(p, f->width, r->be);
}

static uint64_t test_word(const struct df_test *t, const uint64_t v[64], unsigned count)
{
	uint64_t w = 0;

	for (unsigned i = 0; i < count; i++)
		w |= (uint64_t)((v[i] & t->mask) == t->value) << i;
	if (t->negate)
		w = ~w & (count == 64 ? ~UINT64_C(0) : (UINT64_C(1) << count) - 1);
	if (t->except)
		for (unsigned i = 0; i < count; i++)
			w &= ~((uint64_t)(v[i] == t->except) << i);
	return w;
}

void df_rules_words(const struct df_rules *r, const uint8_t *structs, unsigned count, uint64_t words[DF_WORD_ROLES])
{
	uint64_t field[DF_FIELDS][64];

	for (unsigned i = 0; i < r->nfields; i++)
		load_field(r, &r->field[i], structs, count, field[i]);
	for (unsigned i = 0; i < DF_WORD_ROLES; i++)
		words[i] = r->test[i].how ? test_word(&r->test[i], field[r->test[i].field], count) : 0;
}
