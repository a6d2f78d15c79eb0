/* SPDX-License-Identifier: GPL-2.0-or-later */
/* kdump-compressed files as input: every version, word size, byte order and compressor; what is not there, what is
 * lost, and headers and descriptors that lie. */
#include "format/flat.h"
#include "image/image.h"
#include "input/input.h"
#include "mkdump.h"
#include "refilter.h"

#define PAGES "  pprz.plrs  p.zzp"

static struct {
	struct mk mk;
	struct mk_file f;
	struct df_env env;
	struct df_image img;
	struct df_reader reader;
	bool reading;
	struct rf_file out;
	struct rf_seen seen;
	uint64_t limit; /* the file ends here; 0 = at its end */
} x;

static const struct mk plain = { .bits = 64,
				 .align = 8,
				 .version = 6,
				 .block = 4096,
				 .status = 1,
				 .level = 1,
				 .nr_cpus = 3,
				 .time = 1234567890,
				 .phys_base = 0x1000000,
				 .machine = "x86_64",
				 .info = "OSRELEASE=6.1.0-test\nPAGESIZE=4096\n",
				 .packer = 1,
				 .pages = PAGES };

static void end(void)
{
	if (x.reading)
		df_reader_fini(&x.reader);
	x.reading = false;
	df_image_fini(&x.img);
	memset(&x.img, 0, sizeof x.img);
	mk_free(&x.f);
	rf_free(&x.out);
	x.limit = 0;
	CHECK_EQ(atomic_load(&x.env.mem_used), 0);
}

static void begin(const struct mk *m)
{
	end();
	x.mk = *m;
	mk_build(m, &x.f);
}

static int64_t read_file_of(void *user, uint64_t offset, void *buf, size_t len)
{
	struct rf_file f = { x.f.data, x.limit ? x.limit : x.f.size, 0 };

	(void)user;
	return rf_read(&f, offset, buf, len);
}

static int opens(struct df_err *err)
{
	struct dumpfilter_source_ops ops = {
		.size = sizeof ops, .read = read_file_of, .length = x.limit ? x.limit : x.f.size, .name = "dump"
	};
	int r;

	x.img.env = &x.env;
	r = df_source_open_ops(&x.img.source, &x.env, &ops, NULL, err);
	if (!r)
		r = df_input_open(&x.img, err);
	if (!r) {
		r = df_reader_init(&x.reader, &x.img, DF_WINDOW_COPY, err);
		x.reading = !r;
	}
	return r;
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
	int r = opens(&err);

	if (r != code || !strstr(err.text, why))
		T_FAIL("result %d, expected %d: \"%s\" should say \"%s\"", r, code, err.text, why);
}

/* What the frame must hold; NULL: nothing that could be read. */
static const uint8_t *wanted(uint64_t pfn)
{
	static uint8_t page[65536];

	while (x.mk.pages[pfn] == 's')
		pfn--;
	memset(page, 0, x.mk.block);
	if (x.mk.pages[pfn] == 'p' || x.mk.pages[pfn] == 'r')
		mk_page(&x.mk, pfn, page);
	else if (x.mk.pages[pfn] != 'z')
		return NULL;
	return page;
}

static void page_is_right(uint64_t pfn)
{
	struct df_err err = { 0 };
	const uint8_t *want = wanted(pfn), *got;
	uint8_t some[64];
	int r = df_reader_read(&x.reader, pfn * x.mk.block + 100, some, sizeof some, &err);

	if ((r < 0) != !want)
		T_FAIL("frame %" PRIu64 " ('%c'): result %d: %s", pfn, x.mk.pages[pfn], r, err.text);
	if (!want) {
		bool absent = strchr(" .", x.mk.pages[pfn]);

		CHECK_EQ(r, absent ? DUMPFILTER_E_NODATA : DUMPFILTER_E_LOST);
		CHECK(!x.img.ops->peek(&x.reader, pfn * x.mk.block, 8, &err) && err.code == r);
		return;
	}
	CHECK(!memcmp(some, want + 100, sizeof some));
	got = df_reader_page(&x.reader, pfn * x.mk.block, x.mk.block, &err);
	CHECK(got && !memcmp(got, want, x.mk.block));
}

static void pages_are_right(void)
{
	uint64_t n = strlen(x.mk.pages);

	for (uint64_t pfn = 0; pfn < n; pfn++)
		page_is_right(pfn);
	for (uint64_t pfn = n; pfn--;) /* backwards, too */
		page_is_right(pfn);
}

