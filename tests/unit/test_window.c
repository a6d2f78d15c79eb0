/* SPDX-License-Identifier: GPL-2.0-or-later */
/* timeout: 1800 */
/*
 * Every recipe of tests/fixtures/recipes, written with the plan's bits in memory and without: the same bytes, the same
 * result, the same numbers.  And with just the memory that an error has named.
 */
#include "api/context.h"
#include "run/refill.h"

#include "build.h"
#include "heap.h"
#include "memory.h"
#include "recipes.h"
#include "t.h"

/* Two outputs are enough, one to compare with. */
static struct memory outputs[2];

/* ---- one dump */

enum how { REMEMBERED, NEVER, DROPPED, LIMITED };

struct dump {
	const struct builder_image *img;
	struct dumpfilter_config cfg;
	enum how how;
	struct fi_heap heap;
	struct memory out;
	int result;
	char text[600];
	struct dumpfilter_report rep;
	uint64_t dropped;
	size_t opened; /* the peak until then: no limit is in force */
	bool listed;   /* free lists had to be walked, what was found has bits of its own */
};

static int add_count(void *user, uint64_t first, uint64_t count)
{
	(void)first;
	*(uint64_t *)user += count;
	return 0;
}

/* As the tool does it: the sink is made before planning. */
static int write_out(struct dumpfilter *df, struct dump *d)
{
	struct dumpfilter_sink_ops ops = { .size = sizeof ops,
					   .caps = DUMPFILTER_IO_RANDOM | DUMPFILTER_IO_REWRITE,
					   .write = memory_write,
					   .name = "output" };
	struct dumpfilter_sink *sink = dumpfilter_sink_custom(df, &ops, &d->out);
	uint64_t kept = 0;
	struct df_err err;
	int r = 0;

	if (d->how == DROPPED) {
		r = dumpfilter_plan(df);
		if (r >= 0)
			r = df_refill_drop_all(&df->dump, &df->cfg, &err);
		if (r >= 0)
			r = dumpfilter_plan_foreach(df, add_count, &kept);
		if (r >= 0)
			CHECK_EQ(kept, df->dump.plan.keep.count);
	}
	if (r >= 0)
		r = dumpfilter_run(df, sink);
	snprintf(d->text, sizeof d->text, "%s", dumpfilter_errmsg(df));
	d->dropped = df->dump.plan.keep.dropped + df->dump.plan.forbidden.dropped;
	dumpfilter_sink_free(sink);
	return r;
}

static void go(struct dump *d)
{
	struct dumpfilter_new_opts opts = { sizeof opts, fi_heap_alloc, fi_heap_free, &d->heap };
	struct memory in = { d->img->data, d->img->size, 0 };
	struct dumpfilter_source_ops source = memory_source(&in, "image");
	struct dumpfilter *df = dumpfilter_new(&opts);

	memory_empty(&outputs[d->how != REMEMBERED]);
	d->out = outputs[d->how != REMEMBERED];
	d->heap.refuse = d->how == NEVER ? HEAP_CHUNK : 0;
	d->rep = (struct dumpfilter_report)DUMPFILTER_REPORT_INIT;
	d->result = dumpfilter_open(df, &source, &in);
	d->opened = atomic_load(&df->env.mem_peak);
	d->listed = df->dump.can_classify && !df_known(&df->dump.rules, DF_BUDDY);
	if (!d->result)
		d->result = dumpfilter_configure(df, &d->cfg);
	if (!d->result)
		d->result = write_out(df, d);
	if (d->result >= 0)
		dumpfilter_report(df, &d->rep);
	dumpfilter_free(df);
	outputs[d->how != REMEMBERED] = d->out;
}

static void same(const struct dump *a, const struct dump *b)
{
	if (a->result != b->result)
		T_FAIL("result %d instead of %d: %s", b->result, a->result, b->text);
	CHECK_EQ(b->out.size, a->out.size);
	CHECK(!a->out.size || !memcmp(a->out.data, b->out.data, a->out.size));
	CHECK_EQ(b->rep.kept_pages, a->rep.kept_pages);
	CHECK_EQ(b->rep.written_pages, a->rep.written_pages);
	CHECK_EQ(b->rep.zero_pages, a->rep.zero_pages);
	CHECK_EQ(b->rep.lost_pages, a->rep.lost_pages);
	CHECK_EQ(b->rep.elf_written_pages, a->rep.elf_written_pages);
	CHECK_EQ(b->rep.doubtful_pages, a->rep.doubtful_pages);
	CHECK(!memcmp(b->rep.class_pages, a->rep.class_pages, sizeof a->rep.class_pages));
}

static unsigned long windowed, pieces; /* dumps without any bits; chunks in them */

static void without_bits(const struct dump *ref, enum how how, unsigned threads)
{
	struct dump d = { .img = ref->img, .cfg = ref->cfg, .how = how };

	d.cfg.threads = threads;
	go(&d);
	same(ref, &d);
	windowed += d.dropped > 0;
	pieces += d.dropped;
}

