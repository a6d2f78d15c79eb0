#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# labels: slow
# timeout: 1800
# shellcheck disable=SC2317 # conditions are called through check
# The largest machine: 16 TiB, 4294967296 page frames, with 64 MiB of address space.  About a minute of CPU time.
. "$(dirname "$0")/lib.sh"

if ! "${CC:-cc}" -O2 -w -D_FILE_OFFSET_BITS=64 -I"$DF_SRC/benchmarks/gen" -o gen "$DF_SRC"/benchmarks/gen/*.c 2>gen.err; then
	sed 's/^/# /' gen.err
	echo "not ok - benchmarks/gen does not compile"
	exit 1
fi
if ! ./gen scale-shared 16T vmcore >gen.out 2>gen.err; then
	echo "ok - 16 TiB in 64 MiB of address space # SKIP $(head -n 1 gen.err)" # a file system without files of that size
	exit 77
fi
pack=-c
if "$MAKEDUMPFILE" -v | grep -q '^lzo	*enabled'; then pack=-l; fi
(
	ulimit -v 65536 || exit 9
	exec "$MAKEDUMPFILE" --dry-run --show-stats "$pack" -d 31 vmcore dump </dev/null >"$tmp/out" 2>"$tmp/err"
)
status=$?
# what the generator says there is, as the report counts it: left out by class
number() { sed -n "s/^$1 //p" gen.out; }
reported() { [ $(($(sed -n "s/^ *$1 *: *//p" "$tmp/out"))) -eq "$2" ]; }
check "16 TiB in 64 MiB of address space" status_is 0
check "the size is told" out_has "Dry run: dump would take"
check "free pages" reported "Free pages" "$(number class4)"
check "user pages" reported "User process data pages" "$(number class3)"
check "cache pages" reported "Non-private cache pages" "$(number class1)"
test_end
