/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/bits.h"
#include "base/bytes.h"
#include "base/env.h"
#include "base/err.h"
#include "heap.h"
#include "t.h"

#include <errno.h>

static void err_text(void)
{
	struct df_err err = { 0 };

	CHECK_EQ(df_err_set(&err, DUMPFILTER_E_FORMAT, "field %d", 7), DUMPFILTER_E_FORMAT);
	CHECK_STR(err.text, "field 7");
	CHECK_EQ(df_err_wrap(&err, "%s at %#x", "file", 16), DUMPFILTER_E_FORMAT);
	CHECK_STR(err.text, "file at 0x10: field 7");
	CHECK_EQ(err.code, DUMPFILTER_E_FORMAT);
	df_err_clear(&err);
	CHECK_EQ(err.code, 0);
	CHECK_STR(err.text, "");
}

static void err_sys(void)
{
	struct df_err err = { 0 };

	CHECK_EQ(df_err_sys(&err, DUMPFILTER_E_IO, ENOSPC, "writing %s", "x"), DUMPFILTER_E_IO);
	CHECK_HAS(err.text, "writing x: ");
	CHECK_HAS(err.text, strerror(ENOSPC));
	CHECK_EQ(df_err_sys(&err, DUMPFILTER_E_IO, 123456, "reading"), DUMPFILTER_E_IO);
	CHECK_HAS(err.text, "reading: ");
	CHECK_HAS(err.text, "123456");
}

/* Whatever the length, the text ends within the buffer and its start is kept. */
static void err_long(void)
{
	struct df_err err = { 0 };
	char big[2 * DF_ERR_TEXT];

	memset(big, 'a', sizeof big - 1);
	big[sizeof big - 1] = '\0';
	df_err_set(&err, DUMPFILTER_E_IO, "%s", big);
	CHECK_EQ(strlen(err.text), DF_ERR_TEXT - 1);
	df_err_wrap(&err, "here");
	CHECK_EQ(strlen(err.text), DF_ERR_TEXT - 1);
	CHECK(!strncmp(err.text, "here: aaa", 9));
	df_err_sys(&err, DUMPFILTER_E_IO, EIO, "%s", big);
	CHECK_EQ(strlen(err.text), DF_ERR_TEXT - 1);
	df_err_wrap(&err, "%s", big);
	CHECK_EQ(strlen(err.text), DF_ERR_TEXT - 1);
}

static void err_errno(void)
{
	CHECK_EQ(df_err_of_errno(ENOSPC), DUMPFILTER_E_NOSPACE);
	CHECK_EQ(df_err_of_errno(EDQUOT), DUMPFILTER_E_NOSPACE);
	CHECK_EQ(df_err_of_errno(EFBIG), DUMPFILTER_E_NOSPACE);
	CHECK_EQ(df_err_of_errno(ENOMEM), DUMPFILTER_E_NOMEM);
	CHECK_EQ(df_err_of_errno(EEXIST), DUMPFILTER_E_EXISTS);
	CHECK_EQ(df_err_of_errno(EIO), DUMPFILTER_E_IO);
	CHECK_EQ(df_err_of_errno(EINTR), DUMPFILTER_E_IO);
}

static void env_zeroed_and_counted(void)
{
	struct df_env env = { 0 };
	unsigned char *bytes = df_alloc(&env, 1000);
	size_t used = env.mem_used;

	CHECK(bytes);
	CHECK(used >= 1000);
	CHECK_EQ((uintptr_t)bytes % _Alignof(max_align_t), 0);
	for (int i = 0; i < 1000; i++)
		CHECK_EQ(bytes[i], 0);
	memset(bytes, 0xff, 1000);
	df_free(&env, bytes);
	CHECK_EQ(env.mem_used, 0);
	CHECK_EQ(env.mem_peak, used);
	bytes = df_alloc(&env, 1000);
	CHECK_EQ(bytes[999], 0);
	df_free(&env, bytes);
	df_free(&env, NULL);
	CHECK_EQ(env.mem_used, 0);
}

