#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck disable=SC2317 # conditions are called through check
# --memory-limit, and large machines under a hard limit of the address space.
. "$(dirname "$0")/lib.sh"

# ---- the option
accepted() { status_is 0 && out_is_empty && err_is_empty; }
refused() { status_is 1 && err_has "--memory-limit '$1': expected a number of bytes"; }
for size in 0 1 4096 64M 64m 2G 1K 007; do
	run --check-params --memory-limit "$size" vmcore dump
	check "accepted: --memory-limit $size" accepted
done
for size in "" -1 K 1.5M 1MB "1 M" 0x100 1T +5 99999999999999999999 99999999999G; do
	run --check-params --memory-limit "$size" vmcore dump
	check "refused: --memory-limit '$size'" refused "$size"
done
run --check-params --memory-limit
check "refused: no size" not status_is 0

# ---- an image
if ! "${CC:-cc}" -O2 -w -D_FILE_OFFSET_BITS=64 -I"$DF_SRC/benchmarks/gen" -o gen "$DF_SRC"/benchmarks/gen/*.c 2>gen.err; then
	sed 's/^/# /' gen.err
	echo "not ok - benchmarks/gen does not compile"
	exit 1
fi
./gen scale-shared 8G vmcore >gen.out

# ---- what is said about it
run --message-level 12 --memory-limit 7M --dry-run vmcore dump
check "debug output: the limit" out_has "memory: at most 7168 KiB are taken"
run --message-level 12 --memory-limit 0 --dry-run vmcore dump
check "debug output: no limit" out_has "memory: there is no limit"

# ---- too little: the error names what is enough
pack=-c
if "$MAKEDUMPFILE" -v | grep -q '^lzo	*enabled'; then pack=-l; fi
same() { [ -s "$1" ] && cmp "$1" "$2"; }
named() { status_is 1 && err_has " bytes are enough for this dump" && lines_are "$tmp/err" 1; }
enough() { sed -n 's/.* \([0-9]*\) bytes are enough.*/\1/p' "$tmp/err"; }
modes=("$pack -d 31" "-E -d 31")
[ -n "${DF_SANITIZE:-}" ] || modes+=("-c -d 31" "-d 31")
for mode in "${modes[@]}"; do
	read -ra opt <<<"$mode"
	rm -f dump ref
	run --message-level 4 "${opt[@]}" vmcore ref
	check "$mode: without a limit" status_is 0
	for limit in 1 10K 200K; do
		run --message-level 4 --memory-limit $limit "${opt[@]}" vmcore dump
		check "$mode, limit $limit: an error with the number that is enough" named
		check "$mode, limit $limit: no output file" no_file dump
	done
	n=$(enough)
	for threads in 1 8; do
		run --message-level 4 --num-threads $threads --memory-limit "$n" "${opt[@]}" vmcore dump
		check "$mode, $threads threads, limit $n: just enough" status_is 0
		check "$mode, $threads threads, limit $n: the same dump" same ref dump
		rm -f dump
	done
	echo old >dump
	run --message-level 4 --memory-limit 1K -f "${opt[@]}" vmcore dump
	check "$mode, -f: an existing file stays where memory does not suffice" [ "$(cat dump)" = old ]
done

# ---- a hard limit
if [ -n "${DF_SANITIZE:-}" ]; then
	echo "ok - 64 MiB of address space # SKIP sanitizers take more"
	test_end
fi
(
	ulimit -d 400000
	exec "$MAKEDUMPFILE" -D --dry-run vmcore other </dev/null >"$tmp/out" 2>"$tmp/err"
)
check "debug output: what is left" out_has "memory: the resource limit leaves "
check "debug output: the limit that follows" out_has "memory: at most "
# limited ARGUMENT...: as run, with 64 MiB of address space
limited() {
	(
		ulimit -v 65536 || exit 9
		exec "$MAKEDUMPFILE" "$@" </dev/null >"$tmp/out" 2>"$tmp/err"
	)
	status=$?
}
for mode in "$pack -d 31" "-E -d 31" "-d 31"; do
	read -ra opt <<<"$mode"
	"$MAKEDUMPFILE" --message-level 4 -f "${opt[@]}" vmcore ref
	for threads in 1 2 8 100; do
		rm -f dump
		limited --message-level 4 --num-threads $threads "${opt[@]}" vmcore dump
		check "$mode, $threads threads in 64 MiB of address space" status_is 0
		check "$mode, $threads threads in 64 MiB of address space: the same dump" same ref dump
	done
done
rm -f vmcore dump
./gen scale-shared 1T vmcore >gen.out
limited --dry-run --show-stats "$pack" -d 31 vmcore dump
check "1 TiB in 64 MiB of address space" status_is 0
check "1 TiB in 64 MiB of address space: the size is told" out_has "Dry run: dump would take"
test_end
