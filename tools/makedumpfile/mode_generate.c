/* SPDX-License-Identifier: GPL-2.0-or-later */
/* -g: what a vmlinux says of its kernel, as VMCOREINFO text. */
#include "report.h"
#include "tool.h"

bool mode_generate(struct tool *t)
{
	t->output = t->options->text[OPT_GENERATE];
	if (!tool_file_allowed(t) || !tool_make_file(t))
		return false;
	if (dumpfilter_write_vmcoreinfo(t->df, t->options->text[OPT_VMLINUX], t->sink) < 0) {
		tool_library_error(t);
		return false;
	}
	report_output(t->report, t->output, UINT64_MAX);
	msg(t->messages, MSG_COMMON, "%s", "");
	msg(t->messages, MSG_COMMON, "The vmcoreinfo is saved to %s.", t->output);
	return true;
}
