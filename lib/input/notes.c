/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "input/notes.h"

#include "base/bytes.h"
#include "format/elf.h"

#define NAME        "VMCOREINFO"
#define NAME_PADDED 12u
#define HEADER      12u
#define ERASEINFO   "ERASEINFO"

/* Of the hypervisor: XEN_ELFNOTE_CRASH_INFO and _CRASH_REGS (Xen's public/elfnote.h), its own VMCOREINFO; up to Xen 3.1
 * the name was another. */
static const char *of_xen(const struct df_elf_note *note)
{
	static const char *const names[] = { "Xen", "VMCOREINFO_XEN", "XEN CORE" };

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (df_elf_note_is(note, names[i]))
			return names[i];
	return NULL;
}

void df_input_scan_notes(struct df_image *image)
{
	struct df_elf_note note;

	image->cpus = 0;
	image->xen_note = NULL;
	image->vmcoreinfo_at = image->vmcoreinfo_len = 0;
	for (size_t pos = 0; df_elf_next_note(image->big_endian, image->notes, image->notes_len, &pos, &note);) {
		if (note.type == DF_ELF_NT_PRSTATUS && df_elf_note_is(&note, "CORE"))
			image->cpus++;
		if (!image->xen_note)
			image->xen_note = of_xen(&note);
		if (!image->vmcoreinfo_len && df_elf_note_is(&note, NAME)) {
			image->vmcoreinfo_at = note.desc_offset;
			image->vmcoreinfo_len = note.descsz;
		}
	}
}

/* What the kernel and gdb put into cores of processes and nobody into images of memory: /proc/kcore has NT_PRPSINFO and
 * NT_TASKSTRUCT, zgetdump NT_PRPSINFO (fs/binfmt_elf.c and fs/proc/kcore.c of Linux 6.1, zdump/dfo_elf.c). */
static const char *of_process(const struct df_elf_note *note)
{
	if (!df_elf_note_is(note, "CORE"))
		return NULL;
	switch (note->type) {
	case DF_ELF_NT_AUXV:
		return "NT_AUXV";
	case DF_ELF_NT_FILE:
		return "NT_FILE";
	case DF_ELF_NT_SIGINFO:
		return "NT_SIGINFO";
	default:
		return NULL;
	}
}

int df_input_judge_notes(const struct df_image *image, struct df_err *err)
{
	struct df_elf_note note;
	const char *name;

	for (size_t pos = 0; df_elf_next_note(image->big_endian, image->notes, image->notes_len, &pos, &note);) {
		/* QEMU 7.2 adds it for each CPU of a protected guest, also where its owner allows no dump of it, so
		 * that there are no sections to decrypt it by. */
		if (note.type == DF_ELF_NT_PV_CPU_DATA && df_elf_note_is(&note, "LINUX"))
			return df_err_set(
				err, DUMPFILTER_E_UNSUPPORTED,
				"%s is of a protected guest (IBM Secure Execution; note NT_S390_PV_CPU_DATA) and "
				"lacks what decrypts it (section pv_compl): its memory cannot be read",
				image->source.name);
		name = image->vmcoreinfo_len ? NULL : of_process(&note);
		if (name)
			return df_err_set(err, DUMPFILTER_E_FORMAT,
					  "%s is the core of a process (note %s), not of a kernel: gdb reads it",
					  image->source.name, name);
	}
	return 0;
}

int df_input_add_vmcoreinfo(struct df_image *image, const struct df_source *source, uint64_t offset, uint32_t length,
			    size_t *cap, struct df_err *err)
{
	size_t desc = HEADER + NAME_PADDED, more = desc + (size_t)df_round_up(length, 4);
	uint8_t *note;
	int result;

	if (!df_grow(image->env, (void **)&image->notes, cap, image->notes_len + more, 1))
		return df_err_nomem(err, image->env, "notes", image->notes_len + more);
	note = image->notes + image->notes_len;
	memset(note, 0, more);
	df_put32(note, sizeof NAME, image->big_endian);
	df_put32(note + 4, length, image->big_endian);
	memcpy(note + HEADER, NAME, sizeof NAME);
	result = df_source_read(source, offset, note + desc, length, err);
	if (!result)
		image->notes_len += more;
	return result;
}

/* Writers reserve more than they need: the rest is zero. */
static size_t text_length(const struct df_elf_note *note)
{
	size_t length = note->descsz < DF_INPUT_MAX_ERASEINFO ? note->descsz : DF_INPUT_MAX_ERASEINFO;

	while (length && !note->desc[length - 1])
		length--;
	return length;
}

int df_input_find_eraseinfo(struct df_image *image, struct df_err *err)
{
	struct df_elf_note note;
	size_t length;

	for (size_t pos = 0; df_elf_next_note(image->big_endian, image->notes, image->notes_len, &pos, &note);) {
		if (!df_elf_note_is(&note, ERASEINFO) || !(length = text_length(&note)))
			continue;
		if (!image->eraseinfo_len) {
			image->eraseinfo = df_alloc(image->env, length);
			if (!image->eraseinfo)
				return df_err_nomem(err, image->env, "text about erased data", length);
			memcpy(image->eraseinfo, note.desc, length);
			image->eraseinfo_len = length;
		}
		image->eraseinfo_noted = length == image->eraseinfo_len && !memcmp(image->eraseinfo, note.desc, length);
		break;
	}
	return 0;
}
