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

static int count(void *user, struct df_batch *batch, struct df_err *err)
{
	struct tally *tally = user;

	(void)err;
	for (unsigned i = 0; i < batch->count; i++) {
		tally->report->zero_pages += batch->kind[i] == DF_PAGE_ZERO;
		tally->report->unreadable_pages += df_page_is_missing(batch->kind[i]);
	}
	if (batch->why[0] && tally->lines++ < DF_LOST_LINES)
		df_log(tally->env, DUMPFILTER_LOG_WARN, "a page cannot be read: %s", batch->why);
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
	struct df_planner *planner = user;
	struct df_plan_slot *s = slot;
	const struct df_image *image = &planner->dump->image;
	uint64_t pfn = planner->next << DF_CHUNK_SHIFT;

	if (!df_image_next(image, df_image_bounded(image), planner->dump->page_shift, pfn, &pfn, NULL) ||
	    pfn >= planner->plan->max_pfn)
		return 0;
	if (df_cancelled(planner->dump->env))
		return df_err_set(err, DUMPFILTER_E_CANCELLED, "cancelled");
	s->classes.chunk = pfn >> DF_CHUNK_SHIFT;
	planner->next = s->classes.chunk + 1;
	return 1;
}

/* Classify all that the chunk has, and count then what is not stored. */
static int classify_absent(void *user, void *slot, unsigned worker, struct df_err *err)
{
	struct df_planner *planner = user;
	struct df_plan_slot *s = slot;
	uint64_t described[DF_CHUNK_WORDS], left = planner->plan->max_pfn - (s->classes.chunk << DF_CHUNK_SHIFT);

	(void)err;
	df_image_chunk(&planner->dump->image, DF_DESCRIBED, planner->dump->page_shift, s->classes.chunk, described);
	for (unsigned i = 0; i < DF_CHUNK_WORDS; i++)
		if (i * 64 + 64 > left)
			described[i] &= i * 64 >= left ? 0 : df_bit_mask(0, (unsigned)(left - i * 64));
	df_classify_chunk(&planner->scanners[worker], described, &s->classes);
	df_image_chunk(&planner->dump->image, DF_STORED, planner->dump->page_shift, s->classes.chunk, s->stored);
	for (unsigned i = 0; i < DF_CHUNK_WORDS; i++)
		s->stored[i] = described[i] & ~s->stored[i];
	return 0;
}

static int count_absent(void *user, void *slot, struct df_err *err)
{
	struct absence *absence = user;
	const struct df_plan_slot *s = slot;

	(void)err;
	for (unsigned column = 0; column < DUMPFILTER_CLASS_COUNT; column++)
		absence->pages[column] += s->count.class_pages[column];
	return 0;
}

static int classify_all(struct absence *absence, struct df_err *err)
{
	static const struct df_pool_ops pool_ops = { .make = make_absent,
						     .work = classify_absent,
						     .order = df_plan_order,
						     .write = df_plan_resolve,
						     .take = count_absent };
	struct df_env *env = absence->planner.dump->env;
	unsigned threads = absence->planner.config->threads, nslots = threads > 1 ? 2 * threads : 1;
	struct df_plan_slot *slots = df_alloc_array(env, nslots, sizeof *slots);
	uint64_t doubts;
	int result;

	if (!slots)
		return df_err_nomem(err, env, "workers", nslots * sizeof *slots);
	result = df_plan_start(&absence->planner, threads, err);
	if (!result)
		result = df_plan_list(&absence->planner, &doubts, err);
	if (result == DUMPFILTER_E_NOINFO)
		result = 0; /* free pages are not known as such, which planning has said */
	if (!result)
		result = df_pool_run(env, &pool_ops, absence, threads, slots, sizeof *slots, nslots, err);
	df_plan_stop(&absence->planner);
	df_free(env, slots);
	return result;
}

/* By their struct pages, which are kernel data and so in the dump. */
static int survey_absent(struct df_dump *dump, const struct dumpfilter_config *config, struct dumpfilter_report *report,
			 struct df_err *err)
{
	const struct df_plan *plan = &dump->plan;
	uint64_t rest = plan->described_pages > plan->count.stored ? plan->described_pages - plan->count.stored : 0;
	struct df_plan all = { .max_pfn = plan->max_pfn }; /* the real one stays as it is */
	struct absence absence = {
		.planner = { .dump = dump, .plan = &all, .config = config, .distrust = plan->distrust },
	};
	int result = rest && df_dump_classifies(dump, config) ? classify_all(&absence, err) : 0;

	for (unsigned column = 0; column < DUMPFILTER_CLASS_COUNT; column++) {
		report->absent_pages[column] = column == DUMPFILTER_CLASS_KEEP ? 0 : absence.pages[column];
		rest -= report->absent_pages[column];
	}
	report->absent_pages[DUMPFILTER_CLASS_KEEP] = rest;
	return result;
}

/* ---- what it stores */

int df_dump_survey(struct df_dump *dump, const struct dumpfilter_config *config, void *report, struct df_err *err)
{
	struct tally tally = { .report = report, .env = dump->env };
	struct df_pipe pipe = {
		.env = dump->env,
		.image = &dump->image,
		.keep = &dump->plan.keep,
		.page_shift = dump->page_shift,
		.threads = config->threads,
		.find_zero = true,
		.phase = DUMPFILTER_PHASE_ZERO,
		.user = &tally,
		.take = count,
	};
	struct df_pipe_run *run;
	int result = survey_absent(dump, config, report, err);

	tally.report->zero_pages = tally.report->unreadable_pages = 0;
	if (result < 0)
		return result;
	run = df_pipe_start(&pipe, err);
	result = run ? df_pipe_copy(run, err) : err->code;
	df_pipe_stop(run);
	if (result < 0 || !tally.report->unreadable_pages)
		return result;
	df_err_set(err, DUMPFILTER_E_IO, "%s: %" PRIu64 " pages could not be read", dump->image.source.name,
		   tally.report->unreadable_pages);
	return DUMPFILTER_PARTIAL;
}

/* neighbours: for each page of the sample up to 64 more are read.  In images that are not large these would be most. */
static uint64_t usual_sample(uint64_t pages, bool neighbours)
{
	uint64_t count = pages / SHARE;

	if (neighbours)
		return pages > MOST ? FEWEST : UINT64_MAX;
	return count < FEWEST ? FEWEST : count > MOST ? MOST : count;
}

int df_dump_estimate(struct df_dump *dump, const struct dumpfilter_config *config, void *estimate, struct df_err *err)
{
	struct df_output output = df_dump_output(dump, config);
	struct df_estimate *out = estimate, mine = *out;
	int result;

	if (!mine.most)
		mine.most = usual_sample(dump->plan.keep.count, df_writer_find(config->format)->sifts);
	result = df_writer_find(config->format)->estimate(&output, &mine, err);
	if (!result)
		*out = mine;
	return result;
}
