/* SPDX-License-Identifier: GPL-2.0-or-later */
#define _GNU_SOURCE /* sched_setaffinity */
#include "base/pool.h"
#include "t.h"

#include <sched.h>
#include <stdatomic.h>
#include <unistd.h>

#define NEVER      UINT64_MAX
#define MAX_WORKER 16

struct slot {
	uint64_t item, result;
	bool worked;
};

/* Numbers are made, squared and taken.  Each of the three can be told to fail at an item. */
struct job {
	uint64_t items, fail_make, fail_work, fail_take;
	uint64_t made, taken;
	uint64_t by_worker[MAX_WORKER]; /* each written by its worker alone: a race shows under -fsanitize=thread */
	bool wrong;                     /* an item out of order or not worked on */
	unsigned threads;
};

static int make(void *user, void *slot, struct df_err *err)
{
	struct job *j = user;
	struct slot *place = slot;

	if (j->made == j->fail_make)
		return df_err_set(err, DUMPFILTER_E_FORMAT, "make %d", (int)j->made);
	if (j->made == j->items)
		return 0;
	*place = (struct slot){ .item = j->made++ };
	return 1;
}

static int work(void *user, void *slot, unsigned worker, struct df_err *err)
{
	struct job *j = user;
	struct slot *place = slot;

	if (worker >= j->threads)
		return df_err_set(err, DUMPFILTER_E_INVAL, "worker %u of %u", worker, j->threads);
	j->by_worker[worker]++;
	/* uneven work, so that items finish out of order */
	for (uint64_t i = 0; i < place->item * 7919 % 300; i++)
		place->result += i ^ worker;
	place->result = place->item * place->item;
	place->worked = true;
	if (place->item == j->fail_work)
		return df_err_set(err, DUMPFILTER_E_CORRUPT, "work %d", (int)place->item);
	return 0;
}

static int take(void *user, void *slot, struct df_err *err)
{
	struct job *j = user;
	struct slot *place = slot;

	if (place->item != j->taken || !place->worked || place->result != place->item * place->item)
		j->wrong = true;
	if (place->item == j->fail_take)
		return df_err_set(err, DUMPFILTER_E_NOSPACE, "take %d", (int)place->item);
	j->taken++;
	return 0;
}

static const struct df_pool_ops pool_ops = { .make = make, .work = work, .take = take };

static struct job job_of(uint64_t items)
{
	return (struct job){ .items = items, .fail_make = NEVER, .fail_work = NEVER, .fail_take = NEVER };
}

static int run(struct job *j, unsigned threads, unsigned nslots, struct df_err *err)
{
	struct df_env env = { 0 };
	struct slot *slots = calloc(nslots, sizeof *slots);
	int result;

	j->threads = threads;
	result = df_pool_run(&env, &pool_ops, j, threads, slots, sizeof *slots, nslots, err);
	free(slots);
	CHECK_EQ(env.mem_used, 0);
	CHECK(!j->wrong);
	return result;
}

static void order(void)
{
	for (unsigned threads = 1; threads <= 8; threads++) {
		for (unsigned nslots = threads; nslots <= 40; nslots += nslots < 10 ? 1 : 15) {
			struct job j = job_of(400);
			struct df_err err = { 0 };
			uint64_t worked = 0;

			CHECK_EQ(run(&j, threads, nslots, &err), 0);
			CHECK_EQ(j.taken, 400);
			CHECK_EQ(err.code, 0);
			for (unsigned i = 0; i < MAX_WORKER; i++)
				worked += j.by_worker[i];
			CHECK_EQ(worked, 400);
		}
	}
}

static void few_items(void)
{
	for (unsigned threads = 1; threads <= 8; threads++) {
		for (uint64_t items = 0; items < 12; items++) {
			struct job j = job_of(items);
			struct df_err err = { 0 };

			CHECK_EQ(run(&j, threads, 8, &err), 0);
			CHECK_EQ(j.taken, items);
		}
	}
}

static void expect(struct job j, int code, const char *text, uint64_t taken)
{
	for (unsigned threads = 1; threads <= 8; threads++) {
		for (unsigned nslots = threads; nslots <= 24; nslots += 4) {
			struct job copy = j;
			struct df_err err = { 0 };

			CHECK_EQ(run(&copy, threads, nslots, &err), code);
			CHECK_EQ(err.code, code);
			CHECK_STR(err.text, text);
			CHECK_EQ(copy.taken, taken);
		}
	}
}

static void make_fails(void)
{
	struct job j = job_of(100);

	j.fail_make = 0;
	expect(j, DUMPFILTER_E_FORMAT, "make 0", 0);
	j.fail_make = 57; /* what was made before is still taken */
	expect(j, DUMPFILTER_E_FORMAT, "make 57", 57);
	j.fail_make = 100;
	expect(j, DUMPFILTER_E_FORMAT, "make 100", 100);
}

static void work_fails(void)
{
	struct job j = job_of(100);

	j.fail_work = 0;
	expect(j, DUMPFILTER_E_CORRUPT, "work 0", 0);
	j.fail_work = 41;
	expect(j, DUMPFILTER_E_CORRUPT, "work 41", 41);
	j.fail_work = 99;
	expect(j, DUMPFILTER_E_CORRUPT, "work 99", 99);
}

static void take_fails(void)
{
	struct job j = job_of(100);

	j.fail_take = 0;
	expect(j, DUMPFILTER_E_NOSPACE, "take 0", 0);
	j.fail_take = 33;
	expect(j, DUMPFILTER_E_NOSPACE, "take 33", 33);
}

