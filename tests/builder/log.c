/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The kernel's log: printk() of each era in small, so that wraps, evictions and half-written records come about as they
 * do there.  Where things lie in their structs is asked from the preset. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bd.h"

struct bd_message {
	uint8_t *text;
	size_t len;
	uint64_t ts, level, facility, caller, flags, dict, state;
	bool lost; /* ring: there was no room for the text */
};

struct bd_log {
	void (*say)(struct bd *b, const struct bd_message *m);
	void (*clear)(struct bd *b);
	bool fits; /* ring: a block that ends with the ring does not wrap (6.18+) */
	uint64_t size;
	/* text and records */
	uint64_t first, next, logged;
	bool empty;
	/* ring */
	uint64_t count, mask, seq, head_id, tail_id, head_lpos, tail_lpos;
	unsigned clears;
};

/* Offset of a member, or width bytes of it. */
static uint64_t off(struct bd *b, const char *member)
{
	char key[80];

	snprintf(key, sizeof key, "OFFSET(%s)", member);
	return bd_need(b, key);
}

static uint8_t *at(struct bd *b, const char *symbol, uint64_t offset, uint64_t len)
{
	return bd_phys(b, bd_image_pa(b, bd_sym(b, symbol)) + offset, len);
}

static void put(struct bd *b, const char *symbol, uint64_t offset, unsigned width, uint64_t v)
{
	bd_put(b, at(b, symbol, offset, width), width, v);
}

/* ---- up to 3.4 ---- */

static void text_char(struct bd *b, uint8_t c)
{
	struct bd_log *g = b->log;

	*at(b, "__log_buf", g->next++ & (g->size - 1), 1) = c;
	if (g->logged < g->size)
		g->logged++;
}

static void text_say(struct bd *b, const struct bd_message *m)
{
	for (size_t i = 0; i < m->len; i++)
		text_char(b, m->text[i]);
	text_char(b, '\n');
	put(b, "log_end", 0, 4, b->log->next & 0xffffffff);
	put(b, "logged_chars", 0, 4, b->log->logged);
}

static void text_clear(struct bd *b)
{
	b->log->logged = 0;
	put(b, "logged_chars", 0, 4, 0);
}

/* ---- 3.5 to 5.9 ---- */

/* The struct's name has changed. */
static uint64_t record_off(struct bd *b, const char *member)
{
	char name[40];

	snprintf(name, sizeof name, "%s.%s", bd_fact_text(b, "SIZE(log)") ? "log" : "printk_log", member);
	return off(b, name);
}

static uint64_t record_header(struct bd *b)
{
	return bd_fact_text(b, "SIZE(log)") ? bd_need(b, "SIZE(log)") : bd_need(b, "SIZE(printk_log)");
}

static uint64_t record_len(struct bd *b, uint64_t idx)
{
	return bd_get(b, at(b, "__log_buf", idx + record_off(b, "len"), 2), 2);
}

static bool record_fits(struct bd *b, uint64_t need)
{
	const struct bd_log *g = b->log;

	if (g->empty || g->next > g->first)
		return (g->size - g->next > g->first ? g->size - g->next : g->first) >= need;
	return g->first - g->next >= need;
}

static void record_evict(struct bd *b)
{
	struct bd_log *g = b->log;
	uint64_t len = record_len(b, g->first);

	g->first = len ? g->first + len : record_len(b, 0);
	if (g->first == g->next)
		g->empty = true;
}

/* flags:5 and level:3 of a byte. */
static uint64_t flag_byte(struct bd *b, const struct bd_message *m)
{
	return b->m.big ? m->flags << 3 | m->level : m->level << 5 | m->flags;
}

static void record_write(struct bd *b, const struct bd_message *m, uint64_t len)
{
	uint64_t idx = b->log->next, header = record_header(b), dict = idx + record_off(b, "dict_len");

	memset(at(b, "__log_buf", idx, len), 0, len);
	put(b, "__log_buf", idx + record_off(b, "ts_nsec"), 8, m->ts);
	put(b, "__log_buf", idx + record_off(b, "len"), 2, len);
	put(b, "__log_buf", idx + record_off(b, "text_len"), 2, m->len);
	put(b, "__log_buf", dict, 2, m->dict);
	put(b, "__log_buf", dict + 2, 1, m->facility);
	put(b, "__log_buf", dict + 3, 1, flag_byte(b, m));
	if (bd_fact_text(b, "OFFSET(printk_log.caller_id)"))
		put(b, "__log_buf", idx + off(b, "printk_log.caller_id"), 4, m->caller);
	memcpy(at(b, "__log_buf", idx + header, m->len), m->text, m->len);
	memset(at(b, "__log_buf", idx + header + m->len, m->dict), 'D', m->dict);
}

