/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kernel log.  Recipes log-*.txt of tests/fixtures/recipes say in comments what comes of it:
 *
 *   # log| TEXT            a line of the log
 *   # partial| TEXT        a line of it since it was cleared; "# partial empty" where there is none
 *   # levels| TEXT         a line of it with levels
 *   # log result=partial   ok (default), partial or fail; then a part of the message may follow
 */
#include "build.h"
#include "memory.h"
#include "recipes.h"
#include "t.h"

#include <errno.h>

#define TEXT_MAX (1u << 20)

/* A sink that takes bytes in order only. */
struct paper {
	char text[TEXT_MAX];
	size_t length, limit;
	int finished, result;
};

static int write_paper(void *user, uint64_t offset, const void *buffer, size_t length)
{
	struct paper *sheet = user;

	if (offset != sheet->length || length >= TEXT_MAX - sheet->length)
		return -EIO;
	if (sheet->limit && sheet->length + length > sheet->limit)
		return -ENOSPC;
	memcpy(sheet->text + sheet->length, buffer, length);
	sheet->length += length;
	sheet->text[sheet->length] = '\0';
	return 0;
}

static int finish_paper(void *user, int result)
{
	struct paper *sheet = user;

	sheet->finished++;
	sheet->result = result;
	return 0;
}

static struct paper paper;
static struct builder_image image;
static struct memory memory;
static struct dumpfilter *df;

static void build(const char *text, size_t length)
{
	char err[BUILDER_ERR] = "";

	builder_image_free(&image);
	if (builder_build(text, length, &image, err))
		T_FAIL("%s", err);
	memory = (struct memory){ image.data, image.size, 0 };
}

static void open_image(void)
{
	struct dumpfilter_source_ops ops = memory_source(&memory, "image");

	ops.caps = 0;
	dumpfilter_free(df);
	df = dumpfilter_new(NULL);
	CHECK(df && !dumpfilter_open(df, &ops, &memory));
}

static void make(const char *text)
{
	build(text, strlen(text));
	open_image();
}

/* The log onto paper. */
static int get_log(unsigned flags, size_t limit)
{
	struct dumpfilter_sink_ops ops = { .size = sizeof ops, .write = write_paper, .finish = finish_paper };
	struct dumpfilter_dmesg_opts opts = DUMPFILTER_DMESG_OPTS_INIT;
	struct dumpfilter_sink *sink;
	int result;

	paper.length = 0;
	paper.limit = limit;
	paper.text[0] = '\0';
	paper.finished = 0;
	opts.flags = flags;
	sink = dumpfilter_sink_custom(df, &ops, &paper);
	CHECK(sink);
	result = dumpfilter_dmesg(df, &opts, sink);
	if ((result < 0 || result == DUMPFILTER_PARTIAL) && !dumpfilter_errmsg(df)[0])
		T_FAIL("result %d without a text", result);
	dumpfilter_sink_free(sink);
	return result;
}

/* ---- recipes */

static bool starts(const char *text, const char *with)
{
	return !strncmp(text, with, strlen(with));
}

/* All lines "# NAME| …" of the recipe, without that; false where there is none of it. */
static bool expected(const char *recipe, const char *name, char *out)
{
	char mark[32], none[32];
	bool any = false;

	snprintf(mark, sizeof mark, "# %s|", name);
	snprintf(none, sizeof none, "# %s empty", name);
	*out = '\0';
	for (const char *text = recipe; *text; text += strcspn(text, "\n"), text += *text == '\n') {
		size_t count = strcspn(text, "\n");

		any |= starts(text, mark) || starts(text, none);
		if (!starts(text, mark))
			continue;
		text += strlen(mark);
		count -= strlen(mark);
		text += count && *text == ' ';
		count -= count && text[-1] == ' ';
		out += sprintf(out, "%.*s\n", (int)count, text);
	}
	return any;
}

