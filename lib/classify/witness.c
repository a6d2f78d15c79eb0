/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Second witnesses.  A bit that was flipped in the memory of the crashed machine must not cost a page of its kernel, so
 * each class is confirmed by a word that the kernel writes on another occasion:
 *   cache, anonymous   mapping holds the address of an address_space or an anon_vma; kernel pages have none, and
 *                      page->mapping is cleared before a page is freed (free_pages_prepare, mm/page_alloc.c v6.1)
 *   free block         _refcount is 0 (a page in use has at least 1) and lru links it into a free list; list_del()
 *                      leaves LIST_POISON behind, which is no address
 */
#include "base/bytes.h"
#include "classify/rules.h"

#define ALIGNED UINT64_C(7) /* low bits that an address of a struct with pointers in it does not have */
#define MARKS   UINT64_C(3) /* those that mark a mapping as anonymous, movable or KSM (PAGE_MAPPING_FLAGS) */

static bool is_pointer(const struct df_witness *witness, uint64_t value)
{
	return value && !(value & ALIGNED) && (value & witness->pointer_mask) == witness->pointer_value;
}

static uint64_t mapping_of(const struct df_rules *rules, const uint8_t *page)
{
	return df_get(page + rules->witness.mapping, rules->witness.word, rules->big_endian);
}

uint64_t df_witness_mapped(const struct df_rules *rules, const uint8_t *structs, uint64_t which)
{
	uint64_t mapped = 0;

	for (uint64_t left = which; left; left &= left - 1) {
		unsigned i = (unsigned)__builtin_ctzll(left);
		uint64_t mapping = mapping_of(rules, structs + (size_t)i * rules->page_struct);

		mapped |= (uint64_t)is_pointer(&rules->witness, mapping & ~MARKS) << i;
	}
	return mapped;
}

bool df_witness_listed(const struct df_rules *rules, const uint8_t *page)
{
	const struct df_witness *witness = &rules->witness;

	return witness->lru == UINT16_MAX ||
	       (is_pointer(witness, df_get(page + witness->lru, witness->word, rules->big_endian)) &&
		is_pointer(witness, df_get(page + witness->lru + witness->word, witness->word, rules->big_endian)));
}

uint64_t df_witness_cached(const struct df_rules *rules, const uint8_t *structs, uint64_t which)
{
	uint64_t cached = 0;

	for (uint64_t left = which; left; left &= left - 1) {
		unsigned i = (unsigned)__builtin_ctzll(left);
		const uint8_t *page = structs + (size_t)i * rules->page_struct;

		cached |= (uint64_t)(is_pointer(&rules->witness, mapping_of(rules, page)) ||
				     df_witness_listed(rules, page))
			  << i;
	}
	return cached;
}

static uint32_t refcount_of(const struct df_rules *rules, const uint8_t *page)
{
	return df_get32(page + rules->witness.refcount, rules->big_endian);
}

bool df_witness_free(const struct df_rules *rules, const uint8_t *page)
{
	return (rules->witness.refcount == UINT16_MAX || !refcount_of(rules, page)) && df_witness_listed(rules, page);
}

uint64_t df_witness_held(const struct df_rules *rules, const uint8_t *structs, uint64_t which)
{
	uint64_t held = 0;

	if (rules->witness.refcount == UINT16_MAX)
		return 0;
	for (uint64_t left = which; left; left &= left - 1) {
		unsigned i = (unsigned)__builtin_ctzll(left);

		held |= (uint64_t)(refcount_of(rules, structs + (size_t)i * rules->page_struct) != 0) << i;
	}
	return held;
}