static void record_say(struct bd *b, const struct bd_message *m)
{
	struct bd_log *g = b->log;
	uint64_t header = record_header(b), len = (header + m->len + m->dict + 3) & ~3ull;

	while (!record_fits(b, len + header))
		record_evict(b);
	if (g->next + len + header > g->size) {
		memset(at(b, "__log_buf", g->next, header), 0, header);
		g->next = 0;
	}
	record_write(b, m, len);
	g->next += len;
	g->empty = false;
	put(b, "log_first_idx", 0, 4, g->first);
	put(b, "log_next_idx", 0, 4, g->next);
}

static void record_clear(struct bd *b)
{
	put(b, "clear_idx", 0, 4, b->log->next);
}

/* ---- 5.10+ ---- */

static uint64_t desc_off(struct bd *b, uint64_t id, const char *member)
{
	uint64_t base = (id & (b->log->count - 1)) * bd_need(b, "SIZE(prb_desc)");

	if (!strcmp(member, "state_var"))
		return base + off(b, "prb_desc.state_var");
	return base + off(b, "prb_desc.text_blk_lpos") +
	       off(b, !strcmp(member, "begin") ? "prb_data_blk_lpos.begin" : "prb_data_blk_lpos.next");
}

static uint64_t desc_get(struct bd *b, uint64_t id, const char *member)
{
	return bd_get(b, at(b, "prb_descs", desc_off(b, id, member), b->word), b->word);
}

static void desc_set(struct bd *b, uint64_t id, const char *member, uint64_t v)
{
	put(b, "prb_descs", desc_off(b, id, member), b->word, v);
}

static void desc_state(struct bd *b, uint64_t id, uint64_t state)
{
	desc_set(b, id, "state_var", state << (8 * b->word - 2) | id);
}

static uint64_t info_off(struct bd *b, uint64_t id)
{
	return (id & (b->log->count - 1)) * bd_need(b, "SIZE(printk_info)");
}

static void info_set(struct bd *b, uint64_t id, const char *member, unsigned width, uint64_t v)
{
	char name[40];

	snprintf(name, sizeof name, "printk_info.%s", member);
	put(b, "prb_infos", info_off(b, id) + off(b, name), width, v);
}

static uint64_t lpos_bits(struct bd *b)
{
	return b->log->mask << 2 | 3;
}

/* Where the block that begins at begin ends: in the next lap where it does not fit into this one. */
static uint64_t block_end(struct bd *b, uint64_t begin, uint64_t len)
{
	const struct bd_log *g = b->log;
	uint64_t end = (begin & (g->size - 1)) + len;

	if (end < g->size || (g->fits && end == g->size))
		return (begin + len) & lpos_bits(b);
	return ((begin & ~(g->size - 1)) + g->size + len) & lpos_bits(b);
}

/* Old text goes until the block that ends at next does not reach it. */
static void ring_make_room(struct bd *b, uint64_t next)
{
	struct bd_log *g = b->log;

	while (((next - g->tail_lpos) & lpos_bits(b)) > g->size) {
		uint64_t id = bd_get(b, at(b, "prb_text", g->tail_lpos & (g->size - 1), b->word), b->word);

		desc_state(b, id, 3);
		g->tail_lpos = desc_get(b, id, "next");
	}
}

static void ring_block(struct bd *b, const struct bd_message *m, uint64_t id)
{
	struct bd_log *g = b->log;
	uint64_t len = (b->word + m->len + b->word - 1) & ~(uint64_t)(b->word - 1), begin = g->head_lpos, next, from;

	if (m->lost || !m->len) {
		desc_set(b, id, "begin", m->lost ? 1 : 3);
		desc_set(b, id, "next", m->lost ? 1 : 3);
		return;
	}
	next = block_end(b, begin, len);
	ring_make_room(b, next);
	from = begin & (g->size - 1);
	put(b, "prb_text", from, b->word, id);
	if (((next - begin) & lpos_bits(b)) != len) {
		from = 0;
		put(b, "prb_text", from, b->word, id);
	}
	memcpy(at(b, "prb_text", from + b->word, m->len), m->text, m->len);
	desc_set(b, id, "begin", begin);
	desc_set(b, id, "next", next);
	g->head_lpos = next;
}

