/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "image/image.h"

#include <inttypes.h>
#include <string.h>

void df_image_free_ranges(struct df_image *img)
{
	df_free(img->env, img->loads);
	df_free(img->env, img->described.v);
	df_free(img->env, img->stored.v);
}

void df_image_fini(struct df_image *img)
{
	if (!img->env)
		return;
	df_image_free_ranges(img);
	df_free(img->env, img->notes);
	df_free(img->env, img->eraseinfo);
	df_pageset_fini(&img->described_set);
	df_pageset_fini(&img->stored_set);
	if (img->ops && img->ops->close)
		img->ops->close(img);
	df_source_close(&img->source);
	memset(img, 0, sizeof *img);
}

int df_reader_init(struct df_reader *r, const struct df_image *img, size_t most, struct df_err *err)
{
	size_t page = img->page_size ? img->page_size : 4096;

	/* all memory now: later no page may be lost for lack of it */
	*r = (struct df_reader){ .image = img, .patch = df_alloc(img->env, page) };
	if (!r->patch || df_window_init(&r->window, &img->source, most))
		df_err_nomem(err, img->env, "a read buffer", most);
	else if (!img->ops->start || !img->ops->start(r, err))
		return 0;
	df_reader_fini(r);
	return err->code;
}

void df_reader_fini(struct df_reader *r)
{
	if (!r->image)
		return;
	if (r->image->ops->stop)
		r->image->ops->stop(r);
	df_window_fini(&r->window);
	df_free(r->image->env, r->patch);
	r->image = NULL;
}

/* Extent that holds addr, or NULL; *next = the first one behind it. */
static const struct df_extent *extent_at(struct df_reader *r, uint64_t addr, const struct df_extent **next)
{
	const struct df_extents *x = &r->image->stored;
	const struct df_extent *e;

	if (r->last >= x->n || addr < x->v[r->last].start || addr >= x->v[r->last].end)
		r->last = df_extents_find(x, addr);
	e = r->last < x->n ? &x->v[r->last] : NULL;
	if (e && addr >= e->start) {
		*next = r->last + 1 < x->n ? e + 1 : NULL;
		return e;
	}
	*next = e;
	return NULL;
}

static const uint8_t *extent_peek(struct df_reader *r, uint64_t paddr, size_t len, struct df_err *err)
{
	const struct df_extent *next, *e = extent_at(r, paddr, &next);

	err->code = 0;
	if (!e) {
		df_err_set(err, DUMPFILTER_E_NODATA, "physical address %#" PRIx64 " is not in the image", paddr);
		return NULL;
	}
	if (len > e->end - paddr)
		return NULL;
	return df_window_get(&r->window, e->offset + (paddr - e->start), len, err);
}

static int extent_read(struct df_reader *r, uint64_t paddr, void *buf, size_t len, size_t *missing, struct df_err *err)
{
	uint8_t *out = buf;

	*missing = 0;
	while (len) {
		const struct df_extent *next, *e = extent_at(r, paddr, &next);
		uint64_t limit = e ? e->end : next ? next->start : UINT64_MAX;
		size_t n = limit - paddr < len ? (size_t)(limit - paddr) : len;

		if (e) {
			int rc = df_source_read(&r->image->source, e->offset + (paddr - e->start), out, n, err);

			if (rc < 0)
				return rc;
		} else {
			memset(out, 0, n);
			*missing += n;
		}
		out += n;
		paddr += n;
		len -= n;
	}
	return 0;
}

const struct df_image_ops df_image_extent_ops = { .peek = extent_peek, .read = extent_read };

/* For what is believed: a table or a list with zeros where bytes are missing would be read as one that ends there. */
int df_reader_read(struct df_reader *r, uint64_t paddr, void *buf, size_t len, struct df_err *err)
{
	size_t missing;
	int rc;

	if (paddr + len < paddr)
		return df_err_set(err, DUMPFILTER_E_NODATA, "physical address %#" PRIx64 " is out of range", paddr);
	rc = r->image->ops->read(r, paddr, buf, len, &missing, err);
	if (!rc && missing)
		rc = df_err_set(err, DUMPFILTER_E_NODATA, "physical address %#" PRIx64 " is not in the image", paddr);
	return rc;
}

const uint8_t *df_reader_page(struct df_reader *r, uint64_t paddr, size_t page_size, struct df_err *err)
{
	const uint8_t *p = r->image->ops->peek(r, paddr, page_size, err);
	size_t missing;

	if (p)
		return p;
	return r->image->ops->read(r, paddr, r->patch, page_size, &missing, err) ? NULL : r->patch;
}
