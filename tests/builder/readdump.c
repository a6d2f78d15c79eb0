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

void *rd_need(void *p)
{
	if (!p)
		rd_die("no memory");
	return p;
}

/* ---- numbers ---- */

uint64_t rd_get(const struct dump *d, uint64_t at, unsigned width)
{
	uint64_t v = 0;

	if (width > d->n || at > d->n - width)
		rd_die("%s: %u bytes at %" PRIu64 " lie behind the end (%" PRIu64 ")", d->path, width, at, d->n);
	for (unsigned i = 0; i < width; i++)
		v |= (uint64_t)d->p[at + (d->big ? width - 1 - i : i)] << 8 * i;
	return v;
}

uint64_t rd_word(const struct dump *d, uint64_t at)
{
	return rd_get(d, at, d->is64 ? 8 : 4);
}

static uint64_t be64(const uint8_t *p)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < 8; i++)
		v = v << 8 | p[i];
	return v;
}

bool rd_bit(const uint8_t *map, uint64_t i)
{
	return map[i / 8] >> i % 8 & 1;
}

bool rd_inside(const struct dump *d, uint64_t off, uint64_t len)
{
	return off <= d->n && len <= d->n - off;
}

uint64_t rd_div_up(uint64_t a, uint64_t b)
{
	return (a + b - 1) / b;
}

/* ---- the file ---- */

