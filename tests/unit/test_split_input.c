/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The files of a split dump as input, made without the library: every version, word size, byte order and compressor, in
 * any order; sets that are none; what an earlier run erased. */
#include "image/image.h"
#include "input/input.h"
#include "mkdump.h"
#include "refilter.h"

#define PIECES 3
#define MOST   5

static struct {
	struct mk made;
	char pages[400];
	struct mk mks[MOST];
	struct mk_file files[MOST];
	struct memory file[MOST], memory, again;
	unsigned count;
	struct df_env env;
	struct df_image image;
	struct df_reader reader;
	struct rf_seen seen;
} fixture;

static struct mk plain; /* a piece, without its frames */

/* Frames of all kinds on both sides of each border: 128 and 256 of 300. */
static void make_pages(void)
{
	static const char around[] = "pprz.plrs  p.zzp";

	memset(fixture.pages, ' ', 300);
	fixture.pages[300] = '\0';
	memcpy(fixture.pages + 1, around, 16);
	memcpy(fixture.pages + 112, around, 16);
	memcpy(fixture.pages + 128, around, 16);
	memcpy(fixture.pages + 248, around + 6, 8);
	memcpy(fixture.pages + 256, around, 16);
	memcpy(fixture.pages + 284, around, 16);
	fixture.pages[255] = fixture.pages[256] = 'p';
}

static void clear(void)
{
	for (unsigned i = 0; i < MOST; i++) {
		mk_free(&fixture.files[i]);
		fixture.file[i] = (struct memory){ 0 };
	}
	fixture.count = 0;
}

static void add(const struct mk *made, uint64_t start, uint64_t end)
{
	unsigned i = fixture.count++;

	fixture.mks[i] = *made;
	fixture.mks[i].pages = fixture.pages;
	fixture.mks[i].start = start;
	fixture.mks[i].end = end;
	mk_build(&fixture.mks[i], &fixture.files[i]);
	fixture.file[i] = (struct memory){ fixture.files[i].data, fixture.files[i].size, 0 };
}

static void make_set(const struct mk *made)
{
	clear();
	fixture.made = *made;
	add(made, 256, 300);
	add(made, 0, 128);
	add(made, 128, 256);
}

/* The same pages in a file that is not split. */
static void make_whole(const struct mk *made)
{
	struct mk one = *made;

	clear();
	one.split = 0;
	add(&one, 0, 0);
}

static int open_set(struct df_err *err)
{
	static const char *const names[MOST] = { "first", "second", "third", "fourth", "fifth" };
	struct df_source sources[MOST];

	for (unsigned i = 0; i < fixture.count; i++) {
		struct dumpfilter_source_ops ops = {
			.size = sizeof ops, .read = memory_read, .length = fixture.file[i].size, .name = names[i]
		};

		CHECK_EQ(df_source_open_ops(&sources[i], &fixture.env, &ops, &fixture.file[i], err), 0);
	}
	fixture.image = (struct df_image){ .env = &fixture.env };
	return df_input_open_set(&fixture.image, sources, fixture.count, err);
}

static void close_set(void)
{
	df_image_fini(&fixture.image);
	CHECK_EQ(atomic_load(&fixture.env.mem_used), 0);
}

static void refused(int code, const char *why, const char *also)
{
	struct df_err err = { 0 };
	int result = open_set(&err);

	if (result != code || !strstr(err.text, why) || !strstr(err.text, also))
		T_FAIL("result %d, expected %d: \"%s\" should say \"%s\" and \"%s\"", result, code, err.text, why,
		       also);
	CHECK_EQ(atomic_load(&fixture.env.mem_used), 0);
}

static void page_is_right(uint64_t pfn)
{
	static uint8_t want[65536], got[65536];
	uint64_t from = pfn;
	struct df_err err = { 0 };
	int result = df_reader_read(&fixture.reader, pfn * fixture.made.block, got, fixture.made.block, &err);

	while (fixture.pages[from] == 's')
		from--;
	memset(want, 0, sizeof want);
	if (strchr(" .", fixture.pages[pfn])) {
		CHECK_EQ(result, DUMPFILTER_E_NODATA);
	} else if (fixture.pages[from] == 'l') {
		CHECK_EQ(result, DUMPFILTER_E_LOST);
	} else {
		if (fixture.pages[from] != 'z')
			mk_page(&fixture.made, from, want);
		if (result || memcmp(got, want, fixture.made.block))
			T_FAIL("frame %" PRIu64 " ('%c'): result %d, %s", pfn, fixture.pages[pfn], result, err.text);
	}
}