/* The first in the order of the items, whichever happens first. */
static void first_failure(void)
{
	struct job j = job_of(100);

	j.fail_make = 50;
	j.fail_work = 49;
	expect(j, DUMPFILTER_E_CORRUPT, "work 49", 49);
	j.fail_take = 48;
	expect(j, DUMPFILTER_E_NOSPACE, "take 48", 48);
	j.fail_work = 10;
	expect(j, DUMPFILTER_E_CORRUPT, "work 10", 10);
	j.fail_make = 5;
	expect(j, DUMPFILTER_E_FORMAT, "make 5", 5);
}

/* Making stops soon after a failure: at most the slots are made ahead. */
static void making_stops(void)
{
	struct job j = job_of(1000000);
	struct df_err err = { 0 };

	j.fail_take = 20;
	CHECK_EQ(run(&j, 4, 8, &err), DUMPFILTER_E_NOSPACE);
	CHECK_EQ(j.taken, 20);
	CHECK(j.made <= 20 + 8);
}

/* Without memory for the pool's own tables the caller does everything. */
static void no_memory(void)
{
	struct df_env env = { .mem_limit = 1 };
	struct job j = job_of(50);
	struct df_err err = { 0 };
	struct slot slots[8];

	j.threads = 1;
	CHECK_EQ(df_pool_run(&env, &pool_ops, &j, 8, slots, sizeof *slots, 8, &err), 0);
	CHECK_EQ(j.taken, 50);
	CHECK_EQ(j.by_worker[0], 50);
	CHECK(!j.wrong);
}

/* Results above 0 are no failure. */
static int work_positive(void *user, void *slot, unsigned worker, struct df_err *err)
{
	return work(user, slot, worker, err) + 7;
}

static void positive_results(void)
{
	static const struct df_pool_ops positive = { .make = make, .work = work_positive, .take = take };

	for (unsigned threads = 1; threads <= 4; threads++) {
		struct df_env env = { 0 };
		struct job j = job_of(50);
		struct df_err err = { 0 };
		struct slot slots[8];

		j.threads = threads;
		CHECK_EQ(df_pool_run(&env, &positive, &j, threads, slots, sizeof *slots, 8, &err), 0);
		CHECK_EQ(j.taken, 50);
	}
}

static void cpus(void)
{
	cpu_set_t old, one;

	CHECK(df_pool_cpus() >= 1);
	CHECK(!sched_getaffinity(0, sizeof old, &old));
	CHECK_EQ(df_pool_cpus(), CPU_COUNT(&old));
	CPU_ZERO(&one);
	for (int i = 0; i < CPU_SETSIZE && !CPU_COUNT(&one); i++)
		if (CPU_ISSET(i, &old))
			CPU_SET(i, &one);
	CHECK(!sched_setaffinity(0, sizeof one, &one));
	CHECK_EQ(df_pool_cpus(), 1);
	CHECK(!sched_setaffinity(0, sizeof old, &old));
}

/* Writers at the same time: as many as are allowed, and all items in order all the same. */
struct writing {
	uint64_t items, made, ordered, taken;
	bool wrong;
	atomic_uint now, most;
	atomic_uint_least64_t written;
};

static int make_write(void *user, void *slot, struct df_err *err)
{
	struct writing *j = user;

	(void)err;
	*(uint64_t *)slot = j->made;
	return j->made < j->items && ++j->made ? 1 : 0;
}

static int no_work(void *user, void *slot, unsigned worker, struct df_err *err)
{
	(void)user;
	(void)slot;
	(void)worker;
	(void)err;
	return 0;
}

static void in_turn(void *user, void *slot)
{
	struct writing *j = user;

	j->wrong |= *(uint64_t *)slot != j->ordered++; /* under the pool's lock; a check would leave its thread */
}

static int write_slowly(void *user, void *slot, struct df_err *err)
{
	struct writing *j = user;
	unsigned now = atomic_fetch_add(&j->now, 1) + 1, most = atomic_load(&j->most);

	(void)slot;
	(void)err;
	while (now > most && !atomic_compare_exchange_weak(&j->most, &most, now))
		;
	usleep(200);
	atomic_fetch_sub(&j->now, 1);
	atomic_fetch_add(&j->written, 1);
	return 0;
}

static int take_write(void *user, void *slot, struct df_err *err)
{
	struct writing *j = user;

	(void)err;
	CHECK_EQ(*(uint64_t *)slot, j->taken);
	j->taken++;
	return 0;
}

static void writers(void)
{
	struct df_env env = { 0 };
	struct df_err err = { 0 };
	uint64_t slots[16];

	for (unsigned limit = 0; limit < 4; limit++) {
		for (unsigned threads = 1; threads <= 8; threads *= 2) {
			struct df_pool_ops ops = { make_write, no_work, in_turn, write_slowly, limit, take_write };
			struct writing j = { .items = 300 };

			CHECK_EQ(df_pool_run(&env, &ops, &j, threads, slots, sizeof *slots, 2 * threads, &err), 0);
			CHECK_EQ(j.taken, 300);
			CHECK(!j.wrong);
			CHECK_EQ(atomic_load(&j.written), 300);
			CHECK(atomic_load(&j.most) >= 1);
			if (limit)
				CHECK(atomic_load(&j.most) <= limit);
		}
	}
}

int main(void)
{
	RUN(order);
	RUN(few_items);
	RUN(make_fails);
	RUN(work_fails);
	RUN(take_fails);
	RUN(first_failure);
	RUN(making_stops);
	RUN(no_memory);
	RUN(positive_results);
	RUN(writers);
	RUN(cpus);
	return T_END();
}
