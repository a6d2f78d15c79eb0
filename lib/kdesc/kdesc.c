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

void df_kdesc_set(struct df_kdesc *k, enum df_fact f, uint64_t v, enum df_origin from)
{
	if (df_has(k, f))
		return;
	k->value[f] = v;
	k->origin[f] = (uint8_t)from;
}

void df_kdesc_drop(struct df_kdesc *k, enum df_fact f)
{
	k->value[f] = 0;
	k->origin[f] = DF_ABSENT;
}

const char *df_fact_name(enum df_fact f, char *buf, size_t len)
{
	buf[0] = '\0';
	for (size_t i = 0; i < SPELLINGS; i++) {
		if (spellings[i].fact != f)
			continue;
		if (spellings[i].kind <= NUMBER)
			snprintf(buf, len, "%s(%s)", kind_names[spellings[i].kind], spellings[i].name);
		else
			snprintf(buf, len, "%s", spellings[i].name);
		break;
	}
	return buf;
}

bool df_kdesc_spelling(size_t i, const char **kind, const char **name)
{
	if (i >= SPELLINGS)
		return false;
	*kind = spellings[i].kind <= NUMBER ? kind_names[spellings[i].kind] : NULL;
	*name = spellings[i].name;
	return true;
}

bool df_fact_text_first(enum df_fact f)
{
	if (f == DF_SYM_mem_section || f == DF_SYM_vmemmap)
		return false;
	for (size_t i = 0; i < SPELLINGS; i++)
		if (spellings[i].fact == f)
			return spellings[i].kind < NUMBER;
	return false;
}

void df_kdesc_move(struct df_kdesc *k, uint64_t delta)
{
	bool done[DF_FACT_COUNT] = { false };

	for (size_t i = 0; i < SPELLINGS; i++) {
		enum df_fact f = spellings[i].fact;

		if (spellings[i].kind != SYMBOL || k->origin[f] != DF_FROM_TEXT || done[f])
			continue;
		k->value[f] += delta;
		done[f] = true;
	}
}

const char *df_origin_name(enum df_origin o)
{
	static const char *const names[] = { "absent", "text", "note", "known layout", "derived" };

	return names[o];
}

#define NO_LENGTH UINT64_C(0x7ffffffffffffffe) /* what others write for an array whose length they did not find */

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)tolower((unsigned char)c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : 99;
}

static bool digits(const char *s, size_t len, unsigned base, uint64_t *v)
{
	*v = 0;
	for (size_t i = 0; i < len; i++) {
		int d = digit(s[i]);

		if (d >= (int)base || __builtin_mul_overflow(*v, base, v) || __builtin_add_overflow(*v, (unsigned)d, v))
			return false;
	}
	return len > 0;
}

/* The whole of s[len] as a number in the kind's spelling. */
static bool number(enum kind kind, const char *s, size_t len, uint64_t *v)
{
	bool minus = false;

	if (kind == NUMBER && len && (*s == '-' || *s == '+')) {
		minus = *s == '-';
		s++;
		len--;
	}
	if (len > 2 && s[0] == '0' && (s[1] == 'x' || s[1] == 'X')) {
		if (!digits(s + 2, len - 2, 16, v))
			return false;
	} else if (!digits(s, len, kind == SYMBOL || kind == HEX ? 16 : 10, v)) {
		return false;
	}
	if (minus)
		*v = -*v;
	return kind != LENGTH || *v != NO_LENGTH;
}

/* key[len] is the key of row s? */
static bool spells(const struct spelling *s, const char *key, size_t len)
{
	size_t n = strlen(s->name), k;

	if (s->kind > NUMBER)
		return s->kind != NONE && len == n && !memcmp(key, s->name, n);
	k = strlen(kind_names[s->kind]);
	return len == k + n + 2 && !memcmp(key, kind_names[s->kind], k) && key[k] == '(' &&
	       !memcmp(key + k + 1, s->name, n) && key[len - 1] == ')';
}

static void copy_text(char *to, size_t size, const char *s, size_t len)
{
	if (to[0])
		return;
	if (len >= size)
		len = size - 1;
	for (size_t i = 0; i < len; i++)
		to[i] = isprint((unsigned char)s[i]) ? s[i] : '?';
	to[len] = '\0';
}

static void line(struct df_kdesc *k, const char *s, size_t len, enum df_origin from)
{
	const char *eq = memchr(s, '=', len);
	const char *val;
	size_t key, n;
	uint64_t v;

	if (!eq)
		return;
	key = (size_t)(eq - s);
	val = eq + 1;
	n = len - key - 1;
	if (key == 9 && !memcmp(s, "OSRELEASE", 9))
		copy_text(k->osrelease, sizeof k->osrelease, val, n);
	else if (key == 8 && !memcmp(s, "BUILD-ID", 8))
		copy_text(k->build_id, sizeof k->build_id, val, n);
	for (size_t i = 0; i < SPELLINGS; i++)
		if (spells(&spellings[i], s, key) && number(spellings[i].kind, val, n, &v))
			df_kdesc_set(k, spellings[i].fact, v, from);
}

/* Length without the blanks and the carriage return that editors and mailers leave at the end of a line. */
static size_t trimmed(const char *s, size_t len)
{
	while (len && strchr(" \t\r", s[len - 1]))
		len--;
	return len;
}

void df_kdesc_parse(struct df_kdesc *k, const char *text, size_t len, enum df_origin from)
{
	const char *nul = memchr(text, '\0', len), *end = nul ? nul : text + len;
	bool edited = from == DF_FROM_TEXT; /* a kernel writes none of this: in a note it is damage */

	if (edited && end - text >= 3 && !memcmp(text, "\xef\xbb\xbf", 3))
		text += 3; /* byte order mark */
	while (text < end) {
		const char *nl = memchr(text, '\n', (size_t)(end - text));
		size_t n = (size_t)((nl ? nl : end) - text);

		if (!nl && !nul && !edited)
			break; /* cut by the kernel: the page was full */
		line(k, text, edited ? trimmed(text, n) : n, from);
		if (!nl)
			break;
		text = nl + 1;
	}
	k->has_text = true;
}
