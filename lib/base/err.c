/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int df_err_set(struct df_err *err, int code, const char *fmt, ...)
{
	va_list ap;

	err->code = code;
	va_start(ap, fmt);
	vsnprintf(err->text, sizeof err->text, fmt, ap);
	va_end(ap);
	return code;
}

int df_err_sys(struct df_err *err, int code, int errnum, const char *fmt, ...)
{
	char why[96];
	va_list ap;
	size_t count;

	err->code = code;
	va_start(ap, fmt);
	vsnprintf(err->text, sizeof err->text, fmt, ap);
	va_end(ap);
	/* the XSI form: thread-safe and without a buffer of its own */
	if (strerror_r(errnum, why, sizeof why))
		snprintf(why, sizeof why, "error %d", errnum);
	count = strlen(err->text);
	snprintf(err->text + count, sizeof err->text - count, ": %s", why);
	return code;
}

int df_err_wrap(struct df_err *err, const char *fmt, ...)
{
	char old[DF_ERR_TEXT];
	va_list ap;
	size_t count;

	memcpy(old, err->text, sizeof old);
	va_start(ap, fmt);
	vsnprintf(err->text, sizeof err->text, fmt, ap);
	va_end(ap);
	count = strlen(err->text);
	snprintf(err->text + count, sizeof err->text - count, ": %s", old);
	return err->code;
}

int df_err_add(struct df_err *err, const char *fmt, ...)
{
	size_t count = strlen(err->text);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(err->text + count, sizeof err->text - count, fmt, ap);
	va_end(ap);
	return err->code;
}

void df_err_clear(struct df_err *err)
{
	err->code = 0;
	err->text[0] = '\0';
}

int df_err_of_errno(int errnum)
{
	switch (errnum) {
	case ENOSPC:
	case EDQUOT:
	case EFBIG:
		return DUMPFILTER_E_NOSPACE;
	case ENOMEM:
		return DUMPFILTER_E_NOMEM;
	case EEXIST:
		return DUMPFILTER_E_EXISTS;
	default:
		return DUMPFILTER_E_IO;
	}
}
