/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "pipe/pipe.h"

#include <string.h>

bool df_is_zero(const uint8_t *bytes, size_t length)
{
	/* 64 bytes at a time: the compiler makes vector instructions of it; most pages end in the first round */
	for (const uint8_t *end = bytes + length; bytes < end; bytes += 64) {
		uint64_t words[8];

		memcpy(words, bytes, sizeof words);
		if (words[0] | words[1] | words[2] | words[3] | words[4] | words[5] | words[6] | words[7])
			return false;
	}
	return true;
}
