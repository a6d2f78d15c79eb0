/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What stands in front of the data: header, program headers, notes. */
#include "base/bytes.h"
#include "writer/elf.h"

/* That of the machine, or 64 bits where 32 cannot say where memory is, as kernels do for i386 with PAE. */
static uint8_t class_of(const struct df_elf_writer *e)
{
	const struct df_image *img = e->o->image;
	uint64_t heads = DF_ELF_HEADER_MAX + (e->nseg + 1) * (uint64_t)DF_ELF_PHDR_MAX;

	if (e->nseg + 1 >= DF_ELF_PN_XNUM || img->end_paddr > UINT64_C(1) << 32 ||
	    heads + img->notes_len + e->erased_len + e->total > UINT32_MAX)
		return 64;
	return img->bits;
}

int df_elf_lay_out(struct df_elf_writer *e, struct df_err *err)
{
	const struct df_image *img = e->o->image;
	struct df_elf_cut c = { 0 };
	struct df_elf_segment s;
	uint64_t heads, n;

	while (df_elf_next_segment(e, &c, &s))
		;
	if (df_elf_plan_failed(e, err))
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

static void encode_segment(const struct df_elf_writer *e, const struct df_elf_segment *s, void *buf)
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
static void cut_segment(struct df_elf_segment *s, uint64_t limit)
{
	if (s->offset + s->filesz <= limit)
		return;
	s->filesz = s->offset < limit ? limit - s->offset : 0;
	if (!s->filesz)
		s->offset = limit;
}

/* Program headers in blocks; loads are cut to what is there. */
int df_elf_write_phdrs(struct df_elf_writer *e, uint64_t limit, struct df_err *err)
{
	struct df_elf_phdr note = { .type = DF_ELF_PT_NOTE,
				    .offset = e->note_at,
				    .filesz = e->o->image->notes_len + e->erased_len,
				    .align = e->o->image->note_align };
	uint8_t buf[64 * DF_ELF_PHDR_MAX];
	struct df_elf_cut c = { .offset = e->data_at };
	uint64_t at = e->h.phoff;
	struct df_elf_segment s;
	size_t n = 0;
	int r = 0;

	note.memsz = note.filesz;
	df_elf_encode_phdr(&e->h, &note, buf);
	n += e->h.phentsize;
	while (!r && df_elf_next_segment(e, &c, &s)) {
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
		r = df_elf_plan_failed(e, err);
	return r ? r : df_sink_write(e->o->sink, at, buf, n, err);
}

/* Where e_flags is (gABI). */
static uint64_t flags_at(const struct df_elf_writer *e)
{
	return e->h.bits == 64 ? 48 : 36;
}

int df_elf_write_mark(struct df_elf_writer *e, bool complete, struct df_err *err)
{
	uint8_t flags[4];

	df_put32(flags, complete ? e->h.flags & ~DF_ELF_FLAG_INCOMPLETE : e->h.flags, e->h.be);
	return df_sink_write(e->o->sink, flags_at(e), flags, sizeof flags, err);
}

/* With the mark where that can be taken off; in a flattened stream, which shows by its end whether it is whole, as it
 * will stay; else but for the mark's bytes. */
static int write_header(struct df_elf_writer *e, bool marked, struct df_err *err)
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

uint64_t df_elf_heads_len(const struct df_elf_writer *e)
{
	return e->h.phoff + (e->nseg + 1) * (uint64_t)e->h.phentsize;
}

/* Of a flattened stream that ends early, last of all: the headers with the mark, in place of the first ones. */
int df_elf_write_heads_again(struct df_elf_writer *e, uint64_t limit, struct df_err *err)
{
	int r = df_sink_again(e->o->sink, df_elf_heads_len(e), err);

	if (!r)
		r = write_header(e, true, err);
	return r ? r : df_elf_write_phdrs(e, limit, err);
}

int df_elf_begin(struct df_elf_writer *e, struct df_err *err)
{
	uint8_t shdr[DF_ELF_SHDR_MAX];
	int r = write_header(e, !df_sink_is_flat(e->o->sink) || e->o->incomplete, err);

	if (!r)
		r = df_elf_write_phdrs(e, UINT64_MAX, err);
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
