#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# file(1) says "v100663296" of a kdump-compressed dump of an s390x machine.
#
# Guess:   file knows that the header is in the byte order of the machine that crashed, as it does for ELF; or prints no version.
# In fact: the version is read as little-endian always, so version 6 of a big-endian machine is 6 << 24. All the rest of the
#          line is right, as it is text.
# Seen:    file 5.44 (Debian 12) and 5.46 (Debian 13), 2026-12-01.
# Where:   the entry for KDUMP in magic/Magdir/linux.
# Matters: to scripts that tell dumps apart by file's output; the version says which fields of the sub header are there.
. "$(dirname "$0")/common.sh"
guess "Kdump compressed dump v6 for both byte orders"
python3 - "$tmp" <<'END'
import sys
from dumps import *
pages = {frame: page("A") for frame in range(8)}
open(sys.argv[1] + "/x86_64", "wb").write(kdump(pages, 64, prstatus(1) + vmcoreinfo()))
open(sys.argv[1] + "/s390x", "wb").write(kdump(pages, 64, prstatus(1, ">") + vmcoreinfo(order=">"), ">", "s390x"))
END
for release in "bookworm file=1:5.44-3" "trixie file=1:5.46-5"; do
	read -r suite package <<<"$release"
	unpack "$suite" amd64 "$package"
	for machine in x86_64 s390x; do
		echo "$package: $(run "$tree" usr/bin/file -b -m "$tree/usr/lib/file/magic.mgc" "$tmp/$machine")" >>"$tmp/seen"
	done
done
verdict <<'END'
file=1:5.44-3: Kdump compressed dump v6, system Linux, node host, release 6.1.0, version #1, machine x86_64, domain (none)
file=1:5.44-3: Kdump compressed dump v100663296, system Linux, node host, release 6.1.0, version #1, machine s390x, domain (none)
file=1:5.46-5: Kdump compressed dump v6, system Linux, node host, release 6.1.0, version #1, machine x86_64, domain (none)
file=1:5.46-5: Kdump compressed dump v100663296, system Linux, node host, release 6.1.0, version #1, machine s390x, domain (none)
END
