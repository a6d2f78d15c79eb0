/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A flattened stream as a source: every byte is where rearranging would put it, whatever the records are. */
#include "t.h"
#include "base/bytes.h"
#include "files.h"
#include "format/flat.h"
#include "io/source.h"

#include <errno.h>

#define FILE_MAX   (1u << 20)
#define STREAM_MAX (4u << 20)

static struct {
	struct df_env env;
	struct df_source source;
	uint8_t file[FILE_MAX]; /* what the stream makes */
	uint8_t *stream;
	size_t len, length;
	uint64_t fail_at; /* reads that touch this byte of the stream fail */
	bool cancel;      /* with the first read */
} x;

static int64_t read_stream(void *user, uint64_t offset, void *buf, size_t len)
{
	(void)user;
	if (x.cancel)
		atomic_store(&x.env.cancelled, 1);
	if (offset <= x.fail_at && x.fail_at < offset + len)
		return -EIO;
	if (offset >= x.len)
		return 0;
	len = x.len - offset < len ? x.len - (size_t)offset : len;
	memcpy(buf, x.stream + offset, len);
	return (int64_t)len;
}

static void begin(void)
{
	df_source_close(&x.source);
	memset(&x.env, 0, sizeof x.env);
	memset(x.file, 0, sizeof x.file);
	if (!x.stream)
		x.stream = malloc(STREAM_MAX);
	df_flat_encode_header(x.stream);
	x.len = DF_FLAT_HEADER;
	x.length = 0;
	x.fail_at = UINT64_MAX;
	x.cancel = false;
}

/* A record, with bytes that depend on where they are in the stream. */
static void record(uint64_t offset, size_t size)
{
	CHECK(x.len + DF_FLAT_RECORD + size <= STREAM_MAX);
	df_flat_encode_record(offset, size, x.stream + x.len);
	x.len += DF_FLAT_RECORD;
	fill_pattern(x.stream + x.len, x.len, size);
	if (offset + size <= FILE_MAX)
		memcpy(x.file + offset, x.stream + x.len, size);
	x.len += size;
	if (offset + size > x.length)
		x.length = (size_t)(offset + size);
}

static void end_record(void)
{
	df_flat_encode_end(x.stream + x.len);
	x.len += DF_FLAT_RECORD;
}

static int open_stream(struct df_err *err)
{
	struct dumpfilter_source_ops ops = {
		.size = sizeof ops, .read = read_stream, .length = x.len, .name = "stream"
	};
	int r = df_source_open_ops(&x.source, &x.env, &ops, NULL, err);

	CHECK_EQ(r, 0);
	return df_source_flatten(&x.source, err);
}

static void opens(void)
{
	struct df_err err;
	int r = open_stream(&err);

	if (r)
		T_FAIL("%s", err.text);
	CHECK_EQ(x.source.length, x.length);
}

static void reads(size_t offset, size_t len)
{
	static uint8_t buf[FILE_MAX];
	struct df_err err;

	if (df_source_read(&x.source, offset, buf, len, &err))
		T_FAIL("%s", err.text);
	if (memcmp(buf, x.file + offset, len))
		T_FAIL("bytes [%zu, +%zu) are wrong", offset, len);
}

static void same_file(void)
{
	uint64_t seed = 7;

	reads(0, x.length);
	for (unsigned i = 0; i < 500; i++) {
		size_t at = next_random(&seed) % x.length, left = x.length - at;

		reads(at, 1 + next_random(&seed) % (left < 9000 ? left : 9000));
	}
}

static void records_of_one_size(void)
{
	begin();
	for (unsigned i = 0; i < 100; i++)
		record(i * 4096, 4096);
	end_record();
	opens();
	CHECK(!df_source_cut(&x.source));
	same_file();
}

static void two_rows_interleaved_with_odd_sizes(void)
{
	size_t a = 4096, b = 400000;
	uint64_t seed = 3;

	begin();
	record(0, 464);
	for (unsigned i = 0; i < 300; i++) {
		size_t n = 1 + next_random(&seed) % 900;

		record(i % 7 ? b : a, n);
		*(i % 7 ? &b : &a) += n;
	}
	end_record();
	opens();
	same_file();
}

/* Later ones win, as where they are written one after the other. */
static void records_that_overlap(void)
{
	uint64_t seed = 11;

	for (unsigned round = 0; round < 20; round++) {
		begin();
		for (unsigned i = 0; i < 60; i++)
			record(next_random(&seed) % 30000, 1 + next_random(&seed) % (round % 2 ? 6000 : 300));
		end_record();
		opens();
		same_file();
	}
}

static void gaps_read_as_zeros(void)
{
	begin();
	record(100000, 5);
	record(500, 10);
	end_record();
	opens();
	same_file();
}

