/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Making a dump: the mode that no option asks for. */
#include "output.h"
#include "report.h"
#include "split.h"
#include "stats.h"
#include "tool.h"

#include <inttypes.h>

/* ------------------------------------------------------------------------------------------------ output */

static bool output_allowed(struct tool *tool)
{
	if (tool_asked(tool, OPT_SPLIT))
		return split_allowed(tool);
	return tool_asked(tool, OPT_FLAT) ? tool_stream_allowed(tool) : tool_file_allowed(tool);
}

static bool make_flat(struct tool *tool, bool dry)
{
	tool->counted = 0;
	tool->inner = dry ? output_count(tool->df, 0, &tool->counted) : output_stdout(tool->df, &tool->stream);
	tool->sink = tool->inner ? dumpfilter_sink_flat(tool->df, tool->inner) : NULL;
	return tool_limit_sink(tool, tool->sink);
}

static bool make_sink(struct tool *tool)
{
	if (tool_asked(tool, OPT_SPLIT))
		return split_make_sinks(tool);
	if (tool_asked(tool, OPT_FLAT))
		return make_flat(tool, tool_asked(tool, OPT_DRY_RUN));
	if (!tool_asked(tool, OPT_DRY_RUN))
		return tool_make_file(tool);
	tool->sink = dumpfilter_sink_null(tool->df);
	return tool_limit_sink(tool, tool->sink);
}

/* ------------------------------------------------------------------------------------------------ results */

/* A dump that is filtered again stays without what it lacks. */
static void print_level(struct tool *tool, int level)
{
	struct dumpfilter_image_info i = DUMPFILTER_IMAGE_INFO_INIT;

	if (dumpfilter_image_info(tool->df, &i) >= 0 && (i.level & ~(unsigned)level))
		msg_needed(tool->messages, "The dump level is %u: %d was asked for, and %s was made with %u.",
			   i.level | (unsigned)level, level, tool_input_name(tool), i.level);
}

/* What a run left, kept until it is clear that no other one follows. */
struct result {
	int code;
	bool at_limit;
	char why[512];
	struct dumpfilter_report report;
};

static void finish_run(struct tool *tool, const struct result *result)
{
	uint64_t size = result->report.output_size;

	if (tool_asked(tool, OPT_FLAT) && tool_asked(tool, OPT_DRY_RUN))
		size = tool->counted;
	if (!tool->pieces)
		report_output(tool->report, tool->output, size);
	stats_print(tool->messages, &result->report, tool_asked(tool, OPT_ELF));
	split_report(tool);
	if (result->code != DUMPFILTER_PARTIAL)
		tool_print_saved(tool, size);
	if (result->code != DUMPFILTER_PARTIAL)
		stats_print_sum(tool, &result->report, size);
}

/* why: where it has not been said yet. */
static void print_partial(struct tool *tool, const struct result *result, const char *why)
{
	char what[640];

	if (tool->pieces && !tool_asked(tool, OPT_DRY_RUN))
		split_name_left(tool);
	snprintf(what, sizeof what, "%" PRIu64 " of %" PRIu64 " pages are missing%s%s", result->report.lost_pages,
		 result->report.written_pages + result->report.lost_pages, why ? ": " : "", why ? why : "");
	tool_print_incomplete(tool, what);
}

/* The result of a run on tool->sink that has just ended. */
static void get_result(struct tool *tool, int code, struct result *result)
{
	*result = (struct result){ .code = code, .at_limit = tool_at_limit(tool), .report = DUMPFILTER_REPORT_INIT };
	snprintf(result->why, sizeof result->why, "%s", dumpfilter_errmsg(tool->df)); /* the next call may clear it */
	if (dumpfilter_report(tool->df, &result->report) < 0 && code >= 0)
		result->code = DUMPFILTER_E_SEQUENCE; /* cannot be: there was a run */
}

static bool is_full(const struct result *result)
{
	return result->code == DUMPFILTER_E_NOSPACE ||
	       (result->code == DUMPFILTER_PARTIAL && result->report.cause == DUMPFILTER_E_NOSPACE);
}

/* ------------------------------------------------------------------------------------------------ running */

static enum outcome attempt(struct tool *tool, void *user)
{
	struct result *result = user;

	if (!make_sink(tool))
		return OUTCOME_FAILED;
	get_result(tool, tool->pieces ? split_run(tool) : dumpfilter_run(tool->df, tool->sink), result);
	if (is_full(result)) {
		tool_print_full(tool, result->why);
		return OUTCOME_FULL;
	}
	if (result->code < 0) {
		msg(tool->messages, MSG_ERROR, "%s", result->why);
		return OUTCOME_FAILED;
	}
	finish_run(tool, result);
	if (result->code == DUMPFILTER_PARTIAL)
		print_partial(tool, result, result->why);
	return result->code == DUMPFILTER_PARTIAL ? OUTCOME_FAILED : OUTCOME_DONE;
}

