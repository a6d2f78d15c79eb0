/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Rules put to the struct of a single page. */
#include "classify/rules.h"

#include "base/bytes.h"

uint64_t df_rules_value(const struct df_rules *r, enum df_role role, const uint8_t *page)
{
	const struct df_test *t = &r->test[role];

	return df_get(page + (t->second ? r->page_struct : 0) + t->offset, t->width, r->be) & t->mask;
}

bool df_rules_test(const struct df_rules *r, enum df_role role, const uint8_t *page)
{
	const struct df_test *t = &r->test[role];
	uint64_t raw;

	if (!t->how)
		return false;
	raw = df_get(page + (t->second ? r->page_struct : 0) + t->offset, t->width, r->be);
	return ((raw & t->mask) == t->value) != t->negate && !(t->except && raw == t->except);
}
