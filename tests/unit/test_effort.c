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
} x;

static int64_t count_read(void *user, uint64_t offset, void *buf, size_t len)
{
	int64_t n = memory_read(user, offset, buf, len);
	uint64_t end = n > 0 ? offset + (uint64_t)n : offset, notes_end = x.notes_at + x.notes_len;
	uint64_t first = offset > x.notes_at ? offset : x.notes_at, last = end < notes_end ? end : notes_end;

	x.reads++;
	x.bytes_read += end - offset;
	x.notes_read += last > first ? last - first : 0;
	return n;
}

static int count_write(void *user, uint64_t offset, const void *buf, size_t len)
{
	x.writes++;
	x.bytes_written += len;
	return memory_write(user, offset, buf, len);
}

static void run(const struct memory *in, int level, int format, int codec)
{
	struct dumpfilter_source_ops source = { .size = sizeof source,
						.caps = DUMPFILTER_IO_CONCURRENT,
						.read = count_read,
						.length = in->size,
						.name = "in" };
	struct dumpfilter_sink_ops ops = { .size = sizeof ops, .write = count_write };
	struct dumpfilter_config cfg = DUMPFILTER_CONFIG_INIT;
	struct dumpfilter *df = dumpfilter_new(NULL);
	struct dumpfilter_sink *sink;

	memory_free(&x.out);
	x.reads = x.bytes_read = x.writes = x.bytes_written = x.notes_read = 0;
	ops.caps = DUMPFILTER_IO_RANDOM | DUMPFILTER_IO_REWRITE;
	cfg.level = level;
	cfg.format = format;
	cfg.codec = codec;
	cfg.threads = 1;
	CHECK(!dumpfilter_open(df, &source, (void *)(uintptr_t)in));
	CHECK(!dumpfilter_configure(df, &cfg));
	sink = dumpfilter_sink_custom(df, &ops, &x.out);
	CHECK(sink && dumpfilter_run(df, sink) >= 0);
	x.report = (struct dumpfilter_report)DUMPFILTER_REPORT_INIT;
	CHECK(!dumpfilter_report(df, &x.report));
	dumpfilter_sink_free(sink);
	dumpfilter_free(df);
}

static uint64_t kept_bytes(void)
{
	return x.report.kept_pages * FI_PAGE; /* pages of zeros included */
}

/* Struct pages, a 64th of memory, once; and a little: headers, page tables, what a read takes in beyond its end. */
static uint64_t planning(void)
{
	return x.memory / 24;
}

static void kdump_reads_each_page_once(void)
{
	for (int level = 0; level <= 31; level += 31) {
		run(&x.in, level, DUMPFILTER_FORMAT_KDUMP, DUMPFILTER_CODEC_NONE);
		CHECK(x.bytes_read >= x.report.written_pages * FI_PAGE);
		CHECK(x.bytes_read <= kept_bytes() + planning());
	}
}

/* Pages of zeros must be known before the program headers are written: twice then. */
static void elf_reads_each_page_once_or_twice(void)
{
	run(&x.in, 30, DUMPFILTER_FORMAT_ELF, DUMPFILTER_CODEC_NONE);
	CHECK(x.bytes_read <= kept_bytes() + planning() + x.memory / 16); /* and short gaps */
	run(&x.in, 31, DUMPFILTER_FORMAT_ELF, DUMPFILTER_CODEC_NONE);
	CHECK(x.report.zero_pages >= 0x200);
	CHECK(x.bytes_read <= 2 * kept_bytes() + planning());
}

/* Few calls and large ones, and hardly a byte twice, whether there are pages of zeros or not. */
static void writes_are_large(void)
{
	static const int formats[] = { DUMPFILTER_FORMAT_KDUMP, DUMPFILTER_FORMAT_ELF };

	for (unsigned i = 0; i < 4; i++) {
		run(&x.in, i & 1 ? 31 : 0, formats[i / 2], DUMPFILTER_CODEC_NONE);
		CHECK(x.writes <= x.out.size / 65536 + 64);
		CHECK(x.bytes_written <= x.out.size + x.out.size / 16);
	}
}

static uint64_t number(const uint8_t *p)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < 8; i++)
		v |= (uint64_t)p[i] << 8 * i;
	return v;
}

/* Notes and VMCOREINFO: once, however many facts are asked for. */
static void notes_are_read_once(void)
{
	const uint8_t *p = x.in.data + number(x.in.data + 32);

	while (p[0] != 4) /* PT_NOTE */
		p += 56;
	x.notes_at = number(p + 8);
	x.notes_len = number(p + 32);
	run(&x.in, 31, DUMPFILTER_FORMAT_KDUMP, DUMPFILTER_CODEC_NONE);
	CHECK(x.notes_len > 1000);
	CHECK(x.notes_read >= x.notes_len && x.notes_read < 2 * x.notes_len);
}

/* A dump that is filtered again: pages that lie together are read together. */
static void a_dump_is_read_in_pieces_of_many_pages(void)
{
	static const int codecs[] = { DUMPFILTER_CODEC_ZLIB, DUMPFILTER_CODEC_NONE };

	for (unsigned i = 0; i < 2; i++) { /* copied as they are, unpacked */
		struct memory first;

		run(&x.in, 1, DUMPFILTER_FORMAT_KDUMP, DUMPFILTER_CODEC_ZLIB);
		first = x.out;
		x.out = (struct memory){ 0 };
		run(&first, 31, DUMPFILTER_FORMAT_KDUMP, codecs[i]);
		CHECK(x.report.written_pages > 6000);
		CHECK(x.reads <= x.report.written_pages / 16);
		CHECK(x.bytes_read <= first.size + first.size / 4);
		memory_free(&first);
	}
}

int main(void)
{
	char err[BUILDER_ERR];

	if (builder_build(large, strlen(large), &x.built, err)) {
		printf("not ok - the image\n# %s\n", err);
		return EXIT_FAILURE;
	}
	x.in = (struct memory){ x.built.data, x.built.size, x.built.size };
	x.memory = builder_ranges_count(&x.built.present) * FI_PAGE;
	RUN(kdump_reads_each_page_once);
	RUN(elf_reads_each_page_once_or_twice);
	RUN(writes_are_large);
	RUN(notes_are_read_once);
	RUN(a_dump_is_read_in_pieces_of_many_pages);
	builder_image_free(&x.built);
	memory_free(&x.out);
	return T_END();
}
