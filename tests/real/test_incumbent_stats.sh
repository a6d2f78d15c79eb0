#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# timeout: 900
# --show-stats: for each class of pages the count of makedumpfile 1.7.2, or what docs/differences.md says of that dump.
# shellcheck disable=SC2317 # functions are called through check
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
need_demo
. "$here/incumbent.sh"

labels="Pages filled with zero|Non-private cache pages|Private cache pages|User process data pages|Free pages|Hwpoison pages|Offline pages|Total pages"

# stats PROGRAM FILE ARGUMENT...: "label|count" for each of the labels, in FILE
stats() {
	rm -f dump
	"$1" --message-level 4 --show-stats "${@:3}" "$vmcore" dump >"$tmp/out" 2>"$tmp/err" </dev/null
	status=$?
	sed -nE "s/^ *($labels) *: (0x[0-9a-f]+)$/\1|\2/p" "$tmp/out" >"$2"
}
# 0x000000000000001f as 0x1f
short() { printf '%#x\n' "$1"; }
# What the document says of a dump, a level and a label: "theirs|ours", or nothing.
documented() {
	rows "Page counts" | while IFS='|' read -r dumps levels label theirs ours _; do
		[[ " $dumps " == *" $1 "* && " $levels " == *" $2 "* && $label == "$3" ]] && echo "$theirs|$ours"
	done
	return 0
}
said=0
as_said() { # DUMP LEVEL
	local label theirs ours row bad=0

	[ "$(wc -l <theirs)" -eq 8 ] && [ "$(wc -l <ours)" -eq 8 ] || return 1
	while IFS='|' read -r label theirs _ ours; do
		row=$(documented "$1" "$2" "$label")
		[ -z "$row" ] || said=$((said + 1))
		[ -n "$row" ] || row=$(short "$theirs")"|"$(short "$theirs")
		[ "$(short "$theirs")|$(short "$ours")" = "$row" ] && continue
		echo "# $label: $(short "$theirs") and $(short "$ours"), expected $row"
		bad=1
	done < <(paste -d '|' theirs ours)
	return $bad
}
one() { # DUMP LEVEL ARGUMENT...
	stats "$other" theirs -d "$2" "${@:3}"
	stats "$MAKEDUMPFILE" ours -d "$2" "${@:3}"
	check "$1, level $2${3:+, $3}" as_said "$1" "$2"
}

dumps=0
one_dump() { # NAME
	dumps=$((dumps + 1))
	for level in 0 1 8 16 31; do
		one "$1" $level
	done
	one "$1" 31 -E
}
unpack "$demo" || exit 1
one_dump demo
if [ -n "$shared" ]; then
	# 1.7.2 opens no file of QEMU 7.2 (e_phoff)
	for file in "$shared"/amd64-*.vmcore.zst; do
		name=${file##*/}
		name=${name%.vmcore.zst}
		case $name in *-qemu) continue ;; esac
		unpack "$file" && one_dump "$name"
	done
else
	skip "other dumps" "SHARED_VMCORES names no folder of dumps"
fi
# All that the document says was seen.
every_row() { [ "$said" -gt 0 ] && [ "$said" -ge "$(rows "Page counts" | wc -l)" ]; }
[ "$dumps" -lt 10 ] || check "the document's rows are of these dumps" every_row
test_end
