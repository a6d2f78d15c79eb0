/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "run/steps.h"

#include "base/bits.h"
#include "run/canaries.h"

#include <string.h>

int df_plan_start(struct df_planner *planner, unsigned count, struct df_err *err)
{
	struct df_dump *dump = planner->dump;
	int result = 0;

	planner->classifier = (struct df_classifier){ &dump->rules, &dump->memmap, &dump->xlat, dump->page_shift };
	planner->scanners = df_alloc_array(dump->env, count, sizeof *planner->scanners);
	if (!planner->scanners)
		return df_err_nomem(err, dump->env, "workers", count * sizeof *planner->scanners);
	for (; !result && planner->nscanners < count; planner->nscanners++)
		result = df_scanner_init(&planner->scanners[planner->nscanners], &planner->classifier, err);
	return result;
}

void df_plan_stop(struct df_planner *planner)
{
	for (unsigned i = 0; i < planner->nscanners; i++)
		df_scanner_fini(&planner->scanners[i]);
	df_free(planner->dump->env, planner->scanners);
	if (planner->listed.env)
		df_pageset_fini(&planner->listed);
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
	struct df_planner *planner = user;
	struct df_plan_slot *plan_slot = slot;
	uint64_t left = planner->plan->max_pfn - (plan_slot->classes.chunk << DF_CHUNK_SHIFT);

	df_image_chunk(&planner->dump->image, DF_STORED, planner->dump->page_shift, plan_slot->classes.chunk,
		       plan_slot->stored);
	if (left < DF_CHUNK_PAGES)
		cut_end(plan_slot->stored, left);
	if (planner->scanners) {
		df_classify_chunk(&planner->scanners[worker], plan_slot->stored, &plan_slot->classes);
	} else {
		memset(plan_slot->classes.words, 0, sizeof plan_slot->classes.words);
		memset(plan_slot->classes.unreadable, 0, sizeof plan_slot->classes.unreadable);
	}
	if (!planner->use_vmemmap)
		return 0;
	return df_vmemmap_translate(&planner->vmemmap, df_scanner_walker(&planner->scanners[worker]),
				    plan_slot->classes.chunk, &plan_slot->vmemmap, err);
}

/* Units that began in earlier chunks. */
static void apply_spills(struct df_planner *planner, struct df_classes *classes)
{
	uint64_t base = classes->chunk << DF_CHUNK_SHIFT;

	for (unsigned set = 0; set < DF_SET_COUNT; set++) {
		if (planner->spill_end[set] > base) {
			uint64_t count = planner->spill_end[set] - base;

			df_bits_fill(classes->words[set], 0, count < DF_CHUNK_PAGES ? count : DF_CHUNK_PAGES);
		}
		if (classes->spill_end[set] > planner->spill_end[set])
			planner->spill_end[set] = classes->spill_end[set];
		if (classes->spill_end[set] > base && classes->spill_end[set] - base > planner->plan->spill_reach)
			planner->plan->spill_reach = classes->spill_end[set] - base;
	}
}

static void apply_list(struct df_planner *planner, struct df_classes *classes)
{
	uint64_t listed[DF_CHUNK_WORDS];

	if (!planner->use_list)
		return;
	df_pageset_load(&planner->listed, classes->chunk, listed);
	for (unsigned i = 0; i < DF_CHUNK_WORDS; i++)
		classes->words[DF_SET_FREE][i] |= listed[i];
}

/* What depends on the chunks before. */
void df_plan_order(void *user, void *slot)
{
	struct df_planner *planner = user;
	struct df_plan_slot *plan_slot = slot;

	if (!planner->scanners)
		return;
	apply_spills(planner, &plan_slot->classes);
	apply_list(planner, &plan_slot->classes);
}

static bool same_word(const struct df_plan_slot *slot, unsigned first, unsigned second)
{
	uint64_t differ = (slot->stored[first] ^ slot->stored[second]) |
			  (slot->classes.unreadable[first] ^ slot->classes.unreadable[second]);

	for (unsigned i = 0; i < DF_SET_COUNT; i++)
		differ |= slot->classes.words[i][first] ^ slot->classes.words[i][second];
	return !differ;
}

static void distrust(struct df_plan_slot *slot, unsigned sets)
{
	for (unsigned i = 0; i < DF_SET_COUNT; i++) {
		for (unsigned word = 0; sets >> i & 1 && word < DF_CHUNK_WORDS; word++) {
			slot->classes.words[DF_SET_DOUBT][word] |= slot->classes.words[i][word];
			slot->classes.words[i][word] = 0;
		}
	}
}

/* Memory is alike over long stretches: equal words are resolved once. */
int df_plan_resolve(void *user, void *slot, struct df_err *err)
{
	struct df_planner *planner = user;
	struct df_plan_slot *plan_slot = slot;

	(void)err;
	memset(&plan_slot->count, 0, sizeof plan_slot->count);
	memset(plan_slot->hits, 0, sizeof plan_slot->hits);
	if (planner->scanners)
		df_canaries_protect(planner->dump, &plan_slot->classes, plan_slot->hits);
	if (planner->distrust)
		distrust(plan_slot, planner->distrust);
	for (unsigned word = 0, end; word < DF_CHUNK_WORDS; word = end) {
		uint64_t keep = df_counts_kept(&plan_slot->classes, word, plan_slot->stored[word],
					       planner->config->level),
			 stored = plan_slot->stored[word];
		uint64_t forbidden = stored & (plan_slot->classes.words[DF_SET_HWPOISON][word] |
					       plan_slot->classes.words[DF_SET_OFFLINE][word]);
		struct df_counts counts = { 0 };

		for (end = word + 1; end < DF_CHUNK_WORDS && same_word(plan_slot, word, end);)
			end++;
		df_counts_word(&counts, &plan_slot->classes, word, stored, planner->config->level);
		df_counts_add(&plan_slot->count, &counts, end - word);
		for (unsigned i = word; i < end; i++) {
			plan_slot->keep[i] = keep;
			plan_slot->forbidden[i] = forbidden;
		}
	}
	return 0;
}
