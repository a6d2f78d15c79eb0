/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Rules put to the struct of a single page. */
#include "classify/rules.h"

#include "base/bytes.h"

uint64_t df_rules_value(const struct df_rules *rules, enum df_role role, const uint8_t *page)
{
	const struct df_test *test = &rules->test[role];

	return df_get(page + (test->second ? rules->page_struct : 0) + test->offset, test->width, rules->big_endian) &
	       test->mask;
}

bool df_rules_test(const struct df_rules *rules, enum df_role role, const uint8_t *page)
{
	const struct df_test *test = &rules->test[role];
	uint64_t raw;

	if (!test->how)
		return false;
	raw = df_get(page + (test->second ? rules->page_struct : 0) + test->offset, test->width, rules->big_endian);
	return ((raw & test->mask) == test->value) != test->negate && !(test->except && raw == test->except);
}
