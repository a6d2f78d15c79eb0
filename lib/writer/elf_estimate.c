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
	const struct df_output *output;
	struct df_reader reader;
	struct df_sample sample;
	unsigned gap;
	uint64_t total;     /* frames of all segments */
	uint64_t done;      /* … of those before this one */
	uint64_t next;      /* … up to the next one of the sample */
	uint64_t skip;      /* between groups; 0: all are asked */
	struct range load;  /* frames of the load under way that may be left out */
	struct range range; /* of it: the run of frames without kept contents that was looked at last … */
	bool run_gone;      /* … is left out */
	size_t index;       /* of the load */
	uint64_t records;   /* of the flattened form */
	uint64_t cuts;      /* bytes of program headers that may come on top … */
	uint64_t segments;  /* … and of those that may be missing */
};

/* The page is left out, or would be if its neighbours are.  What cannot be read stays: 0; E_NOMEM. */
static int goes(struct asking *asking, uint64_t pfn, bool *yes, struct df_err *err)
{
	size_t size = (size_t)1 << asking->output->page_shift;
	const uint8_t *page;

	*yes = !df_pageset_test(asking->output->keep, pfn);
	if (*yes)
		return 0;
	page = df_reader_page(&asking->reader, pfn << asking->output->page_shift, size, err);
	*yes = page && df_is_zero(page, size);
	return !page && err->code == DUMPFILTER_E_NOMEM ? err->code : 0;
}

#define AHEAD 32u /* frames */

/* The next frames from pfn on, or from this one backwards, are about to be looked at. */
static void read_ahead(struct asking *asking, uint64_t pfn, bool back)
{
	uint64_t first = !back ? pfn : pfn < AHEAD ? 0 : pfn - AHEAD + 1;
	const struct df_image_ops *image_ops = asking->output->image->image_ops;
	size_t length = (size_t)AHEAD << asking->output->page_shift;
	struct df_err ignored;

	if (length > DF_WINDOW_COPY)
		return;
	if (image_ops->prepare)
		image_ops->prepare(&asking->reader, first << asking->output->page_shift, length);
	else
		image_ops->peek(&asking->reader, first << asking->output->page_shift, length, &ignored);
}

/* pfn goes: does the run that it is in? */
static int run_goes(struct asking *asking, uint64_t pfn, bool *yes, struct df_err *err)
{
	struct range range = { pfn, pfn + 1 };
	bool more = true;
	int result = 0;

	while (!result && more && range.end - range.first < asking->gap && range.first > asking->load.first) {
		if ((pfn - range.first) % AHEAD == 0)
			read_ahead(asking, range.first - 1, true);
		result = goes(asking, range.first - 1, &more, err);
		range.first -= more;
	}
	more = true;
	while (!result && more && range.end - range.first < asking->gap && range.end < asking->load.end) {
		if ((range.end - pfn - 1) % AHEAD == 0)
			read_ahead(asking, range.end, false);
		result = goes(asking, range.end, &more, err);
		range.end += more;
	}
	*yes = range.end - range.first >= asking->gap || range.end == asking->load.end ||
	       df_pageset_count_range(asking->output->forbidden, range.first, range.end);
	asking->range = range;
	asking->run_gone = *yes;
	return result;
}

/* bytes: of the frame, in the segment. */
static int ask(struct asking *asking, uint64_t pfn, uint64_t bytes, struct df_err *err)
{
	bool known = pfn >= asking->range.first && pfn < asking->range.end, gone = known && asking->run_gone;
	int result = 0;

	if (!known && pfn >= asking->load.first && pfn < asking->load.end) {
		result = goes(asking, pfn, &gone, err);
		if (!result && gone && asking->run_gone && pfn == asking->range.end)
			asking->range.end++; /* long enough, and longer */
		else if (!result && gone)
			result = run_goes(asking, pfn, &gone, err);
	}
	df_sample_add(&asking->sample, gone ? bytes : 0);
	return result;
}

static void enter_load(struct asking *asking, size_t index)
{
	const struct df_load *load = &asking->output->image->loads[index];
	uint64_t round = (UINT64_C(1) << asking->output->page_shift) - 1;

	if (asking->index == index)
		return;
	asking->index = index;
	asking->range = (struct range){ 0 };
	/* the frame that it begins inside of stays */
	asking->load.first = (load->paddr + round) >> asking->output->page_shift;
	asking->load.end = (load->paddr + load->memsz + round) >> asking->output->page_shift;
}

