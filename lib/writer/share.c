/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "writer/share.h"

#include "base/bytes.h"

#define ENTRIES 1024u /* 2048 find 1 % more */

/* A page that was written: its packed bytes, and the offset of these in the output. */
struct entry {
	uint64_t at;
	uint32_t len; /* 0 = empty */
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

void df_share_free(struct df_share *s, struct df_env *env)
{
	df_free(env, s);
}

/* Spreads entries; a bad spread only finds less. */
static unsigned slot_of(const uint8_t *data, size_t len)
{
	uint64_t h = len;

	for (; len >= 8; len -= 8, data += 8)
		h = (h ^ df_get64(data, false)) * UINT64_C(0x9e3779b97f4a7c15), h ^= h >> 29;
	for (; len; len--, data++)
		h = (h ^ *data) * UINT64_C(0x9e3779b97f4a7c15);
	return (unsigned)(h >> 32) % ENTRIES;
}

uint64_t df_share_place(struct df_share *s, const uint8_t *data, size_t len, uint64_t at)
{
	struct entry *e;

	if (!len || len > DF_SHARE_MAX)
		return at;
	e = &s->entry[slot_of(data, len)];
	if (e->len == len && !memcmp(e->data, data, len))
		return e->at;
	e->at = at;
	e->len = (uint32_t)len;
	memcpy(e->data, data, len);
	return at;
}
