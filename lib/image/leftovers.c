/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "image/image.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void df_image_leave(struct df_image *img, const char *fmt, ...)
{
	struct df_leftovers *x = &img->leftovers;
	size_t len = strlen(x->text), room = sizeof x->text - len;
	char item[128];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(item, sizeof item, fmt, ap);
	va_end(ap);
	if (strlen(item) + 3 > room)
		x->more++;
	else
		snprintf(x->text + len, room, "%s%s", len ? ", " : "", item);
}
