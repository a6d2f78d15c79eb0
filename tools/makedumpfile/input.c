/* SPDX-License-Identifier: GPL-2.0-or-later */
#if 0 /* cut in the next commit */
#include "tool.h"

#include "kcore.h"
#include "kernel.h"
#include "report.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

void tool_library_error(struct tool *t)
{
	const char *text = t->df ? dumpfilter_errmsg(t->df) : "";

	msg(t->messages, MSG_ERROR, "%s", text[0] ? text : "out of memory");
}

/* ------------------------------------------------------------------------------------------------ output */

bool tool_same_file(const struct stat *a, const struct stat *b)
{
	if (S_ISBLK(a->st_mode) && S_ISBLK(b->st_mode))
		return a->st_rdev == b->st_rdev;
	return S_ISREG(a->st_mode) && a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

const char *tool_input(const struct options *o, unsigned i)
{
	if (o->mode == MODE_REASSEMBLE)
		return (int)i < o->operand_count - 1 ? o->operands[i] : NULL;
	if (!i)
		return o->operand_count ? o->operands[0] : NULL;
	return i <= o->piece_count ? o->pieces[i - 1] : NULL;
}

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
		msg(t->messages, MSG_COMMON, "Size limit(%" PRIu64 ") reached.", t->options->size_limit);
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

/* ------------------------------------------------------------------------------------------------ input */

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

const char *tool_input_name(const struct tool *t)
{
	const char *name = t->options->operands[0];

	return strcmp(name, "-") ? name : "standard input";
}

/* Standard input is one file, and may be a pipe. */
static bool names_are_files(struct tool *t, const char *const *names, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		if (strcmp(names[i], "-"))
			continue;
		msg(t->messages, MSG_ERROR,
		    "standard input cannot be a piece of a split dump: give the names of all its files");
		return false;
	}
	return true;
}

static bool open_pieces(struct tool *t, const char *const *names, unsigned n, unsigned flags)
{
	if (dumpfilter_open_paths(t->df, names, n, flags) >= 0)
		return true;
	tool_library_error(t);
	return false;
}

bool tool_open_input(struct tool *t)
{
	unsigned flags = tool_asked(t, OPT_NO_MMAP) ? DUMPFILTER_OPEN_NO_MMAP : 0, n = 0;
	const char *names[1 + MAX_PIECES];
	bool open = false;

	if (t->options->mode == MODE_REASSEMBLE || t->options->piece_count) {
		while (n < 1 + MAX_PIECES && (names[n] = tool_input(t->options, n)))
			n++;
		open = names_are_files(t, names, n) && open_pieces(t, names, n, flags);
	} else if (!strcmp(t->options->operands[0], "-")) {
		open = tool_open_stdin(t, flags);
	} else if (dumpfilter_open_path(t->df, t->options->operands[0], flags) >= 0) {
		open = kcore_complete(t);
	} else {
		tool_library_error(t);
	}
	return open && kernel_facts(t);
}

static void print_crash_time(void *user, const char *name, uint64_t value, const char *origin)
{
	(void)origin;
	if (!strcmp(name, "CRASHTIME"))
		msg(user, MSG_DEBUG, "  CRASHTIME=%" PRIu64, value);
}

/* Lines that collectors look for in the debug messages, in the form that they know: docs/collectors.md. */
static void print_known_lines(struct tool *t, const struct dumpfilter_image_info *i)
{
	if (i->osrelease[0])
		msg(t->messages, MSG_DEBUG, "  OSRELEASE=%s", i->osrelease);
	dumpfilter_fact_foreach(t->df, print_crash_time, t->messages);
	if (!strcmp(i->format, "kdump-compressed"))
		msg(t->messages, MSG_DEBUG, "  dump_level       : %u", i->level);
}

void tool_print_input(struct tool *t)
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
	print_known_lines(t, &i);
	dumpfilter_explain(t->df, msg_debug_line, t->messages);
}

void tool_print_vtop(struct tool *t)
{
	uint64_t vaddr = t->options->vtop, paddr;

	if (!tool_asked(t, OPT_VTOP))
		return;
	msg(t->messages, MSG_COMMON, "%s", "");
	msg(t->messages, MSG_COMMON, "Translating virtual address %" PRIx64 " to physical address.", vaddr);
	if (dumpfilter_translate(t->df, vaddr, &paddr) < 0) {
		msg(t->messages, MSG_COMMON, "There is none: %s.", dumpfilter_errmsg(t->df));
	} else {
		msg(t->messages, MSG_COMMON, "VIRTUAL           PHYSICAL");
		msg(t->messages, MSG_COMMON, "%16" PRIx64 "  %" PRIx64, vaddr, paddr);
	}
	msg(t->messages, MSG_COMMON, "%s", "");
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
#endif
