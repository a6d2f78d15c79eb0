/* SPDX-License-Identifier: GPL-2.0-or-later */
/* labels: long */
/* A source that fails, ends early or gives little at a time.  Pages may get lost, but never silently, and never others
 * than those that could not be read. */
#include "faults.h"
#include "t.h"

#include <errno.h>
#include <unistd.h>

struct subject {
	struct fi_image image;
	struct fi_dump ref[2][2]; /* without faults: by format, and by level 0 or 31 */
};

static struct subject whole, tiny;

static void init(struct fi_run *run, const struct subject *subject, int format, int level, unsigned threads)
{
	fi_run_init(run, &subject->image);
	run->config.level = level;
	run->config.format = format;
	run->config.codec = format == DUMPFILTER_FORMAT_ELF ? DUMPFILTER_CODEC_NONE : DUMPFILTER_CODEC_ZLIB;
	run->config.threads = threads;
}

static const struct fi_dump *reference(const struct fi_run *run)
{
	const struct subject *subject = run->image == &tiny.image ? &tiny : &whole;

	return &subject->ref[run->config.format][run->config.level > 0];
}

/* Should the frame be in the output?  ELF has more than the plan keeps, zeros too, to avoid small gaps: nobody
 * misses these. */
static bool wanted(const struct fi_run *run, uint64_t pfn)
{
	static const uint8_t zeros[FI_PAGE];
	const struct subject *subject = run->image == &tiny.image ? &tiny : &whole;

	if (run->config.format == DUMPFILTER_FORMAT_ELF && run->config.level &&
	    !memcmp(subject->image.memory + pfn * FI_PAGE, zeros, FI_PAGE))
		return false;
	return reference(run)->listed[pfn] && subject->ref[DUMPFILTER_FORMAT_KDUMP][run->config.level > 0].listed[pfn];
}

/* Whatever failed: an error before anything was written, or a dump that opens, is right, and says what is missing.
 * Returns its lost pages. */
static uint64_t judge(struct fi_run *run, struct fi_dump *dump)
{
	const struct fi_dump *want = reference(run);
	uint64_t lost = 0;

	*dump = (struct fi_dump){ 0 };
	if (run->result < 0) {
		CHECK_EQ(run->disk.end, 0);
		return 0;
	}
	FINE(fi_dump_read(dump, run));
	FINE(fi_report_agrees(run, dump));
	CHECK_EQ(dump->incomplete, run->result == DUMPFILTER_PARTIAL);
	for (uint64_t pfn = 0; pfn < want->max_pfn; pfn++)
		lost += wanted(run, pfn) && (pfn >= dump->max_pfn || !dump->listed[pfn]);
	if (lost > run->report.lost_pages)
		T_FAIL("%" PRIu64 " pages are missing, %" PRIu64 " are reported lost", lost, run->report.lost_pages);
	if (run->result != DUMPFILTER_PARTIAL)
		CHECK_EQ(lost, 0);
	return lost;
}

/* Where frame pfn's bytes are in the file; the first program header counts. */
static uint64_t offset_of(const struct subject *subject, uint64_t pfn)
{
	const uint8_t *entry = subject->image.built.data;
	uint64_t phoff, from, filesz, offset;
	uint16_t count;

	memcpy(&phoff, entry + 32, 8);
	memcpy(&count, entry + 56, 2);
	for (unsigned i = 0; i < count; i++) {
		const uint8_t *bytes = entry + phoff + i * 56;

		memcpy(&offset, bytes + 8, 8);
		memcpy(&from, bytes + 24, 8);
		memcpy(&filesz, bytes + 32, 8);
		if (bytes[0] == 1 && pfn * FI_PAGE >= from && pfn * FI_PAGE < from + filesz)
			return offset + pfn * FI_PAGE - from;
	}
	return FI_NEVER;
}

/* ---- reads that fail */

