/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A list of dump levels: the next one is tried where the output has run full. */
#include "tool.h"

/* Planning needs no room: what cannot be planned must not cost the dump that is there. */
static bool prepare(struct tool *tool, int level)
{
	progress_restart(&tool->progress);
	if (!tool_configure(tool, level))
		return false;
	if (dumpfilter_plan(tool->df) >= 0)
		return true;
	tool_library_error(tool);
	return false;
}

bool tool_try_levels(struct tool *tool, const struct attempt_ops *attempt_ops, unsigned from)
{
	const struct options *options = tool->options;
	enum outcome outcome = attempt_ops->attempt(tool, attempt_ops->user);

	for (unsigned i = from + 1; outcome == OUTCOME_FULL && i < options->level_count; i++) {
		if (!attempt_ops->can_take_back(tool))
			break;
		msg(tool->messages, MSG_COMMON, "Dump level %d is tried next.", options->levels[i]);
		if (!prepare(tool, options->levels[i]) || !attempt_ops->take_back(tool))
			break;
		tool_drop_sinks(tool);
		outcome = attempt_ops->attempt(tool, attempt_ops->user);
	}
	if (outcome == OUTCOME_FULL)
		attempt_ops->incomplete(tool, attempt_ops->user);
	return outcome == OUTCOME_DONE;
}
