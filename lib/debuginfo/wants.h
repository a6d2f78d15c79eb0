/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is looked for in a vmlinux, with room for what is found. */
#ifndef DF_DEBUGINFO_WANTS_H
#define DF_DEBUGINFO_WANTS_H

#include "debuginfo/debuginfo.h"

enum df_want_kind { DF_WANT_SYMBOL, DF_WANT_SIZE, DF_WANT_OFFSET, DF_WANT_LENGTH, DF_WANT_NUMBER, DF_WANT_MADE };

/* Where a name is looked up: one name may be a symbol, a type and a variable. */
enum df_space { DF_SPACE_SYMBOL, DF_SPACE_TYPE, DF_SPACE_VARIABLE, DF_SPACE_ENUM };

#define DF_WANT_NAME 48u

struct df_wants;
typedef bool (*df_make_fn)(const struct df_wants *wants, const char *line, char *value, size_t size);

/* One thing to look for, and its answer: value is an address for a symbol, else bytes, elements or the number itself,
 * and says nothing unless found is set. */
struct df_want {
	enum df_want_kind kind;
	bool part;                 /* no line of its own */
	char name[DF_WANT_NAME];   /* symbol, type, variable or enumeration; MADE: the line up to its '=' */
	char member[DF_WANT_NAME]; /* member or enumerator; "" = the thing itself */
	df_make_fn make;
	bool found, is_pointer; /* is_pointer: LENGTH of a variable that is none */
	uint64_t value;
	size_t next; /* of the same group */
};

/* All wants of one name: settled together, by the first thing of that name. */
struct df_want_group {
	enum df_space space;
	const char *name;
	size_t first; /* of its wants */
	bool settled; /* found, or cannot be there */
	bool spelled; /* the string is in the file */
};

#define DF_WANT_NONE SIZE_MAX

/* All of them.  Groups and table point into v by number, as v moves while it grows.  Only while one vmlinux is read. */
struct df_wants {
	struct df_env *env;
	const struct df_vmlinux *vmlinux;
	struct df_want *want;
	size_t count, cap;
	struct df_want_group *group;
	size_t ngroups, groups_cap;
	size_t *table; /* hash of groups */
	size_t table_size;
	size_t open; /* groups that are not settled, symbols aside */
};

/* lines.c: all that there is to look for.  E_NOMEM. */
int df_wants_init(struct df_wants *wants, struct df_env *env, const struct df_vmlinux *vmlinux, struct df_err *err);
/* The list of wants is complete: make what finds them by name.  false = no memory. */
bool df_wants_group(struct df_wants *wants);
void df_wants_fini(struct df_wants *wants); /* also of a zeroed struct */
/* NULL = nobody asks for it. */
struct df_want_group *df_wants_find(struct df_wants *wants, enum df_space space, const char *name);
/* text[length] is in .debug_str: so is all that it ends with, because linkers store a string only once that is the end
 * of another. */
void df_wants_spell(struct df_wants *wants, const char *text, size_t length);
void df_wants_settle(struct df_wants *wants, struct df_want_group *group);
/* The first want of a kind with these names that was found, else NULL. */
const struct df_want *df_wants_found(const struct df_wants *wants, enum df_want_kind kind, const char *name,
				     const char *member);

/* file.c: the file itself */
struct df_debugfile;
int df_debugfile_open(struct df_debugfile **opened, struct df_vmlinux *vmlinux, struct df_env *env, const char *path,
		      struct df_err *err);
void df_debugfile_close(struct df_debugfile *debugfile, struct df_env *env); /* NULL is fine */
int df_debugfile_symbols(struct df_debugfile *debugfile, struct df_wants *wants, struct df_vmlinux *vmlinux,
			 struct df_err *err);
/* Bytes of the file that the kernel has at vaddr, at most length; 0 = none are there. */
size_t df_debugfile_bytes(struct df_debugfile *debugfile, uint64_t vaddr, char *buffer, size_t length);

/* types.c: debug information */
int df_debugfile_types(struct df_debugfile *debugfile, struct df_wants *wants, struct df_err *err);
void *df_debugfile_handle(struct df_debugfile *debugfile); /* of libelf */
const char *df_debugfile_name(const struct df_debugfile *debugfile);

/* text.c: *v's text */
int df_wants_print(struct df_wants *wants, struct df_vmlinux *vmlinux, struct df_err *err);

#endif
