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

static uint64_t get(const uint8_t *bytes, unsigned width)
{
	uint64_t value = 0;

	for (unsigned i = 0; i < width; i++)
		value |= (uint64_t)bytes[i] << 8 * i;
	return value;
}

static bool load_at(const struct builder_image *image, unsigned i, struct load *load)
{
	const uint8_t *bytes = image->data + get(image->data + 32, 8) + i * 56;

	if (get(bytes, 4) != 1)
		return false;
	*load = (struct load){ get(bytes + 8, 8), get(bytes + 24, 8), get(bytes + 32, 8), get(bytes + 40, 8) };
	return true;
}

static const char *fill_memory(struct fi_image *image)
{
	const struct builder_image *other = &image->built;
	unsigned count = (unsigned)get(other->data + 56, 2);
	struct load load;

	for (unsigned i = 0; i < count; i++)
		if (load_at(other, i, &load) && (load.paddr + load.memsz + FI_PAGE - 1) / FI_PAGE > image->max_pfn)
			image->max_pfn = (load.paddr + load.memsz + FI_PAGE - 1) / FI_PAGE;
	image->memory = calloc(image->max_pfn, FI_PAGE);
	image->present = calloc(image->max_pfn, 1);
	if (!image->memory || !image->present)
		return "no memory";
	/* the last header first: where loads overlap the first one counts */
	while (count--) {
		if (!load_at(other, count, &load))
			continue;
		if (load.offset + load.filesz > other->size)
			return "the image is cut";
		memcpy(image->memory + load.paddr, other->data + load.offset, load.filesz);
		for (uint64_t pfn = load.paddr / FI_PAGE; pfn * FI_PAGE < load.paddr + load.filesz; pfn++)
			image->present[pfn] = 1;
	}
	return NULL;
}

const char *fi_image_build(struct fi_image *image, const char *recipe, const char *more)
{
	static char err[BUILDER_ERR];
	char text[8192];
	int count = snprintf(text, sizeof text, "%s%s", recipe, more ? more : "");

	*image = (struct fi_image){ 0 };
	if (recipe == fi_recipe) {
		image->untouchable = 0x1d0;
		image->untouchable_end = 0x1d5;
	}
	if (builder_build(text, (size_t)count, &image->built, err))
		return err;
	return fill_memory(image);
}

void fi_image_free(struct fi_image *image)
{
	builder_image_free(&image->built);
	free(image->memory);
	free(image->present);
	*image = (struct fi_image){ 0 };
}

/* ---- callbacks */

static void enter(struct fi_guard *guard)
{
	int others = atomic_fetch_add(&guard->inside, 1);

	if (guard->concurrent)
		return;
	if (others)
		atomic_store(&guard->overlapped, true);
	if (!pthread_equal(guard->owner, pthread_self()))
		atomic_store(&guard->wrong_thread, true);
}

static void leave(struct fi_guard *guard)
{
	atomic_fetch_sub(&guard->inside, 1);
}

static const char *guard_broken(const struct fi_guard *guard, const char *thread, const char *overlap)
{
	return atomic_load(&guard->wrong_thread) ? thread : atomic_load(&guard->overlapped) ? overlap : NULL;
}

static int64_t give(struct fi_source *source, uint64_t offset, void *buffer, size_t length)
{
	unsigned long count = atomic_fetch_add(&source->reads, 1) + 1;

	if (fi_fails(count, source->fail_at, source->fail_on))
		return -(source->error ? source->error : EIO);
	if (offset >= source->size)
		return 0;
	if (length > source->size - offset)
		length = (size_t)(source->size - offset);
	if (source->most && length > source->most)
		length = source->most;
	if (offset < source->fail_to && offset + length > source->fail_from) {
		if (offset >= source->fail_from)
			return -(source->error ? source->error : EIO);
		length = (size_t)(source->fail_from - offset);
	}
	memcpy(buffer, source->data + offset, length);
	return (int64_t)length;
}

static int64_t source_read(void *user, uint64_t offset, void *buffer, size_t length)
{
	struct fi_source *source = user;
	int64_t result;

	enter(&source->guard);
	result = give(source, offset, buffer, length);
	leave(&source->guard);
	return result;
}

/* ---- the disk */

/* Disks are of one size and used again and again: thousands of runs with new ones would be mostly page faults. */
#define DISK (UINT64_C(8) << 20)

static struct {
	pthread_mutex_t lock;
	struct fi_disk spare[16];
	unsigned count;
} shelf = { .lock = PTHREAD_MUTEX_INITIALIZER };

