/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Making a dump: the mode that no option asks for. */
#include "output.h"
#include "report.h"
#include "split.h"
#include "stats.h"
#include "tool.h"

#include <inttypes.h>

/* ------------------------------------------------------------------------------------------------ output */

static bool output_allowed(struct tool *t)
{
	if (tool_asked(t, OPT_SPLIT))
		return split_allowed(t);
	return tool_asked(t, OPT_FLAT) ? tool_stream_allowed(t) : tool_file_allowed(t);
}

static bool make_flat(struct tool *t, bool dry)
{
	t->counted = 0;
	t->inner = dry ? output_count(t->df, 0, &t->counted) : output_stdout(t->df, &t->stream);
	t->sink = t->inner ? dumpfilter_sink_flat(t->df, t->inner) : NULL;
	return tool_limit_sink(t, t->sink);
}

static bool make_sink(struct tool *t)
{
	if (tool_asked(t, OPT_SPLIT))
		return split_make_sinks(t);
	if (tool_asked(t, OPT_FLAT))
		return make_flat(t, tool_asked(t, OPT_DRY_RUN));
	if (!tool_asked(t, OPT_DRY_RUN))
		return tool_make_file(t);
	t->sink = dumpfilter_sink_null(t->df);
	return tool_limit_sink(t, t->sink);
}

/* ------------------------------------------------------------------------------------------------ results */

/* A dump that is filtered again stays without what it lacks. */
static void print_level(struct tool *t, int level)
{
	struct dumpfilter_image_info i = DUMPFILTER_IMAGE_INFO_INIT;

	if (dumpfilter_image_info(t->df, &i) >= 0 && (i.level & ~(unsigned)level))
		msg_needed(t->messages, "The dump level is %u: %d was asked for, and %s was made with %u.",
			   i.level | (unsigned)level, level, tool_input_name(t), i.level);
}

/* What a run left, kept until it is clear that no other one follows. */
struct result {
	int code;
	bool at_limit;
	char why[512];
	struct dumpfilter_report report;
};

static void finish_run(struct tool *t, const struct result *r)
{
	uint64_t size = r->report.output_size;

	if (tool_asked(t, OPT_FLAT) && tool_asked(t, OPT_DRY_RUN))
		size = t->counted;
	if (!t->pieces)
		report_output(t->report, t->output, size);
	stats_print(t->messages, &r->report, tool_asked(t, OPT_ELF));
	split_report(t);
	if (r->code != DUMPFILTER_PARTIAL)
		tool_print_saved(t, size);
	if (r->code != DUMPFILTER_PARTIAL)
		stats_print_sum(t, &r->report, size);
}

/* why: where it has not been said yet. */
static void print_partial(struct tool *t, const struct result *r, const char *why)
{
	char what[640];

	if (t->pieces && !tool_asked(t, OPT_DRY_RUN))
		split_name_left(t);
	snprintf(what, sizeof what, "%" PRIu64 " of %" PRIu64 " pages are missing%s%s", r->report.lost_pages,
		 r->report.written_pages + r->report.lost_pages, why ? ": " : "", why ? why : "");
	tool_print_incomplete(t, what);
}

/* The result of a run on t->sink that has just ended. */
static void get_result(struct tool *t, int code, struct result *r)
{
	*r = (struct result){ .code = code, .at_limit = tool_at_limit(t), .report = DUMPFILTER_REPORT_INIT };
	snprintf(r->why, sizeof r->why, "%s", dumpfilter_errmsg(t->df)); /* the next call may clear it */
	if (dumpfilter_report(t->df, &r->report) < 0 && code >= 0)
		r->code = DUMPFILTER_E_SEQUENCE; /* cannot be: there was a run */
}

static bool is_full(const struct result *r)
{
	return r->code == DUMPFILTER_E_NOSPACE ||
	       (r->code == DUMPFILTER_PARTIAL && r->report.cause == DUMPFILTER_E_NOSPACE);
}

/* ------------------------------------------------------------------------------------------------ running */

static enum outcome attempt(struct tool *t, void *user)
{
	struct result *r = user;

	if (!make_sink(t))
		return OUTCOME_FAILED;
	get_result(t, t->pieces ? split_run(t) : dumpfilter_run(t->df, t->sink), r);
	if (is_full(r)) {
		tool_print_full(t, r->why);
		return OUTCOME_FULL;
	}
	if (r->code < 0) {
		msg(t->messages, MSG_ERROR, "%s", r->why);
		return OUTCOME_FAILED;
	}
	finish_run(t, r);
	if (r->code == DUMPFILTER_PARTIAL)
		print_partial(t, r, r->why);
	return r->code == DUMPFILTER_PARTIAL ? OUTCOME_FAILED : OUTCOME_DONE;
}

