/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "t.h"
#include "base/bytes.h"
#include "format/elf.h"
#include "format/flat.h"
#include "format/kdump.h"

static struct df_err err;

/* ------------------------------------------------------------------------------------------------ ELF */

static struct df_elf_header sample_header(bool be, uint8_t bits)
{
	return (struct df_elf_header){
		.be = be,
		.bits = bits,
		.osabi = 3,
		.type = DF_ELF_ET_CORE,
		.machine = 62,
		.flags = 0x80000001,
		.entry = bits == 64 ? UINT64_C(0xffffffff81000000) : 0xc0100000,
		.phoff = bits == 64 ? 64 : 52,
		.shoff = 0x12345678,
		.ehsize = bits == 64 ? 64 : 52,
		.phentsize = bits == 64 ? 56 : 32,
		.phnum = 22,
		.shentsize = bits == 64 ? 64 : 40,
		.shnum = 1,
		.shstrndx = 7,
	};
}

static void same_header(const struct df_elf_header *a, const struct df_elf_header *b)
{
	CHECK_EQ(a->be, b->be);
	CHECK_EQ(a->bits, b->bits);
	CHECK_EQ(a->osabi, b->osabi);
	CHECK_EQ(a->type, b->type);
	CHECK_EQ(a->machine, b->machine);
	CHECK_EQ(a->flags, b->flags);
	CHECK_EQ(a->entry, b->entry);
	CHECK_EQ(a->phoff, b->phoff);
	CHECK_EQ(a->shoff, b->shoff);
	CHECK_EQ(a->ehsize, b->ehsize);
	CHECK_EQ(a->phentsize, b->phentsize);
	CHECK_EQ(a->phnum, b->phnum);
	CHECK_EQ(a->shentsize, b->shentsize);
	CHECK_EQ(a->shnum, b->shnum);
	CHECK_EQ(a->shstrndx, b->shstrndx);
}

static void elf_round_trip(bool be, uint8_t bits)
{
	struct df_elf_header h = sample_header(be, bits), got;
	struct df_elf_phdr p = { 1, 7, 0x1000, 0xc0000000, 0x100000, 0x2000, 0x3000, 0x10 }, q;
	uint8_t buf[DF_ELF_HEADER_MAX + 8];
	size_t size = bits == 64 ? 64 : 52;

	memset(buf, 0xaa, sizeof buf);
	CHECK_EQ(df_elf_encode_header(&h, buf), size);
	CHECK_EQ(buf[size], 0xaa);
	CHECK(df_elf_is(buf, 4) && !df_elf_is(buf, 3));
	CHECK_EQ(df_elf_decode_header(buf, size, &got, &err), 0);
	same_header(&h, &got);
	CHECK_EQ(df_elf_decode_header(buf, size - 1, &got, &err), DUMPFILTER_E_TRUNCATED);

	size = df_elf_phdr_size(&h);
	CHECK_EQ(size, bits == 64 ? 56 : 32);
	memset(buf, 0xaa, sizeof buf);
	df_elf_encode_phdr(&h, &p, buf);
	CHECK_EQ(buf[size], 0xaa);
	df_elf_decode_phdr(&h, buf, &q);
	CHECK(!memcmp(&p, &q, sizeof p));

	size = df_elf_shdr_size(&h);
	CHECK_EQ(size, bits == 64 ? 64 : 40);
	memset(buf, 0xaa, sizeof buf);
	df_elf_encode_shdr0(&h, 70000, buf);
	CHECK_EQ(buf[size], 0xaa);
	CHECK_EQ(df_elf_decode_shdr0_info(&h, buf), 70000);
}

static void elf_round_trips(void)
{
	elf_round_trip(false, 32);
	elf_round_trip(false, 64);
	elf_round_trip(true, 32);
	elf_round_trip(true, 64);
}

