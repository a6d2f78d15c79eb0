/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "image/image.h"

#include <inttypes.h>
#include <string.h>

void df_image_free_ranges(struct df_image *image)
{
	df_free(image->env, image->loads);
	df_free(image->env, image->described.extent);
	df_free(image->env, image->stored.extent);
}

void df_image_fini(struct df_image *image)
{
	if (!image->env)
		return;
	df_image_free_ranges(image);
	df_free(image->env, image->notes);
	df_free(image->env, image->eraseinfo);
	df_pageset_fini(&image->described_set);
	df_pageset_fini(&image->stored_set);
	if (image->image_ops && image->image_ops->close)
		image->image_ops->close(image);
	df_source_close(&image->source);
	memset(image, 0, sizeof *image);
}

int df_reader_init(struct df_reader *reader, const struct df_image *image, size_t most, struct df_err *err)
{
	size_t page = image->page_size ? image->page_size : 4096;

	/* all memory now: later no page may be lost for lack of it */
	*reader = (struct df_reader){ .image = image, .patch = df_alloc(image->env, page) };
	if (!reader->patch || df_window_init(&reader->window, &image->source, most))
		df_err_nomem(err, image->env, "a read buffer", most);
	else if (!image->image_ops->start || !image->image_ops->start(reader, err))
		return 0;
	df_reader_fini(reader);
	return err->code;
}

void df_reader_fini(struct df_reader *reader)
{
	if (!reader->image)
		return;
	if (reader->image->image_ops->stop)
		reader->image->image_ops->stop(reader);
	df_window_fini(&reader->window);
	df_free(reader->image->env, reader->patch);
	reader->image = NULL;
}

/* Extent that holds addr, or NULL; *next = the first one behind it. */
static const struct df_extent *extent_at(struct df_reader *reader, uint64_t addr, const struct df_extent **next)
{
	const struct df_extents *extents = &reader->image->stored;
	const struct df_extent *extent;

	if (reader->last >= extents->count || addr < extents->extent[reader->last].start ||
	    addr >= extents->extent[reader->last].end)
		reader->last = df_extents_find(extents, addr);
	extent = reader->last < extents->count ? &extents->extent[reader->last] : NULL;
	if (extent && addr >= extent->start) {
		*next = reader->last + 1 < extents->count ? extent + 1 : NULL;
		return extent;
	}
	*next = extent;
	return NULL;
}

static const uint8_t *extent_peek(struct df_reader *reader, uint64_t paddr, size_t length, struct df_err *err)
{
	const struct df_extent *next, *extent = extent_at(reader, paddr, &next);

	err->code = 0;
	if (!extent) {
		df_err_set(err, DUMPFILTER_E_NODATA, "physical address %#" PRIx64 " is not in the image", paddr);
		return NULL;
	}
	if (length > extent->end - paddr)
		return NULL;
	return df_window_get(&reader->window, extent->offset + (paddr - extent->start), length, err);
}

static int extent_read(struct df_reader *reader, uint64_t paddr, void *buffer, size_t length, size_t *missing,
		       struct df_err *err)
{
	uint8_t *out = buffer;

	*missing = 0;
	while (length) {
		const struct df_extent *next, *extent = extent_at(reader, paddr, &next);
		uint64_t limit = extent ? extent->end : next ? next->start : UINT64_MAX;
		size_t count = limit - paddr < length ? (size_t)(limit - paddr) : length;

		if (extent) {
			int result = df_source_read(&reader->image->source, extent->offset + (paddr - extent->start),
						    out, count, err);

			if (result < 0)
				return result;
		} else {
			memset(out, 0, count);
			*missing += count;
		}
		out += count;
		paddr += count;
		length -= count;
	}
	return 0;
}

const struct df_image_ops df_image_extent_ops = { .peek = extent_peek, .read = extent_read };

/* For what is believed: a table or a list with zeros where bytes are missing would be read as one that ends there. */
int df_reader_read(struct df_reader *reader, uint64_t paddr, void *buffer, size_t length, struct df_err *err)
{
	size_t missing;
	int result;

	if (paddr + length < paddr)
		return df_err_set(err, DUMPFILTER_E_NODATA, "physical address %#" PRIx64 " is out of range", paddr);
	result = reader->image->image_ops->read(reader, paddr, buffer, length, &missing, err);
	if (!result && missing)
		result = df_err_set(err, DUMPFILTER_E_NODATA, "physical address %#" PRIx64 " is not in the image",
				    paddr);
	return result;
}

const uint8_t *df_reader_page(struct df_reader *reader, uint64_t paddr, size_t page_size, struct df_err *err)
{
	const uint8_t *bytes = reader->image->image_ops->peek(reader, paddr, page_size, err);
	size_t missing;

	if (bytes)
		return bytes;
	return reader->image->image_ops->read(reader, paddr, reader->patch, page_size, &missing, err) ? NULL
												      : reader->patch;
}
