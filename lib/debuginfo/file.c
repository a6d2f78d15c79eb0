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
	Elf *elf;
	int fd;
	char name[256];
};

void *df_debugfile_handle(struct df_debugfile *e)
{
	return e->elf;
}

const char *df_debugfile_name(const struct df_debugfile *e)
{
	return e->name;
}

void df_debugfile_close(struct df_debugfile *e, struct df_env *env)
{
	if (!e)
		return;
	if (e->elf)
		elf_end(e->elf);
	if (e->fd >= 0)
		close(e->fd);
	df_free(env, e);
}

static int open_file(struct df_debugfile *e, const char *path, struct df_err *err)
{
	struct stat st;
	GElf_Ehdr eh;

	e->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a FIFO must not make it wait */
	if (e->fd < 0)
		return df_err_sys(err, DUMPFILTER_E_IO, errno, "%s", path);
	if (fstat(e->fd, &st) || !S_ISREG(st.st_mode))
		return df_err_set(err, DUMPFILTER_E_INVAL, "%s is no regular file: a vmlinux is needed", path);
	elf_version(EV_CURRENT);
	e->elf = elf_begin(e->fd, ELF_C_READ_MMAP, NULL);
	if (!e->elf || elf_kind(e->elf) != ELF_K_ELF)
		return df_err_set(err, DUMPFILTER_E_FORMAT,
				  "%s is no ELF file: a vmlinux with debug information is needed, not a vmlinuz", path);
	if (!gelf_getehdr(e->elf, &eh) || eh.e_shoff > (uint64_t)st.st_size)
		return df_err_set(err, DUMPFILTER_E_CORRUPT,
				  "%s ends at byte %" PRIu64 ", before its section headers: copy it again", path,
				  (uint64_t)st.st_size);
	return 0;
}

static void build_id(struct df_debugfile *e, struct df_vmlinux *v)
{
	const void *id = NULL;
	ssize_t n = dwelf_elf_gnu_build_id(e->elf, &id);

	for (ssize_t i = 0; id && i < n && (size_t)(2 * i + 2) < sizeof v->build_id; i++)
		snprintf(v->build_id + 2 * i, 3, "%02x", ((const uint8_t *)id)[i]);
}

int df_debugfile_open(struct df_debugfile **e, struct df_vmlinux *v, struct df_env *env, const char *path,
		      struct df_err *err)
{
	GElf_Ehdr header;
	int r;

	*e = df_alloc(env, sizeof **e);
	if (!*e)
		return df_err_nomem(err, env, path, sizeof **e);
	(*e)->fd = -1;
	snprintf((*e)->name, sizeof(*e)->name, "%s", path);
	r = open_file(*e, path, err);
	if (r < 0)
		return r;
	if (!gelf_getehdr((*e)->elf, &header))
		return df_err_set(err, DUMPFILTER_E_CORRUPT, "%s: ELF header: %s", path, elf_errmsg(-1));
	v->machine = header.e_machine;
	v->bits = gelf_getclass((*e)->elf) == ELFCLASS64 ? 64 : 32;
	v->be = header.e_ident[EI_DATA] == ELFDATA2MSB;
	build_id(*e, v);
	return 0;
}

/* A symbol that others can see goes before a file's own of the same name; of these the first one counts. */
static void take_symbol(struct df_wants *w, struct df_vmlinux *v, const char *name, const GElf_Sym *sym)
{
	struct df_want_group *g = df_wants_find(w, DF_SPACE_SYMBOL, name);

	if (!strcmp(name, "empty_zero_page"))
		v->zero_page = sym->st_size;
	if (!g || g->settled)
		return;
	w->v[g->first].value = sym->st_value;
	w->v[g->first].found = true;
	if (GELF_ST_BIND(sym->st_info) != STB_LOCAL)
		df_wants_settle(w, g);
}

static void take_table(struct df_debugfile *e, struct df_wants *w, struct df_vmlinux *v, Elf_Scn *scn,
		       const GElf_Shdr *sh)
{
	Elf_Data *data = elf_getdata(scn, NULL);
	size_t n = data && sh->sh_entsize ? data->d_size / sh->sh_entsize : 0;
	GElf_Sym sym;

	for (size_t i = 0; i < n && i < INT32_MAX && gelf_getsym(data, (int)i, &sym); i++) {
		unsigned type = GELF_ST_TYPE(sym.st_info);
		const char *name;

		if (sym.st_shndx == SHN_UNDEF || type > STT_FUNC)
			continue;
		name = elf_strptr(e->elf, sh->sh_link, sym.st_name);
		if (name && *name)
			take_symbol(w, v, name, &sym);
	}
}

int df_debugfile_symbols(struct df_debugfile *e, struct df_wants *w, struct df_vmlinux *v, struct df_err *err)
{
	Elf_Scn *scn = NULL;
	GElf_Shdr sh;
	bool any = false;

	while ((scn = elf_nextscn(e->elf, scn))) {
		if (!gelf_getshdr(scn, &sh) || sh.sh_type != SHT_SYMTAB)
			continue;
		take_table(e, w, v, scn, &sh);
		any = true;
	}
	if (!any)
		return df_err_set(err, DUMPFILTER_E_NOINFO,
				  "%s has no symbol table: a vmlinux with debug information is needed", e->name);
	return 0;
}

size_t df_debugfile_bytes(struct df_debugfile *e, uint64_t vaddr, char *buf, size_t len)
{
	Elf_Scn *scn = NULL;
	Elf_Data *data;
	GElf_Shdr sh;

	while ((scn = elf_nextscn(e->elf, scn))) {
		if (!gelf_getshdr(scn, &sh) || !(sh.sh_flags & SHF_ALLOC) || sh.sh_type == SHT_NOBITS ||
		    vaddr < sh.sh_addr || vaddr - sh.sh_addr >= sh.sh_size)
			continue;
		if (len > sh.sh_size - (vaddr - sh.sh_addr))
			len = (size_t)(sh.sh_size - (vaddr - sh.sh_addr));
		data = elf_getdata_rawchunk(e->elf, (int64_t)(sh.sh_offset + (vaddr - sh.sh_addr)), len, ELF_T_BYTE);
		if (!data || data->d_size < len)
			return 0;
		memcpy(buf, data->d_buf, len);
		return len;
	}
	return 0;
}
