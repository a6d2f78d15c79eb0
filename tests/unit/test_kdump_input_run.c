/* SPDX-License-Identifier: GPL-2.0-or-later */
/* kdump-compressed files as input, through the whole library: what was lost stays lost, marks stay, ELF output. */
#include "format/flat.h"
#include "heap.h"
#include "mkdump.h"
#include "refilter.h"

static struct {
	struct mk made;
	struct mk_file file;
	struct memory memory;
	struct rf_seen seen;
} fixture;

static void end(void)
{
	mk_free(&fixture.file);
	memory_free(&fixture.memory);
}

static void begin(const struct mk *made)
{
	end();
	fixture.made = *made;
	mk_build(made, &fixture.file);
}

static void dump(int level, int format, int codec)
{
	struct memory memory = { fixture.file.data, fixture.file.size, 0 };
	struct rf_how how = { .level = level, .format = format, .codec = codec };

	rf_dump(&memory, &how, &fixture.memory, &fixture.seen);
}

static uint64_t le(uint64_t at, unsigned width)
{
	uint64_t value = 0;

	for (unsigned i = 0; i < width; i++)
		value |= (uint64_t)fixture.memory.data[at + i] << 8 * i;
	return value;
}

static void lost_pages_stay_lost(void)
{
	begin(&mk_plain);
	dump(0, DUMPFILTER_FORMAT_KDUMP, DUMPFILTER_CODEC_ZLIB);
	CHECK_EQ(fixture.seen.result, DUMPFILTER_PARTIAL);
	CHECK_EQ(fixture.seen.report.lost_pages, 1);
	CHECK_EQ(fixture.seen.report.unreadable_pages, 1);
	CHECK_EQ(fixture.seen.report.zero_pages, 3);
	CHECK_EQ(fixture.seen.report.level, 1);
	CHECK_EQ(le(424, 4), 1 | 8);
	CHECK_EQ(le(4096 + 8, 4), 1);
	/* the seventh descriptor */
	CHECK_EQ(le(fixture.file.desc_at + 24 * 5, 8), 0);
	CHECK_EQ(le(fixture.file.desc_at + 24 * 5 + 8, 4), 0);
	dump(0, DUMPFILTER_FORMAT_ELF, 0);
	CHECK_EQ(fixture.seen.result, DUMPFILTER_PARTIAL);
	CHECK_EQ(fixture.seen.report.lost_pages, 1);
	CHECK_EQ(le(48, 4) & 1, 1);
}

static void the_mark_stays_where_no_page_is_lost(void)
{
	struct mk made = mk_plain;

	made.pages = "pp..pp";
	made.status = 1 | 8 | 16;
	begin(&made);
	dump(0, DUMPFILTER_FORMAT_KDUMP, 0);
	CHECK_EQ(fixture.seen.result, DUMPFILTER_OK);
	CHECK_EQ(le(424, 4), 8 | 16);
	CHECK_HAS(fixture.seen.warning, "marked incomplete");
	dump(0, DUMPFILTER_FORMAT_ELF, 0);
	CHECK_EQ(le(48, 4) & 1, 1);
}

static void without_vmcoreinfo_only_the_lowest_levels(void)
{
	struct mk made = mk_plain;

	made.version = 2;
	made.level = 31;
	made.pages = "pp..pp";
	begin(&made);
	dump(2, DUMPFILTER_FORMAT_KDUMP, 0);
	CHECK_EQ(fixture.seen.result, DUMPFILTER_E_NOINFO);
	dump(1, DUMPFILTER_FORMAT_KDUMP, 0);
	CHECK_EQ(fixture.seen.result, DUMPFILTER_OK);
	CHECK_EQ(le(4096 + 8, 4), 31);
	CHECK_EQ(le(4096, 8), mk_plain.phys_base);
	CHECK_EQ(le(408, 8), mk_plain.time);
	CHECK(!memcmp(fixture.memory.data + 12 + 65, "host", 5));
}

static void a_page_size_that_the_kernel_does_not_have(void)
{
	struct mk made = mk_plain;

	made.block = 8192;
	made.pages = "pp..pp";
	begin(&made);
	dump(31, DUMPFILTER_FORMAT_KDUMP, 0);
	CHECK_EQ(fixture.seen.result, DUMPFILTER_WARN);
	CHECK_HAS(fixture.seen.warning, "all are kept");
	CHECK_EQ(fixture.seen.report.written_pages, 4);
}

/* An ELF load must not hold zeros for what was left out. */
static void elf_has_only_what_is_there(void)
{
	struct mk made = mk_plain;

	made.pages = "  rr.r...rr  r";
	made.level = 0;
	begin(&made);
	dump(0, DUMPFILTER_FORMAT_ELF, 0);
	CHECK_EQ(fixture.seen.result, DUMPFILTER_OK);
	CHECK_EQ(fixture.seen.report.elf_written_pages, 6);
	CHECK_EQ(le(56, 2), 1 + 4); /* notes; 2-4, 5-8, 9-10, 13 */
	for (unsigned i = 0; i < 4; i++) {
		static const uint64_t first[] = { 2, 5, 9, 13 }, file[] = { 2, 1, 2, 1 }, mem[] = { 3, 4, 2, 1 };
		uint64_t at = 64 + 56 * (i + 1), offset = le(at + 8, 8);

		CHECK_EQ(le(at + 24, 8), first[i] * 4096);
		CHECK_EQ(le(at + 32, 8), file[i] * 4096);
		CHECK_EQ(le(at + 40, 8), mem[i] * 4096);
		fixture.made = made;
		CHECK(!memcmp(fixture.memory.data + offset, mk_wanted(&fixture.made, first[i]), 4096));
	}
}

