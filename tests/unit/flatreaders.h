/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What programs that read flattened streams want of the records, as their sources say: docs/readers.md has the table.
 */
#ifndef TESTS_UNIT_FLATREADERS_H
#define TESTS_UNIT_FLATREADERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct fr_record {
	uint64_t offset, size;
	uint64_t at; /* of its data in the stream */
};

/* A stream, and the file that it stands for. */
struct fr_stream {
	const uint8_t *data;
	uint64_t length;
	struct fr_record *records;
	size_t count;
	bool ended;    /* by an end record */
	uint8_t *file; /* later records over earlier ones */
	uint64_t size;
};

struct fr_reader {
	const char *name;
	bool kdump, elf; /* the formats that it knows */
	bool wants_end;  /* a stream without an end record is refused */
	bool shows_mark; /* an incomplete dump is told from a whole one */
	/* Open it and read all that this reader would ever read: NULL, or what is wrong.  *marked: it is incomplete. */
	const char *(*read)(const struct fr_stream *fr_stream, bool *marked);
};
extern const struct fr_reader fr_readers[];
extern const size_t fr_nreaders;

/* false: not even the header of a stream. */
bool fr_parse(struct fr_stream *fr_stream, const uint8_t *data, uint64_t length);
void fr_free(struct fr_stream *fr_stream);
bool fr_is_elf(const struct fr_stream *fr_stream);
/* The mark in the first bytes of a kdump or ELF file of 64 bits, little-endian. */
bool fr_is_marked(const uint8_t *header);

#endif
