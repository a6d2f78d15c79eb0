/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tool.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

void tool_library_error(struct tool *t)
{
	const char *text = t->df ? dumpfilter_errmsg(t->df) : "";

	msg(t->messages, MSG_ERROR, "%s", text[0] ? text : "out of memory");
}

bool tool_same_file(const struct stat *a, const struct stat *b)
{
	if (S_ISBLK(a->st_mode) && S_ISBLK(b->st_mode))
		return a->st_rdev == b->st_rdev;
	return S_ISREG(a->st_mode) && a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/* ------------------------------------------------------------------------------------------------ input */

const char *tool_input(const struct options *o, unsigned i)
{
	if (o->mode == MODE_REASSEMBLE)
		return (int)i < o->operand_count - 1 ? o->operands[i] : NULL;
	if (!i)
		return o->operand_count ? o->operands[0] : NULL;
	return i <= o->piece_count ? o->pieces[i - 1] : NULL;
}

const char *tool_input_name(const struct tool *t)
{
	const char *name = t->options->operands[0];

	return strcmp(name, "-") ? name : "standard input";
}

bool tool_configure(struct tool *t, int level)
{
	struct dumpfilter_config c = DUMPFILTER_CONFIG_INIT;

	c.level = t->level = level;
	c.codec = t->options->codec;
	c.compression_level = t->options->compression_level;
	c.format = tool_asked(t, OPT_ELF) ? DUMPFILTER_FORMAT_ELF : DUMPFILTER_FORMAT_KDUMP;
	c.threads = t->options->threads;
	c.memory_limit = t->options->memory_limit;
	c.flags = tool_asked(t, OPT_VMEMMAP) ? DUMPFILTER_EXCLUDE_VMEMMAP : 0;
	if (t->options->mode == MODE_REASSEMBLE) {
		c.codec = DUMPFILTER_CODEC_INPUT;
		c.flags = DUMPFILTER_COPY_ALL;
	}
	if (dumpfilter_configure(t->df, &c) >= 0)
		return true;
	tool_library_error(t);
	return false;
}

/* ------------------------------------------------------------------------------------------------ output */

/* With it people measure how long a dump takes. */
static bool is_null_device(const char *path)
{
	struct stat st;

	return !stat(path, &st) && S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3);
}

struct dumpfilter_sink *tool_new_file(struct tool *t)
{
	unsigned flags = tool_asked(t, OPT_FORCE) ? DUMPFILTER_SINK_OVERWRITE : 0;
	struct dumpfilter_sink *sink = flags && is_null_device(t->output)
					       ? dumpfilter_sink_null(t->df)
					       : dumpfilter_sink_path(t->df, t->output, flags);

	if (tool_limit_sink(t, sink))
		return sink;
	dumpfilter_sink_free(sink);
	return NULL;
}

bool tool_make_file(struct tool *t)
{
	t->sink = tool_new_file(t);
	return t->sink;
}

bool tool_limit_sink(struct tool *t, struct dumpfilter_sink *sink)
{
	uint64_t limit = t->options->size_limit;

	if (sink && (!limit || dumpfilter_sink_limit(t->df, sink, limit) >= 0))
		return true;
	tool_library_error(t);
	return false;
}

bool tool_at_limit(const struct tool *t)
{
	for (unsigned i = 0; i < t->piece_count; i++)
		if (dumpfilter_sink_at_limit(t->pieces[i]))
			return true;
	return dumpfilter_sink_at_limit(t->sink);
}

void tool_print_full(struct tool *t, const char *why)
{
	msg(t->messages, MSG_COMMON, "%s", "");
	if (tool_at_limit(t))
		msg_needed(t->messages, "Size limit(%" PRIu64 ") reached.", t->options->size_limit);
	else
		msg(t->messages, MSG_ERROR, "%s", why);
}

void tool_drop_sinks(struct tool *t)
{
	dumpfilter_sink_free(t->sink);
	dumpfilter_sink_free(t->inner);
	t->sink = t->inner = NULL;
	for (unsigned i = 0; i < t->piece_count; i++)
		dumpfilter_sink_free(t->pieces[i]);
	free(t->pieces);
	t->pieces = NULL;
	t->piece_count = 0;
}

/* ------------------------------------------------------------------------------------------------ results */

void tool_print_saved(struct tool *t, uint64_t bytes)
{
	char level[40] = "";

	if (t->options->level_count > 1)
		snprintf(level, sizeof level, " at dump level %d", t->level);
	msg(t->messages, MSG_COMMON, "%s", "");
	if (tool_asked(t, OPT_DRY_RUN))
		msg(t->messages, MSG_COMMON, "Dry run: %s would take %" PRIu64 " bytes%s; nothing was saved.",
		    t->output, bytes, level);
	else
		msg(t->messages, MSG_COMMON, "The dumpfile%s saved to %s.", t->several ? "s are" : " is", t->output);
}

void tool_print_incomplete(struct tool *t, const char *what)
{
	if (tool_asked(t, OPT_DRY_RUN))
		msg(t->messages, MSG_ERROR, "the dry run did not get through: %s", what);
	else
		msg(t->messages, MSG_ERROR, "%s %s incomplete but may be usable: %s", t->output,
		    t->several ? "are" : "is", what);
}