static void every_read(int format, int level, unsigned threads, bool on)
{
	unsigned long total, partial = 0, errors = 0, good = 0;
	struct fi_run run;
	struct fi_dump dump;

	init(&run, &tiny, format, level, threads);
	FINE(fi_run_go(&run));
	CHECK_EQ(run.result, 0);
	total = run.source.reads;
	fi_run_free(&run);
	for (unsigned long count = 1; count <= total; count += count > 70 && count + 70 < total ? 23 : 1) {
		init(&run, &tiny, format, level, threads);
		run.source.fail_at = count;
		run.source.fail_on = on;
		FINE(fi_run_go(&run));
		judge(&run, &dump);
		fi_dump_free(&dump);
		errors += run.result < 0;
		partial += run.result == DUMPFILTER_PARTIAL;
		good += run.result == 0 || run.result == DUMPFILTER_WARN;
		if (run.result < 0)
			CHECK_HAS(run.message, "the image");
		fi_run_free(&run);
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
	struct fi_run run;
	struct fi_dump dump;
	unsigned long partial = 0, total = 0;

	for (uint64_t at = 0; at < tiny.image.built.size; at += step * FI_PAGE, total++) {
		uint64_t lost;

		init(&run, &tiny, format, level, threads);
		run.source.fail_from = at;
		run.source.fail_to = at + FI_PAGE;
		FINE(fi_run_go(&run));
		lost = judge(&run, &dump);
		CHECK(lost <= 1);
		if (run.result == DUMPFILTER_PARTIAL) {
			partial++;
			if (format == DUMPFILTER_FORMAT_KDUMP) {
				CHECK_EQ(run.report.unreadable_pages, 1);
				CHECK_EQ(run.report.lost_pages, 1);
			}
			CHECK_HAS(run.message, "read");
		}
		for (uint64_t pfn = 0; run.result >= 0 && pfn < reference(&run)->max_pfn; pfn++)
			if (reference(&run)->listed[pfn] && !dump.listed[pfn])
				CHECK_EQ(offset_of(&tiny, pfn), at);
		fi_dump_free(&dump);
		fi_run_free(&run);
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
	struct fi_run run;
	struct fi_dump dump;
	uint64_t from = offset_of(&whole, 0x200), lost;

	/* 100 pages that the level leaves out: nobody needs them */
	init(&run, &whole, DUMPFILTER_FORMAT_KDUMP, 31, 1);
	run.source.fail_from = from;
	run.source.fail_to = from + 100 * FI_PAGE;
	FINE(fi_run_go(&run));
	CHECK_EQ(run.result, 0);
	judge(&run, &dump);
	fi_dump_free(&dump);
	fi_run_free(&run);
	for (int format = 0; format < 2; format++) {
		init(&run, &whole, format, 0, 3);
		run.source.fail_from = from;
		run.source.fail_to = from + 100 * FI_PAGE;
		FINE(fi_run_go(&run));
		CHECK_EQ(run.result, DUMPFILTER_PARTIAL);
		lost = judge(&run, &dump);
		CHECK_EQ(lost, 100);
		CHECK_EQ(run.report.lost_pages, 100);
		CHECK_EQ(run.report.unreadable_pages, 100);
		fi_dump_free(&dump);
		fi_run_free(&run);
	}
}

/* ---- sources that end early */

static void every_end(int format, int level, bool length_known, unsigned step)
{
	struct fi_run run;
	struct fi_dump dump;

	for (uint64_t size = 0; size < tiny.image.built.size; size += step * FI_PAGE) {
		init(&run, &tiny, format, level, 1);
		run.source.size = size;
		run.source.length = length_known ? size : UINT64_MAX;
		if (!size)
			run.source.length = UINT64_MAX;
		FINE(fi_run_go(&run));
		judge(&run, &dump);
		if (run.result >= 0 && size < tiny.image.built.size - FI_PAGE)
			CHECK_EQ(run.result, DUMPFILTER_PARTIAL);
		if (run.result < 0 && size >= 0x3000) /* headers and notes are there */
			T_FAIL("ends at %#" PRIx64 ": %d, %s", size, run.result, run.message);
		fi_dump_free(&dump);
		fi_run_free(&run);
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
	struct fi_run run, plain;
	struct fi_dump dump;

	for (int format = 0; format < 2; format++) {
		init(&plain, &whole, format, 31, 1);
		FINE(fi_run_go(&plain));
		for (size_t i = 0; i < sizeof most / sizeof *most; i++) {
			init(&run, &whole, format, 31, i % 2 ? 3 : 1);
			run.source.most = most[i];
			FINE(fi_run_go(&run));
			CHECK_EQ(run.result, 0);
			judge(&run, &dump);
			CHECK_EQ(run.disk.end, plain.disk.end);
			CHECK(!memcmp(run.disk.data, plain.disk.data, run.disk.end));
			fi_dump_free(&dump);
			fi_run_free(&run);
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
	struct fi_run run;

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		init(&run, &whole, DUMPFILTER_FORMAT_KDUMP, 31, 1);
		run.source.fail_at = 1;
		run.source.fail_on = true;
		run.source.error = rows[i].error;
		FINE(fi_run_go(&run));
		CHECK_EQ(-run.result, -rows[i].code);
		fi_run_free(&run);
	}
}

/* A source that may be called by one thread only is, whatever the number of threads asked for. */
static void not_concurrent(void)
{
	struct fi_run run, second;
	struct fi_dump dump;

	for (int format = 0; format < 2; format++) {
		init(&run, &whole, format, 31, 4);
		run.source.guard.concurrent = false;
		FINE(fi_run_go(&run));
		CHECK_EQ(run.result, 0);
		judge(&run, &dump);
		init(&second, &whole, format, 31, 4);
		FINE(fi_run_go(&second));
		CHECK_EQ(second.result, 0);
		CHECK_EQ(run.disk.end, second.disk.end);
		CHECK(!memcmp(run.disk.data, second.disk.data, run.disk.end));
		fi_dump_free(&dump);
		fi_run_free(&run);
		fi_run_free(&second);
	}
}

/* A file that gets shorter while it is read, mapped or not: an error, no signal.  Not with several threads on a
 * mapping: there it may shrink between a thread's look and its reading, for which there is DUMPFILTER_OPEN_NO_MMAP. */
struct shrinking {
	FILE *file;
	bool done;
};

static void shrink(void *user, const struct dumpfilter_progress *progress)
{
	struct shrinking *shrinking = user;

	if (progress->phase != DUMPFILTER_PHASE_COPY || progress->done < 64 || shrinking->done)
		return;
	shrinking->done = true;
	if (ftruncate(fileno(shrinking->file), 200000))
		perror("ftruncate");
}

static void file_shrinks(void)
{
	for (unsigned i = 1; i < 4; i++) {
		struct dumpfilter_config config = DUMPFILTER_CONFIG_INIT;
		struct dumpfilter_report report = DUMPFILTER_REPORT_INIT;
		struct shrinking shrinking = { .file = tmpfile() };
		struct dumpfilter *df = dumpfilter_new(NULL);
		struct dumpfilter_sink *sink = dumpfilter_sink_null(df);

		CHECK(shrinking.file && df && sink);
		CHECK(fwrite(whole.image.built.data, 1, whole.image.built.size, shrinking.file) ==
		      whole.image.built.size);
		CHECK(!fflush(shrinking.file));
		config.threads = i == 3 ? 3 : 1;
		CHECK_EQ(dumpfilter_configure(df, &config), 0);
		dumpfilter_set_progress(df, shrink, &shrinking);
		CHECK_EQ(dumpfilter_open_fd(df, fileno(shrinking.file), "image",
					    i & 2 ? DUMPFILTER_OPEN_NO_MMAP : DUMPFILTER_OPEN_MMAP),
			 0);
		CHECK_EQ(dumpfilter_run(df, sink), DUMPFILTER_PARTIAL);
		CHECK(shrinking.done);
		CHECK_HAS(dumpfilter_errmsg(df), "image");
		CHECK_EQ(dumpfilter_report(df, &report), 0);
		CHECK(report.unreadable_pages > 100);
		CHECK_EQ(report.lost_pages, report.kept_pages - report.written_pages);
		dumpfilter_sink_free(sink);
		dumpfilter_free(df);
		fclose(shrinking.file);
	}
}

static const char *prepare(struct subject *subject, const char *recipe)
{
	const char *bad = fi_image_build(&subject->image, recipe, NULL);
	struct fi_run run;

	for (int i = 0; !bad && i < 4; i++) {
		init(&run, subject, i / 2, i % 2 ? 31 : 0, 1);
		bad = fi_reference(&subject->ref[i / 2][i % 2], &run);
	}
	return bad;
}

static void forget(struct subject *subject)
{
	for (int i = 0; i < 4; i++)
		fi_dump_free(&subject->ref[i / 2][i % 2]);
	fi_image_free(&subject->image);
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
