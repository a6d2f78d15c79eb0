/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dumpcheck: reads a dump without the library and says whether everything in it holds.
 *
 *   dumpcheck info  FILE             the header
 *   dumpcheck pages FILE [VMCORE]    check headers, decode every page; with VMCORE compare each byte by byte
 *   dumpcheck pfns  FILE             the page frames kept, as runs: start and length in hex
 *   dumpcheck kept  FILE PFNS        which of these (0x10-0x1f,33) are kept, as runs; status 1 where none is
 *   dumpcheck diff  FILE FILE        page frames that one keeps and the other does not
 *   dumpcheck set   VMCORE FILE...   the pieces of a split dump in order: each as with pages, and all together
 *
 * FILE is kdump-compressed (32 or 64 bits, either byte order), ELF (32 or 64 bits), or one of them flattened.  VMCORE
 * is an ELF file; e_phoff is honoured; where PT_LOADs overlap the first one in the file counts.  Exit status: 0 where
 * all holds, 1 where something does not, 2 where the file cannot be read at all.
 */
#include "readdump.h"

#include <inttypes.h>
#include <lzo/lzo1x.h>
#include <snappy-c.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#define NONE UINT64_MAX

/* ---- checks of the kdump headers ---- */

static void check_main(const struct dump *d)
{
	uint32_t codec = d->status & 0x27;
	uint64_t usec = d->lay->is64 ? rd_get(d, d->lay->time + 8, 8) : rd_get(d, d->lay->time + 4, 4);

	if (d->version != 6)
		rd_bad("header_version is %u", d->version);
	if (usec)
		rd_bad("timestamp.tv_usec is %" PRIu64 ": readers may take the header for a 32-bit one", usec);
	if (codec & (codec - 1))
		rd_bad("status %#x has more than one codec", d->status);
	if (d->status & ~0x3fu)
		rd_bad("status %#x has unknown bits", d->status);
	for (unsigned i = 0; i < 4; i++)
		if (rd_get(d, d->lay->status + 20 + 4 * i, 4))
			rd_bad("counter %u of the header is not 0", i);
	if (d->bitmap_blocks != 2 * rd_div_up(rd_div_up(d->max_mapnr, 8), d->block))
		rd_bad("bitmap_blocks is %u for max_mapnr %" PRIu64, d->bitmap_blocks, d->max_mapnr);
	if (d->sub_blocks != rd_div_up(d->lay->size + d->note_size, d->block))
		rd_bad("sub_hdr_size is %u blocks for %" PRIu64 " bytes of notes", d->sub_blocks, d->note_size);
	if (rd_get(d, d->lay->status + 16, 4) != (d->max_mapnr > UINT32_MAX ? UINT32_MAX : d->max_mapnr))
		rd_bad("max_mapnr and max_mapnr_64 differ");
}

static void check_split(const struct dump *d)
{
	if (!d->split && (d->start_pfn || d->end_pfn))
		rd_bad("not split, but start_pfn or end_pfn is not 0");
	if (d->split && (d->start_pfn > d->end_pfn || d->end_pfn > d->max_mapnr))
		rd_bad("split range %" PRIx64 "-%" PRIx64 " of %" PRIx64, d->start_pfn, d->end_pfn, d->max_mapnr);
	if (d->split && d->start_pfn % 64 && d->start_pfn != d->max_mapnr)
		rd_bad("split: start_pfn %" PRIx64 " is no multiple of 64", d->start_pfn);
	if (d->erase_size && !rd_inside(d, d->erase_off, d->erase_size))
		rd_bad("eraseinfo lies outside the file");
}

static void check_bitmaps(const struct dump *d)
{
	uint64_t half = (uint64_t)d->bitmap_blocks / 2 * d->block;

	for (uint64_t i = 0; i < half; i++)
		if (d->bm2[i] & ~d->bm1[i])
			rd_bad("page frames at %" PRIx64 " are in bitmap 2 and not in bitmap 1", i * 8);
	for (uint64_t pfn = d->max_mapnr; pfn < half * 8; pfn++)
		if (rd_bit(d->bm1, pfn) || rd_bit(d->bm2, pfn))
			rd_bad("page frame %" PRIx64 " is in a bitmap and not below max_mapnr", pfn);
}

