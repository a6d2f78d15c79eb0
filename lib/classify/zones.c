/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The kernel's memory zones: nodes, the zones in each, and what these say of themselves. */
#include "classify/zones.h"

#define MAX_ZONES 16u /* MAX_NR_ZONES is 6 at most */

bool df_zones_known(const struct df_kdesc *kernel)
{
	static const enum df_fact needed[] = { DF_OFF_pglist_data_node_zones, DF_OFF_pglist_data_nr_zones, DF_SIZE_zone,
					       DF_OFF_zone_spanned_pages };

	for (size_t i = 0; i < sizeof needed / sizeof *needed; i++)
		if (!df_has(kernel, needed[i]))
			return false;
	return (df_has(kernel, DF_SYM_node_data) && df_has(kernel, DF_LEN_node_data) &&
		df_has(kernel, DF_SYM_node_online_map)) ||
	       df_has(kernel, DF_SYM_contig_page_data);
}

bool df_zones_spend(struct df_zones *zones)
{
	if (!zones->budget || df_cancelled(zones->walker->xlat->image->env))
		return false;
	zones->budget--;
	return true;
}

static int one_node(struct df_zones *found, uint64_t pgdat)
{
	const struct df_kdesc *kernel = found->kernel;
	uint64_t zones, spanned;

	if (df_xlat_get(found->walker, pgdat + kernel->value[DF_OFF_pglist_data_nr_zones], 4, &zones, found->err) < 0 ||
	    zones > MAX_ZONES) {
		found->doubts++;
		return 0;
	}
	for (uint64_t i = 0; i < zones; i++) {
		uint64_t zone = pgdat + kernel->value[DF_OFF_pglist_data_node_zones] + i * kernel->value[DF_SIZE_zone];
		int result;

		if (!df_zones_spend(found) ||
		    df_xlat_get(found->walker, zone + kernel->value[DF_OFF_zone_spanned_pages], found->word, &spanned,
				found->err) < 0) {
			found->doubts++;
			continue;
		}
		result = spanned ? found->each(found, zone) : 0;
		if (result < 0)
			return result;
	}
	return 0;
}

/* Nodes [n, n + bits of a word), by one word of the map of those that are online. */
static int nodes_of_word(struct df_zones *zones, uint64_t count, uint64_t online)
{
	const struct df_kdesc *kernel = zones->kernel;

	for (; online; online &= online - 1) {
		uint64_t nid = count + (unsigned)__builtin_ctzll(online), pgdat;
		int result;

		if (nid >= kernel->value[DF_LEN_node_data])
			break;
		if (df_xlat_get(zones->walker, kernel->value[DF_SYM_node_data] + nid * zones->word, zones->word, &pgdat,
				zones->err) < 0 ||
		    !pgdat) {
			zones->doubts++;
			continue;
		}
		result = one_node(zones, pgdat);
		if (result < 0)
			return result;
	}
	return 0;
}

static int numa_nodes(struct df_zones *zones)
{
	const struct df_kdesc *kernel = zones->kernel;
	uint64_t online;
	unsigned bits = 8 * zones->word;

	for (uint64_t count = 0; count < kernel->value[DF_LEN_node_data]; count += bits) {
		int result;

		if (df_xlat_get(zones->walker, kernel->value[DF_SYM_node_online_map] + count / 8, zones->word, &online,
				zones->err) < 0) {
			zones->doubts++;
			return 0;
		}
		result = nodes_of_word(zones, count, online);
		if (result < 0)
			return result;
	}
	return 0;
}

int df_zones_foreach(struct df_zones *zones)
{
	if (df_has(zones->kernel, DF_SYM_node_data) && df_has(zones->kernel, DF_LEN_node_data) &&
	    df_has(zones->kernel, DF_SYM_node_online_map))
		return numa_nodes(zones);
	return one_node(zones, zones->kernel->value[DF_SYM_contig_page_data]);
}

static int add_free(struct df_zones *zones, uint64_t zone)
{
	uint64_t *sum = zones->user, pages;
	uint64_t at = zone + zones->kernel->value[DF_OFF_zone_vm_stat] +
		      zones->kernel->value[DF_NUM_NR_FREE_PAGES] * zones->word;

	if (df_xlat_get(zones->walker, at, zones->word, &pages, zones->err) < 0)
		zones->doubts++;
	else if (!(pages >> (8 * zones->word - 1))) /* a counter may be a little below zero */
		*sum += pages;
	return 0;
}

bool df_zones_free_pages(const struct df_kdesc *kernel, struct df_walker *walker, uint64_t *pages)
{
	struct df_err ignored;
	struct df_zones zones = {
		.kernel = kernel, .walker = walker, .each = add_free, .user = pages, .budget = 1 << 16, .err = &ignored
	};

	*pages = 0;
	zones.word = walker->xlat->image->bits / 8;
	if (!df_zones_known(kernel) || !df_has(kernel, DF_OFF_zone_vm_stat) || !df_has(kernel, DF_NUM_NR_FREE_PAGES))
		return false;
	return df_zones_foreach(&zones) == 0 && !zones.doubts;
}
