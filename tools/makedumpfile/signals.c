/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "signals.h"

#include <signal.h>

static struct dumpfilter *volatile interruptible;
static volatile sig_atomic_t interrupted;

void signals_stop(struct dumpfilter *df)
{
	interruptible = df;
}

bool signals_interrupted(void)
{
	return interrupted;
}

static void on_signal(int sig)
{
	(void)sig;
	interrupted = 1;
	if (interruptible)
		dumpfilter_cancel(interruptible);
}

/* The first signal ends the run in order, the second one kills.  No SA_RESTART: a read or write that blocks must come
 * back.  A signal that is ignored (nohup, a shell's background job) stays ignored. */
void signals_catch(void)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP };
	struct sigaction catch = { .sa_handler = on_signal, .sa_flags = SA_RESETHAND };
	struct sigaction before;

	sigemptyset(&catch.sa_mask);
	for (unsigned i = 0; i < sizeof signals / sizeof signals[0]; i++)
		if (!sigaction(signals[i], NULL, &before) && before.sa_handler != SIG_IGN)
			sigaction(signals[i], &catch, NULL);
	signal(SIGPIPE, SIG_IGN); /* a reader that went away is an error of write(), with a message */
	signal(SIGXFSZ, SIG_IGN); /* and so is a file that may not grow any more */
}
