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
	struct df_dmesg *dmesg;
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
	uint64_t length, text_len, dict_len;
	const uint8_t *header;
};

/* A way through the records. */
struct way {
	uint64_t at, walked; /* bytes of records that lie behind */
	bool wrapped;
};

/* ---- single records ---- */

static bool read_header(struct log *log, uint64_t at, struct record *record)
{
	bool big_endian = log->dmesg->big_endian;

	record->header = df_dmesg_area_get(&log->area, at, log->header);
	if (!record->header)
		return false;
	record->length = df_get16(record->header + log->off_len, big_endian);
	record->text_len = df_get16(record->header + log->off_text_len, big_endian);
	record->dict_len = df_get16(record->header + log->off_dict_len, big_endian);
	return true;
}

/* Its three lengths fit each other and the buffer. */
static bool whole(const struct log *log, uint64_t at, const struct record *record)
{
	uint64_t used = log->header + record->text_len + record->dict_len;

	return record->length <= log->size - at && used <= record->length && record->length - used < 2 * ALIGN;
}

static void print(struct log *log, uint64_t at, const struct record *record)
{
	struct df_dmesg_record out = { .length = record->text_len, .has_caller = log->has_caller };
	const uint8_t *header = record->header, *bytes;
	unsigned flags, byte;

	/* flags:5, level:3 */
	byte = header[log->off_dict_len + 3];
	flags = log->dmesg->big_endian ? byte >> 3 : byte & 31;
	out.priority = (unsigned)header[log->off_dict_len + 2] << 3 | (log->dmesg->big_endian ? byte & 7 : byte >> 5);
	out.ts_nsec = df_get64(header + log->off_ts, log->dmesg->big_endian);
	if (out.has_caller)
		out.caller = df_get32(header + log->off_caller, log->dmesg->big_endian);
	/* Pieces of a line that other messages came in between of (msg_print_text(), kernel/printk.c v3.10).  The last
	 * piece has neither CONT nor PREFIX, which tells something only where others have PREFIX. */
	log->has_prefixes |= !!(flags & PREFIX);
	out.joins = flags & CONT || (log->has_prefixes && !(flags & PREFIX));
	out.open = (flags & (CONT | NEWLINE)) == CONT;
	if (out.length > record->length - log->header)
		out.length = record->length - log->header;
	bytes = df_dmesg_area_get(&log->area, at + log->header, out.length);
	if (!bytes) {
		df_dmesg_damage(log->dmesg, "kernel log: the text of the record at %#" PRIx64 " cannot be read",
				log->area.base + at);
		return;
	}
	out.text = bytes;
	df_dmesg_print(log->dmesg, &out);
}

/* ---- from record to record ---- */

enum step { RECORD, END, BROKEN };

/* What stands at way->at, behind the mark of a wrap where there is one.  Records end just at the end of the log, and
 * there is a wrap only where that lies behind. */
static enum step look(struct log *log, struct way *way, struct record *record)
{
	if (way->at == log->next && (way->walked || !log->full))
		return END;
	if (!read_header(log, way->at, record))
		return BROKEN;
	if (!record->length && !way->wrapped && way->at > log->next) {
		way->at = 0;
		way->wrapped = true;
		if (way->at == log->next)
			return END;
		if (!read_header(log, 0, record))
			return BROKEN;
	}
	if (way->at < log->next && record->length > log->next - way->at)
		return BROKEN;
	return whole(log, way->at, record) && way->walked + record->length <= log->size ? RECORD : BROKEN;
}

static void go_on(struct way *way, uint64_t bytes)
{
	way->at += bytes;
	way->walked += bytes;
}

/* Does a record begin here, as far as its head tells?  In the middle of a text the time would have letters in its
 * highest byte. */
static bool begins_here(struct log *log, struct way way)
{
	struct record record = { 0 };
	enum step step = look(log, &way, &record);

	return step == END ||
	       (step == RECORD && df_get64(record.header + log->off_ts, log->dmesg->big_endian) < TIME_MAX);
}

/* Behind a broken record at way: the first place where a whole one begins.  At worst that is the end itself. */
static bool find_next(struct log *log, struct way *way)
{
	do {
		go_on(way, ALIGN);
		if (way->at >= log->size) {
			if (way->wrapped || way->at < log->next)
				return false;
			way->at = 0;
			way->wrapped = true;
		}
		if (way->walked > log->size)
			return false;
	} while (!begins_here(log, *way));
	return true;
}

