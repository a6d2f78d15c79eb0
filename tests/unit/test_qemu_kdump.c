/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * kdump files as QEMU's dump-guest-memory writes them (7.2 and 10.0): flattened or plain, dump level 1, both bitmaps
 * alike, phys_base a decimal number that was read as a hexadecimal one, names of the kernel empty but for the
 * machine's, which may be "Unknown", no time.  What comes of them is what comes of the ELF file of the same stopped
 * guest, byte by byte.  tests/lab does the same with real ones.
 */
#include "faults.h"
#include "format/machine.h"
#include "refilter.h"

#include <zlib.h>

#define HEADER 4096u /* of the flattened stream */
#define BLOCK  FI_PAGE
#define SUB    104u

static struct {
	struct fi_image image;
	struct memory memory, plain, flat, want, got;
	struct rf_seen seen;
} fixture;

static const char qemu[] = "elf style=qemu\ninfo drop CRASHTIME\n";

static void put(uint8_t *at, unsigned width, uint64_t value)
{
	for (unsigned i = 0; i < width; i++)
		at[i] = (uint8_t)(value >> 8 * i);
}

static void put_be(uint8_t *at, uint64_t value)
{
	for (unsigned i = 0; i < 8; i++)
		at[i] = (uint8_t)(value >> (56 - 8 * i));
}

static uint64_t get(const uint8_t *bytes, unsigned width)
{
	uint64_t value = 0;

	for (unsigned i = 0; i < width; i++)
		value |= (uint64_t)bytes[i] << 8 * i;
	return value;
}

/* ---- the ELF file's notes */

struct notes {
	const uint8_t *data;
	uint64_t length, info_at, info_len;
};

static void find_notes(struct notes *notes)
{
	const uint8_t *elf = fixture.memory.data, *bytes = elf + get(elf + 32, 8);
	uint64_t at = 0;

	while (get(bytes, 4) != 4)
		bytes += 56;
	notes->data = elf + get(bytes + 8, 8);
	notes->length = get(bytes + 32, 8);
	for (; at + 12 < notes->length;
	     at += 12 + (get(notes->data + at, 4) + 3) / 4 * 4 + (get(notes->data + at + 4, 4) + 3) / 4 * 4) {
		if (memcmp(notes->data + at + 12, "VMCOREINFO", 11))
			continue;
		notes->info_at = at + 12 + 12;
		notes->info_len = get(notes->data + at + 4, 4);
	}
}

/* As QEMU does: strtoull(decimal number, 16). */
static uint64_t misread_phys_base(const struct notes *notes)
{
	static char text[1 << 16];
	const char *key = "NUMBER(phys_base)=", *found;

	snprintf(text, sizeof text, "%.*s", (int)notes->info_len, (const char *)notes->data + notes->info_at);
	found = strstr(text, key);
	CHECK(found);
	return strtoull(found + strlen(key), NULL, 16);
}

/* ---- the kdump file */

static void append(const void *data, size_t length)
{
	CHECK(!memory_write(&fixture.plain, fixture.plain.size, data, length));
}

static void pad(void)
{
	static const uint8_t zeros[BLOCK];

	append(zeros, (BLOCK - fixture.plain.size % BLOCK) % BLOCK);
}

static void headers(const char *machine, const struct notes *notes)
{
	uint64_t bitmap_blocks = (fixture.image.max_pfn / 8 + BLOCK) / BLOCK;
	uint8_t head[BLOCK] = { 0 }, sub[SUB] = { 0 };

	memcpy(head, "KDUMP   ", 8);
	put(head + 8, 4, 6);
	memcpy(head + 12 + 4 * 65, machine, strlen(machine));
	put(head + 424, 4, 1); /* zlib */
	put(head + 428, 4, BLOCK);
	put(head + 432, 4, (SUB + notes->length + BLOCK - 1) / BLOCK);
	put(head + 436, 4, 2 * bitmap_blocks);
	put(head + 440, 4, fixture.image.max_pfn);
	put(head + 460, 4, 2); /* CPUs */
	append(head, sizeof head);
	put(sub, 8, misread_phys_base(notes));
	put(sub + 8, 4, 1); /* level */
	put(sub + 32, 8, BLOCK + SUB + notes->info_at);
	put(sub + 40, 8, notes->info_len);
	put(sub + 48, 8, BLOCK + SUB);
	put(sub + 56, 8, notes->length);
	put(sub + 96, 8, fixture.image.max_pfn);
	append(sub, sizeof sub);
	append(notes->data, notes->length);
	pad();
}

