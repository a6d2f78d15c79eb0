/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The flattened sink: which records it makes.  See also test_rearrange.c and test_flat_records.c. */
#include "flatreaders.h"
#include "format/flat.h"
#include "memory.h"
#include "sinks.h"

struct record {
	uint64_t offset, size;
};

/* The records of a stream up to its end record: their number, or −1 where it is not one. */
static int parse(const uint8_t *bytes, size_t length, struct record *record, int most)
{
	size_t at = DF_FLAT_HEADER;
	int count = 0;

	if (length < at || !df_flat_is(bytes, length))
		return -1;
	for (;;) {
		struct record second;

		if (length - at < DF_FLAT_RECORD)
			return -1;
		switch (df_flat_decode_record(bytes + at, &second.offset, &second.size)) {
		case DF_FLAT_END:
			return at + DF_FLAT_RECORD == length ? count : -1;
		case DF_FLAT_BAD:
			return -1;
		default:
			at += DF_FLAT_RECORD + second.size;
		}
		if (at > length || count == most)
			return -1;
		record[count++] = second;
	}
}

struct piece {
	uint64_t offset, length;
	bool zeros;
};

static int write_pieces(struct dumpfilter_sink *sink, const struct piece *piece)
{
	static const uint8_t bytes[3 << 20] = { 1 };
	int result = 0;

	for (; piece->length && !result; piece++)
		result = piece->zeros ? df_sink_zeros(sink, piece->offset, piece->length, &err)
				      : df_sink_write(sink, piece->offset, bytes, piece->length, &err);
	return result;
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
	{ "a header is a record of its own", { { 0, 64, false }, { 64, 8, false } }, { { 0, 64 }, { 64, 8 } } },
	{ "short zeros are written", { { 1, 10, false }, { 11, 50, true }, { 61, 4, false } }, { { 1, 64 } } },
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
	struct dumpfilter_sink *inner, *sink;
	struct record records[8];
	uint8_t *bytes;
	size_t length;
	int count;

	write_file(in_dir("flat"), "old", 3);
	inner = open_path("flat", DUMPFILTER_SINK_OVERWRITE);
	sink = df_sink_flat(&env, inner, &err);
	CHECK(sink);
	CHECK_EQ(sink->caps, DUMPFILTER_IO_RANDOM);
	CHECK(inner->used);
	CHECK(!df_sink_flat(&env, inner, &err));
	CHECK_EQ(write_pieces(sink, shapes[i].in), 0);
	CHECK_EQ(df_sink_finish(sink, result, &err), 0);
	df_sink_free(sink);
	done(inner);
	bytes = read_file(in_dir("flat"), &length);
	count = parse(bytes, length, records, 8);
	free(bytes);
	if (result < 0) {
		CHECK_EQ(count, -1); /* no end record */
		return;
	}
	CHECK(count >= 0);
	for (int index = 0; index <= count; index++) {
		CHECK_EQ(shapes[i].out[index].size, index < count ? records[index].size : 0);
		CHECK_EQ(shapes[i].out[index].offset, index < count ? records[index].offset : 0);
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
		struct dumpfilter_sink *sink = df_sink_flat(&env, inner, &err);
		const struct piece row[] = { rows[i], { 0, 0, false } };

		CHECK_EQ(write_pieces(sink, before), 0);
		CHECK_EQ(write_pieces(sink, row), DUMPFILTER_E_INVAL);
		CHECK_HAS(err.text, "were written before");
		df_sink_free(sink);
		done(inner);
	}
}

/* More places than are remembered: refusing what is new would be wrong. */
static void flat_many_places(void)
{
	struct dumpfilter_sink *inner = df_sink_null(&env, &err);
	struct dumpfilter_sink *sink = df_sink_flat(&env, inner, &err);

	for (unsigned round = 0; round < 3; round++)
		for (uint64_t i = 0; i < 100; i++)
			CHECK_EQ(df_sink_write(sink, i * 64 + round, "x", 1, &err), 0);
	CHECK_EQ(df_sink_write(sink, 99 * 64 + 2, "x", 1, &err), DUMPFILTER_E_INVAL);
	df_sink_free(sink);
	done(inner);
}

/* Strictly in order, so that a pipe will do; and a pipe that breaks ends it. */
static void flat_inner_fails(void)
{
	struct target target = { .fail = -EPIPE };
	struct dumpfilter_sink *inner = target_sink(&target, 0);
	struct dumpfilter_sink *sink = df_sink_flat(&env, inner, &err);

	CHECK_EQ(df_sink_write(sink, 0, "x", 1, &err), DUMPFILTER_E_IO);
	CHECK_HAS(err.text, "Broken pipe");
	target.fail = 0;
	CHECK_EQ(df_sink_write(sink, 1, "y", 1, &err), DUMPFILTER_E_IO);
	CHECK_HAS(err.text, "Broken pipe"); /* the first cause, each time */
	CHECK_EQ(df_sink_finish(sink, DUMPFILTER_PARTIAL, &err), DUMPFILTER_E_IO);
	CHECK_EQ(target.finished, 1);
	CHECK_EQ(target.result, DUMPFILTER_E_IO);
	df_sink_free(sink);
	done(inner);
}

/* ---- a header that comes again */

#define HEADER 464u

