/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The kernel log as text.  printk() has had three layouts, each with a file of its own here; which one a kernel has is
 * told by the facts that are there:
 *
 *   ring.c     SYMBOL(prb), 5.10+: descriptors, infos, and a ring of text
 *   records.c  SYMBOL(log_first_idx), 3.5 to 5.9: records of any length, one behind the other
 *   text.c     SYMBOL(log_end), up to 3.4: a ring of bytes
 *
 * Everything that is read comes from the crashed machine.  What is damaged is left out and counted, so that the rest of
 * the log is still written.
 */
#ifndef DF_DMESG_DMESG_H
#define DF_DMESG_DMESG_H

#include "io/sink.h"
#include "kdesc/kdesc.h"
#include "xlat/xlat.h"

#define DF_DMESG_OUT (64u << 10)

/* One run that writes the log.  Calling thread only.  Borrows all that it points to but out, which df_dmesg_write()
 * allocates and frees. */
struct df_dmesg {
	struct df_env *env;
	const struct df_kdesc *kernel;
	struct df_walker *walker;
	struct dumpfilter_sink *sink;
	struct df_err *err; /* of what ends the run */
	unsigned word;
	bool big_endian;
	bool partial; /* only what came since the log was cleared */
	bool levels;  /* "<6>" in front of each record */

	uint8_t *out; /* DF_DMESG_OUT bytes; filled up to out_len */
	size_t out_len;
	uint64_t out_at;      /* offset of out in the sink */
	int failed;           /* the sink's first error, or the cancel's */
	bool line_open;       /* the last record's line goes on */
	uint64_t damaged;     /* what had to be left out */
	struct df_err damage; /* what the first of it was */
};

/* One record to be printed.  text is borrowed until it is printed, not terminated, and length counts bytes; ts_nsec are
 * nanoseconds of the crashed machine's clock. */
struct df_dmesg_record {
	uint64_t ts_nsec;
	const uint8_t *text;
	size_t length;
	unsigned priority; /* facility << 3 | level */
	uint32_t caller;   /* thread, or with bit 31 processor */
	bool has_caller;
	bool joins; /* goes on in the line of the one before, if that is open */
	bool open;  /* its line goes on */
};

/* Write the log to dmesg->sink (its owner finishes it).  0; DUMPFILTER_PARTIAL where something was left out, with err
 * set; or an error.  The caller has filled in d's fields from env to levels. */
int df_dmesg_write(struct df_dmesg *dmesg);

/* ---- for the layouts only ---- */

int df_dmesg_ring(struct df_dmesg *dmesg);
int df_dmesg_records(struct df_dmesg *dmesg);
int df_dmesg_text(struct df_dmesg *dmesg);

/* print.c.  All return dmesg->failed. */
int df_dmesg_put(struct df_dmesg *dmesg, const void *bytes, size_t length);
int df_dmesg_print(struct df_dmesg *dmesg, const struct df_dmesg_record *record);
int df_dmesg_flush(struct df_dmesg *dmesg);
/* Something is left out; the first text stays. */
void df_dmesg_damage(struct df_dmesg *dmesg, const char *fmt, ...) DUMPFILTER_PRINTF(2, 3);

/* area.c.  A fact that is needed; false with dmesg->err set (E_NOINFO). */
bool df_dmesg_need(struct df_dmesg *dmesg, enum df_fact fact, uint64_t *value);
/* A number of 4 or 8 bytes in the kernel's memory; an error of dmesg->err says that it is `what`. */
int df_dmesg_number(struct df_dmesg *dmesg, uint64_t vaddr, unsigned width, const char *what, uint64_t *value);
/* [base, base + size) of the kernel's memory, looked at through a buffer.  Where it is read in order, it is read
 * ahead. */
struct df_dmesg_area {
	struct df_walker *walker;
	uint64_t base, size;
	uint8_t *buffer; /* cap bytes: have bytes from offset at on */
	size_t cap, have;
	uint64_t at;
	uint64_t next; /* offset behind the last bytes asked for */
};

/* size is checked: no area is larger than what the image stores.  cap: the longest piece that is asked for, and how
 * much to read ahead.  0, E_CORRUPT or E_NOMEM in dmesg->err. */
int df_dmesg_area_init(struct df_dmesg_area *area, struct df_dmesg *dmesg, uint64_t base, uint64_t size, size_t cap,
		       const char *what);
void df_dmesg_area_fini(struct df_dmesg_area *area); /* also of a zeroed struct */
/* length bytes (at most cap) at offset, valid until the next call; NULL: outside, not mapped, or not in the image. */
const uint8_t *df_dmesg_area_get(struct df_dmesg_area *area, uint64_t offset, size_t length);

#endif
