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

static const struct sub *sub_of(const struct mk *m)
{
	return m->bits == 64 ? &sub64 : m->align == 4 ? &sub32_4 : &sub32_8;
}

void mk_put(const struct mk *m, uint8_t *at, unsigned width, uint64_t v)
{
	for (unsigned i = 0; i < width; i++)
		at[m->be ? width - 1 - i : i] = (uint8_t)(v >> 8 * i);
}

void mk_page(const struct mk *m, uint64_t pfn, uint8_t *buf)
{
	for (uint32_t i = 0; i < m->block; i++)
		buf[i] = i % 16 ? (uint8_t)(pfn + 1) : (uint8_t)(i / 16 * 37 + pfn);
}

const uint8_t *mk_wanted(const struct mk *m, uint64_t pfn)
{
	static uint8_t page[65536];

	while (m->pages[pfn] == 's')
		pfn--;
	memset(page, 0, m->block);
	if (m->pages[pfn] == 'p' || m->pages[pfn] == 'r')
		mk_page(m, pfn, page);
	else if (m->pages[pfn] != 'z')
		return NULL;
	return page;
}

bool mk_can_pack(uint32_t packer)
{
	return packer == 1 || (packer == 2 && HAVE_LZO) || (packer == 4 && HAVE_SNAPPY) || (packer == 32 && HAVE_ZSTD);
}

static size_t pack(uint32_t packer, const uint8_t *in, size_t n, uint8_t *out, size_t room)
{
	uLongf zn = room;

	if (packer == 1)
		return compress2(out, &zn, in, n, 1) == Z_OK ? zn : 0;
#if HAVE_LZO
	if (packer == 2) {
		static uint8_t work[LZO1X_1_MEM_COMPRESS];
		lzo_uint ln = room;

		return lzo1x_1_compress(in, n, out, &ln, work) == LZO_E_OK ? ln : 0;
	}
#endif
#if HAVE_SNAPPY
	if (packer == 4)
		return snappy_compress((const char *)in, n, (char *)out, &room) == SNAPPY_OK ? room : 0;
#endif
#if HAVE_ZSTD
	if (packer == 32)
		return ZSTD_compress(out, room, in, n, 1);
#endif
	return 0;
}

static void main_header(const struct mk *m, const struct mk_file *f, uint64_t frames, uint32_t bitmap_blocks)
{
	uint8_t *h = f->data, *time = h + (m->bits == 64 ? 408 : 404), *rest = time + m->bits / 4;

	memcpy(h, "KDUMP   ", 8);
	mk_put(m, h + 8, 4, m->version);
	if (m->machine) {
		memcpy(h + 12, "Linux", 5);
		memcpy(h + 12 + 65, "host", 4);
		memcpy(h + 12 + 2 * 65, "6.1.0-test", 10);
		memcpy(h + 12 + 3 * 65, "#1", 2);
		memcpy(h + 12 + 4 * 65, m->machine, strlen(m->machine));
	}
	mk_put(m, time, m->bits / 8, m->time);
	mk_put(m, rest, 4, m->status);
	mk_put(m, rest + 4, 4, m->block);
	mk_put(m, rest + 8, 4, f->bitmap1_at / m->block - 1);
	mk_put(m, rest + 12, 4, bitmap_blocks);
	mk_put(m, rest + 16, 4, frames);
	mk_put(m, rest + 36, 4, m->nr_cpus);
}

static void sub_header(const struct mk *m, const struct mk_file *f, uint64_t frames)
{
	const struct sub *s = sub_of(m);
	unsigned word = m->bits / 8;
	uint8_t *h = f->data + f->sub_at;
	uint64_t info = m->info ? strlen(m->info) : 0;

	mk_put(m, h, word, m->phys_base);
	mk_put(m, h + s->level, 4, m->level);
	if (m->version >= 2) {
		mk_put(m, h + s->split, 4, m->split);
		mk_put(m, h + s->start, word, m->start);
		mk_put(m, h + s->end, word, m->end);
	}
	if (m->version >= 3 && info) {
		mk_put(m, h + s->info_off, 8, m->version >= 4 ? f->notes_at + 24 : f->notes_at);
		mk_put(m, h + s->info_size, word, info);
	}
	if (m->version >= 4 && info) {
		mk_put(m, h + s->note_off, 8, f->notes_at);
		mk_put(m, h + s->note_size, word, f->notes_len);
	}
	if (m->version >= 6) {
		mk_put(m, h + s->start64, 8, m->start);
		mk_put(m, h + s->end64, 8, m->end);
		mk_put(m, h + s->max64, 8, frames);
	}
}

