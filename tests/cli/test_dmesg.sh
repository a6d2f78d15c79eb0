#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck disable=SC2317 # conditions are called through check
# --dump-dmesg: files, streams, messages, exit codes.  What is in the log is tested in tests/unit/test_dmesg.c.
. "$(dirname "$0")/lib.sh"
: "${DF_BUILD:?is not set: give the folder of the build}"

cat >recipe <<'END'
preset 6.1
ram 0 2M
layout kernel=256K kernel_size=256K
paging direct=4K kernel=4K
log ring
say "before" ts=1000000000 level=4
log clear
say "after: \xc3\xa9" ts=2000000000 caller=0x80000001
END
make() { "$DF_BUILD/mkvmcore" recipe "$1"; }
make vmcore || exit 1
log='[    1.000000] [      T0] before
[    2.000000] [      C1] after: é'
partial='[    2.000000] [      C1] after: é'
levels='<4>[    1.000000] [      T0] before
<6>[    2.000000] [      C1] after: é'

saved() { status_is 0 && err_is_empty && out_is "
The dmesg log is saved to $1.

makedumpfile Completed."; }
failed_with() { status_is 1 && err_has "$1" && out_is "
makedumpfile Failed."; }
file_is() { [ "$(cat "$1")" = "$2" ]; }
mode_is() { [ "$(stat -c %a "$1")" = "$2" ]; }

run --dump-dmesg vmcore log
check "the log is saved" saved log
check "the log" file_is log "$log"
check "mode 0600" mode_is log 600
run --dump-dmesg --partial-dmesg vmcore partial
check "--partial-dmesg" file_is partial "$partial"
run --dump-dmesg --dmesg-levels vmcore levels
check "--dmesg-levels" file_is levels "$levels"
run --dump-dmesg --non-mmap vmcore read
check "--non-mmap" file_is read "$log"
run --dump-dmesg -l -d 31 --num-threads 4 --message-level 1 vmcore quiet
check "options of a dump are of no account" file_is quiet "$log"
check "--message-level 1: nothing is said" out_is_empty

# ---- existing files
run --dump-dmesg --partial-dmesg vmcore log
check "an existing file is refused" failed_with "log: File exists: use -f to overwrite it"
check "an existing file is untouched" file_is log "$log"
chmod 640 log
run --dump-dmesg --partial-dmesg -f vmcore log
check "-f" saved log
check "-f: the new log" file_is log "$partial"
check "-f: the mode stays" mode_is log 640
cp vmcore same
run --dump-dmesg -f same same
check "the input as output" failed_with "same is the input itself"
check "the input is untouched" cmp -s vmcore same
run --dump-dmesg vmcore nosuch/log
check "no such folder" failed_with "nosuch/log"
run --dump-dmesg nosuch none
check "no such input" failed_with "nosuch"
check "no such input: no file" no_file none

# ---- standard output
text_on_stdout() { status_is 0 && out_is "$log" && err_has "The dmesg log is saved to STDOUT." && err_has Completed; }
run -F --dump-dmesg vmcore
check "-F: text on standard output, messages on standard error" text_on_stdout
run -F --dump-dmesg --partial-dmesg --dmesg-levels vmcore
check "-F with the other options" out_is "<6>$partial"

# ---- nothing new
echo 'log clear' >>recipe
make vmcore
run --dump-dmesg --partial-dmesg vmcore nothing
check "nothing since the clear" saved nothing
empty() { [ -f "$1" ] && [ ! -s "$1" ]; }
check "nothing since the clear: an empty file" empty nothing

# ---- damage
echo 'mem prb_descs word=0x4000000000004321' >>recipe
make vmcore
run --dump-dmesg vmcore some
incomplete() { status_is 1 && err_has "some is incomplete but may be usable: kernel log: record" && lines_are "$tmp/err" 1; }
check "a damaged record: one line, exit status 1" incomplete
check "a damaged record: the others are there" file_is some "$partial"
echo 'info drop SYMBOL(mem_section)' >>recipe
make vmcore
rm some
run --dump-dmesg vmcore some
check "without a memory map" file_is some "$partial"
echo 'info none' >>recipe
make vmcore
run --dump-dmesg vmcore none
check "no VMCOREINFO" failed_with "vmcore has no VMCOREINFO: the kernel log cannot be found"
check "no VMCOREINFO: no file" no_file none
echo old >old
run -f --dump-dmesg vmcore old
check "no VMCOREINFO, -f: the old file stays" file_is old old

# ---- a full disk
full() { status_is 1 && err_has "No space left on device" && err_has "makedumpfile Failed."; }
if [ -w /dev/full ]; then
	sed -i '/^info/d' recipe
	make vmcore
	"$MAKEDUMPFILE" -F --dump-dmesg vmcore >/dev/full 2>"$tmp/err"
	status=$?
	: >"$tmp/out"
	check "a full disk" full
fi
test_end
