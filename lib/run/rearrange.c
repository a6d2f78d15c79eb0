/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "run/rearrange.h"

#include "base/bytes.h"
#include "format/elf.h"
#include "format/flat.h"
#include "format/kdump.h"
#include "input/input.h"
#include "io/args.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#define BUFFER    ((size_t)1 << 20)
#define ROOM_MIN  ((size_t)64 << 10) /* what a pipe gives at once */
#define FLAT_SIGN ((size_t)24)       /* bytes that tell a flattened stream */
#define REPORT    (UINT64_C(1) << 20)

#define ELF32_FLAGS ((size_t)36) /* offset of e_flags */
#define ELF64_FLAGS ((size_t)48)

/*
 * One buffer: [pending output | … | bytes not looked at | free].  The data of records that continue each other is
 * moved together over the record headers between them, which costs less than many small writes.
 */
struct rearrange {
	struct df_env *env;
	struct dumpfilter_sink *sink;
	int fd;
	char name[DF_NAME];

	uint8_t *buf;
	size_t next, tail;   /* bytes not looked at: [next, tail) */
	uint8_t *pending;    /* output not written yet, before next */
	size_t pending_len;  /* 0 = none */
	uint64_t pending_at; /* its offset in the output */
	bool eof;

	uint8_t head[DF_KDUMP_HEADER_MAX]; /* beginning of the output; what did not arrive is zero: our own streams send
					    * the mark's bytes last */
	size_t head_end;                   /* behind what arrived of it */

	struct dumpfilter_progress progress;
	uint64_t reported; /* progress.done when it was last shown */
};

/* Where the first byte not looked at stands in the stream. */
static uint64_t stream_pos(const struct rearrange *x)
{
	return x->progress.done - (x->tail - x->next);
}

static void report(struct rearrange *x, bool now)
{
	if (!now && x->progress.done - x->reported < REPORT)
		return;
	x->reported = x->progress.done;
	df_progress(x->env, &x->progress);
}

static int flush(struct rearrange *x, struct df_err *err)
{
	size_t len = x->pending_len;
	int r;

	if (!len)
		return 0;
	x->pending_len = 0;
	r = df_sink_write(x->sink, x->pending_at, x->pending, len, err);
	if (!r)
		x->progress.bytes_out += len;
	return r;
}

/* Free bytes at the end of the buffer: enough that reads do not get small. */
static int make_room(struct rearrange *x, struct df_err *err)
{
	int r;

	if (BUFFER - x->tail >= ROOM_MIN)
		return 0;
	r = flush(x, err);
	memmove(x->buf, x->buf + x->next, x->tail - x->next);
	x->tail -= x->next;
	x->next = 0;
	return r;
}

static int cancelled(const struct rearrange *x, struct df_err *err)
{
	return df_err_set(err, DUMPFILTER_E_CANCELLED, "%s: cancelled after %" PRIu64 " bytes of the stream", x->name,
			  x->progress.done);
}

/* One read: more bytes, or eof. */
static int read_more(struct rearrange *x, struct df_err *err)
{
	ssize_t n = -1;

	while (n < 0) {
		struct pollfd wait = { .fd = x->fd, .events = POLLIN };

		if (df_cancelled(x->env))
			return cancelled(x, err);
		n = read(x->fd, x->buf + x->tail, BUFFER - x->tail);
		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			(void)poll(&wait, 1, -1);
		else if (n < 0 && errno != EINTR)
			return df_err_sys(err, DUMPFILTER_E_IO, errno, "%s: reading at byte %" PRIu64 " of the stream",
					  x->name, x->progress.done);
	}
	x->eof = !n;
	x->tail += (size_t)n;
	x->progress.done += (uint64_t)n;
	x->progress.bytes_in = x->progress.done;
	return 0;
}

/* At least len bytes to look at (fewer only at eof); len is far smaller than the buffer. */
static int need(struct rearrange *x, size_t len, struct df_err *err)
{
	int r = 0;

	while (!r && !x->eof && x->tail - x->next < len) {
		r = make_room(x, err);
		if (!r)
			r = read_more(x, err);
		report(x, false);
	}
	return r;
}

