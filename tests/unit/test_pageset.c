/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "t.h"
#include "base/bits.h"
#include "pageset/pageset.h"

#include <stdbool.h>

static uint64_t seed;

static uint64_t rnd(uint64_t below)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed % below;
}

/* A set and the plain array that it must equal. */
struct pair {
	struct df_env env;
	struct df_err err;
	struct df_pageset pageset;
	bool *ref;
};

static void pair_init(struct pair *pair, uint64_t npages)
{
	memset(pair, 0, sizeof *pair);
	CHECK_EQ(df_pageset_init(&pair->pageset, &pair->env, npages, &pair->err), 0);
	pair->ref = calloc(npages + 1, 1);
	CHECK(pair->ref);
}

static void pair_fini(struct pair *pair)
{
	df_pageset_fini(&pair->pageset);
	CHECK_EQ(pair->env.mem_used, 0);
	free(pair->ref);
}

static uint64_t ref_count(const struct pair *pair, uint64_t first, uint64_t end)
{
	uint64_t count = 0;

	for (uint64_t i = first; i < end && i < pair->pageset.npages; i++)
		count += pair->ref[i];
	return count;
}

static void same_runs(const struct pair *pair)
{
	uint64_t from = 0, first, end, at = 0;

	while (df_pageset_next_run(&pair->pageset, from, &first, &end)) {
		CHECK(first >= from && first < end && end <= pair->pageset.npages);
		for (; at < first; at++)
			CHECK(!pair->ref[at]);
		for (; at < end; at++)
			CHECK(pair->ref[at]);
		from = end;
	}
	for (; at < pair->pageset.npages; at++)
		CHECK(!pair->ref[at]);
}

static void same(const struct pair *pair)
{
	static uint64_t words[DF_CHUNK_WORDS];

	CHECK_EQ(pair->pageset.count, ref_count(pair, 0, pair->pageset.npages));
	for (uint64_t chunk = 0; chunk < pair->pageset.nchunks; chunk++) {
		uint64_t base = chunk * DF_CHUNK_PAGES;

		df_pageset_load(&pair->pageset, chunk, words);
		for (uint64_t i = 0; i < DF_CHUNK_PAGES; i++)
			CHECK_EQ(df_bit_test(words, i), base + i < pair->pageset.npages && pair->ref[base + i]);
		CHECK_EQ(df_pageset_chunk_count(&pair->pageset, chunk), ref_count(pair, base, base + DF_CHUNK_PAGES));
	}
	same_runs(pair);
	for (int i = 0; i < 30; i++) {
		uint64_t first = rnd(pair->pageset.npages), end = first + rnd(pair->pageset.npages - first + 10), start,
			 b;

		CHECK_EQ(df_pageset_count_range(&pair->pageset, first, end), ref_count(pair, first, end));
		CHECK_EQ(df_pageset_test(&pair->pageset, first), pair->ref[first]);
		if (df_pageset_next_run(&pair->pageset, first, &start, &b)) {
			CHECK_EQ(ref_count(pair, first, start), 0);
			CHECK_EQ(ref_count(pair, start, b), b - start);
			CHECK(b == pair->pageset.npages || !pair->ref[b]);
		} else {
			CHECK_EQ(ref_count(pair, first, pair->pageset.npages), 0);
		}
	}
}

/* Empty, full, half and random chunks. */
static void store_random(struct pair *pair)
{
	uint64_t words[DF_CHUNK_WORDS] = { 0 }, chunk = rnd(pair->pageset.nchunks), base = chunk * DF_CHUNK_PAGES;
	unsigned kind = (unsigned)rnd(4);

	for (uint64_t i = 0; i < DF_CHUNK_PAGES && base + i < pair->pageset.npages; i++) {
		bool bit = kind == 1 || (kind == 2 && i > 1000) || (kind == 3 && rnd(2));

		pair->ref[base + i] = bit;
		if (bit)
			df_bit_set(words, i);
	}
	CHECK_EQ(df_pageset_store(&pair->pageset, chunk, words, &pair->err), 0);
}

