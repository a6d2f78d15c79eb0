/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Making a dump: the mode that no option asks for. */
#include "output.h"
#include "report.h"
#include "stats.h"
#include "tool.h"

#include <inttypes.h>

/* ------------------------------------------------------------------------------------------------ output */

static bool output_allowed(struct tool *t)
{
	return tool_asked(t, OPT_FLAT) ? tool_stream_allowed(t) : tool_file_allowed(t);
}

static struct dumpfilter_sink *flat_sink(struct tool *t)
{
	t->inner = tool_asked(t, OPT_DRY_RUN) ? output_count(t->df, 0, &t->counted) : output_stdout(t->df);
	return t->inner ? dumpfilter_sink_flat(t->df, t->inner) : NULL;
}

static bool make_sink(struct tool *t)
{
	if (!tool_asked(t, OPT_FLAT) && !tool_asked(t, OPT_DRY_RUN))
		return tool_make_file(t);
	t->sink = tool_asked(t, OPT_FLAT) ? flat_sink(t) : dumpfilter_sink_null(t->df);
	if (!t->sink)
		tool_library_error(t);
	return t->sink;
}

/* ------------------------------------------------------------------------------------------------ results */

static void print_partial(struct tool *t, const struct dumpfilter_report *r, const char *why)
{
	char what[640];

	snprintf(what, sizeof what, "%" PRIu64 " of %" PRIu64 " pages are missing: %s", r->lost_pages,
		 r->written_pages + r->lost_pages, why);
	tool_print_incomplete(t, what);
}

/* A dump that is filtered again stays without what it lacks. */
static void print_level(struct tool *t, int level)
{
	struct dumpfilter_image_info i = DUMPFILTER_IMAGE_INFO_INIT;

	if (dumpfilter_image_info(t->df, &i) >= 0 && (i.level & ~(unsigned)level))
		msg(t->messages, MSG_COMMON, "The dump level is %u: %d was asked for, and %s was made with %u.",
		    i.level | (unsigned)level, level, t->options->operands[0], i.level);
}

static bool run(struct tool *t)
{
	struct dumpfilter_report r = DUMPFILTER_REPORT_INIT;
	int result = dumpfilter_run(t->df, t->sink);
	uint64_t size;
	char why[512];

	snprintf(why, sizeof why, "%s", dumpfilter_errmsg(t->df)); /* the next call may clear it */
	if (result < 0 || dumpfilter_report(t->df, &r) < 0) {
		tool_library_error(t);
		return false;
	}
	size = tool_asked(t, OPT_FLAT) && tool_asked(t, OPT_DRY_RUN) ? t->counted : r.output_size;
	report_output(t->report, t->output, size);
	stats_print(t->messages, &r, tool_asked(t, OPT_ELF));
	if (result == DUMPFILTER_PARTIAL) {
		print_partial(t, &r, why);
		return false;
	}
	tool_print_saved(t, size);
	return true;
}

/* Contents of all pages are looked at, as the counts of a report must be right. */
static bool is_exact(const struct tool *t)
{
	return !tool_asked(t, OPT_DRY_RUN) || t->options->exact || tool_asked(t, OPT_JSON) ||
	       t->messages->level & MSG_REPORT;
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

/* Input before output: what cannot be read leaves no empty file behind. */
bool mode_dump(struct tool *t)
{
	int level = t->options->levels[0];

	t->output = tool_asked(t, OPT_FLAT) ? "STDOUT" : t->options->operands[1];
	if (!tool_open_input(t) || !tool_configure(t, level))
		return false;
	print_level(t, level);
	if (!output_allowed(t) || (is_exact(t) && !make_sink(t)))
		return false;
	tool_print_input(t);
	tool_print_vtop(t);
	return is_exact(t) ? run(t) : estimate(t);
}
