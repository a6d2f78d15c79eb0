/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "split.h"

#include "report.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static unsigned count(const struct options *options)
{
	return (unsigned)options->operand_count - 1;
}

static const char *name(const struct options *options, unsigned i)
{
	return options->operands[i + 1];
}

/* Has the run left something of it that opens?  Before a run: it may. */
static bool opens(const struct tool *tool, unsigned i)
{
	struct dumpfilter_piece piece = DUMPFILTER_PIECE_INIT;

	return !tool->pieces || dumpfilter_piece(tool->df, i, &piece) < 0 || piece.result >= 0;
}

void split_set_output(struct tool *tool)
{
	unsigned pieces = count(tool->options), left = 0, done = 0;
	size_t size = 1;
	char *at;

	for (unsigned i = 0; i < pieces; i++) {
		size += strlen(name(tool->options, i)) + sizeof ", and ";
		left += opens(tool, i);
	}
	free(tool->names);
	tool->names = at = calloc(1, size);
	tool->output = at ? at : "the dump";
	for (unsigned i = 0; at && i < pieces; i++) {
		if (!opens(tool, i))
			continue;
		at += sprintf(at, "%s%s",
			      !done             ? ""
			      : done + 1 < left ? ", "
			      : left > 2        ? ", and "
						: " and ",
			      name(tool->options, i));
		done++;
	}
}

/* Of files that are there the same is found out when they are open, by whatever names. */
static bool named_twice(struct tool *tool, unsigned i)
{
	struct stat st;

	for (unsigned other = 0; other < i; other++) {
		if (strcmp(name(tool->options, i), name(tool->options, other)) || !lstat(name(tool->options, i), &st))
			continue;
		msg(tool->messages, MSG_ERROR, "%s is named twice: give each piece a file of its own",
		    name(tool->options, i));
		return true;
	}
	return false;
}

/* tool->output is the piece's name for a moment: errors are about it. */
bool split_allowed(struct tool *tool)
{
	const char *all = tool->output;
	bool ok = true;

	for (unsigned i = 0; ok && i < count(tool->options); i++) {
		tool->output = name(tool->options, i);
		ok = !named_twice(tool, i) && tool_file_allowed(tool);
	}
	tool->output = all;
	return ok;
}

/* Two names of one file (links, or given twice) would be one piece over another. */
static bool different_files(struct tool *tool)
{
	struct stat first, second;

	for (unsigned i = 1; i < tool->piece_count; i++) {
		for (unsigned other = 0; other < i; other++) {
			if (stat(name(tool->options, i), &first) || stat(name(tool->options, other), &second) ||
			    !tool_same_file(&first, &second))
				continue;
			msg(tool->messages, MSG_ERROR, "%s and %s are the same file: give each piece one of its own",
			    name(tool->options, other), name(tool->options, i));
			return false;
		}
	}
	return true;
}

static struct dumpfilter_sink *new_sink(struct tool *tool)
{
	struct dumpfilter_sink *sink;

	if (!tool_asked(tool, OPT_DRY_RUN))
		return tool_new_file(tool);
	sink = dumpfilter_sink_null(tool->df);
	if (tool_limit_sink(tool, sink))
		return sink;
	dumpfilter_sink_free(sink);
	return NULL;
}

bool split_make_sinks(struct tool *tool)
{
	unsigned pieces = count(tool->options);
	const char *all = tool->output;

	tool->pieces = calloc(pieces, sizeof *tool->pieces);
	if (!tool->pieces) {
		msg(tool->messages, MSG_ERROR, "out of memory");
		return false;
	}
	while (tool->piece_count < pieces) {
		tool->output = name(tool->options, tool->piece_count);
		tool->pieces[tool->piece_count] = new_sink(tool);
		if (!tool->pieces[tool->piece_count])
			break;
		tool->piece_count++;
	}
	tool->output = all;
	tool->several = true;
	return tool->piece_count == pieces && (tool_asked(tool, OPT_DRY_RUN) || different_files(tool));
}

int split_run(struct tool *tool)
{
	struct dumpfilter_split_opts options = DUMPFILTER_SPLIT_OPTS_INIT;

	options.block_bytes = tool->options->splitblock;
	return dumpfilter_run_split(tool->df, tool->pieces, tool->piece_count, &options);
}

void split_report(struct tool *tool)
{
	for (unsigned i = 0; i < tool->piece_count; i++) {
		struct dumpfilter_piece piece = DUMPFILTER_PIECE_INIT;

		if (dumpfilter_piece(tool->df, i, &piece) < 0)
			return;
		if (piece.result >= 0)
			report_output(tool->report, name(tool->options, i), piece.output_size);
		msg(tool->messages, MSG_REPORT,
		    "%s: page frames %#" PRIx64 " to %#" PRIx64 ", %" PRIu64 " of %" PRIu64 " pages, %" PRIu64
		    " bytes%s",
		    name(tool->options, i), piece.start_pfn, piece.end_pfn, piece.written_pages, piece.kept_pages,
		    piece.bytes_out,
		    piece.result < 0 ? ", nothing that opens"
		    : piece.result   ? ", incomplete"
				     : "");
	}
}

void split_name_left(struct tool *tool)
{
	unsigned left = 0;

	split_set_output(tool);
	for (unsigned i = 0; i < tool->piece_count; i++)
		if (opens(tool, i))
			left++;
		else
			msg(tool->messages, MSG_ERROR,
			    "%s: nothing was written that opens, and the other files cannot be joined without it",
			    name(tool->options, i));
	tool->several = left > 1;
}
