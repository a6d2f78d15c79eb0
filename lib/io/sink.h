/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where bytes go: a file at offsets, a flattened stream, the caller's callbacks, nowhere. */
#ifndef DF_IO_SINK_H
#define DF_IO_SINK_H

#include "base/env.h"

#define DF_SINK_BYTES (80u << 10) /* more than any sink allocates: the flattened one has a buffer of 64 KiB */

/* What a kind of sink does; constant.  write may come from any thread where the sink has DUMPFILTER_IO_CONCURRENT, the
 * others from the calling thread. */
struct df_sink_ops {
	/* All of buffer at offset; 0, or a DUMPFILTER_E_* with err set. */
	int (*write)(struct dumpfilter_sink *sink, uint64_t offset, const void *buffer, size_t length,
		     struct df_err *err);
	/* What was written is where it stays, as far as can be known.  NULL = nothing to do. */
	int (*flush)(struct dumpfilter_sink *sink, struct df_err *err);
	/* End of the output.  result: of the run.  NULL = nothing to do. */
	int (*finish)(struct dumpfilter_sink *sink, int result, struct df_err *err);
	void (*free)(struct dumpfilter_sink *sink);
	/* Fewest zeros that may be left out as a gap, where offsets are free; UINT64_MAX: they are all written. */
	uint64_t least_gap;
	bool flat; /* the limit is one of the stream, and its own affair */
};

/* One output.  Made by the caller of the library and freed by it; a run borrows it and uses it once.  Offsets and sizes
 * are bytes.  The atomic members are for sinks that several threads write to at the same time. */
struct dumpfilter_sink {
	const struct df_sink_ops *sink_ops;
	struct df_env *env;
	unsigned caps;                 /* DUMPFILTER_IO_* */
	unsigned writers;              /* with CONCURRENT: more at the same time gain nothing; 0 = any number do */
	bool used;                     /* a run has begun on it */
	bool touched;                  /* a byte was written */
	atomic_uint_least64_t bytes;   /* written */
	atomic_uint_least64_t written; /* highest offset that really has a byte + 1: end may lie in a gap */
	atomic_uint_least64_t end;     /* highest offset written to + 1 */
	char name[256];
	bool may_be_empty; /* no bytes at all are a whole output, too: finishing leaves an empty file */
	bool unwanted;     /* what was written is given up with the sink, whatever the result was */
	/* No byte at this offset or behind; of a flattened stream or of one that is not seekable: no more bytes. */
	uint64_t limit;      /* UINT64_MAX = none */
	atomic_bool refused; /* a write did not fit */
	/* Bytes of output that the writer will bring even after a refusal.  A flattened stream has them behind the data
	 * and keeps room for them; where offsets are free the limit has nothing to do with it. */
	uint64_t closing;
	/* Likewise bytes of a header that df_sink_again() may bring; 0 = none. */
	uint64_t head;
};

/* Write, counting; no-op for length 0. */
int df_sink_write(struct dumpfilter_sink *sink, uint64_t offset, const void *buffer, size_t length, struct df_err *err);
/* Let the output have at most `bytes`; before the first write. */
void df_sink_set_limit(struct dumpfilter_sink *sink, uint64_t bytes);
/* The error of a write that the limit refuses. */
int df_sink_refuse(struct dumpfilter_sink *sink, struct df_err *err);
/* A flattened sink: its offsets are not those of the bytes that it sends. */
bool df_sink_is_flat(const struct dumpfilter_sink *sink);
/* As df_sink_write(), and in one record of a flattened stream, up to 1 MiB. */
int df_sink_write_whole(struct dumpfilter_sink *sink, uint64_t offset, const void *buffer, size_t length,
			struct df_err *err);
/* Of a flattened sink, after all other bytes: the first length ones, which begin with what was the first write, follow
 * once more, in order, and with all readers replace what was there. */
int df_sink_again(struct dumpfilter_sink *sink, uint64_t length, struct df_err *err);
/* Of a flattened sink that was not written to: one that takes and refuses the same, and drops it.  NULL: no memory. */
struct dumpfilter_sink *df_sink_flat_twin(const struct dumpfilter_sink *sink);
void df_sink_flat_twin_free(struct dumpfilter_sink *twin);
/* length zero bytes at offset: a gap where the sink has RANDOM, else written. */
int df_sink_zeros(struct dumpfilter_sink *sink, uint64_t offset, uint64_t length, struct df_err *err);
/* Before the mark of the incomplete goes: network file systems report a full disk only then. */
int df_sink_flush(struct dumpfilter_sink *sink, struct df_err *err);
int df_sink_finish(struct dumpfilter_sink *sink, int result, struct df_err *err);

/* Constructors: NULL with err set on failure. */
struct dumpfilter_sink *df_sink_path(struct df_env *env, const char *path, unsigned flags, struct df_err *err);
struct dumpfilter_sink *df_sink_fd(struct df_env *env, int fd, const char *name, struct df_err *err);
struct dumpfilter_sink *df_sink_flat(struct df_env *env, struct dumpfilter_sink *inner, struct df_err *err);
struct dumpfilter_sink *df_sink_custom(struct df_env *env, const struct dumpfilter_sink_ops *ops, void *user,
				       struct df_err *err);
struct dumpfilter_sink *df_sink_null(struct df_env *env, struct df_err *err);
void df_sink_free(struct dumpfilter_sink *sink);

#endif