static void env_budget(void)
{
	struct df_env env = { 0 };
	struct df_err err = { 0 };
	void *memory, *other;

	env.mem_limit = 10000;
	memory = df_alloc(&env, 6000);
	CHECK(memory);
	CHECK(!df_alloc(&env, 6000));
	CHECK(env.mem_used < 10000);
	CHECK_EQ(df_err_nomem(&err, &env, "a table", 6000), DUMPFILTER_E_NOMEM);
	CHECK_HAS(err.text, "a table");
	CHECK_HAS(err.text, "6000");
	CHECK_HAS(err.text, "10000");
	other = df_alloc(&env, 3000); /* a refusal takes nothing */
	CHECK(other);
	df_free(&env, memory);
	df_free(&env, other);
	CHECK_EQ(env.mem_used, 0);
	CHECK(env.mem_peak <= 10000);
}

static void env_hostile_sizes(void)
{
	struct df_env env = { 0 };

	CHECK(!df_alloc(&env, SIZE_MAX));
	CHECK(!df_alloc(&env, SIZE_MAX - 8));
	CHECK(!df_alloc_array(&env, SIZE_MAX / 4, 8));
	CHECK(!df_alloc_array(&env, SIZE_MAX, SIZE_MAX));
	CHECK_EQ(env.mem_used, 0);
	CHECK_EQ(env.mem_peak, 0);
}

static void env_own_allocator(void)
{
	struct fi_heap heap = { .fail_at = 2 };
	struct df_env env = { .alloc = fi_heap_alloc, .release = fi_heap_free, .alloc_user = &heap };
	void *memory = df_alloc(&env, 10);
	size_t used = env.mem_used;

	CHECK(memory);
	CHECK(!df_alloc(&env, 20));
	CHECK_EQ(env.mem_used, used);
	CHECK_EQ(heap.live, 1);
	df_free(&env, memory);
	CHECK_EQ(heap.live, 0);
	CHECK_EQ(env.mem_used, 0);
}

static void env_grow(void)
{
	struct df_env env = { 0 };
	uint32_t *arr = NULL;
	size_t cap = 0;

	for (uint32_t i = 0; i < 1000; i++) {
		CHECK(df_grow(&env, (void **)&arr, &cap, i + 1, sizeof *arr));
		arr[i] = i * 3;
	}
	CHECK(cap >= 1000);
	env.mem_limit = env.mem_used + 8;
	CHECK(!df_grow(&env, (void **)&arr, &cap, cap + 1, sizeof *arr));
	CHECK(!df_grow(&env, (void **)&arr, &cap, SIZE_MAX, sizeof *arr));
	for (uint32_t i = 0; i < 1000; i++)
		CHECK_EQ(arr[i], i * 3);
	df_free(&env, arr);
	CHECK_EQ(env.mem_used, 0);
}

struct lines {
	int count, level;
	char last[2048];
};

static void keep_line(void *user, int level, const char *line)
{
	struct lines *lines = user;

	lines->count++;
	lines->level = level;
	snprintf(lines->last, sizeof lines->last, "%s", line);
}

static void env_log(void)
{
	struct lines lines = { 0 };
	struct df_env env = { .log_fn = keep_line, .log_user = &lines, .log_max = DUMPFILTER_LOG_WARN };

	df_log(&env, DUMPFILTER_LOG_WARN, "%d of %d", 3, 4);
	CHECK_EQ(lines.count, 1);
	CHECK_EQ(lines.level, DUMPFILTER_LOG_WARN);
	CHECK_STR(lines.last, "3 of 4");
	df_log(&env, DUMPFILTER_LOG_INFO, "not wanted");
	CHECK_EQ(lines.count, 1);
	env.log_fn = NULL;
	df_log(&env, DUMPFILTER_LOG_ERROR, "nobody listens");
	CHECK_EQ(lines.count, 1);
}

