/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An allocator that counts and can be made to fail, in the form that the public header takes. */
#ifndef TESTS_UNIT_HEAP_H
#define TESTS_UNIT_HEAP_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

struct fi_heap {
	atomic_long live;      /* blocks that are not freed */
	atomic_ulong calls;    /* allocations asked for */
	unsigned long fail_at; /* number of the call that fails, from 1 on; 0 = none */
	bool fail_on;          /* and all behind it */
	size_t refuse;         /* calls for just so many bytes fail; 0 = none do … */
	atomic_ulong refused;  /* … so many did */
};

/* Bits of a chunk of a page set are what is allocated in just this size: count and stage, 2^15 bits, a block's header.
 */
#define HEAP_CHUNK (8 + (1u << 15) / 8 + 16)

/* Does call number `call` fail? */
static inline bool fi_fails(unsigned long call, unsigned long fail_at, bool fail_on)
{
	return fail_at && (fail_on ? call >= fail_at : call == fail_at);
}

static inline void *fi_heap_alloc(void *user, size_t bytes)
{
	struct fi_heap *heap = user;
	void *block;

	if (fi_fails(atomic_fetch_add(&heap->calls, 1) + 1, heap->fail_at, heap->fail_on))
		return NULL;
	if (heap->refuse && bytes == heap->refuse) {
		atomic_fetch_add(&heap->refused, 1);
		return NULL;
	}
	block = malloc(bytes);
	if (block)
		atomic_fetch_add(&heap->live, 1);
	return block;
}

static inline void fi_heap_free(void *user, void *block)
{
	struct fi_heap *heap = user;

	if (block)
		atomic_fetch_sub(&heap->live, 1);
	free(block);
}

#endif
