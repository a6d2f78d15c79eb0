#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# labels: slow
# timeout: 1800
# Dumps of real kernels, filtered again: a dump of a low level made one of a high level has the same bytes as dumping the
# vmcore at that level, whatever the compressor, flattened or not; ELF made of it has the same pages.
# shellcheck disable=SC2034,SC2317 # conditions are called through check
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
need_demo

# Silent, but for a machine that is not known, and for a level that the input does not allow, which is said at each message level.
ran_clean() {
	status_is 0 && { err_is_empty || { lines_are "$tmp/err" 1 &&
		{ err_has "is of a machine that is not known" || err_has "The dump level is"; }; }; }
}
same() { [ -s "$1" ] && cmp "$1" "$2"; }
again_same() { ran_clean && same again once; }
all_codecs=(raw c)
for codec in lzo:l snappy:p zstd:z; do
	if has_codec ${codec%:*}; then all_codecs+=("${codec#*:}"); fi
done
option() { [ "$1" = raw ] || printf '%s\n' "-$1"; }

# filter WHAT FILE OPTION...: again, and compare with once
filter() {
	local what=$1 file=$2

	shift 2
	rm -f again
	run "${quiet[@]}" "$@" "$file" again
	check "$what" again_same
	rm -f again
}

# by_codec NAME CODEC...: from level 1 to 31
by_codec() {
	local name=$1 codec opt

	shift
	for codec in "$@"; do
		mapfile -t opt < <(option "$codec")
		rm -f first once flat
		run "${quiet[@]}" "${opt[@]}" -d 31 "$vmcore" once
		run "${quiet[@]}" "${opt[@]}" -d 1 "$vmcore" first
		filter "$name, $codec: level 1, then 31" first "${opt[@]}" -d 31
		filter "$name, $codec: the same with one thread, read without mmap" first "${opt[@]}" -d 31 --non-mmap --num-threads 1
		"$MAKEDUMPFILE" "${quiet[@]}" "${opt[@]}" -d 1 -F "$vmcore" >flat 2>/dev/null </dev/null
		filter "$name, $codec: level 1 flattened, then 31" flat "${opt[@]}" -d 31
	done
	rm -f flat
}

# What is asked for the second time counts on top of the first.
by_level() {
	local a b

	for a in 0 8 16 31; do
		for b in 0 1 6 31; do
			rm -f first once
			run "${quiet[@]}" "$pack" -d $a "$vmcore" first
			run "${quiet[@]}" "$pack" -d $((a | b)) "$vmcore" once
			filter "$1: level $a, then $b" first "$pack" -d $b
		done
	done
}

# first and once are of the last compressor: another one now
by_conversion() {
	local codec opt

	for codec in "${all_codecs[@]}"; do
		mapfile -t opt < <(option "$codec")
		rm -f once
		run "${quiet[@]}" "${opt[@]}" -d 31 "$vmcore" once
		filter "$1: from another compressor to $codec" first "${opt[@]}" -d 31
	done
}

elf_is_right() { ran_clean && pages again && [ "$(number bad)" = 0 ] && ! is_marked again; }
# The pages of "once", but for those of zeros that ELF does not list.
elf_pages_are() {
	"$dumpcheck" diff again once >"$tmp/diff"
	[ "$(grep -c '^only A' "$tmp/diff")" -eq 0 ] &&
		[ "$(sed -nE 's/^both ([0-9]+),.*/\1/p' "$tmp/diff")" -ge "$1" ]
}
by_elf() {
	rm -f first once again
	run "${quiet[@]}" "$pack" -d 31 "$vmcore" once
	pages once
	local kept zero

	kept=$(number kept) zero=$(number zero)
	run "${quiet[@]}" -E -d 31 once again
	check "$1: ELF from kdump, every page as in the vmcore" elf_is_right
	check "$1: ELF from kdump, the same pages" elf_pages_are $((kept - zero))
	rm -f again
	# nothing but what must not be read is missing in this one
	run "${quiet[@]}" -E -d 0 "$vmcore" first
	filter "$1: kdump from ELF" first "$pack" -d 31
	"$MAKEDUMPFILE" "${quiet[@]}" -E -d 0 -F "$vmcore" >flat 2>/dev/null </dev/null
	filter "$1: kdump from flattened ELF" flat "$pack" -d 31
	rm -f flat
}

