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

static int number_at(struct df_dmesg *d, enum df_fact f, unsigned width, const char *what, uint64_t *v)
{
	uint64_t at;

	if (!df_dmesg_need(d, f, &at))
		return d->err->code;
	return df_dmesg_number(d, at, width, what, v);
}

/* logged_chars counts like log_end, but stops at the buffer's size and begins anew where the log is cleared: it is what
 * is asked for with partial, and tells that the buffer is full after log_end has gone through 2^32. */
static uint64_t bytes_to_print(struct df_dmesg *d, const struct text *t)
{
	uint64_t all = t->end < t->size ? t->end : t->size, at, chars;
	struct df_err ignored;

	if (!df_get_fact(d->k, DF_SYM_logged_chars, &at) || df_xlat_get(d->walker, at, 4, &chars, &ignored) < 0 ||
	    chars > t->size)
		return all;
	return d->partial || chars > all ? chars : all;
}

static int locate(struct df_dmesg *d, struct text *t)
{
	uint64_t base = 0;
	int r = number_at(d, DF_SYM_log_buf, d->word, "log_buf", &base);

	if (!r)
		r = number_at(d, DF_SYM_log_buf_len, 4, "log_buf_len", &t->size);
	if (!r)
		r = number_at(d, DF_SYM_log_end, 4, "log_end", &t->end);
	if (r)
		return r;
	if (!t->size || t->size > LENGTH_MAX || t->size & (t->size - 1))
		return df_err_set(d->err, DUMPFILTER_E_CORRUPT, "kernel log: log_buf_len is %" PRIu64, t->size);
	t->count = bytes_to_print(d, t);
	return df_dmesg_area_init(&t->area, d, base, t->size, DF_DMESG_OUT, "log_buf");
}

/* Bytes [at, at + len), without a wrap; what is not there is left out by pieces. */
static void copy(struct df_dmesg *d, struct text *t, uint64_t at, uint64_t len)
{
	while (len && !d->failed) {
		uint64_t n = PIECE - (t->area.base + at) % PIECE;
		const uint8_t *p;

		if (n > len)
			n = len;
		p = df_dmesg_area_get(&t->area, at, (size_t)n);
		if (p)
			df_dmesg_put(d, p, (size_t)n);
		else
			df_dmesg_damage(d, "kernel log: %" PRIu64 " bytes at %#" PRIx64 " cannot be read", n,
					t->area.base + at);
		at += n;
		len -= n;
	}
}

int df_dmesg_text(struct df_dmesg *d)
{
	struct text t = { 0 };
	int r = locate(d, &t);

	if (!r) {
		uint64_t first = (t.end - t.count) & (t.size - 1);
		uint64_t tail = t.count < t.size - first ? t.count : t.size - first;

		copy(d, &t, first, tail);
		copy(d, &t, 0, t.count - tail);
		r = d->failed;
	}
	df_dmesg_area_fini(&t.area);
	return r;
}