static void remember(struct rearrange *x, uint64_t offset, const uint8_t *p, size_t len)
{
	if (offset >= sizeof x->head)
		return;
	if (len > sizeof x->head - offset)
		len = sizeof x->head - (size_t)offset;
	memcpy(x->head + offset, p, len);
	if (offset + len > x->head_end)
		x->head_end = (size_t)offset + len;
}

/* len bytes at next belong at offset. */
static int take(struct rearrange *x, uint64_t offset, size_t len, struct df_err *err)
{
	const uint8_t *p = x->buf + x->next;

	remember(x, offset, p, len);
	if (x->pending_len && x->pending_at + x->pending_len != offset) {
		int r = flush(x, err);

		if (r)
			return r;
	}
	if (!x->pending_len) {
		x->pending = x->buf + x->next;
		x->pending_at = offset;
	} else if (x->pending + x->pending_len != p) {
		memmove(x->pending + x->pending_len, p, len);
	}
	x->pending_len += len;
	x->next += len;
	return 0;
}

static int truncated(const struct rearrange *x, struct df_err *err)
{
	return df_err_set(err, DUMPFILTER_E_TRUNCATED,
			  "%s: the stream ends after %" PRIu64
			  " bytes, without an end record: transfer the stream again",
			  x->name, x->progress.done);
}

/* A record that breaks off after got bytes may be one of page descriptors: half a descriptor is worse than none, which
 * says that the page is lost.  (Of page data nothing is missed: the page that breaks off is none.) */
static void drop_torn(struct rearrange *x, uint64_t offset, uint64_t got)
{
	size_t torn = (size_t)(got % DF_KDUMP_DESC_SIZE);

	if (offset >= DF_KDUMP_HEADER_MAX && df_kdump_is(x->head, x->head_end))
		x->pending_len -= torn < x->pending_len ? torn : x->pending_len;
}

static int take_data(struct rearrange *x, uint64_t offset, uint64_t size, struct df_err *err)
{
	uint64_t got = 0;
	int r = 0;

	while (!r && got < size) {
		size_t len;

		r = need(x, 1, err);
		if (!r && x->next == x->tail)
			r = truncated(x, err);
		if (r)
			break;
		len = x->tail - x->next < size - got ? x->tail - x->next : (size_t)(size - got);
		r = take(x, offset + got, len, err);
		got += len;
	}
	if (r)
		drop_torn(x, offset, got);
	return r;
}

static int finish_data(struct rearrange *x, struct df_err *err)
{
	int r = flush(x, err);

	if (!r && !x->progress.bytes_out)
		r = df_err_set(err, DUMPFILTER_E_CORRUPT, "%s: the stream holds no data, nothing was written to %s",
			       x->name, x->sink->name);
	return r;
}

static int take_records(struct rearrange *x, struct df_err *err)
{
	for (;;) {
		enum df_flat_kind kind;
		uint64_t offset = 0, size = 0;
		int r = need(x, DF_FLAT_RECORD, err);

		if (r)
			return r;
		if (x->tail - x->next < DF_FLAT_RECORD)
			return truncated(x, err);
		kind = df_flat_decode_record(x->buf + x->next, &offset, &size);
		if (kind == DF_FLAT_BAD)
			return df_err_set(err, DUMPFILTER_E_CORRUPT,
					  "%s: no record at byte %" PRIu64 " of the stream: transfer the stream again",
					  x->name, stream_pos(x));
		x->next += DF_FLAT_RECORD;
		if (kind == DF_FLAT_END)
			return finish_data(x, err);
		r = take_data(x, offset, size, err);
		if (r)
			return r;
	}
}

/* By what has come: nobody waits for more of it. */
static int refuse(const struct rearrange *x, struct df_err *err)
{
	char is[DF_FOREIGN_TEXT];

	if (!x->tail)
		return df_err_set(err, DUMPFILTER_E_FORMAT, "%s: is empty, a flattened stream was expected", x->name);
	df_err_set(err, DUMPFILTER_E_FORMAT, "%s: is not in the flattened format, there is nothing to rearrange",
		   x->name);
	if (df_input_name(x->buf, x->tail, is))
		df_err_add(err, ": it is %s", is);
	return err->code;
}

