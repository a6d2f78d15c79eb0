/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * SPARSEMEM: memory in sections, each with a word that codes the address of its struct pages
 * (include/linux/mmzone.h).  EXTREME: a table of roots, each a page of sections; plain: one array of sections.
 */
#include "base/bytes.h"
#include "memmap/models.h"

#include <inttypes.h>

#define PRESENT     UINT64_C(1)
#define HAS_MEM_MAP UINT64_C(2)
/* Flags in section_mem_map: five of them up to 6.14, IS_VMEMMAP_PREINIT makes six (d65917c42373, v6.15).  The address
 * is aligned to far more in every kernel, so all six are cut everywhere. */
#define FLAGS UINT64_C(0x3f)

/* While the sections are looked through.  block: a piece of the table of sections, which may be much larger. */
struct sections {
	struct df_memmap *m;
	const struct df_arch *arch;
	const struct df_kdesc *k;
	struct df_walker *w;
	unsigned section_bits, shift; /* bytes and frames of a section, as powers of two */
	uint64_t count;               /* sections to look at */
	uint64_t per_root;            /* sections in a root; 0 = plain */
	unsigned word;
	uint64_t size; /* of struct mem_section */
	uint64_t present, unreachable;
	uint8_t block[4096];
};

static int geometry(struct sections *s, uint64_t end_pfn, struct df_err *err)
{
	const struct df_kdesc *k = s->k;
	unsigned shift = s->m->page_shift;
	uint64_t page = UINT64_C(1) << shift, len = df_fact(k, DF_LEN_mem_section, 0), per_root, bits, all;

	s->word = s->arch->bits / 8;
	s->size = k->value[DF_SIZE_mem_section];
	s->section_bits = (unsigned)df_fact(k, DF_NUM_SECTION_SIZE_BITS, s->arch->section_size_bits);
	if (s->section_bits <= shift)
		return df_err_set(err, DUMPFILTER_E_CORRUPT, "SECTION_SIZE_BITS %u with pages of 2^%u bytes",
				  s->section_bits, shift);
	s->shift = s->section_bits - shift;
	per_root = page / s->size;
	/* the table's length gives the number of sections where the note has no MAX_PHYSMEM_BITS (before 5.9) */
	if (!df_get_fact(k, DF_NUM_MAX_PHYSMEM_BITS, &bits)) {
		bits = s->arch->max_physmem_bits;
		if (len * per_root >> (56 - s->section_bits) == 0 && len)
			bits = s->section_bits + (63 - (unsigned)__builtin_clzll(len * per_root));
	}
	if (bits <= s->section_bits)
		return df_err_set(err, DUMPFILTER_E_CORRUPT, "MAX_PHYSMEM_BITS %" PRIu64 " with sections of 2^%u bytes",
				  bits, s->section_bits);
	all = UINT64_C(1) << (bits - s->section_bits);
	s->per_root = len == all && per_root > 1 ? 0 : per_root;
	s->count = (end_pfn + (UINT64_C(1) << s->shift) - 1) >> s->shift;
	if (s->count > all) {
		/* memory where the kernel says none can be: one of the two is wrong, so it is kept */
		s->unreachable = s->count - all;
		s->count = all;
	}
	return 0;
}

/* Where SYMBOL(vmemmap) is known it says where every section's structs must be. */
static bool plausible(const struct sections *s, uint64_t first, uint64_t map)
{
	uint64_t vmemmap;

	if (!s->arch->kernel_address(s->w->xlat, map))
		return false;
	return !df_get_fact(s->k, DF_SYM_vmemmap, &vmemmap) || map == vmemmap + first * s->m->page_struct;
}

static int add_section(struct sections *s, uint64_t nr, uint64_t coded, struct df_err *err)
{
	uint64_t first = nr << s->shift, map = (coded & ~FLAGS) + first * s->m->page_struct;

	if (!(coded & PRESENT) || !(coded & HAS_MEM_MAP))
		return 0;
	if (!plausible(s, first, map)) {
		s->m->odd_sections++;
		return 0;
	}
	s->present++;
	if (!df_memmap_add(s->m, s->w->xlat->image->env, first, first + (UINT64_C(1) << s->shift), map))
		return df_err_nomem(err, s->w->xlat->image->env, "the memory map", (s->m->n + 1) * sizeof *s->m->v);
	return 0;
}

/* Sections [nr, nr + count), at most a block of them, that lie at vaddr.  What cannot be read counts as odd: its frames
 * are kept. */
