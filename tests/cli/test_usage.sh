#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck disable=SC2317,SC2086 # conditions are called through check; $form is several words
# What is learnt of an image without a dump: --mem-usage, --vtop, --dry-run.  The numbers of the table are those that
# the recipe makes; /proc/kcore itself is looked at in tests/lab.
. "$(dirname "$0")/lib.sh"
: "${DF_SRC:?is not set: give the folder of the sources}" "${DF_BUILD:?is not set: give the folder of the build}"

make() { "$DF_BUILD/mkvmcore" "$1" "$2"; }
make "$DF_SRC/tests/fixtures/recipes/shape-kcore.txt" kcore || exit 1
cat >recipe <<'END'
preset 6.1
ram 0 32M
layout kernel=16M kaslr=0xd800000 direct=0xffff8a3ac0000000
page 0x101-0x110 kind=anon
page 0x120-0x123 kind=file
page 0x128-0x12a kind=private
page 0x130 flags=+hwpoison
page 0x140-0x147 kind=offline
buddy 0x400 order=9
zero 0x600-0x8ff
random 0x900-0xf00
END
make recipe vmcore || exit 1

# ---- --mem-usage

# row TYPE PAGES EXCLUDABLE: a line of the table
row() { tr -s ' \t' ' ' <"$tmp/out" | grep -q "^$1 $2 $3 "; }
no_row() { not grep -q "^$1" "$tmp/out"; }
# Header, rule and the width of numbers are what scripts cut by.
has_the_form() {
	status_is 0 && [ "$(sed -n 1p "$tmp/out")" = "" ] &&
		[ "$(sed -n 2p "$tmp/out")" = "$(printf 'TYPE\t\tPAGES\t\t\tEXCLUDABLE\tDESCRIPTION')" ] &&
		[ "$(sed -n 3p "$tmp/out" | tr -d -)" = "" ] && [ "$(sed -n 3p "$tmp/out" | tr -d '\n' | wc -c)" -eq 70 ] &&
		sed -n 4p "$tmp/out" | grep -qE "^ZERO$(printf '\t\t')[0-9 ]{16}$(printf '\t')yes$(printf '\t\t')Pages filled with zero$" &&
		[ "$(tail -n 1 "$tmp/out")" = "" ] && not out_has Completed
}
total() {
	out_has "$(printf 'Total pages on system:\t%-16s' "$1")" && out_has "$(printf 'page size:\t\t4096')" &&
		out_has "$(printf 'Total size on system:\t%-16s Byte' $(($1 * 4096)))"
}
sums_up() { [ "$(awk '$3 == "yes" || $3 == "no" { n += $2 } END { print n }' "$tmp/out")" -eq "$1" ]; }
numbers_of_kcore() {
	row NON_PRI_CACHE 4 yes && row PRI_CACHE 0 yes && row USER 532 yes && row FREE 512 yes && row KERN_DATA '[0-9]*' no
}
rows_of_vmcore() {
	row NON_PRI_CACHE 4 yes && row PRI_CACHE 3 yes && row USER 16 yes && row FREE 512 yes && row HWPOISON 1 yes &&
		row OFFLINE 8 yes
}

run --mem-usage kcore
check "--mem-usage: the table has its form" has_the_form
check "--mem-usage: the rows of the recipe" numbers_of_kcore
check "--mem-usage: frames that are there twice count once" total 8094
check "--mem-usage: the rows are all pages" sums_up 8094
check "--mem-usage: no rows for what is not there" no_row "HWPOISON\|OFFLINE\|ABSENT"
run --mem-usage vmcore
check "--mem-usage: rows of ours where there are such pages" rows_of_vmcore
check "--mem-usage: a vmcore as well" total 8192
check "--mem-usage: its rows are all pages" sums_up 8192
grep -v 'hwpoison\|offline' recipe >readable # these are left out at each level
make readable plain || exit 1
run --mem-usage plain
cp "$tmp/out" first
for form in "-c" "-E"; do
	rm -f dump
	run "$form" -d 0 plain dump
	run --mem-usage --num-threads 3 dump
	check "--mem-usage: the same table of the dump made with '$form'" diff first "$tmp/out"
