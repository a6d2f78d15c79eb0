/* SPDX-License-Identifier: LGPL-2.1-or-later */
#define _GNU_SOURCE /* sched_getaffinity, CPU_ALLOC */
#include "base/pool.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>

/* Of a helper thread.  Codecs keep their tables in their states: the deepest call of this library takes 20 KiB.  The
 * rest is for the functions of a caller's source, sink and allocator. */
#define STACK ((size_t)128 << 10)

enum state { FREE, MADE, WORKED, FAILED, ORDERED, FINISHED };

struct pool {
	const struct df_pool_ops *pool_ops;
	void *user;
	char *slots;
	size_t slot_size;
	unsigned nslots;

	pthread_mutex_t lock;
	pthread_cond_t more; /* something is to be worked on or written, or it is over: helpers wait for this */
	pthread_cond_t done; /* the item that is due was finished: the caller waits for this */
	enum state *state;   /* of each slot */
	struct df_err *errs; /* by slot */
	/* Items so far, each number ≤ the one before it; item n lives in slot n % nslots. */
	uint64_t made, begun, ordered, writing, taken;
	unsigned writers; /* at work now */
	bool over;
};

static unsigned index_of(const struct pool *pool, uint64_t item)
{
	return (unsigned)(item % pool->nslots);
}

static void *slot_of(struct pool *pool, uint64_t item)
{
	return pool->slots + item % pool->nslots * pool->slot_size;
}

/* May one more write begin?  Those who may not do something else instead of waiting for each other. */
static bool can_write(const struct pool *pool)
{
	return pool->pool_ops->write && pool->writing < pool->ordered &&
	       (!pool->pool_ops->writers || pool->writers < pool->pool_ops->writers);
}

/* Item was finished (or has failed): wake the caller where it waits for just this one. */
static void settle(struct pool *pool, uint64_t item, enum state state, unsigned worker)
{
	pool->state[index_of(pool, item)] = state;
	if (item == pool->taken && worker)
		pthread_cond_signal(&pool->done);
}

/* Order what can be: up to the first item that is not worked on yet, or failed. */
static void order_some(struct pool *pool, unsigned worker)
{
	while (pool->ordered < pool->begun && pool->state[index_of(pool, pool->ordered)] == WORKED) {
		uint64_t item = pool->ordered++;

		if (pool->pool_ops->order)
			pool->pool_ops->order(pool->user, slot_of(pool, item));
		settle(pool, item, pool->pool_ops->write ? ORDERED : FINISHED, worker);
		if (pool->ordered > pool->writing + 1 && can_write(pool))
			pthread_cond_signal(&pool->more); /* more than this worker can write at once */
	}
}

/* Work on the oldest item that waits.  Called and left with the lock held. */
static void work_one(struct pool *pool, unsigned worker)
{
	uint64_t item = pool->begun++;
	unsigned index = index_of(pool, item);
	int result;

	pthread_mutex_unlock(&pool->lock);
	result = pool->pool_ops->work(pool->user, slot_of(pool, item), worker, &pool->errs[index]);
	pthread_mutex_lock(&pool->lock);
	if (result < 0)
		pool->errs[index].code = result;
	settle(pool, item, result < 0 ? FAILED : WORKED, worker);
	order_some(pool, worker);
}

static void write_one(struct pool *pool, unsigned worker)
{
	uint64_t item = pool->writing++;
	unsigned index = index_of(pool, item);
	int result;

	pool->writers++;
	pthread_mutex_unlock(&pool->lock);
	result = pool->pool_ops->write(pool->user, slot_of(pool, item), &pool->errs[index]);
	pthread_mutex_lock(&pool->lock);
	pool->writers--;
	if (result < 0)
		pool->errs[index].code = result;
	settle(pool, item, result < 0 ? FAILED : FINISHED, worker);
}

/* Something useful, if there is any: false = nothing to do now. */
static bool step(struct pool *pool, unsigned worker)
{
	if (can_write(pool))
		write_one(pool, worker);
	else if (pool->begun < pool->made)
		work_one(pool, worker);
	else
		return false;
	return true;
}

/* A thread that was started: its number, from 1 on, is that of the state that work() may touch. */
struct helper {
	struct pool *pool;
	unsigned worker;
	pthread_t thread;
};

static void *helper_main(void *arg)
{
	struct helper *helper = arg;
	struct pool *pool = helper->pool;

	pthread_mutex_lock(&pool->lock);
	while (!pool->over)
		if (!step(pool, helper->worker))
			pthread_cond_wait(&pool->more, &pool->lock);
	pthread_mutex_unlock(&pool->lock);
	return NULL;
}

/* Make items into all free slots.  Lock held; make itself runs without it: only the caller makes and takes. */
static int make_some(struct pool *pool, bool *end, struct df_err *err)
{
	while (!*end && pool->made - pool->taken < pool->nslots) {
		unsigned index = (unsigned)(pool->made % pool->nslots);
		int result;

		pthread_mutex_unlock(&pool->lock);
		result = pool->pool_ops->make(pool->user, slot_of(pool, pool->made), err);
		pthread_mutex_lock(&pool->lock);
		if (result <= 0) {
			*end = true;
			return result;
		}
		pool->state[index] = MADE;
		pool->made++;
		pthread_cond_signal(&pool->more);
	}
	return 0;
}

