/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The flattened sink.  There and back again: test_rearrange.c. */
#include "format/flat.h"
#include "sinks.h"

struct record {
	uint64_t offset, size;
};

/* The records of a stream up to its end record: their number, or −1 where it is not one. */
static int parse(const uint8_t *p, size_t len, struct record *out, int most)
{
	size_t at = DF_FLAT_HEADER;
	int n = 0;

	if (len < at || !df_flat_is(p, len))
		return -1;
	for (;;) {
		struct record r;

		if (len - at < DF_FLAT_RECORD)
			return -1;
		switch (df_flat_decode_record(p + at, &r.offset, &r.size)) {
		case DF_FLAT_END:
			return at + DF_FLAT_RECORD == len ? n : -1;
		case DF_FLAT_BAD:
			return -1;
		default:
			at += DF_FLAT_RECORD + r.size;
		}
		if (at > len || n == most)
			return -1;
		out[n++] = r;
	}
}

struct piece {
	uint64_t offset, len;
	bool zeros;
};

static int write_pieces(struct dumpfilter_sink *s, const struct piece *p)
{
	static const uint8_t bytes[3 << 20] = { 1 };
	int r = 0;

	for (; p->len && !r; p++)
		r = p->zeros ? df_sink_zeros(s, p->offset, p->len, &err)
			     : df_sink_write(s, p->offset, bytes, p->len, &err);
	return r;
}

#define K UINT64_C(1024)
#define M (K * K)

static const struct {
	const char *name;
	struct piece in[5];
	struct record out[6];
} shapes[] = {
	{ "one", { { 0, 464, false } }, { { 0, 464 } } },
	{ "neighbours are one record", { { 8, 8, false }, { 16, 8, false }, { 24, 1, false } }, { { 8, 17 } } },
	{ "others are not", { { 8, 8, false }, { 17, 8, false }, { 0, 8, false } }, { { 8, 8 }, { 17, 8 }, { 0, 8 } } },
	{ "up to 64 KiB", { { 0, 40 * K, false }, { 40 * K, 40 * K, false } }, { { 0, 64 * K }, { 64 * K, 16 * K } } },
	{ "large ones go through", { { 0, M, false }, { M, 10, false } }, { { 0, M }, { M, 10 } } },
	{ "up to 1 MiB", { { 5, 2 * M + 1, false } }, { { 5, M }, { M + 5, M }, { 2 * M + 5, 1 } } },
	{ "small before large", { { 0, 10, false }, { 10, 64 * K, false } }, { { 0, 10 }, { 10, 64 * K } } },
	{ "short zeros are written", { { 0, 10, false }, { 10, 50, true }, { 60, 4, false } }, { { 0, 64 } } },
	{ "long zeros are not",
	  { { 0, 10, false }, { 10, 65 * K, true }, { 65 * K + 10, 4, false } },
	  { { 0, 10 }, { 65 * K + 10, 4 } } },
	{ "64 KiB of zeros are short", { { 0, 64 * K, true } }, { { 0, 64 * K } } },
	{ "a gap at the end has its last byte", { { 0, 10, false }, { 10, M, true } }, { { 0, 10 }, { M + 9, 1 } } },
	{ "only a gap", { { 0, M, true } }, { { M - 1, 1 } } },
	{ "nothing", { { 0, 0, false } }, { { 0, 0 } } },
};

static void flat_shape(size_t i, int result)
{
	struct dumpfilter_sink *inner, *s;
	struct record r[8];
	uint8_t *p;
	size_t len;
	int n;

	write_file(in_dir("flat"), "old", 3);
	inner = open_path("flat", DUMPFILTER_SINK_OVERWRITE);
	s = df_sink_flat(&env, inner, &err);
	CHECK(s);
	CHECK_EQ(s->caps, DUMPFILTER_IO_RANDOM);
	CHECK(inner->used);
	CHECK(!df_sink_flat(&env, inner, &err));
	CHECK_EQ(write_pieces(s, shapes[i].in), 0);
	CHECK_EQ(df_sink_finish(s, result, &err), 0);
	df_sink_free(s);
	done(inner);
	p = read_file(in_dir("flat"), &len);
	n = parse(p, len, r, 8);
	free(p);
	if (result < 0) {
		CHECK_EQ(n, -1); /* no end record */
		return;
	}
	CHECK(n >= 0);
	for (int k = 0; k <= n; k++) {
		CHECK_EQ(shapes[i].out[k].size, k < n ? r[k].size : 0);
		CHECK_EQ(shapes[i].out[k].offset, k < n ? r[k].offset : 0);
	}
}

static void flat_twice(void)
{
	static const struct piece before[] = {
		{ 1000, 100, false }, { 0, 8, false }, { 1100, 100, false }, { 8, 8, false }, { 0, 0, false }
	};
	static const struct piece rows[] = { { 1000, 1, false }, { 1199, 1, false },     { 999, 2, false },
					     { 0, 2000, false }, { 15, 1, false },       { 7, 2, false },
					     { 1099, 2, false }, { 1150, 64 * K, false } };

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct dumpfilter_sink *inner = df_sink_null(&env, &err);
		struct dumpfilter_sink *s = df_sink_flat(&env, inner, &err);
		const struct piece row[] = { rows[i], { 0, 0, false } };

		CHECK_EQ(write_pieces(s, before), 0);
		CHECK_EQ(write_pieces(s, row), DUMPFILTER_E_INVAL);
		CHECK_HAS(err.text, "were written before");
		df_sink_free(s);
		done(inner);
	}
}

/* More places than are remembered: refusing what is new would be wrong. */
static void flat_many_places(void)
{
	struct dumpfilter_sink *inner = df_sink_null(&env, &err);
	struct dumpfilter_sink *s = df_sink_flat(&env, inner, &err);

	for (unsigned round = 0; round < 3; round++)
		for (uint64_t i = 0; i < 100; i++)
			CHECK_EQ(df_sink_write(s, i * 64 + round, "x", 1, &err), 0);
	CHECK_EQ(df_sink_write(s, 99 * 64 + 2, "x", 1, &err), DUMPFILTER_E_INVAL);
	df_sink_free(s);
	done(inner);
}

/* Strictly in order, so that a pipe will do; and a pipe that breaks ends it. */
static void flat_inner_fails(void)
{
	struct target t = { .fail = -EPIPE };
	struct dumpfilter_sink *inner = target_sink(&t, 0);
	struct dumpfilter_sink *s = df_sink_flat(&env, inner, &err);

	CHECK_EQ(df_sink_write(s, 0, "x", 1, &err), DUMPFILTER_E_IO);
	CHECK_HAS(err.text, "Broken pipe");
	t.fail = 0;
	CHECK_EQ(df_sink_write(s, 1, "y", 1, &err), DUMPFILTER_E_IO);
	CHECK_HAS(err.text, "Broken pipe"); /* the first cause, each time */
	CHECK_EQ(df_sink_finish(s, DUMPFILTER_PARTIAL, &err), DUMPFILTER_E_IO);
	CHECK_EQ(t.finished, 1);
	CHECK_EQ(t.result, DUMPFILTER_E_IO);
	df_sink_free(s);
	done(inner);
}

int main(void)
{
	files_begin();
	for (volatile size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
		T_RUN(shapes[i].name, flat_shape(i, DUMPFILTER_OK));
		T_RUN(shapes[i].name, flat_shape(i, DUMPFILTER_PARTIAL));
		T_RUN(shapes[i].name, flat_shape(i, DUMPFILTER_E_IO));
	}
	RUN(flat_twice);
	RUN(flat_many_places);
	RUN(flat_inner_fails);
	files_end();
	return T_END();
}
