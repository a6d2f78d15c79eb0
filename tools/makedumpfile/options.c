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

void options_refuse(struct options *options, enum refusal why, const char *fmt, ...)
{
	va_list ap;

	if (options->refusal)
		return;
	options->refusal = why;
	va_start(ap, fmt);
	vsnprintf(options->reason, sizeof options->reason, fmt, ap);
	va_end(ap);
}

void options_print_refusal(const struct options *options, struct messages *messages)
{
	if (options->reason[0])
		msg(messages, MSG_ERROR, "%s", options->reason);
	if (options->refusal != REFUSED_COMBINATION)
		return;
	msg(messages, MSG_COMMON, "Commandline parameter is invalid.");
	msg(messages, MSG_COMMON, "Try `makedumpfile --help' for more information.");
}

/* ------------------------------------------------------------------------------------------------ handlers */

struct option_name option_name(const struct option_row *row)
{
	struct option_name name;

	if (row->long_name)
		snprintf(name.text, sizeof name.text, "--%s", row->long_name);
	else
		snprintf(name.text, sizeof name.text, "-%c", row->letter);
	return name;
}

static void refuse_argument(struct options *options, const struct option_row *row, const char *arg,
			    const char *expected)
{
	options_refuse(options, REFUSED_ARGUMENT, "%s '%.100s': expected %s", option_name(row).text, arg, expected);
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

static bool number_argument(struct options *options, const struct option_row *row, const char *arg, long min, long max,
			    long *value)
{
	char expected[80];

	if (read_number(arg, min, max, value))
		return true;
	snprintf(expected, sizeof expected, "a number from %ld to %ld", min == INT_MIN ? 0 : min, max);
	refuse_argument(options, row, arg, expected);
	return false;
}

static void opt_flag(struct options *options, const struct option_row *row, const char *arg)
{
	(void)arg;
	options->asked |= UINT64_C(1) << row->id;
}

static void opt_text(struct options *options, const struct option_row *row, const char *arg)
{
	if (!*arg)
		refuse_argument(options, row, arg, "a name");
	options->text[row->id] = arg;
	opt_flag(options, row, NULL);
}

static void opt_codec(struct options *options, const struct option_row *row, const char *arg)
{
	(void)arg;
	options->codec = row->param;
	opt_flag(options, row, NULL);
}

/* One element of a list of levels; empty ones count for nothing. */
static void add_level(struct options *options, const struct option_row *row, const char *element, const char *arg)
{
	long level;

	if (!*element)
		return;
	if (!read_number(element, 0, DUMPFILTER_LEVEL_MAX, &level))
		refuse_argument(options, row, arg,
				strchr(arg, ',') ? "numbers from 0 to 31 with commas between them"
						 : "a number from 0 to 31");
	else if (options->level_count == MAX_LEVELS)
		refuse_argument(options, row, arg, "32 levels at most");
	else
		options->levels[options->level_count++] = (int)level;
}

static void opt_level(struct options *options, const struct option_row *row, const char *arg)
{
	char element[8];

	options->level_count = 0;
	for (const char *at = arg; *at; at += *at == ',') {
		size_t count = strcspn(at, ",");

		snprintf(element, sizeof element, "%.*s", (int)(count < sizeof element ? count : sizeof element), at);
		add_level(options, row, element, arg);
		at += count;
	}
	if (!options->level_count)
		refuse_argument(options, row, arg, "a number from 0 to 31");
}

static void opt_compression_level(struct options *options, const struct option_row *row, const char *arg)
{
	long level;

	if (!read_number(arg, INT_MIN, INT_MAX, &level) || !level)
		refuse_argument(options, row, arg, "a number other than 0");
	else
		options->compression_level = (int)level;
	opt_flag(options, row, NULL);
}

static void opt_dry_run(struct options *options, const struct option_row *row, const char *arg)
{
	if (arg && strcmp(arg, "exact"))
		refuse_argument(options, row, arg, "nothing, or 'exact'");
	options->exact = arg;
	opt_flag(options, row, NULL);
}

static void opt_message_level(struct options *options, const struct option_row *row, const char *arg)
{
	long level;

	if (number_argument(options, row, arg, 0, MSG_ALL, &level))
		options->message_level = (unsigned)level;
}

static void opt_progress(struct options *options, const struct option_row *row, const char *arg)
{
	static const char *const kinds[] = {
		[PROGRESS_TEXT] = "text", [PROGRESS_JSON] = "json", [PROGRESS_NONE] = "none"
	};

	for (unsigned i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		if (!strcmp(arg, kinds[i])) {
			options->progress = (enum progress_kind)i;
			return;
		}
	}
	refuse_argument(options, row, arg, "text, json or none");
}

/* Negative numbers count as 0: callers compute this number. */
static void opt_threads(struct options *options, const struct option_row *row, const char *arg)
{
	long threads;

	if (number_argument(options, row, arg, INT_MIN, INT_MAX, &threads))
		options->threads = threads > 1 ? (unsigned)threads : 1;
}

/* A number of bytes, or one with a unit behind it that units lists in the order of its power of 1024: false = it is
 * none, or too large. */
static bool read_size(const char *text, int base, const char *units, uint64_t *bytes)
{
	unsigned long long value;
	unsigned shift = 0;
	const char *unit;
	char *end;

	if (!isdigit((unsigned char)*text))
		return false;
	errno = 0;
	value = strtoull(text, &end, base);
	if (*end) {
		unit = strchr(units, toupper((unsigned char)*end));
		if (!unit || end[1])
			return false;
		shift = 10 * (unsigned)(unit - units + 1);
	}
	*bytes = (uint64_t)value << shift;
	return !errno && *bytes >> shift == value;
}

static void opt_memory_limit(struct options *options, const struct option_row *row, const char *arg)
{
	uint64_t bytes;

	if (!read_size(arg, 10, "KMG", &bytes) || bytes > SIZE_MAX)
		refuse_argument(options, row, arg, "a number of bytes, or one with K, M or G behind it");
	else
		options->memory_limit = bytes ? (size_t)bytes : DUMPFILTER_MEMORY_UNLIMITED;
}

static void opt_size_limit(struct options *options, const struct option_row *row, const char *arg)
{
	if (!read_size(arg, 0, "KMGTPE", &options->size_limit) || !options->size_limit)
		refuse_argument(options, row, arg,
				"a number of bytes above 0, or one with K, M, G, T, P or E behind it");
	opt_flag(options, row, NULL);
}

static void opt_piece(struct options *options, const struct option_row *row, const char *arg)
{
	opt_text(options, row, arg);
	if (options->piece_count == MAX_PIECES)
		refuse_argument(options, row, arg, "fewer pieces");
	else
		options->pieces[options->piece_count++] = arg;
}

static void opt_splitblock(struct options *options, const struct option_row *row, const char *arg)
{
	long size;

	if (number_argument(options, row, arg, 0, INT_MAX, &size))
		options->splitblock = (uint64_t)size << 10;
	opt_flag(options, row, NULL);
}

/* Addresses are hexadecimal, with 0x or without. */
static void opt_vtop(struct options *options, const struct option_row *row, const char *arg)
{
	char *end;

	errno = 0;
	options->vtop = strtoull(arg, &end, 16);
	if (!isxdigit((unsigned char)*arg) || *end || errno)
		refuse_argument(options, row, arg, "a hexadecimal address");
	opt_flag(options, row, NULL);
}

static void opt_ignored_number(struct options *options, const struct option_row *row, const char *arg)
{
	long value;

	number_argument(options, row, arg, 0, row->param, &value);
}

static void opt_unsupported(struct options *options, const struct option_row *row, const char *arg)
{
	(void)arg;
	if (!options->unsupported)
		options->unsupported = row;
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

static void make_getopt_tables(struct getopt_tables *getopt_tables)
{
	struct option *option = getopt_tables->longs;
	char *text = getopt_tables->shorts;

	for (unsigned i = 0; i < ROWS; i++) {
		const struct option_row *row = &option_rows[i];

		if (row->letter)
			*text++ = (char)row->letter;
		if (row->letter && row->argument)
			*text++ = ':';
		if (!row->long_name)
			continue;
		*option++ = long_option(row->long_name, row);
		for (unsigned count = 0; count < SPELLINGS; count++)
			if (!strcmp(short_spellings[count].option, row->long_name))
				*option++ = long_option(short_spellings[count].spelling, row);
	}
	*text = '\0';
	*option = (struct option){ .name = NULL };
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

static void parse(struct options *options, int argc, char *argv[])
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
			row->handle(options, row, optarg);
		else
			options_refuse(options, REFUSED_COMBINATION, "%s", ""); /* getopt has said what it is */
	}
	options->operands = argv + optind;
	options->operand_count = argc - optind;
}

static enum mode choose_mode(const struct options *options)
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
		if (asked(options, order[i].id))
			return order[i].mode;
	return MODE_DUMP;
}

void options_read(struct options *options, int argc, char *argv[])
{
	*options = (struct options){ .codec = DUMPFILTER_CODEC_NONE, .message_level = MSG_DEFAULT, .level_count = 1 };
	parse(options, argc, argv);
	for (unsigned i = 0; i < options->level_count; i++)
		if (options->levels[i])
			options->asked |= UINT64_C(1) << OPT_LEVEL;
	if (asked(options, OPT_DEBUG))
		options->message_level |= MSG_DEBUG;
	if (asked(options, OPT_STATS))
		options->message_level |= MSG_REPORT;
	if (asked(options, OPT_CHECK))
		options->message_level = MSG_DEFAULT;
	options->mode = choose_mode(options);
}
