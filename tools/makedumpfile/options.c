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

void options_refuse(struct options *o, enum refusal why, const char *fmt, ...)
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

struct option_name option_name(const struct option_row *row)
{
	struct option_name n;

	if (row->long_name)
		snprintf(n.text, sizeof n.text, "--%s", row->long_name);
	else
		snprintf(n.text, sizeof n.text, "-%c", row->letter);
	return n;
}

static void refuse_argument(struct options *o, const struct option_row *row, const char *arg, const char *expected)
{
	options_refuse(o, REFUSED_ARGUMENT, "%s '%.100s': expected %s", option_name(row).text, arg, expected);
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
	char expected[80];

	if (read_number(arg, min, max, value))
		return true;
	snprintf(expected, sizeof expected, "a number from %ld to %ld", min == INT_MIN ? 0 : min, max);
	refuse_argument(o, row, arg, expected);
	return false;
}

static void opt_flag(struct options *o, const struct option_row *row, const char *arg)
{
	(void)arg;
	o->asked |= UINT64_C(1) << row->id;
}

static void opt_text(struct options *o, const struct option_row *row, const char *arg)
{
	if (!*arg)
		refuse_argument(o, row, arg, "a name");
	o->text[row->id] = arg;
	opt_flag(o, row, NULL);
}

static void opt_codec(struct options *o, const struct option_row *row, const char *arg)
{
	(void)arg;
	o->codec = row->param;
	opt_flag(o, row, NULL);
}

/* One element of a list of levels; empty ones count for nothing. */
static void add_level(struct options *o, const struct option_row *row, const char *element, const char *arg)
{
	long v;

	if (!*element)
		return;
	if (!read_number(element, 0, DUMPFILTER_LEVEL_MAX, &v))
		refuse_argument(o, row, arg,
				strchr(arg, ',') ? "numbers from 0 to 31 with commas between them"
						 : "a number from 0 to 31");
	else if (o->level_count == MAX_LEVELS)
		refuse_argument(o, row, arg, "32 levels at most");
	else
		o->levels[o->level_count++] = (int)v;
}

static void opt_level(struct options *o, const struct option_row *row, const char *arg)
{
	char element[8];

	o->level_count = 0;
	for (const char *at = arg; *at; at += *at == ',') {
		size_t n = strcspn(at, ",");

		snprintf(element, sizeof element, "%.*s", (int)(n < sizeof element ? n : sizeof element), at);
		add_level(o, row, element, arg);
		at += n;
	}
	if (!o->level_count)
		refuse_argument(o, row, arg, "a number from 0 to 31");
}

static void opt_compression_level(struct options *o, const struct option_row *row, const char *arg)
{
	long v;

	if (!read_number(arg, INT_MIN, INT_MAX, &v) || !v)
		refuse_argument(o, row, arg, "a number other than 0");
	else
		o->compression_level = (int)v;
	opt_flag(o, row, NULL);
}

static void opt_dry_run(struct options *o, const struct option_row *row, const char *arg)
{
	if (arg && strcmp(arg, "exact"))
		refuse_argument(o, row, arg, "nothing, or 'exact'");
	o->exact = arg;
	opt_flag(o, row, NULL);
}

static void opt_message_level(struct options *o, const struct option_row *row, const char *arg)
{
	long v;

	if (number_argument(o, row, arg, 0, MSG_ALL, &v))
		o->message_level = (unsigned)v;
}

static void opt_progress(struct options *o, const struct option_row *row, const char *arg)
{
	static const char *const kinds[] = {
		[PROGRESS_TEXT] = "text", [PROGRESS_JSON] = "json", [PROGRESS_NONE] = "none"
	};

	for (unsigned i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		if (!strcmp(arg, kinds[i])) {
			o->progress = (enum progress_kind)i;
			return;
		}
	}
	refuse_argument(o, row, arg, "text, json or none");
}

/* Negative numbers count as 0: callers compute this number. */
static void opt_threads(struct options *o, const struct option_row *row, const char *arg)
{
	long v;

	if (number_argument(o, row, arg, INT_MIN, INT_MAX, &v))
		o->threads = v > 1 ? (unsigned)v : 1;
}

/* A number of bytes, or one with a unit behind it that units lists in the order of its power of 1024: false = it is
 * none, or too large. */
static bool read_size(const char *text, int base, const char *units, uint64_t *bytes)
{
	unsigned long long v;
	unsigned shift = 0;
	const char *unit;
	char *end;

	if (!isdigit((unsigned char)*text))
		return false;
	errno = 0;
	v = strtoull(text, &end, base);
	if (*end) {
		unit = strchr(units, toupper((unsigned char)*end));
		if (!unit || end[1])
			return false;
		shift = 10 * (unsigned)(unit - units + 1);
	}
	*bytes = (uint64_t)v << shift;
	return !errno && *bytes >> shift == v;
}

static void opt_memory_limit(struct options *o, const struct option_row *row, const char *arg)
{
	uint64_t bytes;

	if (!read_size(arg, 10, "KMG", &bytes) || bytes > SIZE_MAX)
		refuse_argument(o, row, arg, "a number of bytes, or one with K, M or G behind it");
	else
		o->memory_limit = bytes ? (size_t)bytes : DUMPFILTER_MEMORY_UNLIMITED;
}

