/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * 3.5 to 5.9: log_buf holds records, each with its length in front (struct log, from 3.11 on printk_log), from
 * log_first_idx to log_next_idx.  A length of 0 says that the next one is at the buffer's start (log_next(),
 * kernel/printk.c v3.10).
 */
#include "dmesg/dmesg.h"

#include "base/bytes.h"

#include <inttypes.h>

#define LENGTH_MAX (UINT64_C(1) << 30)
#define ALIGN      4u                  /* of records: LOG_ALIGN is 4 or 8 */
#define TIME_MAX   (UINT64_C(1) << 60) /* 36 years, in nanoseconds */

/* enum log_flags */
#define NEWLINE 2u
#define PREFIX  4u /* printk() was called with a level; later kernels have no such flag */
#define CONT    8u

/* Where the log is, and how its records are laid out.  Offsets and sizes are bytes, those from off_ts on into a
 * record's header; first and next are offsets of records in the buffer. */
struct log {
	struct df_dmesg *d;
	struct df_dmesg_area area;
	uint64_t size, header; /* of the buffer, of what stands in front of a record's text */
	uint64_t first, next;
	uint64_t off_ts, off_len, off_text_len, off_dict_len, off_caller;
	bool has_caller;
	bool has_prefixes; /* a record with PREFIX was seen: the kernel tells them apart */
	bool full;         /* an end is not known: go on until the first place comes again */
};

/* A record's lengths in bytes, as they stand in its header.  header: borrowed from the area until its next call. */
struct record {
	uint64_t len, text_len, dict_len;
	const uint8_t *header;
};

/* A way through the records. */
struct way {
	uint64_t at, walked; /* bytes of records that lie behind */
	bool wrapped;
};

/* ---- single records ---- */

static bool read_header(struct log *l, uint64_t at, struct record *r)
{
	bool be = l->d->be;

	r->header = df_dmesg_area_get(&l->area, at, l->header);
	if (!r->header)
		return false;
	r->len = df_get16(r->header + l->off_len, be);
	r->text_len = df_get16(r->header + l->off_text_len, be);
	r->dict_len = df_get16(r->header + l->off_dict_len, be);
	return true;
}

/* Its three lengths fit each other and the buffer. */
static bool whole(const struct log *l, uint64_t at, const struct record *r)
{
	uint64_t used = l->header + r->text_len + r->dict_len;

	return r->len <= l->size - at && used <= r->len && r->len - used < 2 * ALIGN;
}

static void print(struct log *l, uint64_t at, const struct record *r)
{
	struct df_dmesg_record out = { .len = r->text_len, .has_caller = l->has_caller };
	const uint8_t *h = r->header, *p;
	unsigned flags, byte;

	/* flags:5, level:3 */
	byte = h[l->off_dict_len + 3];
	flags = l->d->be ? byte >> 3 : byte & 31;
	out.priority = (unsigned)h[l->off_dict_len + 2] << 3 | (l->d->be ? byte & 7 : byte >> 5);
	out.ts_nsec = df_get64(h + l->off_ts, l->d->be);
	if (out.has_caller)
		out.caller = df_get32(h + l->off_caller, l->d->be);
	/* Pieces of a line that other messages came in between of (msg_print_text(), kernel/printk.c v3.10).  The last
	 * piece has neither CONT nor PREFIX, which tells something only where others have PREFIX. */
	l->has_prefixes |= !!(flags & PREFIX);
	out.joins = flags & CONT || (l->has_prefixes && !(flags & PREFIX));
	out.open = (flags & (CONT | NEWLINE)) == CONT;
	if (out.len > r->len - l->header)
		out.len = r->len - l->header;
	p = df_dmesg_area_get(&l->area, at + l->header, out.len);
	if (!p) {
		df_dmesg_damage(l->d, "kernel log: the text of the record at %#" PRIx64 " cannot be read",
				l->area.base + at);
		return;
	}
	out.text = p;
	df_dmesg_print(l->d, &out);
}

/* ---- from record to record ---- */

enum step { RECORD, END, BROKEN };

/* What stands at w->at, behind the mark of a wrap where there is one.  Records end just at the end of the log, and
 * there is a wrap only where that lies behind. */
static enum step look(struct log *l, struct way *w, struct record *r)
{
	if (w->at == l->next && (w->walked || !l->full))
		return END;
	if (!read_header(l, w->at, r))
		return BROKEN;
	if (!r->len && !w->wrapped && w->at > l->next) {
		w->at = 0;
		w->wrapped = true;
		if (w->at == l->next)
			return END;
		if (!read_header(l, 0, r))
			return BROKEN;
	}
	if (w->at < l->next && r->len > l->next - w->at)
		return BROKEN;
	return whole(l, w->at, r) && w->walked + r->len <= l->size ? RECORD : BROKEN;
}

static void go_on(struct way *w, uint64_t bytes)
{
	w->at += bytes;
	w->walked += bytes;
}

/* Does a record begin here, as far as its head tells?  In the middle of a text the time would have letters in its
 * highest byte. */
static bool begins_here(struct log *l, struct way w)
{
	struct record r = { 0 };
	enum step s = look(l, &w, &r);

	return s == END || (s == RECORD && df_get64(r.header + l->off_ts, l->d->be) < TIME_MAX);
}

