/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* kdump-compressed, header version 6: headers, notes, two bitmaps, a descriptor per kept page, page data; in one file
 * or in several. */
#include "writer/kdump.h"
#include "writer/split.h"

/* Marks of the incomplete in all files or in none: readers want their headers equal. */
static int write_marks(struct df_kdump *k, bool incomplete)
{
	struct df_err why;
	int r = 0;

	for (unsigned i = 0; i < k->n; i++) {
		struct df_kdump_file *f = &k->files[i];

		if (df_kdump_mark(k, f, incomplete, &why) >= 0)
			continue;
		f->headless |= !(f->sink->caps & DUMPFILTER_IO_REWRITE);
		r = why.code;
		df_kdump_fail(f, &why);
	}
	return r;
}

/* What failed first in the order of files; 0 = nothing. */
static int first_failure(const struct df_kdump *k, struct df_err *err)
{
	for (unsigned i = 0; i < k->n; i++) {
		if (k->files[i].why.code) {
			*err = k->files[i].why;
			return err->code;
		}
	}
	return 0;
}

static void flush(struct df_kdump *k)
{
	struct df_err why;

	for (unsigned i = 0; i < k->n; i++)
		if (df_sink_flush(k->files[i].sink, &why) < 0)
			df_kdump_fail(&k->files[i], &why);
}

/* The rest of the index and the mark. */
static void finish(struct df_kdump *k, bool lost)
{
	struct df_err why;

	for (unsigned i = 0; i < k->n; i++)
		df_kdump_end(k, &k->files[i]);
	if (!lost && !first_failure(k, &why))
		flush(k);
	lost |= first_failure(k, &why) < 0;
	/* one that cannot be completed: the mark again, in all */
	if (write_marks(k, lost) < 0 && !lost)
		write_marks(k, true);
}

static void account(struct df_kdump *k)
{
	const struct df_output *o = k->o;

	for (unsigned i = 0; i < k->n; i++) {
		struct df_kdump_file *f = &k->files[i];

		k->done->pages += f->pages;
		if (!o->npieces)
			continue;
		o->pieces[i].kept = f->kept;
		o->pieces[i].pages = f->pages;
		o->pieces[i].result = f->headless                         ? f->why.code
				      : f->pages < f->kept || f->why.code ? DUMPFILTER_PARTIAL
									  : 0;
	}
	k->done->lost_pages = o->keep->count - k->done->pages;
}

/* Is there any file that opens? */
static bool opens(const struct df_kdump *k)
{
	for (unsigned i = 0; i < k->n; i++)
		if (!k->files[i].headless)
			return true;
	return false;
}

static int copy(struct df_kdump *k, struct df_err *err)
{
	int r = df_pipe_copy(k->pipe, err);

	finish(k, r < 0 || k->done->unreadable_pages || k->o->incomplete);
	account(k);
	if (r >= 0)
		r = first_failure(k, err);
	if (r < 0)
		return opens(k) ? DUMPFILTER_PARTIAL : err->code;
	if (!k->done->unreadable_pages)
		return 0;
	df_err_set(err, DUMPFILTER_E_IO, "%s: pages could not be read", k->o->image->source.name);
	return DUMPFILTER_PARTIAL;
}

/* ---- memory */

static int allocate_file(struct df_kdump *k, struct df_kdump_file *f, struct df_err *err)
{
	struct df_env *env = k->o->env;

	f->desc = df_alloc(env, DF_KDUMP_DESCS);
	if (!f->desc)
		return df_err_nomem(err, env, "descriptors", DF_KDUMP_DESCS);
	if (k->o->codec && !(f->share = df_share_new(env)))
		return df_err_nomem(err, env, "equal pages", 0);
	return 0;
}

static int allocate(struct df_kdump *k, struct df_err *err)
{
	const struct df_output *o = k->o;
	int r = 0;

	k->n = o->npieces ? o->npieces : 1;
	k->files = df_alloc_array(o->env, k->n, sizeof *k->files);
	if (o->npieces)
		k->parts = df_alloc_array(o->env, k->n, sizeof *k->parts);
	if (!k->files || (o->npieces && !k->parts))
		return df_err_nomem(err, o->env, "files of a dump", k->n * sizeof *k->files);
	for (unsigned i = 0; !r && i < k->n; i++)
		r = allocate_file(k, &k->files[i], err);
	return r;
}

