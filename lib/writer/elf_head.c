/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What stands in front of the data: header, program headers, notes. */
#include "base/bytes.h"
#include "writer/elf.h"

/* That of the machine, or 64 bits where 32 cannot say where memory is, as kernels do for i386 with PAE. */
static uint8_t class_of(const struct df_elf_writer *elf)
{
	const struct df_image *image = elf->output->image;
	uint64_t heads = DF_ELF_HEADER_MAX + (elf->nseg + 1) * (uint64_t)DF_ELF_PHDR_MAX;

	if (elf->nseg + 1 >= DF_ELF_PN_XNUM || image->end_paddr > UINT64_C(1) << 32 ||
	    heads + image->notes_len + elf->erased_len + elf->total > UINT32_MAX)
		return 64;
	return image->bits;
}

int df_elf_lay_out(struct df_elf_writer *elf, struct df_err *err)
{
	const struct df_image *image = elf->output->image;
	struct df_elf_cut cursor = { 0 };
	struct df_elf_segment segment;
	uint64_t heads, count;

	while (df_elf_next_segment(elf, &cursor, &segment))
		;
	if (df_elf_plan_failed(elf, err))
		return err->code;
	elf->nseg = cursor.count;
	elf->total = cursor.offset;
	count = elf->nseg + 1;
	elf->header = (struct df_elf_header){ .big_endian = image->big_endian,
					      .bits = class_of(elf),
					      .osabi = image->osabi,
					      .type = image->elf_type,
					      .machine = image->machine,
					      .flags = image->elf_flags | DF_ELF_FLAG_INCOMPLETE };
	elf->header.ehsize = (uint16_t)df_elf_header_size(&elf->header);
	elf->header.phentsize = (uint16_t)df_elf_phdr_size(&elf->header);
	elf->header.phoff = elf->header.ehsize;
	heads = elf->header.phoff + count * elf->header.phentsize;
	if (count >= DF_ELF_PN_XNUM) {
		elf->header.phnum = DF_ELF_PN_XNUM;
		elf->header.shoff = elf->shdr_at = heads;
		elf->header.shentsize = (uint16_t)df_elf_shdr_size(&elf->header);
		elf->header.shnum = 1;
		heads += elf->header.shentsize;
	} else {
		elf->header.phnum = (uint16_t)count;
	}
	elf->note_at = heads;
	elf->data_at = heads + image->notes_len + elf->erased_len;
	return 0;
}

static void encode_segment(const struct df_elf_writer *elf, const struct df_elf_segment *segment, void *buffer)
{
	struct df_elf_phdr phdr = { .type = DF_ELF_PT_LOAD,
				    .flags = segment->flags,
				    .offset = segment->offset,
				    .vaddr = segment->vaddr,
				    .paddr = segment->paddr,
				    .filesz = segment->filesz,
				    .memsz = segment->memsz,
				    .align = segment->align };

	df_elf_encode_phdr(&elf->header, &phdr, buffer);
}

/* Bytes behind limit are not there.  A load of no bytes must not begin behind them either: crash takes the file for
 * truncated then. */
static void cut_segment(struct df_elf_segment *segment, uint64_t limit)
{
	if (segment->offset + segment->filesz <= limit)
		return;
	segment->filesz = segment->offset < limit ? limit - segment->offset : 0;
	if (!segment->filesz)
		segment->offset = limit;
}

