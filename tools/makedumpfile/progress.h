/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Shows how far the work is: on a terminal one line that is written over, elsewhere a line now and then, or for
 * programs lines of JSON. */
#ifndef MAKEDUMPFILE_PROGRESS_H
#define MAKEDUMPFILE_PROGRESS_H

#include "messages.h"

#include <stdint.h>

enum progress_kind {
	PROGRESS_TEXT,
	PROGRESS_JSON,
	PROGRESS_NONE,
};

#define PROGRESS_INPUT 100 /* a phase of our own: copying standard input; unit: bytes */

struct progress {
	struct messages *messages;
	enum progress_kind kind;
	bool terminal;       /* stderr is one */
	int phase;           /* being shown; −1 = none yet */
	bool complete;       /* its last line has been printed */
	uint64_t bytes_out;  /* that the last call told */
	double began, shown; /* seconds of a monotonic clock */
};

void progress_init(struct progress *progress, struct messages *messages, enum progress_kind kind);

/* For dumpfilter_set_progress(); user: struct progress. */
void progress_show(void *user, const struct dumpfilter_progress *progress);

/* The same work begins again. */
void progress_restart(struct progress *progress);

/* The run has ended; status: of the program. */
void progress_end(struct progress *progress, int status);

/* Seconds of a clock that only goes forward. */
double progress_clock(void);

/* "Copying data" and so on. */
const char *progress_label(int phase);

#endif
