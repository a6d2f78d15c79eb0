/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * ELF core files: /proc/vmcore, QEMU's dump-guest-memory of every version, what dump filters write.
 * Only what the headers say counts, not where makers usually put things: QEMU 7.2 and newer put the section headers
 * first (e_phoff 192, e_ehsize 8), leave data unaligned and mark loads that are not stored by offset −1.
 * /proc/kcore is one, too: its loads are of virtual memory, those that are not a part of the linear mapping or of the
 * kernel's image have physical address −1 (fs/proc/kcore.c), and offsets are addresses, up to 2^47.
 */
#include "format/elf.h"
#include "base/bytes.h"
#include "input/input.h"
#include "input/notes.h"
#include "input/sections.h"

#include <inttypes.h>
#include <string.h>

#define MAX_PHDRS  (1u << 20) /* /proc/vmcore has one per RAM range; PN_XNUM files of thousands exist */
#define PHDR_BLOCK 64u
#define MAX_NOTES  DF_INPUT_MAX_NOTES
#define MAX_PADDR  (UINT64_C(1) << 56) /* more than any machine's physical addresses */

static bool probe(const uint8_t *head, size_t length)
{
	return df_elf_is(head, length);
}

static int phdr_count(struct df_image *image, const struct df_elf_header *header, uint32_t *count, struct df_err *err)
{
	uint8_t section[DF_ELF_SHDR_MAX];
	int result;

	*count = header->phnum;
	if (header->phnum != DF_ELF_PN_XNUM)
		return 0;
	/* too many for 16 bits: the number is in section header 0 */
	if (!header->shoff)
		return df_err_set(err, DUMPFILTER_E_CORRUPT,
				  "%s: e_phnum is PN_XNUM but there is no section header with the number",
				  image->source.name);
	result = df_source_read(&image->source, header->shoff, section, df_elf_shdr_size(header), err);
	if (result < 0)
		return df_err_wrap(err, "section header 0");
	*count = df_elf_decode_shdr0_info(header, section);
	return 0;
}

/* In blocks, so that a header that lies about their number costs no memory before it is found out. */
static int read_phdrs(struct df_image *image, const struct df_elf_header *header, struct df_elf_phdr **out,
		      uint32_t *count, struct df_err *err)
{
	uint8_t raw[PHDR_BLOCK * DF_ELF_PHDR_MAX];
	size_t cap = 0, size = df_elf_phdr_size(header);
	uint32_t found;
	int result = phdr_count(image, header, &found, err);

	if (result < 0)
		return result;
	if (!found || found > MAX_PHDRS || header->phentsize != size)
		return df_err_set(err, DUMPFILTER_E_CORRUPT,
				  "%s: %" PRIu32 " program headers of %u bytes; 1 to %u of %zu bytes are possible",
				  image->source.name, found, header->phentsize, MAX_PHDRS, size);
	for (uint32_t i = 0; i < found; i++) {
		uint32_t index = i % PHDR_BLOCK, block = found - i < PHDR_BLOCK ? found - i : PHDR_BLOCK;

		if (!index && df_source_read(&image->source, header->phoff + i * size, raw, block * size, err) < 0)
			return df_err_wrap(err, "program headers");
		if (!df_grow(image->env, (void **)out, &cap, i + 1, sizeof **out))
			return df_err_nomem(err, image->env, "program headers", (i + 1) * sizeof **out);
		df_elf_decode_phdr(header, raw + index * size, &(*out)[i]);
	}
	*count = found;
	return 0;
}

/* One PT_NOTE's contents behind what is there, padded to 4 bytes.  A damaged one is no reason to lose the memory. */
static int add_notes(struct df_image *image, const struct df_elf_phdr *phdr, size_t *cap, struct df_err *err)
{
	size_t length = phdr->filesz < MAX_NOTES ? (size_t)df_round_up(phdr->filesz, 4) : MAX_NOTES + 1;
	struct df_err why;
	uint64_t end;

	if (!df_add64(phdr->offset, phdr->filesz, &end) || end > image->source.length ||
	    image->notes_len + length > MAX_NOTES) {
		df_log(image->env, DUMPFILTER_LOG_WARN,
		       "%s: notes of %" PRIu64 " bytes at %" PRIu64 " are not in the file: ignored", image->source.name,
		       phdr->filesz, phdr->offset);
		return 0;
	}
	if (!df_grow(image->env, (void **)&image->notes, cap, image->notes_len + length, 1))
		return df_err_nomem(err, image->env, "notes", image->notes_len + length);
	if (df_source_read(&image->source, phdr->offset, image->notes + image->notes_len, (size_t)phdr->filesz, &why) <
	    0)
		df_log(image->env, DUMPFILTER_LOG_WARN, "notes: %s: ignored", why.text);
	else
		image->notes_len += length;
	return 0;
}

