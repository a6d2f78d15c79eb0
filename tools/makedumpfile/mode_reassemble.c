/* SPDX-License-Identifier: GPL-2.0-or-later */
/* --reassemble: the files of a split dump become one. */
#include "report.h"
#include "stats.h"
#include "tool.h"

#include <inttypes.h>

/* Pages that the pieces lack are no failure of this run: what is there has been joined, and the mark says so. */
static bool as_complete_as_pieces(struct tool *t, const struct dumpfilter_report *r)
{
	if (!r->lost_before_pages || r->lost_pages != r->lost_before_pages)
		return false;
	msg(t->messages, MSG_ERROR, "%s is incomplete, as its pieces are: they lack %" PRIu64 " of %" PRIu64 " pages",
	    t->output, r->lost_pages, r->written_pages + r->lost_pages);
	return true;
}

static bool run(struct tool *t)
{
	struct dumpfilter_report r = DUMPFILTER_REPORT_INIT;
	int result = dumpfilter_run(t->df, t->sink);
	char why[512], what[640];
	bool full;

	snprintf(why, sizeof why, "%s", dumpfilter_errmsg(t->df)); /* the next call may clear it */
	if (result < 0 || dumpfilter_report(t->df, &r) < 0) {
		tool_library_error(t);
		return false;
	}
	report_output(t->report, t->output, r.output_size);
	stats_print(t->messages, &r, false);
	if (result == DUMPFILTER_PARTIAL && !as_complete_as_pieces(t, &r)) {
		full = tool_at_limit(t);
		if (full)
			tool_print_full(t, why);
		snprintf(what, sizeof what, "%" PRIu64 " of %" PRIu64 " pages are missing%s%s", r.lost_pages,
			 r.written_pages + r.lost_pages, full ? "" : ": ", full ? "" : why);
		tool_print_incomplete(t, what);
		return false;
	}
	tool_print_saved(t, r.output_size);
	stats_print_sum(t, &r, r.output_size);
	return true;
}

bool mode_reassemble(struct tool *t)
{
	t->output = t->options->operands[t->options->operand_count - 1];
	if (!tool_open_input(t) || !tool_configure(t, 0) || !tool_file_allowed(t) || !tool_make_file(t))
		return false;
	tool_print_input(t);
	return run(t);
}
