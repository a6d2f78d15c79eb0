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
	struct builder_image image;
	uint32_t *slot; /* offsets of 8-byte words that the library reads */
	size_t slots;
	bool tried;
};

static struct kernel kernels[KERNELS];

/* Watch a plan: the words that it reads are worth a change. */
static void watch(struct kernel *kernel)
{
	struct fz_source source = { .data = kernel->image.data,
				    .size = kernel->image.size,
				    .length = kernel->image.size };
	struct dumpfilter *df = fz_new(31, 0, 1);
	size_t words = kernel->image.size / 8;
	int result;

	source.seen = calloc(words + 1, 1);
	kernel->slot = calloc(words, sizeof *kernel->slot);
	MUST(source.seen && kernel->slot && !fz_open(df, &source));
	result = dumpfilter_plan(df);
	MUST(result >= 0);
	for (size_t i = 0; i < words; i++)
		if (source.seen[i])
			kernel->slot[kernel->slots++] = (uint32_t)(i * 8);
	free(source.seen);
	dumpfilter_free(df);
	MUST(kernel->slots > 100);
}

static struct kernel *kernel(unsigned count)
{
	struct kernel *guest = &kernels[count % KERNELS];
	const char *text = recipes[count % KERNELS];
	char err[BUILDER_ERR];

	if (guest->tried)
		return guest;
	guest->tried = true;
	if (builder_build(text, strlen(text), &guest->image, err)) {
		fprintf(stderr, "recipe %u: %s\n", count % (unsigned)KERNELS, err);
		abort();
	}
	watch(guest);
	return guest;
}

/* ---- changes, and taking them back */

#define CHANGES 32

struct change {
	uint32_t at;
	uint8_t length, old[64];
};

static void put(struct kernel *kernel, struct change *change, uint32_t at, const void *bytes, uint8_t length)
{
	if (at > kernel->image.size || length > kernel->image.size - at)
		length = 0;
	change->at = at;
	change->length = length;
	memcpy(change->old, kernel->image.data + at, length);
	memcpy(kernel->image.data + at, bytes, length);
}

static void change(struct kernel *kernel, struct change *edit, const uint8_t *op)
{
	uint32_t where = (uint32_t)(op[2] | op[3] << 8), at = kernel->slot[where % kernel->slots], from;
	uint8_t copy[64];
	uint64_t value, old;

	memcpy(&value, op + 4, 8);
	memcpy(&old, kernel->image.data + at, 8);
	from = kernel->slot[value % kernel->slots];
	switch (op[0] % 8) {
	case 0: /* a word */
		put(kernel, edit, at, &value, 8);
		break;
	case 1: /* some bytes of it */
		put(kernel, edit, at + op[1] % 8, &value, (uint8_t)(1 + op[1] / 8 % 4));
		break;
	case 2: /* a little more or less */
		old += (uint64_t)(int64_t)(int8_t)op[4] << op[1] % 64;
		put(kernel, edit, at, &old, 8);
		break;
	case 3: /* a bit */
		old ^= UINT64_C(1) << op[1] % 64;
		put(kernel, edit, at, &old, 8);
		break;
	case 4: /* what stands elsewhere: pointers stay pointers */
		put(kernel, edit, at, kernel->image.data + from, 8);
		break;
	case 5: /* a whole struct page */
		if (from + 64 > kernel->image.size || at + 64 > kernel->image.size)
			return;
		memcpy(copy, kernel->image.data + from / 64 * 64, 64);
		put(kernel, edit, at / 64 * 64, copy, 64);
		break;
	case 6: /* all ones, or nothing */
		memset(copy, op[1] & 1 ? 0xff : 0, 64);
		put(kernel, edit, at, copy, (uint8_t)(op[1] / 2 % 65));
		break;
	default: /* any byte of the file */
		put(kernel, edit, (uint32_t)(value % kernel->image.size), op + 1, 3);
	}
}

static void take_back(struct kernel *kernel, const struct change *change)
{
	memcpy(kernel->image.data + change->at, change->old, change->length);
}

/* ---- the dumps */

#define FRAMES 4096u

/* What is asked without writing. */
static void look(struct dumpfilter *df, bool survey)
{
	struct dumpfilter_estimate_opts opts = DUMPFILTER_ESTIMATE_OPTS_INIT;
	struct dumpfilter_estimate estimate = DUMPFILTER_ESTIMATE_INIT;
	struct dumpfilter_report report = DUMPFILTER_REPORT_INIT;
	uint64_t paddr;

	opts.max_pages = 64;
	if (dumpfilter_estimate(df, &opts, &estimate) >= 0)
		MUST(estimate.low <= estimate.bytes && estimate.bytes <= estimate.high &&
		     estimate.sampled_pages <= estimate.pages);
	for (unsigned shift = 0; shift < 64; shift += 9)
		dumpfilter_translate(df, UINT64_MAX << shift, &paddr);
	if (survey && dumpfilter_survey(df) >= 0)
		MUST(!dumpfilter_report(df, &report) &&
		     report.zero_pages + report.unreadable_pages <= report.kept_pages);
}

/* Plan at a level, then dump.  The frames kept, a bit each. */
static bool dump(const struct kernel *kernel, int level, int format, unsigned threads, uint8_t kept[FRAMES / 8])
{
	struct fz_source source = { .data = kernel->image.data,
				    .size = kernel->image.size,
				    .length = kernel->image.size };
	struct fz_ranges ranges = { .bits = kept, .limit = FRAMES };
	struct dumpfilter *df = fz_new(level, format, threads);
	bool ok = !fz_open(df, &source) && dumpfilter_plan(df) >= 0;

	if (ok) {
		fz_check_plan(df, level, &ranges);
		look(df, level == DUMPFILTER_LEVEL_MAX);
		fz_run(df, true);
	}
	dumpfilter_free(df);
	return ok;
}

static bool contains(const uint8_t *a, const uint8_t *bytes)
{
	for (size_t i = 0; i < FRAMES / 8; i++)
		if (bytes[i] & ~a[i])
			return false;
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t kept[3][FRAMES / 8] = { { 0 } };
	struct change changes[CHANGES];
	struct kernel *guest;
	unsigned count = 0;
	bool all, some;

	if (size < 2)
		return 0;
	guest = kernel(data[0]);
	for (size_t at = 2; at + 12 <= size && count < CHANGES; at += 12) {
		changes[count].length = 0;
		changes[count].at = 0;
		change(guest, &changes[count++], data + at);
	}
	all = dump(guest, 0, data[1] & 1, 1, kept[0]);
	some = dump(guest, data[1] >> 3, data[1] >> 1 & 1, data[1] & 4 ? 3 : 1, kept[1]);
	if (dump(guest, 31, data[1] & 1, 1, kept[2])) {
		MUST(!some || contains(kept[1], kept[2]));
		MUST(!all || contains(kept[0], kept[2]));
	}
	MUST(!all || !some || contains(kept[0], kept[1]));
	while (count--)
		take_back(guest, &changes[count]);
	return 0;
}
