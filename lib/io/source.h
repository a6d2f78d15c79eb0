/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Where bytes come from: a file (mapped where that works, else pread) or the caller's callbacks.
 *
 * All dumps come in and all output goes out through the folder io/.  A source answers "these bytes at this offset" and
 * a sink takes them; neither knows what they mean.  The flattened stream is here and not a format of its
 * own, as a source on top of a source and as a sink on top of a sink, so that every input and output has it for
 * nothing.  Nothing is mapped or read behind the end of a source, since a file that shrinks under a mapping is a signal
 * and no error.
 */
#ifndef DF_IO_SOURCE_H
#define DF_IO_SOURCE_H

#include "base/env.h"

struct df_source;

/* Something on top of a source that takes its place: reads it, and closes it. */
struct df_source_layer {
	int64_t (*read)(const struct df_source *source, uint64_t offset, void *buffer, size_t length);
	void (*close)(struct df_source *source);
};

/* One input file.  Owned by the image, or by a piece of a split dump; closed with df_source_close().  Only read once it
 * is open, so that all threads share it: what moves is in their windows. */
struct df_source {
	struct df_env *env;
	struct dumpfilter_source_ops ops; /* callbacks; ops.read NULL for a file */
	void *user;
	int fd; /* file, else −1 */
	bool own_fd;
	bool concurrent; /* reads may come from several threads */
	bool can_map;
	uint64_t length; /* bytes; UINT64_MAX = not known */
	char name[256];  /* for messages */
	/* The source is what a flattened stream makes: by whom it is read, and the stream below; else NULL. */
	const struct df_source_layer *layer;
	struct df_source_flat *flat;
};

int df_source_open_path(struct df_source *source, struct df_env *env, const char *path, unsigned flags,
			struct df_err *err);
int df_source_open_fd(struct df_source *source, struct df_env *env, int fd, const char *name, unsigned flags,
		      struct df_err *err);
int df_source_open_ops(struct df_source *source, struct df_env *env, const struct dumpfilter_source_ops *ops,
		       void *user, struct df_err *err);
void df_source_close(struct df_source *source);

/* *source is a flattened stream of known length: from now on it is the file that the stream makes, gaps read as zeros.
 * Only an index is made.  On failure *source is as before.  E_UNSUPPORTED: the index would be too large. */
int df_source_flatten(struct df_source *source, struct df_err *err);
/* The stream below source ends without an end record. */
bool df_source_cut(const struct df_source *source);

/* Exactly length bytes at offset into buffer.  Loops over short reads and EINTR.  The end of the source inside the
 * range is DUMPFILTER_E_TRUNCATED.  Any thread where source->concurrent. */
int df_source_read(const struct df_source *source, uint64_t offset, void *buffer, size_t length, struct df_err *err);

/* A window on the source: the mapping (or buffer) that one reader looks through.  One per thread. */
struct df_window {
	const struct df_source *source;
	uint8_t *base;   /* mapping or buffer */
	uint64_t start;  /* offset of base */
	size_t length;   /* valid bytes */
	size_t capacity; /* of the buffer; of a mapping: its length */
	size_t most;     /* bytes that may be asked for at once */
	bool mapped;
	bool no_populate; /* the kernel cannot fill a mapping's page tables at once */
	bool map_failed;  /* this source does not map: stay with reading */
};

/* most ≤ DF_WINDOW_MAX: bytes that will be asked for at once.  Where the source is read a buffer of that size is
 * allocated. */
int df_window_init(struct df_window *window, const struct df_source *source, size_t most);
void df_window_fini(struct df_window *window);

/* From now on a window on another source, which is read and not mapped, as the one before was. */
void df_window_switch(struct df_window *window, const struct df_source *source);

/* Pointer to length bytes at offset, length ≤ window->most, valid until the next call on window; NULL with err set
 * where they cannot be had.  Mapped sources: no copy.  Never maps or reads behind the source's length. */
#define DF_WINDOW_MAX  (512u << 10)
#define DF_WINDOW_COPY (256u << 10) /* what copying asks for */
const uint8_t *df_window_get(struct df_window *window, uint64_t offset, size_t length, struct df_err *err);

#endif
