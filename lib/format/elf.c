/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "format/elf.h"

#include "base/bytes.h"

#define EI_CLASS     4
#define EI_DATA      5
#define EI_VERSION   6
#define EI_OSABI     7
#define CLASS_32     1
#define CLASS_64     2
#define DATA_LE      1
#define DATA_BE      2
#define NOTE_HEADER  12u
#define SHDR_INFO_32 28u
#define SHDR_INFO_64 44u
#define SHDR_SIZE_32 20u
#define SHDR_SIZE_64 32u
#define SHDR_OFFS_32 16u
#define SHDR_OFFS_64 24u
#define E_VERSION    20u
#define E_ENTRY      24u

static const uint8_t magic[4] = { 0x7f, 'E', 'L', 'F' };

bool df_elf_is(const void *buffer, size_t length)
{
	return length >= sizeof magic && !memcmp(buffer, magic, sizeof magic);
}

size_t df_elf_header_size(const struct df_elf_header *header)
{
	return header->bits == 64 ? 64 : 52;
}

size_t df_elf_phdr_size(const struct df_elf_header *header)
{
	return header->bits == 64 ? 56 : 32;
}

size_t df_elf_shdr_size(const struct df_elf_header *header)
{
	return header->bits == 64 ? 64 : 40;
}

static int decode_ident(const uint8_t *bytes, size_t length, struct df_elf_header *header, struct df_err *err)
{
	if (!df_elf_is(bytes, length))
		return df_err_set(err, DUMPFILTER_E_FORMAT, "no ELF magic at the start");
	if (length <= EI_OSABI)
		return df_err_set(err, DUMPFILTER_E_TRUNCATED, "ELF header: only %zu bytes", length);
	if (bytes[EI_CLASS] != CLASS_32 && bytes[EI_CLASS] != CLASS_64)
		return df_err_set(err, DUMPFILTER_E_FORMAT, "ELF header: class is %u, neither 32 nor 64 bits",
				  bytes[EI_CLASS]);
	if (bytes[EI_DATA] != DATA_LE && bytes[EI_DATA] != DATA_BE)
		return df_err_set(err, DUMPFILTER_E_FORMAT, "ELF header: byte order is %u, neither little nor big",
				  bytes[EI_DATA]);
	if (bytes[EI_VERSION] != 1)
		return df_err_set(err, DUMPFILTER_E_UNSUPPORTED, "ELF header: version %u, only 1 is known",
				  bytes[EI_VERSION]);
	header->big_endian = bytes[EI_DATA] == DATA_BE;
	header->bits = bytes[EI_CLASS] == CLASS_64 ? 64 : 32;
	header->osabi = bytes[EI_OSABI];
	if (length < df_elf_header_size(header))
		return df_err_set(err, DUMPFILTER_E_TRUNCATED, "ELF header: %zu of %zu bytes", length,
				  df_elf_header_size(header));
	return 0;
}

int df_elf_decode_header(const void *buffer, size_t length, struct df_elf_header *header, struct df_err *err)
{
	const uint8_t *bytes = buffer;
	unsigned word;
	int result;

	*header = (struct df_elf_header){ 0 };
	result = decode_ident(bytes, length, header, err);
	if (result < 0)
		return result;
	word = header->bits / 8;
	header->type = df_get16(bytes + 16, header->big_endian);
	header->machine = df_get16(bytes + 18, header->big_endian);
	header->entry = df_get(bytes + E_ENTRY, word, header->big_endian);
	header->phoff = df_get(bytes + E_ENTRY + word, word, header->big_endian);
	header->shoff = df_get(bytes + E_ENTRY + 2 * word, word, header->big_endian);
	bytes += E_ENTRY + 3 * word;
	header->flags = df_get32(bytes, header->big_endian);
	header->ehsize = df_get16(bytes + 4, header->big_endian);
	header->phentsize = df_get16(bytes + 6, header->big_endian);
	header->phnum = df_get16(bytes + 8, header->big_endian);
	header->shentsize = df_get16(bytes + 10, header->big_endian);
	header->shnum = df_get16(bytes + 12, header->big_endian);
	header->shstrndx = df_get16(bytes + 14, header->big_endian);
	if (header->phnum && header->phentsize < df_elf_phdr_size(header))
		return df_err_set(err, DUMPFILTER_E_FORMAT, "ELF header: program headers of %u bytes, %zu needed",
				  header->phentsize, df_elf_phdr_size(header));
	return 0;
}

