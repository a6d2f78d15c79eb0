/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The files of a split dump as one image.  Each has all headers and both bitmaps, and of the index and the data what
 * belongs to its range of page frames.  Files of different dumps would give wrong pages without any error: so their
 * headers must be equal, their ranges must fit together, and each must list the same pages in its range.
 */
#include "format/kdump.h"
#include "input/input.h"
#include "input/kdump.h"
#include "input/notes.h"
#include "io/args.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* What of each file is kept while the set is put together. */
struct member {
	struct df_kdump_piece piece;
	struct df_kdump_subheader subheader;
	uint32_t status;
	dev_t dev; /* of a file, else ino is 0 */
	ino_t ino;
};

/* While pieces are compared with the first of them. */
struct set {
	struct df_kdump_opener *opener;
	struct member *member;
	unsigned count;
	uint8_t header[DF_KDUMP_HEADER_MAX]; /* of the first, without the mark */
	char first[DF_NAME];                 /* its name */
	bool incomplete;
};

/* ---- each file by itself */

static void identify(struct member *member)
{
	const struct df_source *source = &member->piece.source;
	struct stat st;

	if (source->fd < 0 || fstat(source->fd, &st) || !S_ISREG(st.st_mode))
		return;
	member->dev = st.st_dev;
	member->ino = st.st_ino;
}

/* The main header of all must be the same; the mark of an incomplete one may be missing where a writer was killed. */
static int compare_header(struct set *set, unsigned i, const uint8_t *head, struct df_err *err)
{
	size_t mark = df_kdump_status_offset(&set->opener->input->abi),
	       length = df_kdump_header_size(&set->opener->input->abi);
	uint8_t header[DF_KDUMP_HEADER_MAX] = { 0 };

	memcpy(header, head, length);
	header[mark + (set->opener->input->abi.big_endian ? 3 : 0)] &= (uint8_t)~DF_KDUMP_INCOMPLETE;
	if (!i) {
		memcpy(set->header, header, sizeof header);
		snprintf(set->first, sizeof set->first, "%s", set->opener->source->name);
	}
	if (!memcmp(set->header, header, sizeof header))
		return 0;
	return df_err_set(err, DUMPFILTER_E_CORRUPT, "%s and %s are not pieces of the same dump: their headers differ",
			  set->first, set->opener->source->name);
}

static bool same_rest(const struct df_kdump_subheader *subheader, const struct df_kdump_subheader *other)
{
	return subheader->phys_base == other->phys_base && subheader->dump_level == other->dump_level &&
	       subheader->max_mapnr_64 == other->max_mapnr_64 && subheader->size_note == other->size_note &&
	       subheader->size_vmcoreinfo == other->size_vmcoreinfo;
}

static int check_piece(struct set *set, unsigned i, struct df_err *err)
{
	const struct df_kdump_opener *opener = set->opener;

	if (!opener->subheader.split)
		return df_err_set(err, DUMPFILTER_E_FORMAT, "%s is not a piece of a split dump but a whole one",
				  opener->source->name);
	if (opener->start > opener->end || opener->end > opener->max_mapnr)
		return df_err_set(err, DUMPFILTER_E_CORRUPT,
				  "%s: page frames %#" PRIx64 " to %#" PRIx64 " of %#" PRIx64
				  " are not possible for a piece",
				  opener->source->name, opener->start, opener->end, opener->max_mapnr);
	if (!same_rest(&set->member[0].subheader, &opener->subheader))
		return df_err_set(err, DUMPFILTER_E_CORRUPT,
				  "%s and %s are not pieces of the same dump: their sub headers differ", set->first,
				  set->member[i].piece.source.name);
	return 0;
}

static int no_piece(const struct df_source *source, const uint8_t *head, size_t length, struct df_err *err)
{
	char is[DF_FOREIGN_TEXT];

	if (!df_input_name(head, length, is))
		snprintf(is, sizeof is, "no kdump-compressed file");
	return df_err_set(err, DUMPFILTER_E_FORMAT, "%s is not a piece of a split dump: it is %s", source->name, is);
}

static int look_at(struct set *set, unsigned i, struct df_err *err)
{
	struct df_source *source = &set->member[i].piece.source;
	struct df_kdump_opener *opener = set->opener;
	uint8_t head[DF_INPUT_PROBE];
	size_t length;
	bool cut;
	int result;

	identify(&set->member[i]);
	source->can_map = false;
	opener->source = source;
	result = df_input_look(source, head, &length, &cut, err);
	set->incomplete |= cut;
	if (!result && !df_input_kdump.probe(head, length))
		result = no_piece(source, head, length, err);
	if (!result)
		result = df_kdump_read_headers(opener, head, length, err);
	if (!result)
		result = compare_header(set, i, head, err);
	if (result < 0)
		return result;
	set->member[i].subheader = opener->subheader;
	set->member[i].status = opener->header.status;
	set->member[i].piece.start = opener->start;
	set->member[i].piece.end = opener->end;
	set->incomplete |= opener->header.status & DF_KDUMP_INCOMPLETE;
	return check_piece(set, i, err);
}

/* ---- all together */

static int by_range(const void *left, const void *right)
{
	const struct df_kdump_piece *piece = &((const struct member *)left)->piece,
				    *second = &((const struct member *)right)->piece;

	if (piece->start != second->start)
		return piece->start < second->start ? -1 : 1;
	return (piece->end > second->end) - (piece->end < second->end);
}

