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
	struct chunk made[REFILLED];
};
#define NO_CHUNK UINT64_MAX

static uint64_t check_sum(const uint64_t words[DF_CHUNK_WORDS])
{
	uint64_t hash = 0;

	for (unsigned i = 0; i < DF_CHUNK_WORDS; i++) {
		hash = (hash ^ words[i]) * UINT64_C(0x9e3779b97f4a7c15);
		hash ^= hash >> 32;
	}
	return hash >> SUM_SHIFT;
}

slot df_pageset_without_bits(const uint64_t words[DF_CHUNK_WORDS], uint64_t count, unsigned stage)
{
	return DROPPED | count << 1 | (uint64_t)stage << STAGE_SHIFT | check_sum(words) << SUM_SHIFT;
}

int df_pageset_refill(struct df_pageset *pageset, df_pageset_refill_fn fn, void *user, struct df_err *err)
{
	if (!pageset->refill)
		pageset->refill = df_alloc(pageset->env, sizeof *pageset->refill);
	if (!pageset->refill)
		return df_err_nomem(err, pageset->env, "parts of a set of page frames", sizeof *pageset->refill);
	pageset->refill->fn = fn;
	pageset->refill->user = user;
	df_err_clear(&pageset->refill->failed);
	for (unsigned i = 0; i < REFILLED; i++)
		pageset->refill->chunk[i] = NO_CHUNK;
	return 0;
}

void df_pageset_no_refill(struct df_pageset *pageset)
{
	if (pageset->refill)
		df_free(pageset->env, pageset->refill);
	pageset->refill = NULL;
}

void df_pageset_forget(struct df_pageset_refill *refill, uint64_t chunk)
{
	for (unsigned i = 0; i < REFILLED; i++)
		if (refill->chunk[i] == chunk)
			refill->chunk[i] = NO_CHUNK;
}

bool df_pageset_lost(const struct df_pageset *pageset)
{
	return pageset->refill ? pageset->refill->failed.code : pageset->dropped != 0;
}

int df_pageset_failed(const struct df_pageset *pageset, struct df_err *err)
{
	if (!df_pageset_lost(pageset))
		return 0;
	if (!pageset->refill)
		return df_err_set(err, DUMPFILTER_E_NOMEM, "no memory to make parts of the plan again");
	*err = pageset->refill->failed;
	return err->code;
}

static bool make_again(struct df_pageset_refill *refill, uint64_t chunk, slot content, struct chunk *made)
{
	struct df_err err = { 0 };
	int code = refill->fn(refill->user, chunk, stage_of(content), made->words, &err);

	made->count = (uint32_t)df_bits_count(made->words, DF_CHUNK_WORDS);
	if (!code && df_pageset_without_bits(made->words, made->count, stage_of(content)) == content)
		return true;
	if (code)
		refill->failed = err;
	else
		df_err_set(&refill->failed, DUMPFILTER_E_IO,
			   "the image changes while it is read: pages from frame %#llx on are not what they were "
			   "(with more memory they are looked at only once)",
			   (unsigned long long)(chunk << DF_CHUNK_SHIFT));
	return false;
}

const struct chunk *df_pageset_make_again(const struct df_pageset *pageset, uint64_t chunk, slot content)
{
	struct df_pageset_refill *refill = pageset->refill;

	if (!refill || refill->failed.code)
		return NULL;
	for (unsigned i = 0; i < REFILLED; i++)
		if (refill->chunk[i] == chunk)
			return &refill->made[refill->last = i];
	refill->last = (refill->last + 1) % REFILLED;
	refill->chunk[refill->last] = NO_CHUNK;
	/* a second try: reading can fail for once */
	if (!make_again(refill, chunk, content, &refill->made[refill->last]) &&
	    !make_again(refill, chunk, content, &refill->made[refill->last]))
		return NULL;
	df_err_clear(&refill->failed);
	refill->chunk[refill->last] = chunk;
	return &refill->made[refill->last];
}