lost_are_lost() {
	status_is 1 && err_has "again is incomplete but may be usable" && is_marked again && pages again &&
		[ "$(number lost)" -gt 0 ]
}
marked_and_sound() { is_marked again && pages again; }
elf_lost_are_lost() { status_is 1 && is_marked again; }
by_loss() {
	local size

	rm -f first
	run "${quiet[@]}" "$pack" -d 1 "$vmcore" first
	size=$(stat -c %s first)
	truncate -s $((size * 2 / 3)) first
	rm -f again
	run "${quiet[@]}" "$pack" -d 31 first again
	check "$1: a dump that was cut: lost pages stay lost" lost_are_lost
	mv again first
	run "${quiet[@]}" -d 31 first again
	check "$1: the same once more" lost_are_lost
	rm -f again
	run "${quiet[@]}" -E -d 31 first again
	check "$1: the same as ELF" elf_lost_are_lost
	rm -f again
	"$MAKEDUMPFILE" "${quiet[@]}" "$pack" -d 1 -F "$vmcore" 2>/dev/null </dev/null | head -c $((size / 2)) >first
	run "${quiet[@]}" "$pack" -d 31 first again
	check "$1: a stream that was cut: lost pages stay lost" lost_are_lost
	rm -f again first
}

level_is_said() { status_is 0 && out_has "The dump level is 24: 16 was asked for, and first was made with 8."; }
by_message() {
	rm -f first again
	run "${quiet[@]}" "$pack" -d 8 "$vmcore" first
	run "$pack" -d 16 first again
	check "$1: the level in force is said" level_is_said
	run --dry-run -d 8 first other
	check "$1: no word where it is the one that was asked for" not out_has "The dump level is"
	rm -f first again
}

# Dumps of another makedumpfile are as good as ours, also where it keeps other pages (a page that is RAM in part).
other=${OTHER_MAKEDUMPFILE:-/usr/bin/makedumpfile}
other_is_another() { [ -x "$other" ] && [ "$("$other" -v | head -n 1)" != "$("$MAKEDUMPFILE" -v | head -n 1)" ]; }
by_another() {
	if ! other_is_another; then
		skip "$1: dumps of another makedumpfile" "$other is not there, or this one"
		return
	fi
	rm -f first once
	"$other" "$pack" -d 31 "$vmcore" once >/dev/null 2>&1
	"$other" "$pack" -d 1 "$vmcore" first >/dev/null 2>&1
	filter_pages "$1: level 1 by $other, then 31" first
	"$other" -F "$pack" -d 1 "$vmcore" >first 2>/dev/null
	filter_pages "$1: the same flattened" first
	rm -f first once
	"$other" -E -d 31 "$vmcore" first >/dev/null 2>&1
	run "${quiet[@]}" "$pack" -d 31 first again
	check "$1: ELF of level 31 by $other, then 31: no page that it has left out" elf_gaps_are_not_there
	rm -f first again
}
# The other one does not store equal pages once: the same pages with the same contents, not the same bytes.
filter_pages() { # WHAT FILE
	rm -f again
	run "${quiet[@]}" "$pack" -d 31 "$2" again
	check "$1" same_pages
	rm -f again
}
same_pages() {
	ran_clean && pages again && digest >"$tmp/ours" && "$dumpcheck" diff again once >"$tmp/diff" &&
		! grep -q '^only' "$tmp/diff" && pages once && digest | cmp -s - "$tmp/ours"
}
elf_gaps_are_not_there() {
	ran_clean && pages again && [ "$(number zero)" -gt 0 ] && "$dumpcheck" diff again first >"$tmp/diff"
	[ "$(grep -c '^only A' "$tmp/diff")" -eq 0 ] && [ "$(number kept)" -gt 5000 ]
}

unpack "$demo" || exit 1
by_codec demo "${all_codecs[@]}"
by_conversion demo
by_level demo
by_elf demo
by_loss demo
by_message demo
by_another demo

[ -n "$shared" ] || skip "the other dumps" "SHARED_VMCORES names no folder of dumps"
for packed in "$shared"/*.vmcore.zst; do
	if [ ! -e "$packed" ] || cmp -s "$packed" "$demo"; then
		continue
	fi
	name=${packed##*/}
	name=${name%.vmcore.zst}
	readable "$name" || continue
	unpack "$packed" || exit 1
	case $name in
	amd64-7.3-kdump) by_codec "$name" "${all_codecs[@]}" ;;
	*) by_codec "$name" "${pack#-}" ;;
	esac
	by_elf "$name"
	rm -f first once
done
test_end