/* Behind a broken record at w: the first place where a whole one begins.  At worst that is the end itself. */
static bool find_next(struct log *l, struct way *w)
{
	do {
		go_on(w, ALIGN);
		if (w->at >= l->size) {
			if (w->wrapped || w->at < l->next)
				return false;
			w->at = 0;
			w->wrapped = true;
		}
		if (w->walked > l->size)
			return false;
	} while (!begins_here(l, *w));
	return true;
}

/* Records from w on; each_one is print(), or NULL to look for the record at stop only.  Was it met? */
static bool walk(struct log *l, struct way w, void (*each_one)(struct log *l, uint64_t at, const struct record *r),
		 uint64_t stop)
{
	while (!l->d->failed) {
		struct record r = { 0 };
		struct way from;
		enum step s;

		if (!each_one && w.at == stop)
			return true;
		s = look(l, &w, &r);
		from = w;
		if (s == END)
			break;
		if (s == RECORD) {
			if (each_one)
				each_one(l, w.at, &r);
			go_on(&w, r.len);
			continue;
		}
		df_dmesg_damage(l->d, "kernel log: the record at %#" PRIx64 " is damaged", l->area.base + w.at);
		if (!find_next(l, &w))
			break;
		/* just its inner lengths were wrong: the text is there, and maybe more */
		if (each_one && r.header && r.len > l->header && w.at == from.at + r.len && read_header(l, from.at, &r))
			each_one(l, from.at, &r);
	}
	return false;
}

/* ---- where it is ---- */

static bool offsets(struct log *l)
{
	const struct df_kdesc *k = l->d->k;

	l->has_caller = df_get_fact(k, DF_OFF_printk_log_caller_id, &l->off_caller);
	return df_dmesg_need(l->d, DF_SIZE_printk_log, &l->header) &&
	       df_dmesg_need(l->d, DF_OFF_printk_log_ts_nsec, &l->off_ts) &&
	       df_dmesg_need(l->d, DF_OFF_printk_log_len, &l->off_len) &&
	       df_dmesg_need(l->d, DF_OFF_printk_log_text_len, &l->off_text_len) &&
	       df_dmesg_need(l->d, DF_OFF_printk_log_dict_len, &l->off_dict_len);
}

static int locate(struct log *l)
{
	static const struct {
		enum df_fact fact;
		unsigned width; /* 0 = a word */
		const char *name;
	} variables[] = {
		{ DF_SYM_log_buf, 0, "log_buf" },
		{ DF_SYM_log_buf_len, 4, "log_buf_len" },
		{ DF_SYM_log_first_idx, 4, "log_first_idx" },
		{ DF_SYM_log_next_idx, 4, "log_next_idx" },
	};
	uint64_t base = 0, *const values[] = { &base, &l->size, &l->first, &l->next };
	struct df_dmesg *d = l->d;

	for (unsigned i = 0; i < sizeof variables / sizeof *variables; i++) {
		unsigned width = variables[i].width ? variables[i].width : d->word;
		uint64_t at;

		if (!df_dmesg_need(d, variables[i].fact, &at) ||
		    df_dmesg_number(d, at, width, variables[i].name, values[i]) < 0)
			return d->err->code;
	}
	if (!offsets(l))
		return d->err->code;
	if (l->size > LENGTH_MAX || l->size & (l->size - 1) || l->size < l->header)
		return df_err_set(d->err, DUMPFILTER_E_CORRUPT, "kernel log: log_buf_len is %" PRIu64, l->size);
	return df_dmesg_area_init(&l->area, d, base, l->size, DF_DMESG_OUT, "log_buf");
}

/* clear_idx is the place that was free when the log was cleared; 0 where it never was.  After the buffer was filled
 * again it may lie anywhere: unless a record begins there, all there is came after the clear. */
static uint64_t start(struct log *l)
{
	struct way all = { .at = l->first };
	struct df_err ignored;
	uint64_t at, clear = 0, damaged = l->d->damaged;

	if (!l->d->partial || !df_get_fact(l->d->k, DF_SYM_clear_idx, &at) ||
	    df_xlat_get(l->d->walker, at, 4, &clear, &ignored) < 0 || !clear)
		return l->first;
	if (!walk(l, all, NULL, clear))
		clear = l->first;
	l->d->damaged = damaged; /* what was met on the way counts when it is printed */
	return clear;
}

/* Without a right beginning or end: all that stands in the buffer, once. */
static void check_ends(struct log *l)
{
	bool no_first = l->first >= l->size, no_next = l->next > l->size;

	if (no_first)
		df_dmesg_damage(l->d, "kernel log: log_first_idx is %" PRIu64, l->first);
	if (no_next)
		df_dmesg_damage(l->d, "kernel log: log_next_idx is %" PRIu64, l->next);
	l->full = no_first || no_next;
	if (no_next)
		l->next = no_first || !l->first ? l->size : l->first;
	if (no_first)
		l->first = l->next < l->size ? l->next : 0; /* behind the newest record are the oldest ones */
}

int df_dmesg_records(struct df_dmesg *d)
{
	struct log l = { .d = d };
	int r = locate(&l);

	if (!r) {
		struct way w;

		check_ends(&l);
		w = (struct way){ .at = start(&l) };

		walk(&l, w, print, 0);
		r = d->failed;
	}
	df_dmesg_area_fini(&l.area);
	return r;
}
