/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is asked for by address: translations, VMCOREINFO in memory, ranges that are cut out; and files of the shape of
 * /proc/kcore, whose offsets no file system has. */
#include "refilter.h"

#include "build.h"

static const char recipe[] = "preset 6.1\n"
			     "layout kernel=16M kaslr=0xd800000 direct=0xffff8a3ac0000000 vmemmap=0xfffff37580000000\n"
			     "ram 0 32M\n"
			     "page 0x101-0x104 kind=anon\n"
			     "buddy 0x400 order=9\n"
			     "load kernel\n"
			     "load ram\n";

#define DIRECT UINT64_C(0xffff8a3ac0000000)
#define TEXT   UINT64_C(0xffffffff8e800000)
#define KERNEL UINT64_C(0x1000000)
#define RAM    UINT64_C(0x2000000)
#define PAGE   4096u

static struct builder_image image;

static uint64_t get(const uint8_t *bytes, unsigned count)
{
	uint64_t value = 0;

	while (count--)
		value = value << 8 | bytes[count];
	return value;
}

static void put(uint8_t *bytes, unsigned count, uint64_t value)
{
	for (; count--; value >>= 8)
		*bytes++ = (uint8_t)value;
}

/* Program header i. */
static uint8_t *phdr(unsigned i)
{
	return image.data + get(image.data + 32, 8) + 56 * i;
}

#define P_OFFSET(i) get(phdr(i) + 8, 8)

static void build(const char *more)
{
	char text[2000], err[BUILDER_ERR] = "";

	snprintf(text, sizeof text, "%s%s", recipe, more);
	builder_image_free(&image);
	if (builder_build(text, strlen(text), &image, err))
		T_FAIL("%s", err);
}

/* Bytes of the file are also there behind FAR: as /proc/kcore has them. */
#define FAR (UINT64_C(1) << 46)

static int64_t read_far(void *user, uint64_t offset, void *buffer, size_t length)
{
	struct memory memory = { .data = image.data, .size = image.size };

	(void)user;
	return memory_read(&memory, offset >= FAR ? offset - FAR : offset, buffer, length);
}

static struct dumpfilter *open_far(uint64_t length)
{
	struct dumpfilter_source_ops ops = { .size = sizeof ops, .read = read_far, .length = length };
	struct dumpfilter *df = dumpfilter_new(NULL);
	struct dumpfilter_config config = DUMPFILTER_CONFIG_INIT;

	config.level = 31;
	config.threads = 1;
	CHECK(df);
	if (dumpfilter_open(df, &ops, NULL) < 0)
		T_FAIL("%s", dumpfilter_errmsg(df));
	CHECK_EQ(dumpfilter_configure(df, &config), 0);
	return df;
}

static struct dumpfilter *open_image(void)
{
	return open_far(image.size);
}

static void is_at(struct dumpfilter *df, uint64_t vaddr, uint64_t want)
{
	uint64_t paddr = 1;
	int result = dumpfilter_translate(df, vaddr, &paddr);

	if (result)
		T_FAIL("%#" PRIx64 ": %d: %s", vaddr, result, dumpfilter_errmsg(df));
	CHECK_EQ(paddr, want);
}

static void is_nowhere(struct dumpfilter *df, uint64_t vaddr, const char *why)
{
	uint64_t paddr = 1;

	CHECK_EQ(dumpfilter_translate(df, vaddr, &paddr), DUMPFILTER_E_NODATA);
	CHECK_EQ(paddr, 1);
	CHECK_HAS(dumpfilter_errmsg(df), why);
}

static void translate(void)
{
	struct dumpfilter *df;

	build("");
	df = open_image();
	is_at(df, TEXT, KERNEL);
	is_at(df, TEXT + 0x1fffff, KERNEL + 0x1fffff);
	is_at(df, DIRECT, 0);
	is_at(df, DIRECT + RAM - 1, RAM - 1);
	is_nowhere(df, DIRECT + (UINT64_C(1) << 40), "is not mapped");
	is_nowhere(df, UINT64_C(0xffffffffffffffff), "is not mapped");
	is_nowhere(df, 0, "no kernel address");
	is_nowhere(df, DIRECT & ~(UINT64_C(1) << 63), "no kernel address"); /* the walk would find it */
	CHECK(dumpfilter_plan(df) >= 0);
	is_at(df, TEXT, KERNEL);
	dumpfilter_free(df);
}

static void translate_needs(void)
{
	struct dumpfilter *df = dumpfilter_new(NULL);
	uint64_t paddr;

	CHECK_EQ(dumpfilter_translate(df, TEXT, &paddr), DUMPFILTER_E_SEQUENCE);
	dumpfilter_free(df);
	build("");
	df = open_image();
	CHECK_EQ(dumpfilter_translate(df, TEXT, NULL), DUMPFILTER_E_INVAL);
	dumpfilter_free(df);
	build("info none\n");
	df = open_image();
	CHECK_EQ(dumpfilter_translate(df, TEXT, &paddr), DUMPFILTER_E_NOINFO);
	CHECK_HAS(dumpfilter_errmsg(df), "VMCOREINFO");
	dumpfilter_free(df);
}

