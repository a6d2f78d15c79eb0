/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Too little space: outputs with a size limit, a second run at another level, levels of compressors. */
#include "faults.h"
#include "t.h"

#include "codec/codec.h"

#include <sys/stat.h>
#include <unistd.h>

#define RANDOM  DUMPFILTER_IO_RANDOM
#define REWRITE (RANDOM | DUMPFILTER_IO_REWRITE)
#define ANYHOW  (REWRITE | DUMPFILTER_IO_CONCURRENT)
#define UNUSED  2200u /* bytes of a flattened stream that may stay free, as the header of the library says */

static struct fi_image image;
static bool slow; /* under sanitizers: fewer of the same kind */

static const struct shape {
	const char *name;
	int format, level;
	unsigned threads, caps;
	bool flat;
} shapes[] = {
	{ "kdump", DUMPFILTER_FORMAT_KDUMP, 31, 1, REWRITE, false },
	{ "kdump_concurrent", DUMPFILTER_FORMAT_KDUMP, 0, 3, ANYHOW, false },
	{ "kdump_no_rewrite", DUMPFILTER_FORMAT_KDUMP, 0, 3, RANDOM, false },
	{ "kdump_flat", DUMPFILTER_FORMAT_KDUMP, 1, 3, 0, true },
	{ "elf", DUMPFILTER_FORMAT_ELF, 31, 1, REWRITE, false },
	{ "elf_no_rewrite", DUMPFILTER_FORMAT_ELF, 0, 3, RANDOM, false },
	{ "elf_flat", DUMPFILTER_FORMAT_ELF, 0, 1, 0, true },
};
#define SHAPES (sizeof shapes / sizeof *shapes)

static void init(struct fi_run *run, const struct shape *shape)
{
	fi_run_init(run, &image);
	run->config.level = shape->level;
	run->config.format = shape->format;
	run->config.codec = dumpfilter_codec_available(DUMPFILTER_CODEC_LZO) ? DUMPFILTER_CODEC_LZO
									     : DUMPFILTER_CODEC_ZLIB;
	if (shape->format == DUMPFILTER_FORMAT_ELF)
		run->config.codec = DUMPFILTER_CODEC_NONE;
	run->config.threads = shape->threads;
	run->disk.caps = shape->caps;
	run->disk.guard.concurrent = shape->caps & DUMPFILTER_IO_CONCURRENT;
	run->flat = shape->flat;
}

/* ---- limits */

/* What a run below a limit left: pages that are listed. */
static uint64_t judge(struct fi_run *run, const struct fi_dump *dump, uint64_t needed)
{
	struct fi_dump second;
	uint64_t listed, size = 0;
	bool whole = true;
	const char *bad;

	CHECK(run->disk.end <= run->limit);
	if (run->result < 0) {
		CHECK_EQ(-run->result, -DUMPFILTER_E_NOSPACE);
		CHECK_HAS(run->message, "headers and index");
		CHECK_EQ(run->disk.writes + run->disk.finishes, 0);
		CHECK(run->at_limit);
		return 0;
	}
	bad = fi_dump_read(&second, run);
	FINE(bad);
	FINE(fi_report_agrees(run, &second));
	CHECK_EQ(run->disk.finishes, 1);
	CHECK_EQ(run->at_limit, run->result == DUMPFILTER_PARTIAL);
	CHECK_EQ(second.incomplete, run->result == DUMPFILTER_PARTIAL);
	CHECK_EQ(-run->report.cause, run->result ? -DUMPFILTER_E_NOSPACE : 0);
	if (run->result)
		CHECK_HAS(run->message, "size limit");
	else
		CHECK_EQ(second.nlisted, dump->nlisted);
	CHECK(second.elf || fi_dump_covers(&second, dump));
	if (run->limit >= needed + (run->flat ? UNUSED : 0))
		CHECK_EQ(run->result, 0);
	if (run->limit < needed)
		CHECK_EQ(run->result, DUMPFILTER_PARTIAL);
	if (run->flat) {
		free(fi_unflatten(run->disk.data, run->disk.end, &size, &whole));
		CHECK(size && whole);
	}
	listed = second.nlisted;
	fi_dump_free(&second);
	return listed;
}