done
"$MAKEDUMPFILE" -F -d 0 plain >flat 2>"$tmp/err"
run --mem-usage flat
check "--mem-usage: the same table of a flattened stream" diff first "$tmp/out"
# What a dump lacks is told by its page structures, which it has: the same rows, and how many pages are not there.
for form in "-c" "-l --num-threads 3"; do
	rm -f dump again
	run $form -d 31 vmcore dump
	run --mem-usage vmcore
	cp "$tmp/out" table
	run --mem-usage --num-threads 2 dump
	grep -v "^Pages not in the dump" "$tmp/out" >rest
	check "--mem-usage of a dump at level 31, $form: what the pages were" diff table rest
	check "--mem-usage of a dump at level 31, $form: how many it lacks" \
		out_has "$(printf 'Pages not in the dump:\t%-16s' 544)"
	check "--mem-usage of a dump at level 31, $form: the rows are all pages" sums_up 8192
	run --mem-usage vmcore
	check "--mem-usage of an image that has all: no such line" not out_has "not in the dump"
	run $form -d 8 vmcore again # kept: free, cache
	run --mem-usage again
	grep -v "^Pages not in the dump" "$tmp/out" >rest
	check "--mem-usage of a dump at level 8, $form: the same" diff table rest
done
# Of an ELF file zeros are left out, too, and are no other page's: what they were used for is not known.
rm -f dump
run -E -d 31 vmcore dump
run --mem-usage dump
check "--mem-usage of an ELF dump at level 31: what the pages were" rows_of_vmcore
check "--mem-usage of an ELF dump at level 31: zeros" row ABSENT "[1-9][0-9]*" yes
check "--mem-usage of an ELF dump at level 31: the rows are all pages" sums_up 8192
# Without its page structures nothing can be said of them.
rm -f dump
run -e -d 31 vmcore dump
run --mem-usage dump
check "--mem-usage of a dump with -e: the rows are all pages" sums_up 8192
# 8 pages of page structures are left out
check "--mem-usage of a dump with -e: no page is kernel data for want of knowledge" \
	row KERN_DATA "$(($(awk '$1 == "KERN_DATA" { print $2 }' table) - 8))" no
run --message-level 0 --mem-usage vmcore
check "--mem-usage: silent where that is asked for" out_is_empty
run --mem-usage nothing
check "--mem-usage: no such file" status_is 1
check "--mem-usage: which says so" err_has "nothing: No such file or directory"
grep -v preset recipe | sed '1i preset 6.1\ninfo none' >without
make without bare || exit 1
run --mem-usage bare
check "--mem-usage: not without VMCOREINFO" status_is 1
check "--mem-usage: which says so, too" err_has "VMCOREINFO"
make "$DF_SRC/tests/fixtures/recipes/shape-xen-host.txt" xen || exit 1
make "$DF_SRC/tests/fixtures/recipes/shape-arm64.txt" unknown || exit 1
for image in xen unknown; do
	run --mem-usage "$image"
	check "--mem-usage: not where pages cannot be told apart ($image)" status_is 1
	check "--mem-usage: no table of guesses ($image)" not out_has KERN_DATA
	check "--mem-usage: says why ($image)" err_has "what memory is used for cannot be told: $image is of a "
done

# ---- --vtop

is_at() {
	status_is 0 && out_has "Translating virtual address $1 to physical address." && out_has "VIRTUAL           PHYSICAL" &&
		out_has "$(printf '%16s  %s' "$1" "$2")" && [ -s dump ] && out_has "The dumpfile is saved to dump."
}
is_nowhere() {
	status_is 0 && out_has "There is none: " && out_has "$1" && not out_has PHYSICAL && [ -s dump ] && err_is_empty
}
vtop() { rm -f dump && run --message-level 6 -d 31 --vtop "$@" vmcore dump; }
vtop ffffffff8e801460
check "--vtop: the kernel's image, and the dump" is_at ffffffff8e801460 1001460
vtop 0xffff8A3AC0123456
check "--vtop: the linear mapping, in any spelling" is_at ffff8a3ac0123456 123456
vtop 0xffff8b3ac0000000
check "--vtop: not mapped, and the dump" is_nowhere "is not mapped"
vtop 1000
check "--vtop: no address of the kernel" is_nowhere "is no kernel address"
run --message-level 6 --vtop ffffffff8e801460 -d 1 bare dump2
check "--vtop: nothing is known, and the dump" out_has "There is none: address 0xffffffff8e801460: bare has no VMCOREINFO"
check "--vtop: that dump" status_is 0

