/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A source that fails, ends early or gives little at a time.  Pages may get lost, but never silently, and never others
 * than those that could not be read. */
#include "faults.h"
#include "t.h"

#include <errno.h>
#include <unistd.h>

struct subject {
	struct fi_image img;
	struct fi_dump ref[2][2]; /* without faults: by format, and by level 0 or 31 */
};

static struct subject whole, tiny;

static void init(struct fi_run *x, const struct subject *on, int format, int level, unsigned threads)
{
	fi_run_init(x, &on->img);
	x->cfg.level = level;
	x->cfg.format = format;
	x->cfg.codec = format == DUMPFILTER_FORMAT_ELF ? DUMPFILTER_CODEC_NONE : DUMPFILTER_CODEC_ZLIB;
	x->cfg.threads = threads;
}

static const struct fi_dump *reference(const struct fi_run *x)
{
	const struct subject *on = x->img == &tiny.img ? &tiny : &whole;

	return &on->ref[x->cfg.format][x->cfg.level > 0];
}

/* Should the frame be in the output?  ELF has more than the plan keeps, zeros too, to avoid small gaps: nobody
 * misses these. */
static bool wanted(const struct fi_run *x, uint64_t pfn)
{
	static const uint8_t zeros[FI_PAGE];
	const struct subject *on = x->img == &tiny.img ? &tiny : &whole;

	if (x->cfg.format == DUMPFILTER_FORMAT_ELF && x->cfg.level &&
	    !memcmp(on->img.memory + pfn * FI_PAGE, zeros, FI_PAGE))
		return false;
	return reference(x)->listed[pfn] && on->ref[DUMPFILTER_FORMAT_KDUMP][x->cfg.level > 0].listed[pfn];
}

/* Whatever failed: an error before anything was written, or a dump that opens, is right, and says what is missing.
 * Returns its lost pages. */
static uint64_t judge(struct fi_run *x, struct fi_dump *d)
{
	const struct fi_dump *want = reference(x);
	uint64_t lost = 0;

	*d = (struct fi_dump){ 0 };
	if (x->result < 0) {
		CHECK_EQ(x->disk.end, 0);
		return 0;
	}
	FINE(fi_dump_read(d, x));
	FINE(fi_report_agrees(x, d));
	CHECK_EQ(d->incomplete, x->result == DUMPFILTER_PARTIAL);
	for (uint64_t pfn = 0; pfn < want->max_pfn; pfn++)
		lost += wanted(x, pfn) && (pfn >= d->max_pfn || !d->listed[pfn]);
	if (lost > x->report.lost_pages)
		T_FAIL("%" PRIu64 " pages are missing, %" PRIu64 " are reported lost", lost, x->report.lost_pages);
	if (x->result != DUMPFILTER_PARTIAL)
		CHECK_EQ(lost, 0);
	return lost;
}

/* Where frame pfn's bytes are in the file; the first program header counts. */
static uint64_t offset_of(const struct subject *on, uint64_t pfn)
{
	const uint8_t *e = on->img.built.data;
	uint64_t phoff, from, filesz, offset;
	uint16_t n;

	memcpy(&phoff, e + 32, 8);
	memcpy(&n, e + 56, 2);
	for (unsigned i = 0; i < n; i++) {
		const uint8_t *p = e + phoff + i * 56;

		memcpy(&offset, p + 8, 8);
		memcpy(&from, p + 24, 8);
		memcpy(&filesz, p + 32, 8);
		if (p[0] == 1 && pfn * FI_PAGE >= from && pfn * FI_PAGE < from + filesz)
			return offset + pfn * FI_PAGE - from;
	}
	return FI_NEVER;
}

/* ---- reads that fail */