/* A few lines, not one for each batch. */
static void many_lost_pages_are_said_once(void)
{
	static char pages[20001];
	struct mk made = mk_plain;

	memset(pages, 'l', sizeof pages - 1);
	pages[0] = 'r';
	made.pages = pages;
	begin(&made);
	dump(0, DUMPFILTER_FORMAT_KDUMP, 0);
	CHECK_EQ(fixture.seen.report.lost_pages, sizeof pages - 2);
	CHECK(fixture.seen.warnings >= 1 && fixture.seen.warnings < 20);
	dump(0, DUMPFILTER_FORMAT_ELF, 0);
	CHECK_EQ(fixture.seen.report.lost_pages, sizeof pages - 2);
	CHECK(fixture.seen.warnings >= 1 && fixture.seen.warnings < 20);
}

/* The class of the machine where its numbers do, else 64 bits. */
static void elf_of_32_bit_machines(void)
{
	struct mk made = mk_plain;

	made.bits = 32;
	made.align = 4;
	made.machine = "i686";
	made.pages = "rrr..r";
	begin(&made);
	dump(0, DUMPFILTER_FORMAT_ELF, 0);
	CHECK_EQ(fixture.seen.result, DUMPFILTER_OK);
	CHECK_EQ(fixture.memory.data[4], 1);
	CHECK_EQ(le(18, 2), 3);
	CHECK_EQ(le(44, 2), 1 + 2); /* notes; 0-4, 5 */
	fixture.made = made;
	CHECK(!memcmp(fixture.memory.data + le(52 + 2 * 32 + 4, 4), mk_wanted(&fixture.made, 5), 4096));
	dump(0, DUMPFILTER_FORMAT_KDUMP, 0);
	CHECK_EQ(fixture.seen.result, DUMPFILTER_OK);
	CHECK_EQ(le(4096 + 20, 8), 4096 + 80 + 24); /* offset_vmcoreinfo: packed as i386 has it */
}

/* The whole with the n-th allocation failing: an error or, with fewer threads, the same bytes.  Nothing leaks. */
static int starved(struct fi_heap *heap, bool flat, struct memory *memory)
{
	static uint8_t stream[256 << 10];
	struct memory in = { fixture.file.data, fixture.file.size, 0 };
	struct dumpfilter_new_opts opts = DUMPFILTER_NEW_OPTS_INIT;
	struct dumpfilter_source_ops source = { .size = sizeof source,
						.caps = DUMPFILTER_IO_CONCURRENT,
						.read = memory_read };
	struct rf_how how = { 0 };
	struct rf_seen seen;
	struct dumpfilter *df;
	int result = DUMPFILTER_E_NOMEM;

	opts.alloc = fi_heap_alloc;
	opts.free = fi_heap_free;
	opts.alloc_user = heap;
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
		result = dumpfilter_open(df, &source, &in);
	if (!result) {
		rf_run(df, &how, memory, &seen);
		result = seen.result;
	}
	dumpfilter_free(df);
	return result;
}

static void out_of_memory_anywhere(void)
{
	struct mk made = mk_plain;

	made.pages = "pp.rz";
	for (int flat = 0; flat < 2; flat++) {
		struct memory want = { 0 }, memory = { 0 };
		struct fi_heap heap = { .live = 0 };

		begin(&made);
		CHECK_EQ(starved(&heap, flat, &want), 0);
		for (unsigned long count = heap.calls; count; count--) {
			struct fi_heap bad = { .fail_at = count };
			int result = starved(&bad, flat, &memory);

			CHECK_EQ(bad.live, 0);
			if (result != DUMPFILTER_E_NOMEM && (result || !memory_same(&want, &memory)))
				T_FAIL("allocation %lu fails: result %d", count, result);
			memory_free(&memory);
		}
		memory_free(&want);
	}
}

static void damaged_pages_are_lost_or_copied_as_they_are(void)
{
	struct mk made = mk_plain;

	made.pages = "pp";
	begin(&made);
	fixture.file.data[fixture.file.size - 5] ^= 0x55; /* of the last page: its checksum */
	dump(0, DUMPFILTER_FORMAT_KDUMP, DUMPFILTER_CODEC_NONE);
	CHECK_EQ(fixture.seen.result, DUMPFILTER_PARTIAL);
	CHECK_EQ(fixture.seen.report.lost_pages, 1);
	CHECK_HAS(fixture.seen.warning, "does not unpack");
	/* nothing is unpacked: what can be saved of it stays */
	dump(0, DUMPFILTER_FORMAT_KDUMP, DUMPFILTER_CODEC_ZLIB);
	CHECK_EQ(fixture.seen.result, DUMPFILTER_OK);
	CHECK(!memcmp(fixture.memory.data + fixture.memory.size - 20, fixture.file.data + fixture.file.size - 20, 20));
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