static void set_random(struct pair *pair)
{
	uint64_t first = rnd(pair->pageset.npages), end = first + rnd(pair->pageset.npages / 3 + 1);

	if (!rnd(3))
		end = first + rnd(100);
	if (!rnd(3))
		first = first / DF_CHUNK_PAGES * DF_CHUNK_PAGES;
	for (uint64_t i = first; i < end && i < pair->pageset.npages; i++)
		pair->ref[i] = true;
	CHECK_EQ(df_pageset_set_range(&pair->pageset, first, end, &pair->err), 0);
}

static void random_against_array(uint64_t npages, int rounds)
{
	struct pair pair;

	pair_init(&pair, npages);
	for (int i = 0; i < rounds; i++) {
		if (rnd(4))
			store_random(&pair);
		else
			set_random(&pair);
		same(&pair);
	}
	pair_fini(&pair);
}

static void random_small(void)
{
	random_against_array(1, 10);
	random_against_array(63, 10);
	random_against_array(DF_CHUNK_PAGES - 1, 20);
	random_against_array(DF_CHUNK_PAGES, 20);
	random_against_array(DF_CHUNK_PAGES + 1, 20);
}

static void random_many_chunks(void)
{
	random_against_array(7 * (uint64_t)DF_CHUNK_PAGES + 12345, 60);
	random_against_array(4 * (uint64_t)DF_CHUNK_PAGES, 60);
}

static void empty(void)
{
	struct pair pair;
	uint64_t start, end;

	pair_init(&pair, 0);
	CHECK(!df_pageset_test(&pair.pageset, 0));
	CHECK(!df_pageset_next_run(&pair.pageset, 0, &start, &end));
	CHECK_EQ(df_pageset_count_range(&pair.pageset, 0, UINT64_MAX), 0);
	CHECK_EQ(df_pageset_set_range(&pair.pageset, 0, 10, &pair.err), 0);
	CHECK_EQ(pair.pageset.count, 0);
	CHECK_EQ(df_pageset_chunk_count(&pair.pageset, 0), 0);
	pair_fini(&pair);
	df_pageset_fini(&pair.pageset); /* and once more */
}

static void beyond_the_end(void)
{
	struct pair pair;
	uint64_t start, end;

	pair_init(&pair, 100);
	CHECK_EQ(df_pageset_set_range(&pair.pageset, 90, UINT64_MAX, &pair.err), 0);
	CHECK_EQ(pair.pageset.count, 10);
	CHECK(df_pageset_test(&pair.pageset, 99));
	CHECK(!df_pageset_test(&pair.pageset, 100));
	CHECK(!df_pageset_test(&pair.pageset, UINT64_MAX));
	CHECK(!df_pageset_next_run(&pair.pageset, 100, &start, &end));
	CHECK(!df_pageset_next_run(&pair.pageset, UINT64_MAX, &start, &end));
	CHECK_EQ(df_pageset_chunk_count(&pair.pageset, 1), 0);
	CHECK_EQ(df_pageset_count_range(&pair.pageset, 0, UINT64_MAX), 10);
	pair_fini(&pair);
}

/* The last, partial chunk is full when its valid bits are set, and takes no memory then. */
static void partial_last_chunk(void)
{
	struct pair pair;
	uint64_t words[DF_CHUNK_WORDS] = { 0 }, before, start, end;

	pair_init(&pair, DF_CHUNK_PAGES + 70);
	before = pair.env.mem_used;
	df_bits_fill(words, 0, 70);
	CHECK_EQ(df_pageset_store(&pair.pageset, 1, words, &pair.err), 0);
	CHECK(pair.env.mem_used - before < 10000); /* its block */
	CHECK_EQ(df_pageset_chunk_count(&pair.pageset, 1), 70);
	memset(words, 0xff, sizeof words);
	df_pageset_load(&pair.pageset, 1, words);
	CHECK_EQ(words[0], UINT64_MAX);
	CHECK_EQ(words[1], 63);
	CHECK_EQ(words[2], 0);
	CHECK(df_pageset_next_run(&pair.pageset, 5, &start, &end));
	CHECK_EQ(start, DF_CHUNK_PAGES);
	CHECK_EQ(end, DF_CHUNK_PAGES + 70);
	/* with the first chunk full too everything is uniform: only the index is left */
	CHECK_EQ(df_pageset_set_range(&pair.pageset, 0, DF_CHUNK_PAGES, &pair.err), 0);
	CHECK_EQ(pair.env.mem_used, before);
	CHECK(df_pageset_next_run(&pair.pageset, 0, &start, &end));
	CHECK_EQ(start, 0);
	CHECK_EQ(end, DF_CHUNK_PAGES + 70);
	/* and one bit less gives the memory back its content */
	df_bit_clear(words, 3);
	CHECK_EQ(df_pageset_store(&pair.pageset, 1, words, &pair.err), 0);
	CHECK_EQ(pair.pageset.count, DF_CHUNK_PAGES + 69);
	CHECK(df_pageset_next_run(&pair.pageset, 0, &start, &end));
	CHECK_EQ(end, DF_CHUNK_PAGES + 3);
	pair_fini(&pair);
}

