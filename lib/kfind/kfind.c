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
	uint64_t offset = df_fact(note, DF_KERNELOFFSET, 0) - df_fact(text, DF_KERNELOFFSET, 0), distance_found = 0;
	unsigned count = 0, like_first = 0, like_offset = 0;

	for (unsigned i = 0; i < sizeof anchors / sizeof *anchors; i++) {
		if (!df_has(text, anchors[i]) || !df_has(note, anchors[i]))
			continue;
		if (!count++)
			distance_found = note->value[anchors[i]] - text->value[anchors[i]];
		like_first += note->value[anchors[i]] - text->value[anchors[i]] == distance_found;
		like_offset += note->value[anchors[i]] - text->value[anchors[i]] == offset;
	}
	*adrift = !count && !df_has(note, DF_KERNELOFFSET);
	*delta = count && like_first == count ? distance_found : *adrift ? 0 : offset;
	/* one of several may be damaged in the image; if most of them do not agree, they never belonged together */
	if ((like_first < count && 2 * like_offset <= count) || *delta & 0xfff)
		return df_err_set(err, DUMPFILTER_E_OTHER_KERNEL,
				  "of another kernel: addresses are not those of the image's VMCOREINFO, nor all moved "
				  "by the same distance");
	return 0;
}

static void fill_from(struct df_kdesc *kernel, const struct df_kdesc *from, enum df_fact fact)
{
	if (df_has(from, fact))
		df_kdesc_set(kernel, fact, from->value[fact], (enum df_origin)from->origin[fact]);
}

static void fill(struct df_kdesc *kernel, const struct df_kdesc *text, const struct df_kdesc *note)
{
	for (unsigned fact = 0; fact < DF_FACT_COUNT; fact++) {
		bool text_first = df_fact_text_first((enum df_fact)fact);

		fill_from(kernel, text_first ? text : note, (enum df_fact)fact);
		fill_from(kernel, text_first ? note : text, (enum df_fact)fact);
	}
	if (kernel->origin[DF_SYM_mem_section] == DF_FROM_NOTE)
		df_kdesc_drop(kernel, DF_NUM_mem_section_pointer);
}

/* A value that cannot be was dropped: what the other one says. */
static void check_and_refill(struct df_kdesc *kernel, const struct df_kdesc *text, const struct df_kdesc *note,
			     const struct df_image *image)
{
	uint8_t before[DF_FACT_COUNT];

	memcpy(before, kernel->origin, sizeof before);
	df_kdesc_check(kernel, image->env, image->bits / 8);
	for (unsigned fact = 0; fact < DF_FACT_COUNT; fact++)
		if (before[fact] != DF_ABSENT && !df_has(kernel, (enum df_fact)fact))
			fill_from(kernel, before[fact] == DF_FROM_TEXT ? note : text, (enum df_fact)fact);
}

static void parse_note(struct df_kdesc *note, const struct df_image *image)
{
	if (image->vmcoreinfo_len)
		df_kdesc_parse(note, (const char *)image->notes + image->vmcoreinfo_at,
			       image->vmcoreinfo_len < NOTE_MAX ? image->vmcoreinfo_len : NOTE_MAX, DF_FROM_NOTE);
}

/* Both, and they are of one kernel. */
static int combine(struct df_kdesc *kernel, struct df_kdesc *text, const struct df_kdesc *note,
		   const struct df_image *image, struct df_err *err)
{
	uint64_t delta = 0;
	int result = same_kernel(text, note, err);

	if (!result)
		result = distance(text, note, &delta, &kernel->adrift, err);
	if (result < 0)
		return result;
	if (delta)
		df_log(image->env, DUMPFILTER_LOG_INFO,
		       "the image's kernel lies %#" PRIx64 " from where the text has it", delta);
	df_kdesc_move(text, delta);
	memcpy(kernel->osrelease, note->osrelease[0] ? note->osrelease : text->osrelease, sizeof kernel->osrelease);
	memcpy(kernel->build_id, note->build_id[0] ? note->build_id : text->build_id, sizeof kernel->build_id);
	kernel->has_text = true;
	kernel->confirmed = text->build_id[0] && note->build_id[0];
	fill(kernel, text, note);
	if (kernel->adrift)
		df_kdesc_drop(kernel,
			      DF_NUM_pgtable_l5_enabled); /* of a boot that may not be this one: the tables tell */
	check_and_refill(kernel, text, note, image);
	return 0;
}

int df_kfind(struct df_kdesc *kernel, const struct df_image *image, const char *text, size_t length, struct df_err *err)
{
	unsigned word = image->bits / 8;
	int result = 0;

	memset(kernel, 0, sizeof *kernel);
	if (text) {
		struct df_kdesc given = { .has_text = false }, note = { .has_text = false };

		df_kdesc_parse(&given, text, length, DF_FROM_TEXT);
		parse_note(&note, image);
		result = combine(kernel, &given, &note, image, err);
	} else {
		parse_note(kernel, image);
	}
	df_kdesc_check(kernel, image->env, word);
	df_kdesc_quirks(kernel, word);
	return result;
}