size_t df_elf_encode_header(const struct df_elf_header *header, void *buffer)
{
	unsigned word = header->bits / 8;
	uint8_t *bytes = buffer;

	memset(bytes, 0, df_elf_header_size(header));
	memcpy(bytes, magic, sizeof magic);
	bytes[EI_CLASS] = header->bits == 64 ? CLASS_64 : CLASS_32;
	bytes[EI_DATA] = header->big_endian ? DATA_BE : DATA_LE;
	bytes[EI_VERSION] = 1;
	bytes[EI_OSABI] = header->osabi;
	df_put16(bytes + 16, header->type, header->big_endian);
	df_put16(bytes + 18, header->machine, header->big_endian);
	df_put32(bytes + E_VERSION, 1, header->big_endian);
	df_put(bytes + E_ENTRY, word, header->entry, header->big_endian);
	df_put(bytes + E_ENTRY + word, word, header->phoff, header->big_endian);
	df_put(bytes + E_ENTRY + 2 * word, word, header->shoff, header->big_endian);
	bytes += E_ENTRY + 3 * word;
	df_put32(bytes, header->flags, header->big_endian);
	df_put16(bytes + 4, header->ehsize, header->big_endian);
	df_put16(bytes + 6, header->phentsize, header->big_endian);
	df_put16(bytes + 8, header->phnum, header->big_endian);
	df_put16(bytes + 10, header->shentsize, header->big_endian);
	df_put16(bytes + 12, header->shnum, header->big_endian);
	df_put16(bytes + 14, header->shstrndx, header->big_endian);
	return df_elf_header_size(header);
}

/* Offsets of a program header's fields; the flags moved in the 64-bit form so that the words are aligned. */
struct phdr_form {
	uint8_t flags, offset, vaddr, paddr, filesz, memsz, align;
};
static const struct phdr_form phdr32 = { 24, 4, 8, 12, 16, 20, 28 };
static const struct phdr_form phdr64 = { 4, 8, 16, 24, 32, 40, 48 };

void df_elf_decode_phdr(const struct df_elf_header *header, const void *buffer, struct df_elf_phdr *phdr)
{
	const struct phdr_form *form = header->bits == 64 ? &phdr64 : &phdr32;
	unsigned word = header->bits / 8;
	const uint8_t *bytes = buffer;

	phdr->type = df_get32(bytes, header->big_endian);
	phdr->flags = df_get32(bytes + form->flags, header->big_endian);
	phdr->offset = df_get(bytes + form->offset, word, header->big_endian);
	phdr->vaddr = df_get(bytes + form->vaddr, word, header->big_endian);
	phdr->paddr = df_get(bytes + form->paddr, word, header->big_endian);
	phdr->filesz = df_get(bytes + form->filesz, word, header->big_endian);
	phdr->memsz = df_get(bytes + form->memsz, word, header->big_endian);
	phdr->align = df_get(bytes + form->align, word, header->big_endian);
}