static void runs_join_over_chunks(void)
{
	struct pair pair;
	uint64_t count = 40 * (uint64_t)DF_CHUNK_PAGES, start, end;

	pair_init(&pair, count);
	CHECK_EQ(df_pageset_set_range(&pair.pageset, DF_CHUNK_PAGES - 5, 30 * DF_CHUNK_PAGES + 5, &pair.err), 0);
	CHECK(df_pageset_next_run(&pair.pageset, 0, &start, &end));
	CHECK_EQ(start, DF_CHUNK_PAGES - 5);
	CHECK_EQ(end, 30 * DF_CHUNK_PAGES + 5);
	CHECK(df_pageset_next_run(&pair.pageset, 7 * DF_CHUNK_PAGES + 1, &start, &end));
	CHECK_EQ(start, 7 * DF_CHUNK_PAGES + 1);
	CHECK(!df_pageset_next_run(&pair.pageset, end, &start, &end));
	pair_fini(&pair);
}

/* 2^40 frames are 4 PiB of memory: the index and what was touched, and walking skips the holes. */
static void huge_and_sparse(void)
{
	struct pair pair = { 0 };
	uint64_t count = UINT64_C(1) << 40, first, end, from = 0, runs = 0;

	CHECK_EQ(df_pageset_init(&pair.pageset, &pair.env, count, &pair.err), 0);
	for (uint64_t i = 0; i < 64; i++)
		CHECK_EQ(df_pageset_set_range(&pair.pageset, i << 34, (i << 34) + 3 + i, &pair.err), 0);
	CHECK_EQ(df_pageset_set_range(&pair.pageset, count - 1, count, &pair.err), 0);
	CHECK(pair.env.mem_peak < 2 << 20);
	while (df_pageset_next_run(&pair.pageset, from, &first, &end)) {
		CHECK_EQ(first, runs < 64 ? runs << 34 : count - 1);
		CHECK_EQ(end - first, runs < 64 ? 3 + runs : 1);
		from = end;
		runs++;
	}
	CHECK_EQ(runs, 65);
	CHECK_EQ(df_pageset_count_range(&pair.pageset, 0, count), pair.pageset.count);
	CHECK_EQ(df_pageset_count_range(&pair.pageset, 1, UINT64_C(1) << 35), 2 + 4);
	/* all of it, as a hostile header may claim: still nothing but the index */
	CHECK_EQ(df_pageset_set_range(&pair.pageset, 0, UINT64_MAX, &pair.err), 0);
	CHECK_EQ(pair.pageset.count, count);
	CHECK(pair.env.mem_used < 1 << 20);
	CHECK(df_pageset_next_run(&pair.pageset, 0, &first, &end));
	CHECK_EQ(end, count);
	CHECK(df_pageset_test(&pair.pageset, count - 1));
	CHECK_EQ(df_pageset_count_range(&pair.pageset, 77, count - 1), count - 78);
	df_pageset_fini(&pair.pageset);
	CHECK_EQ(pair.env.mem_used, 0);
}

