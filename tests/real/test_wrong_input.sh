#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# labels: slow
# timeout: 600
# Inputs that are no vmcore or only a part of one, outputs that cannot be written or fill up, signals.  Always: exit status
# 1, one clear error, and a file is left only where it opens, says that pages are missing, and has no wrong page.
# shellcheck disable=SC2034,SC2317 # conditions are called through check
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
need_demo
unpack "$demo" || exit 1

# Errors without the warnings that may stand before them.
errors() { grep -v '^makedumpfile: warning: ' "$tmp/err"; }
one_error() { # TEXT
	status_is 1 && out_is_empty && [ "$(errors | wc -l)" -eq 1 ] && errors | grep -q '^makedumpfile: ' && err_has "$1"
}
# Why, and what is there: one line, or one for each.
incomplete_said() { # OUTPUT [STATUS]
	status_is "${2-1}" && [ "$(errors | wc -l)" -le 2 ] &&
		[ "$(errors | grep -c "$1 is incomplete but may be usable")" -eq 1 ] &&
		missing_makes_sense
}
missing_makes_sense() {
	errors | sed -nE 's/.* ([0-9]+) of ([0-9]+) pages are missing.*/\1 \2/p' |
		{ read -r missing all && [ "$missing" -gt 0 ] && [ "$missing" -le "$all" ]; }
}
# at_least PAGES: in "dump", which says that others are missing; each is the vmcore's
at_least() {
	local there=

	is_marked dump && pages dump && there=$(($(number kept) - $(number lost))) && [ "$there" -ge "$1" ] && return
	echo "# ${there:-no} pages are there, at least $1 expected"
	return 1
}
nothing_or_usable() { no_file dump || at_least 0; }

# ---- what is no vmcore
# refused WHAT INPUT TEXT: in all formats
refused() {
	local how

	rm -f dump
	for how in "-d 31" "-l -d 1" "-E -d 31" "-F -d 31"; do
		# shellcheck disable=SC2086 # words
		case $how in
		-F*) run "${quiet[@]}" $how "$2" ;;
		*) run "${quiet[@]}" $how "$2" dump ;;
		esac
		check "$1, $how: one error" one_error "$3"
		check "$1, $how: no output" no_file dump
	done
}
: >empty
echo "this is no vmcore" >text
mkdir folder
refused "an empty file" empty "empty"
refused "a text" text "text"
refused "a folder" folder "folder"
refused "/dev/null" /dev/null "/dev/null"
refused "no file at all" nosuch "nosuch: No such file or directory"
refused "an ELF file that is no core" "$MAKEDUMPFILE" "${MAKEDUMPFILE##*/}"
head -c 1000000 /dev/zero >zeros
refused "zeros" zeros "zeros"

# ---- a vmcore that ends early: in the ELF header, the program headers, the notes
for at in 10 63 100 300 4096 5000; do
	head -c $at "$vmcore" >"cut"
	refused "a vmcore of $at bytes" cut "cut"
done

# Within the memory: what is there is saved.  The first place is between two pages, the others are inside one.
# cut_at WHERE BYTES PAGES: pages that are there for certain
cut_at() {
	local how what

	head -c "$2" "$vmcore" >"cut"
	for how in "-d 0" "-c -d 31" "-E -d 0"; do
		what="a vmcore cut $1, $how"
		rm -f dump
		# shellcheck disable=SC2086 # words
		run "${quiet[@]}" $how cut dump
		check "$what: says so" incomplete_said dump
		check "$what: says that it is truncated" err_has "truncated"
		check "$what: the pages are right, the mark is set" at_least "$3"
	done
}
size=$(stat -c %s "$vmcore")
cut_at "between two pages" $((0xcbd000 + 0x5000000)) 20000
cut_at "inside a page" 100000000 20000
cut_at "5000 bytes before its end" $((size - 5000)) 9000
cut_at "1 byte before its end" $((size - 1)) 9000
rm -f cut dump

# ---- no VMCOREINFO: its note gets another name
cp --sparse=always "$vmcore" nameless
at=$(LC_ALL=C grep -m 1 -abo 'VMCOREINFO' "$vmcore" | head -n 1 | cut -d : -f 1)
printf 'NOTHING!!!' | dd of=nameless bs=1 seek="$at" conv=notrunc status=none
refused_31() { one_error "VMCOREINFO" && no_file dump; }
all_there() { status_is 0 && err_is_empty && pages dump nameless && [ "$(number kept) $(number of)" = "61299 61299" ]; }
for level in 2 16 31; do
	run "${quiet[@]}" -d $level nameless dump
	check "no VMCOREINFO, level $level: one error, no output" refused_31
