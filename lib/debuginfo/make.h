/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Lines that are made of others: value (without '=') into buffer; false = this kernel has no such line. */
#ifndef DF_DEBUGINFO_MAKE_H
#define DF_DEBUGINFO_MAKE_H

#include "debuginfo/wants.h"

bool df_make_node_online_map(const struct df_wants *wants, const char *line, char *value, size_t size);
bool df_make_head_mask(const struct df_wants *wants, const char *line, char *value, size_t size);
bool df_make_build_id(const struct df_wants *wants, const char *line, char *value, size_t size);
bool df_make_page_type(const struct df_wants *wants, const char *line, char *value, size_t size);
bool df_make_section_pointer(const struct df_wants *wants, const char *line, char *value, size_t size);

#endif