static void full_block_is_cut(void)
{
	struct pair pair = { 0 };
	uint64_t words[DF_CHUNK_WORDS] = { 0 }, count = UINT64_C(1) << 26, start, end;

	CHECK_EQ(df_pageset_init(&pair.pageset, &pair.env, count, &pair.err), 0);
	CHECK_EQ(df_pageset_set_range(&pair.pageset, 0, count, &pair.err), 0);
	CHECK_EQ(df_pageset_store(&pair.pageset, 100, words, &pair.err), 0);
	CHECK_EQ(pair.pageset.count, count - DF_CHUNK_PAGES);
	CHECK(df_pageset_next_run(&pair.pageset, 0, &start, &end));
	CHECK_EQ(end, 100 * DF_CHUNK_PAGES);
	CHECK(df_pageset_next_run(&pair.pageset, end, &start, &end));
	CHECK_EQ(start, 101 * DF_CHUNK_PAGES);
	CHECK_EQ(end, count);
	CHECK_EQ(df_pageset_count_range(&pair.pageset, 0, count), pair.pageset.count);
	df_pageset_fini(&pair.pageset);
	CHECK_EQ(pair.env.mem_used, 0);
}

static void too_large(void)
{
	struct pair pair = { 0 };

	CHECK_EQ(df_pageset_init(&pair.pageset, &pair.env, (UINT64_C(1) << 44) + 1, &pair.err),
		 DUMPFILTER_E_UNSUPPORTED);
	CHECK(pair.err.text[0]);
	CHECK(!df_pageset_test(&pair.pageset, 0));
	df_pageset_fini(&pair.pageset);
	CHECK_EQ(pair.env.mem_used, 0);
}

/* Whichever allocation fails, the set is as before. */
static void no_memory(void)
{
	struct pair pair;
	uint64_t words[DF_CHUNK_WORDS] = { 0 };

	pair_init(&pair, 4 * (uint64_t)DF_CHUNK_PAGES);
	CHECK_EQ(df_pageset_set_range(&pair.pageset, 0, 100, &pair.err), 0);
	pair.env.mem_limit = pair.env.mem_used + 10;
	df_bit_set(words, 9);
	CHECK_EQ(df_pageset_store(&pair.pageset, 2, words, &pair.err), DUMPFILTER_E_NOMEM);
	CHECK_HAS(pair.err.text, "page frames");
	CHECK_EQ(pair.pageset.count, 100);
	CHECK(!df_pageset_test(&pair.pageset, 2 * DF_CHUNK_PAGES + 9));
	CHECK_EQ(df_pageset_store(&pair.pageset, 0, words, &pair.err), DUMPFILTER_E_NOMEM);
	CHECK(df_pageset_test(&pair.pageset, 50));
	pair.env.mem_limit = 0;
	pair_fini(&pair);
	pair_init(&pair, 4 * (uint64_t)DF_CHUNK_PAGES);
	pair.env.mem_limit = pair.env.mem_used + 5000; /* a chunk, but no block for it */
	CHECK_EQ(df_pageset_store(&pair.pageset, 2, words, &pair.err), DUMPFILTER_E_NOMEM);
	CHECK_EQ(pair.pageset.count, 0);
	pair.env.mem_limit = 1;
	pair_fini(&pair);
	memset(&pair, 0, sizeof pair);
	pair.env.mem_limit = 1;
	CHECK_EQ(df_pageset_init(&pair.pageset, &pair.env, 1000, &pair.err), DUMPFILTER_E_NOMEM);
	df_pageset_fini(&pair.pageset);
}

/* ---- bits that are dropped and made again */

/* What the set's owner would do: the bits from elsewhere, here from ref. */
struct owner {
	struct pair *pair;
	unsigned asked, stages; /* times; stages that were asked for */
	unsigned fail;          /* so many times from now on */
	bool wrong;             /* bits are others */
};

static int refill(void *user, uint64_t chunk, unsigned stage, uint64_t words[DF_CHUNK_WORDS], struct df_err *err)
{
	struct owner *owner = user;

	owner->asked++;
	owner->stages |= stage;
	if (owner->fail) {
		owner->fail--;
		return df_err_set(err, DUMPFILTER_E_IO, "the owner is ill");
	}
	memset(words, 0, DF_CHUNK_WORDS * sizeof *words);
	for (uint64_t i = 0; i < DF_CHUNK_PAGES; i++)
		if (chunk * DF_CHUNK_PAGES + i < owner->pair->pageset.npages &&
		    owner->pair->ref[chunk * DF_CHUNK_PAGES + i])
			df_bit_set(words, i);
	words[3] ^= owner->wrong;
	return 0;
}

