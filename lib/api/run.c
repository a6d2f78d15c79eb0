/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "api/context.h"

#include "base/pool.h"
#include "codec/codec.h"
#include "run/memory.h"
#include "run/rearrange.h"
#include "run/survey.h"
#include "writer/writer.h"

#define MAX_THREADS 1024u

static int check_flags(struct dumpfilter *df, const struct dumpfilter_config *config)
{
	unsigned known = DUMPFILTER_EXCLUDE_VMEMMAP | DUMPFILTER_COPY_ALL;

	if (config->flags & ~known)
		return df_err_set(&df->err, DUMPFILTER_E_INVAL, "configure: flags %#x do not exist",
				  config->flags & ~known);
	if (config->flags & DUMPFILTER_COPY_ALL &&
	    (config->flags & DUMPFILTER_EXCLUDE_VMEMMAP || config->level > DUMPFILTER_LEVEL_ZERO))
		return df_err_set(&df->err, DUMPFILTER_E_INVAL,
				  "configure: flags %#x with level %d: where all pages are copied none can be left out",
				  config->flags, config->level);
	return 0;
}

static int check_compression(struct dumpfilter *df, const struct dumpfilter_config *config)
{
	const struct df_codec *codec = df_codec_find(config->codec);

	if (!config->compression_level)
		return 0;
	if (!codec)
		return df_err_set(&df->err, DUMPFILTER_E_INVAL, "a compression level, and nothing is compressed");
	if (!codec->level_min)
		return df_err_set(&df->err, DUMPFILTER_E_INVAL, "%s has no compression levels", codec->name);
	if (config->compression_level < codec->level_min || config->compression_level > codec->level_max)
		return df_err_set(&df->err, DUMPFILTER_E_INVAL, "compression level %d; %s has %d to %d",
				  config->compression_level, codec->name, codec->level_min, codec->level_max);
	return 0;
}

int dumpfilter_configure(struct dumpfilter *df, const struct dumpfilter_config *config)
{
	struct dumpfilter_config wanted = DUMPFILTER_CONFIG_INIT;
	int result = df_api_check(df, ST_NEW, ST_RUN, "configure");

	if (result)
		return result;
	if (df_api_options(df, &wanted, config, "configure", "DUMPFILTER_CONFIG_INIT"))
		return df->err.code;
	if (wanted.level < 0 || wanted.level > DUMPFILTER_LEVEL_MAX)
		return df_err_set(&df->err, DUMPFILTER_E_INVAL, "dump level %d; 0 to %d are possible", wanted.level,
				  DUMPFILTER_LEVEL_MAX);
	if (check_flags(df, &wanted))
		return df->err.code;
	if (!df_writer_find(wanted.format))
		return df_err_set(&df->err, DUMPFILTER_E_INVAL, "output format %d does not exist", wanted.format);
	if (wanted.codec != DUMPFILTER_CODEC_INPUT && !df_codec_name(wanted.codec))
		return df_err_set(&df->err, DUMPFILTER_E_INVAL, "codec %d does not exist", wanted.codec);
	if (wanted.codec != DUMPFILTER_CODEC_INPUT && !dumpfilter_codec_available(wanted.codec))
		return df_err_set(&df->err, DUMPFILTER_E_UNSUPPORTED, "this build has no %s",
				  df_codec_name(wanted.codec));
	if (wanted.codec != DUMPFILTER_CODEC_NONE && wanted.codec != DUMPFILTER_CODEC_INPUT &&
	    !df_writer_find(wanted.format)->compresses)
		return df_err_set(&df->err, DUMPFILTER_E_INVAL, "%s output cannot be compressed",
				  df_writer_find(wanted.format)->name);
	result = check_compression(df, &wanted);
	if (result)
		return result;
	df->config = wanted;
	if (df->state > ST_OPEN) { /* nothing of an earlier plan or run may show in the next one */
		df_dump_plan_fini(&df->dump.plan);
		df_api_forget_pieces(df);
		df->report = (struct dumpfilter_report){ 0 };
		df->state = ST_OPEN;
	}
	/* in force at once; what there is without one, planning finds out */
	df->env.limit_derived = false;
	atomic_store(&df->env.mem_limit, wanted.memory_limit == DUMPFILTER_MEMORY_UNLIMITED ? 0 : wanted.memory_limit);
	return 0;
}

/* What makes it worth while to start a thread, which takes about 0.1 ms: a chunk is planned in a few tenths of one, and
 * a page compressed in a few thousandths. */
#define CHUNKS_A_THREAD 8u
#define PAGES_A_THREAD  1024u

static int codec_of_input(const struct dumpfilter *df)
{
	const struct df_codec *codec = df_codec_by_flag(df->dump.image.past.codec_flag);

	return codec && df_writer_find(df->config.format)->compresses ? codec->id : DUMPFILTER_CODEC_NONE;
}

