/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "api/context.h"

#include "base/pool.h"
#include "codec/codec.h"
#include "run/memory.h"
#include "run/rearrange.h"
#include "run/survey.h"
#include "writer/writer.h"

#define MAX_THREADS 1024u

static int check_flags(struct dumpfilter *df, const struct dumpfilter_config *c)
{
	unsigned known = DUMPFILTER_EXCLUDE_VMEMMAP | DUMPFILTER_COPY_ALL;

	if (c->flags & ~known)
		return df_err_set(&df->err, DUMPFILTER_E_INVAL, "configure: flags %#x do not exist", c->flags & ~known);
	if (c->flags & DUMPFILTER_COPY_ALL &&
	    (c->flags & DUMPFILTER_EXCLUDE_VMEMMAP || c->level > DUMPFILTER_LEVEL_ZERO))
		return df_err_set(&df->err, DUMPFILTER_E_INVAL,
				  "configure: flags %#x with level %d: where all pages are copied none can be left out",
				  c->flags, c->level);
	return 0;
}

static int check_compression(struct dumpfilter *df, const struct dumpfilter_config *c)
{
	const struct df_codec *codec = df_codec_find(c->codec);

	if (!c->compression_level)
		return 0;
	if (!codec)
		return df_err_set(&df->err, DUMPFILTER_E_INVAL, "a compression level, and nothing is compressed");
	if (!codec->level_min)
		return df_err_set(&df->err, DUMPFILTER_E_INVAL, "%s has no compression levels", codec->name);
	if (c->compression_level < codec->level_min || c->compression_level > codec->level_max)
		return df_err_set(&df->err, DUMPFILTER_E_INVAL, "compression level %d; %s has %d to %d",
				  c->compression_level, codec->name, codec->level_min, codec->level_max);
	return 0;
}

int dumpfilter_configure(struct dumpfilter *df, const struct dumpfilter_config *cfg)
{
	struct dumpfilter_config c = DUMPFILTER_CONFIG_INIT;
	int r = df_api_check(df, ST_NEW, ST_RUN, "configure");

	if (r)
		return r;
	if (df_api_options(df, &c, cfg, "configure", "DUMPFILTER_CONFIG_INIT"))
		return df->err.code;
	if (c.level < 0 || c.level > DUMPFILTER_LEVEL_MAX)
		return df_err_set(&df->err, DUMPFILTER_E_INVAL, "dump level %d; 0 to %d are possible", c.level,
				  DUMPFILTER_LEVEL_MAX);
	if (check_flags(df, &c))
		return df->err.code;
	if (!df_writer_find(c.format))
		return df_err_set(&df->err, DUMPFILTER_E_INVAL, "output format %d does not exist", c.format);
	if (c.codec != DUMPFILTER_CODEC_INPUT && !df_codec_name(c.codec))
		return df_err_set(&df->err, DUMPFILTER_E_INVAL, "codec %d does not exist", c.codec);
	if (c.codec != DUMPFILTER_CODEC_INPUT && !dumpfilter_codec_available(c.codec))
		return df_err_set(&df->err, DUMPFILTER_E_UNSUPPORTED, "this build has no %s", df_codec_name(c.codec));
	if (c.codec != DUMPFILTER_CODEC_NONE && c.codec != DUMPFILTER_CODEC_INPUT &&
	    !df_writer_find(c.format)->compresses)
		return df_err_set(&df->err, DUMPFILTER_E_INVAL, "%s output cannot be compressed",
				  df_writer_find(c.format)->name);
	r = check_compression(df, &c);
	if (r)
		return r;
	df->cfg = c;
	if (df->state > ST_OPEN) { /* nothing of an earlier plan or run may show in the next one */
		df_dump_plan_fini(&df->dump.plan);
		df_api_forget_pieces(df);
		df->report = (struct dumpfilter_report){ 0 };
		df->state = ST_OPEN;
	}
	/* in force at once; what there is without one, planning finds out */
	df->env.limit_derived = false;
	atomic_store(&df->env.mem_limit, c.memory_limit == DUMPFILTER_MEMORY_UNLIMITED ? 0 : c.memory_limit);
	return 0;
}

/* What makes it worth while to start a thread, which takes about 0.1 ms: a chunk is planned in a few tenths of one, and
 * a page compressed in a few thousandths. */
#define CHUNKS_A_THREAD 8u
#define PAGES_A_THREAD  1024u