/* Chunks: mixed, full, empty, mixed, mixed, and a mixed one that is cut. */
static void make_mixed(struct pair *pair)
{
	pair_init(pair, 5 * (uint64_t)DF_CHUNK_PAGES + 1000);
	for (uint64_t i = 0; i < pair->pageset.npages; i++) {
		uint64_t chunk = i / DF_CHUNK_PAGES;

		pair->ref[i] = chunk == 1 || (chunk != 2 && rnd(100) < 40);
	}
	/* runs over the borders */
	memset(pair->ref + DF_CHUNK_PAGES - 50, 1, 50);
	memset(pair->ref + 4 * DF_CHUNK_PAGES - 70, 1, 200);
}

static void store_all(struct pair *pair)
{
	struct owner owner = { .pair = pair };
	uint64_t words[DF_CHUNK_WORDS];

	for (uint64_t chunk = 0; chunk < pair->pageset.nchunks; chunk++) {
		CHECK_EQ(refill(&owner, chunk, 0, words, &pair->err), 0);
		CHECK_EQ(df_pageset_store(&pair->pageset, chunk, words, &pair->err), 0);
	}
}

/* A set whose bits are dropped, afterwards or because there never was memory, answers as before. */
static void dropped(void)
{
	for (int from_start = 0; from_start < 2; from_start++) {
		struct pair pair;
		struct owner owner = { .pair = &pair };

		make_mixed(&pair);
		pair.pageset.may_drop = from_start;
		/* the index and one chunk */
		pair.env.mem_limit = from_start ? pair.env.mem_used + df_pageset_block_bytes() + 6000 : 0;
		store_all(&pair);
		CHECK_EQ(pair.pageset.dropped, from_start ? 3 : 0);
		pair.env.mem_limit = 0;
		CHECK_EQ(df_pageset_failed(&pair.pageset, &pair.err), from_start ? DUMPFILTER_E_NOMEM : 0);
		CHECK_EQ(df_pageset_refill(&pair.pageset, refill, &owner, &pair.err), 0);
		same(&pair);
		df_pageset_drop(&pair.pageset);
		CHECK_EQ(pair.pageset.dropped, 4);
		same(&pair);
		CHECK(owner.asked);
		CHECK_EQ(df_pageset_failed(&pair.pageset, &pair.err), 0);
		pair_fini(&pair);
	}
}

/* Bits have to go where the index needs memory for a new block. */
static void index_before_bits(void)
{
	struct pair pair;
	uint64_t words[DF_CHUNK_WORDS] = { 5 }, got[DF_CHUNK_WORDS];
	uint64_t far = UINT64_C(1) << (DF_BLOCK_SHIFT - DF_CHUNK_SHIFT);

	memset(&pair, 0, sizeof pair);
	CHECK_EQ(df_pageset_init(&pair.pageset, &pair.env, UINT64_C(4) << DF_BLOCK_SHIFT, &pair.err), 0);
	pair.pageset.may_drop = true;
	pair.env.mem_limit = pair.env.mem_used + 2 * df_pageset_block_bytes() + 6000;
	for (uint64_t chunk = 0; chunk < 5; chunk++)
		CHECK_EQ(df_pageset_store(&pair.pageset, chunk, words, &pair.err), 0);
	CHECK(pair.pageset.dropped < 5);
	CHECK_EQ(df_pageset_store(&pair.pageset, far, words, &pair.err), 0);
	CHECK_EQ(pair.pageset.dropped, 6);
	CHECK_EQ(pair.pageset.count, 12);
	CHECK_EQ(df_pageset_chunk_count(&pair.pageset, far), 2);
	/* a chunk that is stored anew has its bits, where there is memory */
	pair.env.mem_limit = 0;
	CHECK_EQ(df_pageset_store(&pair.pageset, far, words, &pair.err), 0);
	CHECK_EQ(pair.pageset.dropped, 5);
	df_pageset_load(&pair.pageset, far, got);
	CHECK_EQ(got[0], 5);
	df_pageset_fini(&pair.pageset);
	CHECK_EQ(pair.env.mem_used, 0);
}

