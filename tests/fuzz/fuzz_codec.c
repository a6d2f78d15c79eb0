/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Byte 0 chooses the codec, bytes 1 and 2 the length that is expected; the rest is a compressed block, and is also
 * packed and unpacked itself. */
#include "fuzz.h"

#include "codec/codec.h"

static struct df_env env;

static void *exactly(const void *from, size_t count)
{
	void *memory = malloc(count ? count : 1);

	MUST(memory);
	if (from)
		memcpy(memory, from, count);
	return memory;
}

static void round_trip(const struct df_codec *codec, void *state, const uint8_t *in, size_t count)
{
	size_t cap = codec->bound(count), length;
	uint8_t *packed = exactly(NULL, cap), *out = exactly(NULL, count);

	length = codec->compress(state, in, count, packed, cap);
	MUST(length <= cap);
	if (length) {
		uint8_t *tight = exactly(packed, length);

		MUST(codec->decompress(state, tight, length, out, count) && !memcmp(in, out, count));
		free(tight);
	}
	free(out);
	free(packed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct df_codec *codec = size > 4 ? df_codec_find(1 + data[0] % 4) : NULL;
	uint8_t *in, *out;
	size_t want;
	void *state;

	if (!codec)
		return 0;
	want = (size_t)(data[1] | data[2] << 8) + 1;
	in = exactly(data + 3, size - 3);
	out = exactly(NULL, want);
	state = codec->state_new ? codec->state_new(&env, 0, 4096) : NULL;
	MUST(state || !codec->state_new);
	codec->decompress(data[0] & 128 ? NULL : state, in, size - 3, out, want);
	round_trip(codec, state, in, size - 3);
	if (state)
		codec->state_free(&env, state);
	MUST(!env.mem_used);
	free(out);
	free(in);
	return 0;
}
