/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The public entry points.
 *
 * In come the caller's arguments, which may be wrong in every way that the compiler lets through; what is handed on is
 * complete, copied and in order.  The folder api/ checks, decodes options and fills in reports.  It must never work on
 * a dump by itself: whatever reads a byte of it is in run/.
 */
#ifndef DF_API_CONTEXT_H
#define DF_API_CONTEXT_H

#include "io/args.h"
#include "run/dump.h"

enum state { ST_NEW, ST_OPEN, ST_PLANNED, ST_RUN };

/* A context: everything that belongs to one dump.  For one thread at a time, but for dumpfilter_cancel(). */
struct dumpfilter {
	struct df_env env;
	struct df_err err;
	enum state state;
	struct dumpfilter_config config;
	struct df_dump dump;
	struct dumpfilter_report report;
	int plan_result;
	struct df_piece *pieces; /* of run_split; results stay until close */
	unsigned npieces;
};

/* Nothing is known of pieces any more. */
void df_api_forget_pieces(struct dumpfilter *df);
/* dumpfilter_run() to any target; call: its name. */
int df_api_run(struct dumpfilter *df, const struct df_target *target, const char *call);

/* DUMPFILTER_E_SEQUENCE with text unless the state is in [from, to].  check: the beginning of a call that does
 * something, so that the error of an earlier one is forgotten.  look: of a call that only tells what is known, and
 * leaves it alone where it succeeds. */
int df_api_check(struct dumpfilter *df, enum state from, enum state to, const char *call);
int df_api_look(struct dumpfilter *df, enum state from, enum state to, const char *call);

/* io/args.h for structs of the type dumpfilter_NAME; call: what was called. */
#define df_api_options(df, to, from, call, init) df_args_copy((to), sizeof *(to), (from), (call), (init), &(df)->err)
#define df_api_answer(df, to, from, call, init)  df_args_answer((to), (from), sizeof *(from), (call), (init), &(df)->err)

/* DUMPFILTER_E_INVAL with text where an argument that must not be NULL is. */
int df_api_given(struct dumpfilter *df, const void *arg, const char *what);
int df_api_missing(struct dumpfilter *df, const char *what);

#endif