static void ring_ends(struct bd *b)
{
	struct bd_log *g = b->log;
	uint64_t descs = off(b, "printk_ringbuffer.desc_ring"), text = off(b, "printk_ringbuffer.text_data_ring");

	put(b, "printk_rb_static", descs + off(b, "prb_desc_ring.head_id"), b->word, g->head_id);
	put(b, "printk_rb_static", descs + off(b, "prb_desc_ring.tail_id"), b->word, g->tail_id);
	put(b, "printk_rb_static", text + off(b, "prb_data_ring.head_lpos"), b->word, g->head_lpos);
	put(b, "printk_rb_static", text + off(b, "prb_data_ring.tail_lpos"), b->word, g->tail_lpos);
}

/* The oldest record goes, and text up to its own. */
static void ring_push_tail(struct bd *b)
{
	struct bd_log *g = b->log;
	uint64_t next = desc_get(b, g->tail_id, "next");

	desc_state(b, g->tail_id, 3);
	if (!(next & 1) && ((next - g->tail_lpos) & lpos_bits(b)) <= g->size)
		ring_make_room(b, (next + g->size) & lpos_bits(b));
	g->tail_id = (g->tail_id + 1) & g->mask;
}

static void ring_say(struct bd *b, const struct bd_message *m)
{
	struct bd_log *g = b->log;
	uint64_t last = g->head_id, id = (g->head_id + 1) & g->mask, flags;

	if (((id - g->count) & g->mask) == g->tail_id)
		ring_push_tail(b);
	g->head_id = id;
	memset(at(b, "prb_infos", info_off(b, id), bd_need(b, "SIZE(printk_info)")), 0,
	       bd_need(b, "SIZE(printk_info)"));
	info_set(b, id, "seq", 8, g->seq++);
	if (g->seq > 1 && desc_get(b, last, "state_var") >> (8 * b->word - 2) == 1)
		desc_state(b, last, 2);
	ring_block(b, m, id);
	info_set(b, id, "ts_nsec", 8, m->ts);
	info_set(b, id, "text_len", 2, m->lost ? 0 : m->len);
	info_set(b, id, "caller_id", 4, m->caller);
	flags = info_off(b, id) + off(b, "printk_info.text_len") + 2;
	put(b, "prb_infos", flags, 1, m->facility);
	put(b, "prb_infos", flags + 1, 1, flag_byte(b, m));
	desc_state(b, id, m->state);
	ring_ends(b);
}

/* clear_seq, from 5.12 on twice, with a counter that says which one to read. */
static void ring_clear(struct bd *b)
{
	struct bd_log *g = b->log;
	uint64_t val;

	if (!bd_fact(b, "OFFSET(latched_seq.val)", &val)) {
		put(b, "clear_seq", 0, 8, g->seq);
		return;
	}
	/* as if the crash came between the two */
	g->clears++;
	put(b, "clear_seq", 0, 4, g->clears);
	put(b, "clear_seq", val + 8 * (g->clears & 1), 8, g->seq);
	put(b, "clear_seq", val + 8 * !(g->clears & 1), 8, 12345678901234567);
}

/* ---- lines of a recipe ---- */

static void log_buffer(struct bd *b, const char *kind, uint64_t bits)
{
	struct bd_log *g = b->log;

	g->size = 1ull << bits;
	g->empty = true;
	g->say = *kind == 't' ? text_say : record_say;
	g->clear = *kind == 't' ? text_clear : record_clear;
	put(b, "log_buf", 0, b->word, bd_sym_new(b, "__log_buf", g->size, 16));
	put(b, "log_buf_len", 0, 4, g->size);
}

