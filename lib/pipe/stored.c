/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "pipe/stored.h"

#include <string.h>

/* A page of zeros is packed to far less than this part of a page by any codec (snappy, the worst, needs a 21st). */
#define ZERO_PART 8u

/* Would the output have the page in this form?  Pages that nobody tried to pack do not count as not to be packed. */
static bool fits(const struct df_pipe *pipe, const struct df_stored_page *page, size_t page_size)
{
	if (page->kdump_flag)
		return page->kdump_flag == pipe->codec->kdump_flag && page->size < page_size;
	return pipe->image->past.codec_flag == pipe->codec->kdump_flag;
}

/* Packed pages of a dump whose maker looked for pages of zeros are none. */
static bool may_be_zero(const struct df_pipe *pipe, const struct df_stored_page *page, size_t page_size)
{
	if (!pipe->find_zero)
		return false;
	return !page->kdump_flag ||
	       (!(pipe->image->past.level & DUMPFILTER_LEVEL_ZERO) && page->size <= page_size / ZERO_PART);
}

bool df_pipe_take_stored(const struct df_pipe *pipe, struct df_reader *reader, struct df_batch *batch, unsigned i)
{
	size_t page_size = (size_t)1 << pipe->page_shift;
	uint64_t paddr = batch->pfn[i] << pipe->page_shift;
	struct df_stored_page stored;
	const uint8_t *page;
	struct df_err err;

	if (!pipe->codec || pipe->codec_level || !pipe->image->image_ops->stored ||
	    !pipe->image->image_ops->stored(reader, paddr, &stored) || !fits(pipe, &stored, page_size))
		return false;
	memcpy(batch->data + batch->data_len, stored.data, stored.size);
	if (may_be_zero(pipe, &stored, page_size)) {
		page = stored.kdump_flag ? df_reader_page(reader, paddr, page_size, &err) : stored.data;
		if (!page)
			return false; /* lost: reading it once more says why */
		if (df_is_zero(page, page_size)) {
			batch->kind[i] = DF_PAGE_ZERO;
			batch->size[i] = 0;
			return true;
		}
	}
	batch->kind[i] = stored.kdump_flag ? DF_PAGE_PACKED : DF_PAGE_RAW;
	batch->size[i] = stored.size;
	batch->data_len += stored.size;
	return true;
}
