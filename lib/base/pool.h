/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Ordered worker pool: items are made in order, worked on in parallel, and taken in order, so that what comes
 * out does not depend on the number of threads.
 *
 *   make   next item into its slot; 1 = made, 0 = no more, negative = stop.  Calling thread only.
 *   work   the expensive part.  Any worker, any order; touches only its slot and its worker's state.
 *   order  optional.  In the order of make, one item at a time, by any thread with the pool's lock held: hands out what
 *          depends on the items before (offsets).  Must be quick and cannot fail.
 *   write  optional.  After order; any worker, up to `writers` at the same time.
 *   take   the finished item, strictly in the order of make.  Calling thread only.
 *
 * The calling thread is one of the workers: it takes what is due, else works itself, else sleeps; nobody spins.
 * A failing call stops the making of new items; items made before are still worked on and taken in order up to the one
 * that failed, and the first failure in item order is returned.  Items behind it may have been written, but are not
 * taken.
 */
#ifndef DF_BASE_POOL_H
#define DF_BASE_POOL_H

#include "base/env.h"

/* The calls that the head of this file describes; all of them borrow slot and user.  0 is success, but for make.  work
 * and take must be there. */
struct df_pool_ops {
	int (*make)(void *user, void *slot, struct df_err *err);
	int (*work)(void *user, void *slot, unsigned worker, struct df_err *err);
	void (*order)(void *user, void *slot);
	int (*write)(void *user, void *slot, struct df_err *err);
	unsigned writers; /* 0 = any number */
	int (*take)(void *user, void *slot, struct df_err *err);
};

/* Run until make says 0.  threads ≥ 1: workers are numbered 0…threads−1, 0 is the caller; with 1 no thread is
 * started and no lock is taken.  slots: nslots items of slot_size bytes, owned by the caller, at least threads of them.
 * A thread that cannot be started only lowers the number of workers. */
int df_pool_run(struct df_env *env, const struct df_pool_ops *pool_ops, void *user, unsigned threads, void *slots,
		size_t slot_size, unsigned nslots, struct df_err *err);

/* Slots for so many threads, where an item takes much memory: two for each, so that nobody waits for the one that is
 * due, but no more than 16 beside one for each. */
static inline unsigned df_pool_slots(unsigned threads)
{
	return threads > 1 ? threads + (threads < 16 ? threads : 16) : 1;
}

/* CPUs that this process may use, at least 1. */
unsigned df_pool_cpus(void);

#endif
