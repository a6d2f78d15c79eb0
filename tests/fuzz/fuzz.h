/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the fuzz targets share: a source in memory, a sink that believes nothing, a whole dump in one call. */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include "libdumpfilter.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A broken rule of the library is a crash, so that fuzzer and replay see it alike. */
#define MUST(cond)                                                                         \
	do {                                                                               \
		if (!(cond)) {                                                             \
			fprintf(stderr, "%s:%d: broken: %s\n", __FILE__, __LINE__, #cond); \
			abort();                                                           \
		}                                                                          \
	} while (0)

struct fz_source {
	const uint8_t *data;
	size_t size;
	uint64_t length; /* that the library is told */
	uint8_t *seen;   /* a byte per 8 bytes of data that were read, or NULL */
};

static inline int64_t fz_read(void *user, uint64_t offset, void *buffer, size_t length)
{
	struct fz_source *source = user;

	if (offset >= source->size)
		return 0;
	if (length > source->size - offset)
		length = source->size - (size_t)offset;
	memcpy(buffer, source->data + offset, length);
	if (source->seen && length)
		memset(source->seen + offset / 8, 1, (offset + length + 7) / 8 - offset / 8);
	return (int64_t)length;
}

/* Full after so many bytes: what a small input makes large is not worth the time. */
#define FZ_DISK (UINT64_C(64) << 20)

struct fz_sink {
	uint64_t bytes, end;
	bool full;
	unsigned finished;
};

static inline int fz_write(void *user, uint64_t offset, const void *buffer, size_t length)
{
	struct fz_sink *sink = user;
	const volatile uint8_t *bytes = buffer;

	MUST(length && !sink->finished);
	MUST(offset + length >= offset && offset + length <= INT64_MAX);
	(void)(bytes[0] + bytes[length - 1]);
	sink->bytes += length;
	if (sink->bytes > FZ_DISK) {
		sink->full = true;
		return -ENOSPC;
	}
	if (offset + length > sink->end)
		sink->end = offset + length;
	return 0;
}

static inline int fz_finish(void *user, int result)
{
	struct fz_sink *sink = user;

	(void)result;
	MUST(!sink->finished++);
	return 0;
}

static inline void fz_text(const char *text)
{
	MUST(text && !strchr(text, '\n'));
}

static inline void fz_fact(void *user, const char *name, uint64_t value, const char *origin)
{
	(void)user;
	(void)value;
	fz_text(name);
	fz_text(origin);
}

static inline void fz_line(void *user, const char *line)
{
	(void)user;
	fz_text(line);
}

static inline void fz_log(void *user, int level, const char *line)
{
	(void)user;
	(void)level;
	fz_text(line);
}

/* The highest level leaves out as much as can be. */
static inline struct dumpfilter *fz_new(int level, int format, unsigned threads)
{
	struct dumpfilter_config config = DUMPFILTER_CONFIG_INIT;
	struct dumpfilter *df = dumpfilter_new(NULL);

	MUST(df);
	config.level = level;
	config.format = format;
	config.threads = threads;
	config.flags = level == DUMPFILTER_LEVEL_MAX ? DUMPFILTER_EXCLUDE_VMEMMAP : 0;
	MUST(!dumpfilter_configure(df, &config));
	dumpfilter_set_log(df, fz_log, NULL, DUMPFILTER_LOG_DEBUG);
	return df;
}

static inline int fz_open(struct dumpfilter *df, struct fz_source *source)
{
	struct dumpfilter_source_ops ops = { .size = sizeof ops,
					     .caps = DUMPFILTER_IO_CONCURRENT,
					     .read = fz_read,
					     .length = source->length,
					     .name = "fuzz" };
	int result = dumpfilter_open(df, &ops, source);

	MUST(result <= 0 && (result == 0 || dumpfilter_errmsg(df)[0]));
	fz_text(dumpfilter_errmsg(df));
	return result;
}

/* Ranges ascend, do not touch, and end at max_pfn at most. */
struct fz_ranges {
	uint64_t next, pages, max_pfn;
	uint8_t *bits; /* a bit per frame below limit, or NULL */
	uint64_t limit;
};

static inline int fz_range(void *user, uint64_t first, uint64_t count)
{
	struct fz_ranges *ranges = user;

	MUST(count && first + count > first && (first > ranges->next || !ranges->pages));
	ranges->next = first + count;
	ranges->pages += count;
	for (uint64_t pfn = first; ranges->bits && pfn < first + count && pfn < ranges->limit; pfn++)
		ranges->bits[pfn / 8] |= (uint8_t)(1 << pfn % 8);
	return 0;
}

/* What a plan says must fit together. */
static inline void fz_check_plan(struct dumpfilter *df, int level, struct fz_ranges *ranges)
{
	struct dumpfilter_report report = DUMPFILTER_REPORT_INIT;
	uint64_t kept[32], sum = 0, count;

	MUST(!dumpfilter_report(df, &report) && !dumpfilter_plan_foreach(df, fz_range, ranges));
	MUST(report.kept_pages == ranges->pages && ranges->next <= report.max_pfn);
	for (int l = 0; l < 32; l++) {
		MUST(!dumpfilter_plan_kept(df, l, &kept[l]));
		/* a level leaves out all that each of its bits leaves out */
		for (int second = 1; second < 32; second *= 2)
			MUST(!(l & second) || kept[l] <= kept[l & ~second]);
	}
	MUST(kept[level] == report.kept_pages + report.vmemmap_pages);
	for (int letter = 0; letter < DUMPFILTER_CLASS_COUNT; letter++) {
		MUST(!dumpfilter_plan_count(df, letter, &count) && count == report.class_pages[letter]);
		MUST(report.excluded_pages[letter] <= report.present_pages);
		sum += count;
	}
	MUST(sum <= report.present_pages && report.kept_pages <= report.present_pages);
}

/* Run into a sink of this target; the result. */
static inline int fz_run(struct dumpfilter *df, bool truncated)
{
	struct fz_sink disk = { 0 };
	struct dumpfilter_sink_ops ops = { .size = sizeof ops,
					   .caps = DUMPFILTER_IO_RANDOM | DUMPFILTER_IO_REWRITE,
					   .write = fz_write,
					   .finish = fz_finish };
	struct dumpfilter_sink *sink = dumpfilter_sink_custom(df, &ops, &disk);
	struct dumpfilter_report report = DUMPFILTER_REPORT_INIT;
	int result;

	MUST(sink);
	result = dumpfilter_run(df, sink);
	fz_text(dumpfilter_errmsg(df));
	MUST(result >= 0 || dumpfilter_errmsg(df)[0]);
	if (result >= 0) {
		MUST(!dumpfilter_report(df, &report) && report.result == result && disk.finished);
		MUST(result == DUMPFILTER_PARTIAL || (!report.lost_pages && !disk.full));
		MUST(result != DUMPFILTER_PARTIAL || report.lost_pages || truncated || disk.full);
	}
	dumpfilter_sink_free(sink);
	return result;
}

#endif