static void same_with_threads(const struct shape *shape, struct fi_run *run)
{
	struct fi_run second;

	init(&second, shape);
	second.config.threads = shape->threads == 1 ? 4 : 1;
	second.limit = run->limit;
	FINE(fi_run_go(&second));
	CHECK_EQ(run->result, second.result);
	CHECK_EQ(run->report.written_pages, second.report.written_pages);
	CHECK_EQ(run->report.output_size, second.report.output_size);
	CHECK_EQ(run->disk.end, second.disk.end);
	CHECK(!run->disk.end || !memcmp(run->disk.data, second.disk.data, run->disk.end));
	fi_run_free(&second);
}

/* The next limit to try: coarse, but for the bytes around the size and around what a stream needs at most. */
static uint64_t next_limit(uint64_t limit, uint64_t needed)
{
	uint64_t coarse = limit + needed / (slow ? 8 : 40);

	if (limit < needed - 2)
		return coarse < needed - 2 ? coarse : needed - 2;
	if (limit < needed + 2 || limit >= needed + UNUSED - 2)
		return limit + 1;
	if (slow)
		return needed + UNUSED - 2;
	return limit + 24 < needed + UNUSED - 2 ? limit + 24 : needed + UNUSED - 2;
}

static void limits(const struct shape *shape)
{
	uint64_t needed, before = 0, partial = 0, refused = 0, count = 0;
	struct fi_dump dump;
	struct fi_run run;

	init(&run, shape);
	FINE(fi_reference(&dump, &run));
	FINE(fi_run_go(&run));
	CHECK_EQ(run.result, 0);
	needed = run.disk.end;
	fi_run_free(&run);
	for (uint64_t limit = 1; limit < needed + UNUSED + 2; limit = next_limit(limit, needed)) {
		uint64_t listed;

		init(&run, shape);
		run.limit = limit;
		FINE(fi_run_go(&run));
		listed = judge(&run, &dump, needed);
		CHECK(listed >= before);
		before = listed;
		partial += run.result == DUMPFILTER_PARTIAL;
		refused += run.result < 0;
		if (count++ % 5 == 0)
			same_with_threads(shape, &run);
		fi_run_free(&run);
	}
	CHECK_EQ(before, dump.nlisted);
	CHECK(partial > (slow ? 2 : 5));
	CHECK(refused);
	fi_dump_free(&dump);
}

static void limit_arguments(void)
{
	struct dumpfilter *df = dumpfilter_new(NULL);
	struct dumpfilter_sink *sink = dumpfilter_sink_null(df);

	CHECK_EQ(dumpfilter_sink_limit(df, sink, 3), 0);
	CHECK_EQ(dumpfilter_sink_limit(df, sink, 0), 0);
	CHECK_EQ(-dumpfilter_sink_limit(df, NULL, 3), -DUMPFILTER_E_INVAL);
	CHECK_HAS(dumpfilter_errmsg(df), "sink_limit");
	CHECK_EQ(dumpfilter_sink_at_limit(sink), 0);
	CHECK_EQ(dumpfilter_sink_at_limit(NULL), 0);
	dumpfilter_sink_free(sink);
	dumpfilter_free(df);
}

/* ---- a second run */

/* Two runs on one context: at level first onto a disk that is too small, and at the level of config. */
struct twice {
	struct dumpfilter_config first;
	struct fi_disk small;
	int result, cause;
};

static int small_write(void *user, uint64_t offset, const void *buffer, size_t length)
{
	(void)buffer;
	return offset + length > *(uint64_t *)user ? -28 /* ENOSPC */ : 0;
}