/* The configuration with what it leaves open filled in; work: for how many more threads there is enough to do. */
static struct dumpfilter_config effective(const struct dumpfilter *df, uint64_t work)
{
	struct dumpfilter_config config = df->config;

	if (!config.threads) {
		config.threads = df_pool_cpus();
		if (work < config.threads)
			config.threads = (unsigned)work + 1;
	}
	if (config.threads > MAX_THREADS)
		config.threads = MAX_THREADS;
	if (!df->dump.image.source.concurrent)
		config.threads = 1;
	if (config.codec == DUMPFILTER_CODEC_INPUT)
		config.codec = codec_of_input(df);
	return config;
}

static void report_plan(struct dumpfilter *df, const struct dumpfilter_config *config)
{
	const struct df_plan *plan = &df->dump.plan;
	struct dumpfilter_report *report = &df->report;

	*report = (struct dumpfilter_report)DUMPFILTER_REPORT_INIT;
	report->level = config->level | df->dump.image.past.level;
	report->codec = config->codec;
	report->max_pfn = plan->max_pfn;
	report->present_pages = plan->described_pages;
	for (unsigned i = 0; i < DUMPFILTER_CLASS_COUNT; i++) {
		report->class_pages[i] = plan->count.class_pages[i];
		report->excluded_pages[i] = plan->count.excluded_pages[i];
	}
	report->kept_pages = plan->keep.count;
	report->doubtful_pages = plan->count.doubtful;
	report->unreadable_memmap_pages = plan->count.unreadable_structs;
	report->beyond_memmap_pages = plan->beyond_pages;
	report->plan_seconds = plan->seconds;
	report->threads = config->threads;
	report->vmemmap_pages = plan->vmemmap.count;
}

static int make_plan(struct dumpfilter *df)
{
	struct dumpfilter_config config = effective(df, df_dump_chunks(&df->dump) / CHUNKS_A_THREAD);
	int result;

	df_memory_limit(&df->env, df->config.memory_limit);
	result = df_memory_plan(&df->dump, &config, &df->err);
	if (result < 0)
		return result;
	df_err_clear(&df->err);
	report_plan(df, &config);
	df->plan_result = df->report.result = result;
	df->state = ST_PLANNED;
	return result;
}

int dumpfilter_plan(struct dumpfilter *df)
{
	int result = df_api_check(df, ST_OPEN, ST_OPEN, "plan");

	return result ? result : make_plan(df);
}

int dumpfilter_plan_count(struct dumpfilter *df, int cls, uint64_t *pages)
{
	int result = df_api_look(df, ST_PLANNED, ST_RUN, "plan_count");

	if (result)
		return result;
	if (df_api_given(df, pages, "plan_count"))
		return df->err.code;
	if (cls < 0 || cls >= DUMPFILTER_CLASS_COUNT)
		return df_err_set(&df->err, DUMPFILTER_E_INVAL, "class %d does not exist", cls);
	*pages = df->dump.plan.count.class_pages[cls];
	return 0;
}

int dumpfilter_plan_kept(struct dumpfilter *df, int level, uint64_t *pages)
{
	int result = df_api_look(df, ST_PLANNED, ST_RUN, "plan_kept");

	if (result)
		return result;
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
	int result = df_api_look(df, ST_PLANNED, ST_RUN, "plan_foreach");

	if (!result && !fn)
		return df_api_missing(df, "plan_foreach");
	for (uint64_t at = 0, start, end; !result && df_pageset_next_run(&df->dump.plan.keep, at, &start, &end);
	     at = end)
		result = fn(user, start, end - start);
	return result ? result : df_pageset_failed(&df->dump.plan.keep, &df->err);
}

/* May the sinks take an output?  No sink has to do with another. */
static int check_sinks(struct dumpfilter *df, const struct df_target *target, const char *call)
{
	struct dumpfilter_sink *sink;

	for (unsigned i = 0; (sink = df_target_sink(target, i)); i++) {
		if (sink->used)
			return df_err_set(&df->err, DUMPFILTER_E_SEQUENCE, "%s: %s has taken an output already", call,
					  sink->name);
	}
	return 0;
}

static void set_used(const struct df_target *target, bool used)
{
	struct dumpfilter_sink *sink;

	for (unsigned i = 0; (sink = df_target_sink(target, i)); i++)
		sink->used = used;
}

/* Plan, where that has not been done, and write. */
static int run_to(struct dumpfilter *df, const struct df_target *target)
{
	struct dumpfilter_config config;
	bool used;
	int result = df->state == ST_OPEN ? make_plan(df) : 0;

	if (result < 0)
		return result;
	config = effective(df, df->dump.plan.keep.count / PAGES_A_THREAD);
	set_used(target, true);
	result = df_memory_run(&df->dump, &config, &df->report, &df->err);
	df->report.threads = config.threads;
	if (result == 0)
		result = df->plan_result;
	df->report.result = result;
	df->report.cause = result == DUMPFILTER_PARTIAL ? df->err.code : 0;
	/* where it was refused before the first byte the caller may try again: in another way, or to another sink */
	used = result >= 0 || df_dump_touched(&df->dump);
	set_used(target, used);
	df->state = used ? ST_RUN : ST_PLANNED;
	return result;
}

