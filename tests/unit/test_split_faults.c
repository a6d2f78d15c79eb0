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
	struct memory image, memory, joined;
	struct ss_set set;
	struct rf_seen seen;
} fixture;

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

static struct ss_how how_of(const struct shape *shape)
{
	return (struct ss_how){ .how = { .level = shape->level, .codec = shape->codec, .threads = shape->threads },
				.count = PIECES,
				.caps = shape->caps };
}

static const struct ss_how copy_all = { .how = { .codec = DUMPFILTER_CODEC_INPUT, .threads = 2 },
					.flags = DUMPFILTER_COPY_ALL };

static bool is_marked(const struct memory *memory)
{
	return memory->size > 428 && memory->data[424] & 8;
}

/* Descriptors of zeros among those of a dump in one file. */
static uint64_t lost_in(const struct memory *memory)
{
	struct ss_head head = ss_head(memory);
	uint64_t lost = 0;

	for (uint64_t i = 0; i < head.pages; i++)
		lost += !ss_get(&head, head.desc + 24 * i, 8) && !ss_get(&head, head.desc + 24 * i + 8, 8);
	return lost;
}

/* The set lacks pages: it says so everywhere, and so does what is made of it. */
static void check_partial(uint64_t there)
{
	uint64_t lost = fixture.seen.report.lost_pages;

	CHECK_EQ(fixture.seen.report.written_pages, there);
	CHECK_EQ(there + lost, fixture.seen.report.kept_pages);
	for (unsigned i = 0; i < PIECES; i++) {
		CHECK(is_marked(&fixture.set.pieces[i].file));
		CHECK_EQ(fixture.set.pieces[i].finished, 1);
		CHECK_EQ(fixture.set.pieces[i].result, DUMPFILTER_PARTIAL);
	}
	CHECK_EQ(ss_dump(&fixture.set, NULL, &copy_all, &fixture.joined, &fixture.seen), lost ? DUMPFILTER_PARTIAL : 0);
	CHECK(is_marked(&fixture.joined));
	CHECK_EQ(fixture.seen.report.lost_pages, lost);
	CHECK_EQ(fixture.seen.report.lost_before_pages, lost);
	CHECK_EQ(lost_in(&fixture.joined), lost);
}

/* One piece's disk is full at `room` bytes: the others are whole.  false: all fitted. */
static bool one_room(const struct shape *shape, unsigned full, uint64_t room)
{
	struct ss_how how = how_of(shape);
	int result;

	ss_free(&fixture.set);
	fixture.set.pieces[full].room = room;
	result = ss_split(&fixture.image, &how, &fixture.set, &fixture.seen);
	if (!result)
		return false;
	CHECK_EQ(result, DUMPFILTER_PARTIAL);
	CHECK_HAS(fixture.seen.text, "No space");
	for (unsigned i = 0; i < PIECES; i++) {
		if (i != full) {
			CHECK_EQ(fixture.set.seen[i].result, 0);
			CHECK_EQ(fixture.set.seen[i].written_pages, fixture.set.seen[i].kept_pages);
		} else {
			CHECK(fixture.set.seen[i].result);
		}
	}
	if (fixture.set.seen[full].result < 0) { /* not even its headers */
		CHECK_EQ(fixture.set.pieces[full].result, fixture.set.seen[full].result);
		CHECK_EQ(-fixture.set.seen[full].result, -DUMPFILTER_E_NOSPACE);
		CHECK_EQ(fixture.set.seen[full].written_pages, 0);
		return true;
	}
	check_partial(ss_check(&fixture.memory, &fixture.set, 64, true));
	return true;
}

static void full_disk(const struct shape *shape)
{
	struct ss_how how = how_of(shape);
	unsigned opened = 0, partial = 0;

	CHECK_EQ(rf_dump(&fixture.image, &how.how, &fixture.memory, &fixture.seen), 0);
	for (unsigned full = 0; full < PIECES; full++) {
		uint64_t head = ss_head(&fixture.memory).desc;

		for (uint64_t room = 100; one_room(shape, full, room); room += room < head ? 4001 : 9973) {
			partial++;
			opened += fixture.set.seen[full].result == DUMPFILTER_PARTIAL;
		}
	}
	CHECK(partial > 6);
	if (shape->caps & DUMPFILTER_IO_REWRITE)
		CHECK(opened > 3);
}

/* Every disk is full at once. */
static void all_full(void)
{
	struct ss_how how = how_of(&shapes[0]);

	for (uint64_t room = 100; room < 40000; room += 3000) {
		int result;

		ss_free(&fixture.set);
		for (unsigned i = 0; i < PIECES; i++)
			fixture.set.pieces[i].room = room;
		result = ss_split(&fixture.image, &how, &fixture.set, &fixture.seen);
		CHECK(result == DUMPFILTER_PARTIAL || result == DUMPFILTER_E_NOSPACE);
		CHECK_HAS(fixture.seen.text, "No space");
		for (unsigned i = 0; result == DUMPFILTER_PARTIAL && i < PIECES; i++)
			CHECK(is_marked(&fixture.set.pieces[i].file));
	}
}

