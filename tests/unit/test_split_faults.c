/* SPDX-License-Identifier: GPL-2.0-or-later */
/* timeout: 600 */
/*
 * Split dumps when something goes wrong: a disk is full, the run is cancelled, memory is short.  What was written is
 * right, all pieces carry the mark, and what the pieces lack stays lost when they are put together.
 */
#include "faults.h"
#include "splitset.h"

#include <stdatomic.h>

#define REWRITE (DUMPFILTER_IO_RANDOM | DUMPFILTER_IO_REWRITE)
#define ANYHOW  (REWRITE | DUMPFILTER_IO_CONCURRENT)
#define PIECES  3

static struct {
	struct fi_image img;
	struct memory image, one, joined;
	struct ss_set set;
	struct rf_seen seen;
} x;

static const struct shape {
	const char *name;
	unsigned threads, caps;
	int codec, level;
} shapes[] = {
	{ "one_thread", 1, REWRITE, DUMPFILTER_CODEC_ZLIB, 31 },
	{ "threads", 3, ANYHOW, DUMPFILTER_CODEC_NONE, 0 },
	{ "no_rewrite", 3, DUMPFILTER_IO_RANDOM, DUMPFILTER_CODEC_ZLIB, 1 },
};
#define SHAPES (sizeof shapes / sizeof *shapes)

static struct ss_how how_of(const struct shape *s)
{
	return (struct ss_how){ .rf = { .level = s->level, .codec = s->codec, .threads = s->threads },
				.n = PIECES,
				.caps = s->caps };
}

static const struct ss_how copy_all = { .rf = { .codec = DUMPFILTER_CODEC_INPUT, .threads = 2 },
					.flags = DUMPFILTER_COPY_ALL };

static bool is_marked(const struct memory *f)
{
	return f->size > 428 && f->data[424] & 8;
}

/* Descriptors of zeros among those of a dump in one file. */
static uint64_t lost_in(const struct memory *f)
{
	struct ss_head h = ss_head(f);
	uint64_t lost = 0;

	for (uint64_t i = 0; i < h.pages; i++)
		lost += !ss_get(&h, h.desc + 24 * i, 8) && !ss_get(&h, h.desc + 24 * i + 8, 8);
	return lost;
}

/* The set lacks pages: it says so everywhere, and so does what is made of it. */
static void check_partial(uint64_t there)
{
	uint64_t lost = x.seen.report.lost_pages;

	CHECK_EQ(x.seen.report.written_pages, there);
	CHECK_EQ(there + lost, x.seen.report.kept_pages);
	for (unsigned i = 0; i < PIECES; i++) {
		CHECK(is_marked(&x.set.v[i].file));
		CHECK_EQ(x.set.v[i].finished, 1);
		CHECK_EQ(x.set.v[i].result, DUMPFILTER_PARTIAL);
	}
	CHECK_EQ(ss_dump(&x.set, NULL, &copy_all, &x.joined, &x.seen), lost ? DUMPFILTER_PARTIAL : 0);
	CHECK(is_marked(&x.joined));
	CHECK_EQ(x.seen.report.lost_pages, lost);
	CHECK_EQ(x.seen.report.lost_before_pages, lost);
	CHECK_EQ(lost_in(&x.joined), lost);
}

/* One piece's disk is full at `room` bytes: the others are whole.  false: all fitted. */
static bool one_room(const struct shape *s, unsigned full, uint64_t room)
{
	struct ss_how how = how_of(s);
	int r;

	ss_free(&x.set);
	x.set.v[full].room = room;
	r = ss_split(&x.image, &how, &x.set, &x.seen);
	if (!r)
		return false;
	CHECK_EQ(r, DUMPFILTER_PARTIAL);
	CHECK_HAS(x.seen.text, "No space");
	for (unsigned i = 0; i < PIECES; i++) {
		if (i != full) {
			CHECK_EQ(x.set.seen[i].result, 0);
			CHECK_EQ(x.set.seen[i].written_pages, x.set.seen[i].kept_pages);
		} else {
			CHECK(x.set.seen[i].result);
		}
	}
	if (x.set.seen[full].result < 0) { /* not even its headers */
		CHECK_EQ(x.set.v[full].result, x.set.seen[full].result);
		CHECK_EQ(-x.set.seen[full].result, -DUMPFILTER_E_NOSPACE);
		CHECK_EQ(x.set.seen[full].written_pages, 0);
		return true;
	}
	check_partial(ss_check(&x.one, &x.set, 64, true));
	return true;
}

