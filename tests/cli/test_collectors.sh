#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck disable=SC2317,SC2086,SC2016 # conditions are called through check; settings are split into words; awk
# Every call of makedumpfile that the collectors of docs/collectors.md make, in their order of arguments and with their
# redirections, and what they rely on: exit status, stream, text.
. "$(dirname "$0")/lib.sh"
: "${DF_BUILD:?is not set: give the folder of the build}" "${DF_SRC:?is not set: give the source tree}"

cat >recipe <<'END'
preset 6.1
ram 0 4M
layout kernel=256K kernel_size=256K
paging direct=4K kernel=4K
page 0x101-0x104 kind=anon
buddy 0x200 order=7
log ring
say "the last words" ts=1000000000 level=4
END
"$DF_BUILD/mkvmcore" recipe vmcore || exit 1
log='[    1.000000] [      T0] the last words'
mkdir bin
ln -s "$MAKEDUMPFILE" bin/makedumpfile
PATH=$tmp/bin:$PATH

# call COMMAND...: as run, for any command
call() {
	"$@" </dev/null >"$tmp/out" 2>"$tmp/err"
	status=$?
}
# shell TEXT: as run, for a line of a collector's script with redirections of its own
shell() { call sh -c "$1"; }
ok() { status_is 0; }
fails() { [ "$status" -ne 0 ] && [ "$status" -lt 126 ]; }
is_silent() { status_is 0 && out_is_empty && err_is_empty; }
is_quiet_failure() { fails && out_is_empty && err_is_empty; }
file_is() { [ "$(cat "$1")" = "$2" ]; }
same() { [ -s "$1" ] && cmp -s "$1" "$2"; }
is_stream() { [ "$(head -c 12 "$1")" = makedumpfile ]; }
has_codec() { makedumpfile -v | grep -q "^$1	enabled\$"; }
# What a dump of a letter must look like, as makedumpfile writes it by itself.
plain() { [ -e "plain.$1" ] || makedumpfile "-$1" -d 31 vmcore "plain.$1" >"$tmp/log" 2>&1; }
# rearranged FILE LETTER: the stream in FILE, made a file, is that dump
rearranged() {
	rm -f back
	plain "$2" && makedumpfile -R back <"$1" >"$tmp/log" 2>&1 && same back "plain.$2"
}
fast=c
if has_codec lzo; then fast=l; fi

# ---- -v: a line a compressor, name, tab, enabled or disabled; the version behind a fixed word
call makedumpfile -v
check "-v" ok
for name in lzo snappy zstd; do
	check "-v: $name" grep -qE "^$name	(enabled|disabled)\$" "$tmp/out"
done
check "-v: version" grep -qE '^makedumpfile: version [0-9]+\.[0-9]+\.[0-9]+ ' "$tmp/out"
cp "$tmp/out" version
call makedumpfile --version
check "--version" ok
check "--version: the same" cmp -s "$tmp/out" version

# ---- kdump-utils: when the service starts, the settings are checked, with names that exist nowhere
for params in "-$fast --message-level 7 -d 31" "-c --message-level 1 -d 31" "-E -d 17" "-c --num-threads=2 -d 31"; do
	call makedumpfile --check-params $params vmcore dumpfile
	check "kdump-utils: --check-params $params, file system" is_silent
	call makedumpfile --check-params -F $params vmcore
	check "kdump-utils: --check-params -F $params, raw or ssh" is_silent
	call makedumpfile --check-params $params -F vmcore
	check "kdump-utils: --check-params $params -F, raw or ssh" is_silent
done
call makedumpfile --check-params -$fast -d 32 vmcore dumpfile
check "kdump-utils: --check-params of a wrong level" fails
call makedumpfile --check-params -F -$fast -d 31 vmcore dumpfile
check "kdump-utils: --check-params -F for a file system" fails
call makedumpfile --check-params --no-such-option vmcore dumpfile
check "kdump-utils: --check-params of an unknown option" fails
check "kdump-utils: --check-params leaves no file" no_file dumpfile

