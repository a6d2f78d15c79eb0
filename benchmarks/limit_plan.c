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
	uint64_t at, len; /* in the file */
};

struct work {
	int fd;
	enum mode mode;
	size_t step; /* of a struct page */
	struct run *runs;
	size_t n, cap;
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
	struct timespec t;

	clock_gettime(id, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void add(struct work *w, uint64_t at, uint64_t len)
{
	if (w->n == w->cap) {
		w->cap = w->cap ? 2 * w->cap : 1024;
		w->runs = realloc(w->runs, w->cap * sizeof *w->runs);
		if (!w->runs)
			fail("out of memory");
	}
	w->runs[w->n++] = (struct run){ at, len };
}

/* Struct pages in [vaddr, vaddr + len) of virtual memory. */
static void locate(struct work *w, struct df_walker *walker, uint64_t vaddr, uint64_t len)
{
	const struct df_extents *x = &walker->xlat->image->stored;
	struct df_err err;
	uint64_t paddr, run;

	for (uint64_t end = vaddr + len; vaddr < end; vaddr += run) {
		size_t i;

		if (df_xlat_v2p(walker, vaddr, &paddr, &run, &err) < 0) {
			run = 4096 - vaddr % 4096;
			continue;
		}
		if (run > end - vaddr)
			run = end - vaddr;
		if (run > WINDOW)
			run = WINDOW;
		i = df_extents_find(x, paddr);
		if (i == x->n || x->v[i].start > paddr)
			continue;
		if (run > x->v[i].end - paddr)
			run = x->v[i].end - paddr;
		add(w, x->v[i].offset + (paddr - x->v[i].start), run);
	}
}

/* The struct pages of the frames that the image stores. */
static void list_runs(struct work *w, struct df_dump *d)
{
	struct df_reader reader;
	struct df_walker walker;
	struct df_err err;

	if (df_reader_init(&reader, &d->image, DF_WINDOW_COPY, &err) < 0 ||
	    df_walker_init(&walker, &d->xlat, &reader, &err) < 0)
		fail(err.text);
	w->step = d->map.page_struct;
	for (size_t i = 0; i < d->image.stored.n; i++) {
		uint64_t first = d->image.stored.v[i].start >> d->page_shift;
		uint64_t end = ((d->image.stored.v[i].end - 1) >> d->page_shift) + 1;

		for (size_t k = 0; k < d->map.n; k++) {
			const struct df_memmap_range *r = &d->map.v[k];
			uint64_t from = first > r->first ? first : r->first, to = end < r->end ? end : r->end;

			if (from < to)
				locate(w, &walker, r->vaddr + (from - r->first) * w->step, (to - from) * w->step);
		}
	}
	df_walker_fini(&walker);
	df_reader_fini(&reader);
}

static uint64_t touch(const uint8_t *p, size_t len, size_t step)
{
	uint64_t sum = 0, word;

	for (size_t i = 0; i + 8 <= len; i += step) {
		memcpy(&word, p + i, 8);
		sum += word;
	}
	return sum;
}

static uint64_t one_run(struct work *w, const struct run *r, uint8_t *buf)
{
	uint64_t start = r->at & ~UINT64_C(4095), sum;
	size_t len = (size_t)(r->at + r->len - start);
	void *map;

	if (w->mode == READ) {
		if (pread(w->fd, buf, (size_t)r->len, (off_t)r->at) != (ssize_t)r->len)
			fail("the image cannot be read");
		return touch(buf, (size_t)r->len, w->step);
	}
	map = mmap(NULL, len, PROT_READ, MAP_PRIVATE | (w->mode == POPULATE ? MAP_POPULATE : 0), w->fd, (off_t)start);
	if (map == MAP_FAILED)
		fail("the image cannot be mapped");
	sum = touch((uint8_t *)map + (r->at - start), (size_t)r->len, w->step);
	munmap(map, len);
	return sum;
}

static void *touch_all(void *arg)
{
	struct work *w = arg;
	uint8_t *buf = malloc(WINDOW);
	uint64_t sum = 0, pages = 0;
	size_t i;

	if (!buf)
		fail("out of memory");
	while ((i = atomic_fetch_add(&w->next, 1)) < w->n) {
		sum += one_run(w, &w->runs[i], buf);
		pages += w->runs[i].len / w->step;
	}
	free(buf);
	atomic_fetch_add(&w->pages, pages);
	atomic_fetch_add(&w->sum, sum); /* used, so that the loop is not optimised away */
	return NULL;
}

static void measure(struct work *w, int threads)
{
	pthread_t id[MAX_THREADS];
	double wall = clock_of(CLOCK_MONOTONIC), cpu = clock_of(CLOCK_PROCESS_CPUTIME_ID);

	for (int i = 1; i < threads; i++)
		if (pthread_create(&id[i], NULL, touch_all, w))
			fail("no thread");
	touch_all(w);
	for (int i = 1; i < threads; i++)
		pthread_join(id[i], NULL);
	wall = clock_of(CLOCK_MONOTONIC) - wall;
	cpu = clock_of(CLOCK_PROCESS_CPUTIME_ID) - cpu;
	printf("seconds %.6f\ncpu %.6f\npages %" PRIu64 "\nsum %" PRIx64 "\n", wall, cpu,
	       (uint64_t)atomic_load(&w->pages), (uint64_t)atomic_load(&w->sum));
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
