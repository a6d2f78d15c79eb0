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
	struct guarded g = { .size = (size + page - 1) / page * page + page };

	g.map = mmap(NULL, g.size + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(g.map != MAP_FAILED);
	g.end = g.map + g.size;
	CHECK(!mprotect(g.end, page, PROT_NONE));
	g.size += page;
	return g;
}

/* len bytes right before the guard; everything in front of them is 0xa5. */
static uint8_t *place(const struct guarded *g, size_t len)
{
	memset(g->map, 0xa5, (size_t)(g->end - g->map));
	return g->end - len;
}

/* The first byte is right, and each of the others is as the one before it. */
static bool front_intact(const struct guarded *g, const uint8_t *at)
{
	size_t n = (size_t)(at - g->map);

	return !n || (g->map[0] == 0xa5 && !memcmp(g->map, g->map + 1, n - 1));
}

enum kind { ZERO, RANDOM, TEXT, POINTERS, LAST_BYTE, RECORDS, KINDS };

static void fill(uint8_t *b, size_t n, enum kind kind)
{
	static const char *const words[] = { "CONFIG_", "kernel ", "= 0x", "\n\t", "page ", "static ", "vmcore " };

	memset(b, 0, n);
	for (size_t i = 0; kind == RANDOM && i < n; i++)
		b[i] = (uint8_t)(rnd() >> 24);
	for (size_t i = 0; kind == TEXT && i < n;) {
		const char *w = words[rnd() % 7];
		size_t len = strlen(w) < n - i ? strlen(w) : n - i;

		memcpy(b + i, w, len);
		i += len;
	}
	for (size_t i = 0; kind == POINTERS && i + 8 <= n; i += 8) {
		uint64_t v = rnd() % 3 ? UINT64_C(0xffff888000000000) + rnd() % 4096 * 64 : 0;

		memcpy(b + i, &v, 8);
	}
	if (kind == LAST_BYTE)
		b[n - 1] = 1;
	for (size_t i = 0; kind == RECORDS && i + 64 <= n; i += 64) {
		/* a struct page of a list: flags, neighbours, nothing, counts */
		uint64_t v[8] = { 0x17ffffc0000000,
				  0xffffea0000000008 + (i + 64),
				  0xffffea0000000008 + (i - 64),
				  0,
				  i / 64,
				  0,
				  0xffffffff,
				  0xffff888100203000 };

		memcpy(b + i, v, 64);
	}
}

/* One codec at work: buffers as large as the largest block needs, a state, and what it was made of. */
struct bench {
	const struct df_codec *codec;
	struct df_env env;
	void *state;
	struct guarded in, packed, out;
};

static void bench_init(struct bench *b, const struct df_codec *codec)
{
	*b = (struct bench){ .codec = codec };
	b->state = codec->state_new(&b->env, 0, BIG);
	CHECK(b->state);
	b->in = guard(BIG);
	b->packed = guard(codec->bound(BIG));
	b->out = guard(BIG);
}

static void bench_fini(struct bench *b)
{
	b->codec->state_free(&b->env, b->state);
	CHECK_EQ(b->env.mem_used, 0);
	munmap(b->in.map, b->in.size);
	munmap(b->packed.map, b->packed.size);
	munmap(b->out.map, b->out.size);
}

/* Decode in[n], both ends guarded; the input is moved so that it ends at its guard. */
static bool decode(struct bench *b, void *state, const uint8_t *in, size_t n, size_t len)
{
	uint8_t *src = b->in.end - n, *out = place(&b->out, len);
	bool ok;

	memmove(src, in, n);
	ok = b->codec->decompress(state, src, n, out, len);
	CHECK(front_intact(&b->out, out));
	return ok;
}

static void round_trip(struct bench *b, enum kind kind, size_t n)
{
	const struct df_codec *c = b->codec;
	size_t cap = c->bound(n), len, again;
	uint8_t *in = place(&b->in, n), *packed = place(&b->packed, cap), *copy = malloc(n), *first = malloc(cap);

	fill(in, n, kind);
	memcpy(copy, in, n);
	len = c->compress(b->state, in, n, packed, cap);
	CHECK(len > 0 && len <= cap);
	CHECK(front_intact(&b->packed, packed));
	CHECK(!memcmp(in, copy, n));
	if (kind == RANDOM)
		CHECK(len >= n);
	else
		CHECK(len < n);
	if (kind == ZERO)
		CHECK(len < n / 8);
	memcpy(first, packed, len);
	again = c->compress(b->state, in, n, packed, cap);
	CHECK_EQ(again, len);
	CHECK(!memcmp(first, packed, len));
	CHECK(decode(b, b->state, first, len, n));
	CHECK(!memcmp(b->out.end - n, copy, n));
	CHECK(decode(b, NULL, first, len, n));
	CHECK(!memcmp(b->out.end - n, copy, n));
	free(copy);
	free(first);
}

