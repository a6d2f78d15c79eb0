/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "run/counts.h"

unsigned df_plan_price(int level)
{
	unsigned cache = level & DUMPFILTER_LEVEL_CACHE_PRIVATE ? 2 : level & DUMPFILTER_LEVEL_CACHE ? 1 : 0;

	return cache * 4 + (level & DUMPFILTER_LEVEL_USER ? 2 : 0) + (level & DUMPFILTER_LEVEL_FREE ? 1 : 0);
}

/* Sets in the order in which they claim a page for the counts. */
static const struct {
	enum df_set set;
	enum dumpfilter_class cls;
	int level; /* bits that leave it out; 0 = every level does: the page must not be read */
} order[] = {
	{ DF_SET_FREE, DUMPFILTER_CLASS_FREE, DUMPFILTER_LEVEL_FREE },
	{ DF_SET_CACHE, DUMPFILTER_CLASS_CACHE, DUMPFILTER_LEVEL_CACHE | DUMPFILTER_LEVEL_CACHE_PRIVATE },
	{ DF_SET_CACHE_PRIVATE, DUMPFILTER_CLASS_CACHE_PRIVATE, DUMPFILTER_LEVEL_CACHE_PRIVATE },
	{ DF_SET_USER, DUMPFILTER_CLASS_USER, DUMPFILTER_LEVEL_USER },
	{ DF_SET_HWPOISON, DUMPFILTER_CLASS_HWPOISON, 0 },
	{ DF_SET_OFFLINE, DUMPFILTER_CLASS_OFFLINE, 0 },
};
#define ORDERED (sizeof order / sizeof *order)

static bool leaves_out(unsigned i, int level)
{
	return !order[i].level || (order[i].level & level);
}

uint64_t df_counts_kept(const struct df_classes *classes, unsigned word, uint64_t stored, int level)
{
	uint64_t keep = stored;

	for (unsigned i = 0; i < ORDERED; i++)
		if (leaves_out(i, level))
			keep &= ~classes->words[order[i].set][word];
	return keep;
}

static uint64_t popcount(uint64_t value)
{
	return (uint64_t)__builtin_popcountll(value);
}

void df_counts_word(struct df_counts *counts, const struct df_classes *classes, unsigned word, uint64_t stored,
		    int level)
{
	static const int cache[] = { 0, DUMPFILTER_LEVEL_CACHE, DUMPFILTER_LEVEL_CACHE_PRIVATE };
	uint64_t left = stored, active = left, any = 0; /* any: all that are in a set */

	for (unsigned i = 0; i < ORDERED; i++) {
		uint64_t in = classes->words[order[i].set][word];

		if (!in)
			continue;
		counts->class_pages[order[i].cls] += popcount(left & in);
		left &= ~in;
		any |= in;
		if (leaves_out(i, level)) {
			counts->excluded_pages[order[i].cls] += popcount(active & in);
			active &= ~in;
		}
	}
	counts->stored += popcount(stored);
	counts->class_pages[DUMPFILTER_CLASS_KEEP] += popcount(left);
	if (classes->words[DF_SET_DOUBT][word] & ~any)
		counts->doubtful += popcount(classes->words[DF_SET_DOUBT][word] & ~any & stored);
	if (classes->unreadable[word])
		counts->unreadable_structs += popcount(classes->unreadable[word] & stored);
	if (!any) { /* every level keeps them all */
		for (unsigned i = 0; i < DF_PRICES; i++)
			counts->kept_at[i] += popcount(stored);
		return;
	}
	for (unsigned i = 0; i < DF_PRICES; i++)
		counts->kept_at[i] += popcount(df_counts_kept(classes, word, stored,
							      cache[i / 4] | (i & 2 ? DUMPFILTER_LEVEL_USER : 0) |
								      (i & 1 ? DUMPFILTER_LEVEL_FREE : 0)));
}

void df_counts_add(struct df_counts *counts, const struct df_counts *more, uint64_t times)
{
	counts->stored += more->stored * times;
	counts->doubtful += more->doubtful * times;
	counts->unreadable_structs += more->unreadable_structs * times;
	for (unsigned i = 0; i < DUMPFILTER_CLASS_COUNT; i++) {
		counts->class_pages[i] += more->class_pages[i] * times;
		counts->excluded_pages[i] += more->excluded_pages[i] * times;
	}
	for (unsigned i = 0; i < DF_PRICES; i++)
		counts->kept_at[i] += more->kept_at[i] * times;
}
