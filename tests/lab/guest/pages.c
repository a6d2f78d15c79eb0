/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What planting is made of: settings, memory, pages that are filled, and where they are. */
#include "plant.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FRAME_BITS ((1ULL << 55) - 1) /* of a pagemap entry; bit 63: present */

const struct kind_row kinds[K_NR] = {
	[K_ANON] = { "ANONPAGE", "user", "anonymous" },
	[K_ZERO] = { "ZEROANON", "user", "anonymous, written, all zero" },
	[K_LOCKED] = { "MLOCKPAG", "user", "anonymous, locked" },
	[K_THP] = { "THPANON_", "user", "anonymous huge page" },
	[K_SPLIT] = { "THPSPLIT", "user", "anonymous huge page, the second half unmapped" },
	[K_MTHP] = { "MTHPANON", "user", "anonymous folio of 64 KiB" },
	[K_HUGETLB] = { "HUGETLBP", "user", "hugetlb, in use" },
	[K_POOL] = { "HUGEPOOL", "user", "hugetlb, back in the pool" },
	[K_SHARED] = { "SHMEMPAG", "user", "shared anonymous memory" },
	[K_KSM] = { "KSMMERGE", "user", "anonymous, merged by KSM" },
	[K_SWAPCACHE] = { "SWAPCACH", "user", "swapped out and read back" },
	[K_COW] = { "COWPAGE_", "user", "private copy of a file's page" },
	[K_TMPFS] = { "TMPFSPAG", "user", "tmpfs file, not mapped" },
	[K_SHMEMTHP] = { "SHMEMTHP", "user", "tmpfs file of huge pages" },
	[K_SECRET] = { "SECRETMM", "user", "memfd_secret" },
	[K_CLEAN] = { "FILECLEN", "user", "page cache, clean" },
	[K_DIRTY] = { "FILEDIRT", "user", "page cache, dirty" },
	[K_POISON] = { "HWPOISON", "poison", "taken out of use by a memory failure" },
	[K_FREED] = { "FREEPAGE", "free", "filled and freed" },
	[K_PIPE] = { "PIPEPAGE", "kernel", "buffer of a pipe: no flag, no list, no owner to be seen" },
};

struct area *areas;
int scale;
uint64_t frames;
struct entry *gone;
size_t gone_count;
static int pagemap;

void say(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	fflush(stdout);
}

void die(const char *what)
{
	say("LAB-FAIL %s: %s\n", what, strerror(errno));
	for (;;)
		pause();
}

int put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);
	ssize_t n;

	if (fd < 0)
		return -1;
	n = write(fd, text, strlen(text));
	close(fd);
	return n < 0 ? -1 : 0;
}

/* The first number after key, or in the file; -1 where there is none. */
long get(const char *path, const char *key)
{
	char line[256], *s;
	long value = -1;
	FILE *f = fopen(path, "r");

	while (f && value < 0 && fgets(line, sizeof line, f)) {
		s = key ? strstr(line, key) : line;
		s = s ? s + strcspn(s, "0123456789") : NULL;
		if (s && *s)
			value = strtol(s, NULL, 10);
	}
	if (f)
		fclose(f);
	return value;
}

size_t scaled(size_t pages)
{
	return pages * scale / 100 + 1;
}

char *map(size_t bytes, int flags)
{
	char *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, flags, -1, 0);

	if (p == MAP_FAILED)
		die("mmap");
	return p;
}

/* Anonymous memory at a boundary of 2 MiB, of huge pages where the kernel has them. */
char *map_huge(size_t bytes)
{
	char *p = map(bytes + HUGE, ANON), *at = (char *)(((uintptr_t)p + HUGE - 1) & ~(HUGE - 1));

	madvise(at, bytes, MADV_HUGEPAGE);
	return at;
}

char *map_small(size_t pages)
{
	char *p = map(pages * PAGE, ANON);

	madvise(p, pages * PAGE, MADV_NOHUGEPAGE);
	return p;
}

void fill(void *page, enum kind kind, uint32_t seq)
{
	uint64_t *w = page;

	for (size_t i = 0; i < PAGE / 8; i += 2) {
		memcpy(w + i, kinds[kind].tag, 8);
		w[i + 1] = seq;
	}
	if (kind == K_ZERO)
		memset(page, 0, PAGE);
}

void keep(char *p, size_t pages, enum kind kind, uint32_t seq)
{
	struct area *a = malloc(sizeof *a);

	*a = (struct area){ p, pages, seq, kind, areas };
	areas = a;
}

void fill_all(char *p, size_t pages, enum kind kind, uint32_t seq)
{
	for (size_t i = 0; i < pages; i++)
		fill(p + i * PAGE, kind, seq + i);
}

void plant(char *p, size_t pages, enum kind kind, uint32_t seq)
{
	fill_all(p, pages, kind, seq);
	keep(p, pages, kind, seq);
}

uint64_t frame_of(const void *p)
{
	uint64_t entry = 0;

	if (pread(pagemap, &entry, 8, (uintptr_t)p / PAGE * 8) != 8)
		die("/proc/self/pagemap");
	return entry >> 63 ? entry & FRAME_BITS : 0;
}

void record_gone(uint64_t frame, enum kind kind, uint32_t seq)
{
	if (frame && gone_count < frames)
		gone[gone_count++] = (struct entry){ frame, seq, kind, 0 };
}

void unmap(char *p, size_t pages, enum kind kind, uint32_t seq)
{
	for (size_t i = 0; i < pages; i++)
		record_gone(frame_of(p + i * PAGE), kind, seq + i);
	munmap(p, pages * PAGE);
}

void pages_begin(void)
{
	pagemap = open("/proc/self/pagemap", O_RDONLY);
	if (pagemap < 0)
		die("/proc");
}
