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
	struct df_limits l;

	df_limits_read(&l, "");
	df_limits_log(env, &l);
	env->limit_derived = l.available != UINT64_MAX;
	atomic_store(&env->mem_limit, env->limit_derived ? df_limits_share(&l, atomic_load(&env->mem_used)) : 0);
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
static uint64_t blocks(const struct df_dump *d, uint64_t max_pfn)
{
	uint64_t n = 0, pfn = 0;

	while (df_image_next(&d->image, df_image_bounded(&d->image), d->page_shift, pfn, &pfn, NULL) && pfn < max_pfn) {
		pfn = ((pfn >> DF_BLOCK_SHIFT) + 1) << DF_BLOCK_SHIFT;
		n++;
	}
	return n;
}

/* What planning with one thread takes beside the sets. */
static int rehearse_plan(struct df_dump *d, const struct dumpfilter_config *cfg, struct df_err *err)
{
	struct df_planner x = { .d = d, .p = &d->plan, .cfg = cfg };
	struct df_plan_slot *slot = df_alloc(d->env, sizeof *slot);
	uint64_t doubts;
	int r = 0;

	if (!slot)
		return df_err_nomem(err, d->env, "workers", sizeof *slot);
	if (df_dump_classifies(d, cfg))
		r = df_plan_start(&x, 1, err);
	if (!r && df_dump_classifies(d, cfg))
		r = df_plan_list(&x, &doubts, err);
	df_plan_stop(&x);
	df_free(d->env, slot);
	return r == DUMPFILTER_E_NOMEM ? r : 0;
}

/* What copying with one thread takes beside the sets, whose bits are not there. */
static int rehearse_run(struct df_dump *d, const struct dumpfilter_config *cfg, struct df_err *err)
{
	struct df_output o = df_dump_output(d, cfg);
	bool had = d->plan.refill;
	int r = had ? 0 : df_refill_start(d, cfg, err);

	if (!r)
		r = df_writer_find(cfg->format)->rehearse(&o, err);
	if (!had)
		df_refill_stop(&d->plan);
	return r;
}

/* Sets with room for the index of all memory.  bytes: counted, not allocated. */
static int rehearse_sets(struct df_dump *d, const struct dumpfilter_config *cfg, uint64_t *bytes, struct df_err *err)
{
	bool two = df_writer_find(cfg->format)->needs_forbidden;
	int r;

	df_plan_set_end(d, cfg, &d->plan);
	*bytes = (1 + two) * (blocks(d, d->plan.max_pfn) + 1) * (df_pageset_block_bytes() + 64);
	r = df_pageset_init(&d->plan.keep, d->env, d->plan.max_pfn, err);
	if (!r && two)
		r = df_pageset_init(&d->plan.forbidden, d->env, d->plan.max_pfn, err);
	return r;
}

/* There is no plan: make an empty one, and go through what planning and copying would allocate. */
static int rehearse_all(struct df_dump *d, const struct dumpfilter_config *cfg, struct df_err *err)
{
	uint64_t index = 0;
	int r = rehearse_sets(d, cfg, &index, err);

	df_charge(d->env, index);
	if (!r)
		r = rehearse_plan(d, cfg, err);
	d->plan.listed = df_dump_classifies(d, cfg) && !df_known(&d->rules, DF_BUDDY);
	if (!r)
		r = rehearse_run(d, cfg, err);
	df_discharge(d->env, index);
	df_dump_plan_fini(&d->plan);
	return r;
}

/* The error is that memory does not suffice: say how much would, and return it. */
static int name_need(struct df_dump *d, const struct dumpfilter_config *cfg, bool planned, struct df_err *err)
{
	struct dumpfilter_config least = *cfg;
	struct df_env *env = d->env;
	struct df_measure m = df_measure_begin(env);
	int log_max = env->log_max, r;
	struct df_err none;
	size_t need;

	least.threads = 1;
	env->log_max = -1; /* what there is to say has been said */
	r = planned ? rehearse_run(d, &least, &none) : rehearse_all(d, &least, &none);
	if (planned && !r)
		r = rehearse_plan(d, &least, &none);
	env->log_max = log_max;
	need = df_measure_end(env, m);
	if (!r)
		df_err_add(err, "; %zu bytes are enough for this dump", need);
	return err->code;
}

