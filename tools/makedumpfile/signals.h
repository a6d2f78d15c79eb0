/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SIGINT, SIGTERM and SIGHUP: the work is brought to an end in order, then the program ends by the signal. */
#ifndef MAKEDUMPFILE_SIGNALS_H
#define MAKEDUMPFILE_SIGNALS_H

#include <libdumpfilter.h>

/* The first of these signals stops the work, the next one kills.  One that is ignored (nohup, a shell's background job)
 * stays ignored.  SIGPIPE and SIGXFSZ become errors of write(), with a message. */
void signals_catch(void);

/* What a signal stops from now on; NULL: nothing.  One that came before stops it at once. */
void signals_stop(struct dumpfilter *df);

/* The signal that has come; 0: none has. */
int signals_taken(void);

/* "SIGINT" */
const char *signals_name(int number);

/* End by this signal, so that a shell sees 128 + number and ends its script's loop, too.  Returns where the signal does
 * nothing: to process 1 of a name space. */
void signals_end(int number);

#endif
