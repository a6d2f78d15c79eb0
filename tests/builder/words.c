/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Lines, words, numbers and lists of page frames. */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bd.h"

/* The next word of a line into dst; returns where to go on, or NULL at the end of the line. */
static const char *word(struct bd *b, const char *p, const char *end, char *dst)
{
	bool quoted = false;

	while (p < end && isspace((unsigned char)*p))
		p++;
	if (p == end || *p == '#')
		return NULL;
	for (; p < end && (quoted || !isspace((unsigned char)*p)); p++) {
		if (*p == '"')
			quoted = !quoted;
		else
			*dst++ = *p;
	}
	if (quoted)
		bd_fail(b, "the quote does not end");
	*dst = '\0';
	return p;
}

static void parse_line(struct bd *b, const char *p, const char *end)
{
	char *buf = bd_mem(b, (size_t)(end - p) + 1);
	struct bd_line l = { .no = b->line };

	while ((p = word(b, p, end, buf))) {
		if (l.n == BD_TOKENS)
			bd_fail(b, "more than %d words", BD_TOKENS);
		l.tok[l.n++] = bd_dup(b, buf, strlen(buf));
	}
	if (!l.n)
		return;
	b->lines = bd_more(b, b->lines, b->nlines, sizeof *b->lines);
	b->lines[b->nlines++] = l;
}

void bd_parse(struct bd *b, const char *text, size_t len)
{
	const char *end = text + len;

	b->line = 1;
	while (text < end) {
		const char *nl = memchr(text, '\n', (size_t)(end - text));

		if (!nl)
			nl = end;
		parse_line(b, text, nl);
		text = nl + (nl < end);
		b->line++;
	}
	b->line = 0;
}

const char *bd_arg(struct bd *b, struct bd_line *l, const char *what)
{
	for (unsigned i = 1; i < l->n; i++) {
		if (l->used[i] || strchr(l->tok[i], '='))
			continue;
		l->used[i] = true;
		return l->tok[i];
	}
	bd_fail(b, "%s: %s is missing", l->tok[0], what);
}

const char *bd_next(struct bd_line *l, unsigned *i)
{
	for (; *i < l->n; ++*i) {
		if (!l->used[*i]) {
			l->used[*i] = true;
			return l->tok[(*i)++];
		}
	}
	return NULL;
}

const char *bd_opt(struct bd_line *l, const char *key)
{
	size_t n = strlen(key);

	for (unsigned i = 1; i < l->n; i++) {
		if (!strncmp(l->tok[i], key, n) && l->tok[i][n] == '=') {
			l->used[i] = true;
			return l->tok[i] + n + 1;
		}
	}
	return NULL;
}

bool bd_flag(struct bd_line *l, const char *name)
{
	for (unsigned i = 1; i < l->n; i++) {
		if (!l->used[i] && !strcmp(l->tok[i], name)) {
			l->used[i] = true;
			return true;
		}
	}
	return false;
}

static unsigned suffix(char c)
{
	switch (c) {
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
static int number(const char *s, const char **rest, uint64_t *out)
{
	bool minus = *s == '-';
	char *end;

	s += minus;
	if (!isdigit((unsigned char)*s))
		return -1;
	errno = 0;
	*out = strtoull(s, &end, s[0] == '0' && s[1] == 'x' ? 16 : 10);
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

int builder_number(const char *s, uint64_t *out)
{
	const char *rest;

	return number(s, &rest, out) || *rest ? -1 : 0;
}

uint64_t bd_num(struct bd *b, const char *s)
{
	uint64_t v;

	if (*s == '@')
		return bd_sym(b, s + 1);
	if (builder_number(s, &v))
		bd_fail(b, "\"%s\" is not a number", s);
	return v;
}

uint64_t bd_opt_num(struct bd *b, struct bd_line *l, const char *key, uint64_t otherwise)
{
	const char *v = bd_opt(l, key);

	return v ? bd_num(b, v) : otherwise;
}

static int add_range(struct builder_ranges *r, uint64_t first, uint64_t last)
{
	struct builder_range *v = realloc(r->v, (r->n + 1) * sizeof *v);

	if (!v)
		return -1;
	r->v = v;
	v[r->n].first = first;
	v[r->n++].last = last;
	return 0;
}

int builder_pfns(const char *s, struct builder_ranges *out)
{
	uint64_t first, last;
	char op;

	do {
		if (number(s, &s, &first))
			return -1;
		last = first;
		op = *s;
		if (op == '-' || op == '+') {
			if (number(s + 1, &s, &last))
				return -1;
			if (op == '+')
				last = first + last - 1;
		}
		if (last < first || add_range(out, first, last))
			return -1;
	} while (*s == ',' && *++s);
	return *s ? -1 : 0;
}

struct builder_ranges bd_pfns(struct bd *b, const char *s)
{
	struct builder_ranges r = { 0 };
	int bad = builder_pfns(s, &r);

	bd_keep(b, r.v);
	if (bad)
		bd_fail(b, "\"%s\" is not a list of page frames", s);
	return r;
}

bool builder_ranges_have(const struct builder_ranges *r, uint64_t pfn)
{
	for (size_t i = 0; i < r->n; i++)
		if (pfn >= r->v[i].first && pfn <= r->v[i].last)
			return true;
	return false;
}

uint64_t builder_ranges_count(const struct builder_ranges *r)
{
	uint64_t n = 0;

	for (size_t i = 0; i < r->n; i++)
		n += r->v[i].last - r->v[i].first + 1;
	return n;
}
