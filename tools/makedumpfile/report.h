/* SPDX-License-Identifier: GPL-2.0-or-later */
/* --json: what a run was asked, what it found and what came of it, for programs.  docs/report.schema.json. */
#ifndef MAKEDUMPFILE_REPORT_H
#define MAKEDUMPFILE_REPORT_H

#include "tool.h"

struct report;

/* A report that goes to path ("-": standard output); created now, so that an unwritable place is found early.  NULL:
 * said why not. */
struct report *report_open(const char *path, bool overwrite, struct messages *messages);

/* Does the report go to this file?  report may be NULL. */
bool report_is_file(const struct report *report, const struct stat *file);

/* A file that was written, or would have been.  bytes: its size, UINT64_MAX where not known.  report may be NULL. */
void report_output(struct report *report, const char *name, uint64_t bytes);

/* Write all and free; tool->df must still be there, or be NULL.  false: said why not.  report may be NULL. */
bool report_close(struct report *report, const struct tool *tool, int status);

#endif
