/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Flattened streams, good and bad ones, rearranged.  Sinks that fail: test_rearrange_sinks.c. */
#include "base/bytes.h"
#include "format/elf.h"
#include "run/rearrange.h"
#include "stream.h"

#include <pthread.h>

/* The first length bytes of the stream as a file into "out". */
static int rearrange_file(size_t length)
{
	struct dumpfilter_sink *sink;
	int fd, result;

	write_file(in_dir("in"), stream.bytes, length);
	fd = open(in_dir("in"), O_RDONLY);
	sink = df_sink_path(&env, in_dir("out"), DUMPFILTER_SINK_OVERWRITE, &err);
	CHECK(sink);
	result = df_rearrange(&env, fd, "in", sink, &err);
	df_sink_free(sink);
	close(fd);
	CHECK_EQ(env.mem_used, 0);
	return result;
}

struct feeder {
	int fd;
	size_t step;
	bool keep; /* leave the pipe open: whoever waits for its end waits forever */
};

static void *feed(void *arg)
{
	struct feeder *feeder = arg;

	for (size_t at = 0; at < stream.length;) {
		size_t count = stream.length - at < feeder->step ? stream.length - at : feeder->step;
		ssize_t written = write(feeder->fd, stream.bytes + at, count);

		if (written <= 0)
			break;
		at += (size_t)written;
	}
	if (!feeder->keep)
		close(feeder->fd);
	return NULL;
}

/* The same through a pipe, step bytes at a time. */
static int rearrange_pipe(size_t step, bool keep)
{
	struct dumpfilter_sink *sink;
	struct feeder feeder;
	pthread_t thread;
	int fds[2], result;

	CHECK(!pipe(fds));
	feeder = (struct feeder){ .fd = fds[1], .step = step, .keep = keep };
	sink = df_sink_path(&env, in_dir("out"), DUMPFILTER_SINK_OVERWRITE, &err);
	CHECK(sink);
	CHECK(!pthread_create(&thread, NULL, feed, &feeder));
	result = df_rearrange(&env, fds[0], "pipe", sink, &err);
	pthread_join(thread, NULL);
	df_sink_free(sink);
	close(fds[0]);
	if (keep)
		close(fds[1]);
	CHECK_EQ(env.mem_used, 0);
	return result;
}

/* ------------------------------------------------------------------------------------------------ good streams */

static void small(void)
{
	put_header();
	put_record(4, "efgh", 4);
	put_record(0, "abcd", 4);
	put_record(10, "z", 1);
	put_end();
	CHECK_EQ(rearrange_file(stream.length), 0);
	CHECK(file_is(in_dir("out"), "abcdefgh\0\0z", 11));
	memcpy(stream.bytes + stream.length, "garbage behind the end", 22);
	CHECK_EQ(rearrange_file(stream.length + 22), 0);
	CHECK(file_is(in_dir("out"), "abcdefgh\0\0z", 11));
	put_header();
	put_end();
	CHECK_EQ(rearrange_file(stream.length),
		 DUMPFILTER_E_CORRUPT); /* success with the old contents would be a lie */
	CHECK_HAS(err.text, "holds no data");
	CHECK(file_is(in_dir("out"), "abcdefgh\0\0z", 11));
}

static void later_overrides(void)
{
	put_header();
	put_record(0, "aaaaaaaa", 8);
	put_record(2, "bbb", 3);
	put_record(5, "cc", 2);
	put_record(4, "d", 1);
	put_end();
	CHECK_EQ(rearrange_file(stream.length), 0);
	CHECK(file_is(in_dir("out"), "aabbdcca", 8));
}

/* Records of many sizes, some in order, through pieces of many sizes: what is in the buffer is cut everywhere. */
static void pieces(size_t step)
{
	uint64_t seed = step, total = 0;
	uint8_t *bytes;
	size_t length;

	put_header();
	while (stream.length < (3 << 20)) {
		size_t count = 1 + next_random(&seed) % (next_random(&seed) % 8 ? 5000 : 70000);

		put_pattern(total, count);
		total += count;
	}
	put_end();
	CHECK_EQ(rearrange_pipe(step, false), 0);
	bytes = read_file(in_dir("out"), &length);
	CHECK_EQ(length, total);
	CHECK(is_pattern(bytes, 0, length));
	free(bytes);
}

