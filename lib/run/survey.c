/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What can be learnt about the pages that the plan keeps without writing them. */
#include "run/survey.h"

#include "writer/writer.h"

#include <inttypes.h>

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
	struct df_pipe_run *run = df_pipe_start(&p, err);
	int r;

	t.report->zero_pages = t.report->unreadable_pages = 0;
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
