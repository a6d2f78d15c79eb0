/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/pool.h"
#include "pipe/stored.h"
#include "pipe/workers.h"

#include <string.h>

/* Where make stands in a part: the next kept frames are [next, run_end), but for the first `skip`. */
struct cursor {
	uint64_t next, run_end, end;
	uint64_t skip;
	unsigned in_group; /* of a sample */
};

/* A pipeline with all that it needs to run.  parts, turn and the three sums are the calling thread's; workers have
 * one state each.  total and done are pages, bytes_out is bytes of data. */
struct df_pipe_run {
	struct df_pipe pipe;
	struct df_pipe_workers workers;
	struct df_batch *slots;
	size_t page_size, batch_pages;
	struct cursor *parts;
	unsigned nparts, turn;
	uint64_t total, done, bytes_out;
};

uint64_t df_pipe_total(const struct df_pipe *pipe)
{
	uint64_t period = pipe->group + pipe->skip, count = pipe->keep->count, rest;

	if (!pipe->skip)
		return count;
	count -= pipe->skip / 2 < count ? pipe->skip / 2 : count;
	rest = count % period;
	return count / period * pipe->group + (rest < pipe->group ? rest : pipe->group);
}

/* Step over what is to be skipped.  false: the part has no more. */
static bool find_next(const struct df_pipe_run *run, struct cursor *cursor)
{
	while (cursor->skip >= cursor->run_end - cursor->next) {
		cursor->skip -= cursor->run_end - cursor->next;
		cursor->next = cursor->run_end;
		if (cursor->next >= cursor->end ||
		    !df_pageset_next_run(run->pipe.keep, cursor->next, &cursor->next, &cursor->run_end) ||
		    cursor->next >= cursor->end) {
			cursor->next = cursor->run_end = cursor->end;
			return false;
		}
		if (cursor->run_end > cursor->end)
			cursor->run_end = cursor->end;
	}
	cursor->next += cursor->skip;
	cursor->skip = 0;
	return true;
}

static void fill_batch(const struct df_pipe_run *run, struct cursor *cursor, struct df_batch *batch)
{
	batch->count = 0;
	while (batch->count < run->batch_pages && find_next(run, cursor)) {
		batch->pfn[batch->count++] = cursor->next++;
		if (run->pipe.skip && ++cursor->in_group == run->pipe.group) {
			cursor->in_group = 0;
			cursor->skip = run->pipe.skip;
		}
	}
}

/* The parts take turns, but not where bits are made again chunk by chunk: few of these are at hand. */
static int make(void *user, void *slot, struct df_err *err)
{
	struct df_pipe_run *run = user;
	struct df_batch *batch = slot;

	batch->count = 0;
	for (unsigned tried = 0; !batch->count && tried < run->nparts; tried++) {
		batch->part = run->turn;
		fill_batch(run, &run->parts[run->turn], batch);
		if (!batch->count || !run->pipe.keep->refill)
			run->turn = (run->turn + 1) % run->nparts;
	}
	if (batch->count && df_cancelled(run->pipe.env))
		return df_err_set(err, DUMPFILTER_E_CANCELLED, "cancelled");
	return batch->count ? 1 : df_pageset_failed(run->pipe.keep, err);
}

void df_pipe_end_part(struct df_pipe_run *run, unsigned part)
{
	struct cursor *cursor = &run->parts[part];

	cursor->next = cursor->run_end = cursor->end;
	cursor->skip = 0;
}

/* Append page to the batch's data, compressed where that makes it smaller.  A codec that fails is no reason to lose the
 * page: it is stored raw, as one that does not shrink. */
static void pack(const struct df_pipe_run *run, void *state, struct df_batch *batch, unsigned i, const uint8_t *page)
{
	const struct df_codec *codec = run->pipe.codec;
	uint8_t *to = batch->data + batch->data_len;
	size_t count = 0;

	/* room: data holds all pages raw, and the last one's worst case behind that */
	if (codec)
		count = codec->compress(state, page, run->page_size, to, codec->bound(run->page_size));
	if (!count || count >= run->page_size) {
		memcpy(to, page, run->page_size);
		count = run->page_size;
		batch->kind[i] = DF_PAGE_RAW;
	} else {
		batch->kind[i] = DF_PAGE_PACKED;
	}
	batch->size[i] = (uint32_t)count;
	batch->data_len += count;
}

