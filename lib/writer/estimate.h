/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How large an output would be, from a sample of the pages that are kept. */
#ifndef DF_WRITER_ESTIMATE_H
#define DF_WRITER_ESTIMATE_H

#include "base/env.h"

#include <stdint.h>

struct df_output;

/* All but the pages are bytes.  low to high is where the size is expected to be, bytes the most likely one. */
struct df_estimate {
	uint64_t most; /* in: pages to look at */
	bool flat;     /* in: of the flattened stream */
	uint64_t bytes, low, high;
	uint64_t sampled; /* pages that were looked at */
	uint64_t total;   /* pages that there are: where this is the same nothing was extrapolated */
};

/* Pages of which a sample is drawn, next to each other: neighbours are alike, but each has to be found. */
#define DF_SAMPLE_GROUP 4u

/* How many pages to pass over between groups, so that at most `most` of n are looked at. */
uint64_t df_sample_skip(uint64_t count, uint64_t most);

/* Numbers, one a page, that come in groups: what all pages together would have, and how far from that it may be. */
struct df_sample {
	uint64_t sum, pages;
	uint64_t group; /* sum of the group under way */
	uint64_t groups;
	double squares; /* of the sums of whole groups */
};

void df_sample_add(struct df_sample *sample, uint64_t value);
/* The sum over n pages, *off: two standard errors of that. */
uint64_t df_sample_total(const struct df_sample *sample, uint64_t count, uint64_t *off);

/* Bytes of data of a kdump file: what the kept pages take.  estimate: most is set; its other numbers become those of
 * the data. */
int df_estimate_pages(const struct df_output *output, struct df_estimate *estimate, struct df_err *err);

/* What the flattened form adds to bytes of data and their index: records. */
uint64_t df_estimate_records(uint64_t data, uint64_t batches, uint64_t index);

#endif
