/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The `# expect` lines of a recipe. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bd.h"

static const struct {
	const char *name;
	unsigned levels; /* any of these bits leaves the class out; 0: every level does */
} classes[BUILDER_CLASSES] = {
	[BUILDER_CACHE] = { "cache", 2 | 4 },   [BUILDER_PRIVATE] = { "private", 4 },
	[BUILDER_USER] = { "user", 8 },         [BUILDER_FREE] = { "free", 16 },
	[BUILDER_HWPOISON] = { "hwpoison", 0 }, [BUILDER_OFFLINE] = { "offline", 0 },
};

static const char *const outcomes[] = {
	[BUILDER_OK_OR_WARN] = "ok-or-warn",
	[BUILDER_OK] = "ok",
	[BUILDER_WARN] = "warn",
	[BUILDER_FAIL] = "fail",
	[BUILDER_ANY] = "any",
};

const char *builder_class_name(enum builder_class c)
{
	return classes[c].name;
}

/* One line while it is read. */
struct state {
	struct builder_expect *out;
	int class;
	bool has_level;
	unsigned level;
};

static int add_rule(struct state *s, enum builder_verdict v, const char *pfns)
{
	struct builder_expect *e = s->out;
	struct builder_rule *r = realloc(e->rules, (e->nrules + 1) * sizeof *r);

	if (!r)
		return -1;
	e->rules = r;
	r += e->nrules++;
	*r = (struct builder_rule){ .level = s->level, .verdict = v };
	return builder_pfns(pfns, &r->pfns);
}

static int add_pfns(struct state *s, enum builder_verdict v, const char *pfns)
{
	if (s->has_level)
		return add_rule(s, v, pfns);
	if (s->class < 0 || v == BUILDER_KEEP)
		return -1;
	return builder_pfns(pfns, v == BUILDER_DROP ? &s->out->drop[s->class] : &s->out->may[s->class]);
}

static int find_class(const char *name)
{
	for (int i = 0; i < BUILDER_CLASSES; i++)
		if (!strcmp(classes[i].name, name))
			return i;
	return -1;
}

static int find_outcome(struct builder_expect *e, const char *name)
{
	for (unsigned i = 0; i < sizeof outcomes / sizeof *outcomes; i++) {
		if (!strcmp(outcomes[i], name)) {
			e->outcome = (enum builder_outcome)i;
			return 0;
		}
	}
	return -1;
}

static int one_word(struct state *s, char *word)
{
	char *val = strchr(word, '=');
	uint64_t level;

	if (!val)
		return -1;
	*val++ = '\0';
	if (!strcmp(word, "class"))
		return (s->class = find_class(val)) < 0 ? -1 : 0;
	if (!strcmp(word, "level")) {
		s->has_level = true;
		s->level = BUILDER_ALL_LEVELS;
		if (!strcmp(val, "all"))
			return 0;
		if (builder_number(val, &level) || level > 31)
			return -1;
		s->level = (unsigned)level;
		return 0;
	}
	if (!strcmp(word, "drop"))
		return add_pfns(s, BUILDER_DROP, val);
	if (!strcmp(word, "keep"))
		return add_pfns(s, BUILDER_KEEP, val);
	if (!strcmp(word, "may"))
		return add_pfns(s, BUILDER_EITHER, val);
	if (!strcmp(word, "outcome"))
		return find_outcome(s->out, val);
	if (strcmp(word, "present"))
		return -1;
	s->out->has_present = true;
	return builder_number(val, &s->out->present);
}

static int one_line(struct builder_expect *e, char *line, const char **bad)
{
	struct state s = { .out = e, .class = -1 };
	char *save = NULL;

	for (char *w = strtok_r(line, " \t\r", &save); w; w = strtok_r(NULL, " \t\r", &save)) {
		if (!strcmp(w, "--"))
			break;
		*bad = w;
		if (one_word(&s, w))
			return -1;
	}
	return 0;
}

/* The text behind "# expect ", or NULL. */
static char *expect_line(char *line)
{
	static const char mark[] = "expect ";

	line += strspn(line, " \t");
	if (*line != '#')
		return NULL;
	line += 1 + strspn(line + 1, " \t");
	return strncmp(line, mark, sizeof mark - 1) ? NULL : line + sizeof mark - 1;
}

int builder_expect_parse(const char *recipe, size_t len, struct builder_expect *out, char errbuf[BUILDER_ERR])
{
	char *text = malloc(len + 1), *line, *next;
	const char *bad = "";
	unsigned no = 1;
	int rc = 0;

	memset(out, 0, sizeof *out);
	errbuf[0] = '\0';
	if (!text) {
		snprintf(errbuf, BUILDER_ERR, "no memory");
		return -1;
	}
	memcpy(text, recipe, len);
	text[len] = '\0';
	for (line = text; line && !rc; line = next, no++) {
		char *end = strchr(line, '\n'), *words;

		next = end ? end + 1 : NULL;
		if (end)
			*end = '\0';
		words = expect_line(line);
		if (words && one_line(out, words, &bad)) {
			snprintf(errbuf, BUILDER_ERR, "line %u: expect: cannot make sense of \"%s\"", no, bad);
			rc = -1;
		}
	}
	free(text);
	if (rc)
		builder_expect_free(out);
	return rc;
}

void builder_expect_free(struct builder_expect *e)
{
	for (unsigned i = 0; i < BUILDER_CLASSES; i++) {
		free(e->drop[i].v);
		free(e->may[i].v);
	}
	for (size_t i = 0; i < e->nrules; i++)
		free(e->rules[i].pfns.v);
	free(e->rules);
	memset(e, 0, sizeof *e);
}

static bool selected(unsigned class, unsigned level)
{
	return !classes[class].levels || (classes[class].levels & level);
}

enum builder_verdict builder_expect_verdict(const struct builder_expect *e, unsigned level, uint64_t pfn)
{
	enum builder_verdict v = BUILDER_KEEP;

	for (size_t i = e->nrules; i--;)
		if ((e->rules[i].level == level || e->rules[i].level == BUILDER_ALL_LEVELS) &&
		    builder_ranges_have(&e->rules[i].pfns, pfn))
			return e->rules[i].verdict;
	for (unsigned c = 0; c < BUILDER_CLASSES; c++) {
		if (!selected(c, level))
			continue;
		if (builder_ranges_have(&e->drop[c], pfn))
			return BUILDER_DROP;
		if (builder_ranges_have(&e->may[c], pfn))
			v = BUILDER_EITHER;
	}
	return v;
}
