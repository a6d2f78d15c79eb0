/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libdumpfilter: turns the memory of a crashed Linux kernel into a small dump.
 *
 * One context is one dump.  Contexts share nothing: any number of them may live in a process, each used by one
 * thread at a time.  Only dumpfilter_cancel() may be called from another thread or from a signal handler.
 *
 *     struct dumpfilter *df = dumpfilter_new(NULL);
 *     struct dumpfilter_config cfg = DUMPFILTER_CONFIG_INIT;
 *     cfg.level = 31;
 *     cfg.codec = DUMPFILTER_CODEC_LZO;
 *     struct dumpfilter_sink *out = dumpfilter_sink_path(df, "dump", 0);
 *     if (!out || dumpfilter_open_path(df, "/proc/vmcore", 0) < 0 || dumpfilter_configure(df, &cfg) < 0 ||
 *         dumpfilter_run(df, out) < 0)
 *             fprintf(stderr, "%s\n", dumpfilter_errmsg(df));
 *     dumpfilter_sink_free(out);
 *     dumpfilter_free(df);
 *
 * Results.  Functions that can fail return an int: DUMPFILTER_OK (0), a positive graded outcome
 * (DUMPFILTER_WARN, DUMPFILTER_PARTIAL) or a negative DUMPFILTER_E_* code.  After a negative result
 * dumpfilter_errmsg() has one line of text that says what failed, where, and what to do about it.
 *
 * Order.  new → open → [configure] → [plan] → run → report.  A call out of order returns
 * DUMPFILTER_E_SEQUENCE and changes nothing.  After plan or run, configure gives up the plan: the same image
 * can be dumped again, in another way and to another sink.  A call that is refused before the first byte is written
 * costs nothing: context and sink are as before.
 *
 * Option structs begin with their own size: use the _INIT macros.  A library older than the caller's header
 * accepts a longer struct only where the bytes it does not know are zero (else DUMPFILTER_E_INVAL).
 *
 * C++.  The header compiles from C++11 on.  Some functions have the name of the struct that they fill, so the struct
 * is always named with its keyword: struct dumpfilter_report report = DUMPFILTER_REPORT_INIT;
 *
 * Threads.  Worker threads exist only inside dumpfilter_plan(), _survey(), _estimate(), _run() and _run_split().  They
 * call the source's and sinks' functions only where these declare DUMPFILTER_IO_CONCURRENT, and the allocator, which
 * must be thread-safe.  Every other callback runs on the thread that called the library.
 */
#ifndef LIBDUMPFILTER_H
#define LIBDUMPFILTER_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define DUMPFILTER_VERSION_MAJOR 0
#define DUMPFILTER_VERSION_MINOR 1
#define DUMPFILTER_VERSION_PATCH 0

#if defined(__GNUC__)
#define DUMPFILTER_API          __attribute__((visibility("default")))
#define DUMPFILTER_PRINTF(a, b) __attribute__((format(printf, a, b)))
#else
#define DUMPFILTER_API
#define DUMPFILTER_PRINTF(a, b)
#endif

struct dumpfilter;      /* one dump: opaque */
struct dumpfilter_sink; /* where output goes: opaque */

/* Structs that callers fill begin with their size.  DUMPFILTER_INIT(name) is struct name with that and zeros, as an
 * initializer in C and as a value in C++; each struct has its own macro, as DUMPFILTER_CONFIG_INIT. */
#ifdef __cplusplus
extern "C++" {
template <typename Struct> inline Struct dumpfilter_sized()
{
	Struct made = Struct();

	made.size = sizeof(Struct);
	return made;
}
}
#define DUMPFILTER_INIT(name) dumpfilter_sized<struct name>()
#else
#define DUMPFILTER_INIT(name)               \
	{                                   \
		.size = sizeof(struct name) \
	}
#endif

/* ------------------------------------------------------------------------------------------------ results */

enum dumpfilter_result {
	DUMPFILTER_OK = 0,
	DUMPFILTER_WARN = 1,    /* complete, but larger than asked: a part of the image could not be judged and is kept
				   (see the log) */
	DUMPFILTER_PARTIAL = 2, /* an output that opens was written, but pages are missing: see the report */

