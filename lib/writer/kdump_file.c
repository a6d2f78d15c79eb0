/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Index and data of one file. */
#include "base/bytes.h"
#include "writer/kdump.h"

#include <string.h>

void df_kdump_keep_room(struct df_kdump *kdump, struct df_kdump_file *file, size_t more)
{
	uint64_t now = file->desc_len + more, left = file->kept * DF_KDUMP_DESC_SIZE - file->desc_done - now;

	file->sink->closing = now + (left < DF_KDUMP_DESCS ? left : DF_KDUMP_DESCS);
	file->sink->head = df_kdump_header_size(&kdump->abi);
	if (df_kdump_subheader_late(kdump, file))
		file->sink->closing += df_kdump_subheader_size(&kdump->abi);
}

static int flush_descriptors(struct df_kdump *kdump, struct df_kdump_file *file, struct df_err *err)
{
	int result = df_sink_write(file->sink, kdump->layout.desc_offset + file->desc_done, file->desc, file->desc_len,
				   err);

	if (result < 0)
		return result;
	file->desc_done += file->desc_len;
	file->desc_len = 0;
	return 0;
}

/* Descriptors of a batch; an all-zero one says that the page is lost. */
static void describe(struct df_kdump *kdump, struct df_kdump_file *file, const struct df_batch *batch)
{
	for (unsigned i = 0; i < batch->count; i++) {
		struct df_kdump_desc desc = { .offset = batch->page_at[i], .size = batch->size[i] };

		if (batch->kind[i] == DF_PAGE_ZERO)
			desc = (struct df_kdump_desc){ .offset = file->zero_at, .size = kdump->block };
		else if (df_page_is_missing(batch->kind[i]))
			desc = (struct df_kdump_desc){ 0 };
		else if (batch->kind[i] == DF_PAGE_PACKED)
			desc.flags = kdump->output->codec->kdump_flag;
		df_kdump_encode_desc(&kdump->abi, &desc, file->desc + file->desc_len);
		file->desc_len += DF_KDUMP_DESC_SIZE;
	}
}

static void count(struct df_kdump *kdump, struct df_kdump_file *file, const struct df_batch *batch)
{
	for (unsigned i = 0; i < batch->count; i++) {
		bool missing = df_page_is_missing(batch->kind[i]);

		kdump->done->zero_pages += batch->kind[i] == DF_PAGE_ZERO;
		kdump->done->unreadable_pages += missing;
		kdump->done->lost_before += batch->kind[i] == DF_PAGE_GONE;
		file->pages += !missing;
	}
	if (batch->why[0] && kdump->lost_lines++ < DF_LOST_LINES)
		df_log(kdump->output->env, DUMPFILTER_LOG_WARN, "a page cannot be read and is lost: %s", batch->why);
}

/* In the order of frames, whoever calls: so the places, and with them the bytes of the file, do not depend on the
 * number of threads.  Only here data_end moves. */
void df_kdump_place(void *user, struct df_batch *batch)
{
	struct df_kdump *kdump = user;
	struct df_kdump_file *file = &kdump->files[batch->part];
	const uint8_t *data = batch->data;

	batch->at = file->data_end;
	batch->late.code = 0;
	for (unsigned i = 0; i < batch->count; data += batch->size[i++]) {
		batch->page_at[i] = file->data_end;
		if (batch->kind[i] == DF_PAGE_PACKED)
			batch->page_at[i] = df_share_place(file->share, data, batch->size[i], file->data_end);
		if (batch->page_at[i] == file->data_end)
			file->data_end += batch->size[i];
	}
	batch->shared = file->data_end - batch->at < batch->data_len;
}

/* Take out of a batch's data what is elsewhere already. */
static void close_up(struct df_batch *batch)
{
	uint64_t at = batch->at;
	uint8_t *from = batch->data;

	for (unsigned i = 0; i < batch->count; from += batch->size[i++]) {
		if (batch->page_at[i] != at)
			continue;
		memmove(batch->data + (at - batch->at), from, batch->size[i]);
		at += batch->size[i];
	}
	batch->data_len = (size_t)(at - batch->at);
}

static void write_data(struct df_kdump_file *file, struct df_batch *batch)
{
	struct df_err err;

	if (batch->shared)
		close_up(batch);
	if (df_sink_write(file->sink, batch->at, batch->data, batch->data_len, &err) < 0)
		batch->late = err;
}

/* A failure is the file's, and known to it when the batch's turn comes. */
int df_kdump_write(void *user, struct df_batch *batch, struct df_err *err)
{
	struct df_kdump *kdump = user;
	struct df_kdump_file *file = &kdump->files[batch->part];

	(void)err;
	if (file->sink->caps & DUMPFILTER_IO_CONCURRENT && !atomic_load_explicit(&file->dead, memory_order_relaxed))
		write_data(file, batch);
	return 0;
}

