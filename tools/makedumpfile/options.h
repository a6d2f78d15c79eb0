/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The command line: what was asked for, and whether that makes sense. */
#ifndef MAKEDUMPFILE_OPTIONS_H
#define MAKEDUMPFILE_OPTIONS_H

#include "messages.h"
#include "progress.h"

#include <stdbool.h>

/* What can be asked for: the ids of options.def. */
enum option_id {
	OPT_FLAT,
	OPT_REARRANGE,
	OPT_SPLIT,
	OPT_SPLITBLOCK,
	OPT_REASSEMBLE,
	OPT_PIECE,
	OPT_DMESG,
	OPT_DMESG_PARTIAL,
	OPT_DMESG_LEVELS,
	OPT_MEM_USAGE,
	OPT_GENERATE,
	OPT_DRY_RUN,
	OPT_CHECK,
	OPT_HELP,
	OPT_VERSION,
	OPT_LEVEL, /* other than 0 */
	OPT_CODEC,
	OPT_COMPRESSION_LEVEL,
	OPT_VMEMMAP,
	OPT_ELF,
	OPT_SIZE_LIMIT,
	OPT_FORCE,
	OPT_VMLINUX,
	OPT_VMCOREINFO,
	OPT_VTOP,
	OPT_THREADS,
	OPT_MEMORY_LIMIT,
	OPT_NO_MMAP,
	OPT_WORK_DIR,
	OPT_MESSAGE_LEVEL,
	OPT_DEBUG,
	OPT_STATS,
	OPT_PROGRESS,
	OPT_JSON,
	OPT_IGNORED,
	OPT_ERASE,
	OPT_EXTENSION,
	OPT_SADUMP,
	OPT_XEN,
	OPT_COUNT,
};

struct options;

/* One line of options.def.  A group has only its title, in help. */
struct option_row {
	int letter;            /* 0 = none */
	const char *long_name; /* NULL = none */
	const char *argument;  /* NULL = takes none; "[=word]": one that need not be there */
	void (*handle)(struct options *options, const struct option_row *row, const char *arg);
	enum option_id id;
	int param;
	const char *help;
};
extern const struct option_row option_rows[];
extern const unsigned option_row_count;

static inline bool option_is_group(const struct option_row *row)
{
	return !row->handle;
}

/* "--num-threads", "-d" */
struct option_name {
	char text[32];
};
struct option_name option_name(const struct option_row *row);

/* What is wrong with the command line. */
enum refusal {
	REFUSED_NOT = 0,
	REFUSED_ARGUMENT,    /* the argument of one option, or something this build lacks: the text says all */
	REFUSED_COMBINATION, /* the command line as a whole: a hint at --help follows */
};

/* What is done, in the order in which it is chosen. */
enum mode {
	MODE_HELP,
	MODE_VERSION,
	MODE_GENERATE,
	MODE_REARRANGE,
	MODE_REASSEMBLE,
	MODE_DMESG,
	MODE_MEM_USAGE,
	MODE_DUMP,
};

#define MAX_LEVELS 32 /* in a list of dump levels */
#define MAX_PIECES (DUMPFILTER_PIECES_MAX - 1)

struct options {
	uint64_t asked; /* a bit for each enum option_id */
	enum mode mode;
	const char *text[OPT_COUNT]; /* arguments of options that take a name, by id; NULL = not given */
	int levels[MAX_LEVELS];      /* the first is used first */
	unsigned level_count;        /* at least 1 */
	int codec;                   /* enum dumpfilter_codec */
	int compression_level;
	bool exact;                     /* dry run: read and compress all */
	unsigned threads;               /* 0 = not given */
	size_t memory_limit;            /* as in struct dumpfilter_config; 0 = default */
	uint64_t size_limit;            /* bytes; 0 = none */
	uint64_t splitblock;            /* bytes; 0 = default */
	uint64_t vtop;                  /* address */
	const char *pieces[MAX_PIECES]; /* of the split dump that the first name is a piece of */
	unsigned piece_count;
	enum progress_kind progress;
	unsigned message_level;               /* bits of enum message_class */
	const struct option_row *unsupported; /* the first such option */

	char *const *operands;
	int operand_count;

	enum refusal refusal; /* the first one */
	char reason[512];     /* empty where getopt has already said it */
};

static inline bool asked(const struct options *options, enum option_id id)
{
	return options->asked >> id & 1;
}

/* Read the command line.  Goes through all of it even where something is wrong, so that the message level and the
 * stream of the messages are known.  Result in options->refusal. */
void options_read(struct options *options, int argc, char *argv[]);

/* The first fault that is found counts. */
void options_refuse(struct options *options, enum refusal why, const char *fmt, ...) DUMPFILTER_PRINTF(3, 4);
/* Print why the command line is refused. */
void options_print_refusal(const struct options *options, struct messages *messages);

/* combine.c, after reading: whether what was asked for goes together, and how many names the mode takes. */
void options_check(struct options *options);

/* --help and -v, common class. */
void usage_print_help(struct messages *messages);
void usage_print_version(struct messages *messages);

#endif
