/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "run/steps.h"

#include "base/bits.h"
#include "run/canaries.h"

#include <string.h>

int df_plan_start(struct df_planner *x, unsigned n, struct df_err *err)
{
	struct df_dump *d = x->d;
	int r = 0;

	x->classifier = (struct df_classifier){ &d->rules, &d->map, &d->xlat, d->page_shift };
	x->scanners = df_alloc_array(d->env, n, sizeof *x->scanners);
	if (!x->scanners)
		return df_err_nomem(err, d->env, "workers", n * sizeof *x->scanners);
	for (; !r && x->nscanners < n; x->nscanners++)
		r = df_scanner_init(&x->scanners[x->nscanners], &x->classifier, err);
	return r;
}

void df_plan_stop(struct df_planner *x)
{
	for (unsigned i = 0; i < x->nscanners; i++)
		df_scanner_fini(&x->scanners[i]);
	df_free(x->d->env, x->scanners);
	if (x->listed.env)
		df_pageset_fini(&x->listed);
}

/* Bits of frames at and behind the end of the plan, in its last chunk: a page set takes none there. */
static void cut_end(uint64_t *words, uint64_t frames)
{
	for (unsigned i = 0; i < DF_CHUNK_WORDS; i++)
		if (i * 64 + 64 > frames)
			words[i] &= i * 64 >= frames ? 0 : df_bit_mask(0, (unsigned)(frames - i * 64));
}

int df_plan_work(void *user, void *slot, unsigned worker, struct df_err *err)
{
	struct df_planner *x = user;
	struct df_plan_slot *s = slot;
	uint64_t left = x->p->max_pfn - (s->c.chunk << DF_CHUNK_SHIFT);

	df_image_chunk(&x->d->image, DF_STORED, x->d->page_shift, s->c.chunk, s->stored);
	if (left < DF_CHUNK_PAGES)
		cut_end(s->stored, left);
	if (x->scanners) {
		df_classify_chunk(&x->scanners[worker], s->stored, &s->c);
	} else {
		memset(s->c.w, 0, sizeof s->c.w);
		memset(s->c.unreadable, 0, sizeof s->c.unreadable);
	}
	if (!x->use_vmemmap)
		return 0;
	return df_vmemmap_translate(&x->vmemmap, df_scanner_walker(&x->scanners[worker]), s->c.chunk, &s->vmemmap, err);
}

/* Units that began in earlier chunks. */
static void apply_spills(struct df_planner *x, struct df_classes *c)
{
	uint64_t base = c->chunk << DF_CHUNK_SHIFT;

	for (unsigned k = 0; k < DF_SET_COUNT; k++) {
		if (x->spill_end[k] > base) {
			uint64_t n = x->spill_end[k] - base;

			df_bits_fill(c->w[k], 0, n < DF_CHUNK_PAGES ? n : DF_CHUNK_PAGES);
		}
		if (c->spill_end[k] > x->spill_end[k])
			x->spill_end[k] = c->spill_end[k];
		if (c->spill_end[k] > base && c->spill_end[k] - base > x->p->spill_reach)
			x->p->spill_reach = c->spill_end[k] - base;
	}
}

static void apply_list(struct df_planner *x, struct df_classes *c)
{
	uint64_t listed[DF_CHUNK_WORDS];

	if (!x->use_list)
		return;
	df_pageset_load(&x->listed, c->chunk, listed);
	for (unsigned i = 0; i < DF_CHUNK_WORDS; i++)
		c->w[DF_SET_FREE][i] |= listed[i];
}

/* What depends on the chunks before. */
void df_plan_order(void *user, void *slot)
{
	struct df_planner *x = user;
	struct df_plan_slot *s = slot;

	if (!x->scanners)
		return;
	apply_spills(x, &s->c);
	apply_list(x, &s->c);
}

static bool same_word(const struct df_plan_slot *s, unsigned a, unsigned b)
{
	uint64_t differ = (s->stored[a] ^ s->stored[b]) | (s->c.unreadable[a] ^ s->c.unreadable[b]);

	for (unsigned i = 0; i < DF_SET_COUNT; i++)
		differ |= s->c.w[i][a] ^ s->c.w[i][b];
	return !differ;
}

static void distrust(struct df_plan_slot *s, unsigned sets)
{
	for (unsigned i = 0; i < DF_SET_COUNT; i++) {
		for (unsigned w = 0; sets >> i & 1 && w < DF_CHUNK_WORDS; w++) {
			s->c.w[DF_SET_DOUBT][w] |= s->c.w[i][w];
			s->c.w[i][w] = 0;
		}
	}
}

/* Memory is alike over long stretches: equal words are resolved once. */
int df_plan_resolve(void *user, void *slot, struct df_err *err)
{
	struct df_planner *x = user;
	struct df_plan_slot *s = slot;

	(void)err;
	memset(&s->count, 0, sizeof s->count);
	memset(s->hits, 0, sizeof s->hits);
	if (x->scanners)
		df_canaries_protect(x->d, &s->c, s->hits);
	if (x->distrust)
		distrust(s, x->distrust);
	for (unsigned w = 0, end; w < DF_CHUNK_WORDS; w = end) {
		uint64_t keep = df_counts_kept(&s->c, w, s->stored[w], x->cfg->level), stored = s->stored[w];
		uint64_t forbidden = stored & (s->c.w[DF_SET_HWPOISON][w] | s->c.w[DF_SET_OFFLINE][w]);
		struct df_counts n = { 0 };

		for (end = w + 1; end < DF_CHUNK_WORDS && same_word(s, w, end);)
			end++;
		df_counts_word(&n, &s->c, w, stored, x->cfg->level);
		df_counts_add(&s->count, &n, end - w);
		for (unsigned i = w; i < end; i++) {
			s->keep[i] = keep;
			s->forbidden[i] = forbidden;
		}
	}
	return 0;
}
