/* SPDX-License-Identifier: GPL-2.0-or-later */
/* DUMPFILTER_EXCLUDE_VMEMMAP through the interface: the numbers agree with each other and with what is written,
 * whatever the threads, and nothing of it stays behind.  Which frames are the right ones: tests/cli/test_vmemmap.sh. */
#include "faults.h"
#include "t.h"

static struct fi_image image;

/* What a plan says. */
struct said {
	struct dumpfilter_report report;
	uint64_t kept[32];
	uint64_t runs, frames; /* of plan_foreach() */
	uint64_t digest;
};

static struct said said;

static int add_run(void *user, uint64_t first, uint64_t count)
{
	struct said *lines = user;

	lines->runs++;
	lines->frames += count;
	lines->digest = (lines->digest ^ first ^ count << 32) * UINT64_C(0x9e3779b97f4a7c15);
	return 0;
}

/* Before the copying. */
static void look(struct fi_run *run, struct dumpfilter *df, int step)
{
	(void)run;
	if (step != 2)
		return;
	memset(&said, 0, sizeof said);
	said.report = (struct dumpfilter_report)DUMPFILTER_REPORT_INIT;
	CHECK_EQ(dumpfilter_report(df, &said.report), 0);
	for (int level = 0; level < 32; level++)
		CHECK_EQ(dumpfilter_plan_kept(df, level, &said.kept[level]), 0);
	CHECK_EQ(dumpfilter_plan_foreach(df, add_run, &said), 0);
}

static struct said plan(struct fi_dump *dump, int level, int format, unsigned threads, unsigned flags)
{
	struct fi_run run;

	fi_run_init(&run, &image);
	run.config.level = level;
	run.config.format = format;
	run.config.codec = DUMPFILTER_CODEC_NONE;
	run.config.threads = threads;
	run.config.flags = flags;
	run.plan_first = true;
	run.step = look;
	FINE(fi_run_go(&run));
	CHECK_EQ(run.result, 0);
	FINE(fi_dump_read(dump, &run));
	FINE(fi_report_agrees(&run, dump));
	CHECK_EQ(run.report.vmemmap_pages, said.report.vmemmap_pages);
	fi_run_free(&run);
	return said;
}

static void numbers(void)
{
	for (int level = 0; level < 32; level++) {
		struct fi_dump whole, less;
		struct said first = plan(&whole, level, DUMPFILTER_FORMAT_KDUMP, 1, 0);
		struct said second = plan(&less, level, DUMPFILTER_FORMAT_KDUMP, 1, DUMPFILTER_EXCLUDE_VMEMMAP);

		/* 512 frames of user memory lie together, their structs on eight pages */
		CHECK_EQ(first.report.vmemmap_pages, 0);
		CHECK_EQ(second.report.vmemmap_pages, level & DUMPFILTER_LEVEL_USER ? 8 : 0);
		CHECK_EQ(second.report.kept_pages + second.report.vmemmap_pages, first.report.kept_pages);
		CHECK_EQ(second.frames, second.report.kept_pages);
		CHECK_EQ(first.frames, first.report.kept_pages);
		CHECK(!memcmp(first.kept, second.kept, sizeof first.kept));
		CHECK(!memcmp(first.report.class_pages, second.report.class_pages, sizeof first.report.class_pages));
		CHECK(!memcmp(first.report.excluded_pages, second.report.excluded_pages,
			      sizeof first.report.excluded_pages));
		CHECK_EQ(whole.nkept - less.nkept, second.report.vmemmap_pages);
		CHECK(fi_dump_covers(&whole, &less));
		fi_dump_free(&whole);
		fi_dump_free(&less);
	}
}

static void threads(void)
{
	for (int format = DUMPFILTER_FORMAT_KDUMP; format <= DUMPFILTER_FORMAT_ELF; format++) {
		struct fi_dump dump;
		struct said one = plan(&dump, 31, format, 1, DUMPFILTER_EXCLUDE_VMEMMAP);

		CHECK_EQ(one.report.vmemmap_pages, 8);
		fi_dump_free(&dump);
		for (unsigned count = 2; count < 8; count++) {
			struct said some = plan(&dump, 31, format, count, DUMPFILTER_EXCLUDE_VMEMMAP);

			CHECK_EQ(some.digest, one.digest);
			CHECK_EQ(some.report.vmemmap_pages, 8);
			fi_dump_free(&dump);
		}
	}
}

static char last[200];

static void on_log(void *user, int level, const char *line)
{
	(void)user;
	(void)level;
	snprintf(last, sizeof last, "%s", line);
}

/* A context that is used again, as it is asked each time. */
static void again(void)
{
	static const unsigned flags[] = { DUMPFILTER_EXCLUDE_VMEMMAP, 0, DUMPFILTER_EXCLUDE_VMEMMAP };
	struct dumpfilter *df = dumpfilter_new(NULL);
	FILE *file = tmpfile();

	CHECK(df && file);
	CHECK(fwrite(image.built.data, 1, image.built.size, file) == image.built.size && !fflush(file));
	dumpfilter_set_log(df, on_log, NULL, DUMPFILTER_LOG_WARN);
	for (unsigned i = 0; i < 3; i++) {
		struct dumpfilter_report report = DUMPFILTER_REPORT_INIT;
		struct dumpfilter_config config = DUMPFILTER_CONFIG_INIT;

		config.level = 31;
		config.flags = flags[i];
		CHECK_EQ(dumpfilter_open_fd(df, fileno(file), "image", 0), 0);
		CHECK_EQ(dumpfilter_configure(df, &config), 0);
		CHECK_EQ(dumpfilter_plan(df), 0);
		CHECK_EQ(dumpfilter_report(df, &report), 0);
		CHECK_EQ(report.vmemmap_pages, flags[i] ? 8 : 0);
		dumpfilter_close(df);
	}
	CHECK_EQ(last[0], 0);
	dumpfilter_free(df);
	fclose(file);
}

/* Where the memory map cannot be known as a whole the result says that more is kept than was asked for. */
static void result(void)
{
	static const char flat[] = "preset 6.1\nmemmodel flat\ncompound 0x200 order=9 kind=thp\n";
	struct fi_image other;
	struct fi_run run;

	FINE(fi_image_build(&other, flat, NULL));
	for (unsigned flags = 0; flags <= DUMPFILTER_EXCLUDE_VMEMMAP; flags++) {
		fi_run_init(&run, &other);
		run.config.level = 31;
		run.config.flags = flags;
		FINE(fi_run_go(&run));
		CHECK_EQ(run.result, flags ? DUMPFILTER_WARN : DUMPFILTER_OK);
		CHECK_EQ(run.report.vmemmap_pages, 0);
		fi_run_free(&run);
	}
	fi_image_free(&other);
}

int main(void)
{
	const char *bad = fi_image_build(&image, fi_recipe, NULL);

	if (bad) {
		printf("not ok - image: %s\n", bad);
		return EXIT_FAILURE;
	}
	RUN(numbers);
	RUN(threads);
	RUN(again);
	RUN(result);
	fi_image_free(&image);
	return T_END();
}
