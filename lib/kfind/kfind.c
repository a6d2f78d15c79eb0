/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kfind/kfind.h"

#include <inttypes.h>
#include <string.h>

#define NOTE_MAX (1u << 20) /* the kernel writes a page at most */

static int same_kernel(const struct df_kdesc *text, const struct df_kdesc *note, struct df_err *err)
{
	if (text->build_id[0] && note->build_id[0] && strcmp(text->build_id, note->build_id) != 0)
		return df_err_set(err, DUMPFILTER_E_OTHER_KERNEL,
				  "of another kernel: its build id is %s, the image's %s", text->build_id,
				  note->build_id);
	if (text->osrelease[0] && note->osrelease[0] && strcmp(text->osrelease, note->osrelease) != 0)
		return df_err_set(err, DUMPFILTER_E_OTHER_KERNEL,
				  "of another kernel: its release is '%s', the image's '%s'", text->osrelease,
				  note->osrelease);
	return 0;
}

/* How far the kernel of the note lies from where the text says.  Addresses as linked are off by what KASLR did; those
 * of a kernel that was running by the difference of two boots, mostly 0.  Known by symbols that mean the same in both.
 */
static int distance(const struct df_kdesc *text, const struct df_kdesc *note, uint64_t *delta, bool *adrift,
		    struct df_err *err)
{
	static const enum df_fact anchors[] = { DF_SYM_stext, DF_SYM_init_uts_ns, DF_SYM_swapper_pg_dir,
						DF_SYM_init_top_pgt };
	uint64_t offset = df_fact(note, DF_KERNELOFFSET, 0) - df_fact(text, DF_KERNELOFFSET, 0), d = 0;
	unsigned n = 0, like_first = 0, like_offset = 0;

	for (unsigned i = 0; i < sizeof anchors / sizeof *anchors; i++) {
		if (!df_has(text, anchors[i]) || !df_has(note, anchors[i]))
			continue;
		if (!n++)
			d = note->value[anchors[i]] - text->value[anchors[i]];
		like_first += note->value[anchors[i]] - text->value[anchors[i]] == d;
		like_offset += note->value[anchors[i]] - text->value[anchors[i]] == offset;
	}
	*adrift = !n && !df_has(note, DF_KERNELOFFSET);
	*delta = n && like_first == n ? d : *adrift ? 0 : offset;
	/* one of several may be damaged in the image; if most of them do not agree, they never belonged together */
	if ((like_first < n && 2 * like_offset <= n) || *delta & 0xfff)
		return df_err_set(err, DUMPFILTER_E_OTHER_KERNEL,
				  "of another kernel: addresses are not those of the image's VMCOREINFO, nor all moved "
				  "by the same distance");
	return 0;
}

static void fill_from(struct df_kdesc *k, const struct df_kdesc *from, enum df_fact f)
{
	if (df_has(from, f))
		df_kdesc_set(k, f, from->value[f], (enum df_origin)from->origin[f]);
}

static void fill(struct df_kdesc *k, const struct df_kdesc *text, const struct df_kdesc *note)
{
	for (unsigned f = 0; f < DF_FACT_COUNT; f++) {
		bool text_first = df_fact_text_first((enum df_fact)f);

		fill_from(k, text_first ? text : note, (enum df_fact)f);
		fill_from(k, text_first ? note : text, (enum df_fact)f);
	}
	if (k->origin[DF_SYM_mem_section] == DF_FROM_NOTE)
		df_kdesc_drop(k, DF_NUM_mem_section_pointer);
}

/* A value that cannot be was dropped: what the other one says. */
static void check_and_refill(struct df_kdesc *k, const struct df_kdesc *text, const struct df_kdesc *note,
			     const struct df_image *img)
{
	uint8_t before[DF_FACT_COUNT];

	memcpy(before, k->origin, sizeof before);
	df_kdesc_check(k, img->env, img->bits / 8);
	for (unsigned f = 0; f < DF_FACT_COUNT; f++)
		if (before[f] != DF_ABSENT && !df_has(k, (enum df_fact)f))
			fill_from(k, before[f] == DF_FROM_TEXT ? note : text, (enum df_fact)f);
}

static void parse_note(struct df_kdesc *note, const struct df_image *img)
{
	if (img->vmcoreinfo_len)
		df_kdesc_parse(note, (const char *)img->notes + img->vmcoreinfo_at,
			       img->vmcoreinfo_len < NOTE_MAX ? img->vmcoreinfo_len : NOTE_MAX, DF_FROM_NOTE);
}

/* Both, and they are of one kernel. */
static int combine(struct df_kdesc *k, struct df_kdesc *text, const struct df_kdesc *note, const struct df_image *img,
		   struct df_err *err)
{
	uint64_t delta = 0;
	int r = same_kernel(text, note, err);

	if (!r)
		r = distance(text, note, &delta, &k->adrift, err);
	if (r < 0)
		return r;
	if (delta)
		df_log(img->env, DUMPFILTER_LOG_INFO, "the image's kernel lies %#" PRIx64 " from where the text has it",
		       delta);
	df_kdesc_move(text, delta);
	memcpy(k->osrelease, note->osrelease[0] ? note->osrelease : text->osrelease, sizeof k->osrelease);
	memcpy(k->build_id, note->build_id[0] ? note->build_id : text->build_id, sizeof k->build_id);
	k->has_text = true;
	k->confirmed = text->build_id[0] && note->build_id[0];
	fill(k, text, note);
	if (k->adrift)
		df_kdesc_drop(k, DF_NUM_pgtable_l5_enabled); /* of a boot that may not be this one: the tables tell */
	check_and_refill(k, text, note, img);
	return 0;
}

int df_kfind(struct df_kdesc *k, const struct df_image *img, const char *text, size_t len, struct df_err *err)
{
	unsigned word = img->bits / 8;
	int r = 0;

	memset(k, 0, sizeof *k);
	if (text) {
		struct df_kdesc given = { .has_text = false }, note = { .has_text = false };

		df_kdesc_parse(&given, text, len, DF_FROM_TEXT);
		parse_note(&note, img);
		r = combine(k, &given, &note, img, err);
	} else {
		parse_note(k, img);
	}
	df_kdesc_check(k, img->env, word);
	df_kdesc_quirks(k, word);
	return r;
}