/* Places from the ELF specification. */
static void elf_offsets(void)
{
	struct df_elf_header h = sample_header(true, 64);
	struct df_elf_phdr p = { 1, 7, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66 };
	uint8_t b[DF_ELF_HEADER_MAX];

	df_elf_encode_header(&h, b);
	CHECK(!memcmp(b, "\177ELF\2\2\1\3\0\0\0\0\0\0\0\0", 16));
	CHECK_EQ(df_get32(b + 20, true), 1);
	CHECK_EQ(df_get64(b + 32, true), h.phoff);
	CHECK_EQ(df_get32(b + 48, true), h.flags);
	CHECK_EQ(df_get16(b + 56, true), h.phnum);
	df_elf_encode_phdr(&h, &p, b);
	CHECK_EQ(df_get32(b + 4, true), 7);
	CHECK_EQ(df_get64(b + 24, true), 0x33);
	CHECK_EQ(df_get64(b + 48, true), 0x66);
	df_elf_encode_shdr0(&h, 9, b);
	CHECK_EQ(df_get64(b + 32, true), 1);
	CHECK_EQ(df_get32(b + 44, true), 9);
	h = sample_header(false, 32);
	df_elf_encode_header(&h, b);
	CHECK(!memcmp(b, "\177ELF\1\1\1\3\0\0\0\0\0\0\0\0", 16));
	CHECK_EQ(df_get32(b + 28, false), h.phoff);
	CHECK_EQ(df_get32(b + 36, false), h.flags);
	CHECK_EQ(df_get16(b + 44, false), h.phnum);
	df_elf_encode_phdr(&h, &p, b);
	CHECK_EQ(df_get32(b + 12, false), 0x33);
	CHECK_EQ(df_get32(b + 24, false), 7);
	CHECK_EQ(df_get32(b + 28, false), 0x66);
	df_elf_encode_shdr0(&h, 9, b);
	CHECK_EQ(df_get32(b + 20, false), 1);
	CHECK_EQ(df_get32(b + 28, false), 9);
}

/* QEMU 7.2 wrote e_ehsize 8 and put the program headers behind the section headers. */
static void elf_qemu_7_2(void)
{
	struct df_elf_header h = sample_header(false, 64), got;
	struct df_elf_phdr p = { .type = 1, .offset = UINT64_MAX, .paddr = 0xfffc0000, .memsz = 0x40000 }, q;
	uint8_t b[DF_ELF_HEADER_MAX];

	h.ehsize = 8;
	h.phoff = 192;
	h.shoff = 64;
	df_elf_encode_header(&h, b);
	CHECK_EQ(df_elf_decode_header(b, sizeof b, &got, &err), 0);
	same_header(&h, &got);
	df_elf_encode_phdr(&h, &p, b);
	df_elf_decode_phdr(&h, b, &q);
	CHECK_EQ(q.offset, UINT64_MAX);
	CHECK_EQ(q.filesz, 0);
}

static void elf_refused(size_t at, uint8_t value, int want, const char *word)
{
	struct df_elf_header h = sample_header(false, 64), got;
	uint8_t b[DF_ELF_HEADER_MAX];

	df_elf_encode_header(&h, b);
	b[at] = value;
	CHECK_EQ(df_elf_decode_header(b, sizeof b, &got, &err), want);
	CHECK_HAS(err.text, word);
}

static void elf_refusals(void)
{
	struct df_elf_header h = sample_header(false, 64), got;
	uint8_t b[DF_ELF_HEADER_MAX];

	elf_refused(0, 0x7e, DUMPFILTER_E_FORMAT, "magic");
	elf_refused(4, 0, DUMPFILTER_E_FORMAT, "class");
	elf_refused(4, 3, DUMPFILTER_E_FORMAT, "class");
	elf_refused(5, 0, DUMPFILTER_E_FORMAT, "byte order");
	elf_refused(5, 3, DUMPFILTER_E_FORMAT, "byte order");
	elf_refused(6, 2, DUMPFILTER_E_UNSUPPORTED, "version");
	elf_refused(54, 55, DUMPFILTER_E_FORMAT, "program headers");
	df_elf_encode_header(&h, b);
	for (size_t len = 4; len < 64; len++)
		CHECK_EQ(df_elf_decode_header(b, len, &got, &err), DUMPFILTER_E_TRUNCATED);
	CHECK_EQ(df_elf_decode_header(b, 3, &got, &err), DUMPFILTER_E_FORMAT);
	h.phentsize = 80; /* larger ones leave room for what we do not know */
	df_elf_encode_header(&h, b);
	CHECK_EQ(df_elf_decode_header(b, 64, &got, &err), 0);
	h.phentsize = h.phnum = 0; /* without program headers there is no size to be wrong */
	df_elf_encode_header(&h, b);
	CHECK_EQ(df_elf_decode_header(b, 64, &got, &err), 0);
}

