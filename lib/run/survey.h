/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef DF_RUN_SURVEY_H
#define DF_RUN_SURVEY_H

#include "run/dump.h"

/* Both read what the plan keeps and change nothing, so that they may be tried again with fewer threads: for
 * df_memory_read(). */

/* Read all pages.  report: a struct dumpfilter_report, whose zero_pages, unreadable_pages and absent_pages are set.
 * 0; DUMPFILTER_PARTIAL where pages could not be read; or an error. */
int df_dump_survey(struct df_dump *dump, const struct dumpfilter_config *config, void *report, struct df_err *err);

/* estimate: a struct df_estimate; most 0: the usual number of pages. */
int df_dump_estimate(struct df_dump *dump, const struct dumpfilter_config *config, void *estimate, struct df_err *err);

#endif
