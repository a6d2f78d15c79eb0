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
	const struct fi_run *x;
	struct fi_dump *out;
	const uint8_t *data;
	uint64_t size;
	char *why;
};

static uint64_t get(const uint8_t *p, unsigned width)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < width; i++)
		v |= (uint64_t)p[i] << 8 * i;
	return v;
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

static bool inside(const struct reader *r, uint64_t offset, uint64_t len)
{
	return offset <= r->size && len <= r->size - offset;
}

static bool bit(const uint8_t *map, uint64_t n)
{
	return map[n / 8] >> n % 8 & 1;
}

/* ---- kdump */

static bool unpack(uint64_t flags, const uint8_t *in, size_t n, uint8_t *out)
{
	size_t len = FI_PAGE;

	switch (flags) {
	case 0:
		memcpy(out, in, n < FI_PAGE ? n : FI_PAGE);
		return n == FI_PAGE;
	case 1: {
		uLongf got = FI_PAGE;
		return uncompress(out, &got, in, n) == Z_OK && got == FI_PAGE;
	}
#if HAVE_LZO
	case 2: {
		lzo_uint got = FI_PAGE;
		return lzo1x_decompress_safe(in, n, out, &got, NULL) == LZO_E_OK && got == FI_PAGE;
	}
#endif
#if HAVE_SNAPPY
	case 4:
		return snappy_uncompress((const char *)in, n, (char *)out, &len) == SNAPPY_OK && len == FI_PAGE;
#endif
#if HAVE_ZSTD
	case 0x20:
		return ZSTD_decompress(out, len, in, n) == FI_PAGE;
#endif
	default:
		(void)len;
		return false;
	}
}

static const char *one_page(struct reader *r, uint64_t pfn, const uint8_t *desc)
{
	uint64_t offset = get(desc, 8), size = get(desc + 8, 4), flags = get(desc + 12, 4);
	uint8_t page[FI_PAGE];

	if (!offset && !size)
		return NULL; /* lost, and says so */
	if (pfn >= r->x->img->max_pfn || !r->x->img->present[pfn])
		return say("frame %#llx is listed and does not exist", (unsigned long long)pfn);
	if (!inside(r, offset, size))
		return say("frame %#llx is listed at %llu, the file has %llu bytes", (unsigned long long)pfn,
			   (unsigned long long)offset, (unsigned long long)r->size);
	if (!unpack(flags, r->data + offset, (size_t)size, page))
		return say("frame %#llx does not unpack", (unsigned long long)pfn);
	if (memcmp(page, r->x->img->memory + pfn * FI_PAGE, FI_PAGE))
		return say("frame %#llx has other contents", (unsigned long long)pfn);
	r->out->listed[pfn] = 1;
	r->out->nlisted++;
	return NULL;
}

static const char *read_kdump(struct reader *r)
{
	const uint8_t *h = r->data;
	uint64_t sub = get(h + 432, 4), bitmaps = get(h + 436, 4), at, table;

	if (get(h + 8, 4) != 6 || get(h + 428, 4) != FI_PAGE)
		return "kdump header: wrong version or block size";
	r->out->incomplete = get(h + 424, 4) & 8;
	if (!inside(r, FI_PAGE, 104))
		return "kdump: no sub header";
	r->out->max_pfn = get(h + FI_PAGE + 96, 8);
	at = (1 + sub + bitmaps / 2) * FI_PAGE;
	table = (1 + sub + bitmaps) * FI_PAGE;
	if (r->out->max_pfn > r->x->img->max_pfn || bitmaps / 2 * FI_PAGE * 8 < r->out->max_pfn || !inside(r, 0, table))
		return "kdump: bitmaps do not fit";
	for (uint64_t pfn = 0; pfn < r->out->max_pfn; pfn++) {
		const char *bad;

		if (!bit(h + at, pfn))
			continue;
		if (!inside(r, table, 24))
			return "kdump: the index is cut";
		r->out->kept[pfn] = 1;
		r->out->nkept++;
		bad = one_page(r, pfn, h + table);
		if (bad)
			return bad;
		table += 24;
	}
	return NULL;
}

/* ---- ELF */

