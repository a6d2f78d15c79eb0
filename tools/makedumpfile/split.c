/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "split.h"

#include "report.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static unsigned count(const struct options *o)
{
	return (unsigned)o->operand_count - 1;
}

static const char *name(const struct options *o, unsigned i)
{
	return o->operands[i + 1];
}

/* Has the run left something of it that opens?  Before a run: it may. */
static bool opens(const struct tool *t, unsigned i)
{
	struct dumpfilter_piece p = DUMPFILTER_PIECE_INIT;

	return !t->pieces || dumpfilter_piece(t->df, i, &p) < 0 || p.result >= 0;
}

void split_set_output(struct tool *t)
{
	unsigned n = count(t->options), left = 0, done = 0;
	size_t size = 1;
	char *at;

	for (unsigned i = 0; i < n; i++) {
		size += strlen(name(t->options, i)) + sizeof ", and ";
		left += opens(t, i);
	}
	free(t->names);
	t->names = at = calloc(1, size);
	t->output = at ? at : "the dump";
	for (unsigned i = 0; at && i < n; i++) {
		if (!opens(t, i))
			continue;
		at += sprintf(at, "%s%s",
			      !done             ? ""
			      : done + 1 < left ? ", "
			      : left > 2        ? ", and "
						: " and ",
			      name(t->options, i));
		done++;
	}
}

/* Of files that are there the same is found out when they are open, by whatever names. */
static bool named_twice(struct tool *t, unsigned i)
{
	struct stat st;

	for (unsigned k = 0; k < i; k++) {
		if (strcmp(name(t->options, i), name(t->options, k)) || !lstat(name(t->options, i), &st))
			continue;
		msg(t->messages, MSG_ERROR, "%s is named twice: give each piece a file of its own",
		    name(t->options, i));
		return true;
	}
	return false;
}

/* t->output is the piece's name for a moment: errors are about it. */
bool split_allowed(struct tool *t)
{
	const char *all = t->output;
	bool ok = true;

	for (unsigned i = 0; ok && i < count(t->options); i++) {
		t->output = name(t->options, i);
		ok = !named_twice(t, i) && tool_file_allowed(t);
	}
	t->output = all;
	return ok;
}

/* Two names of one file (links, or given twice) would be one piece over another. */
static bool different_files(struct tool *t)
{
	struct stat a, b;

	for (unsigned i = 1; i < t->piece_count; i++) {
		for (unsigned k = 0; k < i; k++) {
			if (stat(name(t->options, i), &a) || stat(name(t->options, k), &b) || !tool_same_file(&a, &b))
				continue;
			msg(t->messages, MSG_ERROR, "%s and %s are the same file: give each piece one of its own",
			    name(t->options, k), name(t->options, i));
			return false;
		}
	}
	return true;
}

static struct dumpfilter_sink *new_sink(struct tool *t)
{
	struct dumpfilter_sink *sink;

	if (!tool_asked(t, OPT_DRY_RUN))
		return tool_new_file(t);
	sink = dumpfilter_sink_null(t->df);
	if (tool_limit_sink(t, sink))
		return sink;
	dumpfilter_sink_free(sink);
	return NULL;
}

bool split_make_sinks(struct tool *t)
{
	unsigned n = count(t->options);
	const char *all = t->output;

	t->pieces = calloc(n, sizeof *t->pieces);
	if (!t->pieces) {
		msg(t->messages, MSG_ERROR, "out of memory");
		return false;
	}
	while (t->piece_count < n) {
		t->output = name(t->options, t->piece_count);
		t->pieces[t->piece_count] = new_sink(t);
		if (!t->pieces[t->piece_count])
			break;
		t->piece_count++;
	}
	t->output = all;
	t->several = true;
	return t->piece_count == n && (tool_asked(t, OPT_DRY_RUN) || different_files(t));
}

int split_run(struct tool *t)
{
	struct dumpfilter_split_opts o = DUMPFILTER_SPLIT_OPTS_INIT;

	o.block_bytes = t->options->splitblock;
	return dumpfilter_run_split(t->df, t->pieces, t->piece_count, &o);
}

void split_report(struct tool *t)
{
	for (unsigned i = 0; i < t->piece_count; i++) {
		struct dumpfilter_piece p = DUMPFILTER_PIECE_INIT;

		if (dumpfilter_piece(t->df, i, &p) < 0)
			return;
		if (p.result >= 0)
			report_output(t->report, name(t->options, i), p.output_size);
		msg(t->messages, MSG_REPORT,
		    "%s: page frames %#" PRIx64 " to %#" PRIx64 ", %" PRIu64 " of %" PRIu64 " pages, %" PRIu64
		    " bytes%s",
		    name(t->options, i), p.start_pfn, p.end_pfn, p.written_pages, p.kept_pages, p.bytes_out,
		    p.result < 0 ? ", nothing that opens"
		    : p.result   ? ", incomplete"
				 : "");
	}
}

void split_name_left(struct tool *t)
{
	unsigned left = 0;

	split_set_output(t);
	for (unsigned i = 0; i < t->piece_count; i++)
		if (opens(t, i))
			left++;
		else
			msg(t->messages, MSG_ERROR,
			    "%s: nothing was written that opens, and the other files cannot be joined without it",
			    name(t->options, i));
	t->several = left > 1;
}
