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
	unsigned count, at;
	const uint8_t *map; /* of file at */
	uint64_t size, pos;
};

static int by_name(const void *left, const void *right)
{
	return strcmp(*(char *const *)left, *(char *const *)right);
}

/* Regular files of a folder and those below it. */
static void add_folder(struct files *files, const char *path, unsigned depth)
{
	DIR *dir = opendir(path);
	struct dirent *dirent;
	struct stat st;
	char name[512];

	while (dir && (dirent = readdir(dir)) && files->count < MAX_FILES) {
		if (dirent->d_name[0] == '.' ||
		    snprintf(name, sizeof name, "%s/%s", path, dirent->d_name) >= (int)sizeof name || lstat(name, &st))
			continue;
		if (S_ISDIR(st.st_mode) && depth)
			add_folder(files, name, depth - 1);
		else if (S_ISREG(st.st_mode) && st.st_size >= 4 * (off_t)PAGE && st.st_size < 64 * (off_t)MIB)
			files->name[files->count++] = strdup(name);
	}
	if (dir)
		closedir(dir);
}

struct files *gen_files_open(void)
{
	struct files *files = calloc(1, sizeof *files);

	if (!files)
		gen_fail("out of memory");
	add_folder(files, "/usr/bin", 0);
	add_folder(files, "/usr/include", 2);
	add_folder(files, "/usr/share/perl", 3);
	add_folder(files, "/usr/share/doc", 1);
	add_folder(files, "/usr/lib", 1);
	if (!files->count)
		gen_fail("no files in /usr");
	/* readdir's order is the file system's; the names' is not, but text and binaries must alternate */
	qsort(files->name, files->count, sizeof *files->name, by_name);
	for (unsigned i = 0; i < files->count; i++) {
		unsigned index = (unsigned)((uint64_t)i * 2654435761u % files->count);
		char *swap = files->name[i];

		files->name[i] = files->name[index];
		files->name[index] = swap;
	}
	return files;
}

static void close_one(struct files *files)
{
	if (files->map)
		munmap((void *)(uintptr_t)files->map, files->size);
	files->map = NULL;
}

void gen_files_close(struct files *files)
{
	close_one(files);
	for (unsigned i = 0; i < files->count; i++)
		free(files->name[i]);
	free(files);
}

/* The next page of the files, one after the other, over and over. */
static const uint8_t *next_page(struct files *files)
{
	for (unsigned tries = 0; !files->map || files->size - files->pos < PAGE; tries++) {
		int fd;
		struct stat st;
		void *map;

		if (tries > files->count)
			gen_fail("no file of /usr can be read");
		close_one(files);
		files->at = (files->at + 1) % files->count;
		fd = open(files->name[files->at], O_RDONLY);
		if (fd < 0)
			continue;
		map = fstat(fd, &st) || st.st_size < (off_t)PAGE
			      ? MAP_FAILED
			      : mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
		close(fd);
		if (map == MAP_FAILED)
			continue;
		files->map = map;
		files->size = (uint64_t)st.st_size;
		files->pos = 0;
	}
	files->pos += PAGE;
	return files->map + files->pos - PAGE;
}

static uint64_t object(struct gen *gen)
{
	return DIRECT + gen_below(gen, 1 << 24) * 64;
}

static uint64_t name(struct gen *gen)
{
	static const char words[][9] = { "systemd", "kworker/", "lib64",    "cgroup.p",
					 "eth0",    "dev-sda1", "session-", "proc" };
	uint64_t value;

	memcpy(&value, words[gen_below(gen, 8)], 8);
	return value;
}

/* The word at "at" of an object; how[]: the cache's template. */
static uint64_t word(struct gen *gen, uint64_t how, uint64_t self)
{
	switch (how % 32) {
	case 0:
	case 1:
	case 2:
		return object(gen);
	case 3:
		return self; /* an empty list */
	case 4:
		return self + 8;
	case 5:
		return TEXT + (how >> 8) % KERNEL_SIZE; /* the same function in each object */
	case 6:
		return TEXT + gen_below(gen, 1 << 12) * 64;
	case 7:
	case 8:
		return gen_below(gen, 16);
	case 9:
		return gen_below(gen, 4) | (uint64_t)gen_below(gen, 256) << 32;
	case 10:
		return how >> 16 & 0xffffff;
	case 11:
		return name(gen);
	case 12:
		return gen_random(gen);
	case 13:
		return 1700000000 + gen_below(gen, 100000);
	case 14:
	case 15:
	case 16:
		return gen_random(gen) & how >> 4; /* flags, times, sums: some bits differ */
	case 17:
		return object(gen);
	default:
		return 0;
	}
}

