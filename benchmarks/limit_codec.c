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
	size_t n;
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
	struct timespec t;

	clock_gettime(id, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static uint64_t number(const struct pages *p, uint64_t at, unsigned width)
{
	uint64_t v = 0;

	if (at > p->size || p->size - at < width)
		fail("the dump is too short");
	for (unsigned i = 0; i < width; i++)
		v |= (uint64_t)p->file[at + i] << 8 * i;
	return v;
}

/* Every byte is mapped before the clock starts. */
static void map_file(struct pages *p, const char *path)
{
	int fd = open(path, O_RDONLY);
	struct stat st;
	void *map;

	if (fd < 0 || fstat(fd, &st))
		fail("the dump cannot be opened");
	p->size = (uint64_t)st.st_size;
	map = mmap(NULL, p->size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
	if (map == MAP_FAILED)
		fail("the dump cannot be mapped");
	close(fd);
	p->file = map;
}

static bool is_zero(const uint8_t *page, size_t n)
{
	return !page[0] && !memcmp(page, page + 1, n - 1);
}

/* Descriptors of a little-endian 64-bit kdump file: offset, size, flags, in 24 bytes each, behind both bitmaps. */
static void list_pages(struct pages *p)
{
	uint64_t bitmap, end, at;
	uint32_t header;

	if (p->size < 4096 || memcmp(p->file, "KDUMP   ", 8))
		fail("not a kdump file");
	p->block = (uint32_t)number(p, 428, 4);
	header = (uint32_t)number(p, 432, 4);
	bitmap = number(p, 436, 4);
	at = (1 + header + bitmap) * p->block;
	end = UINT64_MAX;
	p->at = malloc((p->size / p->block + 1) * sizeof *p->at);
	if (!p->at)
		fail("out of memory");
	for (; at < end; at += 24) {
		uint64_t offset = number(p, at, 8), size = number(p, at + 8, 4), flags = number(p, at + 12, 4);

		if (flags || size != p->block || offset > p->size - p->block)
			fail("not an uncompressed dump");
		if (offset < end)
			end = offset; /* data begin where the descriptors end */
		if (is_zero(p->file + offset, p->block))
			continue;
		if (p->n > p->size / p->block)
			fail("more descriptors than pages");
		p->at[p->n++] = offset;
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
	struct work *w = arg;
	const struct df_codec *c = w->codec;
	uint32_t block = w->pages->block;
	size_t cap = c ? c->bound(block) : block, i;
	uint8_t *out = malloc(cap);
	void *state = c ? c->state_new(&env, 0, block) : NULL;
	uint64_t sum = 0;

	if (!out || (c && !state))
		fail("out of memory");
	while ((i = atomic_fetch_add(&w->next, BATCH)) < w->pages->n) {
		for (size_t k = i; k < i + BATCH && k < w->pages->n; k++) {
			const uint8_t *page = w->pages->file + w->pages->at[k];
			size_t n = c ? c->compress(state, page, block, out, cap) : 0;

			if (!n || n >= block) {
				memcpy(out, page, block);
				n = block;
			}
			sum += n;
		}
	}
	atomic_fetch_add(&w->out, sum);
	if (c)
		c->state_free(&env, state);
	free(out);
	return NULL;
}

static void measure(struct work *w, int threads)
{
	pthread_t id[MAX_THREADS];
	double wall = clock_of(CLOCK_MONOTONIC), cpu = clock_of(CLOCK_PROCESS_CPUTIME_ID);

	for (int i = 1; i < threads; i++)
		if (pthread_create(&id[i], NULL, compress_all, w))
			fail("no thread");
	compress_all(w);
	for (int i = 1; i < threads; i++)
		pthread_join(id[i], NULL);
	wall = clock_of(CLOCK_MONOTONIC) - wall;
	cpu = clock_of(CLOCK_PROCESS_CPUTIME_ID) - cpu;
	printf("seconds %.6f\ncpu %.6f\nin %" PRIu64 "\nout %" PRIu64 "\n", wall, cpu,
	       (uint64_t)w->pages->n * w->pages->block, (uint64_t)atomic_load(&w->out));
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