/* Is the file offset of physical address paddr one that cannot be read? */
static bool unreadable(const struct fi_run *x, uint64_t paddr)
{
	const uint8_t *e = x->img->built.data;
	unsigned n = (unsigned)get(e + 56, 2);

	for (unsigned i = 0; i < n; i++) {
		const uint8_t *p = e + get(e + 32, 8) + i * 56;
		uint64_t from = get(p + 24, 8), offset;

		if (get(p, 4) != 1 || paddr < from || paddr - from >= get(p + 32, 8))
			continue;
		offset = get(p + 8, 8) + (paddr - from);
		return offset + FI_PAGE > x->src.size ||
		       (offset < x->src.fail_to && offset + FI_PAGE > x->src.fail_from);
	}
	return false;
}

/* Could headers be written again after the failure? */
static bool mendable(const struct fi_run *x)
{
	return x->disk.caps & DUMPFILTER_IO_REWRITE && !x->disk.fail_at;
}

static const char *one_elf_page(struct reader *r, uint64_t pfn, const uint8_t *page)
{
	static const uint8_t zeros[FI_PAGE];

	if (pfn >= r->x->img->max_pfn)
		return say("frame %#llx is listed and does not exist", (unsigned long long)pfn);
	if (pfn >= r->x->img->untouchable && pfn < r->x->img->untouchable_end && !memcmp(page, zeros, FI_PAGE))
		return NULL;
	r->out->kept[pfn] = 1;
	if (memcmp(page, r->x->img->memory + pfn * FI_PAGE, FI_PAGE)) {
		bool may = unreadable(r->x, pfn * FI_PAGE) || r->x->src.fail_at ||
			   (r->out->incomplete && !mendable(r->x));

		if (may && !memcmp(page, zeros, FI_PAGE))
			return NULL;
		return say("frame %#llx has other contents", (unsigned long long)pfn);
	}
	if (!r->out->listed[pfn])
		r->out->nlisted++;
	r->out->listed[pfn] = 1;
	return NULL;
}

static const char *read_elf(struct reader *r)
{
	const uint8_t *h = r->data;
	uint64_t n = get(h + 56, 2), phoff = get(h + 32, 8);

	r->out->max_pfn = r->x->img->max_pfn;
	r->out->incomplete = get(h + 48, 4) & 1;
	if (!n || !inside(r, phoff, n * 56))
		return "ELF: program headers are cut";
	for (uint64_t i = 0; i < n; i++) {
		const uint8_t *p = h + phoff + i * 56;
		uint64_t offset = get(p + 8, 8), paddr = get(p + 24, 8), filesz = get(p + 32, 8);

		/* where nothing could mend the headers the mark is what says so */
		if (filesz && !inside(r, offset, filesz) && r->out->incomplete && !mendable(r->x))
			filesz = offset < r->size ? r->size - offset : 0;
		if (filesz && !inside(r, offset, filesz))
			return say("ELF: header %llu promises bytes that the file does not have",
				   (unsigned long long)i);
		for (uint64_t at = 0; get(p, 4) == 1 && at + FI_PAGE <= filesz; at += FI_PAGE) {
			const char *bad = one_elf_page(r, (paddr + at) / FI_PAGE, h + offset + at);

			if (bad)
				return bad;
		}
	}
	for (uint64_t pfn = 0; pfn < r->out->max_pfn; pfn++)
		r->out->nkept += r->out->kept[pfn];
	return NULL;
}

/* ---- flattened */

static uint64_t get_be(const uint8_t *p)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < 8; i++)
		v = v << 8 | p[i];
	return v;
}

/* The next record; false at the end of the stream, with *complete where it has an end record. */
static bool next_record(const uint8_t *stream, uint64_t len, uint64_t *at, uint64_t *offset, uint64_t *n,
			bool *complete)
{
	if (len - *at < 16)
		return false;
	*offset = get_be(stream + *at);
	*n = get_be(stream + *at + 8);
	*at += 16;
	*complete = *offset == UINT64_MAX && *n == UINT64_MAX;
	if (*n > len - *at)
		*n = len - *at;
	return !*complete;
}

uint8_t *fi_unflatten(const uint8_t *stream, uint64_t len, uint64_t *size, bool *complete)
{
	uint64_t offset, n;
	uint8_t *out;

	*size = 0;
	*complete = false;
	if (len < FI_PAGE || memcmp(stream, "makedumpfile", 13))
		return NULL;
	for (uint64_t at = FI_PAGE; next_record(stream, len, &at, &offset, &n, complete); at += n) {
		if (offset > UINT64_C(64) << 20)
			return NULL;
		if (offset + n > *size)
			*size = offset + n;
	}
	out = calloc(1, *size + 1);
	for (uint64_t at = FI_PAGE; out && next_record(stream, len, &at, &offset, &n, complete); at += n)
		memcpy(out + offset, stream + at, n);
	return out;
}

