/* SPDX-License-Identifier: LGPL-2.1-or-later */
#if 0 /* cut in the next commit */
#include "debuginfo/wants.h"

#include "debuginfo/make.h"
#include "kdesc/kdesc.h"

#include <stdio.h>
#include <string.h>

struct row {
	enum df_want_kind kind;
	bool part;
	const char *name, *member; /* member NULL: name may hold it, behind a dot */
	df_make_fn make;
};

static const struct row rows[] = {
#define LINE(kind, name)         { DF_WANT_##kind, false, name, NULL, NULL },
#define ENUMERATOR(enumer, name) { DF_WANT_NUMBER, false, enumer, name, NULL },
#define PART(enumer, name)       { DF_WANT_NUMBER, true, enumer, name, NULL },
#define MADE(line, function)     { DF_WANT_MADE, false, line, NULL, function },
#include "debuginfo/lines.def"
#undef LINE
#undef ENUMERATOR
#undef PART
#undef MADE
};

#define HASH_START UINT64_C(0xcbf29ce484222325)

/* FNV-1a from the end of a name to its beginning, so that all suffixes of a string cost one pass. */
static uint64_t hash_step(uint64_t h, char c)
{
	return (h ^ (unsigned char)c) * UINT64_C(0x100000001b3);
}

static size_t fold(uint64_t h)
{
	return (size_t)(h ^ h >> 32);
}

static size_t hash(const char *name)
{
	uint64_t h = HASH_START;

	for (size_t n = strlen(name); n;)
		h = hash_step(h, name[--n]);
	return fold(h);
}

static enum df_space space_of(const struct df_want *want)
{
	switch (want->kind) {
	case DF_WANT_SYMBOL:
		return DF_SPACE_SYMBOL;
	case DF_WANT_NUMBER:
		return DF_SPACE_ENUM;
	case DF_WANT_LENGTH:
		return want->member[0] ? DF_SPACE_TYPE : DF_SPACE_VARIABLE;
	default:
		return DF_SPACE_TYPE;
	}
}

static bool has_want(const struct df_wants *w, const struct df_want *want)
{
	for (size_t i = 0; i < w->n; i++)
		if (w->v[i].kind == want->kind && w->v[i].part == want->part && !strcmp(w->v[i].name, want->name) &&
		    !strcmp(w->v[i].member, want->member))
			return true;
	return false;
}

static bool add(struct df_wants *w, const struct row *row)
{
	struct df_want want = { .kind = row->kind, .part = row->part, .make = row->make, .next = DF_WANT_NONE };
	const char *dot = row->kind == DF_WANT_OFFSET || row->kind == DF_WANT_LENGTH ? strchr(row->name, '.') : NULL;

	snprintf(want.name, sizeof want.name, "%.*s", (int)(dot ? (size_t)(dot - row->name) : strlen(row->name)),
		 row->name);
	snprintf(want.member, sizeof want.member, "%s", row->member ? row->member : dot ? dot + 1 : "");
	if (has_want(w, &want))
		return true;
	if (!df_grow(w->env, (void **)&w->v, &w->cap, w->n + 1, sizeof *w->v))
		return false;
	w->v[w->n++] = want;
	return true;
}

/* A row for what facts.def names and lines.def does not.  The note has the value of vmemmap, where the kernel's
 * variable of that name (s390) only holds it. */
static bool add_fact(struct df_wants *w, const char *kind, const char *name)
{
	static const struct {
		const char *kind;
		enum df_want_kind is;
	} kinds[] = { { "SYMBOL", DF_WANT_SYMBOL },
		      { "SIZE", DF_WANT_SIZE },
		      { "OFFSET", DF_WANT_OFFSET },
		      { "LENGTH", DF_WANT_LENGTH } };
	struct row row = { .name = name };

	for (size_t i = 0; kind && i < sizeof kinds / sizeof *kinds; i++) {
		if (strcmp(kind, kinds[i].kind) != 0)
			continue;
		row.kind = kinds[i].is;
		if (row.kind != DF_WANT_SYMBOL || (strcmp(name, "vmemmap") && strcmp(name, "node_online_map")))
			return add(w, &row);
	}
	return true;
}