/* Before the run that fi_run_go() makes. */
static void run_before(struct fi_run *run, struct dumpfilter *df, int step)
{
	struct twice *twice = run->user;
	struct dumpfilter_report report = DUMPFILTER_REPORT_INIT;
	uint64_t room = 120u << 10;
	struct dumpfilter_sink_ops ops = { .size = sizeof ops, .caps = REWRITE, .write = small_write, .name = "small" };
	struct dumpfilter_sink *small;

	if (step != 1)
		return;
	small = dumpfilter_sink_custom(df, &ops, &room);
	CHECK(small);
	CHECK_EQ(dumpfilter_configure(df, &twice->first), 0);
	twice->result = dumpfilter_run(df, small);
	CHECK_EQ(dumpfilter_report(df, &report), 0);
	twice->cause = report.cause;
	CHECK_EQ(-dumpfilter_run(df, small), -DUMPFILTER_E_SEQUENCE);
	dumpfilter_sink_free(small);
	CHECK_EQ(dumpfilter_configure(df, &run->config), 0);
}

static bool same_disk(const struct fi_run *run, const struct fi_run *second)
{
	return run->result == second->result && run->disk.end == second->disk.end &&
	       !memcmp(run->disk.data, second->disk.data, run->disk.end);
}

static void second_run(const struct shape *shape)
{
	static const int from[] = { 0, 1, 14, 17, 31 }, to[] = { 31, 16, 0, 1 };
	unsigned full = 0;

	for (size_t i = 0; i < sizeof from / sizeof *from; i++) {
		for (size_t index = 0; index < sizeof to / sizeof *to; index++) {
			struct twice twice = { .cause = 0 };
			struct fi_run once, again;

			if (slow && i + index != 3)
				continue;
			init(&once, shape);
			once.config.level = to[index];
			again = once;
			FINE(fi_run_go(&once));
			twice.first = again.config;
			twice.first.level = from[i];
			again.step = run_before;
			again.user = &twice;
			FINE(fi_run_go(&again));
			CHECK(same_disk(&once, &again));
			CHECK_EQ(once.report.kept_pages, again.report.kept_pages);
			CHECK_EQ(once.report.zero_pages, again.report.zero_pages);
			CHECK_EQ(again.report.lost_pages, 0);
			CHECK_EQ(again.report.cause, 0);
			full += twice.result == DUMPFILTER_PARTIAL && twice.cause == DUMPFILTER_E_NOSPACE;
			fi_run_free(&once);
			fi_run_free(&again);
		}
	}
	CHECK(full >= (slow ? 1 : 4));
}

/* Another format and compressor as well; without memory for the plan's bits, too. */
static void second_run_of_another_kind(void)
{
	struct twice twice = { .cause = 0 };
	struct fi_run once, again;

	init(&once, &shapes[0]);
	once.config.flags = DUMPFILTER_EXCLUDE_VMEMMAP;
	again = once;
	FINE(fi_run_go(&once));
	twice.first = again.config;
	twice.first.format = DUMPFILTER_FORMAT_ELF;
	twice.first.codec = DUMPFILTER_CODEC_NONE;
	twice.first.flags = 0;
	again.step = run_before;
	again.user = &twice;
	FINE(fi_run_go(&again));
	CHECK(same_disk(&once, &again));
	fi_run_free(&once);
	fi_run_free(&again);
}

/* A configuration that is refused leaves plan and report as they are. */
static void refused_configuration(void)
{
	struct dumpfilter_source_ops none = { .size = sizeof none };
	struct dumpfilter_report report = DUMPFILTER_REPORT_INIT;
	struct dumpfilter_config config = DUMPFILTER_CONFIG_INIT;
	struct dumpfilter *df = dumpfilter_new(NULL);
	FILE *file = tmpfile();

	CHECK(df && file && fwrite(image.built.data, 1, image.built.size, file) == image.built.size && !fflush(file));
	CHECK(dumpfilter_open(df, &none, NULL) < 0);
	CHECK_EQ(dumpfilter_open_fd(df, fileno(file), "image", 0), 0);
	CHECK_EQ(dumpfilter_plan(df), 0);
	config.level = 99;
	CHECK_EQ(-dumpfilter_configure(df, &config), -DUMPFILTER_E_INVAL);
	CHECK_EQ(dumpfilter_report(df, &report), 0);
	config.level = 31;
	CHECK_EQ(dumpfilter_configure(df, &config), 0);
	CHECK_EQ(-dumpfilter_report(df, &report), -DUMPFILTER_E_SEQUENCE);
	CHECK_EQ(dumpfilter_plan(df), 0);
	CHECK_EQ(dumpfilter_report(df, &report), 0);
	CHECK_EQ(report.level, 31);
	dumpfilter_free(df);
	fclose(file);
}

