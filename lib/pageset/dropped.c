/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "pageset/dropped.h"

#include "base/bits.h"

/* Chunks made again: of two, so that a run over their border can be looked at from either side. */
#define REFILLED 2u
/* Who makes bits again, and the last few chunks for which that was done: making one takes as long as planning it did.
 */
struct df_pageset_refill {
	df_pageset_refill_fn fn;
	void *user;
	struct df_err failed;
	unsigned last; /* the one that was asked for last */
	uint64_t chunk[REFILLED];
	struct chunk c[REFILLED];
};
#define NO_CHUNK UINT64_MAX

static uint64_t check_sum(const uint64_t words[DF_CHUNK_WORDS])
{
	uint64_t h = 0;

	for (unsigned i = 0; i < DF_CHUNK_WORDS; i++) {
		h = (h ^ words[i]) * UINT64_C(0x9e3779b97f4a7c15);
		h ^= h >> 32;
	}
	return h >> SUM_SHIFT;
}

slot df_pageset_without_bits(const uint64_t words[DF_CHUNK_WORDS], uint64_t count, unsigned stage)
{
	return DROPPED | count << 1 | (uint64_t)stage << STAGE_SHIFT | check_sum(words) << SUM_SHIFT;
}

int df_pageset_refill(struct df_pageset *s, df_pageset_refill_fn fn, void *user, struct df_err *err)
{
	if (!s->refill)
		s->refill = df_alloc(s->env, sizeof *s->refill);
	if (!s->refill)
		return df_err_nomem(err, s->env, "parts of a set of page frames", sizeof *s->refill);
	s->refill->fn = fn;
	s->refill->user = user;
	df_err_clear(&s->refill->failed);
	for (unsigned i = 0; i < REFILLED; i++)
		s->refill->chunk[i] = NO_CHUNK;
	return 0;
}

void df_pageset_no_refill(struct df_pageset *s)
{
	if (s->refill)
		df_free(s->env, s->refill);
	s->refill = NULL;
}

void df_pageset_forget(struct df_pageset_refill *r, uint64_t chunk)
{
	for (unsigned i = 0; i < REFILLED; i++)
		if (r->chunk[i] == chunk)
			r->chunk[i] = NO_CHUNK;
}

bool df_pageset_lost(const struct df_pageset *s)
{
	return s->refill ? s->refill->failed.code : s->dropped != 0;
}

int df_pageset_failed(const struct df_pageset *s, struct df_err *err)
{
	if (!df_pageset_lost(s))
		return 0;
	if (!s->refill)
		return df_err_set(err, DUMPFILTER_E_NOMEM, "no memory to make parts of the plan again");
	*err = s->refill->failed;
	return err->code;
}

static bool make_again(struct df_pageset_refill *r, uint64_t chunk, slot v, struct chunk *c)
{
	struct df_err err = { 0 };
	int code = r->fn(r->user, chunk, stage_of(v), c->words, &err);

	c->count = (uint32_t)df_bits_count(c->words, DF_CHUNK_WORDS);
	if (!code && df_pageset_without_bits(c->words, c->count, stage_of(v)) == v)
		return true;
	if (code)
		r->failed = err;
	else
		df_err_set(&r->failed, DUMPFILTER_E_IO,
			   "the image changes while it is read: pages from frame %#llx on are not what they were "
			   "(with more memory they are looked at only once)",
			   (unsigned long long)(chunk << DF_CHUNK_SHIFT));
	return false;
}

const struct chunk *df_pageset_make_again(const struct df_pageset *s, uint64_t chunk, slot v)
{
	struct df_pageset_refill *r = s->refill;

	if (!r || r->failed.code)
		return NULL;
	for (unsigned i = 0; i < REFILLED; i++)
		if (r->chunk[i] == chunk)
			return &r->c[r->last = i];
	r->last = (r->last + 1) % REFILLED;
	r->chunk[r->last] = NO_CHUNK;
	/* a second try: reading can fail for once */
	if (!make_again(r, chunk, v, &r->c[r->last]) && !make_again(r, chunk, v, &r->c[r->last]))
		return NULL;
	df_err_clear(&r->failed);
	r->chunk[r->last] = chunk;
	return &r->c[r->last];
}
