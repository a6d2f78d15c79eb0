/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "run/dump.h"

#include "format/machine.h"
#include "kfind/kfind.h"
#include "run/canaries.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* What the note says, where it is possible on this machine. */
static unsigned page_shift(struct df_dump *dump)
{
	unsigned usual = dump->arch ? dump->arch->min_page_shift : 12,
		 max = dump->arch ? dump->arch->max_page_shift : 18, shift;

	if (!df_has(&dump->kernel, DF_PAGESIZE))
		return usual;
	shift = (unsigned)__builtin_ctzll(dump->kernel.value[DF_PAGESIZE]);
	if (shift >= usual && shift <= max)
		return shift;
	df_log(dump->env, DUMPFILTER_LOG_WARN, "VMCOREINFO: pages of 2^%u bytes do not exist on %s: 2^%u is used",
	       shift, dump->arch ? dump->arch->name : "any machine", usual);
	return usual;
}

void df_dump_fini(struct df_dump *dump)
{
	if (!dump->env)
		return;
	df_dump_plan_fini(&dump->plan);
	df_canaries_fini(dump);
	df_memmap_fini(&dump->memmap, dump->env);
	df_image_fini(&dump->image);
	df_free(dump->env, dump->text);
	df_free(dump->env, dump->banner);
	*dump = (struct df_dump){ .env = dump->env };
}

struct df_dump df_dump_put_aside(struct df_dump *dump)
{
	struct df_dump before = *dump;

	dump->memmap = (struct df_memmap){ 0 };
	return before;
}

int df_dump_settle(struct df_dump *dump, struct df_dump *before, int result)
{
	df_memmap_fini(result < 0 ? &dump->memmap : &before->memmap, dump->env);
	if (result < 0)
		*dump = *before;
	return result;
}

static void clean_uts(struct df_dump *dump)
{
	for (unsigned i = 0; i < sizeof dump->uts; i++) {
		if (i % DF_KDUMP_UTS_FIELD == DF_KDUMP_UTS_FIELD - 1)
			dump->uts[i] = '\0';
		else if (dump->uts[i] && (dump->uts[i] < ' ' || dump->uts[i] > '~'))
			dump->uts[i] = '?';
	}
}

/* uname -a of the crashed kernel: six strings, for the dump's header. */
static void read_uts(struct df_dump *dump, struct df_walker *walker)
{
	uint64_t at;
	struct df_err ignored;

	if (df_get_fact(&dump->kernel, DF_SYM_init_uts_ns, &at))
		at += df_fact(&dump->kernel, DF_OFF_uts_namespace_name, 4); /* behind a kref up to 5.10 */
	else if (!df_get_fact(&dump->kernel, DF_SYM_system_utsname, &at))
		return;
	if (df_xlat_read(walker, at, dump->uts, sizeof dump->uts, &ignored) < 0)
		memset(dump->uts, 0, sizeof dump->uts);
	clean_uts(dump);
}

/* What an earlier dump's header says, where memory does not. */
static void copy_uts(struct df_dump *dump)
{
	if (dump->uts[0])
		return;
	memcpy(dump->uts, dump->image.past.uts, sizeof dump->uts);
	clean_uts(dump);
}

static void put_uts(struct df_dump *dump, unsigned field, const char *text)
{
	snprintf((char *)dump->uts + field * DF_KDUMP_UTS_FIELD, DF_KDUMP_UTS_FIELD, "%s", text);
}

/* Where the crashed kernel's own cannot be read, or are damaged: readers choose the machine and the kernel by these. */
static void make_uts(struct df_dump *dump)
{
	const char *machine = df_arch_name(dump->image.machine, dump->image.bits, dump->image.big_endian);

	if (dump->uts[0] && machine &&
	    df_machine_number(dump->uts + 4 * DF_KDUMP_UTS_FIELD, DF_KDUMP_UTS_FIELD) != dump->image.machine)
		put_uts(dump, 4, machine);
	if (dump->uts[0] || !dump->kernel.osrelease[0] || !machine)
		return;
	put_uts(dump, 0, "Linux");
	put_uts(dump, 2, dump->kernel.osrelease);
	put_uts(dump, 3, "unknown");
	put_uts(dump, 4, machine);
}

/* A debug file without the kernel's data does not know its release, which some layouts go by. */
static void take_release(struct df_dump *dump)
{
	const uint8_t *release = dump->uts + 2 * DF_KDUMP_UTS_FIELD;

	if (dump->kernel.osrelease[0] || !release[0])
		return;
	memcpy(dump->kernel.osrelease, release, DF_KDUMP_UTS_FIELD);
	df_kdesc_quirks(&dump->kernel, dump->image.bits / 8);
}

static int locate(struct df_dump *dump, struct df_reader *reader, struct df_err *err)
{
	uint64_t end = (dump->image.end_paddr + (UINT64_C(1) << dump->page_shift) - 1) >> dump->page_shift;
	struct df_walker walker;
	int result;

	dump->xlat = (struct df_xlat){ .image = &dump->image };
	result = dump->arch->setup(&dump->xlat, &dump->kernel, reader, err);
	if (result < 0)
		return result;
	result = df_walker_init(&walker, &dump->xlat, reader, err);
	if (result < 0)
		return result;
	read_uts(dump, &walker);
	result = df_dump_same_kernel(dump, &walker, err);
	if (result < 0) {
		df_walker_fini(&walker);
		return result;
	}
	dump->can_translate = true;
	take_release(dump);
	result = df_memmap_find(&dump->memmap, dump->arch, &dump->kernel, &walker, dump->page_shift, end, err);
	df_walker_fini(&walker);
	return result < 0 ? df_err_wrap(err, "the memory map") : 0;
}

