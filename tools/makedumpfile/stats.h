/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef MAKEDUMPFILE_STATS_H
#define MAKEDUMPFILE_STATS_H

#include "messages.h"

/* The report of --show-stats, in the layout that scripts know. */
void stats_print(struct messages *m, const struct dumpfilter_report *r, bool elf);

#endif
