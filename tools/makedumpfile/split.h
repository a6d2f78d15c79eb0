/* SPDX-License-Identifier: GPL-2.0-or-later */
/* --split: a dump in several files. */
#ifndef MAKEDUMPFILE_SPLIT_H
#define MAKEDUMPFILE_SPLIT_H

#include "tool.h"

/* tool->output becomes "A, B, and C"; after a run without those that hold nothing that opens. */
void split_set_output(struct tool *tool);
/* May all files be written?  Says why not. */
bool split_allowed(struct tool *tool);
/* A sink for each piece. */
bool split_make_sinks(struct tool *tool);
/* dumpfilter_run_split() as was asked for. */
int split_run(struct tool *tool);
/* After a run: what each piece holds. */
void split_report(struct tool *tool);
/* After an incomplete run: which files hold nothing, and tool->output becomes the others. */
void split_name_left(struct tool *tool);

#endif