static void bytes_orders(void)
{
	const uint8_t bytes[9] = { 0, 1, 2, 3, 4, 5, 6, 7, 8 }; /* from 1: not aligned */
	uint8_t out[9];

	CHECK_EQ(df_get16(bytes + 1, false), 0x0201);
	CHECK_EQ(df_get16(bytes + 1, true), 0x0102);
	CHECK_EQ(df_get32(bytes + 1, false), 0x04030201);
	CHECK_EQ(df_get32(bytes + 1, true), 0x01020304);
	CHECK_EQ(df_get64(bytes + 1, false), UINT64_C(0x0807060504030201));
	CHECK_EQ(df_get64(bytes + 1, true), UINT64_C(0x0102030405060708));
	for (unsigned width = 1; width <= 8; width *= 2) {
		for (int be = 0; be < 2; be++) {
			memset(out, 0xaa, sizeof out);
			df_put(out, width, df_get(bytes + 1, width, be), be);
			CHECK(!memcmp(out, bytes + 1, width));
			CHECK_EQ(out[width], 0xaa);
		}
	}
	CHECK_EQ(df_get(bytes + 3, 1, true), 3);
}

static void bytes_arithmetic(void)
{
	uint64_t sum;

	CHECK(df_add64(UINT64_MAX - 1, 1, &sum));
	CHECK_EQ(sum, UINT64_MAX);
	CHECK(!df_add64(UINT64_MAX, 1, &sum));
	CHECK_EQ(df_round_up(0, 4), 0);
	CHECK_EQ(df_round_up(1, 4), 4);
	CHECK_EQ(df_round_up(4, 4), 4);
	CHECK_EQ(df_round_up(UINT64_C(0xfffffffffff), 4096), UINT64_C(0x100000000000));
}

static void bits_single(void)
{
	uint64_t words[3] = { 0 };

	df_bit_set(words, 0);
	df_bit_set(words, 63);
	df_bit_set(words, 64);
	df_bit_set(words, 191);
	CHECK_EQ(words[0], UINT64_C(0x8000000000000001));
	CHECK_EQ(words[1], 1);
	CHECK_EQ(words[2], UINT64_C(0x8000000000000000));
	CHECK(df_bit_test(words, 64) && !df_bit_test(words, 65));
	CHECK_EQ(df_bits_count(words, 3), 4);
	df_bit_clear(words, 63);
	CHECK_EQ(words[0], 1);
}

static void bits_mask(void)
{
	for (unsigned from = 0; from <= 64; from++) {
		for (unsigned to = from; to <= 64; to++) {
			uint64_t want = 0;

			for (unsigned i = from; i < to; i++)
				want |= UINT64_C(1) << i;
			CHECK_EQ(df_bit_mask(from, to), want);
		}
	}
}

static void bits_fill(void)
{
	for (unsigned from = 0; from < 200; from += 7) {
		for (unsigned to = from; to <= 256; to++) {
			uint64_t words[5] = { 0 };

			df_bits_fill(words, from, to);
			for (unsigned i = 0; i < 256; i++)
				CHECK_EQ(df_bit_test(words, i), i >= from && i < to);
			CHECK_EQ(words[4], 0);
			CHECK_EQ(df_bits_count(words, 4), to - from);
		}
	}
}

int main(void)
{
	RUN(err_text);
	RUN(err_sys);
	RUN(err_long);
	RUN(err_errno);
	RUN(env_zeroed_and_counted);
	RUN(env_budget);
	RUN(env_hostile_sizes);
	RUN(env_own_allocator);
	RUN(env_grow);
	RUN(env_log);
	RUN(bytes_orders);
	RUN(bytes_arithmetic);
	RUN(bits_single);
	RUN(bits_mask);
	RUN(bits_fill);
	return T_END();
}
