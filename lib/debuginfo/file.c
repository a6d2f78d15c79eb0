/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The file of a vmlinux: sections, symbols, data. */
#include "debuginfo/wants.h"

#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <elfutils/libdwelf.h>

/* The open file, as long as it is read.  Owns all of it. */
struct df_debugfile {
	Elf *elf_file;
	int fd;
	char name[256];
};

void *df_debugfile_handle(struct df_debugfile *debugfile)
{
	return debugfile->elf_file;
}

const char *df_debugfile_name(const struct df_debugfile *debugfile)
{
	return debugfile->name;
}

void df_debugfile_close(struct df_debugfile *debugfile, struct df_env *env)
{
	if (!debugfile)
		return;
	if (debugfile->elf_file)
		elf_end(debugfile->elf_file);
	if (debugfile->fd >= 0)
		close(debugfile->fd);
	df_free(env, debugfile);
}

static int open_file(struct df_debugfile *debugfile, const char *path, struct df_err *err)
{
	struct stat st;
	GElf_Ehdr header;

	debugfile->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a FIFO must not make it wait */
	if (debugfile->fd < 0)
		return df_err_sys(err, DUMPFILTER_E_IO, errno, "%s", path);
	if (fstat(debugfile->fd, &st) || !S_ISREG(st.st_mode))
		return df_err_set(err, DUMPFILTER_E_INVAL, "%s is no regular file: a vmlinux is needed", path);
	elf_version(EV_CURRENT);
	debugfile->elf_file = elf_begin(debugfile->fd, ELF_C_READ_MMAP, NULL);
	if (!debugfile->elf_file || elf_kind(debugfile->elf_file) != ELF_K_ELF)
		return df_err_set(err, DUMPFILTER_E_FORMAT,
				  "%s is no ELF file: a vmlinux with debug information is needed, not a vmlinuz", path);
	if (!gelf_getehdr(debugfile->elf_file, &header) || header.e_shoff > (uint64_t)st.st_size)
		return df_err_set(err, DUMPFILTER_E_CORRUPT,
				  "%s ends at byte %" PRIu64 ", before its section headers: copy it again", path,
				  (uint64_t)st.st_size);
	return 0;
}

static void build_id(struct df_debugfile *debugfile, struct df_vmlinux *vmlinux)
{
	const void *id = NULL;
	ssize_t got = dwelf_elf_gnu_build_id(debugfile->elf_file, &id);

	for (ssize_t i = 0; id && i < got && (size_t)(2 * i + 2) < sizeof vmlinux->build_id; i++)
		snprintf(vmlinux->build_id + 2 * i, 3, "%02x", ((const uint8_t *)id)[i]);
}

int df_debugfile_open(struct df_debugfile **opened, struct df_vmlinux *vmlinux, struct df_env *env, const char *path,
		      struct df_err *err)
{
	GElf_Ehdr header;
	int result;

	*opened = df_alloc(env, sizeof **opened);
	if (!*opened)
		return df_err_nomem(err, env, path, sizeof **opened);
	(*opened)->fd = -1;
	snprintf((*opened)->name, sizeof(*opened)->name, "%s", path);
	result = open_file(*opened, path, err);
	if (result < 0)
		return result;
	if (!gelf_getehdr((*opened)->elf_file, &header))
		return df_err_set(err, DUMPFILTER_E_CORRUPT, "%s: ELF header: %s", path, elf_errmsg(-1));
	vmlinux->machine = header.e_machine;
	vmlinux->bits = gelf_getclass((*opened)->elf_file) == ELFCLASS64 ? 64 : 32;
	vmlinux->big_endian = header.e_ident[EI_DATA] == ELFDATA2MSB;
	build_id(*opened, vmlinux);
	return 0;
}

/* A symbol that others can see goes before a file's own of the same name; of these the first one counts. */
static void take_symbol(struct df_wants *wants, struct df_vmlinux *vmlinux, const char *name, const GElf_Sym *symbol)
{
	struct df_want_group *group = df_wants_find(wants, DF_SPACE_SYMBOL, name);

	if (!strcmp(name, "empty_zero_page"))
		vmlinux->zero_page = symbol->st_size;
	if (!group || group->settled)
		return;
	wants->want[group->first].value = symbol->st_value;
	wants->want[group->first].found = true;
	if (GELF_ST_BIND(symbol->st_info) != STB_LOCAL)
		df_wants_settle(wants, group);
}

static void take_table(struct df_debugfile *debugfile, struct df_wants *wants, struct df_vmlinux *vmlinux,
		       Elf_Scn *section, const GElf_Shdr *header)
{
	Elf_Data *data = elf_getdata(section, NULL);
	size_t count = data && header->sh_entsize ? data->d_size / header->sh_entsize : 0;
	GElf_Sym symbol;

	for (size_t i = 0; i < count && i < INT32_MAX && gelf_getsym(data, (int)i, &symbol); i++) {
		unsigned type = GELF_ST_TYPE(symbol.st_info);
		const char *name;

		if (symbol.st_shndx == SHN_UNDEF || type > STT_FUNC)
			continue;
		name = elf_strptr(debugfile->elf_file, header->sh_link, symbol.st_name);
		if (name && *name)
			take_symbol(wants, vmlinux, name, &symbol);
	}
}

int df_debugfile_symbols(struct df_debugfile *debugfile, struct df_wants *wants, struct df_vmlinux *vmlinux,
			 struct df_err *err)
{
	Elf_Scn *section = NULL;
	GElf_Shdr header;
	bool any = false;

	while ((section = elf_nextscn(debugfile->elf_file, section))) {
		if (!gelf_getshdr(section, &header) || header.sh_type != SHT_SYMTAB)
			continue;
		take_table(debugfile, wants, vmlinux, section, &header);
		any = true;
	}
	if (!any)
		return df_err_set(err, DUMPFILTER_E_NOINFO,
				  "%s has no symbol table: a vmlinux with debug information is needed",
				  debugfile->name);
	return 0;
}

size_t df_debugfile_bytes(struct df_debugfile *debugfile, uint64_t vaddr, char *buffer, size_t length)
{
	Elf_Scn *section = NULL;
	Elf_Data *data;
	GElf_Shdr header;

	while ((section = elf_nextscn(debugfile->elf_file, section))) {
		if (!gelf_getshdr(section, &header) || !(header.sh_flags & SHF_ALLOC) || header.sh_type == SHT_NOBITS ||
		    vaddr < header.sh_addr || vaddr - header.sh_addr >= header.sh_size)
			continue;
		if (length > header.sh_size - (vaddr - header.sh_addr))
			length = (size_t)(header.sh_size - (vaddr - header.sh_addr));
		data = elf_getdata_rawchunk(debugfile->elf_file, (int64_t)(header.sh_offset + (vaddr - header.sh_addr)),
					    length, ELF_T_BYTE);
		if (!data || data->d_size < length)
			return 0;
		memcpy(buffer, data->d_buf, length);
		return length;
	}
	return 0;
}
