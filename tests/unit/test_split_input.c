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
	struct mk mk;
	char pages[400];
	struct mk mks[MOST];
	struct mk_file f[MOST];
	struct memory file[MOST], out, again;
	unsigned n;
	struct df_env env;
	struct df_image img;
	struct df_reader reader;
	struct rf_seen seen;
} x;

static struct mk plain; /* a piece, without its frames */

/* Frames of all kinds on both sides of each border: 128 and 256 of 300. */
static void make_pages(void)
{
	static const char around[] = "pprz.plrs  p.zzp";

	memset(x.pages, ' ', 300);
	x.pages[300] = '\0';
	memcpy(x.pages + 1, around, 16);
	memcpy(x.pages + 112, around, 16);
	memcpy(x.pages + 128, around, 16);
	memcpy(x.pages + 248, around + 6, 8);
	memcpy(x.pages + 256, around, 16);
	memcpy(x.pages + 284, around, 16);
	x.pages[255] = x.pages[256] = 'p';
}

static void clear(void)
{
	for (unsigned i = 0; i < MOST; i++) {
		mk_free(&x.f[i]);
		x.file[i] = (struct memory){ 0 };
	}
	x.n = 0;
}

static void add(const struct mk *m, uint64_t start, uint64_t end)
{
	unsigned i = x.n++;

	x.mks[i] = *m;
	x.mks[i].pages = x.pages;
	x.mks[i].start = start;
	x.mks[i].end = end;
	mk_build(&x.mks[i], &x.f[i]);
	x.file[i] = (struct memory){ x.f[i].data, x.f[i].size, 0 };
}

static void make_set(const struct mk *m)
{
	clear();
	x.mk = *m;
	add(m, 256, 300);
	add(m, 0, 128);
	add(m, 128, 256);
}

/* The same pages in a file that is not split. */
static void make_whole(const struct mk *m)
{
	struct mk one = *m;

	clear();
	one.split = 0;
	add(&one, 0, 0);
}

static int open_set(struct df_err *err)
{
	static const char *const names[MOST] = { "first", "second", "third", "fourth", "fifth" };
	struct df_source sources[MOST];

	for (unsigned i = 0; i < x.n; i++) {
		struct dumpfilter_source_ops ops = {
			.size = sizeof ops, .read = memory_read, .length = x.file[i].size, .name = names[i]
		};

		CHECK_EQ(df_source_open_ops(&sources[i], &x.env, &ops, &x.file[i], err), 0);
	}
	x.img = (struct df_image){ .env = &x.env };
	return df_input_open_set(&x.img, sources, x.n, err);
}

static void close_set(void)
{
	df_image_fini(&x.img);
	CHECK_EQ(atomic_load(&x.env.mem_used), 0);
}

static void refused(int code, const char *why, const char *also)
{
	struct df_err err = { 0 };
	int r = open_set(&err);

	if (r != code || !strstr(err.text, why) || !strstr(err.text, also))
		T_FAIL("result %d, expected %d: \"%s\" should say \"%s\" and \"%s\"", r, code, err.text, why, also);
	CHECK_EQ(atomic_load(&x.env.mem_used), 0);
}

static void page_is_right(uint64_t pfn)
{
	static uint8_t want[65536], got[65536];
	uint64_t from = pfn;
	struct df_err err = { 0 };
	int r = df_reader_read(&x.reader, pfn * x.mk.block, got, x.mk.block, &err);

	while (x.pages[from] == 's')
		from--;
	memset(want, 0, sizeof want);
	if (strchr(" .", x.pages[pfn])) {
		CHECK_EQ(r, DUMPFILTER_E_NODATA);
	} else if (x.pages[from] == 'l') {
		CHECK_EQ(r, DUMPFILTER_E_LOST);
	} else {
		if (x.pages[from] != 'z')
			mk_page(&x.mk, from, want);
		if (r || memcmp(got, want, x.mk.block))
			T_FAIL("frame %" PRIu64 " ('%c'): result %d, %s", pfn, x.pages[pfn], r, err.text);
	}
}

/* In ascending order, in descending order, and across. */
static void pages_are_right(void)
{
	struct df_err err;

	if (open_set(&err))
		T_FAIL("%s", err.text);
	CHECK(x.img.past.incomplete == !!(x.mk.status & 8));
	CHECK_EQ(df_reader_init(&x.reader, &x.img, DF_WINDOW_COPY, &err), 0);
	for (uint64_t pfn = 0; pfn < 300; pfn++)
		page_is_right(pfn);
	for (uint64_t pfn = 300; pfn--;)
		page_is_right(pfn);
	for (uint64_t i = 0; i < 300; i++)
		page_is_right(i * 101 % 300);
	df_reader_fini(&x.reader);
	close_set();
}

