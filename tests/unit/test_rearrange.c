/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Flattened streams, good and bad ones, rearranged.  Sinks that fail: test_rearrange_sinks.c. */
#include "base/bytes.h"
#include "format/elf.h"
#include "run/rearrange.h"
#include "stream.h"

#include <pthread.h>

/* The first len bytes of the stream as a file into "out". */
static int rearrange_file(size_t len)
{
	struct dumpfilter_sink *s;
	int fd, r;

	write_file(in_dir("in"), stream.bytes, len);
	fd = open(in_dir("in"), O_RDONLY);
	s = df_sink_path(&env, in_dir("out"), DUMPFILTER_SINK_OVERWRITE, &err);
	CHECK(s);
	r = df_rearrange(&env, fd, "in", s, &err);
	df_sink_free(s);
	close(fd);
	CHECK_EQ(env.mem_used, 0);
	return r;
}

struct feeder {
	int fd;
	size_t step;
	bool keep; /* leave the pipe open: whoever waits for its end waits forever */
};

static void *feed(void *arg)
{
	struct feeder *f = arg;

	for (size_t at = 0; at < stream.len;) {
		size_t n = stream.len - at < f->step ? stream.len - at : f->step;
		ssize_t w = write(f->fd, stream.bytes + at, n);

		if (w <= 0)
			break;
		at += (size_t)w;
	}
	if (!f->keep)
		close(f->fd);
	return NULL;
}

/* The same through a pipe, step bytes at a time. */
static int rearrange_pipe(size_t step, bool keep)
{
	struct dumpfilter_sink *s;
	struct feeder f;
	pthread_t t;
	int fds[2], r;

	CHECK(!pipe(fds));
	f = (struct feeder){ .fd = fds[1], .step = step, .keep = keep };
	s = df_sink_path(&env, in_dir("out"), DUMPFILTER_SINK_OVERWRITE, &err);
	CHECK(s);
	CHECK(!pthread_create(&t, NULL, feed, &f));
	r = df_rearrange(&env, fds[0], "pipe", s, &err);
	pthread_join(t, NULL);
	df_sink_free(s);
	close(fds[0]);
	if (keep)
		close(fds[1]);
	CHECK_EQ(env.mem_used, 0);
	return r;
}

/* ------------------------------------------------------------------------------------------------ good streams */

static void small(void)
{
	put_header();
	put_record(4, "efgh", 4);
	put_record(0, "abcd", 4);
	put_record(10, "z", 1);
	put_end();
	CHECK_EQ(rearrange_file(stream.len), 0);
	CHECK(file_is(in_dir("out"), "abcdefgh\0\0z", 11));
	memcpy(stream.bytes + stream.len, "garbage behind the end", 22);
	CHECK_EQ(rearrange_file(stream.len + 22), 0);
	CHECK(file_is(in_dir("out"), "abcdefgh\0\0z", 11));
	put_header();
	put_end();
	CHECK_EQ(rearrange_file(stream.len), DUMPFILTER_E_CORRUPT); /* success with the old contents would be a lie */
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
	CHECK_EQ(rearrange_file(stream.len), 0);
	CHECK(file_is(in_dir("out"), "aabbdcca", 8));
}

/* Records of many sizes, some in order, through pieces of many sizes: what is in the buffer is cut everywhere. */
static void pieces(size_t step)
{
	uint64_t seed = step, total = 0;
	uint8_t *p;
	size_t len;

	put_header();
	while (stream.len < (3 << 20)) {
		size_t n = 1 + next_random(&seed) % (next_random(&seed) % 8 ? 5000 : 70000);

		put_pattern(total, n);
		total += n;
	}
	put_end();
	CHECK_EQ(rearrange_pipe(step, false), 0);
	p = read_file(in_dir("out"), &len);
	CHECK_EQ(len, total);
	CHECK(is_pattern(p, 0, len));
	free(p);
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
	static uint8_t buf[1 << 20];
	struct dumpfilter_sink *inner = df_sink_path(&env, in_dir("in2"), DUMPFILTER_SINK_OVERWRITE, &err);
	struct dumpfilter_sink *s = df_sink_flat(&env, inner, &err), *out;
	uint8_t *p;
	size_t len;
	int fd;

	for (unsigned i = 0; i < PIECES; i++) {
		order[i] = i;
		at[i + 1] = at[i] + 1 + next_random(&seed) % (i % 50 ? 3000 : sizeof buf);
	}
	for (unsigned i = 0; i < PIECES; i += 3) { /* most stay beside their neighbours */
		unsigned k = (unsigned)(next_random(&seed) % PIECES), was = order[i];

		order[i] = order[k];
		order[k] = was;
	}
	for (unsigned i = 0; i < PIECES; i++) {
		uint64_t from = at[order[i]], n = at[order[i] + 1] - from;

		fill_pattern(buf, from, n);
		CHECK_EQ(df_sink_write(s, from, buf, n, &err), 0);
	}
	CHECK_EQ(s->end, at[PIECES]);
	CHECK_EQ(s->bytes, at[PIECES]);
	CHECK_EQ(df_sink_finish(s, 0, &err), 0);
	df_sink_free(s);
	df_sink_free(inner);

	fd = open(in_dir("in2"), O_RDONLY);
	out = df_sink_path(&env, in_dir("out2"), DUMPFILTER_SINK_OVERWRITE, &err);
	CHECK_EQ(df_rearrange(&env, fd, "in2", out, &err), 0);
	df_sink_free(out);
	close(fd);
	p = read_file(in_dir("out2"), &len);
	CHECK_EQ(len, at[PIECES]);
	CHECK(is_pattern(p, 0, len));
	free(p);
	CHECK_EQ(env.mem_used, 0);
}