/* Records from way on; each_one is print(), or NULL to look for the record at stop only.  Was it met? */
static bool walk(struct log *log, struct way way,
		 void (*each_one)(struct log *log, uint64_t at, const struct record *record), uint64_t stop)
{
	while (!log->dmesg->failed) {
		struct record record = { 0 };
		struct way from;
		enum step step;

		if (!each_one && way.at == stop)
			return true;
		step = look(log, &way, &record);
		from = way;
		if (step == END)
			break;
		if (step == RECORD) {
			if (each_one)
				each_one(log, way.at, &record);
			go_on(&way, record.length);
			continue;
		}
		df_dmesg_damage(log->dmesg, "kernel log: the record at %#" PRIx64 " is damaged",
				log->area.base + way.at);
		if (!find_next(log, &way))
			break;
		/* just its inner lengths were wrong: the text is there, and maybe more */
		if (each_one && record.header && record.length > log->header && way.at == from.at + record.length &&
		    read_header(log, from.at, &record))
			each_one(log, from.at, &record);
	}
	return false;
}

/* ---- where it is ---- */

static bool offsets(struct log *log)
{
	const struct df_kdesc *kernel = log->dmesg->kernel;

	log->has_caller = df_get_fact(kernel, DF_OFF_printk_log_caller_id, &log->off_caller);
	return df_dmesg_need(log->dmesg, DF_SIZE_printk_log, &log->header) &&
	       df_dmesg_need(log->dmesg, DF_OFF_printk_log_ts_nsec, &log->off_ts) &&
	       df_dmesg_need(log->dmesg, DF_OFF_printk_log_len, &log->off_len) &&
	       df_dmesg_need(log->dmesg, DF_OFF_printk_log_text_len, &log->off_text_len) &&
	       df_dmesg_need(log->dmesg, DF_OFF_printk_log_dict_len, &log->off_dict_len);
}

static int locate(struct log *log)
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
	uint64_t base = 0, *const values[] = { &base, &log->size, &log->first, &log->next };
	struct df_dmesg *dmesg = log->dmesg;

	for (unsigned i = 0; i < sizeof variables / sizeof *variables; i++) {
		unsigned width = variables[i].width ? variables[i].width : dmesg->word;
		uint64_t at;

		if (!df_dmesg_need(dmesg, variables[i].fact, &at) ||
		    df_dmesg_number(dmesg, at, width, variables[i].name, values[i]) < 0)
			return dmesg->err->code;
	}
	if (!offsets(log))
		return dmesg->err->code;
	if (log->size > LENGTH_MAX || log->size & (log->size - 1) || log->size < log->header)
		return df_err_set(dmesg->err, DUMPFILTER_E_CORRUPT, "kernel log: log_buf_len is %" PRIu64, log->size);
	return df_dmesg_area_init(&log->area, dmesg, base, log->size, DF_DMESG_OUT, "log_buf");
}

/* clear_idx is the place that was free when the log was cleared; 0 where it never was.  After the buffer was filled
 * again it may lie anywhere: unless a record begins there, all there is came after the clear. */
static uint64_t start(struct log *log)
{
	struct way way = { .at = log->first };
	struct df_err ignored;
	uint64_t at, clear = 0, damaged = log->dmesg->damaged;

	if (!log->dmesg->partial || !df_get_fact(log->dmesg->kernel, DF_SYM_clear_idx, &at) ||
	    df_xlat_get(log->dmesg->walker, at, 4, &clear, &ignored) < 0 || !clear)
		return log->first;
	if (!walk(log, way, NULL, clear))
		clear = log->first;
	log->dmesg->damaged = damaged; /* what was met on the way counts when it is printed */
	return clear;
}

/* Without a right beginning or end: all that stands in the buffer, once. */
static void check_ends(struct log *log)
{
	bool no_first = log->first >= log->size, no_next = log->next > log->size;

	if (no_first)
		df_dmesg_damage(log->dmesg, "kernel log: log_first_idx is %" PRIu64, log->first);
	if (no_next)
		df_dmesg_damage(log->dmesg, "kernel log: log_next_idx is %" PRIu64, log->next);
	log->full = no_first || no_next;
	if (no_next)
		log->next = no_first || !log->first ? log->size : log->first;
	if (no_first)
		log->first = log->next < log->size ? log->next : 0; /* behind the newest record are the oldest ones */
}

int df_dmesg_records(struct df_dmesg *dmesg)
{
	struct log log = { .dmesg = dmesg };
	int result = locate(&log);

	if (!result) {
		struct way way;

		check_ends(&log);
		way = (struct way){ .at = start(&log) };

		walk(&log, way, print, 0);
		result = dmesg->failed;
	}
	df_dmesg_area_fini(&log.area);
	return result;
}
