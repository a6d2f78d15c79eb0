/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What pages hold.  Objects of caches: a template a cache says what each word is (pointer, small number, flag word,
 * nothing, name, hash), an object differs from the next in values.  Text and binaries are those of this machine's /usr.
 * The mix is such that LZO and zlib shrink the pages kept at level 31 about as much as those of real kernels.
 */
#define _GNU_SOURCE
#include "gen.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define WORDS     (PAGE / 8)
#define MAX_FILES 4000
#define CACHES    64u

struct files {
	char *name[MAX_FILES];
	unsigned n, at;
	const uint8_t *map; /* of file at */
	uint64_t size, pos;
};

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Regular files of a folder and those below it. */
static void add_folder(struct files *f, const char *path, unsigned depth)
{
	DIR *dir = opendir(path);
	struct dirent *e;
	struct stat st;
	char name[512];

	while (dir && (e = readdir(dir)) && f->n < MAX_FILES) {
		if (e->d_name[0] == '.' || snprintf(name, sizeof name, "%s/%s", path, e->d_name) >= (int)sizeof name ||
		    lstat(name, &st))
			continue;
		if (S_ISDIR(st.st_mode) && depth)
			add_folder(f, name, depth - 1);
		else if (S_ISREG(st.st_mode) && st.st_size >= 4 * (off_t)PAGE && st.st_size < 64 * (off_t)MIB)
			f->name[f->n++] = strdup(name);
	}
	if (dir)
		closedir(dir);
}

struct files *gen_files_open(void)
{
	struct files *f = calloc(1, sizeof *f);

	if (!f)
		gen_fail("out of memory");
	add_folder(f, "/usr/bin", 0);
	add_folder(f, "/usr/include", 2);
	add_folder(f, "/usr/share/perl", 3);
	add_folder(f, "/usr/share/doc", 1);
	add_folder(f, "/usr/lib", 1);
	if (!f->n)
		gen_fail("no files in /usr");
	/* readdir's order is the file system's; the names' is not, but text and binaries must alternate */
	qsort(f->name, f->n, sizeof *f->name, by_name);
	for (unsigned i = 0; i < f->n; i++) {
		unsigned k = (unsigned)((uint64_t)i * 2654435761u % f->n);
		char *swap = f->name[i];

		f->name[i] = f->name[k];
		f->name[k] = swap;
	}
	return f;
}

static void close_one(struct files *f)
{
	if (f->map)
		munmap((void *)(uintptr_t)f->map, f->size);
	f->map = NULL;
}

void gen_files_close(struct files *f)
{
	close_one(f);
	for (unsigned i = 0; i < f->n; i++)
		free(f->name[i]);
	free(f);
}

/* The next page of the files, one after the other, over and over. */
static const uint8_t *next_page(struct files *f)
{
	for (unsigned tries = 0; !f->map || f->size - f->pos < PAGE; tries++) {
		int fd;
		struct stat st;
		void *map;

		if (tries > f->n)
			gen_fail("no file of /usr can be read");
		close_one(f);
		f->at = (f->at + 1) % f->n;
		fd = open(f->name[f->at], O_RDONLY);
		if (fd < 0)
			continue;
		map = fstat(fd, &st) || st.st_size < (off_t)PAGE
			      ? MAP_FAILED
			      : mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
		close(fd);
		if (map == MAP_FAILED)
			continue;
		f->map = map;
		f->size = (uint64_t)st.st_size;
		f->pos = 0;
	}
	f->pos += PAGE;
	return f->map + f->pos - PAGE;
}

static uint64_t object(struct gen *g)
{
	return DIRECT + gen_below(g, 1 << 24) * 64;
}

static uint64_t name(struct gen *g)
{
	static const char words[][9] = { "systemd", "kworker/", "lib64",    "cgroup.p",
					 "eth0",    "dev-sda1", "session-", "proc" };
	uint64_t v;

	memcpy(&v, words[gen_below(g, 8)], 8);
	return v;
}