static void sets_are_right(void)
{
	uint64_t described[DF_CHUNK_WORDS], stored[DF_CHUNK_WORDS];
	unsigned shift = x.img.frame_shift;

	CHECK_EQ(UINT32_C(1) << shift, x.mk.block);
	CHECK_EQ(x.img.end_paddr, strlen(x.mk.pages) * x.mk.block);
	df_image_chunk(&x.img, DF_DESCRIBED, shift, 0, described);
	df_image_chunk(&x.img, DF_STORED, shift, 0, stored);
	for (uint64_t pfn = 0; pfn < strlen(x.mk.pages); pfn++) {
		CHECK_EQ(described[0] >> pfn & 1, x.mk.pages[pfn] != ' ');
		CHECK_EQ(stored[0] >> pfn & 1, !strchr(" .", x.mk.pages[pfn]));
	}
}

static void header_is_right(uint16_t machine)
{
	const struct df_past *past = &x.img.past;
	size_t info = x.mk.info && x.mk.version >= 3 ? strlen(x.mk.info) : 0;

	CHECK_STR(x.img.format, "kdump-compressed");
	CHECK_EQ(x.img.bits, x.mk.bits);
	CHECK_EQ(x.img.be, x.mk.be);
	CHECK_EQ(x.img.machine, machine);
	CHECK_EQ(x.img.cpus, 3);
	CHECK_EQ(past->crash_time, x.mk.time);
	CHECK_EQ(past->phys_base, x.mk.phys_base);
	CHECK_EQ(past->level, x.mk.level);
	CHECK_EQ(x.img.vmcoreinfo_len, info);
	CHECK(!info || !memcmp(x.img.notes + x.img.vmcoreinfo_at, x.mk.info, info));
}

static const struct {
	const char *name, *machine;
	unsigned bits, align;
	bool be;
	uint16_t number;
} abis[] = {
	{ "x86_64", "x86_64", 64, 8, false, 62 }, { "s390x", "s390x", 64, 8, true, 22 },
	{ "i386", "i686", 32, 4, false, 3 },      { "arm", "armv7l", 32, 8, false, 40 },
	{ "ppc", "ppc", 32, 8, true, 20 },        { "no name", NULL, 32, 4, false, 0 },
};

static void abi(unsigned i, unsigned version)
{
	struct mk m = plain;

	m.bits = abis[i].bits;
	m.align = abis[i].align;
	m.be = abis[i].be;
	m.machine = abis[i].machine;
	m.version = version;
	begin(&m);
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
		struct mk m = plain;

		if (packers[i] && !mk_can_pack(packers[i]))
			continue;
		m.packer = m.status = packers[i];
		begin(&m);
		must_open();
		pages_are_right();
	}
}

static void page_sizes(void)
{
	for (uint32_t block = 4096; block <= 65536; block *= 2) {
		struct mk m = plain;

		m.block = block;
		begin(&m);
		must_open();
		sets_are_right();
		pages_are_right();
	}
}

/* A codec that the header does not speak of. */
static void pages_of_another_codec(void)
{
	struct mk m = plain;

	m.status = 0;
	begin(&m);
	must_open();
	pages_are_right();
}

static void one_bitmap_for_both(void)
{
	struct mk m = plain;
	char pages[40000];

	/* so many frames that half of the blocks would not do */
	memset(pages, 'z', sizeof pages - 1);
	pages[sizeof pages - 1] = '\0';
	m.one_bitmap = true;
	m.pages = pages;
	begin(&m);
	must_open();
	CHECK_EQ(x.img.stored_set.count, sizeof pages - 1);
	CHECK_EQ(x.img.described_set.count, sizeof pages - 1);
	page_is_right(39000);
}

static void what_bitmap_2_alone_has_exists(void)
{
	begin(&plain);
	memset(x.f.data + x.f.bitmap1_at, 0, 8);
	must_open();
	CHECK_EQ(x.img.described_set.count, x.img.stored_set.count);
	page_is_right(2);
}

static void marks_are_taken_over(void)
{
	struct mk m = plain;

	m.status = 1 | 8 | 16;
	m.level = 31;
	begin(&m);
	must_open();
	CHECK(x.img.past.incomplete && x.img.past.no_vmemmap);
	CHECK_EQ(x.img.past.level, 31);
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
		begin(&plain);
		mk_put(&plain, x.f.data + bad[i].offset, bad[i].width, bad[i].value);
		refused(bad[i].code, bad[i].why);
	}
}