static void nothing_behind_the_end_record_counts(void)
{
	begin();
	record(0, 100);
	end_record();
	x.len += 1000;
	opens();
	CHECK(!df_source_cut(&x.source));
	same_file();
}

static void cut_in_data(void)
{
	begin();
	record(0, 5000);
	record(5000, 5000);
	x.len -= 3000;
	x.length = 7000;
	opens();
	CHECK(df_source_cut(&x.source));
	reads(0, 7000);
}

static void cut_between_and_in_headers(void)
{
	for (unsigned less = 0; less <= DF_FLAT_RECORD; less++) {
		begin();
		record(0, 5000);
		end_record();
		x.len -= less;
		opens();
		CHECK_EQ(df_source_cut(&x.source), less > 0);
		same_file();
	}
}

static void ends_at_what_is_no_record(void)
{
	begin();
	record(0, 5000);
	df_flat_encode_record(UINT64_MAX - 5, 7, x.stream + x.len);
	x.len += DF_FLAT_RECORD + 4096;
	opens();
	CHECK(df_source_cut(&x.source));
	same_file();
}

static void without_data(void)
{
	struct df_err err;

	begin();
	end_record();
	CHECK_EQ(open_stream(&err), DUMPFILTER_E_CORRUPT);
	CHECK_HAS(err.text, "holds no data");
	begin();
	x.len = 24;
	CHECK_EQ(open_stream(&err), DUMPFILTER_E_CORRUPT);
}

static void offsets_far_away(void)
{
	uint8_t byte;
	struct df_err err;

	begin();
	record(INT64_MAX - 10, 5);
	end_record();
	opens();
	CHECK_EQ(df_source_read(&x.source, INT64_MAX - 7, &byte, 1, &err), 0);
	CHECK_EQ(df_source_read(&x.source, INT64_MAX - 5, &byte, 1, &err), DUMPFILTER_E_TRUNCATED);
}

static void failures_below_are_told(void)
{
	struct df_err err;
	uint8_t buf[100];

	begin();
	record(0, 5000);
	record(5000, 5000);
	end_record();
	x.fail_at = DF_FLAT_HEADER + DF_FLAT_RECORD + 5000 + 3; /* the second header */
	CHECK_EQ(open_stream(&err), DUMPFILTER_E_IO);
	df_source_close(&x.source);
	x.fail_at = UINT64_MAX;
	opens();
	x.fail_at = DF_FLAT_HEADER + DF_FLAT_RECORD + 50;
	CHECK_EQ(df_source_read(&x.source, 40, buf, sizeof buf, &err), DUMPFILTER_E_IO);
	CHECK_EQ(df_source_read(&x.source, 400, buf, sizeof buf, &err), 0);
}

static void can_be_cancelled(void)
{
	struct df_err err;

	begin();
	record(0, 5000);
	end_record();
	x.cancel = true;
	CHECK_EQ(open_stream(&err), DUMPFILTER_E_CANCELLED);
}

static void memory_is_given_back(void)
{
	struct df_err err;

	begin();
	for (unsigned i = 0; i < 3000; i++)
		record(i * 31 % 3000 * 300, 1 + i % 200);
	end_record();
	opens();
	CHECK(atomic_load(&x.env.mem_used) > 0);
	df_source_close(&x.source);
	CHECK_EQ(atomic_load(&x.env.mem_used), 0);
	atomic_store(&x.env.mem_limit, 20000);
	CHECK_EQ(open_stream(&err), DUMPFILTER_E_NOMEM);
	df_source_close(&x.source);
	CHECK_EQ(atomic_load(&x.env.mem_used), 0);
}

/* A window on it, as readers use. */
static void through_a_window(void)
{
	struct df_window w;
	const uint8_t *p;
	struct df_err err;

	begin();
	for (unsigned i = 0; i < 200; i++)
		record(i * 1000, 1000);
	end_record();
	opens();
	CHECK_EQ(df_window_init(&w, &x.source, DF_WINDOW_MAX), 0);
	for (size_t at = 0; at + 3000 <= x.length; at += 777) {
		p = df_window_get(&w, at, 3000, &err);
		CHECK(p && !memcmp(p, x.file + at, 3000));
	}
	df_window_fini(&w);
}

int main(void)
{
	RUN(records_of_one_size);
	RUN(two_rows_interleaved_with_odd_sizes);
	RUN(records_that_overlap);
	RUN(gaps_read_as_zeros);
	RUN(nothing_behind_the_end_record_counts);
	RUN(cut_in_data);
	RUN(cut_between_and_in_headers);
	RUN(ends_at_what_is_no_record);
	RUN(without_data);
	RUN(offsets_far_away);
	RUN(failures_below_are_told);
	RUN(can_be_cancelled);
	RUN(memory_is_given_back);
	RUN(through_a_window);
	df_source_close(&x.source);
	free(x.stream);
	return T_END();
}
