/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kernel log of a small image with a few bytes changed in what describes it and in the log itself.
 *
 *   byte 0   which kernel; byte 1: DUMPFILTER_DMESG_* flags
 *   then     changes of 11 bytes: how, where (16 bits), value (64 bits)
 */
#include "fuzz.h"

#include "build.h"

#define COMMON "ram 0 2M\nlayout kernel=256K kernel_size=256K\npaging direct=4K kernel=4K\n"
#define RING                                                                                                           \
	"say \"old {n}\" times=20 pad=30\nlog clear\nsay \"a\\nb\\xe2\\x82\\xac\" times=7 caller=77\nsay \"\"\nsay x " \
	"lost\n"                                                                                                       \
	"say \"last {n}\" times=9\n"
#define RECORDS "say \"old {n}\" times=20 pad=30 flags=6\nsay a flags=12\nsay b flags=8\nsay \"c\\nd\" flags=6 dict=9\n"

static const char *const recipes[] = {
	"preset 6.1\n" COMMON "log ring bits=9 count=4\n" RING,
	"preset 7.3\n" COMMON "log ring bits=9 count=4 fits\n" RING,
	"preset 5.10\n" COMMON "log ring bits=9 count=4\n" RING,
	"preset 3.10\n" COMMON "log records bits=9\n" RECORDS,
	"preset 4.14\n" COMMON "log records bits=9\nsay x\nlog clear\n" RECORDS,
	"preset 2.6.32-el6\n" COMMON "log text bits=8\nsay \"<6>text {n}\" times=30\nlog clear\nsay \"<1>end\"\n",
	"machine s390x\npreset 6.12-s390x\nram 0 2M\nlayout kernel=256K kernel_size=256K\nlog ring bits=9 "
	"count=4\n" RING,
	("machine s390x\npreset 4.14-s390x\nram 0 2M\nlayout kernel=256K kernel_size=256K\nlog records "
	 "bits=9\n" RECORDS),
};
#define KERNELS (sizeof recipes / sizeof *recipes)

struct kernel {
	struct builder_image image;
	uint32_t *slot; /* offsets of words that the library reads for the log */
	size_t slots;
};
static struct kernel kernels[KERNELS];

/* What is written must be lines of text: no control characters but white space, and no more than the log can make. */
struct paper {
	uint64_t bytes;
	bool text; /* up to 3.4 what is there is written as it is */
};

static int write_paper(void *user, uint64_t offset, const void *buffer, size_t length)
{
	struct paper *paper = user;
	const uint8_t *bytes = buffer;

	MUST(offset == paper->bytes && length);
	for (size_t i = 0; i < length && !paper->text; i++)
		MUST((bytes[i] >= ' ' && bytes[i] != 0x7f) || (bytes[i] >= '\t' && bytes[i] <= '\r'));
	paper->bytes += length;
	return 0;
}

static int get_log(struct dumpfilter *df, unsigned flags, struct paper *paper)
{
	struct dumpfilter_sink_ops ops = { .size = sizeof ops, .write = write_paper };
	struct dumpfilter_dmesg_opts opts = DUMPFILTER_DMESG_OPTS_INIT;
	struct dumpfilter_sink *sink = dumpfilter_sink_custom(df, &ops, paper);
	int result;

	MUST(sink);
	opts.flags = flags;
	result = dumpfilter_dmesg(df, &opts, sink);
	fz_text(dumpfilter_errmsg(df));
	MUST(result == 0 || dumpfilter_errmsg(df)[0]);
	MUST(result >= 0 || !paper->bytes);
	MUST(result != DUMPFILTER_PARTIAL || paper->bytes);
	dumpfilter_sink_free(sink);
	return result;
}

/* The words that the log is read from: those that opening alone does not look at. */
static void watch(struct kernel *kernel)
{
	struct fz_source source = { .data = kernel->image.data,
				    .size = kernel->image.size,
				    .length = kernel->image.size };
	struct dumpfilter *df = fz_new(0, 0, 1);
	size_t words = kernel->image.size / 8;
	struct paper paper = { .text = true };

	MUST(!fz_open(df, &source));
	source.seen = calloc(words + 1, 1);
	kernel->slot = calloc(words, sizeof *kernel->slot);
	MUST(source.seen && kernel->slot && !get_log(df, 0, &paper) && paper.bytes > 100);
	for (size_t i = 0; i < words; i++)
		if (source.seen[i])
			kernel->slot[kernel->slots++] = (uint32_t)(i * 8);
	free(source.seen);
	dumpfilter_free(df);
	MUST(kernel->slots > 50);
}

static struct kernel *kernel(unsigned count)
{
	struct kernel *guest = &kernels[count % KERNELS];
	const char *text = recipes[count % KERNELS];
	char err[BUILDER_ERR];

	if (guest->image.data)
		return guest;
	if (builder_build(text, strlen(text), &guest->image, err)) {
		fprintf(stderr, "recipe %u: %s\n", count % (unsigned)KERNELS, err);
		abort();
	}
	watch(guest);
	return guest;
}

#define CHANGES 32

/* What stood there before. */
struct change {
	uint32_t at;
	uint64_t old;
};

static struct change change(struct kernel *kernel, const uint8_t *op)
{
	uint8_t *data = kernel->image.data;
	uint32_t at = kernel->slot[(op[1] | (uint32_t)op[2] << 8) % kernel->slots];
	struct change edit = { .at = at };
	uint64_t value, old;

	memcpy(&value, op + 3, 8);
	memcpy(&old, data + at, 8);
	edit.old = old;
	switch (op[0] % 4) {
	case 0: /* a word */
		old = value;
		break;
	case 1: /* a bit */
		old ^= UINT64_C(1) << op[0] / 4;
		break;
	case 2: /* a little more or less */
		old += (uint64_t)(int64_t)(int8_t)op[3] << op[0] / 4;
		break;
	default: /* what stands elsewhere */
		memcpy(&old, data + kernel->slot[value % kernel->slots], 8);
	}
	memcpy(data + at, &old, 8);
	return edit;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct paper paper = { 0 }, again = { 0 };
	struct fz_source source;
	struct dumpfilter *df;
	struct change changes[CHANGES];
	struct kernel *guest;
	unsigned count = 0;

	if (size < 2)
		return 0;
	guest = kernel(data[0]);
	for (size_t at = 2; at + 11 <= size && count < CHANGES; at += 11)
		changes[count++] = change(guest, data + at);
	source =
		(struct fz_source){ .data = guest->image.data, .size = guest->image.size, .length = guest->image.size };
	df = fz_new(0, 0, 1);
	if (!fz_open(df, &source)) {
		paper.text = again.text = data[0] % KERNELS == 5;
		get_log(df, data[1] & 3, &paper);
		get_log(df, data[1] & 3, &again);
		MUST(paper.bytes == again.bytes && paper.bytes < 2 << 20);
	}
	dumpfilter_free(df);
	while (count--)
		memcpy(guest->image.data + changes[count].at, &changes[count].old, 8);
	return 0;
}
