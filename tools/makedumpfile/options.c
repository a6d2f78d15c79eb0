/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "options.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------------------------------------------ refusing */

static void refuse(struct options *o, enum refusal why, const char *fmt, ...) DUMPFILTER_PRINTF(3, 4);
static void refuse(struct options *o, enum refusal why, const char *fmt, ...)
{
	va_list ap;

	if (o->refusal)
		return;
	o->refusal = why;
	va_start(ap, fmt);
	vsnprintf(o->reason, sizeof o->reason, fmt, ap);
	va_end(ap);
}

void options_print_refusal(const struct options *o, struct messages *m)
{
	if (o->reason[0])
		msg(m, MSG_ERROR, "%s", o->reason);
	if (o->refusal != REFUSED_COMBINATION)
		return;
	msg(m, MSG_COMMON, "Commandline parameter is invalid.");
	msg(m, MSG_COMMON, "Try `makedumpfile --help' for more information.");
}

/* ------------------------------------------------------------------------------------------------ handlers */

struct option_name {
	char text[32];
};

static struct option_name name_of(const struct option_row *row)
{
	struct option_name n;

	if (row->long_name)
		snprintf(n.text, sizeof n.text, "--%s", row->long_name);
	else
		snprintf(n.text, sizeof n.text, "-%c", row->letter);
	return n;
}

/* A decimal number with nothing before or behind it. */
static bool read_number(const char *text, long min, long max, long *value)
{
	char *end;

	if (!isdigit((unsigned char)text[text[0] == '-']))
		return false;
	errno = 0;
	*value = strtol(text, &end, 10);
	return !*end && !errno && *value >= min && *value <= max;
}

static bool number_argument(struct options *o, const struct option_row *row, const char *arg, long min, long max,
			    long *value)
{
	if (read_number(arg, min, max, value))
		return true;
	refuse(o, REFUSED_ARGUMENT, "%s '%.100s': expected a number from %ld to %ld", name_of(row).text, arg,
	       min < 0 ? 0 : min, max);
	return false;
}

static void opt_flag(struct options *o, const struct option_row *row, const char *arg)
{
	(void)arg;
	o->flags |= (unsigned)row->param;
}

static void opt_codec(struct options *o, const struct option_row *row, const char *arg)
{
	(void)arg;
	o->codec = row->param;
}

static void opt_level(struct options *o, const struct option_row *row, const char *arg)
{
	long v;

	if (strchr(arg, ','))
		refuse(o, REFUSED_ARGUMENT, "%s '%.100s': a list of dump levels is not supported yet: give one level",
		       name_of(row).text, arg);
	else if (number_argument(o, row, arg, 0, DUMPFILTER_LEVEL_MAX, &v))
		o->level = (int)v;
}

static void opt_message_level(struct options *o, const struct option_row *row, const char *arg)
{
	long v;

	if (number_argument(o, row, arg, 0, MSG_ALL, &v))
		o->message_level = (unsigned)v;
}

/* Negative numbers count as 0: callers compute this number. */
static void opt_threads(struct options *o, const struct option_row *row, const char *arg)
{
	long v;

	if (number_argument(o, row, arg, INT_MIN, INT_MAX, &v))
		o->threads = v > 1 ? (unsigned)v : 1;
}

/* A number of bytes, or of K, M, G: false = it is none, or too large for this machine. */
static bool read_size(const char *text, size_t *bytes)
{
	static const char units[] = "KMG";
	unsigned long long v;
	unsigned shift = 0;
	const char *unit;
	char *end;

	if (!isdigit((unsigned char)*text))
		return false;
	errno = 0;
	v = strtoull(text, &end, 10);
	if (*end) {
		unit = strchr(units, toupper((unsigned char)*end));
		if (!unit || end[1])
			return false;
		shift = 10 * (unsigned)(unit - units + 1);
	}
	*bytes = (size_t)v << shift;
	return !errno && *bytes >> shift == v;
}

