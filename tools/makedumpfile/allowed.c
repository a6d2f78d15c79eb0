/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What may be written to: none of the other files of the command line. */
#include "report.h"
#include "tool.h"

#include <string.h>
#include <unistd.h>

static bool is_file(const char *path, const struct stat *out)
{
	struct stat in;

	return path && !stat(path, &in) && tool_same_file(&in, out);
}

static bool is_open_as(int fd, const struct stat *file)
{
	struct stat st;

	return !fstat(fd, &st) && tool_same_file(&st, file);
}

static bool is_stdin(const struct stat *out)
{
	return is_open_as(STDIN_FILENO, out);
}

static bool is_any_input(const struct options *o, const struct stat *out)
{
	const char *name = tool_input(o, 0);
	bool found = is_file(o->text[OPT_VMLINUX], out) || is_file(o->text[OPT_VMCOREINFO], out);

	if (o->mode == MODE_REARRANGE || (name && !strcmp(name, "-")))
		return found || is_stdin(out);
	for (unsigned i = 0; !found && (name = tool_input(o, i)); i++)
		found = is_file(name, out);
	return found;
}

static bool is_input(struct tool *t, const struct stat *out)
{
	if (!is_any_input(t->options, out))
		return false;
	msg(t->messages, MSG_ERROR, "%s is the input itself: choose another output", t->output);
	return true;
}

/* A dump is written at offsets; opening a pipe would only wait for its reader first. */
static bool is_pipe(struct tool *t, const struct stat *out)
{
	enum mode mode = t->options->mode;

	if (!(S_ISFIFO(out->st_mode) || S_ISSOCK(out->st_mode)) || tool_asked(t, OPT_DRY_RUN) || mode == MODE_DMESG ||
	    mode == MODE_GENERATE)
		return false;
	msg(t->messages, MSG_ERROR, "%s is a pipe or socket, and a dump file is written at offsets: %s", t->output,
	    mode == MODE_DUMP && !tool_asked(t, OPT_SPLIT) ? "use -F, and redirect standard output to it"
							   : "give the name of a file");
	return true;
}

/* Another name of a file that was not there before the report was. */
static bool is_report(struct tool *t, const struct stat *out)
{
	if (!report_is_file(t->report, out))
		return false;
	msg(t->messages, MSG_ERROR, "%s is the file of the report: choose another output", t->output);
	return true;
}

bool tool_file_allowed(struct tool *t)
{
	struct stat out;

	if (lstat(t->output, &out))
		return true; /* whether it can be created, the sink finds out */
	if (!tool_asked(t, OPT_FORCE)) {
		msg(t->messages, MSG_ERROR, "%s: File exists: use -f to overwrite it, or another name", t->output);
		return false;
	}
	return stat(t->output, &out) || !(is_input(t, &out) || is_pipe(t, &out) || is_report(t, &out));
}

/* The file of the report, which exists if report is given, is this one. */
static bool is_same(const char *json, const struct stat *report, const char *other)
{
	return other && (report ? is_file(other, report) : !strcmp(json, other));
}

bool tool_report_allowed(struct tool *t)
{
	const struct options *o = t->options;
	const char *json = o->text[OPT_JSON];
	struct stat st;
	const struct stat *report = stat(json, &st) ? NULL : &st;
	bool taken = is_same(json, report, o->text[OPT_VMLINUX]) || is_same(json, report, o->text[OPT_VMCOREINFO]) ||
		     is_same(json, report, o->text[OPT_GENERATE]) ||
		     (report && (is_stdin(report) || (asked(o, OPT_FLAT) && is_open_as(STDOUT_FILENO, report))));

	if (!strcmp(json, "-"))
		return true;
	for (int i = 0; i < o->operand_count; i++)
		taken |= is_same(json, report, o->operands[i]);
	for (unsigned i = 0; i < o->piece_count; i++)
		taken |= is_same(json, report, o->pieces[i]);
	if (taken)
		msg(t->messages, MSG_ERROR, "--json %s: is another file of this command line: choose another name",
		    json);
	return !taken;
}

bool tool_stream_allowed(struct tool *t)
{
	struct stat out;

	if (tool_asked(t, OPT_DRY_RUN))
		return true;
	if (isatty(STDOUT_FILENO)) {
		msg(t->messages, MSG_ERROR, "standard output is a terminal: pipe or redirect the flattened stream");
		return false;
	}
	return fstat(STDOUT_FILENO, &out) || !is_input(t, &out);
}
