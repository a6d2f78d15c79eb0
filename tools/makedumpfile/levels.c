/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A list of dump levels: the next one is tried where the output has run full. */
#include "tool.h"

/* Planning needs no room: what cannot be planned must not cost the dump that is there. */
static bool prepare(struct tool *t, int level)
{
	progress_restart(&t->progress);
	if (!tool_configure(t, level))
		return false;
	if (dumpfilter_plan(t->df) >= 0)
		return true;
	tool_library_error(t);
	return false;
}

bool tool_try_levels(struct tool *t, const struct attempt_ops *ops, unsigned from)
{
	const struct options *o = t->options;
	enum outcome r = ops->attempt(t, ops->user);

	for (unsigned i = from + 1; r == OUTCOME_FULL && i < o->level_count; i++) {
		if (!ops->can_take_back(t))
			break;
		msg(t->messages, MSG_COMMON, "Dump level %d is tried next.", o->levels[i]);
		if (!prepare(t, o->levels[i]) || !ops->take_back(t))
			break;
		tool_drop_sinks(t);
		r = ops->attempt(t, ops->user);
	}
	if (r == OUTCOME_FULL)
		ops->incomplete(t, ops->user);
	return r == OUTCOME_DONE;
}
