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
	struct df_pageset s;
	bool *ref;
};

static void pair_init(struct pair *p, uint64_t npages)
{
	memset(p, 0, sizeof *p);
	CHECK_EQ(df_pageset_init(&p->s, &p->env, npages, &p->err), 0);
	p->ref = calloc(npages + 1, 1);
	CHECK(p->ref);
}

static void pair_fini(struct pair *p)
{
	df_pageset_fini(&p->s);
	CHECK_EQ(p->env.mem_used, 0);
	free(p->ref);
}

static uint64_t ref_count(const struct pair *p, uint64_t first, uint64_t end)
{
	uint64_t n = 0;

	for (uint64_t i = first; i < end && i < p->s.npages; i++)
		n += p->ref[i];
	return n;
}

static void same_runs(const struct pair *p)
{
	uint64_t from = 0, first, end, at = 0;

	while (df_pageset_next_run(&p->s, from, &first, &end)) {
		CHECK(first >= from && first < end && end <= p->s.npages);
		for (; at < first; at++)
			CHECK(!p->ref[at]);
		for (; at < end; at++)
			CHECK(p->ref[at]);
		from = end;
	}
	for (; at < p->s.npages; at++)
		CHECK(!p->ref[at]);
}

static void same(const struct pair *p)
{
	static uint64_t words[DF_CHUNK_WORDS];

	CHECK_EQ(p->s.count, ref_count(p, 0, p->s.npages));
	for (uint64_t c = 0; c < p->s.nchunks; c++) {
		uint64_t base = c * DF_CHUNK_PAGES;

		df_pageset_load(&p->s, c, words);
		for (uint64_t i = 0; i < DF_CHUNK_PAGES; i++)
			CHECK_EQ(df_bit_test(words, i), base + i < p->s.npages && p->ref[base + i]);
		CHECK_EQ(df_pageset_chunk_count(&p->s, c), ref_count(p, base, base + DF_CHUNK_PAGES));
	}
	same_runs(p);
	for (int i = 0; i < 30; i++) {
		uint64_t first = rnd(p->s.npages), end = first + rnd(p->s.npages - first + 10), a, b;

		CHECK_EQ(df_pageset_count_range(&p->s, first, end), ref_count(p, first, end));
		CHECK_EQ(df_pageset_test(&p->s, first), p->ref[first]);
		if (df_pageset_next_run(&p->s, first, &a, &b)) {
			CHECK_EQ(ref_count(p, first, a), 0);
			CHECK_EQ(ref_count(p, a, b), b - a);
			CHECK(b == p->s.npages || !p->ref[b]);
		} else {
			CHECK_EQ(ref_count(p, first, p->s.npages), 0);
		}
	}
}

/* Empty, full, half and random chunks. */
static void store_random(struct pair *p)
{
	uint64_t words[DF_CHUNK_WORDS] = { 0 }, chunk = rnd(p->s.nchunks), base = chunk * DF_CHUNK_PAGES;
	unsigned kind = (unsigned)rnd(4);

	for (uint64_t i = 0; i < DF_CHUNK_PAGES && base + i < p->s.npages; i++) {
		bool bit = kind == 1 || (kind == 2 && i > 1000) || (kind == 3 && rnd(2));

		p->ref[base + i] = bit;
		if (bit)
			df_bit_set(words, i);
	}
	CHECK_EQ(df_pageset_store(&p->s, chunk, words, &p->err), 0);
}

static void set_random(struct pair *p)
{
	uint64_t first = rnd(p->s.npages), end = first + rnd(p->s.npages / 3 + 1);

	if (!rnd(3))
		end = first + rnd(100);
	if (!rnd(3))
		first = first / DF_CHUNK_PAGES * DF_CHUNK_PAGES;
	for (uint64_t i = first; i < end && i < p->s.npages; i++)
		p->ref[i] = true;
	CHECK_EQ(df_pageset_set_range(&p->s, first, end, &p->err), 0);
}

static void random_against_array(uint64_t npages, int rounds)
{
	struct pair p;

	pair_init(&p, npages);
	for (int i = 0; i < rounds; i++) {
		if (rnd(4))
			store_random(&p);
		else
			set_random(&p);
		same(&p);
	}
	pair_fini(&p);
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
	struct pair p;
	uint64_t a, b;

	pair_init(&p, 0);
	CHECK(!df_pageset_test(&p.s, 0));
	CHECK(!df_pageset_next_run(&p.s, 0, &a, &b));
	CHECK_EQ(df_pageset_count_range(&p.s, 0, UINT64_MAX), 0);
	CHECK_EQ(df_pageset_set_range(&p.s, 0, 10, &p.err), 0);
	CHECK_EQ(p.s.count, 0);
	CHECK_EQ(df_pageset_chunk_count(&p.s, 0), 0);
	pair_fini(&p);
	df_pageset_fini(&p.s); /* and once more */
}