static void every_read(int format, int level, unsigned threads, bool on)
{
	unsigned long total, partial = 0, errors = 0, good = 0;
	struct fi_run x;
	struct fi_dump d;

	init(&x, &tiny, format, level, threads);
	FINE(fi_run_go(&x));
	CHECK_EQ(x.result, 0);
	total = x.src.reads;
	fi_run_free(&x);
	for (unsigned long n = 1; n <= total; n += n > 70 && n + 70 < total ? 23 : 1) {
		init(&x, &tiny, format, level, threads);
		x.src.fail_at = n;
		x.src.fail_on = on;
		FINE(fi_run_go(&x));
		judge(&x, &d);
		fi_dump_free(&d);
		errors += x.result < 0;
		partial += x.result == DUMPFILTER_PARTIAL;
		good += x.result == 0 || x.result == DUMPFILTER_WARN;
		if (x.result < 0)
			CHECK_HAS(x.message, "the image");
		fi_run_free(&x);
	}
	CHECK(errors > 0);
	if (on)
		CHECK(partial > 0);
	else
		CHECK(good > 0); /* a second try succeeds */
}

static void read_fails_once(void)
{
	every_read(DUMPFILTER_FORMAT_KDUMP, 31, 1, false);
}

static void reads_fail_from_then_on(void)
{
	every_read(DUMPFILTER_FORMAT_KDUMP, 31, 1, true);
}

static void reads_fail_with_threads(void)
{
	every_read(DUMPFILTER_FORMAT_KDUMP, 0, 3, true);
	every_read(DUMPFILTER_FORMAT_KDUMP, 31, 3, false);
}

static void reads_fail_elf(void)
{
	every_read(DUMPFILTER_FORMAT_ELF, 31, 1, true);
	every_read(DUMPFILTER_FORMAT_ELF, 0, 3, true);
}

/* One page of the file that cannot be read, for each page.  Where it holds a page of the dump just that one is lost;
 * where it is a struct page or a table, pages are kept that would have been left out. */
static void every_bad_page(int format, int level, unsigned threads, unsigned step)
{
	struct fi_run x;
	struct fi_dump d;
	unsigned long partial = 0, total = 0;

	for (uint64_t at = 0; at < tiny.img.built.size; at += step * FI_PAGE, total++) {
		uint64_t lost;

		init(&x, &tiny, format, level, threads);
		x.src.fail_from = at;
		x.src.fail_to = at + FI_PAGE;
		FINE(fi_run_go(&x));
		lost = judge(&x, &d);
		CHECK(lost <= 1);
		if (x.result == DUMPFILTER_PARTIAL) {
			partial++;
			if (format == DUMPFILTER_FORMAT_KDUMP) {
				CHECK_EQ(x.report.unreadable_pages, 1);
				CHECK_EQ(x.report.lost_pages, 1);
			}
			CHECK_HAS(x.message, "read");
		}
		for (uint64_t pfn = 0; x.result >= 0 && pfn < reference(&x)->max_pfn; pfn++)
			if (reference(&x)->listed[pfn] && !d.listed[pfn])
				CHECK_EQ(offset_of(&tiny, pfn), at);
		fi_dump_free(&d);
		fi_run_free(&x);
	}
	CHECK(partial > (level ? 100 : 200) / step);
	CHECK(partial < total - 5 || !level);
}

static void bad_page_kdump(void)
{
	every_bad_page(DUMPFILTER_FORMAT_KDUMP, 31, 1, 1);
}

static void bad_page_everything(void)
{
	every_bad_page(DUMPFILTER_FORMAT_KDUMP, 0, 3, 3);
}

static void bad_page_elf(void)
{
	every_bad_page(DUMPFILTER_FORMAT_ELF, 31, 1, 2);
}

static void bad_run(void)
{
	struct fi_run x;
	struct fi_dump d;
	uint64_t from = offset_of(&whole, 0x200), lost;

	/* 100 pages that the level leaves out: nobody needs them */
	init(&x, &whole, DUMPFILTER_FORMAT_KDUMP, 31, 1);
	x.src.fail_from = from;
	x.src.fail_to = from + 100 * FI_PAGE;
	FINE(fi_run_go(&x));
	CHECK_EQ(x.result, 0);
	judge(&x, &d);
	fi_dump_free(&d);
	fi_run_free(&x);
	for (int format = 0; format < 2; format++) {
		init(&x, &whole, format, 0, 3);
		x.src.fail_from = from;
		x.src.fail_to = from + 100 * FI_PAGE;
		FINE(fi_run_go(&x));
		CHECK_EQ(x.result, DUMPFILTER_PARTIAL);
		lost = judge(&x, &d);
		CHECK_EQ(lost, 100);
		CHECK_EQ(x.report.lost_pages, 100);
		CHECK_EQ(x.report.unreadable_pages, 100);
		fi_dump_free(&d);
		fi_run_free(&x);
	}
}