static int read_notes(struct df_image *image, const struct df_elf_phdr *phdr, uint32_t count, struct df_err *err)
{
	size_t cap = 0;
	int result = 0;

	for (uint32_t i = 0; !result && i < count; i++) {
		if (phdr[i].type != DF_ELF_PT_NOTE || !phdr[i].filesz)
			continue;
		if (!image->notes_len)
			image->note_align = phdr[i].align;
		result = add_notes(image, &phdr[i], &cap, err);
	}
	return result;
}

/* A PT_LOAD of memory, checked; false = not one (or of no address). */
static bool load_of(struct df_image *image, const struct df_elf_phdr *phdr, struct df_load *load)
{
	uint64_t end, file_end;

	if (phdr->type != DF_ELF_PT_LOAD || phdr->paddr == UINT64_MAX || !phdr->memsz)
		return false;
	if (image->bits == 32 && phdr->paddr == UINT32_MAX)
		return false;
	if (!df_add64(phdr->paddr, phdr->memsz, &end) || end > MAX_PADDR) {
		df_log(image->env, DUMPFILTER_LOG_WARN,
		       "%s: PT_LOAD at %#" PRIx64 " of %#" PRIx64 " bytes reaches beyond physical memory: ignored",
		       image->source.name, phdr->paddr, phdr->memsz);
		return false;
	}
	*load = (struct df_load){ phdr->paddr,  phdr->vaddr, phdr->memsz, phdr->filesz,
				  phdr->offset, phdr->align, phdr->flags };
	if (load->filesz > load->memsz)
		load->filesz = load->memsz;
	if (load->filesz && !df_add64(load->offset, load->filesz, &file_end))
		load->filesz = 0;
	return true;
}

/* What of a load the file really holds: the file may have been cut. */
static uint64_t stored_bytes(struct df_image *image, const struct df_load *load)
{
	uint64_t have = load->offset < image->source.length ? image->source.length - load->offset : 0;

	if (load->filesz <= have)
		return load->filesz;
	have &= ~(uint64_t)4095; /* of a page that is cut nothing can be trusted (pages are no smaller) */
	image->missing_bytes += load->filesz - have;
	if (!image->truncated)
		df_log(image->env, DUMPFILTER_LOG_INFO, /* the result of run says so, too */
		       "%s is truncated: it ends at byte %" PRIu64
		       ", its headers promise more; what is missing is lost",
		       image->source.name, image->source.length);
	image->truncated = true;
	return have;
}

/* The ranges of all loads; mem and file: room for one of each. */
static int list_ranges(struct df_image *image, struct df_extent *extent, struct df_extent *file, struct df_err *err)
{
	int result;

	for (size_t i = 0; i < image->nloads; i++) {
		const struct df_load *load = &image->loads[i];

		extent[i] = (struct df_extent){ load->paddr, load->paddr + load->memsz, 0 };
		file[i] = (struct df_extent){ load->paddr, load->paddr + stored_bytes(image, load), load->offset };
		if (extent[i].end > image->end_paddr)
			image->end_paddr = extent[i].end;
	}
	result = df_extents_build(&image->described, image->env, extent, image->nloads, true, err);
	return result ? result : df_extents_build(&image->stored, image->env, file, image->nloads, false, err);
}

static int build_ranges(struct df_image *image, struct df_err *err)
{
	struct df_extent *extent = df_alloc_array(image->env, image->nloads, sizeof *extent);
	struct df_extent *file = df_alloc_array(image->env, image->nloads, sizeof *file);
	int result;

	if (extent && file)
		result = list_ranges(image, extent, file, err);
	else
		result = df_err_nomem(err, image->env, "memory ranges", 2 * image->nloads * sizeof *extent);
	df_free(image->env, file);
	df_free(image->env, extent);
	return result;
}

/* /proc/kcore of kernels before 4.11 (464920104bf7) says 0 for all physical addresses. */
static bool addresses_unknown(const struct df_image *image)
{
	for (size_t i = 0; i < image->nloads; i++)
		if (image->loads[i].paddr || !image->loads[i].vaddr)
			return false;
	return image->nloads > 1;
}