/* --------------------------------------------------------------------------------------------------- bad ones */

static void refused(void)
{
	static const struct {
		size_t len, at;
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
		CHECK_EQ(rearrange_file(rows[i].len), DUMPFILTER_E_FORMAT);
		CHECK_HAS(err.text, rows[i].text);
		CHECK(file_is(in_dir("out"), "as it was", 9));
	}
	stream.bytes[31] = 9; /* the version is not looked at */
	stream.bytes[23] = 1;
	CHECK_EQ(rearrange_file(stream.len), DUMPFILTER_E_CORRUPT); /* for the want of data only */
	CHECK(!unlink(in_dir("out")));
	CHECK_EQ(rearrange_file(100), DUMPFILTER_E_TRUNCATED); /* within the header block */
	CHECK(!exists(in_dir("out")));
}

/* What is not flattened is refused with what is there: nobody waits for 4096 bytes. */
static void refused_at_once(void)
{
	memset(stream.bytes, 'x', 30);
	stream.len = 30;
	CHECK_EQ(rearrange_pipe(30, true), DUMPFILTER_E_FORMAT);
}

static void needs_random_sink(void)
{
	struct dumpfilter_sink *s;
	int fds[2];

	CHECK(!pipe(fds));
	s = df_sink_fd(&env, fds[1], "pipe", &err);
	CHECK_EQ(df_rearrange(&env, fds[0], "in", s, &err), DUMPFILTER_E_INVAL);
	CHECK_HAS(err.text, "pipe: ");
	df_sink_free(s);
	close(fds[0]);
	close(fds[1]);
}

static size_t elf_header(bool be, uint8_t bits, uint8_t *block)
{
	struct df_elf_header h = { .be = be, .bits = bits, .type = DF_ELF_ET_CORE, .machine = 62, .flags = 0x100 };

	memset(block, 0, 4096);
	df_elf_encode_header(&h, block);
	return bits == 64 ? 48 : 36;
}

/* Cut at every boundary and within every record: what arrived is there, with the mark and no other change. */
static void cut(size_t mark, size_t header, bool be, const uint8_t *block)
{
	static const size_t sizes[] = { 464, 4096 - 464, 1, 5000, 100000 };
	uint8_t head[8192];
	size_t ends[6], n = 0, at = 464;

	put_header();
	put_record(0, block, 464);
	ends[n++] = stream.len;
	for (size_t i = 1; i < 5; i++) {
		if (i == 1)
			put_record(464, block + 464, 4096 - 464);
		else
			put_pattern(at, sizes[i]);
		at += sizes[i];
		ends[n++] = stream.len;
	}
	for (size_t i = 0; i < n; i++) {
		for (int over = -1; over < 16; over += 1 + 7 * (over >= 1)) {
			size_t len, want = 0, left = ends[i] + (size_t)over;
			uint8_t *p;
			char text[64];

			for (size_t k = 0; k <= i; k++)
				want += sizes[k];
			/* no torn descriptors: of a record that breaks off there are multiples of 24 bytes */
			if (over < 0)
				want -= i ? 1 + (sizes[i] - 1) % 24 : 1;
			CHECK_EQ(rearrange_file(left), DUMPFILTER_E_TRUNCATED);
			snprintf(text, sizeof text, "in: the stream ends after %zu bytes", left);
			CHECK_HAS(err.text, text);
			CHECK_HAS(err.text, "transfer the stream again");
			p = read_file(in_dir("out"), &len);
			CHECK_EQ(len, want);
			memcpy(head, block, 4096);
			if (len >= header)
				df_put32(head + mark, df_get32(head + mark, be) | DF_KDUMP_INCOMPLETE, be);
			CHECK(!memcmp(p, head, len < 4096 ? len : 4096));
			CHECK(len <= 4096 || is_pattern(p + 4096, 4096, len - 4096));
			free(p);
		}
	}
}