static void map_file(struct dump *d, const char *path)
{
	int fd = open(path, O_RDONLY);
	struct stat st;
	void *p;

	d->path = path;
	if (fd < 0 || fstat(fd, &st)) {
		perror(path);
		exit(2);
	}
	d->n = (uint64_t)st.st_size;
	if (!d->n)
		rd_die("%s: empty", path);
	p = mmap(NULL, d->n, PROT_READ, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		rd_die("%s: cannot map", path);
	d->p = p;
	close(fd);
}

/* One pass over the records of a flattened stream; with out, copies them.  Returns the end of the highest one. */
static uint64_t records(const struct dump *d, uint8_t *out)
{
	uint64_t at = 4096, top = 0, off, len;

	for (;;) {
		if (!rd_inside(d, at, 16))
			rd_die("%s: flattened, but there is no end record", d->path);
		off = be64(d->p + at);
		len = be64(d->p + at + 8);
		at += 16;
		if (off == NONE && len == NONE)
			break;
		if (off >> 63 || !len || len >> 63 || !rd_inside(d, at, len))
			rd_die("%s: flattened: bad record at %" PRIu64, d->path, at - 16);
		if (out)
			memcpy(out + off, d->p + at, len);
		if (off + len > top)
			top = off + len;
		at += len;
	}
	if (at != d->n)
		rd_bad("%" PRIu64 " bytes behind the end record", d->n - at);
	return top;
}

static void unflatten(struct dump *d)
{
	uint64_t size;
	void *out;

	if (d->n < 4096 || memcmp(d->p, "makedumpfile\0\0\0\0", 16))
		return;
	if (be64(d->p + 16) != 1 || be64(d->p + 24) != 1)
		rd_die("%s: flattened: type and version are not 1", d->path);
	size = records(d, NULL);
	out = mmap(NULL, size ? size : 1, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (out == MAP_FAILED)
		rd_die("no memory for %" PRIu64 " bytes", size);
	records(d, out);
	munmap((void *)(uintptr_t)d->p, d->n);
	d->p = out;
	d->n = size;
	d->flat = true;
}

/* ---- ELF ---- */

static size_t ext_after(const struct dump *d, uint64_t pa)
{
	size_t lo = 0, hi = d->next;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (d->ext[mid].end > pa)
			hi = mid;
		else
			lo = mid + 1;
	}
	return lo;
}

static void ext_insert(struct dump *d, size_t i, struct extent e)
{
	if (d->next == d->cap_ext)
		d->ext = rd_need(realloc(d->ext, (d->cap_ext = d->cap_ext * 2 + 64) * sizeof *d->ext));
	memmove(d->ext + i + 1, d->ext + i, (d->next - i) * sizeof *d->ext);
	d->ext[i] = e;
	d->next++;
}

/* Adds what earlier loads do not hold yet. */
static void ext_add(struct dump *d, uint64_t pa, uint64_t end, uint64_t off)
{
	while (pa < end) {
		size_t i = ext_after(d, pa);
		uint64_t stop = end;

		if (i < d->next && d->ext[i].pa <= pa) {
			off += d->ext[i].end - pa;
			pa = d->ext[i].end;
			continue;
		}
		if (i < d->next && d->ext[i].pa < stop)
			stop = d->ext[i].pa;
		ext_insert(d, i, (struct extent){ pa, stop, off });
		off += stop - pa;
		pa = stop;
	}
}

static void add_load(struct dump *d, const struct load *l)
{
	uint64_t have = l->filesz;

	d->loads = rd_need(realloc(d->loads, (d->nloads + 1) * sizeof *d->loads));
	d->loads[d->nloads++] = *l;
	if (l->pa + l->memsz < l->pa)
		rd_bad("%s: PT_LOAD %zu: p_paddr + p_memsz overflows", d->path, d->nloads - 1);
	if (l->filesz > l->memsz)
		rd_bad("%s: PT_LOAD %zu: p_filesz is larger than p_memsz", d->path, d->nloads - 1);
	if (have && !rd_inside(d, l->off, have)) {
		if (!d->incomplete)
			rd_bad("%s: PT_LOAD %zu: data runs behind the end of the file", d->path, d->nloads - 1);
		have = l->off < d->n ? d->n - l->off : 0;
	}
	ext_add(d, l->pa, l->pa + have, l->off);
}

static void add_notes(struct dump *d, uint64_t off, uint64_t size)
{
	if (!rd_inside(d, off, size))
		rd_die("%s: PT_NOTE runs behind the end of the file", d->path);
	d->notes = rd_need(realloc(d->notes, d->notes_size + size + 1));
	memcpy(d->notes + d->notes_size, d->p + off, size);
	d->notes_size += size;
	d->note_off = off;
	d->note_size = size;
}

static void read_phdr(struct dump *d, uint64_t at, uint64_t nr)
{
	bool w = d->is64;
	uint32_t type = (uint32_t)rd_get(d, at, 4);
	struct load l = { .off = rd_word(d, at + (w ? 8 : 4)),
			  .vaddr = rd_word(d, at + (w ? 16 : 8)),
			  .pa = rd_word(d, at + (w ? 24 : 12)),
			  .filesz = rd_word(d, at + (w ? 32 : 16)),
			  .memsz = rd_word(d, at + (w ? 40 : 20)) };

	if (type == 4)
		add_notes(d, l.off, l.filesz);
	if (type == 1)
		add_load(d, &l);
	if (type == 4 && d->nloads)
		rd_bad("%s: program header %" PRIu64 ": PT_NOTE behind a PT_LOAD", d->path, nr);
}

static void open_elf(struct dump *d)
{
	uint64_t phoff, shoff, n, size;

	d->elf = true;
	d->is64 = d->n > 5 && d->p[4] == 2;
	d->big = d->n > 5 && d->p[5] == 2;
	if (rd_get(d, 16, 2) != 4)
		rd_bad("%s: e_type is not ET_CORE", d->path);
	phoff = rd_word(d, d->is64 ? 32 : 28);
	shoff = rd_word(d, d->is64 ? 40 : 32);
	d->incomplete = rd_get(d, d->is64 ? 48 : 36, 4) & 1;
	size = rd_get(d, d->is64 ? 54 : 42, 2);
	n = rd_get(d, d->is64 ? 56 : 44, 2);
	if (size != (d->is64 ? 56u : 32u))
		rd_die("%s: e_phentsize is %" PRIu64, d->path, size);
	if (n == 0xffff)
		n = rd_get(d, shoff + (d->is64 ? 44 : 28), 4);
	for (uint64_t i = 0; i < n; i++)
		read_phdr(d, phoff + i * size, i);
	d->block = 4096;
}

uint64_t rd_assemble(struct dump *d, uint64_t pfn, uint32_t block, uint8_t *buf, uint8_t *mask)
{
	uint64_t pa = pfn * block, end = pa + block, have = 0;

	memset(buf, 0, block);
	if (mask)
		memset(mask, 0, block);
	for (size_t i = ext_after(d, pa); i < d->next && d->ext[i].pa < end; i++) {
		uint64_t from = d->ext[i].pa > pa ? d->ext[i].pa : pa, to = d->ext[i].end < end ? d->ext[i].end : end;

		memcpy(buf + (from - pa), d->p + d->ext[i].off + (from - d->ext[i].pa), to - from);
		if (mask)
			memset(mask + (from - pa), 1, to - from);
		have += to - from;
	}
	return have;
}

bool rd_touches(const struct dump *d, uint64_t pfn, uint32_t block)
{
	for (size_t i = 0; i < d->nloads; i++)
		if (pfn * block < d->loads[i].pa + d->loads[i].memsz && (pfn + 1) * block > d->loads[i].pa)
			return true;
	return false;
}

/* ---- kdump-compressed ---- */

/* The byte order and layout in which the main header makes sense. */
static bool plausible(struct dump *d, const struct layout *l, bool big)
{
	uint64_t block, blocks;

	d->big = big;
	block = rd_get(d, l->status + 4, 4);
	blocks = rd_get(d, l->status + 12, 4);
	if (block < 1024 || block > RD_MAX_BLOCK || (block & (block - 1)))
		return false;
	return rd_get(d, 8, 4) <= 6 && 8 * blocks * block >= rd_get(d, l->status + 16, 4) &&
	       rd_inside(d, block, rd_get(d, l->status + 8, 4) * block);
}

/* Does the sub header make sense, read so? */
static bool fits(const struct dump *d, const struct layout *l)
{
	uint64_t sub = d->block, end = (1 + rd_get(d, l->status + 8, 4)) * d->block, version = rd_get(d, 8, 4);
	uint64_t notes = version >= 4 ? rd_get(d, sub + l->note_off, 8) : 0;
	uint64_t size = version >= 4 ? rd_get(d, sub + l->note_size, 4) : 0;

	if (version >= 6 && rd_get(d, sub + l->max64, 8) != rd_get(d, l->status + 16, 4))
		return false;
	return size ? notes >= sub && notes < end && size <= end - notes : !notes;
}

/* The two of 32 bits differ in the sub header: i386 aligns 64-bit numbers to 4, other machines to 8.  The name of the
 * machine tells, or, where there is none, what makes sense. */
static const struct layout *of_32_bits(const struct dump *d)
{
	const char *machine = (const char *)d->p + 12 + 4 * 65;

	if (machine[0] && strncmp(machine, "Unknown", 7))
		return machine[0] == 'i' && !strncmp(machine + 2, "86", 2) ? &layouts[1] : &layouts[2];
	return fits(d, &layouts[1]) ? &layouts[1] : &layouts[2];
}

static void find_layout(struct dump *d)
{
	for (unsigned i = 0; i < 2; i++) {
		for (unsigned big = 0; big < 2; big++) {
			if (!plausible(d, &layouts[i], big))
				continue;
			d->lay = &layouts[i];
			d->is64 = d->lay->is64;
			d->block = (uint32_t)rd_get(d, d->lay->status + 4, 4);
			if (!d->is64)
				d->lay = of_32_bits(d);
			return;
		}
	}
	rd_die("%s: no byte order and word size in which the header makes sense", d->path);
}

static void read_sub(struct dump *d)
{
	const struct layout *l = d->lay;
	uint64_t s = d->block;

	d->level = (uint32_t)rd_get(d, s + l->level, 4);
	d->split = (uint32_t)rd_get(d, s + l->split, 4);
	d->vmci_off = rd_get(d, s + l->vmci_off, 8);
	d->vmci_size = rd_word(d, s + l->vmci_size);
	d->note_off = rd_get(d, s + l->note_off, 8);
	d->note_size = rd_word(d, s + l->note_size);
	d->erase_off = rd_get(d, s + l->erase_off, 8);
	d->erase_size = rd_word(d, s + l->erase_size);
	d->start_pfn = rd_get(d, s + l->start64, 8);
	d->end_pfn = rd_get(d, s + l->end64, 8);
	if (d->version >= 6)
		d->max_mapnr = rd_get(d, s + l->max64, 8);
}

static void open_kdump(struct dump *d)
{
	uint64_t at, half;
	unsigned st;

	find_layout(d);
	st = d->lay->status;
	d->version = (uint32_t)rd_get(d, 8, 4);
	d->status = (uint32_t)rd_get(d, st, 4);
	d->sub_blocks = (uint32_t)rd_get(d, st + 8, 4);
	d->bitmap_blocks = (uint32_t)rd_get(d, st + 12, 4);
	d->max_mapnr = rd_get(d, st + 16, 4);
	d->nr_cpus = (uint32_t)rd_get(d, st + 36, 4);
	d->incomplete = d->status & 8;
	read_sub(d);
	at = (1 + (uint64_t)d->sub_blocks) * d->block;
	half = (uint64_t)d->bitmap_blocks / 2 * d->block;
	if (!rd_inside(d, at, 2 * half) || half < rd_div_up(d->max_mapnr, 8))
		rd_die("%s: bitmaps of %u blocks do not fit: max_mapnr is %" PRIu64, d->path, d->bitmap_blocks,
		       d->max_mapnr);
	d->bm1 = d->p + at;
	d->bm2 = d->bm1 + half;
	d->pd_at = at + 2 * half;
	for (uint64_t pfn = 0; pfn < d->max_mapnr; pfn++)
		d->dumpable += rd_bit(d->bm2, pfn);
}

struct dump *rd_open(const char *path)
{
	struct dump *d = rd_need(calloc(1, sizeof *d));

	map_file(d, path);
	unflatten(d);
	if (d->n >= 64 && !memcmp(d->p, "\177ELF", 4))
		open_elf(d);
	else if (d->n >= 8192 && !memcmp(d->p, "KDUMP   ", 8))
		open_kdump(d);
	else
		rd_die("%s: neither ELF nor KDUMP", path);
	return d;
}

bool rd_kept(const struct dump *d, uint64_t pfn)
{
	return rd_next(d, pfn) == pfn;
}

uint64_t rd_next(const struct dump *d, uint64_t pfn)
{
	size_t i;

	if (d->elf) {
		i = ext_after(d, pfn * d->block);
		if (i == d->next)
			return UINT64_MAX;
		return d->ext[i].pa / d->block > pfn ? d->ext[i].pa / d->block : pfn;
	}
	for (; pfn < d->max_mapnr; pfn++)
		if (rd_bit(d->bm2, pfn))
			return pfn;
	return UINT64_MAX;
}

static int by_pa(const void *a, const void *b)
{
	const struct load *x = a, *y = b;

	return x->pa < y->pa ? -1 : x->pa > y->pa;
}

static uint64_t count_touched(const struct dump *d)
{
	struct load *l = rd_need(malloc((d->nloads + 1) * sizeof *l));
	uint64_t n = 0, done = 0;

	memcpy(l, d->loads, d->nloads * sizeof *l);
	qsort(l, d->nloads, sizeof *l, by_pa);
	for (size_t i = 0; i < d->nloads; i++) {
		uint64_t first = l[i].pa / d->block, end = rd_div_up(l[i].pa + l[i].memsz, d->block);

		if (first < done)
			first = done;
		if (end <= first)
			continue;
		n += end - first;
		done = end;
	}
	free(l);
	return n;
}

uint64_t rd_present(const struct dump *d)
{
	uint64_t n = 0;

	if (d->elf)
		return d->nloads ? count_touched(d) : 0;
	for (uint64_t pfn = 0; pfn < d->max_mapnr; pfn++)
		n += rd_bit(d->bm1, pfn);
	return n;
}

void rd_close(struct dump *d)
{
	if (!d)
		return;
	munmap((void *)(uintptr_t)d->p, d->n);
	free(d->loads);
	free(d->ext);
	free(d->notes);
	free(d);
}
