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

static struct fi_image img;
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

static void init(struct fi_run *x, const struct shape *s)
{
	fi_run_init(x, &img);
	x->cfg.level = s->level;
	x->cfg.format = s->format;
	x->cfg.codec = dumpfilter_codec_available(DUMPFILTER_CODEC_LZO) ? DUMPFILTER_CODEC_LZO : DUMPFILTER_CODEC_ZLIB;
	if (s->format == DUMPFILTER_FORMAT_ELF)
		x->cfg.codec = DUMPFILTER_CODEC_NONE;
	x->cfg.threads = s->threads;
	x->disk.caps = s->caps;
	x->disk.guard.concurrent = s->caps & DUMPFILTER_IO_CONCURRENT;
	x->flat = s->flat;
}

/* ---- limits */

/* What a run below a limit left: pages that are listed. */
static uint64_t judge(struct fi_run *x, const struct fi_dump *ref, uint64_t needed)
{
	struct fi_dump d;
	uint64_t listed, size = 0;
	bool whole = true;
	const char *bad;

	CHECK(x->disk.end <= x->limit);
	if (x->result < 0) {
		CHECK_EQ(-x->result, -DUMPFILTER_E_NOSPACE);
		CHECK_HAS(x->message, "headers and index");
		CHECK_EQ(x->disk.writes + x->disk.finishes, 0);
		CHECK(x->at_limit);
		return 0;
	}
	bad = fi_dump_read(&d, x);
	FINE(bad);
	FINE(fi_report_agrees(x, &d));
	CHECK_EQ(x->disk.finishes, 1);
	CHECK_EQ(x->at_limit, x->result == DUMPFILTER_PARTIAL);
	CHECK_EQ(d.incomplete, x->result == DUMPFILTER_PARTIAL);
	CHECK_EQ(-x->report.cause, x->result ? -DUMPFILTER_E_NOSPACE : 0);
	if (x->result)
		CHECK_HAS(x->message, "size limit");
	else
		CHECK_EQ(d.nlisted, ref->nlisted);
	CHECK(d.elf || fi_dump_covers(&d, ref));
	if (x->limit >= needed + (x->flat ? UNUSED : 0))
		CHECK_EQ(x->result, 0);
	if (x->limit < needed)
		CHECK_EQ(x->result, DUMPFILTER_PARTIAL);
	if (x->flat) {
		free(fi_unflatten(x->disk.data, x->disk.end, &size, &whole));
		CHECK(size && whole);
	}
	listed = d.nlisted;
	fi_dump_free(&d);
	return listed;
}

