#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck disable=SC2317 # conditions are called through check
# --split, --reassemble and --piece: what is written, messages, exit status, files that are left.
. "$(dirname "$0")/lib.sh"

dumpcheck=${DF_BUILD:?is not set}/dumpcheck
"$DF_BUILD/mkvmcore" "${DF_SRC:?is not set}/tests/fixtures/recipes/shape-contents.txt" vmcore || exit 1

err_is_quiet() { ! grep -q '^makedumpfile: ' "$tmp/err"; }
saved() { status_is 0 && err_is_quiet && out_has "$1"; }
same() { [ -s "$1" ] && cmp "$1" "$2"; }
fails() { status_is 1 && err_has "$1" && out_has "makedumpfile Failed."; }
holds() { "$dumpcheck" set vmcore "$@" >/dev/null; }
pages_are_right() { "$dumpcheck" pages "$1" vmcore >/dev/null; }
mode_is_600() { [ "$(stat -c %a "$1")" = 600 ]; }

run -c -d 31 vmcore one
check "the dump in one file" saved "The dumpfile is saved to one."
run -c -d 31 --split vmcore a b c
check "three pieces" saved "The dumpfiles are saved to a, b, and c."
check "three pieces: another reader" holds a b c
check "three pieces: mode" mode_is_600 b
run -c -d 31 --split vmcore two halves
check "two pieces" saved "The dumpfiles are saved to two and halves."
run --reassemble c a b joined
check "reassembled" saved "The dumpfile is saved to joined."
check "reassembled: as in one file" same joined one
run --reassemble --num-threads 3 halves two again
check "reassembled, threads" saved "The dumpfile is saved to again."
check "reassembled, threads: as in one file" same again one

# ---- as input
run -f -c -d 31 --piece a --piece c b again
check "pieces as input" saved "The dumpfile is saved to again."
check "pieces as input: as in one file" same again one
run -d 0 -l --split vmcore low high
check "pieces of level 0" saved "The dumpfiles are saved to low and high."
run -f -l -d 31 --piece low high again
run -f -l -d 31 vmcore one_lzo
check "pieces of level 0, then 31: as at once" same again one_lzo
run -f -c -d 31 --split --piece a --piece c b d e
check "pieces split again" saved "The dumpfiles are saved to d and e."
check "pieces split again: another reader" holds d e
run -f --reassemble d e again
check "pieces split again: as in one file" same again one
"$MAKEDUMPFILE" -c -d 31 -F --piece b --piece a c 2>"$tmp/err" >flat </dev/null
"$MAKEDUMPFILE" -f -R again <flat >"$tmp/out" 2>"$tmp/err"
check "pieces to a stream: as in one file" same again one
run -c -d 31 a dump
check "one piece as a whole dump" fails "a is one piece of a split dump"
check "one piece as a whole dump: nothing is left" no_file dump

# ---- sizes
run --show-stats -c -d 31 --split --splitblock-size 1024 -f vmcore a b
check "a block size" saved "The dumpfiles are saved to a and b."
check "a block size: the report has each piece" out_has "a: page frames 0 to 0x"
check "a block size: another reader" holds a b
run -c -d 31 --split --splitblock-size 6 vmcore x y
check "a block of no whole pages" fails "makedumpfile: pieces cannot begin at multiples of 6144 bytes: give whole pages of 4096, or 0"
check "a block of no whole pages: nothing is left" no_file x
run --dry-run -c -d 31 --split vmcore x y
check "a dry run" saved "Dry run: x and y would take"
check "a dry run: nothing is written" no_file x

# ---- outputs
run -c -d 31 --split vmcore x a
check "an output exists" fails "a: File exists"
check "an output exists: nothing is left" no_file x
run -c -d 31 --split vmcore x x
check "an output twice" fails "x is named twice: give each piece a file of its own"
check "an output twice: nothing is left" no_file x
ln a link
run -f -c -d 31 --split vmcore a link
check "two names of one file" fails "a and link are the same file"
check "two names of one file: it is as it was" holds a b
run -f -c -d 31 --split vmcore x vmcore
check "the input as output" fails "vmcore is the input itself"
run -f --reassemble a b b
check "a piece as output" fails "b is the input itself"
run -f -c -d 31 --piece a b a
check "another piece as output" fails "a is the input itself"