/* Notes of a kdump file: walk them, count the CPUs, find VMCOREINFO. */
static void check_notes(const struct dump *d)
{
	uint64_t at = d->note_off, end = at + d->note_size, cpus = 0;
	bool found = !d->vmci_size;

	if (!d->note_size) {
		if (d->vmci_size || d->vmci_off)
			rd_bad("VMCOREINFO without notes");
		return;
	}
	if (at != d->block + d->lay->size || !rd_inside(d, at, d->note_size) || end > d->pd_at)
		rd_die("notes [%" PRIu64 ", +%" PRIu64 ") do not lie behind the sub header", at, d->note_size);
	while (at + 12 <= end) {
		uint64_t name = rd_get(d, at, 4), desc = rd_get(d, at + 4, 4), body = at + 12 + (name + 3) / 4 * 4;

		if (!name && !desc && !rd_get(d, at + 8, 4))
			break; /* padding */
		if (body > end || desc > end - body) {
			rd_bad("note at %" PRIu64 " runs out of the notes", at);
			break;
		}
		cpus += name == 5 && !memcmp(d->p + at + 12, "CORE", 5) && rd_get(d, at + 8, 4) == 1;
		found |= body == d->vmci_off && desc == d->vmci_size && !memcmp(d->p + at + 12, "VMCOREINFO", 10);
		at = body + (desc + 3) / 4 * 4;
	}
	if (!found)
		rd_bad("offset_vmcoreinfo %" PRIu64 " +%" PRIu64 " is no VMCOREINFO note", d->vmci_off, d->vmci_size);
	if (cpus != d->nr_cpus)
		rd_bad("nr_cpus is %u, there are %" PRIu64 " NT_PRSTATUS", d->nr_cpus, cpus);
}

/* The notes must be those of the vmcore: all of its PT_NOTEs, or one; an ELF dump may have ERASEINFO behind them. */
static void compare_notes(const struct dump *d, const struct dump *v)
{
	const uint8_t *mine = d->p + d->note_off;
	uint64_t n = d->note_size;

	if (n == v->notes_size && !memcmp(mine, v->notes, n))
		return;
	if (n == v->note_size && !memcmp(mine, v->p + v->note_off, n))
		return;
	if (v->note_size <= n && v->notes_size >= v->note_size) {
		if (d->elf && !memcmp(mine, v->notes, v->notes_size < n ? v->notes_size : n))
			return;
		if (!memcmp(mine, v->notes, n < v->notes_size ? n : v->notes_size))
			return;
	}
	rd_bad("the notes are not those of the vmcore (%" PRIu64 " bytes, %" PRIu64 " there)", n, v->notes_size);
}

/* ---- pages ---- */

struct stats {
	uint64_t kept, ram, zeros, raw, packed, disorder, lost, differ, pfns, content, last;
};

static bool unpack(uint32_t codec, const uint8_t *in, uint32_t size, uint8_t *out, uint32_t block)
{
	uLongf zn = block;
	lzo_uint ln = block;
	size_t sn = block;

	switch (codec) {
	case 1:
		return uncompress(out, &zn, in, size) == Z_OK && zn == block;
	case 2:
		return lzo1x_decompress_safe(in, size, out, &ln, NULL) == LZO_E_OK && ln == block;
	case 4:
		return snappy_uncompress((const char *)in, size, (char *)out, &sn) == SNAPPY_OK && sn == block;
	case 0x20:
		return ZSTD_decompress(out, block, in, size) == block;
	default:
		return false;
	}
}

/* Descriptor idx into buf.  False where the page is lost or wrong (said). */
static bool kdump_page(struct dump *d, uint64_t idx, uint64_t pfn, uint8_t *buf, struct stats *s)
{
	uint64_t at = d->pd_at + idx * 24, off = rd_get(d, at, 8), data = d->pd_at + d->dumpable * 24;
	uint32_t size = (uint32_t)rd_get(d, at + 8, 4), flags = (uint32_t)rd_get(d, at + 12, 4);

	if (!off && d->incomplete) {
		s->lost++;
		return false;
	}
	if (rd_get(d, at + 16, 8))
		rd_bad("pfn %" PRIx64 ": page_flags of the descriptor is not 0", pfn);
	if (off < data || !rd_inside(d, off, size)) {
		rd_bad("pfn %" PRIx64 ": data [%" PRIu64 ", +%u) lies outside the data area", pfn, off, size);
		return false;
	}
	if (flags && (flags != (d->status & 0x27) || size >= d->block))
		rd_bad("pfn %" PRIx64 ": flags %#x, size %u with status %#x", pfn, flags, size, d->status);
	if (!flags && size != d->block) {
		rd_bad("pfn %" PRIx64 ": raw page of %u bytes", pfn, size);
		return false;
	}
	if (!flags)
		memcpy(buf, d->p + off, size);
	else if (!unpack(flags, d->p + off, size, buf, d->block)) {
		rd_bad("pfn %" PRIx64 ": does not decompress (flags %#x, %u bytes)", pfn, flags, size);
		return false;
	}
	*(flags ? &s->packed : &s->raw) += 1;
	s->disorder += off < s->last;
	if (off > s->last)
		s->last = off;
	return true;
}