# ---- --dry-run

guess() { sed -nE 's/^Dry run: (dump|STDOUT) would take about ([0-9]+) bytes \(([0-9]+) to ([0-9]+); an estimate .*/\2 \3 \4/p' "$1"; }
exactly() { sed -nE 's/^Dry run: (dump|STDOUT) would take ([0-9]+) bytes; nothing was saved\.$/\2/p' "$1"; }
# size MEASURED ESTIMATE: N bytes, and "N LOW HIGH" that hold it
holds() {
	set -- $1 $2
	[ $# -eq 4 ] && [ "$3" -le "$1" ] && [ "$1" -le "$4" ] && [ "$3" -le "$2" ] && [ "$2" -le "$4" ]
}
for form in "-c -d 1" "-c -d 31" "-d 17" "-E -d 31" "-E -d 0"; do
	rm -f dump
	run $form vmcore dump
	size=$(stat -c %s dump)
	rm -f dump
	run --message-level 7 --dry-run=exact $form vmcore dump
	check "--dry-run=exact $form: the size of the dump" [ "$(exactly "$tmp/out")" = "$size" ]
	check "--dry-run=exact $form: nothing is made" no_file dump
	run --dry-run --num-threads 2 $form vmcore dump
	if [ -n "$(exactly "$tmp/out")" ]; then
		check "--dry-run $form: the size, where the plan tells it" [ "$(exactly "$tmp/out")" = "$size" ]
	else
		check "--dry-run $form: near the size of the dump" holds "$size" "$(guess "$tmp/out")"
		check "--dry-run $form: says that it is an estimate" out_has "--dry-run=exact reads them all"
	fi
	check "--dry-run $form: nothing is made either" no_file dump
	size=$("$MAKEDUMPFILE" -F $form vmcore 2>"$tmp/err" | wc -c)
	run --dry-run -F $form vmcore
	check "--dry-run -F $form: nothing on standard output" out_is_empty
	check "--dry-run -F $form: near the length of the stream" holds "$size" "$(guess "$tmp/err")"
done
run --dry-run -E -d 30 vmcore dump
check "--dry-run of ELF without level bit 1 needs no sample" [ -n "$(exactly "$tmp/out")" ]
run --dry-run --show-stats -c -d 1 vmcore dump
check "--dry-run with a report is exact" [ -n "$(exactly "$tmp/out")" ]
# What the page structures and tables take lies in the first half, and the end is lost.
printf '%s\n' "preset 6.1" "ram 0 32M" "layout kernel=2M alloc_end=12M" "random 0x1000-0x1f00" >recipe.low
make recipe.low low || exit 1
run -d 31 low whole
run -d 31 -L $(($(stat -c %s whole) * 3 / 4)) low partial
check "a dump that lacks pages" err_has "partial is incomplete but may be usable"
lost=$(sed -nE 's/.* ([0-9]+) of [0-9]+ pages are missing.*/\1/p' "$tmp/err")
run --mem-usage partial
check "--mem-usage of a dump that lacks pages: exit status" status_is 1
check "--mem-usage of a dump that lacks pages: how many" err_has "partial: $lost pages could not be read"
rm -f whole partial
run -d 31 vmcore whole
run -d 31 -L $(($(stat -c %s whole) * 3 / 4)) vmcore partial
run --mem-usage partial
check "--mem-usage of a dump that lacks page tables: exit status" status_is 1
check "--mem-usage of a dump that lacks page tables: says so" err_has "cannot be told: the page tables at "
touch dump
run --dry-run vmcore dump
check "--dry-run: an existing file is an error" status_is 1
check "--dry-run: which says so" err_has "File exists"
run --dry-run -f vmcore dump
check "--dry-run -f: it is not touched" [ ! -s dump ]
test_end