	DUMPFILTER_E_NOMEM = -1,        /* out of memory, or over the memory limit */
	DUMPFILTER_E_INVAL = -2,        /* an argument or option is wrong */
	DUMPFILTER_E_SEQUENCE = -3,     /* the call does not fit the state of the context */
	DUMPFILTER_E_IO = -4,           /* reading or writing failed */
	DUMPFILTER_E_NOSPACE = -5,      /* the output is full */
	DUMPFILTER_E_EXISTS = -6,       /* the output exists and DUMPFILTER_SINK_OVERWRITE was not given */
	DUMPFILTER_E_FORMAT = -7,       /* the input is nothing this library reads */
	DUMPFILTER_E_CORRUPT = -8,      /* the input contradicts itself */
	DUMPFILTER_E_TRUNCATED = -9,    /* the input ends too early */
	DUMPFILTER_E_UNSUPPORTED = -10, /* not in this build, or not for this input */
	DUMPFILTER_E_NOINFO = -11,      /* the level needs facts about the kernel that the input lacks */
	DUMPFILTER_E_CANCELLED = -12, /* dumpfilter_cancel() before anything was written; from rearrange: also later */
	DUMPFILTER_E_NODATA = -13,    /* the address is not in the image (translation, holes) */
	DUMPFILTER_E_OTHER_KERNEL = -14, /* what was given about the kernel is of another one than the image's */
	DUMPFILTER_E_LOST = -15,         /* the page was lost when the input was made */
};

/* A fixed English name for a result code; never NULL, never freed. */
DUMPFILTER_API const char *dumpfilter_strerror(int result);

/* ------------------------------------------------------------------------------------------------ context */

struct dumpfilter_new_opts {
	size_t size; /* sizeof this struct */
	/* Allocator; all NULL for malloc and free.  Must be thread-safe. */
	void *(*alloc)(void *user, size_t bytes);
	void (*free)(void *user, void *ptr);
	void *alloc_user;
};
#define DUMPFILTER_NEW_OPTS_INIT DUMPFILTER_INIT(dumpfilter_new_opts)

/* A new context, or NULL where there is no memory or opts is wrong.  opts may be NULL. */
DUMPFILTER_API struct dumpfilter *dumpfilter_new(const struct dumpfilter_new_opts *opts);

/* Close and free.  Sinks made with this context must be freed before.  NULL is fine. */
DUMPFILTER_API void dumpfilter_free(struct dumpfilter *df);

/* Text of the last error on this context: one line, no newline, empty where there was none.  A call that does something
 * begins without one; calls that only tell what is known (report, piece, image_info, plan_count, plan_kept,
 * plan_foreach, fact_foreach, explain) leave it alone where they succeed.  Valid until the next call on the context. */
DUMPFILTER_API const char *dumpfilter_errmsg(const struct dumpfilter *df);

/* Its code, DUMPFILTER_E_*: also of what returns NULL instead of a code (sinks).  0 where there was no error. */
DUMPFILTER_API int dumpfilter_errcode(const struct dumpfilter *df);

enum dumpfilter_log_level {
	DUMPFILTER_LOG_ERROR = 0,
	DUMPFILTER_LOG_WARN = 1,
	DUMPFILTER_LOG_INFO = 2,
	DUMPFILTER_LOG_DEBUG = 3,
};

/* Receives one line of text, without newline, valid during the call. */
typedef void (*dumpfilter_log_fn)(void *user, int level, const char *line);
/* Lines up to max_level go to fn; NULL turns logging off (the default). */
DUMPFILTER_API void dumpfilter_set_log(struct dumpfilter *df, dumpfilter_log_fn fn, void *user, int max_level);

enum dumpfilter_phase {
	DUMPFILTER_PHASE_PLAN = 0,      /* classifying page frames; unit: page frames */
	DUMPFILTER_PHASE_ZERO = 1,      /* ELF output, or a survey: looking for zero pages; unit: kept pages */
	DUMPFILTER_PHASE_COPY = 2,      /* copying pages, or looking at some for an estimate; unit: kept pages */
	DUMPFILTER_PHASE_REARRANGE = 3, /* dumpfilter_rearrange; unit: bytes read, total 0 where not known */
};

struct dumpfilter_progress {
	int phase;          /* enum dumpfilter_phase */
	uint64_t done;      /* units done */
	uint64_t total;     /* units in all, 0 = not known */
	uint64_t bytes_in;  /* bytes of pages (or of the stream) read in this phase */
	uint64_t bytes_out; /* bytes handed to the sink in this phase */
};

/* Called at the start and at the end of each phase and between batches of pages, at most once a batch.  How often
 * it is shown is up to the callee. */
typedef void (*dumpfilter_progress_fn)(void *user, const struct dumpfilter_progress *p);
DUMPFILTER_API void dumpfilter_set_progress(struct dumpfilter *df, dumpfilter_progress_fn fn, void *user);

/* Ask what is running to stop soon.  Async-signal-safe; may be called from any thread; holds until close.  What was
 * written stays and opens: run returns DUMPFILTER_PARTIAL (or DUMPFILTER_E_CANCELLED before the first byte, as plan,
 * survey and estimate do at any time). */
