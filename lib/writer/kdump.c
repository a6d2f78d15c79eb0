/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* kdump-compressed, header version 6: headers, notes, two bitmaps, a descriptor per kept page, page data; in one file
 * or in several. */
#include "writer/kdump.h"
#include "writer/split.h"

/* Marks of the incomplete in all files or in none: readers want their headers equal. */
static int write_marks(struct df_kdump *kdump, bool incomplete)
{
	struct df_err err;
	int result = 0;

	for (unsigned i = 0; i < kdump->count; i++) {
		struct df_kdump_file *file = &kdump->files[i];

		if (df_kdump_mark(kdump, file, incomplete, &err) >= 0)
			continue;
		file->headless |= !(file->sink->caps & DUMPFILTER_IO_REWRITE);
		result = err.code;
		df_kdump_fail(file, &err);
	}
	return result;
}

/* What failed first in the order of files; 0 = nothing. */
static int first_failure(const struct df_kdump *kdump, struct df_err *err)
{
	for (unsigned i = 0; i < kdump->count; i++) {
		if (kdump->files[i].err.code) {
			*err = kdump->files[i].err;
			return err->code;
		}
	}
	return 0;
}

static void flush(struct df_kdump *kdump)
{
	struct df_err err;

	for (unsigned i = 0; i < kdump->count; i++)
		if (df_sink_flush(kdump->files[i].sink, &err) < 0)
			df_kdump_fail(&kdump->files[i], &err);
}

/* The rest of the index and the mark. */
static void finish(struct df_kdump *kdump, bool lost)
{
	struct df_err err;

	for (unsigned i = 0; i < kdump->count; i++)
		df_kdump_end(kdump, &kdump->files[i]);
	if (!lost && !first_failure(kdump, &err))
		flush(kdump);
	lost |= first_failure(kdump, &err) < 0;
	/* one that cannot be completed: the mark again, in all */
	if (write_marks(kdump, lost) < 0 && !lost)
		write_marks(kdump, true);
}

static void account(struct df_kdump *kdump)
{
	const struct df_output *output = kdump->output;

	for (unsigned i = 0; i < kdump->count; i++) {
		struct df_kdump_file *file = &kdump->files[i];

		kdump->done->pages += file->pages;
		if (!output->npieces)
			continue;
		output->pieces[i].kept = file->kept;
		output->pieces[i].pages = file->pages;
		output->pieces[i].result = file->headless                               ? file->err.code
					   : file->pages < file->kept || file->err.code ? DUMPFILTER_PARTIAL
											: 0;
	}
	kdump->done->lost_pages = output->keep->count - kdump->done->pages;
}

/* Is there any file that opens? */
static bool opens(const struct df_kdump *kdump)
{
	for (unsigned i = 0; i < kdump->count; i++)
		if (!kdump->files[i].headless)
			return true;
	return false;
}

static int copy(struct df_kdump *kdump, struct df_err *err)
{
	int result = df_pipe_copy(kdump->pipe, err);

	finish(kdump, result < 0 || kdump->done->unreadable_pages || kdump->output->incomplete);
	account(kdump);
	if (result >= 0)
		result = first_failure(kdump, err);
	if (result < 0)
		return opens(kdump) ? DUMPFILTER_PARTIAL : err->code;
	if (!kdump->done->unreadable_pages)
		return 0;
	df_err_set(err, DUMPFILTER_E_IO, "%s: pages could not be read", kdump->output->image->source.name);
	return DUMPFILTER_PARTIAL;
}

/* ---- memory */

static int allocate_file(struct df_kdump *kdump, struct df_kdump_file *file, struct df_err *err)
{
	struct df_env *env = kdump->output->env;

	file->desc = df_alloc(env, DF_KDUMP_DESCS);
	if (!file->desc)
		return df_err_nomem(err, env, "descriptors", DF_KDUMP_DESCS);
	if (kdump->output->codec && !(file->share = df_share_new(env)))
		return df_err_nomem(err, env, "equal pages", 0);
	return 0;
}

static int allocate(struct df_kdump *kdump, struct df_err *err)
{
	const struct df_output *output = kdump->output;
	int result = 0;

	kdump->count = output->npieces ? output->npieces : 1;
	kdump->files = df_alloc_array(output->env, kdump->count, sizeof *kdump->files);
	if (output->npieces)
		kdump->parts = df_alloc_array(output->env, kdump->count, sizeof *kdump->parts);
	if (!kdump->files || (output->npieces && !kdump->parts))
		return df_err_nomem(err, output->env, "files of a dump", kdump->count * sizeof *kdump->files);
	for (unsigned i = 0; !result && i < kdump->count; i++)
		result = allocate_file(kdump, &kdump->files[i], err);
	return result;
}