int df_api_run(struct dumpfilter *df, const struct df_target *target, const char *call)
{
	int result = check_sinks(df, target, call);

	if (result)
		return result;
	df->dump.target = *target;
	result = run_to(df, target);
	df->dump.target = (struct df_target){ 0 };
	return result;
}

int dumpfilter_run(struct dumpfilter *df, struct dumpfilter_sink *sink)
{
	struct df_target target = { .sink = sink };
	int result = df_api_check(df, ST_OPEN, ST_PLANNED, "run");

	if (!result)
		result = df_api_given(df, sink, "run");
	if (result)
		return result;
	df_api_forget_pieces(df); /* of a split dump that came to nothing */
	return df_api_run(df, &target, "run");
}

/* A plan, made now where there is none, and threads for reading what it keeps. */
static int ready_to_read(struct dumpfilter *df, const char *call, struct dumpfilter_config *config)
{
	int result = df_api_check(df, ST_OPEN, ST_PLANNED, call);

	if (!result && df->state == ST_OPEN)
		result = make_plan(df);
	if (result >= 0)
		*config = effective(df, df->dump.plan.keep.count / PAGES_A_THREAD);
	return result < 0 ? result : 0;
}

int dumpfilter_survey(struct dumpfilter *df)
{
	struct dumpfilter_config config;
	int result = ready_to_read(df, "survey", &config);

	if (!result)
		result = df_memory_read(&df->dump, &config, df_dump_survey, &df->report, &df->err);
	return result ? result : df->plan_result;
}

int dumpfilter_estimate(struct dumpfilter *df, const struct dumpfilter_estimate_opts *opts,
			struct dumpfilter_estimate *estimate)
{
	struct dumpfilter_estimate_opts options = DUMPFILTER_ESTIMATE_OPTS_INIT;
	struct dumpfilter_estimate out = DUMPFILTER_ESTIMATE_INIT;
	struct dumpfilter_config config;
	struct df_estimate found;
	int result = df_api_check(df, ST_OPEN, ST_PLANNED, "estimate");

	if (result || df_api_given(df, estimate, "estimate"))
		return df->err.code;
	if (opts && df_api_options(df, &options, opts, "estimate", "DUMPFILTER_ESTIMATE_OPTS_INIT"))
		return df->err.code;
	if (options.flags & ~DUMPFILTER_ESTIMATE_FLAT)
		return df_err_set(&df->err, DUMPFILTER_E_INVAL, "estimate: flags %#x do not exist",
				  options.flags & ~DUMPFILTER_ESTIMATE_FLAT);
	result = ready_to_read(df, "estimate", &config);
	found = (struct df_estimate){ .most = options.max_pages, .flat = options.flags & DUMPFILTER_ESTIMATE_FLAT };
	if (!result)
		result = df_memory_read(&df->dump, &config, df_dump_estimate, &found, &df->err);
	if (result < 0)
		return result;
	out.bytes = found.bytes;
	out.low = found.low;
	out.high = found.high;
	out.sampled_pages = found.sampled;
	out.pages = found.total;
	result = df_api_answer(df, estimate, &out, "estimate", "DUMPFILTER_ESTIMATE_INIT");
	return result ? result : df->plan_result;
}

int dumpfilter_report(struct dumpfilter *df, struct dumpfilter_report *report)
{
	int result = df_api_look(df, ST_PLANNED, ST_RUN, "report");

	if (result)
		return result;
	df->report.peak_memory = atomic_load(&df->env.mem_peak);
	return df_api_answer(df, report, &df->report, "report", "DUMPFILTER_REPORT_INIT");
}

int dumpfilter_rearrange(struct dumpfilter *df, int fd, const char *name, struct dumpfilter_sink *sink)
{
	int result;

	df_err_clear(&df->err);
	if (df_api_given(df, sink, "rearrange"))
		return df->err.code;
	if (sink->used)
		return df_err_set(&df->err, DUMPFILTER_E_SEQUENCE, "rearrange: %s has taken an output already",
				  sink->name);
	sink->used = true;
	result = df_rearrange(&df->env, fd, name, sink, &df->err);
	sink->used = result >= 0 || sink->touched;
	return result;
}

/* A sink is small, and its dump may be possible although its memory is not there now: before planning it is counted,
 * but not refused (planning says how much is needed in all); after that the plan gives way. */
static size_t begin_sink(struct dumpfilter *df)
{
	size_t limit = atomic_load(&df->env.mem_limit);

	df_err_clear(&df->err);
	if (df->state == ST_PLANNED)
		df_memory_make_room(&df->dump, &df->config, DF_SINK_BYTES);
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
