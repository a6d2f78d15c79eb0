/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The kernel's log: printk() of each era in small, so that wraps, evictions and half-written records come about as they
 * do there.  Where things lie in their structs is asked from the preset. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bd.h"

struct bd_message {
	uint8_t *text;
	size_t length;
	uint64_t ts, level, facility, caller, flags, dict, state;
	bool lost; /* ring: there was no room for the text */
};

struct bd_log {
	void (*say)(struct bd *builder, const struct bd_message *message);
	void (*clear)(struct bd *builder);
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
static uint64_t off(struct bd *builder, const char *member)
{
	char key[80];

	snprintf(key, sizeof key, "OFFSET(%s)", member);
	return bd_need(builder, key);
}

static uint8_t *at(struct bd *builder, const char *symbol, uint64_t offset, uint64_t length)
{
	return bd_phys(builder, bd_image_pa(builder, bd_sym(builder, symbol)) + offset, length);
}

static void put(struct bd *builder, const char *symbol, uint64_t offset, unsigned width, uint64_t value)
{
	bd_put(builder, at(builder, symbol, offset, width), width, value);
}

/* ---- up to 3.4 ---- */

static void text_char(struct bd *builder, uint8_t byte)
{
	struct bd_log *log = builder->log;

	*at(builder, "__log_buf", log->next++ & (log->size - 1), 1) = byte;
	if (log->logged < log->size)
		log->logged++;
}

static void text_say(struct bd *builder, const struct bd_message *message)
{
	for (size_t i = 0; i < message->length; i++)
		text_char(builder, message->text[i]);
	text_char(builder, '\n');
	put(builder, "log_end", 0, 4, builder->log->next & 0xffffffff);
	put(builder, "logged_chars", 0, 4, builder->log->logged);
}

static void text_clear(struct bd *builder)
{
	builder->log->logged = 0;
	put(builder, "logged_chars", 0, 4, 0);
}

/* ---- 3.5 to 5.9 ---- */

/* The struct's name has changed. */
static uint64_t record_off(struct bd *builder, const char *member)
{
	char name[40];

	snprintf(name, sizeof name, "%s.%s", bd_fact_text(builder, "SIZE(log)") ? "log" : "printk_log", member);
	return off(builder, name);
}

static uint64_t record_header(struct bd *builder)
{
	return bd_fact_text(builder, "SIZE(log)") ? bd_need(builder, "SIZE(log)")
						  : bd_need(builder, "SIZE(printk_log)");
}

static uint64_t record_len(struct bd *builder, uint64_t idx)
{
	return bd_get(builder, at(builder, "__log_buf", idx + record_off(builder, "len"), 2), 2);
}

static bool record_fits(struct bd *builder, uint64_t need)
{
	const struct bd_log *log = builder->log;

	if (log->empty || log->next > log->first)
		return (log->size - log->next > log->first ? log->size - log->next : log->first) >= need;
	return log->first - log->next >= need;
}

static void record_evict(struct bd *builder)
{
	struct bd_log *log = builder->log;
	uint64_t length = record_len(builder, log->first);

	log->first = length ? log->first + length : record_len(builder, 0);
	if (log->first == log->next)
		log->empty = true;
}

/* flags:5 and level:3 of a byte. */
static uint64_t flag_byte(struct bd *builder, const struct bd_message *message)
{
	return builder->machine.big ? message->flags << 3 | message->level : message->level << 5 | message->flags;
}

static void record_write(struct bd *builder, const struct bd_message *message, uint64_t length)
{
	uint64_t idx = builder->log->next, header = record_header(builder),
		 dict = idx + record_off(builder, "dict_len");

	memset(at(builder, "__log_buf", idx, length), 0, length);
	put(builder, "__log_buf", idx + record_off(builder, "ts_nsec"), 8, message->ts);
	put(builder, "__log_buf", idx + record_off(builder, "len"), 2, length);
	put(builder, "__log_buf", idx + record_off(builder, "text_len"), 2, message->length);
	put(builder, "__log_buf", dict, 2, message->dict);
	put(builder, "__log_buf", dict + 2, 1, message->facility);
	put(builder, "__log_buf", dict + 3, 1, flag_byte(builder, message));
	if (bd_fact_text(builder, "OFFSET(printk_log.caller_id)"))
		put(builder, "__log_buf", idx + off(builder, "printk_log.caller_id"), 4, message->caller);
	memcpy(at(builder, "__log_buf", idx + header, message->length), message->text, message->length);
	memset(at(builder, "__log_buf", idx + header + message->length, message->dict), 'D', message->dict);
}

static void record_say(struct bd *builder, const struct bd_message *message)
{
	struct bd_log *log = builder->log;
	uint64_t header = record_header(builder), length = (header + message->length + message->dict + 3) & ~3ull;

	while (!record_fits(builder, length + header))
		record_evict(builder);
	if (log->next + length + header > log->size) {
		memset(at(builder, "__log_buf", log->next, header), 0, header);
		log->next = 0;
	}
	record_write(builder, message, length);
	log->next += length;
	log->empty = false;
	put(builder, "log_first_idx", 0, 4, log->first);
	put(builder, "log_next_idx", 0, 4, log->next);
}

static void record_clear(struct bd *builder)
{
	put(builder, "clear_idx", 0, 4, builder->log->next);
}

/* ---- 5.10+ ---- */

static uint64_t desc_off(struct bd *builder, uint64_t id, const char *member)
{
	uint64_t base = (id & (builder->log->count - 1)) * bd_need(builder, "SIZE(prb_desc)");

	if (!strcmp(member, "state_var"))
		return base + off(builder, "prb_desc.state_var");
	return base + off(builder, "prb_desc.text_blk_lpos") +
	       off(builder, !strcmp(member, "begin") ? "prb_data_blk_lpos.begin" : "prb_data_blk_lpos.next");
}

static uint64_t desc_get(struct bd *builder, uint64_t id, const char *member)
{
	return bd_get(builder, at(builder, "prb_descs", desc_off(builder, id, member), builder->word), builder->word);
}

static void desc_set(struct bd *builder, uint64_t id, const char *member, uint64_t value)
{
	put(builder, "prb_descs", desc_off(builder, id, member), builder->word, value);
}

static void desc_state(struct bd *builder, uint64_t id, uint64_t state)
{
	desc_set(builder, id, "state_var", state << (8 * builder->word - 2) | id);
}

static uint64_t info_off(struct bd *builder, uint64_t id)
{
	return (id & (builder->log->count - 1)) * bd_need(builder, "SIZE(printk_info)");
}

static void info_set(struct bd *builder, uint64_t id, const char *member, unsigned width, uint64_t value)
{
	char name[40];

	snprintf(name, sizeof name, "printk_info.%s", member);
	put(builder, "prb_infos", info_off(builder, id) + off(builder, name), width, value);
}

static uint64_t lpos_bits(struct bd *builder)
{
	return builder->log->mask << 2 | 3;
}

/* Where the block that begins at begin ends: in the next lap where it does not fit into this one. */
static uint64_t block_end(struct bd *builder, uint64_t begin, uint64_t length)
{
	const struct bd_log *log = builder->log;
	uint64_t end = (begin & (log->size - 1)) + length;

	if (end < log->size || (log->fits && end == log->size))
		return (begin + length) & lpos_bits(builder);
	return ((begin & ~(log->size - 1)) + log->size + length) & lpos_bits(builder);
}

/* Old text goes until the block that ends at next does not reach it. */
static void ring_make_room(struct bd *builder, uint64_t next)
{
	struct bd_log *log = builder->log;

	while (((next - log->tail_lpos) & lpos_bits(builder)) > log->size) {
		uint64_t id = bd_get(builder, at(builder, "prb_text", log->tail_lpos & (log->size - 1), builder->word),
				     builder->word);

		desc_state(builder, id, 3);
		log->tail_lpos = desc_get(builder, id, "next");
	}
}

static void ring_block(struct bd *builder, const struct bd_message *message, uint64_t id)
{
	struct bd_log *log = builder->log;
	uint64_t length = (builder->word + message->length + builder->word - 1) & ~(uint64_t)(builder->word - 1),
		 begin = log->head_lpos, next, from;

	if (message->lost || !message->length) {
		desc_set(builder, id, "begin", message->lost ? 1 : 3);
		desc_set(builder, id, "next", message->lost ? 1 : 3);
		return;
	}
	next = block_end(builder, begin, length);
	ring_make_room(builder, next);
	from = begin & (log->size - 1);
	put(builder, "prb_text", from, builder->word, id);
	if (((next - begin) & lpos_bits(builder)) != length) {
		from = 0;
		put(builder, "prb_text", from, builder->word, id);
	}
	memcpy(at(builder, "prb_text", from + builder->word, message->length), message->text, message->length);
	desc_set(builder, id, "begin", begin);
	desc_set(builder, id, "next", next);
	log->head_lpos = next;
}

static void ring_ends(struct bd *builder)
{
	struct bd_log *log = builder->log;
	uint64_t descs = off(builder, "printk_ringbuffer.desc_ring"),
		 text = off(builder, "printk_ringbuffer.text_data_ring");

	put(builder, "printk_rb_static", descs + off(builder, "prb_desc_ring.head_id"), builder->word, log->head_id);
	put(builder, "printk_rb_static", descs + off(builder, "prb_desc_ring.tail_id"), builder->word, log->tail_id);
	put(builder, "printk_rb_static", text + off(builder, "prb_data_ring.head_lpos"), builder->word, log->head_lpos);
	put(builder, "printk_rb_static", text + off(builder, "prb_data_ring.tail_lpos"), builder->word, log->tail_lpos);
}

/* The oldest record goes, and text up to its own. */
static void ring_push_tail(struct bd *builder)
{
	struct bd_log *log = builder->log;
	uint64_t next = desc_get(builder, log->tail_id, "next");

	desc_state(builder, log->tail_id, 3);
	if (!(next & 1) && ((next - log->tail_lpos) & lpos_bits(builder)) <= log->size)
		ring_make_room(builder, (next + log->size) & lpos_bits(builder));
	log->tail_id = (log->tail_id + 1) & log->mask;
}

static void ring_say(struct bd *builder, const struct bd_message *message)
{
	struct bd_log *log = builder->log;
	uint64_t last = log->head_id, id = (log->head_id + 1) & log->mask, flags;

	if (((id - log->count) & log->mask) == log->tail_id)
		ring_push_tail(builder);
	log->head_id = id;
	memset(at(builder, "prb_infos", info_off(builder, id), bd_need(builder, "SIZE(printk_info)")), 0,
	       bd_need(builder, "SIZE(printk_info)"));
	info_set(builder, id, "seq", 8, log->seq++);
	if (log->seq > 1 && desc_get(builder, last, "state_var") >> (8 * builder->word - 2) == 1)
		desc_state(builder, last, 2);
	ring_block(builder, message, id);
	info_set(builder, id, "ts_nsec", 8, message->ts);
	info_set(builder, id, "text_len", 2, message->lost ? 0 : message->length);
	info_set(builder, id, "caller_id", 4, message->caller);
	flags = info_off(builder, id) + off(builder, "printk_info.text_len") + 2;
	put(builder, "prb_infos", flags, 1, message->facility);
	put(builder, "prb_infos", flags + 1, 1, flag_byte(builder, message));
	desc_state(builder, id, message->state);
	ring_ends(builder);
}

/* clear_seq, from 5.12 on twice, with a counter that says which one to read. */
static void ring_clear(struct bd *builder)
{
	struct bd_log *log = builder->log;
	uint64_t val;

	if (!bd_fact(builder, "OFFSET(latched_seq.val)", &val)) {
		put(builder, "clear_seq", 0, 8, log->seq);
		return;
	}
	/* as if the crash came between the two */
	log->clears++;
	put(builder, "clear_seq", 0, 4, log->clears);
	put(builder, "clear_seq", val + 8 * (log->clears & 1), 8, log->seq);
	put(builder, "clear_seq", val + 8 * !(log->clears & 1), 8, 12345678901234567);
}

/* ---- lines of a recipe ---- */

static void log_buffer(struct bd *builder, const char *kind, uint64_t bits)
{
	struct bd_log *log = builder->log;

	log->size = 1ull << bits;
	log->empty = true;
	log->say = *kind == 't' ? text_say : record_say;
	log->clear = *kind == 't' ? text_clear : record_clear;
	put(builder, "log_buf", 0, builder->word, bd_sym_new(builder, "__log_buf", log->size, 16));
	put(builder, "log_buf_len", 0, 4, log->size);
}

static void log_ring(struct bd *builder, uint64_t bits, uint64_t count_bits)
{
	struct bd_log *log = builder->log;
	uint64_t descs = off(builder, "printk_ringbuffer.desc_ring"),
		 text = off(builder, "printk_ringbuffer.text_data_ring"), vaddr;

	log->say = ring_say;
	log->clear = ring_clear;
	log->size = 1ull << bits;
	log->count = 1ull << count_bits;
	log->mask = UINT64_MAX >> (64 - 8 * builder->word + 2);
	/* ids and positions overflow soon, as the kernel has it */
	log->head_id = log->tail_id = (0 - log->count - 1) & log->mask;
	log->head_lpos = log->tail_lpos = (0 - log->size) & lpos_bits(builder);
	put(builder, "prb", 0, builder->word, bd_sym_new(builder, "printk_rb_static", 256, 16));
	put(builder, "printk_rb_static", descs + off(builder, "prb_desc_ring.count_bits"), 4, count_bits);
	put(builder, "printk_rb_static", text + off(builder, "prb_data_ring.size_bits"), 4, bits);
	vaddr = bd_sym_new(builder, "prb_descs", log->count * bd_need(builder, "SIZE(prb_desc)"), 16);
	put(builder, "printk_rb_static", descs + off(builder, "prb_desc_ring.descs"), builder->word, vaddr);
	vaddr = bd_sym_new(builder, "prb_infos", log->count * bd_need(builder, "SIZE(printk_info)"), 16);
	put(builder, "printk_rb_static", descs + off(builder, "prb_desc_ring.infos"), builder->word, vaddr);
	vaddr = bd_sym_new(builder, "prb_text", log->size, 16);
	put(builder, "printk_rb_static", text + off(builder, "prb_data_ring.data"), builder->word, vaddr);
	desc_state(builder, log->head_id, 3);
	desc_set(builder, log->head_id, "begin", 1);
	desc_set(builder, log->head_id, "next", 1);
	ring_ends(builder);
}

void bd_log(struct bd *builder, struct bd_line *line)
{
	const char *what = bd_arg(builder, line, "text, records, ring or clear");
	uint64_t bits = bd_opt_num(builder, line, "bits", 12), count = bd_opt_num(builder, line, "count", 5);

	if (!strcmp(what, "clear")) {
		if (!builder->log)
			bd_fail(builder, "log clear before there is one");
		builder->log->clear(builder);
		return;
	}
	if (builder->log || bits < 5 || bits > 20 || count < 1 || count > 16)
		bd_fail(builder, "log: only one, bits= 5 to 20, count= 1 to 16");
	builder->log = bd_mem(builder, sizeof *builder->log);
	builder->log->fits = bd_flag(line, "fits");
	if (!strcmp(what, "text") || !strcmp(what, "records"))
		log_buffer(builder, what, bits);
	else if (!strcmp(what, "ring"))
		log_ring(builder, bits, count);
	else
		bd_fail(builder, "log %s: text, records, ring or clear", what);
}

/* \n, \\ and \xHH; {n} is the number of the repetition. */
static size_t unescape(const char *text, uint64_t count, uint8_t *out)
{
	uint8_t *bytes = out;

	while (*text) {
		unsigned byte;

		if (!strncmp(text, "{n}", 3)) {
			bytes += sprintf((char *)bytes, "%llu", (unsigned long long)count);
			text += 3;
		} else if (text[0] == '\\' && text[1] == 'x' && sscanf(text + 2, "%2x", &byte) == 1) {
			*bytes++ = (uint8_t)byte;
			text += 4;
		} else if (text[0] == '\\' && text[1]) {
			*bytes++ = text[1] == 'n' ? '\n' : (uint8_t)text[1];
			text += 2;
		} else {
			*bytes++ = (uint8_t)*text++;
		}
	}
	return (size_t)(bytes - out);
}

void bd_say(struct bd *builder, struct bd_line *line)
{
	const char *text = bd_arg(builder, line, "TEXT");
	uint64_t times = bd_opt_num(builder, line, "times", 1), pad = bd_opt_num(builder, line, "pad", 0),
		 gap = bd_opt_num(builder, line, "gap", 0);
	struct bd_message message = {
		.ts = bd_opt_num(builder, line, "ts", 0),
		.level = bd_opt_num(builder, line, "level", 6),
		.facility = bd_opt_num(builder, line, "facility", 0),
		.caller = bd_opt_num(builder, line, "caller", 0),
		.flags = bd_opt_num(builder, line, "flags", 2),
		.dict = bd_opt_num(builder, line, "dict", 0),
		.state = bd_opt_num(builder, line, "state", 1),
		.lost = bd_flag(line, "lost"),
	};

	if (!builder->log)
		bd_fail(builder, "say before log");
	message.text = bd_mem(builder, strlen(text) * 8 + pad + 1);
	for (uint64_t i = 0; i < times; i++) {
		message.length = unescape(text, i, message.text);
		for (; message.length < pad; message.length++)
			message.text[message.length] = '.';
		if (message.length + message.dict + (builder->log->say == text_say ? 1 : 64) > builder->log->size)
			bd_fail(builder, "say: longer than the log");
		builder->log->say(builder, &message);
		message.ts += gap;
	}
}
