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
	ssize_t got;

	if (fd < 0)
		return -1;
	got = write(fd, text, strlen(text));
	close(fd);
	return got < 0 ? -1 : 0;
}

/* The first number after key, or in the file; -1 where there is none. */
long get(const char *path, const char *key)
{
	char line[256], *text;
	long value = -1;
	FILE *file = fopen(path, "r");

	while (file && value < 0 && fgets(line, sizeof line, file)) {
		text = key ? strstr(line, key) : line;
		text = text ? text + strcspn(text, "0123456789") : NULL;
		if (text && *text)
			value = strtol(text, NULL, 10);
	}
	if (file)
		fclose(file);
	return value;
}

size_t scaled(size_t pages)
{
	return pages * scale / 100 + 1;
}

char *map(size_t bytes, int flags)
{
	char *text = mmap(NULL, bytes, PROT_READ | PROT_WRITE, flags, -1, 0);

	if (text == MAP_FAILED)
		die("mmap");
	return text;
}

/* Anonymous memory at a boundary of 2 MiB, of huge pages where the kernel has them. */
char *map_huge(size_t bytes)
{
	char *text = map(bytes + HUGE, ANON), *at = (char *)(((uintptr_t)text + HUGE - 1) & ~(HUGE - 1));

	madvise(at, bytes, MADV_HUGEPAGE);
	return at;
}

char *map_small(size_t pages)
{
	char *text = map(pages * PAGE, ANON);

	madvise(text, pages * PAGE, MADV_NOHUGEPAGE);
	return text;
}

void fill(void *page, enum kind kind, uint32_t seq)
{
	uint64_t *words = page;

	for (size_t i = 0; i < PAGE / 8; i += 2) {
		memcpy(words + i, kinds[kind].tag, 8);
		words[i + 1] = seq;
	}
	if (kind == K_ZERO)
		memset(page, 0, PAGE);
}

void keep(char *text, size_t pages, enum kind kind, uint32_t seq)
{
	struct area *area = malloc(sizeof *area);

	*area = (struct area){ text, pages, seq, kind, areas };
	areas = area;
}

void fill_all(char *text, size_t pages, enum kind kind, uint32_t seq)
{
	for (size_t i = 0; i < pages; i++)
		fill(text + i * PAGE, kind, seq + i);
}

void plant(char *text, size_t pages, enum kind kind, uint32_t seq)
{
	fill_all(text, pages, kind, seq);
	keep(text, pages, kind, seq);
}

uint64_t frame_of(const void *memory)
{
	uint64_t entry = 0;

	if (pread(pagemap, &entry, 8, (uintptr_t)memory / PAGE * 8) != 8)
		die("/proc/self/pagemap");
	return entry >> 63 ? entry & FRAME_BITS : 0;
}

void record_gone(uint64_t frame, enum kind kind, uint32_t seq)
{
	if (frame && gone_count < frames)
		gone[gone_count++] = (struct entry){ frame, seq, kind, 0 };
}

void unmap(char *text, size_t pages, enum kind kind, uint32_t seq)
{
	for (size_t i = 0; i < pages; i++)
		record_gone(frame_of(text + i * PAGE), kind, seq + i);
	munmap(text, pages * PAGE);
}

void pages_begin(void)
{
	pagemap = open("/proc/self/pagemap", O_RDONLY);
	if (pagemap < 0)
		die("/proc");
}
