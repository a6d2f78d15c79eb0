/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef TESTS_UNIT_SLOW_H
#define TESTS_UNIT_SLOW_H

#include <stdbool.h>
#include <stdlib.h>

/* Under sanitizers: enough of a kind to show what only they show. */
static inline bool t_slow(void)
{
	const char *sanitizer = getenv("DF_SANITIZE");

	return sanitizer && *sanitizer;
}

#endif
