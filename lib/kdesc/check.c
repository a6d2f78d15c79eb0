/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Bounds of what a note may say.  Everything in it comes from the crashed machine; after this check each fact that is
 * present is safe to shift, divide and index with as the table says. */
#include "kdesc/kdesc.h"

#include <inttypes.h>

/* A fact outside of [min, max] is dropped. */
struct bound {
	enum df_fact fact;
	uint64_t min, max;
};

static const struct bound bounds[] = {
	{ DF_PAGESIZE, 4096, 256 << 10 },
	{ DF_SIZE_page, 32, 4096 },
	{ DF_SIZE_mem_section, 8, 4096 },
	{ DF_NUM_SECTION_SIZE_BITS, 13, 48 },
	{ DF_NUM_MAX_PHYSMEM_BITS, 20, 56 },
	{ DF_LEN_mem_section, 1, UINT64_C(1) << 29 },
	{ DF_NUM_mem_section_pointer, 0, 1 },
	{ DF_LEN_zone_free_area, 1, 20 },
	{ DF_LEN_free_area_free_list, 1, 32 },
	{ DF_LEN_node_data, 1, 4096 }, /* CONFIG_NODES_SHIFT is 10 at most */
	{ DF_SIZE_zone, 64, 1 << 20 },
	{ DF_SIZE_free_area, 16, 4096 },
	{ DF_NUM_NR_FREE_PAGES, 0, 256 },
	{ DF_NUM_PG_lru, 0, 63 },
	{ DF_NUM_PG_private, 0, 63 },
	{ DF_NUM_PG_swapcache, 0, 63 },
	{ DF_NUM_PG_swapbacked, 0, 63 },
	{ DF_NUM_PG_slab, 0, 63 },
	{ DF_NUM_PG_hwpoison, 0, 63 },
	{ DF_NUM_PG_buddy, 0, 63 },
	{ DF_NUM_PG_hugetlb, 0, 63 },
	{ DF_NUM_HUGETLB_PAGE_DTOR, 1, 255 },
	{ DF_OFF_uts_namespace_name, 0, 4096 },
	{ DF_OFF_pglist_data_node_zones, 0, 16 << 20 },
	{ DF_OFF_pglist_data_nr_zones, 0, 16 << 20 },
	{ DF_OFF_zone_free_area, 0, 1 << 20 },
	{ DF_OFF_zone_vm_stat, 0, 1 << 20 },
	{ DF_OFF_zone_spanned_pages, 0, 1 << 20 },
	{ DF_SIZE_printk_log, 16, 4096 },
	{ DF_SIZE_prb_desc, 12, 4096 },
	{ DF_SIZE_printk_info, 24, 4096 },
	{ DF_OFF_latched_seq_val, 0, 4096 },
	{ DF_OFF_printk_ringbuffer_desc_ring, 0, 4096 },
	{ DF_OFF_printk_ringbuffer_text_data_ring, 0, 4096 },
	{ DF_OFF_prb_desc_ring_count_bits, 0, 4096 },
	{ DF_OFF_prb_desc_ring_descs, 0, 4096 },
	{ DF_OFF_prb_desc_ring_infos, 0, 4096 },
	{ DF_OFF_prb_desc_ring_head_id, 0, 4096 },
	{ DF_OFF_prb_desc_ring_tail_id, 0, 4096 },
	{ DF_OFF_prb_data_blk_lpos_begin, 0, 64 },
	{ DF_OFF_prb_data_blk_lpos_next, 0, 64 },
	{ DF_OFF_prb_data_ring_size_bits, 0, 4096 },
	{ DF_OFF_prb_data_ring_data, 0, 4096 },
};

/* Members of structs: offset + width must lie inside.  width 0 = a word. */
struct member {
	enum df_fact offset, size;
	unsigned width;
};

static const struct member members[] = {
	{ DF_OFF_page_flags, DF_SIZE_page, 0 },
	{ DF_OFF_page__refcount, DF_SIZE_page, 4 },
	{ DF_OFF_page__mapcount, DF_SIZE_page, 4 },
	{ DF_OFF_page_page_type, DF_SIZE_page, 4 },
	{ DF_OFF_page_mapping, DF_SIZE_page, 0 },
	{ DF_OFF_page_private, DF_SIZE_page, 0 },
	{ DF_OFF_page_compound_head, DF_SIZE_page, 0 },
	{ DF_OFF_page_compound_dtor, DF_SIZE_page, 4 },
	{ DF_OFF_page_compound_order, DF_SIZE_page, 1 },
	{ DF_OFF_mem_section_section_mem_map, DF_SIZE_mem_section, 0 },
	{ DF_OFF_free_area_free_list, DF_SIZE_free_area, 0 },
	{ DF_OFF_list_head_next, DF_SIZE_list_head, 0 },
	{ DF_OFF_list_head_prev, DF_SIZE_list_head, 0 },
	{ DF_OFF_printk_log_ts_nsec, DF_SIZE_printk_log, 8 },
	{ DF_OFF_printk_log_len, DF_SIZE_printk_log, 2 },
	{ DF_OFF_printk_log_text_len, DF_SIZE_printk_log, 2 },
	{ DF_OFF_printk_log_dict_len, DF_SIZE_printk_log, 4 }, /* facility, flags and level lie behind it */
	{ DF_OFF_printk_log_caller_id, DF_SIZE_printk_log, 4 },
	{ DF_OFF_prb_desc_state_var, DF_SIZE_prb_desc, 0 },
	{ DF_OFF_prb_desc_text_blk_lpos, DF_SIZE_prb_desc, 0 }, /* its second word: dmesg/ring.c */
	{ DF_OFF_printk_info_seq, DF_SIZE_printk_info, 8 },
	{ DF_OFF_printk_info_ts_nsec, DF_SIZE_printk_info, 8 },
	{ DF_OFF_printk_info_text_len, DF_SIZE_printk_info, 4 }, /* facility, flags and level lie behind it */
	{ DF_OFF_printk_info_caller_id, DF_SIZE_printk_info, 4 },
};

