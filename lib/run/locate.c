/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "run/dump.h"

#include "format/machine.h"
#include "kfind/kfind.h"
#include "run/canaries.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* What the note says, where it is possible on this machine. */
static unsigned page_shift(struct df_dump *d)
{
	unsigned usual = d->arch ? d->arch->min_page_shift : 12, max = d->arch ? d->arch->max_page_shift : 18, shift;

	if (!df_has(&d->k, DF_PAGESIZE))
		return usual;
	shift = (unsigned)__builtin_ctzll(d->k.value[DF_PAGESIZE]);
	if (shift >= usual && shift <= max)
		return shift;
	df_log(d->env, DUMPFILTER_LOG_WARN, "VMCOREINFO: pages of 2^%u bytes do not exist on %s: 2^%u is used", shift,
	       d->arch ? d->arch->name : "any machine", usual);
	return usual;
}

void df_dump_fini(struct df_dump *d)
{
	if (!d->env)
		return;
	df_dump_plan_fini(&d->plan);
	df_canaries_fini(d);
	df_memmap_fini(&d->map, d->env);
	df_image_fini(&d->image);
	df_free(d->env, d->text);
	df_free(d->env, d->banner);
	*d = (struct df_dump){ .env = d->env };
}

struct df_dump df_dump_put_aside(struct df_dump *d)
{
	struct df_dump before = *d;

	d->map = (struct df_memmap){ 0 };
	return before;
}

int df_dump_settle(struct df_dump *d, struct df_dump *before, int r)
{
	df_memmap_fini(r < 0 ? &d->map : &before->map, d->env);
	if (r < 0)
		*d = *before;
	return r;
}

static void clean_uts(struct df_dump *d)
{
	for (unsigned i = 0; i < sizeof d->uts; i++) {
		if (i % DF_KDUMP_UTS_FIELD == DF_KDUMP_UTS_FIELD - 1)
			d->uts[i] = '\0';
		else if (d->uts[i] && (d->uts[i] < ' ' || d->uts[i] > '~'))
			d->uts[i] = '?';
	}
}

/* uname -a of the crashed kernel: six strings, for the dump's header. */
static void read_uts(struct df_dump *d, struct df_walker *w)
{
	uint64_t at;
	struct df_err ignored;

	if (df_get_fact(&d->k, DF_SYM_init_uts_ns, &at))
		at += df_fact(&d->k, DF_OFF_uts_namespace_name, 4); /* behind a kref up to 5.10 */
	else if (!df_get_fact(&d->k, DF_SYM_system_utsname, &at))
		return;
	if (df_xlat_read(w, at, d->uts, sizeof d->uts, &ignored) < 0)
		memset(d->uts, 0, sizeof d->uts);
	clean_uts(d);
}

/* What an earlier dump's header says, where memory does not. */
static void copy_uts(struct df_dump *d)
{
	if (d->uts[0])
		return;
	memcpy(d->uts, d->image.past.uts, sizeof d->uts);
	clean_uts(d);
}

static void put_uts(struct df_dump *d, unsigned field, const char *text)
{
	snprintf((char *)d->uts + field * DF_KDUMP_UTS_FIELD, DF_KDUMP_UTS_FIELD, "%s", text);
}

/* Where the crashed kernel's own cannot be read, or are damaged: readers choose the machine and the kernel by these. */
static void make_uts(struct df_dump *d)
{
	const char *machine = df_arch_name(d->image.machine, d->image.bits, d->image.be);

	if (d->uts[0] && machine &&
	    df_machine_number(d->uts + 4 * DF_KDUMP_UTS_FIELD, DF_KDUMP_UTS_FIELD) != d->image.machine)
		put_uts(d, 4, machine);
	if (d->uts[0] || !d->k.osrelease[0] || !machine)
		return;
	put_uts(d, 0, "Linux");
	put_uts(d, 2, d->k.osrelease);
	put_uts(d, 3, "unknown");
	put_uts(d, 4, machine);
}

/* A debug file without the kernel's data does not know its release, which some layouts go by. */
static void take_release(struct df_dump *d)
{
	const uint8_t *release = d->uts + 2 * DF_KDUMP_UTS_FIELD;

	if (d->k.osrelease[0] || !release[0])
		return;
	memcpy(d->k.osrelease, release, DF_KDUMP_UTS_FIELD);
	df_kdesc_quirks(&d->k, d->image.bits / 8);
}

static int locate(struct df_dump *d, struct df_reader *reader, struct df_err *err)
{
	uint64_t end = (d->image.end_paddr + (UINT64_C(1) << d->page_shift) - 1) >> d->page_shift;
	struct df_walker w;
	int r;

	d->xlat = (struct df_xlat){ .image = &d->image };
	r = d->arch->setup(&d->xlat, &d->k, reader, err);
	if (r < 0)
		return r;
	r = df_walker_init(&w, &d->xlat, reader, err);
	if (r < 0)
		return r;
	read_uts(d, &w);
	r = df_dump_same_kernel(d, &w, err);
	if (r < 0) {
		df_walker_fini(&w);
		return r;
	}
	d->can_translate = true;
	take_release(d);
	r = df_memmap_find(&d->map, d->arch, &d->k, &w, d->page_shift, end, err);
	df_walker_fini(&w);
	return r < 0 ? df_err_wrap(err, "the memory map") : 0;
}

