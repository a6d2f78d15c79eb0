/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What may be written to: none of the other files of the command line. */
#include "report.h"
#include "tool.h"

#include <string.h>
#include <unistd.h>

static bool is_file(const char *path, const struct stat *out)
{
	struct stat found;

	return path && !stat(path, &found) && tool_same_file(&found, out);
}

static bool is_open_as(int fd, const struct stat *file)
{
	struct stat st;

	return !fstat(fd, &st) && tool_same_file(&st, file);
}

static bool is_stdin(const struct stat *stat)
{
	return is_open_as(STDIN_FILENO, stat);
}

static bool is_any_input(const struct options *options, const struct stat *stat)
{
	const char *name = tool_input(options, 0);
	bool found = is_file(options->text[OPT_VMLINUX], stat) || is_file(options->text[OPT_VMCOREINFO], stat);

	if (options->mode == MODE_REARRANGE || (name && !strcmp(name, "-")))
		return found || is_stdin(stat);
	for (unsigned i = 0; !found && (name = tool_input(options, i)); i++)
		found = is_file(name, stat);
	return found;
}

static bool is_input(struct tool *tool, const struct stat *stat)
{
	if (!is_any_input(tool->options, stat))
		return false;
	msg(tool->messages, MSG_ERROR, "%s is the input itself: choose another output", tool->output);
	return true;
}

/* A dump is written at offsets; opening a pipe would only wait for its reader first. */
static bool is_pipe(struct tool *tool, const struct stat *stat)
{
	enum mode mode = tool->options->mode;

	if (!(S_ISFIFO(stat->st_mode) || S_ISSOCK(stat->st_mode)) || tool_asked(tool, OPT_DRY_RUN) ||
	    mode == MODE_DMESG || mode == MODE_GENERATE)
		return false;
	msg(tool->messages, MSG_ERROR, "%s is a pipe or socket, and a dump file is written at offsets: %s",
	    tool->output,
	    mode == MODE_DUMP && !tool_asked(tool, OPT_SPLIT) ? "use -F, and redirect standard output to it"
							      : "give the name of a file");
	return true;
}

/* Another name of a file that was not there before the report was. */
static bool is_report(struct tool *tool, const struct stat *stat)
{
	if (!report_is_file(tool->report, stat))
		return false;
	msg(tool->messages, MSG_ERROR, "%s is the file of the report: choose another output", tool->output);
	return true;
}

bool tool_file_allowed(struct tool *tool)
{
	struct stat out;

	if (lstat(tool->output, &out))
		return true; /* whether it can be created, the sink finds out */
	if (!tool_asked(tool, OPT_FORCE)) {
		msg(tool->messages, MSG_ERROR, "%s: File exists: use -f to overwrite it, or another name",
		    tool->output);
		return false;
	}
	return stat(tool->output, &out) || !(is_input(tool, &out) || is_pipe(tool, &out) || is_report(tool, &out));
}

/* The file of the report, which exists if report is given, is this one. */
static bool is_same(const char *json, const struct stat *report, const char *other)
{
	return other && (report ? is_file(other, report) : !strcmp(json, other));
}

bool tool_report_allowed(struct tool *tool)
{
	const struct options *options = tool->options;
	const char *json = options->text[OPT_JSON];
	struct stat st;
	const struct stat *report = stat(json, &st) ? NULL : &st;
	bool taken = is_same(json, report, options->text[OPT_VMLINUX]) ||
		     is_same(json, report, options->text[OPT_VMCOREINFO]) ||
		     is_same(json, report, options->text[OPT_GENERATE]) ||
		     (report && (is_stdin(report) || (asked(options, OPT_FLAT) && is_open_as(STDOUT_FILENO, report))));

	if (!strcmp(json, "-"))
		return true;
	for (int i = 0; i < options->operand_count; i++)
		taken |= is_same(json, report, options->operands[i]);
	for (unsigned i = 0; i < options->piece_count; i++)
		taken |= is_same(json, report, options->pieces[i]);
	if (taken)
		msg(tool->messages, MSG_ERROR, "--json %s: is another file of this command line: choose another name",
		    json);
	return !taken;
}

bool tool_stream_allowed(struct tool *tool)
{
	struct stat stat;

	if (tool_asked(tool, OPT_DRY_RUN))
		return true;
	if (isatty(STDOUT_FILENO)) {
		msg(tool->messages, MSG_ERROR, "standard output is a terminal: pipe or redirect the flattened stream");
		return false;
	}
	return fstat(STDOUT_FILENO, &stat) || !is_input(tool, &stat);
}
