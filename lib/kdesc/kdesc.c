/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kdesc/kdesc.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

enum kind { SYMBOL, SIZE, OFFSET, LENGTH, NUMBER, HEX, DEC, NONE };

/* How a line of VMCOREINFO spells a fact. */
struct spelling {
	enum df_fact fact;
	enum kind kind;
	const char *name;
};

static const struct spelling spellings[] = {
#define FACT(id, kind, name)   { DF_##id, kind, name },
#define PLAIN(id, radix, name) { DF_##id, radix, name },
#define KNOWN(id, text)        { DF_##id, NONE, text },
#define ALIAS(id, kind, name)  { DF_##id, kind, name },
#include "kdesc/facts.def"
#undef FACT
#undef PLAIN
#undef KNOWN
#undef ALIAS
};
#define SPELLINGS (sizeof spellings / sizeof *spellings)

static const char *const kind_names[] = {
	[SYMBOL] = "SYMBOL", [SIZE] = "SIZE", [OFFSET] = "OFFSET", [LENGTH] = "LENGTH", [NUMBER] = "NUMBER",
};

void df_kdesc_set(struct df_kdesc *kernel, enum df_fact fact, uint64_t value, enum df_origin from)
{
	if (df_has(kernel, fact))
		return;
	kernel->value[fact] = value;
	kernel->origin[fact] = (uint8_t)from;
}

void df_kdesc_drop(struct df_kdesc *kernel, enum df_fact fact)
{
	kernel->value[fact] = 0;
	kernel->origin[fact] = DF_ABSENT;
}

const char *df_fact_name(enum df_fact fact, char *buffer, size_t length)
{
	buffer[0] = '\0';
	for (size_t i = 0; i < SPELLINGS; i++) {
		if (spellings[i].fact != fact)
			continue;
		if (spellings[i].kind <= NUMBER)
			snprintf(buffer, length, "%s(%s)", kind_names[spellings[i].kind], spellings[i].name);
		else
			snprintf(buffer, length, "%s", spellings[i].name);
		break;
	}
	return buffer;
}

bool df_kdesc_spelling(size_t i, const char **kind, const char **name)
{
	if (i >= SPELLINGS)
		return false;
	*kind = spellings[i].kind <= NUMBER ? kind_names[spellings[i].kind] : NULL;
	*name = spellings[i].name;
	return true;
}

bool df_fact_text_first(enum df_fact fact)
{
	if (fact == DF_SYM_mem_section || fact == DF_SYM_vmemmap)
		return false;
	for (size_t i = 0; i < SPELLINGS; i++)
		if (spellings[i].fact == fact)
			return spellings[i].kind < NUMBER;
	return false;
}

void df_kdesc_move(struct df_kdesc *kernel, uint64_t delta)
{
	bool done[DF_FACT_COUNT] = { false };

	for (size_t i = 0; i < SPELLINGS; i++) {
		enum df_fact fact = spellings[i].fact;

		if (spellings[i].kind != SYMBOL || kernel->origin[fact] != DF_FROM_TEXT || done[fact])
			continue;
		kernel->value[fact] += delta;
		done[fact] = true;
	}
}

const char *df_origin_name(enum df_origin origin)
{
	static const char *const names[] = { "absent", "text", "note", "known layout", "derived" };

	return names[origin];
}

#define NO_LENGTH UINT64_C(0x7ffffffffffffffe) /* what others write for an array whose length they did not find */

static int digit(char letter)
{
	if (letter >= '0' && letter <= '9')
		return letter - '0';
	letter = (char)tolower((unsigned char)letter);
	return letter >= 'a' && letter <= 'f' ? letter - 'a' + 10 : 99;
}

static bool digits(const char *text, size_t length, unsigned base, uint64_t *value)
{
	*value = 0;
	for (size_t i = 0; i < length; i++) {
		int nibble = digit(text[i]);

		if (nibble >= (int)base || __builtin_mul_overflow(*value, base, value) ||
		    __builtin_add_overflow(*value, (unsigned)nibble, value))
			return false;
	}
	return length > 0;
}

/* The whole of s[length] as a number in the kind's spelling. */
static bool number(enum kind kind, const char *text, size_t length, uint64_t *value)
{
	bool minus = false;

	if (kind == NUMBER && length && (*text == '-' || *text == '+')) {
		minus = *text == '-';
		text++;
		length--;
	}
	if (length > 2 && text[0] == '0' && (text[1] == 'x' || text[1] == 'X')) {
		if (!digits(text + 2, length - 2, 16, value))
			return false;
	} else if (!digits(text, length, kind == SYMBOL || kind == HEX ? 16 : 10, value)) {
		return false;
	}
	if (minus)
		*value = -*value;
	return kind != LENGTH || *value != NO_LENGTH;
}

/* key[length] is the key of spelling? */
static bool spells(const struct spelling *spelling, const char *key, size_t length)
{
	size_t count = strlen(spelling->name), length_kind;

	if (spelling->kind > NUMBER)
		return spelling->kind != NONE && length == count && !memcmp(key, spelling->name, count);
	length_kind = strlen(kind_names[spelling->kind]);
	return length == length_kind + count + 2 && !memcmp(key, kind_names[spelling->kind], length_kind) &&
	       key[length_kind] == '(' && !memcmp(key + length_kind + 1, spelling->name, count) &&
	       key[length - 1] == ')';
}

static void copy_text(char *to, size_t size, const char *text, size_t length)
{
	if (to[0])
		return;
	if (length >= size)
		length = size - 1;
	for (size_t i = 0; i < length; i++)
		to[i] = isprint((unsigned char)text[i]) ? text[i] : '?';
	to[length] = '\0';
}

static void line(struct df_kdesc *kernel, const char *text, size_t length, enum df_origin from)
{
	const char *equals = memchr(text, '=', length);
	const char *val;
	size_t key, count;
	uint64_t value;

	if (!equals)
		return;
	key = (size_t)(equals - text);
	val = equals + 1;
	count = length - key - 1;
	if (key == 9 && !memcmp(text, "OSRELEASE", 9))
		copy_text(kernel->osrelease, sizeof kernel->osrelease, val, count);
	else if (key == 8 && !memcmp(text, "BUILD-ID", 8))
		copy_text(kernel->build_id, sizeof kernel->build_id, val, count);
	for (size_t i = 0; i < SPELLINGS; i++)
		if (spells(&spellings[i], text, key) && number(spellings[i].kind, val, count, &value))
			df_kdesc_set(kernel, spellings[i].fact, value, from);
}

/* Length without the blanks and the carriage return that editors and mailers leave at the end of a line. */
static size_t trimmed(const char *text, size_t length)
{
	while (length && strchr(" \t\r", text[length - 1]))
		length--;
	return length;
}

void df_kdesc_parse(struct df_kdesc *kernel, const char *text, size_t length, enum df_origin from)
{
	const char *nul = memchr(text, '\0', length), *end = nul ? nul : text + length;
	bool edited = from == DF_FROM_TEXT; /* a kernel writes none of this: in a note it is damage */

	if (edited && end - text >= 3 && !memcmp(text, "\xef\xbb\xbf", 3))
		text += 3; /* byte order mark */
	while (text < end) {
		const char *newline = memchr(text, '\n', (size_t)(end - text));
		size_t count = (size_t)((newline ? newline : end) - text);

		if (!newline && !nul && !edited)
			break; /* cut by the kernel: the page was full */
		line(kernel, text, edited ? trimmed(text, count) : count, from);
		if (!newline)
			break;
		text = newline + 1;
	}
	kernel->has_text = true;
}