/* In ascending order, in descending order, and across. */
static void pages_are_right(void)
{
	struct df_err err;

	if (open_set(&err))
		T_FAIL("%s", err.text);
	CHECK(fixture.image.past.incomplete == !!(fixture.made.status & 8));
	CHECK_EQ(df_reader_init(&fixture.reader, &fixture.image, DF_WINDOW_COPY, &err), 0);
	for (uint64_t pfn = 0; pfn < 300; pfn++)
		page_is_right(pfn);
	for (uint64_t pfn = 300; pfn--;)
		page_is_right(pfn);
	for (uint64_t i = 0; i < 300; i++)
		page_is_right(i * 101 % 300);
	df_reader_fini(&fixture.reader);
	close_set();
}

static void every_abi_and_version(void)
{
	static const struct {
		unsigned bits, align;
		bool big_endian;
		const char *machine;
	} abis[] = { { 64, 8, false, "x86_64" },
		     { 64, 8, true, "s390x" },
		     { 32, 4, false, "i686" },
		     { 32, 8, false, "armv7l" },
		     { 32, 8, true, "ppc" } };

	for (unsigned version = 2; version <= 6; version++) {
		for (size_t i = 0; i < sizeof abis / sizeof *abis; i++) {
			struct mk made = plain;

			made.version = version;
			made.bits = abis[i].bits;
			made.align = abis[i].align;
			made.big_endian = abis[i].big_endian;
			made.machine = abis[i].machine;
			make_set(&made);
			pages_are_right();
		}
	}
}

static void every_compressor(void)
{
	static const uint32_t packers[] = { 1, 2, 4, 32 };

	for (size_t i = 0; i < 4; i++) {
		struct mk made = plain;

		if (!mk_can_pack(packers[i]))
			continue;
		made.packer = made.status = packers[i];
		made.status |= i % 2 ? 8 : 0;
		make_set(&made);
		pages_are_right();
	}
}

static void pieces_without_a_frame(void)
{
	make_set(&plain);
	add(&plain, 300, 300);
	add(&plain, 128, 128);
	pages_are_right();
}

/* Makers of 64 KiB pages may split anywhere: not every reader asks for multiples of 64. */
static void odd_borders(void)
{
	clear();
	fixture.made = plain;
	add(&plain, 0, 117);
	add(&plain, 117, 129);
	add(&plain, 129, 300);
	pages_are_right();
}

static void one_file_with_all(void)
{
	clear();
	fixture.made = plain;
	add(&plain, 0, 300);
	pages_are_right();
}

static void what_is_missing(void)
{
	clear();
	add(&plain, 0, 128);
	add(&plain, 256, 300);
	refused(DUMPFILTER_E_INVAL, "page frames 0x80 to 0xff are in none", "give all pieces");
	clear();
	add(&plain, 128, 256);
	add(&plain, 256, 300);
	refused(DUMPFILTER_E_INVAL, "page frames 0 to 0x7f are in none", "give all pieces");
	clear();
	add(&plain, 0, 128);
	refused(DUMPFILTER_E_INVAL, "page frames 0x80 to 0x12b are in none", "give all pieces");
}

static void what_comes_twice(void)
{
	make_set(&plain);
	add(&plain, 128, 256);
	refused(DUMPFILTER_E_INVAL, "both have page frame 0x80", "give each piece once");
	make_set(&plain);
	add(&plain, 64, 256);
	refused(DUMPFILTER_E_INVAL, "both have page frame", "different dumps");
}

static void what_is_no_piece(void)
{
	struct mk other = plain;

	make_set(&plain);
	other.split = 0;
	add(&other, 0, 0);
	refused(DUMPFILTER_E_FORMAT, "fourth is not a piece", "a whole one");
	make_set(&plain);
	memcpy(fixture.file[1].data, "\177ELF", 4);
	refused(DUMPFILTER_E_FORMAT, "second is not a piece", "it is an ELF file");
	make_set(&plain);
	memcpy(fixture.file[1].data, "?", 1);
	refused(DUMPFILTER_E_FORMAT, "second is not a piece", "it is no kdump-compressed file");
	make_set(&plain);
	fixture.file[2].size = 3000;
	refused(DUMPFILTER_E_TRUNCATED, "third", "sub header");
	clear();
	add(&plain, 128, 100);
	refused(DUMPFILTER_E_CORRUPT, "first: page frames", "not possible");
	clear();
	add(&plain, 0, 301);
	refused(DUMPFILTER_E_CORRUPT, "first: page frames", "not possible");
}