/* ---- giving up what was written */

static int flushes;

/* In front of the C library's. */
int fsync(int fd)
{
	flushes++;
	return fd < 0 ? -1 : 0;
}

static off_t size_of(const char *path)
{
	struct stat st;

	return stat(path, &st) ? -1 : st.st_size;
}

static void write_file(const char *path, unsigned flags, uint64_t limit, bool discard, int want)
{
	struct dumpfilter *df = dumpfilter_new(NULL);
	struct dumpfilter_sink *sink = dumpfilter_sink_path(df, path, flags);
	FILE *file = tmpfile();

	CHECK(df && sink && file && fwrite(image.built.data, 1, image.built.size, file) == image.built.size &&
	      !fflush(file));
	CHECK_EQ(dumpfilter_sink_limit(df, sink, limit), 0);
	CHECK_EQ(dumpfilter_open_fd(df, fileno(file), "image", 0), 0);
	flushes = 0;
	CHECK_EQ(-dumpfilter_run(df, sink), -want);
	CHECK_EQ(flushes, want == DUMPFILTER_OK ? 2 : 0); /* before and behind the mark */
	if (want != DUMPFILTER_E_NOSPACE)
		CHECK_EQ(-dumpfilter_sink_limit(df, sink, 7), -DUMPFILTER_E_SEQUENCE);
	if (discard)
		dumpfilter_sink_discard(sink);
	dumpfilter_sink_free(sink);
	/* what is given up need not get to the disk first */
	CHECK_EQ(flushes, want == DUMPFILTER_OK ? 2 : want == DUMPFILTER_PARTIAL && !discard);
	dumpfilter_free(df);
	fclose(file);
}

static void discarded_files(void)
{
	char dir[] = "/tmp/df-space-XXXXXX", path[64];

	CHECK(mkdtemp(dir));
	snprintf(path, sizeof path, "%s/dump", dir);
	write_file(path, 0, 90u << 10, false, DUMPFILTER_PARTIAL);
	CHECK_EQ(size_of(path), 90u << 10);
	write_file(path, DUMPFILTER_SINK_OVERWRITE, 4096, false, DUMPFILTER_E_NOSPACE);
	CHECK_EQ(size_of(path), 90u << 10); /* not touched */
	write_file(path, DUMPFILTER_SINK_OVERWRITE, 80u << 10, true, DUMPFILTER_PARTIAL);
	CHECK_EQ(size_of(path), 0); /* was there before */
	unlink(path);
	write_file(path, 0, 80u << 10, true, DUMPFILTER_PARTIAL);
	CHECK_EQ(size_of(path), -1);
	write_file(path, 0, 4096, false, DUMPFILTER_E_NOSPACE);
	CHECK_EQ(size_of(path), -1);
	write_file(path, 0, UINT64_MAX, true, DUMPFILTER_OK);
	CHECK_EQ(size_of(path), -1);
	dumpfilter_sink_discard(NULL);
	rmdir(dir);
}

/* ---- levels of compressors */

static void levels_that_exist(void)
{
	struct dumpfilter *df = dumpfilter_new(NULL);

	for (int codec = DUMPFILTER_CODEC_NONE; codec <= DUMPFILTER_CODEC_ZSTD; codec++) {
		const struct df_codec *method = df_codec_find(codec);
		struct dumpfilter_config config = DUMPFILTER_CONFIG_INIT;

		if (codec && !method)
			continue;
		config.codec = codec;
		for (int level = -200000; level<200000; level += level> - 30 && level < 30 ? 1 : 97) {
			bool fine = !level || (method && method->level_min && level >= method->level_min &&
					       level <= method->level_max);

			config.compression_level = level;
			CHECK_EQ(-dumpfilter_configure(df, &config), fine ? 0 : -DUMPFILTER_E_INVAL);
			CHECK(fine || strstr(dumpfilter_errmsg(df), "compress"));
		}
	}
	dumpfilter_free(df);
}

