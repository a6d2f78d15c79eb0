/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * ELF: the input's loads, cut where at least GAP pages in a row are left out.  What is left out is always the tail of
 * a load (memsz > filesz); shorter gaps are written with their contents.  Data follows the notes without alignment and
 * p_align is copied: crash tells kdump's files by that.
 *
 * A fragmented machine has a segment for each few hundred pages, so they are never listed: each pass over them
 * (counting, headers, data) cuts the loads again.
 */
#include "writer/elf.h"

#include "base/bits.h"
#include "base/pool.h"
#include "writer/elf_estimate.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define PIECE DF_WINDOW_COPY /* bytes copied at once */

/* ---- data */

static int make(void *user, void *slot, struct df_err *err)
{
	struct df_elf_writer *elf = user;
	struct df_elf_piece *piece = slot;
	uint64_t left;

	while (elf->at_byte >= elf->segment.filesz) {
		if (!df_elf_next_segment(elf, &elf->cursor, &elf->segment) || df_elf_plan_failed(elf, err))
			return df_elf_plan_failed(elf, err);
		elf->at_byte = 0;
	}
	if (df_cancelled(elf->output->env))
		return df_err_set(err, DUMPFILTER_E_CANCELLED, "cancelled");
	left = elf->segment.filesz - elf->at_byte;
	piece->paddr = elf->segment.paddr + elf->at_byte;
	piece->offset = elf->segment.offset + elf->at_byte;
	piece->length = left < PIECE ? (size_t)left : PIECE;
	piece->ends = piece->length == left;
	elf->at_byte += piece->length;
	return 1;
}

/* Page by page, where pages must not be read or the piece as a whole cannot be: zeros stand for these.  A page that is
 * here only to fill a gap is no loss. */
static void read_by_page(struct df_elf_writer *elf, struct df_reader *reader, struct df_elf_piece *piece,
			 struct df_err *err)
{
	unsigned shift = elf->output->page_shift;
	size_t missing;

	for (size_t count, at = 0; at < piece->length; at += count) {
		uint64_t pfn = (piece->paddr + at) >> shift;

		count = (size_t)(((pfn + 1) << shift) - (piece->paddr + at));
		if (count > piece->length - at)
			count = piece->length - at;
		if (df_pageset_test(elf->output->forbidden, pfn)) {
			memset(piece->buffer + at, 0, count);
		} else if (elf->output->image->image_ops->read(reader, piece->paddr + at, piece->buffer + at, count,
							       &missing, err) < 0) {
			memset(piece->buffer + at, 0, count);
			if (!df_pageset_test(elf->output->keep, pfn))
				continue;
			df_bit_set(piece->lost, pfn - (piece->paddr >> shift));
			if (!piece->why[0])
				memcpy(piece->why, err->text, sizeof piece->why);
		}
	}
	df_err_clear(err);
}

static int work(void *user, void *slot, unsigned worker, struct df_err *err)
{
	struct df_elf_writer *elf = user;
	struct df_elf_piece *piece = slot;
	uint64_t first = piece->paddr >> elf->output->page_shift,
		 last = (piece->paddr + piece->length - 1) >> elf->output->page_shift;
	struct df_reader *reader = &elf->readers[worker];
	size_t missing;

	piece->why[0] = '\0';
	piece->lost[0] = piece->lost[1] = 0;
	/* bytes that the input does not hold (a gap of under 256 pages between what it does) read as zeros */
	if (df_pageset_count_range(elf->output->forbidden, first, last + 1) ||
	    elf->output->image->image_ops->read(reader, piece->paddr, piece->buffer, piece->length, &missing, err) < 0)
		read_by_page(elf, reader, piece, err);
	return df_elf_plan_failed(elf, err);
}

static void progress(struct df_elf_writer *elf)
{
	unsigned shift = elf->output->page_shift;
	struct dumpfilter_progress report = { .phase = DUMPFILTER_PHASE_COPY };

	report.done = elf->copied >> shift;
	report.total = elf->total >> shift;
	report.bytes_in = report.bytes_out = elf->copied;
	df_progress(elf->output->env, &report);
}

static int take(void *user, void *slot, struct df_err *err)
{
	struct df_elf_writer *elf = user;
	struct df_elf_piece *piece = slot;

	/* in order and from one thread: where writing breaks off, everything before is there */
	if (df_sink_write(elf->output->sink, piece->offset, piece->buffer, piece->length, err) < 0)
		return err->code;
	if (piece->why[0])
		df_elf_count_lost(elf, piece);
	df_elf_count_frames(elf, piece);
	elf->written = piece->offset + piece->length;
	elf->copied += piece->length;
	progress(elf);
	return 0;
}

