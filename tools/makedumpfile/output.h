/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sinks of our own below the library's.  NULL on failure, text in dumpfilter_errmsg(df). */
#ifndef MAKEDUMPFILE_OUTPUT_H
#define MAKEDUMPFILE_OUTPUT_H

#include <libdumpfilter.h>

#include <stdbool.h>

/* Standard output as a stream from where it stands, also where it is a file: others may have written to it before.
 * (The library's sink on a descriptor begins at offset 0 of a file.) */
struct output_stream {
	int64_t begin; /* offset where the stream begins, of a file; else negative */
	bool appends;
	uint64_t sent;
};
/* stream must outlive the sink. */
struct dumpfilter_sink *output_stdout(struct dumpfilter *df, struct output_stream *output_stream);

/* Standard output is a file: what was sent can be taken back. */
bool output_is_file(void);
/* What was sent can be taken back: nobody else has written since. */
bool output_can_take_back(const struct output_stream *output_stream);
/* Take it back, so that another stream may follow.  This one's sink takes nothing more. */
bool output_take_back(struct output_stream *output_stream);

/* Writes nothing; *end becomes the size that the output would have.  caps: DUMPFILTER_IO_* to pretend. */
struct dumpfilter_sink *output_count(struct dumpfilter *df, unsigned caps, uint64_t *end);

#endif
