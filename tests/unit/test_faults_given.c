/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Calls between open and plan, and those that only ask, while memory runs out at every allocation: an error that says
 * so and a context that is as it was before, or what the call gives with memory enough. */
#include "faults.h"
#include "memory.h"
#include "t.h"

#include <inttypes.h>

#define NOTE_AT UINT64_C(0x9000) /* a copy of the image's note lies there */

static struct fi_image image;
static const char *text; /* of its note */
static size_t text_len, note_len;

/* ---- the image, with its note once more in memory */

static uint64_t get(uint64_t at, unsigned count)
{
	uint64_t value = 0;

	while (count--)
		value = value << 8 | image.built.data[at + count];
	return value;
}

/* Program header i of an ELF64 file: PT_NOTE is the first. */
static uint64_t phdr(unsigned i, unsigned field)
{
	return get(get(32, 8) + 56 * i + field, 8);
}

static uint8_t *memory(uint64_t paddr)
{
	for (unsigned i = 1; i < get(56, 2); i++)
		if (paddr - phdr(i, 24) < phdr(i, 32))
			return image.built.data + phdr(i, 8) + (paddr - phdr(i, 24));
	return NULL;
}

/* What is wrong, or NULL. */
static const char *copy_note(void)
{
	uint64_t at = phdr(0, 8), end = at + phdr(0, 32), next;
	uint8_t *to = memory(NOTE_AT);

	for (; at + 12 < end; at = next) {
		uint64_t desc = at + 12 + (get(at, 4) + 3) / 4 * 4;

		next = desc + (get(at + 4, 4) + 3) / 4 * 4;
		if (memcmp(image.built.data + at + 12, "VMCOREINFO", 10) != 0)
			continue;
		text = (const char *)image.built.data + desc;
		text_len = get(at + 4, 4);
		note_len = next - at;
		if (to && note_len <= FI_PAGE)
			memcpy(to, image.built.data + at, note_len);
		return to && note_len <= FI_PAGE ? NULL : "no room for a note";
	}
	return "no note";
}

/* ---- calls */

static int give_text(struct dumpfilter *df)
{
	return dumpfilter_add_vmcoreinfo(df, text, text_len);
}

static int give_address(struct dumpfilter *df)
{
	return dumpfilter_add_vmcoreinfo_at(df, NOTE_AT, note_len);
}

static int cut_inside(struct dumpfilter *df)
{
	return dumpfilter_cut(df, 0x20000, 0x2000);
}

static int cut_end(struct dumpfilter *df)
{
	return dumpfilter_cut(df, 0x110000, UINT64_C(1) << 32);
}

static int translate(struct dumpfilter *df)
{
	uint64_t paddr = 1;
	int result = dumpfilter_translate(df, UINT64_C(0xffffffff81000000), &paddr);

	CHECK(!result || paddr == 1);
	return result;
}

static int log_text(struct dumpfilter *df)
{
	struct dumpfilter_sink *sink = dumpfilter_sink_null(df);
	int result = sink ? dumpfilter_dmesg(df, NULL, sink) : DUMPFILTER_E_NOMEM;

	dumpfilter_sink_free(sink);
	return result;
}

/* A vmlinux, but not of this kernel. */
static char vmlinux[4096];

static int give_vmlinux(struct dumpfilter *df)
{
	return dumpfilter_add_vmlinux(df, vmlinux, 0);
}

static int write_vmlinux(struct dumpfilter *df)
{
	struct dumpfilter_sink *sink = dumpfilter_sink_null(df);
	int result = sink ? dumpfilter_write_vmcoreinfo(df, vmlinux, sink) : DUMPFILTER_E_NOMEM;

	dumpfilter_sink_free(sink);
	return result;
}

/* ---- what the context says of itself */

#define OF(sum, value) ((sum)*UINT64_C(0x100000001b3) ^ (uint64_t)(value))

static void add_text(uint64_t *sum, const char *string)
{
	for (; *string; string++)
		*sum = OF(*sum, *string);
}

static void add_fact(void *user, const char *name, uint64_t value, const char *origin)
{
	uint64_t *sum = user;

	add_text(sum, name);
	*sum = OF(*sum, value);
	add_text(sum, origin);
}

static void add_line(void *user, const char *line)
{
	add_text(user, line);
}

