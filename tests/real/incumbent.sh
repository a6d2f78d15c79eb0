# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2034,SC2154
# Sourced after lib.sh by the tests that compare with makedumpfile 1.7.2, where that is installed: $other.  What differs
# stands in docs/differences.md, in tables that the tests read, so that neither says more than the other.
document=$DF_SRC/docs/differences.md
other=$(PATH=$PATH:/usr/sbin:/sbin command -v makedumpfile || true)
if ! { [ -n "$other" ] && "$other" -v | grep -q '^makedumpfile: version 1\.7\.2 '; }; then
	skip_all "no makedumpfile 1.7.2 is installed"
fi

# rows TITLE: the rows of the table under a heading of the document, cells with | between them, without the head
rows() {
	sed -n "/^## $1\$/,/^## /p" "$document" | sed -nE '/^\|/{s/^\| *//; s/ *\|$//; s/ *\| */|/g; p}' | sed 1,2d
}
