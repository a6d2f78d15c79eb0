/* SPDX-License-Identifier: GPL-2.0-or-later */
/* -R: a flattened stream on standard input becomes a file. */
#include "output.h"
#include "report.h"
#include "tool.h"

#include <unistd.h>

static bool make_sink(struct tool *t)
{
	if (!tool_asked(t, OPT_DRY_RUN))
		return tool_make_file(t);
	t->sink = output_count(t->df, DUMPFILTER_IO_RANDOM | DUMPFILTER_IO_REWRITE, &t->counted);
	return tool_limit_sink(t, t->sink);
}

static bool run(struct tool *t)
{
	int result = dumpfilter_rearrange(t->df, STDIN_FILENO, "standard input", t->sink);

	report_output(t->report, t->output, tool_asked(t, OPT_DRY_RUN) ? t->counted : t->progress.bytes_out);
	if (result == DUMPFILTER_OK || result == DUMPFILTER_WARN) {
		tool_print_saved(t, t->counted);
		return true;
	}
	if (dumpfilter_sink_at_limit(t->sink))
		tool_print_full(t, NULL);
	else
		tool_library_error(t);
	if (t->progress.bytes_out)
		tool_print_incomplete(t, "the stream was not read to its end");
	return false;
}

bool mode_rearrange(struct tool *t)
{
	t->output = t->options->operands[0];
	if (isatty(STDIN_FILENO)) {
		msg(t->messages, MSG_ERROR,
		    "standard input is a terminal: -R reads a flattened stream, as in `makedumpfile -R %s < STREAM'",
		    t->output);
		return false;
	}
	return tool_configure(t, 0) && tool_file_allowed(t) && make_sink(t) && run(t);
}