static void cancel(const struct shape *shape)
{
	struct ss_how how = how_of(shape);
	unsigned before = 0, partial = 0;
	int result;

	CHECK_EQ(rf_dump(&fixture.image, &how.how, &fixture.memory, &fixture.seen), 0);
	do {
		ss_free(&fixture.set);
		how.cancel_at++;
		result = ss_split(&fixture.image, &how, &fixture.set, &fixture.seen);
		before += result == DUMPFILTER_E_CANCELLED;
		if (result == DUMPFILTER_E_CANCELLED)
			for (unsigned i = 0; i < PIECES; i++)
				CHECK_EQ(fixture.set.pieces[i].file.size, 0);
		if (result == DUMPFILTER_PARTIAL && ++partial)
			check_partial(ss_check(&fixture.memory, &fixture.set, 64, true));
	} while (result && how.cancel_at < 1000);
	CHECK_EQ(result, 0);
	CHECK(before > 0);
	CHECK(partial > 0);
}

/* ---- memory */

static void every_allocation(void)
{
	struct ss_how how = how_of(&shapes[0]), join = copy_all;
	struct fi_heap heap = { 0 };
	int result;

	how.alloc = join.alloc = fi_heap_alloc;
	how.release = join.release = fi_heap_free;
	how.heap = join.heap = &heap;
	how.how.threads = 2;
	CHECK_EQ(rf_dump(&fixture.image, &how.how, &fixture.memory, &fixture.seen), 0);
	for (unsigned long count = 1;; count++) {
		ss_free(&fixture.set);
		heap = (struct fi_heap){ .fail_at = count };
		result = ss_split(&fixture.image, &how, &fixture.set, &fixture.seen);
		CHECK_EQ(atomic_load(&heap.live), 0);
		CHECK(result == 0 || result == DUMPFILTER_E_NOMEM);
		if (!result)
			CHECK_EQ(ss_check(&fixture.memory, &fixture.set, 64, false), fixture.seen.report.kept_pages);
		else
			for (unsigned i = 0; i < PIECES; i++)
				CHECK_EQ(fixture.set.pieces[i].file.size, 0);
		if (heap.calls < count)
			break;
	}
	for (unsigned long count = 1;; count++) {
		heap = (struct fi_heap){ .fail_at = count };
		result = ss_dump(&fixture.set, NULL, &join, &fixture.joined, &fixture.seen);
		CHECK_EQ(atomic_load(&heap.live), 0);
		CHECK(result == 0 || result == DUMPFILTER_E_NOMEM);
		CHECK(result || memory_same(&fixture.joined, &fixture.memory));
		if (heap.calls < count)
			break;
	}
}

/* The plan is not remembered but made again for each chunk. */
static void planned_in_a_window(void)
{
	for (size_t i = 0; i < SHAPES; i++) {
		struct ss_how how = how_of(&shapes[i]);
		struct fi_heap heap = { .refuse = HEAP_CHUNK };

		CHECK_EQ(rf_dump(&fixture.image, &how.how, &fixture.memory, &fixture.seen), 0);
		how.alloc = fi_heap_alloc;
		how.release = fi_heap_free;
		how.heap = &heap;
		ss_free(&fixture.set);
		CHECK_EQ(ss_split(&fixture.image, &how, &fixture.set, &fixture.seen), 0);
		CHECK(heap.refused);
		CHECK_EQ(ss_check(&fixture.memory, &fixture.set, 64, false), fixture.seen.report.kept_pages);
	}
}

/* An error for lack of memory names what suffices, the pieces included. */
static int with_limit(size_t limit, struct rf_seen *seen)
{
	struct dumpfilter_source_ops source = memory_source(&fixture.image, "input");
	struct dumpfilter_config config = DUMPFILTER_CONFIG_INIT;
	struct ss_how how = how_of(&shapes[0]);
	struct dumpfilter *df = dumpfilter_new(NULL);

	config.level = 31;
	config.codec = DUMPFILTER_CODEC_ZLIB;
	config.threads = 2;
	config.memory_limit = limit;
	how.count = SS_MAX;
	ss_free(&fixture.set);
	CHECK_EQ(dumpfilter_open(df, &source, &fixture.image), 0);
	CHECK_EQ(dumpfilter_configure(df, &config), 0);
	seen->result = dumpfilter_plan(df);
	if (seen->result >= 0)
		seen->result = ss_write_pieces(df, &how, &fixture.set);
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
		for (const char *text = strstr(seen.text, needle); text; text = strstr(text + 1, needle))
			at = text;
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
	const char *bad = fi_image_build(&fixture.img, fi_tiny, NULL);

	if (bad) {
		printf("not ok - image: %s\n", bad);
		return EXIT_FAILURE;
	}
	fixture.image = (struct memory){ fixture.img.built.data, fixture.img.built.size, fixture.img.built.size };
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
	ss_free(&fixture.set);
	memory_free(&fixture.memory);
	memory_free(&fixture.joined);
	fi_image_free(&fixture.img);
	return T_END();
}