/* What an earlier run erased, where the input does not have it as a note. */
static int make_erased(struct df_elf_writer *elf, struct df_err *err)
{
	const struct df_image *image = elf->output->image;
	uint32_t length = (uint32_t)image->eraseinfo_len;

	if (!length || image->eraseinfo_noted)
		return 0;
	elf->erased_len = df_elf_encode_note(image->big_endian, "ERASEINFO", NULL, length, NULL);
	elf->erased = df_alloc(elf->output->env, elf->erased_len);
	if (!elf->erased)
		return df_err_nomem(err, elf->output->env, "text about erased data", elf->erased_len);
	df_elf_encode_note(image->big_endian, "ERASEINFO", image->eraseinfo, length, elf->erased);
	return 0;
}

static void stop(struct df_elf_writer *elf)
{
	df_free(elf->output->env, elf->erased);
	for (unsigned i = 0; elf->slots && i < elf->nslots; i++)
		df_free(elf->output->env, elf->slots[i].buffer);
	df_free(elf->output->env, elf->slots);
	for (unsigned i = 0; elf->readers && i < elf->workers; i++)
		df_reader_fini(&elf->readers[i]);
	df_free(elf->output->env, elf->readers);
	if (elf->lost.env)
		df_pageset_fini(&elf->lost);
	df_free(elf->output->env, elf->seen);
	df_free(elf->output->env, elf->shared);
}

/* All memory that copying needs, before the first byte is written. */
static int start(struct df_elf_writer *elf, struct df_err *err)
{
	struct df_env *env = elf->output->env;
	int result = 0;

	/* Copying alone gains nothing from threads: with two the same dump took 7 % longer, and writing straight from a
	 * mapping 11 % longer than reading it first (391 MiB image in the page cache, output to a tmpfs).  Unpacking
	 * does, where the sets can be looked at by several. */
	elf->workers = 1;
	if (elf->output->image->image_ops->stored && elf->output->threads && !elf->output->keep->refill &&
	    !elf->output->forbidden->refill)
		elf->workers = elf->output->threads;
	elf->nslots = df_pool_slots(elf->workers);
	elf->slots = df_alloc_array(env, elf->nslots, sizeof *elf->slots);
	elf->readers = df_alloc_array(env, elf->workers, sizeof *elf->readers);
	if (!elf->slots || !elf->readers)
		return df_err_nomem(err, env, "workers", elf->nslots * sizeof *elf->slots);
	for (unsigned i = 0; !result && i < elf->workers; i++)
		result = df_reader_init(&elf->readers[i], elf->output->image, DF_WINDOW_COPY, err);
	for (unsigned i = 0; !result && i < elf->nslots; i++)
		if (!(elf->slots[i].buffer = df_alloc(env, PIECE)))
			result = df_err_nomem(err, env, "a piece of memory", PIECE);
	if (!result)
		result = df_pageset_init(&elf->lost, env, elf->output->max_pfn, err);
	return result ? result : df_elf_find_shared(elf, err);
}

static int copy(struct df_elf_writer *elf, struct df_err *err)
{
	static const struct df_pool_ops pool_ops = { .make = make, .work = work, .take = take };
	int result;

	elf->cursor = (struct df_elf_cut){ .offset = elf->data_at };
	elf->written = elf->data_at;
	progress(elf);
	result = df_pool_run(elf->output->env, &pool_ops, elf, elf->workers, elf->slots, sizeof *elf->slots,
			     elf->nslots, err);
	progress(elf);
	return result;
}

/* ---- end */

/* Loads are cut to what arrived; where that is too late the mark says that they promise too much. */
static int end_file(struct df_elf_writer *elf, bool complete, uint64_t limit, struct df_err *err)
{
	int result = 0;

	if (limit < UINT64_MAX && elf->output->sink->caps & DUMPFILTER_IO_REWRITE && !df_elf_plan_failed(elf, err))
		result = df_elf_write_phdrs(elf, limit, err);
	if (!result && complete)
		result = df_sink_flush(elf->output->sink, err);
	return result ? result : df_elf_write_mark(elf, complete, err);
}

static int end_stream(struct df_elf_writer *elf, bool complete, uint64_t limit, struct df_err *err)
{
	if (complete || (elf->output->incomplete && limit == UINT64_MAX)) /* as the header says */
		return df_sink_flush(elf->output->sink, err);
	return df_elf_write_heads_again(elf, limit, err);
}

