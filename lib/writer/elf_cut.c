/* SPDX-License-Identifier: LGPL-2.1-or-later */
#if 0 /* cut in the next commit */
/*
 * ELF: the input's loads, cut where at least GAP pages in a row are left out.  What is left out is always the tail of
 * a load (memsz > filesz); shorter gaps are written with their contents.  Data follows the notes without alignment and
 * p_align is copied: crash tells kdump's files by that.
 *
 * A fragmented machine has a segment for each few hundred pages, so they are never listed: each pass over them
 * (counting, headers, data) cuts the loads again.
 */
#include "format/elf.h"
#include "base/bits.h"
#include "base/bytes.h"
#include "base/pool.h"
#include "writer/elf_estimate.h"
#include "writer/writer.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define GAP     256u
#define CUT_MAX 100000u
#define PIECE   DF_WINDOW_COPY /* bytes copied at once */
#define SEEN    (1u << 27)     /* frames in more than one load: no honest image has as many; then some count twice */

struct segment {
	uint64_t paddr, vaddr, memsz, filesz, offset, align;
	uint32_t flags;
};

struct piece {
	uint64_t paddr, offset;
	size_t len;
	bool ends;        /* the data of its segment */
	uint64_t lost[2]; /* a bit for each frame from the first on: kept, but could not be read */
	uint8_t *buf;
	char why[DF_ERR_TEXT];
};

/* Where cutting stands: at a load, and in it. */
struct cut {
	size_t load;
	bool inside;
	uint64_t start;    /* of the segment under way */
	uint64_t data_end; /* behind its last kept byte so far */
	uint64_t kept;     /* behind its last kept frame so far */
	uint64_t offset;   /* of the next data in the file */
	uint64_t n;        /* segments so far */
};

struct frames {
	uint64_t first, end;
	uint64_t bit; /* of first, in elf.seen */
};

struct elf {
	const struct df_output *o;
	struct df_written *done;
	struct df_elf_header h;
	uint64_t nseg;
	uint64_t shdr_at, note_at, data_at; /* file offsets */
	uint8_t *erased;                    /* a note that the input lacks, behind those that it has … */
	size_t erased_len;                  /* … and its bytes, 0 = none */
	/* copying */
	unsigned workers, nslots;
	struct df_reader *readers;
	struct piece *slots;
	struct df_pageset lost; /* kept frames that could not be read: overlapping loads hold them twice */
	struct cut cut;         /* make: segment … */
	struct segment seg;     /* … which is this, */
	uint64_t at_byte;       /* … and byte of it */
	uint64_t total, copied, lost_lines;
	uint64_t written; /* data of segments up to here (file offset) is in the sink */
	/* counting each frame once, although loads overlap */
	struct frames *shared; /* sorted: frames of more than one load */
	size_t nshared;
	uint64_t *seen; /* a bit for each of them: it is counted */
};

/* ---- layout */

/* The segment that ends at memory address to. */
static void end_segment(struct cut *c, const struct df_load *l, uint64_t to, bool cut, struct segment *s)
{
	*s = (struct segment){
		.paddr = c->start,
		.vaddr = l->vaddr + (c->start - l->paddr),
		.memsz = to - c->start,
		.filesz = c->data_end - c->start,
		.align = l->align,
		.flags = l->flags,
	};
	/* a load that is all gap has offset 0, but for the last one of its range: as makedumpfile writes it */
	s->offset = !s->filesz && cut ? 0 : c->offset;
	c->offset += s->filesz;
	c->n++;
}

/* Pages that an earlier dump has left out: what was in them is not known. */
static bool lacks(const struct df_image *img, uint64_t first, uint64_t end)
{
	return img->frame_shift && df_pageset_count_range(&img->stored_set, first, end) < end - first;
}

/* A gap with pages that must not be read, or cannot be, is left out however short it is, unless that would make
 * absurdly many loads (a balloon in single pages): then zeros stand for them. */
static bool must_cut(const struct elf *e, const struct cut *c, uint64_t end)
{
	return c->kept < end && c->n < CUT_MAX &&
	       (df_pageset_count_range(e->o->forbidden, c->kept, end) || lacks(e->o->image, c->kept, end));
}

