/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "pipe/pipe.h"

#include <string.h>

bool df_is_zero(const uint8_t *p, size_t len)
{
	/* 64 bytes at a time: the compiler makes vector instructions of it; most pages end in the first round */
	for (const uint8_t *end = p + len; p < end; p += 64) {
		uint64_t w[8];

		memcpy(w, p, sizeof w);
		if (w[0] | w[1] | w[2] | w[3] | w[4] | w[5] | w[6] | w[7])
			return false;
	}
	return true;
}