# ---- kdump-utils: to a file system, all output to the console
mkdir fs
collector="makedumpfile -$fast --message-level 7 -d 31"
shell "$collector --num-threads=2 '$tmp/vmcore' '$tmp/fs//vmcore-incomplete' >console 2>&1"
check "kdump-utils: to a file system" ok
plain "$fast"
check "kdump-utils: the dump" same fs/vmcore-incomplete "plain.$fast"
check "kdump-utils: the console sees that it is saved" grep -q '^The dumpfile is saved to .*//vmcore-incomplete\.$' console
rm fs/vmcore-incomplete
shell "ulimit -f 400; $collector --num-threads=2 vmcore fs/vmcore-incomplete >/dev/null 2>&1"
check "kdump-utils: no room" fails
check "kdump-utils: no room: what is there stays under its name" test -s fs/vmcore-incomplete
shell "$collector --num-threads=2 vmcore nosuch/vmcore-incomplete >/dev/null 2>&1"
check "kdump-utils: no folder" fails

rm fs/vmcore-incomplete
shell "makedumpfile -$fast --message-level 1 -d 31 vmcore fs/vmcore-incomplete"
check "kdump-utils, up to 2021: nothing on standard output" out_is_empty
check "kdump-utils, up to 2021: the dump" same fs/vmcore-incomplete "plain.$fast"

# ---- kdump-utils: raw device and ssh.  -F is taken out of the text, which leaves two blanks, and put behind it.
collector="makedumpfile  -$fast --message-level 7 -d 31 -F"
yes "an old file system" | head -c 6000000 >device
shell "$collector vmcore | dd of=device bs=512 conv=notrunc >progress 2>&1"
check "kdump-utils: to a raw device" ok
check "kdump-utils: what dd says is all there is" not grep -q makedumpfile progress
check "kdump-utils: messages on standard error" err_has "The dumpfile is saved to STDOUT."
check "kdump-utils: a stream on the device" is_stream device
shell "umask 077; $collector vmcore | sh -c 'umask 0077 && dd bs=512 of=fs/vmcore.flat 2>/dev/null'"
check "kdump-utils: through ssh" ok
check "kdump-utils: through ssh: the dump" rearranged fs/vmcore.flat "$fast"
# At the next start of the service it is taken off the device, garbage behind it and all.
shell "makedumpfile -R fs/vmcore <device >/dev/null 2>&1"
check "kdump-utils: back from the device" ok
check "kdump-utils: back from the device: the dump" same fs/vmcore "plain.$fast"
dd if=/dev/zero of=device bs=512 count=1 conv=notrunc 2>/dev/null
for content in wiped zeros text empty; do
	case $content in
	wiped) ;;
	zeros) head -c 1000000 /dev/zero >device ;;
	text) yes "an old file system" | head -c 1000000 >device ;;
	empty) : >device ;;
	esac
	shell "makedumpfile -R fs/nothing <device >/dev/null 2>&1"
	check "kdump-utils: nothing on the device: $content" fails
	check "kdump-utils: nothing on the device: $content: no file" no_file fs/nothing
done
if command -v bash >/dev/null; then
	call bash -c "set -o pipefail; $collector nosuch | dd bs=512 of=fs/lost"
	check "kdump-utils: pipefail sees that there is no input" fails
	call bash -c "set -o pipefail; $collector vmcore | head -c 5000 >fs/lost"
	check "kdump-utils: pipefail sees that the reader is gone" fails
	check "kdump-utils: the reader is gone: it is said" err_has "Broken pipe"
else
	echo "ok - kdump-utils: pipefail # SKIP there is no bash"
fi

# ---- kdump-utils: its tests
call makedumpfile --dump-dmesg fs/vmcore fs/vmcore-dmesg.txt.2
check "kdump-utils: log of a dump" ok
check "kdump-utils: the log" file_is fs/vmcore-dmesg.txt.2 "$log"