static void beyond_the_end(void)
{
	struct pair p;
	uint64_t a, b;

	pair_init(&p, 100);
	CHECK_EQ(df_pageset_set_range(&p.s, 90, UINT64_MAX, &p.err), 0);
	CHECK_EQ(p.s.count, 10);
	CHECK(df_pageset_test(&p.s, 99));
	CHECK(!df_pageset_test(&p.s, 100));
	CHECK(!df_pageset_test(&p.s, UINT64_MAX));
	CHECK(!df_pageset_next_run(&p.s, 100, &a, &b));
	CHECK(!df_pageset_next_run(&p.s, UINT64_MAX, &a, &b));
	CHECK_EQ(df_pageset_chunk_count(&p.s, 1), 0);
	CHECK_EQ(df_pageset_count_range(&p.s, 0, UINT64_MAX), 10);
	pair_fini(&p);
}

/* The last, partial chunk is full when its valid bits are set, and takes no memory then. */
static void partial_last_chunk(void)
{
	struct pair p;
	uint64_t words[DF_CHUNK_WORDS] = { 0 }, before, a, b;

	pair_init(&p, DF_CHUNK_PAGES + 70);
	before = p.env.mem_used;
	df_bits_fill(words, 0, 70);
	CHECK_EQ(df_pageset_store(&p.s, 1, words, &p.err), 0);
	CHECK(p.env.mem_used - before < 10000); /* its block */
	CHECK_EQ(df_pageset_chunk_count(&p.s, 1), 70);
	memset(words, 0xff, sizeof words);
	df_pageset_load(&p.s, 1, words);
	CHECK_EQ(words[0], UINT64_MAX);
	CHECK_EQ(words[1], 63);
	CHECK_EQ(words[2], 0);
	CHECK(df_pageset_next_run(&p.s, 5, &a, &b));
	CHECK_EQ(a, DF_CHUNK_PAGES);
	CHECK_EQ(b, DF_CHUNK_PAGES + 70);
	/* with the first chunk full too everything is uniform: only the index is left */
	CHECK_EQ(df_pageset_set_range(&p.s, 0, DF_CHUNK_PAGES, &p.err), 0);
	CHECK_EQ(p.env.mem_used, before);
	CHECK(df_pageset_next_run(&p.s, 0, &a, &b));
	CHECK_EQ(a, 0);
	CHECK_EQ(b, DF_CHUNK_PAGES + 70);
	/* and one bit less gives the memory back its content */
	df_bit_clear(words, 3);
	CHECK_EQ(df_pageset_store(&p.s, 1, words, &p.err), 0);
	CHECK_EQ(p.s.count, DF_CHUNK_PAGES + 69);
	CHECK(df_pageset_next_run(&p.s, 0, &a, &b));
	CHECK_EQ(b, DF_CHUNK_PAGES + 3);
	pair_fini(&p);
}

static void runs_join_over_chunks(void)
{
	struct pair p;
	uint64_t n = 40 * (uint64_t)DF_CHUNK_PAGES, a, b;

	pair_init(&p, n);
	CHECK_EQ(df_pageset_set_range(&p.s, DF_CHUNK_PAGES - 5, 30 * DF_CHUNK_PAGES + 5, &p.err), 0);
	CHECK(df_pageset_next_run(&p.s, 0, &a, &b));
	CHECK_EQ(a, DF_CHUNK_PAGES - 5);
	CHECK_EQ(b, 30 * DF_CHUNK_PAGES + 5);
	CHECK(df_pageset_next_run(&p.s, 7 * DF_CHUNK_PAGES + 1, &a, &b));
	CHECK_EQ(a, 7 * DF_CHUNK_PAGES + 1);
	CHECK(!df_pageset_next_run(&p.s, b, &a, &b));
	pair_fini(&p);
}

