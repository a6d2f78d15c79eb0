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
	struct builder_image img;
	struct builder_expect expect;
	uint64_t bad[MAX_BAD]; /* file offsets of pages that must not be read */
	size_t nbad;
	atomic_uint touched;
	uint64_t which; /* offset of one */
};

static struct watch w;

static uint64_t get(size_t at, unsigned width)
{
	uint64_t v = 0;

	memcpy(&v, w.img.data + at, width); /* the recipes here are little-endian, as this machine mostly is */
	return v;
}

/* Every place of the file that holds the frame: loads overlap. */
static void forbid(uint64_t pfn)
{
	uint64_t phoff = get(32, 8), n = get(56, 2), at = pfn * w.img.page_size;

	for (uint64_t i = 0; i < n; i++) {
		size_t ph = phoff + i * 56;
		uint64_t paddr = get(ph + 24, 8), filesz = get(ph + 32, 8);

		if (get(ph, 4) == 1 && at >= paddr && at - paddr < filesz && w.nbad < MAX_BAD)
			w.bad[w.nbad++] = get(ph + 8, 8) + (at - paddr);
	}
}

static void forbid_all(const struct builder_ranges *r)
{
	for (size_t i = 0; i < r->n; i++)
		for (uint64_t pfn = r->v[i].first; pfn <= r->v[i].last; pfn++)
			forbid(pfn);
}

static int64_t read_watched(void *user, uint64_t offset, void *buf, size_t len)
{
	(void)user;
	if (offset >= w.img.size)
		return 0;
	if (len > w.img.size - offset)
		len = w.img.size - offset;
	for (size_t i = 0; i < w.nbad; i++) {
		if (offset < w.bad[i] + w.img.page_size && w.bad[i] < offset + len) {
			atomic_fetch_add(&w.touched, 1);
			w.which = w.bad[i];
		}
	}
	memcpy(buf, w.img.data + offset, len);
	return (int64_t)len;
}

static void dump(int level, int format, unsigned threads)
{
	struct dumpfilter_source_ops ops = {
		.size = sizeof ops, .caps = DUMPFILTER_IO_CONCURRENT, .read = read_watched, .length = w.img.size
	};
	struct dumpfilter_config cfg = DUMPFILTER_CONFIG_INIT;
	struct dumpfilter *df = dumpfilter_new(NULL);
	struct dumpfilter_sink *out = dumpfilter_sink_null(df);
	int r;

	cfg.level = level;
	cfg.format = format;
	cfg.threads = threads;
	r = dumpfilter_open(df, &ops, NULL);
	if (!r)
		r = dumpfilter_configure(df, &cfg);
	if (!r)
		r = dumpfilter_run(df, out);
	dumpfilter_sink_free(out);
	dumpfilter_free(df);
	CHECK(r >= 0);
	if (atomic_load(&w.touched))
		T_FAIL("level %d, format %d, %u threads: a page at offset %" PRIu64 " was read", level, format, threads,
		       w.which);
}

static void recipe(const char *name)
{
	const char *src = getenv("DF_SRC");
	static char text[1 << 16];
	char path[400], err[BUILDER_ERR] = "";
	FILE *in;
	size_t len;

	snprintf(path, sizeof path, "%s/tests/fixtures/recipes/%s.txt", src ? src : ".", name);
	in = fopen(path, "rb");
	CHECK(in);
	len = fread(text, 1, sizeof text, in);
	fclose(in);
	memset(&w, 0, sizeof w);
	if (builder_build(text, len, &w.img, err) || builder_expect_parse(text, len, &w.expect, err))
		T_FAIL("%s", err);
	forbid_all(&w.expect.drop[BUILDER_HWPOISON]);
	forbid_all(&w.expect.drop[BUILDER_OFFLINE]);
	CHECK(w.nbad);
	for (int level = 0; level < 32; level++)
		for (unsigned threads = 1; threads < 4; threads += 2) {
			dump(level, DUMPFILTER_FORMAT_KDUMP, threads);
			dump(level, DUMPFILTER_FORMAT_ELF, threads);
		}
	builder_expect_free(&w.expect);
	builder_image_free(&w.img);
}

int main(void)
{
	T_RUN("kernel-5.10: offline pages, no hwpoison", recipe("kernel-5.10"));
	T_RUN("kernel-6.12: both", recipe("kernel-6.12"));
	T_RUN("kernel-7.3: both", recipe("kernel-7.3"));
	T_RUN("defect-D18: poisoned tails", recipe("defect-D18-poison-tail"));
	return T_END();
}
