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

static void check_main(const struct dump *dump)
{
	uint32_t codec = dump->status & 0x27;
	uint64_t usec = dump->layout->is64 ? rd_get(dump, dump->layout->time + 8, 8)
					   : rd_get(dump, dump->layout->time + 4, 4);

	if (dump->version != 6)
		rd_bad("header_version is %u", dump->version);
	if (usec)
		rd_bad("timestamp.tv_usec is %" PRIu64 ": readers may take the header for a 32-bit one", usec);
	if (codec & (codec - 1))
		rd_bad("status %#x has more than one codec", dump->status);
	if (dump->status & ~0x3fu)
		rd_bad("status %#x has unknown bits", dump->status);
	for (unsigned i = 0; i < 4; i++)
		if (rd_get(dump, dump->layout->status + 20 + 4 * i, 4))
			rd_bad("counter %u of the header is not 0", i);
	if (dump->bitmap_blocks != 2 * rd_div_up(rd_div_up(dump->max_mapnr, 8), dump->block))
		rd_bad("bitmap_blocks is %u for max_mapnr %" PRIu64, dump->bitmap_blocks, dump->max_mapnr);
	if (dump->sub_blocks != rd_div_up(dump->layout->size + dump->note_size, dump->block))
		rd_bad("sub_hdr_size is %u blocks for %" PRIu64 " bytes of notes", dump->sub_blocks, dump->note_size);
	if (rd_get(dump, dump->layout->status + 16, 4) != (dump->max_mapnr > UINT32_MAX ? UINT32_MAX : dump->max_mapnr))
		rd_bad("max_mapnr and max_mapnr_64 differ");
}

static void check_split(const struct dump *dump)
{
	if (!dump->split && (dump->start_pfn || dump->end_pfn))
		rd_bad("not split, but start_pfn or end_pfn is not 0");
	if (dump->split && (dump->start_pfn > dump->end_pfn || dump->end_pfn > dump->max_mapnr))
		rd_bad("split range %" PRIx64 "-%" PRIx64 " of %" PRIx64, dump->start_pfn, dump->end_pfn,
		       dump->max_mapnr);
	if (dump->split && dump->start_pfn % 64 && dump->start_pfn != dump->max_mapnr)
		rd_bad("split: start_pfn %" PRIx64 " is no multiple of 64", dump->start_pfn);
	if (dump->erase_size && !rd_inside(dump, dump->erase_off, dump->erase_size))
		rd_bad("eraseinfo lies outside the file");
}

static void check_bitmaps(const struct dump *dump)
{
	uint64_t half = (uint64_t)dump->bitmap_blocks / 2 * dump->block;

	for (uint64_t i = 0; i < half; i++)
		if (dump->bm2[i] & ~dump->bm1[i])
			rd_bad("page frames at %" PRIx64 " are in bitmap 2 and not in bitmap 1", i * 8);
	for (uint64_t pfn = dump->max_mapnr; pfn < half * 8; pfn++)
		if (rd_bit(dump->bm1, pfn) || rd_bit(dump->bm2, pfn))
			rd_bad("page frame %" PRIx64 " is in a bitmap and not below max_mapnr", pfn);
}

/* Notes of a kdump file: walk them, count the CPUs, find VMCOREINFO. */
static void check_notes(const struct dump *dump)
{
	uint64_t at = dump->note_off, end = at + dump->note_size, cpus = 0;
	bool found = !dump->vmci_size;

	if (!dump->note_size) {
		if (dump->vmci_size || dump->vmci_off)
			rd_bad("VMCOREINFO without notes");
		return;
	}
	if (at != dump->block + dump->layout->size || !rd_inside(dump, at, dump->note_size) || end > dump->pd_at)
		rd_die("notes [%" PRIu64 ", +%" PRIu64 ") do not lie behind the sub header", at, dump->note_size);
	while (at + 12 <= end) {
		uint64_t name = rd_get(dump, at, 4), desc = rd_get(dump, at + 4, 4),
			 body = at + 12 + (name + 3) / 4 * 4;

		if (!name && !desc && !rd_get(dump, at + 8, 4))
			break; /* padding */
		if (body > end || desc > end - body) {
			rd_bad("note at %" PRIu64 " runs out of the notes", at);
			break;
		}
		cpus += name == 5 && !memcmp(dump->bytes + at + 12, "CORE", 5) && rd_get(dump, at + 8, 4) == 1;
		found |= body == dump->vmci_off && desc == dump->vmci_size &&
			 !memcmp(dump->bytes + at + 12, "VMCOREINFO", 10);
		at = body + (desc + 3) / 4 * 4;
	}
	if (!found)
		rd_bad("offset_vmcoreinfo %" PRIu64 " +%" PRIu64 " is no VMCOREINFO note", dump->vmci_off,
		       dump->vmci_size);
	if (cpus != dump->nr_cpus)
		rd_bad("nr_cpus is %u, there are %" PRIu64 " NT_PRSTATUS", dump->nr_cpus, cpus);
}