static void check_result(const char *recipe, int result)
{
	const char *text = strstr(recipe, "# log result="), *word = text ? text + 13 : "ok";
	int want = starts(word, "partial") ? DUMPFILTER_PARTIAL : starts(word, "fail") ? -1 : DUMPFILTER_OK;
	size_t count = strcspn(word, " \n");
	char part[200] = "";

	if (want == -1 ? result >= 0 : result != want)
		T_FAIL("result %d: %s", result, dumpfilter_errmsg(df));
	if (word[count] == ' ')
		snprintf(part, sizeof part, "%.*s", (int)strcspn(word + count + 1, "\n"), word + count + 1);
	CHECK_HAS(dumpfilter_errmsg(df), part);
}

static void compare(const char *name, const char *want)
{
	const char *got = paper.text;
	unsigned line = 1;

	if (!strcmp(got, want))
		return;
	for (; *got && *got == *want; got++, want++)
		line += *got == '\n';
	T_FAIL("%s: line %u differs: got …%.60s… instead of …%.60s…", name, line, got, want);
}

static void check_recipe(const char *recipe)
{
	static const struct {
		const char *name;
		unsigned flags;
	} modes[] = { { "log", 0 }, { "partial", DUMPFILTER_DMESG_PARTIAL }, { "levels", DUMPFILTER_DMESG_LEVELS } };
	static char want[TEXT_MAX];
	unsigned checked = 0;

	make(recipe);
	for (unsigned i = 0; i < 3; i++) {
		int result;

		if (!expected(recipe, modes[i].name, want))
			continue;
		result = get_log(modes[i].flags, 0);
		check_result(recipe, result);
		compare(modes[i].name, want);
		if (result >= 0) {
			CHECK_EQ(paper.finished, 1);
			CHECK_EQ(paper.result, result);
		}
		checked++;
	}
	CHECK(checked);
}

/* Of the recipes that say what comes of the log. */
static void one_recipe(const char *name, const char *text, size_t length)
{
	(void)length;
	if (starts(name, "log-"))
		T_RUN(name, check_recipe(text));
}

/* ---- the call */

#define SMALL "ram 0 2M\nlayout kernel=256K kernel_size=256K\npaging direct=4K kernel=4K\n"
#define RING  "preset 6.1\n" SMALL "log ring\nsay one ts=1000000\nsay two ts=2000000\n"

static const char ring_text[] = "[    0.001000] [      T0] one\n[    0.002000] [      T0] two\n";

static void order_of_calls(void)
{
	struct dumpfilter_dmesg_opts opts = DUMPFILTER_DMESG_OPTS_INIT;
	struct dumpfilter_sink *sink;

	make(RING);
	sink = dumpfilter_sink_null(df);
	CHECK_EQ(dumpfilter_dmesg(df, NULL, NULL), DUMPFILTER_E_INVAL);
	opts.flags = 4;
	CHECK_EQ(dumpfilter_dmesg(df, &opts, sink), DUMPFILTER_E_INVAL);
	CHECK_EQ(dumpfilter_dmesg(df, NULL, sink), 0);
	CHECK_EQ(dumpfilter_dmesg(df, NULL, sink), DUMPFILTER_E_SEQUENCE);
	CHECK_HAS(dumpfilter_errmsg(df), "has taken an output already");
	dumpfilter_sink_free(sink);
	/* before and after a plan, and again */
	CHECK(dumpfilter_plan(df) >= 0);
	CHECK_EQ(get_log(0, 0), 0);
	CHECK_STR(paper.text, ring_text);
	sink = dumpfilter_sink_null(df);
	CHECK(dumpfilter_run(df, sink) >= 0);
	dumpfilter_sink_free(sink);
	CHECK_EQ(get_log(0, 0), 0);
	CHECK_STR(paper.text, ring_text);
	dumpfilter_close(df);
	CHECK_EQ(get_log(0, 0), DUMPFILTER_E_SEQUENCE);
}

static void no_memory_map(void)
{
	struct dumpfilter_image_info info = DUMPFILTER_IMAGE_INFO_INIT;

	make(RING "info drop SYMBOL(mem_section)\n");
	CHECK(!dumpfilter_image_info(df, &info));
	CHECK_EQ(get_log(0, 0), 0);
	CHECK_STR(paper.text, ring_text);
}