static void bitmap(void)
{
	uint64_t bytes = (fixture.image.max_pfn / 8 + BLOCK) / BLOCK * BLOCK;
	uint8_t *bits = calloc(1, bytes);

	CHECK(bits);
	for (uint64_t pfn = 0; pfn < fixture.image.max_pfn; pfn++)
		bits[pfn / 8] |= (uint8_t)((fixture.image.present[pfn] ? 1 : 0) << pfn % 8);
	append(bits, bytes);
	append(bits, bytes);
	free(bits);
}

static void one_page(uint64_t pfn, uint64_t zero_at, uint8_t *desc)
{
	static const uint8_t zeros[BLOCK];
	static uint8_t packed[2 * BLOCK];
	const uint8_t *page = fixture.image.memory + pfn * BLOCK;
	uLongf length = sizeof packed;

	put(desc, 8, fixture.plain.size);
	put(desc + 8, 4, BLOCK);
	if (!memcmp(page, zeros, BLOCK)) {
		put(desc, 8, zero_at);
		return;
	}
	if (compress2(packed, &length, page, BLOCK, 1) == Z_OK && length < BLOCK) {
		put(desc + 8, 4, length);
		put(desc + 12, 4, 1);
		append(packed, length);
		return;
	}
	append(page, BLOCK);
}

/* First a raw page of zeros, which all others share. */
static void pages(void)
{
	static const uint8_t zeros[BLOCK];
	uint64_t count = 0, at = fixture.plain.size, zero_at, i = 0;
	uint8_t *desc;

	for (uint64_t pfn = 0; pfn < fixture.image.max_pfn; pfn++)
		count += fixture.image.present[pfn] != 0;
	desc = calloc(count, 24);
	CHECK(desc);
	append(desc, count * 24);
	zero_at = fixture.plain.size;
	append(zeros, BLOCK);
	for (uint64_t pfn = 0; pfn < fixture.image.max_pfn; pfn++)
		if (fixture.image.present[pfn])
			one_page(pfn, zero_at, desc + 24 * i++);
	memcpy(fixture.plain.data + at, desc, count * 24);
	free(desc);
}

/* ---- the stream of it */

static void record(uint64_t offset, uint64_t length)
{
	uint8_t head[16];

	put_be(head, offset);
	put_be(head + 8, length);
	CHECK(!memory_write(&fixture.flat, fixture.flat.size, head, sizeof head));
	CHECK(!memory_write(&fixture.flat, fixture.flat.size, fixture.plain.data + offset, length));
}

/* QEMU flushes descriptors and pages in turn, so that their records alternate. */
static void flatten(uint64_t desc_at, uint64_t data_at)
{
	uint8_t start[HEADER] = "makedumpfile";
	uint64_t distance = desc_at, pfn = data_at;

	put_be(start + 16, 1);
	put_be(start + 24, 1);
	CHECK(!memory_write(&fixture.flat, 0, start, sizeof start));
	record(0, BLOCK);
	record(BLOCK, desc_at - BLOCK);
	while (distance < data_at || pfn < fixture.plain.size) {
		uint64_t some = data_at - distance < 1500 ? data_at - distance : 1500,
			 more = fixture.plain.size - pfn < 40000 ? fixture.plain.size - pfn : 40000;

		if (some)
			record(distance, some);
		if (more)
			record(pfn, more);
		distance += some;
		pfn += more;
	}
	memset(start, 0xff, 16);
	CHECK(!memory_write(&fixture.flat, fixture.flat.size, start, 16));
}

static void build(const char *recipe, const char *machine)
{
	struct notes notes = { 0 };
	uint64_t desc_at, stored = 0;

	fi_image_free(&fixture.image);
	memory_free(&fixture.plain);
	memory_free(&fixture.flat);
	FINE(fi_image_build(&fixture.image, recipe, qemu));
	fixture.memory = (struct memory){ fixture.image.built.data, fixture.image.built.size,
					  fixture.image.built.size };
	find_notes(&notes);
	CHECK(notes.info_len);
	headers(machine, &notes);
	bitmap();
	desc_at = fixture.plain.size;
	pages();
	for (uint64_t pfn = 0; pfn < fixture.image.max_pfn; pfn++)
		stored += fixture.image.present[pfn] != 0;
	flatten(desc_at, desc_at + 24 * stored);
}