static void without_a_page(void)
{
	struct mk m = plain;

	m.pages = "...";
	begin(&m);
	refused(DUMPFILTER_E_FORMAT, "lists no page");
}

static void files_that_end_early(void)
{
	begin(&plain);
	for (uint64_t at = 8; at < x.f.desc_at; at += at < 4096 ? 33 : 517) {
		struct df_err err;

		/* of the bitmaps only the bytes that count must be there */
		if (at >= x.f.bitmap2_at + 3)
			break;
		x.limit = at;
		CHECK(opens(&err) < 0);
		df_image_fini(&x.img);
		memset(&x.img, 0, sizeof x.img);
	}
}

/* The index or the data are cut: these pages are lost, the others are there. */
static void files_without_all_pages(void)
{
	struct df_err err;

	begin(&plain);
	x.limit = x.f.desc_at + 24 * 4 + 10;
	must_open();
	CHECK(!df_reader_page(&x.reader, 2 * 4096, 4096, &err) && err.code == DUMPFILTER_E_TRUNCATED);
	CHECK(!df_reader_page(&x.reader, 8 * 4096, 4096, &err) && err.code == DUMPFILTER_E_TRUNCATED);
	begin(&plain);
	x.limit = x.f.size - 1;
	must_open();
	page_is_right(2);
	page_is_right(13);
	CHECK(!df_reader_page(&x.reader, 17 * 4096, 4096, &err) && err.code == DUMPFILTER_E_TRUNCATED);
}

/* Frame 3 is the second stored one, and packed. */
static void lost_with(uint64_t offset, uint32_t size, uint32_t flags, int code)
{
	struct df_err err = { 0 };

	begin(&plain);
	mk_desc(&plain, &x.f, 1, offset, size, flags);
	must_open();
	if (df_reader_page(&x.reader, 3 * 4096, 4096, &err) || err.code != code)
		T_FAIL("offset %" PRIu64 " size %u flags %#x: code %d: %s", offset, size, flags, err.code, err.text);
	page_is_right(2);
	page_is_right(4);
}

static void descriptors_that_lie(void)
{
	uint64_t data;

	begin(&plain);
	data = x.f.data_at;
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
		for (size_t k = 0; k < sizeof values / sizeof *values; k++) {
			begin(&plain);
			mk_put(&plain, x.f.data + 4096 + fields[i], 8, values[k]);
			must_open();
			page_is_right(2);
		}
	}
}

/* ---- through the whole library */

static void dump(int level, int format, int codec)
{
	struct rf_file in = { x.f.data, x.limit ? x.limit : x.f.size, 0 };
	struct rf_how how = { .level = level, .format = format, .codec = codec };

	rf_dump(&in, &how, &x.out, &x.seen);
}

static uint64_t le(uint64_t at, unsigned width)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < width; i++)
		v |= (uint64_t)x.out.data[at + i] << 8 * i;
	return v;
}

static void lost_pages_stay_lost(void)
{
	begin(&plain);
	dump(0, DUMPFILTER_FORMAT_KDUMP, DUMPFILTER_CODEC_ZLIB);
	CHECK_EQ(x.seen.result, DUMPFILTER_PARTIAL);
	CHECK_EQ(x.seen.report.lost_pages, 1);
	CHECK_EQ(x.seen.report.unreadable_pages, 1);
	CHECK_EQ(x.seen.report.zero_pages, 3);
	CHECK_EQ(x.seen.report.level, 1);
	CHECK_EQ(le(424, 4), 1 | 8);
	CHECK_EQ(le(4096 + 8, 4), 1);
	/* the seventh descriptor */
	CHECK_EQ(le(x.f.desc_at + 24 * 5, 8), 0);
	CHECK_EQ(le(x.f.desc_at + 24 * 5 + 8, 4), 0);
	dump(0, DUMPFILTER_FORMAT_ELF, 0);
	CHECK_EQ(x.seen.result, DUMPFILTER_PARTIAL);
	CHECK_EQ(x.seen.report.lost_pages, 1);
	CHECK_EQ(le(48, 4) & 1, 1);
}

static void the_mark_stays_where_no_page_is_lost(void)
{
	struct mk m = plain;

	m.pages = "pp..pp";
	m.status = 1 | 8 | 16;
	begin(&m);
	dump(0, DUMPFILTER_FORMAT_KDUMP, 0);
	CHECK_EQ(x.seen.result, DUMPFILTER_OK);
	CHECK_EQ(le(424, 4), 8 | 16);
	CHECK_HAS(x.seen.warning, "marked incomplete");
	dump(0, DUMPFILTER_FORMAT_ELF, 0);
	CHECK_EQ(le(48, 4) & 1, 1);
}

