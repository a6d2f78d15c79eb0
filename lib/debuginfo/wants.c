/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "debuginfo/wants.h"

#include <string.h>

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

bool df_wants_group(struct df_wants *w)
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
