/* SPDX-License-Identifier: GPL-2.0-or-later */
/* labels: long */
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
	const struct builder_image *image;
	struct dumpfilter_config config;
	enum how how;
	struct fi_heap heap;
	struct memory memory;
	int result;
	char text[600];
	struct dumpfilter_report report;
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
static int write_out(struct dumpfilter *df, struct dump *dump)
{
	struct dumpfilter_sink_ops ops = { .size = sizeof ops,
					   .caps = DUMPFILTER_IO_RANDOM | DUMPFILTER_IO_REWRITE,
					   .write = memory_write,
					   .name = "output" };
	struct dumpfilter_sink *sink = dumpfilter_sink_custom(df, &ops, &dump->memory);
	uint64_t kept = 0;
	struct df_err err;
	int result = 0;

	if (dump->how == DROPPED) {
		result = dumpfilter_plan(df);
		if (result >= 0)
			result = df_refill_drop_all(&df->dump, &df->config, &err);
		if (result >= 0)
			result = dumpfilter_plan_foreach(df, add_count, &kept);
		if (result >= 0)
			CHECK_EQ(kept, df->dump.plan.keep.count);
	}
	if (result >= 0)
		result = dumpfilter_run(df, sink);
	snprintf(dump->text, sizeof dump->text, "%s", dumpfilter_errmsg(df));
	dump->dropped = df->dump.plan.keep.dropped + df->dump.plan.forbidden.dropped;
	dumpfilter_sink_free(sink);
	return result;
}

static void go(struct dump *dump)
{
	struct dumpfilter_new_opts opts = { sizeof opts, fi_heap_alloc, fi_heap_free, &dump->heap };
	struct memory memory = { dump->image->data, dump->image->size, 0 };
	struct dumpfilter_source_ops source = memory_source(&memory, "image");
	struct dumpfilter *df = dumpfilter_new(&opts);

	memory_empty(&outputs[dump->how != REMEMBERED]);
	dump->memory = outputs[dump->how != REMEMBERED];
	dump->heap.refuse = dump->how == NEVER ? HEAP_CHUNK : 0;
	dump->report = (struct dumpfilter_report)DUMPFILTER_REPORT_INIT;
	dump->result = dumpfilter_open(df, &source, &memory);
	dump->opened = atomic_load(&df->env.mem_peak);
	dump->listed = df->dump.can_classify && !df_known(&df->dump.rules, DF_BUDDY);
	if (!dump->result)
		dump->result = dumpfilter_configure(df, &dump->config);
	if (!dump->result)
		dump->result = write_out(df, dump);
	if (dump->result >= 0)
		dumpfilter_report(df, &dump->report);
	dumpfilter_free(df);
	outputs[dump->how != REMEMBERED] = dump->memory;
}

static void same(const struct dump *dump, const struct dump *other)
{
	if (dump->result != other->result)
		T_FAIL("result %d instead of %d: %s", other->result, dump->result, other->text);
	CHECK_EQ(other->memory.size, dump->memory.size);
	CHECK(!dump->memory.size || !memcmp(dump->memory.data, other->memory.data, dump->memory.size));
	CHECK_EQ(other->report.kept_pages, dump->report.kept_pages);
	CHECK_EQ(other->report.written_pages, dump->report.written_pages);
	CHECK_EQ(other->report.zero_pages, dump->report.zero_pages);
	CHECK_EQ(other->report.lost_pages, dump->report.lost_pages);
	CHECK_EQ(other->report.elf_written_pages, dump->report.elf_written_pages);
	CHECK_EQ(other->report.doubtful_pages, dump->report.doubtful_pages);
	CHECK(!memcmp(other->report.class_pages, dump->report.class_pages, sizeof dump->report.class_pages));
}

static unsigned long windowed, pieces; /* dumps without any bits; chunks in them */

static void without_bits(const struct dump *dump, enum how how, unsigned threads)
{
	struct dump other = { .image = dump->image, .config = dump->config, .how = how };

	other.config.threads = threads;
	go(&other);
	same(dump, &other);
	windowed += other.dropped > 0;
	pieces += other.dropped;
}

/* With next to nothing: an error that names what is enough, and that is. */
static void named(const struct dump *dump)
{
	struct dump other = { .image = dump->image, .config = dump->config, .how = LIMITED };
	const char *end;
	size_t count;

	other.config.memory_limit = 1;
	go(&other);
	CHECK_EQ(-other.result, -DUMPFILTER_E_NOMEM);
	CHECK_EQ(other.memory.size, 0);
	CHECK_HAS(other.text, " bytes are enough for this dump");
	end = strstr(other.text, " bytes are enough");
	while (end > other.text && end[-1] >= '0' && end[-1] <= '9')
		end--;
	count = strtoull(end, NULL, 10);
	for (unsigned threads = 1; threads < 4; threads += 2) {
		struct dump e = { .image = dump->image, .config = dump->config, .how = LIMITED };

		e.config.memory_limit = count;
		e.config.threads = threads;
		go(&e);
		same(dump, &e);
		CHECK(e.report.peak_memory <= (count > e.opened ? count : e.opened));
	}
}

static void one_way(const struct builder_image *image, int format, int level)
{
	struct dump dump = { .image = image, .config = DUMPFILTER_CONFIG_INIT };

	dump.config.format = format;
	dump.config.level = level;
	dump.config.threads = 1;
	dump.config.memory_limit = DUMPFILTER_MEMORY_UNLIMITED;
	go(&dump);
	CHECK_EQ(dump.dropped, 0);
	without_bits(&dump, DROPPED, 1);
	without_bits(&dump, dump.listed ? DROPPED : NEVER, 3);
	if (dump.result >= 0)
		named(&dump);
}

static void all_ways(const struct builder_image *image)
{
	one_way(image, DUMPFILTER_FORMAT_KDUMP, 31);
	one_way(image, DUMPFILTER_FORMAT_ELF, 31);
	one_way(image, DUMPFILTER_FORMAT_ELF, 30);
	one_way(image, DUMPFILTER_FORMAT_ELF, 1);
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
	size_t count = (size_t)snprintf(text, size, "%s", gigantic);
	char *filesz = strstr(text, "load 1G 2G filesz=0\n");

	memset(filesz, ' ', strlen("load 1G 2G filesz=0"));
	for (unsigned column = 8; column < 24; column++)
		count += (size_t)snprintf(text + count, size - count, "load 0x%llx 64K\nload 0x%llx 16K\n",
					  (unsigned long long)column << 27,
					  ((unsigned long long)column << 27) + (127u << 20));
	snprintf(text + count, size - count, "%s", units);
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
		struct builder_image image = { 0 };
		unsigned long before = pieces;

		recipe_gigantic(text, sizeof text, units[i]);
		if (builder_build(text, strlen(text), &image, err))
			T_FAIL("%s", err);
		all_ways(&image);
		CHECK(pieces - before > 30);
		builder_image_free(&image);
	}
}

/* ---- all recipes */

static void build_and_check(const char *text, size_t length)
{
	static struct builder_image image;
	char err[BUILDER_ERR] = "";

	if (builder_build(text, length, &image, err))
		T_FAIL("%s", err);
	all_ways(&image);
	builder_image_free(&image);
}

static void one_recipe(const char *name, const char *text, size_t length)
{
	T_RUN(name, build_and_check(text, length));
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