/* ---- together */

static const char *read_file(struct reader *r)
{
	if (!inside(r, 0, 464))
		return "no header";
	r->out->elf = !memcmp(r->data, "\177ELF", 4);
	if (r->out->elf)
		return read_elf(r);
	return memcmp(r->data, "KDUMP   ", 8) ? "no dump" : read_kdump(r);
}

const char *fi_dump_read(struct fi_dump *out, const struct fi_run *x)
{
	struct reader r = { .x = x, .out = out, .data = x->disk.data, .size = x->disk.end };
	uint8_t *plain = NULL;
	const char *bad;
	bool complete;

	*out = (struct fi_dump){ .kept = calloc(x->img->max_pfn, 1), .listed = calloc(x->img->max_pfn, 1) };
	if (!out->kept || !out->listed)
		return "no memory";
	if (x->flat) {
		r.data = plain = x->disk.end ? fi_unflatten(x->disk.data, x->disk.end, &r.size, &complete) : NULL;
		if (!plain)
			return "no flattened stream";
		if (complete ? x->result < 0 : x->result == 0 || x->result == DUMPFILTER_WARN)
			return "the end record does not fit the result";
	}
	bad = r.size ? read_file(&r) : "empty";
	free(plain);
	return bad;
}

void fi_dump_free(struct fi_dump *d)
{
	free(d->kept);
	free(d->listed);
	*d = (struct fi_dump){ 0 };
}

bool fi_dump_covers(const struct fi_dump *b, const struct fi_dump *a)
{
	for (uint64_t pfn = 0; pfn < a->max_pfn; pfn++)
		if (a->listed[pfn] && (pfn >= b->max_pfn || !b->kept[pfn]))
			return false;
	return true;
}

const char *fi_reference(struct fi_dump *out, const struct fi_run *x)
{
	struct fi_run y;
	const char *bad;

	fi_run_init(&y, x->img);
	y.cfg = x->cfg;
	y.cfg.memory_limit = 0;
	y.flat = x->flat;
	y.disk.caps = x->disk.caps;
	y.disk.guard.concurrent = x->disk.guard.concurrent;
	bad = fi_run_go(&y);
	if (!bad && y.result)
		bad = say("without a fault: %d, %s", y.result, y.message);
	if (!bad)
		bad = fi_dump_read(out, &y);
	if (!bad && (out->incomplete || out->nkept < 100 || out->nlisted != out->nkept))
		bad = "without a fault: not a whole dump";
	fi_run_free(&y);
	return bad;
}

const char *fi_report_agrees(const struct fi_run *x, const struct fi_dump *d)
{
	const struct dumpfilter_report *rep = &x->report;
	uint64_t written = rep->written_pages;
	bool torn = x->disk.fail_at || x->disk.room; /* half of what failed is there all the same */

	if (!x->have_report)
		return "no report";
	if (rep->result != x->result)
		return say("report.result %d, run() returned %d", rep->result, x->result);
	if (!d->elf && !torn && written != d->nlisted)
		return say("report.written_pages %llu, the index lists %llu", (unsigned long long)written,
			   (unsigned long long)d->nlisted);
	if (written > d->nlisted)
		return say("report.written_pages %llu, %llu are there", (unsigned long long)written,
			   (unsigned long long)d->nlisted);
	/* what the input lacks is lost too, and in no plan */
	if (!d->elf && (x->src.size < x->img->built.size ? rep->lost_pages < rep->kept_pages - written
							 : rep->lost_pages != rep->kept_pages - written))
		return say("report.lost_pages %llu of %llu, %llu are listed", (unsigned long long)rep->lost_pages,
			   (unsigned long long)rep->kept_pages, (unsigned long long)d->nlisted);
	if (x->result == DUMPFILTER_PARTIAL && !rep->lost_pages && !x->disk.finish_error && !torn)
		return "PARTIAL, and no page is lost";
	if ((x->result == 0 || x->result == DUMPFILTER_WARN) && rep->lost_pages)
		return say("%llu pages lost, and the result is %d", (unsigned long long)rep->lost_pages, x->result);
	return NULL;
}