static void set_files(struct df_kdump *k)
{
	const struct df_output *o = k->o;

	k->files[0].sink = o->sink;
	k->files[0].end = o->max_pfn;
	k->files[0].kept = o->keep->count;
	for (unsigned i = 0; i < o->npieces; i++) {
		struct df_kdump_file *f = &k->files[i];

		f->sink = o->pieces[i].sink;
		f->split = true;
		f->start = k->parts[i].start = o->pieces[i].start;
		f->end = k->parts[i].end = o->pieces[i].end;
		f->kept = df_pageset_count_range(o->keep, f->start, f->end);
	}
}

/* Pages that are stored as they are: one thread reads while another one writes.  More only wait for each other, with 8
 * for 1.4 to 1.7 times the CPU time of one. */
#define RAW_THREADS 2u

static unsigned useful_threads(const struct df_output *o)
{
	bool copies = !o->codec && !o->image->ops->stored;
	unsigned most = o->npieces ? RAW_THREADS * o->npieces : RAW_THREADS;

	return copies && o->threads > most ? most : o->threads;
}

static bool any_concurrent(const struct df_kdump *k)
{
	for (unsigned i = 0; i < k->n; i++)
		if (k->files[i].sink && k->files[i].sink->caps & DUMPFILTER_IO_CONCURRENT)
			return true;
	return false;
}

/* Batches that may be written at the same time: as many as the files take, and batches come from these in turn. */
static unsigned writers(const struct df_kdump *k)
{
	unsigned n = 0;

	for (unsigned i = 0; i < k->n; i++) {
		if (k->files[i].sink && !k->files[i].sink->writers)
			return 0;
		n += k->files[i].sink ? k->files[i].sink->writers : 0;
	}
	return n;
}

static struct df_pipe pipe_of(struct df_kdump *k)
{
	const struct df_output *o = k->o;

	return (struct df_pipe){
		.env = o->env,
		.image = o->image,
		.keep = o->keep,
		.page_shift = o->page_shift,
		.threads = useful_threads(o),
		.codec = o->codec,
		.codec_level = o->codec_level,
		.find_zero = o->level & DUMPFILTER_LEVEL_ZERO,
		.parts = k->parts,
		.nparts = k->n,
		.user = k,
		.place = df_kdump_place,
		.write = any_concurrent(k) ? df_kdump_write : NULL,
		.writers = writers(k),
		.take = df_kdump_take,
	};
}

/* All memory before the first byte is written. */
static int start(struct df_kdump *k, struct df_err *err)
{
	struct df_pipe p;

	if (allocate(k, err) < 0)
		return err->code;
	set_files(k);
	p = pipe_of(k);
	k->pipe = df_pipe_start(&p, err);
	return k->pipe ? 0 : err->code;
}

static void stop(struct df_kdump *k)
{
	struct df_env *env = k->o->env;

	df_pipe_stop(k->pipe);
	for (unsigned i = 0; k->files && i < k->n; i++) {
		df_share_free(k->files[i].share, env);
		df_free(env, k->files[i].desc);
	}
	df_free(env, k->parts);
	df_free(env, k->files);
}

static int rehearse_kdump(const struct df_output *o, struct df_err *err)
{
	struct df_kdump k = { .o = o };
	int r = start(&k, err);

	stop(&k);
	return r;
}

/* ---- the whole */

static int check_sink(const struct dumpfilter_sink *s, struct df_err *err)
{
	if (s->caps & DUMPFILTER_IO_RANDOM)
		return 0;
	return df_err_set(err, DUMPFILTER_E_UNSUPPORTED,
			  "%s is a stream, and a kdump file needs writing at offsets: use the flattened format",
			  s->name);
}

static int check_sinks(const struct df_output *o, struct df_err *err)
{
	int r = o->npieces ? 0 : check_sink(o->sink, err);

	for (unsigned i = 0; !r && i < o->npieces; i++)
		r = check_sink(o->pieces[i].sink, err);
	return r;
}

static int choose_pieces(const struct df_output *o, struct df_err *err)
{
	struct df_kdump k = { .o = o };
	struct df_pipe p = pipe_of(&k);

	return o->npieces ? df_split_choose(&p, o->pieces, o->npieces, o->granule, o->max_pfn, err) : 0;
}