DUMPFILTER_API void dumpfilter_cancel(struct dumpfilter *df);

/* ------------------------------------------------------------------------------------------------ input */

/* How a file is read.  By default the quicker way: files of procfs (/proc/vmcore) are mapped, others read with pread().
 * NO_MMAP: always pread().  MMAP: any regular file is mapped; one that shrinks while it is open can raise SIGBUS then,
 * as with any mapping (/proc/vmcore does not shrink).  Where a mapping cannot be had the file is read.  Not both. */
#define DUMPFILTER_OPEN_NO_MMAP 1u
#define DUMPFILTER_OPEN_MMAP    2u

/* Open a memory image.  Recognised by content: ELF64 vmcore (/proc/vmcore, QEMU dump-guest-memory), a dump that was
 * filtered before (ELF64 or kdump-compressed), and flattened streams of these in a file.  On failure the context stays
 * as it was.  With callbacks, user must stay valid until dumpfilter_close(). */
DUMPFILTER_API int dumpfilter_open_path(struct dumpfilter *df, const char *path, unsigned flags);

/* fd stays the caller's and must stay open until dumpfilter_close(); its file position is not used. */
DUMPFILTER_API int dumpfilter_open_fd(struct dumpfilter *df, int fd, const char *name, unsigned flags);

/* Back to the state after dumpfilter_new(); configuration and callbacks stay. */
DUMPFILTER_API void dumpfilter_close(struct dumpfilter *df);

/* ------------------------------------------------------------------------------------------------ configure */

enum dumpfilter_level_bit {
	DUMPFILTER_LEVEL_ZERO = 1,          /* pages filled with zero */
	DUMPFILTER_LEVEL_CACHE = 2,         /* page cache without private data */
	DUMPFILTER_LEVEL_CACHE_PRIVATE = 4, /* all page cache */
	DUMPFILTER_LEVEL_USER = 8,          /* anonymous and hugetlb pages */
	DUMPFILTER_LEVEL_FREE = 16,         /* free pages */
	DUMPFILTER_LEVEL_MAX = 31,
};

enum dumpfilter_format {
	DUMPFILTER_FORMAT_KDUMP = 0, /* kdump-compressed, header version 6 */
	DUMPFILTER_FORMAT_ELF = 1,
};

enum dumpfilter_codec {
	DUMPFILTER_CODEC_NONE = 0,
	DUMPFILTER_CODEC_ZLIB = 1,
	DUMPFILTER_CODEC_LZO = 2,
	DUMPFILTER_CODEC_SNAPPY = 3,
	DUMPFILTER_CODEC_ZSTD = 4,
	DUMPFILTER_CODEC_INPUT = 100, /* in a configuration: what the input was compressed with; NONE for ELF */
};

/* Leave out also page frames that hold nothing but struct pages of frames that are left out: on large machines most of
 * what is left at level 31.  Readers of such a dump cannot list all pages (crash: kmem -p, kmem -i). */
#define DUMPFILTER_EXCLUDE_VMEMMAP 1u

/* Keep every page that the input stores, and judge nothing: for putting split dumps together and for changing the
 * format or the codec.  Nothing need be known about the kernel.  The level may be 0 or 1. */
#define DUMPFILTER_COPY_ALL 2u

struct dumpfilter_config {
	size_t size; /* sizeof this struct */
	int level;   /* dump level, 0…31 */
	int format;  /* enum dumpfilter_format */
	int codec;   /* enum dumpfilter_codec; DUMPFILTER_FORMAT_ELF takes only NONE */
	/* Threads that work at the same time; 0 = as many as CPUs may be used and have enough to do. */
	unsigned threads;
	/* Bytes that the context may allocate.  0 = half of what is left when planning begins, by MemAvailable, by the
	 * control groups and by the resource limits of the process; DUMPFILTER_MEMORY_UNLIMITED = no limit.  Where it
	 * is short: fewer threads; then the plan is made again piece by piece instead of being remembered; then
	 * DUMPFILTER_E_NOMEM before the output is touched, with the number of bytes that are needed (the
	 * default limit is dropped instead). */
	size_t memory_limit;
	unsigned flags; /* DUMPFILTER_EXCLUDE_VMEMMAP, DUMPFILTER_COPY_ALL or 0 */
	/* Of the codec: zlib 1…9 (builds with libdeflate: …12), zstd -131072…22 (0 is none of them), the others have
	 * none. 0 = default: the quickest, 1.  Where the input was compressed with the same codec its data is copied,
	 * unless a level is given. */
	int compression_level;
};

#define DUMPFILTER_MEMORY_UNLIMITED SIZE_MAX
#define DUMPFILTER_CONFIG_INIT      DUMPFILTER_INIT(dumpfilter_config)

