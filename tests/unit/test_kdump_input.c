/* SPDX-License-Identifier: GPL-2.0-or-later */
/* kdump-compressed files as input: every version, word size, byte order and compressor; what is not there, what is
 * lost, and headers and descriptors that lie.  What comes out of them: test_kdump_input_run.c. */
#include "image/image.h"
#include "input/input.h"
#include "mkdump.h"
#include "refilter.h"

static struct {
	struct mk made;
	struct mk_file file;
	struct df_env env;
	struct df_image image;
	struct df_reader reader;
	bool reading;
	uint64_t limit; /* the file ends here; 0 = at its end */
} fixture;

static void end(void)
{
	if (fixture.reading)
		df_reader_fini(&fixture.reader);
	fixture.reading = false;
	df_image_fini(&fixture.image);
	memset(&fixture.image, 0, sizeof fixture.image);
	mk_free(&fixture.file);
	fixture.limit = 0;
	CHECK_EQ(atomic_load(&fixture.env.mem_used), 0);
}

static void begin(const struct mk *made)
{
	end();
	fixture.made = *made;
	mk_build(made, &fixture.file);
}

static int64_t read_file_of(void *user, uint64_t offset, void *buffer, size_t length)
{
	struct memory memory = { fixture.file.data, fixture.limit ? fixture.limit : fixture.file.size, 0 };

	(void)user;
	return memory_read(&memory, offset, buffer, length);
}

static int opens(struct df_err *err)
{
	struct dumpfilter_source_ops ops = { .size = sizeof ops,
					     .read = read_file_of,
					     .length = fixture.limit ? fixture.limit : fixture.file.size,
					     .name = "dump" };
	int result;

	fixture.image.env = &fixture.env;
	result = df_source_open_ops(&fixture.image.source, &fixture.env, &ops, NULL, err);
	if (!result)
		result = df_input_open(&fixture.image, err);
	if (!result) {
		result = df_reader_init(&fixture.reader, &fixture.image, DF_WINDOW_COPY, err);
		fixture.reading = !result;
	}
	return result;
}

static void must_open(void)
{
	struct df_err err;

	if (opens(&err))
		T_FAIL("%s", err.text);
}

static void refused(int code, const char *why)
{
	struct df_err err = { 0 };
	int result = opens(&err);

	if (result != code || !strstr(err.text, why))
		T_FAIL("result %d, expected %d: \"%s\" should say \"%s\"", result, code, err.text, why);
}

static void page_is_right(uint64_t pfn)
{
	struct df_err err = { 0 };
	const uint8_t *want = mk_wanted(&fixture.made, pfn), *got;
	uint8_t some[64];
	int result = df_reader_read(&fixture.reader, pfn * fixture.made.block + 100, some, sizeof some, &err);

	if ((result < 0) != !want)
		T_FAIL("frame %" PRIu64 " ('%c'): result %d: %s", pfn, fixture.made.pages[pfn], result, err.text);
	if (!want) {
		bool absent = strchr(" .", fixture.made.pages[pfn]);

		CHECK_EQ(result, absent ? DUMPFILTER_E_NODATA : DUMPFILTER_E_LOST);
		CHECK(!fixture.image.image_ops->peek(&fixture.reader, pfn * fixture.made.block, 8, &err) &&
		      err.code == result);
		return;
	}
	CHECK(!memcmp(some, want + 100, sizeof some));
	got = df_reader_page(&fixture.reader, pfn * fixture.made.block, fixture.made.block, &err);
	CHECK(got && !memcmp(got, want, fixture.made.block));
}

static void pages_are_right(void)
{
	uint64_t count = strlen(fixture.made.pages);

	for (uint64_t pfn = 0; pfn < count; pfn++)
		page_is_right(pfn);
	for (uint64_t pfn = count; pfn--;) /* backwards, too */
		page_is_right(pfn);
}

static void sets_are_right(void)
{
	uint64_t described[DF_CHUNK_WORDS], stored[DF_CHUNK_WORDS];
	unsigned shift = fixture.image.frame_shift;

	CHECK_EQ(UINT32_C(1) << shift, fixture.made.block);
	CHECK_EQ(fixture.image.end_paddr, strlen(fixture.made.pages) * fixture.made.block);
	df_image_chunk(&fixture.image, DF_DESCRIBED, shift, 0, described);
	df_image_chunk(&fixture.image, DF_STORED, shift, 0, stored);
	for (uint64_t pfn = 0; pfn < strlen(fixture.made.pages); pfn++) {
		CHECK_EQ(described[0] >> pfn & 1, fixture.made.pages[pfn] != ' ');
		CHECK_EQ(stored[0] >> pfn & 1, !strchr(" .", fixture.made.pages[pfn]));
	}
}

