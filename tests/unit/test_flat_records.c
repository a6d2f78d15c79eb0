/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Flattened streams as their readers see them: whole ones, ones that end early but in order (a limit, a cancel, pages
 * that cannot be read), ones that break off (a full disk, a connection that is lost), each piece of a split dump.
 */
#include "faults.h"
#include "flatreaders.h"
#include "splitset.h"

#include <errno.h>

#define PIECES 3

static struct fi_image img;

static const struct shape {
	const char *name;
	int format, codec, level;
	unsigned threads;
} shapes[] = {
	{ "l", DUMPFILTER_FORMAT_KDUMP, DUMPFILTER_CODEC_LZO, 31, 1 },
	{ "c", DUMPFILTER_FORMAT_KDUMP, DUMPFILTER_CODEC_ZLIB, 1, 3 },
	{ "plain", DUMPFILTER_FORMAT_KDUMP, DUMPFILTER_CODEC_NONE, 0, 2 },
	{ "E", DUMPFILTER_FORMAT_ELF, DUMPFILTER_CODEC_NONE, 31, 1 },
	{ "E_all", DUMPFILTER_FORMAT_ELF, DUMPFILTER_CODEC_NONE, 0, 2 },
};
#define SHAPES (sizeof shapes / sizeof *shapes)

static void init(struct fi_run *run, const struct shape *shape, const struct fi_image *image)
{
	fi_run_init(run, image);
	run->config.level = shape->level;
	run->config.format = shape->format;
	run->config.codec = shape->codec;
	run->config.threads = shape->threads;
	run->flat = true;
	run->disk.caps = 0;
}

/* What all readers find in a stream that has its end record; incomplete: so they must say. */
static void check_ended(const uint8_t *data, uint64_t length, bool incomplete)
{
	struct fr_stream fr_stream;
	char bad[200] = "";

	CHECK(fr_parse(&fr_stream, data, length));
	CHECK(fr_stream.ended);
	for (size_t i = 0; i < fr_nreaders && !*bad; i++) {
		const struct fr_reader *fr_reader = &fr_readers[i];
		bool marked = false;
		const char *why;

		if (!(fr_is_elf(&fr_stream) ? fr_reader->elf : fr_reader->kdump))
			continue;
		why = fr_reader->read(&fr_stream, &marked);
		if (!why && fr_reader->shows_mark && marked != incomplete)
			why = incomplete ? "takes it for whole" : "takes it for incomplete";
		if (why)
			snprintf(bad, sizeof bad, "%s: %s (%zu records)", fr_reader->name, why, fr_stream.count);
	}
	fr_free(&fr_stream);
	if (*bad)
		T_FAIL("%s", bad);
}

/* One that breaks off: who needs the end record says so, the others find what they look for. */
static void check_torn(const uint8_t *data, uint64_t length)
{
	struct fr_stream fr_stream;
	char bad[200] = "";

	CHECK(fr_parse(&fr_stream, data, length));
	CHECK(!fr_stream.ended);
	for (size_t i = 0; i < fr_nreaders && !*bad; i++) {
		const struct fr_reader *fr_reader = &fr_readers[i];
		bool marked = false;
		const char *why;

		if (!(fr_is_elf(&fr_stream) ? fr_reader->elf : fr_reader->kdump))
			continue;
		why = fr_reader->read(&fr_stream, &marked);
		if (fr_reader->wants_end ? !why : why != NULL)
			snprintf(bad, sizeof bad, "%s: %s", fr_reader->name, why ? why : "takes it");
	}
	fr_free(&fr_stream);
	if (*bad)
		T_FAIL("%s", bad);
}

static void run_to_end(struct fi_run *run, int want)
{
	FINE(fi_run_go(run));
	CHECK_EQ(run->result, want);
	check_ended(run->disk.data, run->disk.end, want == DUMPFILTER_PARTIAL);
}

static void whole(const struct shape *shape)
{
	struct fi_run run;

	init(&run, shape, &img);
	run_to_end(&run, 0);
	fi_run_free(&run);
}

/* All numbers of records that a stream may have. */
static void limits(const struct shape *shape)
{
	unsigned partial = 0;
	uint64_t needed;
	struct fi_run run;

	init(&run, shape, &img);
	FINE(fi_run_go(&run));
	needed = run.disk.end;
	fi_run_free(&run);
	for (uint64_t limit = needed / 10; limit < needed + 3000; limit += needed / (t_slow() ? 9 : 60)) {
		init(&run, shape, &img);
		run.limit = limit;
		FINE(fi_run_go(&run));
		CHECK(run.disk.end <= limit);
		if (run.result >= 0)
			check_ended(run.disk.data, run.disk.end, run.result == DUMPFILTER_PARTIAL);
		partial += run.result == DUMPFILTER_PARTIAL;
		fi_run_free(&run);
	}
	CHECK(partial > 2);
}

static void cancel(struct fi_run *run, struct dumpfilter *df, const struct dumpfilter_progress *progress)
{
	(void)run;
	if (progress->phase == DUMPFILTER_PHASE_COPY && progress->done)
		dumpfilter_cancel(df);
}

static void cancelled(const struct shape *shape)
{
	struct fi_run run;

	init(&run, shape, &img);
	run.progress = cancel;
	FINE(fi_run_go(&run));
	CHECK(run.result == 0 || run.result == DUMPFILTER_PARTIAL);
	check_ended(run.disk.data, run.disk.end, run.result == DUMPFILTER_PARTIAL);
	fi_run_free(&run);
}

