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

static bool probe(const uint8_t *head, size_t len)
{
	return df_elf_is(head, len);
}

static int phdr_count(struct df_image *img, const struct df_elf_header *h, uint32_t *n, struct df_err *err)
{
	uint8_t sh[DF_ELF_SHDR_MAX];
	int r;

	*n = h->phnum;
	if (h->phnum != DF_ELF_PN_XNUM)
		return 0;
	/* too many for 16 bits: the number is in section header 0 */
	if (!h->shoff)
		return df_err_set(err, DUMPFILTER_E_CORRUPT,
				  "%s: e_phnum is PN_XNUM but there is no section header with the number",
				  img->source.name);
	r = df_source_read(&img->source, h->shoff, sh, df_elf_shdr_size(h), err);
	if (r < 0)
		return df_err_wrap(err, "section header 0");
	*n = df_elf_decode_shdr0_info(h, sh);
	return 0;
}

/* In blocks, so that a header that lies about their number costs no memory before it is found out. */
static int read_phdrs(struct df_image *img, const struct df_elf_header *h, struct df_elf_phdr **out, uint32_t *count,
		      struct df_err *err)
{
	uint8_t raw[PHDR_BLOCK * DF_ELF_PHDR_MAX];
	size_t cap = 0, size = df_elf_phdr_size(h);
	uint32_t n;
	int r = phdr_count(img, h, &n, err);

	if (r < 0)
		return r;
	if (!n || n > MAX_PHDRS || h->phentsize != size)
		return df_err_set(err, DUMPFILTER_E_CORRUPT,
				  "%s: %" PRIu32 " program headers of %u bytes; 1 to %u of %zu bytes are possible",
				  img->source.name, n, h->phentsize, MAX_PHDRS, size);
	for (uint32_t i = 0; i < n; i++) {
		uint32_t k = i % PHDR_BLOCK, block = n - i < PHDR_BLOCK ? n - i : PHDR_BLOCK;

		if (!k && df_source_read(&img->source, h->phoff + i * size, raw, block * size, err) < 0)
			return df_err_wrap(err, "program headers");
		if (!df_grow(img->env, (void **)out, &cap, i + 1, sizeof **out))
			return df_err_nomem(err, img->env, "program headers", (i + 1) * sizeof **out);
		df_elf_decode_phdr(h, raw + k * size, &(*out)[i]);
	}
	*count = n;
	return 0;
}

/* One PT_NOTE's contents behind what is there, padded to 4 bytes.  A damaged one is no reason to lose the memory. */
static int add_notes(struct df_image *img, const struct df_elf_phdr *p, size_t *cap, struct df_err *err)
{
	size_t len = p->filesz < MAX_NOTES ? (size_t)df_round_up(p->filesz, 4) : MAX_NOTES + 1;
	struct df_err why;
	uint64_t end;

	if (!df_add64(p->offset, p->filesz, &end) || end > img->source.length || img->notes_len + len > MAX_NOTES) {
		df_log(img->env, DUMPFILTER_LOG_WARN,
		       "%s: notes of %" PRIu64 " bytes at %" PRIu64 " are not in the file: ignored", img->source.name,
		       p->filesz, p->offset);
		return 0;
	}
	if (!df_grow(img->env, (void **)&img->notes, cap, img->notes_len + len, 1))
		return df_err_nomem(err, img->env, "notes", img->notes_len + len);
	if (df_source_read(&img->source, p->offset, img->notes + img->notes_len, (size_t)p->filesz, &why) < 0)
		df_log(img->env, DUMPFILTER_LOG_WARN, "notes: %s: ignored", why.text);
	else
		img->notes_len += len;
	return 0;
}

static int read_notes(struct df_image *img, const struct df_elf_phdr *p, uint32_t n, struct df_err *err)
{
	size_t cap = 0;
	int r = 0;

	for (uint32_t i = 0; !r && i < n; i++) {
		if (p[i].type != DF_ELF_PT_NOTE || !p[i].filesz)
			continue;
		if (!img->notes_len)
			img->note_align = p[i].align;
		r = add_notes(img, &p[i], &cap, err);
	}
	return r;
}