/* 2^40 frames are 4 PiB of memory: the index and what was touched, and walking skips the holes. */
static void huge_and_sparse(void)
{
	struct pair p = { 0 };
	uint64_t n = UINT64_C(1) << 40, first, end, from = 0, runs = 0;

	CHECK_EQ(df_pageset_init(&p.s, &p.env, n, &p.err), 0);
	for (uint64_t i = 0; i < 64; i++)
		CHECK_EQ(df_pageset_set_range(&p.s, i << 34, (i << 34) + 3 + i, &p.err), 0);
	CHECK_EQ(df_pageset_set_range(&p.s, n - 1, n, &p.err), 0);
	CHECK(p.env.mem_peak < 2 << 20);
	while (df_pageset_next_run(&p.s, from, &first, &end)) {
		CHECK_EQ(first, runs < 64 ? runs << 34 : n - 1);
		CHECK_EQ(end - first, runs < 64 ? 3 + runs : 1);
		from = end;
		runs++;
	}
	CHECK_EQ(runs, 65);
	CHECK_EQ(df_pageset_count_range(&p.s, 0, n), p.s.count);
	CHECK_EQ(df_pageset_count_range(&p.s, 1, UINT64_C(1) << 35), 2 + 4);
	/* all of it, as a hostile header may claim: still nothing but the index */
	CHECK_EQ(df_pageset_set_range(&p.s, 0, UINT64_MAX, &p.err), 0);
	CHECK_EQ(p.s.count, n);
	CHECK(p.env.mem_used < 1 << 20);
	CHECK(df_pageset_next_run(&p.s, 0, &first, &end));
	CHECK_EQ(end, n);
	CHECK(df_pageset_test(&p.s, n - 1));
	CHECK_EQ(df_pageset_count_range(&p.s, 77, n - 1), n - 78);
	df_pageset_fini(&p.s);
	CHECK_EQ(p.env.mem_used, 0);
}

static void full_block_is_cut(void)
{
	struct pair p = { 0 };
	uint64_t words[DF_CHUNK_WORDS] = { 0 }, n = UINT64_C(1) << 26, a, b;

	CHECK_EQ(df_pageset_init(&p.s, &p.env, n, &p.err), 0);
	CHECK_EQ(df_pageset_set_range(&p.s, 0, n, &p.err), 0);
	CHECK_EQ(df_pageset_store(&p.s, 100, words, &p.err), 0);
	CHECK_EQ(p.s.count, n - DF_CHUNK_PAGES);
	CHECK(df_pageset_next_run(&p.s, 0, &a, &b));
	CHECK_EQ(b, 100 * DF_CHUNK_PAGES);
	CHECK(df_pageset_next_run(&p.s, b, &a, &b));
	CHECK_EQ(a, 101 * DF_CHUNK_PAGES);
	CHECK_EQ(b, n);
	CHECK_EQ(df_pageset_count_range(&p.s, 0, n), p.s.count);
	df_pageset_fini(&p.s);
	CHECK_EQ(p.env.mem_used, 0);
}

static void too_large(void)
{
	struct pair p = { 0 };

	CHECK_EQ(df_pageset_init(&p.s, &p.env, (UINT64_C(1) << 44) + 1, &p.err), DUMPFILTER_E_UNSUPPORTED);
	CHECK(p.err.text[0]);
	CHECK(!df_pageset_test(&p.s, 0));
	df_pageset_fini(&p.s);
	CHECK_EQ(p.env.mem_used, 0);
}

/* Whichever allocation fails, the set is as before. */
static void no_memory(void)
{
	struct pair p;
	uint64_t words[DF_CHUNK_WORDS] = { 0 };

	pair_init(&p, 4 * (uint64_t)DF_CHUNK_PAGES);
	CHECK_EQ(df_pageset_set_range(&p.s, 0, 100, &p.err), 0);
	p.env.mem_limit = p.env.mem_used + 10;
	df_bit_set(words, 9);
	CHECK_EQ(df_pageset_store(&p.s, 2, words, &p.err), DUMPFILTER_E_NOMEM);
	CHECK_HAS(p.err.text, "page frames");
	CHECK_EQ(p.s.count, 100);
	CHECK(!df_pageset_test(&p.s, 2 * DF_CHUNK_PAGES + 9));
	CHECK_EQ(df_pageset_store(&p.s, 0, words, &p.err), DUMPFILTER_E_NOMEM);
	CHECK(df_pageset_test(&p.s, 50));
	p.env.mem_limit = 0;
	pair_fini(&p);
	pair_init(&p, 4 * (uint64_t)DF_CHUNK_PAGES);
	p.env.mem_limit = p.env.mem_used + 5000; /* a chunk, but no block for it */
	CHECK_EQ(df_pageset_store(&p.s, 2, words, &p.err), DUMPFILTER_E_NOMEM);
	CHECK_EQ(p.s.count, 0);
	p.env.mem_limit = 1;
	pair_fini(&p);
	memset(&p, 0, sizeof p);
	p.env.mem_limit = 1;
	CHECK_EQ(df_pageset_init(&p.s, &p.env, 1000, &p.err), DUMPFILTER_E_NOMEM);
	df_pageset_fini(&p.s);
}

