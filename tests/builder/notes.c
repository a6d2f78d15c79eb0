/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The contents of PT_NOTE segments. */
#include <stdio.h>
#include <string.h>

#include "bd.h"

#define NOTE_MAX  (256u << 20)
#define QEMU_SIZE 440

struct out {
	struct bd *builder;
	uint8_t *bytes;
	size_t count, cap;
};

static uint8_t *reserve(struct out *out, size_t bytes)
{
	if (out->count + bytes > out->cap) {
		uint8_t *from = bd_mem(out->builder, out->cap = (out->count + bytes) * 2);

		if (out->count)
			memcpy(from, out->bytes, out->count);
		out->bytes = from;
	}
	out->count += bytes;
	return out->bytes + out->count - bytes;
}

static size_t round4(size_t count)
{
	return (count + 3) & ~(size_t)3;
}

static uint8_t *add(struct out *out, const char *name, uint32_t type, size_t length, uint64_t namesz, uint64_t descsz)
{
	size_t nlen = strlen(name) + 1;
	uint8_t *bytes = reserve(out, 12 + round4(nlen) + round4(length));

	memset(bytes, 0, 12 + round4(nlen) + round4(length));
	bd_put(out->builder, bytes, 4, namesz == BD_UNSET ? nlen : namesz);
	bd_put(out->builder, bytes + 4, 4, descsz == BD_UNSET ? length : descsz);
	bd_put(out->builder, bytes + 8, 4, type);
	memcpy(bytes + 12, name, nlen);
	return bytes + 12 + round4(nlen);
}

static void add_user(struct out *out, const struct bd_note *note)
{
	uint8_t *bytes = add(out, note->name, note->type, note->size, note->namesz, note->descsz);

	for (uint64_t i = 0; i < note->size; i++)
		bytes[i] = (uint8_t)(i * 7 + 1);
}

static void add_users(struct out *out, unsigned segment, bool first)
{
	struct bd *builder = out->builder;

	for (size_t i = 0; i < builder->nnotes; i++)
		if (builder->notes[i].segment == segment && builder->notes[i].first == first)
			add_user(out, &builder->notes[i]);
}

static void add_cpus(struct out *out)
{
	struct bd *builder = out->builder;
	uint8_t *bytes;

	for (unsigned i = 0; i < builder->nprstatus; i++) {
		bytes = add(out, "CORE", 1, builder->machine.prstatus, BD_UNSET, BD_UNSET);
		bd_put(builder, bytes + (builder->machine.is64 ? 32 : 24), 4, i + 1);
	}
	for (unsigned i = 0; i < builder->nprstatus && builder->style == BD_QEMU; i++) {
		bytes = add(out, "QEMU", 0, QEMU_SIZE, BD_UNSET, BD_UNSET);
		bd_put(builder, bytes, 4, 1);
		bd_put(builder, bytes + 4, 4, QEMU_SIZE);
	}
}

static void add_info(struct out *out)
{
	size_t length = 0;
	char *text;

	if (out->builder->info_none)
		return;
	text = bd_note_text(out->builder, &length);
	if (length)
		memcpy(add(out, out->builder->info_name, 0, length, BD_UNSET, BD_UNSET), text, length);
	else
		add(out, out->builder->info_name, 0, 0, BD_UNSET, BD_UNSET);
}

uint8_t *bd_notes_segment(struct bd *builder, unsigned segment, size_t *length)
{
	struct out out = { .builder = builder };

	add_users(&out, segment, true);
	if (segment == 0)
		add_cpus(&out);
	if (segment == builder->info_segment)
		add_info(&out);
	add_users(&out, segment, false);
	*length = out.count;
	return out.bytes;
}

unsigned bd_notes_segments(struct bd *builder)
{
	unsigned top = builder->info_segment;

	for (size_t i = 0; i < builder->nnotes; i++)
		if (builder->notes[i].segment > top)
			top = builder->notes[i].segment;
	return top + 1;
}

void bd_prstatus(struct bd *builder, struct bd_line *line)
{
	builder->nprstatus = (unsigned)bd_num(builder, bd_arg(builder, line, "N"));
	if (builder->nprstatus > 65536)
		bd_fail(builder, "prstatus: at most 65536");
}

void bd_note(struct bd *builder, struct bd_line *line)
{
	struct bd_note *note;

	builder->notes = bd_more(builder, builder->notes, builder->nnotes, sizeof *note);
	note = &builder->notes[builder->nnotes++];
	note->first = bd_flag(line, "first");
	note->name = bd_arg(builder, line, "NAME");
	note->type = (uint32_t)bd_num(builder, bd_arg(builder, line, "TYPE"));
	note->size = bd_num(builder, bd_arg(builder, line, "SIZE"));
	note->segment = (unsigned)bd_opt_num(builder, line, "segment", 0);
	note->namesz = bd_opt_num(builder, line, "namesz", BD_UNSET);
	note->descsz = bd_opt_num(builder, line, "descsz", BD_UNSET);
	if (note->size > NOTE_MAX || note->segment > 1000)
		bd_fail(builder, "note: too large");
}

void bd_vmcoreinfo(struct bd *builder, struct bd_line *line)
{
	const char *name = bd_opt(line, "name");

	builder->info_segment = (unsigned)bd_opt_num(builder, line, "segment", 0);
	if (builder->info_segment > 1000)
		bd_fail(builder, "segment=%u", builder->info_segment);
	if (name)
		builder->info_name = name;
}
