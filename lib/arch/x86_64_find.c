/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Where an x86_64 kernel was loaded, and how far KASLR moved it, without a note.  Its init_uts_ns lies at a fixed
 * distance from the image's beginning, and that at a multiple of 2 MiB (CONFIG_PHYSICAL_ALIGN): one look for each 2 MiB
 * of memory, at the name of the system and the release.  The kernel's variable phys_base then tells virtual and
 * physical displacement apart; where it is not known, all of the 2 GiB that a kernel can be moved by are tried.  The
 * kernel's page tables must agree.
 */
#include "arch/x86_64.h"

#include "base/bytes.h"

#include <string.h>

#define ALIGN         (UINT64_C(2) << 20)
#define FARTHEST      (UINT64_C(1) << 30) /* KERNEL_IMAGE_SIZE is 1 GiB at most */
#define PAGE_SHIFT_4K 12u
#define UTS_FIELD     65u
#define LOOK          (3 * UTS_FIELD) /* sysname, nodename, release */

/* One search through all stored memory.  The kernel counts as found only where finds ends up as 1. */
struct search {
	const struct df_arch *arch;
	const struct df_image *image;
	const struct df_kdesc *k;
	struct df_reader *reader;
	uint64_t uts; /* address as the text has it, less START_KERNEL_MAP */
	struct df_moved found;
	unsigned finds; /* different ones */
};

/* Do the page tables agree with a kernel that lies so? */
static int try_move(struct search *s, struct df_moved m, struct df_err *err)
{
	struct df_kdesc k = *s->k;
	struct df_xlat x = { .image = s->image };
	int r;

	if (m.delta % ALIGN || m.delta + FARTHEST > 2 * FARTHEST)
		return 0;
	df_kdesc_move(&k, m.delta);
	df_kdesc_drop(&k, DF_NUM_phys_base);
	df_kdesc_set(&k, DF_NUM_phys_base, m.phys_base, DF_FROM_DERIVED);
	r = s->arch->setup(&x, &k, s->reader, err);
	if (r == DUMPFILTER_E_NOMEM)
		return r;
	if (r || x.phys_base != m.phys_base)
		return 0;
	s->finds += !s->finds || memcmp(&s->found, &m, sizeof m) != 0;
	s->found = m;
	return 0;
}

/* The kernel's data lies sum further in physical memory than the text's addresses do in the kernel's range. */
static int look_closer(struct search *s, uint64_t sum, struct df_err *err)
{
	uint64_t symbol;
	uint8_t raw[8];
	int r = 0;

	if (df_get_fact(s->k, DF_SYM_phys_base, &symbol)) {
		if (df_reader_read(s->reader, symbol - START_KERNEL_MAP + sum, raw, sizeof raw, err) < 0)
			return 0;
		return try_move(s, (struct df_moved){ sum - df_get64(raw, false), df_get64(raw, false) }, err);
	}
	for (uint64_t delta = -FARTHEST; !r && delta != FARTHEST + ALIGN; delta += ALIGN)
		r = try_move(s, (struct df_moved){ delta, sum - delta }, err);
	return r;
}

static bool is_uts(const struct search *s, const char *uts)
{
	const char *release = uts + 2 * UTS_FIELD;

	if (memcmp(uts, "Linux", 6) != 0)
		return false;
	return s->k->osrelease[0] ? !strncmp(release, s->k->osrelease, UTS_FIELD)
				  : release[0] >= '0' && release[0] <= '9';
}

/* Physical memory [from, end). */
static int scan(struct search *s, uint64_t from, uint64_t end, struct df_err *err)
{
	char uts[LOOK];
	int r = 0;

	from += (s->uts - from) % ALIGN;
	for (uint64_t at = from; !r && at < end; at += ALIGN) {
		if (df_cancelled(s->image->env))
			return df_err_set(err, DUMPFILTER_E_CANCELLED, "cancelled");
		if (!df_reader_read(s->reader, at, uts, sizeof uts, err) && is_uts(s, uts))
			r = look_closer(s, at - s->uts, err);
	}
	return r;
}

/* Loads of a capture kernel say which memory is the kernel's: the first ones to look at. */
static int scan_loads(struct search *s, struct df_err *err)
{
	int r = 0;

	for (size_t i = 0; !r && i < s->image->nloads; i++) {
		const struct df_load *l = &s->image->loads[i];

		if (l->vaddr >= START_KERNEL_MAP)
			r = scan(s, l->paddr, l->paddr + (l->filesz < l->memsz ? l->filesz : l->memsz), err);
	}
	return r;
}

static int scan_all(struct search *s, struct df_err *err)
{
	uint64_t first, end = 0;
	int r = 0;

	while (!r && df_image_next(s->image, DF_STORED, PAGE_SHIFT_4K, end, &first, &end))
		r = scan(s, first << PAGE_SHIFT_4K, end << PAGE_SHIFT_4K, err);
	return r;
}

int df_x86_64_find(const struct df_arch *arch, const struct df_image *img, const struct df_kdesc *k,
		   struct df_reader *reader, struct df_moved *moved, struct df_err *err)
{
	struct search s = { .arch = arch, .image = img, .k = k, .reader = reader };
	int r;

	if (!df_get_fact(k, DF_SYM_init_uts_ns, &s.uts))
		return df_err_set(err, DUMPFILTER_E_NOINFO,
				  "no SYMBOL(init_uts_ns): where the kernel lies in an image without VMCOREINFO cannot "
				  "be found out");
	s.uts += df_fact(k, DF_OFF_uts_namespace_name, 4) - START_KERNEL_MAP;
	r = scan_loads(&s, err);
	if (!r && !s.finds)
		r = scan_all(&s, err);
	if (r < 0)
		return r;
	if (s.finds != 1)
		return df_err_set(
			err, DUMPFILTER_E_OTHER_KERNEL,
			s.finds ? "more than one kernel %s is in the image's memory: which one ran cannot be "
				  "told"
				: "of another kernel: none of release '%s' that runs is in the image's memory",
			k->osrelease);
	*moved = s.found;
	return 0;
}
