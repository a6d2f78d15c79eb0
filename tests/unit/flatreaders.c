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

static uint64_t get_be(const uint8_t *p)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < 8; i++)
		v = v << 8 | p[i];
	return v;
}

static uint64_t get(const uint8_t *p, unsigned width)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < width; i++)
		v |= (uint64_t)p[i] << 8 * i;
	return v;
}

/* ---- the stream */

static bool add_record(struct fr_stream *s, const struct fr_record *r)
{
	struct fr_record *more = s->n % 256 ? s->records : realloc(s->records, (s->n + 256) * sizeof *more);

	if (!more)
		return false;
	s->records = more;
	s->records[s->n++] = *r;
	if (r->offset + r->size > s->size)
		s->size = r->offset + r->size;
	return true;
}

static bool make_file(struct fr_stream *s)
{
	s->file = calloc(1, s->size + BLOCK);
	for (size_t i = 0; s->file && i < s->n; i++)
		memcpy(s->file + s->records[i].offset, s->data + s->records[i].at, s->records[i].size);
	return s->file;
}

bool fr_parse(struct fr_stream *s, const uint8_t *data, uint64_t len)
{
	*s = (struct fr_stream){ .data = data, .len = len };
	if (len < START || memcmp(data, "makedumpfile\0\0\0\0", 16) || get_be(data + 16) != 1 || get_be(data + 24) != 1)
		return false;
	for (uint64_t at = START; len - at >= RECORD;) {
		struct fr_record r = { get_be(data + at), get_be(data + at + 8), at + RECORD };

		s->ended = r.offset == UINT64_MAX && r.size == UINT64_MAX;
		if (s->ended || !r.size || r.size > len - r.at || r.offset > MOST)
			break;
		if (!add_record(s, &r))
			return false;
		at = r.at + r.size;
	}
	return s->n && make_file(s);
}

void fr_free(struct fr_stream *s)
{
	free(s->records);
	free(s->file);
	*s = (struct fr_stream){ 0 };
}

static bool is_elf(const uint8_t *header)
{
	return !memcmp(header, "\177ELF", 4);
}

static bool is_kdump(const uint8_t *header)
{
	return !memcmp(header, "KDUMP   ", 8);
}

bool fr_is_elf(const struct fr_stream *s)
{
	return is_elf(s->file);
}

bool fr_is_marked(const uint8_t *header)
{
	return is_elf(header) ? get(header + 48, 4) & 1 : get(header + 424, 4) & 8;
}

/* ---- makedumpfile -R (1.7.2 to 1.7.9, and makedumpfile-R.pl): writes one record after the other */

static const char *rearranged(const struct fr_stream *s, bool *marked)
{
	if (!s->ended)
		return "no end record";
	*marked = fr_is_marked(s->file);
	return is_elf(s->file) || is_kdump(s->file) ? NULL : "no dump";
}

/* ---- libkdumpfile (0.5.3 to 0.5.6), and drgn with it: the last record that has a byte counts */

static const char *kdumpfile(const struct fr_stream *s, bool *marked)
{
	const uint8_t *e = s->file;

	if (!s->ended)
		return "no end record";
	*marked = fr_is_marked(s->file);
	for (uint64_t i = 0; is_elf(e) && i < get(e + 56, 2); i++) {
		const uint8_t *p = e + get(e + 32, 8) + i * 56;

		if (get(p, 4) == 1 && get(p + 32, 8) && get(p + 8, 8) + get(p + 32, 8) > s->size)
			return "a load behind the last record";
	}
	return NULL;
}

/* ---- crash (7.0.4 to 9.0.2, makedumpfile.c): sorts records by offset, a later one in front of its equals, and looks
 * for the one that has a byte by halving.  Behind the last record it looks at memory that was never written to, and
 * dies. */

struct sorted {
	const struct fr_stream *s;
	struct fr_record *v;
};

static bool sort(struct sorted *x)
{
	x->v = malloc(x->s->n * sizeof *x->v);
	for (size_t i = 0; x->v && i < x->s->n; i++) {
		size_t at = i;

		for (; at && x->v[at - 1].offset >= x->s->records[i].offset; at--)
			x->v[at] = x->v[at - 1];
		x->v[at] = x->s->records[i];
	}
	return x->v;
}

static bool crash_read(const struct sorted *x, uint64_t offset, uint8_t *buf, uint64_t len)
{
	size_t low = 0, high = x->s->n;

	while (len) {
		size_t at = (low + high) / 2;
		const struct fr_record *r = &x->v[at];
		uint64_t here;

		if (r->offset <= offset && offset < r->offset + r->size) {
			here = r->offset + r->size - offset < len ? r->offset + r->size - offset : len;
			memcpy(buf, x->s->data + r->at + (offset - r->offset), here);
		} else if (at == low && low + 1 == high) {
			if (high == x->s->n)
				return false;
			r = &x->v[high];
			here = offset + len <= r->offset ? len : r->offset - offset;
			memset(buf, 0, here);
		} else {
			*(offset < r->offset ? &high : &low) = at;
			continue;
		}
		offset += here;
		buf += here;
		len -= here;
		low = 0;
		high = x->s->n;
	}
	return true;
}

