/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A small test harness: each test program lists its cases in main() and prints one line per case and a closing
 * "N passed, N failed".  A failed CHECK ends the case, not the program.  Exit 1 where a case failed. */
#ifndef TESTS_UNIT_T_H
#define TESTS_UNIT_T_H

#include "slow.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct {
	int passed, failed;
	jmp_buf out;
} t_state;

#define T_FAIL(...)                                      \
	do {                                             \
		printf("# %s:%d: ", __FILE__, __LINE__); \
		printf(__VA_ARGS__);                     \
		printf("\n");                            \
		longjmp(t_state.out, 1);                 \
	} while (0)
#define CHECK(cond)                                  \
	do {                                         \
		if (!(cond))                         \
			T_FAIL("failed: %s", #cond); \
	} while (0)
#define CHECK_EQ(got, want)                                                                                          \
	do {                                                                                                         \
		uint64_t t_got = (uint64_t)(got), t_want = (uint64_t)(want);                                         \
		if (t_got != t_want)                                                                                 \
			T_FAIL("%s is %" PRIu64 " (%#" PRIx64 "), expected %" PRIu64 " (%#" PRIx64 ")", #got, t_got, \
			       t_got, t_want, t_want);                                                               \
	} while (0)
#define CHECK_STR(got, want)                                                          \
	do {                                                                          \
		const char *t_got = (got), *t_want = (want);                          \
		if (strcmp(t_got, t_want))                                            \
			T_FAIL("%s is \"%s\", expected \"%s\"", #got, t_got, t_want); \
	} while (0)
#define CHECK_HAS(got, part)                                                                     \
	do {                                                                                     \
		const char *t_got = (got), *t_part = (part);                                     \
		if (!strstr(t_got, t_part))                                                      \
			T_FAIL("%s is \"%s\", expected it to hold \"%s\"", #got, t_got, t_part); \
	} while (0)

/* Run one case: a function without arguments. */
#define RUN(fn) T_RUN(#fn, fn())
/* The same with a name and a call of your own, for tables. */
#define T_RUN(name, call)                              \
	do {                                           \
		if (!setjmp(t_state.out)) {            \
			call;                          \
			t_state.passed++;              \
			printf("ok - %s\n", name);     \
		} else {                               \
			t_state.failed++;              \
			printf("not ok - %s\n", name); \
		}                                      \
		fflush(stdout);                        \
	} while (0)
#define T_END() \
	(printf("%d passed, %d failed\n", t_state.passed, t_state.failed), t_state.failed ? EXIT_FAILURE : EXIT_SUCCESS)

#endif