/* The owner is told what became of a chunk, and pinned ones stay. */
static void stages(void)
{
	struct pair pair;
	struct owner owner = { .pair = &pair };
	uint64_t words[DF_CHUNK_WORDS];

	make_mixed(&pair);
	store_all(&pair);
	CHECK_EQ(df_pageset_refill(&pair.pageset, refill, &owner, &pair.err), 0);
	pair.pageset.stage = DF_STAGE_SIFTED;
	df_pageset_load(&pair.pageset, 0, words);
	words[0] ^= 1;
	pair.ref[0] ^= 1;
	CHECK_EQ(df_pageset_store(&pair.pageset, 0, words, &pair.err), 0);
	pair.pageset.stage = DF_STAGE_PINNED;
	df_pageset_load(&pair.pageset, 3, words);
	CHECK_EQ(df_pageset_store(&pair.pageset, 3, words, &pair.err), 0);
	pair.pageset.stage = 0;
	CHECK_EQ(df_pageset_store(&pair.pageset, 3, words, &pair.err), 0); /* once is for ever */
	df_pageset_drop(&pair.pageset);
	CHECK_EQ(pair.pageset.dropped, 3);
	df_pageset_load(&pair.pageset, 3, words);
	CHECK_EQ(owner.asked, 0);
	df_pageset_load(&pair.pageset, 4, words);
	CHECK_EQ(owner.stages, 0);
	df_pageset_load(&pair.pageset, 0, words);
	CHECK_EQ(owner.stages, DF_STAGE_SIFTED);
	same(&pair);
	/* where there is no memory a pinned chunk is an error */
	pair.pageset.may_drop = true;
	pair.env.mem_limit = 1;
	words[0] ^= 2;
	CHECK_EQ(df_pageset_store(&pair.pageset, 3, words, &pair.err), DUMPFILTER_E_NOMEM);
	CHECK_EQ(df_pageset_store(&pair.pageset, 4, words, &pair.err), 0);
	pair.env.mem_limit = 0;
	pair_fini(&pair);
}

/* One failure is forgiven; bits that are not what they were end the set, and nobody is told something wrong. */
static void owner_fails(void)
{
	for (int wrong = 0; wrong < 2; wrong++) {
		struct pair pair;
		struct owner owner = { .pair = &pair, .fail = 1 };
		uint64_t words[DF_CHUNK_WORDS], first, end;

		make_mixed(&pair);
		store_all(&pair);
		CHECK_EQ(df_pageset_refill(&pair.pageset, refill, &owner, &pair.err), 0);
		df_pageset_drop(&pair.pageset);
		same(&pair);
		CHECK_EQ(owner.fail, 0);
		owner.wrong = wrong;
		owner.fail = wrong ? 0 : 100;
		/* the run goes on into a chunk that cannot be made: it ends where that begins */
		CHECK_EQ(df_pageset_refill(&pair.pageset, refill, &owner, &pair.err), 0);
		df_pageset_load(&pair.pageset, 1, words);
		CHECK_EQ(df_pageset_failed(&pair.pageset, &pair.err), 0);
		CHECK(df_pageset_next_run(&pair.pageset, DF_CHUNK_PAGES, &first, &end));
		CHECK(first == DF_CHUNK_PAGES && end == 2 * DF_CHUNK_PAGES);
		CHECK(!df_pageset_next_run(&pair.pageset, end, &first, &end));
		CHECK_EQ(df_pageset_failed(&pair.pageset, &pair.err), DUMPFILTER_E_IO);
		CHECK_HAS(pair.err.text, wrong ? "changes while it is read" : "ill");
		CHECK(!df_pageset_next_run(&pair.pageset, DF_CHUNK_PAGES, &first, &end));
		CHECK(df_pageset_test(&pair.pageset, 0));
		CHECK_EQ(df_pageset_count_range(&pair.pageset, 10, 30), 20);
		df_pageset_load(&pair.pageset, 0, words);
		CHECK_EQ(df_bits_count(words, DF_CHUNK_WORDS), 0);
		pair_fini(&pair);
	}
}

int main(void)
{
	seed = 88172645463325252u;
	RUN(random_small);
	RUN(random_many_chunks);
	RUN(empty);
	RUN(beyond_the_end);
	RUN(partial_last_chunk);
	RUN(runs_join_over_chunks);
	RUN(huge_and_sparse);
	RUN(full_block_is_cut);
	RUN(too_large);
	RUN(no_memory);
	RUN(dropped);
	RUN(index_before_bits);
	RUN(stages);
	RUN(owner_fails);
	return T_END();
}
