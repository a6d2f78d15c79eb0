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

	uint8_t *buffer;
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
static uint64_t stream_pos(const struct rearrange *rearrange)
{
	return rearrange->progress.done - (rearrange->tail - rearrange->next);
}

static void report(struct rearrange *rearrange, bool now)
{
	if (!now && rearrange->progress.done - rearrange->reported < REPORT)
		return;
	rearrange->reported = rearrange->progress.done;
	df_progress(rearrange->env, &rearrange->progress);
}

static int flush(struct rearrange *rearrange, struct df_err *err)
{
	size_t length = rearrange->pending_len;
	int result;

	if (!length)
		return 0;
	rearrange->pending_len = 0;
	result = df_sink_write(rearrange->sink, rearrange->pending_at, rearrange->pending, length, err);
	if (!result)
		rearrange->progress.bytes_out += length;
	return result;
}

/* Free bytes at the end of the buffer: enough that reads do not get small. */
static int make_room(struct rearrange *rearrange, struct df_err *err)
{
	int result;

	if (BUFFER - rearrange->tail >= ROOM_MIN)
		return 0;
	result = flush(rearrange, err);
	memmove(rearrange->buffer, rearrange->buffer + rearrange->next, rearrange->tail - rearrange->next);
	rearrange->tail -= rearrange->next;
	rearrange->next = 0;
	return result;
}

static int cancelled(const struct rearrange *rearrange, struct df_err *err)
{
	return df_err_set(err, DUMPFILTER_E_CANCELLED, "%s: cancelled after %" PRIu64 " bytes of the stream",
			  rearrange->name, rearrange->progress.done);
}

/* One read: more bytes, or eof. */
static int read_more(struct rearrange *rearrange, struct df_err *err)
{
	ssize_t got = -1;

	while (got < 0) {
		struct pollfd wait = { .fd = rearrange->fd, .events = POLLIN };

		if (df_cancelled(rearrange->env))
			return cancelled(rearrange, err);
		got = read(rearrange->fd, rearrange->buffer + rearrange->tail, BUFFER - rearrange->tail);
		if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			(void)poll(&wait, 1, -1);
		else if (got < 0 && errno != EINTR)
			return df_err_sys(err, DUMPFILTER_E_IO, errno, "%s: reading at byte %" PRIu64 " of the stream",
					  rearrange->name, rearrange->progress.done);
	}
	rearrange->eof = !got;
	rearrange->tail += (size_t)got;
	rearrange->progress.done += (uint64_t)got;
	rearrange->progress.bytes_in = rearrange->progress.done;
	return 0;
}

/* At least length bytes to look at (fewer only at eof); length is far smaller than the buffer. */
static int need(struct rearrange *rearrange, size_t length, struct df_err *err)
{
	int result = 0;

	while (!result && !rearrange->eof && rearrange->tail - rearrange->next < length) {
		result = make_room(rearrange, err);
		if (!result)
			result = read_more(rearrange, err);
		report(rearrange, false);
	}
	return result;
}

static void remember(struct rearrange *rearrange, uint64_t offset, const uint8_t *bytes, size_t length)
{
	if (offset >= sizeof rearrange->head)
		return;
	if (length > sizeof rearrange->head - offset)
		length = sizeof rearrange->head - (size_t)offset;
	memcpy(rearrange->head + offset, bytes, length);
	if (offset + length > rearrange->head_end)
		rearrange->head_end = (size_t)offset + length;
}

/* length bytes at next belong at offset. */
static int take(struct rearrange *rearrange, uint64_t offset, size_t length, struct df_err *err)
{
	const uint8_t *bytes = rearrange->buffer + rearrange->next;

	remember(rearrange, offset, bytes, length);
	if (rearrange->pending_len && rearrange->pending_at + rearrange->pending_len != offset) {
		int result = flush(rearrange, err);

		if (result)
			return result;
	}
	if (!rearrange->pending_len) {
		rearrange->pending = rearrange->buffer + rearrange->next;
		rearrange->pending_at = offset;
	} else if (rearrange->pending + rearrange->pending_len != bytes) {
		memmove(rearrange->pending + rearrange->pending_len, bytes, length);
	}
	rearrange->pending_len += length;
	rearrange->next += length;
	return 0;
}

