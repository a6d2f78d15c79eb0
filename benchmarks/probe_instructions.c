/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Does one thing a number of times, so that the script "instructions" can count what it costs: the difference between
 * two numbers of times is free of what starting costs.
 *
 * usage: probe_instructions VMCORE words|alike|zero|text|pool1|pool2 TIMES
 *        words: the tests on 64 struct pages of all kinds; alike: on 64 that are alike; zero: the test of a page of
 * zeros; text: of one that is none; pool1, pool2: handing over an item with one thread and with two
 */
#include "api/context.h"
#include "base/pool.h"
#include "pipe/pipe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static _Noreturn void fail(const char *what)
{
	fprintf(stderr, "probe_instructions: %s\n", what);
	exit(1);
}

/* 64 struct pages of 6.1: anonymous, page cache, kernel and free ones in turn, or all of the kernel. */
static void make_structs(uint8_t structs[65 * 64], bool alike)
{
	static const uint64_t flags[] = { 0x80034, 0x2034, 0, 0 };

	memset(structs, 0, 65 * 64);
	for (unsigned i = 0; i < 64; i++) {
		uint8_t *bytes = structs + i * 64;
		uint64_t kind = alike ? 2 : i % 4, mapping = kind == 0 ? 0xffff888001234001 : 0;
		uint32_t map_count = kind == 3 && i % 16 == 3 ? 0xffffff7f : kind ? 0xffffffff : 0;

		memcpy(bytes, &flags[kind], 8);
		memcpy(bytes + 24, &mapping, 8);
		memcpy(bytes + 48, &map_count, 4);
	}
}

static uint64_t words(const char *image, bool alike, unsigned long times)
{
	struct dumpfilter *df = dumpfilter_new(NULL);
	uint64_t out[DF_WORD_ROLES], sum = 0;
	uint8_t structs[65 * 64];

	if (!df || dumpfilter_open_path(df, image, 0) < 0)
		fail(df ? dumpfilter_errmsg(df) : "out of memory");
	if (!df->dump.can_classify || df->dump.memmap.page_struct != 64)
		fail("not an image of gen_vmcore");
	make_structs(structs, alike);
	for (unsigned long i = 0; i < times; i++) {
		df_rules_words(&df->dump.rules, structs, 64, out);
		sum += out[i % DF_WORD_ROLES];
	}
	dumpfilter_free(df);
	return sum;
}

static uint64_t zero(bool text, unsigned long times)
{
	uint8_t *page = calloc(1, 4096);
	uint64_t sum = 0;

	if (!page)
		fail("out of memory");
	page[17] = text;
	for (unsigned long i = 0; i < times; i++)
		sum += df_is_zero(page, 4096);
	free(page);
	return sum;
}

struct items {
	unsigned long left;
	uint64_t sum;
};

static int make(void *user, void *slot, struct df_err *err)
{
	struct items *items = user;

	(void)err;
	*(uint64_t *)slot = items->left;
	return items->left && items->left-- ? 1 : 0;
}

static int work(void *user, void *slot, unsigned worker, struct df_err *err)
{
	(void)user;
	(void)worker;
	(void)err;
	*(uint64_t *)slot += 1;
	return 0;
}

static int take(void *user, void *slot, struct df_err *err)
{
	struct items *items = user;

	(void)err;
	items->sum += *(uint64_t *)slot;
	return 0;
}

static void *allocate(void *user, size_t bytes)
{
	(void)user;
	return malloc(bytes);
}

static void release(void *user, void *ptr)
{
	(void)user;
	free(ptr);
}

static uint64_t pool(unsigned threads, unsigned long times)
{
	static const struct df_pool_ops pool_ops = { .make = make, .work = work, .take = take };
	struct df_env env = { .alloc = allocate, .release = release };
	struct items items = { .left = times };
	uint64_t slots[4] = { 0 };
	struct df_err err;

	if (df_pool_run(&env, &pool_ops, &items, threads, slots, sizeof *slots, 2 * threads, &err) < 0)
		fail(err.text);
	return items.sum;
}

int main(int argc, char **argv)
{
	unsigned long times = argc == 4 ? strtoul(argv[3], NULL, 10) : 0;
	uint64_t sum;

	if (!times) {
		fprintf(stderr, "usage: probe_instructions VMCORE words|alike|zero|text|pool1|pool2 TIMES\n");
		return 2;
	}
	if (!strcmp(argv[2], "words") || !strcmp(argv[2], "alike"))
		sum = words(argv[1], argv[2][0] == 'a', times);
	else if (!strncmp(argv[2], "pool", 4))
		sum = pool(argv[2][4] == '2' ? 2 : 1, times);
	else
		sum = zero(!strcmp(argv[2], "text"), times);
	printf("%llu\n", (unsigned long long)sum);
	return 0;
}