/* How many frames of a batch follow one another from i on. */
static unsigned run_at(const struct df_batch *batch, unsigned i)
{
	unsigned count = 1;

	while (i + count < batch->count && batch->pfn[i + count] == batch->pfn[i] + count)
		count++;
	return count;
}

/* A run that is stored as it is, read to where it goes: no copy but where pages of zeros leave gaps.  false: it cannot
 * be read as a whole. */
static bool read_run(const struct df_pipe_run *run, struct df_pipe_worker *worker, struct df_batch *batch, unsigned i,
		     unsigned count)
{
	uint8_t *page = batch->data + batch->data_len, *to = page;
	struct df_err ignored;
	size_t missing;

	if (run->pipe.image->image_ops->read(&worker->reader, batch->pfn[i] << run->pipe.page_shift, page,
					     count * run->page_size, &missing, &ignored) < 0)
		return false;
	for (unsigned end = i + count; i < end; i++, page += run->page_size) {
		bool zero = run->pipe.find_zero && df_is_zero(page, run->page_size);

		batch->kind[i] = zero ? DF_PAGE_ZERO : DF_PAGE_RAW;
		batch->size[i] = zero ? 0 : (uint32_t)run->page_size;
		if (to != page && !zero)
			memcpy(to, page, run->page_size);
		to += batch->size[i];
	}
	batch->data_len = (size_t)(to - batch->data);
	return true;
}

/* Frames [i, i + n) of a batch that follow one another: all at once, where that is better.  Frames that are done. */
static unsigned whole_run(const struct df_pipe_run *run, struct df_pipe_worker *worker, struct df_batch *batch,
			  unsigned i)
{
	unsigned count = run_at(batch, i);
	struct df_err ignored;

	if (run->pipe.image->image_ops->prepare)
		run->pipe.image->image_ops->prepare(&worker->reader, batch->pfn[i] << run->pipe.page_shift,
						    count * run->page_size);
	else if (!run->pipe.codec && !run->pipe.image->source.can_map && read_run(run, worker, batch, i, count))
		return count;
	else
		run->pipe.image->image_ops->peek(&worker->reader, batch->pfn[i] << run->pipe.page_shift,
						 count * run->page_size, &ignored);
	return 0;
}

/* One page; E_NOMEM where there is no memory to look at it, which is not its fault. */
static int one_page(const struct df_pipe_run *run, struct df_pipe_worker *worker, struct df_batch *batch, unsigned i,
		    struct df_err *err)
{
	const uint8_t *page = df_reader_page(&worker->reader, batch->pfn[i] << run->pipe.page_shift, run->page_size,
					     err);

	batch->size[i] = 0;
	if (!page && err->code == DUMPFILTER_E_NOMEM)
		return err->code;
	if (!page) {
		if (!batch->why[0])
			memcpy(batch->why, err->text, sizeof batch->why);
		batch->kind[i] = err->code == DUMPFILTER_E_LOST ? DF_PAGE_GONE : DF_PAGE_LOST;
	} else if (run->pipe.find_zero && df_is_zero(page, run->page_size)) {
		batch->kind[i] = DF_PAGE_ZERO;
	} else {
		pack(run, worker->codec_state, batch, i, page);
	}
	return 0;
}

static int work(void *user, void *slot, unsigned worker, struct df_err *err)
{
	struct df_pipe_run *run = user;
	struct df_pipe_worker *own = &run->workers.worker[worker];
	struct df_batch *batch = slot;

	batch->data_len = 0;
	batch->why[0] = '\0';
	for (unsigned i = 0, done; i < batch->count; i += done) {
		int result;

		done = !i || batch->pfn[i] != batch->pfn[i - 1] + 1 ? whole_run(run, own, batch, i) : 0;
		if (!done)
			done = df_pipe_take_stored(&run->pipe, &own->reader, batch, i);
		if (done)
			continue;
		result = one_page(run, own, batch, i, err);
		if (result < 0)
			return result;
		done = 1;
	}
	df_err_clear(err);
	return 0;
}

static void order(void *user, void *slot)
{
	struct df_pipe_run *run = user;

	run->pipe.place(run->pipe.user, slot);
}

static int write_batch(void *user, void *slot, struct df_err *err)
{
	struct df_pipe_run *run = user;

	return run->pipe.write(run->pipe.user, slot, err);
}

