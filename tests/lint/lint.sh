# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2034
# Sourced by the lint tests: one line a case, exit status 1 where one failed.
set -u
export LC_ALL=C.UTF-8
src=${DF_SRC:-$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)}
build=${DF_BUILD:-$src/build/release}
lint_failed=0
cd "$src" || exit 1
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT

# report NAME FILE: ok where FILE is empty, else not ok and what FILE says.
report() {
	if [ -s "$2" ]; then
		sed 's/^/# /' "$2"
		printf 'not ok - %s\n' "$1"
		lint_failed=1
	else
		printf 'ok - %s\n' "$1"
	fi
}

skip() { printf 'ok - %s # SKIP %s\n' "$1" "$2"; }

# The project's files, one a line: not what is ignored or generated.
project_files() {
	find . -name .git -prune -o -path './build*' -prune -o -name .cache -prune -o -name __pycache__ -prune -o \
		-type f -print | sed 's,^\./,,' | sort
}

finish() { exit "$lint_failed"; }
