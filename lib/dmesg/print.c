/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Records as lines of text, and what is missing in it. */
#include "dmesg/dmesg.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define PREFIX_MAX 80

void df_dmesg_damage(struct df_dmesg *dmesg, const char *fmt, ...)
{
	va_list ap;

	if (dmesg->damaged++)
		return;
	va_start(ap, fmt);
	vsnprintf(dmesg->damage.text, sizeof dmesg->damage.text, fmt, ap);
	va_end(ap);
}

int df_dmesg_flush(struct df_dmesg *dmesg)
{
	if (dmesg->failed || !dmesg->out_len)
		return dmesg->failed;
	if (df_cancelled(dmesg->env))
		dmesg->failed = df_err_set(dmesg->err, DUMPFILTER_E_CANCELLED, "kernel log: cancelled");
	else
		dmesg->failed = df_sink_write(dmesg->sink, dmesg->out_at, dmesg->out, dmesg->out_len, dmesg->err);
	dmesg->out_at += dmesg->out_len;
	dmesg->out_len = 0;
	return dmesg->failed;
}

int df_dmesg_put(struct df_dmesg *dmesg, const void *bytes, size_t length)
{
	const uint8_t *from = bytes;

	while (length && !dmesg->failed) {
		size_t count = DF_DMESG_OUT - dmesg->out_len;

		if (count > length)
			count = length;
		memcpy(dmesg->out + dmesg->out_len, from, count);
		dmesg->out_len += count;
		from += count;
		length -= count;
		if (dmesg->out_len == DF_DMESG_OUT)
			df_dmesg_flush(dmesg);
	}
	return dmesg->failed;
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

/* Bytes of bytes[length] that are one character to be printed as it is; 0: what stands first is not. */
static size_t character(const uint8_t *bytes, size_t length)
{
	uint8_t min, max;
	unsigned more;

	if (bytes[0] < 0x80)
		return (bytes[0] >= ' ' && bytes[0] < 0x7f) || (bytes[0] >= '\t' && bytes[0] <= '\r');
	more = followers(bytes[0], &min, &max);
	if (!more || length <= more || bytes[1] < min || bytes[1] > max)
		return 0;
	for (unsigned i = 2; i <= more; i++)
		if (bytes[i] < 0x80 || bytes[i] > 0xbf)
			return 0;
	return 1 + more;
}

static void put_escaped(struct df_dmesg *dmesg, uint8_t byte)
{
	char text[8];

	df_dmesg_put(dmesg, text, (size_t)snprintf(text, sizeof text, "\\x%02x", byte));
}

/* What follows a newline is indented below the text of the first line. */
static void put_text(struct df_dmesg *dmesg, const uint8_t *bytes, size_t length, size_t indent)
{
	static const char blanks[PREFIX_MAX + 1] = "                                                                "
						   "                ";

	while (length) {
		size_t count = 0, column;

		while (count < length && bytes[count] != '\n' && (column = character(bytes + count, length - count)))
			count += column;
		df_dmesg_put(dmesg, bytes, count);
		bytes += count;
		length -= count;
		if (!length)
			break;
		if (*bytes == '\n') {
			df_dmesg_put(dmesg, "\n", 1);
			df_dmesg_put(dmesg, blanks, indent);
		} else {
			put_escaped(dmesg, *bytes);
		}
		bytes++;
		length--;
	}
}

static size_t make_prefix(const struct df_dmesg *dmesg, const struct df_dmesg_record *record, char buffer[PREFIX_MAX])
{
	int length = 0;

	if (dmesg->levels)
		length = snprintf(buffer, PREFIX_MAX, "<%u>", record->priority);
	length += snprintf(buffer + length, PREFIX_MAX - (size_t)length, "[%5" PRIu64 ".%06u] ",
			   record->ts_nsec / 1000000000, (unsigned)(record->ts_nsec % 1000000000 / 1000));
	if (record->has_caller) {
		char who[16];

		snprintf(who, sizeof who, "%c%" PRIu32, record->caller >> 31 ? 'C' : 'T', record->caller & 0x7fffffff);
		length += snprintf(buffer + length, PREFIX_MAX - (size_t)length, "[%8s] ", who);
	}
	return (size_t)length;
}

int df_dmesg_print(struct df_dmesg *dmesg, const struct df_dmesg_record *record)
{
	char prefix[PREFIX_MAX];
	size_t width = make_prefix(dmesg, record, prefix);

	if (!dmesg->line_open || !record->joins) {
		if (dmesg->line_open)
			df_dmesg_put(dmesg, "\n", 1);
		df_dmesg_put(dmesg, prefix, width);
	}
	put_text(dmesg, record->text, record->length, width);
	if (!record->open)
		df_dmesg_put(dmesg, "\n", 1);
	dmesg->line_open = record->open;
	return dmesg->failed;
}
