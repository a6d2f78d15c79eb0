#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# timeout: 900
# How runs end, good ones and those that fail: exit status, the file that is left and the last lines of standard output as
# with makedumpfile 1.7.2, or as docs/differences.md says.
# shellcheck disable=SC2016,SC2317 # command lines are evaluated later; functions are called through check
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
need_demo
. "$here/incumbent.sh"
unpack "$demo" || exit 1

"$other" -F -c -d 31 vmcore >flat 2>/dev/null </dev/null
head -c 1000000 flat >half
head -c 4096 flat >head
: >empty
head -c 100000 /dev/zero | tr '\0' x >junk
head -c 100 vmcore >"cut"
head -c 200000000 vmcore >CUT
echo old >old
mkdir folder

left() {
	if [ ! -e dump ]; then
		echo "no file"
	elif [ ! -s dump ]; then
		echo "an empty file"
	else
		echo "a dump"
	fi
}
# ends PROGRAM COMMAND SECONDS: in words; what it printed last in $tmp/last
ends() {
	local m=$1

	rm -f dump low
	export m
	timeout -k 5 "$3" bash -c "$2" </dev/null >"$tmp/out" 2>"$tmp/err"
	status=$?
	tail -n 3 "$tmp/out" >"$tmp/last"
	case $status in
	124 | 137) echo "hangs, $(left)" ;;
	*) echo "$status, $(left)" ;;
	esac
}
said=0
alike() { # WHAT COMMAND
	local theirs ours row limit=100

	row=$(rows Runs | awk -F '|' -v what="$1" '$1 == what { print $2 "|" $3 }')
	[ "$row" = "${row#hangs}" ] || limit=4 # what hangs is not waited for
	theirs=$(ends "$other" "$2" $limit)
	cp "$tmp/last" "$tmp/last.theirs"
	ours=$(ends "$MAKEDUMPFILE" "$2" 100)
	if [ -z "$row" ]; then
		[ "$theirs" = "$ours" ] && diff "$tmp/last.theirs" "$tmp/last" && return
		echo "# $theirs; here: $ours"
		return 1
	fi
	[ "$row" = "$theirs|$ours" ] && return
	echo "# $theirs|$ours; the document says $row"
	return 1
}
try() {
	[ -z "$(rows Runs | awk -F '|' -v what="$1" '$1 == what')" ] || said=$((said + 1))
	check "$1" alike "$1" "$2"
}

try "a dump" '$m -c -d 31 vmcore dump'
try "an ELF dump" '$m -E -d 31 vmcore dump'
try "over an existing one" 'cp old dump; $m -f -d 31 vmcore dump'
try "a stream" '$m -F -d 31 vmcore >dump'
try "a stream, rearranged" '$m -R dump <flat'
try "the kernel log" '$m --dump-dmesg vmcore dump'
try "the kernel log on standard output" '$m -F --dump-dmesg vmcore >dump'
try "a dump, filtered again" '$m -c -d 1 vmcore low && $m -f -c -d 31 low dump; s=$?; rm -f low; exit $s'
try "no messages" '$m --message-level 0 -d 31 vmcore dump'
try "progress and common messages only" '$m --message-level 3 -d 31 vmcore dump'

try "no such input" '$m -d 31 nosuch dump'
try "no such input, message level 0" '$m --message-level 0 -d 31 nosuch dump'
try "no such input for the log" '$m --dump-dmesg nosuch dump'
try "an empty input" '$m -d 31 empty dump'
try "an input that is no dump" '$m -d 31 junk dump'
try "an input that is no dump, for the log" '$m --dump-dmesg junk dump'
try "an input of 100 bytes" '$m -d 31 cut dump'
try '`-d 31 CUT dump`, a vmcore that ends early' '$m -d 31 CUT dump'
try "a folder as input" '$m -d 31 folder dump'

try "an existing output" '$m -d 31 vmcore old'
try "an existing output of -R" '$m -R old <flat'
try "an existing output of the log" '$m --dump-dmesg vmcore old'
try "an output in no folder" '$m -d 31 vmcore nosuch/dump'
try "an output in no folder, -R" '$m -R nosuch/dump <flat'
try "a folder as output" '$m -d 31 vmcore folder'
try "a folder as output, -f" '$m -f -d 31 vmcore folder'
try "a dangling link as output" 'ln -sf nowhere link; $m -d 31 vmcore link'

try '`-R dump` of what is no stream' '$m -R dump <junk'
try '`-R dump` of nothing' '$m -R dump <empty'
try '`-R dump` of the head of a stream' '$m -R dump <head'
try '`-R dump` of half a stream' '$m -R dump <half'
try '`-F vmcore` to a reader that goes away' '$m -F -d 0 vmcore 2>/dev/null | head -c 10 >/dev/null; exit ${PIPESTATUS[0]}'
try "-F to a full device" '$m -F -d 31 vmcore >/dev/full'

try "an unknown option" '$m --nosuch vmcore dump'
try "an unknown letter" '$m -P vmcore dump'
try "no names" '$m'
try "no output" '$m vmcore'
try "a wrong combination" '$m -E -c vmcore dump'

every_row() { [ "$said" -eq "$(rows Runs | wc -l)" ]; }
check "each row of the document is tried" every_row
test_end
