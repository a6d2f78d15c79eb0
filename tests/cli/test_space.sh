#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# timeout: 300
# Too little space: -L, lists of dump levels, full disks; levels of compressors; a dump on standard input.
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

# ---- -L
reached() { incomplete dump "${2:-[1-9]}" && out_has "Size limit($1) reached." && err_has "dump is incomplete but may be usable"; }
run -d 0 -L 4M vmcore dump
check "-L: what fits is there" reached 4194304
check "-L: not one byte more" test "$(size_of dump)" -eq 4194304
run -d 0 -L "$size0" vmcore dump2
check "-L with just the size" done_as dump2 at0
run -f -d 0 -L $((size0 - 1)) vmcore dump
check "-L with a byte less" reached $((size0 - 1))
rm -f dump
run -d 0 -L 1k vmcore dump
too_small() { status_is 1 && err_has "no room for headers and index" && out_has "Size limit(1024) reached." && no_file dump; }
check "-L too small for the index: said before anything is written" too_small
run -f -d 0 -L 0x400 vmcore dump2
check "-L too small for the index, -f: the old file stays" cmp -s dump2 at0
run -E -d 0 -L 4M vmcore dump
check "-E -L" reached 4194304 0
rm -f dump
run_to flat -F -d 0 -L 4M vmcore
flat_reached() { status_is 1 && err_has "Size limit(4194304) reached." && [ "$(size_of flat)" -le 4194304 ]; }
check "-F -L" flat_reached
run_on flat -R dump
rearranged() { status_is 0 && opens_incomplete dump; }
check "-F -L: the stream is whole, and the dump in it marked" rearranged
run_on flat0 -R -f -L 4M dump
check "-R -L" reached 4194304
rm -f dump
run --dry-run=exact -d 0 -L 4M vmcore dump
dry() { status_is 1 && out_has "Size limit(4194304) reached." && no_file dump; }
check "--dry-run -L" dry
run --check-params -L 0 vmcore dump
check "-L 0" err_has "-L '0': expected a number of bytes above 0"
run --check-params -L 1kb vmcore dump
check "-L 1kb" err_has "-L '1kb': expected a number of bytes above 0"

# ---- -L and the kernel log
"$mkvmcore" "${DF_SRC:?is not set: give the top of the source tree}/tests/fixtures/recipes/log-ring.txt" logged || exit 1
run --dump-dmesg logged log
text_reached() { status_is 1 && cmp -s "$1" <(head -c 100 log) && cat "$tmp/out" "$tmp/err" | grep -qF "Size limit(100) reached." && err_has "incomplete but may be usable"; }
run --dump-dmesg -L 100 logged short
check "--dump-dmesg -L" text_reached short
run_to short -F --dump-dmesg -L 100 logged
check "-F --dump-dmesg -L" text_reached short
run -f --dump-dmesg -L "$(size_of log)" logged short
check "--dump-dmesg -L with just the size" cmp -s short log

# ---- lists of levels
took_next() { done_as "$1" "$2" && out_has "Dump level 31 is tried next."; }
rm -f dump
run -d 0,8,31 -L "$between" vmcore dump
check "-d 0,8,31 -L: the third level, as if it were the only one" took_next dump at31
few_lines() { [ "$(tr '\r' '\n' <"$tmp/err" | wc -l)" -lt 30 ]; }
check "-d 0,8,31 -L: progress begins again" few_lines
check "-d 0,8,31 -L: of the second one, too" out_has "Dump level 8 is tried next."
run -f -d 8,,31, -L "$size8" vmcore dump
first() { done_as dump at8 && ! out_has "tried next"; }
check "-d 8,31 -L: the first level fits" first
run -f -d 0,8 -L 3M vmcore dump
check "-d 0,8 -L: none fits, the last is there" reached 3145728
ln -s dump link
run -f -d 0,31 -L "$between" vmcore link
kept_link() { took_next dump at31 && [ -L link ]; }
check "-d 0,31 -L -f: a link stays, and what it leads to is emptied and used" kept_link
rm -f dump link
run -E -d 0,31 -L "$between" vmcore dump
"$MAKEDUMPFILE" --message-level 4 -E -d 31 vmcore elf31
check "-E -d 0,31 -L" took_next dump elf31
rm -f dump
run --dry-run=exact -d 0,8,31 -L "$between" vmcore dump
says_level() { status_is 0 && out_has "would take $size31 bytes at dump level 31; nothing was saved." && no_file dump; }
check "--dry-run -d 0,8,31 -L: says which level fits" says_level
run -l -d 0,31 -L 20 vmcore dump
nothing_fits() { status_is 1 && no_file dump && err_has "no room for headers and index"; }
check "-d 0,31 -L 20" nothing_fits
rm -f dump
run_on at0 -d 8,31 -L "$between" - dump
check "a dump that is filtered again at the second level" took_next dump at31

# Without VMCOREINFO level 31 cannot be planned: what level 0 has left stays.
sed 's/VMCOREINFO/VMCOREINFX/g' vmcore >nameless
run -f -d 0,31 -L 4M nameless dump
stays() { status_is 1 && "$dumpcheck" pages dump nameless | grep -q "bad 0, incomplete, lost [1-9]" && [ "$(size_of dump)" -eq 4194304 ] && out_has "level 31 is tried next" && err_has "VMCOREINFO"; }
check "-d 0,31 -L: the next level is not possible" stays
rm -f dump

