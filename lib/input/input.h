/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Input formats: a table of probes; the first that recognises the source opens it as an image.
 *
 * In comes a source of hostile bytes, out comes an image whose ranges lie inside the file, or an error that says what
 * the file is instead.  A format that can read some of a damaged file does so and says what is missing.  Nothing here
 * looks at the kernel in the memory: not its pages, and of its notes only where they are and of what kind.
 */
#ifndef DF_INPUT_INPUT_H
#define DF_INPUT_INPUT_H

#include "format/foreign.h"
#include "image/image.h"

#define DF_INPUT_PROBE 8192u /* bytes of the beginning that probes see */

/* One format: a constant row of the table. */
struct df_input {
	const char *name;
	const char *is; /* "an ... file" */
	bool (*probe)(const uint8_t *head, size_t length);
	/* Fills image (zeroed but for env and source).  On failure the caller finishes image. */
	int (*open)(struct df_image *image, const uint8_t *head, size_t length, struct df_err *err);
};

extern const struct df_input df_input_elf, df_input_kdump;

/* Learn the length of a source that does not tell, see through a flattened stream (*cut: its end is missing), and read
 * the beginning. */
int df_input_look(struct df_source *source, uint8_t head[DF_INPUT_PROBE], size_t *length, bool *cut,
		  struct df_err *err);

/* What a file is that begins with head[length], as the end of "FILE is ...": for who has no use for it.  false: that is
 * not known. */
bool df_input_name(const uint8_t *head, size_t length, char text[DF_FOREIGN_TEXT]);

/* Recognise img->source and open it.  image: zeroed but for env and source; finished on failure. */
int df_input_open(struct df_image *image, struct df_err *err);
/* Open count sources, the pieces of one split dump in any order.  They are taken over, also where this fails.  image:
 * zeroed but for env; finished on failure. */
int df_input_open_set(struct df_image *image, struct df_source *sources, unsigned count, struct df_err *err);

#endif
