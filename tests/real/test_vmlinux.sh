#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# labels: slow
# timeout: 1800
# -x, -i and -g with dumps of real kernels.  VMLINUX_DIR names a folder with their vmlinux, NAME for NAME.vmcore.zst, such as
# the one that tests/readers/fetch-vmlinux fills (CACHE/vmlinux); without it the demo's own VMCOREINFO stands for one.
# shellcheck disable=SC2317 # conditions are called through check
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
need_demo

# The VMCOREINFO of $vmcore, as text.
note() {
	strings -n 6 -a "$vmcore" | head -n 3000 |
		grep -aE '^(OSRELEASE|BUILD-ID|PAGESIZE|CRASHTIME|KERNELOFFSET|[A-Z]+\([a-zA-Z_.0-9]+\)|[A-Z]+31|IDENTITYBASE|KERNELOFFPHYS)='
}
# $vmcore as it would be without VMCOREINFO: nobody knows the note's name.
hide_note() {
	python3 - "$vmcore" <<'END'
import mmap, struct, sys
with open(sys.argv[1], "r+b") as f:
    image = mmap.mmap(f.fileno(), 0)
    order = "<" if image[5] == 1 else ">"
    at, hidden = -1, 0
    while (at := image.find(b"VMCOREINFO\0", at + 1, 1 << 20)) >= 0: # headers and notes, not memory
        if at >= 12 and struct.unpack(order + "I", image[at - 12:at - 8])[0] == 11:
            image[at:at + 1] = b"X"
            hidden += 1
sys.exit(not hidden)
END
}

same_bytes() { # LEVEL OPTION...
	local level=$1
	shift
	run "${quiet[@]}" -f -d "$level" "$vmcore" expected && status_is 0 &&
		run "${quiet[@]}" -f -d "$level" "$@" "$vmcore" dump && status_is 0 && cmp expected dump >"$tmp/out"
}
all_levels() {
	local level
	for level in $(seq 1 31); do
		same_bytes "$level" "$@" || { echo "level $level" >>"$tmp/out"; return 1; }
	done
}
# What each level keeps, in the file $1; the rest are options.
kept_frames() {
	local to=$1 level
	shift
	for level in 1 2 4 8 16 24 31; do
		run "${quiet[@]}" -f -d "$level" "$@" "$vmcore" dump && pages dump || return 1
		echo "$level $(number kept) $(number pfns) $(number content)" >>"$to"
	done
	rm -f dump
}
frames_as_with_note() { # OPTION...
	rm -f frames.now
	kept_frames frames.now "$@" && diff frames.note frames.now >"$tmp/out"
}
refused_all() { # STATUS OPTION...
	local want=$1
	shift
	run "${quiet[@]}" -f -d 31 "$@" "$vmcore" dump
	status_is "$want" && lines_are "$tmp/err" 1 && err_has "of another kernel"
}

# Every line that the installed makedumpfile writes, but what docs/differences.md lists.
as_installed() { # VMLINUX
	/usr/bin/makedumpfile --message-level 0 -g theirs -x "$1" &&
		grep -v '^SRCFILE\|9223372036854775806$' theirs >theirs.lines &&
		grep -vxFf generated theirs.lines >"$tmp/out"
	[ ! -s "$tmp/out" ] &&
		# in the same order
		grep -xFf theirs.lines generated | cmp - theirs.lines >"$tmp/out"
}

one_dump() { # NAME PACKED VMLINUX
	local of=$1 vmlinux=$3 other # not name: check has it

	unpack "$2" || exit 1
	note >text
	check "$of: -i with its own VMCOREINFO" same_bytes 31 -i text
	if [ -n "$vmlinux" ]; then
		check "$of: -x, levels 1 to 31: the same bytes as with VMCOREINFO alone" all_levels -x "$vmlinux"
		run "${quiet[@]}" -f -g generated -x "$vmlinux"
		check "$of: -g" status_is 0
		check "$of: -i with what -g made" same_bytes 31 -i generated
		if [ -x /usr/bin/makedumpfile ] && [[ $of == amd64* ]]; then
			check "$of: -g writes what the installed makedumpfile does" as_installed "$vmlinux"
			check "$of: -i with what that one made" same_bytes 31 -i theirs
		fi
	fi
	rm -f frames.note
	kept_frames frames.note
	hide_note || exit 1
	case $of in
	amd64* | demo)
		check "$of: without VMCOREINFO, -i with that of the running kernel" frames_as_with_note -i text
		[ -z "$vmlinux" ] || check "$of: without VMCOREINFO, -x" frames_as_with_note -x "$vmlinux"
		[ -z "$vmlinux" ] || check "$of: without VMCOREINFO, -i" frames_as_with_note -i generated
		;;
	*) [ -z "$vmlinux" ] || check "$of: without VMCOREINFO, -x is refused" refused_all 1 -x "$vmlinux" ;;
	esac
	for other in "$VMLINUX_DIR"/amd64*; do
		[[ $of != amd64* || ! -f $other || $other == "$vmlinux" ]] ||
			check "$of: the vmlinux of ${other##*/} is refused" refused_all 1 -x "$other"
	done
}

VMLINUX_DIR=${VMLINUX_DIR:-/nonexistent}
one_dump demo "$demo" "$(ls "$VMLINUX_DIR/demo" 2>/dev/null)"
for packed in "$shared"/*.vmcore.zst; do
	kernel=${packed##*/}
	kernel=${kernel%.vmcore.zst}
	[ ! -f "$VMLINUX_DIR/$kernel" ] || one_dump "$kernel" "$packed" "$VMLINUX_DIR/$kernel"
done
test_end