/* ------------------------------------------------------------------------------------------------ notes */

static size_t add_note(uint8_t *b, size_t at, bool be, const char *name, uint32_t namesz, uint32_t descsz,
		       uint32_t type)
{
	df_put32(b + at, namesz, be);
	df_put32(b + at + 4, descsz, be);
	df_put32(b + at + 8, type, be);
	at += 12;
	memcpy(b + at, name, namesz);
	at += (namesz + 3) / 4 * 4;
	memset(b + at, (int)('a' + type), descsz);
	return at + (descsz + 3) / 4 * 4;
}

static void notes_of(bool be)
{
	uint8_t b[256] = { 0 };
	struct df_elf_note n;
	size_t len, pos = 0;

	len = add_note(b, 0, be, "CORE", 5, 6, 1);
	len = add_note(b, len, be, "VMCOREINFO", 11, 9, 0);
	len = add_note(b, len, be, "", 0, 0, 2);
	len = add_note(b, len, be, "LINUX\0\0", 8, 1, 0x700 % 16);
	CHECK(df_elf_next_note(be, b, len, &pos, &n));
	CHECK(df_elf_note_is(&n, "CORE") && !df_elf_note_is(&n, "COR") && !df_elf_note_is(&n, "CORES"));
	CHECK_EQ(n.type, 1);
	CHECK_EQ(n.descsz, 6);
	CHECK_EQ(n.desc_offset, 20);
	CHECK_EQ(n.desc - b, 20);
	CHECK_EQ(n.desc[5], 'b');
	CHECK_EQ(pos, 28);
	CHECK(df_elf_next_note(be, b, len, &pos, &n));
	CHECK(df_elf_note_is(&n, "VMCOREINFO"));
	CHECK_EQ(n.descsz, 9);
	CHECK_EQ(n.desc[8], 'a');
	CHECK(df_elf_next_note(be, b, len, &pos, &n));
	CHECK(df_elf_note_is(&n, ""));
	CHECK_EQ(n.type, 2);
	CHECK(df_elf_next_note(be, b, len, &pos, &n));
	CHECK(df_elf_note_is(&n, "LINUX")); /* with more than one NUL behind */
	CHECK_EQ(pos, len);
	CHECK(!df_elf_next_note(be, b, len, &pos, &n));
	CHECK_EQ(pos, len);
}

static void notes(void)
{
	notes_of(false);
	notes_of(true);
}

/* The block is as large as what it holds, so that a sanitizer sees any byte behind. */
static bool walk_one(uint32_t namesz, uint32_t descsz, size_t body, struct df_elf_note *n, size_t *pos)
{
	uint8_t *b = calloc(12 + body, 1);
	bool ok;

	df_put32(b, namesz, false);
	df_put32(b + 4, descsz, false);
	*pos = 0;
	ok = df_elf_next_note(false, b, 12 + body, pos, n);
	if (ok)
		df_elf_note_is(n, "anything");
	free(b);
	return ok;
}

static void notes_hostile(void)
{
	struct df_elf_note n;
	size_t pos;
	uint8_t b[12] = { 0 };

	CHECK(!walk_one(UINT32_MAX, 0, 64, &n, &pos));
	CHECK_EQ(pos, 76); /* nothing can be found behind it */
	CHECK(!walk_one(0, UINT32_MAX, 64, &n, &pos));
	CHECK(!walk_one(UINT32_MAX, UINT32_MAX, 64, &n, &pos));
	CHECK(!walk_one(UINT32_MAX - 3, 16, 64, &n, &pos));
	CHECK(!walk_one(4, UINT32_MAX - 3, 64, &n, &pos));
	CHECK(!walk_one(61, 1, 64, &n, &pos));
	CHECK(!walk_one(65, 0, 64, &n, &pos));
	CHECK(walk_one(64, 0, 64, &n, &pos));
	CHECK(walk_one(61, 0, 64, &n, &pos));
	CHECK(!walk_one(61, 0, 62, &n, &pos)); /* a name must have its padding: the desc is behind it */
	CHECK(walk_one(4, 5, 9, &n, &pos));    /* the last desc need not */
	CHECK_EQ(pos, 21);
	CHECK(!walk_one(4, 6, 9, &n, &pos));
	for (size_t len = 0; len < 12; len++) {
		pos = 0;
		CHECK(!df_elf_next_note(false, b, len, &pos, &n));
		CHECK_EQ(pos, len);
	}
	pos = 100; /* behind the end already */
	CHECK(!df_elf_next_note(false, b, 12, &pos, &n));
}

