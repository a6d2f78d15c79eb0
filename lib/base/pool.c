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
	const struct df_pool_ops *ops;
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

static unsigned index_of(const struct pool *p, uint64_t item)
{
	return (unsigned)(item % p->nslots);
}

static void *slot_of(struct pool *p, uint64_t item)
{
	return p->slots + item % p->nslots * p->slot_size;
}

/* May one more write begin?  Those who may not do something else instead of waiting for each other. */
static bool can_write(const struct pool *p)
{
	return p->ops->write && p->writing < p->ordered && (!p->ops->writers || p->writers < p->ops->writers);
}

/* Item was finished (or has failed): wake the caller where it waits for just this one. */
static void settle(struct pool *p, uint64_t item, enum state state, unsigned worker)
{
	p->state[index_of(p, item)] = state;
	if (item == p->taken && worker)
		pthread_cond_signal(&p->done);
}

/* Order what can be: up to the first item that is not worked on yet, or failed. */
static void order_some(struct pool *p, unsigned worker)
{
	while (p->ordered < p->begun && p->state[index_of(p, p->ordered)] == WORKED) {
		uint64_t item = p->ordered++;

		if (p->ops->order)
			p->ops->order(p->user, slot_of(p, item));
		settle(p, item, p->ops->write ? ORDERED : FINISHED, worker);
		if (p->ordered > p->writing + 1 && can_write(p))
			pthread_cond_signal(&p->more); /* more than this worker can write at once */
	}
}

/* Work on the oldest item that waits.  Called and left with the lock held. */
static void work_one(struct pool *p, unsigned worker)
{
	uint64_t item = p->begun++;
	unsigned s = index_of(p, item);
	int r;

	pthread_mutex_unlock(&p->lock);
	r = p->ops->work(p->user, slot_of(p, item), worker, &p->errs[s]);
	pthread_mutex_lock(&p->lock);
	if (r < 0)
		p->errs[s].code = r;
	settle(p, item, r < 0 ? FAILED : WORKED, worker);
	order_some(p, worker);
}

static void write_one(struct pool *p, unsigned worker)
{
	uint64_t item = p->writing++;
	unsigned s = index_of(p, item);
	int r;

	p->writers++;
	pthread_mutex_unlock(&p->lock);
	r = p->ops->write(p->user, slot_of(p, item), &p->errs[s]);
	pthread_mutex_lock(&p->lock);
	p->writers--;
	if (r < 0)
		p->errs[s].code = r;
	settle(p, item, r < 0 ? FAILED : FINISHED, worker);
}

/* Something useful, if there is any: false = nothing to do now. */
static bool step(struct pool *p, unsigned worker)
{
	if (can_write(p))
		write_one(p, worker);
	else if (p->begun < p->made)
		work_one(p, worker);
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
	struct helper *h = arg;
	struct pool *p = h->pool;

	pthread_mutex_lock(&p->lock);
	while (!p->over)
		if (!step(p, h->worker))
			pthread_cond_wait(&p->more, &p->lock);
	pthread_mutex_unlock(&p->lock);
	return NULL;
}

/* Make items into all free slots.  Lock held; make itself runs without it: only the caller makes and takes. */
static int make_some(struct pool *p, bool *end, struct df_err *err)
{
	while (!*end && p->made - p->taken < p->nslots) {
		unsigned s = (unsigned)(p->made % p->nslots);
		int r;

		pthread_mutex_unlock(&p->lock);
		r = p->ops->make(p->user, slot_of(p, p->made), err);
		pthread_mutex_lock(&p->lock);
		if (r <= 0) {
			*end = true;
			return r;
		}
		p->state[s] = MADE;
		p->made++;
		pthread_cond_signal(&p->more);
	}
	return 0;
}

/* Is the item that is due finished, or has it failed? */
static bool due(const struct pool *p)
{
	enum state s = p->state[index_of(p, p->taken)];

	return s == FINISHED || s == FAILED;
}

/* Take the item that is due.  Lock held on entry and exit. */
static int take_one(struct pool *p, struct df_err *err)
{
	unsigned s = index_of(p, p->taken);
	int r;

	if (p->state[s] == FAILED) {
		*err = p->errs[s];
		return err->code;
	}
	pthread_mutex_unlock(&p->lock);
	r = p->ops->take(p->user, slot_of(p, p->taken), err);
	pthread_mutex_lock(&p->lock);
	p->state[s] = FREE;
	p->taken++;
	return r < 0 ? r : 0;
}

