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

bool df_elf_is(const void *buf, size_t len)
{
	return len >= sizeof magic && !memcmp(buf, magic, sizeof magic);
}

size_t df_elf_header_size(const struct df_elf_header *h)
{
	return h->bits == 64 ? 64 : 52;
}

size_t df_elf_phdr_size(const struct df_elf_header *h)
{
	return h->bits == 64 ? 56 : 32;
}

size_t df_elf_shdr_size(const struct df_elf_header *h)
{
	return h->bits == 64 ? 64 : 40;
}

static int decode_ident(const uint8_t *b, size_t len, struct df_elf_header *h, struct df_err *err)
{
	if (!df_elf_is(b, len))
		return df_err_set(err, DUMPFILTER_E_FORMAT, "no ELF magic at the start");
	if (len <= EI_OSABI)
		return df_err_set(err, DUMPFILTER_E_TRUNCATED, "ELF header: only %zu bytes", len);
	if (b[EI_CLASS] != CLASS_32 && b[EI_CLASS] != CLASS_64)
		return df_err_set(err, DUMPFILTER_E_FORMAT, "ELF header: class is %u, neither 32 nor 64 bits",
				  b[EI_CLASS]);
	if (b[EI_DATA] != DATA_LE && b[EI_DATA] != DATA_BE)
		return df_err_set(err, DUMPFILTER_E_FORMAT, "ELF header: byte order is %u, neither little nor big",
				  b[EI_DATA]);
	if (b[EI_VERSION] != 1)
		return df_err_set(err, DUMPFILTER_E_UNSUPPORTED, "ELF header: version %u, only 1 is known",
				  b[EI_VERSION]);
	h->be = b[EI_DATA] == DATA_BE;
	h->bits = b[EI_CLASS] == CLASS_64 ? 64 : 32;
	h->osabi = b[EI_OSABI];
	if (len < df_elf_header_size(h))
		return df_err_set(err, DUMPFILTER_E_TRUNCATED, "ELF header: %zu of %zu bytes", len,
				  df_elf_header_size(h));
	return 0;
}

int df_elf_decode_header(const void *buf, size_t len, struct df_elf_header *h, struct df_err *err)
{
	const uint8_t *b = buf;
	unsigned word;
	int r;

	*h = (struct df_elf_header){ 0 };
	r = decode_ident(b, len, h, err);
	if (r < 0)
		return r;
	word = h->bits / 8;
	h->type = df_get16(b + 16, h->be);
	h->machine = df_get16(b + 18, h->be);
	h->entry = df_get(b + E_ENTRY, word, h->be);
	h->phoff = df_get(b + E_ENTRY + word, word, h->be);
	h->shoff = df_get(b + E_ENTRY + 2 * word, word, h->be);
	b += E_ENTRY + 3 * word;
	h->flags = df_get32(b, h->be);
	h->ehsize = df_get16(b + 4, h->be);
	h->phentsize = df_get16(b + 6, h->be);
	h->phnum = df_get16(b + 8, h->be);
	h->shentsize = df_get16(b + 10, h->be);
	h->shnum = df_get16(b + 12, h->be);
	h->shstrndx = df_get16(b + 14, h->be);
	if (h->phnum && h->phentsize < df_elf_phdr_size(h))
		return df_err_set(err, DUMPFILTER_E_FORMAT, "ELF header: program headers of %u bytes, %zu needed",
				  h->phentsize, df_elf_phdr_size(h));
	return 0;
}

size_t df_elf_encode_header(const struct df_elf_header *h, void *buf)
{
	unsigned word = h->bits / 8;
	uint8_t *b = buf;

	memset(b, 0, df_elf_header_size(h));
	memcpy(b, magic, sizeof magic);
	b[EI_CLASS] = h->bits == 64 ? CLASS_64 : CLASS_32;
	b[EI_DATA] = h->be ? DATA_BE : DATA_LE;
	b[EI_VERSION] = 1;
	b[EI_OSABI] = h->osabi;
	df_put16(b + 16, h->type, h->be);
	df_put16(b + 18, h->machine, h->be);
	df_put32(b + E_VERSION, 1, h->be);
	df_put(b + E_ENTRY, word, h->entry, h->be);
	df_put(b + E_ENTRY + word, word, h->phoff, h->be);
	df_put(b + E_ENTRY + 2 * word, word, h->shoff, h->be);
	b += E_ENTRY + 3 * word;
	df_put32(b, h->flags, h->be);
	df_put16(b + 4, h->ehsize, h->be);
	df_put16(b + 6, h->phentsize, h->be);
	df_put16(b + 8, h->phnum, h->be);
	df_put16(b + 10, h->shentsize, h->be);
	df_put16(b + 12, h->shnum, h->be);
	df_put16(b + 14, h->shstrndx, h->be);
	return df_elf_header_size(h);
}