static void enter_load(struct cut *c, const struct df_load *l, unsigned shift)
{
	uint64_t stop = l->paddr + l->memsz;

	c->inside = true;
	c->start = c->data_end = l->paddr;
	c->kept = l->paddr >> shift;
	/* a frame that the load begins inside of is never left out */
	if (l->paddr & ((UINT64_C(1) << shift) - 1)) {
		c->kept++;
		c->data_end = c->kept << shift < stop ? c->kept << shift : stop;
	}
}

/* The next segment; false = no more.  c: zeroed at first, but for offset. */
static bool next_segment(const struct elf *e, struct cut *c, struct segment *s)
{
	const struct df_load *l = &e->o->image->loads[c->load];
	unsigned shift = e->o->page_shift;
	uint64_t stop, limit, a, b;

	if (c->load == e->o->image->nloads)
		return false;
	if (!c->inside)
		enter_load(c, l, shift);
	stop = l->paddr + l->memsz;
	limit = (stop + (UINT64_C(1) << shift) - 1) >> shift;
	while (c->kept < limit && df_pageset_next_run(e->o->keep, c->kept, &a, &b) && a < limit) {
		bool cut = a - c->kept >= GAP || must_cut(e, c, a);

		if (cut) {
			end_segment(c, l, a << shift, true, s);
			c->start = a << shift;
		}
		c->kept = b < limit ? b : limit;
		c->data_end = c->kept << shift < stop ? c->kept << shift : stop;
		if (cut)
			return true;
	}
	end_segment(c, l, stop, false, s);
	c->load++;
	c->inside = false;
	return true;
}

/* The plan could not be made again on the way: what came of it is wrong. */
static int plan_failed(const struct elf *e, struct df_err *err)
{
	int r = df_pageset_failed(e->o->keep, err);

	return r ? r : df_pageset_failed(e->o->forbidden, err);
}

/* That of the machine, or 64 bits where 32 cannot say where memory is, as kernels do for i386 with PAE. */
static uint8_t class_of(const struct elf *e)
{
	const struct df_image *img = e->o->image;
	uint64_t heads = DF_ELF_HEADER_MAX + (e->nseg + 1) * (uint64_t)DF_ELF_PHDR_MAX;

	if (e->nseg + 1 >= DF_ELF_PN_XNUM || img->end_paddr > UINT64_C(1) << 32 ||
	    heads + img->notes_len + e->erased_len + e->total > UINT32_MAX)
		return 64;
	return img->bits;
}

static int lay_out(struct elf *e, struct df_err *err)
{
	const struct df_image *img = e->o->image;
	struct cut c = { 0 };
	struct segment s;
	uint64_t heads, n;

	while (next_segment(e, &c, &s))
		;
	if (plan_failed(e, err))
		return err->code;
	e->nseg = c.n;
	e->total = c.offset;
	n = e->nseg + 1;
	e->h = (struct df_elf_header){ .be = img->be,
				       .bits = class_of(e),
				       .osabi = img->osabi,
				       .type = img->elf_type,
				       .machine = img->machine,
				       .flags = img->elf_flags | DF_ELF_FLAG_INCOMPLETE };
	e->h.ehsize = (uint16_t)df_elf_header_size(&e->h);
	e->h.phentsize = (uint16_t)df_elf_phdr_size(&e->h);
	e->h.phoff = e->h.ehsize;
	heads = e->h.phoff + n * e->h.phentsize;
	if (n >= DF_ELF_PN_XNUM) {
		e->h.phnum = DF_ELF_PN_XNUM;
		e->h.shoff = e->shdr_at = heads;
		e->h.shentsize = (uint16_t)df_elf_shdr_size(&e->h);
		e->h.shnum = 1;
		heads += e->h.shentsize;
	} else {
		e->h.phnum = (uint16_t)n;
	}
	e->note_at = heads;
	e->data_at = heads + img->notes_len + e->erased_len;
	return 0;
}

/* ---- headers */

static void encode_segment(const struct elf *e, const struct segment *s, void *buf)
{
	struct df_elf_phdr p = { .type = DF_ELF_PT_LOAD,
				 .flags = s->flags,
				 .offset = s->offset,
				 .vaddr = s->vaddr,
				 .paddr = s->paddr,
				 .filesz = s->filesz,
				 .memsz = s->memsz,
				 .align = s->align };

	df_elf_encode_phdr(&e->h, &p, buf);
}

