/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A range of memory that is to count as not there: new lists of ranges in place of those that the image has. */
#include "image/image.h"

#include <string.h>

static bool splits(uint64_t start, uint64_t end, uint64_t cut_start, uint64_t cut_end)
{
	return start < cut_start && cut_end < end;
}

/* extent[count], sorted, without [start, end); room for one more. */
static size_t cut_extents(struct df_extent *extent, size_t count, uint64_t start, uint64_t end)
{
	size_t out = 0;

	for (size_t i = 0; i < count; i++) {
		struct df_extent piece = extent[i];

		if (splits(piece.start, piece.end, start, end)) {
			memmove(extent + i + 2, extent + i + 1, (count - i - 1) * sizeof *extent);
			extent[i + 1] = (struct df_extent){ end, piece.end, piece.offset + (end - piece.start) };
			extent[i].end = start;
			return count + 1; /* no other one has a part of it */
		}
		if (piece.start < end && start < piece.end && piece.end <= end)
			piece.end = start;
		if (piece.start < end && start <= piece.start && piece.start < piece.end) {
			piece.offset += end - piece.start;
			piece.start = end;
		}
		if (piece.start < piece.end)
			extent[out++] = piece;
	}
	return out;
}

/* What of a load lies before addr, or from there on. */
static struct df_load load_before(const struct df_load *load, uint64_t addr)
{
	struct df_load part = *load;

	part.memsz = addr - load->paddr;
	if (part.filesz > part.memsz)
		part.filesz = part.memsz;
	return part;
}

static struct df_load load_from(const struct df_load *load, uint64_t addr)
{
	uint64_t gone = addr - load->paddr;
	struct df_load part = *load;

	part.paddr += gone;
	part.vaddr += gone;
	part.memsz -= gone;
	part.filesz = load->filesz > gone ? load->filesz - gone : 0;
	part.offset = part.filesz ? load->offset + gone : 0;
	return part;
}

static size_t cut_loads(const struct df_load *load, size_t count, struct df_load *out, uint64_t start, uint64_t stop)
{
	size_t written = 0;

	for (size_t i = 0; i < count; i++) {
		uint64_t end = load[i].paddr + load[i].memsz;

		if (end <= start || stop <= load[i].paddr) {
			out[written++] = load[i];
			continue;
		}
		if (load[i].paddr < start)
			out[written++] = load_before(&load[i], start);
		if (stop < end)
			out[written++] = load_from(&load[i], stop);
	}
	return written;
}

static size_t loads_after(const struct df_image *image, uint64_t start, uint64_t end)
{
	size_t count = image->nloads;

	for (size_t i = 0; i < image->nloads; i++)
		count += splits(image->loads[i].paddr, image->loads[i].paddr + image->loads[i].memsz, start, end);
	return count;
}

/* Something is stored outside. */
static bool leaves_any(const struct df_image *image, uint64_t start, uint64_t end)
{
	for (size_t i = 0; i < image->stored.count; i++)
		if (image->stored.extent[i].start < start || image->stored.extent[i].end > end)
			return true;
	return false;
}

/* A copy with room for one more. */
static bool copy(struct df_env *env, struct df_extents *extents, const struct df_extents *from)
{
	*extents = (struct df_extents){ .count = from->count };
	if (!df_grow(env, (void **)&extents->extent, &extents->cap, from->count + 1, sizeof *extents->extent))
		return false;
	memcpy(extents->extent, from->extent, from->count * sizeof *extents->extent);
	return true;
}

int df_image_cut(struct df_image *image, uint64_t start, uint64_t end, struct df_err *err)
{
	struct df_image cut = *image;
	size_t count = loads_after(image, start, end);

	if (image->frame_shift)
		return df_err_set(err, DUMPFILTER_E_UNSUPPORTED, "%s: a range cannot be taken out of %s input",
				  image->source.name, image->format);
	if (!leaves_any(image, start, end))
		return df_err_set(err, DUMPFILTER_E_INVAL, "%s: nothing would be left of it", image->source.name);
	cut.described.extent = cut.stored.extent = NULL;
	cut.loads = df_alloc_array(image->env, count, sizeof *cut.loads);
	if (!cut.loads || !copy(image->env, &cut.described, &image->described) ||
	    !copy(image->env, &cut.stored, &image->stored)) {
		df_image_free_ranges(&cut);
		return df_err_nomem(err, image->env, "memory ranges", count * sizeof *cut.loads);
	}
	cut.nloads = cut_loads(image->loads, image->nloads, cut.loads, start, end);
	cut.described.count = cut_extents(cut.described.extent, cut.described.count, start, end);
	cut.stored.count = cut_extents(cut.stored.extent, cut.stored.count, start, end);
	cut.end_paddr = cut.described.extent[cut.described.count - 1].end;
	*image = cut;
	return 0;
}
