/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An image with pages of all kinds, and what is said of its dump before it is written. */
#ifndef TESTS_UNIT_ESTIMATING_H
#define TESTS_UNIT_ESTIMATING_H

#include "build.h"
#include "refilter.h"

#define PAGE 4096u

static struct builder_image image;

static inline void build(const char *more)
{
	char text[2000], err[BUILDER_ERR] = "";

	snprintf(text, sizeof text, "preset 6.1\nram 0 48M\n%s", more);
	builder_image_free(&image);
	if (builder_build(text, strlen(text), &image, err))
		T_FAIL("%s", err);
}

/* Pages of all kinds: zeros in long and short runs, equal ones, ones that do not compress. */
static const char mixed[] = "zero 0x100-0x1ff,0x800-0xc00,0x2100-0x2140\n"
			    "fill 0x300-0x3ff 0x5a\n"
			    "fill 0x440-0x47f 0xa5\n"
			    "random 0x500-0x7ff,0x1800-0x1fff\n"
			    "page 0x600-0x6ff kind=anon\n"
			    "page 0xc01-0xc40 kind=file\n"
			    "buddy 0x2400 order=10\n";

struct out {
	uint64_t bytes;
};

static inline int count(void *user, uint64_t offset, const void *buffer, size_t length)
{
	struct out *out = user;

	(void)buffer;
	if (offset + length > out->bytes)
		out->bytes = offset + length;
	return 0;
}

struct how {
	int level, format, codec;
	bool flat;
	unsigned threads;
	uint64_t max;
	int effort;
};

static struct memory input;

static inline struct dumpfilter *open_image(const struct how *how, const struct dumpfilter_new_opts *memory)
{
	struct dumpfilter_source_ops ops = { .size = sizeof ops,
					     .caps = DUMPFILTER_IO_CONCURRENT,
					     .read = memory_read };
	struct dumpfilter_config config = DUMPFILTER_CONFIG_INIT;
	struct dumpfilter *df = dumpfilter_new(memory);

	if (!df)
		return NULL;
	input = (struct memory){ .data = image.data, .size = image.size };
	ops.length = image.size;
	config.level = how->level;
	config.format = how->format;
	config.codec = how->codec;
	config.compression_level = how->effort;
	config.threads = how->threads ? how->threads : 1;
	config.memory_limit = DUMPFILTER_MEMORY_UNLIMITED;
	if (dumpfilter_open(df, &ops, &input) == 0 && dumpfilter_configure(df, &config) == 0)
		return df;
	dumpfilter_free(df);
	return NULL;
}

static inline uint64_t written(struct dumpfilter *df, const struct how *how)
{
	struct dumpfilter_sink_ops ops = { .size = sizeof ops, .write = count };
	struct dumpfilter_sink *inner, *sink;
	struct out out = { 0 };

	ops.caps = how->flat ? 0 : DUMPFILTER_IO_RANDOM | DUMPFILTER_IO_REWRITE;
	inner = dumpfilter_sink_custom(df, &ops, &out);
	sink = how->flat ? dumpfilter_sink_flat(df, inner) : inner;
	CHECK(dumpfilter_run(df, sink) >= 0);
	if (how->flat)
		dumpfilter_sink_free(sink);
	dumpfilter_sink_free(inner);
	return out.bytes;
}

static inline struct dumpfilter_estimate estimate(struct dumpfilter *df, const struct how *how)
{
	struct dumpfilter_estimate_opts opts = DUMPFILTER_ESTIMATE_OPTS_INIT;
	struct dumpfilter_estimate found = DUMPFILTER_ESTIMATE_INIT;
	int result;

	opts.flags = how->flat ? DUMPFILTER_ESTIMATE_FLAT : 0;
	opts.max_pages = how->max;
	result = dumpfilter_estimate(df, &opts, &found);
	if (result < 0)
		T_FAIL("%s", dumpfilter_errmsg(df));
	CHECK(found.low <= found.bytes && found.bytes <= found.high);
	CHECK(found.sampled_pages <= found.pages);
	return found;
}

#endif
