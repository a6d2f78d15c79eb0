/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "flatreaders.h"

#include <stdlib.h>
#include <string.h>

#define START      4096u /* of the first record */
#define RECORD     16u
#define BLOCK      4096u
#define KDUMP_HEAD 464u
#define KDUMP_SUB  104u
#define ELF_HEAD   64u
#define MOST       (UINT64_C(64) << 20)

static uint64_t get_be(const uint8_t *bytes)
{
	uint64_t value = 0;

	for (unsigned i = 0; i < 8; i++)
		value = value << 8 | bytes[i];
	return value;
}

static uint64_t get(const uint8_t *bytes, unsigned width)
{
	uint64_t value = 0;

	for (unsigned i = 0; i < width; i++)
		value |= (uint64_t)bytes[i] << 8 * i;
	return value;
}

/* ---- the stream */

static bool add_record(struct fr_stream *fr_stream, const struct fr_record *fr_record)
{
	struct fr_record *more = fr_stream->count % 256
					 ? fr_stream->records
					 : realloc(fr_stream->records, (fr_stream->count + 256) * sizeof *more);

	if (!more)
		return false;
	fr_stream->records = more;
	fr_stream->records[fr_stream->count++] = *fr_record;
	if (fr_record->offset + fr_record->size > fr_stream->size)
		fr_stream->size = fr_record->offset + fr_record->size;
	return true;
}

static bool make_file(struct fr_stream *fr_stream)
{
	fr_stream->file = calloc(1, fr_stream->size + BLOCK);
	for (size_t i = 0; fr_stream->file && i < fr_stream->count; i++)
		memcpy(fr_stream->file + fr_stream->records[i].offset, fr_stream->data + fr_stream->records[i].at,
		       fr_stream->records[i].size);
	return fr_stream->file;
}

bool fr_parse(struct fr_stream *fr_stream, const uint8_t *data, uint64_t length)
{
	*fr_stream = (struct fr_stream){ .data = data, .length = length };
	if (length < START || memcmp(data, "makedumpfile\0\0\0\0", 16) || get_be(data + 16) != 1 ||
	    get_be(data + 24) != 1)
		return false;
	for (uint64_t at = START; length - at >= RECORD;) {
		struct fr_record fr_record = { get_be(data + at), get_be(data + at + 8), at + RECORD };

		fr_stream->ended = fr_record.offset == UINT64_MAX && fr_record.size == UINT64_MAX;
		if (fr_stream->ended || !fr_record.size || fr_record.size > length - fr_record.at ||
		    fr_record.offset > MOST)
			break;
		if (!add_record(fr_stream, &fr_record))
			return false;
		at = fr_record.at + fr_record.size;
	}
	return fr_stream->count && make_file(fr_stream);
}

void fr_free(struct fr_stream *fr_stream)
{
	free(fr_stream->records);
	free(fr_stream->file);
	*fr_stream = (struct fr_stream){ 0 };
}

static bool is_elf(const uint8_t *header)
{
	return !memcmp(header, "\177ELF", 4);
}

static bool is_kdump(const uint8_t *header)
{
	return !memcmp(header, "KDUMP   ", 8);
}

bool fr_is_elf(const struct fr_stream *fr_stream)
{
	return is_elf(fr_stream->file);
}

bool fr_is_marked(const uint8_t *header)
{
	return is_elf(header) ? get(header + 48, 4) & 1 : get(header + 424, 4) & 8;
}

/* ---- makedumpfile -R (1.7.2 to 1.7.9, and makedumpfile-R.pl): writes one record after the other */

static const char *rearranged(const struct fr_stream *fr_stream, bool *marked)
{
	if (!fr_stream->ended)
		return "no end record";
	*marked = fr_is_marked(fr_stream->file);
	return is_elf(fr_stream->file) || is_kdump(fr_stream->file) ? NULL : "no dump";
}

/* ---- libkdumpfile (0.5.3 to 0.5.6), and drgn with it: the last record that has a byte counts */

static const char *kdumpfile(const struct fr_stream *fr_stream, bool *marked)
{
	const uint8_t *entry = fr_stream->file;

	if (!fr_stream->ended)
		return "no end record";
	*marked = fr_is_marked(fr_stream->file);
	for (uint64_t i = 0; is_elf(entry) && i < get(entry + 56, 2); i++) {
		const uint8_t *bytes = entry + get(entry + 32, 8) + i * 56;

		if (get(bytes, 4) == 1 && get(bytes + 32, 8) &&
		    get(bytes + 8, 8) + get(bytes + 32, 8) > fr_stream->size)
			return "a load behind the last record";
	}
	return NULL;
}

