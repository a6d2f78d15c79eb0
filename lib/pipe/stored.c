/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "pipe/stored.h"

#include <string.h>

/* A page of zeros is packed to far less than this part of a page by any codec (snappy, the worst, needs a 21st). */
#define ZERO_PART 8u

/* Would the output have the page in this form?  Pages that nobody tried to pack do not count as not to be packed. */
static bool fits(const struct df_pipe *p, const struct df_stored_page *page, size_t page_size)
{
	if (page->kdump_flag)
		return page->kdump_flag == p->codec->kdump_flag && page->size < page_size;
	return p->image->past.codec_flag == p->codec->kdump_flag;
}

/* Packed pages of a dump whose maker looked for pages of zeros are none. */
static bool may_be_zero(const struct df_pipe *p, const struct df_stored_page *page, size_t page_size)
{
	if (!p->find_zero)
		return false;
	return !page->kdump_flag ||
	       (!(p->image->past.level & DUMPFILTER_LEVEL_ZERO) && page->size <= page_size / ZERO_PART);
}

bool df_pipe_take_stored(const struct df_pipe *p, struct df_reader *reader, struct df_batch *b, unsigned i)
{
	size_t page_size = (size_t)1 << p->page_shift;
	uint64_t paddr = b->pfn[i] << p->page_shift;
	struct df_stored_page s;
	const uint8_t *page;
	struct df_err why;

	if (!p->codec || p->codec_level || !p->image->ops->stored || !p->image->ops->stored(reader, paddr, &s) ||
	    !fits(p, &s, page_size))
		return false;
	memcpy(b->data + b->data_len, s.data, s.size);
	if (may_be_zero(p, &s, page_size)) {
		page = s.kdump_flag ? df_reader_page(reader, paddr, page_size, &why) : s.data;
		if (!page)
			return false; /* lost: reading it once more says why */
		if (df_is_zero(page, page_size)) {
			b->kind[i] = DF_PAGE_ZERO;
			b->size[i] = 0;
			return true;
		}
	}
	b->kind[i] = s.kdump_flag ? DF_PAGE_PACKED : DF_PAGE_RAW;
	b->size[i] = s.size;
	b->data_len += s.size;
	return true;
}