static void opt_memory_limit(struct options *o, const struct option_row *row, const char *arg)
{
	if (!read_size(arg, &o->memory_limit))
		refuse(o, REFUSED_ARGUMENT, "%s '%.100s': expected a number of bytes, or one with K, M or G behind it",
		       name_of(row).text, arg);
	else if (!o->memory_limit)
		o->memory_limit = DUMPFILTER_MEMORY_UNLIMITED;
}

static void opt_ignored_number(struct options *o, const struct option_row *row, const char *arg)
{
	long v;

	number_argument(o, row, arg, 0, row->param, &v);
}

static void opt_ignored_text(struct options *o, const struct option_row *row, const char *arg)
{
	if (!*arg)
		refuse(o, REFUSED_ARGUMENT, "%s '': expected a name", name_of(row).text);
}

static void opt_unsupported(struct options *o, const struct option_row *row, const char *arg)
{
	(void)arg;
	if (!o->unsupported)
		o->unsupported = row;
}

/* ------------------------------------------------------------------------------------------------ the table */

#define GROUP(title) { .help = title },
#define OPT(let, name, arg, handler, par, text, more) \
	{ .letter = let, .long_name = name, .argument = arg, .handle = opt_##handler, .param = par, .help = text },
const struct option_row option_rows[] = {
#include "options.def"
};
#undef GROUP
#undef OPT

#define ROWS (sizeof option_rows / sizeof option_rows[0])
const unsigned option_row_count = ROWS;

#define LONG_BASE 256 /* getopt's value of a long option is this + its row */

struct getopt_tables {
	char shorts[2 * ROWS + 1];
	struct option longs[ROWS + 1];
};

static void make_getopt_tables(struct getopt_tables *t)
{
	struct option *l = t->longs;
	char *s = t->shorts;

	for (unsigned i = 0; i < ROWS; i++) {
		const struct option_row *row = &option_rows[i];

		if (row->letter)
			*s++ = (char)row->letter;
		if (row->letter && row->argument)
			*s++ = ':';
		if (row->long_name)
			*l++ = (struct option){ .name = row->long_name,
						.has_arg = row->argument ? required_argument : no_argument,
						.val = LONG_BASE + (int)i };
	}
	*s = '\0';
	*l = (struct option){ .name = NULL };
}

static const struct option_row *row_of(int value)
{
	if (value >= LONG_BASE)
		return &option_rows[value - LONG_BASE];
	for (unsigned i = 0; i < ROWS; i++)
		if (option_rows[i].letter == value && value)
			return &option_rows[i];
	return NULL;
}

static void parse(struct options *o, int argc, char *argv[])
{
	struct getopt_tables tables;
	int value;

	make_getopt_tables(&tables);
	while ((value = getopt_long(argc, argv, tables.shorts, tables.longs, NULL)) != -1) {
		const struct option_row *row = row_of(value);

		if (row)
			row->handle(o, row, optarg);
		else
			refuse(o, REFUSED_COMBINATION, "%s", ""); /* getopt has said what it is */
	}
	o->operands = argv + optind;
	o->operand_count = argc - optind;
}

/* ------------------------------------------------------------------------------------------------ checking */

static bool has(const struct options *o, unsigned flag)
{
	return o->flags & flag;
}

/* Name of the option that chose the compressor. */
static struct option_name codec_option(const struct options *o)
{
	for (unsigned i = 0; i < ROWS; i++)
		if (option_rows[i].handle == opt_codec && option_rows[i].param == o->codec)
			return name_of(&option_rows[i]);
	return (struct option_name){ "" };
}

/* First option given that -R cannot be combined with; empty text = none. */
static struct option_name against_rearrange(const struct options *o)
{
	if (o->codec != DUMPFILTER_CODEC_NONE)
		return codec_option(o);
	if (o->level)
		return (struct option_name){ "-d" };
	if (has(o, FLAG_ELF))
		return (struct option_name){ "-E" };
	if (has(o, FLAG_FLAT))
		return (struct option_name){ "-F" };
	if (has(o, FLAG_DMESG))
		return (struct option_name){ "--dump-dmesg" };
	if (has(o, FLAG_VMEMMAP))
		return (struct option_name){ "-e" };
	return (struct option_name){ "" };
}

static void check_rearrange(struct options *o)
{
	struct option_name other = against_rearrange(o);

	if (other.text[0])
		refuse(o, REFUSED_COMBINATION,
		       "-R cannot be combined with %s: it only changes the layout of the stream", other.text);
	else if (o->operand_count < 1)
		refuse(o, REFUSED_COMBINATION, "-R needs the name of the dump file to write");
	else if (o->operand_count > 1)
		refuse(o, REFUSED_COMBINATION,
		       "too many names from '%.200s' on: -R takes one, the stream comes from standard input",
		       o->operands[1]);
}

static void check_flat(struct options *o)
{
	if (o->operand_count < 1)
		refuse(o, REFUSED_COMBINATION, "-F needs the name of the vmcore");
	else if (o->operand_count > 1)
		refuse(o, REFUSED_COMBINATION,
		       "too many names from '%.200s' on: with -F give the vmcore only, the dump goes to standard "
		       "output",
		       o->operands[1]);
}

static void check_plain(struct options *o)
{
	if (o->operand_count < 1)
		refuse(o, REFUSED_COMBINATION, "the names of the vmcore and of the dump file to write are missing");
	else if (o->operand_count < 2)
		refuse(o, REFUSED_COMBINATION,
		       "the name of the dump file to write is missing (or -F to write to standard output)");
	else if (o->operand_count > 2)
		refuse(o, REFUSED_COMBINATION, "too many names from '%.200s' on: give one vmcore and one dump file",
		       o->operands[2]);
}

static void check_dump(struct options *o)
{
	if (o->codec != DUMPFILTER_CODEC_NONE && has(o, FLAG_ELF))
		refuse(o, REFUSED_COMBINATION, "-E cannot be combined with %s: ELF files are not compressed",
		       codec_option(o).text);
	else if (has(o, FLAG_FLAT))
		check_flat(o);
	else
		check_plain(o);
	if (!dumpfilter_codec_available(o->codec))
		refuse(o, REFUSED_ARGUMENT,
		       "%s: %s is not built in: choose another compressor (-v shows which there are)",
		       codec_option(o).text, dumpfilter_codec_name(o->codec));
}

static void check_dmesg(struct options *o)
{
	if (!has(o, FLAG_DMESG))
		refuse(o, REFUSED_COMBINATION, "%s needs --dump-dmesg",
		       has(o, FLAG_DMESG_PARTIAL) ? "--partial-dmesg" : "--dmesg-levels");
	else if (has(o, FLAG_DRY_RUN))
		refuse(o, REFUSED_COMBINATION, "--dry-run cannot be combined with --dump-dmesg: no dump is made");
}

static void check(struct options *o)
{
	if (o->refusal || has(o, FLAG_HELP | FLAG_VERSION))
		return;
	if (o->unsupported)
		refuse(o, REFUSED_ARGUMENT, "%s is not supported yet", name_of(o->unsupported).text);
	if (has(o, FLAG_DMESG | FLAG_DMESG_PARTIAL | FLAG_DMESG_LEVELS))
		check_dmesg(o);
	if (has(o, FLAG_REARRANGE))
		check_rearrange(o);
	else
		check_dump(o);
}

void options_read(struct options *o, int argc, char *argv[])
{
	*o = (struct options){ .codec = DUMPFILTER_CODEC_NONE, .message_level = MSG_DEFAULT };
	parse(o, argc, argv);
	if (has(o, FLAG_DEBUG))
		o->message_level |= MSG_DEBUG;
	if (has(o, FLAG_STATS))
		o->message_level |= MSG_REPORT;
	if (has(o, FLAG_CHECK))
		o->message_level = MSG_DEFAULT;
	check(o);
}
