#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# labels: slow
# timeout: 900
# Dumps of real kernels against what the guest itself knew of its page frames: user data it planted is gone, nothing of
# the kernel is, and whatever else is left out belongs to a class that the level leaves out.
# shellcheck disable=SC2317 # conditions are called through check
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
need_shared
command -v python3 >/dev/null || skip_all "there is no python3"

# /proc/kpageflags was read before the crash, not at it.  Slab, page table and reserved pages did not change in between:
# none may be lost.  Of the others some moved on, and the numbers are those of these very dumps, so they cannot grow:
#   moved  frames left out at levels 8, 16, 31 that had no flag at all (on a per-CPU list of free pages, which has no
#          flag: on their way to or from the buddy lists or a process) or were free, and had a user by the time of the
#          crash.  At levels 1, 2 and 4 there are none.
#   free   frames kept at levels 16 and 31 that were free and then got a user, or a place on a per-CPU list.
drift='amd64-2.6.32-el6-numa	35	1	31	5	0
amd64-2.6.32-el6	35	103	135	3	0
amd64-3.10-el7-kdump	88	248	333	9	6
amd64-3.14	115	22	130	8	1
amd64-4.4	154	227	375	7	1
amd64-4.14	122	0	6	120	4
amd64-4.19-kdump	103	0	0	107	4
amd64-5.10-qemu	72	0	10	75	13
amd64-6.1-kdump	231	0	11	225	5
amd64-7.3-kdump	9	0	9	0	0
s390x-6.12	0	0	0	0	0'
# allowed NAME COLUMN: moved8 moved16 moved31 free16 free31
allowed() { awk -v n="$1" -v c="$2" '$1 == n { print $(c + 1) }' <<<"$drift"; }
moved_column() { case $1 in 8) echo 1 ;; 16) echo 2 ;; 31) echo 3 ;; esac; }
free_column() { case $1 in 16) echo 4 ;; 31) echo 5 ;; esac; }

found() { awk -v n="$1" '$1 == n { print $2 }' verdict; }
at_most() { # NAME LIMIT
	[ "$(found "$1")" -le "$2" ] && return
	echo "# $1: $(found "$1"), at most $2 expected"
	return 1
}

nothing_of_the_kernel() { [ "$(found kernel)" -gt 1000 ] && at_most kernel-lost 0; }
all_explained() { at_most foreign 0 && at_most lost-owned 0 && at_most lost-moved "$1"; }
all_gone() { at_most kept-wrongly 0 && at_most kept-free "$1"; }

# one_level NAME LEVEL
one_level() {
	local moved=0 free=0 column

	run "${quiet[@]}" "$pack" -d "$2" "$vmcore" dump
	: >verdict
	"$dumpcheck" pfns dump >kept && python3 "$here/truth.py" judge truth "$2" image kept >verdict
	rm -f dump
	column=$(moved_column "$2")
	[ -z "$column" ] || moved=$(allowed "$1" "$column")
	column=$(free_column "$2")
	[ -z "$column" ] || free=$(allowed "$1" "$column")
	check "$1, level $2: no slab, page table or reserved page is lost" nothing_of_the_kernel
	check "$1, level $2: what is left out ($(found lost) frames) is of the classes of the level" all_explained "$moved"
	check "$1, level $2: none of these classes is kept" all_gone "$free"
}

# Kinds of pages that a program in the guest planted; free ones may have drifted as above.
planted_gone() { # LIMIT
	awk -v limit="$1" '
		$3 == "of" && $5 == "kept" {
			kinds++
			if ($2 > ($1 ~ /^FREE/ ? limit : 0)) { print "# " $0; bad = 1 }
		}
		END { exit bad || kinds < 10 }' planted
}

one_dump() { # NAME
	if ! unpack "$shared/$1.vmcore.zst" || ! zstd -q -d -f "$shared/$1.truth.bin.zst" -o truth; then
		check "$1: unpacked" false
		return
	fi
	"$dumpcheck" pfns "$vmcore" >image
	for level in 1 2 4 8 16 31; do
		one_level "$1" $level
	done
	# kept is of level 31
	python3 "$shared/../tools/truth_kept.py" truth kept >planted
	check "$1: no page of user data that the guest planted is kept" planted_gone "$(allowed "$1" 5)"
	rm -f "$vmcore"
}

while read -r name _ <&3; do
	if [ -e "$shared/$name.vmcore.zst" ] && [ -e "$shared/$name.truth.bin.zst" ]; then
		one_dump "$name"
	else
		skip "$name" "not in SHARED_VMCORES"
	fi
done 3<<<"$drift"
test_end