/* ---- bits that are dropped and made again */

/* What the set's owner would do: the bits from elsewhere, here from ref. */
struct owner {
	struct pair *p;
	unsigned asked, stages; /* times; stages that were asked for */
	unsigned fail;          /* so many times from now on */
	bool wrong;             /* bits are others */
};

static int refill(void *user, uint64_t chunk, unsigned stage, uint64_t words[DF_CHUNK_WORDS], struct df_err *err)
{
	struct owner *o = user;

	o->asked++;
	o->stages |= stage;
	if (o->fail) {
		o->fail--;
		return df_err_set(err, DUMPFILTER_E_IO, "the owner is ill");
	}
	memset(words, 0, DF_CHUNK_WORDS * sizeof *words);
	for (uint64_t i = 0; i < DF_CHUNK_PAGES; i++)
		if (chunk * DF_CHUNK_PAGES + i < o->p->s.npages && o->p->ref[chunk * DF_CHUNK_PAGES + i])
			df_bit_set(words, i);
	words[3] ^= o->wrong;
	return 0;
}

/* Chunks: mixed, full, empty, mixed, mixed, and a mixed one that is cut. */
static void make_mixed(struct pair *p)
{
	pair_init(p, 5 * (uint64_t)DF_CHUNK_PAGES + 1000);
	for (uint64_t i = 0; i < p->s.npages; i++) {
		uint64_t c = i / DF_CHUNK_PAGES;

		p->ref[i] = c == 1 || (c != 2 && rnd(100) < 40);
	}
	/* runs over the borders */
	memset(p->ref + DF_CHUNK_PAGES - 50, 1, 50);
	memset(p->ref + 4 * DF_CHUNK_PAGES - 70, 1, 200);
}

static void store_all(struct pair *p)
{
	struct owner o = { .p = p };
	uint64_t words[DF_CHUNK_WORDS];

	for (uint64_t c = 0; c < p->s.nchunks; c++) {
		CHECK_EQ(refill(&o, c, 0, words, &p->err), 0);
		CHECK_EQ(df_pageset_store(&p->s, c, words, &p->err), 0);
	}
}

/* A set whose bits are dropped, afterwards or because there never was memory, answers as before. */
static void dropped(void)
{
	for (int from_start = 0; from_start < 2; from_start++) {
		struct pair p;
		struct owner o = { .p = &p };

		make_mixed(&p);
		p.s.may_drop = from_start;
		/* the index and one chunk */
		p.env.mem_limit = from_start ? p.env.mem_used + df_pageset_block_bytes() + 6000 : 0;
		store_all(&p);
		CHECK_EQ(p.s.dropped, from_start ? 3 : 0);
		p.env.mem_limit = 0;
		CHECK_EQ(df_pageset_failed(&p.s, &p.err), from_start ? DUMPFILTER_E_NOMEM : 0);
		CHECK_EQ(df_pageset_refill(&p.s, refill, &o, &p.err), 0);
		same(&p);
		df_pageset_drop(&p.s);
		CHECK_EQ(p.s.dropped, 4);
		same(&p);
		CHECK(o.asked);
		CHECK_EQ(df_pageset_failed(&p.s, &p.err), 0);
		pair_fini(&p);
	}
}

/* Bits have to go where the index needs memory for a new block. */
static void index_before_bits(void)
{
	struct pair p;
	uint64_t words[DF_CHUNK_WORDS] = { 5 }, got[DF_CHUNK_WORDS];
	uint64_t far = UINT64_C(1) << (DF_BLOCK_SHIFT - DF_CHUNK_SHIFT);

	memset(&p, 0, sizeof p);
	CHECK_EQ(df_pageset_init(&p.s, &p.env, UINT64_C(4) << DF_BLOCK_SHIFT, &p.err), 0);
	p.s.may_drop = true;
	p.env.mem_limit = p.env.mem_used + 2 * df_pageset_block_bytes() + 6000;
	for (uint64_t c = 0; c < 5; c++)
		CHECK_EQ(df_pageset_store(&p.s, c, words, &p.err), 0);
	CHECK(p.s.dropped < 5);
	CHECK_EQ(df_pageset_store(&p.s, far, words, &p.err), 0);
	CHECK_EQ(p.s.dropped, 6);
	CHECK_EQ(p.s.count, 12);
	CHECK_EQ(df_pageset_chunk_count(&p.s, far), 2);
	/* a chunk that is stored anew has its bits, where there is memory */
	p.env.mem_limit = 0;
	CHECK_EQ(df_pageset_store(&p.s, far, words, &p.err), 0);
	CHECK_EQ(p.s.dropped, 5);
	df_pageset_load(&p.s, far, got);
	CHECK_EQ(got[0], 5);
	df_pageset_fini(&p.s);
	CHECK_EQ(p.env.mem_used, 0);
}

