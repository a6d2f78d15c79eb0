/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the kernel of a recipe is (facts), and what its note says about it (facts shown, then edits). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bd.h"

static struct bd_fact *find(struct bd *b, const char *key, size_t len)
{
	for (size_t i = 0; i < b->nfacts; i++)
		if (!strncmp(b->facts[i].key, key, len) && !b->facts[i].key[len])
			return &b->facts[i];
	return NULL;
}

static void forget(struct bd *b, const char *key)
{
	struct bd_fact *f = find(b, key, strlen(key));

	if (!f)
		bd_fail(b, "the preset has no %s to drop", key);
	memmove(f, f + 1, (size_t)(b->facts + b->nfacts - f - 1) * sizeof *f);
	b->nfacts--;
}

/* KEY=VALUE, !KEY=VALUE (not printed) or -KEY. */
void bd_fact_set(struct bd *b, const char *line)
{
	bool hidden = *line == '!';
	const char *eq;
	struct bd_fact *f;

	if (*line == '-') {
		forget(b, line + 1);
		return;
	}
	line += hidden;
	eq = strchr(line, '=');
	if (!eq)
		bd_fail(b, "fact \"%s\" has no =", line);
	f = find(b, line, (size_t)(eq - line));
	if (!f) {
		b->facts = bd_more(b, b->facts, b->nfacts, sizeof *f);
		f = &b->facts[b->nfacts++];
		f->key = bd_dup(b, line, (size_t)(eq - line));
	}
	f->val = bd_dup(b, eq + 1, strlen(eq + 1));
	f->shown = !hidden;
}

static void apply_text(struct bd *b, const char *text)
{
	while (*text) {
		size_t n = strcspn(text, "\n");

		bd_fact_set(b, bd_dup(b, text, n));
		text += n + (text[n] == '\n');
	}
}

void bd_preset_apply(struct bd *b, const char *name)
{
	const struct bd_preset *p;

	for (p = bd_presets; p->name; p++) {
		if (strcmp(p->name, name))
			continue;
		if (p->base)
			bd_preset_apply(b, p->base);
		apply_text(b, p->text);
		return;
	}
	bd_fail(b, "no preset \"%s\"", name);
}

void bd_preset(struct bd *b, struct bd_line *l)
{
	b->nfacts = 0;
	bd_preset_apply(b, bd_arg(b, l, "NAME"));
}

void bd_fact_line(struct bd *b, struct bd_line *l)
{
	const char *s;
	unsigned i = 1;

	if (!b->nfacts)
		bd_preset_apply(b, "6.1");
	while ((s = bd_next(l, &i)))
		bd_fact_set(b, s);
}

static bool starts(const char *s, const char *with)
{
	return !strncmp(s, with, strlen(with));
}

static bool is_address(const char *key)
{
	return starts(key, "SYMBOL(") || starts(key, "KERNELOFF") || starts(key, "IDENTITYBASE") ||
	       starts(key, "SAMODE31") || starts(key, "EAMODE31");
}

const char *bd_fact_text(struct bd *b, const char *key)
{
	struct bd_fact *f = find(b, key, strlen(key));

	return f ? f->val : NULL;
}

/* A value that begins with @ is a symbol: its own name in brackets, or the name that follows; 0x@name prints hex. */
static bool symbol_of(struct bd *b, const struct bd_fact *f, uint64_t *v)
{
	const char *at = f->val + (starts(f->val, "0x@") ? 2 : 0);
	const char *open = strchr(f->key, '(');

	if (*at != '@')
		return false;
	if (at[1])
		*v = bd_sym(b, at + 1);
	else if (open)
		*v = bd_sym(b, bd_dup(b, open + 1, strlen(open) - 2));
	else
		bd_fail(b, "%s: @ without a name", f->key);
	return true;
}

bool bd_fact(struct bd *b, const char *key, uint64_t *v)
{
	struct bd_fact *f = find(b, key, strlen(key));

	if (!f)
		return false;
	if (symbol_of(b, f, v))
		return true;
	if (is_address(key))
		*v = strtoull(f->val, NULL, 16);
	else if (builder_number(f->val, v))
		bd_fail(b, "%s=%s is not a number", key, f->val);
	return true;
}

uint64_t bd_fact_or(struct bd *b, const char *key, uint64_t otherwise)
{
	uint64_t v;

	return bd_fact(b, key, &v) ? v : otherwise;
}