static int take_loads(struct df_image *image, const struct df_elf_phdr *phdr, uint32_t count, struct df_err *err)
{
	image->loads = df_alloc_array(image->env, count, sizeof *image->loads);
	if (!image->loads)
		return df_err_nomem(err, image->env, "program headers", count * sizeof *image->loads);
	for (uint32_t i = 0; i < count; i++)
		if (load_of(image, &phdr[i], &image->loads[image->nloads]))
			image->nloads++;
	if (!image->nloads)
		return df_err_set(err, DUMPFILTER_E_FORMAT, "%s has no PT_LOAD: there is no memory in it",
				  image->source.name);
	if (addresses_unknown(image))
		return df_err_set(err, DUMPFILTER_E_UNSUPPORTED,
				  "%s does not say which physical memory it shows: Linux before 4.11 did not",
				  image->source.name);
	if (build_ranges(image, err) < 0)
		return err->code;
	if (!image->stored.count)
		return df_err_set(err, DUMPFILTER_E_TRUNCATED, "%s ends before its first byte of memory",
				  image->source.name);
	return 0;
}

/* What other program headers have, the output does not. */
static void leave_other_headers(struct df_image *image, const struct df_elf_phdr *phdr, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		if (phdr[i].type != DF_ELF_PT_NULL && phdr[i].type != DF_ELF_PT_LOAD &&
		    phdr[i].type != DF_ELF_PT_NOTE && phdr[i].filesz)
			df_image_leave(image, "program header %" PRIu32 " of type %#" PRIx32 " (%" PRIu64 " bytes)", i,
				       phdr[i].type, phdr[i].filesz);
}

static int check_kind(const struct df_image *image, const struct df_elf_header *header, struct df_err *err)
{
	if (header->type != DF_ELF_ET_CORE)
		return df_err_set(err, DUMPFILTER_E_FORMAT, "%s is an ELF file but no core file (e_type %u)%s",
				  image->source.name, header->type,
				  header->type == DF_ELF_ET_EXEC || header->type == DF_ELF_ET_DYN
					  ? ": it is a program; a vmlinux is given with -x"
					  : "");
	return 0;
}

/* Headers and notes, of any word size: they tell what is no image of a kernel's memory. */
static int read_headers(struct df_image *image, const struct df_elf_header *header, struct df_elf_phdr **p, uint32_t *n,
			struct df_err *err)
{
	struct df_sections *sections = df_alloc(image->env, sizeof *sections);
	int result;

	if (!sections)
		return df_err_nomem(err, image->env, "section headers", sizeof *sections);
	df_sections_read(sections, &image->source, header);
	result = df_sections_judge(sections, image->source.name, err);
	if (!result)
		result = read_phdrs(image, header, p, n, err);
	if (!result)
		result = read_notes(image, *p, *n, err);
	if (!result) {
		df_sections_leave(sections, image, *p, *n);
		leave_other_headers(image, *p, *n);
		df_input_scan_notes(image);
		result = df_input_judge_notes(image, err);
	}
	df_free(image->env, sections);
	return result;
}

static int open_elf(struct df_image *image, const uint8_t *head, size_t length, struct df_err *err)
{
	struct df_elf_header header;
	struct df_elf_phdr *phdr = NULL;
	uint32_t count = 0;
	int result = df_elf_decode_header(head, length, &header, err);

	if (result < 0)
		return df_err_wrap(err, "%s", image->source.name);
	result = check_kind(image, &header, err);
	if (result < 0)
		return result;
	image->image_ops = &df_image_extent_ops;
	image->format = "ELF64";
	image->big_endian = header.big_endian;
	image->bits = header.bits;
	image->machine = header.machine;
	image->elf_type = header.type;
	image->osabi = header.osabi;
	image->elf_flags = header.flags;
	result = read_headers(image, &header, &phdr, &count, err);
	if (!result && header.bits != 64)
		result = df_err_set(err, DUMPFILTER_E_UNSUPPORTED,
				    "%s is an ELF32 core file, which is not supported yet", image->source.name);
	if (!result)
		result = df_input_find_eraseinfo(image, err);
	if (!result)
		result = take_loads(image, phdr, count, err);
	df_free(image->env, phdr);
	return result;
}

const struct df_input df_input_elf = { .name = "ELF", .is = "an ELF file", .probe = probe, .open = open_elf };