/* A PT_LOAD of memory, checked; false = not one (or of no address). */
static bool load_of(struct df_image *img, const struct df_elf_phdr *p, struct df_load *l)
{
	uint64_t end, file_end;

	if (p->type != DF_ELF_PT_LOAD || p->paddr == UINT64_MAX || !p->memsz)
		return false;
	if (img->bits == 32 && p->paddr == UINT32_MAX)
		return false;
	if (!df_add64(p->paddr, p->memsz, &end) || end > MAX_PADDR) {
		df_log(img->env, DUMPFILTER_LOG_WARN,
		       "%s: PT_LOAD at %#" PRIx64 " of %#" PRIx64 " bytes reaches beyond physical memory: ignored",
		       img->source.name, p->paddr, p->memsz);
		return false;
	}
	*l = (struct df_load){ p->paddr, p->vaddr, p->memsz, p->filesz, p->offset, p->align, p->flags };
	if (l->filesz > l->memsz)
		l->filesz = l->memsz;
	if (l->filesz && !df_add64(l->offset, l->filesz, &file_end))
		l->filesz = 0;
	return true;
}

/* What of a load the file really holds: the file may have been cut. */
static uint64_t stored_bytes(struct df_image *img, const struct df_load *l)
{
	uint64_t have = l->offset < img->source.length ? img->source.length - l->offset : 0;

	if (l->filesz <= have)
		return l->filesz;
	have &= ~(uint64_t)4095; /* of a page that is cut nothing can be trusted (pages are no smaller) */
	img->missing_bytes += l->filesz - have;
	if (!img->truncated)
		df_log(img->env, DUMPFILTER_LOG_INFO, /* the result of run says so, too */
		       "%s is truncated: it ends at byte %" PRIu64
		       ", its headers promise more; what is missing is lost",
		       img->source.name, img->source.length);
	img->truncated = true;
	return have;
}

/* The ranges of all loads; mem and file: room for one of each. */
static int list_ranges(struct df_image *img, struct df_extent *mem, struct df_extent *file, struct df_err *err)
{
	int r;

	for (size_t i = 0; i < img->nloads; i++) {
		const struct df_load *l = &img->loads[i];

		mem[i] = (struct df_extent){ l->paddr, l->paddr + l->memsz, 0 };
		file[i] = (struct df_extent){ l->paddr, l->paddr + stored_bytes(img, l), l->offset };
		if (mem[i].end > img->end_paddr)
			img->end_paddr = mem[i].end;
	}
	r = df_extents_build(&img->described, img->env, mem, img->nloads, true, err);
	return r ? r : df_extents_build(&img->stored, img->env, file, img->nloads, false, err);
}

static int build_ranges(struct df_image *img, struct df_err *err)
{
	struct df_extent *mem = df_alloc_array(img->env, img->nloads, sizeof *mem);
	struct df_extent *file = df_alloc_array(img->env, img->nloads, sizeof *file);
	int r;

	if (mem && file)
		r = list_ranges(img, mem, file, err);
	else
		r = df_err_nomem(err, img->env, "memory ranges", 2 * img->nloads * sizeof *mem);
	df_free(img->env, file);
	df_free(img->env, mem);
	return r;
}

/* /proc/kcore of kernels before 4.11 (464920104bf7) says 0 for all physical addresses. */
static bool addresses_unknown(const struct df_image *img)
{
	for (size_t i = 0; i < img->nloads; i++)
		if (img->loads[i].paddr || !img->loads[i].vaddr)
			return false;
	return img->nloads > 1;
}