# ---- sets that are none
run --reassemble a low dump
check "pieces of two dumps" fails "are not pieces of the same dump"
check "pieces of two dumps: nothing is left" no_file dump
run --reassemble b dump
check "a piece is missing" fails "are in none of the files: give all pieces"
check "a piece is missing: nothing is left" no_file dump
run --reassemble a b link dump
check "a piece twice" fails "are the same file: give each piece once"
cp a copy
run --reassemble a b copy dump
check "a copy of a piece" fails "give each piece once"
run --reassemble a b one dump
check "a whole dump among pieces" fails "one"
run --reassemble a b nosuch dump
check "a piece that does not exist" fails "nosuch"
run --reassemble vmcore a dump
check "a vmcore among pieces" fails "vmcore is not a piece of a split dump"

run --reassemble a - dump
check "standard input as a piece" fails "standard input cannot be a piece of a split dump"
run -c -d 31 --piece b - dump
check "standard input, with --piece" fails "standard input cannot be a piece of a split dump"
mkfifo pipe
run -f -c -d 31 --split vmcore x pipe
check "a pipe as output" fails "pipe is a pipe or socket, and a dump file is written at offsets: give the name of a file"

# ---- full
mkdir disk
in_full() { # a disk that has no room for more than headers, where one can be made
	unshare -rm sh -c 'mount -t tmpfs -o size=8k none disk && exec "$0" "$@"' "$@" </dev/null >"$tmp/out" 2>"$tmp/err"
	status=$?
}
in_full true
if [ $status = 0 ]; then
	in_full "$MAKEDUMPFILE" --json report -c -d 31 --split vmcore disk/f g
	check "one file takes nothing" fails "disk/f: nothing was written that opens, and the other files cannot be joined"
	check "one file takes nothing: the other one is named" err_has "makedumpfile: g is incomplete but may be usable"
	check "one file takes nothing: the report has the other one" eval 'grep -q "\"name\": *\"g\"" report &&
		! grep -q "\"name\": *\"disk/f\"" report'
	rm -f g report
else
	echo "ok - one file takes nothing # SKIP no other disk can be made"
fi
if (ulimit -f 100) 2>/dev/null; then
	size=$(stat -c %s a)
	(
		ulimit -f $((size / 1024 / 2))
		exec "$MAKEDUMPFILE" -c -d 31 --split vmcore f g </dev/null >"$tmp/out" 2>"$tmp/err"
	)
	status=$?
	check "files that may not grow" fails "f and g are incomplete but may be usable"
	run -f --reassemble f g again
	check "joined all the same" status_is 0
	check "joined all the same: the marks are named" err_has "f (and 1 more) is marked incomplete, and so is the output"
	check "joined all the same: it is said" err_has "again is incomplete, as its pieces are: they lack"
	check "joined all the same: what is there is right" pages_are_right again
fi

# ---- a limit for each file, and lists of levels
size=$(stat -c %s a)
run -f -c -d 31 --split -L $((size / 2)) vmcore f g
check "a limit" fails "f and g are incomplete but may be usable"
check "a limit: it is said" out_has "Size limit($((size / 2))) reached."
size=$(stat -c %s one)
run -f --reassemble -L $((size / 2)) a b again
check "a limit of the joined dump" fails "again is incomplete but may be usable"
check "a limit of the joined dump: it is said" out_has "Size limit($((size / 2))) reached."
size=$(stat -c %s a)
below() { [ "$(stat -c %s f)" -le $((size / 2)) ] && [ "$(stat -c %s g)" -le $((size / 2)) ]; }
check "a limit: both are below it" below
run -f -c -d 1,31 --split -L $((size + 4096)) vmcore f g
check "a list of levels" saved "The dumpfiles are saved to f and g."
check "a list of levels: the next one is tried" out_has "Dump level 31 is tried next."
check "a list of levels: another reader" holds f g
run -f --reassemble f g again
run -f -c -d 31 vmcore one
check "a list of levels: as at once" same again one
run -f --json report -c -d 31 --split vmcore f g
names_both() { grep -q '"name": *"f"' report && grep -q '"name": *"g"' report; }
check "a report for programs names both" names_both
test_end