/* Offsets of a program header's fields; the flags moved in the 64-bit form so that the words are aligned. */
struct phdr_form {
	uint8_t flags, offset, vaddr, paddr, filesz, memsz, align;
};
static const struct phdr_form phdr32 = { 24, 4, 8, 12, 16, 20, 28 };
static const struct phdr_form phdr64 = { 4, 8, 16, 24, 32, 40, 48 };

void df_elf_decode_phdr(const struct df_elf_header *h, const void *buf, struct df_elf_phdr *p)
{
	const struct phdr_form *f = h->bits == 64 ? &phdr64 : &phdr32;
	unsigned word = h->bits / 8;
	const uint8_t *b = buf;

	p->type = df_get32(b, h->be);
	p->flags = df_get32(b + f->flags, h->be);
	p->offset = df_get(b + f->offset, word, h->be);
	p->vaddr = df_get(b + f->vaddr, word, h->be);
	p->paddr = df_get(b + f->paddr, word, h->be);
	p->filesz = df_get(b + f->filesz, word, h->be);
	p->memsz = df_get(b + f->memsz, word, h->be);
	p->align = df_get(b + f->align, word, h->be);
}

void df_elf_encode_phdr(const struct df_elf_header *h, const struct df_elf_phdr *p, void *buf)
{
	const struct phdr_form *f = h->bits == 64 ? &phdr64 : &phdr32;
	unsigned word = h->bits / 8;
	uint8_t *b = buf;

	df_put32(b, p->type, h->be);
	df_put32(b + f->flags, p->flags, h->be);
	df_put(b + f->offset, word, p->offset, h->be);
	df_put(b + f->vaddr, word, p->vaddr, h->be);
	df_put(b + f->paddr, word, p->paddr, h->be);
	df_put(b + f->filesz, word, p->filesz, h->be);
	df_put(b + f->memsz, word, p->memsz, h->be);
	df_put(b + f->align, word, p->align, h->be);
}

void df_elf_decode_shdr(const struct df_elf_header *h, const void *buf, struct df_elf_shdr *s)
{
	unsigned word = h->bits / 8;
	const uint8_t *b = buf;

	s->name = df_get32(b, h->be);
	s->type = df_get32(b + 4, h->be);
	s->offset = df_get(b + (h->bits == 64 ? SHDR_OFFS_64 : SHDR_OFFS_32), word, h->be);
	s->size = df_get(b + (h->bits == 64 ? SHDR_SIZE_64 : SHDR_SIZE_32), word, h->be);
}

uint32_t df_elf_decode_shdr0_info(const struct df_elf_header *h, const void *buf)
{
	return df_get32((const uint8_t *)buf + (h->bits == 64 ? SHDR_INFO_64 : SHDR_INFO_32), h->be);
}

void df_elf_encode_shdr0(const struct df_elf_header *h, uint32_t phnum, void *buf)
{
	uint8_t *b = buf;

	memset(b, 0, df_elf_shdr_size(h));
	/* one section: the kernel's core dumps say so here too */
	df_put(b + (h->bits == 64 ? SHDR_SIZE_64 : SHDR_SIZE_32), h->bits / 8, 1, h->be);
	df_put32(b + (h->bits == 64 ? SHDR_INFO_64 : SHDR_INFO_32), phnum, h->be);
}

bool df_elf_next_note(bool be, const uint8_t *notes, size_t len, size_t *pos, struct df_elf_note *n)
{
	uint64_t left = *pos < len ? len - *pos : 0, desc, end;
	const uint8_t *b;

	if (left < NOTE_HEADER)
		goto stop;
	b = notes + *pos;
	n->namesz = df_get32(b, be);
	n->descsz = df_get32(b + 4, be);
	n->type = df_get32(b + 8, be);
	desc = NOTE_HEADER + df_round_up(n->namesz, 4);
	end = desc + n->descsz;
	if (end > left)
		goto stop;
	n->name = (const char *)b + NOTE_HEADER;
	n->desc = b + desc;
	n->desc_offset = *pos + (size_t)desc;
	end = df_round_up(end, 4); /* the last note may lack its padding */
	*pos = end < left ? *pos + (size_t)end : len;
	return true;
stop:
	*pos = len;
	return false;
}

bool df_elf_note_is(const struct df_elf_note *n, const char *s)
{
	size_t len = n->namesz;

	while (len && !n->name[len - 1])
		len--;
	return len == strlen(s) && !memcmp(n->name, s, len);
}

size_t df_elf_encode_note(bool be, const char *name, const void *desc, uint32_t descsz, void *buf)
{
	uint32_t namesz = (uint32_t)strlen(name) + 1;
	size_t at = NOTE_HEADER + (size_t)df_round_up(namesz, 4), size = at + (size_t)df_round_up(descsz, 4);
	uint8_t *b = buf;

	if (!desc)
		return size;
	memset(b, 0, size);
	df_put32(b, namesz, be);
	df_put32(b + 4, descsz, be);
	memcpy(b + NOTE_HEADER, name, namesz);
	memcpy(b + at, desc, descsz);
	return size;
}