/* With next to nothing: an error that names what is enough, and that is. */
static void named(const struct dump *ref)
{
	struct dump d = { .img = ref->img, .cfg = ref->cfg, .how = LIMITED };
	const char *end;
	size_t n;

	d.cfg.memory_limit = 1;
	go(&d);
	CHECK_EQ(-d.result, -DUMPFILTER_E_NOMEM);
	CHECK_EQ(d.out.size, 0);
	CHECK_HAS(d.text, " bytes are enough for this dump");
	end = strstr(d.text, " bytes are enough");
	while (end > d.text && end[-1] >= '0' && end[-1] <= '9')
		end--;
	n = strtoull(end, NULL, 10);
	for (unsigned threads = 1; threads < 4; threads += 2) {
		struct dump e = { .img = ref->img, .cfg = ref->cfg, .how = LIMITED };

		e.cfg.memory_limit = n;
		e.cfg.threads = threads;
		go(&e);
		same(ref, &e);
		CHECK(e.rep.peak_memory <= (n > e.opened ? n : e.opened));
	}
}

static void one_way(const struct builder_image *img, int format, int level)
{
	struct dump ref = { .img = img, .cfg = DUMPFILTER_CONFIG_INIT };

	ref.cfg.format = format;
	ref.cfg.level = level;
	ref.cfg.threads = 1;
	ref.cfg.memory_limit = DUMPFILTER_MEMORY_UNLIMITED;
	go(&ref);
	CHECK_EQ(ref.dropped, 0);
	without_bits(&ref, DROPPED, 1);
	without_bits(&ref, ref.listed ? DROPPED : NEVER, 3);
	if (ref.result >= 0)
		named(&ref);
}

static void all_ways(const struct builder_image *img)
{
	one_way(img, DUMPFILTER_FORMAT_KDUMP, 31);
	one_way(img, DUMPFILTER_FORMAT_ELF, 31);
	one_way(img, DUMPFILTER_FORMAT_ELF, 30);
	one_way(img, DUMPFILTER_FORMAT_ELF, 1);
}

/* ---- gigantic pages and where they are looked for: units of eight chunks and more, chunks of which only a part is
 * kept in them, before and behind them, and others that begin inside */

static const char gigantic[] = "preset 6.12\n"
			       "ram 0 80M\n"
			       "ram 1G 2G zero\n"
			       "ram 5G 16M\n"
			       "layout alloc_end=80M\n"
			       "load kernel\n"
			       "load 0 80M\n"
			       "load 1G 2G filesz=0\n"
			       "load 5G 16M\n";

/* Loads of a few pages in each chunk of [1G, 3G), so that every chunk is mixed but for what the unit says. */
static void recipe_gigantic(char *text, size_t size, const char *units)
{
	size_t n = (size_t)snprintf(text, size, "%s", gigantic);
	char *filesz = strstr(text, "load 1G 2G filesz=0\n");

	memset(filesz, ' ', strlen("load 1G 2G filesz=0"));
	for (unsigned c = 8; c < 24; c++)
		n += (size_t)snprintf(text + n, size - n, "load 0x%llx 64K\nload 0x%llx 16K\n",
				      (unsigned long long)c << 27, ((unsigned long long)c << 27) + (127u << 20));
	snprintf(text + n, size - n, "%s", units);
}

static void gigantic_units(void)
{
	static const char *const units[] = {
		"compound 0x40000 order=18 kind=pool\ncompound 0x80000 order=18 kind=hugetlb flags=+hwpoison\n",
		"compound 0x40000 order=17 kind=hugetlb flags=+hwpoison\ncompound 0x90000 order=16 kind=anon\n"
		"load 0x5fff0000 128K\n"
		"page 0x60000-0x60003 kind=anon\npage 0x8fc00-0x8fc02 kind=anon\n",
	};
	char text[8000], err[BUILDER_ERR] = "";

	for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
		struct builder_image img = { 0 };
		unsigned long before = pieces;

		recipe_gigantic(text, sizeof text, units[i]);
		if (builder_build(text, strlen(text), &img, err))
			T_FAIL("%s", err);
		all_ways(&img);
		CHECK(pieces - before > 30);
		builder_image_free(&img);
	}
}

/* ---- all recipes */

static void build_and_check(const char *text, size_t len)
{
	static struct builder_image img;
	char err[BUILDER_ERR] = "";

	if (builder_build(text, len, &img, err))
		T_FAIL("%s", err);
	all_ways(&img);
	builder_image_free(&img);
}

static void one_recipe(const char *name, const char *text, size_t len)
{
	T_RUN(name, build_and_check(text, len));
}

int main(int argc, char **argv)
{
	RUN(gigantic_units);
	if (!rc_each(argc > 1 ? argv[1] : NULL, rc_tenth, one_recipe))
		return EXIT_FAILURE;
	printf("# %lu dumps without bits, %lu chunks in them\n", windowed, pieces);
	T_RUN("bits_were_dropped", CHECK(argc > 1 || windowed > (t_slow() ? 50u : 200u)));
	free(outputs[0].data);
	free(outputs[1].data);
	return T_END();
}
