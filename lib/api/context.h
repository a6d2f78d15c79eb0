/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef DF_API_CONTEXT_H
#define DF_API_CONTEXT_H

#include "run/dump.h"

enum state { ST_NEW, ST_OPEN, ST_PLANNED, ST_RUN };

struct dumpfilter {
	struct df_env env;
	struct df_err err;
	enum state state;
	struct dumpfilter_config cfg;
	struct df_dump dump;
	struct dumpfilter_report report;
	int plan_result;
	struct df_piece *pieces; /* of run_split; results stay until close */
	unsigned npieces;
};

/* Nothing is known of pieces any more. */
void df_api_forget_pieces(struct dumpfilter *df);
/* dumpfilter_run() to any target; call: its name. */
int df_api_run(struct dumpfilter *df, const struct df_target *to, const char *call);

/* DUMPFILTER_E_SEQUENCE with text unless the state is in [from, to]. */
int df_api_check(struct dumpfilter *df, enum state from, enum state to, const char *call);

/* Copy an option struct of the caller (its first member is its size) over *to, which has the defaults and size bytes.
 * false: too small to be one, or longer with bytes that this library does not know and are not zero. */
bool df_api_options(void *to, size_t size, const void *from);

/* Fill an option struct of the caller, whose size member says how long it is, from *from (size bytes): bytes that this
 * library does not know become 0.  DUMPFILTER_E_INVAL with text where it is NULL or too short. */
int df_api_answer(struct dumpfilter *df, void *to, const void *from, size_t size, const char *what);

/* DUMPFILTER_E_INVAL with text where an argument that must not be NULL is. */
int df_api_given(struct dumpfilter *df, const void *arg, const char *what);
int df_api_missing(struct dumpfilter *df, const char *what);

#endif
