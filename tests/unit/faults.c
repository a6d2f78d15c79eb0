/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "faults.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Sections of 8 MiB and few tables keep it small; a transparent huge page makes a gap that ELF output leaves out.  The
 * builder takes tables and struct pages from the end of the larger region. */
const char fi_recipe[] = "preset 6.1\n"
			 "ram 0 1M\n"
			 "ram 1536K 3584K\n"
			 "layout kernel=256K kernel_size=256K\n"
			 "memmodel sparse-extreme section_bits=23 phys_bits=32\n"
			 "paging direct=4K kernel=4K\n"
			 "page 0x10-0x17 kind=anon\n"
			 "page 0x18-0x1b kind=private\n"
			 "page 0x20-0x23 kind=file\n"
			 "compound 0x28 order=3 kind=thp\n"
			 "compound 0x200 order=9 kind=thp\n"
			 "buddy 0x1c0 order=4\n"
			 "page 0x1d0-0x1d3 kind=offline\n" /* see fi_image_build() */
			 "page 0x1d4 flags=+hwpoison\n"
			 "zero 0x90-0x9f,0x1e0-0x1e7\n"
			 "random 0xa0-0xbf\n";

/* Less than 1.5 MB of file, for loops over all its pages. */
const char fi_tiny[] = "preset 6.1\n"
		       "ram 0 640K\n"
		       "ram 1M 256K\n"
		       "layout kernel=256K kernel_size=128K\n"
		       "memmodel sparse-extreme section_bits=21 phys_bits=32\n"
		       "paging direct=4K kernel=4K\n"
		       "page 0x10-0x17 kind=anon\n"
		       "page 0x20-0x23 kind=file\n"
		       "compound 0x28 order=3 kind=thp\n"
		       "buddy 0x100 order=4\n"
		       "zero 0x1-0x8\n";

/* ---- the image, as its program headers say */

struct load {
	uint64_t offset, paddr, filesz, memsz;
};

static uint64_t get(const uint8_t *p, unsigned width)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < width; i++)
		v |= (uint64_t)p[i] << 8 * i;
	return v;
}

static bool load_at(const struct builder_image *b, unsigned i, struct load *l)
{
	const uint8_t *p = b->data + get(b->data + 32, 8) + i * 56;

	if (get(p, 4) != 1)
		return false;
	*l = (struct load){ get(p + 8, 8), get(p + 24, 8), get(p + 32, 8), get(p + 40, 8) };
	return true;
}

static const char *fill_memory(struct fi_image *img)
{
	const struct builder_image *b = &img->built;
	unsigned n = (unsigned)get(b->data + 56, 2);
	struct load l;

	for (unsigned i = 0; i < n; i++)
		if (load_at(b, i, &l) && (l.paddr + l.memsz + FI_PAGE - 1) / FI_PAGE > img->max_pfn)
			img->max_pfn = (l.paddr + l.memsz + FI_PAGE - 1) / FI_PAGE;
	img->memory = calloc(img->max_pfn, FI_PAGE);
	img->present = calloc(img->max_pfn, 1);
	if (!img->memory || !img->present)
		return "no memory";
	/* the last header first: where loads overlap the first one counts */
	while (n--) {
		if (!load_at(b, n, &l))
			continue;
		if (l.offset + l.filesz > b->size)
			return "the image is cut";
		memcpy(img->memory + l.paddr, b->data + l.offset, l.filesz);
		for (uint64_t pfn = l.paddr / FI_PAGE; pfn * FI_PAGE < l.paddr + l.filesz; pfn++)
			img->present[pfn] = 1;
	}
	return NULL;
}

const char *fi_image_build(struct fi_image *img, const char *recipe, const char *more)
{
	static char err[BUILDER_ERR];
	char text[8192];
	int n = snprintf(text, sizeof text, "%s%s", recipe, more ? more : "");

	*img = (struct fi_image){ 0 };
	if (recipe == fi_recipe) {
		img->untouchable = 0x1d0;
		img->untouchable_end = 0x1d5;
	}
	if (builder_build(text, (size_t)n, &img->built, err))
		return err;
	return fill_memory(img);
}

void fi_image_free(struct fi_image *img)
{
	builder_image_free(&img->built);
	free(img->memory);
	free(img->present);
	*img = (struct fi_image){ 0 };
}

/* ---- callbacks */

static void enter(struct fi_guard *g)
{
	int others = atomic_fetch_add(&g->inside, 1);

	if (g->concurrent)
		return;
	if (others)
		atomic_store(&g->overlapped, true);
	if (!pthread_equal(g->owner, pthread_self()))
		atomic_store(&g->wrong_thread, true);
}

static void leave(struct fi_guard *g)
{
	atomic_fetch_sub(&g->inside, 1);
}

static const char *guard_broken(const struct fi_guard *g, const char *thread, const char *overlap)
{
	return atomic_load(&g->wrong_thread) ? thread : atomic_load(&g->overlapped) ? overlap : NULL;
}

