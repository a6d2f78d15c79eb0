/* SPDX-License-Identifier: GPL-2.0-or-later */
/* -R: a flattened stream on standard input becomes a file. */
#include "output.h"
#include "report.h"
#include "tool.h"

#include <sys/stat.h>
#include <unistd.h>

static bool make_sink(struct tool *tool)
{
	if (!tool_asked(tool, OPT_DRY_RUN))
		return tool_make_file(tool);
	tool->sink = output_count(tool->df, DUMPFILTER_IO_RANDOM | DUMPFILTER_IO_REWRITE, &tool->counted);
	return tool_limit_sink(tool, tool->sink);
}

/* Gaps of the file count, too, although nobody writes them. */
static uint64_t output_bytes(const struct tool *tool)
{
	struct stat made;

	if (tool_asked(tool, OPT_DRY_RUN))
		return tool->counted;
	if (stat(tool->output, &made) || !S_ISREG(made.st_mode))
		return tool->progress.bytes_out;
	return (uint64_t)made.st_size;
}

static bool run(struct tool *tool)
{
	int result = dumpfilter_rearrange(tool->df, STDIN_FILENO, "standard input", tool->sink);

	report_output(tool->report, tool->output, output_bytes(tool));
	if (result == DUMPFILTER_OK || result == DUMPFILTER_WARN) {
		tool_print_saved(tool, tool->counted);
		return true;
	}
	if (dumpfilter_sink_at_limit(tool->sink))
		tool_print_full(tool, NULL);
	else
		tool_library_error(tool);
	if (tool->progress.bytes_out)
		tool_print_incomplete(tool, "the stream was not read to its end");
	return false;
}

bool mode_rearrange(struct tool *tool)
{
	tool->output = tool->options->operands[0];
	if (isatty(STDIN_FILENO)) {
		msg(tool->messages, MSG_ERROR,
		    "standard input is a terminal: -R reads a flattened stream, as in `makedumpfile -R %s < STREAM'",
		    tool->output);
		return false;
	}
	return tool_configure(tool, 0) && tool_file_allowed(tool) && make_sink(tool) && run(tool);
}
