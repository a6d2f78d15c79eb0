#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# timeout: 300
# Too little space: levels of compressors.
# shellcheck disable=SC2317 # conditions are called through check
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
build=${DF_BUILD:?is not set: give the folder of the build}
mkvmcore=$build/mkvmcore
dumpcheck=$build/dumpcheck

# 12 MiB, of which 4 are a user's and 4 cache, all of it without a pattern.
"$mkvmcore" - vmcore <<-END || exit 1
	preset 6.1
	ram 0 12M
	layout kernel=256K kernel_size=256K
	memmodel sparse-extreme section_bits=23 phys_bits=32
	paging direct=4K kernel=4K
	page 0x400-0x7ff kind=anon
	page 0x800-0xa7f kind=file
	random 0x400-0xa7f
END
for level in 0 8 31; do
	"$MAKEDUMPFILE" --message-level 4 -d $level vmcore at$level || exit 1
	"$MAKEDUMPFILE" --message-level 4 -F -d $level vmcore >flat$level || exit 1
done
size_of() { stat -c %s "$1"; }
size0=$(size_of at0)
size8=$(size_of at8)
size31=$(size_of at31)
between=$(((size8 + size31) / 2)) # only level 31 fits
[ "$size8" -lt "$((size0 - 3000000))" ] && [ "$size31" -lt "$((size8 - 2000000))" ] || exit 1

done_as() { status_is 0 && cmp -s "$1" "$2" && out_has "makedumpfile Completed."; }
# The dump opens, its pages are those of the vmcore and some are missing, which it says (ELF: not which).
incomplete() { status_is 1 && opens_incomplete "$@"; }
opens_incomplete() { # DUMP [LOST]
	"$dumpcheck" pages "$1" vmcore >"$tmp/pages" 2>&1 || { cat "$tmp/pages"; return 1; }
	grep -q "bad 0, incomplete, lost ${2:-[1-9]}" "$tmp/pages"
}
# run_on FILE ARGUMENT...: with standard input.  run_to FILE ARGUMENT...: with standard output; messages in err.
run_on() {
	"$MAKEDUMPFILE" "${@:2}" <"$1" >"$tmp/out" 2>"$tmp/err"
	status=$?
}
run_to() {
	: >"$tmp/out"
	"$MAKEDUMPFILE" "${@:2}" </dev/null >"$1" 2>"$tmp/err"
	status=$?
}
# piped_to FILE ARGUMENT...
piped_to() {
	: >"$tmp/out"
	"$MAKEDUMPFILE" "${@:2}" </dev/null 2>"$tmp/err" | cat >"$1"
	status=${PIPESTATUS[0]}
}
# limited FILE BYTES ARGUMENT...: no file gets larger; the standard output is FILE
limited() {
	(
		trap '' XFSZ
		ulimit -f $(($2 / 1024))
		exec "$MAKEDUMPFILE" "${@:3}"
	) </dev/null >"$1" 2>"$tmp/err"
	status=$?
}

# ---- levels of compressors
refused() { status_is 1 && err_has "$1" && out_has "Commandline parameter is invalid."; }
run --check-params --compression-level 3 vmcore dump
check "--compression-level alone" refused "--compression-level needs -c or -z"
run --check-params -E --compression-level 3 vmcore dump
check "--compression-level with -E" refused "--compression-level needs -c or -z"
run --check-params -c --compression-level 77 vmcore dump
check "-c --compression-level 77" refused "compression level 77; zlib has 1 to"
run --check-params -c --compression-level -1 vmcore dump
check "-c --compression-level -1" refused "compression level -1; zlib has 1 to"
run --check-params -c --compression-level 0 vmcore dump
check "--compression-level 0" err_has "--compression-level '0': expected a number other than 0"
run --check-params -c --compression-level 9 vmcore dump
check "-c --compression-level 9" status_is 0
has_codec() { "$MAKEDUMPFILE" -v | grep -q "^$1	*enabled"; }
if has_codec lzo; then
	run --check-params -l --compression-level 3 vmcore dump
	check "--compression-level with -l" refused "lzo has no compression levels"
fi
if has_codec zstd; then
	for level in -7 1 22; do
		run --check-params -z --compression-level $level vmcore dump
		check "-z --compression-level $level" status_is 0
	done
fi
for level in 1 9; do
	"$MAKEDUMPFILE" --message-level 4 -c --compression-level $level -d 31 vmcore c$level || exit 1
done
run -c --compression-level 9 -f -d 31 c1 dump
check "a level is asked for: packed again" done_as dump c9
run -c -f -d 31 c9 dump
check "no level is asked for: copied" done_as dump c9
check "a higher level makes it smaller" test "$(size_of c9)" -lt "$(size_of c1)"

test_end
