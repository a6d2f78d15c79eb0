/* SPDX-License-Identifier: GPL-2.0-or-later */
/* --dump-dmesg: the kernel log as text. */
#include "output.h"
#include "report.h"
#include "tool.h"

static bool make_sink(struct tool *t)
{
	if (!tool_asked(t, OPT_FLAT))
		return tool_file_allowed(t) && tool_make_file(t);
	/* -F only says where to: the log is no flattened stream, and a terminal may have it */
	t->sink = output_stdout(t->df, &t->stream);
	return tool_limit_sink(t, t->sink);
}

static bool run(struct tool *t)
{
	struct dumpfilter_dmesg_opts opts = DUMPFILTER_DMESG_OPTS_INIT;
	int result;

	opts.flags |= tool_asked(t, OPT_DMESG_PARTIAL) ? DUMPFILTER_DMESG_PARTIAL : 0;
	opts.flags |= tool_asked(t, OPT_DMESG_LEVELS) ? DUMPFILTER_DMESG_LEVELS : 0;
	result = dumpfilter_dmesg(t->df, &opts, t->sink);
	if (dumpfilter_sink_at_limit(t->sink))
		tool_print_full(t, NULL);
	if (result == DUMPFILTER_PARTIAL)
		tool_print_incomplete(t, dumpfilter_errmsg(t->df));
	else if (result < 0)
		tool_library_error(t);
	if (result >= 0)
		report_output(t->report, t->output, UINT64_MAX);
	if (result)
		return false;
	msg(t->messages, MSG_COMMON, "%s", "");
	msg(t->messages, MSG_COMMON, "The dmesg log is saved to %s.", t->output);
	return true;
}

bool mode_dmesg(struct tool *t)
{
	t->output = tool_asked(t, OPT_FLAT) ? "STDOUT" : t->options->operands[1];
	if (!tool_open_input(t) || !tool_configure(t, t->options->levels[0]) || !make_sink(t))
		return false;
	tool_print_input(t);
	tool_print_vtop(t);
	return run(t);
}