uint64_t bd_need(struct bd *b, const char *key)
{
	uint64_t v;

	if (!bd_fact(b, key, &v))
		bd_fail(b, "the preset does not know %s", key);
	return v;
}

void bd_info(struct bd *b, struct bd_line *l)
{
	const char *what = bd_arg(b, l, "set, drop, line, none or raw"), *s, *eq;
	struct bd_edit *e;
	unsigned i = 1;

	if (!strcmp(what, "none")) {
		b->info_none = true;
		return;
	}
	while ((s = bd_next(l, &i))) {
		if (!strcmp(what, "raw")) {
			b->info_raw = bd_dup(b, s, strlen(s));
			continue;
		}
		b->edits = bd_more(b, b->edits, b->nedits, sizeof *e);
		e = &b->edits[b->nedits++];
		eq = strchr(s, '=');
		if (strcmp(what, "set") && strcmp(what, "drop") && strcmp(what, "line"))
			bd_fail(b, "info %s: set, drop, line, none or raw", what);
		e->what = what[0];
		if (e->what == 's' && !eq)
			bd_fail(b, "info set %s has no =", s);
		e->key = e->what == 's' ? bd_dup(b, s, (size_t)(eq - s)) : bd_dup(b, s, strlen(s));
		e->val = e->what == 's' ? bd_dup(b, eq + 1, strlen(eq + 1)) : NULL;
	}
}

/* ---- the text of the note ---- */

struct text {
	struct bd *b;
	char *p;
	size_t n, cap;
};

static void add(struct text *t, const char *s)
{
	size_t len = strlen(s);

	if (t->n + len > t->cap) {
		size_t cap = (t->n + len) * 2 + 4096;
		char *p = bd_mem(t->b, cap);

		if (t->n)
			memcpy(p, t->p, t->n);
		t->p = p;
		t->cap = cap;
	}
	memcpy(t->p + t->n, s, len);
	t->n += len;
}

static void add_pair(struct text *t, const char *key, const char *val)
{
	add(t, key);
	add(t, "=");
	add(t, val);
	add(t, "\n");
}

static void add_fact(struct text *t, const struct bd_fact *f)
{
	char num[32];
	uint64_t v;

	if (!symbol_of(t->b, f, &v)) {
		add_pair(t, f->key, f->val);
		return;
	}
	if (starts(f->val, "0x"))
		snprintf(num, sizeof num, "0x%llx", (unsigned long long)v);
	else if (is_address(f->key))
		snprintf(num, sizeof num, "%llx", (unsigned long long)v);
	else
		snprintf(num, sizeof num, "%lld", (long long)v);
	add_pair(t, f->key, num);
}

/* The last edit of a key, or NULL. */
static struct bd_edit *edit_of(struct bd *b, const char *key)
{
	for (size_t i = b->nedits; i--;)
		if (b->edits[i].what != 'l' && !strcmp(b->edits[i].key, key))
			return &b->edits[i];
	return NULL;
}

static void add_edits(struct text *t)
{
	struct bd *b = t->b;

	for (size_t i = 0; i < b->nedits; i++) {
		struct bd_edit *e = &b->edits[i];
		struct bd_fact *f = find(b, e->key, strlen(e->key));

		if (e->what == 'l') {
			add(t, e->key);
			add(t, "\n");
		} else if (e->what == 's' && edit_of(b, e->key) == e && !(f && f->shown)) {
			add_pair(t, e->key, e->val);
		}
	}
}

static void add_raw(struct text *t)
{
	char one[2] = { 0 };

	for (const char *s = t->b->info_raw; *s; s++) {
		one[0] = *s;
		if (s[0] == '\\' && s[1] == 'n') {
			one[0] = '\n';
			s++;
		}
		add(t, one);
	}
}

char *bd_note_text(struct bd *b, size_t *len)
{
	struct text t = { .b = b };

	if (b->info_raw) {
		add_raw(&t);
		*len = t.n;
		return t.p;
	}
	for (size_t i = 0; i < b->nfacts; i++) {
		struct bd_fact *f = &b->facts[i];
		struct bd_edit *e = edit_of(b, f->key);

		if (!f->shown || (e && e->what == 'd'))
			continue;
		if (e)
			add_pair(&t, f->key, e->val);
		else
			add_fact(&t, f);
	}
	add_edits(&t);
	*len = t.n;
	return t.p;
}