/* Copies cfg.  In any state.  After plan or run it gives up the plan and the report; plan and run may then be called
 * as after open, with the same results (a run that found no room can be repeated at another level). */
DUMPFILTER_API int dumpfilter_configure(struct dumpfilter *df, const struct dumpfilter_config *cfg);

/* ------------------------------------------------------------------------------------------------ output */

#define DUMPFILTER_SINK_OVERWRITE 1u /* an existing file may be replaced; it is truncated at the first byte */

/* Sinks.  NULL on failure, text in dumpfilter_errmsg(df).  A sink takes one output, and belongs to the caller.
 * path: created with mode 0600 at once, so that an unwritable place is found early; a file that this call
 * created and nothing was written to is removed again by dumpfilter_sink_free(). */
DUMPFILTER_API struct dumpfilter_sink *dumpfilter_sink_path(struct dumpfilter *df, const char *path, unsigned flags);

/* fd stays the caller's.  A regular file or block device is written at offsets, anything else as a stream. */
DUMPFILTER_API struct dumpfilter_sink *dumpfilter_sink_fd(struct dumpfilter *df, int fd, const char *name);

/* Flattened stream into inner, in order, never seeking.  inner stays the caller's and must outlive this. */
DUMPFILTER_API struct dumpfilter_sink *dumpfilter_sink_flat(struct dumpfilter *df, struct dumpfilter_sink *inner);

DUMPFILTER_API void dumpfilter_sink_free(struct dumpfilter_sink *sink);

/* ------------------------------------------------------------------------------------------------ plan, run, report */

enum dumpfilter_class {
	DUMPFILTER_CLASS_KEEP = 0, /* nothing the kernel says would leave it out */
	DUMPFILTER_CLASS_CACHE = 1,
	DUMPFILTER_CLASS_CACHE_PRIVATE = 2,
	DUMPFILTER_CLASS_USER = 3,
	DUMPFILTER_CLASS_FREE = 4,
	DUMPFILTER_CLASS_HWPOISON = 5,
	DUMPFILTER_CLASS_OFFLINE = 6,
	DUMPFILTER_CLASS_COUNT = 7,
};

/* Classify every page frame: reads only the kernel's page structures.  Returns OK, WARN (something could not be
 * judged and is kept; the log says what) or an error. */
DUMPFILTER_API int dumpfilter_plan(struct dumpfilter *df);

/* Plan (unless done), then copy the kept pages to sink.  Returns OK, WARN, PARTIAL (the report says what is missing;
 * dumpfilter_errmsg() says why) or an error (no usable output).  Once per open or configure. */
DUMPFILTER_API int dumpfilter_run(struct dumpfilter *df, struct dumpfilter_sink *sink);

struct dumpfilter_report {
	size_t size; /* in: sizeof this struct */
	int result;  /* of run */
	int level;   /* in force */
	uint64_t max_pfn;
	uint64_t present_pages;           /* distinct frames of the image below max_pfn */
	uint64_t class_pages[8];          /* by enum dumpfilter_class, left out or not */
	uint64_t excluded_pages[8];       /* by enum dumpfilter_class: left out at this level */
	uint64_t zero_pages;              /* kept frames found to be filled with zero (level bit 1) */
	uint64_t kept_pages;              /* frames that the plan keeps, zero pages included, vmemmap_pages not */
	uint64_t written_pages;           /* frames that are in the output */
	uint64_t lost_pages;              /* frames that should be in the output and are not */
	uint64_t unreadable_pages;        /* of these: could not be read */
	uint64_t doubtful_pages;          /* frames kept because the evidence was not consistent */
	uint64_t unreadable_memmap_pages; /* frames kept because their struct page could not be read */
	uint64_t beyond_memmap_pages;     /* frames behind the kernel's memory map, left out */
	uint64_t elf_written_pages;       /* ELF: frames in the output, with those kept only to avoid small gaps */
	uint64_t bytes_out;               /* handed to the sinks */
	uint64_t output_size;             /* end of the output file; of a split dump: of all, added up */
	double plan_seconds, copy_seconds;
	unsigned threads;     /* in force */
	uint64_t peak_memory; /* bytes allocated by this context at most */
	/* Frames left out for DUMPFILTER_EXCLUDE_VMEMMAP; class_pages counts them as DUMPFILTER_CLASS_KEEP. */
	uint64_t vmemmap_pages;
	int cause;                  /* DUMPFILTER_E_*: why the result is DUMPFILTER_PARTIAL; else 0 */
	int codec;                  /* enum dumpfilter_codec in force */
	uint64_t lost_before_pages; /* of lost_pages: lost already when the input was made (kdump-compressed output) */
	/* Of a survey: frames that the image describes and does not store, by what their page structures say.  KEEP:
	 * kernel data (zeros that an ELF file left out, lost pages), or nothing is known of them. */
	uint64_t absent_pages[8];
};
#define DUMPFILTER_REPORT_INIT DUMPFILTER_INIT(dumpfilter_report)

