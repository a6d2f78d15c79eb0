/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A sink that fails or is full at every write: what is on the disk opens, says that it is not all, and lists just what
 * is there. */
#include "faults.h"
#include "memory.h"
#include "t.h"

#include <errno.h>
#include <stdio.h>

#define REWRITE (DUMPFILTER_IO_RANDOM | DUMPFILTER_IO_REWRITE)
#define ANYHOW  (REWRITE | DUMPFILTER_IO_CONCURRENT)

static struct fi_image img;

static const struct shape {
	const char *name;
	int format, level;
	unsigned threads, caps;
	bool flat;
} shapes[] = {
	{ "kdump", DUMPFILTER_FORMAT_KDUMP, 31, 1, REWRITE, false },
	{ "kdump_concurrent", DUMPFILTER_FORMAT_KDUMP, 0, 3, ANYHOW, false },
	{ "kdump_no_rewrite", DUMPFILTER_FORMAT_KDUMP, 0, 3, DUMPFILTER_IO_RANDOM, false },
	{ "kdump_flat", DUMPFILTER_FORMAT_KDUMP, 31, 1, 0, true },
	{ "elf", DUMPFILTER_FORMAT_ELF, 31, 1, REWRITE, false },
	{ "elf_concurrent", DUMPFILTER_FORMAT_ELF, 0, 3, ANYHOW, false },
	{ "elf_no_rewrite", DUMPFILTER_FORMAT_ELF, 0, 3, DUMPFILTER_IO_RANDOM, false },
	{ "elf_flat", DUMPFILTER_FORMAT_ELF, 0, 1, 0, true },
};
#define SHAPES (sizeof shapes / sizeof *shapes)

static void init(struct fi_run *x, const struct shape *s)
{
	fi_run_init(x, &img);
	x->cfg.level = s->level;
	x->cfg.format = s->format;
	x->cfg.codec = s->format == DUMPFILTER_FORMAT_ELF ? DUMPFILTER_CODEC_NONE : DUMPFILTER_CODEC_ZLIB;
	x->cfg.threads = s->threads;
	x->disk.caps = s->caps;
	x->disk.guard.concurrent = s->caps & DUMPFILTER_IO_CONCURRENT;
	x->flat = s->flat;
}

/* PARTIAL: opens, marked, true.  Negative: nothing that could be taken for a dump, where that was possible.  Returns
 * the pages listed. */
static uint64_t judge(struct fi_run *x, const struct fi_dump *ref)
{
	struct fi_dump d;
	uint64_t listed = 0;
	const char *bad = fi_dump_read(&d, x);

	if (x->result == DUMPFILTER_PARTIAL) {
		FINE(bad);
		CHECK(d.incomplete || d.nlisted == ref->nlisted); /* taking off the mark may be what failed */
		FINE(fi_report_agrees(x, &d));
		CHECK(d.elf || fi_dump_covers(&d, ref));
		listed = d.nlisted;
	} else if (x->result < 0) {
		CHECK(bad || d.incomplete || !(x->disk.caps & DUMPFILTER_IO_REWRITE));
	} else {
		FINE(bad);
		CHECK(!d.incomplete);
		CHECK_EQ(d.nlisted, ref->nlisted);
		FINE(fi_report_agrees(x, &d));
		listed = d.nlisted;
	}
	if (x->disk.writes)
		CHECK_EQ(x->disk.finishes, 1);
	fi_dump_free(&d);
	return listed;
}

/* The n-th write fails half way, alone or with all that follow. */
static void every_write(const struct shape *s, bool on, int error)
{
	struct fi_dump ref;
	struct fi_run x;
	unsigned long n = 0, writes, partial = 0, errors = 0;
	int code = error == EIO ? DUMPFILTER_E_IO : DUMPFILTER_E_NOSPACE;

	init(&x, s);
	FINE(fi_reference(&ref, &x));
	do {
		init(&x, s);
		x.disk.fail_at = ++n;
		x.disk.fail_on = on;
		x.disk.error = error;
		FINE(fi_run_go(&x));
		judge(&x, &ref);
		writes = x.disk.writes;
		if (writes >= n) {
			CHECK(x.result < 0 || x.result == DUMPFILTER_PARTIAL);
			CHECK_HAS(x.message, "the disk");
			CHECK_HAS(x.message, strerror(error));
		}
		if (x.result < 0)
			CHECK_EQ(-x.result, -code);
		if (x.result)
			CHECK_EQ(-(x.result < 0 ? 0 : code), -x.report.cause);
		partial += x.result == DUMPFILTER_PARTIAL;
		errors += x.result < 0;
		fi_run_free(&x);
	} while (writes >= n);
	CHECK_EQ(x.result, 0);
	CHECK(n > 5);
	CHECK(errors > 0);
	if (s->caps & DUMPFILTER_IO_REWRITE || (!on && !s->flat))
		CHECK(partial > 0);
	fi_dump_free(&ref);
}

static void writes_fail(const struct shape *s)
{
	every_write(s, true, EIO);
	every_write(s, true, ENOSPC);
}

/* As a full disk; threads make no difference to that. */
static void quota(const struct shape *s)
{
	if (s->threads > 1)
		return;
	every_write(s, true, EDQUOT);
	every_write(s, true, EFBIG);
}

static void one_write_fails(const struct shape *s)
{
	every_write(s, false, EIO);
}

