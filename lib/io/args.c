/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "io/args.h"

#include <stdbool.h>
#include <string.h>

/* Where a caller forgot to set the size, what stands there is seldom small: no struct of this library gets near. */
#define STRUCT_MAX 4096u

static int wrong_size(size_t size, size_t known, const char *what, const char *init, struct df_err *err)
{
	return df_err_set(err, DUMPFILTER_E_INVAL, "%s: the struct's size is %zu, not %zu: begin it with %s", what,
			  size, known, init);
}

static bool possible(size_t size)
{
	return size >= sizeof size && size <= STRUCT_MAX;
}

int df_args_copy(void *dst, size_t known, const void *src, const char *what, const char *init, struct df_err *err)
{
	const unsigned char *bytes = src;
	size_t size;

	if (!src)
		return df_err_set(err, DUMPFILTER_E_INVAL, "%s: an argument is NULL", what);
	memcpy(&size, src, sizeof size);
	/* of an older header, shorter structs end with a whole member */
	if (!possible(size) || (size < known && size % sizeof(void *)))
		return wrong_size(size, known, what, init, err);
	for (size_t i = known; i < size; i++)
		if (bytes[i])
			return df_err_set(
				err, DUMPFILTER_E_INVAL,
				"%s: byte %zu of the struct is set, which this version of the library does not know: "
				"begin it with %s",
				what, i, init);
	/* a caller of an older header knows fewer members: the others are zero, which is what they were before */
	memset(dst, 0, known);
	memcpy(dst, src, size < known ? size : known);
	memcpy(dst, &known, sizeof known);
	return 0;
}

int df_args_answer(void *dst, const void *src, size_t known, const char *what, const char *init, struct df_err *err)
{
	size_t size, copied;

	if (!dst)
		return df_err_set(err, DUMPFILTER_E_INVAL, "%s: an argument is NULL", what);
	memcpy(&size, dst, sizeof size);
	if (!possible(size))
		return wrong_size(size, known, what, init, err);
	copied = size < known ? size : known;
	memcpy(dst, src, copied);
	memset((char *)dst + copied, 0, size - copied);
	memcpy(dst, &size, sizeof size);
	return 0;
}

void df_args_name(char *dst, size_t size, const char *name)
{
	size_t length = strlen(name);

	if (length < size) {
		memcpy(dst, name, length + 1);
	} else {
		memcpy(dst, "...", 3);
		memcpy(dst + 3, name + length - (size - 4), size - 3);
	}
	for (char *copy = dst; *copy; copy++)
		if ((unsigned char)*copy < ' ' || *copy == 0x7f)
			*copy = '?';
}
