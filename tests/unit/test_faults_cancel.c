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

static void cancel(struct plot *p, struct dumpfilter *df)
{
	pthread_t t;

	if (p->other_thread && !pthread_create(&t, NULL, cancel_it, df))
		pthread_join(t, NULL);
	else
		dumpfilter_cancel(df);
}

static void on_step(struct fi_run *x, struct dumpfilter *df, int step)
{
	struct plot *p = x->user;

	if (step == p->at_step)
		cancel(p, df);
}

static void on_progress(struct fi_run *x, struct dumpfilter *df, const struct dumpfilter_progress *pr)
{
	struct plot *p = x->user;

	if (++p->calls != p->at)
		return;
	p->phase = pr->phase;
	cancel(p, df);
}

static void init(struct fi_run *x, const struct shape *s, struct plot *p)
{
	fi_run_init(x, &img);
	x->cfg.level = s->level;
	x->cfg.format = s->format;
	x->cfg.codec = s->format == DUMPFILTER_FORMAT_ELF ? DUMPFILTER_CODEC_NONE : DUMPFILTER_CODEC_ZLIB;
	x->cfg.threads = s->threads;
	x->plan_first = s->plan_first;
	x->flat = s->flat;
	if (s->flat)
		x->disk.caps = 0;
	x->step = on_step;
	x->progress = on_progress;
	x->user = p;
}

static void judge(struct fi_run *x)
{
	struct fi_dump d;

	if (x->result == DUMPFILTER_E_CANCELLED) {
		CHECK_EQ(x->disk.writes, 0);
		CHECK_HAS(x->message, "cancel");
		return;
	}
	FINE(fi_dump_read(&d, x));
	FINE(fi_report_agrees(x, &d));
	CHECK_EQ(d.incomplete, x->result == DUMPFILTER_PARTIAL);
	if (x->result == DUMPFILTER_PARTIAL) {
		CHECK_HAS(x->message, "cancel");
		CHECK(x->report.lost_pages > 0);
	} else {
		CHECK_EQ(x->result, 0);
	}
	fi_dump_free(&d);
}

/* Before open, before plan, before run: nothing is written. */
static void before(const struct shape *s)
{
	for (int step = 1; step <= 2; step++) {
		struct plot p = { .at_step = step };
		struct fi_run x;

		init(&x, s, &p);
		FINE(fi_run_go(&x));
		CHECK_EQ(-x.result, -DUMPFILTER_E_CANCELLED);
		judge(&x);
		fi_run_free(&x);
	}
}

static void at_progress(const struct shape *s, bool other_thread)
{
	unsigned long n = 0, partial = 0, cancelled = 0;

	for (;;) {
		struct plot p = { .at_step = -1, .at = ++n, .other_thread = other_thread };
		struct fi_run x;

		init(&x, s, &p);
		FINE(fi_run_go(&x));
		judge(&x);
		if (p.calls >= n) {
			partial += x.result == DUMPFILTER_PARTIAL;
			cancelled += x.result == DUMPFILTER_E_CANCELLED;
			/* too late: all was on its way already */
			if (x.result == 0)
				CHECK_EQ(p.phase, DUMPFILTER_PHASE_COPY);
			/* there the first byte is long written */
			if (p.phase == DUMPFILTER_PHASE_COPY)
				CHECK(x.result != DUMPFILTER_E_CANCELLED);
		}
		fi_run_free(&x);
		if (p.calls < n)
			break;
		CHECK(n < 1000);
	}
	CHECK(n > 4);
	CHECK(partial > 1);
	CHECK(cancelled > 0);
}

static void during(const struct shape *s)
{
	at_progress(s, false);
}

static void from_another_thread(const struct shape *s)
{
	at_progress(s, true);
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
	struct meanwhile *m = arg;

	for (volatile unsigned i = 0; i < m->wait; i++)
		;
	dumpfilter_cancel(m->df);
	return NULL;
}

static void around_run(struct fi_run *x, struct dumpfilter *df, int step)
{
	struct meanwhile *m = x->user;

	if (step == 2) {
		m->df = df;
		m->started = !pthread_create(&m->thread, NULL, cancel_later, m);
	}
	if (step == 3 && m->started)
		pthread_join(m->thread, NULL);
}

static void meanwhile(const struct shape *s)
{
	for (unsigned n = 0; n < 20; n++) {
		struct meanwhile m = { .wait = n * n * 5000 };
		struct plot none = { .at_step = -1 };
		struct fi_run x;

		init(&x, s, &none);
		x.step = around_run;
		x.progress = NULL;
		x.user = &m;
		FINE(fi_run_go(&x));
		CHECK(m.started);
		judge(&x);
		fi_run_free(&x);
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
	struct memory out;
};

static void count_down(void *user, const struct dumpfilter_progress *pr)
{
	struct stream *s = user;

	if (pr->phase == DUMPFILTER_PHASE_REARRANGE && ++s->calls == s->at)
		dumpfilter_cancel(s->df);
}

static void rearranging(void)
{
	struct plot none = { .at_step = -1 };
	struct stream *s = calloc(1, sizeof *s);
	FILE *f = tmpfile();
	unsigned long n = 0;
	struct fi_run x;
	int r;

	CHECK(s && f);
	init(&x, &shapes[5], &none);
	FINE(fi_run_go(&x));
	CHECK(fwrite(x.disk.data, 1, x.disk.end, f) == x.disk.end && !fflush(f));
	do {
		struct dumpfilter_sink_ops ops = { .size = sizeof ops,
						   .caps = DUMPFILTER_IO_RANDOM | DUMPFILTER_IO_REWRITE,
						   .write = memory_write };
		struct dumpfilter_sink *sink;

		memory_empty(&s->out);
		s->calls = 0;
		s->df = dumpfilter_new(NULL);
		sink = dumpfilter_sink_custom(s->df, &ops, &s->out);
		CHECK(s->df && sink);
		s->at = ++n;
		dumpfilter_set_progress(s->df, count_down, s);
		rewind(f);
		r = dumpfilter_rearrange(s->df, fileno(f), "stream", sink);
		if (r)
			CHECK_EQ(-r, -DUMPFILTER_E_CANCELLED);
		/* ELF header, if it came: marked */
		if (r && s->out.size >= 64)
			CHECK(s->out.data[48] & 1);
		dumpfilter_sink_free(sink);
		dumpfilter_free(s->df);
	} while (s->calls >= n && n < 1000);
	CHECK_EQ(r, 0);
	CHECK(n > 1);
	fclose(f);
	memory_free(&s->out);
	free(s);
	fi_run_free(&x);
}

int main(void)
{
	static const struct {
		const char *name;
		void (*run)(const struct shape *s);
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
	for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
		for (size_t i = 0; i < SHAPES; i++) {
			char name[64];

			snprintf(name, sizeof name, "%s_%s", cases[c].name, shapes[i].name);
			T_RUN(name, cases[c].run(&shapes[i]));
		}
	}
	RUN(close_ends_it);
	RUN(rearranging);
	fi_image_free(&img);
	return T_END();
}
