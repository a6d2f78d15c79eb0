/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The command line: what was asked for, and whether that makes sense. */
#ifndef MAKEDUMPFILE_OPTIONS_H
#define MAKEDUMPFILE_OPTIONS_H

#include "messages.h"

#include <stdbool.h>

enum option_flag {
	FLAG_FLAT = 1 << 0,
	FLAG_REARRANGE = 1 << 1,
	FLAG_DRY_RUN = 1 << 2,
	FLAG_CHECK = 1 << 3,
	FLAG_HELP = 1 << 4,
	FLAG_VERSION = 1 << 5,
	FLAG_ELF = 1 << 6,
	FLAG_FORCE = 1 << 7,
	FLAG_NO_MMAP = 1 << 8,
	FLAG_DEBUG = 1 << 9,
	FLAG_STATS = 1 << 10,
	FLAG_DMESG = 1 << 20,
	FLAG_DMESG_PARTIAL = 1 << 21,
	FLAG_DMESG_LEVELS = 1 << 22,
	FLAG_VMEMMAP = 1 << 11,
};

struct options;

/* One line of options.def.  A group has only its title, in help. */
struct option_row {
	int letter;            /* 0 = none */
	const char *long_name; /* NULL = none */
	const char *argument;  /* NULL = takes none */
	void (*handle)(struct options *o, const struct option_row *row, const char *arg);
	int param;
	const char *help;
};
extern const struct option_row option_rows[];
extern const unsigned option_row_count;

static inline bool option_is_group(const struct option_row *row)
{
	return !row->handle;
}

/* What is wrong with the command line. */
enum refusal {
	REFUSED_NOT = 0,
	REFUSED_ARGUMENT,    /* the argument of one option, or something this build lacks: the text says all */
	REFUSED_COMBINATION, /* the command line as a whole: a hint at --help follows */
};

struct options {
	unsigned flags; /* enum option_flag */
	int level;
	int codec;           /* enum dumpfilter_codec */
	unsigned threads;    /* 0 = not given */
	size_t memory_limit; /* as in struct dumpfilter_config; 0 = default */
	unsigned message_level;
	const struct option_row *unsupported; /* the first such option */

	char *const *operands;
	int operand_count;

	enum refusal refusal; /* the first one */
	char reason[512];     /* empty where getopt has already said it */
};

/* Read and check the command line.  Goes through all of it even where something is wrong, so that the message level
 * and the stream of the messages are known.  Result in o->refusal. */
void options_read(struct options *o, int argc, char *argv[]);

/* Print why the command line is refused. */
void options_print_refusal(const struct options *o, struct messages *m);

/* --help and -v, common class. */
void usage_print_help(struct messages *m);
void usage_print_version(struct messages *m);

#endif
