/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "t.h"
#include "base/bytes.h"
#include "format/elf.h"
#include "format/flat.h"

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
	RUN(flat_header);
	RUN(flat_records);
	return T_END();
}
