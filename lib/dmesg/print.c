/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Records as lines of text, and what is missing in it. */
#include "dmesg/dmesg.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define PREFIX_MAX 80

void df_dmesg_damage(struct df_dmesg *d, const char *fmt, ...)
{
	va_list ap;

	if (d->damaged++)
		return;
	va_start(ap, fmt);
	vsnprintf(d->damage.text, sizeof d->damage.text, fmt, ap);
	va_end(ap);
}

int df_dmesg_flush(struct df_dmesg *d)
{
	if (d->failed || !d->out_len)
		return d->failed;
	if (df_cancelled(d->env))
		d->failed = df_err_set(d->err, DUMPFILTER_E_CANCELLED, "kernel log: cancelled");
	else
		d->failed = df_sink_write(d->sink, d->out_at, d->out, d->out_len, d->err);
	d->out_at += d->out_len;
	d->out_len = 0;
	return d->failed;
}

int df_dmesg_put(struct df_dmesg *d, const void *bytes, size_t len)
{
	const uint8_t *p = bytes;

	while (len && !d->failed) {
		size_t n = DF_DMESG_OUT - d->out_len;

		if (n > len)
			n = len;
		memcpy(d->out + d->out_len, p, n);
		d->out_len += n;
		p += n;
		len -= n;
		if (d->out_len == DF_DMESG_OUT)
			df_dmesg_flush(d);
	}
	return d->failed;
}

/* The first byte of a UTF-8 sequence: how many follow, and which second bytes are right (no longer spelling than
 * needed, no surrogate, nothing behind U+10FFFF).  0: it is none. */
static unsigned followers(uint8_t first, uint8_t *min, uint8_t *max)
{
	*min = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
	*max = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
	if (first == 0xc2)
		*min = 0xa0; /* U+0080 to U+009F are control characters, which terminals obey */
	return first < 0xc2 || first > 0xf4 ? 0 : first < 0xe0 ? 1 : first < 0xf0 ? 2 : 3;
}

/* Bytes of p[len] that are one character to be printed as it is; 0: what stands first is not. */
static size_t character(const uint8_t *p, size_t len)
{
	uint8_t min, max;
	unsigned more;

	if (p[0] < 0x80)
		return (p[0] >= ' ' && p[0] < 0x7f) || (p[0] >= '\t' && p[0] <= '\r');
	more = followers(p[0], &min, &max);
	if (!more || len <= more || p[1] < min || p[1] > max)
		return 0;
	for (unsigned i = 2; i <= more; i++)
		if (p[i] < 0x80 || p[i] > 0xbf)
			return 0;
	return 1 + more;
}

static void put_escaped(struct df_dmesg *d, uint8_t byte)
{
	char text[8];

	df_dmesg_put(d, text, (size_t)snprintf(text, sizeof text, "\\x%02x", byte));
}

/* What follows a newline is indented below the text of the first line. */
static void put_text(struct df_dmesg *d, const uint8_t *p, size_t len, size_t indent)
{
	static const char blanks[PREFIX_MAX + 1] = "                                                                "
						   "                ";

	while (len) {
		size_t n = 0, c;

		while (n < len && p[n] != '\n' && (c = character(p + n, len - n)))
			n += c;
		df_dmesg_put(d, p, n);
		p += n;
		len -= n;
		if (!len)
			break;
		if (*p == '\n') {
			df_dmesg_put(d, "\n", 1);
			df_dmesg_put(d, blanks, indent);
		} else {
			put_escaped(d, *p);
		}
		p++;
		len--;
	}
}

static size_t make_prefix(const struct df_dmesg *d, const struct df_dmesg_record *r, char buf[PREFIX_MAX])
{
	int n = 0;

	if (d->levels)
		n = snprintf(buf, PREFIX_MAX, "<%u>", r->priority);
	n += snprintf(buf + n, PREFIX_MAX - (size_t)n, "[%5" PRIu64 ".%06u] ", r->ts_nsec / 1000000000,
		      (unsigned)(r->ts_nsec % 1000000000 / 1000));
	if (r->has_caller) {
		char who[16];

		snprintf(who, sizeof who, "%c%" PRIu32, r->caller >> 31 ? 'C' : 'T', r->caller & 0x7fffffff);
		n += snprintf(buf + n, PREFIX_MAX - (size_t)n, "[%8s] ", who);
	}
	return (size_t)n;
}

int df_dmesg_print(struct df_dmesg *d, const struct df_dmesg_record *r)
{
	char prefix[PREFIX_MAX];
	size_t width = make_prefix(d, r, prefix);

	if (!d->line_open || !r->joins) {
		if (d->line_open)
			df_dmesg_put(d, "\n", 1);
		df_dmesg_put(d, prefix, width);
	}
	put_text(d, r->text, r->len, width);
	if (!r->open)
		df_dmesg_put(d, "\n", 1);
	d->line_open = r->open;
	return d->failed;
}
