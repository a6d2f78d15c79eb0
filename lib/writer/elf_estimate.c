/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Pages of zeros are left out of an ELF file only as a part of a long enough run of pages that are left out.  So each
 * page of the sample is asked: are you in such a run?  Its neighbours are read as far as it takes to know.  What is
 * answered for the sample holds for all, and everything else is known from the plan.
 */
#include "writer/elf_estimate.h"

#include "format/elf.h"
#include "format/flat.h"

#define PIECE  DF_WINDOW_COPY /* written at once: a flattened stream has a record for each … */
#define MERGED (64u << 10)    /* … and puts smaller ones together up to this */

/* [first, end). */
struct range {
	uint64_t first, end; /* frames */
};

struct asking {
	const struct df_output *o;
	struct df_reader reader;
	struct df_sample sample;
	unsigned gap;
	uint64_t total;    /* frames of all segments */
	uint64_t done;     /* … of those before this one */
	uint64_t next;     /* … up to the next one of the sample */
	uint64_t skip;     /* between groups; 0: all are asked */
	struct range load; /* frames of the load under way that may be left out */
	struct range run;  /* of it: the run of frames without kept contents that was looked at last … */
	bool run_gone;     /* … is left out */
	size_t index;      /* of the load */
	uint64_t records;  /* of the flattened form */
	uint64_t cuts;     /* bytes of program headers that may come on top … */
	uint64_t segments; /* … and of those that may be missing */
};

/* The page is left out, or would be if its neighbours are.  What cannot be read stays: 0; E_NOMEM. */
static int goes(struct asking *a, uint64_t pfn, bool *yes, struct df_err *err)
{
	size_t size = (size_t)1 << a->o->page_shift;
	const uint8_t *page;

	*yes = !df_pageset_test(a->o->keep, pfn);
	if (*yes)
		return 0;
	page = df_reader_page(&a->reader, pfn << a->o->page_shift, size, err);
	*yes = page && df_is_zero(page, size);
	return !page && err->code == DUMPFILTER_E_NOMEM ? err->code : 0;
}

#define AHEAD 32u /* frames */

/* The next frames from pfn on, or from this one backwards, are about to be looked at. */
static void read_ahead(struct asking *a, uint64_t pfn, bool back)
{
	uint64_t first = !back ? pfn : pfn < AHEAD ? 0 : pfn - AHEAD + 1;
	const struct df_image_ops *ops = a->o->image->ops;
	size_t len = (size_t)AHEAD << a->o->page_shift;
	struct df_err ignored;

	if (len > DF_WINDOW_COPY)
		return;
	if (ops->prepare)
		ops->prepare(&a->reader, first << a->o->page_shift, len);
	else
		ops->peek(&a->reader, first << a->o->page_shift, len, &ignored);
}

/* pfn goes: does the run that it is in? */
static int run_goes(struct asking *a, uint64_t pfn, bool *yes, struct df_err *err)
{
	struct range run = { pfn, pfn + 1 };
	bool more = true;
	int r = 0;

	while (!r && more && run.end - run.first < a->gap && run.first > a->load.first) {
		if ((pfn - run.first) % AHEAD == 0)
			read_ahead(a, run.first - 1, true);
		r = goes(a, run.first - 1, &more, err);
		run.first -= more;
	}
	more = true;
	while (!r && more && run.end - run.first < a->gap && run.end < a->load.end) {
		if ((run.end - pfn - 1) % AHEAD == 0)
			read_ahead(a, run.end, false);
		r = goes(a, run.end, &more, err);
		run.end += more;
	}
	*yes = run.end - run.first >= a->gap || run.end == a->load.end ||
	       df_pageset_count_range(a->o->forbidden, run.first, run.end);
	a->run = run;
	a->run_gone = *yes;
	return r;
}

/* bytes: of the frame, in the segment. */
static int ask(struct asking *a, uint64_t pfn, uint64_t bytes, struct df_err *err)
{
	bool known = pfn >= a->run.first && pfn < a->run.end, gone = known && a->run_gone;
	int r = 0;

	if (!known && pfn >= a->load.first && pfn < a->load.end) {
		r = goes(a, pfn, &gone, err);
		if (!r && gone && a->run_gone && pfn == a->run.end)
			a->run.end++; /* long enough, and longer */
		else if (!r && gone)
			r = run_goes(a, pfn, &gone, err);
	}
	df_sample_add(&a->sample, gone ? bytes : 0);
	return r;
}

static void enter_load(struct asking *a, size_t index)
{
	const struct df_load *l = &a->o->image->loads[index];
	uint64_t round = (UINT64_C(1) << a->o->page_shift) - 1;

	if (a->index == index)
		return;
	a->index = index;
	a->run = (struct range){ 0 };
	/* the frame that it begins inside of stays */
	a->load.first = (l->paddr + round) >> a->o->page_shift;
	a->load.end = (l->paddr + l->memsz + round) >> a->o->page_shift;
}