static void other_dumps(void)
{
	struct mk other = plain;

	clear();
	add(&plain, 0, 128);
	other.time++;
	add(&other, 128, 300);
	refused(DUMPFILTER_E_CORRUPT, "first and second are not pieces of the same dump", "headers");
	clear();
	add(&plain, 0, 128);
	other = plain;
	other.level = 31;
	add(&other, 128, 300);
	refused(DUMPFILTER_E_CORRUPT, "first and second are not pieces of the same dump", "sub headers");
	make_set(&plain);
	fixture.file[2].data[fixture.files[2].bitmap2_at + 20] ^= 0x40;
	refused(DUMPFILTER_E_CORRUPT, "third: lists other pages", "page frame 0");
}

/* A writer that was killed while it took the marks off. */
static void mark_in_some(void)
{
	struct mk marked = plain;

	marked.status |= 8;
	clear();
	fixture.made = marked;
	add(&plain, 0, 128);
	add(&marked, 128, 300);
	pages_are_right();
}

static void one_piece_alone(void)
{
	struct rf_how how = { 0 };

	clear();
	add(&plain, 0, 128);
	CHECK_EQ(-rf_dump(&fixture.file[0], &how, &fixture.memory, &fixture.seen), -DUMPFILTER_E_UNSUPPORTED);
	CHECK_HAS(fixture.seen.text, "one piece of a split dump");
}

/* ---- through the public functions */

static int copy(unsigned count, const struct rf_how *how, struct memory *memory)
{
	const struct dumpfilter_source_ops *ops[MOST];
	struct dumpfilter_source_ops source[MOST];
	struct dumpfilter_config config = DUMPFILTER_CONFIG_INIT;
	struct dumpfilter *df = dumpfilter_new(NULL);
	void *user[MOST];

	for (unsigned i = 0; i < count; i++) {
		source[i] = (struct dumpfilter_source_ops){ .size = sizeof source[i],
							    .caps = DUMPFILTER_IO_CONCURRENT,
							    .read = memory_read,
							    .length = fixture.file[i].size };
		ops[i] = &source[i];
		user[i] = &fixture.file[i];
	}
	memory_free(memory);
	config.codec = how->codec;
	config.format = how->format;
	config.threads = how->threads;
	config.flags = DUMPFILTER_COPY_ALL;
	fixture.seen.result = count == 1 && !fixture.mks[0].split ? dumpfilter_open(df, ops[0], user[0])
								  : dumpfilter_open_pieces(df, ops, user, count);
	if (!fixture.seen.result)
		fixture.seen.result = dumpfilter_configure(df, &config);
	if (!fixture.seen.result)
		rf_run(df, how, memory, &fixture.seen);
	else
		snprintf(fixture.seen.text, sizeof fixture.seen.text, "%s", dumpfilter_errmsg(df));
	dumpfilter_free(df);
	return fixture.seen.result;
}

/* A set is joined to what its whole dump is copied to. */
static void joined_like_whole(const struct mk *made)
{
	struct rf_how how = { .codec = DUMPFILTER_CODEC_INPUT, .threads = 3 };

	make_set(made);
	CHECK_EQ(copy(PIECES, &how, &fixture.memory), DUMPFILTER_PARTIAL);
	CHECK_EQ(fixture.seen.report.lost_pages, fixture.seen.report.lost_before_pages);
	CHECK(fixture.seen.report.lost_pages > 3);
	make_whole(made);
	CHECK_EQ(copy(1, &how, &fixture.again), DUMPFILTER_PARTIAL);
	CHECK(memory_same(&fixture.memory, &fixture.again));
	how.format = DUMPFILTER_FORMAT_ELF;
	CHECK_EQ(copy(1, &how, &fixture.again), DUMPFILTER_PARTIAL);
	make_set(made);
	CHECK_EQ(copy(PIECES, &how, &fixture.memory), DUMPFILTER_PARTIAL);
	CHECK(memory_same(&fixture.memory, &fixture.again));
}

static void joining(void)
{
	struct mk made = plain;

	joined_like_whole(&made);
	made.big_endian = true;
	made.machine = "s390x";
	joined_like_whole(&made);
	made.bits = 32;
	made.machine = "ppc";
	joined_like_whole(&made);
	made.big_endian = false;
	made.align = 4;
	made.machine = "i686";
	joined_like_whole(&made);
	made = plain;
	made.machine = "";
	made.info = NULL;
	joined_like_whole(&made);
}

/* ---- what was erased */

static size_t count_text(const struct memory *memory, const char *text)
{
	size_t count = 0, length = strlen(text);

	for (size_t i = 0; i + length <= memory->size; i++)
		count += !memcmp(memory->data + i, text, length);
	return count;
}

static uint64_t number(const struct memory *memory, size_t at)
{
	uint64_t value = 0;

	for (unsigned i = 0; i < 8; i++)
		value |= (uint64_t)memory->data[at + i] << 8 * i;
	return value;
}

