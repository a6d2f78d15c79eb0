/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef MAKEDUMPFILE_UTF8_H
#define MAKEDUMPFILE_UTF8_H

#include <stddef.h>

#define UTF8_MAX_BYTES 8192

/* text with U+FFFD in the place of each byte that is not part of valid UTF-8, cut at a whole character where buffer
 * (size bytes, at least 4) is too small; text itself where nothing is wrong with it.  JSON has no other strings. */
const char *utf8_valid(const char *text, char *buffer, size_t size);

#endif
