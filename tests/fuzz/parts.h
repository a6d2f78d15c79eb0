/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A kdump-compressed file whose parts stand at their places, so that inputs of a fuzz target stay small. */
#ifndef TESTS_FUZZ_PARTS_H
#define TESTS_FUZZ_PARTS_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define FILE_MAX (1u << 16)
#define BLOCK    4096u

/* Headers, the two bitmaps, and index and data together. */
static const struct {
	size_t at, length;
} parts[] = { { 0, 464 }, { BLOCK, 256 }, { 2 * BLOCK, 64 }, { 3 * BLOCK, 64 }, { 4 * BLOCK, FILE_MAX - 4 * BLOCK } };

/* data[size] to where it belongs in file[FILE_MAX]; what is between is zero.  The end of the last part. */
static inline size_t spread(const uint8_t *data, size_t size, uint8_t *file)
{
	size_t end = 0;

	memset(file, 0, FILE_MAX);
	for (size_t i = 0; i < sizeof parts / sizeof *parts && size; i++) {
		size_t count = size < parts[i].length ? size : parts[i].length;

		memcpy(file + parts[i].at, data, count);
		data += count;
		size -= count;
		end = parts[i].at + count;
	}
	return end;
}

#endif