done
for level in 0 1; do
	rm -f dump
	run "${quiet[@]}" -d $level nameless dump
	check "no VMCOREINFO, level $level: all pages" all_there
done
rm -f nameless dump

# ---- outputs that cannot be written are found before any work
no_work_done() { not err_has "Excluding" && not err_has "Copying"; }
# unwritable WHAT OUTPUT TEXT
unwritable() {
	run "${quiet[@]}" -d 31 "$vmcore" "$2"
	check "$1: one error" one_error "$3"
	run -d 31 "$vmcore" "$2"
	check "$1: before any work" no_work_done
}
unwritable "an output in no folder" nosuch/dump "nosuch/dump"
unwritable "an output that is a folder" folder "folder"
echo old >old
unwritable "an existing output without -f" old "old: File exists"
old_is_there() { [ "$(cat old)" = old ]; }
check "an existing output without -f is untouched" old_is_there
run "${quiet[@]}" -f -d 31 text old
check "an existing output with -f and a wrong input is untouched" old_is_there
ln old second
run "${quiet[@]}" -f -d 31 "$vmcore" old
replaced() { status_is 0 && err_is_empty && pages old && cmp old second; }
check "an existing output with -f is replaced" replaced
rm -f old second

# in_namespace COMMAND: a shell command in a mount name space of its own, where that is possible
namespace=
for try in "unshare -rm" "unshare -m"; do
	# shellcheck disable=SC2086 # words
	if [ -z "$namespace" ] && $try mount -t tmpfs none "$tmp/folder" 2>/dev/null; then
		namespace=$try
	fi
done
in_namespace() {
	# shellcheck disable=SC2086 # words
	$namespace sh -c "$1" sh "$MAKEDUMPFILE" "${@:2}" </dev/null >"$tmp/out" 2>"$tmp/err"
	status=$?
}
if [ -n "$namespace" ]; then
	# shellcheck disable=SC2016 # $@ of the inner shell
	read_only='mount --bind folder folder && mount -o remount,ro,bind folder && exec "$@"'
	in_namespace "$read_only" "${quiet[@]}" -d 31 "$vmcore" folder/dump
	check "a read-only folder: one error" one_error "folder/dump"
	in_namespace "$read_only" -d 31 "$vmcore" folder/dump
	check "a read-only folder: before any work" no_work_done
else
	skip "a read-only folder" "no mount name space (unshare -m) here"
fi

# ---- a disk that fills up
# limited KIBIBYTES ARGUMENT...: no file gets larger than that; SIGXFSZ is ignored, so write() fails with EFBIG
limited() {
	(
		trap '' XFSZ
		ulimit -f "$1"
		exec "$MAKEDUMPFILE" "${quiet[@]}" "${@:2}"
	) </dev/null >"$tmp/limited" 2>"$tmp/full.err"
	status=$?
	# the file of the messages had the limit, too
	cp "$tmp/full.err" "$tmp/err"
	: >"$tmp/out"
}
for how in "-d 0" "-d 31" "-E -d 0" "-E -d 31"; do
	for limit in 1 4 20 100; do
		rm -f dump
		# shellcheck disable=SC2086 # words
		limited $limit $how "$vmcore" dump
		check "room for $limit KiB, $how: fails" status_is 1
		check "room for $limit KiB, $how: no file is left that is of no use" nothing_or_usable
	done
	rm -f dump
	# shellcheck disable=SC2086 # words
	limited 20000 $how "$vmcore" dump
	check "room for 20 MB, $how: says so" incomplete_said dump
	check "room for 20 MB, $how: the pages are right, the mark is set" at_least 2000
done
# The same where a good dump was before: nothing of it may shine through.
rm -f dump
run "${quiet[@]}" -c -d 31 "$vmcore" dump
limited 2000 -f -c -d 31 "$vmcore" dump
check "room for 2 MB, -f over a good dump: the pages are right, the mark is set" at_least 2000