static void cut_kdump(size_t i)
{
	uint8_t block[4096];
	size_t mark = kdump_header(&abis[i], block);

	cut(mark, df_kdump_header_size(&abis[i]), abis[i].be, block);
}

/* ELF of either class and byte order. */
static void marks(void)
{
	uint8_t block[4096];

	for (unsigned i = 0; i < 4; i++) {
		bool be = i & 1;
		uint8_t bits = i & 2 ? 64 : 32;
		size_t len, mark = elf_header(be, bits, block);
		uint8_t *p;

		put_header();
		put_record(0, block, bits == 64 ? 64 : 52);
		put_pattern(100, 1000);
		CHECK_EQ(rearrange_file(stream.len), DUMPFILTER_E_TRUNCATED);
		p = read_file(in_dir("out"), &len);
		CHECK_EQ(len, 1100);
		CHECK_EQ(df_get32(p + mark, be), 0x101);
		free(p);
	}
}

/* A header that comes late and in parts is found too; one that is no header is left alone. */
static void marks_late(void)
{
	uint8_t block[4096];
	size_t len, mark = kdump_header(&abis[0], block);
	uint8_t *p;

	put_header();
	put_pattern(4096, 100);
	put_record(0, block, 400);
	put_record(400, block + 400, 64);
	CHECK_EQ(rearrange_file(stream.len), DUMPFILTER_E_TRUNCATED);
	p = read_file(in_dir("out"), &len);
	CHECK_EQ(df_get32(p + mark, false), DF_KDUMP_ZLIB | DF_KDUMP_INCOMPLETE);
	free(p);

	put_header();
	put_record(0, "no header of any kind", 21);
	CHECK_EQ(rearrange_file(stream.len), DUMPFILTER_E_TRUNCATED);
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
		uint8_t *p;
		size_t len;

		put_header();
		put_record(0, block, 464);
		df_flat_encode_record(rows[i].offset, rows[i].size, stream.bytes + stream.len);
		stream.len += DF_FLAT_RECORD;
		put_end();
		CHECK_EQ(rearrange_file(stream.len), DUMPFILTER_E_CORRUPT);
		CHECK_HAS(err.text, "in: no record at byte 4576 of the stream");
		p = read_file(in_dir("out"), &len);
		CHECK_EQ(len, 464);
		CHECK_EQ(df_get32(p + mark, true), DF_KDUMP_ZLIB | DF_KDUMP_INCOMPLETE);
		free(p);
	}
}

/* A size that promises more than any disk has costs nothing. */
static void huge_record(void)
{
	put_header();
	df_flat_encode_record(100, INT64_MAX - 200, stream.bytes + stream.len);
	stream.len += DF_FLAT_RECORD;
	memset(stream.bytes + stream.len, 'x', 5);
	stream.len += 5;
	CHECK_EQ(rearrange_file(stream.len), DUMPFILTER_E_TRUNCATED);
}

/* Whatever the bytes are: an error or success, never more. */
static void garbage(void)
{
	for (uint64_t seed = 1; seed < 200; seed++) {
		uint64_t s = seed;
		int r;

		put_header();
		for (int i = 0; i < 5; i++)
			put_pattern(next_random(&s) % 100000, 1 + next_random(&s) % 3000);
		put_end();
		for (int i = 0; i < 3; i++) {
			size_t at = DF_FLAT_HEADER + next_random(&s) % (stream.len - DF_FLAT_HEADER);

			if (at % 16 > 5) /* keep offsets low: a file of exabytes may really be made */
				stream.bytes[at] = (uint8_t)next_random(&s);
		}
		r = rearrange_file(stream.len);
		CHECK(r == 0 || r == DUMPFILTER_E_CORRUPT || r == DUMPFILTER_E_TRUNCATED || r == DUMPFILTER_E_NOSPACE ||
		      r == DUMPFILTER_E_INVAL || r == DUMPFILTER_E_IO);
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