static int add_run(struct sections *s, uint64_t nr, uint64_t count, uint64_t vaddr, struct df_err *err)
{
	uint64_t off = s->k->value[DF_OFF_mem_section_section_mem_map];
	int r = 0;

	if (df_xlat_read(s->w, vaddr, s->block, count * s->size, err) < 0) {
		s->m->odd_sections += count;
		return 0;
	}
	for (uint64_t i = 0; !r && i < count; i++)
		r = add_section(s, nr + i, df_get(s->block + i * s->size + off, s->word, s->w->xlat->image->be), err);
	return r;
}

/* Sections [*nr, return value) hold memory of the image; *nr moves on to the first such.  Only these are looked at:
 * the table may claim more than a loop could do. */
static uint64_t next_sections(const struct sections *s, uint64_t *nr)
{
	const struct df_image *img = s->w->xlat->image;
	uint64_t first, end;

	if (!df_image_next(img, df_image_bounded(img), s->m->page_shift, *nr << s->shift, &first, &end))
		return 0;
	*nr = first >> s->shift;
	return ((end - 1) >> s->shift) + 1;
}

/* Address of section nr's struct; *left = how many follow one another from there.  0: it has none. */
static int section_at(struct sections *s, uint64_t table, uint64_t nr, uint64_t *vaddr, uint64_t *left,
		      struct df_err *err)
{
	uint64_t root;
	int r;

	*left = s->count - nr;
	*vaddr = table + nr * s->size;
	if (!s->per_root)
		return 0;
	r = df_xlat_get(s->w, table + nr / s->per_root * s->word, s->word, &root, err);
	if (r < 0)
		return df_err_wrap(err, "root %" PRIu64 " of mem_section", nr / s->per_root);
	if (*left > s->per_root - nr % s->per_root)
		*left = s->per_root - nr % s->per_root;
	*vaddr = root ? root + nr % s->per_root * s->size : 0;
	return 0;
}

static int add_sections(struct sections *s, uint64_t table, struct df_err *err)
{
	uint64_t per_block = sizeof s->block / s->size, end, vaddr, n;

	for (uint64_t nr = 0; (end = next_sections(s, &nr)) && nr < s->count; nr += n) {
		int r = section_at(s, table, nr, &vaddr, &n, err);

		if (r < 0)
			return r;
		if (n > end - nr)
			n = end - nr;
		if (n > per_block)
			n = per_block;
		if (!vaddr)
			continue;
		if (s->arch->kernel_address(s->w->xlat, vaddr))
			r = add_run(s, nr, n, vaddr, err);
		else
			s->m->odd_sections += n;
		if (r < 0)
			return r;
	}
	return 0;
}

static int attempt(struct sections *s, uint64_t table, struct df_err *err)
{
	int r;

	s->m->n = 0;
	s->m->end_pfn = 0;
	s->m->odd_sections = s->unreachable;
	s->present = 0;
	r = add_sections(s, table, err);
	if (!r && !s->present)
		r = df_err_set(err, DUMPFILTER_E_CORRUPT, "mem_section at %#" PRIx64 " lists no section", table);
	return r;
}

/* From 4.15 on mem_section is a pointer (83e3c48729d9).  A note has its value, but text made from a vmlinux has its
 * address: our own says so; where others do not, the value itself makes no sense then. */
static int look_through(struct sections *s, uint64_t table, struct df_err *err)
{
	bool is_pointer = df_fact(s->k, DF_NUM_mem_section_pointer, 0) != 0;
	uint64_t inner;
	struct df_err first;
	int r = DUMPFILTER_E_NODATA;

	if (!is_pointer)
		r = attempt(s, table, err);
	if (!r || r == DUMPFILTER_E_NOMEM)
		return r;
	first = *err;
	r = df_xlat_get(s->w, table, s->word, &inner, err);
	if (!r && s->arch->kernel_address(s->w->xlat, inner))
		r = attempt(s, inner, err);
	else if (!r)
		r = df_err_set(err, DUMPFILTER_E_CORRUPT, "mem_section holds %#" PRIx64 ", which is no kernel address",
			       inner);
	if (r < 0 && r != DUMPFILTER_E_NOMEM && !is_pointer)
		*err = first;
	return r;
}

int df_memmap_sparse(struct df_memmap *m, const struct df_arch *arch, const struct df_kdesc *k, struct df_walker *w,
		     uint64_t end_pfn, struct df_err *err)
{
	struct sections *s = df_alloc(w->xlat->image->env, sizeof *s);
	uint64_t table = k->value[DF_SYM_mem_section];
	int r;

	if (!s)
		return df_err_nomem(err, w->xlat->image->env, "the memory map", sizeof *s);
	*s = (struct sections){ .m = m, .arch = arch, .k = k, .w = w };
	m->model = "sparse";
	r = geometry(s, end_pfn, err);
	if (!r) {
		m->section_shift = s->shift;
		r = look_through(s, table, err);
	}
	df_free(w->xlat->image->env, s);
	return r < 0 ? err->code : 0;
}
