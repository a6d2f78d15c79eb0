/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Lines, words, numbers and lists of page frames. */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bd.h"

/* The next word of a line into dst; returns where to go on, or NULL at the end of the line. */
static const char *word(struct bd *builder, const char *text, const char *end, char *dst)
{
	bool quoted = false;

	while (text < end && isspace((unsigned char)*text))
		text++;
	if (text == end || *text == '#')
		return NULL;
	for (; text < end && (quoted || !isspace((unsigned char)*text)); text++) {
		if (*text == '"')
			quoted = !quoted;
		else
			*dst++ = *text;
	}
	if (quoted)
		bd_fail(builder, "the quote does not end");
	*dst = '\0';
	return text;
}

static void parse_line(struct bd *builder, const char *text, const char *end)
{
	char *buffer = bd_mem(builder, (size_t)(end - text) + 1);
	struct bd_line line = { .no = builder->line };

	while ((text = word(builder, text, end, buffer))) {
		if (line.count == BD_TOKENS)
			bd_fail(builder, "more than %d words", BD_TOKENS);
		line.tok[line.count++] = bd_dup(builder, buffer, strlen(buffer));
	}
	if (!line.count)
		return;
	builder->lines = bd_more(builder, builder->lines, builder->nlines, sizeof *builder->lines);
	builder->lines[builder->nlines++] = line;
}

void bd_parse(struct bd *builder, const char *text, size_t length)
{
	const char *end = text + length;

	builder->line = 1;
	while (text < end) {
		const char *nl = memchr(text, '\n', (size_t)(end - text));

		if (!nl)
			nl = end;
		parse_line(builder, text, nl);
		text = nl + (nl < end);
		builder->line++;
	}
	builder->line = 0;
}

const char *bd_arg(struct bd *builder, struct bd_line *line, const char *what)
{
	for (unsigned i = 1; i < line->count; i++) {
		if (line->used[i] || strchr(line->tok[i], '='))
			continue;
		line->used[i] = true;
		return line->tok[i];
	}
	bd_fail(builder, "%s: %s is missing", line->tok[0], what);
}

const char *bd_next(struct bd_line *line, unsigned *i)
{
	for (; *i < line->count; ++*i) {
		if (!line->used[*i]) {
			line->used[*i] = true;
			return line->tok[(*i)++];
		}
	}
	return NULL;
}

const char *bd_opt(struct bd_line *line, const char *key)
{
	size_t count = strlen(key);

	for (unsigned i = 1; i < line->count; i++) {
		if (!strncmp(line->tok[i], key, count) && line->tok[i][count] == '=') {
			line->used[i] = true;
			return line->tok[i] + count + 1;
		}
	}
	return NULL;
}

bool bd_flag(struct bd_line *line, const char *name)
{
	for (unsigned i = 1; i < line->count; i++) {
		if (!line->used[i] && !strcmp(line->tok[i], name)) {
			line->used[i] = true;
			return true;
		}
	}
	return false;
}

static unsigned suffix(char letter)
{
	switch (letter) {
	case 'K':
		return 10;
	case 'M':
		return 20;
	case 'G':
		return 30;
	case 'T':
		return 40;
	default:
		return 0;
	}
}

/* A number at the start of s; *rest is what follows. */
static int number(const char *text, const char **rest, uint64_t *out)
{
	bool minus = *text == '-';
	char *end;

	text += minus;
	if (!isdigit((unsigned char)*text))
		return -1;
	errno = 0;
	*out = strtoull(text, &end, text[0] == '0' && text[1] == 'x' ? 16 : 10);
	if (errno)
		return -1;
	if (suffix(*end)) {
		*out <<= suffix(*end);
		end++;
	}
	if (minus)
		*out = 0 - *out;
	*rest = end;
	return 0;
}

int builder_number(const char *text, uint64_t *out)
{
	const char *rest;

	return number(text, &rest, out) || *rest ? -1 : 0;
}

uint64_t bd_num(struct bd *builder, const char *text)
{
	uint64_t value;

	if (*text == '@')
		return bd_sym(builder, text + 1);
	if (builder_number(text, &value))
		bd_fail(builder, "\"%s\" is not a number", text);
	return value;
}

uint64_t bd_opt_num(struct bd *builder, struct bd_line *line, const char *key, uint64_t otherwise)
{
	const char *value = bd_opt(line, key);

	return value ? bd_num(builder, value) : otherwise;
}

static int add_range(struct builder_ranges *ranges, uint64_t first, uint64_t last)
{
	struct builder_range *range = realloc(ranges->range, (ranges->count + 1) * sizeof *range);

	if (!range)
		return -1;
	ranges->range = range;
	range[ranges->count].first = first;
	range[ranges->count++].last = last;
	return 0;
}

int builder_pfns(const char *text, struct builder_ranges *ranges)
{
	uint64_t first, last;
	char op;

	do {
		if (number(text, &text, &first))
			return -1;
		last = first;
		op = *text;
		if (op == '-' || op == '+') {
			if (number(text + 1, &text, &last))
				return -1;
			if (op == '+')
				last = first + last - 1;
		}
		if (last < first || add_range(ranges, first, last))
			return -1;
	} while (*text == ',' && *++text);
	return *text ? -1 : 0;
}

struct builder_ranges bd_pfns(struct bd *builder, const char *text)
{
	struct builder_ranges ranges = { 0 };
	int bad = builder_pfns(text, &ranges);

	bd_keep(builder, ranges.range);
	if (bad)
		bd_fail(builder, "\"%s\" is not a list of page frames", text);
	return ranges;
}

bool builder_ranges_have(const struct builder_ranges *ranges, uint64_t pfn)
{
	for (size_t i = 0; i < ranges->count; i++)
		if (pfn >= ranges->range[i].first && pfn <= ranges->range[i].last)
			return true;
	return false;
}

uint64_t builder_ranges_count(const struct builder_ranges *ranges)
{
	uint64_t count = 0;

	for (size_t i = 0; i < ranges->count; i++)
		count += ranges->range[i].last - ranges->range[i].first + 1;
	return count;
}