static int finish(struct df_elf_writer *elf, int result, struct df_err *err)
{
	bool again = elf->output->sink->caps & DUMPFILTER_IO_REWRITE,
	     whole = result >= 0 && !elf->done->unreadable_pages;
	uint64_t limit = result < 0 ? elf->written : UINT64_MAX;
	struct df_err late;
	int finished;

	elf->output->sink->closing = 0;
	finished = (df_sink_is_flat(elf->output->sink) ? end_stream : end_file)(elf, whole && !elf->output->incomplete,
										limit, &late);
	if (result >= 0 && finished < 0) {
		*err = late;
		result = finished;
	}
	elf->done->pages -= elf->done->unreadable_pages < elf->done->pages ? elf->done->unreadable_pages
									   : elf->done->pages;
	if (elf->done->pages > elf->output->keep->count)
		elf->done->pages = elf->output->keep->count;
	elf->done->lost_pages = elf->output->keep->count - elf->done->pages;
	if (result < 0)
		return finished < 0 && !again ? result : DUMPFILTER_PARTIAL;
	if (whole)
		return 0;
	df_err_set(err, DUMPFILTER_E_IO, "%s: pages could not be read; zeros are in their place",
		   elf->output->image->source.name);
	return DUMPFILTER_PARTIAL;
}

static struct df_pipe pipe_of(const struct df_output *output)
{
	return (struct df_pipe){ .env = output->env,
				 .image = output->image,
				 .keep = output->keep,
				 .page_shift = output->page_shift,
				 .threads = output->threads };
}

static int drop_zero(const struct df_output *output, struct df_written *done, struct df_err *err)
{
	struct df_pipe pipe = pipe_of(output);
	uint64_t dropped;
	int result = df_pipe_drop_zero(&pipe, output->keep, &dropped, err);

	*output->zero_dropped += dropped;
	done->zero_pages = *output->zero_dropped;
	return result;
}

static int rehearse_elf(const struct df_output *output, struct df_err *err)
{
	struct df_pipe pipe = pipe_of(output);
	struct df_elf_writer elf = { .output = output };
	int result = output->level & DUMPFILTER_LEVEL_ZERO ? df_pipe_rehearse_zero(&pipe, err) : 0;

	if (!result)
		result = make_erased(&elf, err);
	if (!result)
		result = start(&elf, err);
	stop(&elf);
	return result;
}

int df_elf_segments(const struct df_output *output, struct df_elf_data *data, df_elf_segment_fn fn, void *user,
		    struct df_err *err)
{
	struct df_elf_writer elf = { .output = output };
	struct df_elf_cut cursor = { 0 };
	struct df_elf_segment segment;
	int result = df_elf_lay_out(&elf, err);

	*data = (struct df_elf_data){ .head = elf.data_at, .bytes = elf.total, .gap = DF_ELF_GAP };
	for (size_t load = 0; !result && df_elf_next_segment(&elf, &cursor, &segment); load = cursor.load)
		result = fn(user, load, segment.paddr, segment.filesz, err);
	return result ? result : df_elf_plan_failed(&elf, err);
}

static int begin_on(void *user, struct dumpfilter_sink *sink, struct df_err *err)
{
	struct df_elf_writer elf = *(struct df_elf_writer *)user;
	struct df_output output = *elf.output;

	output.sink = sink;
	elf.output = &output;
	return df_elf_begin(&elf, err);
}

static int fits(struct df_elf_writer *elf, struct df_err *err)
{
	bool flat = df_sink_is_flat(elf->output->sink);

	elf->output->sink->closing = flat ? 0 : sizeof(uint32_t); /* the mark */
	elf->output->sink->head = flat ? df_elf_heads_len(elf) : 0;
	return df_writer_fits(elf->output, elf->data_at, begin_on, elf, err);
}

static int write_elf(const struct df_output *output, struct df_written *done, struct df_err *err)
{
	struct df_elf_writer elf = { .output = output, .done = done };
	int result = 0;

	if (!(output->sink->caps & DUMPFILTER_IO_RANDOM))
		return df_err_set(err, DUMPFILTER_E_UNSUPPORTED,
				  "%s is a stream, and an ELF file needs writing at offsets: use the flattened format",
				  output->sink->name);
	if (output->level & DUMPFILTER_LEVEL_ZERO)
		result = drop_zero(output, done, err);
	if (!result)
		result = make_erased(&elf, err);
	if (!result)
		result = df_elf_lay_out(&elf, err);
	if (!result)
		result = start(&elf, err);
	if (!result)
		result = fits(&elf, err);
	if (!result)
		result = df_elf_begin(&elf, err);
	if (!result)
		result = finish(&elf, copy(&elf, err), err);
	stop(&elf);
	return result;
}

const struct df_writer df_writer_elf = { .format = DUMPFILTER_FORMAT_ELF,
					 .name = "ELF",
					 .needs_forbidden = true,
					 .sifts = true,
					 .write = write_elf,
					 .rehearse = rehearse_elf,
					 .estimate = df_elf_estimate };