static void translate_damaged(void)
{
	struct dumpfilter *df;
	uint64_t paddr;
	int result;

	build("paging off\n");
	df = open_image();
	result = dumpfilter_translate(df, TEXT, &paddr);
	CHECK(result < 0 && result != DUMPFILTER_E_NODATA);
	dumpfilter_free(df);
}

/* ---- /proc/kcore */

static void far_offsets(void)
{
	static const uint64_t lengths[] = { UINT64_C(1) << 47, UINT64_MAX };
	struct dumpfilter *df;
	uint64_t kept, far;

	build("");
	df = open_image();
	CHECK_EQ(dumpfilter_plan(df), 0);
	CHECK_EQ(dumpfilter_plan_kept(df, 31, &kept), 0);
	dumpfilter_free(df);
	for (unsigned i = 1; i <= 2; i++)
		put(phdr(i) + 8, 8, P_OFFSET(i) + FAR);
	for (unsigned i = 0; i < 2; i++) {
		df = open_far(lengths[i]);
		CHECK_EQ(dumpfilter_survey(df), 0);
		CHECK_EQ(dumpfilter_plan_kept(df, 31, &far), 0);
		CHECK_EQ(far, kept);
		is_at(df, TEXT, KERNEL);
		dumpfilter_free(df);
	}
}

/* The note of the file becomes one in memory, in place of a page that is no struct page. */
static size_t move_note(uint64_t paddr)
{
	uint64_t at = P_OFFSET(0), end = at + get(phdr(0) + 32, 8);
	size_t length = 0;

	for (uint64_t pfn = at; pfn + 12 < end;) {
		uint64_t name = get(image.data + pfn, 4), desc = get(image.data + pfn + 4, 4);
		size_t count = (size_t)(12 + (name + 3) / 4 * 4 + (desc + 3) / 4 * 4);

		if (!memcmp(image.data + pfn + 12, "VMCOREINFO", 10)) {
			memcpy(image.data + P_OFFSET(2) + paddr, image.data + pfn, count);
			image.data[pfn + 12] = 'X';
			length = count;
		}
		pfn += count;
	}
	CHECK(length);
	return length;
}

static void note_in_memory(void)
{
	struct dumpfilter_image_info i = DUMPFILTER_IMAGE_INFO_INIT;
	struct dumpfilter *df;
	size_t length;

	build("");
	length = move_note(0x5000);
	df = open_image();
	CHECK_EQ(dumpfilter_image_info(df, &i), 0);
	CHECK_EQ(i.has_vmcoreinfo, 0);
	CHECK_EQ(dumpfilter_plan(df), DUMPFILTER_E_NOINFO);
	/* wrong places change nothing */
	CHECK_EQ(dumpfilter_add_vmcoreinfo_at(df, 0x6000, length), DUMPFILTER_E_CORRUPT);
	CHECK_EQ(dumpfilter_add_vmcoreinfo_at(df, RAM - 8, length), DUMPFILTER_E_NODATA);
	CHECK_EQ(dumpfilter_add_vmcoreinfo_at(df, UINT64_MAX - 8, length), DUMPFILTER_E_NODATA);
	CHECK_EQ(dumpfilter_add_vmcoreinfo_at(df, 0x5000, 0), DUMPFILTER_E_INVAL);
	CHECK_EQ(dumpfilter_add_vmcoreinfo_at(df, 0x5000, SIZE_MAX), DUMPFILTER_E_INVAL);
	CHECK_EQ(dumpfilter_add_vmcoreinfo_at(df, 0x5000, 12), DUMPFILTER_E_CORRUPT);
	CHECK_EQ(dumpfilter_add_vmcoreinfo_at(df, 0x5000, length + 24), 0);
	CHECK_EQ(dumpfilter_image_info(df, &i), 0);
	CHECK_EQ(i.has_vmcoreinfo, 1);
	CHECK_HAS(i.osrelease, "6.1");
	CHECK_EQ(dumpfilter_plan(df), 0);
	is_at(df, TEXT, KERNEL);
	CHECK_EQ(dumpfilter_add_vmcoreinfo_at(df, 0x5000, length), DUMPFILTER_E_SEQUENCE);
	dumpfilter_free(df);
}

/* ---- ranges that are cut out */

static uint64_t present(struct dumpfilter *df)
{
	struct dumpfilter_image_info i = DUMPFILTER_IMAGE_INFO_INIT;

	CHECK_EQ(dumpfilter_image_info(df, &i), 0);
	return i.present_pages;
}