static void compile_rules(struct df_dump *d)
{
	df_rules_compile(&d->rules, &d->k, d->image.bits / 8, d->image.be);
	d->rules.witness.pointer_mask = d->arch->pointer_mask;
	d->rules.witness.pointer_value = d->arch->pointer_value;
}

/* What notes of kernels up to 3.16 lack and the image shows. */
static int deduce(struct df_dump *d, struct df_err *err)
{
	struct df_classifier c = { &d->rules, &d->map, &d->xlat, d->page_shift };
	struct df_scanner s;
	uint64_t address;
	int r = df_scanner_init(&s, &c, err);

	if (r < 0)
		return r;
	if (df_deduce_free_huge_page(&s, &d->k, &address)) {
		df_kdesc_set(&d->k, DF_SYM_free_huge_page, address, DF_FROM_DERIVED);
		df_log(d->env, DUMPFILTER_LOG_INFO, "free_huge_page found at %#" PRIx64, address);
		compile_rules(d);
	}
	df_scanner_fini(&s);
	return 0;
}

int df_dump_locate(struct df_dump *d, struct df_err *err)
{
	struct df_reader reader;
	int r;

	d->can_translate = d->can_classify = false;
	df_memmap_fini(&d->map, d->env);
	if (d->image.xen_note) /* memory is counted in frames of the machine, page tables and VMCOREINFO in dom0's */
		return df_err_set(err, DUMPFILTER_E_UNSUPPORTED,
				  "%s is of a Xen host (note %s): filtering these is not supported yet",
				  d->image.source.name, d->image.xen_note);
	if (!d->k.has_text)
		return df_err_set(
			err, DUMPFILTER_E_NOINFO,
			"%s has no VMCOREINFO: without it, or a vmlinux or VMCOREINFO text besides, only dump "
			"levels 0 and 1 are possible",
			d->image.source.name);
	if (!d->arch)
		return df_err_set(err, DUMPFILTER_E_UNSUPPORTED,
				  "%s is of a machine that is not known (e_machine %u, "
				  "%u bits, %s-endian)",
				  d->image.source.name, d->image.machine, d->image.bits,
				  d->image.be ? "big" : "little");
	if (d->odd_pages)
		return df_err_set(err, DUMPFILTER_E_CORRUPT,
				  "%s: pages of 2^%u bytes, but VMCOREINFO or the machine has others",
				  d->image.source.name, d->page_shift);
	r = d->k.adrift ? df_dump_find_kernel(d, err) : 0;
	if (!r)
		r = df_reader_init(&reader, &d->image, DF_WINDOW_COPY, err);
	if (r < 0)
		return r;
	r = locate(d, &reader, err);
	df_reader_fini(&reader);
	if (r < 0)
		return r;
	compile_rules(d);
	r = deduce(d, err);
	d->can_classify = !r;
	return r;
}

/* Memory that is not there; or the caller's text, where it is all that is known of the kernel. */
static bool is_error(const struct df_dump *d)
{
	int code = d->why_not.code;

	return code == DUMPFILTER_E_NOMEM || code == DUMPFILTER_E_OTHER_KERNEL ||
	       (d->text && !d->image.vmcoreinfo_len && code != DUMPFILTER_E_UNSUPPORTED);
}

int df_dump_describe(struct df_dump *d, struct df_err *err)
{
	int r;

	memset(d->uts, 0, sizeof d->uts);
	r = df_kfind(&d->k, &d->image, d->text, d->text_len, err);
	if (r < 0)
		return r;
	d->arch = df_arch_find(d->image.machine, d->image.bits, d->image.be);
	d->page_shift = page_shift(d);
	d->odd_pages = d->image.frame_shift && d->image.frame_shift != d->page_shift;
	if (d->odd_pages)
		d->page_shift = d->image.frame_shift; /* bitmaps and index count in these */
	d->image.page_size = (size_t)1 << d->page_shift;
	df_err_clear(&d->why_not);
	r = df_dump_locate(d, &d->why_not);
	copy_uts(d);
	make_uts(d);
	if (r < 0 && is_error(d)) {
		*err = d->why_not;
		return err->code;
	}
	return 0;
}

int df_dump_give(struct df_dump *d, char *text, size_t len, char *banner, struct df_err *err)
{
	struct df_dump before = df_dump_put_aside(d);
	int r;

	d->text = text;
	d->text_len = len;
	d->banner = banner;
	r = df_dump_describe(d, err);
	if (!r && before.can_classify && !d->can_classify) {
		*err = d->why_not; /* it was possible without */
		r = err->code;
	}
	df_dump_settle(d, &before, r);
	df_free(d->env, r < 0 ? text : before.text);
	df_free(d->env, r < 0 ? banner : before.banner);
	return r;
}