if [ -n "$namespace" ]; then
	# shellcheck disable=SC2016 # $@ of the inner shell
	small_disk='mount -t tmpfs -o size=5m none folder && { "$@"; s=$?; cp folder/dump dump; exit $s; }'
	for how in "-d 31" "-c -d 0" "-E -d 31"; do
		rm -f dump
		# shellcheck disable=SC2086 # words
		in_namespace "$small_disk" "${quiet[@]}" $how "$vmcore" folder/dump
		check "a full file system, $how: says so" incomplete_said folder/dump
		check "a full file system, $how: says why" err_has "No space left on device"
		check "a full file system, $how: the pages are right, the mark is set" at_least 500
	done
else
	skip "a full file system" "no mount name space (unshare -m) here"
fi

# A stream that broke off has no end record; -R makes the best of it.
# broken_stream WHAT PAGES: the stream is in "flat"
broken_stream() {
	rm -f dump
	"$MAKEDUMPFILE" "${quiet[@]}" -R dump <flat >"$tmp/out" 2>"$tmp/err"
	status=$?
	check "$1: -R fails" status_is 1
	check "$1: -R says that the stream is incomplete" err_has "without an end record"
	check "$1: -R: the pages are right, the mark is set" at_least "$2"
	rm -f flat dump
}
limited 20000 -F -d 0 "$vmcore"
mv limited flat
check "room for 20 MB, -F: fails" status_is 1
broken_stream "room for 20 MB, -F" 1000
"$MAKEDUMPFILE" -F -d 31 "$vmcore" 2>/dev/null | head -c 8000000 >flat
broken_stream "a stream of which 8 MB arrived" 1000

run_to() { # FILE ARGUMENT...
	"$MAKEDUMPFILE" "${quiet[@]}" "${@:2}" </dev/null 2>"$tmp/err" >"$1"
	status=$?
	: >"$tmp/out"
}
run_to /dev/full -F -d 31 "$vmcore"
failed_with() { status_is 1 && [ "$(errors | wc -l)" -le 2 ] && err_has "$1"; }
check "-F to a full device: fails, and says why" failed_with "No space left on device"
for bytes in 100000 9000000; do
	"$MAKEDUMPFILE" "${quiet[@]}" -F -d 0 "$vmcore" 2>"$tmp/err" | head -c $bytes >/dev/null
	status=${PIPESTATUS[0]}
	check "-F to a reader that goes away after $bytes bytes: fails, and says why" failed_with "Broken pipe"
done

# ---- signals: they end the program, too, and a line of its own says so
by_signal() { # SIGNAL OUTPUT
	err_has "makedumpfile: interrupted by SIG$1" && sed -i '/interrupted by SIG/d' "$tmp/err" || return 1
	case $1 in
	INT) incomplete_said "$2" 130 ;;
	*) incomplete_said "$2" 143 ;;
	esac
}
# interrupted SIGNAL ARGUMENT...: in the middle of writing "dump", behind its index, which ends at 1.5 MB; again where the
# tool was too quick
interrupted() {
	local tries=0 said=finished

	while [ "$said" != "${said#finished}" ] && [ $tries -lt 5 ]; do
		tries=$((tries + 1))
		rm -f dump
		said=$(python3 "$here/interrupt.py" file "$1" dump 3000000 "$MAKEDUMPFILE" "${quiet[@]}" "${@:2}" \
			"$vmcore" dump 2>"$tmp/err")
	done
	status=${said#finished }
	: >"$tmp/out"
	[ "$said" = "${said#finished}" ]
}
for how in "INT -c -d 0 --num-threads 1" "TERM -d 0" "INT -E -d 0"; do
	# shellcheck disable=SC2086 # words
	if interrupted $how; then
		check "SIG$how: says so" by_signal "${how%% *}" dump
		check "SIG$how: the pages are right, the mark is set" at_least 1
	else
		skip "SIG$how" "this machine is too quick"
	fi
done
# With a pipe the tool waits for its reader when the signal comes.
for how in "INT -c -d 0" "TERM -E -d 0"; do
	# shellcheck disable=SC2086 # words
	status=$(python3 "$here/interrupt.py" stream ${how%% *} flat 1000000 "$MAKEDUMPFILE" "${quiet[@]}" \
		-F ${how#* } "$vmcore" 2>"$tmp/err")
	check "SIG$how, -F: says so" by_signal "${how%% *}" STDOUT
	rm -f dump
	"$MAKEDUMPFILE" "${quiet[@]}" -R dump <flat >"$tmp/out" 2>"$tmp/err"
	status=$?
	check "SIG$how, -F: -R takes the stream" status_is 0
	check "SIG$how, -F: the pages are right, the mark is set" at_least 1
done
test_end
