/* SPDX-License-Identifier: GPL-2.0-or-later */
/* --reassemble: the files of a split dump become one. */
#include "report.h"
#include "stats.h"
#include "tool.h"

#include <inttypes.h>

/* Pages that the pieces lack are no failure of this run: what is there has been joined, and the mark says so. */
static bool as_complete_as_pieces(struct tool *tool, const struct dumpfilter_report *report)
{
	if (!report->lost_before_pages || report->lost_pages != report->lost_before_pages)
		return false;
	msg(tool->messages, MSG_ERROR,
	    "%s is incomplete, as its pieces are: they lack %" PRIu64 " of %" PRIu64 " pages", tool->output,
	    report->lost_pages, report->written_pages + report->lost_pages);
	return true;
}

static bool run(struct tool *tool)
{
	struct dumpfilter_report report = DUMPFILTER_REPORT_INIT;
	int result = dumpfilter_run(tool->df, tool->sink);
	char why[512], what[640];
	bool full;

	snprintf(why, sizeof why, "%s", dumpfilter_errmsg(tool->df)); /* the next call may clear it */
	if (result < 0 || dumpfilter_report(tool->df, &report) < 0) {
		tool_library_error(tool);
		return false;
	}
	report_output(tool->report, tool->output, report.output_size);
	stats_print(tool->messages, &report, false);
	if (result == DUMPFILTER_PARTIAL && !as_complete_as_pieces(tool, &report)) {
		full = tool_at_limit(tool);
		if (full)
			tool_print_full(tool, why);
		snprintf(what, sizeof what, "%" PRIu64 " of %" PRIu64 " pages are missing%s%s", report.lost_pages,
			 report.written_pages + report.lost_pages, full ? "" : ": ", full ? "" : why);
		tool_print_incomplete(tool, what);
		return false;
	}
	tool_print_saved(tool, report.output_size);
	stats_print_sum(tool, &report, report.output_size);
	return true;
}

bool mode_reassemble(struct tool *tool)
{
	tool->output = tool->options->operands[tool->options->operand_count - 1];
	if (!tool_open_input(tool) || !tool_configure(tool, 0) || !tool_file_allowed(tool) || !tool_make_file(tool))
		return false;
	tool_print_input(tool);
	return run(tool);
}
