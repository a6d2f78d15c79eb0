#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# timeout: 600
# --show-stats and --dry-run on real dumps: numbers that add up, and that are those of the dump that was written.
# shellcheck disable=SC2317 # conditions are called through check
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
need_demo

# stat_of LABEL [WHICH]: the number behind the label (one word or more, spaces as they are), of the first such line or the
# one asked for
stat_of() {
	local hex

	hex=$(sed -nE "s/^ *$1 *: (0x[0-9a-f]{16})$/\1/p" "$tmp/out" | sed -n "${2:-1}p")
	[ -n "$hex" ] && echo $((hex)) && return
	echo "# no line \"$1\" in the statistics" >&2
	echo -1
}
# is TEXT NUMBER NUMBER
is() {
	[ "$2" -eq "$3" ] && return
	echo "# $1: $2, expected $3"
	return 1
}

ran_clean() { status_is 0 && err_is_empty; }
halves_add_up() {
	is "excluded + remaining" $(($(stat_of "Excluded pages") + $(stat_of "Remaining pages"))) \
		"$(stat_of "Original pages")"
}
classes_add_up() {
	local sum=0 label

	for label in "Pages filled with zero" "Non-private cache pages" "Private cache pages" "User process data pages" \
		"Free pages" "Hwpoison pages" "Offline pages"; do
		sum=$((sum + $(stat_of "$label")))
	done
	is "sum of the classes" "$sum" "$(stat_of "Excluded pages")"
}
# A frame that two PT_LOADs have counts once: else there would be more frames than the address range has.
holes_add_up() {
	is "holes + pages" $(($(stat_of "Memory Hole") + $(stat_of "Original pages"))) "$(stat_of "Total pages")" &&
		[ "$(stat_of "Memory Hole")" -ge 0 ] && is "total" "$(stat_of "Total pages")" "$1"
}
percentage_is_right() {
	local percent=$((100 * $(stat_of "Remaining pages") / $(stat_of "Original pages")))

	out_has "  (The number of pages is reduced to $percent%.)"
}
max_mapnr() { "$dumpcheck" info dump | sed -nE 's/.*max_mapnr ([0-9]+).*/\1/p'; }

# What the dump itself says: its bitmaps and pages.  With level bit 1 zero pages are in the bitmap, but count as excluded.
as_in_the_dump() {
	local zero=0

	pages dump || return 1
	[ $(($1 & 1)) -eq 0 ] || zero=$(number zero)
	is "original" "$(stat_of "Original pages")" "$(number of)" &&
		is "zero" "$(stat_of "Pages filled with zero")" "$zero" &&
		is "remaining" "$(stat_of "Remaining pages")" $(($(number kept) - zero))
}
as_in_the_elf_dump() {
	pages dump &&
		is "left out of ELF" "$(stat_of "in ELF format" 1)" $(($(stat_of "Original pages") - $(number kept))) &&
		is "in ELF" "$(stat_of "in ELF format" 2)" "$(number kept)" &&
		[ "$(stat_of "in ELF format" 1)" -le "$(stat_of "Excluded pages")" ]
}

# The statistics but for the times; what a dry run says.
numbers() { grep -v -e '^STEP \[' -e ' → ' "$tmp/out"; } # the closing line has a time and a name, too
dry_as_wet() {
	numbers >dry
	ran_clean && no_file nothing && diff wet dry
}
size_is_announced() {
	status_is 0 && out_has "Dry run: nothing would take $(stat -c %s dump) bytes; nothing was saved." && no_file nothing
}
# Whether estimated or known: no further off than one of 25 bytes.
size_is_nearly_announced() {
	local said real

	said=$(sed -nE 's/^Dry run: nothing would take (about )?([0-9]+) bytes.*; nothing was saved\.$/\2/p' "$tmp/out")
	real=$(stat -c %s dump)
	status_is 0 && no_file nothing && [ -n "$said" ] && [ $((25 * (said > real ? said - real : real - said))) -le "$real" ]
}
# dry_run WHAT OPTION...: --dry-run after a dump; wet has its numbers
dry_run() {
	local what=$1

	shift
	run "${quiet[@]}" --show-stats --dry-run "$@" "$vmcore" nothing
	check "$what: --dry-run has the same numbers and writes nothing" dry_as_wet
	run --dry-run=exact "$@" "$vmcore" nothing
	check "$what: --dry-run=exact knows the size of the dump" size_is_announced
	run --dry-run "$@" "$vmcore" nothing
	check "$what: --dry-run knows it nearly" size_is_nearly_announced
}

one_level() { # NAME LEVEL
	rm -f dump
	run "${quiet[@]}" --show-stats -d "$2" "$vmcore" dump
	numbers >wet
	check "$1, level $2: no error and no warning" ran_clean
	check "$1, level $2: excluded and remaining pages are the original ones" halves_add_up
	check "$1, level $2: the classes are the excluded pages" classes_add_up
	check "$1, level $2: pages and holes are the whole range" holes_add_up "$(max_mapnr)"
	check "$1, level $2: the percentage" percentage_is_right
	check "$1, level $2: the numbers are those of the dump" as_in_the_dump "$2"
	dry_run "$1, level $2" -d "$2"
}
one_elf() { # NAME LEVEL
	rm -f dump
	run "${quiet[@]}" --show-stats -E -d "$2" "$vmcore" dump
	numbers >wet
	check "$1, level $2, ELF: excluded and remaining pages are the original ones" halves_add_up
	check "$1, level $2, ELF: the classes are the excluded pages" classes_add_up
	check "$1, level $2, ELF: the lines \"in ELF format\" are what the dump has" as_in_the_elf_dump
	dry_run "$1, level $2, ELF" -E -d "$2"
}
# With -F the same numbers go to stderr, beside the stream.
flat_numbers() {
	status_is 0 && grep -v -e '^STEP \[' -e ' → ' -e '^Write bytes' "$tmp/err" >flat.numbers &&
		grep -v '^Write bytes' wet >wet.numbers &&
		diff wet.numbers flat.numbers
}
one_flat() { # NAME
	rm -f dump
	run "${quiet[@]}" --show-stats -d 31 "$vmcore" dump
	numbers >wet
	run "${quiet[@]}" --show-stats -F -d 31 "$vmcore"
	check "$1: -F: the same numbers, on stderr" flat_numbers
}
originals_are() { grep -q "^Original pages  : $(printf '0x%016x' "$1")$" wet; }
no_complaint() { status_is 0 && not err_has warning && not err_has support && not out_has support; }

unpack "$demo" || exit 1
one_level demo 31
one_level demo 0
one_elf demo 31
one_elf demo 16
one_flat demo

# shared_dump NAME: unpacked, or told that it is skipped
shared_dump() {
	[ -n "$shared" ] && [ -e "$shared/$1.vmcore.zst" ] && unpack "$shared/$1.vmcore.zst" && return
	skip "$1" "not in SHARED_VMCORES"
	return 1
}
# Its first PT_LOAD, the kernel's text and data, lies within another one: 100100 frames counted one by one, 89812 distinct.
if shared_dump amd64-6.1-kdump; then
	one_level 6.1 31
	check "6.1: pages of two PT_LOADs count once" originals_are 89812
	one_elf 6.1 31
fi
# Newer than any kernel that was known when this was written: no reason to complain.
if shared_dump amd64-7.3-kdump; then
	rm -f dump
	run -d 31 "$vmcore" dump
	check "7.3: no complaint about the kernel's version" no_complaint
	one_level 7.3 31
	one_elf 7.3 31
fi
test_end