static uint64_t size_at(int codec, int level, unsigned threads, struct fi_run *run)
{
	init(run, &shapes[0]);
	run->config.level = 0;
	run->config.codec = codec;
	run->config.compression_level = level;
	run->config.threads = threads;
	FINE(fi_run_go(run));
	CHECK_EQ(run->result, 0);
	return run->disk.end;
}

static void levels_of_dumps(void)
{
	static const int codecs[] = { DUMPFILTER_CODEC_ZLIB, DUMPFILTER_CODEC_ZSTD };

	for (size_t i = 0; i < sizeof codecs / sizeof *codecs; i++) {
		const struct df_codec *codec = df_codec_find(codecs[i]);
		struct fi_run normal, run, best, many;

		if (!codec)
			continue;
		size_at(codec->id, 0, 1, &normal);
		CHECK_EQ(size_at(codec->id, 1, 1, &run), normal.disk.end);
		CHECK(same_disk(&normal, &run));
		CHECK(size_at(codec->id, 9, 1, &best) < normal.disk.end);
		size_at(codec->id, 9, 3, &many);
		CHECK(same_disk(&best, &many));
		fi_run_free(&normal);
		fi_run_free(&run);
		fi_run_free(&best);
		fi_run_free(&many);
	}
}

/* A dump is filtered again. */
static void refilter(const struct fi_run *run, int level, struct fi_run *out)
{
	fi_run_init(out, &image);
	out->config = run->config;
	out->config.compression_level = level;
	out->source.data = run->disk.data;
	out->source.size = run->disk.end;
	FINE(fi_run_go(out));
	CHECK_EQ(out->result, 0);
}

/* With a level it is packed again, without one its data is copied. */
static void levels_of_refiltered_dumps(void)
{
	const struct df_codec *codec = df_codec_find(DUMPFILTER_CODEC_ZLIB);
	struct fi_run small, quick, same, again, back;

	size_at(codec->id, 9, 1, &small);
	size_at(codec->id, 0, 1, &quick);
	CHECK(small.disk.end < quick.disk.end);
	refilter(&small, 0, &same);
	CHECK(same_disk(&small, &same));
	refilter(&quick, 9, &again);
	CHECK(same_disk(&small, &again));
	refilter(&small, 1, &back);
	CHECK(same_disk(&quick, &back));
	fi_run_free(&small);
	fi_run_free(&quick);
	fi_run_free(&same);
	fi_run_free(&again);
	fi_run_free(&back);
}

/* Memory for a level is asked for before the output is touched. */
static void levels_and_memory(void)
{
	const struct df_codec *codec = df_codec_find(DUMPFILTER_CODEC_ZLIB);
	struct fi_run run;

	init(&run, &shapes[0]);
	run.config.codec = codec->id;
	run.config.compression_level = codec->level_max;
	run.config.memory_limit = 4u << 20;
	FINE(fi_run_go(&run));
	CHECK_EQ(-run.result, codec->level_max > 9 ? -DUMPFILTER_E_NOMEM : 0);
	CHECK(!run.result || (!run.disk.writes && strstr(run.message, "bytes are enough")));
	fi_run_free(&run);
}

int main(void)
{
	const char *bad = fi_image_build(&image, fi_tiny, NULL);

	if (bad) {
		printf("not ok - image: %s\n", bad);
		return EXIT_FAILURE;
	}
	slow = t_slow();
	for (size_t i = 0; i < SHAPES; i++) {
		char name[64];

		snprintf(name, sizeof name, "limits_%s", shapes[i].name);
		T_RUN(name, limits(&shapes[i]));
		snprintf(name, sizeof name, "second_run_%s", shapes[i].name);
		T_RUN(name, second_run(&shapes[i]));
	}
	RUN(limit_arguments);
	RUN(second_run_of_another_kind);
	RUN(refused_configuration);
	RUN(discarded_files);
	RUN(levels_that_exist);
	RUN(levels_of_dumps);
	RUN(levels_of_refiltered_dumps);
	RUN(levels_and_memory);
	fi_image_free(&image);
	return T_END();
}
