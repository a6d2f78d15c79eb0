#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# timeout: 900
# shellcheck disable=SC2317 # conditions are called through check
# The kernel log of real dumps: the same text as another makedumpfile writes, where one is installed and reads the dump, and
# in any case what the kernel must have said.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
need_demo
other=$(PATH=$PATH:/usr/sbin:/sbin command -v makedumpfile || true)
[ "$other" -ef "$MAKEDUMPFILE" ] && other=

# Versions before 1.7.5 do not print the caller, and indent that much less.
without_caller() { sed -E 's/^(\[ *[0-9]+\.[0-9]{6}\] )\[ *[TC][0-9]+\] /\1/; s/^ {15} *//' "$1"; }
same_text() {
	cmp -s "$1" "$2" && return
	diff <(without_caller "$1") <(without_caller "$2") >"$tmp/diff" && return
	sed -n '1,10s/^/# /p' "$tmp/diff"
	return 1
}
# Every line begins with its time, except for what is indented below one.
well_formed() {
	awk '/^(<[0-9]+>)?\[ *[0-9]+\.[0-9][0-9][0-9][0-9][0-9][0-9]\] / { n++; next } /^               / { next } { bad++ }
		END { if (bad || n < 100) { print "# " n " lines with a time, " bad + 0 " without"; exit 1 } }' "$1"
}
says() { grep -qF -e "$2" "$1"; }
complete() { status_is 0 && err_is_empty; }
is_end_of() { [ "$(tail -c "$(stat -c %s "$1")" "$2" | cmp - "$1" 2>&1)" = "" ]; }

one_dump() { # NAME [WHAT IT SAYS]
	rm -f log other.log partial log.read
	run --message-level 4 --dump-dmesg "$vmcore" log
	check "$1: no error and no warning" complete
	case $1 in
	*2.6*) check "$1: the kernel's first line" says log "Linux version 2.6" ;;
	*) check "$1: every line has its time" well_formed log ;;
	esac
	[ $# -lt 2 ] || check "$1: what it must say" says log "$2"
	run --message-level 4 --dump-dmesg --non-mmap "$vmcore" log.read
	check "$1: --non-mmap" cmp -s log log.read
	rm -f dump
	run --message-level 4 -c -d 31 "$vmcore" dump && run --message-level 4 --dump-dmesg dump log.dump
	check "$1: of a filtered dump" cmp -s log log.dump
	rm -f dump log.dump
	run --message-level 4 --dump-dmesg --partial-dmesg "$vmcore" partial
	check "$1: --partial-dmesg is the end of it" is_end_of partial log
	if [ -n "$other" ] && "$other" --message-level 4 --dump-dmesg "$vmcore" other.log >/dev/null 2>&1; then
		check "$1: as $("$other" -v | sed -n '1s/ (.*//p') has it" same_text log other.log
	else
		skip "$1: as another makedumpfile has it" "none is installed that reads it"
	fi
}

unpack "$demo" || exit 1
one_dump demo "Linux version 4.19.1"
if [ -n "$shared" ]; then
	for file in "$shared"/amd64-*.vmcore.zst "$shared"/s390x-*.vmcore.zst; do
		name=${file##*/}
		unpack "$file" && one_dump "${name%.vmcore.zst}" "Linux version"
	done
else
	skip "other dumps" "SHARED_VMCORES names no folder of dumps"
fi
test_end
