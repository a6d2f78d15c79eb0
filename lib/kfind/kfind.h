/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Where facts come from, in order: text that the caller gives, the note in the dump, layouts known for the release.
 *
 * The folder kfind/ only decides who is asked first and whose answer counts; reading text and judging values is the
 * business of kdesc/.  It must never mix two kernels: where text and note contradict each other in what tells kernels
 * apart, that is an error and not a choice.
 */
#ifndef DF_KFIND_KFIND_H
#define DF_KFIND_KFIND_H

#include "image/image.h"
#include "kdesc/kdesc.h"

/* Fill kernel.  text (length bytes) may be NULL; its addresses are moved to where the note says that the kernel was,
 * and kernel->adrift is set where there is none to say it.  What cannot be is dropped and logged.  E_OTHER_KERNEL: text
 * and note are of different kernels. */
int df_kfind(struct df_kdesc *kernel, const struct df_image *image, const char *text, size_t length,
	     struct df_err *err);

#endif