/* A writer that does not close its end (a network connection) must not be waited for. */
static void end_record_ends(void)
{
	put_header();
	put_pattern(0, 100000);
	put_end();
	CHECK_EQ(rearrange_pipe(5000, true), 0);
}

#define PIECES 700

/* Out of order into the flattened sink, and back. */
static void round_trip(uint64_t seed)
{
	static uint64_t at[PIECES + 1];
	static unsigned order[PIECES];
	static uint8_t buffer[1 << 20];
	struct dumpfilter_sink *inner = df_sink_path(&env, in_dir("in2"), DUMPFILTER_SINK_OVERWRITE, &err);
	struct dumpfilter_sink *sink = df_sink_flat(&env, inner, &err), *out;
	uint8_t *bytes;
	size_t length;
	int fd;

	for (unsigned i = 0; i < PIECES; i++) {
		order[i] = i;
		at[i + 1] = at[i] + 1 + next_random(&seed) % (i % 50 ? 3000 : sizeof buffer);
	}
	for (unsigned i = 0; i < PIECES; i += 3) { /* most stay beside their neighbours */
		unsigned index = (unsigned)(next_random(&seed) % PIECES), was = order[i];

		order[i] = order[index];
		order[index] = was;
	}
	for (unsigned i = 0; i < PIECES; i++) {
		uint64_t from = at[order[i]], count = at[order[i] + 1] - from;

		fill_pattern(buffer, from, count);
		CHECK_EQ(df_sink_write(sink, from, buffer, count, &err), 0);
	}
	CHECK_EQ(sink->end, at[PIECES]);
	CHECK_EQ(sink->bytes, at[PIECES]);
	CHECK_EQ(df_sink_finish(sink, 0, &err), 0);
	df_sink_free(sink);
	df_sink_free(inner);

	fd = open(in_dir("in2"), O_RDONLY);
	out = df_sink_path(&env, in_dir("out2"), DUMPFILTER_SINK_OVERWRITE, &err);
	CHECK_EQ(df_rearrange(&env, fd, "in2", out, &err), 0);
	df_sink_free(out);
	close(fd);
	bytes = read_file(in_dir("out2"), &length);
	CHECK_EQ(length, at[PIECES]);
	CHECK(is_pattern(bytes, 0, length));
	free(bytes);
	CHECK_EQ(env.mem_used, 0);
}

/* --------------------------------------------------------------------------------------------------- bad ones */

static void refused(void)
{
	static const struct {
		size_t length, at;
		uint8_t change;
		const char *text;
	} rows[] = {
		{ 0, 0, 0, "is empty" },
		{ 10, 0, 0, "is not in the flattened format" },
		{ 23, 0, 0, "is not in the flattened format" },
		{ 4112, 0, 1, "is not in the flattened format" },  /* signature */
		{ 4112, 12, 1, "is not in the flattened format" }, /* and its NUL */
		{ 4112, 23, 3, "is not in the flattened format" }, /* type */
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		put_header();
		put_end();
		stream.bytes[rows[i].at] ^= rows[i].change;
		write_file(in_dir("out"), "as it was", 9);
		CHECK_EQ(rearrange_file(rows[i].length), DUMPFILTER_E_FORMAT);
		CHECK_HAS(err.text, rows[i].text);
		CHECK(file_is(in_dir("out"), "as it was", 9));
	}
	stream.bytes[31] = 9; /* the version is not looked at */
	stream.bytes[23] = 1;
	CHECK_EQ(rearrange_file(stream.length), DUMPFILTER_E_CORRUPT); /* for the want of data only */
	CHECK(!unlink(in_dir("out")));
	CHECK_EQ(rearrange_file(100), DUMPFILTER_E_TRUNCATED); /* within the header block */
	CHECK(!exists(in_dir("out")));
}

/* What is not flattened is refused with what is there: nobody waits for 4096 bytes. */
static void refused_at_once(void)
{
	memset(stream.bytes, 'x', 30);
	stream.length = 30;
	CHECK_EQ(rearrange_pipe(30, true), DUMPFILTER_E_FORMAT);
}

