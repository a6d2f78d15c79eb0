/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "mkdump.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#if HAVE_LZO
#include <lzo/lzo1x.h>
#endif
#if HAVE_SNAPPY
#include <snappy-c.h>
#endif
#if HAVE_ZSTD
#include <zstd.h>
#endif

const struct mk mk_plain = { .bits = 64,
			     .align = 8,
			     .version = 6,
			     .block = 4096,
			     .status = 1,
			     .level = 1,
			     .nr_cpus = 3,
			     .time = 1234567890,
			     .phys_base = 0x1000000,
			     .machine = "x86_64",
			     .info = "OSRELEASE=6.1.0-test\nPAGESIZE=4096\n",
			     .packer = 1,
			     .pages = "  pprz.plrs  p.zzp" };

#define ROOM ((size_t)4 << 20)

/* Offsets of the sub header's fields as the three kinds of compilers lay them out, and the size of version 6. */
struct sub {
	unsigned level, split, start, end, info_off, info_size, note_off, note_size, erase_off, erase_size, start64,
		end64, max64, size;
};
static const struct sub sub64 = { 8, 12, 16, 24, 32, 40, 48, 56, 64, 72, 80, 88, 96, 104 };
static const struct sub sub32_4 = { 4, 8, 12, 16, 20, 28, 32, 40, 44, 52, 56, 64, 72, 80 };
static const struct sub sub32_8 = { 4, 8, 12, 16, 24, 32, 40, 48, 56, 64, 72, 80, 88, 96 };

static const struct sub *sub_of(const struct mk *made)
{
	return made->bits == 64 ? &sub64 : made->align == 4 ? &sub32_4 : &sub32_8;
}

void mk_put(const struct mk *made, uint8_t *at, unsigned width, uint64_t value)
{
	for (unsigned i = 0; i < width; i++)
		at[made->big_endian ? width - 1 - i : i] = (uint8_t)(value >> 8 * i);
}

void mk_page(const struct mk *made, uint64_t pfn, uint8_t *buffer)
{
	for (uint32_t i = 0; i < made->block; i++)
		buffer[i] = i % 16 ? (uint8_t)(pfn + 1) : (uint8_t)(i / 16 * 37 + pfn);
}

const uint8_t *mk_wanted(const struct mk *made, uint64_t pfn)
{
	static uint8_t page[65536];

	while (made->pages[pfn] == 's')
		pfn--;
	memset(page, 0, made->block);
	if (made->pages[pfn] == 'p' || made->pages[pfn] == 'r')
		mk_page(made, pfn, page);
	else if (made->pages[pfn] != 'z')
		return NULL;
	return page;
}

bool mk_can_pack(uint32_t packer)
{
	return packer == 1 || (packer == 2 && HAVE_LZO) || (packer == 4 && HAVE_SNAPPY) || (packer == 32 && HAVE_ZSTD);
}

static size_t pack(uint32_t packer, const uint8_t *in, size_t count, uint8_t *out, size_t room)
{
	uLongf zn = room;

	if (packer == 1)
		return compress2(out, &zn, in, count, 1) == Z_OK ? zn : 0;
#if HAVE_LZO
	if (packer == 2) {
		static uint8_t work[LZO1X_1_MEM_COMPRESS];
		lzo_uint ln = room;

		return lzo1x_1_compress(in, count, out, &ln, work) == LZO_E_OK ? ln : 0;
	}
#endif
#if HAVE_SNAPPY
	if (packer == 4)
		return snappy_compress((const char *)in, count, (char *)out, &room) == SNAPPY_OK ? room : 0;
#endif
#if HAVE_ZSTD
	if (packer == 32)
		return ZSTD_compress(out, room, in, count, 1);
#endif
	return 0;
}

static void main_header(const struct mk *made, const struct mk_file *file, uint64_t frames, uint32_t bitmap_blocks)
{
	uint8_t *header = file->data, *time = header + (made->bits == 64 ? 408 : 404), *rest = time + made->bits / 4;

	memcpy(header, "KDUMP   ", 8);
	mk_put(made, header + 8, 4, made->version);
	if (made->machine) {
		memcpy(header + 12, "Linux", 5);
		memcpy(header + 12 + 65, "host", 4);
		memcpy(header + 12 + 2 * 65, "6.1.0-test", 10);
		memcpy(header + 12 + 3 * 65, "#1", 2);
		memcpy(header + 12 + 4 * 65, made->machine, strlen(made->machine));
	}
	mk_put(made, time, made->bits / 8, made->time);
	mk_put(made, rest, 4, made->status);
	mk_put(made, rest + 4, 4, made->block);
	mk_put(made, rest + 8, 4, file->bitmap1_at / made->block - 1);
	mk_put(made, rest + 12, 4, bitmap_blocks);
	mk_put(made, rest + 16, 4, frames);
	mk_put(made, rest + 36, 4, made->nr_cpus);
}

