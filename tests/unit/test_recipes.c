/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Every recipe of tests/fixtures/recipes at every level: the frames that the plan keeps are what its "# expect" lines
 * say, with one thread and with three, and the dump that is written holds these frames.  A recipe is one case.
 */
#include "build.h"
#include "memory.h"
#include "recipes.h"
#include "t.h"

struct kept {
	struct builder_range *range;
	size_t count;
};

static int add_range(void *user, uint64_t first, uint64_t count)
{
	struct kept *kept = user;

	kept->range = realloc(kept->range, (kept->count + 1) * sizeof *kept->range);
	kept->range[kept->count++] = (struct builder_range){ first, first + count - 1 };
	return 0;
}

struct fixture {
	const char *name;
	struct builder_image image;
	struct builder_expect expect;
	struct dumpfilter *df;
	struct kept kept;
};

static int open_and_plan(struct fixture *fixture, int level, unsigned threads)
{
	struct memory image = { fixture->image.data, fixture->image.size, 0 };
	struct dumpfilter_source_ops ops = memory_source(&image, fixture->name);
	struct dumpfilter_config config = DUMPFILTER_CONFIG_INIT;
	int result;

	config.level = level;
	config.threads = threads;
	dumpfilter_close(fixture->df);
	result = dumpfilter_open(fixture->df, &ops, &image);
	if (!result)
		result = dumpfilter_configure(fixture->df, &config);
	if (!result)
		result = dumpfilter_plan(fixture->df);
	free(fixture->kept.range);
	fixture->kept = (struct kept){ 0 };
	if (result >= 0)
		dumpfilter_plan_foreach(fixture->df, add_range, &fixture->kept);
	return result;
}

static void check_outcome(const struct fixture *fixture, int level, int result)
{
	const char *text = dumpfilter_errmsg(fixture->df);

	switch (fixture->expect.outcome) {
	case BUILDER_FAIL:
		if (result >= 0)
			T_FAIL("level %d: should fail, result %d", level, result);
		break;
	case BUILDER_OK:
		if (result != DUMPFILTER_OK)
			T_FAIL("level %d: result %d: %s", level, result, text);
		break;
	case BUILDER_WARN:
		if (result != DUMPFILTER_WARN)
			T_FAIL("level %d: result %d, expected a warning: %s", level, result, text);
		break;
	case BUILDER_OK_OR_WARN:
		if (result < 0)
			T_FAIL("level %d: result %d: %s", level, result, text);
		break;
	case BUILDER_ANY:
		break;
	}
	if (result < 0 && !*text)
		T_FAIL("level %d: a failure without a text", level);
}

static void check_frames(const struct fixture *fixture, int level)
{
	struct builder_ranges kept = { fixture->kept.range, fixture->kept.count };

	for (size_t i = 0; i < fixture->image.present.count; i++) {
		for (uint64_t pfn = fixture->image.present.range[i].first; pfn <= fixture->image.present.range[i].last;
		     pfn++) {
			enum builder_verdict want = builder_expect_verdict(&fixture->expect, (unsigned)level, pfn);
			bool got = builder_ranges_have(&kept, pfn);

			if ((want == BUILDER_KEEP && !got) || (want == BUILDER_DROP && got))
				T_FAIL("level %d: frame %#" PRIx64 " is %s", level, pfn, got ? "kept" : "left out");
		}
	}
	for (size_t i = 0; i < kept.count; i++)
		if (!builder_ranges_have(&fixture->image.present, kept.range[i].first))
			T_FAIL("level %d: frame %#" PRIx64 " is kept but not in the image", level, kept.range[i].first);
}

/* All levels; under the slow sanitizers those that stand for the others. */
static bool is_tested(int level)
{
	static const unsigned few = 1u << 0 | 1u << 1 | 1u << 2 | 1u << 4 | 1u << 8 | 1u << 16 | 1u << 31;

	return !t_slow() || few >> level & 1;
}

/* Each level's price, as the plan at another level tells it, is what that level keeps. */
static void check_prices(struct fixture *fixture, const uint64_t count[32])
{
	for (int level = 0; level < 32; level++) {
		uint64_t pages;

		if (!is_tested(level))
			continue;
		CHECK_EQ(dumpfilter_plan_kept(fixture->df, level, &pages), 0);
		if (pages != count[level])
			T_FAIL("level %d: the plan says %" PRIu64 " pages, it keeps %" PRIu64, level, pages,
			       count[level]);
	}
}

static void check_present(struct fixture *fixture)
{
	struct dumpfilter_report report = DUMPFILTER_REPORT_INIT;

	CHECK_EQ(dumpfilter_report(fixture->df, &report), 0);
	if (fixture->expect.has_present)
		CHECK_EQ(report.present_pages + report.beyond_memmap_pages, fixture->expect.present);
}

static void same_with_threads(struct fixture *fixture, int level)
{
	struct kept kept = fixture->kept;
	bool same;

	fixture->kept = (struct kept){ 0 };
	CHECK(open_and_plan(fixture, level, 3) >= 0);
	same = kept.count == fixture->kept.count &&
	       (!kept.count || !memcmp(kept.range, fixture->kept.range, kept.count * sizeof *kept.range));
	free(kept.range);
	CHECK(same);
}

static void check(struct fixture *fixture)
{
	uint64_t count[32] = { 0 };
	int result = 0;

	for (int level = 0; level < 32; level++) {
		struct builder_ranges kept;

		if (!is_tested(level))
			continue;
		result = open_and_plan(fixture, level, 1);
		check_outcome(fixture, level, result);
		if (result < 0)
			continue;
		check_frames(fixture, level);
		kept = (struct builder_ranges){ fixture->kept.range, fixture->kept.count };
		count[level] = builder_ranges_count(&kept);
	}
	if (result < 0)
		return;
	check_prices(fixture, count);
	check_present(fixture);
	same_with_threads(fixture, 31);
}

static void build_and_check(struct fixture *fixture, const char *text, size_t length)
{
	char err[BUILDER_ERR] = "";

	if (builder_build(text, length, &fixture->image, err) ||
	    builder_expect_parse(text, length, &fixture->expect, err))
		T_FAIL("%s", err);
	check(fixture);
}

static void one_recipe(const char *name, const char *text, size_t length)
{
	static struct fixture fixture; /* static: survives the longjmp of a failed check */

	fixture = (struct fixture){ .name = name, .df = dumpfilter_new(NULL) };
	T_RUN(name, build_and_check(&fixture, text, length));
	dumpfilter_free(fixture.df);
	free(fixture.kept.range);
	builder_expect_free(&fixture.expect);
	builder_image_free(&fixture.image);
}

int main(int argc, char **argv)
{
	if (!rc_each(argc > 1 ? argv[1] : NULL, NULL, one_recipe))
		return EXIT_FAILURE;
	return T_END();
}
