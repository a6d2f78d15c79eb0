/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tool.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

void tool_library_error(struct tool *tool)
{
	const char *text = tool->df ? dumpfilter_errmsg(tool->df) : "";

	msg(tool->messages, MSG_ERROR, "%s", text[0] ? text : "out of memory");
}

bool tool_same_file(const struct stat *stat, const struct stat *other)
{
	if (S_ISBLK(stat->st_mode) && S_ISBLK(other->st_mode))
		return stat->st_rdev == other->st_rdev;
	return S_ISREG(stat->st_mode) && stat->st_dev == other->st_dev && stat->st_ino == other->st_ino;
}

/* ------------------------------------------------------------------------------------------------ input */

const char *tool_input(const struct options *options, unsigned i)
{
	if (options->mode == MODE_REASSEMBLE)
		return (int)i < options->operand_count - 1 ? options->operands[i] : NULL;
	if (!i)
		return options->operand_count ? options->operands[0] : NULL;
	return i <= options->piece_count ? options->pieces[i - 1] : NULL;
}

const char *tool_input_name(const struct tool *tool)
{
	const char *name = tool->options->operands[0];

	return strcmp(name, "-") ? name : "standard input";
}

bool tool_configure(struct tool *tool, int level)
{
	struct dumpfilter_config config = DUMPFILTER_CONFIG_INIT;

	config.level = tool->level = level;
	config.codec = tool->options->codec;
	config.compression_level = tool->options->compression_level;
	config.format = tool_asked(tool, OPT_ELF) ? DUMPFILTER_FORMAT_ELF : DUMPFILTER_FORMAT_KDUMP;
	config.threads = tool->options->threads;
	config.memory_limit = tool->options->memory_limit;
	config.flags = tool_asked(tool, OPT_VMEMMAP) ? DUMPFILTER_EXCLUDE_VMEMMAP : 0;
	if (tool->options->mode == MODE_REASSEMBLE) {
		config.codec = DUMPFILTER_CODEC_INPUT;
		config.flags = DUMPFILTER_COPY_ALL;
	}
	if (dumpfilter_configure(tool->df, &config) >= 0)
		return true;
	tool_library_error(tool);
	return false;
}

/* ------------------------------------------------------------------------------------------------ output */

/* With it people measure how long a dump takes. */
static bool is_null_device(const char *path)
{
	struct stat st;

	return !stat(path, &st) && S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3);
}

struct dumpfilter_sink *tool_new_file(struct tool *tool)
{
	unsigned flags = tool_asked(tool, OPT_FORCE) ? DUMPFILTER_SINK_OVERWRITE : 0;
	struct dumpfilter_sink *sink = flags && is_null_device(tool->output)
					       ? dumpfilter_sink_null(tool->df)
					       : dumpfilter_sink_path(tool->df, tool->output, flags);

	if (tool_limit_sink(tool, sink))
		return sink;
	dumpfilter_sink_free(sink);
	return NULL;
}

bool tool_make_file(struct tool *tool)
{
	tool->sink = tool_new_file(tool);
	return tool->sink;
}

bool tool_limit_sink(struct tool *tool, struct dumpfilter_sink *sink)
{
	uint64_t limit = tool->options->size_limit;

	if (sink && (!limit || dumpfilter_sink_limit(tool->df, sink, limit) >= 0))
		return true;
	tool_library_error(tool);
	return false;
}

bool tool_at_limit(const struct tool *tool)
{
	for (unsigned i = 0; i < tool->piece_count; i++)
		if (dumpfilter_sink_at_limit(tool->pieces[i]))
			return true;
	return dumpfilter_sink_at_limit(tool->sink);
}

void tool_print_full(struct tool *tool, const char *why)
{
	msg(tool->messages, MSG_COMMON, "%s", "");
	if (tool_at_limit(tool))
		msg_needed(tool->messages, "Size limit(%" PRIu64 ") reached.", tool->options->size_limit);
	else
		msg(tool->messages, MSG_ERROR, "%s", why);
}

void tool_drop_sinks(struct tool *tool)
{
	dumpfilter_sink_free(tool->sink);
	dumpfilter_sink_free(tool->inner);
	tool->sink = tool->inner = NULL;
	for (unsigned i = 0; i < tool->piece_count; i++)
		dumpfilter_sink_free(tool->pieces[i]);
	free(tool->pieces);
	tool->pieces = NULL;
	tool->piece_count = 0;
}

/* ------------------------------------------------------------------------------------------------ results */

void tool_print_saved(struct tool *tool, uint64_t bytes)
{
	char level[40] = "";

	if (tool->options->level_count > 1)
		snprintf(level, sizeof level, " at dump level %d", tool->level);
	msg(tool->messages, MSG_COMMON, "%s", "");
	if (tool_asked(tool, OPT_DRY_RUN))
		msg(tool->messages, MSG_COMMON, "Dry run: %s would take %" PRIu64 " bytes%s; nothing was saved.",
		    tool->output, bytes, level);
	else
		msg(tool->messages, MSG_COMMON, "The dumpfile%s saved to %s.", tool->several ? "s are" : " is",
		    tool->output);
}

void tool_print_incomplete(struct tool *tool, const char *what)
{
	if (tool_asked(tool, OPT_DRY_RUN))
		msg(tool->messages, MSG_ERROR, "the dry run did not get through: %s", what);
	else
		msg(tool->messages, MSG_ERROR, "%s %s incomplete but may be usable: %s", tool->output,
		    tool->several ? "are" : "is", what);
}
