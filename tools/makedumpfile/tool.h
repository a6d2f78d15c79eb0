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

static inline bool tool_asked(const struct tool *t, enum option_id id)
{
	return asked(t->options, id);
}

/* What a shell sees of a run with this status: where a signal ends it 128 + the signal. */
static inline int tool_exit_status(const struct tool *t, int status)
{
	return t->signal ? 128 + t->signal : status;
}

/* Print what the library says of the last call that failed. */
void tool_library_error(struct tool *t);

/* allowed.c.  May t->output be written?  Says why not.  path: it is a file; stream: it is standard output. */
bool tool_file_allowed(struct tool *t);
bool tool_stream_allowed(struct tool *t);

/* May a report be written where --json says?  Says why not. */
bool tool_report_allowed(struct tool *t);

/* A file named t->output, or NULL: said why not. */
struct dumpfilter_sink *tool_new_file(struct tool *t);
/* It becomes t->sink; false: said why not. */
bool tool_make_file(struct tool *t);
/* a and b are one file, or one device. */
bool tool_same_file(const struct stat *a, const struct stat *b);
/* Let a sink have no more than -L says; false: said why not.  NULL is an error of the library. */
bool tool_limit_sink(struct tool *t, struct dumpfilter_sink *sink);
/* An output is as large as -L allows. */
bool tool_at_limit(const struct tool *t);
/* Say that an output is full, and of what kind: the disk, for which the library has a text, or -L. */
void tool_print_full(struct tool *t, const char *why);
/* Give back what the last attempt wrote to. */
void tool_drop_sinks(struct tool *t);

/* Hand the options over to the library, with this dump level. */
bool tool_configure(struct tool *t, int level);
/* The i-th file of the input, of which a split dump has several; NULL: there is none. */
const char *tool_input(const struct options *o, unsigned i);
const char *tool_input_name(const struct tool *t);

/* input.c.  Open the input: what the mode's names and --piece say; "-" is standard input.  With what -x or -i say of
 * its kernel. */
bool tool_open_input(struct tool *t);
/* stdin.c: open standard input: as it is where it is a file, else as a copy. */
bool tool_open_stdin(struct tool *t, unsigned flags);
/* Debug messages about the input. */
void tool_print_input(struct tool *t);
/* --vtop: where the address is, or that it is nowhere. */
void tool_print_vtop(struct tool *t);

void tool_print_incomplete(struct tool *t, const char *what);
/* "The dumpfile is saved to …", or what a dry run has found. */
void tool_print_saved(struct tool *t, uint64_t bytes);

/* levels.c: the dump levels of -d, one after the other, as long as the output runs full. */
enum outcome { OUTCOME_DONE, OUTCOME_FAILED, OUTCOME_FULL };
struct attempt_ops {
	void *user;
	/* Make the outputs and write them, at the level that is configured.  What came of it is said, but for FULL. */
	enum outcome (*attempt)(struct tool *t, void *user);
	/* Can what the last attempt has written be given up?  Says why not. */
	bool (*can_take_back)(struct tool *t);
	/* Before another attempt: do it.  The sinks are freed then. */
	bool (*take_back)(struct tool *t);
	/* Say that what the last attempt left is incomplete. */
	void (*incomplete)(struct tool *t, void *user);
};
/* From the level with this number on.  The first one is configured and may be planned. */
bool tool_try_levels(struct tool *t, const struct attempt_ops *ops, unsigned from);

/* The modes: each does all of its work and says what came of it; false: exit status 1. */
bool mode_dump(struct tool *t);
bool mode_dmesg(struct tool *t);
bool mode_generate(struct tool *t);
bool mode_rearrange(struct tool *t);
bool mode_reassemble(struct tool *t);
bool mode_usage(struct tool *t);

#endif
