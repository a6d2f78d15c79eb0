/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which options go together, and how many names follow them. */
#include "tool.h"

#include <string.h>

/* ------------------------------------------------------------------------------------------------ combinations */

static const struct combination {
	enum option_id first, second;
	bool needs; /* first needs second; else they exclude each other */
	const char *reason;
} combinations[] = {
#define NOT_WITH(a, b, reason) { OPT_##a, OPT_##b, false, reason },
#define NEEDS(a, b, reason)    { OPT_##a, OPT_##b, true, reason },
#include "combinations.def"
#undef NOT_WITH
#undef NEEDS
};

/* How the user has spelled it, as far as that can be known: of several compressors the last one counts. */
static struct option_name name_of(const struct options *options, enum option_id id)
{
	for (unsigned i = 0; i < option_row_count; i++) {
		const struct option_row *row = &option_rows[i];

		if (!option_is_group(row) && row->id == id && (id != OPT_CODEC || row->param == options->codec))
			return option_name(row);
	}
	return (struct option_name){ "" };
}

static void check_combinations(struct options *options)
{
	for (unsigned i = 0; i < sizeof combinations / sizeof *combinations; i++) {
		const struct combination *combination = &combinations[i];

		if (asked(options, combination->first) && asked(options, combination->second) != combination->needs)
			options_refuse(options, REFUSED_COMBINATION, "%s %s %s: %s",
				       name_of(options, combination->first).text,
				       combination->needs ? "needs" : "cannot be combined with",
				       name_of(options, combination->second).text, combination->reason);
	}
}

/* ------------------------------------------------------------------------------------------------ names */

struct names {
	int least, most;
	const char *missing; /* nothing at all is there */
	const char *lacking; /* fewer than least; NULL: as missing */
	const char *extra;   /* what is taken instead of more */
};

static struct names flat_names(void)
{
	return (struct names){ 1, 1, "-F needs the name of the vmcore", NULL,
			       "with -F give the vmcore only, the dump goes to standard output" };
}

static struct names dump_names(const struct options *options)
{
	if (asked(options, OPT_FLAT))
		return flat_names();
	if (asked(options, OPT_SPLIT))
		return (struct names){ 3, 1 + DUMPFILTER_PIECES_MAX,
				       "the names of the vmcore and of the dump files to write are missing",
				       "--split needs the names of at least two dump files to write",
				       "a dump has at most 1024 pieces" };
	return (struct names){ 2, 2, "the names of the vmcore and of the dump file to write are missing",
			       "the name of the dump file to write is missing (or -F to write to standard output)",
			       "give one vmcore and one dump file" };
}

static struct names wanted_names(const struct options *options)
{
	switch (options->mode) {
	case MODE_GENERATE:
		return (struct names){ 0, 0, NULL, NULL, "-g takes none but those of the options" };
	case MODE_REARRANGE:
		return (struct names){ 1, 1, "-R needs the name of the dump file to write", NULL,
				       "-R takes one, the stream comes from standard input" };
	case MODE_REASSEMBLE:
		return (struct names){ 2, 1 + DUMPFILTER_PIECES_MAX,
				       "the names of the pieces and of the dump file to write are missing",
				       "the name of the dump file to write is missing",
				       "a dump has at most 1024 pieces" };
	case MODE_MEM_USAGE:
		return (struct names){ 1, 2, "--mem-usage needs a name: /proc/kcore or a dump", NULL,
				       "--mem-usage takes one" };
	default:
		return dump_names(options);
	}
}

static void check_names(struct options *options)
{
	struct names names = wanted_names(options);

	for (int i = 0; i < options->operand_count; i++)
		if (!*options->operands[i])
			options_refuse(options, REFUSED_COMBINATION, "name %d is empty: give the name of a file",
				       i + 1);
	if (options->operand_count < names.least)
		options_refuse(options, REFUSED_COMBINATION, "%s",
			       options->operand_count && names.lacking ? names.lacking : names.missing);
	else if (options->operand_count > names.most)
		options_refuse(options, REFUSED_COMBINATION, "too many names from '%.200s' on: %s",
			       options->operands[names.most], names.extra);
}

/* Somebody who writes "-" means a stream.  Where there is none, no file of that name is made or read instead. */
static bool is_stream(const char *name)
{
	return name && !strcmp(name, "-");
}

