/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What lies in the kernel's memory. */
#include "dmesg/dmesg.h"

#include <inttypes.h>

#define PIECE 4096u /* no page is smaller: what lies in one piece is there or not as a whole */

bool df_dmesg_need(struct df_dmesg *d, enum df_fact f, uint64_t *v)
{
	char name[64];

	if (df_get_fact(d->k, f, v))
		return true;
	df_err_set(d->err, DUMPFILTER_E_NOINFO, "kernel log: VMCOREINFO has no %s", df_fact_name(f, name, sizeof name));
	return false;
}

int df_dmesg_number(struct df_dmesg *d, uint64_t vaddr, unsigned width, const char *what, uint64_t *v)
{
	int r = df_xlat_get(d->walker, vaddr, width, v, d->err);

	return r < 0 ? df_err_wrap(d->err, "kernel log: %s", what) : 0;
}

/* No less than the image stores. */
static uint64_t stored_bytes(const struct df_image *img)
{
	unsigned shift = img->frame_shift ? img->frame_shift : 12;

	return df_image_pages(img, DF_STORED, shift, UINT64_MAX >> shift) << shift;
}

int df_dmesg_area_init(struct df_dmesg_area *a, struct df_dmesg *d, uint64_t base, uint64_t size, size_t cap,
		       const char *what)
{
	const struct df_image *img = d->walker->xlat->image;

	*a = (struct df_dmesg_area){ .walker = d->walker, .base = base, .size = size, .cap = cap };
	if (size > stored_bytes(img) || base + size < base)
		return df_err_set(d->err, DUMPFILTER_E_CORRUPT,
				  "kernel log: %s of %" PRIu64 " bytes at %#" PRIx64 " do not fit into the image", what,
				  size, base);
	a->buf = df_alloc(img->env, cap);
	return a->buf ? 0 : df_err_nomem(d->err, img->env, "a buffer for the kernel log", cap);
}

void df_dmesg_area_fini(struct df_dmesg_area *a)
{
	if (a->walker)
		df_free(a->walker->xlat->image->env, a->buf);
	*a = (struct df_dmesg_area){ 0 };
}

/* Read from offset on, up to want bytes, as far as that is possible. */
static void fill(struct df_dmesg_area *a, uint64_t offset, size_t want)
{
	struct df_err ignored;

	a->at = offset;
	a->have = 0;
	while (a->have < want) {
		uint64_t vaddr = a->base + offset + a->have;
		size_t n = PIECE - (size_t)(vaddr % PIECE);

		if (n > want - a->have)
			n = want - a->have;
		if (df_xlat_read(a->walker, vaddr, a->buf + a->have, n, &ignored) < 0)
			break;
		a->have += n;
	}
}

const uint8_t *df_dmesg_area_get(struct df_dmesg_area *a, uint64_t offset, size_t len)
{
	bool ahead = offset < a->next + PIECE && a->next < offset + PIECE;
	uint64_t left;

	if (len > a->cap || offset > a->size || len > a->size - offset)
		return NULL;
	left = a->size - offset;
	a->next = offset + len;
	if (offset < a->at || offset - a->at > a->have || len > a->have - (offset - a->at))
		fill(a, offset, !ahead ? len : left < a->cap ? (size_t)left : a->cap);
	return len <= a->have - (offset - a->at) ? a->buf + (offset - a->at) : NULL;
}