static void full_disk(const struct shape *s)
{
	struct ss_how how = how_of(s);
	unsigned opened = 0, partial = 0;

	CHECK_EQ(rf_dump(&x.image, &how.rf, &x.one, &x.seen), 0);
	for (unsigned full = 0; full < PIECES; full++) {
		uint64_t head = ss_head(&x.one).desc;

		for (uint64_t room = 100; one_room(s, full, room); room += room < head ? 4001 : 9973) {
			partial++;
			opened += x.set.seen[full].result == DUMPFILTER_PARTIAL;
		}
	}
	CHECK(partial > 6);
	if (s->caps & DUMPFILTER_IO_REWRITE)
		CHECK(opened > 3);
}

/* Every disk is full at once. */
static void all_full(void)
{
	struct ss_how how = how_of(&shapes[0]);

	for (uint64_t room = 100; room < 40000; room += 3000) {
		int r;

		ss_free(&x.set);
		for (unsigned i = 0; i < PIECES; i++)
			x.set.v[i].room = room;
		r = ss_split(&x.image, &how, &x.set, &x.seen);
		CHECK(r == DUMPFILTER_PARTIAL || r == DUMPFILTER_E_NOSPACE);
		CHECK_HAS(x.seen.text, "No space");
		for (unsigned i = 0; r == DUMPFILTER_PARTIAL && i < PIECES; i++)
			CHECK(is_marked(&x.set.v[i].file));
	}
}

static void cancel(const struct shape *s)
{
	struct ss_how how = how_of(s);
	unsigned before = 0, partial = 0;
	int r;

	CHECK_EQ(rf_dump(&x.image, &how.rf, &x.one, &x.seen), 0);
	do {
		ss_free(&x.set);
		how.cancel_at++;
		r = ss_split(&x.image, &how, &x.set, &x.seen);
		before += r == DUMPFILTER_E_CANCELLED;
		if (r == DUMPFILTER_E_CANCELLED)
			for (unsigned i = 0; i < PIECES; i++)
				CHECK_EQ(x.set.v[i].file.size, 0);
		if (r == DUMPFILTER_PARTIAL && ++partial)
			check_partial(ss_check(&x.one, &x.set, 64, true));
	} while (r && how.cancel_at < 1000);
	CHECK_EQ(r, 0);
	CHECK(before > 0);
	CHECK(partial > 0);
}

/* ---- memory */

static void every_allocation(void)
{
	struct ss_how how = how_of(&shapes[0]), join = copy_all;
	struct fi_heap heap = { 0 };
	int r;

	how.alloc = join.alloc = fi_heap_alloc;
	how.release = join.release = fi_heap_free;
	how.heap = join.heap = &heap;
	how.rf.threads = 2;
	CHECK_EQ(rf_dump(&x.image, &how.rf, &x.one, &x.seen), 0);
	for (unsigned long n = 1;; n++) {
		ss_free(&x.set);
		heap = (struct fi_heap){ .fail_at = n };
		r = ss_split(&x.image, &how, &x.set, &x.seen);
		CHECK_EQ(atomic_load(&heap.live), 0);
		CHECK(r == 0 || r == DUMPFILTER_E_NOMEM);
		if (!r)
			CHECK_EQ(ss_check(&x.one, &x.set, 64, false), x.seen.report.kept_pages);
		else
			for (unsigned i = 0; i < PIECES; i++)
				CHECK_EQ(x.set.v[i].file.size, 0);
		if (heap.calls < n)
			break;
	}
	for (unsigned long n = 1;; n++) {
		heap = (struct fi_heap){ .fail_at = n };
		r = ss_dump(&x.set, NULL, &join, &x.joined, &x.seen);
		CHECK_EQ(atomic_load(&heap.live), 0);
		CHECK(r == 0 || r == DUMPFILTER_E_NOMEM);
		CHECK(r || memory_same(&x.joined, &x.one));
		if (heap.calls < n)
			break;
	}
}

