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
} fixture;

static int64_t read_stream(void *user, uint64_t offset, void *buffer, size_t length)
{
	(void)user;
	if (fixture.cancel)
		atomic_store(&fixture.env.cancelled, 1);
	if (offset <= fixture.fail_at && fixture.fail_at < offset + length)
		return -EIO;
	if (offset >= fixture.len)
		return 0;
	length = fixture.len - offset < length ? fixture.len - (size_t)offset : length;
	memcpy(buffer, fixture.stream + offset, length);
	return (int64_t)length;
}

static void begin(void)
{
	df_source_close(&fixture.source);
	memset(&fixture.env, 0, sizeof fixture.env);
	memset(fixture.file, 0, sizeof fixture.file);
	if (!fixture.stream)
		fixture.stream = malloc(STREAM_MAX);
	df_flat_encode_header(fixture.stream);
	fixture.len = DF_FLAT_HEADER;
	fixture.length = 0;
	fixture.fail_at = UINT64_MAX;
	fixture.cancel = false;
}

/* A record, with bytes that depend on where they are in the stream. */
static void record(uint64_t offset, size_t size)
{
	CHECK(fixture.len + DF_FLAT_RECORD + size <= STREAM_MAX);
	df_flat_encode_record(offset, size, fixture.stream + fixture.len);
	fixture.len += DF_FLAT_RECORD;
	fill_pattern(fixture.stream + fixture.len, fixture.len, size);
	if (offset + size <= FILE_MAX)
		memcpy(fixture.file + offset, fixture.stream + fixture.len, size);
	fixture.len += size;
	if (offset + size > fixture.length)
		fixture.length = (size_t)(offset + size);
}

static void end_record(void)
{
	df_flat_encode_end(fixture.stream + fixture.len);
	fixture.len += DF_FLAT_RECORD;
}

static int open_stream(struct df_err *err)
{
	struct dumpfilter_source_ops ops = {
		.size = sizeof ops, .read = read_stream, .length = fixture.len, .name = "stream"
	};
	int result = df_source_open_ops(&fixture.source, &fixture.env, &ops, NULL, err);

	CHECK_EQ(result, 0);
	return df_source_flatten(&fixture.source, err);
}

static void opens(void)
{
	struct df_err err;
	int result = open_stream(&err);

	if (result)
		T_FAIL("%s", err.text);
	CHECK_EQ(fixture.source.length, fixture.length);
}

static void reads(size_t offset, size_t length)
{
	static uint8_t buffer[FILE_MAX];
	struct df_err err;

	if (df_source_read(&fixture.source, offset, buffer, length, &err))
		T_FAIL("%s", err.text);
	if (memcmp(buffer, fixture.file + offset, length))
		T_FAIL("bytes [%zu, +%zu) are wrong", offset, length);
}

static void same_file(void)
{
	uint64_t seed = 7;

	reads(0, fixture.length);
	for (unsigned i = 0; i < 500; i++) {
		size_t at = next_random(&seed) % fixture.length, left = fixture.length - at;

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
	CHECK(!df_source_cut(&fixture.source));
	same_file();
}

static void two_rows_interleaved_with_odd_sizes(void)
{
	size_t start = 4096, end = 400000;
	uint64_t seed = 3;

	begin();
	record(0, 464);
	for (unsigned i = 0; i < 300; i++) {
		size_t count = 1 + next_random(&seed) % 900;

		record(i % 7 ? end : start, count);
		*(i % 7 ? &end : &start) += count;
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
	fixture.len += 1000;
	opens();
	CHECK(!df_source_cut(&fixture.source));
	same_file();
}

static void cut_in_data(void)
{
	begin();
	record(0, 5000);
	record(5000, 5000);
	fixture.len -= 3000;
	fixture.length = 7000;
	opens();
	CHECK(df_source_cut(&fixture.source));
	reads(0, 7000);
}

static void cut_between_and_in_headers(void)
{
	for (unsigned less = 0; less <= DF_FLAT_RECORD; less++) {
		begin();
		record(0, 5000);
		end_record();
		fixture.len -= less;
		opens();
		CHECK_EQ(df_source_cut(&fixture.source), less > 0);
		same_file();
	}
}

static void ends_at_what_is_no_record(void)
{
	begin();
	record(0, 5000);
	df_flat_encode_record(UINT64_MAX - 5, 7, fixture.stream + fixture.len);
	fixture.len += DF_FLAT_RECORD + 4096;
	opens();
	CHECK(df_source_cut(&fixture.source));
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
	fixture.len = 24;
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
	CHECK_EQ(df_source_read(&fixture.source, INT64_MAX - 7, &byte, 1, &err), 0);
	CHECK_EQ(df_source_read(&fixture.source, INT64_MAX - 5, &byte, 1, &err), DUMPFILTER_E_TRUNCATED);
}

static void failures_below_are_told(void)
{
	struct df_err err;
	uint8_t buffer[100];

	begin();
	record(0, 5000);
	record(5000, 5000);
	end_record();
	fixture.fail_at = DF_FLAT_HEADER + DF_FLAT_RECORD + 5000 + 3; /* the second header */
	CHECK_EQ(open_stream(&err), DUMPFILTER_E_IO);
	df_source_close(&fixture.source);
	fixture.fail_at = UINT64_MAX;
	opens();
	fixture.fail_at = DF_FLAT_HEADER + DF_FLAT_RECORD + 50;
	CHECK_EQ(df_source_read(&fixture.source, 40, buffer, sizeof buffer, &err), DUMPFILTER_E_IO);
	CHECK_EQ(df_source_read(&fixture.source, 400, buffer, sizeof buffer, &err), 0);
}

static void can_be_cancelled(void)
{
	struct df_err err;

	begin();
	record(0, 5000);
	end_record();
	fixture.cancel = true;
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
	CHECK(atomic_load(&fixture.env.mem_used) > 0);
	df_source_close(&fixture.source);
	CHECK_EQ(atomic_load(&fixture.env.mem_used), 0);
	atomic_store(&fixture.env.mem_limit, 20000);
	CHECK_EQ(open_stream(&err), DUMPFILTER_E_NOMEM);
	df_source_close(&fixture.source);
	CHECK_EQ(atomic_load(&fixture.env.mem_used), 0);
}

/* A window on it, as readers use. */
static void through_a_window(void)
{
	struct df_window window;
	const uint8_t *bytes;
	struct df_err err;

	begin();
	for (unsigned i = 0; i < 200; i++)
		record(i * 1000, 1000);
	end_record();
	opens();
	CHECK_EQ(df_window_init(&window, &fixture.source, DF_WINDOW_MAX), 0);
	for (size_t at = 0; at + 3000 <= fixture.length; at += 777) {
		bytes = df_window_get(&window, at, 3000, &err);
		CHECK(bytes && !memcmp(bytes, fixture.file + at, 3000));
	}
	df_window_fini(&window);
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
	df_source_close(&fixture.source);
	free(fixture.stream);
	return T_END();
}
