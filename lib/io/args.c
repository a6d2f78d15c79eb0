/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "io/args.h"

#include <string.h>

/* Where a caller forgot to set the size, what stands there is seldom small: no struct of this library gets near. */
#define STRUCT_MAX 4096u

static int check_size(size_t size, size_t known, const char *what, const char *init, struct df_err *err)
{
	if (size >= sizeof size && size <= STRUCT_MAX)
		return 0;
	return df_err_set(err, DUMPFILTER_E_INVAL, "%s: the struct's size is %zu, not %zu: begin it with %s", what,
			  size, known, init);
}

int df_args_copy(void *dst, size_t known, const void *src, const char *what, const char *init, struct df_err *err)
{
	const unsigned char *bytes = src;
	size_t size;
	int result;

	if (!src)
		return df_err_set(err, DUMPFILTER_E_INVAL, "%s: an argument is NULL", what);
	memcpy(&size, src, sizeof size);
	result = check_size(size, known, what, init, err);
	for (size_t i = known; !result && i < size; i++)
		if (bytes[i])
			return df_err_set(
				err, DUMPFILTER_E_INVAL,
				"%s: byte %zu of the struct is set, which this version of the library does not know: "
				"begin it with %s",
				what, i, init);
	if (result)
		return result;
	/* a caller of an older header knows fewer members: the others are zero, which is what they were before */
	memset(dst, 0, known);
	memcpy(dst, src, size < known ? size : known);
	memcpy(dst, &known, sizeof known);
	return 0;
}

int df_args_answer(void *dst, const void *src, size_t known, const char *what, const char *init, struct df_err *err)
{
	size_t size, copied;
	int result;

	if (!dst)
		return df_err_set(err, DUMPFILTER_E_INVAL, "%s: an argument is NULL", what);
	memcpy(&size, dst, sizeof size);
	result = check_size(size, known, what, init, err);
	if (result)
		return result;
	copied = size < known ? size : known;
	memcpy(dst, src, copied);
	memset((char *)dst + copied, 0, size - copied);
	memcpy(dst, &size, sizeof size);
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
