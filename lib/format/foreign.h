/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Files that others make of memory, and that are not read here, by the bytes that they begin with. */
#ifndef DF_FORMAT_FOREIGN_H
#define DF_FORMAT_FOREIGN_H

#include <stdbool.h>
#include <stddef.h>

#define DF_FOREIGN_TEXT 200u

/* What a file that begins with head[length] is, and what to do with it, as the end of "FILE is ...".  8 KiB are enough
 * to know all of them.  false: none of these. */
bool df_foreign_name(const void *head, size_t length, char text[DF_FOREIGN_TEXT]);

#endif