static int truncated(const struct rearrange *rearrange, struct df_err *err)
{
	return df_err_set(err, DUMPFILTER_E_TRUNCATED,
			  "%s: the stream ends after %" PRIu64
			  " bytes, without an end record: transfer the stream again",
			  rearrange->name, rearrange->progress.done);
}

/* A record that breaks off after got bytes may be one of page descriptors: half a descriptor is worse than none, which
 * says that the page is lost.  (Of page data nothing is missed: the page that breaks off is none.) */
static void drop_torn(struct rearrange *rearrange, uint64_t offset, uint64_t got)
{
	size_t torn = (size_t)(got % DF_KDUMP_DESC_SIZE);

	if (offset >= DF_KDUMP_HEADER_MAX && df_kdump_is(rearrange->head, rearrange->head_end))
		rearrange->pending_len -= torn < rearrange->pending_len ? torn : rearrange->pending_len;
}

static int take_data(struct rearrange *rearrange, uint64_t offset, uint64_t size, struct df_err *err)
{
	uint64_t got = 0;
	int result = 0;

	while (!result && got < size) {
		size_t length;

		result = need(rearrange, 1, err);
		if (!result && rearrange->next == rearrange->tail)
			result = truncated(rearrange, err);
		if (result)
			break;
		length = rearrange->tail - rearrange->next < size - got ? rearrange->tail - rearrange->next
									: (size_t)(size - got);
		result = take(rearrange, offset + got, length, err);
		got += length;
	}
	if (result)
		drop_torn(rearrange, offset, got);
	return result;
}

static int finish_data(struct rearrange *rearrange, struct df_err *err)
{
	int result = flush(rearrange, err);

	if (!result && !rearrange->progress.bytes_out)
		result = df_err_set(err, DUMPFILTER_E_CORRUPT,
				    "%s: the stream holds no data, nothing was written to %s", rearrange->name,
				    rearrange->sink->name);
	return result;
}

static int take_records(struct rearrange *rearrange, struct df_err *err)
{
	for (;;) {
		enum df_flat_kind kind;
		uint64_t offset = 0, size = 0;
		int result = need(rearrange, DF_FLAT_RECORD, err);

		if (result)
			return result;
		if (rearrange->tail - rearrange->next < DF_FLAT_RECORD)
			return truncated(rearrange, err);
		kind = df_flat_decode_record(rearrange->buffer + rearrange->next, &offset, &size);
		if (kind == DF_FLAT_BAD)
			return df_err_set(err, DUMPFILTER_E_CORRUPT,
					  "%s: no record at byte %" PRIu64 " of the stream: transfer the stream again",
					  rearrange->name, stream_pos(rearrange));
		rearrange->next += DF_FLAT_RECORD;
		if (kind == DF_FLAT_END)
			return finish_data(rearrange, err);
		result = take_data(rearrange, offset, size, err);
		if (result)
			return result;
	}
}

/* By what has come: nobody waits for more of it. */
static int refuse(const struct rearrange *rearrange, struct df_err *err)
{
	char is[DF_FOREIGN_TEXT];

	if (!rearrange->tail)
		return df_err_set(err, DUMPFILTER_E_FORMAT, "%s: is empty, a flattened stream was expected",
				  rearrange->name);
	df_err_set(err, DUMPFILTER_E_FORMAT, "%s: is not in the flattened format, there is nothing to rearrange",
		   rearrange->name);
	if (df_input_name(rearrange->buffer, rearrange->tail, is))
		df_err_add(err, ": it is %s", is);
	return err->code;
}