static void without_vmcoreinfo_only_the_lowest_levels(void)
{
	struct mk m = plain;

	m.version = 2;
	m.level = 31;
	m.pages = "pp..pp";
	begin(&m);
	dump(2, DUMPFILTER_FORMAT_KDUMP, 0);
	CHECK_EQ(x.seen.result, DUMPFILTER_E_NOINFO);
	dump(1, DUMPFILTER_FORMAT_KDUMP, 0);
	CHECK_EQ(x.seen.result, DUMPFILTER_OK);
	CHECK_EQ(le(4096 + 8, 4), 31);
	CHECK_EQ(le(4096, 8), plain.phys_base);
	CHECK_EQ(le(408, 8), plain.time);
	CHECK(!memcmp(x.out.data + 12 + 65, "host", 5));
}

static void a_page_size_that_the_kernel_does_not_have(void)
{
	struct mk m = plain;

	m.block = 8192;
	m.pages = "pp..pp";
	begin(&m);
	dump(31, DUMPFILTER_FORMAT_KDUMP, 0);
	CHECK_EQ(x.seen.result, DUMPFILTER_WARN);
	CHECK_HAS(x.seen.warning, "all are kept");
	CHECK_EQ(x.seen.report.written_pages, 4);
}

/* An ELF load must not hold zeros for what was left out. */
static void elf_has_only_what_is_there(void)
{
	struct mk m = plain;

	m.pages = "  rr.r...rr  r";
	m.level = 0;
	begin(&m);
	dump(0, DUMPFILTER_FORMAT_ELF, 0);
	CHECK_EQ(x.seen.result, DUMPFILTER_OK);
	CHECK_EQ(x.seen.report.elf_written_pages, 6);
	CHECK_EQ(le(56, 2), 1 + 4); /* notes; 2-4, 5-8, 9-10, 13 */
	for (unsigned i = 0; i < 4; i++) {
		static const uint64_t first[] = { 2, 5, 9, 13 }, file[] = { 2, 1, 2, 1 }, mem[] = { 3, 4, 2, 1 };
		uint64_t at = 64 + 56 * (i + 1), offset = le(at + 8, 8);

		CHECK_EQ(le(at + 24, 8), first[i] * 4096);
		CHECK_EQ(le(at + 32, 8), file[i] * 4096);
		CHECK_EQ(le(at + 40, 8), mem[i] * 4096);
		x.mk = m;
		CHECK(!memcmp(x.out.data + offset, wanted(first[i]), 4096));
	}
}

/* A few lines, not one for each batch. */
static void many_lost_pages_are_said_once(void)
{
	static char pages[20001];
	struct mk m = plain;

	memset(pages, 'l', sizeof pages - 1);
	pages[0] = 'r';
	m.pages = pages;
	begin(&m);
	dump(0, DUMPFILTER_FORMAT_KDUMP, 0);
	CHECK_EQ(x.seen.report.lost_pages, sizeof pages - 2);
	CHECK(x.seen.warnings >= 1 && x.seen.warnings < 20);
	dump(0, DUMPFILTER_FORMAT_ELF, 0);
	CHECK_EQ(x.seen.report.lost_pages, sizeof pages - 2);
	CHECK(x.seen.warnings >= 1 && x.seen.warnings < 20);
}

/* The class of the machine where its numbers do, else 64 bits. */
static void elf_of_32_bit_machines(void)
{
	struct mk m = plain;

	m.bits = 32;
	m.align = 4;
	m.machine = "i686";
	m.pages = "rrr..r";
	begin(&m);
	dump(0, DUMPFILTER_FORMAT_ELF, 0);
	CHECK_EQ(x.seen.result, DUMPFILTER_OK);
	CHECK_EQ(x.out.data[4], 1);
	CHECK_EQ(le(18, 2), 3);
	CHECK_EQ(le(44, 2), 1 + 2); /* notes; 0-4, 5 */
	x.mk = m;
	CHECK(!memcmp(x.out.data + le(52 + 2 * 32 + 4, 4), wanted(5), 4096));
	dump(0, DUMPFILTER_FORMAT_KDUMP, 0);
	CHECK_EQ(x.seen.result, DUMPFILTER_OK);
	CHECK_EQ(le(4096 + 20, 8), 4096 + 80 + 24); /* offset_vmcoreinfo: packed as i386 has it */
}

