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

const char *builder_class_name(enum builder_class class)
{
	return classes[class].name;
}

/* One line while it is read. */
struct state {
	struct builder_expect *expect;
	int class;
	bool has_level;
	unsigned level;
};

static int add_rule(struct state *state, enum builder_verdict verdict, const char *pfns)
{
	struct builder_expect *expect = state->expect;
	struct builder_rule *rule = realloc(expect->rules, (expect->nrules + 1) * sizeof *rule);

	if (!rule)
		return -1;
	expect->rules = rule;
	rule += expect->nrules++;
	*rule = (struct builder_rule){ .level = state->level, .verdict = verdict };
	return builder_pfns(pfns, &rule->pfns);
}

static int add_pfns(struct state *state, enum builder_verdict verdict, const char *pfns)
{
	if (state->has_level)
		return add_rule(state, verdict, pfns);
	if (state->class < 0 || verdict == BUILDER_KEEP)
		return -1;
	return builder_pfns(pfns, verdict == BUILDER_DROP ? &state->expect->drop[state->class]
							  : &state->expect->may[state->class]);
}

static int find_class(const char *name)
{
	for (int i = 0; i < BUILDER_CLASSES; i++)
		if (!strcmp(classes[i].name, name))
			return i;
	return -1;
}

static int find_outcome(struct builder_expect *expect, const char *name)
{
	for (unsigned i = 0; i < sizeof outcomes / sizeof *outcomes; i++) {
		if (!strcmp(outcomes[i], name)) {
			expect->outcome = (enum builder_outcome)i;
			return 0;
		}
	}
	return -1;
}

static int one_word(struct state *state, char *word)
{
	char *val = strchr(word, '=');
	uint64_t level;

	if (!val)
		return -1;
	*val++ = '\0';
	if (!strcmp(word, "class"))
		return (state->class = find_class(val)) < 0 ? -1 : 0;
	if (!strcmp(word, "level")) {
		state->has_level = true;
		state->level = BUILDER_ALL_LEVELS;
		if (!strcmp(val, "all"))
			return 0;
		if (builder_number(val, &level) || level > 31)
			return -1;
		state->level = (unsigned)level;
		return 0;
	}
	if (!strcmp(word, "drop"))
		return add_pfns(state, BUILDER_DROP, val);
	if (!strcmp(word, "keep"))
		return add_pfns(state, BUILDER_KEEP, val);
	if (!strcmp(word, "may"))
		return add_pfns(state, BUILDER_EITHER, val);
	if (!strcmp(word, "outcome"))
		return find_outcome(state->expect, val);
	if (strcmp(word, "present"))
		return -1;
	state->expect->has_present = true;
	return builder_number(val, &state->expect->present);
}

static int one_line(struct builder_expect *expect, char *line, const char **bad)
{
	struct state state = { .expect = expect, .class = -1 };
	char *save = NULL;

	for (char *word = strtok_r(line, " \t\r", &save); word; word = strtok_r(NULL, " \t\r", &save)) {
		if (!strcmp(word, "--"))
			break;
		*bad = word;
		if (one_word(&state, word))
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

int builder_expect_parse(const char *recipe, size_t length, struct builder_expect *expect, char errbuf[BUILDER_ERR])
{
	char *text = malloc(length + 1), *line, *next;
	const char *bad = "";
	unsigned no = 1;
	int result = 0;

	memset(expect, 0, sizeof *expect);
	errbuf[0] = '\0';
	if (!text) {
		snprintf(errbuf, BUILDER_ERR, "no memory");
		return -1;
	}
	memcpy(text, recipe, length);
	text[length] = '\0';
	for (line = text; line && !result; line = next, no++) {
		char *end = strchr(line, '\n'), *words;

		next = end ? end + 1 : NULL;
		if (end)
			*end = '\0';
		words = expect_line(line);
		if (words && one_line(expect, words, &bad)) {
			snprintf(errbuf, BUILDER_ERR, "line %u: expect: cannot make sense of \"%s\"", no, bad);
			result = -1;
		}
	}
	free(text);
	if (result)
		builder_expect_free(expect);
	return result;
}

void builder_expect_free(struct builder_expect *expect)
{
	for (unsigned i = 0; i < BUILDER_CLASSES; i++) {
		free(expect->drop[i].range);
		free(expect->may[i].range);
	}
	for (size_t i = 0; i < expect->nrules; i++)
		free(expect->rules[i].pfns.range);
	free(expect->rules);
	memset(expect, 0, sizeof *expect);
}

static bool selected(unsigned class, unsigned level)
{
	return !classes[class].levels || (classes[class].levels & level);
}

enum builder_verdict builder_expect_verdict(const struct builder_expect *expect, unsigned level, uint64_t pfn)
{
	enum builder_verdict verdict = BUILDER_KEEP;

	for (size_t i = expect->nrules; i--;)
		if ((expect->rules[i].level == level || expect->rules[i].level == BUILDER_ALL_LEVELS) &&
		    builder_ranges_have(&expect->rules[i].pfns, pfn))
			return expect->rules[i].verdict;
	for (unsigned column = 0; column < BUILDER_CLASSES; column++) {
		if (!selected(column, level))
			continue;
		if (builder_ranges_have(&expect->drop[column], pfn))
			return BUILDER_DROP;
		if (builder_ranges_have(&expect->may[column], pfn))
			verdict = BUILDER_EITHER;
	}
	return verdict;
}