static void sub_header(const struct mk *made, const struct mk_file *file, uint64_t frames)
{
	const struct sub *sub = sub_of(made);
	unsigned word = made->bits / 8;
	uint8_t *header = file->data + file->sub_at;
	uint64_t info = made->info ? strlen(made->info) : 0;

	mk_put(made, header, word, made->phys_base);
	mk_put(made, header + sub->level, 4, made->level);
	if (made->version >= 2) {
		mk_put(made, header + sub->split, 4, made->split);
		mk_put(made, header + sub->start, word, made->start);
		mk_put(made, header + sub->end, word, made->end);
	}
	if (made->version >= 3 && info) {
		mk_put(made, header + sub->info_off, 8, made->version >= 4 ? file->notes_at + 24 : file->notes_at);
		mk_put(made, header + sub->info_size, word, info);
	}
	if (made->version >= 4 && info) {
		mk_put(made, header + sub->note_off, 8, file->notes_at);
		mk_put(made, header + sub->note_size, word, file->notes_len);
	}
	if (made->version >= 6) {
		mk_put(made, header + sub->start64, 8, made->start);
		mk_put(made, header + sub->end64, 8, made->end);
		mk_put(made, header + sub->max64, 8, frames);
	}
}

/* From version 4 on a note, in version 3 just the text. */
static void notes(const struct mk *made, struct mk_file *file)
{
	uint8_t *note = file->data + file->notes_at;
	size_t info = made->info ? strlen(made->info) : 0;

	if (made->version >= 4 && info) {
		mk_put(made, note, 4, 11);
		mk_put(made, note + 4, 4, info);
		memcpy(note + 12, "VMCOREINFO", 10);
		note += 24;
		file->notes_len = 24 + (info + 3) / 4 * 4;
	} else {
		file->notes_len = info;
	}
	if (info)
		memcpy(note, made->info, info);
}

void mk_desc(const struct mk *made, struct mk_file *file, uint64_t i, uint64_t offset, uint32_t size, uint32_t flags)
{
	uint8_t *data = file->data + file->desc_at + i * 24;

	mk_put(made, data, 8, offset);
	mk_put(made, data + 8, 4, size);
	mk_put(made, data + 12, 4, flags);
}

static void one_page(const struct mk *made, struct mk_file *file, uint64_t pfn, uint64_t i)
{
	uint8_t *to = file->data + file->size, *raw = calloc(2, made->block);
	size_t count = 0;

	mk_page(made, pfn, raw);
	if (made->pages[pfn] == 'p')
		count = pack(made->packer, raw, made->block, to, ROOM - file->size);
	if (!count)
		memcpy(to, raw, made->block);
	mk_desc(made, file, i, file->size, count ? (uint32_t)count : made->block, count ? made->packer : 0);
	file->size += count ? count : made->block;
	free(raw);
}

static void pages(const struct mk *made, struct mk_file *file)
{
	uint64_t i = 0, zero = file->data_at;

	file->size = file->data_at + made->block; /* the page of zeros */
	for (uint64_t pfn = 0; made->pages[pfn]; pfn++) {
		char kind = made->pages[pfn];

		if (kind != ' ')
			file->data[file->bitmap1_at + pfn / 8] |= (uint8_t)(1 << pfn % 8);
		if (kind == ' ' || kind == '.')
			continue;
		file->data[file->bitmap2_at + pfn / 8] |= (uint8_t)(1 << pfn % 8);
		if (made->split && (pfn < made->start || pfn >= made->end))
			continue; /* another piece has it, and its number */
		if (kind == 'z')
			mk_desc(made, file, i, zero, made->block, 0);
		else if (kind == 's')
			memcpy(file->data + file->desc_at + i * 24, file->data + file->desc_at + (i - 1) * 24, 24);
		else if (kind != 'l')
			one_page(made, file, pfn, i);
		i++;
	}
}

static void erased(const struct mk *made, struct mk_file *file)
{
	const struct sub *sub = sub_of(made);
	size_t length = made->erased ? strlen(made->erased) : 0;

	if (!length)
		return;
	memcpy(file->data + file->size, made->erased, length);
	mk_put(made, file->data + file->sub_at + sub->erase_off, 8, file->size);
	mk_put(made, file->data + file->sub_at + sub->erase_size, made->bits / 8, length);
	file->size += length;
}

void mk_build(const struct mk *made, struct mk_file *file)
{
	uint64_t frames = strlen(made->pages), half = (frames / 8 + 1 + made->block - 1) / made->block * made->block,
		 stored = 0;

	*file = (struct mk_file){ .data = calloc(1, ROOM),
				  .sub_at = made->block,
				  .notes_at = made->block + sub_of(made)->size };
	for (uint64_t pfn = 0; pfn < frames; pfn++)
		stored += made->pages[pfn] != ' ' && made->pages[pfn] != '.';
	notes(made, file);
	file->bitmap1_at = (file->notes_at + file->notes_len + made->block - 1) / made->block * made->block;
	file->bitmap2_at = file->bitmap1_at + (made->one_bitmap ? 0 : half);
	file->desc_at = file->bitmap2_at + half;
	file->data_at = file->desc_at + stored * 24;
	main_header(made, file, frames, (uint32_t)((file->desc_at - file->bitmap1_at) / made->block));
	sub_header(made, file, frames);
	pages(made, file);
	erased(made, file);
}

void mk_free(struct mk_file *file)
{
	free(file->data);
	*file = (struct mk_file){ 0 };
}
