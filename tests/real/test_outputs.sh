#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# labels: slow
# timeout: 900
# One real dump, all the ways to write it: formats, compressors, flattened and re-arranged, threads, with and without
# mmap.  The same pages everywhere, and the same bytes where the format is the same.
# shellcheck disable=SC2034,SC2317 # conditions are called through check
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
need_demo

ran_clean() { status_is 0 && err_is_empty; }
same() { [ -s "$1" ] && cmp "$1" "$2"; }

codecs=(raw c)
for codec in lzo:l snappy:p zstd:z; do
	if has_codec ${codec%:*}; then
		codecs+=("${codec#*:}")
	else
		skip "compression with ${codec%:*}" "not in this build"
	fi
done
option() { [ "$1" = raw ] || printf '%s\n' "-$1"; }

decoded_as() {
	ran_clean && pages dump && digest_is "$1" && [ "$(number lost)" = "" ] && ! is_marked dump
}
# The status word of the header names the compressor.
status_word_is() { [ "$(word dump 424)" -eq "$1" ]; }
codec_bit() { case $1 in raw) echo 0 ;; c) echo 1 ;; l) echo 2 ;; p) echo 4 ;; z) echo 32 ;; esac; }

# flat_and_back WHAT OPTION...: the stream, re-arranged, must be the file "dump"
flat_and_back() {
	local what=$1

	shift
	"$MAKEDUMPFILE" "${quiet[@]}" -F "$@" "$vmcore" </dev/null >flat 2>"$tmp/err"
	status=$?
	: >"$tmp/out"
	check "$what: -F" ran_clean
	"$MAKEDUMPFILE" "${quiet[@]}" -R back <flat >"$tmp/out" 2>"$tmp/err"
	status=$?
	check "$what: -R" ran_clean
	check "$what: -F and -R make the file that is written without" same dump back
	rm -f back
}

# by_codec NAME LEVEL: every compressor; leaves the last dump and flat
by_codec() {
	local codec want="" opt what

	for codec in "${codecs[@]}"; do
		what="$1, level $2, $codec"
		mapfile -t opt < <(option "$codec")
		rm -f dump
		run "${quiet[@]}" "${opt[@]}" -d "$2" "$vmcore" dump
		if [ -z "$want" ]; then
			pages dump
			want=$(digest)
		fi
		check "$what: every page as in the vmcore, the same ones as with other compressors" decoded_as "$want"
		check "$what: the header's status" status_word_is "$(codec_bit "$codec")"
		flat_and_back "$what" "${opt[@]}" -d "$2"
	done
}

# by_threads NAME OPTION...: the same bytes whatever the threads and whichever way the vmcore is read
by_threads() {
	local what=$1 n

	shift
	rm -f dump
	run "${quiet[@]}" "$@" "$vmcore" dump
	for n in 0 1 2 3 8; do
		run "${quiet[@]}" --num-threads $n "$@" "$vmcore" again
		check "$what: --num-threads $n: the same bytes" same dump again
		rm -f again
	done
	run "${quiet[@]}" --non-mmap "$@" "$vmcore" again
	check "$what: --non-mmap: the same bytes" same dump again
	rm -f again
}

elf_set_is_right() {
	"$dumpcheck" pfns dump >elf.pfns && "$dumpcheck" pfns kdump >kdump.pfns &&
		python3 "$here/elf_set.py" "$vmcore" kdump kdump.pfns elf.pfns | tee elf.text
	[ "${PIPESTATUS[*]}" = "0 0" ] && [ "$(grep -c 'left out 0$' elf.text)" = "$1" ]
}
elf_pages_are_right() { ran_clean && pages dump && ! is_marked dump; }

# by_elf NAME LEVEL
by_elf() {
	rm -f dump kdump
	run "${quiet[@]}" -d "$2" "$vmcore" kdump
	run "${quiet[@]}" -E -d "$2" "$vmcore" dump
	check "$1, level $2, ELF: every page as in the vmcore" elf_pages_are_right
	check "$1, level $2, ELF: the kdump file's pages, and only short gaps besides" elf_set_is_right $(($2 == 0))
	flat_and_back "$1, level $2, ELF" -E -d "$2"
	rm -f kdump
}

# ---- streams of another makedumpfile, and ours read by it
other=${OTHER_MAKEDUMPFILE:-/usr/bin/makedumpfile}
other_is_another() { [ -x "$other" ] && [ "$("$other" -v | head -n 1)" != "$("$MAKEDUMPFILE" -v | head -n 1)" ]; }
# rearranged_alike STREAM: by both
rearranged_alike() {
	rm -f ours theirs
	"$MAKEDUMPFILE" -R ours <"$1" >/dev/null 2>&1 && "$other" -R theirs <"$1" >/dev/null 2>&1 && same ours theirs
}
by_another() { # NAME OPTION...
	local what=$1

	shift
	if ! other_is_another; then
		skip "$what: streams of another makedumpfile" "$other is not there, or this one"
		return
	fi
	"$MAKEDUMPFILE" -F "$@" "$vmcore" >flat 2>/dev/null
	check "$what: our stream is re-arranged by $other as by us" rearranged_alike flat
	"$other" -F "$@" "$vmcore" >flat 2>/dev/null
	check "$what: a stream of $other is re-arranged by us as by it" rearranged_alike flat
	rm -f ours theirs flat
}

unpack "$demo" || exit 1
by_codec demo 31
by_codec demo 2
by_elf demo 31
by_elf demo 30
by_elf demo 0
by_threads "demo, level 31" "$pack" -d 31
by_threads "demo, level 31, raw" -d 31
by_threads "demo, level 16, zlib" -c -d 16
by_threads "demo, level 31, ELF" -E -d 31
by_another "demo, kdump" -l -d 31
by_another "demo, ELF" -E -d 31

big=$shared/amd64-7.3-kdump.vmcore.zst
if [ -n "$shared" ] && [ -e "$big" ]; then
	unpack "$big" || exit 1
	by_codec 7.3 31
	by_elf 7.3 31
	by_threads "7.3, level 31" "$pack" -d 31
else
	skip "a kernel with overlapping PT_LOADs and 5-level paging" "SHARED_VMCORES has no amd64-7.3-kdump"
fi
test_end
