/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * 5.10+: the lockless ring (kernel/printk/printk_ringbuffer.c).  A record is a descriptor and an info, both in slot id
 * mod n of their arrays, and a block in the ring of text: the id, then the text.  Descriptors go from tail_id to
 * head_id, both included; an id has two bits less than a word, which are the state.
 */
#include "dmesg/dmesg.h"

#include "base/bytes.h"

#include <inttypes.h>

#define COUNT_BITS_MAX 26u
#define SIZE_BITS_MAX  31u
#define TEXT_MAX       (UINT16_MAX + 1u)
#define READ_AHEAD     (16u << 10)

enum state { RESERVED, COMMITTED, FINALIZED, REUSABLE };

/* Positions of records without a block: the text was lost; there was none (printk_ringbuffer.h). */
#define LPOS_FAILED 1u
#define LPOS_EMPTY  3u

/* Sizes of the ring's structs, and of their members how many bytes behind the struct's beginning. */
struct offsets {
	uint64_t desc_size, state, begin, next;
	uint64_t info_size, seq, ts, text_len, caller;
	bool has_caller;
};

/* The kernel's ring while it is read.  tail and head are ids of descriptors, oldest and newest. */
struct ring {
	struct df_dmesg *d;
	struct offsets off;
	struct df_dmesg_area descs, infos, text;
	uint64_t count, mask; /* slots; bits of an id */
	uint64_t tail, head;
	unsigned size_bits; /* of the text */
	uint64_t printed;   /* bytes of text: blocks do not overlap, so they cannot be more than the ring has */
	bool selects;       /* only records from first_seq on */
	uint64_t first_seq;
};

/* ---- where it is ---- */

static bool find_offsets(struct ring *g)
{
	struct offsets *o = &g->off;
	struct df_dmesg *d = g->d;
	uint64_t lpos = 0;

	if (!df_dmesg_need(d, DF_SIZE_prb_desc, &o->desc_size) ||
	    !df_dmesg_need(d, DF_OFF_prb_desc_state_var, &o->state) ||
	    !df_dmesg_need(d, DF_OFF_prb_desc_text_blk_lpos, &lpos) ||
	    !df_dmesg_need(d, DF_OFF_prb_data_blk_lpos_begin, &o->begin) ||
	    !df_dmesg_need(d, DF_OFF_prb_data_blk_lpos_next, &o->next) ||
	    !df_dmesg_need(d, DF_SIZE_printk_info, &o->info_size) ||
	    !df_dmesg_need(d, DF_OFF_printk_info_seq, &o->seq) ||
	    !df_dmesg_need(d, DF_OFF_printk_info_ts_nsec, &o->ts) ||
	    !df_dmesg_need(d, DF_OFF_printk_info_text_len, &o->text_len))
		return false;
	o->begin += lpos;
	o->next += lpos;
	o->has_caller = df_get_fact(d->k, DF_OFF_printk_info_caller_id, &o->caller);
	if (o->begin + d->word <= o->desc_size && o->next + d->word <= o->desc_size)
		return true;
	df_err_set(d->err, DUMPFILTER_E_NOINFO, "kernel log: VMCOREINFO: prb_data_blk_lpos lies outside prb_desc");
	return false;
}

struct member {
	enum df_fact offset;
	unsigned width; /* 0 = a word */
	uint64_t *value;
};

/* Members of the struct at base. */
static int read_members(struct df_dmesg *d, uint64_t base, const struct member *m, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		uint64_t off;

		if (!df_dmesg_need(d, m[i].offset, &off) ||
		    df_dmesg_number(d, base + off, m[i].width ? m[i].width : d->word, "the ring's head", m[i].value) <
			    0)
			return d->err->code;
	}
	return 0;
}

static int open_areas(struct ring *g, uint64_t descs, uint64_t infos, uint64_t data)
{
	int r = df_dmesg_area_init(&g->descs, g->d, descs, g->count * g->off.desc_size, READ_AHEAD, "descriptors");

	if (!r)
		r = df_dmesg_area_init(&g->infos, g->d, infos, g->count * g->off.info_size, READ_AHEAD, "infos");
	if (!r)
		r = df_dmesg_area_init(&g->text, g->d, data, UINT64_C(1) << g->size_bits, TEXT_MAX + READ_AHEAD,
				       "text");
	return r;
}

