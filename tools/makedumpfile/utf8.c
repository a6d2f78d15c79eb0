/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "utf8.h"

#include <stdbool.h>
#include <string.h>

static bool continues(unsigned char byte)
{
	return (byte & 0xc0) == 0x80;
}

/* Bytes of the character at text; 0: none is valid here.  Neither surrogates nor longer forms than needed are. */
static size_t character(const char *text)
{
	const unsigned char *bytes = (const unsigned char *)text;

	if (bytes[0] < 0x80)
		return 1;
	if (bytes[0] >= 0xc2 && bytes[0] <= 0xdf)
		return continues(bytes[1]) ? 2 : 0;
	if (bytes[0] >= 0xe0 && bytes[0] <= 0xef) {
		if (!continues(bytes[1]) || !continues(bytes[2]))
			return 0;
		return (bytes[0] == 0xe0 && bytes[1] < 0xa0) || (bytes[0] == 0xed && bytes[1] >= 0xa0) ? 0 : 3;
	}
	if (bytes[0] >= 0xf0 && bytes[0] <= 0xf4) {
		if (!continues(bytes[1]) || !continues(bytes[2]) || !continues(bytes[3]))
			return 0;
		return (bytes[0] == 0xf0 && bytes[1] < 0x90) || (bytes[0] == 0xf4 && bytes[1] >= 0x90) ? 0 : 4;
	}
	return 0;
}

static bool all_valid(const char *text, size_t limit)
{
	const char *at = text;

	for (size_t count; *at; at += count) {
		count = character(at);
		if (!count || (size_t)(at - text) + count >= limit)
			return false;
	}
	return true;
}

const char *utf8_valid(const char *text, char *buffer, size_t size)
{
	static const char replacement[] = "\xef\xbf\xbd";
	size_t used = 0, count, step;

	if (all_valid(text, size))
		return text;
	for (; *text; text += step) {
		const char *from = text;

		count = step = character(text);
		if (!count) {
			from = replacement;
			count = 3;
			step = 1;
		}
		if (used + count >= size)
			break;
		memcpy(buffer + used, from, count);
		used += count;
	}
	buffer[used] = '\0';
	return buffer;
}