/* Zeros are empty notes: the walk ends. */
static void notes_of_zeros(void)
{
	uint8_t b[4096] = { 0 };
	struct df_elf_note n;
	size_t pos = 0, count = 0;

	while (df_elf_next_note(true, b, sizeof b, &pos, &n)) {
		CHECK_EQ(n.namesz + n.descsz, 0);
		count++;
	}
	CHECK_EQ(count, 4096 / 12);
	CHECK_EQ(pos, 4096);
}

/* ------------------------------------------------------------------------------------------------ kdump */

static const struct df_kdump_abi abi64 = { false, 64, 8 }, abi64be = { true, 64, 8 }, abi_i386 = { false, 32, 4 },
				 abi_arm = { false, 32, 8 }, abi_ppc = { true, 32, 8 };

static struct df_kdump_header sample_kdump(void)
{
	struct df_kdump_header h = {
		.version = DF_KDUMP_VERSION,
		.time_sec = 0x65f1a2b3,
		.status = DF_KDUMP_LZO | DF_KDUMP_INCOMPLETE,
		.block_size = 4096,
		.sub_hdr_size = 2,
		.bitmap_blocks = 66,
		.max_mapnr = 1048576,
		.total_ram_blocks = 5,
		.device_blocks = 6,
		.written_blocks = 7,
		.current_cpu = 3,
		.nr_cpus = 4,
	};

	memcpy(h.uts, "Linux", 5);
	memcpy(h.uts + 5 * DF_KDUMP_UTS_FIELD, "(none)", 6);
	h.uts[DF_KDUMP_UTS_SIZE - 1] = 'x';
	return h;
}

static void kdump_header_at(const struct df_kdump_abi *abi, const unsigned at[12], size_t size)
{
	struct df_kdump_header h = sample_kdump(), got;
	uint8_t b[DF_KDUMP_HEADER_MAX + 8], again[DF_KDUMP_HEADER_MAX];

	memset(b, 0xaa, sizeof b);
	df_kdump_encode_header(abi, &h, b);
	CHECK_EQ(df_kdump_header_size(abi), size);
	CHECK_EQ(b[size], 0xaa);
	CHECK(df_kdump_is(b, 8) && !df_kdump_is(b, 7));
	CHECK(!memcmp(b, "KDUMP   ", 8));
	CHECK_EQ(df_get32(b + 8, abi->be), 6);
	CHECK(!memcmp(b + 12, "Linux", 6));
	CHECK(!memcmp(b + 12 + 325, "(none)", 6));
	CHECK_EQ(b[401], 'x');
	CHECK_EQ(b[402] | b[403], 0);
	CHECK_EQ(df_get(b + at[0], abi->bits / 8, abi->be), h.time_sec);
	CHECK_EQ(df_get(b + at[1], abi->bits / 8, abi->be), 0);
	CHECK_EQ(df_get32(b + at[2], abi->be), h.status);
	CHECK_EQ(df_kdump_status_offset(abi), at[2]);
	CHECK_EQ(df_get32(b + at[3], abi->be), h.block_size);
	CHECK_EQ(df_get32(b + at[4], abi->be), h.sub_hdr_size);
	CHECK_EQ(df_get32(b + at[5], abi->be), h.bitmap_blocks);
	CHECK_EQ(df_get32(b + at[6], abi->be), h.max_mapnr);
	CHECK_EQ(df_get32(b + at[7], abi->be), h.total_ram_blocks);
	CHECK_EQ(df_get32(b + at[8], abi->be), h.device_blocks);
	CHECK_EQ(df_get32(b + at[9], abi->be), h.written_blocks);
	CHECK_EQ(df_get32(b + at[10], abi->be), h.current_cpu);
	CHECK_EQ(df_get32(b + at[11], abi->be), (uint32_t)h.nr_cpus);
	memset(&got, 0x55, sizeof got);
	df_kdump_decode_header(abi, b, &got);
	df_kdump_encode_header(abi, &got, again);
	CHECK(!memcmp(b, again, size));
}