/* The word at "at" of an object; how[]: the cache's template. */
static uint64_t word(struct gen *g, uint64_t how, uint64_t self)
{
	switch (how % 32) {
	case 0:
	case 1:
	case 2:
		return object(g);
	case 3:
		return self; /* an empty list */
	case 4:
		return self + 8;
	case 5:
		return TEXT + (how >> 8) % KERNEL_SIZE; /* the same function in each object */
	case 6:
		return TEXT + gen_below(g, 1 << 12) * 64;
	case 7:
	case 8:
		return gen_below(g, 16);
	case 9:
		return gen_below(g, 4) | (uint64_t)gen_below(g, 256) << 32;
	case 10:
		return how >> 16 & 0xffffff;
	case 11:
		return name(g);
	case 12:
		return gen_random(g);
	case 13:
		return 1700000000 + gen_below(g, 100000);
	case 14:
	case 15:
	case 16:
		return gen_random(g) & how >> 4; /* flags, times, sums: some bits differ */
	case 17:
		return object(g);
	default:
		return 0;
	}
}

/* A page of equal objects of one of the caches; base: where the page is, as its own pointers see it. */
static void objects(struct gen *g, uint8_t *page, uint64_t base)
{
	static const unsigned sizes[] = { 8, 12, 16, 24, 24, 32, 64, 128, 192, 256 }; /* words */
	uint64_t cache = gen_below(g, CACHES);
	unsigned size = sizes[cache % 10];
	uint64_t used = 1 + gen_below(g, 4); /* of 4 objects */

	for (uint64_t i = 0; i < WORDS; i++) {
		uint64_t how = (cache * 1000003 + i % size + 1) * UINT64_C(0x9e3779b97f4a7c15) >> 20;

		if (i % size == 0 && i && gen_below(g, 4) >= used)
			i += size - 1; /* a free object */
		else
			gen_put64(page + i * 8, word(g, how, base + i * 8));
	}
}

static void stack(struct gen *g, uint8_t *page)
{
	uint64_t depth = 32 + gen_below(g, 200);

	for (uint64_t i = WORDS - depth; i < WORDS; i++)
		gen_put64(page + i * 8, gen_below(g, 3) ? TEXT + gen_below(g, 1 << 22) : object(g));
}

static void page_table(struct gen *g, uint8_t *page)
{
	uint64_t at = gen_below(g, WORDS), n = gen_below(g, WORDS - at) + 1, frame = gen_below(g, 1 << 20);

	for (uint64_t i = at; i < at + n; i++) {
		if (!gen_below(g, 8))
			frame = gen_below(g, 1 << 20);
		gen_put64(page + i * 8, frame++ << 12 | UINT64_C(0x8000000000000867));
	}
}

static void noise(struct gen *g, uint8_t *page)
{
	for (uint64_t i = 0; i < WORDS; i++)
		gen_put64(page + i * 8, gen_random(g));
}

static void numbers(struct gen *g, uint8_t *page)
{
	uint64_t bits = 4 + gen_below(g, 12);

	for (uint64_t i = 0; i < WORDS; i++)
		gen_put64(page + i * 8, gen_below(g, UINT64_C(1) << bits) | gen_below(g, UINT64_C(1) << bits) << 32);
}

static void file_page(struct gen *g, uint8_t *page)
{
	if (g->files)
		memcpy(page, next_page(g->files), PAGE);
	else
		objects(g, page, DIRECT);
}

void gen_fill(struct gen *g, enum content what, uint64_t pfn, uint8_t *page)
{
	uint64_t base = DIRECT + pfn * PAGE, dice = gen_below(g, 100);

	switch (what) {
	case CONTENT_KERNEL_TEXT:
	case CONTENT_CACHE:
		file_page(g, page);
		break;
	case CONTENT_SLAB:
		objects(g, page, base);
		break;
	case CONTENT_KERNEL:
		if (dice < 25)
			stack(g, page);
		else if (dice < 60)
			page_table(g, page);
		else if (dice < 90)
			file_page(g, page);
		else
			noise(g, page);
		break;
	case CONTENT_USER:
		if (dice < 40)
			objects(g, page, UINT64_C(0x7f0000000000) + pfn * PAGE);
		else if (dice < 75)
			file_page(g, page);
		else if (dice < 92)
			numbers(g, page);
		else
			noise(g, page);
		break;
	case CONTENT_STALE:
		gen_fill(g, dice < 40 ? CONTENT_USER : dice < 80 ? CONTENT_CACHE : CONTENT_SLAB, pfn, page);
		break;
	}
}
