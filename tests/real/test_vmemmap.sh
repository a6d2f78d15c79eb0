#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# labels: slow
# timeout: 900
# -e: on dumps of real kernels and on the recipes, each page of struct pages that is left out is one that may be, and none
# is forgotten.  Judged by tests/tools/vmemmap_check.py, which finds the memory map and walks the page tables by itself.
# shellcheck disable=SC2154,SC2317 # conditions are called through check
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
need_demo
checker=$DF_SRC/tests/tools/vmemmap_check.py

frames_of() { # NAME OPTION...: the frames that a dump with these options keeps
	local name=$1

	shift
	rm -f dump
	"$MAKEDUMPFILE" --message-level 0 "$@" "$vmcore" dump </dev/null && "$dumpcheck" pfns dump >"$name"
}
judged() { # LEVEL [LEAST]
	frames_of always -d 0 && frames_of plain -d "$1" && frames_of with -e -d "$1" &&
		python3 "$checker" "$vmcore" plain with always >verdict || { cat verdict; return 1; }
	[ "$(sed -nE 's/^left out ([0-9]+).*/\1/p' verdict)" -ge "${2:-0}" ]
}
contents_are_right() { # the bytes of what is left, in each format
	rm -f dump elf
	run "${quiet[@]}" -e "$pack" -d 31 "$vmcore" dump
	status_is 0 && pages dump && run "${quiet[@]}" -e -E -d 31 "$vmcore" elf && status_is 0 && pages elf
}
again_is_sound() { # a dump without them, filtered again: no page that the vmcore at that level would not keep, few less
	rm -f first direct dump
	run "${quiet[@]}" -e "$pack" -d 16 "$vmcore" first
	run "${quiet[@]}" -d 31 "$vmcore" direct
	run "${quiet[@]}" "$pack" -d 31 first dump
	status_is 0 && pages dump || return 1
	"$dumpcheck" diff dump direct >diff # its status is 1 where they differ
	rm -f first direct
	grep -q '^both [1-9]' diff && ! grep -q '^only A' diff && [ "$(grep -c '^only B' diff)" -le 1500 ]
}
one() { # NAME PACKED LEAST
	local level

	unpack "$2" || { check "$1: unpacked" false; return; }
	for level in 2 8 16; do
		check "$1, level $level: the right pages of struct pages go" judged $level
	done
	check "$1, level 31: the right pages of struct pages go, $3 at least" judged 31 "$3"
	check "$1: every page as in the vmcore" contents_are_right
	check "$1: filtered again" again_is_sound
	rm -f "$vmcore" dump elf
}

one demo "$demo" 10
if [ -z "$shared" ]; then
	skip "the other dumps" "SHARED_VMCORES names no folder of dumps"
else
	# of about 2000 or 1000 pages of struct pages; 7.3 has five levels and tails that many huge pages share
	for row in amd64-6.1-kdump:1000 amd64-7.3-kdump:800 amd64-4.19-kdump:700 amd64-5.10-qemu:700 s390x-6.12:800 \
		amd64-2.6.32-el6:100 amd64-3.10-el7-kdump:100 amd64-4.4:100; do
		if [ -e "$shared/${row%:*}.vmcore.zst" ]; then
			one "${row%:*}" "$shared/${row%:*}.vmcore.zst" "${row#*:}"
		else
			skip "${row%:*}" "SHARED_VMCORES does not have it"
		fi
	done
fi
for recipe in "$DF_SRC"/tests/fixtures/recipes/{kernel,shape,defect}-*.txt; do
	name=${recipe##*/}
	case $name in shape-i386.txt | shape-ppc.txt | shape-empty.txt) continue ;; esac # 32 bits, or no memory
	if grep -q "^# expect outcome=fail" "$recipe"; then continue; fi
	"$DF_BUILD/mkvmcore" "$recipe" "$vmcore" || { check "$name: made" false; continue; }
	check "$name: the right pages of struct pages go" judged 31
done
test_end
