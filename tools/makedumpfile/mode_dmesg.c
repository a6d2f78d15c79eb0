/* SPDX-License-Identifier: GPL-2.0-or-later */
/* --dump-dmesg: the kernel log as text. */
#include "output.h"
#include "report.h"
#include "tool.h"

static bool make_sink(struct tool *tool)
{
	if (!tool_asked(tool, OPT_FLAT))
		return tool_file_allowed(tool) && tool_make_file(tool);
	/* -F only says where to: the log is no flattened stream, and a terminal may have it */
	tool->sink = output_stdout(tool->df, &tool->stream);
	return tool_limit_sink(tool, tool->sink);
}

static bool run(struct tool *tool)
{
	struct dumpfilter_dmesg_opts opts = DUMPFILTER_DMESG_OPTS_INIT;
	int result;

	opts.flags |= tool_asked(tool, OPT_DMESG_PARTIAL) ? DUMPFILTER_DMESG_PARTIAL : 0;
	opts.flags |= tool_asked(tool, OPT_DMESG_LEVELS) ? DUMPFILTER_DMESG_LEVELS : 0;
	result = dumpfilter_dmesg(tool->df, &opts, tool->sink);
	if (dumpfilter_sink_at_limit(tool->sink))
		tool_print_full(tool, NULL);
	if (result == DUMPFILTER_PARTIAL)
		tool_print_incomplete(tool, dumpfilter_errmsg(tool->df));
	else if (result < 0)
		tool_library_error(tool);
	if (result >= 0)
		report_output(tool->report, tool->output, UINT64_MAX);
	if (result)
		return false;
	msg(tool->messages, MSG_COMMON, "%s", "");
	msg(tool->messages, MSG_COMMON, "The dmesg log is saved to %s.", tool->output);
	return true;
}

bool mode_dmesg(struct tool *tool)
{
	tool->output = tool_asked(tool, OPT_FLAT) ? "STDOUT" : tool->options->operands[1];
	if (!tool_open_input(tool) || !tool_configure(tool, tool->options->levels[0]) || !make_sink(tool))
		return false;
	tool_print_input(tool);
	tool_print_vtop(tool);
	return run(tool);
}
