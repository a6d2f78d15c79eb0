/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Types, arrays and enumerators from DWARF.  One walk over the units' outermost entries; it ends where everything that
 * is wanted was seen.  What has no name in .debug_str cannot be seen and is not waited for, so that mostly the first
 * few hundred units are enough: the core of the kernel is linked first.
 */
#include "debuginfo/wants.h"

#include <dwarf.h>
#include <string.h>

#include <elfutils/libdw.h>

#define NESTING 8u     /* structs without a name inside each other */
#define CHAIN   32u    /* typedefs and qualifiers of a type */
#define MEMBERS 65536u /* looked at for one name */
#define INLINE  4u     /* shorter names may stand in the entry instead of .debug_str (DW_FORM_string) */

/* *type through typedefs and qualifiers; false = it ends nowhere. */
static bool peel(Dwarf_Die *type)
{
	Dwarf_Attribute attr;

	for (unsigned i = 0; i < CHAIN; i++) {
		switch (dwarf_tag(type)) {
		case DW_TAG_typedef:
		case DW_TAG_const_type:
		case DW_TAG_volatile_type:
		case DW_TAG_atomic_type:
			if (!dwarf_attr_integrate(type, DW_AT_type, &attr) || !dwarf_formref_die(&attr, type))
				return false;
			break;
		default:
			return true;
		}
	}
	return false;
}

/* What die (a variable, a member, a typedef) is of. */
static bool type_of(Dwarf_Die *die, Dwarf_Die *type)
{
	Dwarf_Attribute attr;

	return dwarf_attr_integrate(die, DW_AT_type, &attr) && dwarf_formref_die(&attr, type) && peel(type);
}

/* Where a member lies in its struct.  Up to DWARF 3 it is an expression, as of gcc 4.4. */
static bool location(Dwarf_Die *member, uint64_t *offset)
{
	Dwarf_Attribute attr;
	Dwarf_Word value;
	Dwarf_Op *operation;
	size_t count;

	*offset = 0;
	if (dwarf_hasattr(member, DW_AT_data_bit_offset) || dwarf_hasattr(member, DW_AT_bit_size))
		return false;
	if (!dwarf_attr(member, DW_AT_data_member_location, &attr))
		return true; /* of a union */
	if (!dwarf_formudata(&attr, &value)) {
		*offset = value;
		return true;
	}
	if (dwarf_getlocation(&attr, &operation, &count) || count != 1 || operation[0].atom != DW_OP_plus_uconst)
		return false;
	*offset = operation[0].number;
	return true;
}

static bool is_struct(Dwarf_Die *die)
{
	int tag = dwarf_tag(die);

	return tag == DW_TAG_structure_type || tag == DW_TAG_union_type || tag == DW_TAG_class_type;
}

/* The member of that name, also in members without a name. */
static bool find_member(Dwarf_Die *type, const char *name, unsigned depth, unsigned *budget, Dwarf_Die *member,
			uint64_t *offset)
{
	Dwarf_Die child, inner;
	uint64_t at;

	if (!is_struct(type) || depth > NESTING || dwarf_child(type, &child))
		return false;
	do {
		const char *is;

		if (dwarf_tag(&child) != DW_TAG_member || !(*budget)--)
			continue;
		is = dwarf_diename(&child);
		if (is && !strcmp(is, name)) {
			*member = child;
			return location(&child, offset);
		}
		if (is || !type_of(&child, &inner) || !location(&child, &at) ||
		    !find_member(&inner, name, depth + 1, budget, member, offset))
			continue;
		*offset += at;
		return true;
	} while (*budget && !dwarf_siblingof(&child, &child));
	return false;
}

static bool number_of(Dwarf_Die *die, unsigned name, Dwarf_Word *value)
{
	Dwarf_Attribute attr;

	return dwarf_attr_integrate(die, name, &attr) && !dwarf_formudata(&attr, value);
}

/* Elements of the first dimension. */
static bool array_length(Dwarf_Die *type, uint64_t *length)
{
	Dwarf_Die range;
	Dwarf_Word count;

	if (dwarf_tag(type) != DW_TAG_array_type || dwarf_child(type, &range))
		return false;
	do {
		if (dwarf_tag(&range) != DW_TAG_subrange_type)
			continue;
		if (!number_of(&range, DW_AT_count, &count)) {
			if (!number_of(&range, DW_AT_upper_bound, &count))
				return false;
			count++;
		}
		*length = count;
		return count && count < UINT32_MAX;
	} while (!dwarf_siblingof(&range, &range));
	return false;
}

static void take_member(Dwarf_Die *type, struct df_want *want)
{
	unsigned budget = MEMBERS;
	Dwarf_Die member, array;
	uint64_t offset;

	if (!find_member(type, want->member, 0, &budget, &member, &offset))
		return;
	if (want->kind == DF_WANT_OFFSET) {
		want->value = offset;
		want->found = true;
	} else {
		want->found = type_of(&member, &array) && array_length(&array, &want->value);
	}
}

static void take_type(struct df_wants *wants, struct df_want_group *group, Dwarf_Die *die)
{
	Dwarf_Die type = *die;
	Dwarf_Word size;

	if (dwarf_hasattr(die, DW_AT_declaration) || !peel(&type) || dwarf_aggregate_size(&type, &size) ||
	    (is_struct(&type) && dwarf_hasattr(&type, DW_AT_declaration)))
		return;
	for (size_t i = group->first; i != DF_WANT_NONE; i = wants->want[i].next) {
		struct df_want *want = &wants->want[i];

		if (want->member[0]) {
			take_member(&type, want);
		} else if (want->kind == DF_WANT_SIZE) {
			want->value = size;
			want->found = true;
		}
	}
	df_wants_settle(wants, group);
}