/* ---- sources that end early */

static void every_end(int format, int level, bool length_known, unsigned step)
{
	struct fi_run x;
	struct fi_dump d;

	for (uint64_t size = 0; size < tiny.img.built.size; size += step * FI_PAGE) {
		init(&x, &tiny, format, level, 1);
		x.src.size = size;
		x.src.length = length_known ? size : UINT64_MAX;
		if (!size)
			x.src.length = UINT64_MAX;
		FINE(fi_run_go(&x));
		judge(&x, &d);
		if (x.result >= 0 && size < tiny.img.built.size - FI_PAGE)
			CHECK_EQ(x.result, DUMPFILTER_PARTIAL);
		if (x.result < 0 && size >= 0x3000) /* headers and notes are there */
			T_FAIL("ends at %#" PRIx64 ": %d, %s", size, x.result, x.message);
		fi_dump_free(&d);
		fi_run_free(&x);
	}
}

static void ends_early(void)
{
	every_end(DUMPFILTER_FORMAT_KDUMP, 0, true, 1);
}

static void ends_early_filtered(void)
{
	every_end(DUMPFILTER_FORMAT_KDUMP, 1, true, 3);
}

static void ends_early_unknown_length(void)
{
	every_end(DUMPFILTER_FORMAT_KDUMP, 0, false, 3);
}

static void ends_early_elf(void)
{
	every_end(DUMPFILTER_FORMAT_ELF, 0, true, 2);
	every_end(DUMPFILTER_FORMAT_ELF, 1, false, 3);
}

/* ---- little at a time, strange answers */

static void short_reads(void)
{
	static const size_t most[] = { 1, 7, 511, 4095, 4096, 10000 };
	struct fi_run x, plain;
	struct fi_dump d;

	for (int format = 0; format < 2; format++) {
		init(&plain, &whole, format, 31, 1);
		FINE(fi_run_go(&plain));
		for (size_t i = 0; i < sizeof most / sizeof *most; i++) {
			init(&x, &whole, format, 31, i % 2 ? 3 : 1);
			x.src.most = most[i];
			FINE(fi_run_go(&x));
			CHECK_EQ(x.result, 0);
			judge(&x, &d);
			CHECK_EQ(x.disk.end, plain.disk.end);
			CHECK(!memcmp(x.disk.data, plain.disk.data, x.disk.end));
			fi_dump_free(&d);
			fi_run_free(&x);
		}
		fi_run_free(&plain);
	}
}

static void other_errors(void)
{
	static const struct {
		int error, code;
	} rows[] = {
		{ EIO, DUMPFILTER_E_IO },
		{ EFAULT, DUMPFILTER_E_IO },
		{ ENOMEM, DUMPFILTER_E_NOMEM },
		{ 100000, DUMPFILTER_E_IO }, /* no errno value */
	};
	struct fi_run x;

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		init(&x, &whole, DUMPFILTER_FORMAT_KDUMP, 31, 1);
		x.src.fail_at = 1;
		x.src.fail_on = true;
		x.src.error = rows[i].error;
		FINE(fi_run_go(&x));
		CHECK_EQ(-x.result, -rows[i].code);
		fi_run_free(&x);
	}
}

/* A source that may be called by one thread only is, whatever the number of threads asked for. */
static void not_concurrent(void)
{
	struct fi_run x, y;
	struct fi_dump d;

	for (int format = 0; format < 2; format++) {
		init(&x, &whole, format, 31, 4);
		x.src.guard.concurrent = false;
		FINE(fi_run_go(&x));
		CHECK_EQ(x.result, 0);
		judge(&x, &d);
		init(&y, &whole, format, 31, 4);
		FINE(fi_run_go(&y));
		CHECK_EQ(y.result, 0);
		CHECK_EQ(x.disk.end, y.disk.end);
		CHECK(!memcmp(x.disk.data, y.disk.data, x.disk.end));
		fi_dump_free(&d);
		fi_run_free(&x);
		fi_run_free(&y);
	}
}

