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
	uint64_t info_size, seq, time, text_len, caller;
	bool has_caller;
};

/* The kernel's ring while it is read.  tail and head are ids of descriptors, oldest and newest. */
struct ring {
	struct df_dmesg *dmesg;
	struct offsets offsets;
	struct df_dmesg_area descs, infos, text;
	uint64_t count, mask; /* slots; bits of an id */
	uint64_t tail, head;
	unsigned size_bits; /* of the text */
	uint64_t printed;   /* bytes of text: blocks do not overlap, so they cannot be more than the ring has */
	bool selects;       /* only records from first_seq on */
	uint64_t first_seq;
};

/* ---- where it is ---- */

static bool find_offsets(struct ring *ring)
{
	struct offsets *offsets = &ring->offsets;
	struct df_dmesg *dmesg = ring->dmesg;
	uint64_t lpos = 0;

	if (!df_dmesg_need(dmesg, DF_SIZE_prb_desc, &offsets->desc_size) ||
	    !df_dmesg_need(dmesg, DF_OFF_prb_desc_state_var, &offsets->state) ||
	    !df_dmesg_need(dmesg, DF_OFF_prb_desc_text_blk_lpos, &lpos) ||
	    !df_dmesg_need(dmesg, DF_OFF_prb_data_blk_lpos_begin, &offsets->begin) ||
	    !df_dmesg_need(dmesg, DF_OFF_prb_data_blk_lpos_next, &offsets->next) ||
	    !df_dmesg_need(dmesg, DF_SIZE_printk_info, &offsets->info_size) ||
	    !df_dmesg_need(dmesg, DF_OFF_printk_info_seq, &offsets->seq) ||
	    !df_dmesg_need(dmesg, DF_OFF_printk_info_ts_nsec, &offsets->time) ||
	    !df_dmesg_need(dmesg, DF_OFF_printk_info_text_len, &offsets->text_len))
		return false;
	offsets->begin += lpos;
	offsets->next += lpos;
	offsets->has_caller = df_get_fact(dmesg->kernel, DF_OFF_printk_info_caller_id, &offsets->caller);
	if (offsets->begin + dmesg->word <= offsets->desc_size && offsets->next + dmesg->word <= offsets->desc_size)
		return true;
	df_err_set(dmesg->err, DUMPFILTER_E_NOINFO, "kernel log: VMCOREINFO: prb_data_blk_lpos lies outside prb_desc");
	return false;
}

struct member {
	enum df_fact offset;
	unsigned width; /* 0 = a word */
	uint64_t *value;
};

/* Members of the struct at base. */
static int read_members(struct df_dmesg *dmesg, uint64_t base, const struct member *member, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		uint64_t off;

		if (!df_dmesg_need(dmesg, member[i].offset, &off) ||
		    df_dmesg_number(dmesg, base + off, member[i].width ? member[i].width : dmesg->word,
				    "the ring's head", member[i].value) < 0)
			return dmesg->err->code;
	}
	return 0;
}

static int open_areas(struct ring *ring, uint64_t descs, uint64_t infos, uint64_t data)
{
	int result = df_dmesg_area_init(&ring->descs, ring->dmesg, descs, ring->count * ring->offsets.desc_size,
					READ_AHEAD, "descriptors");

	if (!result)
		result = df_dmesg_area_init(&ring->infos, ring->dmesg, infos, ring->count * ring->offsets.info_size,
					    READ_AHEAD, "infos");
	if (!result)
		result = df_dmesg_area_init(&ring->text, ring->dmesg, data, UINT64_C(1) << ring->size_bits,
					    TEXT_MAX + READ_AHEAD, "text");
	return result;
}

static int locate(struct ring *ring)
{
	uint64_t at, prb = 0, rings, texts, count_bits = 0, size_bits = 0, descs = 0, infos = 0, data = 0;
	const struct member desc_ring[] = {
		{ DF_OFF_prb_desc_ring_count_bits, 4, &count_bits }, { DF_OFF_prb_desc_ring_descs, 0, &descs },
		{ DF_OFF_prb_desc_ring_infos, 0, &infos },           { DF_OFF_prb_desc_ring_head_id, 0, &ring->head },
		{ DF_OFF_prb_desc_ring_tail_id, 0, &ring->tail },
	};
	const struct member data_ring[] = {
		{ DF_OFF_prb_data_ring_size_bits, 4, &size_bits },
		{ DF_OFF_prb_data_ring_data, 0, &data },
	};
	struct df_dmesg *dmesg = ring->dmesg;
	int result;

	if (!find_offsets(ring) || !df_dmesg_need(dmesg, DF_SYM_prb, &at) ||
	    !df_dmesg_need(dmesg, DF_OFF_printk_ringbuffer_desc_ring, &rings) ||
	    !df_dmesg_need(dmesg, DF_OFF_printk_ringbuffer_text_data_ring, &texts))
		return dmesg->err->code;
	result = df_dmesg_number(dmesg, at, dmesg->word, "prb", &prb);
	if (!result)
		result = read_members(dmesg, prb + rings, desc_ring, sizeof desc_ring / sizeof *desc_ring);
	if (!result)
		result = read_members(dmesg, prb + texts, data_ring, sizeof data_ring / sizeof *data_ring);
	if (result)
		return result;
	if (count_bits > COUNT_BITS_MAX || size_bits > SIZE_BITS_MAX)
		return df_err_set(dmesg->err, DUMPFILTER_E_CORRUPT,
				  "kernel log: the ring at %#" PRIx64 " has 2^%" PRIu64 " slots and 2^%" PRIu64
				  " bytes of text",
				  prb, count_bits, size_bits);
	ring->count = UINT64_C(1) << count_bits;
	ring->mask = UINT64_MAX >> (64 - 8 * dmesg->word + 2);
	ring->size_bits = (unsigned)size_bits;
	ring->head &= ring->mask;
	ring->tail &= ring->mask;
	return open_areas(ring, descs, infos, data);
}

