/* SPDX-License-Identifier: GPL-2.0-or-later */
/* makedumpfile: the command line of libdumpfilter. */
#include "messages.h"
#include "options.h"
#include "output.h"
#include "progress.h"
#include "stats.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct tool {
	const struct options *options;
	struct messages *messages;
	struct progress progress;
	struct dumpfilter *df;
	struct dumpfilter_sink *inner; /* below a flattened sink, else NULL */
	struct dumpfilter_sink *sink;
	uint64_t counted;   /* dry run with -F or -R: size of the output */
	const char *output; /* for messages */
};

/* ------------------------------------------------------------------------------------------------ signals */

static struct dumpfilter *volatile interruptible; /* what a signal stops; NULL = nothing runs */

static void on_signal(int sig)
{
	(void)sig;
	if (interruptible)
		dumpfilter_cancel(interruptible);
}

/* The first signal ends the run in order, the second one kills.  No SA_RESTART: a read or write that blocks must come
 * back.  A signal that is ignored (nohup, a shell's background job) stays ignored. */
static void catch_signals(void)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP };
	struct sigaction catch = { .sa_handler = on_signal, .sa_flags = SA_RESETHAND };
	struct sigaction before;

	sigemptyset(&catch.sa_mask);
	for (unsigned i = 0; i < sizeof signals / sizeof signals[0]; i++)
		if (!sigaction(signals[i], NULL, &before) && before.sa_handler != SIG_IGN)
			sigaction(signals[i], &catch, NULL);
	signal(SIGPIPE, SIG_IGN); /* a reader that went away is an error of write(), with a message */
	signal(SIGXFSZ, SIG_IGN); /* and so is a file that may not grow any more */
}

/* A file opened later must not become standard output.  Opened the wrong way round, so that using it fails. */
static void occupy_standard_fds(void)
{
	for (int fd = 0; fd <= 2; fd++)
		if (fcntl(fd, F_GETFD) < 0 && errno == EBADF && open("/dev/null", fd ? O_RDONLY : O_WRONLY) != fd)
			_exit(EXIT_FAILURE);
}

/* ------------------------------------------------------------------------------------------------ output */

static bool flag(const struct tool *t, unsigned f)
{
	return t->options->flags & f;
}

static void error_of_library(struct tool *t)
{
	const char *text = t->df ? dumpfilter_errmsg(t->df) : "";

	msg(t->messages, MSG_ERROR, "%s", text[0] ? text : "out of memory");
}

