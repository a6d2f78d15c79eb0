/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What can be learnt about the pages that the plan keeps without writing them. */
#include "run/survey.h"

#include "base/bits.h"
#include "base/pool.h"
#include "run/free_pages.h"
#include "run/steps.h"
#include "writer/writer.h"

#include <inttypes.h>
#include <string.h>

#define SHARE  64u    /* one page of so many, … */
#define FEWEST 4096u  /* … but this many at least … */
#define MOST   65536u /* … and no more than this */

struct tally {
	struct dumpfilter_report *report;
	struct df_env *env;
	uint64_t lines;
};

static int count(void *user, struct df_batch *b, struct df_err *err)
{
	struct tally *t = user;

	(void)err;
	for (unsigned i = 0; i < b->n; i++) {
		t->report->zero_pages += b->kind[i] == DF_PAGE_ZERO;
		t->report->unreadable_pages += df_page_is_missing(b->kind[i]);
	}
	if (b->why[0] && t->lines++ < DF_LOST_LINES)
		df_log(t->env, DUMPFILTER_LOG_WARN, "a page cannot be read: %s", b->why);
	return 0;
}

/* ---- what the image describes and does not store */

struct absence {
	struct df_planner planner; /* of all that is described; first, for the plan's own steps */
	uint64_t pages[DUMPFILTER_CLASS_COUNT];
};

/* Chunks as planning chooses them, so that nothing that headers claim makes this longer. */
static int make_absent(void *user, void *slot, struct df_err *err)
{
	struct df_planner *x = user;
	struct df_plan_slot *s = slot;
	const struct df_image *img = &x->d->image;
	uint64_t pfn = x->next << DF_CHUNK_SHIFT;

	if (!df_image_next(img, df_image_bounded(img), x->d->page_shift, pfn, &pfn, NULL) || pfn >= x->p->max_pfn)
		return 0;
	if (df_cancelled(x->d->env))
		return df_err_set(err, DUMPFILTER_E_CANCELLED, "cancelled");
	s->c.chunk = pfn >> DF_CHUNK_SHIFT;
	x->next = s->c.chunk + 1;
	return 1;
}

/* Classify all that the chunk has, and count then what is not stored. */
static int classify_absent(void *user, void *slot, unsigned worker, struct df_err *err)
{
	struct df_planner *x = user;
	struct df_plan_slot *s = slot;
	uint64_t described[DF_CHUNK_WORDS], left = x->p->max_pfn - (s->c.chunk << DF_CHUNK_SHIFT);

	(void)err;
	df_image_chunk(&x->d->image, DF_DESCRIBED, x->d->page_shift, s->c.chunk, described);
	for (unsigned i = 0; i < DF_CHUNK_WORDS; i++)
		if (i * 64 + 64 > left)
			described[i] &= i * 64 >= left ? 0 : df_bit_mask(0, (unsigned)(left - i * 64));
	df_classify_chunk(&x->scanners[worker], described, &s->c);
	df_image_chunk(&x->d->image, DF_STORED, x->d->page_shift, s->c.chunk, s->stored);
	for (unsigned i = 0; i < DF_CHUNK_WORDS; i++)
		s->stored[i] = described[i] & ~s->stored[i];
	return 0;
}

static int count_absent(void *user, void *slot, struct df_err *err)
{
	struct absence *x = user;
	const struct df_plan_slot *s = slot;

	(void)err;
	for (unsigned c = 0; c < DUMPFILTER_CLASS_COUNT; c++)
		x->pages[c] += s->count.class_pages[c];
	return 0;
}

static int classify_all(struct absence *x, struct df_err *err)
{
	static const struct df_pool_ops ops = { .make = make_absent,
						.work = classify_absent,
						.order = df_plan_order,
						.write = df_plan_resolve,
						.take = count_absent };
	struct df_env *env = x->planner.d->env;
	unsigned threads = x->planner.cfg->threads, nslots = threads > 1 ? 2 * threads : 1;
	struct df_plan_slot *slots = df_alloc_array(env, nslots, sizeof *slots);
	uint64_t doubts;
	int r;

	if (!slots)
		return df_err_nomem(err, env, "workers", nslots * sizeof *slots);
	r = df_plan_start(&x->planner, threads, err);
	if (!r)
		r = df_plan_list(&x->planner, &doubts, err);
	if (r == DUMPFILTER_E_NOINFO)
		r = 0; /* free pages are not known as such, which planning has said */
	if (!r)
		r = df_pool_run(env, &ops, x, threads, slots, sizeof *slots, nslots, err);
	df_plan_stop(&x->planner);
	df_free(env, slots);
	return r;
}

/* By their struct pages, which are kernel data and so in the dump. */
static int survey_absent(struct df_dump *d, const struct dumpfilter_config *cfg, struct dumpfilter_report *report,
			 struct df_err *err)
{
	const struct df_plan *p = &d->plan;
	uint64_t rest = p->described_pages > p->count.stored ? p->described_pages - p->count.stored : 0;
	struct df_plan all = { .max_pfn = p->max_pfn }; /* the real one stays as it is */
	struct absence x = {
		.planner = { .d = d, .p = &all, .cfg = cfg, .distrust = p->distrust },
	};
	int r = rest && df_dump_classifies(d, cfg) ? classify_all(&x, err) : 0;

	for (unsigned c = 0; c < DUMPFILTER_CLASS_COUNT; c++) {
		report->absent_pages[c] = c == DUMPFILTER_CLASS_KEEP ? 0 : x.pages[c];
		rest -= report->absent_pages[c];
	}
	report->absent_pages[DUMPFILTER_CLASS_KEEP] = rest;
	return r;
}

/* ---- what it stores */

int df_dump_survey(struct df_dump *d, const struct dumpfilter_config *cfg, void *report, struct df_err *err)
{
	struct tally t = { .report = report, .env = d->env };
	struct df_pipe p = {
		.env = d->env,
		.image = &d->image,
		.keep = &d->plan.keep,
		.page_shift = d->page_shift,
		.threads = cfg->threads,
		.find_zero = true,
		.phase = DUMPFILTER_PHASE_ZERO,
		.user = &t,
		.take = count,
	};
	struct df_pipe_run *run;
	int r = survey_absent(d, cfg, report, err);

	t.report->zero_pages = t.report->unreadable_pages = 0;
	if (r < 0)
		return r;
	run = df_pipe_start(&p, err);
	r = run ? df_pipe_copy(run, err) : err->code;
	df_pipe_stop(run);
	if (r < 0 || !t.report->unreadable_pages)
		return r;
	df_err_set(err, DUMPFILTER_E_IO, "%s: %" PRIu64 " pages could not be read", d->image.source.name,
		   t.report->unreadable_pages);
	return DUMPFILTER_PARTIAL;
}

/* neighbours: for each page of the sample up to 64 more are read.  In images that are not large these would be most. */
static uint64_t usual_sample(uint64_t pages, bool neighbours)
{
	uint64_t n = pages / SHARE;

	if (neighbours)
		return pages > MOST ? FEWEST : UINT64_MAX;
	return n < FEWEST ? FEWEST : n > MOST ? MOST : n;
}

int df_dump_estimate(struct df_dump *d, const struct dumpfilter_config *cfg, void *estimate, struct df_err *err)
{
	struct df_output o = df_dump_output(d, cfg);
	struct df_estimate *e = estimate, mine = *e;
	int r;

	if (!mine.most)
		mine.most = usual_sample(d->plan.keep.count, df_writer_find(cfg->format)->sifts);
	r = df_writer_find(cfg->format)->estimate(&o, &mine, err);
	if (!r)
		*e = mine;
	return r;
}