/* ---- crash (7.0.4 to 9.0.2, makedumpfile.c): sorts records by offset, a later one in front of its equals, and looks
 * for the one that has a byte by halving.  Behind the last record it looks at memory that was never written to, and
 * dies. */

struct sorted {
	const struct fr_stream *fr_stream;
	struct fr_record *fr_record;
};

static bool sort(struct sorted *sorted)
{
	sorted->fr_record = malloc(sorted->fr_stream->count * sizeof *sorted->fr_record);
	for (size_t i = 0; sorted->fr_record && i < sorted->fr_stream->count; i++) {
		size_t at = i;

		for (; at && sorted->fr_record[at - 1].offset >= sorted->fr_stream->records[i].offset; at--)
			sorted->fr_record[at] = sorted->fr_record[at - 1];
		sorted->fr_record[at] = sorted->fr_stream->records[i];
	}
	return sorted->fr_record;
}

static bool crash_read(const struct sorted *sorted, uint64_t offset, uint8_t *buffer, uint64_t length)
{
	size_t low = 0, high = sorted->fr_stream->count;

	while (length) {
		size_t at = (low + high) / 2;
		const struct fr_record *fr_record = &sorted->fr_record[at];
		uint64_t here;

		if (fr_record->offset <= offset && offset < fr_record->offset + fr_record->size) {
			here = fr_record->offset + fr_record->size - offset < length
				       ? fr_record->offset + fr_record->size - offset
				       : length;
			memcpy(buffer, sorted->fr_stream->data + fr_record->at + (offset - fr_record->offset), here);
		} else if (at == low && low + 1 == high) {
			if (high == sorted->fr_stream->count)
				return false;
			fr_record = &sorted->fr_record[high];
			here = offset + length <= fr_record->offset ? length : fr_record->offset - offset;
			memset(buffer, 0, here);
		} else {
			*(offset < fr_record->offset ? &high : &low) = at;
			continue;
		}
		offset += here;
		buffer += here;
		length -= here;
		low = 0;
		high = sorted->fr_stream->count;
	}
	return true;
}

/* The bytes [offset, offset + length) as crash sees them are those of the file. */
static const char *crash_sees(const struct sorted *sorted, uint64_t offset, uint64_t length)
{
	uint8_t *buffer = malloc(length + 1);
	const char *bad = NULL;

	if (!buffer || !crash_read(sorted, offset, buffer, length))
		bad = "reads behind the last record";
	else if (memcmp(buffer, sorted->fr_stream->file + offset, length))
		bad = "sees other bytes than -R";
	free(buffer);
	return bad;
}

/* In pieces of a page, as it reads most; whatever it reads of the headers begins at their first byte. */
static const char *crash_sees_all(const struct sorted *sorted, uint64_t from, uint64_t to)
{
	const char *bad = NULL;

	for (; !bad && from < to; from += BLOCK)
		bad = crash_sees(sorted, from, to - from < BLOCK ? to - from : BLOCK);
	return bad;
}

static const char *crash_reads_elf(const struct sorted *sorted, const uint8_t *head)
{
	uint64_t count = get(head + 56, 2), first = UINT64_MAX;
	const char *bad;

	if (count > 100 || !crash_read(sorted, 0, (uint8_t *)head, get(head + 32, 8) + count * 56))
		return "reads behind the last record";
	for (uint64_t i = 1; i < count; i++) {
		const uint8_t *bytes = head + get(head + 32, 8) + i * 56;
		uint64_t offset = get(bytes + 8, 8), size = get(bytes + 32, 8);

		if (offset && offset < first)
			first = offset;
		bad = size ? crash_sees_all(sorted, offset, offset + size) : NULL;
		if (bad)
			return bad;
	}
	return first < UINT64_MAX ? crash_sees(sorted, 0, first) : NULL;
}