/* After plan (copy fields 0) or run. */
DUMPFILTER_API int dumpfilter_report(struct dumpfilter *df, struct dumpfilter_report *report);

/* ------------------------------------------------------------------------------------------------ kernel log */

#define DUMPFILTER_DMESG_PARTIAL 1u /* only what came since the log was cleared (dmesg --clear) */
#define DUMPFILTER_DMESG_LEVELS  2u /* facility and level in front of each record, as in "<6>" */

struct dumpfilter_dmesg_opts {
	size_t size;    /* sizeof this struct */
	unsigned flags; /* DUMPFILTER_DMESG_* */
};
#define DUMPFILTER_DMESG_OPTS_INIT DUMPFILTER_INIT(dumpfilter_dmesg_opts)

/* Write the log of the crashed kernel as text, in order, so that any sink will do.  Needs VMCOREINFO and page tables,
 * no memory map and no plan.  opts may be NULL.  Returns OK; PARTIAL where a part of the log is damaged or not in the
 * image (the rest is written, dumpfilter_errmsg() says what is missing) or where writing ended early; or an error:
 * nothing was written.  After open, as often as wanted, each time with a sink of its own. */
DUMPFILTER_API int dumpfilter_dmesg(struct dumpfilter *df, const struct dumpfilter_dmesg_opts *opts,
				    struct dumpfilter_sink *sink);

/* What stands above is what a collector needs that dumps one file.  The rest follows by subject. */

/* ------------------------------------------------------------------------------------------------ what this library
 * can do */

/* "MAJOR.MINOR.PATCH" of the library that is running. */
DUMPFILTER_API const char *dumpfilter_version(void);

/* 1 where this build has the codec, else 0. */
DUMPFILTER_API int dumpfilter_codec_available(int codec);

/* "none", "zlib", "lzo", "snappy", "zstd"; NULL for a number that is no codec. */
DUMPFILTER_API const char *dumpfilter_codec_name(int codec);

/* ------------------------------------------------------------------------------------------------ input through
 * functions of the caller */

#define DUMPFILTER_IO_CONCURRENT 1u /* may be called by several threads at once */
#define DUMPFILTER_IO_RANDOM     2u /* sink: any offset, any order, gaps read as zeros */
#define DUMPFILTER_IO_REWRITE    4u /* sink: a range may be written again */

struct dumpfilter_source_ops {
	size_t size;   /* sizeof this struct */
	unsigned caps; /* DUMPFILTER_IO_CONCURRENT or 0 */
	/* Read up to len bytes at offset into buf.  Returns bytes read (fewer are asked for again), 0 at the end,
	 * or -errno. */
	int64_t (*read)(void *user, uint64_t offset, void *buf, size_t len);
	uint64_t length;  /* bytes in all; UINT64_MAX where not known */
	const char *name; /* for messages; copied; may be NULL */
};
#define DUMPFILTER_SOURCE_OPS_INIT DUMPFILTER_INIT(dumpfilter_source_ops)

DUMPFILTER_API int dumpfilter_open(struct dumpfilter *df, const struct dumpfilter_source_ops *ops, void *user);

/* ------------------------------------------------------------------------------------------------ input in pieces */

#define DUMPFILTER_PIECES_MAX 1024u

/* Open the n pieces of a split dump as one image, in any order: all of them, which is checked, and none twice.
 * DUMPFILTER_E_INVAL names what is missing, E_FORMAT and E_CORRUPT the file that is none of them. */
DUMPFILTER_API int dumpfilter_open_paths(struct dumpfilter *df, const char *const *paths, unsigned n, unsigned flags);

/* As dumpfilter_open_paths(), of callbacks: ops[i] is called with user[i].  Where one is not DUMPFILTER_IO_CONCURRENT
 * none is called concurrently. */
DUMPFILTER_API int dumpfilter_open_pieces(struct dumpfilter *df, const struct dumpfilter_source_ops *const *ops,
					  void *const *user, unsigned n);

/* ------------------------------------------------------------------------------------------------ what is known about
 * the image */

