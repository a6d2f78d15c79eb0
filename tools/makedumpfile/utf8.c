/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "utf8.h"

#include <stdbool.h>
#include <string.h>

static bool continues(unsigned char c)
{
	return (c & 0xc0) == 0x80;
}

/* Bytes of the character at s; 0: none is valid here.  Neither surrogates nor longer forms than needed are. */
static size_t character(const char *s)
{
	const unsigned char *p = (const unsigned char *)s;

	if (p[0] < 0x80)
		return 1;
	if (p[0] >= 0xc2 && p[0] <= 0xdf)
		return continues(p[1]) ? 2 : 0;
	if (p[0] >= 0xe0 && p[0] <= 0xef) {
		if (!continues(p[1]) || !continues(p[2]))
			return 0;
		return (p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] >= 0xa0) ? 0 : 3;
	}
	if (p[0] >= 0xf0 && p[0] <= 0xf4) {
		if (!continues(p[1]) || !continues(p[2]) || !continues(p[3]))
			return 0;
		return (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] >= 0x90) ? 0 : 4;
	}
	return 0;
}

static bool all_valid(const char *s, size_t limit)
{
	const char *at = s;

	for (size_t n; *at; at += n) {
		n = character(at);
		if (!n || (size_t)(at - s) + n >= limit)
			return false;
	}
	return true;
}

const char *utf8_valid(const char *s, char *buf, size_t size)
{
	static const char replacement[] = "\xef\xbf\xbd";
	size_t used = 0, n, step;

	if (all_valid(s, size))
		return s;
	for (; *s; s += step) {
		const char *from = s;

		n = step = character(s);
		if (!n) {
			from = replacement;
			n = 3;
			step = 1;
		}
		if (used + n >= size)
			break;
		memcpy(buf + used, from, n);
		used += n;
	}
	buf[used] = '\0';
	return buf;
}
