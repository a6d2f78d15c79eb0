/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "signals.h"

#include <signal.h>
#include <stddef.h>

static const int caught[] = { SIGINT, SIGTERM, SIGHUP };
#define CAUGHT (sizeof caught / sizeof caught[0])

static struct dumpfilter *volatile stoppable;
static volatile sig_atomic_t taken;

static void on_signal(int number)
{
	if (taken) { /* the second one: the default action follows when this function returns */
		signal(number, SIG_DFL);
		raise(number);
		return;
	}
	taken = number;
	if (stoppable)
		dumpfilter_cancel(stoppable);
}

/* No SA_RESTART: a read or write that blocks must come back. */
void signals_catch(void)
{
	struct sigaction catch = { .sa_handler = on_signal };
	struct sigaction before;

	sigemptyset(&catch.sa_mask);
	for (unsigned i = 0; i < CAUGHT; i++)
		sigaddset(&catch.sa_mask, caught[i]);
	for (unsigned i = 0; i < CAUGHT; i++)
		if (!sigaction(caught[i], NULL, &before) && before.sa_handler != SIG_IGN)
			sigaction(caught[i], &catch, NULL);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
}

void signals_stop(struct dumpfilter *df)
{
	stoppable = df;
	if (df && taken)
		dumpfilter_cancel(df);
}

int signals_taken(void)
{
	return taken;
}

const char *signals_name(int number)
{
	return number == SIGINT ? "SIGINT" : number == SIGTERM ? "SIGTERM" : "SIGHUP";
}

void signals_end(int number)
{
	signal(number, SIG_DFL);
	raise(number);
}
