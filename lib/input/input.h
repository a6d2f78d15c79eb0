/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Input formats: a table of probes; the first that recognises the source opens it as an image. */
#ifndef DF_INPUT_INPUT_H
#define DF_INPUT_INPUT_H

#include "image/image.h"

#define DF_INPUT_PROBE 4096u /* bytes of the beginning that probes see */

struct df_input {
	const char *name;
	bool (*probe)(const uint8_t *head, size_t len);
	/* Fills img (zeroed but for env and source).  On failure the caller finishes img. */
	int (*open)(struct df_image *img, const uint8_t *head, size_t len, struct df_err *err);
};

extern const struct df_input df_input_elf, df_input_kdump;

/* Recognise img->source and open it.  img: zeroed but for env and source; finished on failure. */
int df_input_open(struct df_image *img, struct df_err *err);

#endif
