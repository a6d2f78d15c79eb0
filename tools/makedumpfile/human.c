/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "human.h"

#include <inttypes.h>
#include <stdio.h>

struct human human_bytes(double bytes)
{
	static const char units[][4] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
	unsigned u = 0;
	struct human human;

	for (; bytes >= 999.5 && u < sizeof units / sizeof units[0] - 1; u++)
		bytes /= 1024;
	snprintf(human.text, sizeof human.text, "%.*f %s", u && bytes < 99.95 ? 1 : 0, bytes, units[u]);
	return human;
}

struct human human_count(uint64_t count)
{
	char digits[24];
	int length = snprintf(digits, sizeof digits, "%" PRIu64, count);
	struct human human;
	char *to = human.text;

	for (int i = 0; i < length; i++) {
		if (i && (length - i) % 3 == 0)
			*to++ = ',';
		*to++ = digits[i];
	}
	*to = '\0';
	return human;
}

struct human human_share(double part, double all)
{
	double percent = all > 0 ? part / all * 100 : 0;
	struct human human;

	if (part > 0 && percent < 0.05)
		snprintf(human.text, sizeof human.text, "less than 0.1 %%");
	else
		snprintf(human.text, sizeof human.text, "%.*f %%", percent < 99.95 ? 1 : 0, percent);
	return human;
}

struct human human_seconds(double seconds)
{
	unsigned s = seconds < 1e9 ? (unsigned)seconds : 1000000000;
	struct human human;

	if (seconds < 60)
		snprintf(human.text, sizeof human.text, "%.1f s", seconds);
	else if (s < 3600)
		snprintf(human.text, sizeof human.text, "%um%us", s / 60, s % 60);
	else if (s < 48 * 3600)
		snprintf(human.text, sizeof human.text, "%uh%um", s / 3600, s / 60 % 60);
	else
		snprintf(human.text, sizeof human.text, "%ud%uh", s / 86400, s / 3600 % 24);
	return human;
}