static void refuse(struct df_kdesc *kernel, struct df_env *env, enum df_fact fact, const char *why)
{
	char name[64];

	df_log(env, DUMPFILTER_LOG_WARN, "VMCOREINFO: %s=%" PRIu64 " %s: not used",
	       df_fact_name(fact, name, sizeof name), kernel->value[fact], why);
	df_kdesc_drop(kernel, fact);
}

static void check_members(struct df_kdesc *kernel, struct df_env *env, unsigned word)
{
	for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
		const struct member *member = &members[i];
		uint64_t width = member->width ? member->width : word;

		if (!df_has(kernel, member->offset))
			continue;
		if (!df_has(kernel, member->size) || kernel->value[member->offset] > kernel->value[member->size] ||
		    kernel->value[member->offset] + width > kernel->value[member->size])
			refuse(kernel, env, member->offset, "lies outside its struct");
	}
	/* two words, where it is used as a list head */
	if (df_has(kernel, DF_OFF_page_lru) &&
	    (kernel->value[DF_OFF_page_lru] > df_fact(kernel, DF_SIZE_page, 0) ||
	     kernel->value[DF_OFF_page_lru] + 2 * word > df_fact(kernel, DF_SIZE_page, 0)))
		refuse(kernel, env, DF_OFF_page_lru, "lies outside its struct");
}

/* folio offsets count from the first page; the bytes lie in the second. */
static void check_folio(struct df_kdesc *kernel, struct df_env *env, enum df_fact fact)
{
	uint64_t size = df_fact(kernel, DF_SIZE_page, 0);

	if (df_has(kernel, fact) && (kernel->value[fact] < size || kernel->value[fact] >= 2 * size))
		refuse(kernel, env, fact, "does not lie in the second struct page");
}

/* Other programs look enumerators up by name alone.  In 6.10 and 6.11 page types have the names that flags had
 * (ff202303c398 "mm: convert page type macros to enum"), so that their texts have a type's bit, which is no bit number.
 */
static void types_by_flag_names(struct df_kdesc *kernel)
{
	static const enum df_fact names[][2] = { { DF_NUM_PG_slab, DF_NUM_PAGE_SLAB },
						 { DF_NUM_PG_buddy, DF_NUM_PAGE_BUDDY },
						 { DF_NUM_PG_hugetlb, DF_NUM_PAGE_HUGETLB } };

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		uint64_t bit = kernel->value[names[i][0]];

		if (kernel->origin[names[i][0]] != DF_FROM_TEXT || bit < 64 || bit > UINT32_MAX || bit & (bit - 1))
			continue;
		df_kdesc_set(kernel, names[i][1], (uint64_t)(int64_t)(int32_t) ~(uint32_t)bit, DF_FROM_TEXT);
		df_kdesc_drop(kernel, names[i][0]);
	}
}

void df_kdesc_check(struct df_kdesc *kernel, struct df_env *env, unsigned word)
{
	types_by_flag_names(kernel);
	for (size_t i = 0; i < sizeof bounds / sizeof *bounds; i++) {
		const struct bound *bound = &bounds[i];

		if (df_has(kernel, bound->fact) &&
		    (kernel->value[bound->fact] < bound->min || kernel->value[bound->fact] > bound->max))
			refuse(kernel, env, bound->fact, "is out of range");
	}
	if (df_has(kernel, DF_PAGESIZE) && kernel->value[DF_PAGESIZE] & (kernel->value[DF_PAGESIZE] - 1))
		refuse(kernel, env, DF_PAGESIZE, "is no power of two");
	if (df_has(kernel, DF_SIZE_page) && kernel->value[DF_SIZE_page] % 4)
		refuse(kernel, env, DF_SIZE_page, "is no multiple of 4");
	if (df_has(kernel, DF_NUM_SECTION_SIZE_BITS) && df_has(kernel, DF_NUM_MAX_PHYSMEM_BITS) &&
	    kernel->value[DF_NUM_SECTION_SIZE_BITS] >= kernel->value[DF_NUM_MAX_PHYSMEM_BITS])
		refuse(kernel, env, DF_NUM_SECTION_SIZE_BITS, "is not below MAX_PHYSMEM_BITS");
	check_members(kernel, env, word);
	check_folio(kernel, env, DF_OFF_folio__folio_dtor);
	check_folio(kernel, env, DF_OFF_folio__folio_order);
}
