/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "run/memory.h"

#include "base/limits.h"
#include "run/free_pages.h"
#include "run/refill.h"
#include "run/steps.h"
#include "writer/writer.h"

#include <inttypes.h>

static void derive_limit(struct df_env *env)
{
	struct df_limits limits;

	df_limits_read(&limits, "");
	df_limits_log(env, &limits);
	env->limit_derived = limits.available != UINT64_MAX;
	atomic_store(&env->mem_limit, env->limit_derived ? df_limits_share(&limits, atomic_load(&env->mem_used)) : 0);
}

void df_memory_limit(struct df_env *env, size_t configured)
{
	size_t limit;

	env->limit_derived = false;
	if (configured)
		atomic_store(&env->mem_limit, configured == DUMPFILTER_MEMORY_UNLIMITED ? 0 : configured);
	else
		derive_limit(env);
	limit = atomic_load(&env->mem_limit);
	if (limit)
		df_log(env, DUMPFILTER_LOG_DEBUG, "memory: at most %zu KiB are taken", limit >> 10);
	else
		df_log(env, DUMPFILTER_LOG_DEBUG, "memory: there is no limit");
}

/* ---- how much is needed */

/* Blocks of a set's index that hold memory of the image. */
static uint64_t blocks(const struct df_dump *dump, uint64_t max_pfn)
{
	uint64_t count = 0, pfn = 0;

	while (df_image_next(&dump->image, df_image_bounded(&dump->image), dump->page_shift, pfn, &pfn, NULL) &&
	       pfn < max_pfn) {
		pfn = ((pfn >> DF_BLOCK_SHIFT) + 1) << DF_BLOCK_SHIFT;
		count++;
	}
	return count;
}

/* What planning with one thread takes beside the sets. */
static int rehearse_plan(struct df_dump *dump, const struct dumpfilter_config *config, struct df_err *err)
{
	struct df_planner planner = { .dump = dump, .plan = &dump->plan, .config = config };
	struct df_plan_slot *slot = df_alloc(dump->env, sizeof *slot);
	uint64_t doubts;
	int result = 0;

	if (!slot)
		return df_err_nomem(err, dump->env, "workers", sizeof *slot);
	if (df_dump_classifies(dump, config))
		result = df_plan_start(&planner, 1, err);
	if (!result && df_dump_classifies(dump, config))
		result = df_plan_list(&planner, &doubts, err);
	df_plan_stop(&planner);
	df_free(dump->env, slot);
	return result == DUMPFILTER_E_NOMEM ? result : 0;
}

/* What copying with one thread takes beside the sets, whose bits are not there. */
static int rehearse_run(struct df_dump *dump, const struct dumpfilter_config *config, struct df_err *err)
{
	struct df_output output = df_dump_output(dump, config);
	bool had = dump->plan.refill;
	int result = had ? 0 : df_refill_start(dump, config, err);

	if (!result)
		result = df_writer_find(config->format)->rehearse(&output, err);
	if (!had)
		df_refill_stop(&dump->plan);
	return result;
}

/* Sets with room for the index of all memory.  bytes: counted, not allocated. */
static int rehearse_sets(struct df_dump *dump, const struct dumpfilter_config *config, uint64_t *bytes,
			 struct df_err *err)
{
	bool two = df_writer_find(config->format)->needs_forbidden;
	int result;

	df_plan_set_end(dump, config, &dump->plan);
	*bytes = (1 + two) * (blocks(dump, dump->plan.max_pfn) + 1) * (df_pageset_block_bytes() + 64);
	result = df_pageset_init(&dump->plan.keep, dump->env, dump->plan.max_pfn, err);
	if (!result && two)
		result = df_pageset_init(&dump->plan.forbidden, dump->env, dump->plan.max_pfn, err);
	return result;
}

/* There is no plan: make an empty one, and go through what planning and copying would allocate. */
static int rehearse_all(struct df_dump *dump, const struct dumpfilter_config *config, struct df_err *err)
{
	uint64_t index = 0;
	int result = rehearse_sets(dump, config, &index, err);

	df_charge(dump->env, index);
	if (!result)
		result = rehearse_plan(dump, config, err);
	dump->plan.listed = df_dump_classifies(dump, config) && !df_known(&dump->rules, DF_BUDDY);
	if (!result)
		result = rehearse_run(dump, config, err);
	df_discharge(dump->env, index);
	df_dump_plan_fini(&dump->plan);
	return result;
}