# ---- kdump-tools (Debian, Ubuntu): the log, then a stream through a compressor
mkdir crash
call makedumpfile --dump-dmesg vmcore crash/dmesg.202601010101
check "kdump-tools: log" ok
check "kdump-tools: the log" file_is crash/dmesg.202601010101 "$log"
for arguments in "-F -c -d 31" "-c -d 31 -F" "-F -c -d 31 -F"; do
	shell "makedumpfile $arguments vmcore | cat >crash/dump-incomplete"
	check "kdump-tools: $arguments" ok
	check "kdump-tools: $arguments: the dump" rearranged crash/dump-incomplete c
done
for compress in gzip bzip2 lz4 xz zstd; do
	if ! command -v $compress >/dev/null; then
		echo "ok - kdump-tools: through $compress # SKIP it is not installed"
		continue
	fi
	shell "makedumpfile -F -c -d 31 vmcore | $compress -c >crash/dump-incomplete.$compress"
	check "kdump-tools: through $compress" ok
	$compress -dc <crash/dump-incomplete.$compress >crash/dump
	check "kdump-tools: through $compress: the dump" rearranged crash/dump c
done
shell "makedumpfile -F -c -d 31 vmcore | gzip -c | dd of=crash/ssh 2>/dev/null"
check "kdump-tools: through ssh" ok

# ---- kdump (SUSE, from 2023): into a named pipe; the log's debug messages tell kernel and time
mkfifo fifo
# through COMMAND...: COMMAND writes into the pipe, cat into the file "saved"; as the script does it
through() {
	"$@" >fifo 2>"$tmp/err" </dev/null &
	cat fifo >saved
	wait $!
	status=$?
	: >"$tmp/out"
}
through makedumpfile -F --message-level 8 --dump-dmesg vmcore
check "kdump: log" ok
check "kdump: the log" file_is saved "$log"
crashtime='' osrelease=''
IFS=" ="
while read -r key value; do
	case $key in
	CRASHTIME) crashtime=$value ;;
	OSRELEASE) osrelease=$value ;;
	esac
done <"$tmp/err"
unset IFS
check "kdump: the kernel's release is in the debug messages" test "$osrelease" = 6.1.0-50-cloud-amd64
check "kdump: the time of the crash is in the debug messages" test "$crashtime" = 1795195517
for letter in E c l p z; do
	case $letter in
	l) has_codec lzo || continue ;;
	p) has_codec snappy || continue ;;
	z) has_codec zstd || continue ;;
	esac
	threads="--num-threads 2"
	[ $letter != E ] || threads=
	through makedumpfile -F -$letter $threads --message-level 6 -d 31 vmcore
	check "kdump: -F -$letter $threads" ok
	check "kdump: -F -$letter: the dump" rearranged saved $letter
	check "kdump: -F -$letter: no progress at --message-level 6" not err_has Copying
done
through makedumpfile -F -c --num-threads 2 --message-level 15 -d 31 vmcore
check "kdump: all messages" ok
check "kdump: all messages: the dump" rearranged saved c
check "kdump: progress" err_has Copying
through makedumpfile -F -c -d 31 nosuch
check "kdump: no input" fails
makedumpfile -F -c -d 31 vmcore >fifo 2>"$tmp/err" </dev/null &
head -c 5000 fifo >saved
kill $! 2>/dev/null
wait $!
status=$?
check "kdump: ended where saving failed" not ok # by the signal, or by the pipe that nobody reads

