/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The kernel's memory zones: nodes, the zones in each, and what these say of themselves. */
#include "classify/zones.h"

#define MAX_ZONES 16u /* MAX_NR_ZONES is 6 at most */

bool df_zones_known(const struct df_kdesc *k)
{
	static const enum df_fact needed[] = { DF_OFF_pglist_data_node_zones, DF_OFF_pglist_data_nr_zones, DF_SIZE_zone,
					       DF_OFF_zone_spanned_pages };

	for (size_t i = 0; i < sizeof needed / sizeof *needed; i++)
		if (!df_has(k, needed[i]))
			return false;
	return (df_has(k, DF_SYM_node_data) && df_has(k, DF_LEN_node_data) && df_has(k, DF_SYM_node_online_map)) ||
	       df_has(k, DF_SYM_contig_page_data);
}

bool df_zones_spend(struct df_zones *z)
{
	if (!z->budget || df_cancelled(z->w->xlat->image->env))
		return false;
	z->budget--;
	return true;
}

static int one_node(struct df_zones *z, uint64_t pgdat)
{
	const struct df_kdesc *k = z->k;
	uint64_t zones, spanned;

	if (df_xlat_get(z->w, pgdat + k->value[DF_OFF_pglist_data_nr_zones], 4, &zones, z->err) < 0 ||
	    zones > MAX_ZONES) {
		z->doubts++;
		return 0;
	}
	for (uint64_t i = 0; i < zones; i++) {
		uint64_t zone = pgdat + k->value[DF_OFF_pglist_data_node_zones] + i * k->value[DF_SIZE_zone];
		int r;

		if (!df_zones_spend(z) ||
		    df_xlat_get(z->w, zone + k->value[DF_OFF_zone_spanned_pages], z->word, &spanned, z->err) < 0) {
			z->doubts++;
			continue;
		}
		r = spanned ? z->each(z, zone) : 0;
		if (r < 0)
			return r;
	}
	return 0;
}

/* Nodes [n, n + bits of a word), by one word of the map of those that are online. */
static int nodes_of_word(struct df_zones *z, uint64_t n, uint64_t online)
{
	const struct df_kdesc *k = z->k;

	for (; online; online &= online - 1) {
		uint64_t nid = n + (unsigned)__builtin_ctzll(online), pgdat;
		int r;

		if (nid >= k->value[DF_LEN_node_data])
			break;
		if (df_xlat_get(z->w, k->value[DF_SYM_node_data] + nid * z->word, z->word, &pgdat, z->err) < 0 ||
		    !pgdat) {
			z->doubts++;
			continue;
		}
		r = one_node(z, pgdat);
		if (r < 0)
			return r;
	}
	return 0;
}

static int numa_nodes(struct df_zones *z)
{
	const struct df_kdesc *k = z->k;
	uint64_t online;
	unsigned bits = 8 * z->word;

	for (uint64_t n = 0; n < k->value[DF_LEN_node_data]; n += bits) {
		int r;

		if (df_xlat_get(z->w, k->value[DF_SYM_node_online_map] + n / 8, z->word, &online, z->err) < 0) {
			z->doubts++;
			return 0;
		}
		r = nodes_of_word(z, n, online);
		if (r < 0)
			return r;
	}
	return 0;
}

int df_zones_foreach(struct df_zones *z)
{
	if (df_has(z->k, DF_SYM_node_data) && df_has(z->k, DF_LEN_node_data) && df_has(z->k, DF_SYM_node_online_map))
		return numa_nodes(z);
	return one_node(z, z->k->value[DF_SYM_contig_page_data]);
}

static int add_free(struct df_zones *z, uint64_t zone)
{
	uint64_t *sum = z->user, pages;
	uint64_t at = zone + z->k->value[DF_OFF_zone_vm_stat] + z->k->value[DF_NUM_NR_FREE_PAGES] * z->word;

	if (df_xlat_get(z->w, at, z->word, &pages, z->err) < 0)
		z->doubts++;
	else if (!(pages >> (8 * z->word - 1))) /* a counter may be a little below zero */
		*sum += pages;
	return 0;
}

bool df_zones_free_pages(const struct df_kdesc *k, struct df_walker *w, uint64_t *pages)
{
	struct df_err ignored;
	struct df_zones z = { .k = k, .w = w, .each = add_free, .user = pages, .budget = 1 << 16, .err = &ignored };

	*pages = 0;
	z.word = w->xlat->image->bits / 8;
	if (!df_zones_known(k) || !df_has(k, DF_OFF_zone_vm_stat) || !df_has(k, DF_NUM_NR_FREE_PAGES))
		return false;
	return df_zones_foreach(&z) == 0 && !z.doubts;
}
