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
	struct builder_image img;
	uint32_t *slot; /* offsets of words that the library reads for the log */
	size_t slots;
};
static struct kernel kernels[KERNELS];

/* What is written must be lines of text: no control characters but white space, and no more than the log can make. */
struct paper {
	uint64_t bytes;
	bool text; /* up to 3.4 what is there is written as it is */
};

static int write_paper(void *user, uint64_t offset, const void *buf, size_t len)
{
	struct paper *p = user;
	const uint8_t *b = buf;

	MUST(offset == p->bytes && len);
	for (size_t i = 0; i < len && !p->text; i++)
		MUST((b[i] >= ' ' && b[i] != 0x7f) || (b[i] >= '\t' && b[i] <= '\r'));
	p->bytes += len;
	return 0;
}

static int get_log(struct dumpfilter *df, unsigned flags, struct paper *p)
{
	struct dumpfilter_sink_ops ops = { .size = sizeof ops, .write = write_paper };
	struct dumpfilter_dmesg_opts opts = DUMPFILTER_DMESG_OPTS_INIT;
	struct dumpfilter_sink *sink = dumpfilter_sink_custom(df, &ops, p);
	int r;

	MUST(sink);
	opts.flags = flags;
	r = dumpfilter_dmesg(df, &opts, sink);
	fz_text(dumpfilter_errmsg(df));
	MUST(r == 0 || dumpfilter_errmsg(df)[0]);
	MUST(r >= 0 || !p->bytes);
	MUST(r != DUMPFILTER_PARTIAL || p->bytes);
	dumpfilter_sink_free(sink);
	return r;
}

/* The words that the log is read from: those that opening alone does not look at. */
static void watch(struct kernel *k)
{
	struct fz_source s = { .data = k->img.data, .size = k->img.size, .length = k->img.size };
	struct dumpfilter *df = fz_new(0, 0, 1);
	size_t words = k->img.size / 8;
	struct paper p = { .text = true };

	MUST(!fz_open(df, &s));
	s.seen = calloc(words + 1, 1);
	k->slot = calloc(words, sizeof *k->slot);
	MUST(s.seen && k->slot && !get_log(df, 0, &p) && p.bytes > 100);
	for (size_t i = 0; i < words; i++)
		if (s.seen[i])
			k->slot[k->slots++] = (uint32_t)(i * 8);
	free(s.seen);
	dumpfilter_free(df);
	MUST(k->slots > 50);
}

static struct kernel *kernel(unsigned n)
{
	struct kernel *k = &kernels[n % KERNELS];
	const char *text = recipes[n % KERNELS];
	char err[BUILDER_ERR];

	if (k->img.data)
		return k;
	if (builder_build(text, strlen(text), &k->img, err)) {
		fprintf(stderr, "recipe %u: %s\n", n % (unsigned)KERNELS, err);
		abort();
	}
	watch(k);
	return k;
}

#define CHANGES 32

/* What stood there before. */
struct change {
	uint32_t at;
	uint64_t old;
};

static struct change change(struct kernel *k, const uint8_t *op)
{
	uint8_t *data = k->img.data;
	uint32_t at = k->slot[(op[1] | (uint32_t)op[2] << 8) % k->slots];
	struct change c = { .at = at };
	uint64_t value, old;

	memcpy(&value, op + 3, 8);
	memcpy(&old, data + at, 8);
	c.old = old;
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
		memcpy(&old, data + k->slot[value % k->slots], 8);
	}
	memcpy(data + at, &old, 8);
	return c;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct paper p = { 0 }, again = { 0 };
	struct fz_source s;
	struct dumpfilter *df;
	struct change changes[CHANGES];
	struct kernel *k;
	unsigned n = 0;

	if (size < 2)
		return 0;
	k = kernel(data[0]);
	for (size_t at = 2; at + 11 <= size && n < CHANGES; at += 11)
		changes[n++] = change(k, data + at);
	s = (struct fz_source){ .data = k->img.data, .size = k->img.size, .length = k->img.size };
	df = fz_new(0, 0, 1);
	if (!fz_open(df, &s)) {
		p.text = again.text = data[0] % KERNELS == 5;
		get_log(df, data[1] & 3, &p);
		get_log(df, data[1] & 3, &again);
		MUST(p.bytes == again.bytes && p.bytes < 2 << 20);
	}
	dumpfilter_free(df);
	while (n--)
		memcpy(k->img.data + changes[n].at, &changes[n].old, 8);
	return 0;
}
