/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Bits that were dropped for lack of memory, and are made again when somebody looks at them. */
#ifndef DF_PAGESET_DROPPED_H
#define DF_PAGESET_DROPPED_H

#include "pageset/slots.h"

/* What is kept of bits that are dropped. */
slot df_pageset_without_bits(const uint64_t words[DF_CHUNK_WORDS], uint64_t count, unsigned stage);
/* The slot of a chunk changes: bits of it that were made again are no longer those. */
void df_pageset_forget(struct df_pageset_refill *refill, uint64_t chunk);
/* Bits that were dropped, made again; NULL where that cannot be. */
const struct chunk *df_pageset_make_again(const struct df_pageset *pageset, uint64_t chunk, slot content);
/* Some bits cannot be made again: the set has failed. */
bool df_pageset_lost(const struct df_pageset *pageset);

/* The bits of a mixed chunk; NULL where they were dropped and cannot be made again. */
static inline const struct chunk *bits_of(const struct df_pageset *pageset, uint64_t chunk, slot content)
{
	return content & DROPPED ? df_pageset_make_again(pageset, chunk, content) : bits(content);
}

#endif
