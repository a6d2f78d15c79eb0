/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A reader of dumps of small x86_64 images: what opens, what is listed, whether it is right. */
#include "faults.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#if HAVE_LZO
#include <lzo/lzo1x.h>
#endif
#if HAVE_SNAPPY
#include <snappy-c.h>
#endif
#if HAVE_ZSTD
#include <zstd.h>
#endif

struct reader {
	const struct fi_run *run;
	struct fi_dump *dump;
	const uint8_t *data;
	uint64_t size;
	char *why;
};

static uint64_t get(const uint8_t *bytes, unsigned width)
{
	uint64_t value = 0;

	for (unsigned i = 0; i < width; i++)
		value |= (uint64_t)bytes[i] << 8 * i;
	return value;
}

static const char *say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static const char *say(const char *fmt, ...)
{
	static _Thread_local char text[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	return text;
}

static bool inside(const struct reader *reader, uint64_t offset, uint64_t length)
{
	return offset <= reader->size && length <= reader->size - offset;
}

static bool bit(const uint8_t *map, uint64_t count)
{
	return map[count / 8] >> count % 8 & 1;
}

/* ---- kdump */

static bool unpack(uint64_t flags, const uint8_t *in, size_t count, uint8_t *out)
{
	size_t length = FI_PAGE;

	switch (flags) {
	case 0:
		memcpy(out, in, count < FI_PAGE ? count : FI_PAGE);
		return count == FI_PAGE;
	case 1: {
		uLongf got = FI_PAGE;
		return uncompress(out, &got, in, count) == Z_OK && got == FI_PAGE;
	}
#if HAVE_LZO
	case 2: {
		lzo_uint got = FI_PAGE;
		return lzo1x_decompress_safe(in, count, out, &got, NULL) == LZO_E_OK && got == FI_PAGE;
	}
#endif
#if HAVE_SNAPPY
	case 4:
		return snappy_uncompress((const char *)in, count, (char *)out, &length) == SNAPPY_OK &&
		       length == FI_PAGE;
#endif
#if HAVE_ZSTD
	case 0x20:
		return ZSTD_decompress(out, length, in, count) == FI_PAGE;
#endif
	default:
		(void)length;
		return false;
	}
}

static const char *one_page(struct reader *reader, uint64_t pfn, const uint8_t *desc)
{
	uint64_t offset = get(desc, 8), size = get(desc + 8, 4), flags = get(desc + 12, 4);
	uint8_t page[FI_PAGE];

	if (!offset && !size)
		return NULL; /* lost, and says so */
	if (pfn >= reader->run->image->max_pfn || !reader->run->image->present[pfn])
		return say("frame %#llx is listed and does not exist", (unsigned long long)pfn);
	if (!inside(reader, offset, size))
		return say("frame %#llx is listed at %llu, the file has %llu bytes", (unsigned long long)pfn,
			   (unsigned long long)offset, (unsigned long long)reader->size);
	if (!unpack(flags, reader->data + offset, (size_t)size, page))
		return say("frame %#llx does not unpack", (unsigned long long)pfn);
	if (memcmp(page, reader->run->image->memory + pfn * FI_PAGE, FI_PAGE))
		return say("frame %#llx has other contents", (unsigned long long)pfn);
	reader->dump->listed[pfn] = 1;
	reader->dump->nlisted++;
	return NULL;
}

static const char *read_kdump(struct reader *reader)
{
	const uint8_t *header = reader->data;
	uint64_t sub = get(header + 432, 4), bitmaps = get(header + 436, 4), at, table;

	if (get(header + 8, 4) != 6 || get(header + 428, 4) != FI_PAGE)
		return "kdump header: wrong version or block size";
	reader->dump->incomplete = get(header + 424, 4) & 8;
	if (!inside(reader, FI_PAGE, 104))
		return "kdump: no sub header";
	reader->dump->max_pfn = get(header + FI_PAGE + 96, 8);
	at = (1 + sub + bitmaps / 2) * FI_PAGE;
	table = (1 + sub + bitmaps) * FI_PAGE;
	if (reader->dump->max_pfn > reader->run->image->max_pfn || bitmaps / 2 * FI_PAGE * 8 < reader->dump->max_pfn ||
	    !inside(reader, 0, table))
		return "kdump: bitmaps do not fit";
	for (uint64_t pfn = 0; pfn < reader->dump->max_pfn; pfn++) {
		const char *bad;

		if (!bit(header + at, pfn))
			continue;
		if (!inside(reader, table, 24))
			return "kdump: the index is cut";
		reader->dump->kept[pfn] = 1;
		reader->dump->nkept++;
		bad = one_page(reader, pfn, header + table);
		if (bad)
			return bad;
		table += 24;
	}
	return NULL;
}

/* ---- ELF */

/* Is the file offset of physical address paddr one that cannot be read? */
static bool unreadable(const struct fi_run *run, uint64_t paddr)
{
	const uint8_t *entry = run->image->built.data;
	unsigned count = (unsigned)get(entry + 56, 2);

	for (unsigned i = 0; i < count; i++) {
		const uint8_t *bytes = entry + get(entry + 32, 8) + i * 56;
		uint64_t from = get(bytes + 24, 8), offset;

		if (get(bytes, 4) != 1 || paddr < from || paddr - from >= get(bytes + 32, 8))
			continue;
		offset = get(bytes + 8, 8) + (paddr - from);
		return offset + FI_PAGE > run->source.size ||
		       (offset < run->source.fail_to && offset + FI_PAGE > run->source.fail_from);
	}
	return false;
}

/* Could headers be written again after the failure? */
static bool mendable(const struct fi_run *run)
{
	return run->disk.caps & DUMPFILTER_IO_REWRITE && !run->disk.fail_at;
}

static const char *one_elf_page(struct reader *reader, uint64_t pfn, const uint8_t *page)
{
	static const uint8_t zeros[FI_PAGE];

	if (pfn >= reader->run->image->max_pfn)
		return say("frame %#llx is listed and does not exist", (unsigned long long)pfn);
	if (pfn >= reader->run->image->untouchable && pfn < reader->run->image->untouchable_end &&
	    !memcmp(page, zeros, FI_PAGE))
		return NULL;
	reader->dump->kept[pfn] = 1;
	if (memcmp(page, reader->run->image->memory + pfn * FI_PAGE, FI_PAGE)) {
		bool may = unreadable(reader->run, pfn * FI_PAGE) || reader->run->source.fail_at ||
			   (reader->dump->incomplete && !mendable(reader->run));

		if (may && !memcmp(page, zeros, FI_PAGE))
			return NULL;
		return say("frame %#llx has other contents", (unsigned long long)pfn);
	}
	if (!reader->dump->listed[pfn])
		reader->dump->nlisted++;
	reader->dump->listed[pfn] = 1;
	return NULL;
}

static const char *read_elf(struct reader *reader)
{
	const uint8_t *header = reader->data;
	uint64_t count = get(header + 56, 2), phoff = get(header + 32, 8);

	reader->dump->max_pfn = reader->run->image->max_pfn;
	reader->dump->incomplete = get(header + 48, 4) & 1;
	if (!count || !inside(reader, phoff, count * 56))
		return "ELF: program headers are cut";
	for (uint64_t i = 0; i < count; i++) {
		const uint8_t *bytes = header + phoff + i * 56;
		uint64_t offset = get(bytes + 8, 8), paddr = get(bytes + 24, 8), filesz = get(bytes + 32, 8);

		/* where nothing could mend the headers the mark is what says so */
		if (filesz && !inside(reader, offset, filesz) && reader->dump->incomplete && !mendable(reader->run))
			filesz = offset < reader->size ? reader->size - offset : 0;
		if (filesz && !inside(reader, offset, filesz))
			return say("ELF: header %llu promises bytes that the file does not have",
				   (unsigned long long)i);
		for (uint64_t at = 0; get(bytes, 4) == 1 && at + FI_PAGE <= filesz; at += FI_PAGE) {
			const char *bad = one_elf_page(reader, (paddr + at) / FI_PAGE, header + offset + at);

			if (bad)
				return bad;
		}
	}
	for (uint64_t pfn = 0; pfn < reader->dump->max_pfn; pfn++)
		reader->dump->nkept += reader->dump->kept[pfn];
	return NULL;
}

/* ---- flattened */

static uint64_t get_be(const uint8_t *bytes)
{
	uint64_t value = 0;

	for (unsigned i = 0; i < 8; i++)
		value = value << 8 | bytes[i];
	return value;
}

/* The next record; false at the end of the stream, with *complete where it has an end record. */
static bool next_record(const uint8_t *stream, uint64_t length, uint64_t *at, uint64_t *offset, uint64_t *counts,
			bool *complete)
{
	if (length - *at < 16)
		return false;
	*offset = get_be(stream + *at);
	*counts = get_be(stream + *at + 8);
	*at += 16;
	*complete = *offset == UINT64_MAX && *counts == UINT64_MAX;
	if (*counts > length - *at)
		*counts = length - *at;
	return !*complete;
}

uint8_t *fi_unflatten(const uint8_t *stream, uint64_t length, uint64_t *size, bool *complete)
{
	uint64_t offset, count;
	uint8_t *out;

	*size = 0;
	*complete = false;
	if (length < FI_PAGE || memcmp(stream, "makedumpfile", 13))
		return NULL;
	for (uint64_t at = FI_PAGE; next_record(stream, length, &at, &offset, &count, complete); at += count) {
		if (offset > UINT64_C(64) << 20)
			return NULL;
		if (offset + count > *size)
			*size = offset + count;
	}
	out = calloc(1, *size + 1);
	for (uint64_t at = FI_PAGE; out && next_record(stream, length, &at, &offset, &count, complete); at += count)
		memcpy(out + offset, stream + at, count);
	return out;
}

/* ---- together */

static const char *read_file(struct reader *reader)
{
	if (!inside(reader, 0, 464))
		return "no header";
	reader->dump->elf = !memcmp(reader->data, "\177ELF", 4);
	if (reader->dump->elf)
		return read_elf(reader);
	return memcmp(reader->data, "KDUMP   ", 8) ? "no dump" : read_kdump(reader);
}

const char *fi_dump_read(struct fi_dump *dump, const struct fi_run *run)
{
	struct reader reader = { .run = run, .dump = dump, .data = run->disk.data, .size = run->disk.end };
	uint8_t *plain = NULL;
	const char *bad;
	bool complete;

	*dump = (struct fi_dump){ .kept = calloc(run->image->max_pfn, 1), .listed = calloc(run->image->max_pfn, 1) };
	if (!dump->kept || !dump->listed)
		return "no memory";
	if (run->flat) {
		reader.data = plain = run->disk.end
					      ? fi_unflatten(run->disk.data, run->disk.end, &reader.size, &complete)
					      : NULL;
		if (!plain)
			return "no flattened stream";
		if (complete ? run->result < 0 : run->result == 0 || run->result == DUMPFILTER_WARN)
			return "the end record does not fit the result";
	}
	bad = reader.size ? read_file(&reader) : "empty";
	free(plain);
	return bad;
}

void fi_dump_free(struct fi_dump *dump)
{
	free(dump->kept);
	free(dump->listed);
	*dump = (struct fi_dump){ 0 };
}

bool fi_dump_covers(const struct fi_dump *dump, const struct fi_dump *first)
{
	for (uint64_t pfn = 0; pfn < first->max_pfn; pfn++)
		if (first->listed[pfn] && (pfn >= dump->max_pfn || !dump->kept[pfn]))
			return false;
	return true;
}

const char *fi_reference(struct fi_dump *dump, const struct fi_run *run)
{
	struct fi_run second;
	const char *bad;

	fi_run_init(&second, run->image);
	second.config = run->config;
	second.config.memory_limit = 0;
	second.flat = run->flat;
	second.disk.caps = run->disk.caps;
	second.disk.guard.concurrent = run->disk.guard.concurrent;
	bad = fi_run_go(&second);
	if (!bad && second.result)
		bad = say("without a fault: %d, %s", second.result, second.message);
	if (!bad)
		bad = fi_dump_read(dump, &second);
	if (!bad && (dump->incomplete || dump->nkept < 100 || dump->nlisted != dump->nkept))
		bad = "without a fault: not a whole dump";
	fi_run_free(&second);
	return bad;
}

const char *fi_report_agrees(const struct fi_run *run, const struct fi_dump *dump)
{
	const struct dumpfilter_report *report = &run->report;
	uint64_t written = report->written_pages;
	bool torn = run->disk.fail_at || run->disk.room; /* half of what failed is there all the same */

	if (!run->have_report)
		return "no report";
	if (report->result != run->result)
		return say("report.result %d, run() returned %d", report->result, run->result);
	if (!dump->elf && !torn && written != dump->nlisted)
		return say("report.written_pages %llu, the index lists %llu", (unsigned long long)written,
			   (unsigned long long)dump->nlisted);
	if (written > dump->nlisted)
		return say("report.written_pages %llu, %llu are there", (unsigned long long)written,
			   (unsigned long long)dump->nlisted);
	/* what the input lacks is lost too, and in no plan */
	if (!dump->elf &&
	    (run->source.size < run->image->built.size ? report->lost_pages < report->kept_pages - written
						       : report->lost_pages != report->kept_pages - written))
		return say("report.lost_pages %llu of %llu, %llu are listed", (unsigned long long)report->lost_pages,
			   (unsigned long long)report->kept_pages, (unsigned long long)dump->nlisted);
	if (run->result == DUMPFILTER_PARTIAL && !report->lost_pages && !run->disk.finish_error && !torn)
		return "PARTIAL, and no page is lost";
	if ((run->result == 0 || run->result == DUMPFILTER_WARN) && report->lost_pages)
		return say("%llu pages lost, and the result is %d", (unsigned long long)report->lost_pages,
			   run->result);
	return NULL;
}