static void take_disk(struct fi_disk *disk)
{
	struct fi_disk *store = NULL;

	if (disk->data)
		return;
	pthread_mutex_lock(&shelf.lock);
	if (shelf.count)
		store = &shelf.spare[--shelf.count];
	disk->data = store ? store->data : calloc(1, DISK);
	disk->touched = store ? store->touched : calloc(1, DISK);
	disk->block = store ? store->block : calloc(1, DISK / FI_PAGE);
	pthread_mutex_unlock(&shelf.lock);
	if (!disk->data || !disk->touched || !disk->block)
		abort();
}

/* Store up to where the disk is full; the bytes that fitted.  note: they must not come again without REWRITE. */
static size_t store(struct fi_disk *disk, uint64_t offset, const uint8_t *buffer, size_t length, bool note)
{
	size_t done = 0;

	take_disk(disk);
	while (done < length) {
		uint64_t at = offset + done;
		size_t count = FI_PAGE - at % FI_PAGE;

		if (count > length - done)
			count = length - done;
		if (!disk->block[at / FI_PAGE]) {
			if (disk->room && disk->used == disk->room)
				break;
			disk->block[at / FI_PAGE] = 1;
			disk->used++;
		}
		for (size_t i = 0; i < count && !(disk->caps & DUMPFILTER_IO_REWRITE); i++)
			disk->rewritten |= disk->touched[at + i];
		memcpy(disk->data + at, buffer + done, count);
		if (note)
			memset(disk->touched + at, 1, count);
		done += count;
	}
	if (done && offset + done > disk->end)
		disk->end = offset + done;
	return done;
}

static int disk_write(void *user, uint64_t offset, const void *buffer, size_t length)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* a disk that may be written to by several threads */
	struct fi_disk *disk = user;
	int result = 0;

	if (offset > DISK || length > DISK - offset)
		return -EFBIG;
	enter(&disk->guard);
	pthread_mutex_lock(&lock);
	if (!(disk->caps & DUMPFILTER_IO_RANDOM) && offset != disk->end)
		disk->out_of_order = true;
	if (fi_fails(++disk->writes, disk->fail_at, disk->fail_on)) {
		/* not in the middle of a descriptor: nobody could mend what a disk tears there and dies */
		store(disk, offset, buffer, length / 2 / 24 * 24, false);
		result = -(disk->error ? disk->error : EIO);
	} else if (store(disk, offset, buffer, length, true) < length) {
		result = -ENOSPC;
	}
	pthread_mutex_unlock(&lock);
	leave(&disk->guard);
	return result;
}

static int disk_finish(void *user, int result)
{
	struct fi_disk *disk = user;

	enter(&disk->guard);
	disk->finishes++;
	disk->finish_result = result;
	leave(&disk->guard);
	return -disk->finish_error;
}

void fi_disk_free(struct fi_disk *disk)
{
	if (!disk->data)
		return;
	memset(disk->data, 0, disk->end);
	memset(disk->touched, 0, disk->end);
	memset(disk->block, 0, DISK / FI_PAGE);
	pthread_mutex_lock(&shelf.lock);
	if (shelf.count < sizeof shelf.spare / sizeof *shelf.spare) {
		shelf.spare[shelf.count++] = *disk;
	} else {
		free(disk->data);
		free(disk->touched);
		free(disk->block);
	}
	pthread_mutex_unlock(&shelf.lock);
	disk->data = disk->touched = disk->block = NULL;
	disk->end = disk->used = 0;
}

/* ---- one dump */

static void on_progress(void *user, const struct dumpfilter_progress *progress)
{
	struct fi_run *run = user;

	run->callbacks++;
	run->strange_callbacks += !pthread_equal(run->caller, pthread_self());
	if (run->progress)
		run->progress(run, run->df, progress);
}

static void on_log(void *user, int level, const char *line)
{
	struct fi_run *run = user;

	(void)level;
	run->callbacks++;
	run->strange_callbacks += !pthread_equal(run->caller, pthread_self()) || strchr(line, '\n') || !*line;
}

void fi_run_init(struct fi_run *run, const struct fi_image *image)
{
	*run = (struct fi_run){ .image = image, .config = DUMPFILTER_CONFIG_INIT };
	run->config.level = 31;
	run->config.codec = DUMPFILTER_CODEC_ZLIB;
	run->config.threads = 1;
	run->source.data = image->built.data;
	run->source.size = image->built.size;
	run->source.guard.concurrent = true;
	run->disk.caps = DUMPFILTER_IO_RANDOM | DUMPFILTER_IO_REWRITE;
}