/* Where the sink takes one write at a time this writes the data, too: the calling thread is the only one that is sure
 * to be alone.  A file that fails gets no more batches; the run ends when the last one has failed. */
int df_kdump_take(void *user, struct df_batch *batch, struct df_err *err)
{
	struct df_kdump *kdump = user;
	struct df_kdump_file *file = &kdump->files[batch->part];
	struct df_err why;

	if (file->err.code) { /* made before that was known */
		df_pipe_end_part(kdump->pipe, batch->part);
		return 0;
	}
	if (file->desc_len + batch->count * DF_KDUMP_DESC_SIZE > DF_KDUMP_DESCS) {
		file->sink->closing -= file->desc_len;
		if (flush_descriptors(kdump, file, &why) < 0)
			df_kdump_fail(file, &why);
	}
	df_kdump_keep_room(kdump, file, batch->count * DF_KDUMP_DESC_SIZE);
	/* data before its descriptors: what the index lists is there */
	if (!file->err.code && !(file->sink->caps & DUMPFILTER_IO_CONCURRENT))
		write_data(file, batch);
	if (batch->late.code)
		df_kdump_fail(file, &batch->late);
	if (file->err.code) {
		df_pipe_end_part(kdump->pipe, batch->part);
		return df_kdump_alive(kdump, err);
	}
	describe(kdump, file, batch);
	count(kdump, file, batch);
	return 0;
}

/* The index of a sink that was not reserved: descriptors of lost pages are zero.  The last byte is really written, so
 * that a full disk shows now. */
static int end_index(struct df_kdump *kdump, struct df_kdump_file *file, struct df_err *err)
{
	uint64_t table = file->kept * DF_KDUMP_DESC_SIZE;
	int result;

	if (file->desc_done >= table || file->sink->caps & DUMPFILTER_IO_REWRITE)
		return 0;
	result = df_sink_zeros(file->sink, kdump->layout.desc_offset + file->desc_done, table - file->desc_done - 1,
			       err);
	return result ? result : df_sink_write(file->sink, kdump->layout.desc_offset + table - 1, "", 1, err);
}

/* The text about what was erased, behind the data, and where it is. */
static int write_erased(struct df_kdump *kdump, struct df_kdump_file *file, struct df_err *err)
{
	const struct df_image *image = kdump->output->image;
	uint64_t at = file->err.code ? 0 : file->data_end;
	int result = 0;

	if (!image->eraseinfo_len)
		return 0;
	if (at)
		result = df_sink_write(file->sink, at, image->eraseinfo, image->eraseinfo_len, err);
	if (!result && (at || df_kdump_subheader_late(kdump, file)))
		result = df_kdump_subheader(kdump, file, at, err);
	return result;
}

void df_kdump_end(struct df_kdump *kdump, struct df_kdump_file *file)
{
	uint64_t own = file->kept * DF_KDUMP_DESC_SIZE, table = kdump->layout.data_offset - kdump->layout.desc_offset;
	struct df_err err;
	int result;

	file->sink->closing = 0;
	result = flush_descriptors(kdump, file, &err);
	if (!result)
		result = end_index(kdump, file, &err);
	if (result < 0)
		file->headless |= !(file->sink->caps & DUMPFILTER_IO_REWRITE);
	if (!result && !file->err.code && own < table) /* the other pieces' descriptors: a gap */
		result = df_sink_zeros(file->sink, kdump->layout.desc_offset + own, table - own, &err);
	if (!result)
		result = write_erased(kdump, file, &err);
	if (result < 0)
		df_kdump_fail(file, &err);
	/* pages that were copied but whose descriptors could not be written cannot be found */
	file->pages -= file->desc_len / DF_KDUMP_DESC_SIZE < file->pages ? file->desc_len / DF_KDUMP_DESC_SIZE
									 : file->pages;
}

int df_kdump_mark(struct df_kdump *kdump, struct df_kdump_file *file, bool incomplete, struct df_err *err)
{
	uint8_t status[4];

	if (df_sink_is_flat(file->sink))
		return incomplete && !kdump->output->incomplete ? df_kdump_header_again(kdump, file, err)
								: df_sink_flush(file->sink, err);
	df_put32(status, kdump->status | (incomplete ? DF_KDUMP_INCOMPLETE : 0), kdump->abi.big_endian);
	return df_sink_write(file->sink, df_kdump_status_offset(&kdump->abi), status, sizeof status, err);
}
