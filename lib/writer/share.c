/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "writer/share.h"

#include "base/bytes.h"

#define ENTRIES 1024u /* 2048 find 1 % more */

/* A page that was written: its packed bytes, and the offset of these in the output. */
struct entry {
	uint64_t at;
	uint32_t length; /* 0 = empty */
	uint8_t data[DF_SHARE_MAX];
};

/* The last ones seen, in places that their bytes choose: a new one takes the place of an older one. */
struct df_share {
	struct entry entry[ENTRIES];
};

struct df_share *df_share_new(struct df_env *env)
{
	return df_alloc(env, sizeof(struct df_share));
}

void df_share_free(struct df_share *share, struct df_env *env)
{
	df_free(env, share);
}

/* Spreads entries; a bad spread only finds less. */
static unsigned slot_of(const uint8_t *data, size_t length)
{
	uint64_t hash = length;

	for (; length >= 8; length -= 8, data += 8)
		hash = (hash ^ df_get64(data, false)) * UINT64_C(0x9e3779b97f4a7c15), hash ^= hash >> 29;
	for (; length; length--, data++)
		hash = (hash ^ *data) * UINT64_C(0x9e3779b97f4a7c15);
	return (unsigned)(hash >> 32) % ENTRIES;
}

uint64_t df_share_place(struct df_share *share, const uint8_t *data, size_t length, uint64_t at)
{
	struct entry *entry;

	if (!length || length > DF_SHARE_MAX)
		return at;
	entry = &share->entry[slot_of(data, length)];
	if (entry->length == length && !memcmp(entry->data, data, length))
		return entry->at;
	entry->at = at;
	entry->length = (uint32_t)length;
	memcpy(entry->data, data, length);
	return at;
}