static int first_output(const struct options *options)
{
	switch (options->mode) {
	case MODE_REARRANGE:
		return 0;
	case MODE_REASSEMBLE:
		return options->operand_count - 1;
	case MODE_MEM_USAGE:
		return options->operand_count; /* it has none; a second name is ignored */
	default:
		return 1;
	}
}

static void check_outputs(struct options *options)
{
	bool may_be_flat = (options->mode == MODE_DUMP && !asked(options, OPT_SPLIT)) || options->mode == MODE_DMESG;

	for (int i = first_output(options); i < options->operand_count; i++)
		if (is_stream(options->operands[i]))
			options_refuse(options, REFUSED_COMBINATION,
				       may_be_flat
					       ? "the output '-': use -F to write to standard output, or ./- for a "
						 "file of that name"
					       : "the output '-': a file is needed: give its name, ./- for that one");
}

static void check_inputs(struct options *options)
{
	bool split = options->mode == MODE_REASSEMBLE || options->piece_count;
	const char *name;

	for (unsigned i = 0; split && (name = tool_input(options, i)); i++)
		if (is_stream(name))
			options_refuse(options, REFUSED_COMBINATION,
				       "standard input cannot be a piece of a split dump: give the names of all its "
				       "files");
}

/* Of the options that take a file's name only --json takes this one. */
static void check_option_files(struct options *options)
{
	static const enum option_id files[] = { OPT_VMLINUX, OPT_VMCOREINFO, OPT_GENERATE };

	for (unsigned i = 0; i < sizeof files / sizeof *files; i++)
		if (is_stream(options->text[files[i]]))
			options_refuse(options, REFUSED_COMBINATION,
				       "%s -: a file is needed: give its name, ./- for that one",
				       name_of(options, files[i]).text);
}

/* ------------------------------------------------------------------------------------------------ the rest */

/* What it would mean to go on without it. */
static const char *why_refused(enum option_id id)
{
	switch (id) {
	case OPT_ERASE:
		return "a dump with the data still in it is not what was asked for";
	case OPT_EXTENSION:
		return "filters of others cannot be loaded";
	case OPT_SADUMP:
		return "sadump files cannot be read";
	default:
		return "Xen dumps cannot be filtered";
	}
}

static void check_supported(struct options *options)
{
	if (options->unsupported)
		options_refuse(options, REFUSED_ARGUMENT, "%s is not supported yet: %s",
			       option_name(options->unsupported).text, why_refused(options->unsupported->id));
}

static void check_streams(struct options *options)
{
	const char *json = options->text[OPT_JSON];

	if (is_stream(json) && asked(options, OPT_FLAT))
		options_refuse(options, REFUSED_COMBINATION,
			       "--json - cannot be combined with -F: there is only one standard output");
}

static void check_built_in(struct options *options)
{
	if (!dumpfilter_codec_available(options->codec))
		options_refuse(options, REFUSED_ARGUMENT,
			       "%s: %s is not built in: choose another compressor (-v shows which there are)",
			       name_of(options, OPT_CODEC).text, dumpfilter_codec_name(options->codec));
}

/* Which levels there are, the library knows. */
static void check_compression_level(struct options *options)
{
	struct dumpfilter_config config = DUMPFILTER_CONFIG_INIT;
	struct option_name name = name_of(options, OPT_COMPRESSION_LEVEL);
	struct dumpfilter *df;

	if (!asked(options, OPT_COMPRESSION_LEVEL) || options->refusal)
		return;
	if (options->codec == DUMPFILTER_CODEC_NONE)
		options_refuse(options, REFUSED_COMBINATION,
			       "%s needs -c or -z: without one of them nothing is compressed", name.text);
	config.codec = options->codec;
	config.compression_level = options->compression_level;
	df = dumpfilter_new(NULL);
	if (df && dumpfilter_configure(df, &config) < 0)
		options_refuse(options, REFUSED_COMBINATION, "%s %d does not go with %s: %s", name.text,
			       options->compression_level, name_of(options, OPT_CODEC).text, dumpfilter_errmsg(df));
	dumpfilter_free(df);
}

void options_check(struct options *options)
{
	if (options->refusal || options->mode == MODE_HELP || options->mode == MODE_VERSION)
		return;
	check_supported(options);
	check_combinations(options);
	check_names(options);
	check_outputs(options);
	check_inputs(options);
	check_option_files(options);
	check_streams(options);
	check_built_in(options);
	check_compression_level(options);
}