/* A dump of n records, whose header has no mark at first: the stream in *m. */
static void written_again(uint64_t count, struct memory *memory)
{
	static struct dumpfilter_sink_ops ops = { .size = sizeof ops, .write = memory_write };
	struct dumpfilter_sink *inner = df_sink_custom(&env, &ops, memory, &err),
			       *sink = df_sink_flat(&env, inner, &err);
	uint8_t header[HEADER] = "KDUMP   ";

	CHECK_EQ(df_sink_write(sink, 0, header, HEADER, &err), 0);
	for (uint64_t i = 1; i < count; i++)
		CHECK_EQ(df_sink_write(sink, 4096 + i * 2, "x", 1, &err), 0);
	header[424] = 8;
	CHECK_EQ(df_sink_again(sink, HEADER, &err), 0);
	CHECK_EQ(df_sink_write(sink, 0, header, 100, &err), 0);
	CHECK_EQ(df_sink_write(sink, 100, header + 100, HEADER - 100, &err), 0);
	CHECK_EQ(df_sink_finish(sink, DUMPFILTER_PARTIAL, &err), 0);
	df_sink_free(sink);
	done(inner);
}

/* Whatever the number of records: crash finds the header by halving. */
static void flat_again(uint64_t count)
{
	struct memory memory = { 0 };
	struct fr_stream fr_stream;
	const char *bad = NULL;

	written_again(count, &memory);
	CHECK(fr_parse(&fr_stream, memory.data, memory.size));
	CHECK(fr_stream.ended && fr_stream.count > count + 1 && fr_stream.count <= count + 4);
	for (size_t i = 0; i < fr_nreaders && !bad; i++) {
		bool marked = false;

		if (count > 100 && strcmp(fr_readers[i].name, "crash"))
			continue;
		if (!fr_readers[i].shows_mark)
			continue;
		bad = fr_readers[i].read(&fr_stream, &marked);
		if (!bad && !marked)
			bad = "finds the old header";
		if (bad)
			printf("# %" PRIu64 " records, %s\n", count, fr_readers[i].name);
	}
	fr_free(&fr_stream);
	memory_free(&memory);
	if (bad)
		T_FAIL("%s", bad);
}

static void flat_again_any_number(void)
{
	for (uint64_t count = 2; count < 600; count++)
		flat_again(count);
	for (uint64_t high = 512; high <= 32768; high *= 2)
		for (uint64_t part = 8; part < 16; part++)
			for (uint64_t count = high / 8 * part - 4; count < high / 8 * part + 4; count++)
				flat_again(count);
}

static void flat_again_misused(void)
{
	struct dumpfilter_sink *inner = df_sink_null(&env, &err), *sink = df_sink_flat(&env, inner, &err);
	uint8_t header[HEADER] = { 0 };

	CHECK_EQ(df_sink_write(sink, 8, header, 8, &err), 0);
	CHECK_EQ(df_sink_again(sink, 8, &err), DUMPFILTER_E_INVAL); /* there is no header */
	CHECK_EQ(df_sink_write(sink, 0, header, 8, &err), 0);
	CHECK_EQ(df_sink_again(sink, 7, &err), DUMPFILTER_E_INVAL); /* less than the old one */
	CHECK_EQ(df_sink_again(sink, 16, &err), 0);
	CHECK_EQ(df_sink_write(sink, 0, header, 17, &err), DUMPFILTER_E_INVAL);
	CHECK_EQ(df_sink_write(sink, 0, header, 15, &err), 0);
	CHECK_EQ(df_sink_finish(sink, DUMPFILTER_PARTIAL, &err), DUMPFILTER_E_INVAL); /* half of it */
	df_sink_free(sink);
	done(inner);
}

/* What must not be cut is in one record, unless it has more than 1 MiB. */
static void flat_whole(void)
{
	static const struct {
		uint64_t before, length;
		struct record out[3];
	} rows[] = {
		{ 10, 20, { { 100, 30 } } },
		{ 60 * K, 5 * K, { { 100, 60 * K }, { 100 + 60 * K, 5 * K } } },
		{ 60 * K, 4 * K, { { 100, 64 * K } } },
		{ 1, 100 * K, { { 100, 1 }, { 101, 100 * K } } },
	};
	static const uint8_t bytes[128 << 10];

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct dumpfilter_sink *inner = open_path("whole", DUMPFILTER_SINK_OVERWRITE);
		struct dumpfilter_sink *sink = df_sink_flat(&env, inner, &err);
		struct record records[4] = { 0 };
		uint8_t *from;
		size_t length;

		CHECK_EQ(df_sink_write(sink, 100, bytes, rows[i].before, &err), 0);
		CHECK_EQ(df_sink_write_whole(sink, 100 + rows[i].before, bytes, rows[i].length, &err), 0);
		CHECK_EQ(df_sink_finish(sink, 0, &err), 0);
		df_sink_free(sink);
		done(inner);
		from = read_file(in_dir("whole"), &length);
		CHECK(parse(from, length, records, 3) > 0);
		free(from);
		for (unsigned index = 0; index < 3; index++) {
			CHECK_EQ(records[index].offset, rows[i].out[index].offset);
			CHECK_EQ(records[index].size, rows[i].out[index].size);
		}
	}
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
	RUN(flat_again_any_number);
	RUN(flat_again_misused);
	RUN(flat_whole);
	RUN(flat_many_places);
	RUN(flat_inner_fails);
	files_end();
	return T_END();
}
