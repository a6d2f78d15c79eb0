/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is looked for: lines.def, and what facts.def names beside it. */
#include "debuginfo/make.h"

#include "kdesc/kdesc.h"

#include <stdio.h>
#include <string.h>

/* A row of lines.def. */
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

static bool has_want(const struct df_wants *wants, const struct df_want *want)
{
	for (size_t i = 0; i < wants->count; i++)
		if (wants->want[i].kind == want->kind && wants->want[i].part == want->part &&
		    !strcmp(wants->want[i].name, want->name) && !strcmp(wants->want[i].member, want->member))
			return true;
	return false;
}

static bool add(struct df_wants *wants, const struct row *row)
{
	struct df_want want = { .kind = row->kind, .part = row->part, .make = row->make, .next = DF_WANT_NONE };
	const char *dot = row->kind == DF_WANT_OFFSET || row->kind == DF_WANT_LENGTH ? strchr(row->name, '.') : NULL;

	snprintf(want.name, sizeof want.name, "%.*s", (int)(dot ? (size_t)(dot - row->name) : strlen(row->name)),
		 row->name);
	snprintf(want.member, sizeof want.member, "%s", row->member ? row->member : dot ? dot + 1 : "");
	if (has_want(wants, &want))
		return true;
	if (!df_grow(wants->env, (void **)&wants->want, &wants->cap, wants->count + 1, sizeof *wants->want))
		return false;
	wants->want[wants->count++] = want;
	return true;
}

/* A row for what facts.def names and lines.def does not.  The note has the value of vmemmap, where the kernel's
 * variable of that name (s390) only holds it. */
static bool add_fact(struct df_wants *wants, const char *kind, const char *name)
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
			return add(wants, &row);
	}
	return true;
}

static bool add_rows(struct df_wants *wants)
{
	const char *kind, *name;

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (!add(wants, &rows[i]))
			return false;
	for (size_t i = 0; df_kdesc_spelling(i, &kind, &name); i++)
		if (!add_fact(wants, kind, name))
			return false;
	return true;
}

int df_wants_init(struct df_wants *wants, struct df_env *env, const struct df_vmlinux *vmlinux, struct df_err *err)
{
	*wants = (struct df_wants){ .env = env, .vmlinux = vmlinux };
	if (add_rows(wants) && df_wants_group(wants))
		return 0;
	return df_err_nomem(err, env, "the list of what a vmlinux says", wants->count * sizeof *wants->want);
}