struct heap {
	unsigned long calls, fail_at;
	long live;
};

static void *heap_alloc(void *user, size_t bytes)
{
	struct heap *h = user;

	if (++h->calls == h->fail_at)
		return NULL;
	h->live++;
	return malloc(bytes);
}

static void heap_free(void *user, void *p)
{
	struct heap *h = user;

	h->live -= p != NULL;
	free(p);
}

/* The whole with the n-th allocation failing: an error or, with fewer threads, the same bytes.  Nothing leaks. */
static int starved(struct heap *h, bool flat, struct rf_file *out)
{
	static uint8_t stream[256 << 10];
	struct rf_file in = { x.f.data, x.f.size, 0 };
	struct dumpfilter_new_opts opts = DUMPFILTER_NEW_OPTS_INIT;
	struct dumpfilter_source_ops source = { .size = sizeof source,
						.caps = DUMPFILTER_IO_CONCURRENT,
						.read = rf_read };
	struct rf_how how = { 0 };
	struct rf_seen seen;
	struct dumpfilter *df;
	int r = DUMPFILTER_E_NOMEM;

	opts.alloc = heap_alloc;
	opts.free = heap_free;
	opts.alloc_user = h;
	if (flat) {
		df_flat_encode_header(stream);
		df_flat_encode_record(0, in.size, stream + DF_FLAT_HEADER);
		memcpy(stream + DF_FLAT_HEADER + DF_FLAT_RECORD, in.data, in.size);
		df_flat_encode_end(stream + DF_FLAT_HEADER + DF_FLAT_RECORD + in.size);
		in = (struct rf_file){ stream, in.size + DF_FLAT_HEADER + 2 * DF_FLAT_RECORD, 0 };
	}
	source.length = in.size;
	df = dumpfilter_new(&opts);
	if (df)
		r = dumpfilter_open(df, &source, &in);
	if (!r) {
		rf_run(df, &how, out, &seen);
		r = seen.result;
	}
	dumpfilter_free(df);
	return r;
}

static void out_of_memory_anywhere(void)
{
	struct mk m = plain;

	m.pages = "pp.rz";
	for (int flat = 0; flat < 2; flat++) {
		struct rf_file want = { 0 }, got = { 0 };
		struct heap h = { 0 };

		begin(&m);
		CHECK_EQ(starved(&h, flat, &want), 0);
		for (unsigned long n = h.calls; n; n--) {
			struct heap bad = { .fail_at = n };
			int r = starved(&bad, flat, &got);

			CHECK_EQ(bad.live, 0);
			if (r != DUMPFILTER_E_NOMEM && (r || !rf_same(&want, &got)))
				T_FAIL("allocation %lu fails: result %d", n, r);
			rf_free(&got);
		}
		rf_free(&want);
	}
}

static void damaged_pages_are_lost_or_copied_as_they_are(void)
{
	struct mk m = plain;

	m.pages = "pp";
	begin(&m);
	x.f.data[x.f.size - 5] ^= 0x55; /* of the last page: its checksum */
	dump(0, DUMPFILTER_FORMAT_KDUMP, DUMPFILTER_CODEC_NONE);
	CHECK_EQ(x.seen.result, DUMPFILTER_PARTIAL);
	CHECK_EQ(x.seen.report.lost_pages, 1);
	CHECK_HAS(x.seen.warning, "does not unpack");
	/* nothing is unpacked: what can be saved of it stays */
	dump(0, DUMPFILTER_FORMAT_KDUMP, DUMPFILTER_CODEC_ZLIB);
	CHECK_EQ(x.seen.result, DUMPFILTER_OK);
	CHECK(!memcmp(x.out.data + x.out.size - 20, x.f.data + x.f.size - 20, 20));
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
	RUN(lost_pages_stay_lost);
	RUN(the_mark_stays_where_no_page_is_lost);
	RUN(without_vmcoreinfo_only_the_lowest_levels);
	RUN(a_page_size_that_the_kernel_does_not_have);
	RUN(elf_has_only_what_is_there);
	RUN(many_lost_pages_are_said_once);
	RUN(elf_of_32_bit_machines);
	RUN(out_of_memory_anywhere);
	RUN(damaged_pages_are_lost_or_copied_as_they_are);
	end();
	return T_END();
}