/* The plan is not remembered but made again for each chunk. */
static void planned_in_a_window(void)
{
	for (size_t i = 0; i < SHAPES; i++) {
		struct ss_how how = how_of(&shapes[i]);
		struct fi_heap heap = { .refuse = HEAP_CHUNK };

		CHECK_EQ(rf_dump(&x.image, &how.rf, &x.one, &x.seen), 0);
		how.alloc = fi_heap_alloc;
		how.release = fi_heap_free;
		how.heap = &heap;
		ss_free(&x.set);
		CHECK_EQ(ss_split(&x.image, &how, &x.set, &x.seen), 0);
		CHECK(heap.refused);
		CHECK_EQ(ss_check(&x.one, &x.set, 64, false), x.seen.report.kept_pages);
	}
}

/* An error for lack of memory names what suffices, the pieces included. */
static int with_limit(size_t limit, struct rf_seen *seen)
{
	struct dumpfilter_source_ops source = memory_source(&x.image, "input");
	struct dumpfilter_config cfg = DUMPFILTER_CONFIG_INIT;
	struct ss_how how = how_of(&shapes[0]);
	struct dumpfilter *df = dumpfilter_new(NULL);

	cfg.level = 31;
	cfg.codec = DUMPFILTER_CODEC_ZLIB;
	cfg.threads = 2;
	cfg.memory_limit = limit;
	how.n = SS_MAX;
	ss_free(&x.set);
	CHECK_EQ(dumpfilter_open(df, &source, &x.image), 0);
	CHECK_EQ(dumpfilter_configure(df, &cfg), 0);
	seen->result = dumpfilter_plan(df);
	if (seen->result >= 0)
		seen->result = ss_write_pieces(df, &how, &x.set);
	snprintf(seen->text, sizeof seen->text, "%s", dumpfilter_errmsg(df));
	dumpfilter_free(df);
	return seen->result;
}

static void memory_limit(void)
{
	static const char needle[] = "; ";
	struct rf_seen seen = { 0 };
	unsigned refused = 0;
	size_t need;

	for (size_t limit = 1 << 20; with_limit(limit, &seen); limit += 50000) {
		const char *at = NULL;

		CHECK_EQ(-seen.result, -DUMPFILTER_E_NOMEM);
		for (const char *p = strstr(seen.text, needle); p; p = strstr(p + 1, needle))
			at = p;
		CHECK(at);
		need = strtoul(at + 2, NULL, 10);
		CHECK(need > limit);
		refused++;
		if (strstr(seen.text, "descriptors") || strstr(seen.text, "equal pages"))
			CHECK_EQ(with_limit(need, &seen), 0);
	}
	CHECK(refused > 3);
}

int main(void)
{
	const char *bad = fi_image_build(&x.img, fi_tiny, NULL);

	if (bad) {
		printf("not ok - image: %s\n", bad);
		return EXIT_FAILURE;
	}
	x.image = (struct memory){ x.img.built.data, x.img.built.size, x.img.built.size };
	for (size_t i = 0; i < SHAPES; i++) {
		char name[64];

		snprintf(name, sizeof name, "full_disk_%s", shapes[i].name);
		T_RUN(name, full_disk(&shapes[i]));
		snprintf(name, sizeof name, "cancel_%s", shapes[i].name);
		T_RUN(name, cancel(&shapes[i]));
	}
	RUN(all_full);
	RUN(every_allocation);
	RUN(planned_in_a_window);
	RUN(memory_limit);
	ss_free(&x.set);
	memory_free(&x.one);
	memory_free(&x.joined);
	fi_image_free(&x.img);
	return T_END();
}