static int take_loads(struct df_image *img, const struct df_elf_phdr *p, uint32_t n, struct df_err *err)
{
	img->loads = df_alloc_array(img->env, n, sizeof *img->loads);
	if (!img->loads)
		return df_err_nomem(err, img->env, "program headers", n * sizeof *img->loads);
	for (uint32_t i = 0; i < n; i++)
		if (load_of(img, &p[i], &img->loads[img->nloads]))
			img->nloads++;
	if (!img->nloads)
		return df_err_set(err, DUMPFILTER_E_FORMAT, "%s has no PT_LOAD: there is no memory in it",
				  img->source.name);
	if (addresses_unknown(img))
		return df_err_set(err, DUMPFILTER_E_UNSUPPORTED,
				  "%s does not say which physical memory it shows: Linux before 4.11 did not",
				  img->source.name);
	if (build_ranges(img, err) < 0)
		return err->code;
	if (!img->stored.n)
		return df_err_set(err, DUMPFILTER_E_TRUNCATED, "%s ends before its first byte of memory",
				  img->source.name);
	return 0;
}

/* What other program headers have, the output does not. */
static void leave_other_headers(struct df_image *img, const struct df_elf_phdr *p, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		if (p[i].type != DF_ELF_PT_NULL && p[i].type != DF_ELF_PT_LOAD && p[i].type != DF_ELF_PT_NOTE &&
		    p[i].filesz)
			df_image_leave(img, "program header %" PRIu32 " of type %#" PRIx32 " (%" PRIu64 " bytes)", i,
				       p[i].type, p[i].filesz);
}

static int check_kind(const struct df_image *img, const struct df_elf_header *h, struct df_err *err)
{
	if (h->type != DF_ELF_ET_CORE)
		return df_err_set(err, DUMPFILTER_E_FORMAT, "%s is an ELF file but no core file (e_type %u)%s",
				  img->source.name, h->type,
				  h->type == DF_ELF_ET_EXEC || h->type == DF_ELF_ET_DYN
					  ? ": it is a program; a vmlinux is given with -x"
					  : "");
	return 0;
}

/* Headers and notes, of any word size: they tell what is no image of a kernel's memory. */
static int read_headers(struct df_image *img, const struct df_elf_header *h, struct df_elf_phdr **p, uint32_t *n,
			struct df_err *err)
{
	struct df_sections *sections = df_alloc(img->env, sizeof *sections);
	int r;

	if (!sections)
		return df_err_nomem(err, img->env, "section headers", sizeof *sections);
	df_sections_read(sections, &img->source, h);
	r = df_sections_judge(sections, img->source.name, err);
	if (!r)
		r = read_phdrs(img, h, p, n, err);
	if (!r)
		r = read_notes(img, *p, *n, err);
	if (!r) {
		df_sections_leave(sections, img, *p, *n);
		leave_other_headers(img, *p, *n);
		df_input_scan_notes(img);
		r = df_input_judge_notes(img, err);
	}
	df_free(img->env, sections);
	return r;
}

static int open_elf(struct df_image *img, const uint8_t *head, size_t len, struct df_err *err)
{
	struct df_elf_header h;
	struct df_elf_phdr *p = NULL;
	uint32_t n = 0;
	int r = df_elf_decode_header(head, len, &h, err);

	if (r < 0)
		return df_err_wrap(err, "%s", img->source.name);
	r = check_kind(img, &h, err);
	if (r < 0)
		return r;
	img->ops = &df_image_extent_ops;
	img->format = "ELF64";
	img->be = h.be;
	img->bits = h.bits;
	img->machine = h.machine;
	img->elf_type = h.type;
	img->osabi = h.osabi;
	img->elf_flags = h.flags;
	r = read_headers(img, &h, &p, &n, err);
	if (!r && h.bits != 64)
		r = df_err_set(err, DUMPFILTER_E_UNSUPPORTED, "%s is an ELF32 core file, which is not supported yet",
			       img->source.name);
	if (!r)
		r = df_input_find_eraseinfo(img, err);
	if (!r)
		r = take_loads(img, p, n, err);
	df_free(img->env, p);
	return r;
}

const struct df_input df_input_elf = { .name = "ELF", .is = "an ELF file", .probe = probe, .open = open_elf };