/* Bytes behind limit are not there.  A load of no bytes must not begin behind them either: crash takes the file for
 * truncated then. */
static void cut_segment(struct segment *s, uint64_t limit)
{
	if (s->offset + s->filesz <= limit)
		return;
	s->filesz = s->offset < limit ? limit - s->offset : 0;
	if (!s->filesz)
		s->offset = limit;
}

/* Program headers in blocks; loads are cut to what is there. */
static int write_phdrs(struct elf *e, uint64_t limit, struct df_err *err)
{
	struct df_elf_phdr note = { .type = DF_ELF_PT_NOTE,
				    .offset = e->note_at,
				    .filesz = e->o->image->notes_len + e->erased_len,
				    .align = e->o->image->note_align };
	uint8_t buf[64 * DF_ELF_PHDR_MAX];
	struct cut c = { .offset = e->data_at };
	uint64_t at = e->h.phoff;
	struct segment s;
	size_t n = 0;
	int r = 0;

	note.memsz = note.filesz;
	df_elf_encode_phdr(&e->h, &note, buf);
	n += e->h.phentsize;
	while (!r && next_segment(e, &c, &s)) {
		cut_segment(&s, limit);
		encode_segment(e, &s, buf + n);
		n += e->h.phentsize;
		if (n + e->h.phentsize > sizeof buf) {
			r = df_sink_write(e->o->sink, at, buf, n, err);
			at += n;
			n = 0;
		}
	}
	if (!r)
		r = plan_failed(e, err);
	return r ? r : df_sink_write(e->o->sink, at, buf, n, err);
}

/* Where e_flags is (gABI). */
static uint64_t flags_at(const struct elf *e)
{
	return e->h.bits == 64 ? 48 : 36;
}

static int write_mark(struct elf *e, bool complete, struct df_err *err)
{
	uint8_t flags[4];

	df_put32(flags, complete ? e->h.flags & ~DF_ELF_FLAG_INCOMPLETE : e->h.flags, e->h.be);
	return df_sink_write(e->o->sink, flags_at(e), flags, sizeof flags, err);
}

/* With the mark where that can be taken off; in a flattened stream, which shows by its end whether it is whole, as it
 * will stay; else but for the mark's bytes. */
static int write_header(struct elf *e, bool marked, struct df_err *err)
{
	struct df_elf_header header = e->h;
	uint8_t buf[DF_ELF_HEADER_MAX];
	uint64_t mark = flags_at(e);
	size_t n;
	int r;

	if (!marked)
		header.flags &= ~DF_ELF_FLAG_INCOMPLETE;
	n = df_elf_encode_header(&header, buf);
	if (e->o->sink->caps & DUMPFILTER_IO_REWRITE || df_sink_is_flat(e->o->sink))
		return df_sink_write(e->o->sink, 0, buf, n, err);
	r = df_sink_write(e->o->sink, 0, buf, mark, err);
	return r ? r : df_sink_write(e->o->sink, mark + 4, buf + mark + 4, n - mark - 4, err);
}

static uint64_t heads_len(const struct elf *e)
{
	return e->h.phoff + (e->nseg + 1) * (uint64_t)e->h.phentsize;
}

/* Of a flattened stream that ends early, last of all: the headers with the mark, in place of the first ones. */
static int write_heads_again(struct elf *e, uint64_t limit, struct df_err *err)
{
	int r = df_sink_again(e->o->sink, heads_len(e), err);

	if (!r)
		r = write_header(e, true, err);
	return r ? r : write_phdrs(e, limit, err);
}

static int begin(struct elf *e, struct df_err *err)
{
	uint8_t shdr[DF_ELF_SHDR_MAX];
	int r = write_header(e, !df_sink_is_flat(e->o->sink) || e->o->incomplete, err);

	if (!r)
		r = write_phdrs(e, UINT64_MAX, err);
	if (!r && e->shdr_at) {
		df_elf_encode_shdr0(&e->h, (uint32_t)(e->nseg + 1), shdr);
		r = df_sink_write(e->o->sink, e->shdr_at, shdr, e->h.shentsize, err);
	}
	if (!r)
		r = df_sink_write(e->o->sink, e->note_at, e->o->image->notes, e->o->image->notes_len, err);
	if (!r && e->erased_len)
		r = df_sink_write(e->o->sink, e->note_at + e->o->image->notes_len, e->erased, e->erased_len, err);
	return r;
}

