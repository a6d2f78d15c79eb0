/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What every layer of one dump shares: allocator with a budget, log, progress, the cancel flag.
 *
 * The folder base/ holds what all others stand on: errors, this environment, worker pool, bits, bytes, lists of ranges.
 * It includes nothing but the C library and the public header, knows no file format and no kernel, and keeps nothing
 * in variables of its own: two dumps in one process share nothing.  What a function here is given belongs to the
 * caller; what it allocates comes from the caller's environment and goes back there.
 */
#ifndef DF_BASE_ENV_H
#define DF_BASE_ENV_H

#include "base/err.h"
#include "libdumpfilter.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

/* One for each context, and living as long.  Set up by the thread that opens; later, worker threads change only the
 * atomic members.  All sizes are bytes. */
struct df_env {
	void *(*alloc)(void *user, size_t bytes);
	void (*release)(void *user, void *ptr);
	void *alloc_user;
	atomic_size_t mem_limit; /* 0 = none */
	bool limit_derived;      /* from what the system has left: better to go over it than to lose the dump */
	atomic_size_t mem_used, mem_peak;

	/* Called by the calling thread only, so that the caller needs no locks in them. */
	dumpfilter_log_fn log_fn;
	void *log_user;
	int log_max;

	dumpfilter_progress_fn progress_fn;
	void *progress_user;

	atomic_int cancelled; /* lock-free: set from signal handlers */
};

/* Zeroed memory from the dump's allocator, counted against its budget; NULL where either says no.
 * Thread-safe.  Free with df_free (NULL is fine). */
void *df_alloc(struct df_env *env, size_t bytes);
void *df_alloc_array(struct df_env *env, size_t count, size_t size);
/* Grow *arr (elements of size bytes, capacity *cap) so that it holds at least need; false = no memory, *arr intact. */
bool df_grow(struct df_env *env, void **arr, size_t *cap, size_t need, size_t size);
void df_free(struct df_env *env, void *ptr);

/* Count memory that somebody else allocates, by the same rules. */
bool df_charge(struct df_env *env, size_t bytes);
void df_discharge(struct df_env *env, size_t bytes);

/* How much would be in use at most, were there no limit: between the two, allocate what is to be measured and free it.
 * No other thread may allocate meanwhile; the peak that is reported does not change. */
/* What is to be in force again afterwards; bytes. */
struct df_measure {
	size_t limit, peak;
};
struct df_measure df_measure_begin(struct df_env *env);
size_t df_measure_end(struct df_env *env, struct df_measure measure);

/* "out of memory" with what it was for; returns DUMPFILTER_E_NOMEM. */
int df_err_nomem(struct df_err *err, struct df_env *env, const char *what, size_t bytes);

/* Only on the caller's thread. */
void df_log(struct df_env *env, int level, const char *fmt, ...) DUMPFILTER_PRINTF(3, 4);
void df_progress(struct df_env *env, const struct dumpfilter_progress *progress);

static inline bool df_cancelled(struct df_env *env)
{
	return atomic_load_explicit(&env->cancelled, memory_order_relaxed);
}

#endif