static int locate(struct ring *g)
{
	uint64_t at, prb = 0, rings, texts, count_bits = 0, size_bits = 0, descs = 0, infos = 0, data = 0;
	const struct member desc_ring[] = {
		{ DF_OFF_prb_desc_ring_count_bits, 4, &count_bits }, { DF_OFF_prb_desc_ring_descs, 0, &descs },
		{ DF_OFF_prb_desc_ring_infos, 0, &infos },           { DF_OFF_prb_desc_ring_head_id, 0, &g->head },
		{ DF_OFF_prb_desc_ring_tail_id, 0, &g->tail },
	};
	const struct member data_ring[] = {
		{ DF_OFF_prb_data_ring_size_bits, 4, &size_bits },
		{ DF_OFF_prb_data_ring_data, 0, &data },
	};
	struct df_dmesg *d = g->d;
	int r;

	if (!find_offsets(g) || !df_dmesg_need(d, DF_SYM_prb, &at) ||
	    !df_dmesg_need(d, DF_OFF_printk_ringbuffer_desc_ring, &rings) ||
	    !df_dmesg_need(d, DF_OFF_printk_ringbuffer_text_data_ring, &texts))
		return d->err->code;
	r = df_dmesg_number(d, at, d->word, "prb", &prb);
	if (!r)
		r = read_members(d, prb + rings, desc_ring, sizeof desc_ring / sizeof *desc_ring);
	if (!r)
		r = read_members(d, prb + texts, data_ring, sizeof data_ring / sizeof *data_ring);
	if (r)
		return r;
	if (count_bits > COUNT_BITS_MAX || size_bits > SIZE_BITS_MAX)
		return df_err_set(d->err, DUMPFILTER_E_CORRUPT,
				  "kernel log: the ring at %#" PRIx64 " has 2^%" PRIu64 " slots and 2^%" PRIu64
				  " bytes of text",
				  prb, count_bits, size_bits);
	g->count = UINT64_C(1) << count_bits;
	g->mask = UINT64_MAX >> (64 - 8 * d->word + 2);
	g->size_bits = (unsigned)size_bits;
	g->head &= g->mask;
	g->tail &= g->mask;
	return open_areas(g, descs, infos, data);
}

/* ---- descriptors and infos ---- */

static const uint8_t *desc_of(struct ring *g, uint64_t slot)
{
	return df_dmesg_area_get(&g->descs, slot * g->off.desc_size, (size_t)g->off.desc_size);
}

static const uint8_t *info_of(struct ring *g, uint64_t slot)
{
	return df_dmesg_area_get(&g->infos, slot * g->off.info_size, (size_t)g->off.info_size);
}

static uint64_t word_at(const struct ring *g, const uint8_t *p)
{
	return df_get(p, g->d->word, g->d->be);
}

/* Bits of the id are below, the state is above. */
static enum state state_of(const struct ring *g, uint64_t state_var)
{
	return (enum state)(state_var >> (8 * g->d->word - 2));
}

static bool has_text(enum state s)
{
	return s == COMMITTED || s == FINALIZED;
}

/* The first record is number 0 in slot 0: from then on numbers and slots go together. */
static bool seq_fits(const struct ring *g, uint64_t seq, uint64_t slot)
{
	return (seq & (g->count - 1)) == slot;
}

/* Where tail and head cannot be: the newest record is the one with the highest number, and all others lie behind it. */
static void find_ends(struct ring *g)
{
	uint64_t newest = 0;

	df_dmesg_damage(g->d,
			"kernel log: tail_id %#" PRIx64 " and head_id %#" PRIx64 " of %" PRIu64 " records are damaged",
			g->tail, g->head, g->count);
	for (uint64_t slot = 0; slot < g->count; slot++) {
		const uint8_t *desc = desc_of(g, slot), *info = info_of(g, slot);
		uint64_t var, seq;

		if (!desc || !info)
			continue;
		var = word_at(g, desc + g->off.state);
		seq = df_get64(info + g->off.seq, g->d->be);
		if (has_text(state_of(g, var)) && (var & (g->count - 1)) == slot && seq_fits(g, seq, slot) &&
		    seq >= newest) {
			newest = seq;
			g->head = var & g->mask;
		}
	}
	g->tail = (g->head - (g->count - 1)) & g->mask;
}

/* ---- what to print ---- */

/* clear_seq: a number; from 5.12 on two of them, and a counter in front whose lowest bit says which one is right. */
static bool read_clear_seq(struct df_dmesg *d, uint64_t *seq)
{
	uint64_t at, val, turn = 0;
	struct df_err ignored;

	if (!df_get_fact(d->k, DF_SYM_clear_seq, &at))
		return false;
	if (df_get_fact(d->k, DF_OFF_latched_seq_val, &val)) {
		if (df_xlat_get(d->walker, at, 4, &turn, &ignored) < 0)
			return false;
		at += val + 8 * (turn & 1);
	}
	return df_xlat_get(d->walker, at, 8, seq, &ignored) == 0;
}

/* A number that no record can have had yet is not believed. */
static void select_records(struct ring *g)
{
	uint64_t slot = g->head & (g->count - 1), newest;
	const uint8_t *info = info_of(g, slot);

	if (!g->d->partial || !read_clear_seq(g->d, &g->first_seq))
		return;
	newest = info ? df_get64(info + g->off.seq, g->d->be) : 0;
	g->selects = !info || !seq_fits(g, newest, slot) || g->first_seq <= newest ||
		     g->first_seq - newest <= g->count + 1;
	if (!g->selects)
		df_dmesg_damage(g->d, "kernel log: clear_seq %" PRIu64 " is damaged: this is all of the log",
				g->first_seq);
}

