/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef MAKEDUMPFILE_STATS_H
#define MAKEDUMPFILE_STATS_H

#include "tool.h"

/* The report of --show-stats, in the layout that scripts know. */
void stats_print(struct messages *m, const struct dumpfilter_report *r, bool elf);

/* One line for people, the last one of the report: from which file to which, how large both are, how many pages. */
void stats_print_sum(struct tool *t, const struct dumpfilter_report *r, uint64_t output_size);

#endif
