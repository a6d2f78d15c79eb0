/* SPDX-License-Identifier: GPL-2.0-or-later */
/* --json: what a run was asked, what it found and what came of it, for programs.  docs/report.schema.json. */
#ifndef MAKEDUMPFILE_REPORT_H
#define MAKEDUMPFILE_REPORT_H

#include "tool.h"

struct report;

/* A report that goes to path ("-": standard output); created now, so that an unwritable place is found early.  NULL:
 * said why not. */
struct report *report_open(const char *path, bool overwrite, struct messages *m);

/* Does the report go to this file?  r may be NULL. */
bool report_is_file(const struct report *r, const struct stat *file);

/* A file that was written, or would have been.  bytes: its size, UINT64_MAX where not known.  r may be NULL. */
void report_output(struct report *r, const char *name, uint64_t bytes);

/* Write all and free; t->df must still be there, or be NULL.  false: said why not.  r may be NULL. */
bool report_close(struct report *r, const struct tool *t, int status);

#endif
