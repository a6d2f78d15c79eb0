/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "io/args.h"

#include <string.h>

/* Where a caller forgot to set the size, what stands there is seldom small: no struct of this library gets near. */
#define STRUCT_MAX 4096u

int df_args_copy(void *dst, size_t known, const void *src, const char *what, struct df_err *err)
{
	const unsigned char *bytes = src;
	size_t size;

	if (!src)
		return df_err_set(err, DUMPFILTER_E_INVAL, "%s: NULL", what);
	memcpy(&size, src, sizeof size);
	if (size < sizeof size || size > STRUCT_MAX || (size < known && size % sizeof(void *)))
		return df_err_set(err, DUMPFILTER_E_INVAL, "%s: size is %zu, expected %zu (sizeof the struct)", what,
				  size, known);
	for (size_t i = known; i < size; i++)
		if (bytes[i])
			return df_err_set(err, DUMPFILTER_E_INVAL,
					  "%s: byte %zu is set, which this version of the library does not know", what,
					  i);
	/* a caller of an older header knows fewer members: the others are zero, which is what they were before */
	memset(dst, 0, known);
	memcpy(dst, src, size < known ? size : known);
	memcpy(dst, &known, sizeof known);
	return 0;
}

void df_args_name(char *dst, size_t size, const char *name)
{
	size_t len = strlen(name);

	if (len < size) {
		memcpy(dst, name, len + 1);
	} else {
		memcpy(dst, "...", 3);
		memcpy(dst + 3, name + len - (size - 4), size - 3);
	}
	for (char *p = dst; *p; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			*p = '?';
}
