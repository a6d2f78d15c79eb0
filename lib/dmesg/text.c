/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Up to 3.4: log_buf is a ring of bytes, levels and times among them (kernel/printk.c v3.4, emit_log_char()). */
#include "dmesg/dmesg.h"

#include <inttypes.h>

#define PIECE      4096u
#define LENGTH_MAX (UINT64_C(1) << 30) /* CONFIG_LOG_BUF_SHIFT is 21 at most, log_buf_len= an int */

/* The ring of bytes up to 3.4: the oldest are overwritten, so at most size of those ever written are there. */
struct text {
	struct df_dmesg_area area;
	uint64_t size;  /* a power of two */
	uint64_t end;   /* bytes ever written, modulo 2^32 */
	uint64_t count; /* of the last of them to print */
};

static int number_at(struct df_dmesg *dmesg, enum df_fact fact, unsigned width, const char *what, uint64_t *value)
{
	uint64_t at;

	if (!df_dmesg_need(dmesg, fact, &at))
		return dmesg->err->code;
	return df_dmesg_number(dmesg, at, width, what, value);
}

/* logged_chars counts like log_end, but stops at the buffer's size and begins anew where the log is cleared: it is what
 * is asked for with partial, and tells that the buffer is full after log_end has gone through 2^32. */
static uint64_t bytes_to_print(struct df_dmesg *dmesg, const struct text *text)
{
	uint64_t all = text->end < text->size ? text->end : text->size, at, chars;
	struct df_err ignored;

	if (!df_get_fact(dmesg->kernel, DF_SYM_logged_chars, &at) ||
	    df_xlat_get(dmesg->walker, at, 4, &chars, &ignored) < 0 || chars > text->size)
		return all;
	return dmesg->partial || chars > all ? chars : all;
}

static int locate(struct df_dmesg *dmesg, struct text *text)
{
	uint64_t base = 0;
	int result = number_at(dmesg, DF_SYM_log_buf, dmesg->word, "log_buf", &base);

	if (!result)
		result = number_at(dmesg, DF_SYM_log_buf_len, 4, "log_buf_len", &text->size);
	if (!result)
		result = number_at(dmesg, DF_SYM_log_end, 4, "log_end", &text->end);
	if (result)
		return result;
	if (!text->size || text->size > LENGTH_MAX || text->size & (text->size - 1))
		return df_err_set(dmesg->err, DUMPFILTER_E_CORRUPT, "kernel log: log_buf_len is %" PRIu64, text->size);
	text->count = bytes_to_print(dmesg, text);
	return df_dmesg_area_init(&text->area, dmesg, base, text->size, DF_DMESG_OUT, "log_buf");
}

/* Bytes [at, at + length), without a wrap; what is not there is left out by pieces. */
static void copy(struct df_dmesg *dmesg, struct text *text, uint64_t at, uint64_t length)
{
	while (length && !dmesg->failed) {
		uint64_t count = PIECE - (text->area.base + at) % PIECE;
		const uint8_t *bytes;

		if (count > length)
			count = length;
		bytes = df_dmesg_area_get(&text->area, at, (size_t)count);
		if (bytes)
			df_dmesg_put(dmesg, bytes, (size_t)count);
		else
			df_dmesg_damage(dmesg, "kernel log: %" PRIu64 " bytes at %#" PRIx64 " cannot be read", count,
					text->area.base + at);
		at += count;
		length -= count;
	}
}

int df_dmesg_text(struct df_dmesg *dmesg)
{
	struct text text = { 0 };
	int result = locate(dmesg, &text);

	if (!result) {
		uint64_t first = (text.end - text.count) & (text.size - 1);
		uint64_t tail = text.count < text.size - first ? text.count : text.size - first;

		copy(dmesg, &text, first, tail);
		copy(dmesg, &text, 0, text.count - tail);
		result = dmesg->failed;
	}
	df_dmesg_area_fini(&text.area);
	return result;
}