static void progress(struct asking *a)
{
	struct dumpfilter_progress p = { .phase = DUMPFILTER_PHASE_ZERO, .done = a->done, .total = a->total };

	p.bytes_in = a->sample.pages << a->o->page_shift;
	df_progress(a->o->env, &p);
}

static struct range frames_of(const struct asking *a, uint64_t paddr, uint64_t bytes)
{
	unsigned shift = a->o->page_shift;

	return (struct range){ paddr >> shift, (paddr + bytes + (UINT64_C(1) << shift) - 1) >> shift };
}

/* Bytes of [paddr, paddr + bytes) in a frame. */
static uint64_t bytes_in(const struct asking *a, uint64_t pfn, uint64_t paddr, uint64_t bytes)
{
	uint64_t first = pfn << a->o->page_shift, end = (pfn + 1) << a->o->page_shift;

	return (end < paddr + bytes ? end : paddr + bytes) - (first > paddr ? first : paddr);
}

static int ask_segment(void *user, size_t load, uint64_t paddr, uint64_t bytes, struct df_err *err)
{
	struct asking *a = user;
	struct range f = frames_of(a, paddr, bytes);
	int r = 0;

	if (df_cancelled(a->o->env))
		return df_err_set(err, DUMPFILTER_E_CANCELLED, "cancelled");
	if (!bytes)
		return 0;
	enter_load(a, load);
	while (!r && a->next < a->done + (f.end - f.first)) {
		uint64_t pfn = f.first + (a->next - a->done);

		if (!a->skip && a->next % AHEAD == 0)
			read_ahead(a, pfn, false);
		r = ask(a, pfn, bytes_in(a, pfn, paddr, bytes), err);
		a->next += a->sample.pages % DF_SAMPLE_GROUP ? 1 : 1 + a->skip;
	}
	a->done += f.end - f.first;
	progress(a);
	return r;
}

static int count_segment(void *user, size_t load, uint64_t paddr, uint64_t bytes, struct df_err *err)
{
	struct asking *a = user;
	struct range f = frames_of(a, paddr, bytes);

	(void)load;
	(void)err;
	a->total += bytes ? f.end - f.first : 0;
	a->segments += DF_ELF_PHDR_MAX;
	a->records += bytes / PIECE + (bytes % PIECE + MERGED - 1) / MERGED;
	return 0;
}

static int ask_all(struct asking *a, uint64_t most, struct df_err *err)
{
	struct df_elf_data data;
	int r = df_reader_init(&a->reader, a->o->image, DF_WINDOW_COPY, err);

	a->skip = df_sample_skip(a->total, most);
	a->next = a->skip / 2;
	a->index = SIZE_MAX;
	progress(a);
	if (!r)
		r = df_elf_segments(a->o, &data, ask_segment, a, err);
	df_reader_fini(&a->reader);
	progress(a);
	return r;
}

/* What comes before the data.  Runs that are left out make program headers, and unmake those of segments that are
 * nothing else: how many is not known.  Of records there may be fewer. */
static void add_head(struct df_estimate *e, const struct asking *a, uint64_t head)
{
	uint64_t records = e->flat ? DF_FLAT_HEADER + (a->records + 4) * DF_FLAT_RECORD : 0;

	e->bytes += head + records;
	e->low += head + (e->flat ? DF_FLAT_HEADER : 0);
	if (a->sample.pages)
		e->low -= a->segments < e->low ? a->segments : e->low;
	e->high += head + records + a->cuts;
}

int df_elf_estimate(const struct df_output *o, struct df_estimate *e, struct df_err *err)
{
	struct asking a = { .o = o };
	struct df_elf_data data;
	uint64_t gone, off = 0, most;
	int r = df_elf_segments(o, &data, count_segment, &a, err);

	a.gap = data.gap;
	e->of = e->sampled = a.total;
	if (!r && o->level & DUMPFILTER_LEVEL_ZERO) {
		r = ask_all(&a, e->most, err);
		e->sampled = a.sample.pages;
	}
	gone = df_sample_total(&a.sample, a.total, &off);
	if (a.sample.pages)
		a.cuts = (((gone + off) >> o->page_shift) / a.gap + 1) * DF_ELF_PHDR_MAX;
	most = data.bytes;
	e->bytes = most > gone ? most - gone : 0;
	e->low = e->bytes > off ? e->bytes - off : 0;
	e->high = e->bytes + off < most ? e->bytes + off : most;
	add_head(e, &a, data.head);
	return r;
}
