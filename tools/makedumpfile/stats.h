/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef MAKEDUMPFILE_STATS_H
#define MAKEDUMPFILE_STATS_H

#include "tool.h"

/* The report of --show-stats, in the layout that scripts know. */
void stats_print(struct messages *messages, const struct dumpfilter_report *report, bool elf);

/* One line for people, the last one of the report: from which file to which, how large both are, how many pages. */
void stats_print_sum(struct tool *tool, const struct dumpfilter_report *report, uint64_t output_size);

#endif