/* The text of a 64-bit file is where its sub header says, and at its end. */
static void erased_is(const struct memory *memory, const char *text)
{
	uint64_t at = number(memory, 4096 + 64), length = number(memory, 4096 + 72);

	CHECK_EQ(length, strlen(text));
	CHECK_EQ(at + length, memory->size);
	CHECK(!memcmp(memory->data + at, text, length));
}

static void erased_text_of_pieces(void)
{
	struct rf_how how = { .codec = DUMPFILTER_CODEC_INPUT, .threads = 1 };
	struct mk made = plain;

	made.erased = "erase a size 1\n";
	make_set(&made);
	CHECK_EQ(copy(PIECES, &how, &fixture.memory), DUMPFILTER_PARTIAL);
	erased_is(&fixture.memory, "erase a size 1\n");
	clear();
	add(&made, 0, 128);
	made.erased = "erase b nullify\n";
	add(&made, 128, 256);
	made.erased = NULL;
	add(&made, 256, 300);
	CHECK_EQ(copy(PIECES, &how, &fixture.memory), DUMPFILTER_PARTIAL);
	erased_is(&fixture.memory, "erase a size 1\nerase b nullify\n");
}

static void erased_text_is_kept(void)
{
	struct rf_how how = { .codec = DUMPFILTER_CODEC_ZLIB, .threads = 1 };
	struct mk made = plain;

	made.erased = "erase a size 1\n";
	make_whole(&made);
	CHECK_EQ(copy(1, &how, &fixture.memory), DUMPFILTER_PARTIAL);
	erased_is(&fixture.memory, made.erased);
	/* through a stream, which can take nothing twice */
	how.flat = true;
	CHECK_EQ(copy(1, &how, &fixture.again), DUMPFILTER_PARTIAL);
	how.flat = false;
	clear();
	fixture.file[0] = fixture.again;
	fixture.again = (struct memory){ 0 };
	fixture.mks[0].split = 0;
	CHECK_EQ(copy(1, &how, &fixture.again), DUMPFILTER_PARTIAL);
	CHECK(memory_same(&fixture.memory, &fixture.again));
	memory_free(&fixture.file[0]);
	/* to ELF and back */
	fixture.file[0] = fixture.memory;
	fixture.memory = (struct memory){ 0 };
	how.codec = DUMPFILTER_CODEC_NONE;
	how.format = DUMPFILTER_FORMAT_ELF;
	CHECK_EQ(copy(1, &how, &fixture.memory), DUMPFILTER_PARTIAL);
	CHECK_EQ(count_text(&fixture.memory, "ERASEINFO"), 1);
	CHECK_EQ(count_text(&fixture.memory, made.erased), 1);
	memory_free(&fixture.file[0]);
	fixture.file[0] = fixture.memory;
	fixture.memory = (struct memory){ 0 };
	CHECK(copy(1, &how, &fixture.memory) >= 0);
	CHECK_EQ(count_text(&fixture.memory, "ERASEINFO"), 1);
	how.format = DUMPFILTER_FORMAT_KDUMP;
	CHECK(copy(1, &how, &fixture.memory) >= 0);
	erased_is(&fixture.memory, made.erased);
	memory_free(&fixture.file[0]);
}

/* Numbers that lie: the text is left out, the pages are there. */
static void erased_text_elsewhere(void)
{
	static const uint64_t lies[][2] = {
		{ 0, 10 }, { UINT64_MAX, 10 }, { 5000, UINT64_MAX }, { 5000, 1 << 21 }, { 1 << 30, 1 }
	};
	struct rf_how how = { .codec = DUMPFILTER_CODEC_ZLIB, .threads = 1 };

	for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
		make_whole(&plain);
		mk_put(&plain, fixture.file[0].data + 4096 + 64, 8, lies[i][0]);
		mk_put(&plain, fixture.file[0].data + 4096 + 72, 8, lies[i][1]);
		CHECK_EQ(copy(1, &how, &fixture.memory), DUMPFILTER_PARTIAL);
		CHECK(!number(&fixture.memory, 4096 + 72) || !lies[i][0]);
	}
}

int main(void)
{
	plain = mk_plain;
	plain.pages = NULL;
	plain.split = 1;
	make_pages();
	RUN(every_abi_and_version);
	RUN(every_compressor);
	RUN(pieces_without_a_frame);
	RUN(odd_borders);
	RUN(one_file_with_all);
	RUN(what_is_missing);
	RUN(what_comes_twice);
	RUN(what_is_no_piece);
	RUN(other_dumps);
	RUN(mark_in_some);
	RUN(one_piece_alone);
	RUN(joining);
	RUN(erased_text_of_pieces);
	RUN(erased_text_is_kept);
	RUN(erased_text_elsewhere);
	clear();
	memory_free(&fixture.memory);
	memory_free(&fixture.again);
	return T_END();
}
