/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "input/sections.h"

#include "base/bytes.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Up to the end of the name, or of what can be shown of it. */
static void read_name(struct df_section *section, const struct df_source *source, const struct df_elf_shdr *names,
		      uint32_t at)
{
	uint64_t left = at < names->size ? names->size - at : 0, offset;
	size_t length = left < sizeof section->name - 1 ? (size_t)left : sizeof section->name - 1;
	struct df_err ignored;

	memset(section->name, 0, sizeof section->name);
	if (!length || !df_add64(names->offset, at, &offset) ||
	    df_source_read(source, offset, section->name, length, &ignored) < 0) {
		section->name[0] = '\0';
		return;
	}
	for (char *c = section->name; *c; c++)
		if (*c < '!' || *c > '~')
			*c = '?';
}

/* false: it cannot be read. */
static bool read_header(const struct df_source *source, const struct df_elf_header *header, uint32_t i,
			struct df_elf_shdr *elf_shdr)
{
	uint8_t raw[DF_ELF_SHDR_MAX];
	struct df_err ignored;
	uint64_t offset;

	if (!df_add64(header->shoff, (uint64_t)i * df_elf_shdr_size(header), &offset) ||
	    df_source_read(source, offset, raw, df_elf_shdr_size(header), &ignored) < 0)
		return false;
	df_elf_decode_shdr(header, raw, elf_shdr);
	return true;
}

void df_sections_read(struct df_sections *sections, const struct df_source *source, const struct df_elf_header *header)
{
	uint32_t count = header->shnum < DF_SECTIONS_MAX ? header->shnum : DF_SECTIONS_MAX;
	struct df_elf_shdr names = { 0 }, elf_shdr;

	sections->count = 0;
	sections->more = 0;
	if (!header->shoff || header->shentsize != df_elf_shdr_size(header))
		return;
	sections->more = header->shnum - count;
	if (header->shstrndx < header->shnum && !read_header(source, header, header->shstrndx, &names))
		names.size = 0;
	for (uint32_t i = 1; i < count; i++) {
		struct df_section *section = &sections->v[sections->count];

		if (i == header->shstrndx || !read_header(source, header, i, &elf_shdr) || !elf_shdr.type ||
		    elf_shdr.type == DF_ELF_SHT_NOBITS || !elf_shdr.size)
			continue;
		section->number = i;
		section->type = elf_shdr.type;
		section->offset = elf_shdr.offset;
		section->size = elf_shdr.size;
		read_name(section, source, &names, elf_shdr.name);
		sections->count++;
	}
}

bool df_sections_have(const struct df_sections *sections, const char *name)
{
	for (unsigned i = 0; i < sections->count; i++)
		if (!strcmp(sections->v[i].name, name))
			return true;
	return false;
}

/* Names: Xen's tools/libs/guest/xg_core.h; QEMU 7.2's target/s390x/arch_dump.c. */
int df_sections_judge(const struct df_sections *sections, const char *file, struct df_err *err)
{
	bool meta = df_sections_have(sections, "pv_mem_meta"), completion = df_sections_have(sections, "pv_compl");

	if (df_sections_have(sections, ".xen_pages") || df_sections_have(sections, ".note.Xen"))
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
static bool is_covered(const struct df_section *section, const struct df_elf_phdr *phdr, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		if ((phdr[i].type == DF_ELF_PT_LOAD || phdr[i].type == DF_ELF_PT_NOTE) &&
		    section->offset >= phdr[i].offset && section->offset - phdr[i].offset <= phdr[i].filesz &&
		    section->size <= phdr[i].filesz - (section->offset - phdr[i].offset))
			return true;
	return false;
}

void df_sections_leave(const struct df_sections *sections, struct df_image *image, const struct df_elf_phdr *phdr,
		       uint32_t count)
{
	for (unsigned i = 0; i < sections->count; i++) {
		const struct df_section *section = &sections->v[i];
		char number[16];

		if (is_covered(section, phdr, count))
			continue;
		snprintf(number, sizeof number, "%" PRIu32, section->number);
		df_image_leave(image, "section %s (%" PRIu64 " bytes)", section->name[0] ? section->name : number,
			       section->size);
	}
	if (sections->more)
		df_image_leave(image, "what %" PRIu32 " more sections hold", sections->more);
}