# The disk is full.  The output is a file that may not grow any more.
full_then() { took_next dump at31 && err_has "File too large"; }
for threads in 1 3; do
	rm -f dump
	limited "$tmp/out" "$between" --num-threads $threads -d 0,31 vmcore dump
	check "a full disk, -d 0,31, --num-threads $threads" full_then
done
limited "$tmp/out" 3000000 -f -d 0,8 vmcore dump
full_last() { incomplete dump && err_has "File too large" && err_has "is incomplete but may be usable"; }
check "a full disk, -d 0,8" full_last
rm -f dump

# ---- -F with a list: a pipe takes nothing back
flat_next() { status_is 0 && cmp -s "$1" "$2" && err_has "level 31 is tried next."; }
between=$((between + 20000)) # for record headers
piped_to flat -F -d 0,8,31 -L "$between" vmcore
check "-F -d 0,8,31 -L into a pipe: the level is found before" flat_next flat flat31
run_to flat -F -d 0,31 -L "$between" vmcore
check "-F -d 0,31 -L into a file" flat_next flat flat31
piped_to flat -F -d 0,8 -L 3M vmcore
nothing_whole() { status_is 1 && err_has "Size limit(3145728) reached." && "$MAKEDUMPFILE" --message-level 4 -R -f dump <flat; }
check "-F -d 0,8 -L into a pipe: none fits" nothing_whole
check "-F -d 0,8 -L into a pipe: the last one is there" opens_incomplete dump
# An input that lacks a page is no reason against a level.
word() { od -A n -t u4 --endian=little -j "$2" -N 4 "$1" | tr -d ' '; }
cp at0 lacking
index=$(((1 + $(word at0 432) + $(word at0 436)) * 4096))
dd if=/dev/zero of=lacking bs=1 count=24 seek=$((index + 24 * 768)) conv=notrunc 2>/dev/null
"$MAKEDUMPFILE" --message-level 0 -F -d 31 lacking >lacking31
piped_to flat -F -d 0,31 -L "$between" lacking
lacking_next() { status_is 1 && cmp -s flat lacking31 && err_has "level 31 is tried next." && err_has "1 of "; }
check "-F -d 0,31 -L of a dump that lacks a page into a pipe" lacking_next
limited flat "$between" -F -d 0,31 vmcore
check "-F -d 0,31 into a file on a full disk" flat_next flat flat31
(
	trap '' XFSZ
	ulimit -f $((between / 1024))
	echo before
	exec "$MAKEDUMPFILE" -F -d 0,31 vmcore
) </dev/null >flat 2>"$tmp/err"
check "-F -d 0,31 into a file, behind something else" cmp -s flat <(echo before && cat flat31)
if [ -w /dev/full ]; then
	run_to /dev/full -F -d 0,31 vmcore
	no_next() { status_is 1 && err_has "No space left" && err_has "cannot be taken back" && ! err_has "tried next"; }
	check "-F -d 0,31 into a full device: no next level" no_next
fi

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
for level in 1 9; do
	run --dry-run -c --compression-level $level -d 31 vmcore nodump
	size_said() { status_is 0 && out_has "nodump would take $(size_of c$level) bytes"; }
	check "--dry-run -c --compression-level $level" size_said
done
check "a higher level makes it smaller" test "$(size_of c9)" -lt "$(size_of c1)"

# ---- standard input
rm -f dump
for input in vmcore at0 flat0; do
	run_on $input -f -d 31 - dump
	check "- from a file: $input" done_as dump at31
	run_on <(cat $input) -f --work-dir "$tmp" -d 31 - dump
	check "- from a pipe: $input" done_as dump at31
done
nothing_left() { [ -z "$(find "$tmp" -name 'makedumpfile.*')" ]; }
check "- from a pipe: no temporary file is left" nothing_left
(
	head -c 5 >/dev/null
	exec "$MAKEDUMPFILE" -f -d 31 - dump
) < <(printf 12345 && cat at0) >"$tmp/out" 2>"$tmp/err"
status=$?
check "- from the middle of a pipe" done_as dump at31
run_on <(cat vmcore) -f --work-dir "$tmp/nosuch" -d 31 - dump2
no_dir() { status_is 1 && err_has "$tmp/nosuch: creating a temporary file for standard input: No such file" && err_has "--work-dir"; }
check "- from a pipe: no such --work-dir" no_dir
run_on at0 -f --work-dir "$tmp/nosuch" -d 31 - dump
check "- from a file: --work-dir is not looked at" done_as dump at31
(
	trap '' XFSZ
	ulimit -f 1000
	exec "$MAKEDUMPFILE" -f --work-dir "$tmp" -d 31 - dump2
) < <(cat vmcore) >"$tmp/out" 2>"$tmp/err"
status=$?
no_room() { status_is 1 && err_has "$tmp: copying standard input to a temporary file, after" && err_has "File too large"; }
check "- from a pipe: no room for the copy" no_room
run -f --work-dir "$tmp" -d 31 - dump2
check "- from /dev/null" err_has "standard input: is empty"
(
	trap '' XFSZ
	ulimit -f 100
	yes | exec "$MAKEDUMPFILE" --work-dir "$tmp" -d 31 - dump3
) >"$tmp/out" 2>"$tmp/err"
status=$?
no_image() { status_is 1 && err_has "standard input is not a memory image" && no_file dump3; }
check "- from a pipe that holds no dump: it is not copied" no_image
cp at0 self
run_on self -f -d 31 - self
check "- from the file that is the output" err_has "self is the input itself"
check "- from the file that is the output: it is as it was" cmp -s self at0
test_end