/* Is the item that is due finished, or has it failed? */
static bool due(const struct pool *pool)
{
	enum state state = pool->state[index_of(pool, pool->taken)];

	return state == FINISHED || state == FAILED;
}

/* Take the item that is due.  Lock held on entry and exit. */
static int take_one(struct pool *pool, struct df_err *err)
{
	unsigned index = index_of(pool, pool->taken);
	int result;

	if (pool->state[index] == FAILED) {
		*err = pool->errs[index];
		return err->code;
	}
	pthread_mutex_unlock(&pool->lock);
	result = pool->pool_ops->take(pool->user, slot_of(pool, pool->taken), err);
	pthread_mutex_lock(&pool->lock);
	pool->state[index] = FREE;
	pool->taken++;
	return result < 0 ? result : 0;
}

/* The caller's part.  Lock held on entry and exit. */
static int serve(struct pool *pool, struct df_err *err)
{
	struct df_err make_err = { 0 };
	bool end = false;
	int made = 0, failed = 0;

	for (;;) {
		if (!failed && !end)
			made = make_some(pool, &end, &make_err);
		if (failed || pool->taken == pool->made)
			break;
		if (due(pool))
			failed = take_one(pool, err);
		else if (!step(pool, 0))
			pthread_cond_wait(&pool->done, &pool->lock);
	}
	if (failed || made >= 0)
		return failed;
	*err = make_err; /* what was made before it has been taken */
	return made;
}

/* With a small stack, or, where that is too small for this process (thread-local variables lie in it), the usual one.
 */
static bool start_thread(struct helper *helper)
{
	pthread_attr_t attr;
	int result = pthread_attr_init(&attr);

	if (!result) {
		result = pthread_attr_setstacksize(&attr, STACK);
		if (!result)
			result = pthread_create(&helper->thread, &attr, helper_main, helper);
		pthread_attr_destroy(&attr);
	}
	return !result || (result == EINVAL && !pthread_create(&helper->thread, NULL, helper_main, helper));
}

static unsigned start_helpers(struct pool *pool, struct helper *helper, unsigned count)
{
	sigset_t all, old;
	unsigned started = 0;

	/* signals stay with the caller's threads: its handlers may expect that */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	for (unsigned i = 0; i < count; i++) {
		helper[started] = (struct helper){ .pool = pool, .worker = started + 1 };
		if (start_thread(&helper[started]))
			started++;
	}
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return started;
}

static int run_parallel(struct pool *pool, struct helper *helpers, unsigned threads, struct df_err *err)
{
	unsigned started = start_helpers(pool, helpers, threads - 1);
	int result;

	pthread_mutex_lock(&pool->lock);
	result = serve(pool, err);
	pool->over = true; /* after a failure: what waits is not worked on any more */
	pthread_cond_broadcast(&pool->more);
	pthread_mutex_unlock(&pool->lock);
	for (unsigned i = 0; i < started; i++)
		pthread_join(helpers[i].thread, NULL);
	return result;
}

static int run_serial(const struct df_pool_ops *pool_ops, void *user, void *slot, struct df_err *err)
{
	for (;;) {
		int result = pool_ops->make(user, slot, err);

		if (result <= 0)
			return result;
		result = pool_ops->work(user, slot, 0, err);
		if (result >= 0 && pool_ops->order)
			pool_ops->order(user, slot);
		if (result >= 0 && pool_ops->write)
			result = pool_ops->write(user, slot, err);
		if (result >= 0)
			result = pool_ops->take(user, slot, err);
		if (result < 0)
			return result;
	}
}

int df_pool_run(struct df_env *env, const struct df_pool_ops *pool_ops, void *user, unsigned threads, void *slots,
		size_t slot_size, unsigned nslots, struct df_err *err)
{
	struct pool pool = {
		.pool_ops = pool_ops, .user = user, .slots = slots, .slot_size = slot_size, .nslots = nslots
	};
	struct helper *helpers;
	int result;

	if (threads <= 1 || nslots <= 1)
		return run_serial(pool_ops, user, slots, err);
	pool.state = df_alloc_array(env, nslots, sizeof *pool.state);
	pool.errs = df_alloc_array(env, nslots, sizeof *pool.errs);
	helpers = df_alloc_array(env, threads - 1, sizeof *helpers);
	if (pool.state && pool.errs && helpers) {
		pthread_mutex_init(&pool.lock, NULL);
		pthread_cond_init(&pool.more, NULL);
		pthread_cond_init(&pool.done, NULL);
		result = run_parallel(&pool, helpers, threads, err);
		pthread_cond_destroy(&pool.done);
		pthread_cond_destroy(&pool.more);
		pthread_mutex_destroy(&pool.lock);
	} else {
		result = run_serial(pool_ops, user, slots, err);
	}
	df_free(env, helpers);
	df_free(env, pool.errs);
	df_free(env, pool.state);
	return result;
}

unsigned df_pool_cpus(void)
{
	for (size_t found = 1024; found <= 65536; found *= 4) {
		cpu_set_t *set = CPU_ALLOC(found);
		size_t size = CPU_ALLOC_SIZE(found);
		int count = 0;

		if (!set)
			break;
		if (!sched_getaffinity(0, size, set))
			count = CPU_COUNT_S(size, set);
		CPU_FREE(set);
		if (count > 0)
			return (unsigned)count;
	}
	return 1;
}
