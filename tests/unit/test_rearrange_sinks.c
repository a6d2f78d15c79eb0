/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Rearranging a flattened stream into sinks that fail, with progress and with an end asked for. */
#include "base/bytes.h"
#include "run/rearrange.h"
#include "stream.h"

static int rearrange_to(struct target *target)
{
	struct dumpfilter_sink *sink = target_sink(target, DUMPFILTER_IO_RANDOM | DUMPFILTER_IO_REWRITE);
	int fd, result;

	write_file(in_dir("in"), stream.bytes, stream.length);
	fd = open(in_dir("in"), O_RDONLY);
	result = df_rearrange(&env, fd, "in", sink, &err);
	close(fd);
	df_sink_free(sink);
	CHECK_EQ(env.mem_used, 0);
	return result;
}

/* A large header, then records that do not touch: each is a write of its own. */
static size_t scattered(unsigned records)
{
	uint8_t block[4096];
	size_t mark = kdump_header(&abis[0], block);

	put_header();
	put_record(0, block, 4096);
	for (unsigned i = 1; i < records; i++)
		put_pattern(i * UINT64_C(10000), 5000);
	put_end();
	return mark;
}

/* The disk is full at the n-th write: the header, when it is there, can still be marked. */
static void full_at_every_write(void)
{
	size_t mark = scattered(20);

	for (unsigned count = 1; count <= 20; count++) {
		struct target target = { .fail_at = count };

		CHECK_EQ(rearrange_to(&target), DUMPFILTER_E_NOSPACE);
		CHECK_HAS(err.text, "No space left");
		CHECK_EQ(target.finished, 1);
		/* what arrived is worth keeping; where nothing did, there is nothing to keep */
		CHECK_EQ(target.result, count > 1 ? DUMPFILTER_PARTIAL : DUMPFILTER_E_NOSPACE);
		CHECK_EQ(target.writes, count + 1);
		CHECK_EQ(df_get32(target.first + mark, false) & DF_KDUMP_INCOMPLETE, DF_KDUMP_INCOMPLETE);
	}
}

static void merges_writes(void)
{
	struct target target = { 0 };

	put_header();
	for (uint64_t i = 0; i < 1000; i++)
		put_pattern(i * 4096, 4096);
	put_end();
	CHECK_EQ(rearrange_to(&target), 0);
	CHECK(target.writes <= 6); /* about one for each MiB */
	CHECK_EQ(target.finished, 1);
	CHECK_EQ(target.result, 0);
}

struct shown {
	unsigned calls;
	struct dumpfilter_progress last;
	bool cancel;
};

static void show(void *user, const struct dumpfilter_progress *progress)
{
	struct shown *shown = user;

	CHECK_EQ(progress->phase, DUMPFILTER_PHASE_REARRANGE);
	CHECK(progress->done >= shown->last.done);
	shown->calls++;
	shown->last = *progress;
	if (shown->cancel && shown->calls == 2)
		atomic_store(&env.cancelled, 1);
}

static void progress(void)
{
	struct target target = { 0 };
	struct shown shown = { 0 };

	scattered(900);
	env.progress_fn = show;
	env.progress_user = &shown;
	CHECK_EQ(rearrange_to(&target), 0);
	env.progress_fn = NULL;
	CHECK_EQ(shown.last.done, stream.length);
	CHECK_EQ(shown.last.total, stream.length);
	CHECK_EQ(shown.last.bytes_in, stream.length);
	CHECK_EQ(shown.last.bytes_out, 4096 + 899 * 5000);
	CHECK(shown.calls >= 4 && shown.calls <= stream.length / (1 << 20) + 3);
}

static void cancel(void)
{
	struct shown shown = { .cancel = true };
	size_t mark = scattered(900);
	struct target target = { 0 };

	env.progress_fn = show;
	env.progress_user = &shown;
	CHECK_EQ(rearrange_to(&target), DUMPFILTER_E_CANCELLED);
	env.progress_fn = NULL;
	CHECK_HAS(err.text, "cancelled after");
	CHECK_EQ(df_get32(target.first + mark, false), DF_KDUMP_ZLIB | DF_KDUMP_INCOMPLETE);
	CHECK_EQ(target.finished, 1);

	target = (struct target){ 0 }; /* before it began */
	CHECK_EQ(rearrange_to(&target), DUMPFILTER_E_CANCELLED);
	CHECK_EQ(target.writes, 0);
	atomic_store(&env.cancelled, 0);
}

static void no_memory(void)
{
	struct dumpfilter_sink *sink = df_sink_null(&env, &err);

	atomic_store(&env.mem_limit, 1000);
	CHECK_EQ(df_rearrange(&env, 0, "in", sink, &err), DUMPFILTER_E_NOMEM);
	atomic_store(&env.mem_limit, 0);
	df_sink_free(sink);
}

static void cannot_read(void)
{
	struct dumpfilter_sink *sink = df_sink_null(&env, &err);
	int fd = open(files.dir, O_RDONLY);

	CHECK_EQ(df_rearrange(&env, fd, "in", sink, &err), DUMPFILTER_E_IO);
	CHECK_HAS(err.text, "in: reading at byte 0 of the stream: Is a directory");
	close(fd);
	df_sink_free(sink);
}

int main(void)
{
	files_begin();
	RUN(full_at_every_write);
	RUN(merges_writes);
	RUN(progress);
	RUN(cancel);
	RUN(no_memory);
	RUN(cannot_read);
	files_end();
	return T_END();
}
