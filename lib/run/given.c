/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Facts that the caller gives: are they of the kernel in the image, and where was that moved to?  Filtering by what is
 * said of another kernel would leave out any page, so what is not confirmed by something in the image is refused:
 *
 *   build id of both, or release of both (kfind)        where the image has a note
 *   distance of symbols that both have (kfind)          the same
 *   release in memory, at a distance that the page      where it has none
 *   tables confirm (arch's find)
 *   version text, else release, at its address          everywhere but where build ids were equal
 */
#include "run/dump.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define VERSION "Linux version "

int df_dump_find_kernel(struct df_dump *dump, struct df_err *err)
{
	struct df_moved moved;
	struct df_reader reader;
	int result;

	if (!dump->arch->find)
		return 0;
	result = df_reader_init(&reader, &dump->image, dump->image.page_size, err);
	if (result < 0)
		return result;
	result = dump->arch->find(dump->arch, &dump->image, &dump->kernel, &reader, &moved, err);
	df_reader_fini(&reader);
	if (result < 0)
		return result;
	df_log(dump->env, DUMPFILTER_LOG_INFO,
	       "the kernel was found in memory: moved by %#" PRIx64 ", phys_base %#" PRIx64, moved.delta,
	       moved.phys_base);
	df_kdesc_move(&dump->kernel, moved.delta);
	df_kdesc_drop(&dump->kernel, DF_NUM_phys_base);
	df_kdesc_set(&dump->kernel, DF_NUM_phys_base, moved.phys_base, DF_FROM_DERIVED);
	return 0;
}

/* The version text at its address: 1 = the same, 0 = there is none to be read (pages of an earlier dump may be left
 * out), or E_OTHER_KERNEL. */
static int compare_version(struct df_dump *dump, struct df_walker *walker, struct df_err *err)
{
	char want[512], have[sizeof want] = { 0 };
	struct df_err ignored;
	uint64_t at;
	size_t length;

	if (!df_get_fact(&dump->kernel, DF_SYM_linux_banner, &at))
		return 0;
	if (dump->banner)
		snprintf(want, sizeof want, "%s", dump->banner);
	else
		snprintf(want, sizeof want, VERSION "%s%s", dump->kernel.osrelease,
			 dump->kernel.osrelease[0] ? " " : "");
	length = strlen(want);
	if (df_xlat_read(walker, at, have, length, &ignored) < 0 || memcmp(have, VERSION, strlen(VERSION)) != 0)
		return 0;
	if (!memcmp(have, want, length))
		return 1;
	have[strcspn(have, "\n")] = '\0';
	return df_err_set(err, DUMPFILTER_E_OTHER_KERNEL,
			  "of another kernel: its version is '%.180s', the image's '%.180s'", want, have);
}

int df_dump_same_kernel(struct df_dump *dump, struct df_walker *walker, struct df_err *err)
{
	const char *release = (const char *)dump->uts + 2 * DF_KDUMP_UTS_FIELD;
	int result;

	if (!dump->text || dump->kernel.confirmed)
		return 0;
	result = compare_version(dump, walker, err);
	if (result)
		return result < 0 ? result : 0;
	if (dump->image.vmcoreinfo_len)
		return 0; /* its release is the text's */
	if (release[0] && dump->kernel.osrelease[0] && strcmp(release, dump->kernel.osrelease) != 0)
		return df_err_set(err, DUMPFILTER_E_OTHER_KERNEL,
				  "of another kernel: its release is '%s', the image's '%s'", dump->kernel.osrelease,
				  release);
	if (release[0])
		return 0;
	return df_err_set(err, DUMPFILTER_E_OTHER_KERNEL,
			  "of another kernel, or it was moved to where cannot be found out: where it says there is "
			  "neither a version text nor a release in the image");
}