static void step(struct fi_run *run, int count)
{
	if (run->step)
		run->step(run, run->df, count);
}

static int open_source(struct fi_run *run)
{
	struct dumpfilter_source_ops ops = { .size = sizeof ops,
					     .caps = run->source.guard.concurrent ? DUMPFILTER_IO_CONCURRENT : 0,
					     .read = source_read,
					     .length = run->source.length ? run->source.length : run->source.size,
					     .name = "the image" };
	int result = dumpfilter_configure(run->df, &run->config);

	step(run, 0);
	if (!result)
		result = dumpfilter_open(run->df, &ops, &run->source);
	run->opened = !result;
	step(run, 1);
	if (!result && run->plan_first)
		result = dumpfilter_plan(run->df);
	run->planned = run->opened && run->plan_first && result >= 0;
	return result < 0 ? result : 0;
}

static int write_disk(struct fi_run *run)
{
	struct dumpfilter_sink_ops ops = { .size = sizeof ops,
					   .caps = run->disk.caps,
					   .write = disk_write,
					   .finish = disk_finish,
					   .name = "the disk" };
	struct dumpfilter_sink *disk = dumpfilter_sink_custom(run->df, &ops, &run->disk), *flat = NULL;
	int result = DUMPFILTER_E_NOMEM;

	if (disk && run->flat)
		flat = dumpfilter_sink_flat(run->df, disk);
	step(run, 2);
	if (disk && (flat || !run->flat)) {
		result = run->limit ? dumpfilter_sink_limit(run->df, flat ? flat : disk, run->limit) : 0;
		result = result ? result : dumpfilter_run(run->df, flat ? flat : disk);
		run->at_limit = dumpfilter_sink_at_limit(flat ? flat : disk);
	}
	snprintf(run->message, sizeof run->message, "%s", dumpfilter_errmsg(run->df));
	dumpfilter_sink_free(flat);
	dumpfilter_sink_free(disk);
	return result;
}

static const char *check_run(struct fi_run *run)
{
	const char *bad = guard_broken(&run->source.guard, "the source was read on another thread",
				       "the source was read by two threads at once");

	if (!bad)
		bad = guard_broken(&run->disk.guard, "the sink was called on another thread",
				   "the sink was called by two threads at once");
	if (bad)
		return bad;
	if (atomic_load(&run->heap.live))
		return "memory was not given back";
	if (run->strange_callbacks)
		return "a log or progress callback came on another thread, or a log line is none";
	if (run->disk.finishes > 1)
		return "finish() of the sink was called twice";
	if (run->disk.out_of_order || run->disk.rewritten)
		return "the sink got what it had said it cannot take";
	if ((run->result < 0 || run->result == DUMPFILTER_PARTIAL) && (!run->message[0] || strchr(run->message, '\n')))
		return "no line of text for a failure";
	if (run->disk.finishes && run->disk.finish_result != run->result && !run->disk.finish_error && run->result < 0)
		return "finish() of the sink was told another result";
	return NULL;
}

const char *fi_run_go(struct fi_run *run)
{
	struct dumpfilter_new_opts opts = { sizeof opts, fi_heap_alloc, fi_heap_free, &run->heap };

	run->caller = run->source.guard.owner = run->disk.guard.owner = pthread_self();
	run->df = dumpfilter_new(&opts);
	if (!run->df) {
		run->result = DUMPFILTER_E_NOMEM;
		snprintf(run->message, sizeof run->message, "no context");
		return atomic_load(&run->heap.live) ? "memory of a context that was not made" : NULL;
	}
	dumpfilter_set_progress(run->df, on_progress, run);
	dumpfilter_set_log(run->df, on_log, run, DUMPFILTER_LOG_DEBUG);
	run->result = open_source(run);
	snprintf(run->message, sizeof run->message, "%s", dumpfilter_errmsg(run->df));
	if (!run->result)
		run->result = write_disk(run);
	run->report = (struct dumpfilter_report)DUMPFILTER_REPORT_INIT;
	run->have_report = !dumpfilter_report(run->df, &run->report);
	step(run, 3);
	dumpfilter_free(run->df);
	run->df = NULL;
	return check_run(run);
}

void fi_run_free(struct fi_run *run)
{
	fi_disk_free(&run->disk);
}