static bool add_rows(struct df_wants *w)
{
	const char *kind, *name;

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (!add(w, &rows[i]))
			return false;
	for (size_t i = 0; df_kdesc_spelling(i, &kind, &name); i++)
		if (!add_fact(w, kind, name))
			return false;
	return true;
}

static bool group_wants(struct df_wants *w)
{
	for (w->table_size = 64; w->table_size < 64 * w->n; w->table_size *= 2)
		;
	w->table = df_alloc_array(w->env, w->table_size, sizeof *w->table);
	w->group = df_alloc_array(w->env, w->n, sizeof *w->group);
	if (!w->table || !w->group)
		return false;
	for (size_t i = 0; i < w->n; i++) {
		enum df_space space = space_of(&w->v[i]);
		struct df_want_group *g;
		size_t slot;

		if (w->v[i].kind == DF_WANT_MADE)
			continue;
		g = df_wants_find(w, space, w->v[i].name);
		if (g) {
			w->v[i].next = g->first;
			g->first = i;
			continue;
		}
		for (slot = hash(w->v[i].name) % w->table_size; w->table[slot];)
			slot = (slot + 1) % w->table_size;
		w->group[w->ngroups++] = (struct df_want_group){ .space = space, .name = w->v[i].name, .first = i };
		w->table[slot] = w->ngroups;
		w->open += space != DF_SPACE_SYMBOL;
	}
	return true;
}

int df_wants_init(struct df_wants *w, struct df_env *env, const struct df_vmlinux *v, struct df_err *err)
{
	*w = (struct df_wants){ .env = env, .vmlinux = v };
	if (add_rows(w) && group_wants(w))
		return 0;
	return df_err_nomem(err, env, "the list of what a vmlinux says", w->n * sizeof *w->v);
}

void df_wants_fini(struct df_wants *w)
{
	if (!w->env)
		return;
	df_free(w->env, w->table);
	df_free(w->env, w->group);
	df_free(w->env, w->v);
	*w = (struct df_wants){ .env = w->env };
}

struct df_want_group *df_wants_find(struct df_wants *w, enum df_space space, const char *name)
{
	for (size_t slot = hash(name) % w->table_size; w->table[slot]; slot = (slot + 1) % w->table_size) {
		struct df_want_group *g = &w->group[w->table[slot] - 1];

		if (g->space == space && !strcmp(g->name, name))
			return g;
	}
	return NULL;
}

void df_wants_spell(struct df_wants *w, const char *s, size_t len)
{
	uint64_t h = HASH_START;

	for (size_t n = 1; n <= len && n < DF_WANT_NAME; n++) {
		h = hash_step(h, s[len - n]);
		if (!w->table[fold(h) % w->table_size])
			continue; /* nothing wanted hashes to this */
		for (unsigned space = DF_SPACE_TYPE; space <= DF_SPACE_ENUM; space++) {
			struct df_want_group *g = df_wants_find(w, (enum df_space)space, s + len - n);

			if (g)
				g->spelled = true;
		}
	}
}

void df_wants_settle(struct df_wants *w, struct df_want_group *g)
{
	if (!g->settled && g->space != DF_SPACE_SYMBOL)
		w->open--;
	g->settled = true;
}

const struct df_want *df_wants_found(const struct df_wants *w, enum df_want_kind kind, const char *name,
				     const char *member)
{
	for (size_t i = 0; i < w->n; i++)
		if (w->v[i].kind == kind && w->v[i].found && !strcmp(w->v[i].name, name) &&
		    !strcmp(w->v[i].member, member))
			return &w->v[i];
	return NULL;
}
#endif