static void kdump_header(void)
{
	static const unsigned at64[] = { 408, 416, 424, 428, 432, 436, 440, 444, 448, 452, 456, 460 };
	static const unsigned at32[] = { 404, 408, 412, 416, 420, 424, 428, 432, 436, 440, 444, 448 };

	CHECK_EQ(DF_KDUMP_STATUS_OFFSET_64, 424);
	kdump_header_at(&abi64, at64, 464);
	kdump_header_at(&abi64be, at64, 464);
	kdump_header_at(&abi_i386, at32, 452);
	kdump_header_at(&abi_arm, at32, 452);
	kdump_header_at(&abi_ppc, at32, 452);
}

/* Each field has its own value, so that a wrong place shows. */
static const struct df_kdump_subheader sample_sub = {
	.phys_base = 0xd8a00001,
	.dump_level = 31,
	.split = 1,
	.start_pfn = 0x1002,
	.end_pfn = 0x1003,
	.offset_vmcoreinfo = UINT64_C(0x100000004),
	.size_vmcoreinfo = 0x1005,
	.offset_note = UINT64_C(0x100000006),
	.size_note = 0x1007,
	.offset_eraseinfo = UINT64_C(0x100000008),
	.size_eraseinfo = 0x1009,
	.start_pfn_64 = UINT64_C(0x10000000a),
	.end_pfn_64 = UINT64_C(0x10000000b),
	.max_mapnr_64 = UINT64_C(0x10000000c),
};

static void kdump_sub_at(const struct df_kdump_abi *abi, const unsigned at[14], size_t size)
{
	const struct df_kdump_subheader *s = &sample_sub;
	unsigned word = abi->bits / 8;
	struct df_kdump_subheader got;
	uint8_t b[DF_KDUMP_SUBHEADER_MAX + 8];

	memset(b, 0xaa, sizeof b);
	df_kdump_encode_subheader(abi, s, b);
	CHECK_EQ(df_kdump_subheader_size(abi), size);
	CHECK_EQ(b[size], 0xaa);
	CHECK_EQ(df_get(b + at[0], word, abi->be), s->phys_base);
	CHECK_EQ(df_get32(b + at[1], abi->be), s->dump_level);
	CHECK_EQ(df_get32(b + at[2], abi->be), s->split);
	CHECK_EQ(df_get(b + at[3], word, abi->be), s->start_pfn);
	CHECK_EQ(df_get(b + at[4], word, abi->be), s->end_pfn);
	CHECK_EQ(df_get64(b + at[5], abi->be), s->offset_vmcoreinfo);
	CHECK_EQ(df_get(b + at[6], word, abi->be), s->size_vmcoreinfo);
	CHECK_EQ(df_get64(b + at[7], abi->be), s->offset_note);
	CHECK_EQ(df_get(b + at[8], word, abi->be), s->size_note);
	CHECK_EQ(df_get64(b + at[9], abi->be), s->offset_eraseinfo);
	CHECK_EQ(df_get(b + at[10], word, abi->be), s->size_eraseinfo);
	CHECK_EQ(df_get64(b + at[11], abi->be), s->start_pfn_64);
	CHECK_EQ(df_get64(b + at[12], abi->be), s->end_pfn_64);
	CHECK_EQ(df_get64(b + at[13], abi->be), s->max_mapnr_64);
	df_kdump_decode_subheader(abi, 6, b, &got);
	CHECK(!memcmp(s, &got, sizeof got));
}

static void kdump_subheader(void)
{
	static const unsigned at64[] = { 0, 8, 12, 16, 24, 32, 40, 48, 56, 64, 72, 80, 88, 96 };
	static const unsigned at_i386[] = { 0, 4, 8, 12, 16, 20, 28, 32, 40, 44, 52, 56, 64, 72 };
	static const unsigned at_arm[] = { 0, 4, 8, 12, 16, 24, 32, 40, 48, 56, 64, 72, 80, 88 };

	kdump_sub_at(&abi64, at64, 104);
	kdump_sub_at(&abi64be, at64, 104);
	kdump_sub_at(&abi_i386, at_i386, 80);
	kdump_sub_at(&abi_arm, at_arm, 96);
	kdump_sub_at(&abi_ppc, at_arm, 96);
}

