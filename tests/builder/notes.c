/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The contents of PT_NOTE segments. */
#include <stdio.h>
#include <string.h>

#include "bd.h"

#define NOTE_MAX  (256u << 20)
#define QEMU_SIZE 440

struct out {
	struct bd *b;
	uint8_t *p;
	size_t n, cap;
};

static uint8_t *reserve(struct out *o, size_t bytes)
{
	if (o->n + bytes > o->cap) {
		uint8_t *p = bd_mem(o->b, o->cap = (o->n + bytes) * 2);

		if (o->n)
			memcpy(p, o->p, o->n);
		o->p = p;
	}
	o->n += bytes;
	return o->p + o->n - bytes;
}

static size_t round4(size_t n)
{
	return (n + 3) & ~(size_t)3;
}

static uint8_t *add(struct out *o, const char *name, uint32_t type, size_t len, uint64_t namesz, uint64_t descsz)
{
	size_t nlen = strlen(name) + 1;
	uint8_t *p = reserve(o, 12 + round4(nlen) + round4(len));

	memset(p, 0, 12 + round4(nlen) + round4(len));
	bd_put(o->b, p, 4, namesz == BD_UNSET ? nlen : namesz);
	bd_put(o->b, p + 4, 4, descsz == BD_UNSET ? len : descsz);
	bd_put(o->b, p + 8, 4, type);
	memcpy(p + 12, name, nlen);
	return p + 12 + round4(nlen);
}

static void add_user(struct out *o, const struct bd_note *n)
{
	uint8_t *p = add(o, n->name, n->type, n->size, n->namesz, n->descsz);

	for (uint64_t i = 0; i < n->size; i++)
		p[i] = (uint8_t)(i * 7 + 1);
}

static void add_users(struct out *o, unsigned segment, bool first)
{
	struct bd *b = o->b;

	for (size_t i = 0; i < b->nnotes; i++)
		if (b->notes[i].segment == segment && b->notes[i].first == first)
			add_user(o, &b->notes[i]);
}

static void add_cpus(struct out *o)
{
	struct bd *b = o->b;
	uint8_t *p;

	for (unsigned i = 0; i < b->nprstatus; i++) {
		p = add(o, "CORE", 1, b->m.prstatus, BD_UNSET, BD_UNSET);
		bd_put(b, p + (b->m.is64 ? 32 : 24), 4, i + 1);
	}
	for (unsigned i = 0; i < b->nprstatus && b->style == BD_QEMU; i++) {
		p = add(o, "QEMU", 0, QEMU_SIZE, BD_UNSET, BD_UNSET);
		bd_put(b, p, 4, 1);
		bd_put(b, p + 4, 4, QEMU_SIZE);
	}
}

static void add_info(struct out *o)
{
	size_t len = 0;
	char *text;

	if (o->b->info_none)
		return;
	text = bd_note_text(o->b, &len);
	if (len)
		memcpy(add(o, o->b->info_name, 0, len, BD_UNSET, BD_UNSET), text, len);
	else
		add(o, o->b->info_name, 0, 0, BD_UNSET, BD_UNSET);
}

uint8_t *bd_notes_segment(struct bd *b, unsigned segment, size_t *len)
{
	struct out o = { .b = b };

	add_users(&o, segment, true);
	if (segment == 0)
		add_cpus(&o);
	if (segment == b->info_segment)
		add_info(&o);
	add_users(&o, segment, false);
	*len = o.n;
	return o.p;
}

unsigned bd_notes_segments(struct bd *b)
{
	unsigned top = b->info_segment;

	for (size_t i = 0; i < b->nnotes; i++)
		if (b->notes[i].segment > top)
			top = b->notes[i].segment;
	return top + 1;
}

void bd_prstatus(struct bd *b, struct bd_line *l)
{
	b->nprstatus = (unsigned)bd_num(b, bd_arg(b, l, "N"));
	if (b->nprstatus > 65536)
		bd_fail(b, "prstatus: at most 65536");
}

void bd_note(struct bd *b, struct bd_line *l)
{
	struct bd_note *n;

	b->notes = bd_more(b, b->notes, b->nnotes, sizeof *n);
	n = &b->notes[b->nnotes++];
	n->first = bd_flag(l, "first");
	n->name = bd_arg(b, l, "NAME");
	n->type = (uint32_t)bd_num(b, bd_arg(b, l, "TYPE"));
	n->size = bd_num(b, bd_arg(b, l, "SIZE"));
	n->segment = (unsigned)bd_opt_num(b, l, "segment", 0);
	n->namesz = bd_opt_num(b, l, "namesz", BD_UNSET);
	n->descsz = bd_opt_num(b, l, "descsz", BD_UNSET);
	if (n->size > NOTE_MAX || n->segment > 1000)
		bd_fail(b, "note: too large");
}

void bd_vmcoreinfo(struct bd *b, struct bd_line *l)
{
	const char *name = bd_opt(l, "name");

	b->info_segment = (unsigned)bd_opt_num(b, l, "segment", 0);
	if (b->info_segment > 1000)
		bd_fail(b, "segment=%u", b->info_segment);
	if (name)
		b->info_name = name;
}