/* ---- descriptors and infos ---- */

static const uint8_t *desc_of(struct ring *ring, uint64_t slot)
{
	return df_dmesg_area_get(&ring->descs, slot * ring->offsets.desc_size, (size_t)ring->offsets.desc_size);
}

static const uint8_t *info_of(struct ring *ring, uint64_t slot)
{
	return df_dmesg_area_get(&ring->infos, slot * ring->offsets.info_size, (size_t)ring->offsets.info_size);
}

static uint64_t word_at(const struct ring *ring, const uint8_t *bytes)
{
	return df_get(bytes, ring->dmesg->word, ring->dmesg->big_endian);
}

/* Bits of the id are below, the state is above. */
static enum state state_of(const struct ring *ring, uint64_t state_var)
{
	return (enum state)(state_var >> (8 * ring->dmesg->word - 2));
}

static bool has_text(enum state state)
{
	return state == COMMITTED || state == FINALIZED;
}

/* The first record is number 0 in slot 0: from then on numbers and slots go together. */
static bool seq_fits(const struct ring *ring, uint64_t seq, uint64_t slot)
{
	return (seq & (ring->count - 1)) == slot;
}

/* Where tail and head cannot be: the newest record is the one with the highest number, and all others lie behind it. */
static void find_ends(struct ring *ring)
{
	uint64_t newest = 0;

	df_dmesg_damage(ring->dmesg,
			"kernel log: tail_id %#" PRIx64 " and head_id %#" PRIx64 " of %" PRIu64 " records are damaged",
			ring->tail, ring->head, ring->count);
	for (uint64_t slot = 0; slot < ring->count; slot++) {
		const uint8_t *desc = desc_of(ring, slot), *info = info_of(ring, slot);
		uint64_t var, seq;

		if (!desc || !info)
			continue;
		var = word_at(ring, desc + ring->offsets.state);
		seq = df_get64(info + ring->offsets.seq, ring->dmesg->big_endian);
		if (has_text(state_of(ring, var)) && (var & (ring->count - 1)) == slot && seq_fits(ring, seq, slot) &&
		    seq >= newest) {
			newest = seq;
			ring->head = var & ring->mask;
		}
	}
	ring->tail = (ring->head - (ring->count - 1)) & ring->mask;
}

/* ---- what to print ---- */

/* clear_seq: a number; from 5.12 on two of them, and a counter in front whose lowest bit says which one is right. */
static bool read_clear_seq(struct df_dmesg *dmesg, uint64_t *seq)
{
	uint64_t at, val, turn = 0;
	struct df_err ignored;

	if (!df_get_fact(dmesg->kernel, DF_SYM_clear_seq, &at))
		return false;
	if (df_get_fact(dmesg->kernel, DF_OFF_latched_seq_val, &val)) {
		if (df_xlat_get(dmesg->walker, at, 4, &turn, &ignored) < 0)
			return false;
		at += val + 8 * (turn & 1);
	}
	return df_xlat_get(dmesg->walker, at, 8, seq, &ignored) == 0;
}

/* A number that no record can have had yet is not believed. */
static void select_records(struct ring *ring)
{
	uint64_t slot = ring->head & (ring->count - 1), newest;
	const uint8_t *info = info_of(ring, slot);

	if (!ring->dmesg->partial || !read_clear_seq(ring->dmesg, &ring->first_seq))
		return;
	newest = info ? df_get64(info + ring->offsets.seq, ring->dmesg->big_endian) : 0;
	ring->selects = !info || !seq_fits(ring, newest, slot) || ring->first_seq <= newest ||
			ring->first_seq - newest <= ring->count + 1;
	if (!ring->selects)
		df_dmesg_damage(ring->dmesg, "kernel log: clear_seq %" PRIu64 " is damaged: this is all of the log",
				ring->first_seq);
}

/* A block that would go beyond the end of the ring lies at its start instead.  Up to 6.17 one that would end just there
 * did too, since 67e1b0052f6b it does not; then next - begin is the block's size, else it is more than what is left. */