void df_elf_encode_phdr(const struct df_elf_header *header, const struct df_elf_phdr *phdr, void *buffer)
{
	const struct phdr_form *form = header->bits == 64 ? &phdr64 : &phdr32;
	unsigned word = header->bits / 8;
	uint8_t *bytes = buffer;

	df_put32(bytes, phdr->type, header->big_endian);
	df_put32(bytes + form->flags, phdr->flags, header->big_endian);
	df_put(bytes + form->offset, word, phdr->offset, header->big_endian);
	df_put(bytes + form->vaddr, word, phdr->vaddr, header->big_endian);
	df_put(bytes + form->paddr, word, phdr->paddr, header->big_endian);
	df_put(bytes + form->filesz, word, phdr->filesz, header->big_endian);
	df_put(bytes + form->memsz, word, phdr->memsz, header->big_endian);
	df_put(bytes + form->align, word, phdr->align, header->big_endian);
}

void df_elf_decode_shdr(const struct df_elf_header *header, const void *buffer, struct df_elf_shdr *elf_shdr)
{
	unsigned word = header->bits / 8;
	const uint8_t *bytes = buffer;

	elf_shdr->name = df_get32(bytes, header->big_endian);
	elf_shdr->type = df_get32(bytes + 4, header->big_endian);
	elf_shdr->offset = df_get(bytes + (header->bits == 64 ? SHDR_OFFS_64 : SHDR_OFFS_32), word, header->big_endian);
	elf_shdr->size = df_get(bytes + (header->bits == 64 ? SHDR_SIZE_64 : SHDR_SIZE_32), word, header->big_endian);
}

uint32_t df_elf_decode_shdr0_info(const struct df_elf_header *header, const void *buffer)
{
	return df_get32((const uint8_t *)buffer + (header->bits == 64 ? SHDR_INFO_64 : SHDR_INFO_32),
			header->big_endian);
}

void df_elf_encode_shdr0(const struct df_elf_header *header, uint32_t phnum, void *buffer)
{
	uint8_t *bytes = buffer;

	memset(bytes, 0, df_elf_shdr_size(header));
	/* one section: the kernel's core dumps say so here too */
	df_put(bytes + (header->bits == 64 ? SHDR_SIZE_64 : SHDR_SIZE_32), header->bits / 8, 1, header->big_endian);
	df_put32(bytes + (header->bits == 64 ? SHDR_INFO_64 : SHDR_INFO_32), phnum, header->big_endian);
}

bool df_elf_next_note(bool big_endian, const uint8_t *notes, size_t length, size_t *pos, struct df_elf_note *note)
{
	uint64_t left = *pos < length ? length - *pos : 0, desc, end;
	const uint8_t *bytes;

	if (left < NOTE_HEADER)
		goto stop;
	bytes = notes + *pos;
	note->namesz = df_get32(bytes, big_endian);
	note->descsz = df_get32(bytes + 4, big_endian);
	note->type = df_get32(bytes + 8, big_endian);
	desc = NOTE_HEADER + df_round_up(note->namesz, 4);
	end = desc + note->descsz;
	if (end > left)
		goto stop;
	note->name = (const char *)bytes + NOTE_HEADER;
	note->desc = bytes + desc;
	note->desc_offset = *pos + (size_t)desc;
	end = df_round_up(end, 4); /* the last note may lack its padding */
	*pos = end < left ? *pos + (size_t)end : length;
	return true;
stop:
	*pos = length;
	return false;
}

bool df_elf_note_is(const struct df_elf_note *note, const char *text)
{
	size_t length = note->namesz;

	while (length && !note->name[length - 1])
		length--;
	return length == strlen(text) && !memcmp(note->name, text, length);
}

size_t df_elf_encode_note(bool big_endian, const char *name, const void *desc, uint32_t descsz, void *buffer)
{
	uint32_t namesz = (uint32_t)strlen(name) + 1;
	size_t at = NOTE_HEADER + (size_t)df_round_up(namesz, 4), size = at + (size_t)df_round_up(descsz, 4);
	uint8_t *bytes = buffer;

	if (!desc)
		return size;
	memset(bytes, 0, size);
	df_put32(bytes, namesz, big_endian);
	df_put32(bytes + 4, descsz, big_endian);
	memcpy(bytes + NOTE_HEADER, name, namesz);
	memcpy(bytes + at, desc, descsz);
	return size;
}