static int take_header(struct rearrange *rearrange, struct df_err *err)
{
	int result = need(rearrange, FLAT_SIGN, err);

	if (result)
		return result;
	if (rearrange->tail < FLAT_SIGN || !df_flat_is(rearrange->buffer, rearrange->tail))
		return refuse(rearrange, err);
	result = need(rearrange, DF_FLAT_HEADER, err);
	if (!result && rearrange->tail < DF_FLAT_HEADER)
		result = truncated(rearrange, err);
	rearrange->next = DF_FLAT_HEADER;
	return result;
}

/* Where the mark of an incomplete dump is in the first bytes, its byte order and its bit; false = nowhere. */
static bool find_mark(const struct rearrange *rearrange, size_t *offset, bool *big_endian, uint32_t *bit)
{
	struct df_elf_header header;
	struct df_kdump_abi abi;
	struct df_err ignored;

	if (df_kdump_is(rearrange->head, rearrange->head_end) &&
	    df_kdump_guess_abi(rearrange->head, rearrange->head_end, &abi)) {
		*offset = df_kdump_status_offset(&abi);
		*big_endian = abi.big_endian;
		*bit = DF_KDUMP_INCOMPLETE;
	} else if (df_elf_is(rearrange->head, rearrange->head_end) &&
		   !df_elf_decode_header(rearrange->head, rearrange->head_end, &header, &ignored)) {
		*offset = header.bits == 64 ? ELF64_FLAGS : ELF32_FLAGS;
		*big_endian = header.big_endian;
		*bit = DF_ELF_FLAG_INCOMPLETE;
	} else {
		return false;
	}
	return *offset + 4 <= rearrange->head_end;
}

static int mark_incomplete(struct rearrange *rearrange, struct df_err *err)
{
	uint8_t word[4];
	size_t offset;
	uint32_t bit;
	bool big_endian;

	if (!find_mark(rearrange, &offset, &big_endian, &bit) || !(rearrange->sink->caps & DUMPFILTER_IO_REWRITE))
		return 0;
	df_put32(word, df_get32(rearrange->head + offset, big_endian) | bit, big_endian);
	return df_sink_write(rearrange->sink, offset, word, sizeof word, err);
}

static void warn(struct rearrange *rearrange, int result, const struct df_err *err)
{
	if (result)
		df_log(rearrange->env, DUMPFILTER_LOG_WARN, "%s", err->text);
}

/* After a failure: keep what arrived, and say in the output that it is not all. */
static void salvage(struct rearrange *rearrange, int result)
{
	struct df_err err;

	warn(rearrange, flush(rearrange, &err), &err);
	warn(rearrange, mark_incomplete(rearrange, &err), &err);
	warn(rearrange,
	     df_sink_finish(rearrange->sink, rearrange->progress.bytes_out ? DUMPFILTER_PARTIAL : result, &err), &err);
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
	struct rearrange rearrange = { .env = env, .sink = sink, .fd = fd };
	int result;

	df_args_name(rearrange.name, sizeof rearrange.name, name ? name : "input");
	if (!(sink->caps & DUMPFILTER_IO_RANDOM))
		return df_err_set(err, DUMPFILTER_E_INVAL, "%s: rearranging needs a file that is written at offsets",
				  sink->name);
	rearrange.buffer = df_alloc(env, BUFFER);
	if (!rearrange.buffer)
		return df_err_nomem(err, env, "the stream's buffer", BUFFER);
	rearrange.progress = (struct dumpfilter_progress){ .phase = DUMPFILTER_PHASE_REARRANGE,
							   .total = bytes_left(fd) };
	report(&rearrange, true);
	result = take_header(&rearrange, err);
	if (!result) {
		result = take_records(&rearrange, err);
		if (!result)
			result = df_sink_flush(sink, err);
		if (result)
			salvage(&rearrange, result);
		else
			result = df_sink_finish(sink, 0, err);
	}
	report(&rearrange, true);
	df_free(env, rearrange.buffer);
	return result;
}
