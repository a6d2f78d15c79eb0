/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The recipes of tests/fixtures, one after the other. */
#ifndef TESTS_UNIT_RECIPES_H
#define TESTS_UNIT_RECIPES_H

#include <stdbool.h>
#include <stddef.h>

/* Calls fn for each recipe whose name has `only` in it; where that is NULL for those that picks() takes, which may be
 * NULL, too: all.  i: its number in the order of names.  text: length bytes and a NUL.  False, and a line that says so:
 * there are none. */
bool rc_each(const char *only, bool (*picks)(int i, const char *name),
	     void (*fn)(const char *name, const char *text, size_t length));

/* For picks: under sanitizers, which are slow, every fifth or tenth stands for the others. */
bool rc_fifth(int i, const char *name);
bool rc_tenth(int i, const char *name);

/* Recipes that are small, and stand for the machines. */
bool rc_stands_for_machine(const char *name);

#endif