/* ---- data */

static int make(void *user, void *slot, struct df_err *err)
{
	struct elf *e = user;
	struct piece *p = slot;
	uint64_t left;

	while (e->at_byte >= e->seg.filesz) {
		if (!next_segment(e, &e->cut, &e->seg) || plan_failed(e, err))
			return plan_failed(e, err);
		e->at_byte = 0;
	}
	if (df_cancelled(e->o->env))
		return df_err_set(err, DUMPFILTER_E_CANCELLED, "cancelled");
	left = e->seg.filesz - e->at_byte;
	p->paddr = e->seg.paddr + e->at_byte;
	p->offset = e->seg.offset + e->at_byte;
	p->len = left < PIECE ? (size_t)left : PIECE;
	p->ends = p->len == left;
	e->at_byte += p->len;
	return 1;
}

/* Page by page, where pages must not be read or the piece as a whole cannot be: zeros stand for these.  A page that is
 * here only to fill a gap is no loss. */
static void read_by_page(struct elf *e, struct df_reader *r, struct piece *p, struct df_err *err)
{
	unsigned shift = e->o->page_shift;
	size_t missing;

	for (size_t n, at = 0; at < p->len; at += n) {
		uint64_t pfn = (p->paddr + at) >> shift;

		n = (size_t)(((pfn + 1) << shift) - (p->paddr + at));
		if (n > p->len - at)
			n = p->len - at;
		if (df_pageset_test(e->o->forbidden, pfn)) {
			memset(p->buf + at, 0, n);
		} else if (e->o->image->ops->read(r, p->paddr + at, p->buf + at, n, &missing, err) < 0) {
			memset(p->buf + at, 0, n);
			if (!df_pageset_test(e->o->keep, pfn))
				continue;
			df_bit_set(p->lost, pfn - (p->paddr >> shift));
			if (!p->why[0])
				memcpy(p->why, err->text, sizeof p->why);
		}
	}
	df_err_clear(err);
}

static int work(void *user, void *slot, unsigned worker, struct df_err *err)
{
	struct elf *e = user;
	struct piece *p = slot;
	uint64_t first = p->paddr >> e->o->page_shift, last = (p->paddr + p->len - 1) >> e->o->page_shift;
	struct df_reader *r = &e->readers[worker];
	size_t missing;

	p->why[0] = '\0';
	p->lost[0] = p->lost[1] = 0;
	/* bytes that the input does not hold (a gap of under 256 pages between what it does) read as zeros */
	if (df_pageset_count_range(e->o->forbidden, first, last + 1) ||
	    e->o->image->ops->read(r, p->paddr, p->buf, p->len, &missing, err) < 0)
		read_by_page(e, r, p, err);
	return plan_failed(e, err);
}

static void progress(struct elf *e)
{
	unsigned shift = e->o->page_shift;
	struct dumpfilter_progress p = { .phase = DUMPFILTER_PHASE_COPY };

	p.done = e->copied >> shift;
	p.total = e->total >> shift;
	p.bytes_in = p.bytes_out = e->copied;
	df_progress(e->o->env, &p);
}

static void count_lost(struct elf *e, const struct piece *p)
{
	uint64_t first = p->paddr >> e->o->page_shift, before = e->lost.count;
	struct df_err ignored;

	for (unsigned i = 0; i < 128; i++)
		if (df_bit_test(p->lost, i) && df_pageset_set_range(&e->lost, first + i, first + i + 1, &ignored) < 0)
			e->done->unreadable_pages++; /* no memory to tell whether it was counted before */
	e->done->unreadable_pages += e->lost.count - before;
	if (e->lost_lines++ < DF_LOST_LINES)
		df_log(e->o->env, DUMPFILTER_LOG_WARN, "pages cannot be read and are lost: %s", p->why);
}

