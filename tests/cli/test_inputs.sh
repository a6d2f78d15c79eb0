#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck disable=SC2317,SC2086 # conditions are called through check; $form is several words
# Inputs that are not ours to filter, and what of an input the output does not carry: one line each, in all modes.  What
# the library makes of more of them: tests/unit/test_foreign.c, test_other_inputs.c.
. "$(dirname "$0")/lib.sh"
: "${DF_SRC:?is not set: give the folder of the sources}" "${DF_BUILD:?is not set: give the folder of the build}"

make() { "$DF_BUILD/mkvmcore" "$1" "$2"; }
from_recipe() { # NAME LINE...
	name=$1
	shift
	printf '%s\n' "$@" >recipe
	make recipe "$name" || exit 1
}
beginning() { # NAME OCTAL...: 64 KiB that begin so
	head -c 65536 /dev/zero >"$1"
	printf "$2" | dd of="$1" conv=notrunc status=none
}

# ---- refused by name, and nothing is made

# One error, which names it; no file.
refused() { status_is 1 && [ "$(grep -c '^makedumpfile: ' "$tmp/err")" -eq 1 ] && err_has "makedumpfile: $1" && no_file dump; }
refuses() { # FILE TEXT
	for form in "-l -d 31" "-E -d 31" "-c -d 0" "--dry-run -d 31"; do
		run $form "$1" dump
		check "$form: $1" refused "$2"
	done
	run --mem-usage "$1"
	check "--mem-usage: $1" refused "$2"
	run --dump-dmesg "$1" dump
	check "--dump-dmesg: $1" refused "$2"
	"$MAKEDUMPFILE" -F -d 31 "$1" </dev/null >"$tmp/out" 2>"$tmp/err"
	status=$?
	check "-F: $1" refused "$2"
	check "-F: $1: nothing on standard output" out_is_empty
	"$MAKEDUMPFILE" -d 31 - dump <"$1" >"$tmp/out" 2>"$tmp/err"
	status=$?
	check "standard input: $1" refused "standard input${2#"$1"}"
}
make "$DF_SRC/tests/fixtures/recipes/shape-protected.txt" protected || exit 1
refuses protected "protected is the encrypted dump of a protected guest (IBM Secure Execution; sections pv_mem_meta, pv_compl)"
from_recipe locked "machine s390x" "preset 6.12-s390x" "note LINUX 0x30e 640"
refuses locked "locked is of a protected guest (IBM Secure Execution; note NT_S390_PV_CPU_DATA)"
from_recipe guest "preset 6.1" "shdr .note.Xen 564 type=7" "shdr .xen_pages 65536" "ehdr e_phnum=0"
refuses guest "guest is a core of a Xen guest (xl dump-core; sections .note.Xen, .xen_pages)"
from_recipe process "preset 6.1" "info none" "note CORE 6 320"
refuses process "process is the core of a process (note NT_AUXV), not of a kernel"
beginning sadump 'sadump\0\0'
refuses sadump "sadump is a sadump dump (single partition)"
beginning lkcd '\355\043\217\141\163\001\031\250\011'
refuses lkcd "lkcd is an LKCD dump"
beginning lime 'EMiL\001'
refuses lime "lime is a LiME file"
refuses "$MAKEDUMPFILE" "$MAKEDUMPFILE is an ELF file but no core file (e_type 3): it is a program"

# ---- a Xen host: all is kept, in words

make "$DF_SRC/tests/fixtures/recipes/shape-xen-host.txt" xen || exit 1
keeps_all() { status_is 0 && err_has "warning: pages cannot be told apart, all are kept: xen is of a Xen host (note Xen)"; }
run -c -d 0 xen all
check "a Xen host: a copy needs no warning" not err_has warning
for form in "-c -d 31" "-E -d 31" "-e -c -d 31"; do
	rm -f dump
	run $form xen dump
	check "a Xen host, $form: it is named" keeps_all
done
rm -f dump
run -c -d 31 all dump
check "a Xen host, from a dump" err_has "all is of a Xen host (note Xen)"
run -c -d 0 -f xen again
check "a Xen host: nothing is left out" cmp all again
run --dump-dmesg xen log
check "a Xen host: no kernel log" err_has "kernel log: xen is of a Xen host (note Xen)"

# ---- what the output does not carry

make "$DF_SRC/tests/fixtures/recipes/shape-odd-sections.txt" odd || exit 1
make "$DF_SRC/tests/fixtures/recipes/shape-qemu.txt" qemu || exit 1
lacks() { status_is 0 && err_has "makedumpfile: warning: odd: the output does not carry section .odd (4096 bytes), section .table (64 bytes)"; }
for form in "-c -d 31" "-E -d 31" "-c -d 0"; do
	rm -f dump
	run $form odd dump
	check "$form: what is left behind is said" lacks
	rm -f dump
	run $form qemu dump
	check "$form: of QEMU's files there is nothing to say" not err_has "does not carry"
done
run -F -c -d 31 odd
check "-F: what is left behind is said" lacks
run --message-level 0 -f -c -d 31 odd dump
check "what is left behind is not said where nothing is wanted" err_is_empty
run --json=report -f -c -d 31 odd dump
check "what is left behind is in the report" grep -qF "does not carry section .odd" report
test_end