static int64_t give(struct fi_source *s, uint64_t offset, void *buf, size_t len)
{
	unsigned long n = atomic_fetch_add(&s->reads, 1) + 1;

	if (fi_fails(n, s->fail_at, s->fail_on))
		return -(s->error ? s->error : EIO);
	if (offset >= s->size)
		return 0;
	if (len > s->size - offset)
		len = (size_t)(s->size - offset);
	if (s->most && len > s->most)
		len = s->most;
	if (offset < s->fail_to && offset + len > s->fail_from) {
		if (offset >= s->fail_from)
			return -(s->error ? s->error : EIO);
		len = (size_t)(s->fail_from - offset);
	}
	memcpy(buf, s->data + offset, len);
	return (int64_t)len;
}

static int64_t source_read(void *user, uint64_t offset, void *buf, size_t len)
{
	struct fi_source *s = user;
	int64_t r;

	enter(&s->guard);
	r = give(s, offset, buf, len);
	leave(&s->guard);
	return r;
}

/* ---- the disk */

/* Disks are of one size and used again and again: thousands of runs with new ones would be mostly page faults. */
#define DISK (UINT64_C(8) << 20)

static struct {
	pthread_mutex_t lock;
	struct fi_disk spare[16];
	unsigned n;
} shelf = { .lock = PTHREAD_MUTEX_INITIALIZER };

static void take_disk(struct fi_disk *d)
{
	struct fi_disk *s = NULL;

	if (d->data)
		return;
	pthread_mutex_lock(&shelf.lock);
	if (shelf.n)
		s = &shelf.spare[--shelf.n];
	d->data = s ? s->data : calloc(1, DISK);
	d->touched = s ? s->touched : calloc(1, DISK);
	d->block = s ? s->block : calloc(1, DISK / FI_PAGE);
	pthread_mutex_unlock(&shelf.lock);
	if (!d->data || !d->touched || !d->block)
		abort();
}

/* Store up to where the disk is full; the bytes that fitted.  note: they must not come again without REWRITE. */
static size_t store(struct fi_disk *d, uint64_t offset, const uint8_t *buf, size_t len, bool note)
{
	size_t done = 0;

	take_disk(d);
	while (done < len) {
		uint64_t at = offset + done;
		size_t n = FI_PAGE - at % FI_PAGE;

		if (n > len - done)
			n = len - done;
		if (!d->block[at / FI_PAGE]) {
			if (d->room && d->used == d->room)
				break;
			d->block[at / FI_PAGE] = 1;
			d->used++;
		}
		for (size_t i = 0; i < n && !(d->caps & DUMPFILTER_IO_REWRITE); i++)
			d->rewritten |= d->touched[at + i];
		memcpy(d->data + at, buf + done, n);
		if (note)
			memset(d->touched + at, 1, n);
		done += n;
	}
	if (done && offset + done > d->end)
		d->end = offset + done;
	return done;
}

static int disk_write(void *user, uint64_t offset, const void *buf, size_t len)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* a disk that may be written to by several threads */
	struct fi_disk *d = user;
	int r = 0;

	if (offset > DISK || len > DISK - offset)
		return -EFBIG;
	enter(&d->guard);
	pthread_mutex_lock(&lock);
	if (!(d->caps & DUMPFILTER_IO_RANDOM) && offset != d->end)
		d->out_of_order = true;
	if (fi_fails(++d->writes, d->fail_at, d->fail_on)) {
		/* not in the middle of a descriptor: nobody could mend what a disk tears there and dies */
		store(d, offset, buf, len / 2 / 24 * 24, false);
		r = -(d->error ? d->error : EIO);
	} else if (store(d, offset, buf, len, true) < len) {
		r = -ENOSPC;
	}
	pthread_mutex_unlock(&lock);
	leave(&d->guard);
	return r;
}

static int disk_finish(void *user, int result)
{
	struct fi_disk *d = user;

	enter(&d->guard);
	d->finishes++;
	d->finish_result = result;
	leave(&d->guard);
	return -d->finish_error;
}

void fi_disk_free(struct fi_disk *d)
{
	if (!d->data)
		return;
	memset(d->data, 0, d->end);
	memset(d->touched, 0, d->end);
	memset(d->block, 0, DISK / FI_PAGE);
	pthread_mutex_lock(&shelf.lock);
	if (shelf.n < sizeof shelf.spare / sizeof *shelf.spare) {
		shelf.spare[shelf.n++] = *d;
	} else {
		free(d->data);
		free(d->touched);
		free(d->block);
	}
	pthread_mutex_unlock(&shelf.lock);
	d->data = d->touched = d->block = NULL;
	d->end = d->used = 0;
}

/* ---- one dump */

static void on_progress(void *user, const struct dumpfilter_progress *p)
{
	struct fi_run *x = user;

	x->callbacks++;
	x->strange_callbacks += !pthread_equal(x->caller, pthread_self());
	if (x->progress)
		x->progress(x, x->df, p);
}

