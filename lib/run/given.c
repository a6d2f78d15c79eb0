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

int df_dump_find_kernel(struct df_dump *d, struct df_err *err)
{
	struct df_moved moved;
	struct df_reader reader;
	int r;

	if (!d->arch->find)
		return 0;
	r = df_reader_init(&reader, &d->image, d->image.page_size, err);
	if (r < 0)
		return r;
	r = d->arch->find(d->arch, &d->image, &d->k, &reader, &moved, err);
	df_reader_fini(&reader);
	if (r < 0)
		return r;
	df_log(d->env, DUMPFILTER_LOG_INFO,
	       "the kernel was found in memory: moved by %#" PRIx64 ", phys_base %#" PRIx64, moved.delta,
	       moved.phys_base);
	df_kdesc_move(&d->k, moved.delta);
	df_kdesc_drop(&d->k, DF_NUM_phys_base);
	df_kdesc_set(&d->k, DF_NUM_phys_base, moved.phys_base, DF_FROM_DERIVED);
	return 0;
}

/* The version text at its address: 1 = the same, 0 = there is none to be read (pages of an earlier dump may be left
 * out), or E_OTHER_KERNEL. */
static int compare_version(struct df_dump *d, struct df_walker *w, struct df_err *err)
{
	char want[512], have[sizeof want] = { 0 };
	struct df_err ignored;
	uint64_t at;
	size_t len;

	if (!df_get_fact(&d->k, DF_SYM_linux_banner, &at))
		return 0;
	if (d->banner)
		snprintf(want, sizeof want, "%s", d->banner);
	else
		snprintf(want, sizeof want, VERSION "%s%s", d->k.osrelease, d->k.osrelease[0] ? " " : "");
	len = strlen(want);
	if (df_xlat_read(w, at, have, len, &ignored) < 0 || memcmp(have, VERSION, strlen(VERSION)) != 0)
		return 0;
	if (!memcmp(have, want, len))
		return 1;
	have[strcspn(have, "\n")] = '\0';
	return df_err_set(err, DUMPFILTER_E_OTHER_KERNEL,
			  "of another kernel: its version is '%.180s', the image's '%.180s'", want, have);
}

int df_dump_same_kernel(struct df_dump *d, struct df_walker *w, struct df_err *err)
{
	const char *release = (const char *)d->uts + 2 * DF_KDUMP_UTS_FIELD;
	int r;

	if (!d->text || d->k.confirmed)
		return 0;
	r = compare_version(d, w, err);
	if (r)
		return r < 0 ? r : 0;
	if (d->image.vmcoreinfo_len)
		return 0; /* its release is the text's */
	if (release[0] && d->k.osrelease[0] && strcmp(release, d->k.osrelease) != 0)
		return df_err_set(err, DUMPFILTER_E_OTHER_KERNEL,
				  "of another kernel: its release is '%s', the image's '%s'", d->k.osrelease, release);
	if (release[0])
		return 0;
	return df_err_set(err, DUMPFILTER_E_OTHER_KERNEL,
			  "of another kernel, or it was moved to where cannot be found out: where it says there is "
			  "neither a version text nor a release in the image");
}