/* Everything but what allocates. */
static int lay_out(struct df_kdump *k, struct df_err *err)
{
	const struct df_output *o = k->o;

	k->abi = (struct df_kdump_abi){ o->image->be, o->image->bits,
					df_kdump_align64(o->image->bits, o->image->machine) };
	k->block = 1u << o->page_shift;
	k->status = (o->codec ? o->codec->kdump_flag : 0) | (o->without_vmemmap ? DF_KDUMP_EXCLUDED_VMEMMAP : 0);
	return df_kdump_layout(&k->abi, k->block, o->max_pfn, o->image->notes_len, o->keep->count, &k->at, err);
}

/* What comes before the pages, to a sink of its own. */
static int begin_on(void *user, struct dumpfilter_sink *sink, struct df_err *err)
{
	struct df_kdump k = *(struct df_kdump *)user;
	struct df_kdump_file file = { .sink = sink, .end = k.o->max_pfn, .kept = k.o->keep->count };
	int r;

	file.desc = df_alloc(k.o->env, DF_KDUMP_DESCS);
	if (!file.desc)
		return df_err_nomem(err, k.o->env, "descriptors", DF_KDUMP_DESCS);
	k.files = &file;
	k.n = 1;
	r = df_kdump_begin(&k, err);
	df_free(k.o->env, file.desc);
	return r;
}

/* Headers and bitmaps as they go into a flattened stream, where long gaps of a bitmap take nothing: bytes of it. */
static int flat_head(struct df_kdump *k, uint64_t *bytes, struct df_err *err)
{
	struct df_env *env = k->o->env;
	struct dumpfilter_sink *inner = df_sink_null(env, err), *flat;
	int r;

	flat = inner ? df_sink_flat(env, inner, err) : NULL;
	r = flat ? begin_on(k, flat, err) : err->code;
	if (!r)
		r = df_sink_finish(flat, 0, err);
	*bytes = inner ? atomic_load(&inner->bytes) : 0;
	df_sink_free(flat);
	df_sink_free(inner);
	return r;
}

static int estimate_kdump(const struct df_output *o, struct df_estimate *e, struct df_err *err)
{
	unsigned batch = DF_BATCH_BYTES >> o->page_shift < DF_BATCH_PAGES ? DF_BATCH_BYTES >> o->page_shift
									  : DF_BATCH_PAGES;
	struct df_kdump k = { .o = o };
	uint64_t index, head, records = 0;
	int r = lay_out(&k, err);

	if (!r)
		r = df_estimate_pages(o, e, err);
	index = e->of * DF_KDUMP_DESC_SIZE;
	head = k.at.data_offset + (o->level & DUMPFILTER_LEVEL_ZERO ? k.block : 0);
	if (!r && e->flat) {
		r = flat_head(&k, &head, err);
		head += index;
		records = df_estimate_records(e->bytes, (e->of + batch - 1) / batch, index);
	}
	e->bytes += head + records;
	e->low += head; /* there may be fewer */
	e->high += head + records;
	return r;
}

/* Each file's headers below its limit. */
static int fits(struct df_kdump *k, struct df_err *err)
{
	uint64_t zeros = k->o->level & DUMPFILTER_LEVEL_ZERO ? k->block : 0;
	struct df_output o = *k->o;
	int r = 0;

	for (unsigned i = 0; !r && i < k->n; i++) {
		o.sink = k->files[i].sink;
		df_kdump_keep_room(k, &k->files[i], 0);
		r = df_writer_fits(&o, k->at.data_offset + zeros, begin_on, k, err);
	}
	return r;
}

static int write_kdump(const struct df_output *o, struct df_written *done, struct df_err *err)
{
	struct df_kdump k = { .o = o, .done = done };
	int r = check_sinks(o, err);

	if (!r)
		r = lay_out(&k, err);
	if (!r)
		r = choose_pieces(o, err);
	if (!r)
		r = start(&k, err);
	if (!r)
		r = fits(&k, err);
	if (!r)
		r = df_kdump_begin(&k, err);
	if (!r)
		r = copy(&k, err);
	stop(&k);
	return r;
}

const struct df_writer df_writer_kdump = { .format = DUMPFILTER_FORMAT_KDUMP,
					   .name = "kdump",
					   .compresses = true,
					   .splits = true,
					   .write = write_kdump,
					   .rehearse = rehearse_kdump,
					   .estimate = estimate_kdump };
