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
	const struct df_kdesc *kernel;
	struct df_reader *reader;
	uint64_t uts; /* address as the text has it, less START_KERNEL_MAP */
	struct df_moved found;
	unsigned finds; /* different ones */
};

/* Do the page tables agree with a kernel that lies so? */
static int try_move(struct search *search, struct df_moved moved, struct df_err *err)
{
	struct df_kdesc kernel = *search->kernel;
	struct df_xlat xlat = { .image = search->image };
	int result;

	if (moved.delta % ALIGN || moved.delta + FARTHEST > 2 * FARTHEST)
		return 0;
	df_kdesc_move(&kernel, moved.delta);
	df_kdesc_drop(&kernel, DF_NUM_phys_base);
	df_kdesc_set(&kernel, DF_NUM_phys_base, moved.phys_base, DF_FROM_DERIVED);
	result = search->arch->setup(&xlat, &kernel, search->reader, err);
	if (result == DUMPFILTER_E_NOMEM)
		return result;
	if (result || xlat.phys_base != moved.phys_base)
		return 0;
	search->finds += !search->finds || memcmp(&search->found, &moved, sizeof moved) != 0;
	search->found = moved;
	return 0;
}

/* The kernel's data lies sum further in physical memory than the text's addresses do in the kernel's range. */
static int look_closer(struct search *search, uint64_t sum, struct df_err *err)
{
	uint64_t symbol;
	uint8_t raw[8];
	int result = 0;

	if (df_get_fact(search->kernel, DF_SYM_phys_base, &symbol)) {
		if (df_reader_read(search->reader, symbol - START_KERNEL_MAP + sum, raw, sizeof raw, err) < 0)
			return 0;
		return try_move(search, (struct df_moved){ sum - df_get64(raw, false), df_get64(raw, false) }, err);
	}
	for (uint64_t delta = -FARTHEST; !result && delta != FARTHEST + ALIGN; delta += ALIGN)
		result = try_move(search, (struct df_moved){ delta, sum - delta }, err);
	return result;
}

static bool is_uts(const struct search *search, const char *uts)
{
	const char *release = uts + 2 * UTS_FIELD;

	if (memcmp(uts, "Linux", 6) != 0)
		return false;
	return search->kernel->osrelease[0] ? !strncmp(release, search->kernel->osrelease, UTS_FIELD)
					    : release[0] >= '0' && release[0] <= '9';
}

/* Physical memory [from, end). */
static int scan(struct search *search, uint64_t from, uint64_t end, struct df_err *err)
{
	char uts[LOOK];
	int result = 0;

	from += (search->uts - from) % ALIGN;
	for (uint64_t at = from; !result && at < end; at += ALIGN) {
		if (df_cancelled(search->image->env))
			return df_err_set(err, DUMPFILTER_E_CANCELLED, "cancelled");
		if (!df_reader_read(search->reader, at, uts, sizeof uts, err) && is_uts(search, uts))
			result = look_closer(search, at - search->uts, err);
	}
	return result;
}

/* Loads of a capture kernel say which memory is the kernel's: the first ones to look at. */
static int scan_loads(struct search *search, struct df_err *err)
{
	int result = 0;

	for (size_t i = 0; !result && i < search->image->nloads; i++) {
		const struct df_load *load = &search->image->loads[i];

		if (load->vaddr >= START_KERNEL_MAP)
			result = scan(search, load->paddr,
				      load->paddr + (load->filesz < load->memsz ? load->filesz : load->memsz), err);
	}
	return result;
}

static int scan_all(struct search *search, struct df_err *err)
{
	uint64_t first, end = 0;
	int result = 0;

	while (!result && df_image_next(search->image, DF_STORED, PAGE_SHIFT_4K, end, &first, &end))
		result = scan(search, first << PAGE_SHIFT_4K, end << PAGE_SHIFT_4K, err);
	return result;
}

int df_x86_64_find(const struct df_arch *arch, const struct df_image *image, const struct df_kdesc *kernel,
		   struct df_reader *reader, struct df_moved *moved, struct df_err *err)
{
	struct search search = { .arch = arch, .image = image, .kernel = kernel, .reader = reader };
	int result;

	if (!df_get_fact(kernel, DF_SYM_init_uts_ns, &search.uts))
		return df_err_set(err, DUMPFILTER_E_NOINFO,
				  "no SYMBOL(init_uts_ns): where the kernel lies in an image without VMCOREINFO cannot "
				  "be found out");
	search.uts += df_fact(kernel, DF_OFF_uts_namespace_name, 4) - START_KERNEL_MAP;
	result = scan_loads(&search, err);
	if (!result && !search.finds)
		result = scan_all(&search, err);
	if (result < 0)
		return result;
	if (search.finds != 1)
		return df_err_set(
			err, DUMPFILTER_E_OTHER_KERNEL,
			search.finds ? "more than one kernel %s is in the image's memory: which one ran cannot be "
				       "told"
				     : "of another kernel: none of release '%s' that runs is in the image's memory",
			kernel->osrelease);
	*moved = search.found;
	return 0;
}
