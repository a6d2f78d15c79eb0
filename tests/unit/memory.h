/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Bytes in memory as a source and as a sink, in the form that the public header takes. */
#ifndef TESTS_UNIT_MEMORY_H
#define TESTS_UNIT_MEMORY_H

#include "libdumpfilter.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define MEMORY_MAX (UINT64_C(1) << 30) /* what a sink takes at most */

struct memory {
	uint8_t *data;
	size_t size; /* bytes that count */
	size_t cap;  /* 0: somebody else's bytes, which are only read; else what is behind size is zero */
};

static inline int64_t memory_read(void *user, uint64_t offset, void *buffer, size_t length)
{
	const struct memory *memory = user;

	if (offset >= memory->size)
		return 0;
	length = memory->size - offset < length ? memory->size - (size_t)offset : length;
	memcpy(buffer, memory->data + offset, length);
	return (int64_t)length;
}

static inline int memory_write(void *user, uint64_t offset, const void *buffer, size_t length)
{
	struct memory *memory = user;
	size_t end = (size_t)offset + length;

	if (offset > MEMORY_MAX || length > MEMORY_MAX - offset)
		return -EFBIG;
	if (end > memory->cap) {
		uint8_t *data = realloc(memory->data, end * 2);

		if (!data)
			return -ENOMEM;
		memset(data + memory->cap, 0, end * 2 - memory->cap);
		memory->data = data;
		memory->cap = end * 2;
	}
	memcpy(memory->data + offset, buffer, length);
	if (end > memory->size)
		memory->size = end;
	return 0;
}

/* From any thread. */
static inline struct dumpfilter_source_ops memory_source(const struct memory *memory, const char *name)
{
	return (struct dumpfilter_source_ops){ .size = sizeof(struct dumpfilter_source_ops),
					       .caps = DUMPFILTER_IO_CONCURRENT,
					       .read = memory_read,
					       .length = memory->size,
					       .name = name };
}

/* Nothing is in it; its room stays, as fresh pages for each of many outputs would take most of the time. */
static inline void memory_empty(struct memory *memory)
{
	if (memory->size)
		memset(memory->data, 0, memory->size);
	memory->size = 0;
}

static inline void memory_free(struct memory *memory)
{
	free(memory->data);
	*memory = (struct memory){ 0 };
}

static inline bool memory_same(const struct memory *memory, const struct memory *other)
{
	return memory->size == other->size && (!memory->size || !memcmp(memory->data, other->data, memory->size));
}

/* A sink that takes all and keeps nothing. */
static inline int nowhere_write(void *user, uint64_t offset, const void *buffer, size_t length)
{
	(void)user;
	(void)offset;
	(void)buffer;
	(void)length;
	return 0;
}

#endif
