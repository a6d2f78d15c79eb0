/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "debuginfo/make.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* node_states[N_ONLINE], as the note says it. */
bool df_make_node_online_map(const struct df_wants *wants, const char *line, char *value, size_t size)
{
	const struct df_want *states = df_wants_found(wants, DF_WANT_SYMBOL, "node_states", "");
	const struct df_want *mask = df_wants_found(wants, DF_WANT_SIZE, "nodemask_t", "");
	const struct df_want *online = df_wants_found(wants, DF_WANT_NUMBER, "node_states", "N_ONLINE");

	(void)line;
	if (!states || !mask || !online)
		return false;
	snprintf(value, size, "%" PRIx64, states->value + online->value * mask->value);
	return true;
}

static const struct df_want *flag(const struct df_wants *wants, const char *name)
{
	return df_wants_found(wants, DF_WANT_NUMBER, "pageflags", name);
}

/* Kernels whose flags have no room for a head and a tail bit only have PG_compound. */
bool df_make_head_mask(const struct df_wants *wants, const char *line, char *value, size_t size)
{
	const struct df_want *mask = flag(wants, "PG_head_mask"), *want = flag(wants, "PG_head");

	(void)line;
	if (!want)
		want = flag(wants, "PG_compound");
	if (!mask && (!want || want->value > 63))
		return false;
	snprintf(value, size, "%" PRIu64, mask ? mask->value : UINT64_C(1) << want->value);
	return true;
}

bool df_make_build_id(const struct df_wants *wants, const char *line, char *value, size_t size)
{
	(void)line;
	snprintf(value, size, "%s", wants->vmlinux->build_id);
	return value[0];
}

/* NUMBER(PAGE_BUDDY_MAPCOUNT_VALUE): what _mapcount reads as on such a page.  enum pagetype has the type's byte
 * from 6.12 on (4ffca5a96678), in 6.10 and 6.11 the bit that the type clears; before, the types are macros and in no
 * debug information: kdesc/quirks.c knows them. */
bool df_make_page_type(const struct df_wants *wants, const char *line, char *value, size_t size)
{
	const char *from = line + strlen("NUMBER(PAGE_"), *to = strstr(from, "_MAPCOUNT_VALUE");
	char byte[DF_WANT_NAME] = "PGTY_", bit[DF_WANT_NAME] = "PG_";
	const struct df_want *type;
	size_t count = strlen(byte), length = strlen(bit);

	for (; from < to && count < sizeof byte - 1; from++)
		byte[count++] = bit[length++] = (char)tolower((unsigned char)*from);
	type = df_wants_found(wants, DF_WANT_NUMBER, "pagetype", byte);
	if (type) {
		snprintf(value, size, "%" PRId32, (int32_t)((uint32_t)type->value << 24));
		return type->value < 256;
	}
	type = df_wants_found(wants, DF_WANT_NUMBER, "pagetype", bit);
	if (!type || !type->value || type->value > UINT32_MAX)
		return false;
	snprintf(value, size, "%" PRId32, (int32_t) ~(uint32_t)type->value);
	return true;
}

/* From 4.15 on (83e3c48729d9) mem_section is a pointer to the table: its symbol is not yet the table. */
bool df_make_section_pointer(const struct df_wants *wants, const char *line, char *value, size_t size)
{
	(void)line;
	for (size_t i = 0; i < wants->count; i++) {
		if (wants->want[i].kind == DF_WANT_LENGTH && !strcmp(wants->want[i].name, "mem_section") &&
		    wants->want[i].is_pointer) {
			snprintf(value, size, "1");
			return true;
		}
	}
	return false;
}
