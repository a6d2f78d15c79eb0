# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# Sourced: sets mirror to the base of the Debian mirror (the part before /debian) that apt is set up with, or $MIRROR.
mirror=${MIRROR:-$(cat /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null |
	sed -nE 's#^(URIs:|deb( +\[[^]]*\])?) *(https?://[^ ]+)/debian/?( .*)?$#\3#p' | head -n 1)}
[ -n "$mirror" ] || { echo "no Debian mirror in apt's sources; set MIRROR" >&2; exit 1; }
