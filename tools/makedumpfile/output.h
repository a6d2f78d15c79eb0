/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sinks of our own below the library's.  NULL on failure, text in dumpfilter_errmsg(df). */
#ifndef MAKEDUMPFILE_OUTPUT_H
#define MAKEDUMPFILE_OUTPUT_H

#include <libdumpfilter.h>

/* Standard output as a stream from where it stands, also where it is a file: others may have written to it before.
 * (The library's sink on a descriptor begins at offset 0 of a file.) */
struct dumpfilter_sink *output_stdout(struct dumpfilter *df);

/* Writes nothing; *end becomes the size that the output would have.  caps: DUMPFILTER_IO_* to pretend. */
struct dumpfilter_sink *output_count(struct dumpfilter *df, unsigned caps, uint64_t *end);

#endif