static void needs_random_sink(void)
{
	struct dumpfilter_sink *sink;
	int fds[2];

	CHECK(!pipe(fds));
	sink = df_sink_fd(&env, fds[1], "pipe", &err);
	CHECK_EQ(df_rearrange(&env, fds[0], "in", sink, &err), DUMPFILTER_E_INVAL);
	CHECK_HAS(err.text, "pipe: ");
	df_sink_free(sink);
	close(fds[0]);
	close(fds[1]);
}

static size_t elf_header(bool big_endian, uint8_t bits, uint8_t *block)
{
	struct df_elf_header header = {
		.big_endian = big_endian, .bits = bits, .type = DF_ELF_ET_CORE, .machine = 62, .flags = 0x100
	};

	memset(block, 0, 4096);
	df_elf_encode_header(&header, block);
	return bits == 64 ? 48 : 36;
}

/* Cut at every boundary and within every record: what arrived is there, with the mark and no other change. */
static void cut(size_t mark, size_t header, bool big_endian, const uint8_t *block)
{
	static const size_t sizes[] = { 464, 4096 - 464, 1, 5000, 100000 };
	uint8_t head[8192];
	size_t ends[6], count = 0, at = 464;

	put_header();
	put_record(0, block, 464);
	ends[count++] = stream.length;
	for (size_t i = 1; i < 5; i++) {
		if (i == 1)
			put_record(464, block + 464, 4096 - 464);
		else
			put_pattern(at, sizes[i]);
		at += sizes[i];
		ends[count++] = stream.length;
	}
	for (size_t i = 0; i < count; i++) {
		for (int over = -1; over < 16; over += 1 + 7 * (over >= 1)) {
			size_t length, want = 0, left = ends[i] + (size_t)over;
			uint8_t *bytes;
			char text[64];

			for (size_t index = 0; index <= i; index++)
				want += sizes[index];
			/* no torn descriptors: of a record that breaks off there are multiples of 24 bytes */
			if (over < 0)
				want -= i ? 1 + (sizes[i] - 1) % 24 : 1;
			CHECK_EQ(rearrange_file(left), DUMPFILTER_E_TRUNCATED);
			snprintf(text, sizeof text, "in: the stream ends after %zu bytes", left);
			CHECK_HAS(err.text, text);
			CHECK_HAS(err.text, "transfer the stream again");
			bytes = read_file(in_dir("out"), &length);
			CHECK_EQ(length, want);
			memcpy(head, block, 4096);
			if (length >= header)
				df_put32(head + mark, df_get32(head + mark, big_endian) | DF_KDUMP_INCOMPLETE,
					 big_endian);
			CHECK(!memcmp(bytes, head, length < 4096 ? length : 4096));
			CHECK(length <= 4096 || is_pattern(bytes + 4096, 4096, length - 4096));
			free(bytes);
		}
	}
}

static void cut_kdump(size_t i)
{
	uint8_t block[4096];
	size_t mark = kdump_header(&abis[i], block);

	cut(mark, df_kdump_header_size(&abis[i]), abis[i].big_endian, block);
}

/* ELF of either class and byte order. */
static void marks(void)
{
	uint8_t block[4096];

	for (unsigned i = 0; i < 4; i++) {
		bool big_endian = i & 1;
		uint8_t bits = i & 2 ? 64 : 32;
		size_t length, mark = elf_header(big_endian, bits, block);
		uint8_t *bytes;

		put_header();
		put_record(0, block, bits == 64 ? 64 : 52);
		put_pattern(100, 1000);
		CHECK_EQ(rearrange_file(stream.length), DUMPFILTER_E_TRUNCATED);
		bytes = read_file(in_dir("out"), &length);
		CHECK_EQ(length, 1100);
		CHECK_EQ(df_get32(bytes + mark, big_endian), 0x101);
		free(bytes);
	}
}