static int codec_of_input(const struct dumpfilter *df)
{
	const struct df_codec *c = df_codec_by_flag(df->dump.image.past.codec_flag);

	return c && df_writer_find(df->cfg.format)->compresses ? c->id : DUMPFILTER_CODEC_NONE;
}

/* The configuration with what it leaves open filled in; work: for how many more threads there is enough to do. */
static struct dumpfilter_config effective(const struct dumpfilter *df, uint64_t work)
{
	struct dumpfilter_config c = df->cfg;

	if (!c.threads) {
		c.threads = df_pool_cpus();
		if (work < c.threads)
			c.threads = (unsigned)work + 1;
	}
	if (c.threads > MAX_THREADS)
		c.threads = MAX_THREADS;
	if (!df->dump.image.source.concurrent)
		c.threads = 1;
	if (c.codec == DUMPFILTER_CODEC_INPUT)
		c.codec = codec_of_input(df);
	return c;
}

static void report_plan(struct dumpfilter *df, const struct dumpfilter_config *cfg)
{
	const struct df_plan *p = &df->dump.plan;
	struct dumpfilter_report *r = &df->report;

	*r = (struct dumpfilter_report)DUMPFILTER_REPORT_INIT;
	r->level = cfg->level | df->dump.image.past.level;
	r->codec = cfg->codec;
	r->max_pfn = p->max_pfn;
	r->present_pages = p->described_pages;
	for (unsigned i = 0; i < DUMPFILTER_CLASS_COUNT; i++) {
		r->class_pages[i] = p->count.class_pages[i];
		r->excluded_pages[i] = p->count.excluded_pages[i];
	}
	r->kept_pages = p->keep.count;
	r->doubtful_pages = p->count.doubtful;
	r->unreadable_memmap_pages = p->count.unreadable_structs;
	r->beyond_memmap_pages = p->beyond_pages;
	r->plan_seconds = p->seconds;
	r->threads = cfg->threads;
	r->vmemmap_pages = p->vmemmap.count;
}

static int make_plan(struct dumpfilter *df)
{
	struct dumpfilter_config cfg = effective(df, df_dump_chunks(&df->dump) / CHUNKS_A_THREAD);
	int r;

	df_memory_limit(&df->env, df->cfg.memory_limit);
	r = df_memory_plan(&df->dump, &cfg, &df->err);
	if (r < 0)
		return r;
	df_err_clear(&df->err);
	report_plan(df, &cfg);
	df->plan_result = df->report.result = r;
	df->state = ST_PLANNED;
	return r;
}

int dumpfilter_plan(struct dumpfilter *df)
{
	int r = df_api_check(df, ST_OPEN, ST_OPEN, "plan");

	return r ? r : make_plan(df);
}

int dumpfilter_plan_count(struct dumpfilter *df, int cls, uint64_t *pages)
{
	int r = df_api_look(df, ST_PLANNED, ST_RUN, "plan_count");

	if (r)
		return r;
	if (df_api_given(df, pages, "plan_count"))
		return df->err.code;
	if (cls < 0 || cls >= DUMPFILTER_CLASS_COUNT)
		return df_err_set(&df->err, DUMPFILTER_E_INVAL, "class %d does not exist", cls);
	*pages = df->dump.plan.count.class_pages[cls];
	return 0;
}

int dumpfilter_plan_kept(struct dumpfilter *df, int level, uint64_t *pages)
{
	int r = df_api_look(df, ST_PLANNED, ST_RUN, "plan_kept");

	if (r)
		return r;
	if (df_api_given(df, pages, "plan_kept"))
		return df->err.code;
	if (level < 0 || level > DUMPFILTER_LEVEL_MAX)
		return df_err_set(&df->err, DUMPFILTER_E_INVAL, "dump level %d; 0 to %d are possible", level,
				  DUMPFILTER_LEVEL_MAX);
	*pages = df->dump.plan.count.kept_at[df_plan_price(level)];
	return 0;
}

int dumpfilter_plan_foreach(struct dumpfilter *df, dumpfilter_range_fn fn, void *user)
{
	int r = df_api_look(df, ST_PLANNED, ST_RUN, "plan_foreach");

	if (!r && !fn)
		return df_api_missing(df, "plan_foreach");
	for (uint64_t at = 0, a, b; !r && df_pageset_next_run(&df->dump.plan.keep, at, &a, &b); at = b)
		r = fn(user, a, b - a);
	return r ? r : df_pageset_failed(&df->dump.plan.keep, &df->err);
}