# ---- kdump (SUSE, kdumptool up to 2023): -F behind the operand; directly to a file
shell "makedumpfile --dump-dmesg -F vmcore >saved"
check "kdumptool: log" ok
check "kdumptool: the log" file_is saved "$log"
shell "makedumpfile --dump-dmesg vmcore crash/dmesg.txt"
check "kdumptool: log to a file" ok
shell "makedumpfile --num-threads 3  -d 31 -c vmcore -F >saved"
check "kdumptool: stream" ok
check "kdumptool: stream: the dump" rearranged saved c
shell "makedumpfile --num-threads 3  -d 31 -c vmcore crash/vmcore"
check "kdumptool: directly" ok
check "kdumptool: directly: the dump" same crash/vmcore plain.c
# What it leaves beside the stream is a program in Perl.
if [ -r /usr/bin/makedumpfile-R.pl ] && command -v perl >/dev/null; then
	shell "perl /usr/bin/makedumpfile-R.pl crash/arranged <saved"
	check "kdumptool: makedumpfile-R.pl" ok
	check "kdumptool: makedumpfile-R.pl: the dump" same crash/arranged plain.c
fi

# ---- kdump 1.x with KDUMP_CPUS and without -F, and people: a split dump, put together elsewhere
are_there() { [ -s "$1" ] && [ -s "$2" ]; }
joined() { call makedumpfile --reassemble "$@" crash/joined; }
shell "makedumpfile --split  -d 31 -c vmcore crash/vmcore1 crash/vmcore2"
check "kdumptool: split" ok
check "kdumptool: split: two pieces" are_there crash/vmcore1 crash/vmcore2
joined crash/vmcore1 crash/vmcore2
check "kdumptool: split: put together" ok
check "kdumptool: split: the dump" same crash/joined plain.c
rm crash/joined
call makedumpfile --split -d 31 -$fast vmcore crash/a crash/b
check "people: --split" ok
joined crash/b crash/a
check "people: --reassemble, in another order" ok
check "people: --reassemble: the dump" same crash/joined plain.$fast
rm crash/joined
joined crash/a
check "people: --reassemble of half a dump" fails
check "people: --reassemble of half a dump: no file" no_file crash/joined

# ---- kdump-steamos and others: a log and a dump, each to a file
call makedumpfile --dump-dmesg vmcore crash/steam.txt
check "kdump-steamos: log" ok
has_codec zstd && shell "makedumpfile -z -d 31 vmcore crash/vmcore.compressed" && check "kdump-steamos: dump" ok

# ---- abrt: the log, over what may be there already
echo old >crash/dmesg_log
call makedumpfile --dump-dmesg -f fs/vmcore crash/dmesg_log
check "abrt: log" ok
check "abrt: the log" file_is crash/dmesg_log "$log"

# ---- retrace-server: the level of a dump is in the debug messages
level() { sed -nE 's/^[ 	]*dump_level[ 	]*:[ 	]*([0-9]+).*$/\1/p' "$tmp/out" | head -n 1; }
makedumpfile -c -d 17 vmcore crash/low >"$tmp/out" 2>&1
makedumpfile --split -c -d 17 vmcore crash/piece1 crash/piece2 >"$tmp/log" 2>&1
makedumpfile -F -c -d 17 vmcore >crash/low.flat 2>"$tmp/log"
for dump in "fs/vmcore 31" "crash/low 17" "crash/low.flat 17" "crash/piece1 17" "crash/piece2 17"; do
	call makedumpfile -D --dump-dmesg ${dump% *} crash/dmesg
	check "retrace-server: level of $dump" test "$(level)" = "${dump#* }"
	rm -f crash/dmesg
done
call makedumpfile -D --dump-dmesg --piece crash/piece2 crash/piece1 crash/dmesg
check "retrace-server: level of both pieces" test "$(level)" = 17
rm -f crash/dmesg
call makedumpfile -D --dump-dmesg crash/piece1 crash/dmesg
check "retrace-server: a piece alone has no log" fails
: >crash/dmesg
call makedumpfile -D --dump-dmesg crash/low crash/dmesg
check "retrace-server: level where the log is there already" test "$(level)" = 17
rm -f crash/dmesg
call makedumpfile -D --dump-dmesg vmcore crash/dmesg
check "retrace-server: a vmcore has no level" test -z "$(level)"
shell "makedumpfile -R crash/normal <fs/vmcore.flat"
check "retrace-server: a stream made a file" ok
call makedumpfile -c -d 31 --message-level 0 crash/low crash/low.stripped
check "retrace-server: stripped, without a word" is_silent
check "retrace-server: stripped: the dump" same crash/low.stripped plain.c
call makedumpfile -c -d 31 --message-level 0 nosuch crash/none
check "retrace-server: a failure, without a word" is_quiet_failure

