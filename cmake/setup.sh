# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2154
# Set-up that ./demo and ./run-tests share; sourced, with $top set to the top of the source tree.

export LC_ALL=C.UTF-8
say() { printf '%s\n' "$*"; }
die() { printf '%s: %s\n' "${0##*/}" "$*" >&2; exit 1; }

log_dir=$top/build/logs
mkdir -p "$log_dir" && : >"$log_dir/write-test" && rm "$log_dir/write-test" ||
	die "cannot write in $log_dir. If another user built here, remove $top/build."

wanted_packages() { sed 's/#.*//; /^[[:space:]]*$/d' "$top/cmake/packages.txt"; }

# Names of the wanted packages that dpkg does not list as installed.
missing_packages() {
	comm -23 <(wanted_packages | sort) \
		<(wanted_packages | xargs dpkg-query -W -f '${db:Status-Status} ${Package}\n' 2>/dev/null |
			sed -n 's/^installed //p' | sort -u)
}

# cannot_install WHY WHO SUDO PACKAGES: what to type, then the end.
cannot_install() {
	printf '%s\n' "${0##*/}: Debian packages are missing, and cannot be installed from here: $1." "Run${2:+ $2}:" "" \
		"    ${3}apt-get update && ${3}apt-get install --no-install-recommends $4" "" \
		"then $0 again. NO_INSTALL=1 $0 goes on without them." >&2
	exit 1
}

# Install what is missing, only where that asks no question.  Elsewhere say what to type, and stop.  NO_INSTALL=1 goes on
# with what is there, for machines whose compilers do not come from packages.
need_packages() {
	local missing root=()

	[ -z "${NO_INSTALL:-}" ] || return 0
	if ! command -v dpkg-query >/dev/null; then
		say "Not a Debian system, so nothing is installed. Needed, by Debian's names: $(wanted_packages | tr '\n' ' ')"
		return 0
	fi
	missing=$(missing_packages | tr '\n' ' ')
	missing=${missing% }
	[ -n "$missing" ] || return 0
	if [ "$(id -u)" -ne 0 ]; then
		if ! command -v sudo >/dev/null; then
			cannot_install "you are not root, and there is no sudo" "as root" "" "$missing"
		elif ! sudo -n true 2>/dev/null; then
			cannot_install "you are not root, and sudo asks for a password or does not let you" "" "sudo " "$missing"
		fi
		root=(sudo -n)
	fi
	say "Installing: $missing"
	# shellcheck disable=SC2086 # one word a package
	if ! "${root[@]}" env DEBIAN_FRONTEND=noninteractive sh -c '
		apt-get update -q && apt-get -o DPkg::Lock::Timeout=120 install -q -y --no-install-recommends "$@"' sh $missing \
		>"$log_dir/apt.log" 2>&1 </dev/null; then
		tail -n 15 "$log_dir/apt.log" >&2
		die "apt-get could not install: $missing"
	fi
}

# What was built with sudo belongs to the person who typed it.
give_back() {
	if [ "$(id -u)" -eq 0 ] && [ -n "${SUDO_UID:-}" ] && [ -d "$top/build" ]; then
		chown -R "$SUDO_UID:${SUDO_GID:-$SUDO_UID}" "$top/build"
	fi
}

# build_preset NAME: configure and build into build/NAME, quietly; where that fails, say why and return 1.
build_preset() {
	local log=$log_dir/build-$1.log

	if ! { (cd "$top" && cmake --preset "$1" && cmake --build --preset "$1" -j "$(nproc)"); } \
		>"$log" 2>&1 </dev/null; then
		{ grep -E -A12 'FAILED:|error|Error' "$log" || tail -n 20 "$log"; } | head -n 60 >&2
		printf '%s: the build "%s" failed; all of its output: %s\n' "${0##*/}" "$1" "$log" >&2
		return 1
	fi
}

# step TEXT COMMAND...: says how long it took
step() {
	local name=$1 start=$SECONDS
	shift
	"$@" || return
	say "$name ($((SECONDS - start)) s)"
}
