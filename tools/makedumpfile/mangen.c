/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Makes makedumpfile.8: copies a template (mdoc) to standard output and puts the options of options.def in the place
 * of the line "@OPTIONS@", and a table of what cannot be combined in the place of "@COMBINATIONS@".  Runs on the host
 * that builds.
 */
#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct row {
	int letter;
	const char *long_name;
	const char *argument; /* "[=word]": need not be there */
	const char *id;
	const char *help; /* of a group: its title */
	const char *more; /* NULL: a group */
};

#define GROUP(title) { .help = title },
#define OPT(let, name, arg, handler, opt, par, text, rest) \
	{ .letter = let, .long_name = name, .argument = arg, .id = #opt, .help = text, .more = rest },
static const struct row rows[] = {
#include "options.def"
};

static const struct combination {
	const char *first, *second;
	bool needs;
	const char *reason;
} combinations[] = {
#define NOT_WITH(a, b, reason) { #a, #b, false, reason },
#define NEEDS(a, b, reason)    { #a, #b, true, reason },
#include "combinations.def"
};

#define LINE_COLUMNS 78
#define ROWS         (sizeof rows / sizeof rows[0])

static bool is_option(const char *word, size_t length)
{
	return length > 1 && word[0] == '-' && (isalpha((unsigned char)word[1]) || (length > 2 && word[1] == '-'));
}

/* ".Fl x ." or ".Fl -long ,": mdoc sets punctuation that is an argument of its own close to the word. */
static void put_option(const char *word, size_t length)
{
	size_t name = length;

	while (strchr(".,;:)", word[name - 1]))
		name--;
	printf(".Fl %.*s", (int)(name - 1), word + 1);
	for (size_t i = name; i < length; i++)
		printf(" %c", word[i]);
	putchar('\n');
}

static void put_word(const char *word, size_t length, bool line_start)
{
	if (line_start && (word[0] == '.' || word[0] == '\''))
		fputs("\\&", stdout);
	for (size_t i = 0; i < length; i++)
		if (word[i] == '\\')
			fputs("\\e", stdout);
		else
			putchar(word[i]);
}

/* Running text: options marked, each sentence on a line of its own, no line too long for mandoc -Tlint. */
static void put_text(const char *text)
{
	size_t column = 0;

	for (size_t length; *text; text += length, text += strspn(text, " ")) {
		length = strcspn(text, " ");
		if (column && (is_option(text, length) || column + 1 + length > LINE_COLUMNS)) {
			putchar('\n');
			column = 0;
		}
		if (is_option(text, length)) {
			put_option(text, length);
			continue;
		}
		if (column++)
			putchar(' ');
		put_word(text, length, column == 1);
		column += length;
		if (text[length - 1] == '.') {
			putchar('\n');
			column = 0;
		}
	}
	if (column)
		putchar('\n');
}

static void put_row(const struct row *row)
{
	fputs(".It", stdout);
	if (row->letter)
		printf(" Fl %c", row->letter);
	if (row->letter && row->long_name)
		fputs(" ,", stdout);
	if (row->long_name)
		printf(" Fl -%s", row->long_name);
	if (row->argument && row->argument[0] == '[') /* "[=word]" */
		printf(" Ns Op Cm %.*s", (int)strlen(row->argument) - 2, row->argument + 1);
	else if (row->argument)
		printf(" Ar %s", row->argument);
	putchar('\n');
	put_text(row->help);
	put_text(row->more);
}

static void put_options(void)
{
	for (size_t i = 0; i < ROWS; i++) {
		if (rows[i].more) {
			put_row(&rows[i]);
			continue;
		}
		if (i)
			puts(".El");
		printf(".Ss %s\n.Bl -tag -width Ds\n", rows[i].help);
	}
	puts(".El");
}

/* All spellings: "-c, -l, -p, -z" */
static void put_names(const char *id)
{
	const char *comma = "";

	for (size_t i = 0; i < ROWS; i++) {
		if (!rows[i].more || strcmp(rows[i].id, id))
			continue;
		if (rows[i].long_name)
			printf("%sFl -%s", comma, rows[i].long_name);
		else
			printf("%sFl %c", comma, rows[i].letter);
		comma = " , ";
	}
}

static bool same_row(const struct combination *combination, const struct combination *other)
{
	return !strcmp(combination->first, other->first) && combination->needs == other->needs &&
	       !strcmp(combination->reason, other->reason);
}

/* Neighbours that say the same of one option are one row. */
static void put_combinations(void)
{
	size_t count = sizeof combinations / sizeof *combinations, next;

	puts(".Bl -tag -width Ds -compact");
	for (size_t i = 0; i < count; i = next) {
		const struct combination *combination = &combinations[i];

		fputs(".It ", stdout);
		put_names(combination->first);
		printf(" No %s ", combination->needs ? "needs" : "not with");
		put_names(combination->second);
		for (next = i + 1; next < count && same_row(combination, &combinations[next]); next++) {
			fputs(" , ", stdout);
			put_names(combinations[next].second);
		}
		printf("\n%s\n", combination->reason);
	}
	puts(".El");
}

static bool copy_template(FILE *in)
{
	bool options = false, table = false;
	char line[1024];

	while (fgets(line, sizeof line, in)) {
		if (!strcmp(line, "@OPTIONS@\n")) {
			put_options();
			options = true;
		} else if (!strcmp(line, "@COMBINATIONS@\n")) {
			put_combinations();
			table = true;
		} else {
			fputs(line, stdout);
		}
	}
	return options && table && !ferror(in) && !fflush(stdout);
}

int main(int argc, char *argv[])
{
	FILE *in = argc == 2 ? fopen(argv[1], "r") : NULL;
	bool ok;

	if (!in) {
		fputs("usage: mangen TEMPLATE > MANUAL\n", stderr);
		return EXIT_FAILURE;
	}
	ok = copy_template(in);
	fclose(in);
	if (!ok)
		fprintf(stderr,
			"mangen: %s: unreadable, or without a line @OPTIONS@ or @COMBINATIONS@; or the output is "
			"full\n",
			argv[1]);
	return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}
