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
} fixture;

static void put(uint8_t *at, unsigned width, uint64_t value)
{
	for (unsigned i = 0; i < width; i++)
		at[i] = (uint8_t)(value >> 8 * i);
}

static uint64_t get(const uint8_t *bytes, unsigned width)
{
	uint64_t value = 0;

	for (unsigned i = 0; i < width; i++)
		value |= (uint64_t)bytes[i] << 8 * i;
	return value;
}

/* An ELF core of one load behind a page of headers. */
static void make_elf(void)
{
	memcpy(fixture.elf, "\177ELF\2\1\1", 7);
	put(fixture.elf + 16, 2, 4);  /* ET_CORE */
	put(fixture.elf + 18, 2, 62); /* x86_64 */
	put(fixture.elf + 20, 4, 1);
	put(fixture.elf + 32, 8, 64);
	put(fixture.elf + 52, 2, 64);
	put(fixture.elf + 54, 2, 56);
	put(fixture.elf + 56, 2, 1);
	put(fixture.elf + 64, 4, 1); /* PT_LOAD */
	put(fixture.elf + 64 + 8, 8, PAGE);
	put(fixture.elf + 64 + 32, 8, FRAMES * PAGE);
	put(fixture.elf + 64 + 40, 8, FRAMES * PAGE);
}

static int64_t source_read(void *user, uint64_t offset, void *buffer, size_t length)
{
	size_t done = 0;

	(void)user;
	if (offset < PAGE) {
		done = length < PAGE - offset ? length : PAGE - (size_t)offset;
		memcpy(buffer, fixture.elf + offset, done);
	}
	memset((uint8_t *)buffer + done, 0x5a, length - done);
	return (int64_t)length;
}

static int sink_write(void *user, uint64_t offset, const void *buffer, size_t length)
{
	(void)user;
	if (offset + length > ROOM)
		return -ENOSPC;
	if (offset < HEAD)
		memcpy(fixture.head + offset, buffer, length < HEAD - offset ? length : HEAD - (size_t)offset);
	if (offset + length > fixture.end)
		fixture.end = offset + length;
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
	struct dumpfilter_config config = DUMPFILTER_CONFIG_INIT;
	struct dumpfilter *df = dumpfilter_new(NULL);
	struct dumpfilter_sink *sink;
	int result;

	ops.caps = DUMPFILTER_IO_RANDOM | DUMPFILTER_IO_REWRITE;
	config.level = 0;
	config.codec = DUMPFILTER_CODEC_NONE;
	config.threads = threads;
	CHECK(!dumpfilter_open(df, &source, NULL));
	CHECK(!dumpfilter_configure(df, &config));
	sink = dumpfilter_sink_custom(df, &ops, NULL);
	CHECK(sink);
	result = dumpfilter_run(df, sink);
	dumpfilter_sink_free(sink);
	dumpfilter_free(df);
	return result;
}

static void index_is_right(void)
{
	uint32_t sub_blocks = (uint32_t)get(fixture.head + 432, 4),
		 bitmap_blocks = (uint32_t)get(fixture.head + 436, 4);
	const uint8_t *desc = fixture.head + (1 + sub_blocks + bitmap_blocks) * (uint64_t)PAGE;
	uint64_t listed = 0, data = 0;

	CHECK(get(fixture.head + 424, 4) & 8); /* incomplete */
	CHECK((size_t)(desc - fixture.head) + FRAMES * 24 < HEAD);
	for (uint64_t i = 0; i < FRAMES; i++, desc += 24) {
		uint64_t offset = get(desc, 8);

		if (!offset) {
			CHECK(!get(desc + 8, 8));
			continue;
		}
		CHECK_EQ(get(desc + 8, 4), PAGE);
		CHECK(offset + PAGE <= fixture.end);
		data = offset > data ? offset : data;
		listed++;
	}
	CHECK(data > UINT64_C(0x80000000));
	CHECK(listed * PAGE > ROOM - HEAD - ((uint64_t)8 << 20)); /* what is lost: batches on their way */
}

static void full_behind_2_gib(unsigned threads)
{
	memset(fixture.head, 0, HEAD);
	fixture.end = 0;
	CHECK_EQ(run(threads), DUMPFILTER_PARTIAL);
	index_is_right();
}

int main(void)
{
	fixture.head = malloc(HEAD);
	if (!fixture.head)
		return EXIT_FAILURE;
	make_elf();
	T_RUN("full_behind_2_gib, one thread", full_behind_2_gib(1));
	T_RUN("full_behind_2_gib, three", full_behind_2_gib(3));
	free(fixture.head);
	return T_END();
}
