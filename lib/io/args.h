/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What callers hand over: structs that begin with their size, and names for messages. */
#ifndef DF_IO_ARGS_H
#define DF_IO_ARGS_H

#include "base/err.h"

#include <stddef.h>

/* Copy a struct that begins with its size into dst, known bytes.  A longer one is accepted where the rest is zero, a
 * shorter one gets zeros for what it lacks.  what: its name for the message; init: the macro that sets its size. */
int df_args_copy(void *dst, size_t known, const void *src, const char *what, const char *init, struct df_err *err);

/* Fill a struct of the caller, whose size member says how long it is, from known bytes at src: bytes that this library
 * does not know become 0. */
int df_args_answer(void *dst, const void *src, size_t known, const char *what, const char *init, struct df_err *err);

#define DF_NAME 256u /* bytes of a name for messages */

/* A name that fits one line: bytes below blank become '?', and of a name that is too long the end is kept. */
void df_args_name(char *dst, size_t size, const char *name);

#endif
