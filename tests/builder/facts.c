/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the kernel of a recipe is (facts), and what its note says about it (facts shown, then edits). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bd.h"

static struct bd_fact *find(struct bd *builder, const char *key, size_t length)
{
	for (size_t i = 0; i < builder->nfacts; i++)
		if (!strncmp(builder->facts[i].key, key, length) && !builder->facts[i].key[length])
			return &builder->facts[i];
	return NULL;
}

static void forget(struct bd *builder, const char *key)
{
	struct bd_fact *fact = find(builder, key, strlen(key));

	if (!fact)
		bd_fail(builder, "the preset has no %s to drop", key);
	memmove(fact, fact + 1, (size_t)(builder->facts + builder->nfacts - fact - 1) * sizeof *fact);
	builder->nfacts--;
}

/* KEY=VALUE, !KEY=VALUE (not printed) or -KEY. */
void bd_fact_set(struct bd *builder, const char *line)
{
	bool hidden = *line == '!';
	const char *eq;
	struct bd_fact *fact;

	if (*line == '-') {
		forget(builder, line + 1);
		return;
	}
	line += hidden;
	eq = strchr(line, '=');
	if (!eq)
		bd_fail(builder, "fact \"%s\" has no =", line);
	fact = find(builder, line, (size_t)(eq - line));
	if (!fact) {
		builder->facts = bd_more(builder, builder->facts, builder->nfacts, sizeof *fact);
		fact = &builder->facts[builder->nfacts++];
		fact->key = bd_dup(builder, line, (size_t)(eq - line));
	}
	fact->val = bd_dup(builder, eq + 1, strlen(eq + 1));
	fact->shown = !hidden;
}

static void apply_text(struct bd *builder, const char *text)
{
	while (*text) {
		size_t count = strcspn(text, "\n");

		bd_fact_set(builder, bd_dup(builder, text, count));
		text += count + (text[count] == '\n');
	}
}

void bd_preset_apply(struct bd *builder, const char *name)
{
	const struct bd_preset *preset;

	for (preset = bd_presets; preset->name; preset++) {
		if (strcmp(preset->name, name))
			continue;
		if (preset->base)
			bd_preset_apply(builder, preset->base);
		apply_text(builder, preset->text);
		return;
	}
	bd_fail(builder, "no preset \"%s\"", name);
}

void bd_preset(struct bd *builder, struct bd_line *line)
{
	builder->nfacts = 0;
	bd_preset_apply(builder, bd_arg(builder, line, "NAME"));
}

void bd_fact_line(struct bd *builder, struct bd_line *line)
{
	const char *text;
	unsigned i = 1;

	if (!builder->nfacts)
		bd_preset_apply(builder, "6.1");
	while ((text = bd_next(line, &i)))
		bd_fact_set(builder, text);
}

static bool starts(const char *text, const char *with)
{
	return !strncmp(text, with, strlen(with));
}

static bool is_address(const char *key)
{
	return starts(key, "SYMBOL(") || starts(key, "KERNELOFF") || starts(key, "IDENTITYBASE") ||
	       starts(key, "SAMODE31") || starts(key, "EAMODE31");
}

const char *bd_fact_text(struct bd *builder, const char *key)
{
	struct bd_fact *fact = find(builder, key, strlen(key));

	return fact ? fact->val : NULL;
}

/* A value that begins with @ is a symbol: its own name in brackets, or the name that follows; 0x@name prints hex. */
static bool symbol_of(struct bd *builder, const struct bd_fact *fact, uint64_t *value)
{
	const char *at = fact->val + (starts(fact->val, "0x@") ? 2 : 0);
	const char *open = strchr(fact->key, '(');

	if (*at != '@')
		return false;
	if (at[1])
		*value = bd_sym(builder, at + 1);
	else if (open)
		*value = bd_sym(builder, bd_dup(builder, open + 1, strlen(open) - 2));
	else
		bd_fail(builder, "%s: @ without a name", fact->key);
	return true;
}

bool bd_fact(struct bd *builder, const char *key, uint64_t *value)
{
	struct bd_fact *fact = find(builder, key, strlen(key));

	if (!fact)
		return false;
	if (symbol_of(builder, fact, value))
		return true;
	if (is_address(key))
		*value = strtoull(fact->val, NULL, 16);
	else if (builder_number(fact->val, value))
		bd_fail(builder, "%s=%s is not a number", key, fact->val);
	return true;
}

uint64_t bd_fact_or(struct bd *builder, const char *key, uint64_t otherwise)
{
	uint64_t value;

	return bd_fact(builder, key, &value) ? value : otherwise;
}