static void header_is_right(uint16_t machine)
{
	const struct df_past *past = &fixture.image.past;
	size_t info = fixture.made.info && fixture.made.version >= 3 ? strlen(fixture.made.info) : 0;

	CHECK_STR(fixture.image.format, "kdump-compressed");
	CHECK_EQ(fixture.image.bits, fixture.made.bits);
	CHECK_EQ(fixture.image.big_endian, fixture.made.big_endian);
	CHECK_EQ(fixture.image.machine, machine);
	CHECK_EQ(fixture.image.cpus, 3);
	CHECK_EQ(past->crash_time, fixture.made.time);
	CHECK_EQ(past->phys_base, fixture.made.phys_base);
	CHECK_EQ(past->level, fixture.made.level);
	CHECK_EQ(fixture.image.vmcoreinfo_len, info);
	CHECK(!info || !memcmp(fixture.image.notes + fixture.image.vmcoreinfo_at, fixture.made.info, info));
}

static const struct {
	const char *name, *machine;
	unsigned bits, align;
	bool big_endian;
	uint16_t number;
} abis[] = {
	{ "x86_64", "x86_64", 64, 8, false, 62 }, { "s390x", "s390x", 64, 8, true, 22 },
	{ "i386", "i686", 32, 4, false, 3 },      { "arm", "armv7l", 32, 8, false, 40 },
	{ "ppc", "ppc", 32, 8, true, 20 },        { "no name", NULL, 32, 4, false, 0 },
};

static void abi(unsigned i, unsigned version)
{
	struct mk made = mk_plain;

	made.bits = abis[i].bits;
	made.align = abis[i].align;
	made.big_endian = abis[i].big_endian;
	made.machine = abis[i].machine;
	made.version = version;
	begin(&made);
	must_open();
	header_is_right(abis[i].number);
	sets_are_right();
	pages_are_right();
}

static void every_abi_and_version(void)
{
	for (unsigned i = 0; i < sizeof abis / sizeof *abis; i++)
		for (unsigned version = 1; version <= 6; version++)
			abi(i, version);
}

static void every_compressor(void)
{
	static const uint32_t packers[] = { 0, 1, 2, 4, 32 };

	for (size_t i = 0; i < sizeof packers / sizeof *packers; i++) {
		struct mk made = mk_plain;

		if (packers[i] && !mk_can_pack(packers[i]))
			continue;
		made.packer = made.status = packers[i];
		begin(&made);
		must_open();
		pages_are_right();
	}
}

static void page_sizes(void)
{
	for (uint32_t block = 4096; block <= 65536; block *= 2) {
		struct mk made = mk_plain;

		made.block = block;
		begin(&made);
		must_open();
		sets_are_right();
		pages_are_right();
	}
}

/* A codec that the header does not speak of. */
static void pages_of_another_codec(void)
{
	struct mk made = mk_plain;

	made.status = 0;
	begin(&made);
	must_open();
	pages_are_right();
}

static void one_bitmap_for_both(void)
{
	struct mk made = mk_plain;
	char pages[40000];

	/* so many frames that half of the blocks would not do */
	memset(pages, 'z', sizeof pages - 1);
	pages[sizeof pages - 1] = '\0';
	made.one_bitmap = true;
	made.pages = pages;
	begin(&made);
	must_open();
	CHECK_EQ(fixture.image.stored_set.count, sizeof pages - 1);
	CHECK_EQ(fixture.image.described_set.count, sizeof pages - 1);
	page_is_right(39000);
}

static void what_bitmap_2_alone_has_exists(void)
{
	begin(&mk_plain);
	memset(fixture.file.data + fixture.file.bitmap1_at, 0, 8);
	must_open();
	CHECK_EQ(fixture.image.described_set.count, fixture.image.stored_set.count);
	page_is_right(2);
}

static void marks_are_taken_over(void)
{
	struct mk made = mk_plain;

	made.status = 1 | 8 | 16;
	made.level = 31;
	begin(&made);
	must_open();
	CHECK(fixture.image.past.incomplete && fixture.image.past.no_vmemmap);
	CHECK_EQ(fixture.image.past.level, 31);
}

/* ---- files that lie */

static void headers_that_cannot_be(void)
{
	static const struct {
		unsigned offset, width;
		uint64_t value;
		int code;
		const char *why;
	} bad[] = {
		{ 8, 4, 0, DUMPFILTER_E_UNSUPPORTED, "version 0" },
		{ 428, 4, 0, DUMPFILTER_E_CORRUPT, "no header that makes sense" },
		{ 428, 4, 1, DUMPFILTER_E_CORRUPT, "no header that makes sense" },
		{ 428, 4, 12288, DUMPFILTER_E_CORRUPT, "no header that makes sense" },
		{ 428, 4, 1u << 31, DUMPFILTER_E_CORRUPT, "no header that makes sense" },
		{ 432, 4, 0, DUMPFILTER_E_CORRUPT, "no header that makes sense" },
		{ 432, 4, 0x7fffffff, DUMPFILTER_E_TRUNCATED, "bitmaps" },
		{ 436, 4, 0, DUMPFILTER_E_CORRUPT, "no header that makes sense" },
		{ 4096 + 12, 4, 1, DUMPFILTER_E_UNSUPPORTED, "split" },
		{ 4096 + 96, 8, UINT64_MAX, DUMPFILTER_E_CORRUPT, "page frames" },
		{ 4096 + 96, 8, UINT64_C(1) << 52, DUMPFILTER_E_CORRUPT, "page frames" },
		{ 4096 + 96, 8, UINT64_C(1) << 40, DUMPFILTER_E_UNSUPPORTED, "page frames" },
		{ 4096 + 96, 8, UINT64_C(1) << 36, DUMPFILTER_E_CORRUPT, "bitmap blocks" },
	};

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		begin(&mk_plain);
		mk_put(&mk_plain, fixture.file.data + bad[i].offset, bad[i].width, bad[i].value);
		refused(bad[i].code, bad[i].why);
	}
}

