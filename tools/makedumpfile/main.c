/* SPDX-License-Identifier: GPL-2.0-or-later */
/* makedumpfile: the command line of libdumpfilter. */
#include "report.h"
#include "signals.h"
#include "tool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A file opened later must not become standard output.  Opened the wrong way round, so that using it fails. */
static void occupy_standard_fds(void)
{
	for (int fd = 0; fd <= 2; fd++)
		if (fcntl(fd, F_GETFD) < 0 && errno == EBADF && open("/dev/null", fd ? O_RDONLY : O_WRONLY) != fd)
			_exit(EXIT_FAILURE);
}

/* ------------------------------------------------------------------------------------------------ modes */

static bool run_chosen(struct tool *tool)
{
	switch (tool->options->mode) {
	case MODE_GENERATE:
		return mode_generate(tool);
	case MODE_REARRANGE:
		return mode_rearrange(tool);
	case MODE_REASSEMBLE:
		return mode_reassemble(tool);
	case MODE_MEM_USAGE:
		return mode_usage(tool);
	case MODE_DMESG:
		return mode_dmesg(tool);
	default:
		return mode_dump(tool);
	}
}

/* Where what was asked for is text on standard output, it must have got there. */
static bool is_printed(const struct options *options, struct messages *messages)
{
	bool only = options->mode == MODE_HELP || options->mode == MODE_VERSION || options->mode == MODE_MEM_USAGE ||
		    asked(options, OPT_DRY_RUN);

	if (!only || (!fflush(stdout) && !ferror(stdout)))
		return true;
	msg(messages, MSG_ERROR, "standard output: cannot be written: what was asked for is lost");
	return false;
}

static bool work(struct tool *tool)
{
	bool ok = false;

	tool->df = dumpfilter_new(NULL);
	if (tool->df) {
		dumpfilter_set_log(tool->df, msg_log, tool->messages,
				   tool->messages->level & MSG_DEBUG ? DUMPFILTER_LOG_DEBUG : DUMPFILTER_LOG_WARN);
		dumpfilter_set_progress(tool->df, progress_show, &tool->progress);
		signals_stop(tool->df);
		ok = run_chosen(tool) && is_printed(tool->options, tool->messages);
		signals_stop(NULL);
	} else {
		tool_library_error(tool);
	}
	tool_drop_sinks(tool);
	return ok;
}

/* From now on it is settled how the program ends. */
static void print_interrupted(struct tool *tool, int status)
{
	tool->signal = signals_taken();
	if (tool->signal)
		msg(tool->messages, MSG_ERROR, "interrupted by %s%s", signals_name(tool->signal),
		    status ? "" : ", when all was done");
}

/* The program's exit status. */
static int run_mode(const struct options *options, struct messages *messages)
{
	struct tool tool = { .options = options, .messages = messages, .status = EXIT_FAILURE };
	const char *json = options->text[OPT_JSON];
	int status = EXIT_FAILURE;

	signals_catch();
	progress_init(&tool.progress, messages, options->progress);
	if (json && tool_report_allowed(&tool))
		tool.report = report_open(json, asked(options, OPT_FORCE), messages);
	if (!json || tool.report)
		status = work(&tool) ? EXIT_SUCCESS : tool.status;
	print_interrupted(&tool, status);
	if (!report_close(tool.report, &tool, status) && !status)
		status = EXIT_FAILURE;
	dumpfilter_free(tool.df);
	free(tool.names);
	if (tool.input_copy)
		close(tool.input_copy);
	if (status || options->mode != MODE_MEM_USAGE) { /* the table is all that it prints */
		msg(messages, MSG_COMMON, "%s", "");
		msg(messages, MSG_COMMON, "makedumpfile %s.", status ? "Failed" : "Completed");
	}
	status = tool_exit_status(&tool, status);
	progress_end(&tool.progress, status);
	fflush(NULL);
	if (tool.signal)
		signals_end(tool.signal);
	return status;
}

static int refused(const struct options *options, struct messages *messages)
{
	options_print_refusal(options, messages);
	if (!asked(options, OPT_CHECK)) {
		msg(messages, MSG_COMMON, "%s", "");
		msg(messages, MSG_COMMON, "makedumpfile Failed.");
	}
	return EXIT_FAILURE;
}

static int dispatch(const struct options *options, struct messages *messages)
{
	if (options->refusal)
		return refused(options, messages);
	if (options->mode == MODE_HELP)
		usage_print_help(messages);
	else if (options->mode == MODE_VERSION)
		usage_print_version(messages);
	else if (!asked(options, OPT_CHECK))
		return run_mode(options, messages);
	return is_printed(options, messages) ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* Standard output carries the dump, or a report that a program reads. */
static bool stdout_is_taken(const struct options *options)
{
	return asked(options, OPT_FLAT) || (options->text[OPT_JSON] && !strcmp(options->text[OPT_JSON], "-"));
}

int main(int argc, char *argv[])
{
	struct options options;
	struct messages messages;

	occupy_standard_fds();
	setvbuf(stdout, NULL, _IOLBF, BUFSIZ); /* in order with stderr where both go to one console */
	options_read(&options, argc, argv);
	options_check(&options);
	messages = (struct messages){ .level = options.message_level,
				      .flat = stdout_is_taken(&options),
				      .json = options.progress == PROGRESS_JSON };
	return dispatch(&options, &messages);
}