static void kdump_versions(void)
{
	struct df_kdump_subheader got;
	uint8_t b[DF_KDUMP_SUBHEADER_MAX];

	df_kdump_encode_subheader(&abi64, &sample_sub, b);
	for (uint32_t v = 0; v < 8; v++) {
		memset(&got, 0x55, sizeof got);
		df_kdump_decode_subheader(&abi64, v, b, &got);
		CHECK_EQ(got.phys_base, sample_sub.phys_base);
		CHECK_EQ(got.dump_level, v >= 1 ? sample_sub.dump_level : 0);
		CHECK_EQ(got.split, v >= 2 ? 1 : 0);
		CHECK_EQ(got.end_pfn, v >= 2 ? sample_sub.end_pfn : 0);
		CHECK_EQ(got.size_vmcoreinfo, v >= 3 ? sample_sub.size_vmcoreinfo : 0);
		CHECK_EQ(got.offset_note, v >= 4 ? sample_sub.offset_note : 0);
		CHECK_EQ(got.offset_eraseinfo, v >= 5 ? sample_sub.offset_eraseinfo : 0);
		CHECK_EQ(got.start_pfn_64, v >= 6 ? sample_sub.start_pfn_64 : 0);
		CHECK_EQ(got.max_mapnr_64, v >= 6 ? sample_sub.max_mapnr_64 : 0);
	}
}

static void kdump_desc(void)
{
	const struct df_kdump_abi *abis[] = { &abi64, &abi64be, &abi_i386, &abi_arm, &abi_ppc };
	struct df_kdump_desc d = { UINT64_C(0x123456789a), 4096, DF_KDUMP_ZSTD, 0x77 }, got;
	uint8_t b[DF_KDUMP_DESC_SIZE + 1];

	for (size_t i = 0; i < sizeof abis / sizeof *abis; i++) {
		b[DF_KDUMP_DESC_SIZE] = 0xaa;
		df_kdump_encode_desc(abis[i], &d, b);
		CHECK_EQ(b[DF_KDUMP_DESC_SIZE], 0xaa);
		CHECK_EQ(df_get64(b, abis[i]->be), d.offset);
		CHECK_EQ(df_get32(b + 8, abis[i]->be), d.size);
		CHECK_EQ(df_get32(b + 12, abis[i]->be), d.flags);
		CHECK_EQ(df_get64(b + 16, abis[i]->be), d.page_flags);
		df_kdump_decode_desc(abis[i], b, &got);
		CHECK(!memcmp(&d, &got, sizeof d));
	}
}

static void guess(const struct df_kdump_abi *abi, const struct df_kdump_header *h)
{
	uint8_t b[4096] = { 0 };
	struct df_kdump_abi got;

	df_kdump_encode_header(abi, h, b);
	CHECK(df_kdump_guess_abi(b, sizeof b, &got));
	CHECK_EQ(got.be, abi->be);
	CHECK_EQ(got.bits, abi->bits);
	CHECK_EQ(got.align64, 8);
	CHECK(df_kdump_guess_abi(b, df_kdump_header_size(abi), &got));
	CHECK(!df_kdump_guess_abi(b, df_kdump_header_size(abi) - 1, &got));
	b[0] = 'D';
	CHECK(!df_kdump_guess_abi(b, sizeof b, &got));
}

static void kdump_guess(void)
{
	static const struct df_kdump_abi *const abis[] = { &abi64, &abi64be, &abi_i386, &abi_arm, &abi_ppc };
	static const uint32_t blocks[] = { 4096, 16384, 65536, 262144 };

	for (size_t i = 0; i < 5; i++) {
		for (size_t k = 0; k < 4; k++) {
			struct df_kdump_header h = sample_kdump();

			h.block_size = blocks[k];
			guess(abis[i], &h);
			h.time_sec = 0;
			h.status = 0;
			guess(abis[i], &h);
			h.time_sec = 0x7fffffff;
			h.time_usec = 4096; /* looks like the block size of a header of 32 bits */
			guess(abis[i], &h);
			h.time_usec = 65536;
			h.total_ram_blocks = h.device_blocks = h.written_blocks = 0;
			guess(abis[i], &h);
			h.max_mapnr = UINT32_MAX; /* more than fits: the real number is in the sub header */
			h.bitmap_blocks = 1 << 20;
			guess(abis[i], &h);
		}
	}
}

