/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "image/image.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void df_image_leave(struct df_image *image, const char *fmt, ...)
{
	struct df_leftovers *leftovers = &image->leftovers;
	size_t length = strlen(leftovers->text), room = sizeof leftovers->text - length;
	char item[128];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(item, sizeof item, fmt, ap);
	va_end(ap);
	if (strlen(item) + 3 > room)
		leftovers->more++;
	else
		snprintf(leftovers->text + length, room, "%s%s", length ? ", " : "", item);
}