static const char *crash(const struct fr_stream *fr_stream, bool *marked)
{
	static uint8_t head[2 * BLOCK];
	struct sorted sorted = { .fr_stream = fr_stream };
	const char *bad = NULL;

	if (!fr_stream->ended)
		return "no end record";
	if (!sort(&sorted) || !crash_read(&sorted, 0, head, is_elf(fr_stream->file) ? 64 + 56 * 2 : BLOCK))
		bad = "does not read the header";
	*marked = !bad && fr_is_marked(head);
	if (!bad && is_elf(head))
		bad = crash_reads_elf(&sorted, head);
	else if (!bad)
		bad = is_kdump(head) ? crash_sees_all(&sorted, 0, fr_stream->size) : "no dump";
	free(sorted.fr_record);
	return bad;
}

/* ---- hotkdump (2024.7.1, kdumpfile.py): wants nothing but headers and VMCOREINFO, and these each in one record */

static const char *hotkdump(const struct fr_stream *fr_stream, bool *marked)
{
	const struct fr_record *fr_record = NULL, *r = fr_stream->records;
	const uint8_t *header = fr_stream->data + r->at;
	uint64_t at, length;

	*marked = false;
	if (r->size != KDUMP_HEAD || r->offset)
		return "the first record is not the main header";
	for (size_t i = 1; i < fr_stream->count && !fr_record; i++)
		if (fr_stream->records[i].offset == get(header + 428, 4))
			fr_record = &fr_stream->records[i];
	if (!fr_record || fr_record->size < KDUMP_SUB)
		return "no record begins with the sub header";
	at = get(fr_stream->data + fr_record->at + 32, 8);
	length = get(fr_stream->data + fr_record->at + 40, 8);
	for (size_t i = 1; i < fr_stream->count; i++) {
		r = &fr_stream->records[i];
		if (at >= r->offset && at < r->offset + r->size)
			return at + length <= r->offset + r->size ? NULL : "VMCOREINFO in two records";
	}
	return "VMCOREINFO in no record";
}

/* ---- zgetdump (s390-tools 2.0.0 to 2.43.0, dfi_kdump.c): each record at offset 0 is a main header */

static const char *zgetdump(const struct fr_stream *fr_stream, bool *marked)
{
	bool found = false;

	*marked = false;
	for (size_t i = 0; i < fr_stream->count; i++) {
		if (fr_stream->records[i].offset)
			continue;
		if (fr_stream->records[i].size < KDUMP_HEAD ||
		    memcmp(fr_stream->data + fr_stream->records[i].at, "KDUMP", 5))
			return "a record at offset 0 is no main header";
		found = true;
	}
	return !found ? "no main header" : fr_stream->ended ? NULL : "no end record";
}

/* ---- file (5.44, magic/Magdir/kdump): the 16 bytes behind the header of the stream are a record's header */

static const char *file_command(const struct fr_stream *fr_stream, bool *marked)
{
	*marked = false;
	return is_kdump(fr_stream->data + START + RECORD) ? NULL : "data";
}

/* ---- what we promise ourselves: the whole first header in the first record, nothing twice but that, at the end */

static const char *promised(const struct fr_stream *fr_stream, bool *marked)
{
	size_t count = fr_stream->count;

	*marked = fr_is_marked(fr_stream->file);
	if (fr_stream->records[0].offset ||
	    fr_stream->records[0].size != (is_elf(fr_stream->file) ? ELF_HEAD : KDUMP_HEAD))
		return "the first record is not the header";
	while (count > 1 && !fr_stream->records[count - 1].offset)
		count--;
	if (count < fr_stream->count && !*marked)
		return "the header comes twice, and is not marked";
	for (size_t i = 0; i < count; i++)
		for (size_t index = i + 1; index < count; index++)
			if (fr_stream->records[i].offset <
				    fr_stream->records[index].offset + fr_stream->records[index].size &&
			    fr_stream->records[index].offset <
				    fr_stream->records[i].offset + fr_stream->records[i].size)
				return "records overlap";
	return NULL;
}

const struct fr_reader fr_readers[] = {
	{ "makedumpfile -R", true, true, true, true, rearranged },
	{ "libkdumpfile", true, true, true, true, kdumpfile },
	{ "crash", true, true, true, true, crash },
	{ "hotkdump", true, false, false, false, hotkdump },
	{ "zgetdump", true, false, true, false, zgetdump },
	{ "file", true, false, false, false, file_command },
	{ "our own promise", true, true, false, true, promised },
};
const size_t fr_nreaders = sizeof fr_readers / sizeof *fr_readers;
