/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Byte 0 chooses the codec, bytes 1 and 2 the length that is expected; the rest is a compressed block, and is also
 * packed and unpacked itself. */
#include "fuzz.h"

#include "codec/codec.h"

static struct df_env env;

static void *exactly(const void *from, size_t n)
{
	void *p = malloc(n ? n : 1);

	MUST(p);
	if (from)
		memcpy(p, from, n);
	return p;
}

static void round_trip(const struct df_codec *c, void *state, const uint8_t *in, size_t n)
{
	size_t cap = c->bound(n), len;
	uint8_t *packed = exactly(NULL, cap), *out = exactly(NULL, n);

	len = c->compress(state, in, n, packed, cap);
	MUST(len <= cap);
	if (len) {
		uint8_t *tight = exactly(packed, len);

		MUST(c->decompress(state, tight, len, out, n) && !memcmp(in, out, n));
		free(tight);
	}
	free(out);
	free(packed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct df_codec *c = size > 4 ? df_codec_find(1 + data[0] % 4) : NULL;
	uint8_t *in, *out;
	size_t want;
	void *state;

	if (!c)
		return 0;
	want = (size_t)(data[1] | data[2] << 8) + 1;
	in = exactly(data + 3, size - 3);
	out = exactly(NULL, want);
	state = c->state_new ? c->state_new(&env, 0, 4096) : NULL;
	MUST(state || !c->state_new);
	c->decompress(data[0] & 128 ? NULL : state, in, size - 3, out, want);
	round_trip(c, state, in, size - 3);
	if (state)
		c->state_free(&env, state);
	MUST(!env.mem_used);
	free(out);
	free(in);
	return 0;
}
