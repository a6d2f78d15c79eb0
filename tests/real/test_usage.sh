#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# timeout: 600
# shellcheck disable=SC2317 # conditions are called through check
# --mem-usage, --vtop and --dry-run on dumps of real kernels: what an installed makedumpfile says of the same dump, and what
# our own dumps of it hold.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
need_demo
other=$(PATH=$PATH:/usr/sbin:/sbin command -v makedumpfile || true)
[ "$other" -ef "$MAKEDUMPFILE" ] && other=

row() { awk -v type="$1" '$1 == type { print $2 }' "$2"; }
# stat_of LABEL FILE: a number of a report
stat_of() { printf '%d\n' "$(sed -nE "s/^ *$1 *: (0x[0-9a-f]{16})$/\1/p" "$2" | head -n 1)"; }

# The table has the numbers of the report of a dump at level 31, whose zeros are those of the kept pages.
as_the_report() {
	local pair bad=0

	for pair in "ZERO:Pages filled with zero" "NON_PRI_CACHE:Non-private cache pages" "PRI_CACHE:Private cache pages" \
		"USER:User process data pages" "FREE:Free pages" "KERN_DATA:Remaining pages"; do
		[ "$(row "${pair%%:*}" usage)" -eq "$(stat_of "${pair#*:}" "$1")" ] && continue
		echo "# ${pair%%:*}: $(row "${pair%%:*}" usage), but $(stat_of "${pair#*:}" "$1")"
		bad=1
	done
	return $bad
}
# The other program counts frames that two PT_LOADs have twice where it sums up, and looks at the pages of one by one.
as_the_other_says() {
	local label bad=0

	"$other" --show-stats -f -d 31 "$vmcore" other.dump >other.report 2>&1 || return 1
	for label in "NON_PRI_CACHE:Non-private cache pages" "PRI_CACHE:Private cache pages" "USER:User process data pages" \
		"FREE:Free pages"; do
		[ "$(row "${label%%:*}" usage)" -eq "$(stat_of "${label#*:}" other.report)" ] && continue
		echo "# ${label%%:*}: $(row "${label%%:*}" usage), but $(stat_of "${label#*:}" other.report)"
		bad=1
	done
	return $bad
}

# What a dump lacks is counted as what it was.
same_usage() {
	grep -v '^Pages not in the dump' "$tmp/out" >lacking
	diff usage lacking
}

symbol() { grep -a -m 1 -oE "^SYMBOL\($1\)=[0-9a-f]+$" "$vmcore" | sed 's/.*=//'; }
physical() { awk '/^VIRTUAL/ { getline; print $2 }' "$1"; }
# same_place SYMBOL: both programs find the same address
same_place() {
	local address

	address=$(symbol "$1")
	run --message-level 6 -d 31 -f --vtop "$address" "$vmcore" dump
	"$other" -d 31 -f --vtop "0x$address" "$vmcore" other.dump >other.vtop 2>&1
	[ -n "$address" ] && [ -n "$(physical "$tmp/out")" ] && [ "$(physical "$tmp/out")" = "$(physical other.vtop)" ]
}

one_dump() { # NAME
	rm -f dump other.dump again
	run --message-level 6 --mem-usage "$vmcore"
	cp "$tmp/out" usage
	check "$1: --mem-usage" status_is 0
	run "${quiet[@]}" --message-level 20 -d 31 "$vmcore" dump
	cp "$tmp/out" report
	check "$1: it has the numbers of a dump" as_the_report report
	run --message-level 6 --mem-usage dump
	check "$1: --mem-usage of that dump: status" status_is 0
	check "$1: --mem-usage of that dump: the same" same_usage
	check "$1: --mem-usage of that dump: what it lacks" out_has "Pages not in the dump:"
	run "${quiet[@]}" --message-level 6 -f -l -d 31 dump again
	check "$1: the dump of it: nothing left behind" not err_has "does not carry"
	if [ -n "$other" ]; then
		check "$1: it has the numbers of the installed makedumpfile" as_the_other_says
		check "$1: --vtop of a variable" same_place init_uts_ns
		check "$1: --vtop of code" same_place _stext
	else
		skip "$1: the installed makedumpfile" "there is none"
	fi
}

unpack "$demo" || exit 1
one_dump demo
for name in amd64-3.10-el7-kdump amd64-4.19-kdump amd64-6.1-kdump s390x-6.12; do
	[ "${name%%-*}" = amd64 ] || other= # it reads dumps of its own machine only
	if [ -n "$shared" ] && [ -e "$shared/$name.vmcore.zst" ] && unpack "$shared/$name.vmcore.zst"; then
		one_dump "$name"
	else
		skip "$name" "not in SHARED_VMCORES"
	fi
done
test_end