static void set_files(struct df_kdump *kdump)
{
	const struct df_output *output = kdump->output;

	kdump->files[0].sink = output->sink;
	kdump->files[0].end = output->max_pfn;
	kdump->files[0].kept = output->keep->count;
	for (unsigned i = 0; i < output->npieces; i++) {
		struct df_kdump_file *file = &kdump->files[i];

		file->sink = output->pieces[i].sink;
		file->split = true;
		file->start = kdump->parts[i].start = output->pieces[i].start;
		file->end = kdump->parts[i].end = output->pieces[i].end;
		file->kept = df_pageset_count_range(output->keep, file->start, file->end);
	}
}

/* Pages that are stored as they are: one thread reads while another one writes.  More only wait for each other, with 8
 * for 1.4 to 1.7 times the CPU time of one. */
#define RAW_THREADS 2u

static unsigned useful_threads(const struct df_output *output)
{
	bool copies = !output->codec && !output->image->image_ops->stored;
	unsigned most = output->npieces ? RAW_THREADS * output->npieces : RAW_THREADS;

	return copies && output->threads > most ? most : output->threads;
}

static bool any_concurrent(const struct df_kdump *kdump)
{
	for (unsigned i = 0; i < kdump->count; i++)
		if (kdump->files[i].sink && kdump->files[i].sink->caps & DUMPFILTER_IO_CONCURRENT)
			return true;
	return false;
}

/* Batches that may be written at the same time: as many as the files take, and batches come from these in turn. */
static unsigned writers(const struct df_kdump *kdump)
{
	unsigned count = 0;

	for (unsigned i = 0; i < kdump->count; i++) {
		if (kdump->files[i].sink && !kdump->files[i].sink->writers)
			return 0;
		count += kdump->files[i].sink ? kdump->files[i].sink->writers : 0;
	}
	return count;
}

static struct df_pipe pipe_of(struct df_kdump *kdump)
{
	const struct df_output *output = kdump->output;

	return (struct df_pipe){
		.env = output->env,
		.image = output->image,
		.keep = output->keep,
		.page_shift = output->page_shift,
		.threads = useful_threads(output),
		.codec = output->codec,
		.codec_level = output->codec_level,
		.find_zero = output->level & DUMPFILTER_LEVEL_ZERO,
		.parts = kdump->parts,
		.nparts = kdump->count,
		.user = kdump,
		.place = df_kdump_place,
		.write = any_concurrent(kdump) ? df_kdump_write : NULL,
		.writers = writers(kdump),
		.take = df_kdump_take,
	};
}

/* All memory before the first byte is written. */
static int start(struct df_kdump *kdump, struct df_err *err)
{
	struct df_pipe pipe;

	if (allocate(kdump, err) < 0)
		return err->code;
	set_files(kdump);
	pipe = pipe_of(kdump);
	kdump->pipe = df_pipe_start(&pipe, err);
	return kdump->pipe ? 0 : err->code;
}

static void stop(struct df_kdump *kdump)
{
	struct df_env *env = kdump->output->env;

	df_pipe_stop(kdump->pipe);
	for (unsigned i = 0; kdump->files && i < kdump->count; i++) {
		df_share_free(kdump->files[i].share, env);
		df_free(env, kdump->files[i].desc);
	}
	df_free(env, kdump->parts);
	df_free(env, kdump->files);
}

static int rehearse_kdump(const struct df_output *output, struct df_err *err)
{
	struct df_kdump kdump = { .output = output };
	int result = start(&kdump, err);

	stop(&kdump);
	return result;
}

/* ---- the whole */

static int check_sink(const struct dumpfilter_sink *sink, struct df_err *err)
{
	if (sink->caps & DUMPFILTER_IO_RANDOM)
		return 0;
	return df_err_set(err, DUMPFILTER_E_UNSUPPORTED,
			  "%s is a stream, and a kdump file needs writing at offsets: use the flattened format",
			  sink->name);
}

static int check_sinks(const struct df_output *output, struct df_err *err)
{
	int result = output->npieces ? 0 : check_sink(output->sink, err);

	for (unsigned i = 0; !result && i < output->npieces; i++)
		result = check_sink(output->pieces[i].sink, err);
	return result;
}

static int choose_pieces(const struct df_output *output, struct df_err *err)
{
	struct df_kdump kdump = { .output = output };
	struct df_pipe pipe = pipe_of(&kdump);

	return output->npieces
		       ? df_split_choose(&pipe, output->pieces, output->npieces, output->granule, output->max_pfn, err)
		       : 0;
}

