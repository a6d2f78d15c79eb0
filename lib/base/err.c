/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int df_err_set(struct df_err *e, int code, const char *fmt, ...)
{
	va_list ap;

	e->code = code;
	va_start(ap, fmt);
	vsnprintf(e->text, sizeof e->text, fmt, ap);
	va_end(ap);
	return code;
}

int df_err_sys(struct df_err *e, int code, int errnum, const char *fmt, ...)
{
	char why[96];
	va_list ap;
	size_t n;

	e->code = code;
	va_start(ap, fmt);
	vsnprintf(e->text, sizeof e->text, fmt, ap);
	va_end(ap);
	/* the XSI form: thread-safe and without a buffer of its own */
	if (strerror_r(errnum, why, sizeof why))
		snprintf(why, sizeof why, "error %d", errnum);
	n = strlen(e->text);
	snprintf(e->text + n, sizeof e->text - n, ": %s", why);
	return code;
}

int df_err_wrap(struct df_err *e, const char *fmt, ...)
{
	char old[DF_ERR_TEXT];
	va_list ap;
	size_t n;

	memcpy(old, e->text, sizeof old);
	va_start(ap, fmt);
	vsnprintf(e->text, sizeof e->text, fmt, ap);
	va_end(ap);
	n = strlen(e->text);
	snprintf(e->text + n, sizeof e->text - n, ": %s", old);
	return e->code;
}

int df_err_add(struct df_err *e, const char *fmt, ...)
{
	size_t n = strlen(e->text);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(e->text + n, sizeof e->text - n, fmt, ap);
	va_end(ap);
	return e->code;
}

void df_err_clear(struct df_err *e)
{
	e->code = 0;
	e->text[0] = '\0';
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