/* Frames of more than one load: by frame, and by whether they are counted. */
static void count_shared(struct elf *e, const struct frames *f, uint64_t first, uint64_t end)
{
	for (uint64_t pfn = first; pfn < end; pfn++) {
		uint64_t bit = f->bit + (pfn - f->first);

		if (df_bit_test(e->seen, bit))
			continue;
		df_bit_set(e->seen, bit);
		e->done->elf_pages++;
		e->done->pages += df_pageset_test(e->o->keep, pfn);
	}
}

/* Index of the first shared range that ends behind pfn. */
static size_t shared_at(const struct elf *e, uint64_t pfn)
{
	size_t lo = 0, hi = e->nshared;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (e->shared[mid].end <= pfn)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* The frames that are complete in the output with this piece.  One that is cut counts where its end is written. */
static void count_frames(struct elf *e, const struct piece *p)
{
	unsigned shift = e->o->page_shift;
	uint64_t first = p->paddr >> shift, end = p->paddr + p->len;

	end = p->ends ? (end + (UINT64_C(1) << shift) - 1) >> shift : end >> shift;
	for (size_t i = shared_at(e, first); first < end; i++) {
		uint64_t alone = i < e->nshared && e->shared[i].first < end ? e->shared[i].first : end, both;

		if (first < alone) {
			e->done->elf_pages += alone - first;
			e->done->pages += df_pageset_count_range(e->o->keep, first, alone);
			first = alone;
		}
		if (first == end)
			break;
		both = e->shared[i].end < end ? e->shared[i].end : end;
		count_shared(e, &e->shared[i], first, both);
		first = both;
	}
}

static int take(void *user, void *slot, struct df_err *err)
{
	struct elf *e = user;
	struct piece *p = slot;

	/* in order and from one thread: where writing breaks off, everything before is there */
	if (df_sink_write(e->o->sink, p->offset, p->buf, p->len, err) < 0)
		return err->code;
	if (p->why[0])
		count_lost(e, p);
	count_frames(e, p);
	e->written = p->offset + p->len;
	e->copied += p->len;
	progress(e);
	return 0;
}

static int by_first(const void *a, const void *b)
{
	const struct frames *x = a, *y = b;

	return (x->first > y->first) - (x->first < y->first);
}

/* Sorted ranges into those that more than one of them has a part of.  In place: each adds at most one. */
static size_t overlaps(struct frames *v, size_t n)
{
	uint64_t reach = 0;
	size_t k = 0;

	for (size_t i = 0; i < n; i++) {
		struct frames f = { v[i].first, v[i].end < reach ? v[i].end : reach, 0 };

		if (v[i].end > reach)
			reach = v[i].end;
		if (f.first >= f.end)
			continue;
		if (k && v[k - 1].end >= f.first) {
			if (v[k - 1].end < f.end)
				v[k - 1].end = f.end;
		} else {
			v[k++] = f;
		}
	}
	return k;
}

/* Frames of more than one load, and room to remember which are counted. */
static int find_shared(struct elf *e, struct df_err *err)
{
	const struct df_image *img = e->o->image;
	uint64_t round = (UINT64_C(1) << e->o->page_shift) - 1, bits = 0;
	struct frames *v = df_alloc_array(e->o->env, img->nloads, sizeof *v);

	e->shared = v;
	if (!v)
		return df_err_nomem(err, e->o->env, "the list of frames", img->nloads * sizeof *v);
	for (size_t i = 0; i < img->nloads; i++)
		v[i] = (struct frames){ img->loads[i].paddr >> e->o->page_shift,
					(img->loads[i].paddr + img->loads[i].memsz + round) >> e->o->page_shift, 0 };
	qsort(v, img->nloads, sizeof *v, by_first);
	e->nshared = overlaps(v, img->nloads);
	for (size_t i = 0; i < e->nshared; bits += v[i].end - v[i].first, i++)
		v[i].bit = bits;
	if (bits > SEEN)
		e->nshared = bits = 0;
	e->seen = df_alloc_array(e->o->env, bits / 64 + 1, sizeof *e->seen);
	return e->seen ? 0 : df_err_nomem(err, e->o->env, "the list of frames", bits / 8);
}

/* What an earlier run erased, where the input does not have it as a note. */
static int make_erased(struct elf *e, struct df_err *err)
{
	const struct df_image *img = e->o->image;
	uint32_t len = (uint32_t)img->eraseinfo_len;

	if (!len || img->eraseinfo_noted)
		return 0;
	e->erased_len = df_elf_encode_note(img->be, "ERASEINFO", NULL, len, NULL);
	e->erased = df_alloc(e->o->env, e->erased_len);
	if (!e->erased)
		return df_err_nomem(err, e->o->env, "text about erased data", e->erased_len);
	df_elf_encode_note(img->be, "ERASEINFO", img->eraseinfo, len, e->erased);
	return 0;
}

static void stop(struct elf *e)
{
	df_free(e->o->env, e->erased);
	for (unsigned i = 0; e->slots && i < e->nslots; i++)
		df_free(e->o->env, e->slots[i].buf);
	df_free(e->o->env, e->slots);
	for (unsigned i = 0; e->readers && i < e->workers; i++)
		df_reader_fini(&e->readers[i]);
	df_free(e->o->env, e->readers);
	if (e->lost.env)
		df_pageset_fini(&e->lost);
	df_free(e->o->env, e->seen);
	df_free(e->o->env, e->shared);
}

/* All memory that copying needs, before the first byte is written. */
static int start(struct elf *e, struct df_err *err)
{
	struct df_env *env = e->o->env;
	int r = 0;

	/* Copying alone gains nothing from threads: with two the same dump took 7 % longer, and writing straight from a
	 * mapping 11 % longer than reading it first (391 MiB image in the page cache, output to a tmpfs).  Unpacking
	 * does, where the sets can be looked at by several. */
	e->workers = 1;
	if (e->o->image->ops->stored && e->o->threads && !e->o->keep->refill && !e->o->forbidden->refill)
		e->workers = e->o->threads;
	e->nslots = df_pool_slots(e->workers);
	e->slots = df_alloc_array(env, e->nslots, sizeof *e->slots);
	e->readers = df_alloc_array(env, e->workers, sizeof *e->readers);
	if (!e->slots || !e->readers)
		return df_err_nomem(err, env, "workers", e->nslots * sizeof *e->slots);
	for (unsigned i = 0; !r && i < e->workers; i++)
		r = df_reader_init(&e->readers[i], e->o->image, DF_WINDOW_COPY, err);
	for (unsigned i = 0; !r && i < e->nslots; i++)
		if (!(e->slots[i].buf = df_alloc(env, PIECE)))
			r = df_err_nomem(err, env, "a piece of memory", PIECE);
	if (!r)
		r = df_pageset_init(&e->lost, env, e->o->max_pfn, err);
	return r ? r : find_shared(e, err);
}

static int copy(struct elf *e, struct df_err *err)
{
	static const struct df_pool_ops ops = { .make = make, .work = work, .take = take };
	int r;

	e->cut = (struct cut){ .offset = e->data_at };
	e->written = e->data_at;
	progress(e);
	r = df_pool_run(e->o->env, &ops, e, e->workers, e->slots, sizeof *e->slots, e->nslots, err);
	progress(e);
	return r;
}

/* ---- end */

/* Loads are cut to what arrived; where that is too late the mark says that they promise too much. */
static int end_file(struct elf *e, bool complete, uint64_t limit, struct df_err *err)
{
	int r = 0;

	if (limit < UINT64_MAX && e->o->sink->caps & DUMPFILTER_IO_REWRITE && !plan_failed(e, err))
		r = write_phdrs(e, limit, err);
	if (!r && complete)
		r = df_sink_flush(e->o->sink, err);
	return r ? r : write_mark(e, complete, err);
}

static int end_stream(struct elf *e, bool complete, uint64_t limit, struct df_err *err)
{
	if (complete || (e->o->incomplete && limit == UINT64_MAX)) /* as the header says */
		return df_sink_flush(e->o->sink, err);
	return write_heads_again(e, limit, err);
}

static int finish(struct elf *e, int r, struct df_err *err)
{
	bool again = e->o->sink->caps & DUMPFILTER_IO_REWRITE, whole = r >= 0 && !e->done->unreadable_pages;
	uint64_t limit = r < 0 ? e->written : UINT64_MAX;
	struct df_err late;
	int f;

	e->o->sink->closing = 0;
	f = (df_sink_is_flat(e->o->sink) ? end_stream : end_file)(e, whole && !e->o->incomplete, limit, &late);
	if (r >= 0 && f < 0) {
		*err = late;
		r = f;
	}
	e->done->pages -= e->done->unreadable_pages < e->done->pages ? e->done->unreadable_pages : e->done->pages;
	if (e->done->pages > e->o->keep->count)
		e->done->pages = e->o->keep->count;
	e->done->lost_pages = e->o->keep->count - e->done->pages;
	if (r < 0)
		return f < 0 && !again ? r : DUMPFILTER_PARTIAL;
	if (whole)
		return 0;
	df_err_set(err, DUMPFILTER_E_IO, "%s: pages could not be read; zeros are in their place",
		   e->o->image->source.name);
	return DUMPFILTER_PARTIAL;
}

static struct df_pipe pipe_of(const struct df_output *o)
{
	return (struct df_pipe){
		.env = o->env, .image = o->image, .keep = o->keep, .page_shift = o->page_shift, .threads = o->threads
	};
}

static int drop_zero(const struct df_output *o, struct df_written *done, struct df_err *err)
{
	struct df_pipe p = pipe_of(o);
	uint64_t dropped;
	int r = df_pipe_drop_zero(&p, o->keep, &dropped, err);

	*o->zero_dropped += dropped;
	done->zero_pages = *o->zero_dropped;
	return r;
}

static int rehearse_elf(const struct df_output *o, struct df_err *err)
{
	struct df_pipe p = pipe_of(o);
	struct elf e = { .o = o };
	int r = o->level & DUMPFILTER_LEVEL_ZERO ? df_pipe_rehearse_zero(&p, err) : 0;

	if (!r)
		r = make_erased(&e, err);
	if (!r)
		r = start(&e, err);
	stop(&e);
	return r;
}

int df_elf_segments(const struct df_output *o, struct df_elf_data *data, df_elf_segment_fn fn, void *user,
		    struct df_err *err)
{
	struct elf e = { .o = o };
	struct cut c = { 0 };
	struct segment s;
	int r = lay_out(&e, err);

	*data = (struct df_elf_data){ .head = e.data_at, .bytes = e.total, .gap = GAP };
	for (size_t load = 0; !r && next_segment(&e, &c, &s); load = c.load)
		r = fn(user, load, s.paddr, s.filesz, err);
	return r ? r : plan_failed(&e, err);
}

static int begin_on(void *user, struct dumpfilter_sink *sink, struct df_err *err)
{
	struct elf e = *(struct elf *)user;
	struct df_output o = *e.o;

	o.sink = sink;
	e.o = &o;
	return begin(&e, err);
}

static int fits(struct elf *e, struct df_err *err)
{
	bool flat = df_sink_is_flat(e->o->sink);

	e->o->sink->closing = flat ? 0 : sizeof(uint32_t); /* the mark */
	e->o->sink->head = flat ? heads_len(e) : 0;
	return df_writer_fits(e->o, e->data_at, begin_on, e, err);
}

static int write_elf(const struct df_output *o, struct df_written *done, struct df_err *err)
{
	struct elf e = { .o = o, .done = done };
	int r = 0;

	if (!(o->sink->caps & DUMPFILTER_IO_RANDOM))
		return df_err_set(err, DUMPFILTER_E_UNSUPPORTED,
				  "%s is a stream, and an ELF file needs writing at offsets: use the flattened format",
				  o->sink->name);
	if (o->level & DUMPFILTER_LEVEL_ZERO)
		r = drop_zero(o, done, err);
	if (!r)
		r = make_erased(&e, err);
	if (!r)
		r = lay_out(&e, err);
	if (!r)
		r = start(&e, err);
	if (!r)
		r = fits(&e, err);
	if (!r)
		r = begin(&e, err);
	if (!r)
		r = finish(&e, copy(&e, err), err);
	stop(&e);
	return r;
}

const struct df_writer df_writer_elf = { .format = DUMPFILTER_FORMAT_ELF,
					 .name = "ELF",
					 .needs_forbidden = true,
					 .sifts = true,
					 .write = write_elf,
					 .rehearse = rehearse_elf,
					 .estimate = df_elf_estimate };
#endif
