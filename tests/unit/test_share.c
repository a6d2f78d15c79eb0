/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Equal compressed pages are stored once; what merely looks alike is not. */
#include "writer/share.h"

#include "t.h"

#include <string.h>

static struct df_env env;

static void finds_equal(void)
{
	struct df_share *share = df_share_new(&env);
	uint8_t data[DF_SHARE_MAX];
	unsigned found = 0;

	CHECK(share);
	for (unsigned i = 0; i < sizeof data; i++)
		data[i] = (uint8_t)(i * 7 + 1);
	for (size_t length = 1; length <= sizeof data; length++)
		CHECK_EQ(df_share_place(share, data, length, 1000 * length), 1000 * length);
	for (size_t length = 1; length <= sizeof data; length++)
		found += df_share_place(share, data, length, 7) == 1000 * length;
	CHECK(found > sizeof data * 3 / 4); /* a few take each other's place */
	df_share_free(share, &env);
}

/* One byte apart, at every place: never the same. */
static void tells_apart(void)
{
	struct df_share *share = df_share_new(&env);
	uint8_t data[64] = { 0 };

	CHECK_EQ(df_share_place(share, data, sizeof data, 1), 1);
	for (unsigned i = 0; i < sizeof data; i++) {
		data[i] = 1;
		CHECK_EQ(df_share_place(share, data, sizeof data, 100 + i), 100 + i);
		data[i] = 0;
	}
	CHECK_EQ(df_share_place(share, data, 63, 2), 2);
	df_share_free(share, &env);
}

static void large_ones_are_left_alone(void)
{
	struct df_share *share = df_share_new(&env);
	uint8_t data[DF_SHARE_MAX + 1] = { 0 };

	CHECK_EQ(df_share_place(share, data, sizeof data, 1), 1);
	CHECK_EQ(df_share_place(share, data, sizeof data, 2), 2);
	CHECK_EQ(df_share_place(share, data, 0, 3), 3);
	CHECK_EQ(df_share_place(share, data, 0, 4), 4);
	df_share_free(share, &env);
}

/* More kinds of pages than there is room for: old ones are forgotten, no answer is wrong. */
static void forgets(void)
{
	struct df_share *share = df_share_new(&env);
	uint64_t at = 0, found = 0;

	for (unsigned round = 0; round < 3; round++) {
		for (uint32_t i = 0; i < 5000; i++) {
			uint64_t got = df_share_place(share, (uint8_t *)&i, sizeof i, at);

			/* what is found is where this number was put before: a multiple of 5000 away */
			CHECK_EQ(got % 5000, i);
			found += got != at;
			at++;
		}
	}
	CHECK(found < 10000);
	df_share_free(share, &env);
	CHECK_EQ(env.mem_used, 0);
}

static void no_memory(void)
{
	struct df_env poor = { 0 };

	atomic_store(&poor.mem_limit, 1000);
	CHECK(!df_share_new(&poor));
	df_share_free(NULL, &poor);
}

int main(void)
{
	RUN(finds_equal);
	RUN(tells_apart);
	RUN(large_ones_are_left_alone);
	RUN(forgets);
	RUN(no_memory);
	return T_END();
}
