# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2034,SC2154 # variables of cli/lib.sh, and for those who source this
# Sourced by the tests on dumps of real kernels, after cli/lib.sh (run, check, the conditions, test_end).
#
# One such dump is in the tree: tests/fixtures/demo.vmcore.zst.  A folder of more is named by SHARED_VMCORES: in it
# NAME.vmcore.zst, NAME.expect.tsv (what is kept at which level), NAME.truth.bin.zst (what the guest knew of each page
# frame right before it crashed), and beside it tools/ with kdcheck.c, a second reader of dumps, and truth_kept.py.
#
# Unpacked dumps have 250 to 400 MB.  There is never more than one, in $tmp/vmcore.
: "${DF_SRC:?is not set: give the top of the source tree}"
. "$DF_SRC/tests/cli/lib.sh"
trap 'exit 130' HUP INT TERM
here=$DF_SRC/tests/real
shared=${SHARED_VMCORES:-}
[ -d "$shared" ] || shared=
demo=$DF_SRC/tests/fixtures/demo.vmcore.zst
vmcore=$tmp/vmcore
quiet=(--message-level 4) # errors and warnings only

skip() { printf 'ok - %s # SKIP %s\n' "$1" "$2"; }
skip_all() {
	printf 'skipped: %s\n' "$1"
	exit 77
}

need_shared() {
	[ -n "$shared" ] || skip_all "SHARED_VMCORES names no folder of dumps"
	command -v zstd >/dev/null || skip_all "there is no zstd to unpack the dumps"
}
need_demo() {
	[ -f "$demo" ] || skip_all "there is no tests/fixtures/demo.vmcore.zst"
	command -v zstd >/dev/null || skip_all "there is no zstd to unpack the dump"
	command -v python3 >/dev/null || skip_all "there is no python3"
}

# The project's own reader of dumps, which shares nothing with the library.
dumpcheck=${DF_BUILD:?is not set: give the folder of the build}/dumpcheck
if [ ! -x "$dumpcheck" ]; then
	echo "not ok - $dumpcheck is not built"
	exit 1
fi
# A second opinion, where there is one.
kdcheck=
if [ -f "$shared/../tools/kdcheck.c" ] &&
	"${CC:-cc}" -O2 -w -o "$tmp/kdcheck" "$shared/../tools/kdcheck.c" -lz -llzo2 -lsnappy -lzstd 2>/dev/null; then
	kdcheck=$tmp/kdcheck
fi

# unpack FILE: into $vmcore
unpack() {
	rm -f "$vmcore"
	zstd -q -d --sparse --long=29 "$1" -o "$vmcore" && chmod u+w "$vmcore"
}

# readable NAME: those of 32-bit machines are refused by the name of their format (test_levels.sh)
readable() { case $1 in armhf-* | i386-*) return 1 ;; esac; }

has_codec() { "$MAKEDUMPFILE" -v | grep -q "^$1	*enabled"; }
# The quickest way to small outputs.
pack=-c
if has_codec lzo; then pack=-l; fi

# pages DUMP [VMCORE]: decodes every page, compares each with the vmcore; what was found in $tmp/pages
pages() {
	"$dumpcheck" pages "$1" "${2:-$vmcore}" >"$tmp/pages" 2>"$tmp/pages.err" && return
	sed 's/^/# /' "$tmp/pages" "$tmp/pages.err"
	return 1
}
# number NAME, after pages: kept of zero pfns content bad lost
number() {
	case $1 in
	of) sed -nE 's/.* of ([0-9]+) pages.*/\1/p' "$tmp/pages" ;;
	*) sed -nE "s/(.*[ ,])?$1 ([0-9a-f]+).*/\2/p" "$tmp/pages" ;;
	esac
}
# What describes a dump's pages, whatever the compression.
digest() { echo "kept $(number kept) of $(number of) zero $(number zero) pfns $(number pfns) content $(number content)"; }
digest_is() {
	[ "$(digest)" = "$1" ] && return
	echo "# found: $(digest)"
	return 1
}

# byte FILE OFFSET: the number there
byte() { od -A n -t u1 -j "$2" -N 1 "$1" | tr -d ' '; }
# word FILE OFFSET: the 32-bit number there, in the byte order of an ELF or kdump-compressed file
word() {
	local order=little

	if is_elf "$1"; then
		[ "$(byte "$1" 5)" = 1 ] || order=big # EI_DATA
	else
		[ "$(byte "$1" 8)" != 0 ] || order=big # of the header's version
	fi
	od -A n -t u4 --endian=$order -j "$2" -N 4 "$1" | tr -d ' '
}
is_elf() { [ "$(head -c 4 "$1" | tail -c 3)" = ELF ]; }
# The mark of a dump from which pages are missing: e_flags bit 0, or bit 3 of the kdump header's status.
is_marked() {
	if is_elf "$1"; then
		[ $(($(word "$1" 48) & 1)) -ne 0 ]
	else
		[ $(($(word "$1" 424) & 8)) -ne 0 ]
	fi
}
