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
	struct builder_range *v;
	size_t n;
};

static int add_range(void *user, uint64_t first, uint64_t count)
{
	struct kept *k = user;

	k->v = realloc(k->v, (k->n + 1) * sizeof *k->v);
	k->v[k->n++] = (struct builder_range){ first, first + count - 1 };
	return 0;
}

struct fixture {
	const char *name;
	struct builder_image img;
	struct builder_expect expect;
	struct dumpfilter *df;
	struct kept kept;
};

static int open_and_plan(struct fixture *f, int level, unsigned threads)
{
	struct memory image = { f->img.data, f->img.size, 0 };
	struct dumpfilter_source_ops ops = memory_source(&image, f->name);
	struct dumpfilter_config cfg = DUMPFILTER_CONFIG_INIT;
	int r;

	cfg.level = level;
	cfg.threads = threads;
	dumpfilter_close(f->df);
	r = dumpfilter_open(f->df, &ops, &image);
	if (!r)
		r = dumpfilter_configure(f->df, &cfg);
	if (!r)
		r = dumpfilter_plan(f->df);
	free(f->kept.v);
	f->kept = (struct kept){ 0 };
	if (r >= 0)
		dumpfilter_plan_foreach(f->df, add_range, &f->kept);
	return r;
}

static void check_outcome(const struct fixture *f, int level, int r)
{
	const char *text = dumpfilter_errmsg(f->df);

	switch (f->expect.outcome) {
	case BUILDER_FAIL:
		if (r >= 0)
			T_FAIL("level %d: should fail, result %d", level, r);
		break;
	case BUILDER_OK:
		if (r != DUMPFILTER_OK)
			T_FAIL("level %d: result %d: %s", level, r, text);
		break;
	case BUILDER_WARN:
		if (r != DUMPFILTER_WARN)
			T_FAIL("level %d: result %d, expected a warning: %s", level, r, text);
		break;
	case BUILDER_OK_OR_WARN:
		if (r < 0)
			T_FAIL("level %d: result %d: %s", level, r, text);
		break;
	case BUILDER_ANY:
		break;
	}
	if (r < 0 && !*text)
		T_FAIL("level %d: a failure without a text", level);
}

static void check_frames(const struct fixture *f, int level)
{
	struct builder_ranges kept = { f->kept.v, f->kept.n };

	for (size_t i = 0; i < f->img.present.n; i++) {
		for (uint64_t pfn = f->img.present.v[i].first; pfn <= f->img.present.v[i].last; pfn++) {
			enum builder_verdict want = builder_expect_verdict(&f->expect, (unsigned)level, pfn);
			bool got = builder_ranges_have(&kept, pfn);

			if ((want == BUILDER_KEEP && !got) || (want == BUILDER_DROP && got))
				T_FAIL("level %d: frame %#" PRIx64 " is %s", level, pfn, got ? "kept" : "left out");
		}
	}
	for (size_t i = 0; i < kept.n; i++)
		if (!builder_ranges_have(&f->img.present, kept.v[i].first))
			T_FAIL("level %d: frame %#" PRIx64 " is kept but not in the image", level, kept.v[i].first);
}

/* All levels; under the slow sanitizers those that stand for the others. */
static bool is_tested(int level)
{
	static const unsigned few = 1u << 0 | 1u << 1 | 1u << 2 | 1u << 4 | 1u << 8 | 1u << 16 | 1u << 31;

	return !t_slow() || few >> level & 1;
}

/* Each level's price, as the plan at another level tells it, is what that level keeps. */
static void check_prices(struct fixture *f, const uint64_t count[32])
{
	for (int level = 0; level < 32; level++) {
		uint64_t pages;

		if (!is_tested(level))
			continue;
		CHECK_EQ(dumpfilter_plan_kept(f->df, level, &pages), 0);
		if (pages != count[level])
			T_FAIL("level %d: the plan says %" PRIu64 " pages, it keeps %" PRIu64, level, pages,
			       count[level]);
	}
}

static void check_present(struct fixture *f)
{
	struct dumpfilter_report rep = DUMPFILTER_REPORT_INIT;

	CHECK_EQ(dumpfilter_report(f->df, &rep), 0);
	if (f->expect.has_present)
		CHECK_EQ(rep.present_pages + rep.beyond_memmap_pages, f->expect.present);
}

static void same_with_threads(struct fixture *f, int level)
{
	struct kept one = f->kept;
	bool same;

	f->kept = (struct kept){ 0 };
	CHECK(open_and_plan(f, level, 3) >= 0);
	same = one.n == f->kept.n && (!one.n || !memcmp(one.v, f->kept.v, one.n * sizeof *one.v));
	free(one.v);
	CHECK(same);
}

static void check(struct fixture *f)
{
	uint64_t count[32] = { 0 };
	int r = 0;

	for (int level = 0; level < 32; level++) {
		struct builder_ranges kept;

		if (!is_tested(level))
			continue;
		r = open_and_plan(f, level, 1);
		check_outcome(f, level, r);
		if (r < 0)
			continue;
		check_frames(f, level);
		kept = (struct builder_ranges){ f->kept.v, f->kept.n };
		count[level] = builder_ranges_count(&kept);
	}
	if (r < 0)
		return;
	check_prices(f, count);
	check_present(f);
	same_with_threads(f, 31);
}

static void build_and_check(struct fixture *f, const char *text, size_t len)
{
	char err[BUILDER_ERR] = "";

	if (builder_build(text, len, &f->img, err) || builder_expect_parse(text, len, &f->expect, err))
		T_FAIL("%s", err);
	check(f);
}

static void one_recipe(const char *name, const char *text, size_t len)
{
	static struct fixture f; /* static: survives the longjmp of a failed check */

	f = (struct fixture){ .name = name, .df = dumpfilter_new(NULL) };
	T_RUN(name, build_and_check(&f, text, len));
	dumpfilter_free(f.df);
	free(f.kept.v);
	builder_expect_free(&f.expect);
	builder_image_free(&f.img);
}

int main(int argc, char **argv)
{
	if (!rc_each(argc > 1 ? argv[1] : NULL, NULL, one_recipe))
		return EXIT_FAILURE;
	return T_END();
}