uint64_t bd_need(struct bd *builder, const char *key)
{
	uint64_t value;

	if (!bd_fact(builder, key, &value))
		bd_fail(builder, "the preset does not know %s", key);
	return value;
}

void bd_info(struct bd *builder, struct bd_line *line)
{
	const char *what = bd_arg(builder, line, "set, drop, line, none or raw"), *text, *eq;
	struct bd_edit *edit;
	unsigned i = 1;

	if (!strcmp(what, "none")) {
		builder->info_none = true;
		return;
	}
	while ((text = bd_next(line, &i))) {
		if (!strcmp(what, "raw")) {
			builder->info_raw = bd_dup(builder, text, strlen(text));
			continue;
		}
		builder->edits = bd_more(builder, builder->edits, builder->nedits, sizeof *edit);
		edit = &builder->edits[builder->nedits++];
		eq = strchr(text, '=');
		if (strcmp(what, "set") && strcmp(what, "drop") && strcmp(what, "line"))
			bd_fail(builder, "info %s: set, drop, line, none or raw", what);
		edit->what = what[0];
		if (edit->what == 's' && !eq)
			bd_fail(builder, "info set %s has no =", text);
		edit->key = edit->what == 's' ? bd_dup(builder, text, (size_t)(eq - text))
					      : bd_dup(builder, text, strlen(text));
		edit->val = edit->what == 's' ? bd_dup(builder, eq + 1, strlen(eq + 1)) : NULL;
	}
}

/* ---- the text of the note ---- */

struct text {
	struct bd *builder;
	char *text;
	size_t count, cap;
};

static void add(struct text *text, const char *string)
{
	size_t length = strlen(string);

	if (text->count + length > text->cap) {
		size_t cap = (text->count + length) * 2 + 4096;
		char *p = bd_mem(text->builder, cap);

		if (text->count)
			memcpy(p, text->text, text->count);
		text->text = p;
		text->cap = cap;
	}
	memcpy(text->text + text->count, string, length);
	text->count += length;
}

static void add_pair(struct text *text, const char *key, const char *val)
{
	add(text, key);
	add(text, "=");
	add(text, val);
	add(text, "\n");
}

static void add_fact(struct text *text, const struct bd_fact *fact)
{
	char num[32];
	uint64_t value;

	if (!symbol_of(text->builder, fact, &value)) {
		add_pair(text, fact->key, fact->val);
		return;
	}
	if (starts(fact->val, "0x"))
		snprintf(num, sizeof num, "0x%llx", (unsigned long long)value);
	else if (is_address(fact->key))
		snprintf(num, sizeof num, "%llx", (unsigned long long)value);
	else
		snprintf(num, sizeof num, "%lld", (long long)value);
	add_pair(text, fact->key, num);
}

/* The last edit of a key, or NULL. */
static struct bd_edit *edit_of(struct bd *builder, const char *key)
{
	for (size_t i = builder->nedits; i--;)
		if (builder->edits[i].what != 'l' && !strcmp(builder->edits[i].key, key))
			return &builder->edits[i];
	return NULL;
}

static void add_edits(struct text *text)
{
	struct bd *builder = text->builder;

	for (size_t i = 0; i < builder->nedits; i++) {
		struct bd_edit *edit = &builder->edits[i];
		struct bd_fact *fact = find(builder, edit->key, strlen(edit->key));

		if (edit->what == 'l') {
			add(text, edit->key);
			add(text, "\n");
		} else if (edit->what == 's' && edit_of(builder, edit->key) == edit && !(fact && fact->shown)) {
			add_pair(text, edit->key, edit->val);
		}
	}
}

static void add_raw(struct text *text)
{
	char one[2] = { 0 };

	for (const char *string = text->builder->info_raw; *string; string++) {
		one[0] = *string;
		if (string[0] == '\\' && string[1] == 'n') {
			one[0] = '\n';
			string++;
		}
		add(text, one);
	}
}

char *bd_note_text(struct bd *builder, size_t *length)
{
	struct text text = { .builder = builder };

	if (builder->info_raw) {
		add_raw(&text);
		*length = text.count;
		return text.text;
	}
	for (size_t i = 0; i < builder->nfacts; i++) {
		struct bd_fact *fact = &builder->facts[i];
		struct bd_edit *edit = edit_of(builder, fact->key);

		if (!fact->shown || (edit && edit->what == 'd'))
			continue;
		if (edit)
			add_pair(&text, fact->key, edit->val);
		else
			add_fact(&text, fact);
	}
	add_edits(&text);
	*length = text.count;
	return text.text;
}