/* A file that gets shorter while it is read, mapped or not: an error, no signal.  Not with several threads on a
 * mapping: there it may shrink between a thread's look and its reading, for which there is DUMPFILTER_OPEN_NO_MMAP. */
struct shrinking {
	FILE *f;
	bool done;
};

static void shrink(void *user, const struct dumpfilter_progress *p)
{
	struct shrinking *s = user;

	if (p->phase != DUMPFILTER_PHASE_COPY || p->done < 64 || s->done)
		return;
	s->done = true;
	if (ftruncate(fileno(s->f), 200000))
		perror("ftruncate");
}

static void file_shrinks(void)
{
	for (unsigned i = 1; i < 4; i++) {
		struct dumpfilter_config cfg = DUMPFILTER_CONFIG_INIT;
		struct dumpfilter_report rep = DUMPFILTER_REPORT_INIT;
		struct shrinking s = { .f = tmpfile() };
		struct dumpfilter *df = dumpfilter_new(NULL);
		struct dumpfilter_sink *sink = dumpfilter_sink_null(df);

		CHECK(s.f && df && sink);
		CHECK(fwrite(whole.img.built.data, 1, whole.img.built.size, s.f) == whole.img.built.size);
		CHECK(!fflush(s.f));
		cfg.threads = i == 3 ? 3 : 1;
		CHECK_EQ(dumpfilter_configure(df, &cfg), 0);
		dumpfilter_set_progress(df, shrink, &s);
		CHECK_EQ(dumpfilter_open_fd(df, fileno(s.f), "image",
					    i & 2 ? DUMPFILTER_OPEN_NO_MMAP : DUMPFILTER_OPEN_MMAP),
			 0);
		CHECK_EQ(dumpfilter_run(df, sink), DUMPFILTER_PARTIAL);
		CHECK(s.done);
		CHECK_HAS(dumpfilter_errmsg(df), "image");
		CHECK_EQ(dumpfilter_report(df, &rep), 0);
		CHECK(rep.unreadable_pages > 100);
		CHECK_EQ(rep.lost_pages, rep.kept_pages - rep.written_pages);
		dumpfilter_sink_free(sink);
		dumpfilter_free(df);
		fclose(s.f);
	}
}

static const char *prepare(struct subject *on, const char *recipe)
{
	const char *bad = fi_image_build(&on->img, recipe, NULL);
	struct fi_run x;

	for (int i = 0; !bad && i < 4; i++) {
		init(&x, on, i / 2, i % 2 ? 31 : 0, 1);
		bad = fi_reference(&on->ref[i / 2][i % 2], &x);
	}
	return bad;
}

static void forget(struct subject *on)
{
	for (int i = 0; i < 4; i++)
		fi_dump_free(&on->ref[i / 2][i % 2]);
	fi_image_free(&on->img);
}

int main(void)
{
	const char *bad = prepare(&whole, fi_recipe);

	if (!bad)
		bad = prepare(&tiny, fi_tiny);
	if (bad) {
		printf("not ok - image: %s\n", bad);
		return EXIT_FAILURE;
	}
	RUN(read_fails_once);
	RUN(reads_fail_from_then_on);
	RUN(reads_fail_with_threads);
	RUN(reads_fail_elf);
	RUN(bad_page_kdump);
	RUN(bad_page_everything);
	RUN(bad_page_elf);
	RUN(bad_run);
	RUN(ends_early);
	RUN(ends_early_filtered);
	RUN(ends_early_unknown_length);
	RUN(ends_early_elf);
	RUN(short_reads);
	RUN(other_errors);
	RUN(not_concurrent);
	RUN(file_shrinks);
	forget(&whole);
	forget(&tiny);
	return T_END();
}