/* The bytes [offset, offset + len) as crash sees them are those of the file. */
static const char *crash_sees(const struct sorted *x, uint64_t offset, uint64_t len)
{
	uint8_t *buf = malloc(len + 1);
	const char *bad = NULL;

	if (!buf || !crash_read(x, offset, buf, len))
		bad = "reads behind the last record";
	else if (memcmp(buf, x->s->file + offset, len))
		bad = "sees other bytes than -R";
	free(buf);
	return bad;
}

/* In pieces of a page, as it reads most; whatever it reads of the headers begins at their first byte. */
static const char *crash_sees_all(const struct sorted *x, uint64_t from, uint64_t to)
{
	const char *bad = NULL;

	for (; !bad && from < to; from += BLOCK)
		bad = crash_sees(x, from, to - from < BLOCK ? to - from : BLOCK);
	return bad;
}

static const char *crash_reads_elf(const struct sorted *x, const uint8_t *head)
{
	uint64_t n = get(head + 56, 2), first = UINT64_MAX;
	const char *bad;

	if (n > 100 || !crash_read(x, 0, (uint8_t *)head, get(head + 32, 8) + n * 56))
		return "reads behind the last record";
	for (uint64_t i = 1; i < n; i++) {
		const uint8_t *p = head + get(head + 32, 8) + i * 56;
		uint64_t offset = get(p + 8, 8), size = get(p + 32, 8);

		if (offset && offset < first)
			first = offset;
		bad = size ? crash_sees_all(x, offset, offset + size) : NULL;
		if (bad)
			return bad;
	}
	return first < UINT64_MAX ? crash_sees(x, 0, first) : NULL;
}

static const char *crash(const struct fr_stream *s, bool *marked)
{
	static uint8_t head[2 * BLOCK];
	struct sorted x = { .s = s };
	const char *bad = NULL;

	if (!s->ended)
		return "no end record";
	if (!sort(&x) || !crash_read(&x, 0, head, is_elf(s->file) ? 64 + 56 * 2 : BLOCK))
		bad = "does not read the header";
	*marked = !bad && fr_is_marked(head);
	if (!bad && is_elf(head))
		bad = crash_reads_elf(&x, head);
	else if (!bad)
		bad = is_kdump(head) ? crash_sees_all(&x, 0, s->size) : "no dump";
	free(x.v);
	return bad;
}

/* ---- hotkdump (2024.7.1, kdumpfile.py): wants nothing but headers and VMCOREINFO, and these each in one record */

static const char *hotkdump(const struct fr_stream *s, bool *marked)
{
	const struct fr_record *sub = NULL, *r = s->records;
	const uint8_t *h = s->data + r->at;
	uint64_t at, len;

	*marked = false;
	if (r->size != KDUMP_HEAD || r->offset)
		return "the first record is not the main header";
	for (size_t i = 1; i < s->n && !sub; i++)
		if (s->records[i].offset == get(h + 428, 4))
			sub = &s->records[i];
	if (!sub || sub->size < KDUMP_SUB)
		return "no record begins with the sub header";
	at = get(s->data + sub->at + 32, 8);
	len = get(s->data + sub->at + 40, 8);
	for (size_t i = 1; i < s->n; i++) {
		r = &s->records[i];
		if (at >= r->offset && at < r->offset + r->size)
			return at + len <= r->offset + r->size ? NULL : "VMCOREINFO in two records";
	}
	return "VMCOREINFO in no record";
}

/* ---- zgetdump (s390-tools 2.0.0 to 2.43.0, dfi_kdump.c): each record at offset 0 is a main header */

static const char *zgetdump(const struct fr_stream *s, bool *marked)
{
	bool found = false;

	*marked = false;
	for (size_t i = 0; i < s->n; i++) {
		if (s->records[i].offset)
			continue;
		if (s->records[i].size < KDUMP_HEAD || memcmp(s->data + s->records[i].at, "KDUMP", 5))
			return "a record at offset 0 is no main header";
		found = true;
	}
	return !found ? "no main header" : s->ended ? NULL : "no end record";
}

/* ---- file (5.44, magic/Magdir/kdump): the 16 bytes behind the header of the stream are a record's header */

static const char *file_command(const struct fr_stream *s, bool *marked)
{
	*marked = false;
	return is_kdump(s->data + START + RECORD) ? NULL : "data";
}

/* ---- what we promise ourselves: the whole first header in the first record, nothing twice but that, at the end */

static const char *promised(const struct fr_stream *s, bool *marked)
{
	size_t n = s->n;

	*marked = fr_is_marked(s->file);
	if (s->records[0].offset || s->records[0].size != (is_elf(s->file) ? ELF_HEAD : KDUMP_HEAD))
		return "the first record is not the header";
	while (n > 1 && !s->records[n - 1].offset)
		n--;
	if (n < s->n && !*marked)
		return "the header comes twice, and is not marked";
	for (size_t i = 0; i < n; i++)
		for (size_t k = i + 1; k < n; k++)
			if (s->records[i].offset < s->records[k].offset + s->records[k].size &&
			    s->records[k].offset < s->records[i].offset + s->records[i].size)
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
