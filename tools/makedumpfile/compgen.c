/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Writes the completion of makedumpfile for a shell to standard output, from options.def.  What an option's argument
 * can be is known by its name there: FILE, DIR, LEVEL ….  Runs on the host that builds.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct row {
	int letter;
	const char *long_name;
	const char *argument; /* NULL: none; "[=word]": may be given behind an equals sign */
	const char *help;     /* NULL: a group */
	const char *handler;
};

#define GROUP(title) { .help = NULL },
#define OPT(let, name, arg, handle, opt, par, text, rest) \
	{ .letter = let, .long_name = name, .argument = arg, .help = text, .handler = #handle },
static const struct row rows[] = {
#include "options.def"
};

#define ROWS (sizeof rows / sizeof rows[0])

/* Words to choose from.  An argument that is not listed is no FILE and no DIR either: nothing can be said about it. */
static const struct value {
	const char *argument, *word, *text;
} values[] = {
	{ "LEVEL", "31", "leave out all that can be" },
	{ "LEVEL", "17", "leave out zero and free pages" },
	{ "LEVEL", "1", "leave out zero pages" },
	{ "LEVEL", "0", "keep all pages" },
	{ "BITS", "7", "progress, common and error messages" },
	{ "BITS", "31", "all messages" },
	{ "BITS", "15", "debug messages besides" },
	{ "BITS", "4", "error messages" },
	{ "BITS", "0", "no messages" },
	{ "KIND", "text", "" },
	{ "KIND", "json", "" },
	{ "KIND", "none", "" },
	{ "N", "1", "" },
	{ "N", "2", "" },
	{ "N", "4", "" },
	{ "N", "8", "" },
};

#define VALUES (sizeof values / sizeof values[0])

static bool offered(const struct row *row)
{
	return row->help && strcmp(row->handler, "unsupported");
}

static bool argument_is(const struct row *row, const char *name)
{
	return row->argument && !strcmp(row->argument, name);
}

/* Of "[=word]" the word, which ends at the bracket; else NULL. */
static const char *optional_word(const struct row *row)
{
	return row->argument && row->argument[0] == '[' ? row->argument + 2 : NULL;
}

static int optional_length(const struct row *row)
{
	return (int)strcspn(optional_word(row), "]");
}

static bool has_values(const struct row *row)
{
	for (size_t i = 0; i < VALUES; i++)
		if (argument_is(row, values[i].argument))
			return true;
	return false;
}

static void put_words(const struct row *row)
{
	const char *blank = "";

	for (size_t i = 0; i < VALUES; i++) {
		if (!argument_is(row, values[i].argument))
			continue;
		printf("%s%s", blank, values[i].word);
		blank = " ";
	}
}

/* The first sentence of the help, without its full stop: `special` bytes get a backslash, and `quote` stands for "'".
 */
static void put_help(const struct row *row, const char *special, const char *quote)
{
	for (const char *text = row->help; *text && strncmp(text, ". ", 2) && strcmp(text, "."); text++)
		if (*text == '\'')
			fputs(quote, stdout);
		else
			printf("%s%c", strchr(special, *text) ? "\\" : "", *text);
}

/* ------------------------------------------------------------------------------------------------ bash */

/* What comes behind an option.  Standing in a bundle ("-cd") a letter takes an argument, too. */
static void bash_argument(const struct row *row)
{
	putchar('\t');
	if (row->letter)
		printf("-%c | -[!-]*%c%s", row->letter, row->letter, row->long_name ? " | " : "");
	if (row->long_name && !optional_word(row))
		printf("--%s | ", row->long_name);
	if (row->long_name)
		printf("--%s=", row->long_name);
	if (optional_word(row)) {
		printf(") words=\"%.*s\" ;;\n", optional_length(row), optional_word(row));
	} else if (has_values(row)) {
		fputs(") words=\"", stdout);
		put_words(row);
		puts("\" ;;");
	} else if (argument_is(row, "FILE")) {
		puts(") return ;;");
	} else {
		printf(") compopt %s+o default +o bashdefault; return ;;\n",
		       argument_is(row, "DIR") ? "-o dirnames " : "");
	}
}

static void bash_names(void)
{
	for (size_t i = 0; i < ROWS; i++) {
		if (!offered(&rows[i]))
			continue;
		if (rows[i].letter)
			printf(" -%c", rows[i].letter);
		if (rows[i].long_name)
			printf(" --%s", rows[i].long_name);
	}
}

/* bash splits words at "=".  Names of files are left to readline, which knows how to quote them. */
static void bash(void)
{
	puts("# Completion of makedumpfile(8) for bash.\n"
	     "_makedumpfile()\n"
	     "{\n"
	     "\tlocal cur=${COMP_WORDS[COMP_CWORD]} option=${COMP_WORDS[COMP_CWORD - 1]} words\n"
	     "\n"
	     "\tif [[ $cur == = ]]; then\n"
	     "\t\toption+== cur=\n"
	     "\telif [[ $option == = && $COMP_CWORD -ge 2 ]]; then\n"
	     "\t\toption=${COMP_WORDS[COMP_CWORD - 2]}=\n"
	     "\tfi\n"
	     "\tCOMPREPLY=()\n"
	     "\tcase $option in");
	for (size_t i = 0; i < ROWS; i++)
		if (offered(&rows[i]) && rows[i].argument)
			bash_argument(&rows[i]);
	fputs("\t*)\n"
	      "\t\t[[ $cur == -* ]] || return 0\n"
	      "\t\twords=\"",
	      stdout);
	bash_names();
	puts("\"\n"
	     "\t\t;;\n"
	     "\tesac\n"
	     "\tmapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$cur\")\n"
	     "}\n"
	     "complete -o bashdefault -o default -F _makedumpfile makedumpfile");
}

/* ------------------------------------------------------------------------------------------------ zsh */

static void zsh_values(const struct row *row)
{
	fputs("((", stdout);
	for (size_t i = 0; i < VALUES; i++)
		if (argument_is(row, values[i].argument))
			printf(" %s%s%s%s%s", values[i].word, *values[i].text ? "\\:" : "", *values[i].text ? "\"" : "",
			       values[i].text, *values[i].text ? "\"" : "");
	fputs("))", stdout);
}

static void zsh_argument(const struct row *row)
{
	if (optional_word(row))
		printf("::how:(%.*s)", optional_length(row), optional_word(row));
	else if (row->argument)
		printf(":%s:", row->argument);
	if (has_values(row))
		zsh_values(row);
	else if (argument_is(row, "FILE"))
		fputs("_files", stdout);
	else if (argument_is(row, "DIR"))
		fputs("_files -/", stdout);
	else if (row->argument && !optional_word(row))
		putchar(' ');
}

/* One spelling of an option, with the one that excludes it. */
static void zsh_spelling(const struct row *row, bool letter)
{
	fputs("\t'", stdout);
	if (row->letter && row->long_name)
		printf("(-%c --%s)", row->letter, row->long_name);
	if (letter)
		printf("-%c%s", row->letter, row->argument ? "+" : "");
	else
		printf("--%s%s", row->long_name, optional_word(row) ? "=-" : row->argument ? "=" : "");
	putchar('[');
	put_help(row, "[]:\\", "'\\''");
	putchar(']');
	zsh_argument(row);
	puts("' \\");
}

static void zsh(void)
{
	puts("#compdef makedumpfile\n"
	     "# Completion of makedumpfile(8) for zsh.\n"
	     "_arguments -s -S : \\");
	for (size_t i = 0; i < ROWS; i++) {
		if (!offered(&rows[i]))
			continue;
		if (rows[i].letter)
			zsh_spelling(&rows[i], true);
		if (rows[i].long_name)
			zsh_spelling(&rows[i], false);
	}
	puts("\t'*:file:_files'");
}

/* ------------------------------------------------------------------------------------------------ fish */

static void fish_argument(const struct row *row)
{
	if (has_values(row)) {
		fputs(" -x -a '", stdout);
		for (size_t i = 0; i < VALUES; i++)
			if (argument_is(row, values[i].argument))
				printf("%s\\t\"%s\" ", values[i].word, values[i].text);
		putchar('\'');
	} else if (argument_is(row, "FILE")) {
		fputs(" -r -F", stdout);
	} else if (argument_is(row, "DIR")) {
		fputs(" -x -a '(__fish_complete_directories)'", stdout);
	} else if (row->argument && !optional_word(row)) {
		fputs(" -x", stdout);
	}
}

static void fish(void)
{
	puts("# Completion of makedumpfile(8) for fish.");
	for (size_t i = 0; i < ROWS; i++) {
		const struct row *row = &rows[i];

		if (!offered(row))
			continue;
		fputs("complete -c makedumpfile", stdout);
		if (row->letter)
			printf(" -s %c", row->letter);
		if (row->long_name)
			printf(" -l %s", row->long_name);
		fish_argument(row);
		fputs(" -d '", stdout);
		put_help(row, "\\", "\\'");
		puts("'");
		if (optional_word(row))
			printf("complete -c makedumpfile -n 'string match -q -- \"--%.3s*\" (commandline -ct)' "
			       "-a '--%s=%.*s'\n",
			       row->long_name, row->long_name, optional_length(row), optional_word(row));
	}
}

int main(int argc, char *argv[])
{
	static const struct {
		const char *name;
		void (*write)(void);
	} shells[] = { { "bash", bash }, { "zsh", zsh }, { "fish", fish } };

	for (size_t i = 0; argc == 2 && i < sizeof shells / sizeof shells[0]; i++) {
		if (strcmp(argv[1], shells[i].name))
			continue;
		shells[i].write();
		if (!fflush(stdout) && !ferror(stdout))
			return EXIT_SUCCESS;
		fputs("compgen: standard output cannot be written\n", stderr);
		return EXIT_FAILURE;
	}
	fputs("usage: compgen bash|zsh|fish > COMPLETION\n", stderr);
	return EXIT_FAILURE;
}
