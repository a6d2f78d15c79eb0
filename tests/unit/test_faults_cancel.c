/* SPDX-License-Identifier: GPL-2.0-or-later */
/* dumpfilter_cancel() at every moment: before the first byte E_CANCELLED and nothing written, after it PARTIAL, and a
 * dump that opens and says that it is not all. */
#include "faults.h"
#include "memory.h"
#include "t.h"

#include <errno.h>

static struct fi_image img;

static const struct shape {
	const char *name;
	int format, level;
	unsigned threads;
	bool flat, plan_first;
} shapes[] = {
	{ "kdump", DUMPFILTER_FORMAT_KDUMP, 31, 1, false, false },
	{ "kdump_threads", DUMPFILTER_FORMAT_KDUMP, 0, 3, false, true },
	{ "kdump_flat", DUMPFILTER_FORMAT_KDUMP, 1, 3, true, false },
	{ "elf", DUMPFILTER_FORMAT_ELF, 0, 1, false, true },
	{ "elf_threads", DUMPFILTER_FORMAT_ELF, 31, 3, false, false },
	{ "elf_flat", DUMPFILTER_FORMAT_ELF, 0, 3, true, false },
};
#define SHAPES (sizeof shapes / sizeof *shapes)

/* What the callbacks of one run do. */
struct plot {
	int at_step;         /* −1 = at none */
	unsigned long at;    /* number of the progress call, from 1 on; 0 = none */
	bool other_thread;   /* another thread cancels */
	unsigned long calls; /* of progress */
	int phase;           /* in which it was cancelled */
};

static void *cancel_it(void *df)
{
	dumpfilter_cancel(df);
	return NULL;
}

static void cancel(struct plot *plot, struct dumpfilter *df)
{
	pthread_t thread;

	if (plot->other_thread && !pthread_create(&thread, NULL, cancel_it, df))
		pthread_join(thread, NULL);
	else
		dumpfilter_cancel(df);
}

static void on_step(struct fi_run *run, struct dumpfilter *df, int step)
{
	struct plot *plot = run->user;

	if (step == plot->at_step)
		cancel(plot, df);
}

static void on_progress(struct fi_run *run, struct dumpfilter *df, const struct dumpfilter_progress *progress)
{
	struct plot *plot = run->user;

	if (++plot->calls != plot->at)
		return;
	plot->phase = progress->phase;
	cancel(plot, df);
}

static void init(struct fi_run *run, const struct shape *shape, struct plot *plot)
{
	fi_run_init(run, &img);
	run->config.level = shape->level;
	run->config.format = shape->format;
	run->config.codec = shape->format == DUMPFILTER_FORMAT_ELF ? DUMPFILTER_CODEC_NONE : DUMPFILTER_CODEC_ZLIB;
	run->config.threads = shape->threads;
	run->plan_first = shape->plan_first;
	run->flat = shape->flat;
	if (shape->flat)
		run->disk.caps = 0;
	run->step = on_step;
	run->progress = on_progress;
	run->user = plot;
}

static void judge(struct fi_run *run)
{
	struct fi_dump dump;

	if (run->result == DUMPFILTER_E_CANCELLED) {
		CHECK_EQ(run->disk.writes, 0);
		CHECK_HAS(run->message, "cancel");
		return;
	}
	FINE(fi_dump_read(&dump, run));
	FINE(fi_report_agrees(run, &dump));
	CHECK_EQ(dump.incomplete, run->result == DUMPFILTER_PARTIAL);
	if (run->result == DUMPFILTER_PARTIAL) {
		CHECK_HAS(run->message, "cancel");
		CHECK(run->report.lost_pages > 0);
	} else {
		CHECK_EQ(run->result, 0);
	}
	fi_dump_free(&dump);
}

/* Before open, before plan, before run: nothing is written. */
static void before(const struct shape *shape)
{
	for (int step = 1; step <= 2; step++) {
		struct plot plot = { .at_step = step };
		struct fi_run run;

		init(&run, shape, &plot);
		FINE(fi_run_go(&run));
		CHECK_EQ(-run.result, -DUMPFILTER_E_CANCELLED);
		judge(&run);
		fi_run_free(&run);
	}
}

static void at_progress(const struct shape *shape, bool other_thread)
{
	unsigned long count = 0, partial = 0, cancelled = 0;

	for (;;) {
		struct plot plot = { .at_step = -1, .at = ++count, .other_thread = other_thread };
		struct fi_run run;

		init(&run, shape, &plot);
		FINE(fi_run_go(&run));
		judge(&run);
		if (plot.calls >= count) {
			partial += run.result == DUMPFILTER_PARTIAL;
			cancelled += run.result == DUMPFILTER_E_CANCELLED;
			/* too late: all was on its way already */
			if (run.result == 0)
				CHECK_EQ(plot.phase, DUMPFILTER_PHASE_COPY);
			/* there the first byte is long written */
			if (plot.phase == DUMPFILTER_PHASE_COPY)
				CHECK(run.result != DUMPFILTER_E_CANCELLED);
		}
		fi_run_free(&run);
		if (plot.calls < count)
			break;
		CHECK(count < 1000);
	}
	CHECK(count > 4);
	CHECK(partial > 1);
	CHECK(cancelled > 0);
}

static void during(const struct shape *shape)
{
	at_progress(shape, false);
}

static void from_another_thread(const struct shape *shape)
{
	at_progress(shape, true);
}

