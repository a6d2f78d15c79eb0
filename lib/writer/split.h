/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where the pieces of a split dump begin. */
#ifndef DF_WRITER_SPLIT_H
#define DF_WRITER_SPLIT_H

#include "writer/writer.h"

/* crash counts the descriptors before a piece in words of 64 bits, and refuses pieces that begin elsewhere. */
#define DF_SPLIT_GRANULE 64u

/* Set start and end of each piece so that they will be about equally large: a sample of the kept pages goes through
 * the pipeline p.  They begin at multiples of granule (itself one of DF_SPLIT_GRANULE) frames.  A piece is empty, and
 * begins and ends at max_pfn, only where there are fewer granules with kept pages than pieces.  The same whatever the
 * number of threads.  E_NOMEM, E_CANCELLED. */
int df_split_choose(const struct df_pipe *pipe, struct df_piece *pieces, unsigned count, uint64_t granule,
		    uint64_t max_pfn, struct df_err *err);

#endif
