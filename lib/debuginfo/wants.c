/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "debuginfo/wants.h"

#include <string.h>

#define HASH_START UINT64_C(0xcbf29ce484222325)

/* FNV-1a from the end of a name to its beginning, so that all suffixes of a string cost one pass. */
static uint64_t hash_step(uint64_t hash, char letter)
{
	return (hash ^ (unsigned char)letter) * UINT64_C(0x100000001b3);
}

static size_t fold(uint64_t hash)
{
	return (size_t)(hash ^ hash >> 32);
}

static size_t hash(const char *name)
{
	uint64_t sum = HASH_START;

	for (size_t count = strlen(name); count;)
		sum = hash_step(sum, name[--count]);
	return fold(sum);
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

bool df_wants_group(struct df_wants *wants)
{
	for (wants->table_size = 64; wants->table_size < 64 * wants->count; wants->table_size *= 2)
		;
	wants->table = df_alloc_array(wants->env, wants->table_size, sizeof *wants->table);
	wants->group = df_alloc_array(wants->env, wants->count, sizeof *wants->group);
	if (!wants->table || !wants->group)
		return false;
	for (size_t i = 0; i < wants->count; i++) {
		enum df_space space = space_of(&wants->want[i]);
		struct df_want_group *group;
		size_t slot;

		if (wants->want[i].kind == DF_WANT_MADE)
			continue;
		group = df_wants_find(wants, space, wants->want[i].name);
		if (group) {
			wants->want[i].next = group->first;
			group->first = i;
			continue;
		}
		for (slot = hash(wants->want[i].name) % wants->table_size; wants->table[slot];)
			slot = (slot + 1) % wants->table_size;
		wants->group[wants->ngroups++] =
			(struct df_want_group){ .space = space, .name = wants->want[i].name, .first = i };
		wants->table[slot] = wants->ngroups;
		wants->open += space != DF_SPACE_SYMBOL;
	}
	return true;
}

void df_wants_fini(struct df_wants *wants)
{
	if (!wants->env)
		return;
	df_free(wants->env, wants->table);
	df_free(wants->env, wants->group);
	df_free(wants->env, wants->want);
	*wants = (struct df_wants){ .env = wants->env };
}

struct df_want_group *df_wants_find(struct df_wants *wants, enum df_space space, const char *name)
{
	for (size_t slot = hash(name) % wants->table_size; wants->table[slot]; slot = (slot + 1) % wants->table_size) {
		struct df_want_group *group = &wants->group[wants->table[slot] - 1];

		if (group->space == space && !strcmp(group->name, name))
			return group;
	}
	return NULL;
}

void df_wants_spell(struct df_wants *wants, const char *text, size_t length)
{
	uint64_t hash_value = HASH_START;

	for (size_t count = 1; count <= length && count < DF_WANT_NAME; count++) {
		hash_value = hash_step(hash_value, text[length - count]);
		if (!wants->table[fold(hash_value) % wants->table_size])
			continue; /* nothing wanted hashes to this */
		for (unsigned space = DF_SPACE_TYPE; space <= DF_SPACE_ENUM; space++) {
			struct df_want_group *group = df_wants_find(wants, (enum df_space)space, text + length - count);

			if (group)
				group->spelled = true;
		}
	}
}

void df_wants_settle(struct df_wants *wants, struct df_want_group *group)
{
	if (!group->settled && group->space != DF_SPACE_SYMBOL)
		wants->open--;
	group->settled = true;
}

const struct df_want *df_wants_found(const struct df_wants *wants, enum df_want_kind kind, const char *name,
				     const char *member)
{
	for (size_t i = 0; i < wants->count; i++)
		if (wants->want[i].kind == kind && wants->want[i].found && !strcmp(wants->want[i].name, name) &&
		    !strcmp(wants->want[i].member, member))
			return &wants->want[i];
	return NULL;
}