/* May the sinks take an output?  No sink has to do with another. */
static int check_sinks(struct dumpfilter *df, const struct df_target *to, const char *call)
{
	struct dumpfilter_sink *s;

	for (unsigned i = 0; (s = df_target_sink(to, i)); i++) {
		if (s->used)
			return df_err_set(&df->err, DUMPFILTER_E_SEQUENCE, "%s: %s has taken an output already", call,
					  s->name);
	}
	return 0;
}

static void set_used(const struct df_target *to, bool used)
{
	struct dumpfilter_sink *s;

	for (unsigned i = 0; (s = df_target_sink(to, i)); i++)
		s->used = used;
}

/* Plan, where that has not been done, and write. */
static int run_to(struct dumpfilter *df, const struct df_target *to)
{
	struct dumpfilter_config cfg;
	bool used;
	int r = df->state == ST_OPEN ? make_plan(df) : 0;

	if (r < 0)
		return r;
	cfg = effective(df, df->dump.plan.keep.count / PAGES_A_THREAD);
	set_used(to, true);
	r = df_memory_run(&df->dump, &cfg, &df->report, &df->err);
	df->report.threads = cfg.threads;
	if (r == 0)
		r = df->plan_result;
	df->report.result = r;
	df->report.cause = r == DUMPFILTER_PARTIAL ? df->err.code : 0;
	/* where it was refused before the first byte the caller may try again: in another way, or to another sink */
	used = r >= 0 || df_dump_touched(&df->dump);
	set_used(to, used);
	df->state = used ? ST_RUN : ST_PLANNED;
	return r;
}

int df_api_run(struct dumpfilter *df, const struct df_target *to, const char *call)
{
	int r = check_sinks(df, to, call);

	if (r)
		return r;
	df->dump.target = *to;
	r = run_to(df, to);
	df->dump.target = (struct df_target){ 0 };
	return r;
}

int dumpfilter_run(struct dumpfilter *df, struct dumpfilter_sink *sink)
{
	struct df_target to = { .sink = sink };
	int r = df_api_check(df, ST_OPEN, ST_PLANNED, "run");

	if (!r)
		r = df_api_given(df, sink, "run");
	if (r)
		return r;
	df_api_forget_pieces(df); /* of a split dump that came to nothing */
	return df_api_run(df, &to, "run");
}

/* A plan, made now where there is none, and threads for reading what it keeps. */
static int ready_to_read(struct dumpfilter *df, const char *call, struct dumpfilter_config *cfg)
{
	int r = df_api_check(df, ST_OPEN, ST_PLANNED, call);

	if (!r && df->state == ST_OPEN)
		r = make_plan(df);
	if (r >= 0)
		*cfg = effective(df, df->dump.plan.keep.count / PAGES_A_THREAD);
	return r < 0 ? r : 0;
}

int dumpfilter_survey(struct dumpfilter *df)
{
	struct dumpfilter_config cfg;
	int r = ready_to_read(df, "survey", &cfg);

	if (!r)
		r = df_memory_read(&df->dump, &cfg, df_dump_survey, &df->report, &df->err);
	return r ? r : df->plan_result;
}

int dumpfilter_estimate(struct dumpfilter *df, const struct dumpfilter_estimate_opts *opts,
			struct dumpfilter_estimate *estimate)
{
	struct dumpfilter_estimate_opts in = DUMPFILTER_ESTIMATE_OPTS_INIT;
	struct dumpfilter_estimate out = DUMPFILTER_ESTIMATE_INIT;
	struct dumpfilter_config cfg;
	struct df_estimate e;
	int r = df_api_check(df, ST_OPEN, ST_PLANNED, "estimate");

	if (r || df_api_given(df, estimate, "estimate"))
		return df->err.code;
	if (opts && df_api_options(df, &in, opts, "estimate", "DUMPFILTER_ESTIMATE_OPTS_INIT"))
		return df->err.code;
	if (in.flags & ~DUMPFILTER_ESTIMATE_FLAT)
		return df_err_set(&df->err, DUMPFILTER_E_INVAL, "estimate: flags %#x do not exist",
				  in.flags & ~DUMPFILTER_ESTIMATE_FLAT);
	r = ready_to_read(df, "estimate", &cfg);
	e = (struct df_estimate){ .most = in.max_pages, .flat = in.flags & DUMPFILTER_ESTIMATE_FLAT };
	if (!r)
		r = df_memory_read(&df->dump, &cfg, df_dump_estimate, &e, &df->err);
	if (r < 0)
		return r;
	out.bytes = e.bytes;
	out.low = e.low;
	out.high = e.high;
	out.sampled_pages = e.sampled;
	out.pages = e.of;
	r = df_api_answer(df, estimate, &out, "estimate", "DUMPFILTER_ESTIMATE_INIT");
	return r ? r : df->plan_result;
}

