/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kfind/kfind.h"

#include <string.h>

#define NOTE_MAX (1u << 20) /* the kernel writes a page at most */

void df_kfind(struct df_kdesc *k, const struct df_image *img, const char *text, size_t len)
{
	unsigned word = img->bits / 8;

	memset(k, 0, sizeof *k);
	if (text)
		df_kdesc_parse(k, text, len, DF_FROM_TEXT);
	if (img->vmcoreinfo_len)
		df_kdesc_parse(k, (const char *)img->notes + img->vmcoreinfo_at,
			       img->vmcoreinfo_len < NOTE_MAX ? img->vmcoreinfo_len : NOTE_MAX, DF_FROM_NOTE);
	df_kdesc_check(k, img->env, word);
	df_kdesc_quirks(k, word);
}