/* Disks of every size. */
static void every_room(const struct shape *s)
{
	struct fi_dump ref;
	struct fi_run x;
	uint64_t needed, before = 0, partial = 0;

	init(&x, s);
	FINE(fi_reference(&ref, &x));
	FINE(fi_run_go(&x));
	CHECK_EQ(x.result, 0);
	needed = x.disk.used;
	fi_run_free(&x);
	for (uint64_t room = 1; room <= needed; room += room < 12 || room + 4 > needed ? 1 : 3) {
		uint64_t listed;

		init(&x, s);
		x.disk.room = room;
		FINE(fi_run_go(&x));
		listed = judge(&x, &ref);
		/* threads that write for themselves do not fill a disk in order */
		CHECK(listed >= before || s->caps & DUMPFILTER_IO_CONCURRENT);
		before = listed;
		partial += x.result == DUMPFILTER_PARTIAL;
		if (x.result < 0)
			CHECK_EQ(-x.result, -DUMPFILTER_E_NOSPACE);
		if (room < needed)
			CHECK_HAS(x.message, "No space");
		else
			CHECK_EQ(x.result, 0);
		fi_run_free(&x);
	}
	if (s->caps & DUMPFILTER_IO_REWRITE)
		CHECK(partial > 10);
	fi_dump_free(&ref);
}

/* All is written, but the last step of the sink fails. */
static void finish_fails(const struct shape *s)
{
	struct fi_run x;

	init(&x, s);
	x.disk.finish_error = ENOSPC;
	FINE(fi_run_go(&x));
	CHECK_EQ(x.disk.finishes, 1);
	CHECK(x.result == DUMPFILTER_PARTIAL || x.result == DUMPFILTER_E_NOSPACE);
	CHECK_HAS(x.message, "No space");
	CHECK_EQ(x.report.result, x.result);
	fi_run_free(&x);
}

/* A stream that is not flattened is refused before anything is written. */
static void plain_stream(void)
{
	struct fi_run x;

	for (size_t i = 0; i < SHAPES; i++) {
		init(&x, &shapes[i]);
		x.flat = false;
		x.disk.caps = 0;
		FINE(fi_run_go(&x));
		CHECK_EQ(-x.result, -DUMPFILTER_E_UNSUPPORTED);
		CHECK_EQ(x.disk.writes, 0);
		fi_run_free(&x);
	}
}

/* ---- a flattened stream that was cut on its way, rearranged */

static int rearrange(const uint8_t *stream, uint64_t len, struct memory *m)
{
	struct dumpfilter_sink_ops ops = { .size = sizeof ops, .caps = REWRITE, .write = memory_write };
	struct dumpfilter *df = dumpfilter_new(NULL);
	struct dumpfilter_sink *sink = dumpfilter_sink_custom(df, &ops, m);
	FILE *f = tmpfile();
	int r;

	CHECK(df && sink && f);
	CHECK(fwrite(stream, 1, len, f) == len && !fflush(f) && !fseek(f, 0, SEEK_SET));
	memory_empty(m);
	r = dumpfilter_rearrange(df, fileno(f), "stream", sink);
	fclose(f);
	dumpfilter_sink_free(sink);
	dumpfilter_free(df);
	return r;
}

static void one_cut(struct fi_run *x, uint64_t len, struct memory *m)
{
	int r = rearrange(x->disk.data, len, m);
	struct fi_run y = *x;
	struct fi_dump d;
	const char *bad;

	if (len == x->disk.end) {
		CHECK_EQ(r, 0);
	} else if (len < FI_PAGE) {
		CHECK(r == DUMPFILTER_E_FORMAT || r == DUMPFILTER_E_TRUNCATED);
		CHECK_EQ(m->size, 0);
		return;
	} else {
		CHECK_EQ(-r, -DUMPFILTER_E_TRUNCATED);
	}
	y.flat = false;
	y.disk.data = m->data;
	y.disk.end = m->size;
	bad = fi_dump_read(&d, &y);
	if (r < 0 && !bad && !d.incomplete)
		T_FAIL("cut at %" PRIu64 ": not marked", len);
	if (bad && (strstr(bad, "listed") || strstr(bad, "unpack") || strstr(bad, "contents")))
		T_FAIL("cut at %" PRIu64 ": %s", len, bad);
	CHECK(r < 0 || !bad);
	fi_dump_free(&d);
}

static void cut_streams(void)
{
	struct memory out = { 0 };
	struct fi_run x;

	for (size_t i = 0; i < SHAPES; i++) {
		if (!shapes[i].flat)
			continue;
		init(&x, &shapes[i]);
		FINE(fi_run_go(&x));
		CHECK_EQ(x.result, 0);
		for (uint64_t len = 1; len < x.disk.end; len += len < 9000 ? 811 : FI_PAGE)
			one_cut(&x, len, &out);
		for (uint64_t left = 0; left < 40; left++)
			one_cut(&x, x.disk.end - left, &out);
		fi_run_free(&x);
	}
	memory_free(&out);
}

int main(void)
{
	static const struct {
		const char *name;
		void (*run)(const struct shape *s);
	} cases[] = {
		{ "writes_fail_from_then_on", writes_fail },
		{ "one_write_fails", one_write_fails },
		{ "quota_or_largest_file", quota },
		{ "full_disk", every_room },
		{ "finish_fails", finish_fails },
	};
	const char *bad = fi_image_build(&img, fi_tiny, NULL);

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
	RUN(plain_stream);
	RUN(cut_streams);
	fi_image_free(&img);
	return T_END();
}