/* Is die what the symbol names?  A file may have a variable of its own with that name. */
static bool is_symbol(const struct df_wants *wants, const char *name, Dwarf_Die *die)
{
	const struct df_want *symbol = df_wants_found(wants, DF_WANT_SYMBOL, name, "");
	Dwarf_Attribute attr;
	Dwarf_Op *operation;
	size_t count;

	if (!dwarf_attr(die, DW_AT_location, &attr) || dwarf_getlocation(&attr, &operation, &count) || count != 1 ||
	    operation[0].atom != DW_OP_addr)
		return true; /* not said in a way that could be compared */
	return symbol && operation[0].number == symbol->value;
}

static void take_variable(struct df_wants *wants, struct df_want_group *group, Dwarf_Die *die)
{
	struct df_want *want = &wants->want[group->first];
	Dwarf_Die type;

	if (dwarf_hasattr(die, DW_AT_declaration) || !type_of(die, &type) || !is_symbol(wants, group->name, die))
		return;
	want->is_pointer = dwarf_tag(&type) == DW_TAG_pointer_type;
	want->found = array_length(&type, &want->value);
	if (want->found || want->is_pointer)
		df_wants_settle(wants, group);
}

static void take_enum(struct df_wants *wants, struct df_want_group *group, Dwarf_Die *die)
{
	Dwarf_Die child;

	if (dwarf_hasattr(die, DW_AT_declaration) || dwarf_child(die, &child))
		return;
	do {
		const char *name = dwarf_tag(&child) == DW_TAG_enumerator ? dwarf_diename(&child) : NULL;
		Dwarf_Attribute attr;
		Dwarf_Word value;

		for (size_t i = group->first; name && i != DF_WANT_NONE; i = wants->want[i].next) {
			struct df_want *want = &wants->want[i];

			if (want->found || strcmp(want->member, name) != 0 ||
			    !dwarf_attr(&child, DW_AT_const_value, &attr) || dwarf_formudata(&attr, &value))
				continue;
			want->value = value;
			want->found = true;
		}
	} while (!dwarf_siblingof(&child, &child));
	df_wants_settle(wants, group);
}

static void take(struct df_wants *wants, Dwarf_Die *die)
{
	int tag = dwarf_tag(die);
	enum df_space space = tag == DW_TAG_variable           ? DF_SPACE_VARIABLE
			      : tag == DW_TAG_enumeration_type ? DF_SPACE_ENUM
							       : DF_SPACE_TYPE;
	struct df_want_group *group;
	const char *name;

	if (space == DF_SPACE_TYPE && tag != DW_TAG_typedef && !is_struct(die))
		return;
	name = dwarf_diename(die);
	group = name ? df_wants_find(wants, space, name) : NULL;
	if (!group || group->settled)
		return;
	if (space == DF_SPACE_VARIABLE)
		take_variable(wants, group, die);
	else if (space == DF_SPACE_ENUM)
		take_enum(wants, group, die);
	else
		take_type(wants, group, die);
}

/* Names that are nowhere in .debug_str, arrays that are no symbols, and the records of the log, which had too short a
 * name to tell up to 3.10, where there are none, need no looking for. */
static bool is_needless(const struct df_wants *wants, const struct df_want_group *group, bool strings)
{
	if (group->space == DF_SPACE_VARIABLE && !df_wants_found(wants, DF_WANT_SYMBOL, group->name, ""))
		return true;
	if (!strcmp(group->name, "log") && !df_wants_found(wants, DF_WANT_SYMBOL, "log_first_idx", ""))
		return true;
	return group->space != DF_SPACE_SYMBOL && strings && !group->spelled && strlen(group->name) >= INLINE;
}

static void strike(Dwarf *dwarf, struct df_wants *wants)
{
	size_t length, at = 0;
	const char *text;

	for (; (text = dwarf_getstring(dwarf, (int64_t)at, &length)); at += length + 1)
		df_wants_spell(wants, text, length);
	for (size_t i = 0; i < wants->ngroups; i++)
		if (is_needless(wants, &wants->group[i], at > 0))
			df_wants_settle(wants, &wants->group[i]);
}

static void walk(Dwarf *dwarf, struct df_wants *wants, bool *skeletons)
{
	Dwarf_CU *cu = NULL;
	Dwarf_Die unit, sub, die;
	uint8_t type;

	while (wants->open && !dwarf_get_units(dwarf, cu, &cu, NULL, &type, &unit, &sub)) {
		*skeletons = *skeletons || type == DW_UT_skeleton;
		if (dwarf_srclang(&unit) == DW_LANG_Rust || dwarf_child(&unit, &die))
			continue;
		do
			take(wants, &die);
		while (wants->open && !dwarf_siblingof(&die, &die));
	}
}

int df_debugfile_types(struct df_debugfile *debugfile, struct df_wants *wants, struct df_err *err)
{
	Dwarf *dwarf = dwarf_begin_elf(df_debugfile_handle(debugfile), DWARF_C_READ, NULL);
	bool skeletons = false;

	if (!dwarf)
		return df_err_set(err, DUMPFILTER_E_NOINFO,
				  "%s has no debug information that can be read (%s): a vmlinux that was built with "
				  "CONFIG_DEBUG_INFO is needed",
				  df_debugfile_name(debugfile), dwarf_errmsg(-1));
	strike(dwarf, wants);
	walk(dwarf, wants, &skeletons);
	dwarf_end(dwarf);
	if (df_wants_found(wants, DF_WANT_SIZE, "page", ""))
		return 0;
	return df_err_set(err, DUMPFILTER_E_NOINFO, "%s: its debug information has no struct page%s",
			  df_debugfile_name(debugfile),
			  skeletons ? "; it is split, and the .dwo files are not read" : ": is it a vmlinux?");
}
