/* SPDX-License-Identifier: GPL-2.0-or-later */
/* kdump-compressed files as input, through the whole library: what was lost stays lost, marks stay, ELF output. */
#include "format/flat.h"
#include "heap.h"
#include "mkdump.h"
#include "refilter.h"

static struct {
	struct mk mk;
	struct mk_file f;
	struct memory out;
	struct rf_seen seen;
} x;

static void end(void)
{
	mk_free(&x.f);
	memory_free(&x.out);
}

static void begin(const struct mk *m)
{
	end();
	x.mk = *m;
	mk_build(m, &x.f);
}

static void dump(int level, int format, int codec)
{
	struct memory in = { x.f.data, x.f.size, 0 };
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
	begin(&mk_plain);
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
	struct mk m = mk_plain;

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
	struct mk m = mk_plain;

	m.version = 2;
	m.level = 31;
	m.pages = "pp..pp";
	begin(&m);
	dump(2, DUMPFILTER_FORMAT_KDUMP, 0);
	CHECK_EQ(x.seen.result, DUMPFILTER_E_NOINFO);
	dump(1, DUMPFILTER_FORMAT_KDUMP, 0);
	CHECK_EQ(x.seen.result, DUMPFILTER_OK);
	CHECK_EQ(le(4096 + 8, 4), 31);
	CHECK_EQ(le(4096, 8), mk_plain.phys_base);
	CHECK_EQ(le(408, 8), mk_plain.time);
	CHECK(!memcmp(x.out.data + 12 + 65, "host", 5));
}

static void a_page_size_that_the_kernel_does_not_have(void)
{
	struct mk m = mk_plain;

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
	struct mk m = mk_plain;

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
		CHECK(!memcmp(x.out.data + offset, mk_wanted(&x.mk, first[i]), 4096));
	}
}

/* A few lines, not one for each batch. */
static void many_lost_pages_are_said_once(void)
{
	static char pages[20001];
	struct mk m = mk_plain;

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
	struct mk m = mk_plain;

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
	CHECK(!memcmp(x.out.data + le(52 + 2 * 32 + 4, 4), mk_wanted(&x.mk, 5), 4096));
	dump(0, DUMPFILTER_FORMAT_KDUMP, 0);
	CHECK_EQ(x.seen.result, DUMPFILTER_OK);
	CHECK_EQ(le(4096 + 20, 8), 4096 + 80 + 24); /* offset_vmcoreinfo: packed as i386 has it */
}

/* The whole with the n-th allocation failing: an error or, with fewer threads, the same bytes.  Nothing leaks. */
static int starved(struct fi_heap *h, bool flat, struct memory *out)
{
	static uint8_t stream[256 << 10];
	struct memory in = { x.f.data, x.f.size, 0 };
	struct dumpfilter_new_opts opts = DUMPFILTER_NEW_OPTS_INIT;
	struct dumpfilter_source_ops source = { .size = sizeof source,
						.caps = DUMPFILTER_IO_CONCURRENT,
						.read = memory_read };
	struct rf_how how = { 0 };
	struct rf_seen seen;
	struct dumpfilter *df;
	int r = DUMPFILTER_E_NOMEM;

	opts.alloc = fi_heap_alloc;
	opts.free = fi_heap_free;
	opts.alloc_user = h;
	if (flat) {
		df_flat_encode_header(stream);
		df_flat_encode_record(0, in.size, stream + DF_FLAT_HEADER);
		memcpy(stream + DF_FLAT_HEADER + DF_FLAT_RECORD, in.data, in.size);
		df_flat_encode_end(stream + DF_FLAT_HEADER + DF_FLAT_RECORD + in.size);
		in = (struct memory){ stream, in.size + DF_FLAT_HEADER + 2 * DF_FLAT_RECORD, 0 };
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
	struct mk m = mk_plain;

	m.pages = "pp.rz";
	for (int flat = 0; flat < 2; flat++) {
		struct memory want = { 0 }, got = { 0 };
		struct fi_heap h = { .live = 0 };

		begin(&m);
		CHECK_EQ(starved(&h, flat, &want), 0);
		for (unsigned long n = h.calls; n; n--) {
			struct fi_heap bad = { .fail_at = n };
			int r = starved(&bad, flat, &got);

			CHECK_EQ(bad.live, 0);
			if (r != DUMPFILTER_E_NOMEM && (r || !memory_same(&want, &got)))
				T_FAIL("allocation %lu fails: result %d", n, r);
			memory_free(&got);
		}
		memory_free(&want);
	}
}

static void damaged_pages_are_lost_or_copied_as_they_are(void)
{
	struct mk m = mk_plain;

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
