/* SPDX-License-Identifier: GPL-2.0-or-later */
/* -g: what a vmlinux says of its kernel, as VMCOREINFO text. */
#include "report.h"
#include "tool.h"

bool mode_generate(struct tool *tool)
{
	tool->output = tool->options->text[OPT_GENERATE];
	if (!tool_file_allowed(tool) || !tool_make_file(tool))
		return false;
	if (dumpfilter_write_vmcoreinfo(tool->df, tool->options->text[OPT_VMLINUX], tool->sink) < 0) {
		tool_library_error(tool);
		return false;
	}
	report_output(tool->report, tool->output, UINT64_MAX);
	msg(tool->messages, MSG_COMMON, "%s", "");
	msg(tool->messages, MSG_COMMON, "The vmcoreinfo is saved to %s.", tool->output);
	return true;
}