static void progress(struct df_pipe_run *run)
{
	struct dumpfilter_progress report = { .phase = run->pipe.phase ? run->pipe.phase : DUMPFILTER_PHASE_COPY };

	if (run->pipe.phase < 0)
		return;
	report.done = run->done;
	report.total = run->total;
	report.bytes_in = run->done << run->pipe.page_shift;
	report.bytes_out = run->bytes_out;
	df_progress(run->pipe.env, &report);
}

static int take(void *user, void *slot, struct df_err *err)
{
	struct df_pipe_run *run = user;
	struct df_batch *batch = slot;
	int result = run->pipe.take(run->pipe.user, batch, err);

	if (result < 0)
		return result;
	run->done += batch->count;
	run->bytes_out += batch->data_len;
	progress(run);
	return 0;
}

static int allocate(struct df_pipe_run *run, struct df_err *err)
{
	struct df_env *env = run->pipe.env;
	size_t bytes = run->batch_pages * run->page_size +
		       (run->pipe.codec ? run->pipe.codec->bound(run->page_size) : 0);
	int result = df_pipe_workers_init(&run->workers, &run->pipe, err);

	if (result < 0)
		return result;
	run->slots = df_alloc_array(env, run->workers.nslots, sizeof *run->slots);
	if (!run->slots)
		return df_err_nomem(err, env, "batches", run->workers.nslots * sizeof *run->slots);
	for (unsigned i = 0; i < run->workers.nslots; i++)
		if (!(run->slots[i].data = df_alloc(env, bytes)))
			return df_err_nomem(err, env, "a batch of pages", bytes);
	return 0;
}

static int make_cursors(struct df_pipe_run *run, struct df_err *err)
{
	run->nparts = run->pipe.parts ? run->pipe.nparts : 1;
	run->parts = df_alloc_array(run->pipe.env, run->nparts, sizeof *run->parts);
	if (!run->parts)
		return df_err_nomem(err, run->pipe.env, "parts of a dump", run->nparts * sizeof *run->parts);
	for (unsigned i = 0; i < run->nparts; i++) {
		uint64_t start = run->pipe.parts ? run->pipe.parts[i].start : 0;

		run->parts[i] = (struct cursor){ .next = start,
						 .run_end = start,
						 .end = run->pipe.parts ? run->pipe.parts[i].end : UINT64_MAX,
						 .skip = run->pipe.skip / 2 };
	}
	return 0;
}

struct df_pipe_run *df_pipe_start(const struct df_pipe *pipe, struct df_err *err)
{
	struct df_pipe_run *run = df_alloc(pipe->env, sizeof *run);

	if (!run) {
		df_err_nomem(err, pipe->env, "the pipeline", sizeof *run);
		return NULL;
	}
	run->pipe = *pipe;
	run->page_size = (size_t)1 << pipe->page_shift;
	run->batch_pages = DF_BATCH_BYTES >> pipe->page_shift;
	if (run->batch_pages > DF_BATCH_PAGES)
		run->batch_pages = DF_BATCH_PAGES;
	if (make_cursors(run, err) < 0 || allocate(run, err) < 0) {
		df_pipe_stop(run);
		return NULL;
	}
	return run;
}

int df_pipe_copy(struct df_pipe_run *run, struct df_err *err)
{
	struct df_pool_ops pool_ops = { .make = make, .work = work, .take = take, .writers = run->pipe.writers };
	int result;

	if (run->pipe.place)
		pool_ops.order = order;
	if (run->pipe.write)
		pool_ops.write = write_batch;
	run->total = df_pipe_total(&run->pipe);
	progress(run);
	result = df_pool_run(run->pipe.env, &pool_ops, run, run->workers.count, run->slots, sizeof *run->slots,
			     run->workers.nslots, err);
	progress(run);
	return result;
}

void df_pipe_stop(struct df_pipe_run *run)
{
	if (!run)
		return;
	for (unsigned i = 0; run->slots && i < run->workers.nslots; i++)
		df_free(run->pipe.env, run->slots[i].data);
	df_free(run->pipe.env, run->slots);
	df_free(run->pipe.env, run->parts);
	df_pipe_workers_fini(&run->workers);
	df_free(run->pipe.env, run);
}
