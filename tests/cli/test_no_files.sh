#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck disable=SC2317 # conditions are called through check
# No temporary file, but for a dump that comes through a pipe: the system lets this process write nothing into files, only
# into pipes, and TMPDIR is a folder that does not exist.  makedumpfile up to 1.7.9 needs /tmp, which in a capture kernel is
# memory, and leaves files there when it fails.
. "$(dirname "$0")/lib.sh"
recipe=${DF_SRC:?is not set}/tests/fixtures/recipes
"${DF_BUILD:?is not set}/mkvmcore" "$recipe/kernel-6.1.txt" vmcore || exit 1
"$DF_BUILD/mkvmcore" "$recipe/log-ring.txt" logged || exit 1
"$MAKEDUMPFILE" -c -d 1 vmcore low >"$tmp/out" 2>&1 </dev/null || exit 1
head -c 100000 low >"cut"

# piped FILE ARGUMENT...: what the tool writes to standard output, a pipe, in FILE
piped() {
	file=$1
	shift
	{
		(
			trap '' XFSZ
			ulimit -f 0
			TMPDIR=$tmp/nosuch exec "$MAKEDUMPFILE" --message-level 0 "$@" </dev/null
		)
		echo $? >"$tmp/status"
	} | cat >"$file"
	status=$(cat "$tmp/status")
	: >"$tmp/out"
	: >"$tmp/err"
}
is_as() { status_is 0 && [ -s "$1" ] && cmp "$1" "$2"; }
for args in "-d 31" "-c -d 31" "-E -d 31" "-e -d 31" "-d 31 --num-threads 3" "-d 31 --memory-limit 4M" \
	"-d 31 --non-mmap" "-d 31 --work-dir $tmp/nosuch" "-d 31 --cyclic-buffer 4"; do
	# shellcheck disable=SC2086 # words
	"$MAKEDUMPFILE" --message-level 0 -F $args vmcore >want </dev/null
	# shellcheck disable=SC2086
	piped got -F $args vmcore
	check "-F $(echo "$args" | sed "s,$tmp/,,")" is_as got want
done
"$MAKEDUMPFILE" --message-level 0 -F -c -d 31 low >want </dev/null
piped got -F -c -d 31 low
check "-F of a dump" is_as got want
"$MAKEDUMPFILE" --message-level 0 -F --dump-dmesg logged >want </dev/null
piped got -F --dump-dmesg logged
check "the kernel log" is_as got want
piped got --dry-run -l -d 31 vmcore dump
check "--dry-run" status_is 0
piped got -F -d 31 cut
check "half a dump: fails" status_is 1

# A limit of 0 keeps files from being written: else all of this would prove nothing.
piped got -d 31 vmcore dump
check "an output file cannot be written" status_is 1
test_end