static void round_trips(const struct df_codec *codec)
{
	static const size_t sizes[] = { 4096, 16384, BIG, 4096, 1, 100 };
	struct bench b;

	bench_init(&b, codec);
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
		for (enum kind kind = ZERO; kind < KINDS; kind++)
			if (sizes[i] >= 4096 || kind == RANDOM)
				round_trip(&b, kind, sizes[i]);
	bench_fini(&b);
}

/* What a state did before leaves no trace in its output, and neither does which state it is. */
static void deterministic(const struct df_codec *codec)
{
	static uint8_t in[4096];
	size_t cap = codec->bound(BIG), len[2], n;
	uint8_t *out[2] = { malloc(cap), malloc(cap) }, *other = malloc(BIG);
	struct bench b;

	bench_init(&b, codec);
	fill(in, sizeof in, TEXT);
	len[0] = codec->compress(b.state, in, sizeof in, out[0], cap);
	for (int i = 0; i < 300; i++) {
		n = i % 10 ? 4096 : BIG;
		fill(other, n, (enum kind)(rnd() % KINDS));
		CHECK(codec->compress(b.state, other, n, out[1], cap));
		len[1] = codec->compress(b.state, in, sizeof in, out[1], cap);
		CHECK_EQ(len[1], len[0]);
		CHECK(!memcmp(out[0], out[1], len[0]));
	}
	bench_fini(&b);
	bench_init(&b, codec);
	len[1] = codec->compress(b.state, in, sizeof in, out[1], cap);
	CHECK_EQ(len[1], len[0]);
	CHECK(!memcmp(out[0], out[1], len[0]));
	bench_fini(&b);
	free(out[0]);
	free(out[1]);
	free(other);
}

/* A good block, cut, lengthened and asked for at other lengths. */
static void wrong_length(const struct df_codec *codec)
{
	static uint8_t in[4096], packed[8192];
	struct bench b;
	size_t len;

	bench_init(&b, codec);
	fill(in, sizeof in, TEXT);
	len = codec->compress(b.state, in, sizeof in, packed, sizeof packed);
	CHECK(len > 100);
	for (size_t n = 0; n < len; n++) {
		CHECK(!decode(&b, b.state, packed, n, sizeof in));
		CHECK(!decode(&b, NULL, packed, n, sizeof in));
	}
	for (size_t want = 0; want <= 8192; want += want < 4000 ? 97 : 1)
		CHECK_EQ(decode(&b, b.state, packed, len, want), want == sizeof in);
	bench_fini(&b);
}

/* Damaged blocks may decode to something, but never over the end, and the state works on afterwards. */
static void corrupt(const struct df_codec *codec)
{
	static uint8_t in[4096], packed[8192], bad[8192];
	struct bench b;
	size_t len, refused = 0;

	bench_init(&b, codec);
	fill(in, sizeof in, POINTERS);
	len = codec->compress(b.state, in, sizeof in, packed, sizeof packed);
	for (int i = 0; i < 4000; i++) {
		memcpy(bad, packed, len);
		for (uint64_t k = rnd() % 4 + 1; k; k--)
			bad[rnd() % (i % 2 ? len : 24)] ^= (uint8_t)(rnd() >> 16);
		refused += !decode(&b, i % 3 ? b.state : NULL, bad, len, sizeof in);
	}
	CHECK(refused > 0);
	for (int i = 0; i < 4000; i++) {
		size_t n = rnd() % 300;

		for (size_t k = 0; k < n; k++)
			bad[k] = (uint8_t)(rnd() >> 16);
		decode(&b, i % 3 ? b.state : NULL, bad, n, i % 2 ? 4096 : BIG);
	}
	CHECK(decode(&b, b.state, packed, len, sizeof in));
	CHECK(!memcmp(b.out.end - sizeof in, in, sizeof in));
	bench_fini(&b);
}