static void compile_rules(struct df_dump *dump)
{
	df_rules_compile(&dump->rules, &dump->kernel, dump->image.bits / 8, dump->image.big_endian);
	dump->rules.witness.pointer_mask = dump->arch->pointer_mask;
	dump->rules.witness.pointer_value = dump->arch->pointer_value;
}

/* What notes of kernels up to 3.16 lack and the image shows. */
static int deduce(struct df_dump *dump, struct df_err *err)
{
	struct df_classifier classifier = { &dump->rules, &dump->memmap, &dump->xlat, dump->page_shift };
	struct df_scanner scanner;
	uint64_t address;
	int result = df_scanner_init(&scanner, &classifier, err);

	if (result < 0)
		return result;
	if (df_deduce_free_huge_page(&scanner, &dump->kernel, &address)) {
		df_kdesc_set(&dump->kernel, DF_SYM_free_huge_page, address, DF_FROM_DERIVED);
		df_log(dump->env, DUMPFILTER_LOG_INFO, "free_huge_page found at %#" PRIx64, address);
		compile_rules(dump);
	}
	df_scanner_fini(&scanner);
	return 0;
}

int df_dump_locate(struct df_dump *dump, struct df_err *err)
{
	struct df_reader reader;
	int result;

	dump->can_translate = dump->can_classify = false;
	df_memmap_fini(&dump->memmap, dump->env);
	if (dump->image.xen_note) /* memory is counted in frames of the machine, page tables and VMCOREINFO in dom0's */
		return df_err_set(err, DUMPFILTER_E_UNSUPPORTED,
				  "%s is of a Xen host (note %s): filtering these is not supported yet",
				  dump->image.source.name, dump->image.xen_note);
	if (!dump->kernel.has_text)
		return df_err_set(
			err, DUMPFILTER_E_NOINFO,
			"%s has no VMCOREINFO: without it, or a vmlinux or VMCOREINFO text besides, only dump "
			"levels 0 and 1 are possible",
			dump->image.source.name);
	if (!dump->arch)
		return df_err_set(err, DUMPFILTER_E_UNSUPPORTED,
				  "%s is of a machine that is not known (e_machine %u, "
				  "%u bits, %s-endian)",
				  dump->image.source.name, dump->image.machine, dump->image.bits,
				  dump->image.big_endian ? "big" : "little");
	if (dump->odd_pages)
		return df_err_set(err, DUMPFILTER_E_CORRUPT,
				  "%s: pages of 2^%u bytes, but VMCOREINFO or the machine has others",
				  dump->image.source.name, dump->page_shift);
	result = dump->kernel.adrift ? df_dump_find_kernel(dump, err) : 0;
	if (!result)
		result = df_reader_init(&reader, &dump->image, DF_WINDOW_COPY, err);
	if (result < 0)
		return result;
	result = locate(dump, &reader, err);
	df_reader_fini(&reader);
	if (result < 0)
		return result;
	compile_rules(dump);
	result = deduce(dump, err);
	dump->can_classify = !result;
	return result;
}

/* Memory that is not there; or the caller's text, where it is all that is known of the kernel. */
static bool is_error(const struct df_dump *dump)
{
	int code = dump->why_not.code;

	return code == DUMPFILTER_E_NOMEM || code == DUMPFILTER_E_OTHER_KERNEL ||
	       (dump->text && !dump->image.vmcoreinfo_len && code != DUMPFILTER_E_UNSUPPORTED);
}

int df_dump_describe(struct df_dump *dump, struct df_err *err)
{
	int result;

	memset(dump->uts, 0, sizeof dump->uts);
	result = df_kfind(&dump->kernel, &dump->image, dump->text, dump->text_len, err);
	if (result < 0)
		return result;
	dump->arch = df_arch_find(dump->image.machine, dump->image.bits, dump->image.big_endian);
	dump->page_shift = page_shift(dump);
	dump->odd_pages = dump->image.frame_shift && dump->image.frame_shift != dump->page_shift;
	if (dump->odd_pages)
		dump->page_shift = dump->image.frame_shift; /* bitmaps and index count in these */
	dump->image.page_size = (size_t)1 << dump->page_shift;
	df_err_clear(&dump->why_not);
	result = df_dump_locate(dump, &dump->why_not);
	copy_uts(dump);
	make_uts(dump);
	if (result < 0 && is_error(dump)) {
		*err = dump->why_not;
		return err->code;
	}
	return 0;
}

int df_dump_give(struct df_dump *dump, char *text, size_t length, char *banner, struct df_err *err)
{
	struct df_dump before = df_dump_put_aside(dump);
	int result;

	dump->text = text;
	dump->text_len = length;
	dump->banner = banner;
	result = df_dump_describe(dump, err);
	if (!result && before.can_classify && !dump->can_classify) {
		*err = dump->why_not; /* it was possible without */
		result = err->code;
	}
	df_dump_settle(dump, &before, result);
	df_free(dump->env, result < 0 ? text : before.text);
	df_free(dump->env, result < 0 ? banner : before.banner);
	return result;
}