static void every_abi_and_version(void)
{
	static const struct {
		unsigned bits, align;
		bool be;
		const char *machine;
	} abis[] = { { 64, 8, false, "x86_64" },
		     { 64, 8, true, "s390x" },
		     { 32, 4, false, "i686" },
		     { 32, 8, false, "armv7l" },
		     { 32, 8, true, "ppc" } };

	for (unsigned version = 2; version <= 6; version++) {
		for (size_t i = 0; i < sizeof abis / sizeof *abis; i++) {
			struct mk m = plain;

			m.version = version;
			m.bits = abis[i].bits;
			m.align = abis[i].align;
			m.be = abis[i].be;
			m.machine = abis[i].machine;
			make_set(&m);
			pages_are_right();
		}
	}
}

static void every_compressor(void)
{
	static const uint32_t packers[] = { 1, 2, 4, 32 };

	for (size_t i = 0; i < 4; i++) {
		struct mk m = plain;

		if (!mk_can_pack(packers[i]))
			continue;
		m.packer = m.status = packers[i];
		m.status |= i % 2 ? 8 : 0;
		make_set(&m);
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
	x.mk = plain;
	add(&plain, 0, 117);
	add(&plain, 117, 129);
	add(&plain, 129, 300);
	pages_are_right();
}

static void one_file_with_all(void)
{
	clear();
	x.mk = plain;
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
	memcpy(x.file[1].data, "\177ELF", 4);
	refused(DUMPFILTER_E_FORMAT, "second is not a piece", "it is an ELF file");
	make_set(&plain);
	memcpy(x.file[1].data, "?", 1);
	refused(DUMPFILTER_E_FORMAT, "second is not a piece", "it is no kdump-compressed file");
	make_set(&plain);
	x.file[2].size = 3000;
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
	x.file[2].data[x.f[2].bitmap2_at + 20] ^= 0x40;
	refused(DUMPFILTER_E_CORRUPT, "third: lists other pages", "page frame 0");
}

/* A writer that was killed while it took the marks off. */
static void mark_in_some(void)
{
	struct mk marked = plain;

	marked.status |= 8;
	clear();
	x.mk = marked;
	add(&plain, 0, 128);
	add(&marked, 128, 300);
	pages_are_right();
}

static void one_piece_alone(void)
{
	struct rf_how how = { 0 };

	clear();
	add(&plain, 0, 128);
	CHECK_EQ(-rf_dump(&x.file[0], &how, &x.out, &x.seen), -DUMPFILTER_E_UNSUPPORTED);
	CHECK_HAS(x.seen.text, "one piece of a split dump");
}

/* ---- through the public functions */

static int copy(unsigned n, const struct rf_how *how, struct memory *out)
{
	const struct dumpfilter_source_ops *ops[MOST];
	struct dumpfilter_source_ops source[MOST];
	struct dumpfilter_config cfg = DUMPFILTER_CONFIG_INIT;
	struct dumpfilter *df = dumpfilter_new(NULL);
	void *user[MOST];

	for (unsigned i = 0; i < n; i++) {
		source[i] = (struct dumpfilter_source_ops){ .size = sizeof source[i],
							    .caps = DUMPFILTER_IO_CONCURRENT,
							    .read = memory_read,
							    .length = x.file[i].size };
		ops[i] = &source[i];
		user[i] = &x.file[i];
	}
	memory_free(out);
	cfg.codec = how->codec;
	cfg.format = how->format;
	cfg.threads = how->threads;
	cfg.flags = DUMPFILTER_COPY_ALL;
	x.seen.result = n == 1 && !x.mks[0].split ? dumpfilter_open(df, ops[0], user[0])
						  : dumpfilter_open_pieces(df, ops, user, n);
	if (!x.seen.result)
		x.seen.result = dumpfilter_configure(df, &cfg);
	if (!x.seen.result)
		rf_run(df, how, out, &x.seen);
	else
		snprintf(x.seen.text, sizeof x.seen.text, "%s", dumpfilter_errmsg(df));
	dumpfilter_free(df);
	return x.seen.result;
}

/* A set is joined to what its whole dump is copied to. */
static void joined_like_whole(const struct mk *m)
{
	struct rf_how how = { .codec = DUMPFILTER_CODEC_INPUT, .threads = 3 };

	make_set(m);
	CHECK_EQ(copy(PIECES, &how, &x.out), DUMPFILTER_PARTIAL);
	CHECK_EQ(x.seen.report.lost_pages, x.seen.report.lost_before_pages);
	CHECK(x.seen.report.lost_pages > 3);
	make_whole(m);
	CHECK_EQ(copy(1, &how, &x.again), DUMPFILTER_PARTIAL);
	CHECK(memory_same(&x.out, &x.again));
	how.format = DUMPFILTER_FORMAT_ELF;
	CHECK_EQ(copy(1, &how, &x.again), DUMPFILTER_PARTIAL);
	make_set(m);
	CHECK_EQ(copy(PIECES, &how, &x.out), DUMPFILTER_PARTIAL);
	CHECK(memory_same(&x.out, &x.again));
}

static void joining(void)
{
	struct mk m = plain;

	joined_like_whole(&m);
	m.be = true;
	m.machine = "s390x";
	joined_like_whole(&m);
	m.bits = 32;
	m.machine = "ppc";
	joined_like_whole(&m);
	m.be = false;
	m.align = 4;
	m.machine = "i686";
	joined_like_whole(&m);
	m = plain;
	m.machine = "";
	m.info = NULL;
	joined_like_whole(&m);
}

/* ---- what was erased */

static size_t count_text(const struct memory *f, const char *text)
{
	size_t n = 0, len = strlen(text);

	for (size_t i = 0; i + len <= f->size; i++)
		n += !memcmp(f->data + i, text, len);
	return n;
}

static uint64_t number(const struct memory *f, size_t at)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < 8; i++)
		v |= (uint64_t)f->data[at + i] << 8 * i;
	return v;
}

