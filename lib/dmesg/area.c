/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What lies in the kernel's memory. */
#include "dmesg/dmesg.h"

#include <inttypes.h>

#define PIECE 4096u /* no page is smaller: what lies in one piece is there or not as a whole */

bool df_dmesg_need(struct df_dmesg *dmesg, enum df_fact fact, uint64_t *value)
{
	char name[64];

	if (df_get_fact(dmesg->kernel, fact, value))
		return true;
	df_err_set(dmesg->err, DUMPFILTER_E_NOINFO, "kernel log: VMCOREINFO has no %s",
		   df_fact_name(fact, name, sizeof name));
	return false;
}

int df_dmesg_number(struct df_dmesg *dmesg, uint64_t vaddr, unsigned width, const char *what, uint64_t *value)
{
	int result = df_xlat_get(dmesg->walker, vaddr, width, value, dmesg->err);

	return result < 0 ? df_err_wrap(dmesg->err, "kernel log: %s", what) : 0;
}

/* No less than the image stores. */
static uint64_t stored_bytes(const struct df_image *image)
{
	unsigned shift = image->frame_shift ? image->frame_shift : 12;

	return df_image_pages(image, DF_STORED, shift, UINT64_MAX >> shift) << shift;
}

int df_dmesg_area_init(struct df_dmesg_area *area, struct df_dmesg *dmesg, uint64_t base, uint64_t size, size_t cap,
		       const char *what)
{
	const struct df_image *image = dmesg->walker->xlat->image;

	*area = (struct df_dmesg_area){ .walker = dmesg->walker, .base = base, .size = size, .cap = cap };
	if (size > stored_bytes(image) || base + size < base)
		return df_err_set(dmesg->err, DUMPFILTER_E_CORRUPT,
				  "kernel log: %s of %" PRIu64 " bytes at %#" PRIx64 " do not fit into the image", what,
				  size, base);
	area->buffer = df_alloc(image->env, cap);
	return area->buffer ? 0 : df_err_nomem(dmesg->err, image->env, "a buffer for the kernel log", cap);
}

void df_dmesg_area_fini(struct df_dmesg_area *area)
{
	if (area->walker)
		df_free(area->walker->xlat->image->env, area->buffer);
	*area = (struct df_dmesg_area){ 0 };
}

/* Read from offset on, up to want bytes, as far as that is possible. */
static void fill(struct df_dmesg_area *area, uint64_t offset, size_t want)
{
	struct df_err ignored;

	area->at = offset;
	area->have = 0;
	while (area->have < want) {
		uint64_t vaddr = area->base + offset + area->have;
		size_t count = PIECE - (size_t)(vaddr % PIECE);

		if (count > want - area->have)
			count = want - area->have;
		if (df_xlat_read(area->walker, vaddr, area->buffer + area->have, count, &ignored) < 0)
			break;
		area->have += count;
	}
}

const uint8_t *df_dmesg_area_get(struct df_dmesg_area *area, uint64_t offset, size_t length)
{
	bool ahead = offset < area->next + PIECE && area->next < offset + PIECE;
	uint64_t left;

	if (length > area->cap || offset > area->size || length > area->size - offset)
		return NULL;
	left = area->size - offset;
	area->next = offset + length;
	if (offset < area->at || offset - area->at > area->have || length > area->have - (offset - area->at))
		fill(area, offset, !ahead ? length : left < area->cap ? (size_t)left : area->cap);
	return length <= area->have - (offset - area->at) ? area->buffer + (offset - area->at) : NULL;
}