static void progress(struct asking *asking)
{
	struct dumpfilter_progress report = { .phase = DUMPFILTER_PHASE_ZERO,
					      .done = asking->done,
					      .total = asking->total };

	report.bytes_in = asking->sample.pages << asking->output->page_shift;
	df_progress(asking->output->env, &report);
}

static struct range frames_of(const struct asking *asking, uint64_t paddr, uint64_t bytes)
{
	unsigned shift = asking->output->page_shift;

	return (struct range){ paddr >> shift, (paddr + bytes + (UINT64_C(1) << shift) - 1) >> shift };
}

/* Bytes of [paddr, paddr + bytes) in a frame. */
static uint64_t bytes_in(const struct asking *asking, uint64_t pfn, uint64_t paddr, uint64_t bytes)
{
	uint64_t first = pfn << asking->output->page_shift, end = (pfn + 1) << asking->output->page_shift;

	return (end < paddr + bytes ? end : paddr + bytes) - (first > paddr ? first : paddr);
}

static int ask_segment(void *user, size_t load, uint64_t paddr, uint64_t bytes, struct df_err *err)
{
	struct asking *asking = user;
	struct range range = frames_of(asking, paddr, bytes);
	int result = 0;

	if (df_cancelled(asking->output->env))
		return df_err_set(err, DUMPFILTER_E_CANCELLED, "cancelled");
	if (!bytes)
		return 0;
	enter_load(asking, load);
	while (!result && asking->next < asking->done + (range.end - range.first)) {
		uint64_t pfn = range.first + (asking->next - asking->done);

		if (!asking->skip && asking->next % AHEAD == 0)
			read_ahead(asking, pfn, false);
		result = ask(asking, pfn, bytes_in(asking, pfn, paddr, bytes), err);
		asking->next += asking->sample.pages % DF_SAMPLE_GROUP ? 1 : 1 + asking->skip;
	}
	asking->done += range.end - range.first;
	progress(asking);
	return result;
}

static int count_segment(void *user, size_t load, uint64_t paddr, uint64_t bytes, struct df_err *err)
{
	struct asking *asking = user;
	struct range range = frames_of(asking, paddr, bytes);

	(void)load;
	(void)err;
	asking->total += bytes ? range.end - range.first : 0;
	asking->segments += DF_ELF_PHDR_MAX;
	asking->records += bytes / PIECE + (bytes % PIECE + MERGED - 1) / MERGED;
	return 0;
}

static int ask_all(struct asking *asking, uint64_t most, struct df_err *err)
{
	struct df_elf_data data;
	int result = df_reader_init(&asking->reader, asking->output->image, DF_WINDOW_COPY, err);

	asking->skip = df_sample_skip(asking->total, most);
	asking->next = asking->skip / 2;
	asking->index = SIZE_MAX;
	progress(asking);
	if (!result)
		result = df_elf_segments(asking->output, &data, ask_segment, asking, err);
	df_reader_fini(&asking->reader);
	progress(asking);
	return result;
}

/* What comes before the data.  Runs that are left out make program headers, and unmake those of segments that are
 * nothing else: how many is not known.  Of records there may be fewer. */
static void add_head(struct df_estimate *estimate, const struct asking *asking, uint64_t head)
{
	uint64_t records = estimate->flat ? DF_FLAT_HEADER + (asking->records + 4) * DF_FLAT_RECORD : 0;

	estimate->bytes += head + records;
	estimate->low += head + (estimate->flat ? DF_FLAT_HEADER : 0);
	if (asking->sample.pages)
		estimate->low -= asking->segments < estimate->low ? asking->segments : estimate->low;
	estimate->high += head + records + asking->cuts;
}

int df_elf_estimate(const struct df_output *output, struct df_estimate *estimate, struct df_err *err)
{
	struct asking asking = { .output = output };
	struct df_elf_data data;
	uint64_t gone, off = 0, most;
	int result = df_elf_segments(output, &data, count_segment, &asking, err);

	asking.gap = data.gap;
	estimate->total = estimate->sampled = asking.total;
	if (!result && output->level & DUMPFILTER_LEVEL_ZERO) {
		result = ask_all(&asking, estimate->most, err);
		estimate->sampled = asking.sample.pages;
	}
	gone = df_sample_total(&asking.sample, asking.total, &off);
	if (asking.sample.pages)
		asking.cuts = (((gone + off) >> output->page_shift) / asking.gap + 1) * DF_ELF_PHDR_MAX;
	most = data.bytes;
	estimate->bytes = most > gone ? most - gone : 0;
	estimate->low = estimate->bytes > off ? estimate->bytes - off : 0;
	estimate->high = estimate->bytes + off < most ? estimate->bytes + off : most;
	add_head(estimate, &asking, data.head);
	return result;
}