static bool is_zero(const uint8_t *p, uint32_t n)
{
	return !p[0] && !memcmp(p, p + 1, n - 1);
}

/* With level bit 1 all zero pages share the first page of the data area, and nothing else is there. */
static void check_zero(const struct dump *d, uint64_t idx, uint64_t pfn, bool zero)
{
	uint64_t off = rd_get(d, d->pd_at + idx * 24, 8), shared = d->pd_at + d->dumpable * 24;

	if ((d->level & 1) && zero != (off == shared))
		rd_bad("pfn %" PRIx64 ": a zero page must be the shared one, and only that", pfn);
}

static uint64_t mix(uint64_t h, const uint8_t *p, size_t n)
{
	uint64_t w;

	for (; n >= 8; n -= 8, p += 8) {
		memcpy(&w, p, 8);
		h = (h ^ w) * 0x9e3779b97f4a7c15u;
		h ^= h >> 29;
	}
	return h;
}

struct buffers {
	uint8_t *page, *mask, *theirs;
};

/* Every byte the dump has must be the vmcore's; a byte that no PT_LOAD has is zero. */
static void compare_page(struct dump *d, struct dump *v, uint64_t pfn, const struct buffers *b, struct stats *s)
{
	bool there = rd_assemble(v, pfn, d->block, b->theirs, NULL) || rd_touches(v, pfn, d->block);

	if (there && !memcmp(b->page, b->theirs, d->block))
		return;
	for (uint32_t i = 0; there && i < d->block; i++) {
		if ((d->elf && !b->mask[i]) || b->page[i] == b->theirs[i])
			continue;
		rd_bad("pfn %" PRIx64 ": byte %u is %#x, %#x in the vmcore", pfn, i, b->page[i], b->theirs[i]);
		s->differ++;
		return;
	}
	if (!there) {
		rd_bad("pfn %" PRIx64 ": not in the vmcore", pfn);
		s->differ++;
	}
}

/* Bitmap 1 is what the vmcore has: nothing that no PT_LOAD touches, everything of which all bytes are in the file. */
static void compare_bitmap1(struct dump *d, struct dump *v, const struct buffers *b)
{
	for (uint64_t pfn = 0; pfn < d->max_mapnr; pfn++) {
		bool listed = rd_bit(d->bm1, pfn), touched = rd_touches(v, pfn, d->block);

		if (listed && !touched)
			rd_bad("pfn %" PRIx64 ": in bitmap 1, in no PT_LOAD", pfn);
		/* holes are large: only what is not as it should be is looked at closely */
		if (!listed && touched && rd_assemble(v, pfn, d->block, b->theirs, NULL) == d->block)
			rd_bad("pfn %" PRIx64 ": in the vmcore and not in bitmap 1", pfn);
	}
}

static void one_page(struct dump *d, struct dump *v, uint64_t idx, uint64_t pfn, const struct buffers *b,
		     struct stats *s)
{
	bool zero;

	if (d->elf)
		s->raw += rd_assemble(d, pfn, d->block, b->page, b->mask) > 0;
	else if (!kdump_page(d, idx, pfn, b->page, s))
		return;
	zero = is_zero(b->page, d->block);
	s->zeros += zero;
	if (!d->elf)
		check_zero(d, idx, pfn, zero);
	s->content = mix(s->content ^ pfn, b->page, d->block);
	s->pfns = mix(s->pfns, (const uint8_t *)&pfn, 8);
	if (v)
		compare_page(d, v, pfn, b, s);
}

static void all_pages(struct dump *d, struct dump *v, const struct buffers *b, struct stats *s)
{
	uint64_t idx = 0;

	s->ram = rd_present(d);
	for (uint64_t pfn = rd_next(d, 0); pfn != NONE; pfn = rd_next(d, pfn + 1)) {
		s->kept++;
		/* a piece of a split dump has the descriptors of its own pages only */
		if (d->split && (pfn < d->start_pfn || pfn >= d->end_pfn))
			continue;
		one_page(d, v, idx++, pfn, b, s);
	}
}