/* A page of equal objects of one of the caches; base: where the page is, as its own pointers see it. */
static void objects(struct gen *gen, uint8_t *page, uint64_t base)
{
	static const unsigned sizes[] = { 8, 12, 16, 24, 24, 32, 64, 128, 192, 256 }; /* words */
	uint64_t cache = gen_below(gen, CACHES);
	unsigned size = sizes[cache % 10];
	uint64_t used = 1 + gen_below(gen, 4); /* of 4 objects */

	for (uint64_t i = 0; i < WORDS; i++) {
		uint64_t how = (cache * 1000003 + i % size + 1) * UINT64_C(0x9e3779b97f4a7c15) >> 20;

		if (i % size == 0 && i && gen_below(gen, 4) >= used)
			i += size - 1; /* a free object */
		else
			gen_put64(page + i * 8, word(gen, how, base + i * 8));
	}
}

static void stack(struct gen *gen, uint8_t *page)
{
	uint64_t depth = 32 + gen_below(gen, 200);

	for (uint64_t i = WORDS - depth; i < WORDS; i++)
		gen_put64(page + i * 8, gen_below(gen, 3) ? TEXT + gen_below(gen, 1 << 22) : object(gen));
}

static void page_table(struct gen *gen, uint8_t *page)
{
	uint64_t at = gen_below(gen, WORDS), count = gen_below(gen, WORDS - at) + 1, frame = gen_below(gen, 1 << 20);

	for (uint64_t i = at; i < at + count; i++) {
		if (!gen_below(gen, 8))
			frame = gen_below(gen, 1 << 20);
		gen_put64(page + i * 8, frame++ << 12 | UINT64_C(0x8000000000000867));
	}
}

static void noise(struct gen *gen, uint8_t *page)
{
	for (uint64_t i = 0; i < WORDS; i++)
		gen_put64(page + i * 8, gen_random(gen));
}

static void numbers(struct gen *gen, uint8_t *page)
{
	uint64_t bits = 4 + gen_below(gen, 12);

	for (uint64_t i = 0; i < WORDS; i++)
		gen_put64(page + i * 8, gen_below(gen, UINT64_C(1) << bits) | gen_below(gen, UINT64_C(1) << bits)
										      << 32);
}

static void file_page(struct gen *gen, uint8_t *page)
{
	if (gen->files)
		memcpy(page, next_page(gen->files), PAGE);
	else
		objects(gen, page, DIRECT);
}

void gen_fill(struct gen *gen, enum content what, uint64_t pfn, uint8_t *page)
{
	uint64_t base = DIRECT + pfn * PAGE, dice = gen_below(gen, 100);

	switch (what) {
	case CONTENT_KERNEL_TEXT:
	case CONTENT_CACHE:
		file_page(gen, page);
		break;
	case CONTENT_SLAB:
		objects(gen, page, base);
		break;
	case CONTENT_KERNEL:
		if (dice < 25)
			stack(gen, page);
		else if (dice < 60)
			page_table(gen, page);
		else if (dice < 90)
			file_page(gen, page);
		else
			noise(gen, page);
		break;
	case CONTENT_USER:
		if (dice < 40)
			objects(gen, page, UINT64_C(0x7f0000000000) + pfn * PAGE);
		else if (dice < 75)
			file_page(gen, page);
		else if (dice < 92)
			numbers(gen, page);
		else
			noise(gen, page);
		break;
	case CONTENT_STALE:
		gen_fill(gen, dice < 40 ? CONTENT_USER : dice < 80 ? CONTENT_CACHE : CONTENT_SLAB, pfn, page);
		break;
	}
}
