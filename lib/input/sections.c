/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "input/sections.h"

#include "base/bytes.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Up to the end of the name, or of what can be shown of it. */
static void read_name(struct df_section *s, const struct df_source *source, const struct df_elf_shdr *names,
		      uint32_t at)
{
	uint64_t left = at < names->size ? names->size - at : 0, offset;
	size_t len = left < sizeof s->name - 1 ? (size_t)left : sizeof s->name - 1;
	struct df_err ignored;

	memset(s->name, 0, sizeof s->name);
	if (!len || !df_add64(names->offset, at, &offset) ||
	    df_source_read(source, offset, s->name, len, &ignored) < 0) {
		s->name[0] = '\0';
		return;
	}
	for (char *c = s->name; *c; c++)
		if (*c < '!' || *c > '~')
			*c = '?';
}

/* false: it cannot be read. */
static bool read_header(const struct df_source *source, const struct df_elf_header *h, uint32_t i,
			struct df_elf_shdr *out)
{
	uint8_t raw[DF_ELF_SHDR_MAX];
	struct df_err ignored;
	uint64_t offset;

	if (!df_add64(h->shoff, (uint64_t)i * df_elf_shdr_size(h), &offset) ||
	    df_source_read(source, offset, raw, df_elf_shdr_size(h), &ignored) < 0)
		return false;
	df_elf_decode_shdr(h, raw, out);
	return true;
}

void df_sections_read(struct df_sections *s, const struct df_source *source, const struct df_elf_header *h)
{
	uint32_t n = h->shnum < DF_SECTIONS_MAX ? h->shnum : DF_SECTIONS_MAX;
	struct df_elf_shdr names = { 0 }, x;

	s->n = 0;
	s->more = 0;
	if (!h->shoff || h->shentsize != df_elf_shdr_size(h))
		return;
	s->more = h->shnum - n;
	if (h->shstrndx < h->shnum && !read_header(source, h, h->shstrndx, &names))
		names.size = 0;
	for (uint32_t i = 1; i < n; i++) {
		struct df_section *section = &s->v[s->n];

		if (i == h->shstrndx || !read_header(source, h, i, &x) || !x.type || x.type == DF_ELF_SHT_NOBITS ||
		    !x.size)
			continue;
		section->number = i;
		section->type = x.type;
		section->offset = x.offset;
		section->size = x.size;
		read_name(section, source, &names, x.name);
		s->n++;
	}
}

bool df_sections_have(const struct df_sections *s, const char *name)
{
	for (unsigned i = 0; i < s->n; i++)
		if (!strcmp(s->v[i].name, name))
			return true;
	return false;
}

/* Names: Xen's tools/libs/guest/xg_core.h; QEMU 7.2's target/s390x/arch_dump.c. */
int df_sections_judge(const struct df_sections *s, const char *file, struct df_err *err)
{
	bool meta = df_sections_have(s, "pv_mem_meta"), completion = df_sections_have(s, "pv_compl");

	if (df_sections_have(s, ".xen_pages") || df_sections_have(s, ".note.Xen"))
		return df_err_set(
			err, DUMPFILTER_E_FORMAT,
			"%s is a core of a Xen guest (xl dump-core; sections .note.Xen, .xen_pages): it is not "
			"supported; crash opens it as it is, so copy the whole file",
			file);
	if (meta || completion)
		return df_err_set(
			err, DUMPFILTER_E_UNSUPPORTED,
			"%s is the encrypted dump of a protected guest (IBM Secure Execution; section%s %s%s%s): "
			"decrypt it first (zgetdump -k KEY OLD NEW), or copy the whole file",
			file, meta && completion ? "s" : "", meta ? "pv_mem_meta" : "", meta && completion ? ", " : "",
			completion ? "pv_compl" : "");
	return 0;
}

/* Core files that went through objcopy have a section for each program header. */
static bool is_covered(const struct df_section *s, const struct df_elf_phdr *p, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		if ((p[i].type == DF_ELF_PT_LOAD || p[i].type == DF_ELF_PT_NOTE) && s->offset >= p[i].offset &&
		    s->offset - p[i].offset <= p[i].filesz && s->size <= p[i].filesz - (s->offset - p[i].offset))
			return true;
	return false;
}

void df_sections_leave(const struct df_sections *s, struct df_image *img, const struct df_elf_phdr *p, uint32_t n)
{
	for (unsigned i = 0; i < s->n; i++) {
		const struct df_section *x = &s->v[i];
		char number[16];

		if (is_covered(x, p, n))
			continue;
		snprintf(number, sizeof number, "%" PRIu32, x->number);
		df_image_leave(img, "section %s (%" PRIu64 " bytes)", x->name[0] ? x->name : number, x->size);
	}
	if (s->more)
		df_image_leave(img, "what %" PRIu32 " more sections hold", s->more);
}