/* ---- cases */

static void as_the_elf_file(const struct memory *memory)
{
	static const int levels[] = { 1, 8, 30, 31 };

	for (unsigned i = 0; i < sizeof levels / sizeof *levels; i++) {
		struct rf_how how = { .level = levels[i] | 1, .threads = 1 + i % 3 };

		CHECK(rf_dump(&fixture.memory, &how, &fixture.want, &fixture.seen) >= 0);
		how.level = levels[i]; /* the file's own level is in force, too */
		if (rf_dump(memory, &how, &fixture.got, &fixture.seen) < 0)
			T_FAIL("level %d: %s", levels[i], fixture.seen.text);
		CHECK_STR(fixture.seen.image.machine, "x86_64");
		CHECK_EQ(fixture.seen.image.level, 1);
		if (!memory_same(&fixture.got, &fixture.want))
			T_FAIL("level %d: other bytes than of the ELF file: %zu, %zu", levels[i], fixture.got.size,
			       fixture.want.size);
	}
}

static void of(const char *recipe, const char *machine)
{
	build(recipe, machine);
	as_the_elf_file(&fixture.plain);
	as_the_elf_file(&fixture.flat);
}

/* ELF of both and what comes of these.  The ELF files have other loads, which must not count. */
static void by_way_of_elf(void)
{
	struct rf_how how = { .level = 1, .format = DUMPFILTER_FORMAT_ELF }, high = { .level = 31 };
	struct memory theirs = { 0 }, mine = { 0 };

	build(fi_recipe, "Unknown");
	CHECK(rf_dump(&fixture.memory, &how, &theirs, &fixture.seen) >= 0);
	CHECK(rf_dump(&theirs, &high, &fixture.want, &fixture.seen) >= 0);
	CHECK(rf_dump(&fixture.plain, &how, &mine, &fixture.seen) >= 0);
	CHECK_EQ(get(mine.data + 18, 2), 62);
	CHECK(rf_dump(&mine, &high, &fixture.got, &fixture.seen) >= 0);
	CHECK(memory_same(&fixture.got, &fixture.want));
	memory_free(&theirs);
	memory_free(&mine);
}

/* A machine that nobody names: from what only its kernels note. */
static void machine_by_its_notes(void)
{
	static const struct {
		const char *text;
		uint16_t number;
	} cases[] = {
		{ "OSRELEASE=6.1\nNUMBER(phys_base)=0\n", 62 },
		{ "SYMBOL(init_level4_pgt)=ffffffff81323000\n", 62 },
		{ "PAGESIZE=4096\nSYMBOL(lowcore_ptr)=1\nX=1\n", 22 },
		{ "X=1\nNUMBER(kimage_voffset)=0xffffa7bbb1200000", 183 },
		{ "NUMBER(phys_ram_base)=2147483648\n", 243 },
		{ "SYMBOL(vmemmap_list)=c00000000276b9a8\n", 21 },
		{ "XNUMBER(phys_base)=0\nNUMBER(phys_base", 0 },
		{ "\n\n\n", 0 },
		{ "", 0 },
	};

	for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
		size_t length = strlen(cases[i].text);
		char *exact = malloc(length ? length : 1); /* a byte too many read is seen by sanitizers */

		CHECK(exact);
		memcpy(exact, cases[i].text, length);
		CHECK_EQ(df_machine_of_vmcoreinfo(exact, length), cases[i].number);
		free(exact);
	}
}

int main(void)
{
	T_RUN("machine_named", of(fi_recipe, "x86_64"));
	T_RUN("machine_unknown", of(fi_recipe, "Unknown"));
	T_RUN("machine_empty", of(fi_tiny, ""));
	T_RUN("five_levels", of("preset 7.3\nram 0 8M\nlayout kernel=2M kernel_size=2M\npaging levels=5\n"
				"page 0x108-0x10f kind=anon\nbuddy 0x180 order=4\nzero 0x1c0-0x1c7\n",
				"Unknown"));
	RUN(by_way_of_elf);
	RUN(machine_by_its_notes);
	fi_image_free(&fixture.image);
	memory_free(&fixture.plain);
	memory_free(&fixture.flat);
	memory_free(&fixture.want);
	memory_free(&fixture.got);
	return T_END();
}
