/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Between the ELF writer and what estimates its output. */
#ifndef DF_WRITER_ELF_ESTIMATE_H
#define DF_WRITER_ELF_ESTIMATE_H

#include "writer/writer.h"

/* What the data of an ELF output depends on besides the plan. */
struct df_elf_data {
	uint64_t head;  /* bytes before the data */
	uint64_t bytes; /* of data */
	unsigned gap;   /* frames in a row that are left out at least, but at a load's end */
};

/* A segment of that input load: bytes of data from a physical address on. */
typedef int (*df_elf_segment_fn)(void *user, size_t load, uint64_t paddr, uint64_t bytes, struct df_err *err);
/* The segments of the output, in order, with output->keep as it stands. */
int df_elf_segments(const struct df_output *output, struct df_elf_data *data, df_elf_segment_fn fn, void *user,
		    struct df_err *err);

int df_elf_estimate(const struct df_output *output, struct df_estimate *estimate, struct df_err *err);

#endif