/* A block of 64 KiB is no block of 4 KiB, however good it is. */
static void larger_than_asked(const struct df_codec *codec)
{
	static uint8_t in[BIG];
	size_t cap = codec->bound(BIG), len;
	uint8_t *packed = malloc(cap);
	struct bench b;

	bench_init(&b, codec);
	for (enum kind kind = ZERO; kind < KINDS; kind++) {
		fill(in, BIG, kind);
		len = codec->compress(b.state, in, BIG, packed, cap);
		CHECK(len > 0);
		if (len > BIG) /* more than its guarded copy holds */
			len = BIG;
		CHECK(!decode(&b, b.state, packed, len, 4096));
		CHECK(!decode(&b, NULL, packed, len, 4096));
		CHECK(!decode(&b, NULL, packed, len, 0));
	}
	bench_fini(&b);
	free(packed);
}

/* What a level of a codec makes of a page. */
static size_t pack_at(const struct df_codec *codec, int level, const uint8_t *in, size_t n, uint8_t *packed, size_t cap)
{
	struct bench b = { .codec = codec };
	size_t len, before;

	b.state = codec->state_new(&b.env, level, n);
	CHECK(b.state);
	before = atomic_load(&b.env.mem_used);
	b.in = guard(BIG);
	b.packed = guard(16);
	b.out = guard(BIG);
	len = codec->compress(b.state, in, n, packed, cap);
	CHECK(len > 0);
	CHECK_EQ(atomic_load(&b.env.mem_used), before); /* nothing is allocated while blocks are compressed */
	CHECK(decode(&b, b.state, packed, len, n));
	CHECK(!memcmp(b.out.end - n, in, n));
	bench_fini(&b);
	return len;
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
	struct bench b;
	size_t len;

	fill(in, sizeof in, TEXT);
	bench_init(&b, codec);
	len = codec->compress(b.state, in, sizeof in, packed, sizeof packed);
	CHECK(len > 0);
	codec->state_free(&b.env, b.state);
	b.state = codec->state_new(&b.env, DF_CODEC_UNPACK, 0);
	CHECK(b.state);
	for (unsigned i = 0; i < 3; i++) {
		CHECK(decode(&b, b.state, packed, len, sizeof in));
		CHECK(!memcmp(b.out.end - sizeof in, in, sizeof in));
		CHECK(!decode(&b, b.state, packed, len - 1, sizeof in));
	}
	bench_fini(&b);
}