static bool same_file(const struct stat *a, const struct stat *b)
{
	if (S_ISBLK(a->st_mode) && S_ISBLK(b->st_mode))
		return a->st_rdev == b->st_rdev;
	return S_ISREG(a->st_mode) && a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

static bool is_input(struct tool *t, const struct stat *out)
{
	struct stat in;
	int r = flag(t, FLAG_REARRANGE) ? fstat(STDIN_FILENO, &in) : stat(t->options->operands[0], &in);

	if (r || !same_file(&in, out))
		return false;
	msg(t->messages, MSG_ERROR, "%s is the input itself: choose another output", t->output);
	return true;
}

static bool file_allowed(struct tool *t)
{
	struct stat out;

	if (lstat(t->output, &out))
		return true; /* whether it can be created, the sink finds out */
	if (!flag(t, FLAG_FORCE)) {
		msg(t->messages, MSG_ERROR, "%s: File exists: use -f to overwrite it, or another name", t->output);
		return false;
	}
	return stat(t->output, &out) || !is_input(t, &out);
}

static bool stream_allowed(struct tool *t)
{
	struct stat out;

	if (flag(t, FLAG_DRY_RUN))
		return true;
	if (isatty(STDOUT_FILENO)) {
		msg(t->messages, MSG_ERROR, "standard output is a terminal: pipe or redirect the flattened stream");
		return false;
	}
	return fstat(STDOUT_FILENO, &out) || !is_input(t, &out);
}

static bool output_allowed(struct tool *t)
{
	if (flag(t, FLAG_DMESG) && flag(t, FLAG_FLAT))
		return true; /* text, for a terminal too */
	return flag(t, FLAG_FLAT) ? stream_allowed(t) : file_allowed(t);
}

static struct dumpfilter_sink *flat_sink(struct tool *t)
{
	t->inner = flag(t, FLAG_DRY_RUN) ? output_count(t->df, 0, &t->counted) : output_stdout(t->df);
	return t->inner ? dumpfilter_sink_flat(t->df, t->inner) : NULL;
}

static struct dumpfilter_sink *dry_sink(struct tool *t)
{
	if (flag(t, FLAG_REARRANGE))
		return output_count(t->df, DUMPFILTER_IO_RANDOM | DUMPFILTER_IO_REWRITE, &t->counted);
	return dumpfilter_sink_null(t->df);
}

static bool make_sink(struct tool *t)
{
	if (flag(t, FLAG_DMESG) && flag(t, FLAG_FLAT))
		t->sink = output_stdout(t->df); /* -F only says where to: the log is no flattened stream */
	else if (flag(t, FLAG_FLAT))
		t->sink = flat_sink(t);
	else if (flag(t, FLAG_DRY_RUN))
		t->sink = dry_sink(t);
	else
		t->sink = dumpfilter_sink_path(t->df, t->output, flag(t, FLAG_FORCE) ? DUMPFILTER_SINK_OVERWRITE : 0);
	if (!t->sink)
		error_of_library(t);
	return t->sink;
}

/* ------------------------------------------------------------------------------------------------ results */

static void print_saved(struct tool *t, uint64_t bytes)
{
	msg(t->messages, MSG_COMMON, "%s", "");
	if (flag(t, FLAG_DRY_RUN))
		msg(t->messages, MSG_COMMON, "Dry run: %s would take %" PRIu64 " bytes; nothing was saved.", t->output,
		    bytes);
	else
		msg(t->messages, MSG_COMMON, "The dumpfile is saved to %s.", t->output);
}

static void print_incomplete(struct tool *t, const char *what)
{
	if (flag(t, FLAG_DRY_RUN))
		msg(t->messages, MSG_ERROR, "the dry run did not get through: %s", what);
	else
		msg(t->messages, MSG_ERROR, "%s is incomplete but may be usable: %s", t->output, what);
}

static void print_partial(struct tool *t, const struct dumpfilter_report *r, const char *why)
{
	char what[640];

	snprintf(what, sizeof what, "%" PRIu64 " of %" PRIu64 " pages are missing: %s", r->lost_pages,
		 r->written_pages + r->lost_pages, why);
	print_incomplete(t, what);
}

/* ------------------------------------------------------------------------------------------------ modes */

static void print_debug_info(struct tool *t)
{
	struct dumpfilter_image_info i = DUMPFILTER_IMAGE_INFO_INIT;

	if (!(t->messages->level & MSG_DEBUG) || dumpfilter_image_info(t->df, &i) < 0)
		return;
	msg(t->messages, MSG_DEBUG, "input: %s, %s, %u bit, %s endian, %u CPUs, page size %u", i.format, i.machine,
	    i.word_bits, i.big_endian ? "big" : "little", i.cpus, i.page_size);
	msg(t->messages, MSG_DEBUG, "kernel: release '%s', build id '%s', VMCOREINFO %s", i.osrelease, i.build_id,
	    i.has_vmcoreinfo ? "present" : "absent");
	msg(t->messages, MSG_DEBUG, "memory: max_pfn %#" PRIx64 ", %#" PRIx64 " pages present%s", i.max_pfn,
	    i.present_pages, i.truncated ? ", the file is cut short" : "");
	dumpfilter_explain(t->df, msg_debug_line, t->messages);
}

static int configure(struct tool *t)
{
	struct dumpfilter_config c = DUMPFILTER_CONFIG_INIT;

	c.level = t->options->level;
	c.codec = t->options->codec;
	c.format = flag(t, FLAG_ELF) ? DUMPFILTER_FORMAT_ELF : DUMPFILTER_FORMAT_KDUMP;
	c.threads = t->options->threads;
	c.memory_limit = t->options->memory_limit;
	c.flags = flag(t, FLAG_VMEMMAP) ? DUMPFILTER_EXCLUDE_VMEMMAP : 0;
	return dumpfilter_configure(t->df, &c);
}

/* A dump that is filtered again stays without what it lacks. */
static void print_level(struct tool *t)
{
	struct dumpfilter_image_info i = DUMPFILTER_IMAGE_INFO_INIT;
	int asked = t->options->level;

	if (!flag(t, FLAG_DMESG) && dumpfilter_image_info(t->df, &i) >= 0 && (i.level & ~(unsigned)asked))
		msg(t->messages, MSG_COMMON, "The dump level is %u: %d was asked for, and %s was made with %u.",
		    i.level | (unsigned)asked, asked, t->options->operands[0], i.level);
}

/* Input before output: what cannot be read leaves no empty file behind. */
static bool open_input(struct tool *t)
{
	const char *vmcore = t->options->operands[0];

	if (dumpfilter_open_path(t->df, vmcore, flag(t, FLAG_NO_MMAP) ? DUMPFILTER_OPEN_NO_MMAP : 0) < 0 ||
	    configure(t) < 0) {
		error_of_library(t);
		return false;
	}
	print_level(t);
	return true;
}

static bool run_dump(struct tool *t)
{
	struct dumpfilter_report r = DUMPFILTER_REPORT_INIT;
	int result = dumpfilter_run(t->df, t->sink);
	char why[512];

	snprintf(why, sizeof why, "%s", dumpfilter_errmsg(t->df)); /* the next call may clear it */
	if (result < 0) {
		error_of_library(t);
		return false;
	}
	if (dumpfilter_report(t->df, &r) < 0) {
		error_of_library(t);
		return false;
	}
	stats_print(t->messages, &r, flag(t, FLAG_ELF));
	if (result == DUMPFILTER_PARTIAL) {
		print_partial(t, &r, why);
		return false;
	}
	print_saved(t, flag(t, FLAG_FLAT) ? t->counted : r.output_size);
	return true;
}

/* The log, after the input was opened. */
static bool run_dmesg(struct tool *t)
{
	struct dumpfilter_dmesg_opts opts = DUMPFILTER_DMESG_OPTS_INIT;
	int result;

	opts.flags |= flag(t, FLAG_DMESG_PARTIAL) ? DUMPFILTER_DMESG_PARTIAL : 0;
	opts.flags |= flag(t, FLAG_DMESG_LEVELS) ? DUMPFILTER_DMESG_LEVELS : 0;
	result = dumpfilter_dmesg(t->df, &opts, t->sink);
	if (result == DUMPFILTER_PARTIAL)
		print_incomplete(t, dumpfilter_errmsg(t->df));
	else if (result < 0)
		error_of_library(t);
	if (result)
		return false;
	msg(t->messages, MSG_COMMON, "%s", "");
	msg(t->messages, MSG_COMMON, "The dmesg log is saved to %s.", t->output);
	return true;
}

static bool dump(struct tool *t)
{
	if (flag(t, FLAG_FLAT))
		t->output = "STDOUT";
	else
		t->output = t->options->operands[1];
	if (!open_input(t) || !output_allowed(t) || !make_sink(t))
		return false;
	print_debug_info(t);
	return flag(t, FLAG_DMESG) ? run_dmesg(t) : run_dump(t);
}

static bool run_rearrange(struct tool *t)
{
	int result = dumpfilter_rearrange(t->df, STDIN_FILENO, "standard input", t->sink);

	if (result == DUMPFILTER_OK || result == DUMPFILTER_WARN) {
		print_saved(t, t->counted);
		return true;
	}
	error_of_library(t);
	if (t->progress.bytes_out)
		print_incomplete(t, "the stream was not read to its end");
	return false;
}

static bool rearrange(struct tool *t)
{
	t->output = t->options->operands[0];
	if (isatty(STDIN_FILENO)) {
		msg(t->messages, MSG_ERROR,
		    "standard input is a terminal: -R reads a flattened stream, as in `makedumpfile -R %s < STREAM'",
		    t->output);
		return false;
	}
	if (configure(t) < 0) {
		error_of_library(t);
		return false;
	}
	return output_allowed(t) && make_sink(t) && run_rearrange(t);
}

static bool work(struct tool *t)
{
	bool ok = false;

	progress_init(&t->progress, t->messages);
	t->df = dumpfilter_new(NULL);
	if (t->df) {
		dumpfilter_set_log(t->df, msg_log, t->messages,
				   t->messages->level & MSG_DEBUG ? DUMPFILTER_LOG_DEBUG : DUMPFILTER_LOG_WARN);
		dumpfilter_set_progress(t->df, progress_show, &t->progress);
		interruptible = t->df;
		ok = flag(t, FLAG_REARRANGE) ? rearrange(t) : dump(t);
		interruptible = NULL;
	} else {
		error_of_library(t);
	}
	dumpfilter_sink_free(t->sink);
	dumpfilter_sink_free(t->inner);
	dumpfilter_free(t->df);
	return ok;
}

static bool run_mode(const struct options *o, struct messages *m)
{
	struct tool t = { .options = o, .messages = m };
	bool ok;

	catch_signals();
	ok = work(&t);
	msg(m, MSG_COMMON, "%s", "");
	msg(m, MSG_COMMON, "makedumpfile %s.", ok ? "Completed" : "Failed");
	return ok;
}

static bool refused(const struct options *o, struct messages *m)
{
	options_print_refusal(o, m);
	if (!(o->flags & FLAG_CHECK)) {
		msg(m, MSG_COMMON, "%s", "");
		msg(m, MSG_COMMON, "makedumpfile Failed.");
	}
	return false;
}

static bool dispatch(const struct options *o, struct messages *m)
{
	if (o->refusal)
		return refused(o, m);
	if (o->flags & FLAG_HELP)
		usage_print_help(m);
	else if (o->flags & FLAG_VERSION)
		usage_print_version(m);
	else if (!(o->flags & FLAG_CHECK))
		return run_mode(o, m);
	return true;
}

int main(int argc, char *argv[])
{
	struct options o;
	struct messages m;

	occupy_standard_fds();
	setvbuf(stdout, NULL, _IOLBF, BUFSIZ); /* in order with stderr where both go to one console */
	options_read(&o, argc, argv);
	m = (struct messages){ .level = o.message_level, .flat = o.flags & FLAG_FLAT };
	return dispatch(&o, &m) ? EXIT_SUCCESS : EXIT_FAILURE;
}