static void kdump_guess_refuses(void)
{
	struct df_kdump_header h = sample_kdump();
	struct df_kdump_abi got;
	uint8_t b[4096] = { 0 };

	h.block_size = 5000;
	df_kdump_encode_header(&abi64, &h, b);
	CHECK(!df_kdump_guess_abi(b, sizeof b, &got));
	h.block_size = 4096;
	h.bitmap_blocks = 31; /* 2^20 page frames need 32 */
	df_kdump_encode_header(&abi64, &h, b);
	CHECK(!df_kdump_guess_abi(b, sizeof b, &got));
	memset(b + 8, 0, sizeof b - 8);
	CHECK(!df_kdump_guess_abi(b, sizeof b, &got));
	memset(b + 8, 0xff, sizeof b - 8);
	CHECK(!df_kdump_guess_abi(b, sizeof b, &got));
}

static void layout_small(void)
{
	struct df_kdump_layout l;

	CHECK_EQ(df_kdump_layout(&abi64, 4096, 1048576, 4020, 1000, &l, &err), 0);
	CHECK_EQ(l.sub_offset, 4096);
	CHECK_EQ(l.note_offset, 4200);
	CHECK_EQ(l.sub_hdr_size, 2);
	CHECK_EQ(l.bitmap_blocks, 64);
	CHECK_EQ(l.bitmap_bytes, 131072);
	CHECK_EQ(l.bitmap1_offset, 3 * 4096);
	CHECK_EQ(l.bitmap2_offset, (3 + 32) * 4096);
	CHECK_EQ(l.desc_offset, (3 + 64) * 4096);
	CHECK_EQ(l.data_offset, (3 + 64) * 4096 + 24 * 1000);
	/* up to the edge of a block, and over */
	CHECK_EQ(df_kdump_layout(&abi64, 4096, 32768, 4096 - 104, 0, &l, &err), 0);
	CHECK_EQ(l.sub_hdr_size, 1);
	CHECK_EQ(l.bitmap_blocks, 2);
	CHECK_EQ(df_kdump_layout(&abi64, 4096, 32769, 4096 - 103, 0, &l, &err), 0);
	CHECK_EQ(l.sub_hdr_size, 2);
	CHECK_EQ(l.bitmap_blocks, 4);
	CHECK_EQ(df_kdump_layout(&abi_i386, 4096, 1, 0, 1, &l, &err), 0);
	CHECK_EQ(l.note_offset, 4096 + 80);
	CHECK_EQ(l.sub_hdr_size, 1);
	CHECK_EQ(l.bitmap_blocks, 2);
	CHECK_EQ(df_kdump_layout(&abi_arm, 65536, 0, 0, 0, &l, &err), 0);
	CHECK_EQ(l.note_offset, 65536 + 96);
	CHECK_EQ(l.bitmap_blocks, 0);
	CHECK_EQ(l.data_offset, 2 * 65536);
}

static void layout_large(void)
{
	struct df_kdump_layout l;
	uint64_t n = UINT64_C(1) << 40;

	CHECK_EQ(df_kdump_layout(&abi64, 4096, n, 5000, n, &l, &err), 0);
	CHECK_EQ(l.bitmap_blocks, 1 << 26);
	CHECK_EQ(l.bitmap2_offset - l.bitmap1_offset, n / 8);
	CHECK_EQ(l.desc_offset, 3 * 4096 + n / 4);
	CHECK_EQ(l.data_offset, 3 * 4096 + n / 4 + 24 * n);
}

static void layout_refused(const struct df_kdump_abi *abi, uint32_t block, uint64_t max_mapnr, uint64_t note_bytes,
			   uint64_t pages)
{
	struct df_kdump_layout l;

	err.text[0] = '\0';
	CHECK_EQ(df_kdump_layout(abi, block, max_mapnr, note_bytes, pages, &l, &err), DUMPFILTER_E_UNSUPPORTED);
	CHECK_HAS(err.text, "kdump format");
}

