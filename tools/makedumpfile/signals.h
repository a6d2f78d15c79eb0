/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Signals that end a run. */
#ifndef MAKEDUMPFILE_SIGNALS_H
#define MAKEDUMPFILE_SIGNALS_H

#include <libdumpfilter.h>
#include <stdbool.h>

/* From now on the first signal ends the run in order, the second one kills. */
void signals_catch(void);
/* What a signal stops; NULL = nothing runs. */
void signals_stop(struct dumpfilter *df);
/* A signal has asked for an end. */
bool signals_interrupted(void);

#endif