static int find_twice(const struct set *set, struct df_err *err)
{
	for (unsigned i = 1; i < set->count; i++) {
		for (unsigned other_index = 0; other_index < i; other_index++) {
			const struct member *member = &set->member[other_index], *other = &set->member[i];

			if (member->ino && member->ino == other->ino && member->dev == other->dev)
				return df_err_set(err, DUMPFILTER_E_INVAL,
						  "%s and %s are the same file: give each piece once",
						  member->piece.source.name, other->piece.source.name);
		}
	}
	return 0;
}

static int missing(uint64_t first, uint64_t end, struct df_err *err)
{
	return df_err_set(err, DUMPFILTER_E_INVAL,
			  "page frames %#" PRIx64 " to %#" PRIx64
			  " are in none of the files: give all pieces of the split dump",
			  first, end - 1);
}

static int check_ranges(const struct set *set, struct df_err *err)
{
	const struct df_kdump_piece *last = NULL;
	uint64_t at = 0;

	for (unsigned i = 0; i < set->count; i++) {
		const struct df_kdump_piece *piece = &set->member[i].piece;

		if (piece->start == piece->end)
			continue;
		if (piece->start > at)
			return missing(at, piece->start, err);
		if (piece->start < at)
			return df_err_set(err, DUMPFILTER_E_INVAL, "%s and %s both have page frame %#" PRIx64 ": %s",
					  last->source.name, piece->source.name, piece->start,
					  last->start == piece->start && last->end == piece->end
						  ? "give each piece once"
						  : "they are of different dumps");
		at = piece->end;
		last = piece;
	}
	return at == set->opener->max_mapnr ? 0 : missing(at, set->opener->max_mapnr, err);
}

static void use(struct set *set, unsigned i)
{
	set->opener->source = &set->member[i].piece.source;
	set->opener->subheader = set->member[i].subheader;
}

/* The first file in the order of memory tells what there is; the others must agree. */
static int read_all(struct set *set, struct df_err *err)
{
	struct df_kdump_opener *opener = set->opener;
	int result;

	use(set, 0);
	result = df_kdump_read_rest(opener, err);
	for (unsigned i = 0; !result && i < set->count; i++) {
		struct df_kdump_piece *piece = &set->member[i].piece;

		use(set, i);
		piece->first = df_pageset_count_range(&opener->image->stored_set, 0, piece->start);
		result = i ? df_kdump_compare_bitmap(opener, piece->start, piece->end, err) : 0;
		if (!result)
			result = df_kdump_read_eraseinfo(opener, err);
	}
	return result;
}

/* What reading needs: the files that have a page frame. */
static int keep_pieces(struct set *set, struct df_err *err)
{
	struct df_kdump_input *input = set->opener->input;

	input->pieces = df_alloc_array(set->opener->image->env, set->count, sizeof *input->pieces);
	if (!input->pieces)
		return df_err_nomem(err, set->opener->image->env, "pieces", set->count * sizeof *input->pieces);
	for (unsigned i = 0; i < set->count; i++) {
		struct df_kdump_piece *piece = &set->member[i].piece;

		if (piece->start == piece->end)
			continue;
		input->pieces[input->npieces] = *piece;
		input->pieces[input->npieces++].is_own = true;
		piece->source = (struct df_source){ .fd = -1 };
	}
	return 0;
}

/* In place of a source: for messages, and for whether there may be threads. */
static void name_image(const struct set *set)
{
	struct df_source *source = &set->opener->image->source;
	bool concurrent = true;

	for (unsigned i = 0; i < set->count; i++)
		concurrent &= set->member[i].piece.source.concurrent;
	*source = (struct df_source){ .env = set->opener->image->env, .fd = -1, .concurrent = concurrent };
	if (set->count > 1)
		snprintf(source->name, sizeof source->name, "%.200s (and %u more)", set->first, set->count - 1);
	else
		snprintf(source->name, sizeof source->name, "%s", set->first);
}

static int open_members(struct set *set, struct df_err *err)
{
	int result = 0;

	for (unsigned i = 0; !result && i < set->count; i++)
		result = look_at(set, i, err);
	if (!result)
		result = find_twice(set, err);
	if (result < 0)
		return result;
	name_image(set);
	qsort(set->member, set->count, sizeof *set->member, by_range);
	result = check_ranges(set, err);
	if (!result)
		result = read_all(set, err);
	if (!result)
		result = df_input_find_eraseinfo(set->opener->image, err);
	set->opener->image->past.incomplete |= set->incomplete;
	return result ? result : keep_pieces(set, err);
}

static int open_set(struct df_image *image, struct df_source *sources, unsigned count, struct df_err *err)
{
	struct set set = { .count = count, .opener = df_kdump_opener_new(image, err) };
	int result = set.opener ? 0 : err->code;

	image->source = (struct df_source){ .env = image->env, .fd = -1 };
	if (!result && !(set.member = df_alloc_array(image->env, count, sizeof *set.member)))
		result = df_err_nomem(err, image->env, "pieces", count * sizeof *set.member);
	for (unsigned i = 0; !result && i < count; i++) {
		set.member[i].piece.source = sources[i];
		sources[i] = (struct df_source){ .fd = -1 };
	}
	if (!result)
		result = open_members(&set, err);
	for (unsigned i = 0; set.member && i < count; i++)
		df_source_close(&set.member[i].piece.source);
	df_free(image->env, set.member);
	df_kdump_opener_free(set.opener);
	return result;
}

int df_input_open_set(struct df_image *image, struct df_source *sources, unsigned count, struct df_err *err)
{
	int result = open_set(image, sources, count, err);

	for (unsigned i = 0; i < count; i++)
		df_source_close(&sources[i]);
	if (result < 0)
		df_image_fini(image);
	return result;
}
