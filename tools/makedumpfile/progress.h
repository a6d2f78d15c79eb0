/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Shows how far the work is: on a terminal one line that is written over, elsewhere a line now and then. */
#ifndef MAKEDUMPFILE_PROGRESS_H
#define MAKEDUMPFILE_PROGRESS_H

#include "messages.h"

#include <stdint.h>

struct progress {
	struct messages *messages;
	bool terminal;       /* stderr is one */
	int phase;           /* being shown; −1 = none yet */
	bool complete;       /* its last line has been printed */
	uint64_t bytes_out;  /* that the last call told */
	double began, shown; /* seconds of a monotonic clock */
};

void progress_init(struct progress *p, struct messages *m);

/* For dumpfilter_set_progress(); user: struct progress. */
void progress_show(void *user, const struct dumpfilter_progress *now);

/* "Copying data" and so on. */
const char *progress_label(int phase);

#endif