static void without_a_page(void)
{
	struct mk made = mk_plain;

	made.pages = "...";
	begin(&made);
	refused(DUMPFILTER_E_FORMAT, "lists no page");
}

static void files_that_end_early(void)
{
	begin(&mk_plain);
	for (uint64_t at = 8; at < fixture.file.desc_at; at += at < 4096 ? 33 : 517) {
		struct df_err err;

		/* of the bitmaps only the bytes that count must be there */
		if (at >= fixture.file.bitmap2_at + 3)
			break;
		fixture.limit = at;
		CHECK(opens(&err) < 0);
		df_image_fini(&fixture.image);
		memset(&fixture.image, 0, sizeof fixture.image);
	}
}

/* The index or the data are cut: these pages are lost, the others are there. */
static void files_without_all_pages(void)
{
	struct df_err err;

	begin(&mk_plain);
	fixture.limit = fixture.file.desc_at + 24 * 4 + 10;
	must_open();
	CHECK(!df_reader_page(&fixture.reader, 2 * 4096, 4096, &err) && err.code == DUMPFILTER_E_TRUNCATED);
	CHECK(!df_reader_page(&fixture.reader, 8 * 4096, 4096, &err) && err.code == DUMPFILTER_E_TRUNCATED);
	begin(&mk_plain);
	fixture.limit = fixture.file.size - 1;
	must_open();
	page_is_right(2);
	page_is_right(13);
	CHECK(!df_reader_page(&fixture.reader, 17 * 4096, 4096, &err) && err.code == DUMPFILTER_E_TRUNCATED);
}

/* Frame 3 is the second stored one, and packed. */
static void lost_with(uint64_t offset, uint32_t size, uint32_t flags, int code)
{
	struct df_err err = { 0 };

	begin(&mk_plain);
	mk_desc(&mk_plain, &fixture.file, 1, offset, size, flags);
	must_open();
	if (df_reader_page(&fixture.reader, 3 * 4096, 4096, &err) || err.code != code)
		T_FAIL("offset %" PRIu64 " size %u flags %#x: code %d: %s", offset, size, flags, err.code, err.text);
	page_is_right(2);
	page_is_right(4);
}

static void descriptors_that_lie(void)
{
	uint64_t data;

	begin(&mk_plain);
	data = fixture.file.data_at;
	lost_with(0, 0, 0, DUMPFILTER_E_LOST);
	lost_with(0, 4096, 0, DUMPFILTER_E_LOST);
	lost_with(data, 0, 0, DUMPFILTER_E_LOST);
	lost_with(data, 0, 1, DUMPFILTER_E_LOST);
	lost_with(data, 4095, 0, DUMPFILTER_E_CORRUPT);
	lost_with(data, 4097, 1, DUMPFILTER_E_CORRUPT);
	lost_with(data, UINT32_MAX, 1, DUMPFILTER_E_CORRUPT);
	lost_with(10, 100, 1, DUMPFILTER_E_CORRUPT);
	lost_with(UINT64_MAX, 4096, 0, DUMPFILTER_E_TRUNCATED);
	lost_with(UINT64_MAX - 4095, 4096, 0, DUMPFILTER_E_TRUNCATED);
	lost_with(INT64_MAX, 4096, 0, DUMPFILTER_E_TRUNCATED);
	lost_with(data, 100, 1, DUMPFILTER_E_CORRUPT);
	lost_with(data, 4096, 3, DUMPFILTER_E_UNSUPPORTED);
	lost_with(data, 4096, 0x80000000, DUMPFILTER_E_UNSUPPORTED);
}

static void notes_that_lie(void)
{
	static const uint64_t values[] = { 0, 1, 4096, UINT32_MAX, INT64_MAX, UINT64_MAX };
	static const unsigned fields[] = { 32, 40, 48, 56, 64, 72 };

	for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
		for (size_t index = 0; index < sizeof values / sizeof *values; index++) {
			begin(&mk_plain);
			mk_put(&mk_plain, fixture.file.data + 4096 + fields[i], 8, values[index]);
			must_open();
			page_is_right(2);
		}
	}
}

int main(void)
{
	RUN(every_abi_and_version);
	RUN(every_compressor);
	RUN(page_sizes);
	RUN(pages_of_another_codec);
	RUN(one_bitmap_for_both);
	RUN(what_bitmap_2_alone_has_exists);
	RUN(marks_are_taken_over);
	RUN(headers_that_cannot_be);
	RUN(without_a_page);
	RUN(files_that_end_early);
	RUN(files_without_all_pages);
	RUN(descriptors_that_lie);
	RUN(notes_that_lie);
	end();
	return T_END();
}
