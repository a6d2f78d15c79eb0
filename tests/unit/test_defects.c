/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Defects of the incumbent (makedumpfile) that the plan alone does not show: what is written, counted and logged.  The
 * others are tests/fixtures/recipes/defect-*.txt.  tests/mutation/run builds each defect into the library and sees
 * that its test fails.
 */
#include "faults.h"
#include "t.h"

static struct fi_image image;
static struct fi_run run;
static struct fi_dump dump;

static struct {
	unsigned warnings;
	char last[200];
	uint64_t present; /* as dumpfilter_image_info() says */
} seen;

static void on_log(void *user, int level, const char *line)
{
	(void)user;
	(void)level;
	seen.warnings++;
	snprintf(seen.last, sizeof seen.last, "%s", line);
}

static void on_step(struct fi_run *part, struct dumpfilter *df, int step)
{
	struct dumpfilter_image_info info = DUMPFILTER_IMAGE_INFO_INIT;

	(void)part;
	if (step == 0)
		dumpfilter_set_log(df, on_log, NULL, DUMPFILTER_LOG_WARN);
	if (step == 1 && !dumpfilter_image_info(df, &info))
		seen.present = info.present_pages;
}

static void end(void)
{
	fi_dump_free(&dump);
	fi_run_free(&run);
	fi_image_free(&image);
}

/* The dump of a recipe at a level, read back. */
static void make(const char *recipe, const char *more, int level)
{
	end();
	memset(&seen, 0, sizeof seen);
	FINE(fi_image_build(&image, recipe, more));
	fi_run_init(&run, &image);
	run.config.level = level;
	run.step = on_step;
	FINE(fi_run_go(&run));
	if (run.result < 0)
		T_FAIL("level %d: result %d: %s", level, run.result, run.message);
	FINE(fi_dump_read(&dump, &run));
	FINE(fi_report_agrees(&run, &dump));
}

static uint64_t frames_present(void)
{
	uint64_t count = 0;

	for (uint64_t pfn = 0; pfn < image.max_pfn; pfn++)
		count += image.present[pfn];
	return count;
}

/* D6: for the incumbent one struct page that cannot be read ended the run: no dump at all.  Here its frames are kept,
 * and the dump is whole. */
static void d06_unreadable_struct_pages_keep_their_frames(void)
{
	static const int levels[] = { 1, 8, 31 };

	for (unsigned i = 0; i < sizeof levels / sizeof *levels; i++) {
		struct fi_dump all;

		make(fi_recipe, NULL, levels[i]);
		all = dump;
		dump = (struct fi_dump){ 0 };
		make(fi_recipe, "unmap 0x200-0x23f\n", levels[i]);
		CHECK_EQ(run.result, DUMPFILTER_WARN);
		CHECK_EQ(run.report.unreadable_memmap_pages, 64);
		CHECK_EQ(run.report.lost_pages, 0);
		CHECK(!dump.incomplete);
		CHECK_EQ(dump.nlisted, dump.nkept);
		for (uint64_t pfn = 0x200; pfn < 0x240; pfn++)
			CHECK(dump.listed[pfn]);
		CHECK(fi_dump_covers(&dump, &all));
		CHECK(seen.warnings > 0);
		fi_dump_free(&all);
	}
}

/* D11: the incumbent counted a frame once for each PT_LOAD that has it: on x86_64 the kernel's image, which is in
 * /proc/vmcore twice, and whatever else overlaps. */
static void d11_frames_of_overlapping_loads_are_counted_once(void)
{
	static const char overlap[] = "load kernel\n"
				      "load 0 1M\n"
				      "load 1536K 3584K\n"
				      "load 2M 1M\n"
				      "load 0x23000 0x1000\n";
	uint64_t sum = 0;

	for (int level = 0; level <= 31; level += 31) {
		make(fi_recipe, overlap, level);
		CHECK_EQ(frames_present(), 256 + 896);
		CHECK_EQ(seen.present, 256 + 896);
		CHECK_EQ(run.report.present_pages, 256 + 896);
		sum = 0;
		for (unsigned i = 0; i < DUMPFILTER_CLASS_COUNT; i++)
			sum += run.report.class_pages[i];
		CHECK_EQ(sum, 256 + 896);
	}
}

/* D23: the incumbent's list of kernels ended at 7.0, and each run on a newer one began with a warning. */
static void d23_newer_kernels_are_no_reason_to_warn(void)
{
	static const char newer[] = "preset 7.3\n"
				    "page 0x101-0x104 kind=anon\n"
				    "compound 0x200 order=9 kind=thp\n"
				    "buddy 0x400 order=9\n";
	static const char *const releases[] = { NULL, "fact OSRELEASE=7.9.0-rc1\n", "fact OSRELEASE=12.0.1\n" };

	for (unsigned i = 0; i < sizeof releases / sizeof *releases; i++) {
		make(newer, releases[i], 31);
		if (seen.warnings)
			T_FAIL("%s: \"%s\"", releases[i] ? releases[i] : "7.3", seen.last);
		CHECK_EQ(run.result, DUMPFILTER_OK);
		CHECK(!dump.kept[0x101] && !dump.kept[0x2ff] && !dump.kept[0x5ff] && dump.kept[0x105]);
	}
}

int main(void)
{
	RUN(d06_unreadable_struct_pages_keep_their_frames);
	RUN(d11_frames_of_overlapping_loads_are_counted_once);
	RUN(d23_newer_kernels_are_no_reason_to_warn);
	end();
	return T_END();
}
