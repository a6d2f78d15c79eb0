#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# labels: slow
# timeout: 1800
# Dumps of real kernels, split: each file holds its pages, the files are about equally large, joined they are the dump in
# one file, byte by byte, and what is made of them is what is made of that.  Where another makedumpfile is installed: it
# joins our files, and we join its.
# shellcheck disable=SC2034,SC2317 # conditions are called through check
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
need_demo

# Machines that this build does not know keep everything, with a warning.
ran_clean() { status_is 0 && { err_is_empty || { err_has "is of a machine that is not known" && lines_are "$tmp/err" 1; }; }; }
same() { [ -s "$1" ] && cmp "$1" "$2"; }
ran_same() { ran_clean && same "$1" "$2"; }
holds() { "$dumpcheck" set "$vmcore" "$@" >"$tmp/pages" || { sed 's/^/# /' "$tmp/pages"; return 1; }; }
# No file takes more than a tenth, and 64 KiB, above the mean on the disk.
about_equal() {
	du -B1 "$@" | awk '{ sum += $1; if ($1 > most) most = $1 }
		END { if (most > 1.1 * sum / NR + 65536) { print "# largest " most " of " sum; exit 1 } }'
}
codecs=(raw c)
for codec in lzo:l snappy:p zstd:z; do
	if has_codec ${codec%:*}; then codecs+=("${codec#*:}"); fi
done
option() { [ "$1" = raw ] || printf '%s\n' "-$1"; }

# split_and_join NAME LEVEL CODEC
split_and_join() {
	local name="$1, level $2, $3" opt

	mapfile -t opt < <(option "$3")
	rm -f one p? joined
	run "${quiet[@]}" "${opt[@]}" -d "$2" "$vmcore" one
	run "${quiet[@]}" "${opt[@]}" -d "$2" --split "$vmcore" p1 p2 p3 p4
	check "$name: split" ran_clean
	check "$name: another reader" holds p1 p2 p3 p4
	check "$name: about equally large" about_equal p1 p2 p3 p4
	run "${quiet[@]}" --reassemble p3 p1 p4 p2 joined
	check "$name: joined" ran_same joined one
	rm -f joined
	run "${quiet[@]}" --reassemble --num-threads 1 p4 p3 p2 p1 joined
	check "$name: joined by one thread" ran_same joined one
	rm -f again q?
	run "${quiet[@]}" "${opt[@]}" -d 31 one joined.31
	run "${quiet[@]}" "${opt[@]}" -d 31 --piece p1 --piece p4 --piece p3 p2 again
	check "$name: filtered from the files" ran_same again joined.31
	run "${quiet[@]}" "${opt[@]}" -d "$2" --num-threads 1 --split "$vmcore" q1 q2 q3 q4
	check "$name: one thread" eval 'for i in 1 2 3 4; do same q$i p$i || return 1; done'
	rm -f again joined.31 q?
}

# To ELF, and into other pieces.
convert() {
	rm -f one p? elf elf2 q? joined
	run "${quiet[@]}" "$pack" -d 1 "$vmcore" one
	run "${quiet[@]}" "$pack" -d 1 --split "$vmcore" p1 p2 p3
	run "${quiet[@]}" -E -d 31 one elf
	run "${quiet[@]}" -E -d 31 --piece p2 --piece p3 p1 elf2
	check "$1: ELF of the files" ran_same elf2 elf
	run "${quiet[@]}" "$pack" -d 1 --split --splitblock-size 4096 --piece p1 --piece p3 p2 q1 q2
	check "$1: split otherwise" ran_clean
	run "${quiet[@]}" --reassemble q2 q1 joined
	check "$1: split otherwise, joined" ran_same joined one
	rm -f elf elf2 q? joined
}

# The other makedumpfile, and the content that both must have.  (Its split files can lack a page in bitmap 1.)
other=$(PATH=$PATH:/usr/sbin:/sbin command -v makedumpfile || true)
content() { "$dumpcheck" pages "$1" | sed -nE 's/^kept ([0-9]+) of .* zero ([0-9]+),.*(pfns .*), bad.*/\1 \2 \3/p'; }
same_content() { [ -n "$(content "$1")" ] && [ "$(content "$1")" = "$(content "$2")" ]; }
theirs() {
	local level=$2

	rm -f one p? joined t1 t2 t3 theirs theirs.joined
	"$other" -c -d "$level" "$vmcore" theirs >/dev/null 2>&1 || { skip "$1: the other program" "it cannot dump this"; return; }
	"$other" -c -d "$level" --split --splitblock-size 1024 "$vmcore" t1 t2 t3 >/dev/null 2>&1
	run "${quiet[@]}" --reassemble t2 t3 t1 joined
	check "$1, level $level: their files, joined by us" ran_clean
	check "$1, level $level: their files, joined by us: the same pages" same_content joined theirs
	run "${quiet[@]}" -c -d "$level" --split "$vmcore" p1 p2 p3
	"$other" --reassemble p3 p1 p2 theirs.joined >/dev/null 2>&1
	run "${quiet[@]}" --reassemble p3 p1 p2 one
	check "$1, level $level: our files, joined by them: the same pages" same_content theirs.joined one
	rm -f joined t? theirs theirs.joined
}

# Files that lack pages, theirs and ours.
lacking() {
	local size

	rm -f p? joined
	run "${quiet[@]}" -c -d 31 --split "$vmcore" p1 p2
	size=$(stat -c %s p2)
	rm -f p?
	(
		ulimit -f $((size / 1024 * 2 / 3))
		exec "$MAKEDUMPFILE" "${quiet[@]}" -c -d 31 --split "$vmcore" p1 p2 2>/dev/null </dev/null
	)
	run "${quiet[@]}" --reassemble p1 p2 joined
	check "$1: files that lack pages are joined" status_is 0
	check "$1: it is said" err_has "joined is incomplete, as its pieces are: they lack"
	check "$1: and marked" is_marked joined
	check "$1: what is there is right" pages joined
	check "$1: and pages are lost" test "$(number lost)" -gt 0
	rm -f p? joined
}

unpack "$demo"
split_and_join demo 31 "${pack#-}"
convert demo
lacking demo
if [ -n "$other" ]; then theirs demo 31; else skip "demo: the other program" "no makedumpfile is installed"; fi
if [ -n "$shared" ]; then
	for file in "$shared"/*.vmcore.zst; do
		name=$(basename "$file" .vmcore.zst)
		readable "$name" || continue
		unpack "$file"
		case $name in
		amd64-6.1-kdump)
			for codec in "${codecs[@]}"; do split_and_join "$name" 31 "$codec"; done
			split_and_join "$name" 0 "${pack#-}"
			[ -z "$other" ] || { theirs "$name" 1; theirs "$name" 31; }
			lacking "$name"
			;;
		*) split_and_join "$name" 31 "${pack#-}" ;;
		esac
		rm -f p? one joined
	done
fi
test_end