static void opt_size_limit(struct options *o, const struct option_row *row, const char *arg)
{
	if (!read_size(arg, 0, "KMGTPE", &o->size_limit) || !o->size_limit)
		refuse_argument(o, row, arg, "a number of bytes above 0, or one with K, M, G, T, P or E behind it");
	opt_flag(o, row, NULL);
}

static void opt_piece(struct options *o, const struct option_row *row, const char *arg)
{
	opt_text(o, row, arg);
	if (o->piece_count == MAX_PIECES)
		refuse_argument(o, row, arg, "fewer pieces");
	else
		o->pieces[o->piece_count++] = arg;
}

static void opt_splitblock(struct options *o, const struct option_row *row, const char *arg)
{
	long v;

	if (number_argument(o, row, arg, 0, INT_MAX, &v))
		o->splitblock = (uint64_t)v << 10;
	opt_flag(o, row, NULL);
}

/* Addresses are hexadecimal, with 0x or without. */
static void opt_vtop(struct options *o, const struct option_row *row, const char *arg)
{
	char *end;

	errno = 0;
	o->vtop = strtoull(arg, &end, 16);
	if (!isxdigit((unsigned char)*arg) || *end || errno)
		refuse_argument(o, row, arg, "a hexadecimal address");
	opt_flag(o, row, NULL);
}

static void opt_ignored_number(struct options *o, const struct option_row *row, const char *arg)
{
	long v;

	number_argument(o, row, arg, 0, row->param, &v);
}

static void opt_unsupported(struct options *o, const struct option_row *row, const char *arg)
{
	(void)arg;
	if (!o->unsupported)
		o->unsupported = row;
}

/* ------------------------------------------------------------------------------------------------ the table */

#define GROUP(title) { .help = title },
#define OPT(let, name, arg, handler, opt, par, text, more) \
	{ .letter = let,                                   \
	  .long_name = name,                               \
	  .argument = arg,                                 \
	  .handle = opt_##handler,                         \
	  .id = OPT_##opt,                                 \
	  .param = par,                                    \
	  .help = text },
const struct option_row option_rows[] = {
#include "options.def"
};
#undef GROUP
#undef OPT

#define ROWS (sizeof option_rows / sizeof option_rows[0])
const unsigned option_row_count = ROWS;

/* Short spellings that meant one option before others with the same beginning came. */
static const struct {
	const char *spelling, *option;
} short_spellings[] = {
	{ "mem", "mem-usage" },
	{ "co", "config" },
	{ "p", "partial-dmesg" },
	{ "v", "vtop" },
};
#define SPELLINGS (sizeof short_spellings / sizeof short_spellings[0])

#define LONG_BASE 256 /* getopt's value of a long option is this + its row */

struct getopt_tables {
	char shorts[2 * ROWS + 1];
	struct option longs[ROWS + SPELLINGS + 1];
};

static int argument_kind(const struct option_row *row)
{
	if (!row->argument)
		return no_argument;
	return row->argument[0] == '[' ? optional_argument : required_argument;
}

static struct option long_option(const char *name, const struct option_row *row)
{
	return (struct option){ .name = name,
				.has_arg = argument_kind(row),
				.val = LONG_BASE + (int)(row - option_rows) };
}

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
		if (!row->long_name)
			continue;
		*l++ = long_option(row->long_name, row);
		for (unsigned k = 0; k < SPELLINGS; k++)
			if (!strcmp(short_spellings[k].option, row->long_name))
				*l++ = long_option(short_spellings[k].spelling, row);
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
	static char name[] = "makedumpfile";
	struct getopt_tables tables;
	int value;

	make_getopt_tables(&tables);
	if (argc > 0)
		argv[0] = name; /* getopt's own lines begin as ours do, whatever the path was */
	while ((value = getopt_long(argc, argv, tables.shorts, tables.longs, NULL)) != -1) {
		const struct option_row *row = row_of(value);

		if (row)
			row->handle(o, row, optarg);
		else
			options_refuse(o, REFUSED_COMBINATION, "%s", ""); /* getopt has said what it is */
	}
	o->operands = argv + optind;
	o->operand_count = argc - optind;
}

static enum mode choose_mode(const struct options *o)
{
	static const struct {
		enum option_id id;
		enum mode mode;
	} order[] = {
		{ OPT_HELP, MODE_HELP },           { OPT_VERSION, MODE_VERSION },       { OPT_GENERATE, MODE_GENERATE },
		{ OPT_REARRANGE, MODE_REARRANGE }, { OPT_REASSEMBLE, MODE_REASSEMBLE }, { OPT_DMESG, MODE_DMESG },
		{ OPT_MEM_USAGE, MODE_MEM_USAGE },
	};

	for (unsigned i = 0; i < sizeof order / sizeof *order; i++)
		if (asked(o, order[i].id))
			return order[i].mode;
	return MODE_DUMP;
}

void options_read(struct options *o, int argc, char *argv[])
{
	*o = (struct options){ .codec = DUMPFILTER_CODEC_NONE, .message_level = MSG_DEFAULT, .level_count = 1 };
	parse(o, argc, argv);
	for (unsigned i = 0; i < o->level_count; i++)
		if (o->levels[i])
			o->asked |= UINT64_C(1) << OPT_LEVEL;
	if (asked(o, OPT_DEBUG))
		o->message_level |= MSG_DEBUG;
	if (asked(o, OPT_STATS))
		o->message_level |= MSG_REPORT;
	if (asked(o, OPT_CHECK))
		o->message_level = MSG_DEFAULT;
	o->mode = choose_mode(o);
}