# ---- retrace-server, kernel packages of Ubuntu: facts about the kernel from its vmlinux
cat recipe - >recipe.banner <<'END'
mem linux_banner str="Linux version 6.1.0-50-cloud-amd64 (me@here) #1 SMP" u8=10
fact SYMBOL(linux_banner)=@
END
"$DF_BUILD/mkvmcore" recipe.banner banner.vmcore || exit 1
strings -n 6 -a banner.vmcore | grep -E '^(OSRELEASE|BUILD-ID|PAGESIZE|[A-Z]+\([a-zA-Z_.0-9]+\))=' >text
BANNER="Linux version 6.1.0-50-cloud-amd64 (me@here) #1 SMP"
export BANNER
printf 'int x;\n' >probe.c
if ! ${CC:-cc} -g -nostdlib -static -Wl,-e,0 -o probe probe.c 2>/dev/null || ! command -v bash >/dev/null; then
	echo "ok - facts from a vmlinux # SKIP no vmlinux can be made here"
elif ! "$DF_SRC/tests/tools/mkvmlinux" text vmlinux 2>"$tmp/err"; then
	check "facts from a vmlinux: one is made" false
elif call makedumpfile -g facts -x vmlinux && grep -q 'does not read debug information' "$tmp/err"; then
	echo "ok - facts from a vmlinux # SKIP not in this build"
else
	check "kernel packages: -g" ok
	check "kernel packages: the facts" grep -qx "OSRELEASE=6.1.0-50-cloud-amd64" facts
	makedumpfile -c -d 17 banner.vmcore banner.low >"$tmp/log" 2>&1
	makedumpfile -c -d 31 banner.vmcore banner.plain >"$tmp/log" 2>&1
	call makedumpfile -c -d 31 -x vmlinux --message-level 0 banner.low banner.stripped
	check "retrace-server: stripped with its vmlinux, without a word" is_silent
	check "retrace-server: stripped with its vmlinux: the dump" same banner.stripped banner.plain
fi

# ---- people's scripts: how much of memory a dump would be, with words picked out of the table
# number PROGRAM: what awk prints of the table
number() { awk "$1" table; }
is_number() { [ "$(number "$1")" = "$2" ]; }
for arguments in "--mem-usage" "-f --mem-usage"; do
	shell "makedumpfile $arguments vmcore >table 2>progress"
	check "$arguments" ok
	check "$arguments: pages of users" is_number '$1 == "USER" && $3 == "yes" { print $2 }' 4
	check "$arguments: free pages" is_number '$1 == "FREE" && $3 == "yes" { print $2 }' 128
	check "$arguments: size of a page" is_number '/^page size:/ { print $3 }' 4096
	check "$arguments: pages in all" is_number '/^Total pages on system:/ { print $NF }' 1024
	check "$arguments: bytes in all" is_number '/^Total size on system:/ { print $(NF - 1), $NF }' "4194304 Byte"
	check "$arguments: what cannot be left out is the rest" is_number '
		$3 == "yes" { left_out += $2 }
		$1 == "KERN_DATA" && $3 == "no" { kept = $2 }
		/^Total pages/ { print (kept > 0 && kept + left_out == $NF) }' 1
done
shell "makedumpfile --mem-usage nosuch >table 2>/dev/null"
check "--mem-usage: no input" fails
check "--mem-usage: no input: no table" not grep -q KERN_DATA table
test_end