static void no_memory(const struct df_codec *codec)
{
	static uint8_t in[4096], packed[8192];
	int refused = 0;

	fill(in, sizeof in, TEXT);
	for (unsigned n = 1; n < 40; n++) { /* the n-th allocation fails */
		struct fi_heap f = { .fail_at = n };
		struct df_env env = { .alloc = fi_heap_alloc, .release = fi_heap_free, .alloc_user = &f };
		void *state = codec->state_new(&env, 0, sizeof in);

		if (state) {
			unsigned long before = f.calls;
			size_t len = codec->compress(state, in, sizeof in, packed, sizeof packed);

			CHECK(len > 0);
			CHECK_EQ(f.calls, before); /* what a block needs was allocated with the state */
			codec->decompress(state, packed, len, in, sizeof in);
			codec->state_free(&env, state);
		}
		refused += !state;
		CHECK_EQ(f.live, 0);
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
	const struct df_codec *c = df_codec_find(DUMPFILTER_CODEC_ZLIB);
	uint8_t out[3], in[sizeof stored];

	CHECK(c->decompress(NULL, stored, sizeof stored, out, 3));
	CHECK(!memcmp(out, "abc", 3));
	memset(out, 0, 3);
	CHECK(c->decompress(NULL, fixed, sizeof fixed, out, 3));
	CHECK(!memcmp(out, "abc", 3));
	memcpy(in, stored, sizeof in);
	in[sizeof in - 1] ^= 1; /* the checksum is looked at */
	CHECK(!c->decompress(NULL, in, sizeof in, out, 3));
	CHECK(!c->decompress(NULL, stored + 2, sizeof stored - 6, out, 3)); /* raw deflate is something else */
}

static void zlib_header(void)
{
	const struct df_codec *c = df_codec_find(DUMPFILTER_CODEC_ZLIB);
	struct df_env env = { 0 };
	uint8_t in[4096] = { 0 }, out[8192];
	void *state = c->state_new(&env, 0, sizeof in);
	size_t len = c->compress(state, in, sizeof in, out, sizeof out);

	CHECK(len > 6);
	CHECK_EQ(out[0], 0x78);
	CHECK_EQ((out[0] * 256 + out[1]) % 31, 0);
	c->state_free(&env, state);
}

/* The content size stands in the frame header: readers need not guess. */
static void zstd_header(void)
{
	const struct df_codec *c = df_codec_find(DUMPFILTER_CODEC_ZSTD);
	struct df_env env = { 0 };
	uint8_t in[4096] = { 0 }, out[8192];
	void *state;

	if (!c)
		return;
	state = c->state_new(&env, 0, sizeof in);
	CHECK(c->compress(state, in, sizeof in, out, sizeof out) > 8);
	CHECK(!memcmp(out, "\x28\xb5\x2f\xfd", 4));
	/* single segment, two bytes of content size less 256 */
	CHECK_EQ(out[4] & 0xe0, 0x60);
	CHECK_EQ(out[5] + out[6] * 256 + 256, 4096);
	c->state_free(&env, state);
}

/* A block of a few bytes that says it holds gigabytes. */
static void snappy_lies(void)
{
	static const uint8_t lie[] = { 0xff, 0xff, 0xff, 0xff, 0x0f, 0x00, 'a' };
	const struct df_codec *c = df_codec_find(DUMPFILTER_CODEC_SNAPPY);
	uint8_t out[16];

	if (!c)
		return;
	memset(out, 0xa5, sizeof out);
	CHECK(!c->decompress(NULL, lie, sizeof lie, out, 4));
	for (size_t i = 0; i < sizeof out; i++)
		CHECK_EQ(out[i], 0xa5);
}

static void table(void)
{
	static const char *const names[] = { "none", "zlib", "lzo", "snappy", "zstd" };
	static const uint32_t flags[] = { 0, 1, 2, 4, 0x20 };

	for (int id = 0; id < 5; id++) {
		const struct df_codec *c = df_codec_find(id);

		CHECK_STR(df_codec_name(id), names[id]);
		if (!c)
			continue;
		CHECK_EQ(c->id, id);
		CHECK_STR(c->name, names[id]);
		CHECK_EQ(c->kdump_flag, flags[id]);
		CHECK(df_codec_by_flag(flags[id]) == c);
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

static void run_case(const struct df_codec *codec, const struct codec_case *c)
{
	char name[64];

	snprintf(name, sizeof name, "%s: %s", codec->name, c->name);
	T_RUN(name, c->fn(codec));
}

/* The way of our own into LZO1X: pages of records are taken and come out of liblzo2 as they were, whatever is changed
 * in them; others are left alone. */
static void records(void)
{
	const struct df_codec *lzo = df_codec_find(DUMPFILTER_CODEC_LZO);
	static uint8_t in[65536], packed[65536], out[65536];
	unsigned taken = 0;

	for (size_t n = 4096; n <= sizeof in; n *= 2) {
		fill(in, n, RECORDS);
		CHECK(df_lzo_records(in, n, packed, n) > 0);
		CHECK_EQ(df_lzo_records(in, n, packed, n - 1), 0);
		for (enum kind k = ZERO; k < RECORDS; k++) {
			fill(in, n, k);
			CHECK_EQ(df_lzo_records(in, n, packed, n), 0);
		}
	}
	for (unsigned round = 0; lzo && round < 3000; round++) {
		size_t n = round % 16 ? 4096 : sizeof in, len;

		fill(in, n, RECORDS);
		for (uint64_t changes = rnd() % (round % 3 ? 20 : 400); changes; changes--)
			memset(in + rnd() % (n - 700), (int)(rnd() >> 40), round % 5 ? 1 + rnd() % 9 : rnd() % 700);
		memset(packed, 0xa5, sizeof packed);
		len = df_lzo_records(in, n, packed, n);
		if (!len)
			continue;
		taken++;
		CHECK(packed[n / 4 + n / 64] == 0xa5 &&
		      !memcmp(packed + n / 4 + n / 64, packed + n / 4 + n / 64 + 1, n - n / 4 - n / 64 - 1));
		CHECK(lzo->decompress(NULL, packed, len, out, n));
		CHECK(!memcmp(in, out, n));
	}
	if (lzo)
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
