/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How much memory the system has left for this process: what the kernel could hand out, what the control groups allow,
 * what the resource limits leave. */
#ifndef DF_BASE_LIMITS_H
#define DF_BASE_LIMITS_H

#include "base/env.h"

#include <stdint.h>

/* Bytes; UINT64_MAX: nothing is said. */
struct df_limits {
	uint64_t meminfo;   /* MemAvailable */
	uint64_t cgroup;    /* the least of all groups, version 1 or 2, that this process is in */
	uint64_t rlimit;    /* RLIMIT_DATA, half of RLIMIT_AS: mappings of files need room, too */
	uint64_t available; /* the least of these */
};

/* root: "" or a folder with proc and sys in it, for tests.  What is missing or makes no sense is no limit. */
void df_limits_read(struct df_limits *limits, const char *root);
/* The limit that follows: half of what is available beside what is in use already.  The other half is for what the
 * dump is written through and for everybody else. */
size_t df_limits_share(const struct df_limits *limits, size_t used);
void df_limits_log(struct df_env *env, const struct df_limits *limits);

#endif