static bool find_block(const struct ring *ring, uint64_t begin, uint64_t next, uint64_t *at, uint64_t *length)
{
	uint64_t size = UINT64_C(1) << ring->size_bits, bits = ring->mask << 2 | 3;
	uint64_t laps = ((next >> ring->size_bits) - (begin >> ring->size_bits)) & bits >> ring->size_bits;

	*at = begin & (size - 1);
	*length = (next - begin) & bits;
	if (*length > size - *at && laps == 1) {
		*at = 0;
		*length = next & (size - 1);
	}
	return *length <= size - *at && *length >= ring->dmesg->word && !((begin | next) & (ring->dmesg->word - 1));
}

/* Text of the record in desc; false: there is none.  Empty lines are records of their own. */
static bool find_text(struct ring *ring, const uint8_t *desc, uint64_t id, struct df_dmesg_record *record)
{
	uint64_t begin = word_at(ring, desc + ring->offsets.begin), next = word_at(ring, desc + ring->offsets.next), at,
		 length;
	unsigned word = ring->dmesg->word;
	const uint8_t *block;

	if (begin == next && (begin == LPOS_FAILED || begin == LPOS_EMPTY)) {
		record->length = 0;
		return begin == LPOS_EMPTY;
	}
	block = find_block(ring, begin, next, &at, &length) ? df_dmesg_area_get(&ring->text, at, word) : NULL;
	if (!block || (word_at(ring, block) & ring->mask) != id) {
		df_dmesg_damage(ring->dmesg, "kernel log: record %#" PRIx64 " has no text at %#" PRIx64 " to %#" PRIx64,
				id, begin, next);
		return false;
	}
	if (record->length > length - word) {
		df_dmesg_damage(ring->dmesg, "kernel log: record %#" PRIx64 " of %zu bytes does not fit its %" PRIu64,
				id, record->length, length - word);
		record->length = (size_t)(length - word);
	}
	record->text = df_dmesg_area_get(&ring->text, at + word, record->length);
	if (!record->text)
		df_dmesg_damage(ring->dmesg, "kernel log: the text of record %#" PRIx64 " cannot be read", id);
	return record->text;
}

static void read_info(const struct ring *ring, const uint8_t *info, struct df_dmesg_record *record)
{
	const uint8_t *fields = info + ring->offsets.text_len + 2; /* facility, then flags:5 and level:3 */
	bool big_endian = ring->dmesg->big_endian;

	record->ts_nsec = df_get64(info + ring->offsets.time, big_endian);
	record->length = df_get16(info + ring->offsets.text_len, big_endian);
	record->priority = (unsigned)fields[0] << 3 | (big_endian ? fields[1] & 7u : fields[1] >> 5);
	record->has_caller = ring->offsets.has_caller;
	if (record->has_caller)
		record->caller = df_get32(info + ring->offsets.caller, big_endian);
}

/* A descriptor that is being reserved still has the id of the lap before, or none. */
static bool between(const struct ring *ring, uint64_t state_var, uint64_t id)
{
	return !state_var || (state_var & ring->mask) == ((id - ring->count) & ring->mask);
}

static void print_record(struct ring *ring, uint64_t id)
{
	uint64_t slot = id & (ring->count - 1), seq;
	const uint8_t *desc = desc_of(ring, slot), *info = info_of(ring, slot);
	struct df_dmesg_record record = { 0 };
	uint64_t state_var = desc ? word_at(ring, desc + ring->offsets.state) : 0;

	if (!desc || !info) {
		df_dmesg_damage(ring->dmesg, "kernel log: record %#" PRIx64 " cannot be read", id);
		return;
	}
	if ((state_var & ring->mask) != id) {
		if (!between(ring, state_var, id))
			df_dmesg_damage(ring->dmesg, "kernel log: record %#" PRIx64 " is damaged", id);
		return;
	}
	seq = df_get64(info + ring->offsets.seq, ring->dmesg->big_endian);
	if (!has_text(state_of(ring, state_var)) ||
	    (ring->selects && seq < ring->first_seq && seq_fits(ring, seq, slot)))
		return;
	read_info(ring, info, &record);
	if (!find_text(ring, desc, id, &record))
		return;
	ring->printed += record.length;
	if (ring->printed > UINT64_C(1) << ring->size_bits)
		df_dmesg_damage(ring->dmesg, "kernel log: record %#" PRIx64 " is damaged: blocks of text overlap", id);
	else
		df_dmesg_print(ring->dmesg, &record);
}

int df_dmesg_ring(struct df_dmesg *dmesg)
{
	struct ring ring = { .dmesg = dmesg };
	int result = locate(&ring);

	if (!result) {
		uint64_t count;

		if (((ring.head - ring.tail) & ring.mask) >= ring.count)
			find_ends(&ring);
		select_records(&ring);
		count = ((ring.head - ring.tail) & ring.mask) + 1;
		for (uint64_t i = 0; i < count && !dmesg->failed; i++)
			print_record(&ring, (ring.tail + i) & ring.mask);
		result = dmesg->failed;
	}
	df_dmesg_area_fini(&ring.text);
	df_dmesg_area_fini(&ring.infos);
	df_dmesg_area_fini(&ring.descs);
	return result;
}