static void same_with_threads(const struct shape *s, struct fi_run *x)
{
	struct fi_run y;

	init(&y, s);
	y.cfg.threads = s->threads == 1 ? 4 : 1;
	y.limit = x->limit;
	FINE(fi_run_go(&y));
	CHECK_EQ(x->result, y.result);
	CHECK_EQ(x->report.written_pages, y.report.written_pages);
	CHECK_EQ(x->report.output_size, y.report.output_size);
	CHECK_EQ(x->disk.end, y.disk.end);
	CHECK(!x->disk.end || !memcmp(x->disk.data, y.disk.data, x->disk.end));
	fi_run_free(&y);
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

static void limits(const struct shape *s)
{
	uint64_t needed, before = 0, partial = 0, refused = 0, n = 0;
	struct fi_dump ref;
	struct fi_run x;

	init(&x, s);
	FINE(fi_reference(&ref, &x));
	FINE(fi_run_go(&x));
	CHECK_EQ(x.result, 0);
	needed = x.disk.end;
	fi_run_free(&x);
	for (uint64_t limit = 1; limit < needed + UNUSED + 2; limit = next_limit(limit, needed)) {
		uint64_t listed;

		init(&x, s);
		x.limit = limit;
		FINE(fi_run_go(&x));
		listed = judge(&x, &ref, needed);
		CHECK(listed >= before);
		before = listed;
		partial += x.result == DUMPFILTER_PARTIAL;
		refused += x.result < 0;
		if (n++ % 5 == 0)
			same_with_threads(s, &x);
		fi_run_free(&x);
	}
	CHECK_EQ(before, ref.nlisted);
	CHECK(partial > (slow ? 2 : 5));
	CHECK(refused);
	fi_dump_free(&ref);
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

/* Two runs on one context: at level first onto a disk that is too small, and at the level of cfg. */
struct twice {
	struct dumpfilter_config first;
	struct fi_disk small;
	int result, cause;
};

static int small_write(void *user, uint64_t offset, const void *buf, size_t len)
{
	(void)buf;
	return offset + len > *(uint64_t *)user ? -28 /* ENOSPC */ : 0;
}

/* Before the run that fi_run_go() makes. */
static void run_before(struct fi_run *x, struct dumpfilter *df, int step)
{
	struct twice *t = x->user;
	struct dumpfilter_report rep = DUMPFILTER_REPORT_INIT;
	uint64_t room = 120u << 10;
	struct dumpfilter_sink_ops ops = { .size = sizeof ops, .caps = REWRITE, .write = small_write, .name = "small" };
	struct dumpfilter_sink *small;

	if (step != 1)
		return;
	small = dumpfilter_sink_custom(df, &ops, &room);
	CHECK(small);
	CHECK_EQ(dumpfilter_configure(df, &t->first), 0);
	t->result = dumpfilter_run(df, small);
	CHECK_EQ(dumpfilter_report(df, &rep), 0);
	t->cause = rep.cause;
	CHECK_EQ(-dumpfilter_run(df, small), -DUMPFILTER_E_SEQUENCE);
	dumpfilter_sink_free(small);
	CHECK_EQ(dumpfilter_configure(df, &x->cfg), 0);
}

static bool same_disk(const struct fi_run *a, const struct fi_run *b)
{
	return a->result == b->result && a->disk.end == b->disk.end && !memcmp(a->disk.data, b->disk.data, a->disk.end);
}

static void second_run(const struct shape *s)
{
	static const int from[] = { 0, 1, 14, 17, 31 }, to[] = { 31, 16, 0, 1 };
	unsigned full = 0;

	for (size_t i = 0; i < sizeof from / sizeof *from; i++) {
		for (size_t k = 0; k < sizeof to / sizeof *to; k++) {
			struct twice t = { .cause = 0 };
			struct fi_run once, again;

			if (slow && i + k != 3)
				continue;
			init(&once, s);
			once.cfg.level = to[k];
			again = once;
			FINE(fi_run_go(&once));
			t.first = again.cfg;
			t.first.level = from[i];
			again.step = run_before;
			again.user = &t;
			FINE(fi_run_go(&again));
			CHECK(same_disk(&once, &again));
			CHECK_EQ(once.report.kept_pages, again.report.kept_pages);
			CHECK_EQ(once.report.zero_pages, again.report.zero_pages);
			CHECK_EQ(again.report.lost_pages, 0);
			CHECK_EQ(again.report.cause, 0);
			full += t.result == DUMPFILTER_PARTIAL && t.cause == DUMPFILTER_E_NOSPACE;
			fi_run_free(&once);
			fi_run_free(&again);
		}
	}
	CHECK(full >= (slow ? 1 : 4));
}

/* Another format and compressor as well; without memory for the plan's bits, too. */
static void second_run_of_another_kind(void)
{
	struct twice t = { .cause = 0 };
	struct fi_run once, again;

	init(&once, &shapes[0]);
	once.cfg.flags = DUMPFILTER_EXCLUDE_VMEMMAP;
	again = once;
	FINE(fi_run_go(&once));
	t.first = again.cfg;
	t.first.format = DUMPFILTER_FORMAT_ELF;
	t.first.codec = DUMPFILTER_CODEC_NONE;
	t.first.flags = 0;
	again.step = run_before;
	again.user = &t;
	FINE(fi_run_go(&again));
	CHECK(same_disk(&once, &again));
	fi_run_free(&once);
	fi_run_free(&again);
}

/* A configuration that is refused leaves plan and report as they are. */
static void refused_configuration(void)
{
	struct dumpfilter_source_ops none = { .size = sizeof none };
	struct dumpfilter_report rep = DUMPFILTER_REPORT_INIT;
	struct dumpfilter_config bad = DUMPFILTER_CONFIG_INIT;
	struct dumpfilter *df = dumpfilter_new(NULL);
	FILE *f = tmpfile();

	CHECK(df && f && fwrite(img.built.data, 1, img.built.size, f) == img.built.size && !fflush(f));
	CHECK(dumpfilter_open(df, &none, NULL) < 0);
	CHECK_EQ(dumpfilter_open_fd(df, fileno(f), "image", 0), 0);
	CHECK_EQ(dumpfilter_plan(df), 0);
	bad.level = 99;
	CHECK_EQ(-dumpfilter_configure(df, &bad), -DUMPFILTER_E_INVAL);
	CHECK_EQ(dumpfilter_report(df, &rep), 0);
	bad.level = 31;
	CHECK_EQ(dumpfilter_configure(df, &bad), 0);
	CHECK_EQ(-dumpfilter_report(df, &rep), -DUMPFILTER_E_SEQUENCE);
	CHECK_EQ(dumpfilter_plan(df), 0);
	CHECK_EQ(dumpfilter_report(df, &rep), 0);
	CHECK_EQ(rep.level, 31);
	dumpfilter_free(df);
	fclose(f);
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
	FILE *f = tmpfile();

	CHECK(df && sink && f && fwrite(img.built.data, 1, img.built.size, f) == img.built.size && !fflush(f));
	CHECK_EQ(dumpfilter_sink_limit(df, sink, limit), 0);
	CHECK_EQ(dumpfilter_open_fd(df, fileno(f), "image", 0), 0);
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
	fclose(f);
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
		const struct df_codec *c = df_codec_find(codec);
		struct dumpfilter_config cfg = DUMPFILTER_CONFIG_INIT;

		if (codec && !c)
			continue;
		cfg.codec = codec;
		for (int level = -200000; level<200000; level += level> - 30 && level < 30 ? 1 : 97) {
			bool fine = !level || (c && c->level_min && level >= c->level_min && level <= c->level_max);

			cfg.compression_level = level;
			CHECK_EQ(-dumpfilter_configure(df, &cfg), fine ? 0 : -DUMPFILTER_E_INVAL);
			CHECK(fine || strstr(dumpfilter_errmsg(df), "compress"));
		}
	}
	dumpfilter_free(df);
}

static uint64_t size_at(int codec, int level, unsigned threads, struct fi_run *x)
{
	init(x, &shapes[0]);
	x->cfg.level = 0;
	x->cfg.codec = codec;
	x->cfg.compression_level = level;
	x->cfg.threads = threads;
	FINE(fi_run_go(x));
	CHECK_EQ(x->result, 0);
	return x->disk.end;
}

static void levels_of_dumps(void)
{
	static const int codecs[] = { DUMPFILTER_CODEC_ZLIB, DUMPFILTER_CODEC_ZSTD };

	for (size_t i = 0; i < sizeof codecs / sizeof *codecs; i++) {
		const struct df_codec *c = df_codec_find(codecs[i]);
		struct fi_run normal, one, best, many;

		if (!c)
			continue;
		size_at(c->id, 0, 1, &normal);
		CHECK_EQ(size_at(c->id, 1, 1, &one), normal.disk.end);
		CHECK(same_disk(&normal, &one));
		CHECK(size_at(c->id, 9, 1, &best) < normal.disk.end);
		size_at(c->id, 9, 3, &many);
		CHECK(same_disk(&best, &many));
		fi_run_free(&normal);
		fi_run_free(&one);
		fi_run_free(&best);
		fi_run_free(&many);
	}
}

/* A dump is filtered again. */
static void refilter(const struct fi_run *in, int level, struct fi_run *out)
{
	fi_run_init(out, &img);
	out->cfg = in->cfg;
	out->cfg.compression_level = level;
	out->src.data = in->disk.data;
	out->src.size = in->disk.end;
	FINE(fi_run_go(out));
	CHECK_EQ(out->result, 0);
}

/* With a level it is packed again, without one its data is copied. */
static void levels_of_refiltered_dumps(void)
{
	const struct df_codec *c = df_codec_find(DUMPFILTER_CODEC_ZLIB);
	struct fi_run small, quick, same, again, back;

	size_at(c->id, 9, 1, &small);
	size_at(c->id, 0, 1, &quick);
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
	const struct df_codec *c = df_codec_find(DUMPFILTER_CODEC_ZLIB);
	struct fi_run x;

	init(&x, &shapes[0]);
	x.cfg.codec = c->id;
	x.cfg.compression_level = c->level_max;
	x.cfg.memory_limit = 4u << 20;
	FINE(fi_run_go(&x));
	CHECK_EQ(-x.result, c->level_max > 9 ? -DUMPFILTER_E_NOMEM : 0);
	CHECK(!x.result || (!x.disk.writes && strstr(x.message, "bytes are enough")));
	fi_run_free(&x);
}

int main(void)
{
	const char *bad = fi_image_build(&img, fi_tiny, NULL);

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
	fi_image_free(&img);
	return T_END();
}