/* The notes must be those of the vmcore: all of its PT_NOTEs, or one; an ELF dump may have ERASEINFO behind them. */
static void compare_notes(const struct dump *dump, const struct dump *view)
{
	const uint8_t *mine = dump->bytes + dump->note_off;
	uint64_t count = dump->note_size;

	if (count == view->notes_size && !memcmp(mine, view->notes, count))
		return;
	if (count == view->note_size && !memcmp(mine, view->bytes + view->note_off, count))
		return;
	if (view->note_size <= count && view->notes_size >= view->note_size) {
		if (dump->elf && !memcmp(mine, view->notes, view->notes_size < count ? view->notes_size : count))
			return;
		if (!memcmp(mine, view->notes, count < view->notes_size ? count : view->notes_size))
			return;
	}
	rd_bad("the notes are not those of the vmcore (%" PRIu64 " bytes, %" PRIu64 " there)", count, view->notes_size);
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

/* Descriptor idx into buffer.  False where the page is lost or wrong (said). */
static bool kdump_page(struct dump *dump, uint64_t idx, uint64_t pfn, uint8_t *buffer, struct stats *stats)
{
	uint64_t at = dump->pd_at + idx * 24, off = rd_get(dump, at, 8), data = dump->pd_at + dump->dumpable * 24;
	uint32_t size = (uint32_t)rd_get(dump, at + 8, 4), flags = (uint32_t)rd_get(dump, at + 12, 4);

	if (!off && dump->incomplete) {
		stats->lost++;
		return false;
	}
	if (rd_get(dump, at + 16, 8))
		rd_bad("pfn %" PRIx64 ": page_flags of the descriptor is not 0", pfn);
	if (off < data || !rd_inside(dump, off, size)) {
		rd_bad("pfn %" PRIx64 ": data [%" PRIu64 ", +%u) lies outside the data area", pfn, off, size);
		return false;
	}
	if (flags && (flags != (dump->status & 0x27) || size >= dump->block))
		rd_bad("pfn %" PRIx64 ": flags %#x, size %u with status %#x", pfn, flags, size, dump->status);
	if (!flags && size != dump->block) {
		rd_bad("pfn %" PRIx64 ": raw page of %u bytes", pfn, size);
		return false;
	}
	if (!flags)
		memcpy(buffer, dump->bytes + off, size);
	else if (!unpack(flags, dump->bytes + off, size, buffer, dump->block)) {
		rd_bad("pfn %" PRIx64 ": does not decompress (flags %#x, %u bytes)", pfn, flags, size);
		return false;
	}
	*(flags ? &stats->packed : &stats->raw) += 1;
	stats->disorder += off < stats->last;
	if (off > stats->last)
		stats->last = off;
	return true;
}

static bool is_zero(const uint8_t *bytes, uint32_t count)
{
	return !bytes[0] && !memcmp(bytes, bytes + 1, count - 1);
}

/* With level bit 1 all zero pages share the first page of the data area, and nothing else is there. */
static void check_zero(const struct dump *dump, uint64_t idx, uint64_t pfn, bool zero)
{
	uint64_t off = rd_get(dump, dump->pd_at + idx * 24, 8), shared = dump->pd_at + dump->dumpable * 24;

	if ((dump->level & 1) && zero != (off == shared))
		rd_bad("pfn %" PRIx64 ": a zero page must be the shared one, and only that", pfn);
}

static uint64_t mix(uint64_t hash, const uint8_t *bytes, size_t count)
{
	uint64_t word;

	for (; count >= 8; count -= 8, bytes += 8) {
		memcpy(&word, bytes, 8);
		hash = (hash ^ word) * 0x9e3779b97f4a7c15u;
		hash ^= hash >> 29;
	}
	return hash;
}

struct buffers {
	uint8_t *page, *mask, *theirs;
};

/* Every byte the dump has must be the vmcore's; a byte that no PT_LOAD has is zero. */
static void compare_page(struct dump *dump, struct dump *view, uint64_t pfn, const struct buffers *buffers,
			 struct stats *stats)
{
	bool there = rd_assemble(view, pfn, dump->block, buffers->theirs, NULL) || rd_touches(view, pfn, dump->block);

	if (there && !memcmp(buffers->page, buffers->theirs, dump->block))
		return;
	for (uint32_t i = 0; there && i < dump->block; i++) {
		if ((dump->elf && !buffers->mask[i]) || buffers->page[i] == buffers->theirs[i])
			continue;
		rd_bad("pfn %" PRIx64 ": byte %u is %#x, %#x in the vmcore", pfn, i, buffers->page[i],
		       buffers->theirs[i]);
		stats->differ++;
		return;
	}
	if (!there) {
		rd_bad("pfn %" PRIx64 ": not in the vmcore", pfn);
		stats->differ++;
	}
}

/* Bitmap 1 is what the vmcore has: nothing that no PT_LOAD touches, everything of which all bytes are in the file. */
static void compare_bitmap1(struct dump *dump, struct dump *view, const struct buffers *buffers)
{
	for (uint64_t pfn = 0; pfn < dump->max_mapnr; pfn++) {
		bool listed = rd_bit(dump->bm1, pfn), touched = rd_touches(view, pfn, dump->block);

		if (listed && !touched)
			rd_bad("pfn %" PRIx64 ": in bitmap 1, in no PT_LOAD", pfn);
		/* holes are large: only what is not as it should be is looked at closely */
		if (!listed && touched && rd_assemble(view, pfn, dump->block, buffers->theirs, NULL) == dump->block)
			rd_bad("pfn %" PRIx64 ": in the vmcore and not in bitmap 1", pfn);
	}
}

static void one_page(struct dump *dump, struct dump *view, uint64_t idx, uint64_t pfn, const struct buffers *buffers,
		     struct stats *stats)
{
	bool zero;

	if (dump->elf)
		stats->raw += rd_assemble(dump, pfn, dump->block, buffers->page, buffers->mask) > 0;
	else if (!kdump_page(dump, idx, pfn, buffers->page, stats))
		return;
	zero = is_zero(buffers->page, dump->block);
	stats->zeros += zero;
	if (!dump->elf)
		check_zero(dump, idx, pfn, zero);
	stats->content = mix(stats->content ^ pfn, buffers->page, dump->block);
	stats->pfns = mix(stats->pfns, (const uint8_t *)&pfn, 8);
	if (view)
		compare_page(dump, view, pfn, buffers, stats);
}

static void all_pages(struct dump *dump, struct dump *view, const struct buffers *buffers, struct stats *stats)
{
	uint64_t idx = 0;

	stats->ram = rd_present(dump);
	for (uint64_t pfn = rd_next(dump, 0); pfn != NONE; pfn = rd_next(dump, pfn + 1)) {
		stats->kept++;
		/* a piece of a split dump has the descriptors of its own pages only */
		if (dump->split && (pfn < dump->start_pfn || pfn >= dump->end_pfn))
			continue;
		one_page(dump, view, idx++, pfn, buffers, stats);
	}
}

static void check_shared_page(const struct dump *dump)
{
	uint64_t at = dump->pd_at + dump->dumpable * 24;

	if (!(dump->level & 1) || dump->incomplete)
		return;
	if (!rd_inside(dump, at, dump->block))
		rd_bad("the shared zero page lies behind the end of the file");
	else if (!is_zero(dump->bytes + at, dump->block))
		rd_bad("the shared zero page is not zero");
}

static void check_headers(const struct dump *dump)
{
	if (dump->elf)
		return;
	check_main(dump);
	check_split(dump);
	check_bitmaps(dump);
	check_notes(dump);
	check_shared_page(dump);
}

/* The page size of an ELF dump is not in its headers; VMCOREINFO has it. */
static void elf_page_size(struct dump *dump)
{
	static const char key[] = "PAGESIZE=";

	for (uint64_t i = 0; dump->elf && i + sizeof key + 5 < dump->notes_size; i++) {
		unsigned long value;

		if (memcmp(dump->notes + i, key, sizeof key - 1))
			continue;
		dump->notes[dump->notes_size] = '\0';
		value = strtoul((char *)dump->notes + i + sizeof key - 1, NULL, 10);
		if (value >= 1024 && value <= RD_MAX_BLOCK && !(value & (value - 1)))
			dump->block = (uint32_t)value;
		return;
	}
}

static void cmd_pages(struct dump *dump, const char *vmcore)
{
	struct dump *view = vmcore ? rd_open(vmcore) : NULL;
	struct stats stats = { .pfns = 1, .content = 1 };
	struct buffers buffers;

	if (view && !view->elf)
		rd_die("%s: not ELF", vmcore);
	buffers.page = rd_need(malloc(dump->block));
	buffers.mask = rd_need(malloc(dump->block));
	buffers.theirs = rd_need(malloc(dump->block));
	check_headers(dump);
	if (view && dump->note_size)
		compare_notes(dump, view);
	if (view && !dump->elf)
		compare_bitmap1(dump, view, &buffers);
	all_pages(dump, view, &buffers, &stats);
	printf("kept %" PRIu64 " of %" PRIu64 " pages, zero %" PRIu64 ", raw %" PRIu64 ", compressed %" PRIu64
	       ", out-of-order %" PRIu64 ", pfns %016" PRIx64 ", content %016" PRIx64 ", bad %" PRIu64,
	       stats.kept, stats.ram, stats.zeros, stats.raw, stats.packed, stats.disorder, stats.pfns, stats.content,
	       stats.differ);
	if (dump->incomplete)
		printf(", incomplete, lost %" PRIu64, stats.lost);
	printf("\n");
	free(buffers.page);
	free(buffers.mask);
	free(buffers.theirs);
	rd_close(view);
}

/* ---- other commands ---- */

static void cmd_info(const struct dump *dump)
{
	uint64_t file = 0, mem = 0;

	printf("%s%s, %s endian", dump->flat ? "flattened " : "",
	       dump->elf ? (dump->is64 ? "ELF64" : "ELF32") : "kdump", dump->big ? "big" : "little");
	if (dump->elf) {
		for (size_t i = 0; i < dump->nloads; i++) {
			file += dump->loads[i].filesz;
			mem += dump->loads[i].memsz;
		}
		printf("\nloads %zu filesz %" PRIu64 " memsz %" PRIu64 " notes %" PRIu64 "\n", dump->nloads, file, mem,
		       dump->notes_size);
		return;
	}
	printf(", %s\nversion %u status %#x block %u sub_blocks %u bitmap_blocks %u max_mapnr %" PRIu64 " nr_cpus %u\n",
	       dump->layout->name, dump->version, dump->status, dump->block, dump->sub_blocks, dump->bitmap_blocks,
	       dump->max_mapnr, dump->nr_cpus);
	printf("phys_base %#" PRIx64 " level %u split %u start %" PRIx64 " end %" PRIx64 " vmcoreinfo %" PRIu64
	       "+%" PRIu64 " notes %" PRIu64 "+%" PRIu64 " eraseinfo %" PRIu64 "+%" PRIu64 " pages %" PRIu64 "\n",
	       rd_word(dump, dump->block), dump->level, dump->split, dump->start_pfn, dump->end_pfn, dump->vmci_off,
	       dump->vmci_size, dump->note_off, dump->note_size, dump->erase_off, dump->erase_size, dump->dumpable);
}

/* Prints the runs of kept frames in [first, last]; how many. */
static uint64_t print_runs(const struct dump *dump, uint64_t first, uint64_t last)
{
	uint64_t run = rd_next(dump, first), end, count = 0;

	while (run <= last && run != NONE) {
		for (end = run; end < last && rd_next(dump, end + 1) == end + 1;)
			end++;
		printf("%" PRIx64 " %" PRIx64 "\n", run, end - run + 1);
		count += end - run + 1;
		run = end == last ? NONE : rd_next(dump, end + 1);
	}
	return count;
}

static void cmd_kept(const struct dump *dump, const char *text)
{
	uint64_t count = 0, first, last;
	char *end;

	do {
		first = last = strtoull(text, &end, 0);
		if (end != text && *end == '-') {
			text = end + 1;
			last = strtoull(text, &end, 0);
		}
		if (end == text || last < first || (*end && *end != ','))
			rd_die("\"%s\" is no list of page frames", text);
		count += print_runs(dump, first, last);
		text = end + 1;
	} while (*end);
	rd_bad_count += !count;
}

static void cmd_diff(const struct dump *dump, const char *path)
{
	struct dump *other = rd_open(path);
	uint64_t only_a = 0, only_b = 0, both = 0, paddr = rd_next(dump, 0), pb = rd_next(other, 0);

	while (paddr != NONE || pb != NONE) {
		uint64_t pfn = paddr < pb ? paddr : pb;

		both += paddr == pb;
		if (paddr < pb && only_a++ < 20)
			printf("only A: %" PRIx64 "\n", pfn);
		if (pb < paddr && only_b++ < 20)
			printf("only B: %" PRIx64 "\n", pfn);
		if (paddr == pfn)
			paddr = rd_next(dump, pfn + 1);
		if (pb == pfn)
			pb = rd_next(other, pfn + 1);
	}
	printf("both %" PRIu64 ", only A %" PRIu64 ", only B %" PRIu64 "\n", both, only_a, only_b);
	rd_bad_count += only_a || only_b;
	rd_close(other);
}

/* Two pieces that follow one another. */
static void compare_pieces(const struct dump *dump, const struct dump *other)
{
	uint64_t maps = (uint64_t)dump->bitmap_blocks * dump->block;

	if (dump->elf || other->elf || !dump->split || !other->split || dump->block != other->block ||
	    dump->pd_at != other->pd_at)
		rd_die("%s and %s are not pieces of one dump", dump->path, other->path);
	if (memcmp(dump->bytes, other->bytes, dump->block))
		rd_bad("%s and %s: the main headers differ", dump->path, other->path);
	if (memcmp(dump->bm1, other->bm1, maps))
		rd_bad("%s and %s: the bitmaps differ", dump->path, other->path);
	if (other->start_pfn != dump->end_pfn)
		rd_bad("%s ends at %" PRIx64 ", %s begins at %" PRIx64, dump->path, dump->end_pfn, other->path,
		       other->start_pfn);
}

static void cmd_set(const char *vmcore, char **paths, int count)
{
	struct dump *last = NULL;

	for (int i = 0; i < count; i++) {
		struct dump *dump = rd_open(paths[i]);

		if (last)
			compare_pieces(last, dump);
		else if (!dump->split || dump->start_pfn)
			rd_bad("%s is not the first piece of a split dump", dump->path);
		cmd_pages(dump, vmcore);
		rd_close(last);
		last = dump;
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
	struct dump *dump;

	if (argc < 3)
		rd_die("usage: dumpcheck info|pages|pfns|kept|diff|set FILE [VMCORE|PFNS|FILE...]");
	if (!strcmp(argv[1], "set")) {
		cmd_set(argv[2], argv + 3, argc - 3);
		return leave();
	}
	dump = rd_open(argv[2]);
	elf_page_size(dump);
	if (!strcmp(argv[1], "info"))
		cmd_info(dump);
	else if (!strcmp(argv[1], "pages"))
		cmd_pages(dump, argc > 3 ? argv[3] : NULL);
	else if (!strcmp(argv[1], "pfns"))
		print_runs(dump, 0, NONE - 1);
	else if (!strcmp(argv[1], "kept") && argc > 3)
		cmd_kept(dump, argv[3]);
	else if (!strcmp(argv[1], "diff") && argc > 3)
		cmd_diff(dump, argv[3]);
	else
		rd_die("unknown command \"%s\"", argv[1]);
	rd_close(dump);
	return leave();
}
