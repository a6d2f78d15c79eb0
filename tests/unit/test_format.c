/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "t.h"
#include "base/bytes.h"
#include "format/elf.h"
#include "format/flat.h"

static struct df_err err;

/* ------------------------------------------------------------------------------------------------ ELF */

static struct df_elf_header sample_header(bool big_endian, uint8_t bits)
{
	return (struct df_elf_header){
		.big_endian = big_endian,
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

static void same_header(const struct df_elf_header *header, const struct df_elf_header *other)
{
	CHECK_EQ(header->big_endian, other->big_endian);
	CHECK_EQ(header->bits, other->bits);
	CHECK_EQ(header->osabi, other->osabi);
	CHECK_EQ(header->type, other->type);
	CHECK_EQ(header->machine, other->machine);
	CHECK_EQ(header->flags, other->flags);
	CHECK_EQ(header->entry, other->entry);
	CHECK_EQ(header->phoff, other->phoff);
	CHECK_EQ(header->shoff, other->shoff);
	CHECK_EQ(header->ehsize, other->ehsize);
	CHECK_EQ(header->phentsize, other->phentsize);
	CHECK_EQ(header->phnum, other->phnum);
	CHECK_EQ(header->shentsize, other->shentsize);
	CHECK_EQ(header->shnum, other->shnum);
	CHECK_EQ(header->shstrndx, other->shstrndx);
}

static void elf_round_trip(bool big_endian, uint8_t bits)
{
	struct df_elf_header header = sample_header(big_endian, bits), got;
	struct df_elf_phdr phdr = { 1, 7, 0x1000, 0xc0000000, 0x100000, 0x2000, 0x3000, 0x10 }, other;
	uint8_t buffer[DF_ELF_HEADER_MAX + 8];
	size_t size = bits == 64 ? 64 : 52;

	memset(buffer, 0xaa, sizeof buffer);
	CHECK_EQ(df_elf_encode_header(&header, buffer), size);
	CHECK_EQ(buffer[size], 0xaa);
	CHECK(df_elf_is(buffer, 4) && !df_elf_is(buffer, 3));
	CHECK_EQ(df_elf_decode_header(buffer, size, &got, &err), 0);
	same_header(&header, &got);
	CHECK_EQ(df_elf_decode_header(buffer, size - 1, &got, &err), DUMPFILTER_E_TRUNCATED);

	size = df_elf_phdr_size(&header);
	CHECK_EQ(size, bits == 64 ? 56 : 32);
	memset(buffer, 0xaa, sizeof buffer);
	df_elf_encode_phdr(&header, &phdr, buffer);
	CHECK_EQ(buffer[size], 0xaa);
	df_elf_decode_phdr(&header, buffer, &other);
	CHECK(!memcmp(&phdr, &other, sizeof phdr));

	size = df_elf_shdr_size(&header);
	CHECK_EQ(size, bits == 64 ? 64 : 40);
	memset(buffer, 0xaa, sizeof buffer);
	df_elf_encode_shdr0(&header, 70000, buffer);
	CHECK_EQ(buffer[size], 0xaa);
	CHECK_EQ(df_elf_decode_shdr0_info(&header, buffer), 70000);
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
	struct df_elf_header header = sample_header(true, 64);
	struct df_elf_phdr phdr = { 1, 7, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66 };
	uint8_t bytes[DF_ELF_HEADER_MAX];

	df_elf_encode_header(&header, bytes);
	CHECK(!memcmp(bytes, "\177ELF\2\2\1\3\0\0\0\0\0\0\0\0", 16));
	CHECK_EQ(df_get32(bytes + 20, true), 1);
	CHECK_EQ(df_get64(bytes + 32, true), header.phoff);
	CHECK_EQ(df_get32(bytes + 48, true), header.flags);
	CHECK_EQ(df_get16(bytes + 56, true), header.phnum);
	df_elf_encode_phdr(&header, &phdr, bytes);
	CHECK_EQ(df_get32(bytes + 4, true), 7);
	CHECK_EQ(df_get64(bytes + 24, true), 0x33);
	CHECK_EQ(df_get64(bytes + 48, true), 0x66);
	df_elf_encode_shdr0(&header, 9, bytes);
	CHECK_EQ(df_get64(bytes + 32, true), 1);
	CHECK_EQ(df_get32(bytes + 44, true), 9);
	header = sample_header(false, 32);
	df_elf_encode_header(&header, bytes);
	CHECK(!memcmp(bytes, "\177ELF\1\1\1\3\0\0\0\0\0\0\0\0", 16));
	CHECK_EQ(df_get32(bytes + 28, false), header.phoff);
	CHECK_EQ(df_get32(bytes + 36, false), header.flags);
	CHECK_EQ(df_get16(bytes + 44, false), header.phnum);
	df_elf_encode_phdr(&header, &phdr, bytes);
	CHECK_EQ(df_get32(bytes + 12, false), 0x33);
	CHECK_EQ(df_get32(bytes + 24, false), 7);
	CHECK_EQ(df_get32(bytes + 28, false), 0x66);
	df_elf_encode_shdr0(&header, 9, bytes);
	CHECK_EQ(df_get32(bytes + 20, false), 1);
	CHECK_EQ(df_get32(bytes + 28, false), 9);
}

/* QEMU 7.2 wrote e_ehsize 8 and put the program headers behind the section headers. */
static void elf_qemu_7_2(void)
{
	struct df_elf_header header = sample_header(false, 64), got;
	struct df_elf_phdr phdr = { .type = 1, .offset = UINT64_MAX, .paddr = 0xfffc0000, .memsz = 0x40000 }, other;
	uint8_t bytes[DF_ELF_HEADER_MAX];

	header.ehsize = 8;
	header.phoff = 192;
	header.shoff = 64;
	df_elf_encode_header(&header, bytes);
	CHECK_EQ(df_elf_decode_header(bytes, sizeof bytes, &got, &err), 0);
	same_header(&header, &got);
	df_elf_encode_phdr(&header, &phdr, bytes);
	df_elf_decode_phdr(&header, bytes, &other);
	CHECK_EQ(other.offset, UINT64_MAX);
	CHECK_EQ(other.filesz, 0);
}

static void elf_refused(size_t at, uint8_t value, int want, const char *word)
{
	struct df_elf_header header = sample_header(false, 64), got;
	uint8_t bytes[DF_ELF_HEADER_MAX];

	df_elf_encode_header(&header, bytes);
	bytes[at] = value;
	CHECK_EQ(df_elf_decode_header(bytes, sizeof bytes, &got, &err), want);
	CHECK_HAS(err.text, word);
}

static void elf_refusals(void)
{
	struct df_elf_header header = sample_header(false, 64), got;
	uint8_t bytes[DF_ELF_HEADER_MAX];

	elf_refused(0, 0x7e, DUMPFILTER_E_FORMAT, "magic");
	elf_refused(4, 0, DUMPFILTER_E_FORMAT, "class");
	elf_refused(4, 3, DUMPFILTER_E_FORMAT, "class");
	elf_refused(5, 0, DUMPFILTER_E_FORMAT, "byte order");
	elf_refused(5, 3, DUMPFILTER_E_FORMAT, "byte order");
	elf_refused(6, 2, DUMPFILTER_E_UNSUPPORTED, "version");
	elf_refused(54, 55, DUMPFILTER_E_FORMAT, "program headers");
	df_elf_encode_header(&header, bytes);
	for (size_t length = 4; length < 64; length++)
		CHECK_EQ(df_elf_decode_header(bytes, length, &got, &err), DUMPFILTER_E_TRUNCATED);
	CHECK_EQ(df_elf_decode_header(bytes, 3, &got, &err), DUMPFILTER_E_FORMAT);
	header.phentsize = 80; /* larger ones leave room for what we do not know */
	df_elf_encode_header(&header, bytes);
	CHECK_EQ(df_elf_decode_header(bytes, 64, &got, &err), 0);
	header.phentsize = header.phnum = 0; /* without program headers there is no size to be wrong */
	df_elf_encode_header(&header, bytes);
	CHECK_EQ(df_elf_decode_header(bytes, 64, &got, &err), 0);
}

/* ------------------------------------------------------------------------------------------------ notes */

static size_t add_note(uint8_t *bytes, size_t at, bool big_endian, const char *name, uint32_t namesz, uint32_t descsz,
		       uint32_t type)
{
	df_put32(bytes + at, namesz, big_endian);
	df_put32(bytes + at + 4, descsz, big_endian);
	df_put32(bytes + at + 8, type, big_endian);
	at += 12;
	memcpy(bytes + at, name, namesz);
	at += (namesz + 3) / 4 * 4;
	memset(bytes + at, (int)('a' + type), descsz);
	return at + (descsz + 3) / 4 * 4;
}

static void notes_of(bool big_endian)
{
	uint8_t bytes[256] = { 0 };
	struct df_elf_note note;
	size_t length, pos = 0;

	length = add_note(bytes, 0, big_endian, "CORE", 5, 6, 1);
	length = add_note(bytes, length, big_endian, "VMCOREINFO", 11, 9, 0);
	length = add_note(bytes, length, big_endian, "", 0, 0, 2);
	length = add_note(bytes, length, big_endian, "LINUX\0\0", 8, 1, 0x700 % 16);
	CHECK(df_elf_next_note(big_endian, bytes, length, &pos, &note));
	CHECK(df_elf_note_is(&note, "CORE") && !df_elf_note_is(&note, "COR") && !df_elf_note_is(&note, "CORES"));
	CHECK_EQ(note.type, 1);
	CHECK_EQ(note.descsz, 6);
	CHECK_EQ(note.desc_offset, 20);
	CHECK_EQ(note.desc - bytes, 20);
	CHECK_EQ(note.desc[5], 'b');
	CHECK_EQ(pos, 28);
	CHECK(df_elf_next_note(big_endian, bytes, length, &pos, &note));
	CHECK(df_elf_note_is(&note, "VMCOREINFO"));
	CHECK_EQ(note.descsz, 9);
	CHECK_EQ(note.desc[8], 'a');
	CHECK(df_elf_next_note(big_endian, bytes, length, &pos, &note));
	CHECK(df_elf_note_is(&note, ""));
	CHECK_EQ(note.type, 2);
	CHECK(df_elf_next_note(big_endian, bytes, length, &pos, &note));
	CHECK(df_elf_note_is(&note, "LINUX")); /* with more than one NUL behind */
	CHECK_EQ(pos, length);
	CHECK(!df_elf_next_note(big_endian, bytes, length, &pos, &note));
	CHECK_EQ(pos, length);
}

static void notes(void)
{
	notes_of(false);
	notes_of(true);
}

/* The block is as large as what it holds, so that a sanitizer sees any byte behind. */
static bool walk_one(uint32_t namesz, uint32_t descsz, size_t body, struct df_elf_note *note, size_t *pos)
{
	uint8_t *bytes = calloc(12 + body, 1);
	bool ok;

	df_put32(bytes, namesz, false);
	df_put32(bytes + 4, descsz, false);
	*pos = 0;
	ok = df_elf_next_note(false, bytes, 12 + body, pos, note);
	if (ok)
		df_elf_note_is(note, "anything");
	free(bytes);
	return ok;
}

static void notes_hostile(void)
{
	struct df_elf_note note;
	size_t pos;
	uint8_t bytes[12] = { 0 };

	CHECK(!walk_one(UINT32_MAX, 0, 64, &note, &pos));
	CHECK_EQ(pos, 76); /* nothing can be found behind it */
	CHECK(!walk_one(0, UINT32_MAX, 64, &note, &pos));
	CHECK(!walk_one(UINT32_MAX, UINT32_MAX, 64, &note, &pos));
	CHECK(!walk_one(UINT32_MAX - 3, 16, 64, &note, &pos));
	CHECK(!walk_one(4, UINT32_MAX - 3, 64, &note, &pos));
	CHECK(!walk_one(61, 1, 64, &note, &pos));
	CHECK(!walk_one(65, 0, 64, &note, &pos));
	CHECK(walk_one(64, 0, 64, &note, &pos));
	CHECK(walk_one(61, 0, 64, &note, &pos));
	CHECK(!walk_one(61, 0, 62, &note, &pos)); /* a name must have its padding: the desc is behind it */
	CHECK(walk_one(4, 5, 9, &note, &pos));    /* the last desc need not */
	CHECK_EQ(pos, 21);
	CHECK(!walk_one(4, 6, 9, &note, &pos));
	for (size_t length = 0; length < 12; length++) {
		pos = 0;
		CHECK(!df_elf_next_note(false, bytes, length, &pos, &note));
		CHECK_EQ(pos, length);
	}
	pos = 100; /* behind the end already */
	CHECK(!df_elf_next_note(false, bytes, 12, &pos, &note));
}

/* Zeros are empty notes: the walk ends. */
static void notes_of_zeros(void)
{
	uint8_t bytes[4096] = { 0 };
	struct df_elf_note note;
	size_t pos = 0, count = 0;

	while (df_elf_next_note(true, bytes, sizeof bytes, &pos, &note)) {
		CHECK_EQ(note.namesz + note.descsz, 0);
		count++;
	}
	CHECK_EQ(count, 4096 / 12);
	CHECK_EQ(pos, 4096);
}

/* ------------------------------------------------------------------------------------------------ flattened */

static void flat_header(void)
{
	uint8_t bytes[DF_FLAT_HEADER + 1];

	memset(bytes, 0xaa, sizeof bytes);
	df_flat_encode_header(bytes);
	CHECK_EQ(bytes[DF_FLAT_HEADER], 0xaa);
	CHECK(!memcmp(bytes, "makedumpfile\0\0\0\0\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0\1", 32));
	for (size_t i = 32; i < DF_FLAT_HEADER; i++)
		CHECK_EQ(bytes[i], 0);
	CHECK(df_flat_is(bytes, sizeof bytes));
	CHECK(df_flat_is(bytes, 24));
	CHECK(!df_flat_is(bytes, 23));
	bytes[31] = 2; /* the version is not looked at */
	CHECK(df_flat_is(bytes, sizeof bytes));
	bytes[23] = 2;
	CHECK(!df_flat_is(bytes, sizeof bytes));
	bytes[23] = 1;
	bytes[12] = 'x';
	CHECK(!df_flat_is(bytes, sizeof bytes));
	bytes[12] = 0;
	bytes[0] = 'M';
	CHECK(!df_flat_is(bytes, sizeof bytes));
}

static enum df_flat_kind record(uint64_t offset, uint64_t size)
{
	uint8_t bytes[DF_FLAT_RECORD];
	uint64_t got_offset, got_size;
	enum df_flat_kind kind;

	df_flat_encode_record(offset, size, bytes);
	CHECK_EQ(df_get64(bytes, true), offset);
	CHECK_EQ(df_get64(bytes + 8, true), size);
	kind = df_flat_decode_record(bytes, &got_offset, &got_size);
	CHECK_EQ(got_offset, offset);
	CHECK_EQ(got_size, size);
	return kind;
}

static void flat_records(void)
{
	const uint64_t big = UINT64_C(1) << 63;
	uint8_t bytes[DF_FLAT_RECORD];
	uint64_t offset, seed;

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
	df_flat_encode_end(bytes);
	for (int i = 0; i < 16; i++)
		CHECK_EQ(bytes[i], 0xff);
	CHECK_EQ(df_flat_decode_record(bytes, &offset, &seed), DF_FLAT_END);
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