int dumpfilter_report(struct dumpfilter *df, struct dumpfilter_report *report)
{
	int r = df_api_look(df, ST_PLANNED, ST_RUN, "report");

	if (r)
		return r;
	df->report.peak_memory = atomic_load(&df->env.mem_peak);
	return df_api_answer(df, report, &df->report, "report", "DUMPFILTER_REPORT_INIT");
}

int dumpfilter_rearrange(struct dumpfilter *df, int fd, const char *name, struct dumpfilter_sink *sink)
{
	int r;

	df_err_clear(&df->err);
	if (df_api_given(df, sink, "rearrange"))
		return df->err.code;
	if (sink->used)
		return df_err_set(&df->err, DUMPFILTER_E_SEQUENCE, "rearrange: %s has taken an output already",
				  sink->name);
	sink->used = true;
	r = df_rearrange(&df->env, fd, name, sink, &df->err);
	sink->used = r >= 0 || sink->touched;
	return r;
}

/* A sink is small, and its dump may be possible although its memory is not there now: before planning it is counted,
 * but not refused (planning says how much is needed in all); after that the plan gives way. */
static size_t begin_sink(struct dumpfilter *df)
{
	size_t limit = atomic_load(&df->env.mem_limit);

	df_err_clear(&df->err);
	if (df->state == ST_PLANNED)
		df_memory_make_room(&df->dump, &df->cfg, DF_SINK_BYTES);
	else
		atomic_store(&df->env.mem_limit, 0);
	return limit;
}

static struct dumpfilter_sink *end_sink(struct dumpfilter *df, size_t limit, struct dumpfilter_sink *sink)
{
	atomic_store(&df->env.mem_limit, limit);
	return sink;
}

struct dumpfilter_sink *dumpfilter_sink_path(struct dumpfilter *df, const char *path, unsigned flags)
{
	size_t limit = begin_sink(df);
	bool given = !df_api_given(df, path, "sink_path");

	return end_sink(df, limit, given ? df_sink_path(&df->env, path, flags, &df->err) : NULL);
}

struct dumpfilter_sink *dumpfilter_sink_fd(struct dumpfilter *df, int fd, const char *name)
{
	size_t limit = begin_sink(df);

	return end_sink(df, limit, df_sink_fd(&df->env, fd, name, &df->err));
}

struct dumpfilter_sink *dumpfilter_sink_flat(struct dumpfilter *df, struct dumpfilter_sink *inner)
{
	size_t limit = begin_sink(df);
	bool given = !df_api_given(df, inner, "sink_flat");

	return end_sink(df, limit, given ? df_sink_flat(&df->env, inner, &df->err) : NULL);
}

struct dumpfilter_sink *dumpfilter_sink_custom(struct dumpfilter *df, const struct dumpfilter_sink_ops *ops, void *user)
{
	size_t limit = begin_sink(df);

	return end_sink(df, limit, df_sink_custom(&df->env, ops, user, &df->err));
}

struct dumpfilter_sink *dumpfilter_sink_null(struct dumpfilter *df)
{
	size_t limit = begin_sink(df);

	return end_sink(df, limit, df_sink_null(&df->env, &df->err));
}

int dumpfilter_sink_limit(struct dumpfilter *df, struct dumpfilter_sink *sink, uint64_t bytes)
{
	df_err_clear(&df->err);
	if (df_api_given(df, sink, "sink_limit"))
		return df->err.code;
	if (sink->touched)
		return df_err_set(&df->err, DUMPFILTER_E_SEQUENCE, "sink_limit: %s has been written to", sink->name);
	df_sink_set_limit(sink, bytes);
	return 0;
}

int dumpfilter_sink_at_limit(const struct dumpfilter_sink *sink)
{
	return sink && atomic_load(&sink->refused);
}

void dumpfilter_sink_discard(struct dumpfilter_sink *sink)
{
	if (sink)
		sink->unwanted = true;
}

void dumpfilter_sink_free(struct dumpfilter_sink *sink)
{
	df_sink_free(sink);
}
