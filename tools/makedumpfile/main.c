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

static bool run_chosen(struct tool *t)
{
	switch (t->options->mode) {
	case MODE_GENERATE:
		return mode_generate(t);
	case MODE_REARRANGE:
		return mode_rearrange(t);
	case MODE_REASSEMBLE:
		return mode_reassemble(t);
	case MODE_MEM_USAGE:
		return mode_usage(t);
	case MODE_DMESG:
		return mode_dmesg(t);
	default:
		return mode_dump(t);
	}
}

/* Where what was asked for is text on standard output, it must have got there. */
static bool is_printed(const struct options *o, struct messages *m)
{
	bool only = o->mode == MODE_HELP || o->mode == MODE_VERSION || o->mode == MODE_MEM_USAGE ||
		    asked(o, OPT_DRY_RUN);

	if (!only || (!fflush(stdout) && !ferror(stdout)))
		return true;
	msg(m, MSG_ERROR, "standard output: cannot be written: what was asked for is lost");
	return false;
}

static bool work(struct tool *t)
{
	bool ok = false;

	t->df = dumpfilter_new(NULL);
	if (t->df) {
		dumpfilter_set_log(t->df, msg_log, t->messages,
				   t->messages->level & MSG_DEBUG ? DUMPFILTER_LOG_DEBUG : DUMPFILTER_LOG_WARN);
		dumpfilter_set_progress(t->df, progress_show, &t->progress);
		signals_stop(t->df);
		ok = run_chosen(t) && is_printed(t->options, t->messages);
		signals_stop(NULL);
	} else {
		tool_library_error(t);
	}
	tool_drop_sinks(t);
	return ok;
}

/* From now on it is settled how the program ends. */
static void print_interrupted(struct tool *t, int status)
{
	t->signal = signals_taken();
	if (t->signal)
		msg(t->messages, MSG_ERROR, "interrupted by %s%s", signals_name(t->signal),
		    status ? "" : ", when all was done");
}

/* The program's exit status. */
static int run_mode(const struct options *o, struct messages *m)
{
	struct tool t = { .options = o, .messages = m, .status = EXIT_FAILURE };
	const char *json = o->text[OPT_JSON];
	int status = EXIT_FAILURE;

	signals_catch();
	progress_init(&t.progress, m, o->progress);
	if (json && tool_report_allowed(&t))
		t.report = report_open(json, asked(o, OPT_FORCE), m);
	if (!json || t.report)
		status = work(&t) ? EXIT_SUCCESS : t.status;
	print_interrupted(&t, status);
	if (!report_close(t.report, &t, status) && !status)
		status = EXIT_FAILURE;
	dumpfilter_free(t.df);
	free(t.names);
	if (t.input_copy)
		close(t.input_copy);
	if (status || o->mode != MODE_MEM_USAGE) { /* the table is all that it prints */
		msg(m, MSG_COMMON, "%s", "");
		msg(m, MSG_COMMON, "makedumpfile %s.", status ? "Failed" : "Completed");
	}
	status = tool_exit_status(&t, status);
	progress_end(&t.progress, status);
	fflush(NULL);
	if (t.signal)
		signals_end(t.signal);
	return status;
}

static int refused(const struct options *o, struct messages *m)
{
	options_print_refusal(o, m);
	if (!asked(o, OPT_CHECK)) {
		msg(m, MSG_COMMON, "%s", "");
		msg(m, MSG_COMMON, "makedumpfile Failed.");
	}
	return EXIT_FAILURE;
}

static int dispatch(const struct options *o, struct messages *m)
{
	if (o->refusal)
		return refused(o, m);
	if (o->mode == MODE_HELP)
		usage_print_help(m);
	else if (o->mode == MODE_VERSION)
		usage_print_version(m);
	else if (!asked(o, OPT_CHECK))
		return run_mode(o, m);
	return is_printed(o, m) ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* Standard output carries the dump, or a report that a program reads. */
static bool stdout_is_taken(const struct options *o)
{
	return asked(o, OPT_FLAT) || (o->text[OPT_JSON] && !strcmp(o->text[OPT_JSON], "-"));
}

int main(int argc, char *argv[])
{
	struct options o;
	struct messages m;

	occupy_standard_fds();
	setvbuf(stdout, NULL, _IOLBF, BUFSIZ); /* in order with stderr where both go to one console */
	options_read(&o, argc, argv);
	options_check(&o);
	m = (struct messages){ .level = o.message_level,
			       .flat = stdout_is_taken(&o),
			       .json = o.progress == PROGRESS_JSON };
	return dispatch(&o, &m);
}