/* Program headers in blocks; loads are cut to what is there. */
int df_elf_write_phdrs(struct df_elf_writer *elf, uint64_t limit, struct df_err *err)
{
	struct df_elf_phdr note = { .type = DF_ELF_PT_NOTE,
				    .offset = elf->note_at,
				    .filesz = elf->output->image->notes_len + elf->erased_len,
				    .align = elf->output->image->note_align };
	uint8_t buffer[64 * DF_ELF_PHDR_MAX];
	struct df_elf_cut cursor = { .offset = elf->data_at };
	uint64_t at = elf->header.phoff;
	struct df_elf_segment segment;
	size_t count = 0;
	int result = 0;

	note.memsz = note.filesz;
	df_elf_encode_phdr(&elf->header, &note, buffer);
	count += elf->header.phentsize;
	while (!result && df_elf_next_segment(elf, &cursor, &segment)) {
		cut_segment(&segment, limit);
		encode_segment(elf, &segment, buffer + count);
		count += elf->header.phentsize;
		if (count + elf->header.phentsize > sizeof buffer) {
			result = df_sink_write(elf->output->sink, at, buffer, count, err);
			at += count;
			count = 0;
		}
	}
	if (!result)
		result = df_elf_plan_failed(elf, err);
	return result ? result : df_sink_write(elf->output->sink, at, buffer, count, err);
}

/* Where e_flags is (gABI). */
static uint64_t flags_at(const struct df_elf_writer *elf)
{
	return elf->header.bits == 64 ? 48 : 36;
}

int df_elf_write_mark(struct df_elf_writer *elf, bool complete, struct df_err *err)
{
	uint8_t flags[4];

	df_put32(flags, complete ? elf->header.flags & ~DF_ELF_FLAG_INCOMPLETE : elf->header.flags,
		 elf->header.big_endian);
	return df_sink_write(elf->output->sink, flags_at(elf), flags, sizeof flags, err);
}

/* With the mark where that can be taken off; in a flattened stream, which shows by its end whether it is whole, as it
 * will stay; else but for the mark's bytes. */
static int write_header(struct df_elf_writer *elf, bool marked, struct df_err *err)
{
	struct df_elf_header header = elf->header;
	uint8_t buffer[DF_ELF_HEADER_MAX];
	uint64_t mark = flags_at(elf);
	size_t count;
	int result;

	if (!marked)
		header.flags &= ~DF_ELF_FLAG_INCOMPLETE;
	count = df_elf_encode_header(&header, buffer);
	if (elf->output->sink->caps & DUMPFILTER_IO_REWRITE || df_sink_is_flat(elf->output->sink))
		return df_sink_write(elf->output->sink, 0, buffer, count, err);
	result = df_sink_write(elf->output->sink, 0, buffer, mark, err);
	return result ? result : df_sink_write(elf->output->sink, mark + 4, buffer + mark + 4, count - mark - 4, err);
}

uint64_t df_elf_heads_len(const struct df_elf_writer *elf)
{
	return elf->header.phoff + (elf->nseg + 1) * (uint64_t)elf->header.phentsize;
}

/* Of a flattened stream that ends early, last of all: the headers with the mark, in place of the first ones. */
int df_elf_write_heads_again(struct df_elf_writer *elf, uint64_t limit, struct df_err *err)
{
	int result = df_sink_again(elf->output->sink, df_elf_heads_len(elf), err);

	if (!result)
		result = write_header(elf, true, err);
	return result ? result : df_elf_write_phdrs(elf, limit, err);
}

int df_elf_begin(struct df_elf_writer *elf, struct df_err *err)
{
	uint8_t shdr[DF_ELF_SHDR_MAX];
	int result = write_header(elf, !df_sink_is_flat(elf->output->sink) || elf->output->incomplete, err);

	if (!result)
		result = df_elf_write_phdrs(elf, UINT64_MAX, err);
	if (!result && elf->shdr_at) {
		df_elf_encode_shdr0(&elf->header, (uint32_t)(elf->nseg + 1), shdr);
		result = df_sink_write(elf->output->sink, elf->shdr_at, shdr, elf->header.shentsize, err);
	}
	if (!result)
		result = df_sink_write(elf->output->sink, elf->note_at, elf->output->image->notes,
				       elf->output->image->notes_len, err);
	if (!result && elf->erased_len)
		result = df_sink_write(elf->output->sink, elf->note_at + elf->output->image->notes_len, elf->erased,
				       elf->erased_len, err);
	return result;
}