/* The text of a 64-bit file is where its sub header says, and at its end. */
static void erased_is(const struct memory *f, const char *text)
{
	uint64_t at = number(f, 4096 + 64), len = number(f, 4096 + 72);

	CHECK_EQ(len, strlen(text));
	CHECK_EQ(at + len, f->size);
	CHECK(!memcmp(f->data + at, text, len));
}

static void erased_text_of_pieces(void)
{
	struct rf_how how = { .codec = DUMPFILTER_CODEC_INPUT, .threads = 1 };
	struct mk m = plain;

	m.erased = "erase a size 1\n";
	make_set(&m);
	CHECK_EQ(copy(PIECES, &how, &x.out), DUMPFILTER_PARTIAL);
	erased_is(&x.out, "erase a size 1\n");
	clear();
	add(&m, 0, 128);
	m.erased = "erase b nullify\n";
	add(&m, 128, 256);
	m.erased = NULL;
	add(&m, 256, 300);
	CHECK_EQ(copy(PIECES, &how, &x.out), DUMPFILTER_PARTIAL);
	erased_is(&x.out, "erase a size 1\nerase b nullify\n");
}

static void erased_text_is_kept(void)
{
	struct rf_how how = { .codec = DUMPFILTER_CODEC_ZLIB, .threads = 1 };
	struct mk m = plain;

	m.erased = "erase a size 1\n";
	make_whole(&m);
	CHECK_EQ(copy(1, &how, &x.out), DUMPFILTER_PARTIAL);
	erased_is(&x.out, m.erased);
	/* through a stream, which can take nothing twice */
	how.flat = true;
	CHECK_EQ(copy(1, &how, &x.again), DUMPFILTER_PARTIAL);
	how.flat = false;
	clear();
	x.file[0] = x.again;
	x.again = (struct memory){ 0 };
	x.mks[0].split = 0;
	CHECK_EQ(copy(1, &how, &x.again), DUMPFILTER_PARTIAL);
	CHECK(memory_same(&x.out, &x.again));
	memory_free(&x.file[0]);
	/* to ELF and back */
	x.file[0] = x.out;
	x.out = (struct memory){ 0 };
	how.codec = DUMPFILTER_CODEC_NONE;
	how.format = DUMPFILTER_FORMAT_ELF;
	CHECK_EQ(copy(1, &how, &x.out), DUMPFILTER_PARTIAL);
	CHECK_EQ(count_text(&x.out, "ERASEINFO"), 1);
	CHECK_EQ(count_text(&x.out, m.erased), 1);
	memory_free(&x.file[0]);
	x.file[0] = x.out;
	x.out = (struct memory){ 0 };
	CHECK(copy(1, &how, &x.out) >= 0);
	CHECK_EQ(count_text(&x.out, "ERASEINFO"), 1);
	how.format = DUMPFILTER_FORMAT_KDUMP;
	CHECK(copy(1, &how, &x.out) >= 0);
	erased_is(&x.out, m.erased);
	memory_free(&x.file[0]);
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
		mk_put(&plain, x.file[0].data + 4096 + 64, 8, lies[i][0]);
		mk_put(&plain, x.file[0].data + 4096 + 72, 8, lies[i][1]);
		CHECK_EQ(copy(1, &how, &x.out), DUMPFILTER_PARTIAL);
		CHECK(!number(&x.out, 4096 + 72) || !lies[i][0]);
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
	memory_free(&x.out);
	memory_free(&x.again);
	return T_END();
}