static int take_header(struct rearrange *x, struct df_err *err)
{
	int r = need(x, FLAT_SIGN, err);

	if (r)
		return r;
	if (x->tail < FLAT_SIGN || !df_flat_is(x->buf, x->tail))
		return refuse(x, err);
	r = need(x, DF_FLAT_HEADER, err);
	if (!r && x->tail < DF_FLAT_HEADER)
		r = truncated(x, err);
	x->next = DF_FLAT_HEADER;
	return r;
}

/* Where the mark of an incomplete dump is in the first bytes, its byte order and its bit; false = nowhere. */
static bool find_mark(const struct rearrange *x, size_t *offset, bool *be, uint32_t *bit)
{
	struct df_elf_header elf;
	struct df_kdump_abi abi;
	struct df_err ignored;

	if (df_kdump_is(x->head, x->head_end) && df_kdump_guess_abi(x->head, x->head_end, &abi)) {
		*offset = df_kdump_status_offset(&abi);
		*be = abi.be;
		*bit = DF_KDUMP_INCOMPLETE;
	} else if (df_elf_is(x->head, x->head_end) && !df_elf_decode_header(x->head, x->head_end, &elf, &ignored)) {
		*offset = elf.bits == 64 ? ELF64_FLAGS : ELF32_FLAGS;
		*be = elf.be;
		*bit = DF_ELF_FLAG_INCOMPLETE;
	} else {
		return false;
	}
	return *offset + 4 <= x->head_end;
}

static int mark_incomplete(struct rearrange *x, struct df_err *err)
{
	uint8_t word[4];
	size_t offset;
	uint32_t bit;
	bool be;

	if (!find_mark(x, &offset, &be, &bit) || !(x->sink->caps & DUMPFILTER_IO_REWRITE))
		return 0;
	df_put32(word, df_get32(x->head + offset, be) | bit, be);
	return df_sink_write(x->sink, offset, word, sizeof word, err);
}

static void warn(struct rearrange *x, int r, const struct df_err *e)
{
	if (r)
		df_log(x->env, DUMPFILTER_LOG_WARN, "%s", e->text);
}

/* After a failure: keep what arrived, and say in the output that it is not all. */
static void salvage(struct rearrange *x, int result)
{
	struct df_err e;

	warn(x, flush(x, &e), &e);
	warn(x, mark_incomplete(x, &e), &e);
	warn(x, df_sink_finish(x->sink, x->progress.bytes_out ? DUMPFILTER_PARTIAL : result, &e), &e);
}

/* Bytes that are to come where the stream is a file (whatever lies behind the end record is counted in). */
static uint64_t bytes_left(int fd)
{
	struct stat st;
	off_t at;

	if (fstat(fd, &st) || !S_ISREG(st.st_mode))
		return 0;
	at = lseek(fd, 0, SEEK_CUR);
	return at < 0 || at > st.st_size ? 0 : (uint64_t)(st.st_size - at);
}

int df_rearrange(struct df_env *env, int fd, const char *name, struct dumpfilter_sink *sink, struct df_err *err)
{
	struct rearrange x = { .env = env, .sink = sink, .fd = fd };
	int r;

	df_args_name(x.name, sizeof x.name, name ? name : "input");
	if (!(sink->caps & DUMPFILTER_IO_RANDOM))
		return df_err_set(err, DUMPFILTER_E_INVAL, "%s: rearranging needs a file that is written at offsets",
				  sink->name);
	x.buf = df_alloc(env, BUFFER);
	if (!x.buf)
		return df_err_nomem(err, env, "the stream's buffer", BUFFER);
	x.progress = (struct dumpfilter_progress){ .phase = DUMPFILTER_PHASE_REARRANGE, .total = bytes_left(fd) };
	report(&x, true);
	r = take_header(&x, err);
	if (!r) {
		r = take_records(&x, err);
		if (!r)
			r = df_sink_flush(sink, err);
		if (r)
			salvage(&x, r);
		else
			r = df_sink_finish(sink, 0, err);
	}
	report(&x, true);
	df_free(env, x.buf);
	return r;
}
