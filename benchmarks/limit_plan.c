/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The limit of planning: reads one word of each struct page, where it lies in the file, and does nothing else.  Where
 * that is was found out before the clock starts.  Prints seconds (wall, then CPU of all threads) and how many struct
 * pages there are.
 *
 * usage: limit_plan VMCORE THREADS [mmap|populate|read]
 *        mmap: through windows of a mapping (default); populate: the same, filled by the kernel at once;
 *        read: through pread() into a buffer that fits the cache
 */
#include "api/context.h"

#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define MAX_THREADS 64
#define WINDOW      (UINT64_C(2) << 20) /* bytes of struct pages that a thread takes at a time */

enum mode { MMAP, POPULATE, READ };

struct run {
	uint64_t at, length; /* in the file */
};

struct work {
	int fd;
	enum mode mode;
	size_t step; /* of a struct page */
	struct run *runs;
	size_t count, cap;
	atomic_size_t next;
	atomic_uint_fast64_t pages, sum;
};

static _Noreturn void fail(const char *what)
{
	fprintf(stderr, "limit_plan: %s\n", what);
	exit(1);
}

static double clock_of(clockid_t id)
{
	struct timespec now;

	clock_gettime(id, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void add(struct work *work, uint64_t at, uint64_t length)
{
	if (work->count == work->cap) {
		work->cap = work->cap ? 2 * work->cap : 1024;
		work->runs = realloc(work->runs, work->cap * sizeof *work->runs);
		if (!work->runs)
			fail("out of memory");
	}
	work->runs[work->count++] = (struct run){ at, length };
}

/* Struct pages in [vaddr, vaddr + length) of virtual memory. */
static void locate(struct work *work, struct df_walker *walker, uint64_t vaddr, uint64_t length)
{
	const struct df_extents *extents = &walker->xlat->image->stored;
	struct df_err err;
	uint64_t paddr, run;

	for (uint64_t end = vaddr + length; vaddr < end; vaddr += run) {
		size_t i;

		if (df_xlat_v2p(walker, vaddr, &paddr, &run, &err) < 0) {
			run = 4096 - vaddr % 4096;
			continue;
		}
		if (run > end - vaddr)
			run = end - vaddr;
		if (run > WINDOW)
			run = WINDOW;
		i = df_extents_find(extents, paddr);
		if (i == extents->count || extents->extent[i].start > paddr)
			continue;
		if (run > extents->extent[i].end - paddr)
			run = extents->extent[i].end - paddr;
		add(work, extents->extent[i].offset + (paddr - extents->extent[i].start), run);
	}
}

/* The struct pages of the frames that the image stores. */
static void list_runs(struct work *work, struct df_dump *dump)
{
	struct df_reader reader;
	struct df_walker walker;
	struct df_err err;

	if (df_reader_init(&reader, &dump->image, DF_WINDOW_COPY, &err) < 0 ||
	    df_walker_init(&walker, &dump->xlat, &reader, &err) < 0)
		fail(err.text);
	work->step = dump->memmap.page_struct;
	for (size_t i = 0; i < dump->image.stored.count; i++) {
		uint64_t first = dump->image.stored.extent[i].start >> dump->page_shift;
		uint64_t end = ((dump->image.stored.extent[i].end - 1) >> dump->page_shift) + 1;

		for (size_t index = 0; index < dump->memmap.count; index++) {
			const struct df_memmap_range *range = &dump->memmap.range[index];
			uint64_t from = first > range->first ? first : range->first,
				 to = end < range->end ? end : range->end;

			if (from < to)
				locate(work, &walker, range->vaddr + (from - range->first) * work->step,
				       (to - from) * work->step);
		}
	}
	df_walker_fini(&walker);
	df_reader_fini(&reader);
}

static uint64_t touch(const uint8_t *bytes, size_t length, size_t step)
{
	uint64_t sum = 0, word;

	for (size_t i = 0; i + 8 <= length; i += step) {
		memcpy(&word, bytes + i, 8);
		sum += word;
	}
	return sum;
}

static uint64_t one_run(struct work *work, const struct run *run, uint8_t *buffer)
{
	uint64_t start = run->at & ~UINT64_C(4095), sum;
	size_t length = (size_t)(run->at + run->length - start);
	void *map;

	if (work->mode == READ) {
		if (pread(work->fd, buffer, (size_t)run->length, (off_t)run->at) != (ssize_t)run->length)
			fail("the image cannot be read");
		return touch(buffer, (size_t)run->length, work->step);
	}
	map = mmap(NULL, length, PROT_READ, MAP_PRIVATE | (work->mode == POPULATE ? MAP_POPULATE : 0), work->fd,
		   (off_t)start);
	if (map == MAP_FAILED)
		fail("the image cannot be mapped");
	sum = touch((uint8_t *)map + (run->at - start), (size_t)run->length, work->step);
	munmap(map, length);
	return sum;
}

static void *touch_all(void *arg)
{
	struct work *work = arg;
	uint8_t *buffer = malloc(WINDOW);
	uint64_t sum = 0, pages = 0;
	size_t i;

	if (!buffer)
		fail("out of memory");
	while ((i = atomic_fetch_add(&work->next, 1)) < work->count) {
		sum += one_run(work, &work->runs[i], buffer);
		pages += work->runs[i].length / work->step;
	}
	free(buffer);
	atomic_fetch_add(&work->pages, pages);
	atomic_fetch_add(&work->sum, sum); /* used, so that the loop is not optimised away */
	return NULL;
}

static void measure(struct work *work, int threads)
{
	pthread_t id[MAX_THREADS];
	double wall = clock_of(CLOCK_MONOTONIC), cpu = clock_of(CLOCK_PROCESS_CPUTIME_ID);

	for (int i = 1; i < threads; i++)
		if (pthread_create(&id[i], NULL, touch_all, work))
			fail("no thread");
	touch_all(work);
	for (int i = 1; i < threads; i++)
		pthread_join(id[i], NULL);
	wall = clock_of(CLOCK_MONOTONIC) - wall;
	cpu = clock_of(CLOCK_PROCESS_CPUTIME_ID) - cpu;
	printf("seconds %.6f\ncpu %.6f\npages %" PRIu64 "\nsum %" PRIx64 "\n", wall, cpu,
	       (uint64_t)atomic_load(&work->pages), (uint64_t)atomic_load(&work->sum));
}

int main(int argc, char **argv)
{
	struct dumpfilter *df = dumpfilter_new(NULL);
	struct work work = { .mode = MMAP };
	int threads = argc >= 3 ? atoi(argv[2]) : 0;

	if (threads < 1 || threads > MAX_THREADS || !df) {
		fprintf(stderr, "usage: limit_plan VMCORE THREADS [mmap|populate|read]\n");
		return 2;
	}
	if (argc > 3)
		work.mode = !strcmp(argv[3], "populate") ? POPULATE : !strcmp(argv[3], "read") ? READ : MMAP;
	if (dumpfilter_open_path(df, argv[1], 0) < 0)
		fail(dumpfilter_errmsg(df));
	if (!df->dump.can_classify)
		fail(df->dump.why_not.text);
	list_runs(&work, &df->dump);
	work.fd = open(argv[1], O_RDONLY);
	if (work.fd < 0)
		fail("the image cannot be opened");
	measure(&work, threads);
	free(work.runs);
	dumpfilter_free(df);
	return 0;
}