/* The owner is told what became of a chunk, and pinned ones stay. */
static void stages(void)
{
	struct pair p;
	struct owner o = { .p = &p };
	uint64_t words[DF_CHUNK_WORDS];

	make_mixed(&p);
	store_all(&p);
	CHECK_EQ(df_pageset_refill(&p.s, refill, &o, &p.err), 0);
	p.s.stage = DF_STAGE_SIFTED;
	df_pageset_load(&p.s, 0, words);
	words[0] ^= 1;
	p.ref[0] ^= 1;
	CHECK_EQ(df_pageset_store(&p.s, 0, words, &p.err), 0);
	p.s.stage = DF_STAGE_PINNED;
	df_pageset_load(&p.s, 3, words);
	CHECK_EQ(df_pageset_store(&p.s, 3, words, &p.err), 0);
	p.s.stage = 0;
	CHECK_EQ(df_pageset_store(&p.s, 3, words, &p.err), 0); /* once is for ever */
	df_pageset_drop(&p.s);
	CHECK_EQ(p.s.dropped, 3);
	df_pageset_load(&p.s, 3, words);
	CHECK_EQ(o.asked, 0);
	df_pageset_load(&p.s, 4, words);
	CHECK_EQ(o.stages, 0);
	df_pageset_load(&p.s, 0, words);
	CHECK_EQ(o.stages, DF_STAGE_SIFTED);
	same(&p);
	/* where there is no memory a pinned chunk is an error */
	p.s.may_drop = true;
	p.env.mem_limit = 1;
	words[0] ^= 2;
	CHECK_EQ(df_pageset_store(&p.s, 3, words, &p.err), DUMPFILTER_E_NOMEM);
	CHECK_EQ(df_pageset_store(&p.s, 4, words, &p.err), 0);
	p.env.mem_limit = 0;
	pair_fini(&p);
}

/* One failure is forgiven; bits that are not what they were end the set, and nobody is told something wrong. */
static void owner_fails(void)
{
	for (int wrong = 0; wrong < 2; wrong++) {
		struct pair p;
		struct owner o = { .p = &p, .fail = 1 };
		uint64_t words[DF_CHUNK_WORDS], first, end;

		make_mixed(&p);
		store_all(&p);
		CHECK_EQ(df_pageset_refill(&p.s, refill, &o, &p.err), 0);
		df_pageset_drop(&p.s);
		same(&p);
		CHECK_EQ(o.fail, 0);
		o.wrong = wrong;
		o.fail = wrong ? 0 : 100;
		/* the run goes on into a chunk that cannot be made: it ends where that begins */
		CHECK_EQ(df_pageset_refill(&p.s, refill, &o, &p.err), 0);
		df_pageset_load(&p.s, 1, words);
		CHECK_EQ(df_pageset_failed(&p.s, &p.err), 0);
		CHECK(df_pageset_next_run(&p.s, DF_CHUNK_PAGES, &first, &end));
		CHECK(first == DF_CHUNK_PAGES && end == 2 * DF_CHUNK_PAGES);
		CHECK(!df_pageset_next_run(&p.s, end, &first, &end));
		CHECK_EQ(df_pageset_failed(&p.s, &p.err), DUMPFILTER_E_IO);
		CHECK_HAS(p.err.text, wrong ? "changes while it is read" : "ill");
		CHECK(!df_pageset_next_run(&p.s, DF_CHUNK_PAGES, &first, &end));
		CHECK(df_pageset_test(&p.s, 0));
		CHECK_EQ(df_pageset_count_range(&p.s, 10, 30), 20);
		df_pageset_load(&p.s, 0, words);
		CHECK_EQ(df_bits_count(words, DF_CHUNK_WORDS), 0);
		pair_fini(&p);
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