/* A block that would go beyond the end of the ring lies at its start instead.  Up to 6.17 one that would end just there
 * did too, since 67e1b0052f6b it does not; then next - begin is the block's size, else it is more than what is left. */
static bool find_block(const struct ring *g, uint64_t begin, uint64_t next, uint64_t *at, uint64_t *len)
{
	uint64_t size = UINT64_C(1) << g->size_bits, bits = g->mask << 2 | 3;
	uint64_t laps = ((next >> g->size_bits) - (begin >> g->size_bits)) & bits >> g->size_bits;

	*at = begin & (size - 1);
	*len = (next - begin) & bits;
	if (*len > size - *at && laps == 1) {
		*at = 0;
		*len = next & (size - 1);
	}
	return *len <= size - *at && *len >= g->d->word && !((begin | next) & (g->d->word - 1));
}

/* Text of the record in desc; false: there is none.  Empty lines are records of their own. */
static bool find_text(struct ring *g, const uint8_t *desc, uint64_t id, struct df_dmesg_record *r)
{
	uint64_t begin = word_at(g, desc + g->off.begin), next = word_at(g, desc + g->off.next), at, len;
	unsigned word = g->d->word;
	const uint8_t *block;

	if (begin == next && (begin == LPOS_FAILED || begin == LPOS_EMPTY)) {
		r->len = 0;
		return begin == LPOS_EMPTY;
	}
	block = find_block(g, begin, next, &at, &len) ? df_dmesg_area_get(&g->text, at, word) : NULL;
	if (!block || (word_at(g, block) & g->mask) != id) {
		df_dmesg_damage(g->d, "kernel log: record %#" PRIx64 " has no text at %#" PRIx64 " to %#" PRIx64, id,
				begin, next);
		return false;
	}
	if (r->len > len - word) {
		df_dmesg_damage(g->d, "kernel log: record %#" PRIx64 " of %zu bytes does not fit its %" PRIu64, id,
				r->len, len - word);
		r->len = (size_t)(len - word);
	}
	r->text = df_dmesg_area_get(&g->text, at + word, r->len);
	if (!r->text)
		df_dmesg_damage(g->d, "kernel log: the text of record %#" PRIx64 " cannot be read", id);
	return r->text;
}

static void read_info(const struct ring *g, const uint8_t *info, struct df_dmesg_record *r)
{
	const uint8_t *f = info + g->off.text_len + 2; /* facility, then flags:5 and level:3 */
	bool be = g->d->be;

	r->ts_nsec = df_get64(info + g->off.ts, be);
	r->len = df_get16(info + g->off.text_len, be);
	r->priority = (unsigned)f[0] << 3 | (be ? f[1] & 7u : f[1] >> 5);
	r->has_caller = g->off.has_caller;
	if (r->has_caller)
		r->caller = df_get32(info + g->off.caller, be);
}

/* A descriptor that is being reserved still has the id of the lap before, or none. */
static bool between(const struct ring *g, uint64_t state_var, uint64_t id)
{
	return !state_var || (state_var & g->mask) == ((id - g->count) & g->mask);
}

static void print_record(struct ring *g, uint64_t id)
{
	uint64_t slot = id & (g->count - 1), seq;
	const uint8_t *desc = desc_of(g, slot), *info = info_of(g, slot);
	struct df_dmesg_record r = { 0 };
	uint64_t state_var = desc ? word_at(g, desc + g->off.state) : 0;

	if (!desc || !info) {
		df_dmesg_damage(g->d, "kernel log: record %#" PRIx64 " cannot be read", id);
		return;
	}
	if ((state_var & g->mask) != id) {
		if (!between(g, state_var, id))
			df_dmesg_damage(g->d, "kernel log: record %#" PRIx64 " is damaged", id);
		return;
	}
	seq = df_get64(info + g->off.seq, g->d->be);
	if (!has_text(state_of(g, state_var)) || (g->selects && seq < g->first_seq && seq_fits(g, seq, slot)))
		return;
	read_info(g, info, &r);
	if (!find_text(g, desc, id, &r))
		return;
	g->printed += r.len;
	if (g->printed > UINT64_C(1) << g->size_bits)
		df_dmesg_damage(g->d, "kernel log: record %#" PRIx64 " is damaged: blocks of text overlap", id);
	else
		df_dmesg_print(g->d, &r);
}

int df_dmesg_ring(struct df_dmesg *d)
{
	struct ring g = { .d = d };
	int r = locate(&g);

	if (!r) {
		uint64_t count;

		if (((g.head - g.tail) & g.mask) >= g.count)
			find_ends(&g);
		select_records(&g);
		count = ((g.head - g.tail) & g.mask) + 1;
		for (uint64_t i = 0; i < count && !d->failed; i++)
			print_record(&g, (g.tail + i) & g.mask);
		r = d->failed;
	}
	df_dmesg_area_fini(&g.text);
	df_dmesg_area_fini(&g.infos);
	df_dmesg_area_fini(&g.descs);
	return r;
}