static void log_ring(struct bd *b, uint64_t bits, uint64_t count_bits)
{
	struct bd_log *g = b->log;
	uint64_t descs = off(b, "printk_ringbuffer.desc_ring"), text = off(b, "printk_ringbuffer.text_data_ring"), va;

	g->say = ring_say;
	g->clear = ring_clear;
	g->size = 1ull << bits;
	g->count = 1ull << count_bits;
	g->mask = UINT64_MAX >> (64 - 8 * b->word + 2);
	/* ids and positions overflow soon, as the kernel has it */
	g->head_id = g->tail_id = (0 - g->count - 1) & g->mask;
	g->head_lpos = g->tail_lpos = (0 - g->size) & lpos_bits(b);
	put(b, "prb", 0, b->word, bd_sym_new(b, "printk_rb_static", 256, 16));
	put(b, "printk_rb_static", descs + off(b, "prb_desc_ring.count_bits"), 4, count_bits);
	put(b, "printk_rb_static", text + off(b, "prb_data_ring.size_bits"), 4, bits);
	va = bd_sym_new(b, "prb_descs", g->count * bd_need(b, "SIZE(prb_desc)"), 16);
	put(b, "printk_rb_static", descs + off(b, "prb_desc_ring.descs"), b->word, va);
	va = bd_sym_new(b, "prb_infos", g->count * bd_need(b, "SIZE(printk_info)"), 16);
	put(b, "printk_rb_static", descs + off(b, "prb_desc_ring.infos"), b->word, va);
	va = bd_sym_new(b, "prb_text", g->size, 16);
	put(b, "printk_rb_static", text + off(b, "prb_data_ring.data"), b->word, va);
	desc_state(b, g->head_id, 3);
	desc_set(b, g->head_id, "begin", 1);
	desc_set(b, g->head_id, "next", 1);
	ring_ends(b);
}

void bd_log(struct bd *b, struct bd_line *l)
{
	const char *what = bd_arg(b, l, "text, records, ring or clear");
	uint64_t bits = bd_opt_num(b, l, "bits", 12), count = bd_opt_num(b, l, "count", 5);

	if (!strcmp(what, "clear")) {
		if (!b->log)
			bd_fail(b, "log clear before there is one");
		b->log->clear(b);
		return;
	}
	if (b->log || bits < 5 || bits > 20 || count < 1 || count > 16)
		bd_fail(b, "log: only one, bits= 5 to 20, count= 1 to 16");
	b->log = bd_mem(b, sizeof *b->log);
	b->log->fits = bd_flag(l, "fits");
	if (!strcmp(what, "text") || !strcmp(what, "records"))
		log_buffer(b, what, bits);
	else if (!strcmp(what, "ring"))
		log_ring(b, bits, count);
	else
		bd_fail(b, "log %s: text, records, ring or clear", what);
}

/* \n, \\ and \xHH; {n} is the number of the repetition. */
static size_t unescape(const char *s, uint64_t n, uint8_t *out)
{
	uint8_t *p = out;

	while (*s) {
		unsigned byte;

		if (!strncmp(s, "{n}", 3)) {
			p += sprintf((char *)p, "%llu", (unsigned long long)n);
			s += 3;
		} else if (s[0] == '\\' && s[1] == 'x' && sscanf(s + 2, "%2x", &byte) == 1) {
			*p++ = (uint8_t)byte;
			s += 4;
		} else if (s[0] == '\\' && s[1]) {
			*p++ = s[1] == 'n' ? '\n' : (uint8_t)s[1];
			s += 2;
		} else {
			*p++ = (uint8_t)*s++;
		}
	}
	return (size_t)(p - out);
}

void bd_say(struct bd *b, struct bd_line *l)
{
	const char *text = bd_arg(b, l, "TEXT");
	uint64_t times = bd_opt_num(b, l, "times", 1), pad = bd_opt_num(b, l, "pad", 0),
		 gap = bd_opt_num(b, l, "gap", 0);
	struct bd_message m = {
		.ts = bd_opt_num(b, l, "ts", 0),
		.level = bd_opt_num(b, l, "level", 6),
		.facility = bd_opt_num(b, l, "facility", 0),
		.caller = bd_opt_num(b, l, "caller", 0),
		.flags = bd_opt_num(b, l, "flags", 2),
		.dict = bd_opt_num(b, l, "dict", 0),
		.state = bd_opt_num(b, l, "state", 1),
		.lost = bd_flag(l, "lost"),
	};

	if (!b->log)
		bd_fail(b, "say before log");
	m.text = bd_mem(b, strlen(text) * 8 + pad + 1);
	for (uint64_t i = 0; i < times; i++) {
		m.len = unescape(text, i, m.text);
		for (; m.len < pad; m.len++)
			m.text[m.len] = '.';
		if (m.len + m.dict + (b->log->say == text_say ? 1 : 64) > b->log->size)
			bd_fail(b, "say: longer than the log");
		b->log->say(b, &m);
		m.ts += gap;
	}
}