static void incomplete(struct tool *t, void *user)
{
	const struct result *r = user;

	if (r->code < 0) {
		if (r->at_limit)
			msg(t->messages, MSG_ERROR, "%s", r->why);
		return;
	}
	finish_run(t, r);
	print_partial(t, r, NULL);
}

static bool sends(const struct tool *t)
{
	return tool_asked(t, OPT_FLAT) && !tool_asked(t, OPT_DRY_RUN);
}

/* Of what went into a pipe nobody could use a second stream behind the first. */
static bool can_take_back(struct tool *t)
{
	if (!sends(t) || output_can_take_back(&t->stream))
		return true;
	msg(t->messages, MSG_ERROR,
	    "what was sent to standard output cannot be taken back, so no other dump level can follow: write to a "
	    "file, or set a limit by -L");
	return false;
}

static bool take_back(struct tool *t)
{
	dumpfilter_sink_discard(t->sink);
	for (unsigned i = 0; i < t->piece_count; i++)
		dumpfilter_sink_discard(t->pieces[i]);
	return !sends(t) || output_take_back(&t->stream);
}

/* Into a pipe and with a limit: the first level that fits is found before anything is sent.  The number of the level,
 * which is configured then; negative: said why not. */
static int level_ahead(struct tool *t)
{
	const struct options *o = t->options;
	unsigned i = 0;

	while (i + 1 < o->level_count) {
		struct result r;

		if (!make_flat(t, true))
			return -1;
		get_result(t, dumpfilter_run(t->df, t->sink), &r);
		tool_drop_sinks(t);
		/* pages that cannot be read are no reason against a level */
		if (!is_full(&r) && (r.code < 0 || r.report.cause == DUMPFILTER_E_CANCELLED)) {
			msg(t->messages, MSG_ERROR, "%s", r.why);
			return -1;
		}
		progress_restart(&t->progress);
		i += is_full(&r);
		if (!tool_configure(t, o->levels[i]))
			return -1;
		if (!is_full(&r))
			break;
		msg(t->messages, MSG_COMMON, "At dump level %d more than %" PRIu64 " bytes: level %d is tried next.",
		    o->levels[i - 1], o->size_limit, o->levels[i]);
	}
	return (int)i;
}

static bool run(struct tool *t)
{
	struct result r;
	struct attempt_ops ops = { .attempt = attempt,
				   .can_take_back = can_take_back,
				   .take_back = take_back,
				   .incomplete = incomplete,
				   .user = &r };
	int from = 0;

	if (sends(t) && t->options->size_limit && !output_is_file())
		from = level_ahead(t);
	return from >= 0 && tool_try_levels(t, &ops, (unsigned)from);
}

/* Contents of all pages are looked at: the counts of a report must be right, and so must be whether a limit suffices,
 * and what each piece takes. */
static bool is_exact(const struct tool *t)
{
	const struct options *o = t->options;

	return !tool_asked(t, OPT_DRY_RUN) || tool_asked(t, OPT_SPLIT) || o->exact || tool_asked(t, OPT_JSON) ||
	       o->size_limit || t->messages->level & MSG_REPORT;
}

static void print_estimate(struct tool *t, const struct dumpfilter_estimate *e)
{
	if (e->low == e->high) {
		tool_print_saved(t, e->bytes);
		return;
	}
	msg(t->messages, MSG_COMMON, "%s", "");
	msg(t->messages, MSG_COMMON,
	    "Dry run: %s would take about %" PRIu64 " bytes (%" PRIu64 " to %" PRIu64 "; an estimate from %" PRIu64
	    " of %" PRIu64 " pages, --dry-run=exact reads them all); nothing was saved.",
	    t->output, e->bytes, e->low, e->high, e->sampled_pages, e->pages);
}

static bool estimate(struct tool *t)
{
	struct dumpfilter_estimate_opts opts = DUMPFILTER_ESTIMATE_OPTS_INIT;
	struct dumpfilter_estimate e = DUMPFILTER_ESTIMATE_INIT;

	opts.flags = tool_asked(t, OPT_FLAT) ? DUMPFILTER_ESTIMATE_FLAT : 0;
	if (dumpfilter_estimate(t->df, &opts, &e) < 0) {
		tool_library_error(t);
		return false;
	}
	print_estimate(t, &e);
	return true;
}

static void set_output(struct tool *t)
{
	if (tool_asked(t, OPT_SPLIT))
		split_set_output(t);
	else
		t->output = tool_asked(t, OPT_FLAT) ? "STDOUT" : t->options->operands[1];
}

/* Input before output: what cannot be read leaves no empty file behind. */
bool mode_dump(struct tool *t)
{
	int level = t->options->levels[0];

	set_output(t);
	if (!tool_open_input(t) || !tool_configure(t, level))
		return false;
	print_level(t, level);
	if (!output_allowed(t))
		return false;
	tool_print_input(t);
	tool_print_vtop(t);
	return is_exact(t) ? run(t) : estimate(t);
}