static void incomplete(struct tool *tool, void *user)
{
	const struct result *result = user;

	if (result->code < 0) {
		if (result->at_limit)
			msg(tool->messages, MSG_ERROR, "%s", result->why);
		return;
	}
	finish_run(tool, result);
	print_partial(tool, result, NULL);
}

static bool sends(const struct tool *tool)
{
	return tool_asked(tool, OPT_FLAT) && !tool_asked(tool, OPT_DRY_RUN);
}

/* Of what went into a pipe nobody could use a second stream behind the first. */
static bool can_take_back(struct tool *tool)
{
	if (!sends(tool) || output_can_take_back(&tool->stream))
		return true;
	msg(tool->messages, MSG_ERROR,
	    "what was sent to standard output cannot be taken back, so no other dump level can follow: write to a "
	    "file, or set a limit by -L");
	return false;
}

static bool take_back(struct tool *tool)
{
	dumpfilter_sink_discard(tool->sink);
	for (unsigned i = 0; i < tool->piece_count; i++)
		dumpfilter_sink_discard(tool->pieces[i]);
	return !sends(tool) || output_take_back(&tool->stream);
}

/* Into a pipe and with a limit: the first level that fits is found before anything is sent.  The number of the level,
 * which is configured then; negative: said why not. */
static int level_ahead(struct tool *tool)
{
	const struct options *options = tool->options;
	unsigned i = 0;

	while (i + 1 < options->level_count) {
		struct result result;

		if (!make_flat(tool, true))
			return -1;
		get_result(tool, dumpfilter_run(tool->df, tool->sink), &result);
		tool_drop_sinks(tool);
		/* pages that cannot be read are no reason against a level */
		if (!is_full(&result) && (result.code < 0 || result.report.cause == DUMPFILTER_E_CANCELLED)) {
			msg(tool->messages, MSG_ERROR, "%s", result.why);
			return -1;
		}
		progress_restart(&tool->progress);
		i += is_full(&result);
		if (!tool_configure(tool, options->levels[i]))
			return -1;
		if (!is_full(&result))
			break;
		msg(tool->messages, MSG_COMMON, "At dump level %d more than %" PRIu64 " bytes: level %d is tried next.",
		    options->levels[i - 1], options->size_limit, options->levels[i]);
	}
	return (int)i;
}

static bool run(struct tool *tool)
{
	struct result result;
	struct attempt_ops attempt_ops = { .attempt = attempt,
					   .can_take_back = can_take_back,
					   .take_back = take_back,
					   .incomplete = incomplete,
					   .user = &result };
	int from = 0;

	if (sends(tool) && tool->options->size_limit && !output_is_file())
		from = level_ahead(tool);
	return from >= 0 && tool_try_levels(tool, &attempt_ops, (unsigned)from);
}

/* Contents of all pages are looked at: the counts of a report must be right, and so must be whether a limit suffices,
 * and what each piece takes. */
static bool is_exact(const struct tool *tool)
{
	const struct options *options = tool->options;

	return !tool_asked(tool, OPT_DRY_RUN) || tool_asked(tool, OPT_SPLIT) || options->exact ||
	       tool_asked(tool, OPT_JSON) || options->size_limit || tool->messages->level & MSG_REPORT;
}

static void print_estimate(struct tool *tool, const struct dumpfilter_estimate *estimate)
{
	if (estimate->low == estimate->high) {
		tool_print_saved(tool, estimate->bytes);
		return;
	}
	msg(tool->messages, MSG_COMMON, "%s", "");
	msg(tool->messages, MSG_COMMON,
	    "Dry run: %s would take about %" PRIu64 " bytes (%" PRIu64 " to %" PRIu64 "; an estimate from %" PRIu64
	    " of %" PRIu64 " pages, --dry-run=exact reads them all); nothing was saved.",
	    tool->output, estimate->bytes, estimate->low, estimate->high, estimate->sampled_pages, estimate->pages);
}

static bool estimate(struct tool *tool)
{
	struct dumpfilter_estimate_opts opts = DUMPFILTER_ESTIMATE_OPTS_INIT;
	struct dumpfilter_estimate found = DUMPFILTER_ESTIMATE_INIT;

	opts.flags = tool_asked(tool, OPT_FLAT) ? DUMPFILTER_ESTIMATE_FLAT : 0;
	if (dumpfilter_estimate(tool->df, &opts, &found) < 0) {
		tool_library_error(tool);
		return false;
	}
	print_estimate(tool, &found);
	return true;
}

static void set_output(struct tool *tool)
{
	if (tool_asked(tool, OPT_SPLIT))
		split_set_output(tool);
	else
		tool->output = tool_asked(tool, OPT_FLAT) ? "STDOUT" : tool->options->operands[1];
}

/* Input before output: what cannot be read leaves no empty file behind. */
bool mode_dump(struct tool *tool)
{
	int level = tool->options->levels[0];

	set_output(tool);
	if (!tool_open_input(tool) || !tool_configure(tool, level))
		return false;
	print_level(tool, level);
	if (!output_allowed(tool))
		return false;
	tool_print_input(tool);
	tool_print_vtop(tool);
	return is_exact(tool) ? run(tool) : estimate(tool);
}
