/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How much is read and written, and in how many calls: numbers that do not depend on the machine.  The incumbent
 * filters once for each window of its bitmap, reads memory up to four times, writes a block for each page of zeros, and
 * reads a dump that is filtered again page by page, with a seek each.
 */
#include "faults.h"
#include "refilter.h"

/* More pages than fi_recipe: 32 MiB. */
static const char large[] = "preset 6.1\n"
			    "page 0x100-0x4ff kind=anon\n"
			    "buddy 0x800 order=9\n"
			    "zero 0xa00-0xbff,0x1400-0x14ff\n";

static struct {
	struct builder_image built;
	struct memory in, out;
	uint64_t reads, bytes_read, writes, bytes_written;
	uint64_t notes_at, notes_len, notes_read; /* of the input; how much of it was read, all together */
	struct dumpfilter_report report;
	uint64_t memory; /* bytes of page frames */
} fixture;

static int64_t count_read(void *user, uint64_t offset, void *buffer, size_t length)
{
	int64_t got = memory_read(user, offset, buffer, length);
	uint64_t end = got > 0 ? offset + (uint64_t)got : offset, notes_end = fixture.notes_at + fixture.notes_len;
	uint64_t first = offset > fixture.notes_at ? offset : fixture.notes_at,
		 last = end < notes_end ? end : notes_end;

	fixture.reads++;
	fixture.bytes_read += end - offset;
	fixture.notes_read += last > first ? last - first : 0;
	return got;
}

static int count_write(void *user, uint64_t offset, const void *buffer, size_t length)
{
	fixture.writes++;
	fixture.bytes_written += length;
	return memory_write(user, offset, buffer, length);
}

static void run(const struct memory *memory, int level, int format, int codec)
{
	struct dumpfilter_source_ops source = { .size = sizeof source,
						.caps = DUMPFILTER_IO_CONCURRENT,
						.read = count_read,
						.length = memory->size,
						.name = "in" };
	struct dumpfilter_sink_ops ops = { .size = sizeof ops, .write = count_write };
	struct dumpfilter_config config = DUMPFILTER_CONFIG_INIT;
	struct dumpfilter *df = dumpfilter_new(NULL);
	struct dumpfilter_sink *sink;

	memory_free(&fixture.out);
	fixture.reads = fixture.bytes_read = fixture.writes = fixture.bytes_written = fixture.notes_read = 0;
	ops.caps = DUMPFILTER_IO_RANDOM | DUMPFILTER_IO_REWRITE;
	config.level = level;
	config.format = format;
	config.codec = codec;
	config.threads = 1;
	CHECK(!dumpfilter_open(df, &source, (void *)(uintptr_t)memory));
	CHECK(!dumpfilter_configure(df, &config));
	sink = dumpfilter_sink_custom(df, &ops, &fixture.out);
	CHECK(sink && dumpfilter_run(df, sink) >= 0);
	fixture.report = (struct dumpfilter_report)DUMPFILTER_REPORT_INIT;
	CHECK(!dumpfilter_report(df, &fixture.report));
	dumpfilter_sink_free(sink);
	dumpfilter_free(df);
}

static uint64_t kept_bytes(void)
{
	return fixture.report.kept_pages * FI_PAGE; /* pages of zeros included */
}

/* Struct pages, a 64th of memory, once; and a little: headers, page tables, what a read takes in beyond its end. */
static uint64_t planning(void)
{
	return fixture.memory / 24;
}

static void kdump_reads_each_page_once(void)
{
	for (int level = 0; level <= 31; level += 31) {
		run(&fixture.in, level, DUMPFILTER_FORMAT_KDUMP, DUMPFILTER_CODEC_NONE);
		CHECK(fixture.bytes_read >= fixture.report.written_pages * FI_PAGE);
		CHECK(fixture.bytes_read <= kept_bytes() + planning());
	}
}

/* Pages of zeros must be known before the program headers are written: twice then. */
static void elf_reads_each_page_once_or_twice(void)
{
	run(&fixture.in, 30, DUMPFILTER_FORMAT_ELF, DUMPFILTER_CODEC_NONE);
	CHECK(fixture.bytes_read <= kept_bytes() + planning() + fixture.memory / 16); /* and short gaps */
	run(&fixture.in, 31, DUMPFILTER_FORMAT_ELF, DUMPFILTER_CODEC_NONE);
	CHECK(fixture.report.zero_pages >= 0x200);
	CHECK(fixture.bytes_read <= 2 * kept_bytes() + planning());
}

/* Few calls and large ones, and hardly a byte twice, whether there are pages of zeros or not. */
static void writes_are_large(void)
{
	static const int formats[] = { DUMPFILTER_FORMAT_KDUMP, DUMPFILTER_FORMAT_ELF };

	for (unsigned i = 0; i < 4; i++) {
		run(&fixture.in, i & 1 ? 31 : 0, formats[i / 2], DUMPFILTER_CODEC_NONE);
		CHECK(fixture.writes <= fixture.out.size / 65536 + 64);
		CHECK(fixture.bytes_written <= fixture.out.size + fixture.out.size / 16);
	}
}

static uint64_t number(const uint8_t *bytes)
{
	uint64_t value = 0;

	for (unsigned i = 0; i < 8; i++)
		value |= (uint64_t)bytes[i] << 8 * i;
	return value;
}

/* Notes and VMCOREINFO: once, however many facts are asked for. */
static void notes_are_read_once(void)
{
	const uint8_t *bytes = fixture.in.data + number(fixture.in.data + 32);

	while (bytes[0] != 4) /* PT_NOTE */
		bytes += 56;
	fixture.notes_at = number(bytes + 8);
	fixture.notes_len = number(bytes + 32);
	run(&fixture.in, 31, DUMPFILTER_FORMAT_KDUMP, DUMPFILTER_CODEC_NONE);
	CHECK(fixture.notes_len > 1000);
	CHECK(fixture.notes_read >= fixture.notes_len && fixture.notes_read < 2 * fixture.notes_len);
}

/* A dump that is filtered again: pages that lie together are read together. */
static void a_dump_is_read_in_pieces_of_many_pages(void)
{
	static const int codecs[] = { DUMPFILTER_CODEC_ZLIB, DUMPFILTER_CODEC_NONE };

	for (unsigned i = 0; i < 2; i++) { /* copied as they are, unpacked */
		struct memory first;

		run(&fixture.in, 1, DUMPFILTER_FORMAT_KDUMP, DUMPFILTER_CODEC_ZLIB);
		first = fixture.out;
		fixture.out = (struct memory){ 0 };
		run(&first, 31, DUMPFILTER_FORMAT_KDUMP, codecs[i]);
		CHECK(fixture.report.written_pages > 6000);
		CHECK(fixture.reads <= fixture.report.written_pages / 16);
		CHECK(fixture.bytes_read <= first.size + first.size / 4);
		memory_free(&first);
	}
}

int main(void)
{
	char err[BUILDER_ERR];

	if (builder_build(large, strlen(large), &fixture.built, err)) {
		printf("not ok - the image\n# %s\n", err);
		return EXIT_FAILURE;
	}
	fixture.in = (struct memory){ fixture.built.data, fixture.built.size, fixture.built.size };
	fixture.memory = builder_ranges_count(&fixture.built.present) * FI_PAGE;
	RUN(kdump_reads_each_page_once);
	RUN(elf_reads_each_page_once_or_twice);
	RUN(writes_are_large);
	RUN(notes_are_read_once);
	RUN(a_dump_is_read_in_pieces_of_many_pages);
	builder_image_free(&fixture.built);
	memory_free(&fixture.out);
	return T_END();
}
