/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The limit of copying: compresses the pages of an uncompressed kdump file in memory, with the calls and settings that
 * the library uses, and does nothing else.  Pages of zeros are left out.  Prints seconds (wall, then CPU of all
 * threads), bytes before and after.
 *
 * usage: limit_codec DUMP none|zlib|lzo|snappy|zstd THREADS
 */
#include "codec/codec.h"

#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define BATCH       64u
#define MAX_THREADS 64

struct pages {
	const uint8_t *file;
	uint64_t size;
	uint32_t block;
	uint64_t *at; /* offsets of the pages to compress */
	size_t count;
};

struct work {
	const struct pages *pages;
	const struct df_codec *codec;
	atomic_size_t next;
	atomic_uint_fast64_t out;
};

static _Noreturn void fail(const char *what)
{
	fprintf(stderr, "limit_codec: %s\n", what);
	exit(1);
}

static double clock_of(clockid_t id)
{
	struct timespec now;

	clock_gettime(id, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static uint64_t number(const struct pages *pages, uint64_t at, unsigned width)
{
	uint64_t value = 0;

	if (at > pages->size || pages->size - at < width)
		fail("the dump is too short");
	for (unsigned i = 0; i < width; i++)
		value |= (uint64_t)pages->file[at + i] << 8 * i;
	return value;
}

/* Every byte is mapped before the clock starts. */
static void map_file(struct pages *pages, const char *path)
{
	int fd = open(path, O_RDONLY);
	struct stat st;
	void *map;

	if (fd < 0 || fstat(fd, &st))
		fail("the dump cannot be opened");
	pages->size = (uint64_t)st.st_size;
	map = mmap(NULL, pages->size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
	if (map == MAP_FAILED)
		fail("the dump cannot be mapped");
	close(fd);
	pages->file = map;
}

static bool is_zero(const uint8_t *page, size_t count)
{
	return !page[0] && !memcmp(page, page + 1, count - 1);
}

/* Descriptors of a little-endian 64-bit kdump file: offset, size, flags, in 24 bytes each, behind both bitmaps. */
static void list_pages(struct pages *pages)
{
	uint64_t bitmap, end, at;
	uint32_t header;

	if (pages->size < 4096 || memcmp(pages->file, "KDUMP   ", 8))
		fail("not a kdump file");
	pages->block = (uint32_t)number(pages, 428, 4);
	header = (uint32_t)number(pages, 432, 4);
	bitmap = number(pages, 436, 4);
	at = (1 + header + bitmap) * pages->block;
	end = UINT64_MAX;
	pages->at = malloc((pages->size / pages->block + 1) * sizeof *pages->at);
	if (!pages->at)
		fail("out of memory");
	for (; at < end; at += 24) {
		uint64_t offset = number(pages, at, 8), size = number(pages, at + 8, 4),
			 flags = number(pages, at + 12, 4);

		if (flags || size != pages->block || offset > pages->size - pages->block)
			fail("not an uncompressed dump");
		if (offset < end)
			end = offset; /* data begin where the descriptors end */
		if (is_zero(pages->file + offset, pages->block))
			continue;
		if (pages->count > pages->size / pages->block)
			fail("more descriptors than pages");
		pages->at[pages->count++] = offset;
	}
}

static void *allocate(void *user, size_t bytes)
{
	(void)user;
	return malloc(bytes);
}

static void release(void *user, void *ptr)
{
	(void)user;
	free(ptr);
}

static void *compress_all(void *arg)
{
	struct df_env env = { .alloc = allocate, .release = release };
	struct work *work = arg;
	const struct df_codec *codec = work->codec;
	uint32_t block = work->pages->block;
	size_t cap = codec ? codec->bound(block) : block, i;
	uint8_t *out = malloc(cap);
	void *state = codec ? codec->state_new(&env, 0, block) : NULL;
	uint64_t sum = 0;

	if (!out || (codec && !state))
		fail("out of memory");
	while ((i = atomic_fetch_add(&work->next, BATCH)) < work->pages->count) {
		for (size_t index = i; index < i + BATCH && index < work->pages->count; index++) {
			const uint8_t *page = work->pages->file + work->pages->at[index];
			size_t count = codec ? codec->compress(state, page, block, out, cap) : 0;

			if (!count || count >= block) {
				memcpy(out, page, block);
				count = block;
			}
			sum += count;
		}
	}
	atomic_fetch_add(&work->out, sum);
	if (codec)
		codec->state_free(&env, state);
	free(out);
	return NULL;
}

static void measure(struct work *work, int threads)
{
	pthread_t id[MAX_THREADS];
	double wall = clock_of(CLOCK_MONOTONIC), cpu = clock_of(CLOCK_PROCESS_CPUTIME_ID);

	for (int i = 1; i < threads; i++)
		if (pthread_create(&id[i], NULL, compress_all, work))
			fail("no thread");
	compress_all(work);
	for (int i = 1; i < threads; i++)
		pthread_join(id[i], NULL);
	wall = clock_of(CLOCK_MONOTONIC) - wall;
	cpu = clock_of(CLOCK_PROCESS_CPUTIME_ID) - cpu;
	printf("seconds %.6f\ncpu %.6f\nin %" PRIu64 "\nout %" PRIu64 "\n", wall, cpu,
	       (uint64_t)work->pages->count * work->pages->block, (uint64_t)atomic_load(&work->out));
}

int main(int argc, char **argv)
{
	struct pages pages = { 0 };
	struct work work = { .pages = &pages };
	int threads = argc == 4 ? atoi(argv[3]) : 0, id = 0;

	if (threads < 1 || threads > MAX_THREADS) {
		fprintf(stderr, "usage: limit_codec DUMP none|zlib|lzo|snappy|zstd THREADS\n");
		return 2;
	}
	while (df_codec_name(id) && strcmp(df_codec_name(id), argv[2]))
		id++;
	work.codec = df_codec_find(id);
	if (!work.codec && strcmp(argv[2], "none"))
		fail("this build lacks the codec");
	map_file(&pages, argv[1]);
	list_pages(&pages);
	measure(&work, threads);
	free(pages.at);
	return 0;
}
