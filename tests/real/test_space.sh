#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# labels: slow
# timeout: 900
# Real dumps where space is short: a file system that fills up, limits, lists of dump levels.  The dump of the level that
# fits is the one that this level makes by itself; what does not fit opens, and each page in it is the vmcore's.
# shellcheck disable=SC2317 # conditions are called through check
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
need_demo

namespace=
mkdir folder
for try in "unshare -m" "unshare -rm"; do
	# shellcheck disable=SC2086 # words
	if [ -z "$namespace" ] && $try mount -t tmpfs none "$tmp/folder" 2>/dev/null; then
		namespace=$try
	fi
done
size_of() { stat -c %s "$1"; }
# at_least PAGES: in "dump", which says that others are missing; each is the vmcore's
at_least() {
	local there=

	is_marked dump && pages dump && there=$(($(number kept) - $(number lost))) && [ "$there" -ge "$1" ] && return
	echo "# ${there:-no} pages are there, at least $1 expected"
	return 1
}
same() { status_is 0 && cmp -s "$1" "$2"; }
# on_small_disk BYTES ARGUMENT...: a file system with that much room is "folder"; "dump" becomes what was written there
on_small_disk() {
	rm -f dump
	# shellcheck disable=SC2016,SC2086 # $1 of the inner shell; words
	$namespace sh -c '
		mount -t tmpfs -o size="$1" none folder || exit 9
		shift
		"$@"
		status=$?
		cp folder/dump dump
		exit $status' sh "$1" "$MAKEDUMPFILE" "${@:2}" </dev/null >"$tmp/out" 2>"$tmp/err"
	status=$?
}

# one_image NAME
one_image() {
	local how between size17 size31

	# shellcheck disable=SC2086 # words
	for how in "$pack" "$pack -e" "-E" ""; do
		rm -f at17 at31
		run "${quiet[@]}" $how -d 17 "$vmcore" at17
		run "${quiet[@]}" $how -d 31 "$vmcore" at31
		size17=$(size_of at17)
		size31=$(size_of at31)
		between=$(((size17 + size31) / 2))
		if [ $((size17 - size31)) -lt 1000000 ]; then
			skip "$1: $how -d 17,31" "level 17 is as small as level 31"
			continue
		fi
		for threads in 1 3; do
			rm -f dump
			run "${quiet[@]}" $how --num-threads $threads -d 17,31 -L $between "$vmcore" dump
			check "$1: $how -d 17,31 -L, $threads threads" same dump at31
			[ -n "$namespace" ] || continue
			on_small_disk $between "${quiet[@]}" $how --num-threads $threads -d 17,31 "$vmcore" folder/dump
			check "$1: $how -d 17,31 on a full file system, $threads threads" same dump at31
		done
		rm -f dump
		run "${quiet[@]}" $how -d 31,17 -L $((size31 * 3 / 4)) "$vmcore" dump
		check "$1: $how -d 31,17 -L, none fits" status_is 1
		check "$1: $how -d 31,17 -L, none fits: the pages are right, the mark is set" at_least 2000
		check "$1: $how -d 31,17 -L, none fits: not larger" test "$(size_of dump)" -le $((size31 * 3 / 4))
		"$MAKEDUMPFILE" "${quiet[@]}" -F $how -d 17,31 -L $((size31 * 3 / 4)) "$vmcore" 2>"$tmp/err" | cat >flat
		status=${PIPESTATUS[0]}
		check "$1: -F $how -d 17,31 -L, none fits" status_is 1
		check "$1: -F $how -d 17,31 -L, none fits: not larger" test "$(size_of flat)" -le $((size31 * 3 / 4))
		rm -f dump
		"$MAKEDUMPFILE" "${quiet[@]}" -R dump <flat
		check "$1: -F $how -d 17,31 -L, none fits: the pages are right, the mark is set" at_least 2000
		rm -f flat
	done
	rm -f at17 at31 dump
}
unpack "$demo" || exit 1
one_image demo

# Another time through a pipe: the vmcore, and the dump of it.
run "${quiet[@]}" "$pack" -d 31 "$vmcore" at31
run "${quiet[@]}" "$pack" -d 1 "$vmcore" at1
for input in "$vmcore" at1; do
	rm -f dump
	"$MAKEDUMPFILE" "${quiet[@]}" "$pack" --work-dir "$tmp" -d 31 - dump < <(cat "$input")
	status=$?
	check "${input##*/} through a pipe" same dump at31
done
rm -f at1 at31 dump
[ -n "$namespace" ] || skip "a full file system" "no mount name space (unshare -m) here"

if [ -z "$shared" ]; then
	skip "other kernels" "SHARED_VMCORES names no folder of dumps"
	test_end
fi
for name in amd64-6.1-kdump amd64-2.6.32-el6 s390x-6.12; do
	if [ ! -f "$shared/$name.vmcore.zst" ]; then
		skip "$name" "it is not there"
	elif unpack "$shared/$name.vmcore.zst"; then
		one_image "$name"
	else
		check "$name: unpacking" false
	fi
done
test_end