static void check_shared_page(const struct dump *d)
{
	uint64_t at = d->pd_at + d->dumpable * 24;

	if (!(d->level & 1) || d->incomplete)
		return;
	if (!rd_inside(d, at, d->block))
		rd_bad("the shared zero page lies behind the end of the file");
	else if (!is_zero(d->p + at, d->block))
		rd_bad("the shared zero page is not zero");
}

static void check_headers(const struct dump *d)
{
	if (d->elf)
		return;
	check_main(d);
	check_split(d);
	check_bitmaps(d);
	check_notes(d);
	check_shared_page(d);
}

/* The page size of an ELF dump is not in its headers; VMCOREINFO has it. */
static void elf_page_size(struct dump *d)
{
	static const char key[] = "PAGESIZE=";

	for (uint64_t i = 0; d->elf && i + sizeof key + 5 < d->notes_size; i++) {
		unsigned long v;

		if (memcmp(d->notes + i, key, sizeof key - 1))
			continue;
		d->notes[d->notes_size] = '\0';
		v = strtoul((char *)d->notes + i + sizeof key - 1, NULL, 10);
		if (v >= 1024 && v <= RD_MAX_BLOCK && !(v & (v - 1)))
			d->block = (uint32_t)v;
		return;
	}
}

static void cmd_pages(struct dump *d, const char *vmcore)
{
	struct dump *v = vmcore ? rd_open(vmcore) : NULL;
	struct stats s = { .pfns = 1, .content = 1 };
	struct buffers b;

	if (v && !v->elf)
		rd_die("%s: not ELF", vmcore);
	b.page = rd_need(malloc(d->block));
	b.mask = rd_need(malloc(d->block));
	b.theirs = rd_need(malloc(d->block));
	check_headers(d);
	if (v && d->note_size)
		compare_notes(d, v);
	if (v && !d->elf)
		compare_bitmap1(d, v, &b);
	all_pages(d, v, &b, &s);
	printf("kept %" PRIu64 " of %" PRIu64 " pages, zero %" PRIu64 ", raw %" PRIu64 ", compressed %" PRIu64
	       ", out-of-order %" PRIu64 ", pfns %016" PRIx64 ", content %016" PRIx64 ", bad %" PRIu64,
	       s.kept, s.ram, s.zeros, s.raw, s.packed, s.disorder, s.pfns, s.content, s.differ);
	if (d->incomplete)
		printf(", incomplete, lost %" PRIu64, s.lost);
	printf("\n");
	free(b.page);
	free(b.mask);
	free(b.theirs);
	rd_close(v);
}

/* ---- other commands ---- */

static void cmd_info(const struct dump *d)
{
	uint64_t file = 0, mem = 0;

	printf("%s%s, %s endian", d->flat ? "flattened " : "", d->elf ? (d->is64 ? "ELF64" : "ELF32") : "kdump",
	       d->big ? "big" : "little");
	if (d->elf) {
		for (size_t i = 0; i < d->nloads; i++) {
			file += d->loads[i].filesz;
			mem += d->loads[i].memsz;
		}
		printf("\nloads %zu filesz %" PRIu64 " memsz %" PRIu64 " notes %" PRIu64 "\n", d->nloads, file, mem,
		       d->notes_size);
		return;
	}
	printf(", %s\nversion %u status %#x block %u sub_blocks %u bitmap_blocks %u max_mapnr %" PRIu64 " nr_cpus %u\n",
	       d->lay->name, d->version, d->status, d->block, d->sub_blocks, d->bitmap_blocks, d->max_mapnr,
	       d->nr_cpus);
	printf("phys_base %#" PRIx64 " level %u split %u start %" PRIx64 " end %" PRIx64 " vmcoreinfo %" PRIu64
	       "+%" PRIu64 " notes %" PRIu64 "+%" PRIu64 " eraseinfo %" PRIu64 "+%" PRIu64 " pages %" PRIu64 "\n",
	       rd_word(d, d->block), d->level, d->split, d->start_pfn, d->end_pfn, d->vmci_off, d->vmci_size,
	       d->note_off, d->note_size, d->erase_off, d->erase_size, d->dumpable);
}

/* Prints the runs of kept frames in [first, last]; how many. */
static uint64_t print_runs(const struct dump *d, uint64_t first, uint64_t last)
{
	uint64_t run = rd_next(d, first), end, n = 0;

	while (run <= last && run != NONE) {
		for (end = run; end < last && rd_next(d, end + 1) == end + 1;)
			end++;
		printf("%" PRIx64 " %" PRIx64 "\n", run, end - run + 1);
		n += end - run + 1;
		run = end == last ? NONE : rd_next(d, end + 1);
	}
	return n;
}

