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

static inline int64_t fz_read(void *user, uint64_t offset, void *buf, size_t len)
{
	struct fz_source *s = user;

	if (offset >= s->size)
		return 0;
	if (len > s->size - offset)
		len = s->size - (size_t)offset;
	memcpy(buf, s->data + offset, len);
	if (s->seen && len)
		memset(s->seen + offset / 8, 1, (offset + len + 7) / 8 - offset / 8);
	return (int64_t)len;
}

/* Full after so many bytes: what a small input makes large is not worth the time. */
#define FZ_DISK (UINT64_C(64) << 20)

struct fz_sink {
	uint64_t bytes, end;
	bool full;
	unsigned finished;
};

static inline int fz_write(void *user, uint64_t offset, const void *buf, size_t len)
{
	struct fz_sink *s = user;
	const volatile uint8_t *p = buf;

	MUST(len && !s->finished);
	MUST(offset + len >= offset && offset + len <= INT64_MAX);
	(void)(p[0] + p[len - 1]);
	s->bytes += len;
	if (s->bytes > FZ_DISK) {
		s->full = true;
		return -ENOSPC;
	}
	if (offset + len > s->end)
		s->end = offset + len;
	return 0;
}

static inline int fz_finish(void *user, int result)
{
	struct fz_sink *s = user;

	(void)result;
	MUST(!s->finished++);
	return 0;
}

static inline void fz_text(const char *s)
{
	MUST(s && !strchr(s, '\n'));
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
	struct dumpfilter_config cfg = DUMPFILTER_CONFIG_INIT;
	struct dumpfilter *df = dumpfilter_new(NULL);

	MUST(df);
	cfg.level = level;
	cfg.format = format;
	cfg.threads = threads;
	cfg.flags = level == DUMPFILTER_LEVEL_MAX ? DUMPFILTER_EXCLUDE_VMEMMAP : 0;
	MUST(!dumpfilter_configure(df, &cfg));
	dumpfilter_set_log(df, fz_log, NULL, DUMPFILTER_LOG_DEBUG);
	return df;
}

static inline int fz_open(struct dumpfilter *df, struct fz_source *s)
{
	struct dumpfilter_source_ops ops = { .size = sizeof ops,
					     .caps = DUMPFILTER_IO_CONCURRENT,
					     .read = fz_read,
					     .length = s->length,
					     .name = "fuzz" };
	int r = dumpfilter_open(df, &ops, s);

	MUST(r <= 0 && (r == 0 || dumpfilter_errmsg(df)[0]));
	fz_text(dumpfilter_errmsg(df));
	return r;
}

/* Ranges ascend, do not touch, and end at max_pfn at most. */
struct fz_ranges {
	uint64_t next, pages, max_pfn;
	uint8_t *bits; /* a bit per frame below limit, or NULL */
	uint64_t limit;
};

static inline int fz_range(void *user, uint64_t first, uint64_t count)
{
	struct fz_ranges *r = user;

	MUST(count && first + count > first && (first > r->next || !r->pages));
	r->next = first + count;
	r->pages += count;
	for (uint64_t pfn = first; r->bits && pfn < first + count && pfn < r->limit; pfn++)
		r->bits[pfn / 8] |= (uint8_t)(1 << pfn % 8);
	return 0;
}

/* What a plan says must fit together. */
static inline void fz_check_plan(struct dumpfilter *df, int level, struct fz_ranges *r)
{
	struct dumpfilter_report rep = DUMPFILTER_REPORT_INIT;
	uint64_t kept[32], sum = 0, n;

	MUST(!dumpfilter_report(df, &rep) && !dumpfilter_plan_foreach(df, fz_range, r));
	MUST(rep.kept_pages == r->pages && r->next <= rep.max_pfn);
	for (int l = 0; l < 32; l++) {
		MUST(!dumpfilter_plan_kept(df, l, &kept[l]));
		/* a level leaves out all that each of its bits leaves out */
		for (int b = 1; b < 32; b *= 2)
			MUST(!(l & b) || kept[l] <= kept[l & ~b]);
	}
	MUST(kept[level] == rep.kept_pages + rep.vmemmap_pages);
	for (int c = 0; c < DUMPFILTER_CLASS_COUNT; c++) {
		MUST(!dumpfilter_plan_count(df, c, &n) && n == rep.class_pages[c]);
		MUST(rep.excluded_pages[c] <= rep.present_pages);
		sum += n;
	}
	MUST(sum <= rep.present_pages && rep.kept_pages <= rep.present_pages);
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
	struct dumpfilter_report rep = DUMPFILTER_REPORT_INIT;
	int r;

	MUST(sink);
	r = dumpfilter_run(df, sink);
	fz_text(dumpfilter_errmsg(df));
	MUST(r >= 0 || dumpfilter_errmsg(df)[0]);
	if (r >= 0) {
		MUST(!dumpfilter_report(df, &rep) && rep.result == r && disk.finished);
		MUST(r == DUMPFILTER_PARTIAL || (!rep.lost_pages && !disk.full));
		MUST(r != DUMPFILTER_PARTIAL || rep.lost_pages || truncated || disk.full);
	}
	dumpfilter_sink_free(sink);
	return r;
}

#endif
