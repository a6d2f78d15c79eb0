#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck disable=SC2317 # conditions are called through check
# Which command lines are valid and what is said about the others; no file is opened.
. "$(dirname "$0")/lib.sh"

hint="Commandline parameter is invalid.
Try \`makedumpfile --help' for more information."

is_silent() { status_is 0 && out_is_empty && err_is_empty; }
# One line on stderr that has the text.
is_refused() { status_is 1 && out_is_empty && lines_are "$tmp/err" 1 && err_has "$1"; }
# The same and two lines on stdout.
is_rejected() { status_is 1 && out_is "$hint" && lines_are "$tmp/err" 1 && err_has "$1"; }
# All on stderr.
is_rejected_flat() { status_is 1 && out_is_empty && lines_are "$tmp/err" 3 && err_has "$1" && err_has "$hint"; }
is_quiet_failure() { status_is 1 && out_is_empty && err_is_empty; }

# accept ARGUMENT...
accept() {
	run --check-params "$@"
	check "accepted: $*" is_silent
}
# refuse TEXT ARGUMENT...: the argument of an option is wrong
refuse() {
	text=$1
	shift
	run --check-params "$@"
	check "refused: $*" is_refused "$text"
}
# reject TEXT ARGUMENT...: the command line as a whole is wrong
reject() {
	text=$1
	shift
	run --check-params "$@"
	check "rejected: $*" is_rejected "$text"
}
reject_flat() {
	text=$1
	shift
	run --check-params "$@"
	check "rejected: $*" is_rejected_flat "$text"
}
has_codec() { "$MAKEDUMPFILE" -v | grep -q "^$1	enabled\$"; }
# codec LETTER NAME: accepted if it is built in, else an error
codec() {
	if has_codec "$2"; then
		accept "-$1" vmcore dump
	else
		refuse "-$1: $2 is not built in" "-$1" vmcore dump
	fi
}

# ---- operands
accept vmcore dump
accept -F vmcore
accept -F -d 31 vmcore
accept -d 31 -F -F vmcore
accept -F -E vmcore
accept -R dump
reject "the names of the vmcore and of the dump file" # no operands
reject "the name of the dump file to write is missing" vmcore
reject "too many names from 'third' on" vmcore dump third
reject_flat "-F needs the name of the vmcore" -F
reject_flat "too many names from 'dump' on" -F vmcore dump
reject_flat "too many names from 'dump' on" vmcore dump -F
reject "-R needs the name of the dump file" -R
reject "too many names from 'b' on" -R a b

# ---- order, bundles, abbreviations
accept vmcore -d 31 dump
accept vmcore dump -d 31
accept -cd31 vmcore dump
accept -fDd 31 vmcore dump
accept --mess 7 vmcore dump
accept --num 3 vmcore dump
accept --num-threads=3 vmcore dump
accept --dry vmcore dump
accept -- vmcore dump
accept -d 31 -- -vmcore -dump
run -d 31 --check-params vmcore dump
check "--check-params last" is_silent
run -d 31 vmcore dump extra --check-params
check "--check-params last, rejected" is_rejected "too many names from 'extra' on"
POSIXLY_CORRECT=1
export POSIXLY_CORRECT
run --check-params vmcore dump -d
unset POSIXLY_CORRECT
check "POSIXLY_CORRECT: options end at the first name" is_rejected "too many names from '-d' on"

# ---- dump level
accept -d 0 vmcore dump
accept -d 31 vmcore dump
accept -d 1 -d 17 vmcore dump
refuse "-d '32': expected a number from 0 to 31" -d 32 vmcore dump
refuse "-d '-1': expected" -d -1 vmcore dump
refuse "-d 'abc': expected" -d abc vmcore dump
refuse "-d '31x': expected" -d 31x vmcore dump
refuse "-d '0x1f': expected" -d 0x1f vmcore dump
refuse "-d '': expected" -d '' vmcore dump
refuse "-d ' 31': expected" -d ' 31' vmcore dump
refuse "-d '31 ': expected" -d '31 ' vmcore dump
refuse "-d '99999999999999999999': expected" -d 99999999999999999999 vmcore dump
refuse "-d 'abc': expected" -d abc -d 31 vmcore dump
accept -d 31,17 vmcore dump
accept -d 31,,17, vmcore dump
refuse "-d ',': expected" -d , vmcore dump
refuse "-d '31,32': expected numbers" -d 31,32 vmcore dump
refuse "-d '31,x': expected numbers from 0 to 31" -d 31,x vmcore dump

# ---- compression
codec c zlib
codec l lzo
codec p snappy
codec z zstd
accept -p -z -c vmcore dump
reject "-E cannot be combined with -c" -c -E vmcore dump
reject "-E cannot be combined with -l" -E -l vmcore dump
reject "-E cannot be combined with -p" -E -p vmcore dump
reject "-E cannot be combined with -z" -c -E -z vmcore dump
reject_flat "-E cannot be combined with -c" -F -c -E vmcore
accept -E vmcore dump
accept -E -d 31 vmcore dump

# ---- -R
accept -R -f dump
accept -R -d 0 dump
accept -R --dry-run dump
accept -R --num-threads 2 dump
reject "-R cannot be combined with -l" -R -l dump
reject "-R cannot be combined with -d" -R -d 31 dump
reject "-R cannot be combined with -E" -R -E dump
reject_flat "-R cannot be combined with -F" -R -F dump
accept -R -e dump # one configured line for all modes

# ---- threads
accept --num-threads 0 vmcore dump
accept --num-threads 1 vmcore dump
accept --num-threads -1 vmcore dump
accept --num-threads 2 -F vmcore
accept --num-threads 2 -E vmcore dump
accept --num-threads 2 --dry-run vmcore dump
refuse "--num-threads 'x': expected a number" --num-threads x vmcore dump
refuse "--num-threads '2x': expected" --num-threads 2x vmcore dump
refuse "--num-threads '': expected" --num-threads= vmcore dump
refuse "--num-threads '4294967297': expected" --num-threads 4294967297 vmcore dump

# ---- messages
accept --message-level 0 vmcore dump
accept --message-level 31 vmcore dump
accept -D --show-stats vmcore dump
refuse "--message-level '32': expected a number from 0 to 31" --message-level 32 vmcore dump
refuse "--message-level '-1': expected" --message-level -1 vmcore dump
refuse "--message-level '7x': expected" --message-level 7x vmcore dump
refuse "--message-level '': expected" --message-level= vmcore dump

# ---- other options, and those without effect
accept --dry-run vmcore dump
accept --dry-run=exact vmcore dump
accept --dry-run -F vmcore
accept --dry-run -E vmcore dump
accept --non-mmap vmcore dump
accept -b 4 vmcore dump
accept -b 0 vmcore dump
accept --cyclic-buffer 1024 vmcore dump
accept --work-dir /tmp vmcore dump
refuse "-b '31': expected a number from 0 to 30" -b 31 vmcore dump
refuse "-b '-1': expected" -b -1 vmcore dump
refuse "-b 'x': expected" -b x vmcore dump
refuse "--cyclic-buffer '1k': expected" --cyclic-buffer 1k vmcore dump
refuse "--work-dir '': expected a name" --work-dir= vmcore dump

# ---- the kernel log
accept --dump-dmesg vmcore log
accept --dump-d vmcore log
accept --dump-dmesg --partial-dmesg --dmesg-levels -f vmcore log
accept -F --dump-dmesg vmcore
accept --dump-dmesg --non-mmap vmcore log
reject "--partial-dmesg needs --dump-dmesg" --partial-dmesg vmcore log
reject "--dmesg-levels needs --dump-dmesg" --dmesg-levels vmcore log
reject "--dry-run cannot be combined with --dump-dmesg" --dry-run --dump-dmesg vmcore log
reject "-R cannot be combined with --dump-dmesg" -R --dump-dmesg log
reject "-E cannot be combined with -c" --dump-dmesg -E -c vmcore log
reject "the name of the dump file to write is missing" --dump-dmesg vmcore
reject "too many names from 'c' on" --dump-dmesg vmcore log c
reject_flat "too many names from 'log' on" -F --dump-dmesg vmcore log

# ---- page structures
accept -e vmcore dump
accept -e -d 31 vmcore dump
accept -e --work-dir /tmp -d 31 vmcore dump
accept -e -E -d 31 vmcore dump
accept -e -F -d 31 vmcore

# ---- what memory is used for, where an address is
accept --mem-usage /proc/kcore
accept --mem /proc/kcore # as it was before --memory-limit came
accept --mem-usage -f -d 17 vmcore ignored
accept --mem-usage --vtop 0xffffffff81000000 vmcore
reject "--mem-usage needs a name" --mem-usage
reject "too many names" --mem-usage vmcore one two
reject "--mem-usage cannot be combined with --dump-dmesg" --mem-usage --dump-dmesg vmcore log
accept --vtop ffffffff81000000 vmcore dump
accept --vtop 0xFFFFFFFF81000000 -F vmcore
refuse "--vtop 'x1': expected a hexadecimal address" --vtop x1 vmcore dump
refuse "--vtop '': expected" --vtop "" vmcore dump
refuse "--vtop '-1': expected" --vtop=-1 vmcore dump
refuse "--vtop '10000000000000000': expected" --vtop 10000000000000000 vmcore dump

# ---- facts about the kernel
accept -x vmlinux -d 31 vmcore dump
accept -i text -F vmcore
accept -x vmlinux --dump-dmesg vmcore log
accept -g text -x vmlinux
accept -f -g text -x vmlinux
reject "-i cannot be combined with -x" -i text -x vmlinux vmcore dump
reject "-g needs -x" -g text
reject "-g cannot be combined with -d" -g text -x vmlinux -d 31
reject "too many names from 'vmcore' on" -g text -x vmlinux vmcore

# ---- known, not supported
for option in -X; do
	refuse "$option is not supported yet" $option vmcore dump
done
for option in --config --eppic --extension --diskset --xen-syms --xen-vmcoreinfo --xen_phys_start; do
	refuse "$option is not supported yet" $option 1 vmcore dump
done
refuse "-d 'x': expected" --split -d x vmcore dump

# ---- split dumps
accept --split vmcore a b
accept --split -l -d 31 --splitblock-size 1024 --num-threads 4 vmcore a b c
accept --split --dry-run vmcore a b
accept --piece b --piece c -l -d 31 a dump
accept --piece b --dump-dmesg a log
accept --piece b -F a
accept --piece b --split a c d
accept --reassemble a b c dump
accept --reassemble --num-threads 2 -f a dump
accept --splitblock-size 4 vmcore dump
reject "--split needs the names of at least two dump files" --split vmcore dump
reject "the names of the vmcore and of the dump files to write are missing" --split
reject "the names of the pieces and of the dump file to write are missing" --reassemble
reject "the name of the dump file to write is missing" --reassemble a
reject "pieces are kdump-compressed files" --split -E vmcore a b
reject_flat "there is only one standard output" --split -F vmcore a b
reject "the log is one file" --split --dump-dmesg vmcore a b
reject "pages are joined as they are" --reassemble -c a b dump
reject "pages are joined as they are" --reassemble -d 1 a b dump
reject "pages are joined as they are" --reassemble -E a b dump
reject "one is the reverse of the other" --reassemble --split a b dump
reject "the pieces are named one after the other" --reassemble --piece a b dump
reject "a stream holds one file" -R --piece a dump
refuse "--splitblock-size 'x': expected a number" --split --splitblock-size x vmcore a b
refuse "--piece '': expected a name" --piece "" vmcore dump

# ---- "-" is a stream, or refused: no file gets that name
accept -d 31 - dump
accept -F -
accept --dump-dmesg - log
accept --mem-usage -
accept --mem-usage /proc/kcore -
accept -d 31 vmcore ./-
accept -x ./- -g ./-
accept --json - vmcore dump
flat="the output '-': use -F to write to standard output, or ./- for a file of that name"
file="the output '-': a file is needed: give its name, ./- for that one"
reject "$flat" -d 31 vmcore -
reject "$flat" -d 31 - -
reject "$flat" -E --dry-run vmcore -
reject "$flat" --dump-dmesg vmcore -
reject "$file" -R -
reject "$file" --split vmcore a -
reject "$file" --split vmcore - b
reject "$file" --reassemble a b -
reject "standard input cannot be a piece of a split dump" --reassemble a - dump
reject "standard input cannot be a piece of a split dump" --reassemble - a dump
reject "standard input cannot be a piece of a split dump" --piece - vmcore dump
reject "standard input cannot be a piece of a split dump" --piece b - dump
reject "-x -: a file is needed: give its name, ./- for that one" -x - vmcore dump
reject "-i -: a file is needed" -i - vmcore dump
reject "-g -: a file is needed" -g - -x vmlinux
run -d 31 vmcore -
check "no file is named -" no_file -

# ---- unknown
reject "unrecognized option '--non-cyclic'" --non-cyclic vmcore dump
reject "unrecognized option '--exclude-threshold'" --exclude-threshold vmcore dump
reject "invalid option -- 'P'" -P vmcore dump
reject "invalid option -- ':'" -: vmcore dump
reject "requires an argument -- 'd'" vmcore dump -d
reject "option '--num-threads' requires an argument" vmcore dump --num-threads
reject "option '--show-stats' doesn't allow an argument" --show-stats=1 vmcore dump
refuse "--dry-run '1': expected nothing, or 'exact'" --dry-run=1 vmcore dump
reject "ambiguous" --sp vmcore dump
begins_as_ours() { [ "$(head -n 1 "$tmp/err")" = "makedumpfile: unrecognized option '--foo'" ]; }
run --foo vmcore dump
check "getopt's line begins with the name only" begins_as_ours
reject_flat "unrecognized option '--foo'" --foo vmcore -F

# ---- streams, levels and the end of a failed run
end="
makedumpfile Failed."
has_failed() { status_is 1 && out_is "$1"; }
run vmcore
check "rejected: the last line says so" has_failed "$hint
$end"
run -d abc vmcore dump
check "refused: the last line says so" has_failed "$end"
has_failed_flat() { status_is 1 && out_is_empty && err_has "$hint" && err_has "makedumpfile Failed."; }
run -F
check "rejected with -F: all on stderr" has_failed_flat
run --message-level 0 vmcore
check "message level 0: silent" is_quiet_failure
run -d abc vmcore dump --message-level 0
check "message level 0 behind the mistake: silent" is_quiet_failure
run --check-params --message-level 0 vmcore
check "--check-params goes back to the default level" is_rejected "the name of the dump file to write is missing"
errors_only() { status_is 1 && out_is_empty && lines_are "$tmp/err" 1; }
run --message-level 4 vmcore
check "message level 4: the error line only" errors_only
common_and_error() { has_failed "$hint
$end" && lines_are "$tmp/err" 1; }
run --message-level 2 vmcore
check "message level 2: the error line, too" common_and_error

# ---- help and version win over other options, not over a wrong argument
helped() { status_is 0 && err_is_empty && out_has "Usage:" && out_has "--num-threads N" && out_has "Examples:"; }
for line in -h --help "--he" "-h a b c" "-h -c -E" "-x a -h" "-R -F -h"; do
	# shellcheck disable=SC2086 # several arguments
	run $line
	if [ "$line" = "-R -F -h" ]; then
		check "$line: help on stderr" err_has "Usage:"
	else
		check "$line: help" helped
	fi
done
narrow() { ! awk 'length > 80' "$tmp/out" | grep -q .; }
run -h
check "no line of the help has more than 80 columns" narrow
run -h -d 32
check "-h does not hide a wrong argument" err_has "-d '32': expected"
run --message-level 0 -h
check "--message-level 0 -h: silent" is_silent
versioned() {
	status_is 0 && err_is_empty && grep -Eq '^makedumpfile: version [0-9]+\.[0-9]+\.[0-9]+' "$tmp/out" &&
		grep -Eq '^lzo	(en|dis)abled$' "$tmp/out" && grep -Eq '^snappy	(en|dis)abled$' "$tmp/out" &&
		grep -Eq '^zstd	(en|dis)abled$' "$tmp/out" && [ -z "$(tail -n 1 "$tmp/out")" ]
}
run -v
check "-v: version and compressors" versioned
run -v one two three
check "-v with anything else" versioned
run --message-level 0 -v
check "--message-level 0 -v: silent" is_silent

check "no file was made" no_file "$tmp/dump"
test_end
