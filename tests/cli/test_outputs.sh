#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck disable=SC2317 # conditions are called through check
# Files that are written: their modes, what -f does to existing ones, and that options which only say how to work do not
# change a byte.
. "$(dirname "$0")/lib.sh"

"${DF_BUILD:?is not set}/mkvmcore" "${DF_SRC:?is not set}/tests/fixtures/recipes/kernel-6.1.txt" vmcore || exit 1
dumpcheck=$DF_BUILD/dumpcheck
saved() { status_is 0 && out_has "The dumpfile is saved to $1."; }
fails() { status_is 1 && err_has "$1" && out_has "makedumpfile Failed."; }
fails_by_signal() { status_is 124 && err_has "$1" && out_has "makedumpfile Failed."; }
mode_is() { [ "$(stat -c %a "$1")" = "$2" ]; }
run_on() { # FILE ARGUMENT...
	input=$1
	shift
	"$MAKEDUMPFILE" "$@" <"$input" >"$tmp/out" 2>"$tmp/err"
	status=$?
}

# ---- new files
umask 022
run -d 31 vmcore dump
check "a new dump" saved dump
check "a new dump: mode 0600" mode_is dump 600
"$MAKEDUMPFILE" -F -d 31 vmcore >flat 2>"$tmp/err" </dev/null
run_on flat -R back
check "-R: mode 0600" mode_is back 600
check "-F and -R: the plain file" cmp dump back
umask 277
run -E vmcore elf
check "umask 277: mode 0400" mode_is elf 400
umask 022
ln -s nowhere link
run -d 31 vmcore link
check "a dangling link without -f" fails "link: File exists"
check "a dangling link without -f: nothing is made" no_file nowhere

# ---- existing ones, -f
for n in 1 2; do
	echo old >old$n
	chmod 640 old$n
done
ln old1 hard
ln -s old2 soft
run -f -d 31 vmcore old1
check "-f" saved old1
check "-f: the mode stays" mode_is old1 640
check "-f: hard links stay" cmp dump hard
run -f -d 31 vmcore soft
check "-f: a symbolic link is followed" cmp dump old2
check "-f: the link stays" test -L soft
head -c 1000000 /dev/zero >large
run -f -d 31 vmcore large
check "-f: nothing of a larger file is left" cmp dump large
run_on flat -R -f old1
check "-R -f" cmp dump old1
check "-R -f: the mode stays" mode_is old1 640
ln -s nowhere astray
run -f -d 31 vmcore astray
check "-f: a dangling link" fails "astray: is a link to a file that is not there"
check "-f: a dangling link: nothing is made" no_file nowhere
run -f -d 31 vmcore /dev/null
check "-f: /dev/null" saved /dev/null
run -f -E -d 31 vmcore /dev/null
check "-f -E: /dev/null" saved /dev/null
run_on flat -R -f /dev/null
check "-R -f: /dev/null" saved /dev/null
check "/dev/null is still there" test -c /dev/null
run -d 31 vmcore /dev/null
check "/dev/null without -f" fails "/dev/null: File exists"

# ---- pipes, which nobody reads
mkfifo pipe
run -f -d 31 vmcore pipe
check "a pipe" fails "pipe is a pipe or socket, and a dump file is written at offsets: use -F"
run_on flat -R -f pipe
check "-R: a pipe" fails "pipe is a pipe or socket"
run -f --dry-run -d 31 vmcore pipe
check "--dry-run: a pipe" status_is 0
# a signal ends the wait for a reader
timeout -k 60 2 "$MAKEDUMPFILE" --dump-dmesg -f vmcore pipe >"$tmp/out" 2>"$tmp/err" </dev/null
status=$?
check "--dump-dmesg: a pipe, and a signal" fails_by_signal "pipe: opening it for writing: Interrupted"

run -f -d 31 vmcore vmcore
check "-f: not over the input" fails "vmcore is the input itself"

# ---- which compressor, which level
info_is() { "$dumpcheck" info "$1" | grep -q "$2"; }
letter() { # LETTER NAME STATUS
	if ! "$MAKEDUMPFILE" -v | grep -q "^$2	enabled$" && [ "$2" != zlib ]; then
		printf 'ok - -%s # SKIP %s is not built in\n' "$1" "$2"
		return
	fi
	run -f "-$1" -d 31 vmcore packed
	check "-$1: the header says $2" info_is packed "status 0x$3 "
	"$MAKEDUMPFILE" -F "-$1" -d 31 vmcore >flat 2>"$tmp/err" </dev/null
	run_on flat -f -R back
	check "-$1: -F and -R: the plain file" cmp packed back
}
letter c zlib 1
letter l lzo 2
letter p snappy 4
letter z zstd 20
run -f -d 31 vmcore packed
check "no letter: the header says none" info_is packed "status 0 "
if "$MAKEDUMPFILE" -v | grep -q '^lzo	enabled$'; then
	run -f -l -c -d 31 vmcore packed
	check "-l -c: the last one counts" info_is packed "status 0x1 "
	run -f -c -l -d 31 vmcore packed
	check "-c -l: the last one counts" info_is packed "status 0x2 "
fi
for level in 0 1 8 17 31; do
	run -f -d $level vmcore packed
	check "-d $level: the header says so" info_is packed " level $level "
done
run -f -d 1 -d 17 vmcore packed
check "-d 1 -d 17: the last one counts" info_is packed " level 17 "
run -f vmcore packed
check "no -d: level 0" info_is packed " level 0 "

# ---- how the work is done does not matter
for form in "-c -d 31" "-E -d 31"; do
	# shellcheck disable=SC2086 # words
	run -f $form vmcore plain
	for how in "-b 0" "-b 10" "--cyclic-buffer 1" "--cyclic-buffer 100000" "--work-dir $tmp/nosuch" \
		--non-mmap "--num-threads 0" "--num-threads 3" "-D --show-stats" "--memory-limit 5M"; do
		# shellcheck disable=SC2086
		run -f $form $how vmcore other
		check "$form: the same bytes with $(echo "$how" | sed "s,$tmp/,,")" cmp plain other
	done
done
"$MAKEDUMPFILE" -F -c -d 31 --num-threads 3 vmcore >flat3 2>"$tmp/err" </dev/null
"$MAKEDUMPFILE" -F -c -d 31 --num-threads 1 vmcore >flat1 2>"$tmp/err" </dev/null
check "-F: the same bytes with any number of threads" cmp flat1 flat3

# ---- what the level needs is looked for in the image
"$DF_BUILD/mkvmcore" "$DF_SRC/tests/fixtures/recipes/hostile-info-none.txt" nameless || exit 1
for level in 2 16 31; do
	run -d $level nameless none
	check "no VMCOREINFO, level $level: refused" fails "VMCOREINFO"
	check "no VMCOREINFO, level $level: no file" no_file none
done
for level in 0 1; do
	run -f -d $level nameless all
	check "no VMCOREINFO, level $level: saved" saved all
done
test_end