/* Everything but what allocates. */
static int lay_out(struct df_kdump *kdump, struct df_err *err)
{
	const struct df_output *output = kdump->output;

	kdump->abi = (struct df_kdump_abi){ output->image->big_endian, output->image->bits,
					    df_kdump_align64(output->image->bits, output->image->machine) };
	kdump->block = 1u << output->page_shift;
	kdump->status = (output->codec ? output->codec->kdump_flag : 0) |
			(output->without_vmemmap ? DF_KDUMP_EXCLUDED_VMEMMAP : 0);
	return df_kdump_layout(&kdump->abi, kdump->block, output->max_pfn, output->image->notes_len,
			       output->keep->count, &kdump->layout, err);
}

/* What comes before the pages, to a sink of its own. */
static int begin_on(void *user, struct dumpfilter_sink *sink, struct df_err *err)
{
	struct df_kdump kdump = *(struct df_kdump *)user;
	struct df_kdump_file file = { .sink = sink, .end = kdump.output->max_pfn, .kept = kdump.output->keep->count };
	int result;

	file.desc = df_alloc(kdump.output->env, DF_KDUMP_DESCS);
	if (!file.desc)
		return df_err_nomem(err, kdump.output->env, "descriptors", DF_KDUMP_DESCS);
	kdump.files = &file;
	kdump.count = 1;
	result = df_kdump_begin(&kdump, err);
	df_free(kdump.output->env, file.desc);
	return result;
}

/* Headers and bitmaps as they go into a flattened stream, where long gaps of a bitmap take nothing: bytes of it. */
static int flat_head(struct df_kdump *kdump, uint64_t *bytes, struct df_err *err)
{
	struct df_env *env = kdump->output->env;
	struct dumpfilter_sink *inner = df_sink_null(env, err), *flat;
	int result;

	flat = inner ? df_sink_flat(env, inner, err) : NULL;
	result = flat ? begin_on(kdump, flat, err) : err->code;
	if (!result)
		result = df_sink_finish(flat, 0, err);
	*bytes = inner ? atomic_load(&inner->bytes) : 0;
	df_sink_free(flat);
	df_sink_free(inner);
	return result;
}

static int estimate_kdump(const struct df_output *output, struct df_estimate *estimate, struct df_err *err)
{
	unsigned batch = DF_BATCH_BYTES >> output->page_shift < DF_BATCH_PAGES ? DF_BATCH_BYTES >> output->page_shift
									       : DF_BATCH_PAGES;
	struct df_kdump kdump = { .output = output };
	uint64_t index, head, records = 0;
	int result = lay_out(&kdump, err);

	if (!result)
		result = df_estimate_pages(output, estimate, err);
	index = estimate->total * DF_KDUMP_DESC_SIZE;
	head = kdump.layout.data_offset + (output->level & DUMPFILTER_LEVEL_ZERO ? kdump.block : 0);
	if (!result && estimate->flat) {
		result = flat_head(&kdump, &head, err);
		head += index;
		records = df_estimate_records(estimate->bytes, (estimate->total + batch - 1) / batch, index);
	}
	estimate->bytes += head + records;
	estimate->low += head; /* there may be fewer */
	estimate->high += head + records;
	return result;
}

/* Each file's headers below its limit. */
static int fits(struct df_kdump *kdump, struct df_err *err)
{
	uint64_t zeros = kdump->output->level & DUMPFILTER_LEVEL_ZERO ? kdump->block : 0;
	struct df_output output = *kdump->output;
	int result = 0;

	for (unsigned i = 0; !result && i < kdump->count; i++) {
		output.sink = kdump->files[i].sink;
		df_kdump_keep_room(kdump, &kdump->files[i], 0);
		result = df_writer_fits(&output, kdump->layout.data_offset + zeros, begin_on, kdump, err);
	}
	return result;
}

static int write_kdump(const struct df_output *output, struct df_written *done, struct df_err *err)
{
	struct df_kdump kdump = { .output = output, .done = done };
	int result = check_sinks(output, err);

	if (!result)
		result = lay_out(&kdump, err);
	if (!result)
		result = choose_pieces(output, err);
	if (!result)
		result = start(&kdump, err);
	if (!result)
		result = fits(&kdump, err);
	if (!result)
		result = df_kdump_begin(&kdump, err);
	if (!result)
		result = copy(&kdump, err);
	stop(&kdump);
	return result;
}

const struct df_writer df_writer_kdump = { .format = DUMPFILTER_FORMAT_KDUMP,
					   .name = "kdump",
					   .compresses = true,
					   .splits = true,
					   .write = write_kdump,
					   .rehearse = rehearse_kdump,
					   .estimate = estimate_kdump };