/* What is known about the image; pointers valid until close.  After open. */
struct dumpfilter_image_info {
	size_t size;             /* in: sizeof this struct */
	const char *format;      /* "ELF64", "kdump-compressed" */
	const char *machine;     /* "x86_64", "s390x", … or "unknown" */
	const char *osrelease;   /* "" where not known */
	const char *build_id;    /* hex digits or "" */
	uint32_t page_size;      /* bytes */
	uint32_t word_bits;      /* 32 or 64 */
	uint32_t big_endian;     /* 0 or 1 */
	uint32_t cpus;           /* NT_PRSTATUS notes */
	uint64_t max_pfn;        /* first page frame number behind the last memory */
	uint64_t present_pages;  /* distinct page frames that the image describes */
	uint32_t has_vmcoreinfo; /* 0 or 1 */
	uint32_t truncated;      /* 1: the file (or stream) ends before the memory that its headers promise */
	uint32_t level;          /* dump level that the input was made with; its bits are in force, too */
	uint32_t can_filter;     /* 1: pages can be told apart; 0: all are kept (dumpfilter_explain() says why) */
};
#define DUMPFILTER_IMAGE_INFO_INIT DUMPFILTER_INIT(dumpfilter_image_info)

DUMPFILTER_API int dumpfilter_image_info(struct dumpfilter *df, struct dumpfilter_image_info *info);

/* Calls fn for each known fact: its VMCOREINFO spelling ("OFFSET(page.flags)"), value, and where it came from
 * ("note", "text", "known layout", "derived").  After open. */
typedef void (*dumpfilter_fact_fn)(void *user, const char *name, uint64_t value, const char *origin);
DUMPFILTER_API int dumpfilter_fact_foreach(struct dumpfilter *df, dumpfilter_fact_fn fn, void *user);

/* Calls fn with lines of text: which rule recognises each class of page in this kernel, and why; which are off and
 * which facts they miss.  After open. */
typedef void (*dumpfilter_line_fn)(void *user, const char *line);
DUMPFILTER_API int dumpfilter_explain(struct dumpfilter *df, dumpfilter_line_fn fn, void *user);

/* The physical address that the crashed kernel had at a virtual one, by its page tables or, where the machine has such,
 * by a linear mapping.  The image may lack that memory all the same.  DUMPFILTER_E_NODATA: it is not mapped,
 * or can be no address of the kernel; DUMPFILTER_E_NOINFO and others: the page tables were not found (errmsg says why).
 * *paddr is set on success only.  After open. */
DUMPFILTER_API int dumpfilter_translate(struct dumpfilter *df, uint64_t vaddr, uint64_t *paddr);

/* Physical memory [paddr, paddr + bytes) is to count as not in the image: not described, not read, in no number and in
 * no output (what is reserved for a capture kernel, seen from the running one).  ELF input only, else
 * DUMPFILTER_E_UNSUPPORTED; DUMPFILTER_E_INVAL where nothing would be left.  After open, before plan, as often as
 * wanted; what is known about the image is found out again.  After an error all is as before. */
DUMPFILTER_API int dumpfilter_cut(struct dumpfilter *df, uint64_t paddr, uint64_t bytes);

/* ------------------------------------------------------------------------------------------------ facts about the
 * kernel from elsewhere */

/* Kernel facts from a VMCOREINFO text (OSRELEASE=… lines) beside the image.  What it says of layouts and addresses goes
 * before the image's own note, numbers of the note before its.  Addresses may be as the kernel was linked, or of a
 * kernel that was running: they are moved to where the image's kernel is.  After open, before plan; replaces what an
 * earlier call gave.  text: len bytes, copied.  DUMPFILTER_E_OTHER_KERNEL: it is of another kernel; all is as before
 * the call, as after any error. */
DUMPFILTER_API int dumpfilter_add_vmcoreinfo(struct dumpfilter *df, const char *text, size_t len);

/* The same from debug information: path names the kernel's vmlinux, or the debug file that was split from it.  Enough
 * for an image without VMCOREINFO, where KASLR does not hide the kernel (x86_64: it is found all the same).  It is
 * compared with the image by build id, else by the kernel's version text.  flags: 0.  DUMPFILTER_E_UNSUPPORTED where
 * this build does not read debug information.  The file is read through libelf and libdw, whose memory (some MiB) is
 * not counted, and which may end the process where they get none: only give files that are trusted, and do not change
 * them meanwhile. */
DUMPFILTER_API int dumpfilter_add_vmlinux(struct dumpfilter *df, const char *path, unsigned flags);

/* Write what a vmlinux says as VMCOREINFO text, addresses as linked, for dumpfilter_add_vmcoreinfo() where the vmlinux
 * is not at hand.  In order, so that any sink will do.  In any state of the context; needs no image. */
DUMPFILTER_API int dumpfilter_write_vmcoreinfo(struct dumpfilter *df, const char *vmlinux,
					       struct dumpfilter_sink *sink);

