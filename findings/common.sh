# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# Sourced by each finding: a temporary folder, packages unpacked in it, and the comparison at the end.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
export PYTHONPATH="$here" PYTHONDONTWRITEBYTECODE=1 LC_ALL=C TZ=UTC
tmp=$(mktemp -d "${TMPDIR:-/tmp}/finding.XXXXXX")
trap 'rm -rf "$tmp"' EXIT
trap 'exit 2' INT TERM
: >"$tmp/seen"

give_up() { echo "cannot run here: $*" >&2; exit 2; }
[ "$(uname -m)" = x86_64 ] || give_up "the packages are for x86-64"

# unpack SUITE ARCHITECTURE NAME=VERSION...: sets tree to a new folder with these packages and all that they depend on, the
# C library included, so that nothing of this machine is used.  Nothing is installed; apt gets a state of its own.
unpack() {
	local suite=$1 arch=$2 apt mirror options file
	shift 2
	set +o pipefail
	# shellcheck source=tests/readers/mirror.sh
	. "$here/../tests/readers/mirror.sh"
	set -o pipefail
	apt="$tmp/apt-$suite-$arch" tree="$tmp/tree-$suite-$arch"
	mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial" "$tree"
	echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror/debian $suite main" >"$apt/sources"
	options=(-qq -y -o Dir::Etc::SourceList="$apt/sources" -o Dir::Etc::SourceParts=/dev/null -o Dir::State::Lists="$apt/lists"
		-o Dir::State::status=/dev/null -o Dir::Cache="$apt/cache" -o APT::Architecture="$arch" -o APT::Architectures="$arch"
		-o APT::Install-Recommends=false -o pkgCacheGen::Essential=none -o APT::Sandbox::User=root
		-o Acquire::Languages=none -o Acquire::Check-Valid-Until=false)
	apt-get "${options[@]}" update >"$apt/log" 2>&1 || give_up "apt-get update: $(tail -n 1 "$apt/log")"
	apt-get "${options[@]}" --download-only install "$@" >"$apt/log" 2>&1 || give_up "$*: $(tail -n 1 "$apt/log")"
	for file in "$apt"/cache/archives/*.deb; do
		dpkg -x "$file" "$tree"
	done
	# Programs of merged-/usr suites name their loader without /usr.
	[ -e "$tree/lib" ] || ln -s usr/lib "$tree/lib"
	rm -rf "$apt"
}

# run TREE PROGRAM ARGUMENT...: a program of an x86-64 tree, with the loader and libraries of that tree.
run() {
	local root=$1 program=$2 triplet=x86_64-linux-gnu
	shift 2
	"$root/lib/$triplet/ld-linux-x86-64.so.2" --library-path "$root/lib/$triplet:$root/usr/lib/$triplet" "$root/$program" "$@"
}

# python TREE ARGUMENT...: the Python of a tree with the modules that packages put there.
python() {
	local root=$1 program
	shift
	program=$(cd "$root" && echo usr/bin/python3.[0-9]*)
	PYTHONHOME="$root/usr" PYTHONPATH="$here:$root/usr/lib/python3/dist-packages" run "$root" "$program" "$@"
}

guess() { echo "guess:   $*"; }

# verdict <<EXPECTED: compares what the script put into $tmp/seen.
verdict() {
	sed 's/^/seen:    /' "$tmp/seen"
	if diff -u --label "as written down" --label "seen now" - "$tmp/seen"; then
		echo "verdict: as written down; the guess is wrong"
	else
		echo "verdict: CHANGED"
		exit 1
	fi
}
