/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Poisoned and offline pages are not touched, at no level and for no output: reading them in the capture kernel can be
 * a machine check.  The source notes each read that overlaps one.  (makedumpfile reads them at levels 0 and 1 of
 * kernels without PG_hwpoison, D12, poisoned tails of compound pages at every level, D18, and both in ELF gaps.)
 */
#include "libdumpfilter.h"

#include "build.h"
#include "t.h"

#include <stdatomic.h>

#define MAX_BAD 4096

struct watch {
	struct builder_image image;
	struct builder_expect expect;
	uint64_t bad[MAX_BAD]; /* file offsets of pages that must not be read */
	size_t nbad;
	atomic_uint touched;
	uint64_t which; /* offset of one */
};

static struct watch watch;

static uint64_t get(size_t at, unsigned width)
{
	uint64_t value = 0;

	memcpy(&value, watch.image.data + at,
	       width); /* the recipes here are little-endian, as this machine mostly is */
	return value;
}

/* Every place of the file that holds the frame: loads overlap. */
static void forbid(uint64_t pfn)
{
	uint64_t phoff = get(32, 8), count = get(56, 2), at = pfn * watch.image.page_size;

	for (uint64_t i = 0; i < count; i++) {
		size_t ph = phoff + i * 56;
		uint64_t paddr = get(ph + 24, 8), filesz = get(ph + 32, 8);

		if (get(ph, 4) == 1 && at >= paddr && at - paddr < filesz && watch.nbad < MAX_BAD)
			watch.bad[watch.nbad++] = get(ph + 8, 8) + (at - paddr);
	}
}

static void forbid_all(const struct builder_ranges *ranges)
{
	for (size_t i = 0; i < ranges->count; i++)
		for (uint64_t pfn = ranges->range[i].first; pfn <= ranges->range[i].last; pfn++)
			forbid(pfn);
}

static int64_t read_watched(void *user, uint64_t offset, void *buffer, size_t length)
{
	(void)user;
	if (offset >= watch.image.size)
		return 0;
	if (length > watch.image.size - offset)
		length = watch.image.size - offset;
	for (size_t i = 0; i < watch.nbad; i++) {
		if (offset < watch.bad[i] + watch.image.page_size && watch.bad[i] < offset + length) {
			atomic_fetch_add(&watch.touched, 1);
			watch.which = watch.bad[i];
		}
	}
	memcpy(buffer, watch.image.data + offset, length);
	return (int64_t)length;
}

static void dump(int level, int format, unsigned threads)
{
	struct dumpfilter_source_ops ops = {
		.size = sizeof ops, .caps = DUMPFILTER_IO_CONCURRENT, .read = read_watched, .length = watch.image.size
	};
	struct dumpfilter_config config = DUMPFILTER_CONFIG_INIT;
	struct dumpfilter *df = dumpfilter_new(NULL);
	struct dumpfilter_sink *sink = dumpfilter_sink_null(df);
	int result;

	config.level = level;
	config.format = format;
	config.threads = threads;
	result = dumpfilter_open(df, &ops, NULL);
	if (!result)
		result = dumpfilter_configure(df, &config);
	if (!result)
		result = dumpfilter_run(df, sink);
	dumpfilter_sink_free(sink);
	dumpfilter_free(df);
	CHECK(result >= 0);
	if (atomic_load(&watch.touched))
		T_FAIL("level %d, format %d, %u threads: a page at offset %" PRIu64 " was read", level, format, threads,
		       watch.which);
}

static void recipe(const char *name)
{
	const char *src = getenv("DF_SRC");
	static char text[1 << 16];
	char path[400], err[BUILDER_ERR] = "";
	FILE *in;
	size_t length;

	snprintf(path, sizeof path, "%s/tests/fixtures/recipes/%s.txt", src ? src : ".", name);
	in = fopen(path, "rb");
	CHECK(in);
	length = fread(text, 1, sizeof text, in);
	fclose(in);
	memset(&watch, 0, sizeof watch);
	if (builder_build(text, length, &watch.image, err) || builder_expect_parse(text, length, &watch.expect, err))
		T_FAIL("%s", err);
	forbid_all(&watch.expect.drop[BUILDER_HWPOISON]);
	forbid_all(&watch.expect.drop[BUILDER_OFFLINE]);
	CHECK(watch.nbad);
	for (int level = 0; level < 32; level++)
		for (unsigned threads = 1; threads < 4; threads += 2) {
			dump(level, DUMPFILTER_FORMAT_KDUMP, threads);
			dump(level, DUMPFILTER_FORMAT_ELF, threads);
		}
	builder_expect_free(&watch.expect);
	builder_image_free(&watch.image);
}

int main(void)
{
	T_RUN("kernel-5.10: offline pages, no hwpoison", recipe("kernel-5.10"));
	T_RUN("kernel-6.12: both", recipe("kernel-6.12"));
	T_RUN("kernel-7.3: both", recipe("kernel-7.3"));
	T_RUN("defect-D18: poisoned tails", recipe("defect-D18-poison-tail"));
	return T_END();
}
