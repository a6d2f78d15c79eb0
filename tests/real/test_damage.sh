#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# labels: slow
# timeout: 900
# One value of VMCOREINFO is wrong in a dump of a real kernel: no page that the undamaged dump has is lost, or it is said.
# shellcheck disable=SC2154,SC2317 # conditions are called through check
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
need_shared

# edit OLD NEW: in the note of $vmcore, in place
edit() {
	python3 - "$vmcore" "$1" "$2" <<'END'
import mmap, sys
path, old, new = sys.argv[1], sys.argv[2].encode(), sys.argv[3].encode()
with open(path, "r+b") as stream, mmap.mmap(stream.fileno(), 0) as memory:
    note = memory.find(b"OSRELEASE=")
    at = memory.find(old, note)
    assert len(old) == len(new) and note < at < note + 8192, (note, at)
    memory[at:at + len(new)] = new
END
}
# lost: how many frames of the list whole are not in the list damaged; each line is "first count", in hexadecimal
lost() {
	python3 - whole damaged <<'END'
import sys
def frames(path):
    with open(path, encoding="ascii") as stream:
        runs = [[int(word, 16) for word in line.split()] for line in stream]
    return {frame for run in runs for frame in range(run[0], run[0] + (run[1] if len(run) > 1 else 1))}
print(len(frames("whole") - frames("damaged")))
END
}
at_most() { # LOST WARNING
	local count

	status_is 0 && "$dumpcheck" pfns dump >damaged && count=$(lost) && echo "# lost $count" &&
		[ "$count" -le "$1" ] && { [ -z "$2" ] || err_has "$2"; }
}
# damage NAME OLD NEW LOST WARNING
damage() {
	edit "$2" "$3" || { check "$1: $2 becomes $3" false; return; }
	rm -f dump
	run "${quiet[@]}" "$pack" -d 31 "$vmcore" dump
	check "$1: $2 becomes $3: at most $4 pages are lost" at_most "$4" "$5"
	edit "$3" "$2"
}

before=
while IFS=: read -r name old new count said; do
	if [ "$name" != "$before" ]; then
		before=$name
		[ -e "$shared/$name.vmcore.zst" ] || { skip "$name" "it is not there"; continue; }
		unpack "$shared/$name.vmcore.zst" || exit 1
		rm -f dump
		"$MAKEDUMPFILE" "${quiet[@]}" "$pack" -d 31 "$vmcore" dump && "$dumpcheck" pfns dump >whole || exit 1
	fi
	case $said in
	misread) said="the kernel's page structures are misread" ;;
	behind) said="pages lie behind the kernel's memory map: they are kept" ;;
	esac
	damage "$name" "$old" "$new" "$count" "$said"
done <<'END'
amd64-7.3-kdump:NUMBER(PG_hwpoison)=21:NUMBER(PG_hwpoison)=31:0:look poisoned
amd64-7.3-kdump:OFFSET(page.flags)=0:OFFSET(page.flags)=2:2:look poisoned
amd64-7.3-kdump:OFFSET(page.flags)=0:OFFSET(page.flags)=8:0:misread
amd64-7.3-kdump:OFFSET(page.mapping)=24:OFFSET(page.mapping)=04:0:
amd64-7.3-kdump:SIZE(page)=64:SIZE(page)=56:0:misread
amd64-7.3-kdump:SIZE(page)=64:SIZE(page)=60:0:misread
amd64-7.3-kdump:SECTION_SIZE_BITS)=27:SECTION_SIZE_BITS)=23:0:behind
amd64-7.3-kdump:SECTION_SIZE_BITS)=27:SECTION_SIZE_BITS)=25:0:behind
amd64-7.3-kdump:SIZE(mem_section)=16:SIZE(mem_section)=17:0:behind
amd64-6.1-kdump:SIZE(page)=64:SIZE(page)=56:0:misread
amd64-3.10-el7-kdump:SIZE(page)=64:SIZE(page)=56:0:misread
s390x-6.12:SIZE(page)=64:SIZE(page)=56:0:misread
END
test_end