static void cmd_kept(const struct dump *d, const char *s)
{
	uint64_t n = 0, first, last;
	char *end;

	do {
		first = last = strtoull(s, &end, 0);
		if (end != s && *end == '-') {
			s = end + 1;
			last = strtoull(s, &end, 0);
		}
		if (end == s || last < first || (*end && *end != ','))
			rd_die("\"%s\" is no list of page frames", s);
		n += print_runs(d, first, last);
		s = end + 1;
	} while (*end);
	rd_bad_count += !n;
}

static void cmd_diff(const struct dump *a, const char *path)
{
	struct dump *b = rd_open(path);
	uint64_t only_a = 0, only_b = 0, both = 0, pa = rd_next(a, 0), pb = rd_next(b, 0);

	while (pa != NONE || pb != NONE) {
		uint64_t pfn = pa < pb ? pa : pb;

		both += pa == pb;
		if (pa < pb && only_a++ < 20)
			printf("only A: %" PRIx64 "\n", pfn);
		if (pb < pa && only_b++ < 20)
			printf("only B: %" PRIx64 "\n", pfn);
		if (pa == pfn)
			pa = rd_next(a, pfn + 1);
		if (pb == pfn)
			pb = rd_next(b, pfn + 1);
	}
	printf("both %" PRIu64 ", only A %" PRIu64 ", only B %" PRIu64 "\n", both, only_a, only_b);
	rd_bad_count += only_a || only_b;
	rd_close(b);
}

/* Two pieces that follow one another. */
static void compare_pieces(const struct dump *a, const struct dump *b)
{
	uint64_t maps = (uint64_t)a->bitmap_blocks * a->block;

	if (a->elf || b->elf || !a->split || !b->split || a->block != b->block || a->pd_at != b->pd_at)
		rd_die("%s and %s are not pieces of one dump", a->path, b->path);
	if (memcmp(a->p, b->p, a->block))
		rd_bad("%s and %s: the main headers differ", a->path, b->path);
	if (memcmp(a->bm1, b->bm1, maps))
		rd_bad("%s and %s: the bitmaps differ", a->path, b->path);
	if (b->start_pfn != a->end_pfn)
		rd_bad("%s ends at %" PRIx64 ", %s begins at %" PRIx64, a->path, a->end_pfn, b->path, b->start_pfn);
}

static void cmd_set(const char *vmcore, char **paths, int n)
{
	struct dump *last = NULL;

	for (int i = 0; i < n; i++) {
		struct dump *d = rd_open(paths[i]);

		if (last)
			compare_pieces(last, d);
		else if (!d->split || d->start_pfn)
			rd_bad("%s is not the first piece of a split dump", d->path);
		cmd_pages(d, vmcore);
		rd_close(last);
		last = d;
	}
	if (last && last->end_pfn != last->max_mapnr)
		rd_bad("%s ends at %" PRIx64 " of %" PRIx64, last->path, last->end_pfn, last->max_mapnr);
	rd_close(last);
}

static int leave(void)
{
	if (rd_bad_count > 20)
		fprintf(stderr, "dumpcheck: %u more like these\n", rd_bad_count - 20);
	return rd_bad_count ? 1 : 0;
}

int main(int argc, char **argv)
{
	struct dump *d;

	if (argc < 3)
		rd_die("usage: dumpcheck info|pages|pfns|kept|diff|set FILE [VMCORE|PFNS|FILE...]");
	if (!strcmp(argv[1], "set")) {
		cmd_set(argv[2], argv + 3, argc - 3);
		return leave();
	}
	d = rd_open(argv[2]);
	elf_page_size(d);
	if (!strcmp(argv[1], "info"))
		cmd_info(d);
	else if (!strcmp(argv[1], "pages"))
		cmd_pages(d, argc > 3 ? argv[3] : NULL);
	else if (!strcmp(argv[1], "pfns"))
		print_runs(d, 0, NONE - 1);
	else if (!strcmp(argv[1], "kept") && argc > 3)
		cmd_kept(d, argv[3]);
	else if (!strcmp(argv[1], "diff") && argc > 3)
		cmd_diff(d, argv[3]);
	else
		rd_die("unknown command \"%s\"", argv[1]);
	rd_close(d);
	return leave();
}
