/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Pages that the input has in just the form that the output needs. */
#ifndef DF_PIPE_STORED_H
#define DF_PIPE_STORED_H

#include "pipe/pipe.h"

/* Page i of the batch without unpacking and packing it: true where that was possible; the batch has it, or it is ZERO.
 * Nothing is changed otherwise.  Input and output must have the same codec, and no level of it be asked for. */
bool df_pipe_take_stored(const struct df_pipe *pipe, struct df_reader *reader, struct df_batch *batch, unsigned i);

#endif