/* VMCOREINFO from the image's own memory: the ELF note of that name among len bytes at a physical address, as
 * /sys/kernel/vmcoreinfo tells them, for a /proc/kcore without that note (Linux before 4.19).  A note that the image
 * has goes before it.  After open, before plan.  After an error all is as before. */
DUMPFILTER_API int dumpfilter_add_vmcoreinfo_at(struct dumpfilter *df, uint64_t paddr, size_t len);

/* ------------------------------------------------------------------------------------------------ what a plan says */

/* Page frames of a class (present in the image; each frame is counted once, in the first class that fits in the order
 * free, cache, private cache, user, hwpoison, offline).  After plan. */
DUMPFILTER_API int dumpfilter_plan_count(struct dumpfilter *df, int cls, uint64_t *pages);

/* Page frames that a level would keep (zero pages are not looked for: bit 1 makes no difference), those included that
 * DUMPFILTER_EXCLUDE_VMEMMAP leaves out: how many that are, the report says for the configured level.  After plan. */
DUMPFILTER_API int dumpfilter_plan_kept(struct dumpfilter *df, int level, uint64_t *pages);

/* Calls fn for each run of kept page frames [first, first + count) in ascending order; a non-zero return of fn stops
 * and is returned.  After plan.  (Writing ELF at a level with bit 1 takes the pages of zeros out.) */
typedef int (*dumpfilter_range_fn)(void *user, uint64_t first_pfn, uint64_t count);
DUMPFILTER_API int dumpfilter_plan_foreach(struct dumpfilter *df, dumpfilter_range_fn fn, void *user);

/* ------------------------------------------------------------------------------------------------ without output */

/* Plan (unless done), then read every page that the plan keeps, in threads, and write nothing: dumpfilter_report() has
 * zero_pages (at any level), unreadable_pages and absent_pages afterwards.  What else it tells of copying stays 0.
 * Returns OK, WARN as plan does, PARTIAL where pages could not be read, or an error.  As often as wanted; run is
 * possible afterwards. */
DUMPFILTER_API int dumpfilter_survey(struct dumpfilter *df);

#define DUMPFILTER_ESTIMATE_FLAT 1u /* of the flattened stream instead of the file */

struct dumpfilter_estimate_opts {
	size_t size;    /* sizeof this struct */
	unsigned flags; /* DUMPFILTER_ESTIMATE_FLAT or 0 */
	/* Pages to look at; UINT64_MAX = all.  0: one of 64, but at least 4096 and at most 65536; of ELF with level bit
	 * 1, where neighbours must be looked at, too: 4096, or all of up to 65536. */
	uint64_t max_pages;
};
#define DUMPFILTER_ESTIMATE_OPTS_INIT DUMPFILTER_INIT(dumpfilter_estimate_opts)

struct dumpfilter_estimate {
	size_t size;            /* in: sizeof this struct */
	uint64_t bytes;         /* that the output would most likely have */
	uint64_t low, high;     /* two standard errors below and above: 19 of 20 outputs should be inside */
	uint64_t sampled_pages; /* pages that were looked at … */
	/* … of this many.  Where both are the same nothing is extrapolated, but for the number of records of a
	 * flattened stream and of program headers, a few bytes in 100000. */
	uint64_t pages;
};
#define DUMPFILTER_ESTIMATE_INIT DUMPFILTER_INIT(dumpfilter_estimate)

/* Plan (unless done), then say how large the output of run would be, with the level, format and codec that are
 * configured.  What follows from the plan is exact; what the pages take is extrapolated from groups of them that are
 * spread evenly, so the same image gives the same numbers, whatever the threads.  Where contents do not matter (no
 * codec and no level bit 1) no page is read.  opts may be NULL.  Returns OK, WARN as plan does, or an error.  As often
 * as wanted; run is possible afterwards. */
DUMPFILTER_API int dumpfilter_estimate(struct dumpfilter *df, const struct dumpfilter_estimate_opts *opts,
				       struct dumpfilter_estimate *estimate);

/* ------------------------------------------------------------------------------------------------ other sinks, and
 * limits */

struct dumpfilter_sink_ops {
	size_t size;   /* sizeof this struct */
	unsigned caps; /* DUMPFILTER_IO_*.  Without RANDOM offsets only ever follow one another from 0 on */
	/* Write all of buf at offset; 0 or -errno. */
	int (*write)(void *user, uint64_t offset, const void *buf, size_t len);
	/* All has been written (result OK or WARN), or the run ended early (PARTIAL or negative): 0 or -errno.
	 * Called once, and not where nothing was written.  May be NULL. */
	int (*finish)(void *user, int result);
	const char *name; /* for messages; copied; may be NULL */
};
#define DUMPFILTER_SINK_OPS_INIT DUMPFILTER_INIT(dumpfilter_sink_ops)