/* The error is that memory does not suffice: say how much would, and return it. */
static int name_need(struct df_dump *dump, const struct dumpfilter_config *config, bool planned, struct df_err *err)
{
	struct dumpfilter_config least = *config;
	struct df_env *env = dump->env;
	struct df_measure measure = df_measure_begin(env);
	int log_max = env->log_max, result;
	struct df_err none;
	size_t need;

	least.threads = 1;
	env->log_max = -1; /* what there is to say has been said */
	result = planned ? rehearse_run(dump, &least, &none) : rehearse_all(dump, &least, &none);
	if (planned && !result)
		result = rehearse_plan(dump, &least, &none);
	env->log_max = log_max;
	need = df_measure_end(env, measure);
	if (!result)
		df_err_add(err, "; %zu bytes are enough for this dump", need);
	return err->code;
}

/* ---- the ladder */

/* Too little memory for that many threads: fewer? */
static bool with_fewer(struct df_dump *dump, struct dumpfilter_config *config, int result, const struct df_err *err)
{
	if (result != DUMPFILTER_E_NOMEM || config->threads <= 1)
		return false;
	config->threads = config->threads > 8 ? config->threads / 2 : config->threads - 1;
	df_log(dump->env, DUMPFILTER_LOG_INFO, "%s: trying with %u threads", err->text, config->threads);
	return true;
}

/* A limit that nobody asked for is no reason to lose a dump. */
static bool without_limit(struct df_dump *dump, int result, const struct df_err *err)
{
	if (result != DUMPFILTER_E_NOMEM || !dump->env->limit_derived)
		return false;
	df_log(dump->env, DUMPFILTER_LOG_WARN, "%s: more than the share of the system's memory is used", err->text);
	dump->env->limit_derived = false;
	atomic_store(&dump->env->mem_limit, 0);
	return true;
}

int df_memory_plan(struct df_dump *dump, struct dumpfilter_config *config, struct df_err *err)
{
	int result;

	do
		result = df_dump_plan(dump, config, err);
	while (with_fewer(dump, config, result, err) || without_limit(dump, result, err));
	return result == DUMPFILTER_E_NOMEM ? name_need(dump, config, false, err) : result;
}

/* The plan's bits give way where not even one thread fits beside them. */
static bool without_bits(struct df_dump *dump, struct dumpfilter_config *config, unsigned threads, int result,
			 struct df_err *err)
{
	const struct df_plan *plan = &dump->plan;
	uint64_t before = plan->keep.dropped + plan->forbidden.dropped;
	struct df_err why = *err;
	bool had = plan->refill;

	if (result != DUMPFILTER_E_NOMEM || df_refill_drop_all(dump, config, err) < 0 ||
	    (had && plan->keep.dropped + plan->forbidden.dropped == before))
		return false;
	df_log(dump->env, DUMPFILTER_LOG_INFO, "%s: the plan is made again piece by piece", why.text);
	config->threads = threads;
	return true;
}

void df_memory_make_room(struct df_dump *dump, const struct dumpfilter_config *config, size_t bytes)
{
	struct df_err ignored; /* running tries again, and says so */

	if (df_charge(dump->env, bytes))
		df_discharge(dump->env, bytes);
	else
		df_refill_drop_all(dump, config, &ignored);
}

static int run(struct df_dump *dump, struct dumpfilter_config *config, struct dumpfilter_report *report,
	       struct df_err *err)
{
	int result = df_refill_where_needed(dump, config, err); /* where an earlier try had no memory for it */

	return result < 0 ? result : df_dump_run(dump, config, report, err);
}

int df_memory_run(struct df_dump *dump, struct dumpfilter_config *config, struct dumpfilter_report *report,
		  struct df_err *err)
{
	unsigned threads = config->threads;
	int result;

	do
		result = run(dump, config, report, err);
	while (!df_dump_touched(dump) &&
	       (with_fewer(dump, config, result, err) || without_bits(dump, config, threads, result, err) ||
		without_limit(dump, result, err)));
	return result == DUMPFILTER_E_NOMEM && !df_dump_touched(dump) ? name_need(dump, config, true, err) : result;
}

int df_memory_read(struct df_dump *dump, struct dumpfilter_config *config, df_read_fn fn, void *user,
		   struct df_err *err)
{
	unsigned threads = config->threads;
	int result;

	do {
		result = df_refill_where_needed(dump, config, err);
		if (!result)
			result = fn(dump, config, user, err);
	} while (with_fewer(dump, config, result, err) || without_bits(dump, config, threads, result, err) ||
		 without_limit(dump, result, err));
	return result;
}