static int in_range(void *user, uint64_t first, uint64_t count)
{
	const uint64_t *cut = user;

	return cut[0] < cut[1] && first < cut[1] && cut[0] < first + count;
}

static void cut_once(uint64_t start, uint64_t end, uint64_t left)
{
	uint64_t cut[] = { (start + PAGE - 1) / PAGE, end / PAGE };
	struct dumpfilter *df = open_image();
	int result = dumpfilter_cut(df, start, end - start);

	if (result)
		T_FAIL("%#" PRIx64 ": %s", start, dumpfilter_errmsg(df));
	CHECK_EQ(present(df), left);
	CHECK_EQ(dumpfilter_plan(df), 0);
	CHECK_EQ(dumpfilter_plan_foreach(df, in_range, cut), 0);
	dumpfilter_free(df);
}

static void cut(void)
{
	const uint64_t all = RAM / PAGE;

	build("");
	cut_once(0x300000, 0x340000, all - 0x40); /* inside */
	cut_once(0, 0x40000, all - 0x40);
	cut_once(0x700000, 0x700000 + PAGE / 2, all); /* a part of a frame is no frame */
	cut_once(RAM, RAM + 0x1000, all);
	cut_once(RAM + 0x1000, UINT64_MAX, all);
}

static void cut_repeatedly(void)
{
	struct dumpfilter *df;
	uint64_t left = RAM / PAGE;

	build("");
	df = open_image();
	for (uint64_t at = 0x300000; at < 0x400000; at += 2 * PAGE) {
		CHECK_EQ(dumpfilter_cut(df, at, PAGE), 0);
		CHECK_EQ(present(df), --left);
	}
	CHECK_EQ(dumpfilter_cut(df, 0x300000, 0x100000), 0);
	CHECK_EQ(present(df), RAM / PAGE - 0x100);
	CHECK_EQ(dumpfilter_plan(df), 0);
	CHECK_EQ(dumpfilter_cut(df, 0x500000, PAGE), DUMPFILTER_E_SEQUENCE);
	dumpfilter_free(df);
}

/* What is written afterwards opens, and is without it. */
static void cut_and_written(void)
{
	struct rf_how how = { .level = 0, .format = DUMPFILTER_FORMAT_ELF };
	struct rf_seen seen = { 0 };
	struct memory memory = { 0 };
	struct dumpfilter *df;

	build("");
	df = open_image();
	CHECK_EQ(dumpfilter_cut(df, 0x300000, 0x100000), 0);
	rf_run(df, &how, &memory, &seen);
	dumpfilter_free(df);
	CHECK_EQ(seen.result, 0);
	builder_image_free(&image);
	image.data = memory.data;
	image.size = memory.size;
	df = open_image();
	CHECK_EQ(present(df), seen.report.present_pages);
	CHECK_EQ(present(df), RAM / PAGE - 0x100);
	dumpfilter_free(df);
	image = (struct builder_image){ 0 };
	memory_free(&memory);
}

static void cut_wrong(void)
{
	struct dumpfilter *df;

	build("");
	df = open_image();
	CHECK_EQ(dumpfilter_cut(df, 0, 0), DUMPFILTER_E_INVAL);
	CHECK_EQ(dumpfilter_cut(df, 2 * PAGE, UINT64_MAX - PAGE), DUMPFILTER_E_INVAL);
	CHECK_EQ(dumpfilter_cut(df, 0, UINT64_MAX), DUMPFILTER_E_INVAL);
	CHECK_HAS(dumpfilter_errmsg(df), "nothing would be left");
	CHECK_EQ(present(df), RAM / PAGE);
	CHECK_EQ(dumpfilter_plan(df), 0);
	dumpfilter_free(df);
}

/* What was written by levels lists frames one by one. */
static void cut_kdump(void)
{
	struct rf_how how = { .level = 31, .format = DUMPFILTER_FORMAT_KDUMP };
	struct memory memory = { 0 };
	struct rf_seen seen = { 0 };
	struct dumpfilter *df;

	build("");
	df = open_image();
	rf_run(df, &how, &memory, &seen);
	dumpfilter_free(df);
	CHECK(seen.result >= 0);
	builder_image_free(&image);
	image.data = memory.data;
	image.size = memory.size;
	df = open_image();
	CHECK_EQ(dumpfilter_cut(df, 0x300000, PAGE), DUMPFILTER_E_UNSUPPORTED);
	is_at(df, TEXT, KERNEL);
	dumpfilter_free(df);
	image = (struct builder_image){ 0 };
	memory_free(&memory);
}

int main(void)
{
	RUN(translate);
	RUN(translate_needs);
	RUN(translate_damaged);
	RUN(far_offsets);
	RUN(note_in_memory);
	RUN(cut);
	RUN(cut_repeatedly);
	RUN(cut_and_written);
	RUN(cut_wrong);
	RUN(cut_kdump);
	builder_image_free(&image);
	return T_END();
}