static void layout_refusals(void)
{
	layout_refused(&abi64, 0, 10, 0, 0);
	layout_refused(&abi64, 256, 10, 0, 0);
	layout_refused(&abi64, 5000, 10, 0, 0);
	layout_refused(&abi64, 1u << 31, 10, 0, 0);
	layout_refused(&abi64, 4096, UINT64_MAX, 0, 0);
	layout_refused(&abi64, 4096, UINT64_C(1) << 46, 0, 0);
	layout_refused(&abi64, 4096, 10, UINT64_MAX, 0);
	layout_refused(&abi64, 4096, 10, UINT64_C(1) << 43, 0);
	layout_refused(&abi_i386, 4096, 10, UINT64_C(1) << 32, 0);
	layout_refused(&abi64, 4096, 10, 0, 11);
}

/* ------------------------------------------------------------------------------------------------ flattened */

static void flat_header(void)
{
	uint8_t b[DF_FLAT_HEADER + 1];

	memset(b, 0xaa, sizeof b);
	df_flat_encode_header(b);
	CHECK_EQ(b[DF_FLAT_HEADER], 0xaa);
	CHECK(!memcmp(b, "makedumpfile\0\0\0\0\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0\1", 32));
	for (size_t i = 32; i < DF_FLAT_HEADER; i++)
		CHECK_EQ(b[i], 0);
	CHECK(df_flat_is(b, sizeof b));
	CHECK(df_flat_is(b, 24));
	CHECK(!df_flat_is(b, 23));
	b[31] = 2; /* the version is not looked at */
	CHECK(df_flat_is(b, sizeof b));
	b[23] = 2;
	CHECK(!df_flat_is(b, sizeof b));
	b[23] = 1;
	b[12] = 'x';
	CHECK(!df_flat_is(b, sizeof b));
	b[12] = 0;
	b[0] = 'M';
	CHECK(!df_flat_is(b, sizeof b));
}

static enum df_flat_kind record(uint64_t offset, uint64_t size)
{
	uint8_t b[DF_FLAT_RECORD];
	uint64_t got_offset, got_size;
	enum df_flat_kind kind;

	df_flat_encode_record(offset, size, b);
	CHECK_EQ(df_get64(b, true), offset);
	CHECK_EQ(df_get64(b + 8, true), size);
	kind = df_flat_decode_record(b, &got_offset, &got_size);
	CHECK_EQ(got_offset, offset);
	CHECK_EQ(got_size, size);
	return kind;
}

static void flat_records(void)
{
	const uint64_t big = UINT64_C(1) << 63;
	uint8_t b[DF_FLAT_RECORD];
	uint64_t o, s;

	CHECK_EQ(record(0, 464), DF_FLAT_DATA);
	CHECK_EQ(record(big - 1, 1), DF_FLAT_DATA);
	CHECK_EQ(record(big - 2, 2), DF_FLAT_DATA);
	CHECK_EQ(record(big - 1, 2), DF_FLAT_BAD);
	CHECK_EQ(record(big - 1, big - 1), DF_FLAT_BAD);
	CHECK_EQ(record(big, 1), DF_FLAT_BAD);
	CHECK_EQ(record(0, 0), DF_FLAT_BAD);
	CHECK_EQ(record(0, big), DF_FLAT_BAD);
	CHECK_EQ(record(0, UINT64_MAX), DF_FLAT_BAD);
	CHECK_EQ(record(UINT64_MAX, 1), DF_FLAT_BAD);
	df_flat_encode_end(b);
	for (int i = 0; i < 16; i++)
		CHECK_EQ(b[i], 0xff);
	CHECK_EQ(df_flat_decode_record(b, &o, &s), DF_FLAT_END);
}

int main(void)
{
	RUN(elf_round_trips);
	RUN(elf_offsets);
	RUN(elf_qemu_7_2);
	RUN(elf_refusals);
	RUN(notes);
	RUN(notes_hostile);
	RUN(notes_of_zeros);
	RUN(kdump_header);
	RUN(kdump_subheader);
	RUN(kdump_versions);
	RUN(kdump_desc);
	RUN(kdump_guess);
	RUN(kdump_guess_refuses);
	RUN(layout_small);
	RUN(layout_large);
	RUN(layout_refusals);
	RUN(flat_header);
	RUN(flat_records);
	return T_END();
}
