/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Errors: a code and one line of text in a fixed buffer, so that reporting needs no memory.  Each worker thread has its
 * own; callers on the way up prepend where they were. */
#ifndef DF_BASE_ERR_H
#define DF_BASE_ERR_H

#include "libdumpfilter.h"

#define DF_ERR_TEXT 512

/* Owned by who calls; a function that succeeds leaves it alone.  Zeroed: no error.  Not locked: one thread each. */
struct df_err {
	int code; /* DUMPFILTER_E_*, 0 = none */
	char text[DF_ERR_TEXT];
};

/* Set code and text; returns code, so that "return df_err_set(err, …)" reads well. */
int df_err_set(struct df_err *err, int code, const char *fmt, ...) DUMPFILTER_PRINTF(3, 4);
/* The same with ": strerror(errnum)" behind. */
int df_err_sys(struct df_err *err, int code, int errnum, const char *fmt, ...) DUMPFILTER_PRINTF(4, 5);
/* Prepend "text: " to what is there; returns the code. */
int df_err_wrap(struct df_err *err, const char *fmt, ...) DUMPFILTER_PRINTF(2, 3);
/* Put text behind what is there; returns the code. */
int df_err_add(struct df_err *err, const char *fmt, ...) DUMPFILTER_PRINTF(2, 3);
void df_err_clear(struct df_err *err);

/* The DUMPFILTER_E_* code that fits an errno value of a failed read or write. */
int df_err_of_errno(int errnum);

#endif
