/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Damaged memory of kernels that were whole: the input is a list of changes to words of a small image which the library
 * looks at (headers, notes, page tables, memory map, struct pages, zones), found out by watching it.
 *
 *   byte 0   which kernel; byte 1: how it is dumped
 *   then     changes of 12 bytes: what, how, where (16 bits), value (64 bits)
 */
#include "fuzz.h"

#include "build.h"

#define COMMON                                  \
	"ram 0 1M\n"                            \
	"ram 1536K 512K\n"                      \
	"layout kernel=256K kernel_size=128K\n" \
	"paging direct=4K kernel=4K\n"          \
	"page 0x10-0x17 kind=anon\n"            \
	"page 0x18-0x19 kind=private\n"         \
	"page 0x20-0x23 kind=file\n"            \
	"compound 0x28 order=3 kind=thp\n"      \
	"compound 0x30 order=2 kind=slab\n"     \
	"buddy 0x180 order=4\n"                 \
	"buddy 0x1a0 order=2\n"                 \
	"page 0x80-0xbf kind=file\n"            \
	"zero 0x1-0x4\n"

static const char *const recipes[] = {
	"preset 6.1\nmemmodel sparse-extreme section_bits=21 phys_bits=32\n" COMMON "page 0x1b8 kind=offline\n",
	"preset 7.3\nmemmodel sparse-extreme section_bits=21 phys_bits=32\n" COMMON "page 0x1b9 flags=+hwpoison\n",
	"preset 4.4\nmemmodel sparse-extreme section_bits=21 phys_bits=32\n" COMMON,
	"preset 3.10\nmemmodel sparse-extreme section_bits=21 phys_bits=32\n" COMMON,
	"preset 2.6.32-el6\nmemmodel sparse-extreme section_bits=21 phys_bits=32\n" COMMON,
	"preset 6.1\nmemmodel flat\n" COMMON,
	"preset 4.14\nmemmodel sparse section_bits=21 phys_bits=24\n" COMMON,
	"machine s390x\npreset 6.12-s390x\nram 0 2M\nlayout kernel=256K kernel_size=256K\n"
	"memmodel sparse-extreme section_bits=21 phys_bits=32\n"
	"page 0x10-0x17 kind=anon\nbuddy 0x20 order=3\ncompound 0x28 order=3 kind=thp\n",
};
#define KERNELS (sizeof recipes / sizeof *recipes)

struct kernel {
	struct builder_image img;
	uint32_t *slot; /* offsets of 8-byte words that the library reads */
	size_t slots;
	bool tried;
};

static struct kernel kernels[KERNELS];

/* Watch a plan: the words that it reads are worth a change. */
static void watch(struct kernel *k)
{
	struct fz_source s = { .data = k->img.data, .size = k->img.size, .length = k->img.size };
	struct dumpfilter *df = fz_new(31, 0, 1);
	size_t words = k->img.size / 8;
	int r;

	s.seen = calloc(words + 1, 1);
	k->slot = calloc(words, sizeof *k->slot);
	MUST(s.seen && k->slot && !fz_open(df, &s));
	r = dumpfilter_plan(df);
	MUST(r >= 0);
	for (size_t i = 0; i < words; i++)
		if (s.seen[i])
			k->slot[k->slots++] = (uint32_t)(i * 8);
	free(s.seen);
	dumpfilter_free(df);
	MUST(k->slots > 100);
}

static struct kernel *kernel(unsigned n)
{
	struct kernel *k = &kernels[n % KERNELS];
	const char *text = recipes[n % KERNELS];
	char err[BUILDER_ERR];

	if (k->tried)
		return k;
	k->tried = true;
	if (builder_build(text, strlen(text), &k->img, err)) {
		fprintf(stderr, "recipe %u: %s\n", n % (unsigned)KERNELS, err);
		abort();
	}
	watch(k);
	return k;
}

/* ---- changes, and taking them back */

#define CHANGES 32

struct change {
	uint32_t at;
	uint8_t len, old[64];
};

static void put(struct kernel *k, struct change *c, uint32_t at, const void *bytes, uint8_t len)
{
	if (at > k->img.size || len > k->img.size - at)
		len = 0;
	c->at = at;
	c->len = len;
	memcpy(c->old, k->img.data + at, len);
	memcpy(k->img.data + at, bytes, len);
}

