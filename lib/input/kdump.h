/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Shared by kdump.c (what is in the file) and kdump_pages.c (reading it) only. */
#ifndef DF_INPUT_KDUMP_H
#define DF_INPUT_KDUMP_H

#include "codec/codec.h"
#include "format/kdump.h"
#include "image/image.h"

struct df_kdump_input {
	struct df_kdump_abi abi;
	uint32_t block;
	uint64_t desc_at;             /* first descriptor */
	const struct df_codec *codec; /* that the header speaks of; NULL: none */
	uint64_t *rank;               /* pages stored below each chunk */
};

extern const struct df_image_ops df_kdump_image_ops;

#endif