/* ---- the ladder */

/* Too little memory for that many threads: fewer? */
static bool with_fewer(struct df_dump *d, struct dumpfilter_config *cfg, int r, const struct df_err *err)
{
	if (r != DUMPFILTER_E_NOMEM || cfg->threads <= 1)
		return false;
	cfg->threads = cfg->threads > 8 ? cfg->threads / 2 : cfg->threads - 1;
	df_log(d->env, DUMPFILTER_LOG_INFO, "%s: trying with %u threads", err->text, cfg->threads);
	return true;
}

/* A limit that nobody asked for is no reason to lose a dump. */
static bool without_limit(struct df_dump *d, int r, const struct df_err *err)
{
	if (r != DUMPFILTER_E_NOMEM || !d->env->limit_derived)
		return false;
	df_log(d->env, DUMPFILTER_LOG_WARN, "%s: more than the share of the system's memory is used", err->text);
	d->env->limit_derived = false;
	atomic_store(&d->env->mem_limit, 0);
	return true;
}

int df_memory_plan(struct df_dump *d, struct dumpfilter_config *cfg, struct df_err *err)
{
	int r;

	do
		r = df_dump_plan(d, cfg, err);
	while (with_fewer(d, cfg, r, err) || without_limit(d, r, err));
	return r == DUMPFILTER_E_NOMEM ? name_need(d, cfg, false, err) : r;
}

/* The plan's bits give way where not even one thread fits beside them. */
static bool without_bits(struct df_dump *d, struct dumpfilter_config *cfg, unsigned threads, int r, struct df_err *err)
{
	const struct df_plan *p = &d->plan;
	uint64_t before = p->keep.dropped + p->forbidden.dropped;
	struct df_err why = *err;
	bool had = p->refill;

	if (r != DUMPFILTER_E_NOMEM || df_refill_drop_all(d, cfg, err) < 0 ||
	    (had && p->keep.dropped + p->forbidden.dropped == before))
		return false;
	df_log(d->env, DUMPFILTER_LOG_INFO, "%s: the plan is made again piece by piece", why.text);
	cfg->threads = threads;
	return true;
}

void df_memory_make_room(struct df_dump *d, const struct dumpfilter_config *cfg, size_t bytes)
{
	struct df_err ignored; /* running tries again, and says so */

	if (df_charge(d->env, bytes))
		df_discharge(d->env, bytes);
	else
		df_refill_drop_all(d, cfg, &ignored);
}

static int run(struct df_dump *d, struct dumpfilter_config *cfg, struct dumpfilter_report *report, struct df_err *err)
{
	int r = df_refill_where_needed(d, cfg, err); /* where an earlier try had no memory for it */

	return r < 0 ? r : df_dump_run(d, cfg, report, err);
}

int df_memory_run(struct df_dump *d, struct dumpfilter_config *cfg, struct dumpfilter_report *report,
		  struct df_err *err)
{
	unsigned threads = cfg->threads;
	int r;

	do
		r = run(d, cfg, report, err);
	while (!df_dump_touched(d) &&
	       (with_fewer(d, cfg, r, err) || without_bits(d, cfg, threads, r, err) || without_limit(d, r, err)));
	return r == DUMPFILTER_E_NOMEM && !df_dump_touched(d) ? name_need(d, cfg, true, err) : r;
}

int df_memory_read(struct df_dump *d, struct dumpfilter_config *cfg, df_read_fn fn, void *user, struct df_err *err)
{
	unsigned threads = cfg->threads;
	int r;

	do {
		r = df_refill_where_needed(d, cfg, err);
		if (!r)
			r = fn(d, cfg, user, err);
	} while (with_fewer(d, cfg, r, err) || without_bits(d, cfg, threads, r, err) || without_limit(d, r, err));
	return r;
}