static void on_log(void *user, int level, const char *line)
{
	struct fi_run *x = user;

	(void)level;
	x->callbacks++;
	x->strange_callbacks += !pthread_equal(x->caller, pthread_self()) || strchr(line, '\n') || !*line;
}

void fi_run_init(struct fi_run *x, const struct fi_image *img)
{
	*x = (struct fi_run){ .img = img, .cfg = DUMPFILTER_CONFIG_INIT };
	x->cfg.level = 31;
	x->cfg.codec = DUMPFILTER_CODEC_ZLIB;
	x->cfg.threads = 1;
	x->src.data = img->built.data;
	x->src.size = img->built.size;
	x->src.guard.concurrent = true;
	x->disk.caps = DUMPFILTER_IO_RANDOM | DUMPFILTER_IO_REWRITE;
}

static void step(struct fi_run *x, int n)
{
	if (x->step)
		x->step(x, x->df, n);
}

static int open_source(struct fi_run *x)
{
	struct dumpfilter_source_ops ops = { .size = sizeof ops,
					     .caps = x->src.guard.concurrent ? DUMPFILTER_IO_CONCURRENT : 0,
					     .read = source_read,
					     .length = x->src.length ? x->src.length : x->src.size,
					     .name = "the image" };
	int r = dumpfilter_configure(x->df, &x->cfg);

	step(x, 0);
	if (!r)
		r = dumpfilter_open(x->df, &ops, &x->src);
	x->opened = !r;
	step(x, 1);
	if (!r && x->plan_first)
		r = dumpfilter_plan(x->df);
	x->planned = x->opened && x->plan_first && r >= 0;
	return r < 0 ? r : 0;
}

static int write_disk(struct fi_run *x)
{
	struct dumpfilter_sink_ops ops = {
		.size = sizeof ops, .caps = x->disk.caps, .write = disk_write, .finish = disk_finish, .name = "the disk"
	};
	struct dumpfilter_sink *disk = dumpfilter_sink_custom(x->df, &ops, &x->disk), *flat = NULL;
	int r = DUMPFILTER_E_NOMEM;

	if (disk && x->flat)
		flat = dumpfilter_sink_flat(x->df, disk);
	step(x, 2);
	if (disk && (flat || !x->flat)) {
		r = x->limit ? dumpfilter_sink_limit(x->df, flat ? flat : disk, x->limit) : 0;
		r = r ? r : dumpfilter_run(x->df, flat ? flat : disk);
		x->at_limit = dumpfilter_sink_at_limit(flat ? flat : disk);
	}
	snprintf(x->message, sizeof x->message, "%s", dumpfilter_errmsg(x->df));
	dumpfilter_sink_free(flat);
	dumpfilter_sink_free(disk);
	return r;
}

static const char *check_run(struct fi_run *x)
{
	const char *bad = guard_broken(&x->src.guard, "the source was read on another thread",
				       "the source was read by two threads at once");

	if (!bad)
		bad = guard_broken(&x->disk.guard, "the sink was called on another thread",
				   "the sink was called by two threads at once");
	if (bad)
		return bad;
	if (atomic_load(&x->heap.live))
		return "memory was not given back";
	if (x->strange_callbacks)
		return "a log or progress callback came on another thread, or a log line is none";
	if (x->disk.finishes > 1)
		return "finish() of the sink was called twice";
	if (x->disk.out_of_order || x->disk.rewritten)
		return "the sink got what it had said it cannot take";
	if ((x->result < 0 || x->result == DUMPFILTER_PARTIAL) && (!x->message[0] || strchr(x->message, '\n')))
		return "no line of text for a failure";
	if (x->disk.finishes && x->disk.finish_result != x->result && !x->disk.finish_error && x->result < 0)
		return "finish() of the sink was told another result";
	return NULL;
}

const char *fi_run_go(struct fi_run *x)
{
	struct dumpfilter_new_opts opts = { sizeof opts, fi_heap_alloc, fi_heap_free, &x->heap };

	x->caller = x->src.guard.owner = x->disk.guard.owner = pthread_self();
	x->df = dumpfilter_new(&opts);
	if (!x->df) {
		x->result = DUMPFILTER_E_NOMEM;
		snprintf(x->message, sizeof x->message, "no context");
		return atomic_load(&x->heap.live) ? "memory of a context that was not made" : NULL;
	}
	dumpfilter_set_progress(x->df, on_progress, x);
	dumpfilter_set_log(x->df, on_log, x, DUMPFILTER_LOG_DEBUG);
	x->result = open_source(x);
	snprintf(x->message, sizeof x->message, "%s", dumpfilter_errmsg(x->df));
	if (!x->result)
		x->result = write_disk(x);
	x->report = (struct dumpfilter_report)DUMPFILTER_REPORT_INIT;
	x->have_report = !dumpfilter_report(x->df, &x->report);
	step(x, 3);
	dumpfilter_free(x->df);
	x->df = NULL;
	return check_run(x);
}

void fi_run_free(struct fi_run *x)
{
	fi_disk_free(&x->disk);
}