/* A header that comes late and in parts is found too; one that is no header is left alone. */
static void marks_late(void)
{
	uint8_t block[4096];
	size_t length, mark = kdump_header(&abis[0], block);
	uint8_t *bytes;

	put_header();
	put_pattern(4096, 100);
	put_record(0, block, 400);
	put_record(400, block + 400, 64);
	CHECK_EQ(rearrange_file(stream.length), DUMPFILTER_E_TRUNCATED);
	bytes = read_file(in_dir("out"), &length);
	CHECK_EQ(df_get32(bytes + mark, false), DF_KDUMP_ZLIB | DF_KDUMP_INCOMPLETE);
	free(bytes);

	put_header();
	put_record(0, "no header of any kind", 21);
	CHECK_EQ(rearrange_file(stream.length), DUMPFILTER_E_TRUNCATED);
	CHECK(file_is(in_dir("out"), "no header of any kind", 21));
}

static void bad_records(void)
{
	static const struct {
		uint64_t offset, size;
	} rows[] = {
		{ 0, 0 },
		{ UINT64_MAX, 1 },
		{ 1, UINT64_MAX },
		{ UINT64_MAX - 1, UINT64_MAX - 1 },
		{ UINT64_C(1) << 63, 1 },
		{ INT64_MAX, INT64_MAX },
	};
	uint8_t block[4096];
	size_t mark = kdump_header(&abis[1], block);

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		uint8_t *bytes;
		size_t length;

		put_header();
		put_record(0, block, 464);
		df_flat_encode_record(rows[i].offset, rows[i].size, stream.bytes + stream.length);
		stream.length += DF_FLAT_RECORD;
		put_end();
		CHECK_EQ(rearrange_file(stream.length), DUMPFILTER_E_CORRUPT);
		CHECK_HAS(err.text, "in: no record at byte 4576 of the stream");
		bytes = read_file(in_dir("out"), &length);
		CHECK_EQ(length, 464);
		CHECK_EQ(df_get32(bytes + mark, true), DF_KDUMP_ZLIB | DF_KDUMP_INCOMPLETE);
		free(bytes);
	}
}

/* A size that promises more than any disk has costs nothing. */
static void huge_record(void)
{
	put_header();
	df_flat_encode_record(100, INT64_MAX - 200, stream.bytes + stream.length);
	stream.length += DF_FLAT_RECORD;
	memset(stream.bytes + stream.length, 'x', 5);
	stream.length += 5;
	CHECK_EQ(rearrange_file(stream.length), DUMPFILTER_E_TRUNCATED);
}

/* Whatever the bytes are: an error or success, never more. */
static void garbage(void)
{
	for (uint64_t seed = 1; seed < 200; seed++) {
		uint64_t s = seed;
		int result;

		put_header();
		for (int i = 0; i < 5; i++)
			put_pattern(next_random(&s) % 100000, 1 + next_random(&s) % 3000);
		put_end();
		for (int i = 0; i < 3; i++) {
			size_t at = DF_FLAT_HEADER + next_random(&s) % (stream.length - DF_FLAT_HEADER);

			if (at % 16 > 5) /* keep offsets low: a file of exabytes may really be made */
				stream.bytes[at] = (uint8_t)next_random(&s);
		}
		result = rearrange_file(stream.length);
		CHECK(result == 0 || result == DUMPFILTER_E_CORRUPT || result == DUMPFILTER_E_TRUNCATED ||
		      result == DUMPFILTER_E_NOSPACE || result == DUMPFILTER_E_INVAL || result == DUMPFILTER_E_IO);
	}
}

int main(void)
{
	static const size_t steps[] = { 7, 4096, 65536, 1 << 20 };

	files_begin();
	RUN(small);
	RUN(later_overrides);
	for (volatile size_t i = 0; i < sizeof steps / sizeof steps[0]; i++)
		T_RUN("pieces", pieces(steps[i]));
	RUN(end_record_ends);
	for (volatile uint64_t seed = 1; seed <= 4; seed++)
		T_RUN("round_trip", round_trip(seed));
	RUN(refused);
	RUN(refused_at_once);
	RUN(needs_random_sink);
	for (volatile size_t i = 0; i < sizeof abis / sizeof abis[0]; i++)
		T_RUN("cut_kdump", cut_kdump(i));
	RUN(marks);
	RUN(marks_late);
	RUN(bad_records);
	RUN(huge_record);
	RUN(garbage);
	files_end();
	return T_END();
}
