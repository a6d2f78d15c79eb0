/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A disk that is full behind 2 GiB: no index entry may name data that is not there, and all that is there must be
 * named. The incumbent kept the file's size in an int then.
 */
#include "libdumpfilter.h"
#include "t.h"

#include <errno.h>
#include <stdbool.h>

#define PAGE   4096u
#define FRAMES UINT64_C(0x98000) /* 2432 MiB */
#define ROOM   (UINT64_C(2300) << 20)
#define HEAD   ((size_t)32 << 20) /* of the output: headers, bitmaps, index */

static struct {
	uint8_t elf[PAGE];
	uint8_t *head;
	uint64_t end; /* of what was written */
} x;

static void put(uint8_t *at, unsigned width, uint64_t v)
{
	for (unsigned i = 0; i < width; i++)
		at[i] = (uint8_t)(v >> 8 * i);
}

static uint64_t get(const uint8_t *p, unsigned width)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < width; i++)
		v |= (uint64_t)p[i] << 8 * i;
	return v;
}

/* An ELF core of one load behind a page of headers. */
static void make_elf(void)
{
	memcpy(x.elf, "\177ELF\2\1\1", 7);
	put(x.elf + 16, 2, 4);  /* ET_CORE */
	put(x.elf + 18, 2, 62); /* x86_64 */
	put(x.elf + 20, 4, 1);
	put(x.elf + 32, 8, 64);
	put(x.elf + 52, 2, 64);
	put(x.elf + 54, 2, 56);
	put(x.elf + 56, 2, 1);
	put(x.elf + 64, 4, 1); /* PT_LOAD */
	put(x.elf + 64 + 8, 8, PAGE);
	put(x.elf + 64 + 32, 8, FRAMES * PAGE);
	put(x.elf + 64 + 40, 8, FRAMES * PAGE);
}

static int64_t source_read(void *user, uint64_t offset, void *buf, size_t len)
{
	size_t done = 0;

	(void)user;
	if (offset < PAGE) {
		done = len < PAGE - offset ? len : PAGE - (size_t)offset;
		memcpy(buf, x.elf + offset, done);
	}
	memset((uint8_t *)buf + done, 0x5a, len - done);
	return (int64_t)len;
}

static int sink_write(void *user, uint64_t offset, const void *buf, size_t len)
{
	(void)user;
	if (offset + len > ROOM)
		return -ENOSPC;
	if (offset < HEAD)
		memcpy(x.head + offset, buf, len < HEAD - offset ? len : HEAD - (size_t)offset);
	if (offset + len > x.end)
		x.end = offset + len;
	return 0;
}

static int run(unsigned threads)
{
	struct dumpfilter_source_ops source = { .size = sizeof source,
						.caps = DUMPFILTER_IO_CONCURRENT,
						.read = source_read,
						.length = PAGE + FRAMES * PAGE,
						.name = "large" };
	struct dumpfilter_sink_ops ops = { .size = sizeof ops, .write = sink_write };
	struct dumpfilter_config cfg = DUMPFILTER_CONFIG_INIT;
	struct dumpfilter *df = dumpfilter_new(NULL);
	struct dumpfilter_sink *sink;
	int r;

	ops.caps = DUMPFILTER_IO_RANDOM | DUMPFILTER_IO_REWRITE;
	cfg.level = 0;
	cfg.codec = DUMPFILTER_CODEC_NONE;
	cfg.threads = threads;
	CHECK(!dumpfilter_open(df, &source, NULL));
	CHECK(!dumpfilter_configure(df, &cfg));
	sink = dumpfilter_sink_custom(df, &ops, NULL);
	CHECK(sink);
	r = dumpfilter_run(df, sink);
	dumpfilter_sink_free(sink);
	dumpfilter_free(df);
	return r;
}

static void index_is_right(void)
{
	uint32_t sub_blocks = (uint32_t)get(x.head + 432, 4), bitmap_blocks = (uint32_t)get(x.head + 436, 4);
	const uint8_t *desc = x.head + (1 + sub_blocks + bitmap_blocks) * (uint64_t)PAGE;
	uint64_t listed = 0, data = 0;

	CHECK(get(x.head + 424, 4) & 8); /* incomplete */
	CHECK((size_t)(desc - x.head) + FRAMES * 24 < HEAD);
	for (uint64_t i = 0; i < FRAMES; i++, desc += 24) {
		uint64_t offset = get(desc, 8);

		if (!offset) {
			CHECK(!get(desc + 8, 8));
			continue;
		}
		CHECK_EQ(get(desc + 8, 4), PAGE);
		CHECK(offset + PAGE <= x.end);
		data = offset > data ? offset : data;
		listed++;
	}
	CHECK(data > UINT64_C(0x80000000));
	CHECK(listed * PAGE > ROOM - HEAD - ((uint64_t)8 << 20)); /* what is lost: batches on their way */
}

static void full_behind_2_gib(unsigned threads)
{
	memset(x.head, 0, HEAD);
	x.end = 0;
	CHECK_EQ(run(threads), DUMPFILTER_PARTIAL);
	index_is_right();
}

int main(void)
{
	x.head = malloc(HEAD);
	if (!x.head)
		return EXIT_FAILURE;
	make_elf();
	T_RUN("full_behind_2_gib, one thread", full_behind_2_gib(1));
	T_RUN("full_behind_2_gib, three", full_behind_2_gib(3));
	free(x.head);
	return T_END();
}