DUMPFILTER_API struct dumpfilter_sink *dumpfilter_sink_custom(struct dumpfilter *df,
							      const struct dumpfilter_sink_ops *ops, void *user);

/* Counts bytes and drops them (dry run). */
DUMPFILTER_API struct dumpfilter_sink *dumpfilter_sink_null(struct dumpfilter *df);

/* Limit the output to `bytes`, before anything is written.  A file ends there at the latest (gaps count), a stream has
 * no more bytes.  For a flattened sink the size of the stream counts, and a whole one needs a limit up to 2,200 bytes
 * above its size.  If a group of pages (256 KiB) does not fit, all of it may be missing.  A write beyond the limit
 * fails as on a full disk: dumpfilter_run() returns DUMPFILTER_PARTIAL with an output that opens and is
 * marked incomplete (its index is complete, a stream has its end record), or DUMPFILTER_E_NOSPACE, before anything is
 * written, where not even headers and index have room. */
DUMPFILTER_API int dumpfilter_sink_limit(struct dumpfilter *df, struct dumpfilter_sink *sink, uint64_t bytes);

/* 1 where that limit refused something, else 0: what is full is not the disk. */
DUMPFILTER_API int dumpfilter_sink_at_limit(const struct dumpfilter_sink *sink);

/* Give up what was written: dumpfilter_sink_free() then removes a file that dumpfilter_sink_path() created, and empties
 * one that was there before.  Other sinks stay as they are.  After a run that found no room, before the next one. */
DUMPFILTER_API void dumpfilter_sink_discard(struct dumpfilter_sink *sink);

/* ------------------------------------------------------------------------------------------------ output in pieces */

struct dumpfilter_split_opts {
	size_t size; /* sizeof this struct */
	/* Pieces begin at multiples of so many bytes of memory; whole pages; 0 = 64 pages, of which it becomes a
	 * multiple in any case, as crash asks for that. */
	uint64_t block_bytes;
};
#define DUMPFILTER_SPLIT_OPTS_INIT DUMPFILTER_INIT(dumpfilter_split_opts)

/* As dumpfilter_run(), into n pieces (2 to DUMPFILTER_PIECES_MAX) of about the same size, all written at the same time:
 * each has the headers and the index of bits of the whole dump, and the data of a range of page frames.  Only for
 * DUMPFILTER_FORMAT_KDUMP.  sinks: n different ones; opts may be NULL.  The result is that of the whole: where one
 * piece takes no more, the others are written nevertheless, all are marked incomplete, and the result is PARTIAL.  Put
 * together the pieces are what dumpfilter_run() would have written (dumpfilter_open_paths() and DUMPFILTER_COPY_ALL).
 */
DUMPFILTER_API int dumpfilter_run_split(struct dumpfilter *df, struct dumpfilter_sink *const *sinks, unsigned n,
					const struct dumpfilter_split_opts *opts);

struct dumpfilter_piece {
	size_t size;                 /* in: sizeof this struct */
	int result;                  /* of this piece; negative: nothing that opens */
	uint64_t start_pfn, end_pfn; /* its page frames: [start_pfn, end_pfn) */
	uint64_t kept_pages;         /* of these: frames that the plan keeps */
	uint64_t written_pages;      /* of these: frames that are in the piece */
	uint64_t bytes_out;          /* handed to its sink */
	uint64_t output_size;        /* end of the output file */
};
#define DUMPFILTER_PIECE_INIT DUMPFILTER_INIT(dumpfilter_piece)

/* Piece number i of dumpfilter_run_split(), in the order of sinks, which is that of memory.  After that. */
DUMPFILTER_API int dumpfilter_piece(struct dumpfilter *df, unsigned i, struct dumpfilter_piece *piece);

/* ------------------------------------------------------------------------------------------------ rearrange */

/* Turn a flattened stream into a normal file: reads fd from where it stands, without seeking, up to the end record.
 * At an early end (or a cancel) the sink holds what arrived (of kdump no torn page descriptor), with the incomplete
 * mark set where the format has one, and the result is DUMPFILTER_E_TRUNCATED (E_CANCELLED).  What is not flattened is
 * refused before anything is written (DUMPFILTER_E_FORMAT).  sink must have DUMPFILTER_IO_RANDOM.  In any state of the
 * context. */
DUMPFILTER_API int dumpfilter_rearrange(struct dumpfilter *df, int fd, const char *name, struct dumpfilter_sink *sink);

#ifdef __cplusplus
}
#endif
#endif
