/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "readdump.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define NONE UINT64_MAX

static const struct layout layouts[] = {
	{ "64-bit", true, 408, 424, 8, 12, 32, 40, 48, 56, 64, 72, 80, 88, 96, 104 },
	{ "32-bit", false, 404, 412, 4, 8, 20, 28, 32, 40, 44, 52, 56, 64, 72, 80 },
	{ "32-bit padded", false, 404, 412, 4, 8, 24, 32, 40, 48, 56, 64, 72, 80, 88, 96 },
};

unsigned rd_bad_count;

__attribute__((format(printf, 1, 2), noreturn)) void rd_die(const char *fmt, ...)
{
	va_list ap;

	fputs("dumpcheck: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(2);
}

__attribute__((format(printf, 1, 2))) void rd_bad(const char *fmt, ...)
{
	va_list ap;

	if (++rd_bad_count > 20)
		return;
	fputs("dumpcheck: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
}

void *rd_need(void *memory)
{
	if (!memory)
		rd_die("no memory");
	return memory;
}

/* ---- numbers ---- */

uint64_t rd_get(const struct dump *dump, uint64_t at, unsigned width)
{
	uint64_t value = 0;

	if (width > dump->count || at > dump->count - width)
		rd_die("%s: %u bytes at %" PRIu64 " lie behind the end (%" PRIu64 ")", dump->path, width, at,
		       dump->count);
	for (unsigned i = 0; i < width; i++)
		value |= (uint64_t)dump->bytes[at + (dump->big ? width - 1 - i : i)] << 8 * i;
	return value;
}

uint64_t rd_word(const struct dump *dump, uint64_t at)
{
	return rd_get(dump, at, dump->is64 ? 8 : 4);
}

static uint64_t be64(const uint8_t *bytes)
{
	uint64_t value = 0;

	for (unsigned i = 0; i < 8; i++)
		value = value << 8 | bytes[i];
	return value;
}

bool rd_bit(const uint8_t *map, uint64_t i)
{
	return map[i / 8] >> i % 8 & 1;
}

bool rd_inside(const struct dump *dump, uint64_t off, uint64_t length)
{
	return off <= dump->count && length <= dump->count - off;
}

uint64_t rd_div_up(uint64_t start, uint64_t end)
{
	return (start + end - 1) / end;
}

/* ---- the file ---- */

static void map_file(struct dump *dump, const char *path)
{
	int fd = open(path, O_RDONLY);
	struct stat st;
	void *memory;

	dump->path = path;
	if (fd < 0 || fstat(fd, &st)) {
		perror(path);
		exit(2);
	}
	dump->count = (uint64_t)st.st_size;
	if (!dump->count)
		rd_die("%s: empty", path);
	memory = mmap(NULL, dump->count, PROT_READ, MAP_SHARED, fd, 0);
	if (memory == MAP_FAILED)
		rd_die("%s: cannot map", path);
	dump->bytes = memory;
	close(fd);
}

/* One pass over the records of a flattened stream; with out, copies them.  Returns the end of the highest one. */
static uint64_t records(const struct dump *dump, uint8_t *out)
{
	uint64_t at = 4096, top = 0, off, length;

	for (;;) {
		if (!rd_inside(dump, at, 16))
			rd_die("%s: flattened, but there is no end record", dump->path);
		off = be64(dump->bytes + at);
		length = be64(dump->bytes + at + 8);
		at += 16;
		if (off == NONE && length == NONE)
			break;
		if (off >> 63 || !length || length >> 63 || !rd_inside(dump, at, length))
			rd_die("%s: flattened: bad record at %" PRIu64, dump->path, at - 16);
		if (out)
			memcpy(out + off, dump->bytes + at, length);
		if (off + length > top)
			top = off + length;
		at += length;
	}
	if (at != dump->count)
		rd_bad("%" PRIu64 " bytes behind the end record", dump->count - at);
	return top;
}

static void unflatten(struct dump *dump)
{
	uint64_t size;
	void *out;

	if (dump->count < 4096 || memcmp(dump->bytes, "makedumpfile\0\0\0\0", 16))
		return;
	if (be64(dump->bytes + 16) != 1 || be64(dump->bytes + 24) != 1)
		rd_die("%s: flattened: type and version are not 1", dump->path);
	size = records(dump, NULL);
	out = mmap(NULL, size ? size : 1, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (out == MAP_FAILED)
		rd_die("no memory for %" PRIu64 " bytes", size);
	records(dump, out);
	munmap((void *)(uintptr_t)dump->bytes, dump->count);
	dump->bytes = out;
	dump->count = size;
	dump->flat = true;
}

/* ---- ELF ---- */

static size_t ext_after(const struct dump *dump, uint64_t paddr)
{
	size_t low = 0, high = dump->next;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (dump->extent[mid].end > paddr)
			high = mid;
		else
			low = mid + 1;
	}
	return low;
}

static void ext_insert(struct dump *dump, size_t i, struct extent extent)
{
	if (dump->next == dump->cap_ext)
		dump->extent = rd_need(
			realloc(dump->extent, (dump->cap_ext = dump->cap_ext * 2 + 64) * sizeof *dump->extent));
	memmove(dump->extent + i + 1, dump->extent + i, (dump->next - i) * sizeof *dump->extent);
	dump->extent[i] = extent;
	dump->next++;
}

/* Adds what earlier loads do not hold yet. */
static void ext_add(struct dump *dump, uint64_t paddr, uint64_t end, uint64_t off)
{
	while (paddr < end) {
		size_t i = ext_after(dump, paddr);
		uint64_t stop = end;

		if (i < dump->next && dump->extent[i].paddr <= paddr) {
			off += dump->extent[i].end - paddr;
			paddr = dump->extent[i].end;
			continue;
		}
		if (i < dump->next && dump->extent[i].paddr < stop)
			stop = dump->extent[i].paddr;
		ext_insert(dump, i, (struct extent){ paddr, stop, off });
		off += stop - paddr;
		paddr = stop;
	}
}

static void add_load(struct dump *dump, const struct load *load)
{
	uint64_t have = load->filesz;

	dump->loads = rd_need(realloc(dump->loads, (dump->nloads + 1) * sizeof *dump->loads));
	dump->loads[dump->nloads++] = *load;
	if (load->paddr + load->memsz < load->paddr)
		rd_bad("%s: PT_LOAD %zu: p_paddr + p_memsz overflows", dump->path, dump->nloads - 1);
	if (load->filesz > load->memsz)
		rd_bad("%s: PT_LOAD %zu: p_filesz is larger than p_memsz", dump->path, dump->nloads - 1);
	if (have && !rd_inside(dump, load->off, have)) {
		if (!dump->incomplete)
			rd_bad("%s: PT_LOAD %zu: data runs behind the end of the file", dump->path, dump->nloads - 1);
		have = load->off < dump->count ? dump->count - load->off : 0;
	}
	ext_add(dump, load->paddr, load->paddr + have, load->off);
}

static void add_notes(struct dump *dump, uint64_t off, uint64_t size)
{
	if (!rd_inside(dump, off, size))
		rd_die("%s: PT_NOTE runs behind the end of the file", dump->path);
	dump->notes = rd_need(realloc(dump->notes, dump->notes_size + size + 1));
	memcpy(dump->notes + dump->notes_size, dump->bytes + off, size);
	dump->notes_size += size;
	dump->note_off = off;
	dump->note_size = size;
}

static void read_phdr(struct dump *dump, uint64_t at, uint64_t number)
{
	bool wanted = dump->is64;
	uint32_t type = (uint32_t)rd_get(dump, at, 4);
	struct load load = { .off = rd_word(dump, at + (wanted ? 8 : 4)),
			     .vaddr = rd_word(dump, at + (wanted ? 16 : 8)),
			     .paddr = rd_word(dump, at + (wanted ? 24 : 12)),
			     .filesz = rd_word(dump, at + (wanted ? 32 : 16)),
			     .memsz = rd_word(dump, at + (wanted ? 40 : 20)) };

	if (type == 4)
		add_notes(dump, load.off, load.filesz);
	if (type == 1)
		add_load(dump, &load);
	if (type == 4 && dump->nloads)
		rd_bad("%s: program header %" PRIu64 ": PT_NOTE behind a PT_LOAD", dump->path, number);
}

static void open_elf(struct dump *dump)
{
	uint64_t phoff, shoff, count, size;

	dump->elf = true;
	dump->is64 = dump->count > 5 && dump->bytes[4] == 2;
	dump->big = dump->count > 5 && dump->bytes[5] == 2;
	if (rd_get(dump, 16, 2) != 4)
		rd_bad("%s: e_type is not ET_CORE", dump->path);
	phoff = rd_word(dump, dump->is64 ? 32 : 28);
	shoff = rd_word(dump, dump->is64 ? 40 : 32);
	dump->incomplete = rd_get(dump, dump->is64 ? 48 : 36, 4) & 1;
	size = rd_get(dump, dump->is64 ? 54 : 42, 2);
	count = rd_get(dump, dump->is64 ? 56 : 44, 2);
	if (size != (dump->is64 ? 56u : 32u))
		rd_die("%s: e_phentsize is %" PRIu64, dump->path, size);
	if (count == 0xffff)
		count = rd_get(dump, shoff + (dump->is64 ? 44 : 28), 4);
	for (uint64_t i = 0; i < count; i++)
		read_phdr(dump, phoff + i * size, i);
	dump->block = 4096;
}

uint64_t rd_assemble(struct dump *dump, uint64_t pfn, uint32_t block, uint8_t *buffer, uint8_t *mask)
{
	uint64_t paddr = pfn * block, end = paddr + block, have = 0;

	memset(buffer, 0, block);
	if (mask)
		memset(mask, 0, block);
	for (size_t i = ext_after(dump, paddr); i < dump->next && dump->extent[i].paddr < end; i++) {
		uint64_t from = dump->extent[i].paddr > paddr ? dump->extent[i].paddr : paddr,
			 to = dump->extent[i].end < end ? dump->extent[i].end : end;

		memcpy(buffer + (from - paddr), dump->bytes + dump->extent[i].off + (from - dump->extent[i].paddr),
		       to - from);
		if (mask)
			memset(mask + (from - paddr), 1, to - from);
		have += to - from;
	}
	return have;
}

bool rd_touches(const struct dump *dump, uint64_t pfn, uint32_t block)
{
	for (size_t i = 0; i < dump->nloads; i++)
		if (pfn * block < dump->loads[i].paddr + dump->loads[i].memsz &&
		    (pfn + 1) * block > dump->loads[i].paddr)
			return true;
	return false;
}

/* ---- kdump-compressed ---- */

/* The byte order and layout in which the main header makes sense. */
static bool plausible(struct dump *dump, const struct layout *layout, bool big)
{
	uint64_t block, blocks;

	dump->big = big;
	block = rd_get(dump, layout->status + 4, 4);
	blocks = rd_get(dump, layout->status + 12, 4);
	if (block < 1024 || block > RD_MAX_BLOCK || (block & (block - 1)))
		return false;
	return rd_get(dump, 8, 4) <= 6 && 8 * blocks * block >= rd_get(dump, layout->status + 16, 4) &&
	       rd_inside(dump, block, rd_get(dump, layout->status + 8, 4) * block);
}

/* Does the sub header make sense, read so? */
static bool fits(const struct dump *dump, const struct layout *layout)
{
	uint64_t sub = dump->block, end = (1 + rd_get(dump, layout->status + 8, 4)) * dump->block,
		 version = rd_get(dump, 8, 4);
	uint64_t notes = version >= 4 ? rd_get(dump, sub + layout->note_off, 8) : 0;
	uint64_t size = version >= 4 ? rd_get(dump, sub + layout->note_size, 4) : 0;

	if (version >= 6 && rd_get(dump, sub + layout->max64, 8) != rd_get(dump, layout->status + 16, 4))
		return false;
	return size ? notes >= sub && notes < end && size <= end - notes : !notes;
}

/* The two of 32 bits differ in the sub header: i386 aligns 64-bit numbers to 4, other machines to 8.  The name of the
 * machine tells, or, where there is none, what makes sense. */
static const struct layout *of_32_bits(const struct dump *dump)
{
	const char *machine = (const char *)dump->bytes + 12 + 4 * 65;

	if (machine[0] && strncmp(machine, "Unknown", 7))
		return machine[0] == 'i' && !strncmp(machine + 2, "86", 2) ? &layouts[1] : &layouts[2];
	return fits(dump, &layouts[1]) ? &layouts[1] : &layouts[2];
}

static void find_layout(struct dump *dump)
{
	for (unsigned i = 0; i < 2; i++) {
		for (unsigned big = 0; big < 2; big++) {
			if (!plausible(dump, &layouts[i], big))
				continue;
			dump->layout = &layouts[i];
			dump->is64 = dump->layout->is64;
			dump->block = (uint32_t)rd_get(dump, dump->layout->status + 4, 4);
			if (!dump->is64)
				dump->layout = of_32_bits(dump);
			return;
		}
	}
	rd_die("%s: no byte order and word size in which the header makes sense", dump->path);
}

static void read_sub(struct dump *dump)
{
	const struct layout *layout = dump->layout;
	uint64_t seed = dump->block;

	dump->level = (uint32_t)rd_get(dump, seed + layout->level, 4);
	dump->split = (uint32_t)rd_get(dump, seed + layout->split, 4);
	dump->vmci_off = rd_get(dump, seed + layout->vmci_off, 8);
	dump->vmci_size = rd_word(dump, seed + layout->vmci_size);
	dump->note_off = rd_get(dump, seed + layout->note_off, 8);
	dump->note_size = rd_word(dump, seed + layout->note_size);
	dump->erase_off = rd_get(dump, seed + layout->erase_off, 8);
	dump->erase_size = rd_word(dump, seed + layout->erase_size);
	dump->start_pfn = rd_get(dump, seed + layout->start64, 8);
	dump->end_pfn = rd_get(dump, seed + layout->end64, 8);
	if (dump->version >= 6)
		dump->max_mapnr = rd_get(dump, seed + layout->max64, 8);
}

static void open_kdump(struct dump *dump)
{
	uint64_t at, half;
	unsigned st;

	find_layout(dump);
	st = dump->layout->status;
	dump->version = (uint32_t)rd_get(dump, 8, 4);
	dump->status = (uint32_t)rd_get(dump, st, 4);
	dump->sub_blocks = (uint32_t)rd_get(dump, st + 8, 4);
	dump->bitmap_blocks = (uint32_t)rd_get(dump, st + 12, 4);
	dump->max_mapnr = rd_get(dump, st + 16, 4);
	dump->nr_cpus = (uint32_t)rd_get(dump, st + 36, 4);
	dump->incomplete = dump->status & 8;
	read_sub(dump);
	at = (1 + (uint64_t)dump->sub_blocks) * dump->block;
	half = (uint64_t)dump->bitmap_blocks / 2 * dump->block;
	if (!rd_inside(dump, at, 2 * half) || half < rd_div_up(dump->max_mapnr, 8))
		rd_die("%s: bitmaps of %u blocks do not fit: max_mapnr is %" PRIu64, dump->path, dump->bitmap_blocks,
		       dump->max_mapnr);
	dump->bm1 = dump->bytes + at;
	dump->bm2 = dump->bm1 + half;
	dump->pd_at = at + 2 * half;
	for (uint64_t pfn = 0; pfn < dump->max_mapnr; pfn++)
		dump->dumpable += rd_bit(dump->bm2, pfn);
}

struct dump *rd_open(const char *path)
{
	struct dump *dump = rd_need(calloc(1, sizeof *dump));

	map_file(dump, path);
	unflatten(dump);
	if (dump->count >= 64 && !memcmp(dump->bytes, "\177ELF", 4))
		open_elf(dump);
	else if (dump->count >= 8192 && !memcmp(dump->bytes, "KDUMP   ", 8))
		open_kdump(dump);
	else
		rd_die("%s: neither ELF nor KDUMP", path);
	return dump;
}

bool rd_kept(const struct dump *dump, uint64_t pfn)
{
	return rd_next(dump, pfn) == pfn;
}

uint64_t rd_next(const struct dump *dump, uint64_t pfn)
{
	size_t i;

	if (dump->elf) {
		i = ext_after(dump, pfn * dump->block);
		if (i == dump->next)
			return UINT64_MAX;
		return dump->extent[i].paddr / dump->block > pfn ? dump->extent[i].paddr / dump->block : pfn;
	}
	for (; pfn < dump->max_mapnr; pfn++)
		if (rd_bit(dump->bm2, pfn))
			return pfn;
	return UINT64_MAX;
}

static int by_pa(const void *left, const void *right)
{
	const struct load *load = left, *second = right;

	return load->paddr < second->paddr ? -1 : load->paddr > second->paddr;
}

static uint64_t count_touched(const struct dump *dump)
{
	struct load *load = rd_need(malloc((dump->nloads + 1) * sizeof *load));
	uint64_t count = 0, done = 0;

	memcpy(load, dump->loads, dump->nloads * sizeof *load);
	qsort(load, dump->nloads, sizeof *load, by_pa);
	for (size_t i = 0; i < dump->nloads; i++) {
		uint64_t first = load[i].paddr / dump->block,
			 end = rd_div_up(load[i].paddr + load[i].memsz, dump->block);

		if (first < done)
			first = done;
		if (end <= first)
			continue;
		count += end - first;
		done = end;
	}
	free(load);
	return count;
}

uint64_t rd_present(const struct dump *dump)
{
	uint64_t count = 0;

	if (dump->elf)
		return dump->nloads ? count_touched(dump) : 0;
	for (uint64_t pfn = 0; pfn < dump->max_mapnr; pfn++)
		count += rd_bit(dump->bm1, pfn);
	return count;
}

void rd_close(struct dump *dump)
{
	if (!dump)
		return;
	munmap((void *)(uintptr_t)dump->bytes, dump->count);
	free(dump->loads);
	free(dump->extent);
	free(dump->notes);
	free(dump);
}