/* Pages in the middle of memory that cannot be read, and an input that ends early, which is known beforehand. */
static void source_errors(const struct shape *shape)
{
	struct fi_run run;

	init(&run, shape, &img);
	run.source.fail_from = img.built.size / 8;
	run.source.fail_to = run.source.fail_from + 3 * FI_PAGE;
	FINE(fi_run_go(&run));
	CHECK(run.result == 0 || run.result == DUMPFILTER_PARTIAL);
	check_ended(run.disk.data, run.disk.end, run.result == DUMPFILTER_PARTIAL);
	fi_run_free(&run);

	init(&run, shape, &img);
	run.source.size -= 5 * FI_PAGE;
	run_to_end(&run, DUMPFILTER_PARTIAL);
	fi_run_free(&run);
}

static void full_disks(const struct shape *shape)
{
	struct fi_run run;
	uint64_t used;

	init(&run, shape, &img);
	FINE(fi_run_go(&run));
	used = run.disk.used;
	fi_run_free(&run);
	for (uint64_t room = 12; room < used; room += t_slow() ? 40 : 7) {
		init(&run, shape, &img);
		run.disk.room = room;
		FINE(fi_run_go(&run));
		CHECK(run.result < 0 || run.result == DUMPFILTER_PARTIAL);
		check_torn(run.disk.data, run.disk.end);
		fi_run_free(&run);
	}
}

/* What our own reading makes of a stream that breaks off: a dump that says so. */
static void lost_connections(const struct shape *shape)
{
	struct rf_how how = { .level = shape->level, .format = shape->format, .codec = shape->codec };
	struct memory memory = { 0 };
	struct rf_seen seen;
	struct fi_run run;

	init(&run, shape, &img);
	FINE(fi_run_go(&run));
	for (uint64_t lost = 1; lost < run.disk.end - 60000; lost = lost < 40 ? lost + 1 : lost * 5) {
		struct memory in = { run.disk.data, run.disk.end - lost, 0 };

		check_torn(in.data, in.size);
		CHECK(rf_dump(&in, &how, &memory, &seen) >= 0);
		CHECK(seen.image.truncated);
		CHECK(fr_is_marked(memory.data));
	}
	memory_free(&memory);
	fi_run_free(&run);
}

/* VMCOREINFO is in one record wherever it lies in how large notes. */
static void large_notes(void)
{
	static const uint64_t sizes[] = { 1000, 61000, 62000, 63000, 63500, 64000, 64500, 65000, 66000, 200000 };
	char more[200];

	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		struct fi_image large;
		struct fi_run run;

		snprintf(more, sizeof more, "note Large 1 %" PRIu64 " first\nnote Behind 1 70000\n", sizes[i]);
		FINE(fi_image_build(&large, fi_tiny, more));
		init(&run, &shapes[1], &large);
		run_to_end(&run, 0);
		fi_run_free(&run);
		fi_image_free(&large);
	}
	for (uint64_t size = 60000; size < 1 << 20; size += 250000) { /* what a hostile one may be */
		struct fi_image large;
		struct fi_run run;

		snprintf(more, sizeof more, "info none\nnote VMCOREINFO 0 %" PRIu64 "\n", size);
		FINE(fi_image_build(&large, fi_tiny, more));
		init(&run, &shapes[1], &large);
		run_to_end(&run, 0);
		fi_run_free(&run);
		fi_image_free(&large);
	}
}

/* Each piece a stream: all whole, or all marked. */
static void pieces(void)
{
	struct ss_how how = { .how = { .level = 1, .codec = DUMPFILTER_CODEC_ZLIB, .threads = 2, .flat = true },
			      .count = PIECES };
	struct memory image = { img.built.data, img.built.size, 0 };
	static struct ss_set set;
	struct rf_seen seen;
	uint64_t size[PIECES];

	CHECK_EQ(ss_split(&image, &how, &set, &seen), 0);
	for (unsigned i = 0; i < PIECES; i++) {
		size[i] = set.pieces[i].file.size;
		check_ended(set.pieces[i].file.data, size[i], false);
	}
	for (unsigned full = 0; full < PIECES; full++) {
		ss_free(&set);
		set.pieces[full].room = size[full] - 1000;
		CHECK_EQ(ss_split(&image, &how, &set, &seen), DUMPFILTER_PARTIAL);
		for (unsigned i = 0; i < PIECES; i++) {
			if (i == full)
				check_torn(set.pieces[i].file.data, set.pieces[i].file.size);
			else
				check_ended(set.pieces[i].file.data, set.pieces[i].file.size, true);
		}
	}
	ss_free(&set);
}

int main(void)
{
	static const struct {
		const char *name;
		void (*run)(const struct shape *shape);
	} cases[] = {
		{ "whole", whole },           { "limits", limits },
		{ "cancelled", cancelled },   { "source_errors", source_errors },
		{ "full_disks", full_disks }, { "lost_connections", lost_connections },
	};
	const char *bad = fi_image_build(&img, fi_tiny, NULL);

	if (bad) {
		printf("not ok - image: %s\n", bad);
		return EXIT_FAILURE;
	}
	for (size_t i = 0; i < SHAPES; i++) {
		for (size_t index = 0; index < sizeof cases / sizeof *cases; index++) {
			char name[64];

			snprintf(name, sizeof name, "%s_%s", cases[index].name, shapes[i].name);
			if (shapes[i].codec && !dumpfilter_codec_available(shapes[i].codec))
				printf("ok - %s # SKIP not built in\n", name);
			else
				T_RUN(name, cases[index].run(&shapes[i]));
		}
	}
	RUN(large_notes);
	RUN(pieces);
	fi_image_free(&img);
	return T_END();
}