static void no_facts(void)
{
	make(RING "info none\n");
	CHECK_EQ(get_log(0, 0), DUMPFILTER_E_NOINFO);
	CHECK_HAS(dumpfilter_errmsg(df), "no VMCOREINFO");
	make(RING "info drop SYMBOL(prb)\n");
	CHECK_EQ(get_log(0, 0), DUMPFILTER_E_NOINFO);
	CHECK_HAS(dumpfilter_errmsg(df), "SYMBOL(prb)");
	make(RING "info drop OFFSET(printk_info.text_len)\n");
	CHECK_EQ(get_log(0, 0), DUMPFILTER_E_NOINFO);
	CHECK_HAS(dumpfilter_errmsg(df), "OFFSET(printk_info.text_len)");
	make(RING "info set OFFSET(prb_desc.text_blk_lpos)=16\n"); /* its second word would lie behind the struct */
	CHECK_EQ(get_log(0, 0), DUMPFILTER_E_NOINFO);
	make(RING "info drop SYMBOL(init_top_pgt) SYMBOL(swapper_pg_dir)\n");
	CHECK(get_log(0, 0) < 0);
	CHECK_HAS(dumpfilter_errmsg(df), "kernel log: ");
	CHECK_EQ(paper.finished, 0);
}

#define MANY "preset 6.1\n" SMALL "log ring bits=16 count=10\nsay \"message {n}\" times=1000 pad=60\n"

static void full_disk(void)
{
	make(MANY);
	CHECK_EQ(get_log(0, 0), 0);
	CHECK(paper.length > 70000);
	CHECK_EQ(get_log(0, 70000), DUMPFILTER_PARTIAL); /* the second piece does not fit */
	CHECK_EQ(paper.length, 65536);
	CHECK_EQ(paper.finished, 1);
	CHECK_EQ(paper.result, DUMPFILTER_PARTIAL);
	CHECK_EQ(get_log(0, 100), DUMPFILTER_E_NOSPACE);
	CHECK_EQ(paper.finished, 0);
}

static void cancelled(void)
{
	make(MANY);
	dumpfilter_cancel(df);
	CHECK_EQ(get_log(0, 0), DUMPFILTER_E_CANCELLED);
	CHECK_EQ(paper.length, 0);
}

static void no_memory(void)
{
	struct dumpfilter_config config = DUMPFILTER_CONFIG_INIT;
	size_t enough = 0;

	for (size_t limit = 50000; limit < 4000000 && !enough; limit += 20000) {
		make(MANY);
		config.memory_limit = limit;
		CHECK(!dumpfilter_configure(df, &config));
		if (!get_log(0, 0))
			enough = limit;
		else
			CHECK_EQ(paper.finished, 0);
	}
	CHECK(enough > 50000);
}

/* What other tests write to a file is empty here: nothing since the clear. */
static void empty_file(void)
{
	struct dumpfilter_dmesg_opts opts = DUMPFILTER_DMESG_OPTS_INIT;
	char path[] = "/tmp/df-dmesg-XXXXXX";
	int fd = mkstemp(path);
	struct dumpfilter_sink *sink;
	FILE *file;

	CHECK(fd >= 0);
	file = fdopen(fd, "w");
	CHECK(file && fputs("old", file) >= 0 && !fclose(file));
	make(RING "log clear\n");
	opts.flags = DUMPFILTER_DMESG_PARTIAL;
	sink = dumpfilter_sink_path(df, path, DUMPFILTER_SINK_OVERWRITE);
	CHECK(sink);
	CHECK_EQ(dumpfilter_dmesg(df, &opts, sink), 0);
	dumpfilter_sink_free(sink);
	file = fopen(path, "r");
	CHECK(file && fgetc(file) == EOF && !fclose(file));
	remove(path);
}

int main(int argc, char **argv)
{
	if (!rc_each(argc > 1 ? argv[1] : NULL, NULL, one_recipe))
		return EXIT_FAILURE;
	RUN(order_of_calls);
	RUN(no_memory_map);
	RUN(no_facts);
	RUN(full_disk);
	RUN(cancelled);
	RUN(no_memory);
	RUN(empty_file);
	dumpfilter_free(df);
	builder_image_free(&image);
	return T_END();
}