static uint64_t sum_of(struct dumpfilter *df)
{
	struct dumpfilter_image_info i = DUMPFILTER_IMAGE_INFO_INIT;
	uint64_t sum = 0;

	CHECK_EQ(dumpfilter_image_info(df, &i), 0);
	sum = OF(OF(OF(sum, i.max_pfn), i.present_pages), i.has_vmcoreinfo);
	CHECK_EQ(dumpfilter_fact_foreach(df, add_fact, &sum), 0);
	CHECK_EQ(dumpfilter_explain(df, add_line, &sum), 0);
	return sum;
}

static uint64_t kept(struct dumpfilter *df)
{
	uint64_t count = 0;

	CHECK_EQ(dumpfilter_plan(df), 0);
	CHECK_EQ(dumpfilter_plan_kept(df, 31, &count), 0);
	return count;
}

/* ---- allocations that fail */

struct context {
	struct fi_heap heap;
	struct memory image;
	struct dumpfilter *df;
};

static void begin(struct context *context)
{
	struct dumpfilter_source_ops ops;
	struct dumpfilter_new_opts opts = { sizeof opts, fi_heap_alloc, fi_heap_free, &context->heap };
	struct dumpfilter_config config = DUMPFILTER_CONFIG_INIT;

	*context = (struct context){ .image = { image.built.data, image.built.size, 0 } };
	ops = memory_source(&context->image, NULL);
	context->df = dumpfilter_new(&opts);
	CHECK(context->df);
	config.level = 31;
	config.threads = 1;
	CHECK_EQ(dumpfilter_configure(context->df, &config), 0);
	CHECK_EQ(dumpfilter_open(context->df, &ops, &context->image), 0);
}

static void end(struct context *context)
{
	dumpfilter_free(context->df);
	CHECK_EQ(context->heap.live, 0);
}

static void every_allocation(int (*call)(struct dumpfilter *df), bool on)
{
	uint64_t before, after, pages;
	struct context context;
	unsigned long count = 0, errors = 0;
	int result, right;

	begin(&context);
	before = sum_of(context.df);
	right = call(context.df);
	after = sum_of(context.df);
	pages = kept(context.df);
	end(&context);
	if (right == DUMPFILTER_E_UNSUPPORTED)
		return; /* built without libelf: there is nothing that could fail */
	CHECK(right == 0 || after == before);
	do {
		begin(&context);
		context.heap.fail_at = context.heap.calls + ++count;
		context.heap.fail_on = on;
		result = call(context.df);
		if (result == DUMPFILTER_E_NOMEM) {
			errors++;
			CHECK_HAS(dumpfilter_errmsg(context.df), "memory");
			CHECK_EQ(sum_of(context.df), before);
			context.heap.fail_at = 0;
			CHECK_EQ(-call(context.df), -right);
		} else {
			CHECK_EQ(-result, -right);
			CHECK(context.heap.calls < context.heap.fail_at);
		}
		context.heap.fail_at = 0;
		CHECK_EQ(sum_of(context.df), after);
		CHECK_EQ(kept(context.df), pages);
		end(&context);
	} while (result == DUMPFILTER_E_NOMEM && count < 1000);
	CHECK(errors > 0 && count < 1000);
}

int main(void)
{
	static const struct {
		const char *name;
		int (*call)(struct dumpfilter *df);
	} calls[] = {
		{ "add_vmcoreinfo", give_text }, { "add_vmcoreinfo_at", give_address },
		{ "cut_inside", cut_inside },    { "cut_end", cut_end },
		{ "translate", translate },      { "dmesg", log_text },
		{ "add_vmlinux", give_vmlinux }, { "write_vmcoreinfo", write_vmlinux },
	};
	const char *src = getenv("DF_SRC");
	const char *bad = fi_image_build(&image, fi_tiny, "log ring bits=9 count=4\nsay \"line {n}\" times=20\n");

	if (!bad)
		bad = copy_note();
	snprintf(vmlinux, sizeof vmlinux, "%s/tests/fuzz/seeds/debuginfo/dwarf5", src ? src : ".");
	if (bad) {
		printf("not ok - image: %s\n", bad);
		return EXIT_FAILURE;
	}
	for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
		char name[64];

		snprintf(name, sizeof name, "one_allocation_fails_%s", calls[i].name);
		T_RUN(name, every_allocation(calls[i].call, false));
		snprintf(name, sizeof name, "allocations_fail_from_%s", calls[i].name);
		T_RUN(name, every_allocation(calls[i].call, true));
	}
	fi_image_free(&image);
	return T_END();
}
