/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Numbers as people read them. */
#ifndef MAKEDUMPFILE_HUMAN_H
#define MAKEDUMPFILE_HUMAN_H

#include <stdint.h>

struct human {
	char text[32];
};

/* "0 B", "2.8 MiB", "252 MiB" */
struct human human_bytes(double bytes);

/* "5,171" */
struct human human_count(uint64_t count);

/* "1.1 %" of all; "less than 0.1 %" */
struct human human_share(double part, double all);

/* "0.1 s", "12m5s", "3h20m", "2d1h": what is left of a run, and what it took */
struct human human_seconds(double seconds);

#endif
