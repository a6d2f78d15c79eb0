/* SPDX-License-Identifier: GPL-2.0-or-later */
/* labels: long */
/* timeout: 1200 */
/*
 * Every recipe of tests/fixtures/recipes, filtered twice: dumping at one level and the dump at another gives the same
 * bytes as dumping at both at once, with each codec, through a flattened stream, with threads.  A recipe is one case.
 */
#include "build.h"
#include "recipes.h"
#include "refilter.h"

static struct {
	struct memory image, first, again, once;
	struct rf_seen seen;
} fixture;

static bool is_kept_open(const struct rf_how *how)
{
	return rf_dump(&fixture.image, how, &fixture.first, &fixture.seen) >= 0;
}

/* first at level a, again at b: as once at both. */
static void same_bytes(int a, int second, const struct rf_how *base)
{
	struct rf_how first = *base, again = *base, once = *base;
	int want, got;

	first.level = a;
	again.level = second;
	once.level = a | second;
	again.flat = once.flat = false;
	first.slow_source = false;
	if (!is_kept_open(&first))
		return;
	want = rf_dump(&fixture.image, &once, &fixture.once, &fixture.seen);
	got = rf_dump(&fixture.first, &again, &fixture.again, &fixture.seen);
	if ((want < 0) != (got < 0))
		T_FAIL("level %d then %d: result %d (%s), at once %d", a, second, got, fixture.seen.text, want);
	if (want < 0)
		return;
	CHECK_EQ(fixture.seen.image.level, a);
	if (!memory_same(&fixture.again, &fixture.once))
		T_FAIL("level %d then %d, codec %d: %zu bytes, at once %zu, or other ones", a, second, base->codec,
		       fixture.again.size, fixture.once.size);
}

static void check(void)
{
	int quick = dumpfilter_codec_available(DUMPFILTER_CODEC_LZO) ? DUMPFILTER_CODEC_LZO : DUMPFILTER_CODEC_NONE;
	struct rf_how how = { .codec = quick };

	if (!t_slow()) {
		same_bytes(1, 31, &how);
		same_bytes(31, 0, &how);
	}
	how = (struct rf_how){ .codec = quick, .flat = true, .threads = 3 };
	same_bytes(0, 31, &how);
}

/* ELF of a dump, unpacked by several threads. */
static void same_elf(void)
{
	struct rf_how first = { .level = 8, .codec = DUMPFILTER_CODEC_ZLIB },
		      how = { .level = 31, .format = DUMPFILTER_FORMAT_ELF };

	CHECK(is_kept_open(&first));
	CHECK_EQ(rf_dump(&fixture.first, &how, &fixture.once, &fixture.seen), 0);
	how.threads = 3;
	CHECK_EQ(rf_dump(&fixture.first, &how, &fixture.again, &fixture.seen), 0);
	CHECK(memory_same(&fixture.once, &fixture.again));
}

/* QEMU reads the note's decimal number as a hexadecimal one: its header must not be believed. */
static void wrong_phys_base(void)
{
	struct rf_how first = { .level = 1 }, high = { .level = 31 };

	CHECK(is_kept_open(&first));
	CHECK(rf_dump(&fixture.image, &high, &fixture.once, &fixture.seen) >= 0);
	memset(fixture.first.data + 4096, 0xa5, 8);
	CHECK(rf_dump(&fixture.first, &high, &fixture.again, &fixture.seen) >= 0);
	CHECK(memory_same(&fixture.once, &fixture.again));
}

static void check_all(void)
{
	static const int levels[][2] = { { 0, 31 }, { 0, 1 }, { 1, 31 }, { 31, 31 }, { 8, 16 }, { 16, 1 }, { 31, 0 } };
	struct rf_how how = { 0 };

	for (how.codec = DUMPFILTER_CODEC_NONE; how.codec <= DUMPFILTER_CODEC_ZSTD; how.codec++) {
		if (!dumpfilter_codec_available(how.codec))
			continue;
		for (size_t i = 0; i < sizeof levels / sizeof *levels; i++) {
			how.flat = how.slow_source = i % 2;
			how.threads = 1 + i % 3;
			same_bytes(levels[i][0], levels[i][1], &how);
		}
	}
	same_elf();
	wrong_phys_base();
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
	memory_free(&fixture.first);
	memory_free(&fixture.again);
	memory_free(&fixture.once);
	return T_END();
}
