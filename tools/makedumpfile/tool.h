/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the modes share: one run of the tool, its context, its input and its output. */
#ifndef MAKEDUMPFILE_TOOL_H
#define MAKEDUMPFILE_TOOL_H

#include "messages.h"
#include "options.h"
#include "output.h"
#include "progress.h"

#include <sys/stat.h>

struct tool {
	const struct options *options;
	struct messages *messages;
	struct progress progress;
	struct dumpfilter *df;
	struct dumpfilter_sink *inner; /* below a flattened sink, else NULL */
	struct dumpfilter_sink *sink;
	struct dumpfilter_sink **pieces; /* of a split dump; NULL: it is one file */
	unsigned piece_count;
	bool several;                /* output names more than one file */
	struct output_stream stream; /* of -F */
	uint64_t counted;            /* dry run with -F or -R: size of the output */
	const char *output;          /* for messages */
	char *names;                 /* what output is of a split dump */
	int level;                   /* that is configured */
	struct report *report;       /* --json; NULL: none is asked for */
	int status;                  /* exit status of a run that fails */
	int signal;                  /* that the program will end by; 0 = none */
	int input_copy;              /* of a standard input that cannot be read at offsets; 0 = none */
};

static inline bool tool_asked(const struct tool *tool, enum option_id id)
{
	return asked(tool->options, id);
}

/* What a shell sees of a run with this status: where a signal ends it 128 + the signal. */
static inline int tool_exit_status(const struct tool *tool, int status)
{
	return tool->signal ? 128 + tool->signal : status;
}

/* Print what the library says of the last call that failed. */
void tool_library_error(struct tool *tool);

/* allowed.c.  May tool->output be written?  Says why not.  path: it is a file; stream: it is standard output. */
bool tool_file_allowed(struct tool *tool);
bool tool_stream_allowed(struct tool *tool);

/* May a report be written where --json says?  Says why not. */
bool tool_report_allowed(struct tool *tool);

/* A file named tool->output, or NULL: said why not. */
struct dumpfilter_sink *tool_new_file(struct tool *tool);
/* It becomes tool->sink; false: said why not. */
bool tool_make_file(struct tool *tool);
/* first and other are one file, or one device. */
bool tool_same_file(const struct stat *stat, const struct stat *other);
/* Let a sink have no more than -L says; false: said why not.  NULL is an error of the library. */
bool tool_limit_sink(struct tool *tool, struct dumpfilter_sink *sink);
/* An output is as large as -L allows. */
bool tool_at_limit(const struct tool *tool);
/* Say that an output is full, and of what kind: the disk, for which the library has a text, or -L. */
void tool_print_full(struct tool *tool, const char *why);
/* Give back what the last attempt wrote to. */
void tool_drop_sinks(struct tool *tool);

/* Hand the options over to the library, with this dump level. */
bool tool_configure(struct tool *tool, int level);
/* The i-th file of the input, of which a split dump has several; NULL: there is none. */
const char *tool_input(const struct options *options, unsigned i);
const char *tool_input_name(const struct tool *tool);

/* input.c.  Open the input: what the mode's names and --piece say; "-" is standard input.  With what -x or -i say of
 * its kernel. */
bool tool_open_input(struct tool *tool);
/* stdin.c: open standard input: as it is where it is a file, else as a copy. */
bool tool_open_stdin(struct tool *tool, unsigned flags);
/* Debug messages about the input. */
void tool_print_input(struct tool *tool);
/* --vtop: where the address is, or that it is nowhere. */
void tool_print_vtop(struct tool *tool);

void tool_print_incomplete(struct tool *tool, const char *what);
/* "The dumpfile is saved to …", or what a dry run has found. */
void tool_print_saved(struct tool *tool, uint64_t bytes);

/* levels.c: the dump levels of -d, one after the other, as long as the output runs full. */
enum outcome { OUTCOME_DONE, OUTCOME_FAILED, OUTCOME_FULL };
struct attempt_ops {
	void *user;
	/* Make the outputs and write them, at the level that is configured.  What came of it is said, but for FULL. */
	enum outcome (*attempt)(struct tool *tool, void *user);
	/* Can what the last attempt has written be given up?  Says why not. */
	bool (*can_take_back)(struct tool *tool);
	/* Before another attempt: do it.  The sinks are freed then. */
	bool (*take_back)(struct tool *tool);
	/* Say that what the last attempt left is incomplete. */
	void (*incomplete)(struct tool *tool, void *user);
};
/* From the level with this number on.  The first one is configured and may be planned. */
bool tool_try_levels(struct tool *tool, const struct attempt_ops *attempt_ops, unsigned from);

/* The modes: each does all of its work and says what came of it; false: exit status 1. */
bool mode_dump(struct tool *tool);
bool mode_dmesg(struct tool *tool);
bool mode_generate(struct tool *tool);
bool mode_rearrange(struct tool *tool);
bool mode_reassemble(struct tool *tool);
bool mode_usage(struct tool *tool);

#endif