/* A thread that cancels while the run goes on; for ThreadSanitizer.  It is done before the context goes: where the run
 * gets as far as copying that waits for it, and else it was what ended the run. */
struct meanwhile {
	pthread_t thread;
	struct dumpfilter *df;
	unsigned wait;
	bool started;
};

static void *cancel_later(void *arg)
{
	struct meanwhile *meanwhile = arg;

	for (volatile unsigned i = 0; i < meanwhile->wait; i++)
		;
	dumpfilter_cancel(meanwhile->df);
	return NULL;
}

static void around_run(struct fi_run *run, struct dumpfilter *df, int step)
{
	struct meanwhile *meanwhile = run->user;

	if (step == 2) {
		meanwhile->df = df;
		meanwhile->started = !pthread_create(&meanwhile->thread, NULL, cancel_later, meanwhile);
	}
	if (step == 3 && meanwhile->started)
		pthread_join(meanwhile->thread, NULL);
}

static void meanwhile(const struct shape *shape)
{
	for (unsigned count = 0; count < 20; count++) {
		struct meanwhile during = { .wait = count * count * 5000 };
		struct plot none = { .at_step = -1 };
		struct fi_run run;

		init(&run, shape, &none);
		run.step = around_run;
		run.progress = NULL;
		run.user = &during;
		FINE(fi_run_go(&run));
		CHECK(during.started);
		judge(&run);
		fi_run_free(&run);
	}
}

/* close() ends it: the same context dumps the next image. */
static void close_ends_it(void)
{
	struct memory image = { img.built.data, img.built.size, 0 };
	struct dumpfilter_source_ops ops = memory_source(&image, NULL);
	struct dumpfilter *df = dumpfilter_new(NULL);
	struct dumpfilter_sink *sink = dumpfilter_sink_null(df);

	CHECK(df && sink);
	CHECK_EQ(dumpfilter_open(df, &ops, &image), 0);
	dumpfilter_cancel(df);
	CHECK_EQ(-dumpfilter_plan(df), -DUMPFILTER_E_CANCELLED);
	CHECK_EQ(-dumpfilter_run(df, sink), -DUMPFILTER_E_CANCELLED);
	dumpfilter_close(df);
	CHECK_EQ(dumpfilter_open(df, &ops, &image), 0);
	CHECK_EQ(dumpfilter_plan(df), 0);
	CHECK_EQ(dumpfilter_run(df, sink), 0);
	dumpfilter_sink_free(sink);
	dumpfilter_free(df);
}

/* ---- rearranging */

struct stream {
	struct dumpfilter *df;
	unsigned long at, calls;
	struct memory memory;
};

static void count_down(void *user, const struct dumpfilter_progress *progress)
{
	struct stream *stream = user;

	if (progress->phase == DUMPFILTER_PHASE_REARRANGE && ++stream->calls == stream->at)
		dumpfilter_cancel(stream->df);
}

static void rearranging(void)
{
	struct plot none = { .at_step = -1 };
	struct stream *stream = calloc(1, sizeof *stream);
	FILE *file = tmpfile();
	unsigned long count = 0;
	struct fi_run run;
	int result;

	CHECK(stream && file);
	init(&run, &shapes[5], &none);
	FINE(fi_run_go(&run));
	CHECK(fwrite(run.disk.data, 1, run.disk.end, file) == run.disk.end && !fflush(file));
	do {
		struct dumpfilter_sink_ops ops = { .size = sizeof ops,
						   .caps = DUMPFILTER_IO_RANDOM | DUMPFILTER_IO_REWRITE,
						   .write = memory_write };
		struct dumpfilter_sink *sink;

		memory_empty(&stream->memory);
		stream->calls = 0;
		stream->df = dumpfilter_new(NULL);
		sink = dumpfilter_sink_custom(stream->df, &ops, &stream->memory);
		CHECK(stream->df && sink);
		stream->at = ++count;
		dumpfilter_set_progress(stream->df, count_down, stream);
		rewind(file);
		result = dumpfilter_rearrange(stream->df, fileno(file), "stream", sink);
		if (result)
			CHECK_EQ(-result, -DUMPFILTER_E_CANCELLED);
		/* ELF header, if it came: marked */
		if (result && stream->memory.size >= 64)
			CHECK(stream->memory.data[48] & 1);
		dumpfilter_sink_free(sink);
		dumpfilter_free(stream->df);
	} while (stream->calls >= count && count < 1000);
	CHECK_EQ(result, 0);
	CHECK(count > 1);
	fclose(file);
	memory_free(&stream->memory);
	free(stream);
	fi_run_free(&run);
}

int main(void)
{
	static const struct {
		const char *name;
		void (*run)(const struct shape *shape);
	} cases[] = {
		{ "before", before },
		{ "during", during },
		{ "from_another_thread", from_another_thread },
		{ "meanwhile", meanwhile },
	};
	const char *bad = fi_image_build(&img, fi_recipe, NULL);

	if (bad) {
		printf("not ok - image: %s\n", bad);
		return EXIT_FAILURE;
	}
	for (size_t column = 0; column < sizeof cases / sizeof *cases; column++) {
		for (size_t i = 0; i < SHAPES; i++) {
			char name[64];

			snprintf(name, sizeof name, "%s_%s", cases[column].name, shapes[i].name);
			T_RUN(name, cases[column].run(&shapes[i]));
		}
	}
	RUN(close_ends_it);
	RUN(rearranging);
	fi_image_free(&img);
	return T_END();
}
