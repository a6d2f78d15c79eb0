#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# labels: slow
# timeout: 900
# Dumps of real kernels: which pages are kept at each level, and that every byte of each is the vmcore's.
# shellcheck disable=SC2317 # conditions are called through check
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
need_demo

# What must be kept is what another implementation keeps (NAME.expect.tsv), where it is right.  For 3.14 and 4.4 it needs
# a vmlinux for that (NAME.expect-vmlinux.tsv), and here it is reached without.  Where it is not right:
#
# D12: kernels without CONFIG_MEMORY_FAILURE, levels 0 and 1.  Offline frames (given back to the hypervisor by the
# balloon driver: reading them may fail or block) are kept by it, but left out at every other level and on every kernel
# with that option.  Here they are never kept.  So: the frames kept and the frames of which the guest says KPF_OFFLINE
# must together be what is expected, and have none in common.
d12='amd64-5.10-qemu:0 amd64-5.10-qemu:1 amd64-6.1-kdump:0 amd64-6.1-kdump:1'

expected_pages() { # KEPT OF ZERO PFNS CONTENT
	status_is 0 && err_is_empty && pages dump && second_opinion &&
		digest_is "kept $1 of $2 zero $3 pfns $4 content $5"
}
second_opinion() {
	[ -z "$kdcheck" ] || "$kdcheck" pages dump "$vmcore" 2>&1 |
		grep -q "pfns $(number pfns), content $(number content), bad 0$"
}
expected_but_offline() { # TRUTH KEPT OF ZERO PFNS
	status_is 0 && err_is_empty && pages dump && second_opinion &&
		[ "$(number of)" = "$3" ] && [ "$(number kept)" -lt "$2" ] &&
		"$dumpcheck" pfns "$vmcore" >image && "$dumpcheck" pfns dump >kept &&
		python3 "$here/truth.py" with-offline "$1" image kept >"$tmp/out" && out_is "kept $2 pfns $5"
}

# A machine that this build does not know: nothing may be lost, and the user is told where a level cannot be applied.
kept_whole() { # OF LEVEL
	status_is 0 && pages dump && [ "$(number kept) $(number of)" = "$1 $1" ] && second_opinion &&
		if [ "$2" -gt 1 ]; then
			err_has "is of a machine that is not known" && lines_are "$tmp/err" 1
		else
			err_is_empty
		fi
}
refused() {
	status_is 1 && [ ! -e dump ] && err_has "is an ELF32 core file, which is not supported yet" && lines_are "$tmp/err" 1
}

# one_level NAME LEVEL KEPT OF ZERO PFNS CONTENT
one_level() {
	local text="$1, level $2: the pages that are kept and their contents"

	run "${quiet[@]}" "$pack" -d "$2" "$vmcore" dump
	case " $d12 " in *" $1:$2 "*)
		zstd -q -d -f "$shared/$1.truth.bin.zst" -o truth || exit 1
		check "$text, but for offline pages" expected_but_offline truth "${@:3}"
		rm -f dump
		return
		;;
	esac
	case ${1%%-*} in
	arm64 | ppc64le | riscv64)
		check "$1, level $2: all pages of an unknown machine are kept, with their contents" kept_whole "$4" "$2" ;;
	armhf | i386)
		check "$1, level $2: refused by the name of its format" refused ;;
	*)
		check "$text" expected_pages "${@:3}" ;;
	esac
	rm -f dump
}

# one_dump NAME PACKED EXPECT
one_dump() {
	local level rest

	unpack "$2" || { check "$1: unpacked" false; return; }
	while read -r level rest; do
		# shellcheck disable=SC2086 # five words
		[ "$level" = level ] || one_level "$1" "$level" $rest
	done <"$3"
	rm -f "$vmcore"
}

one_dump demo "$demo" "$here/expect-demo.tsv"
[ -n "$shared" ] || skip "the other dumps" "SHARED_VMCORES names no folder of dumps"
for packed in "$shared"/*.vmcore.zst; do
	if [ ! -e "$packed" ] || cmp -s "$packed" "$demo"; then
		continue
	fi
	name=${packed##*/}
	name=${name%.vmcore.zst}
	expect=$shared/$name.expect-vmlinux.tsv
	[ -e "$expect" ] || expect=$shared/$name.expect.tsv
	one_dump "$name" "$packed" "$expect"
done
test_end
