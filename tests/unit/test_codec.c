/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "codec/codec.h"
#include "codec/lzo_records.h"
#include "heap.h"
#include "t.h"

#include <stdbool.h>
#include <sys/mman.h>
#include <unistd.h>

#define BIG 65536u

static uint64_t seed = 88172645463325252u;

static uint64_t rnd(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

/* Memory that ends at a page nobody may touch, and is marked in front: the libraries are not built with a sanitizer,
 * but writing (or reading) behind the end stops the test. */
struct guarded {
	uint8_t *map, *end;
	size_t size;
};

static struct guarded guard(size_t size)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	struct guarded guarded = { .size = (size + page - 1) / page * page + page };

	guarded.map = mmap(NULL, guarded.size + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(guarded.map != MAP_FAILED);
	guarded.end = guarded.map + guarded.size;
	CHECK(!mprotect(guarded.end, page, PROT_NONE));
	guarded.size += page;
	return guarded;
}

/* length bytes right before the guard; everything in front of them is 0xa5. */
static uint8_t *place(const struct guarded *guarded, size_t length)
{
	memset(guarded->map, 0xa5, (size_t)(guarded->end - guarded->map));
	return guarded->end - length;
}

/* The first byte is right, and each of the others is as the one before it. */
static bool front_intact(const struct guarded *guarded, const uint8_t *at)
{
	size_t count = (size_t)(at - guarded->map);

	return !count || (guarded->map[0] == 0xa5 && !memcmp(guarded->map, guarded->map + 1, count - 1));
}

enum kind { ZERO, RANDOM, TEXT, POINTERS, LAST_BYTE, RECORDS, KINDS };

static void fill(uint8_t *bytes, size_t count, enum kind kind)
{
	static const char *const words[] = { "CONFIG_", "kernel ", "= 0x", "\n\t", "page ", "static ", "vmcore " };

	memset(bytes, 0, count);
	for (size_t i = 0; kind == RANDOM && i < count; i++)
		bytes[i] = (uint8_t)(rnd() >> 24);
	for (size_t i = 0; kind == TEXT && i < count;) {
		const char *word = words[rnd() % 7];
		size_t length = strlen(word) < count - i ? strlen(word) : count - i;

		memcpy(bytes + i, word, length);
		i += length;
	}
	for (size_t i = 0; kind == POINTERS && i + 8 <= count; i += 8) {
		uint64_t value = rnd() % 3 ? UINT64_C(0xffff888000000000) + rnd() % 4096 * 64 : 0;

		memcpy(bytes + i, &value, 8);
	}
	if (kind == LAST_BYTE)
		bytes[count - 1] = 1;
	for (size_t i = 0; kind == RECORDS && i + 64 <= count; i += 64) {
		/* a struct page of a list: flags, neighbours, nothing, counts */
		uint64_t values[8] = { 0x17ffffc0000000,
				       0xffffea0000000008 + (i + 64),
				       0xffffea0000000008 + (i - 64),
				       0,
				       i / 64,
				       0,
				       0xffffffff,
				       0xffff888100203000 };

		memcpy(bytes + i, values, 64);
	}
}

/* One codec at work: buffers as large as the largest block needs, a state, and what it was made of. */
struct bench {
	const struct df_codec *codec;
	struct df_env env;
	void *state;
	struct guarded guarded, packed, out;
};

static void bench_init(struct bench *bench, const struct df_codec *codec)
{
	*bench = (struct bench){ .codec = codec };
	bench->state = codec->state_new(&bench->env, 0, BIG);
	CHECK(bench->state);
	bench->guarded = guard(BIG);
	bench->packed = guard(codec->bound(BIG));
	bench->out = guard(BIG);
}

static void bench_fini(struct bench *bench)
{
	bench->codec->state_free(&bench->env, bench->state);
	CHECK_EQ(bench->env.mem_used, 0);
	munmap(bench->guarded.map, bench->guarded.size);
	munmap(bench->packed.map, bench->packed.size);
	munmap(bench->out.map, bench->out.size);
}

/* Decode in[n], both ends guarded; the input is moved so that it ends at its guard. */
static bool decode(struct bench *bench, void *state, const uint8_t *in, size_t count, size_t length)
{
	uint8_t *src = bench->guarded.end - count, *out = place(&bench->out, length);
	bool ok;

	memmove(src, in, count);
	ok = bench->codec->decompress(state, src, count, out, length);
	CHECK(front_intact(&bench->out, out));
	return ok;
}

static void round_trip(struct bench *bench, enum kind kind, size_t count)
{
	const struct df_codec *codec = bench->codec;
	size_t cap = codec->bound(count), length, again;
	uint8_t *in = place(&bench->guarded, count), *packed = place(&bench->packed, cap), *copy = malloc(count),
		*first = malloc(cap);

	fill(in, count, kind);
	memcpy(copy, in, count);
	length = codec->compress(bench->state, in, count, packed, cap);
	CHECK(length > 0 && length <= cap);
	CHECK(front_intact(&bench->packed, packed));
	CHECK(!memcmp(in, copy, count));
	if (kind == RANDOM)
		CHECK(length >= count);
	else
		CHECK(length < count);
	if (kind == ZERO)
		CHECK(length < count / 8);
	memcpy(first, packed, length);
	again = codec->compress(bench->state, in, count, packed, cap);
	CHECK_EQ(again, length);
	CHECK(!memcmp(first, packed, length));
	CHECK(decode(bench, bench->state, first, length, count));
	CHECK(!memcmp(bench->out.end - count, copy, count));
	CHECK(decode(bench, NULL, first, length, count));
	CHECK(!memcmp(bench->out.end - count, copy, count));
	free(copy);
	free(first);
}

static void round_trips(const struct df_codec *codec)
{
	static const size_t sizes[] = { 4096, 16384, BIG, 4096, 1, 100 };
	struct bench bench;

	bench_init(&bench, codec);
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
		for (enum kind kind = ZERO; kind < KINDS; kind++)
			if (sizes[i] >= 4096 || kind == RANDOM)
				round_trip(&bench, kind, sizes[i]);
	bench_fini(&bench);
}

/* What a state did before leaves no trace in its output, and neither does which state it is. */
static void deterministic(const struct df_codec *codec)
{
	static uint8_t in[4096];
	size_t cap = codec->bound(BIG), length[2], count;
	uint8_t *out[2] = { malloc(cap), malloc(cap) }, *other = malloc(BIG);
	struct bench bench;

	bench_init(&bench, codec);
	fill(in, sizeof in, TEXT);
	length[0] = codec->compress(bench.state, in, sizeof in, out[0], cap);
	for (int i = 0; i < 300; i++) {
		count = i % 10 ? 4096 : BIG;
		fill(other, count, (enum kind)(rnd() % KINDS));
		CHECK(codec->compress(bench.state, other, count, out[1], cap));
		length[1] = codec->compress(bench.state, in, sizeof in, out[1], cap);
		CHECK_EQ(length[1], length[0]);
		CHECK(!memcmp(out[0], out[1], length[0]));
	}
	bench_fini(&bench);
	bench_init(&bench, codec);
	length[1] = codec->compress(bench.state, in, sizeof in, out[1], cap);
	CHECK_EQ(length[1], length[0]);
	CHECK(!memcmp(out[0], out[1], length[0]));
	bench_fini(&bench);
	free(out[0]);
	free(out[1]);
	free(other);
}

/* A good block, cut, lengthened and asked for at other lengths. */
static void wrong_length(const struct df_codec *codec)
{
	static uint8_t in[4096], packed[8192];
	struct bench bench;
	size_t length;

	bench_init(&bench, codec);
	fill(in, sizeof in, TEXT);
	length = codec->compress(bench.state, in, sizeof in, packed, sizeof packed);
	CHECK(length > 100);
	for (size_t count = 0; count < length; count++) {
		CHECK(!decode(&bench, bench.state, packed, count, sizeof in));
		CHECK(!decode(&bench, NULL, packed, count, sizeof in));
	}
	for (size_t want = 0; want <= 8192; want += want < 4000 ? 97 : 1)
		CHECK_EQ(decode(&bench, bench.state, packed, length, want), want == sizeof in);
	bench_fini(&bench);
}

/* Damaged blocks may decode to something, but never over the end, and the state works on afterwards. */
static void corrupt(const struct df_codec *codec)
{
	static uint8_t in[4096], packed[8192], bad[8192];
	struct bench bench;
	size_t length, refused = 0;

	bench_init(&bench, codec);
	fill(in, sizeof in, POINTERS);
	length = codec->compress(bench.state, in, sizeof in, packed, sizeof packed);
	for (int i = 0; i < 4000; i++) {
		memcpy(bad, packed, length);
		for (uint64_t index = rnd() % 4 + 1; index; index--)
			bad[rnd() % (i % 2 ? length : 24)] ^= (uint8_t)(rnd() >> 16);
		refused += !decode(&bench, i % 3 ? bench.state : NULL, bad, length, sizeof in);
	}
	CHECK(refused > 0);
	for (int i = 0; i < 4000; i++) {
		size_t count = rnd() % 300;

		for (size_t index = 0; index < count; index++)
			bad[index] = (uint8_t)(rnd() >> 16);
		decode(&bench, i % 3 ? bench.state : NULL, bad, count, i % 2 ? 4096 : BIG);
	}
	CHECK(decode(&bench, bench.state, packed, length, sizeof in));
	CHECK(!memcmp(bench.out.end - sizeof in, in, sizeof in));
	bench_fini(&bench);
}

/* A block of 64 KiB is no block of 4 KiB, however good it is. */
static void larger_than_asked(const struct df_codec *codec)
{
	static uint8_t in[BIG];
	size_t cap = codec->bound(BIG), length;
	uint8_t *packed = malloc(cap);
	struct bench bench;

	bench_init(&bench, codec);
	for (enum kind kind = ZERO; kind < KINDS; kind++) {
		fill(in, BIG, kind);
		length = codec->compress(bench.state, in, BIG, packed, cap);
		CHECK(length > 0);
		if (length > BIG) /* more than its guarded copy holds */
			length = BIG;
		CHECK(!decode(&bench, bench.state, packed, length, 4096));
		CHECK(!decode(&bench, NULL, packed, length, 4096));
		CHECK(!decode(&bench, NULL, packed, length, 0));
	}
	bench_fini(&bench);
	free(packed);
}

/* What a level of a codec makes of a page. */
static size_t pack_at(const struct df_codec *codec, int level, const uint8_t *in, size_t count, uint8_t *packed,
		      size_t cap)
{
	struct bench bench = { .codec = codec };
	size_t length, before;

	bench.state = codec->state_new(&bench.env, level, count);
	CHECK(bench.state);
	before = atomic_load(&bench.env.mem_used);
	bench.guarded = guard(BIG);
	bench.packed = guard(16);
	bench.out = guard(BIG);
	length = codec->compress(bench.state, in, count, packed, cap);
	CHECK(length > 0);
	CHECK_EQ(atomic_load(&bench.env.mem_used), before); /* nothing is allocated while blocks are compressed */
	CHECK(decode(&bench, bench.state, packed, length, count));
	CHECK(!memcmp(bench.out.end - count, in, count));
	bench_fini(&bench);
	return length;
}

/* Every level gives something that decodes, and the highest one less than the default. */
static void levels(const struct df_codec *codec)
{
	static uint8_t in[4096], packed[8192];
	size_t normal;

	fill(in, sizeof in, TEXT);
	normal = pack_at(codec, 0, in, sizeof in, packed, sizeof packed);
	CHECK(codec->level_min <= codec->level_max);
	CHECK(!codec->level_min == !codec->level_max);
	if (!codec->level_min)
		return;
	CHECK_EQ(pack_at(codec, 1, in, sizeof in, packed, sizeof packed), normal);
	for (int level = codec->level_max; level >= -7 && level >= codec->level_min; level--)
		if (level)
			pack_at(codec, level, in, sizeof in, packed, sizeof packed);
	pack_at(codec, codec->level_min, in, sizeof in, packed, sizeof packed);
	CHECK(pack_at(codec, codec->level_max, in, sizeof in, packed, sizeof packed) < normal);
}

/* The same for a page of 64 KiB. */
static void levels_of_large_pages(const struct df_codec *codec)
{
	static uint8_t in[64 << 10], packed[80 << 10];

	fill(in, sizeof in, TEXT);
	for (int level = codec->level_max; level > 0; level -= 4)
		pack_at(codec, level, in, sizeof in, packed, sizeof packed);
}

/* A state that only unpacks, with blocks that do not as well. */
static void unpack_only(const struct df_codec *codec)
{
	static uint8_t in[4096], packed[8192];
	struct bench bench;
	size_t length;

	fill(in, sizeof in, TEXT);
	bench_init(&bench, codec);
	length = codec->compress(bench.state, in, sizeof in, packed, sizeof packed);
	CHECK(length > 0);
	codec->state_free(&bench.env, bench.state);
	bench.state = codec->state_new(&bench.env, DF_CODEC_UNPACK, 0);
	CHECK(bench.state);
	for (unsigned i = 0; i < 3; i++) {
		CHECK(decode(&bench, bench.state, packed, length, sizeof in));
		CHECK(!memcmp(bench.out.end - sizeof in, in, sizeof in));
		CHECK(!decode(&bench, bench.state, packed, length - 1, sizeof in));
	}
	bench_fini(&bench);
}

static void no_memory(const struct df_codec *codec)
{
	static uint8_t in[4096], packed[8192];
	int refused = 0;

	fill(in, sizeof in, TEXT);
	for (unsigned count = 1; count < 40; count++) { /* the n-th allocation fails */
		struct fi_heap heap = { .fail_at = count };
		struct df_env env = { .alloc = fi_heap_alloc, .release = fi_heap_free, .alloc_user = &heap };
		void *state = codec->state_new(&env, 0, sizeof in);

		if (state) {
			unsigned long before = heap.calls;
			size_t length = codec->compress(state, in, sizeof in, packed, sizeof packed);

			CHECK(length > 0);
			CHECK_EQ(heap.calls, before); /* what a block needs was allocated with the state */
			codec->decompress(state, packed, length, in, sizeof in);
			codec->state_free(&env, state);
		}
		refused += !state;
		CHECK_EQ(heap.live, 0);
		CHECK_EQ(env.mem_used, 0);
	}
	CHECK(refused >= 1);
	codec->state_free(&(struct df_env){ 0 }, NULL);
}

/* Streams by their specifications, so that both zlib files are held to the format and not only to themselves. */
static void known_zlib(void)
{
	static const uint8_t stored[] = { 0x78, 0x01, 1, 3, 0, 0xfc, 0xff, 'a', 'b', 'c', 0x02, 0x4d, 0x01, 0x27 };
	static const uint8_t fixed[] = { 0x78, 0x01, 0x4b, 0x4c, 0x4a, 0x06, 0x00, 0x02, 0x4d, 0x01, 0x27 };
	const struct df_codec *codec = df_codec_find(DUMPFILTER_CODEC_ZLIB);
	uint8_t out[3], in[sizeof stored];

	CHECK(codec->decompress(NULL, stored, sizeof stored, out, 3));
	CHECK(!memcmp(out, "abc", 3));
	memset(out, 0, 3);
	CHECK(codec->decompress(NULL, fixed, sizeof fixed, out, 3));
	CHECK(!memcmp(out, "abc", 3));
	memcpy(in, stored, sizeof in);
	in[sizeof in - 1] ^= 1; /* the checksum is looked at */
	CHECK(!codec->decompress(NULL, in, sizeof in, out, 3));
	CHECK(!codec->decompress(NULL, stored + 2, sizeof stored - 6, out, 3)); /* raw deflate is something else */
}

static void zlib_header(void)
{
	const struct df_codec *codec = df_codec_find(DUMPFILTER_CODEC_ZLIB);
	struct df_env env = { 0 };
	uint8_t in[4096] = { 0 }, out[8192];
	void *state = codec->state_new(&env, 0, sizeof in);
	size_t length = codec->compress(state, in, sizeof in, out, sizeof out);

	CHECK(length > 6);
	CHECK_EQ(out[0], 0x78);
	CHECK_EQ((out[0] * 256 + out[1]) % 31, 0);
	codec->state_free(&env, state);
}

/* The content size stands in the frame header: readers need not guess. */
static void zstd_header(void)
{
	const struct df_codec *codec = df_codec_find(DUMPFILTER_CODEC_ZSTD);
	struct df_env env = { 0 };
	uint8_t in[4096] = { 0 }, out[8192];
	void *state;

	if (!codec)
		return;
	state = codec->state_new(&env, 0, sizeof in);
	CHECK(codec->compress(state, in, sizeof in, out, sizeof out) > 8);
	CHECK(!memcmp(out, "\x28\xb5\x2f\xfd", 4));
	/* single segment, two bytes of content size less 256 */
	CHECK_EQ(out[4] & 0xe0, 0x60);
	CHECK_EQ(out[5] + out[6] * 256 + 256, 4096);
	codec->state_free(&env, state);
}

/* A block of a few bytes that says it holds gigabytes. */
static void snappy_lies(void)
{
	static const uint8_t lie[] = { 0xff, 0xff, 0xff, 0xff, 0x0f, 0x00, 'a' };
	const struct df_codec *codec = df_codec_find(DUMPFILTER_CODEC_SNAPPY);
	uint8_t out[16];

	if (!codec)
		return;
	memset(out, 0xa5, sizeof out);
	CHECK(!codec->decompress(NULL, lie, sizeof lie, out, 4));
	for (size_t i = 0; i < sizeof out; i++)
		CHECK_EQ(out[i], 0xa5);
}

static void table(void)
{
	static const char *const names[] = { "none", "zlib", "lzo", "snappy", "zstd" };
	static const uint32_t flags[] = { 0, 1, 2, 4, 0x20 };

	for (int id = 0; id < 5; id++) {
		const struct df_codec *codec = df_codec_find(id);

		CHECK_STR(df_codec_name(id), names[id]);
		if (!codec)
			continue;
		CHECK_EQ(codec->id, id);
		CHECK_STR(codec->name, names[id]);
		CHECK_EQ(codec->kdump_flag, flags[id]);
		CHECK(df_codec_by_flag(flags[id]) == codec);
	}
	CHECK(df_codec_find(DUMPFILTER_CODEC_ZLIB)); /* in every build */
	CHECK(!df_codec_find(DUMPFILTER_CODEC_NONE));
	CHECK(!df_codec_find(5) && !df_codec_find(-1));
	CHECK(!df_codec_name(5) && !df_codec_name(-1));
	CHECK(!df_codec_by_flag(0) && !df_codec_by_flag(3) && !df_codec_by_flag(8) && !df_codec_by_flag(UINT32_MAX));
}

struct codec_case {
	const char *name;
	void (*fn)(const struct df_codec *codec);
};

static void run_case(const struct df_codec *codec, const struct codec_case *codec_case)
{
	char name[64];

	snprintf(name, sizeof name, "%s: %s", codec->name, codec_case->name);
	T_RUN(name, codec_case->fn(codec));
}

/* The way of our own into LZO1X: pages of records are taken and come out of liblzo2 as they were, whatever is changed
 * in them; others are left alone. */
static void records(void)
{
	const struct df_codec *codec = df_codec_find(DUMPFILTER_CODEC_LZO);
	static uint8_t in[65536], packed[65536], out[65536];
	unsigned taken = 0;

	for (size_t count = 4096; count <= sizeof in; count *= 2) {
		fill(in, count, RECORDS);
		CHECK(df_lzo_records(in, count, packed, count) > 0);
		CHECK_EQ(df_lzo_records(in, count, packed, count - 1), 0);
		for (enum kind kind = ZERO; kind < RECORDS; kind++) {
			fill(in, count, kind);
			CHECK_EQ(df_lzo_records(in, count, packed, count), 0);
		}
	}
	for (unsigned round = 0; codec && round < 3000; round++) {
		size_t count = round % 16 ? 4096 : sizeof in, length;

		fill(in, count, RECORDS);
		for (uint64_t changes = rnd() % (round % 3 ? 20 : 400); changes; changes--)
			memset(in + rnd() % (count - 700), (int)(rnd() >> 40), round % 5 ? 1 + rnd() % 9 : rnd() % 700);
		memset(packed, 0xa5, sizeof packed);
		length = df_lzo_records(in, count, packed, count);
		if (!length)
			continue;
		taken++;
		CHECK(packed[count / 4 + count / 64] == 0xa5 &&
		      !memcmp(packed + count / 4 + count / 64, packed + count / 4 + count / 64 + 1,
			      count - count / 4 - count / 64 - 1));
		CHECK(codec->decompress(NULL, packed, length, out, count));
		CHECK(!memcmp(in, out, count));
	}
	if (codec)
		CHECK(taken > 750);
}

int main(void)
{
	static const struct codec_case cases[] = {
		{ "round trips", round_trips },
		{ "deterministic", deterministic },
		{ "wrong length", wrong_length },
		{ "corrupt", corrupt },
		{ "larger than asked", larger_than_asked },
		{ "levels", levels },
		{ "levels_of_large_pages", levels_of_large_pages },
		{ "unpack only", unpack_only },
		{ "no memory", no_memory },
	};

	RUN(table);
	for (int id = DUMPFILTER_CODEC_ZLIB; id <= DUMPFILTER_CODEC_ZSTD; id++)
		for (size_t i = 0; df_codec_find(id) && i < sizeof cases / sizeof *cases; i++)
			run_case(df_codec_find(id), &cases[i]);
	RUN(known_zlib);
	RUN(records);
	RUN(zlib_header);
	RUN(zstd_header);
	RUN(snappy_lies);
	return T_END();
}