static void change(struct kernel *k, struct change *c, const uint8_t *op)
{
	uint32_t where = (uint32_t)(op[2] | op[3] << 8), at = k->slot[where % k->slots], from;
	uint8_t copy[64];
	uint64_t value, old;

	memcpy(&value, op + 4, 8);
	memcpy(&old, k->img.data + at, 8);
	from = k->slot[value % k->slots];
	switch (op[0] % 8) {
	case 0: /* a word */
		put(k, c, at, &value, 8);
		break;
	case 1: /* some bytes of it */
		put(k, c, at + op[1] % 8, &value, (uint8_t)(1 + op[1] / 8 % 4));
		break;
	case 2: /* a little more or less */
		old += (uint64_t)(int64_t)(int8_t)op[4] << op[1] % 64;
		put(k, c, at, &old, 8);
		break;
	case 3: /* a bit */
		old ^= UINT64_C(1) << op[1] % 64;
		put(k, c, at, &old, 8);
		break;
	case 4: /* what stands elsewhere: pointers stay pointers */
		put(k, c, at, k->img.data + from, 8);
		break;
	case 5: /* a whole struct page */
		if (from + 64 > k->img.size || at + 64 > k->img.size)
			return;
		memcpy(copy, k->img.data + from / 64 * 64, 64);
		put(k, c, at / 64 * 64, copy, 64);
		break;
	case 6: /* all ones, or nothing */
		memset(copy, op[1] & 1 ? 0xff : 0, 64);
		put(k, c, at, copy, (uint8_t)(op[1] / 2 % 65));
		break;
	default: /* any byte of the file */
		put(k, c, (uint32_t)(value % k->img.size), op + 1, 3);
	}
}

static void take_back(struct kernel *k, const struct change *c)
{
	memcpy(k->img.data + c->at, c->old, c->len);
}

/* ---- the dumps */

#define FRAMES 4096u

/* What is asked without writing. */
static void look(struct dumpfilter *df, bool survey)
{
	struct dumpfilter_estimate_opts opts = DUMPFILTER_ESTIMATE_OPTS_INIT;
	struct dumpfilter_estimate e = DUMPFILTER_ESTIMATE_INIT;
	struct dumpfilter_report rep = DUMPFILTER_REPORT_INIT;
	uint64_t paddr;

	opts.max_pages = 64;
	if (dumpfilter_estimate(df, &opts, &e) >= 0)
		MUST(e.low <= e.bytes && e.bytes <= e.high && e.sampled_pages <= e.pages);
	for (unsigned shift = 0; shift < 64; shift += 9)
		dumpfilter_translate(df, UINT64_MAX << shift, &paddr);
	if (survey && dumpfilter_survey(df) >= 0)
		MUST(!dumpfilter_report(df, &rep) && rep.zero_pages + rep.unreadable_pages <= rep.kept_pages);
}

/* Plan at a level, then dump.  The frames kept, a bit each. */
static bool dump(const struct kernel *k, int level, int format, unsigned threads, uint8_t kept[FRAMES / 8])
{
	struct fz_source s = { .data = k->img.data, .size = k->img.size, .length = k->img.size };
	struct fz_ranges ranges = { .bits = kept, .limit = FRAMES };
	struct dumpfilter *df = fz_new(level, format, threads);
	bool ok = !fz_open(df, &s) && dumpfilter_plan(df) >= 0;

	if (ok) {
		fz_check_plan(df, level, &ranges);
		look(df, level == DUMPFILTER_LEVEL_MAX);
		fz_run(df, true);
	}
	dumpfilter_free(df);
	return ok;
}

static bool contains(const uint8_t *a, const uint8_t *b)
{
	for (size_t i = 0; i < FRAMES / 8; i++)
		if (b[i] & ~a[i])
			return false;
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t kept[3][FRAMES / 8] = { { 0 } };
	struct change changes[CHANGES];
	struct kernel *k;
	unsigned n = 0;
	bool all, some;

	if (size < 2)
		return 0;
	k = kernel(data[0]);
	for (size_t at = 2; at + 12 <= size && n < CHANGES; at += 12) {
		changes[n].len = 0;
		changes[n].at = 0;
		change(k, &changes[n++], data + at);
	}
	all = dump(k, 0, data[1] & 1, 1, kept[0]);
	some = dump(k, data[1] >> 3, data[1] >> 1 & 1, data[1] & 4 ? 3 : 1, kept[1]);
	if (dump(k, 31, data[1] & 1, 1, kept[2])) {
		MUST(!some || contains(kept[1], kept[2]));
		MUST(!all || contains(kept[0], kept[2]));
	}
	MUST(!all || !some || contains(kept[0], kept[1]));
	while (n--)
		take_back(k, &changes[n]);
	return 0;
}
