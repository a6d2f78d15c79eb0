/* SPDX-License-Identifier: GPL-2.0-or-later */
/* labels: long */
/* timeout: 1200 */
/*
 * Every recipe of tests/fixtures/recipes, split: each piece, read by a reader of its own, holds just its pages of the
 * dump in one file, and the pieces put together are that file byte by byte, whatever the codec, the level, the number
 * of threads and the order of the files.  A recipe is one case.
 */
#include "build.h"
#include "recipes.h"
#include "splitset.h"

static struct {
	struct memory image, memory, joined;
	struct ss_set set;
	struct rf_seen seen;
} fixture;

/* The image in one file, as how says but for pieces; false: it cannot be dumped. */
static bool dump_one(const struct ss_how *how)
{
	struct rf_how one = how->how;

	one.flat = false;
	return rf_dump(&fixture.image, &one, &fixture.memory, &fixture.seen) >= 0;
}

static void join(const unsigned *order, unsigned threads)
{
	struct ss_how how = { .how = { .codec = DUMPFILTER_CODEC_INPUT, .threads = threads },
			      .flags = DUMPFILTER_COPY_ALL };

	if (ss_dump(&fixture.set, order, &how, &fixture.joined, &fixture.seen) != 0)
		T_FAIL("joining: %d, %s", fixture.seen.result, fixture.seen.text);
	if (!memory_same(&fixture.joined, &fixture.memory))
		T_FAIL("joined: %zu bytes, in one %zu, or other ones", fixture.joined.size, fixture.memory.size);
}

static void split_and_join(const struct ss_how *how)
{
	static const unsigned reversed[3][5] = { { 1, 0 }, { 2, 0, 1 }, { 4, 1, 3, 0, 2 } };
	uint64_t granule = how->block ? how->block / 4096 : 64;
	int result;

	if (!dump_one(how))
		return;
	ss_free(&fixture.set);
	result = ss_split(&fixture.image, how, &fixture.set, &fixture.seen);
	if (result != 0 && result != DUMPFILTER_WARN && result != DUMPFILTER_PARTIAL)
		T_FAIL("splitting: %d, %s", result, fixture.seen.text);
	if (!how->how.flat)
		CHECK_EQ(ss_check(&fixture.memory, &fixture.set, granule % 64 ? 64 : granule,
				  result == DUMPFILTER_PARTIAL),
			 fixture.seen.report.written_pages);
	if (result != DUMPFILTER_PARTIAL) /* a truncated image: pages are lost, see below */
		join(how->count == 2 ? reversed[0] : how->count == 3 ? reversed[1] : reversed[2], how->how.threads);
}

static void check(void)
{
	int quick = dumpfilter_codec_available(DUMPFILTER_CODEC_LZO) ? DUMPFILTER_CODEC_LZO : DUMPFILTER_CODEC_ZLIB;
	struct ss_how how = { .how = { .level = 31, .codec = quick, .threads = 3 }, .count = 3 };

	split_and_join(&how);
}

static void check_all(void)
{
	static const struct {
		unsigned count, threads, caps;
		int level;
		uint64_t block;
		bool flat;
	} shapes[] = {
		{ 2, 1, 0, 0, 0, false },
		{ 3, 4, DUMPFILTER_IO_RANDOM | DUMPFILTER_IO_REWRITE | DUMPFILTER_IO_CONCURRENT, 31, 0, false },
		{ 5, 2, DUMPFILTER_IO_RANDOM, 1, 1 << 20, false },
		{ 2, 3, 0, 31, 12 << 10, true },
	};

	for (int codec = DUMPFILTER_CODEC_NONE; codec <= DUMPFILTER_CODEC_ZSTD; codec++) {
		if (!dumpfilter_codec_available(codec))
			continue;
		for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
			struct ss_how how = { .how = { .level = shapes[i].level,
						       .codec = codec,
						       .threads = shapes[i].threads,
						       .flat = shapes[i].flat },
					      .count = shapes[i].count,
					      .caps = shapes[i].caps,
					      .block = shapes[i].block };

			split_and_join(&how);
		}
	}
}

static void one_recipe(const char *name, const char *text, size_t length)
{
	static struct builder_image image; /* static: survives the longjmp of a failed check */
	char err[BUILDER_ERR] = "";

	if (builder_build(text, length, &image, err))
		printf("# %s\n", err);
	fixture.image = (struct memory){ image.data, image.size, image.size };
	T_RUN(name, rc_stands_for_machine(name) ? check_all() : check());
	builder_image_free(&image);
}

int main(int argc, char **argv)
{
	if (!rc_each(argc > 1 ? argv[1] : NULL, rc_fifth, one_recipe))
		return EXIT_FAILURE;
	ss_free(&fixture.set);
	memory_free(&fixture.memory);
	memory_free(&fixture.joined);
	return T_END();
}