/* From version 4 on a note, in version 3 just the text. */
static void notes(const struct mk *m, struct mk_file *f)
{
	uint8_t *n = f->data + f->notes_at;
	size_t info = m->info ? strlen(m->info) : 0;

	if (m->version >= 4 && info) {
		mk_put(m, n, 4, 11);
		mk_put(m, n + 4, 4, info);
		memcpy(n + 12, "VMCOREINFO", 10);
		n += 24;
		f->notes_len = 24 + (info + 3) / 4 * 4;
	} else {
		f->notes_len = info;
	}
	if (info)
		memcpy(n, m->info, info);
}

void mk_desc(const struct mk *m, struct mk_file *f, uint64_t i, uint64_t offset, uint32_t size, uint32_t flags)
{
	uint8_t *d = f->data + f->desc_at + i * 24;

	mk_put(m, d, 8, offset);
	mk_put(m, d + 8, 4, size);
	mk_put(m, d + 12, 4, flags);
}

static void one_page(const struct mk *m, struct mk_file *f, uint64_t pfn, uint64_t i)
{
	uint8_t *to = f->data + f->size, *raw = calloc(2, m->block);
	size_t n = 0;

	mk_page(m, pfn, raw);
	if (m->pages[pfn] == 'p')
		n = pack(m->packer, raw, m->block, to, ROOM - f->size);
	if (!n)
		memcpy(to, raw, m->block);
	mk_desc(m, f, i, f->size, n ? (uint32_t)n : m->block, n ? m->packer : 0);
	f->size += n ? n : m->block;
	free(raw);
}

static void pages(const struct mk *m, struct mk_file *f)
{
	uint64_t i = 0, zero = f->data_at;

	f->size = f->data_at + m->block; /* the page of zeros */
	for (uint64_t pfn = 0; m->pages[pfn]; pfn++) {
		char kind = m->pages[pfn];

		if (kind != ' ')
			f->data[f->bitmap1_at + pfn / 8] |= (uint8_t)(1 << pfn % 8);
		if (kind == ' ' || kind == '.')
			continue;
		f->data[f->bitmap2_at + pfn / 8] |= (uint8_t)(1 << pfn % 8);
		if (m->split && (pfn < m->start || pfn >= m->end))
			continue; /* another piece has it, and its number */
		if (kind == 'z')
			mk_desc(m, f, i, zero, m->block, 0);
		else if (kind == 's')
			memcpy(f->data + f->desc_at + i * 24, f->data + f->desc_at + (i - 1) * 24, 24);
		else if (kind != 'l')
			one_page(m, f, pfn, i);
		i++;
	}
}

static void erased(const struct mk *m, struct mk_file *f)
{
	const struct sub *s = sub_of(m);
	size_t len = m->erased ? strlen(m->erased) : 0;

	if (!len)
		return;
	memcpy(f->data + f->size, m->erased, len);
	mk_put(m, f->data + f->sub_at + s->erase_off, 8, f->size);
	mk_put(m, f->data + f->sub_at + s->erase_size, m->bits / 8, len);
	f->size += len;
}

void mk_build(const struct mk *m, struct mk_file *f)
{
	uint64_t frames = strlen(m->pages), half = (frames / 8 + 1 + m->block - 1) / m->block * m->block, stored = 0;

	*f = (struct mk_file){ .data = calloc(1, ROOM), .sub_at = m->block, .notes_at = m->block + sub_of(m)->size };
	for (uint64_t pfn = 0; pfn < frames; pfn++)
		stored += m->pages[pfn] != ' ' && m->pages[pfn] != '.';
	notes(m, f);
	f->bitmap1_at = (f->notes_at + f->notes_len + m->block - 1) / m->block * m->block;
	f->bitmap2_at = f->bitmap1_at + (m->one_bitmap ? 0 : half);
	f->desc_at = f->bitmap2_at + half;
	f->data_at = f->desc_at + stored * 24;
	main_header(m, f, frames, (uint32_t)((f->desc_at - f->bitmap1_at) / m->block));
	sub_header(m, f, frames);
	pages(m, f);
	erased(m, f);
}

void mk_free(struct mk_file *f)
{
	free(f->data);
	*f = (struct mk_file){ 0 };
}
