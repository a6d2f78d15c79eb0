/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the modes share: one run of the tool, its context, its input and its output. */
#ifndef MAKEDUMPFILE_TOOL_H
#define MAKEDUMPFILE_TOOL_H

#include "messages.h"
#include "options.h"
#include "progress.h"

struct tool {
	const struct options *options;
	struct messages *messages;
	struct progress progress;
	struct dumpfilter *df;
	struct dumpfilter_sink *inner; /* below a flattened sink, else NULL */
	struct dumpfilter_sink *sink;
	uint64_t counted;      /* dry run with -F or -R: size of the output */
	const char *output;    /* for messages */
	struct report *report; /* --json; NULL: none is asked for */
	int status;            /* exit status of a run that fails */
};

static inline bool tool_asked(const struct tool *t, enum option_id id)
{
	return asked(t->options, id);
}

/* Print what the library says of the last call that failed. */
void tool_library_error(struct tool *t);

/* May t->output be written?  Says why not.  path: it is a file; stream: it is standard output. */
bool tool_file_allowed(struct tool *t);
bool tool_stream_allowed(struct tool *t);

/* t->sink becomes a file named t->output; false: said why not. */
bool tool_make_file(struct tool *t);
/* Give back what the last attempt wrote to. */
void tool_drop_sinks(struct tool *t);

/* Hand the options over to the library, with this dump level. */
bool tool_configure(struct tool *t, int level);
/* Open the input: the first name. */
bool tool_open_input(struct tool *t);
/* Debug messages about the input. */
void tool_print_input(struct tool *t);
/* --vtop: where the address is, or that it is nowhere. */
void tool_print_vtop(struct tool *t);

void tool_print_incomplete(struct tool *t, const char *what);
/* "The dumpfile is saved to …", or what a dry run has found. */
void tool_print_saved(struct tool *t, uint64_t bytes);

/* The modes: each does all of its work and says what came of it; false: exit status 1. */
bool mode_dump(struct tool *t);
bool mode_dmesg(struct tool *t);
bool mode_rearrange(struct tool *t);
bool mode_usage(struct tool *t);

#endif
