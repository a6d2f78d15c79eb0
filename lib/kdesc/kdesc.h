/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The kernel description: facts (facts.def), each present with a value and an origin, or absent.
 *
 * In comes VMCOREINFO text, out comes a table of numbers that later layers may rely on, because whatever is out of its
 * bounds was dropped.  The folder kdesc/ reads no memory and no file.  Nobody else spells the name of a fact, and
 * quirks.c is the only file that compares releases: distributions backport, so a release says little.  Absent is always
 * an answer: a rule whose facts are missing is off and the pages are kept.
 */
#ifndef DF_KDESC_KDESC_H
#define DF_KDESC_KDESC_H

#include "base/env.h"

#include <stdint.h>

enum df_fact {
#define FACT(id, kind, name)   DF_##id,
#define PLAIN(id, radix, name) DF_##id,
#define KNOWN(id, text)        DF_##id,
#define ALIAS(id, kind, name)
#include "kdesc/facts.def"
#undef FACT
#undef PLAIN
#undef KNOWN
#undef ALIAS
	DF_FACT_COUNT
};

enum df_origin {
	DF_ABSENT = 0,
	DF_FROM_TEXT,    /* a VMCOREINFO text that the caller gave */
	DF_FROM_NOTE,    /* the image's own note */
	DF_FROM_LAYOUT,  /* known layout of this release (quirks.c) */
	DF_FROM_DERIVED, /* found in the image's memory */
};

/* One for each dump, no memory of its own.  Filled by the calling thread when the dump is opened or text is given, and
 * only read by workers.  Zeroed: nothing is known.  Offsets and sizes are bytes, addresses the kernel's virtual ones
 * but where facts.def says otherwise; value[] means nothing where origin[] is DF_ABSENT. */
struct df_kdesc {
	uint64_t value[DF_FACT_COUNT];
	uint8_t origin[DF_FACT_COUNT]; /* enum df_origin */
	char osrelease[65];
	char build_id[65];
	bool has_text;  /* some VMCOREINFO was read */
	bool confirmed; /* a text and a note with the same build id were read */
	bool adrift; /* addresses are from a text, and nothing says how far the image's kernel was moved from there */
};

static inline bool df_has(const struct df_kdesc *kernel, enum df_fact fact)
{
	return kernel->origin[fact] != DF_ABSENT;
}

/* Value, or other where it is absent. */
static inline uint64_t df_fact(const struct df_kdesc *kernel, enum df_fact fact, uint64_t other)
{
	return df_has(kernel, fact) ? kernel->value[fact] : other;
}

static inline bool df_get_fact(const struct df_kdesc *kernel, enum df_fact fact, uint64_t *value)
{
	*value = kernel->value[fact];
	return df_has(kernel, fact);
}

/* Set unless it is there: who comes first wins. */
void df_kdesc_set(struct df_kdesc *kernel, enum df_fact fact, uint64_t value, enum df_origin from);
void df_kdesc_drop(struct df_kdesc *kernel, enum df_fact fact);
/* "OFFSET(page.flags)" into buffer; returns buffer. */
const char *df_fact_name(enum df_fact fact, char *buffer, size_t length);
const char *df_origin_name(enum df_origin origin);

/* Every spelling of facts.def once, in its order: SYMBOL, … NUMBER and the name in brackets.  false behind the last
 * one; kind is NULL where the row is no such line. */
bool df_kdesc_spelling(size_t i, const char **kind, const char **name);

/* A text goes before the note in what the compiler decides: layouts, and addresses.  Numbers can be of another boot,
 * and mem_section and vmemmap, whose values a note has, are variables to look through in what was made of a vmlinux. */
bool df_fact_text_first(enum df_fact fact);

/* Addresses that came from a text: all of them lie delta further. */
void df_kdesc_move(struct df_kdesc *kernel, uint64_t delta);

/* Read VMCOREINFO text; what is there already stays.  A last line without newline that fills a note to its end was cut
 * by the kernel and is ignored.  A text that the caller gave may have been edited: blanks and carriage returns at the
 * ends of lines and a byte order mark say nothing. */
void df_kdesc_parse(struct df_kdesc *kernel, const char *text, size_t length, enum df_origin from);

/* Drop facts whose values cannot be (sizes, offsets behind the struct, bit numbers …); each is logged.  After
 * that, code may rely on the bounds documented at the checks. */
void df_kdesc_check(struct df_kdesc *kernel, struct df_env *env, unsigned word);

/* Layouts that are known for releases whose notes lack them.  The only place that compares releases. */
void df_kdesc_quirks(struct df_kdesc *kernel, unsigned word);
/* major·2^16 + minor·2^8 + patch (each capped at 255), 0 where osrelease is none. */
uint32_t df_kdesc_release(const struct df_kdesc *kernel);

#endif