/* The caller's part.  Lock held on entry and exit. */
static int serve(struct pool *p, struct df_err *err)
{
	struct df_err make_err = { 0 };
	bool end = false;
	int made = 0, failed = 0;

	for (;;) {
		if (!failed && !end)
			made = make_some(p, &end, &make_err);
		if (failed || p->taken == p->made)
			break;
		if (due(p))
			failed = take_one(p, err);
		else if (!step(p, 0))
			pthread_cond_wait(&p->done, &p->lock);
	}
	if (failed || made >= 0)
		return failed;
	*err = make_err; /* what was made before it has been taken */
	return made;
}

/* With a small stack, or, where that is too small for this process (thread-local variables lie in it), the usual one.
 */
static bool start_thread(struct helper *h)
{
	pthread_attr_t attr;
	int r = pthread_attr_init(&attr);

	if (!r) {
		r = pthread_attr_setstacksize(&attr, STACK);
		if (!r)
			r = pthread_create(&h->thread, &attr, helper_main, h);
		pthread_attr_destroy(&attr);
	}
	return !r || (r == EINVAL && !pthread_create(&h->thread, NULL, helper_main, h));
}

static unsigned start_helpers(struct pool *p, struct helper *h, unsigned n)
{
	sigset_t all, old;
	unsigned started = 0;

	/* signals stay with the caller's threads: its handlers may expect that */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	for (unsigned i = 0; i < n; i++) {
		h[started] = (struct helper){ .pool = p, .worker = started + 1 };
		if (start_thread(&h[started]))
			started++;
	}
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return started;
}

static int run_parallel(struct pool *p, struct helper *helpers, unsigned threads, struct df_err *err)
{
	unsigned started = start_helpers(p, helpers, threads - 1);
	int r;

	pthread_mutex_lock(&p->lock);
	r = serve(p, err);
	p->over = true; /* after a failure: what waits is not worked on any more */
	pthread_cond_broadcast(&p->more);
	pthread_mutex_unlock(&p->lock);
	for (unsigned i = 0; i < started; i++)
		pthread_join(helpers[i].thread, NULL);
	return r;
}

static int run_serial(const struct df_pool_ops *ops, void *user, void *slot, struct df_err *err)
{
	for (;;) {
		int r = ops->make(user, slot, err);

		if (r <= 0)
			return r;
		r = ops->work(user, slot, 0, err);
		if (r >= 0 && ops->order)
			ops->order(user, slot);
		if (r >= 0 && ops->write)
			r = ops->write(user, slot, err);
		if (r >= 0)
			r = ops->take(user, slot, err);
		if (r < 0)
			return r;
	}
}

int df_pool_run(struct df_env *env, const struct df_pool_ops *ops, void *user, unsigned threads, void *slots,
		size_t slot_size, unsigned nslots, struct df_err *err)
{
	struct pool p = { .ops = ops, .user = user, .slots = slots, .slot_size = slot_size, .nslots = nslots };
	struct helper *helpers;
	int r;

	if (threads <= 1 || nslots <= 1)
		return run_serial(ops, user, slots, err);
	p.state = df_alloc_array(env, nslots, sizeof *p.state);
	p.errs = df_alloc_array(env, nslots, sizeof *p.errs);
	helpers = df_alloc_array(env, threads - 1, sizeof *helpers);
	if (p.state && p.errs && helpers) {
		pthread_mutex_init(&p.lock, NULL);
		pthread_cond_init(&p.more, NULL);
		pthread_cond_init(&p.done, NULL);
		r = run_parallel(&p, helpers, threads, err);
		pthread_cond_destroy(&p.done);
		pthread_cond_destroy(&p.more);
		pthread_mutex_destroy(&p.lock);
	} else {
		r = run_serial(ops, user, slots, err);
	}
	df_free(env, helpers);
	df_free(env, p.errs);
	df_free(env, p.state);
	return r;
}

unsigned df_pool_cpus(void)
{
	for (size_t n = 1024; n <= 65536; n *= 4) {
		cpu_set_t *set = CPU_ALLOC(n);
		size_t size = CPU_ALLOC_SIZE(n);
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
