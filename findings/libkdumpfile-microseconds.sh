#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# libkdumpfile opens a 64-bit dump as a 32-bit one if it was taken at a microsecond that looks like a page size.
#
# Guess:   the microseconds of the header's time stamp have no influence on where memory is found.
# In fact: the header says nowhere how wide its words are. libkdumpfile tries the 32-bit layout first, and there the page size
#          stands where a 64-bit header has the low half of tv_usec. If that is a power of two from 4096 to 262144 and a compressor is set, the
#          32-bit layout is plausible: the file opens without error, with this page size, no CPU, no VMCOREINFO and no memory.
# Seen:    libkdumpfile 0.5.1 (Debian 12) and 0.5.4 (Debian 13), 2026-12-01.
# Where:   diskdump_probe and the header structures of src/kdumpfile/diskdump.c.
# Matters: makedumpfile and QEMU write tv_usec 0, which is safe. A writer that means well and fills it in makes dumps that
#          break one time in 140000.
. "$(dirname "$0")/common.sh"
guess "page size 4096, 64 frames, 8 bytes AAAAAAAA, whatever the microseconds"
python3 - "$tmp" <<'END'
import sys
from dumps import *
pages = {frame: page("A") for frame in range(8)}
for microseconds in (0, 65535, 65536):
    open(f"{sys.argv[1]}/{microseconds}", "wb").write(
        kdump(pages, 64, prstatus(1) + vmcoreinfo(), microseconds=microseconds))
END
cat >"$tmp/read.py" <<'END'
import sys, kdumpfile
for microseconds in (0, 65535, 65536):
    context = kdumpfile.kdumpfile(f"{sys.argv[1]}/{microseconds}")
    try:
        memory = bytes(context.read(kdumpfile.KDUMP_MACHPHYSADDR, 0, 8))
    except Exception as error:  # its class moved between releases
        memory = error
    print(f"{sys.argv[2]}, tv_usec {microseconds}: page size {context.attr['arch.page_size']}, "
          f"{context.attr['max_pfn']} frames, {memory}")
END
for release in "bookworm 0.5.1-1" "trixie 0.5.4-3+b1"; do
	read -r suite version <<<"$release"
	unpack "$suite" amd64 "libkdumpfile10=$version" "python3-libkdumpfile=$version"
	python "$tree" "$tmp/read.py" "$tmp" "$version" >>"$tmp/seen"
done
verdict <<'END'
0.5.1-1, tv_usec 0: page size 4096, 64 frames, b'AAAAAAAA'
0.5.1-1, tv_usec 65535: page size 4096, 64 frames, b'AAAAAAAA'
0.5.1-1, tv_usec 65536: page size 65536, 0 frames, Out-of-bounds PFN
0.5.4-3+b1, tv_usec 0: page size 4096, 64 frames, b'AAAAAAAA'
0.5.4-3+b1, tv_usec 65535: page size 4096, 64 frames, b'AAAAAAAA'
0.5.4-3+b1, tv_usec 65536: page size 65536, 0 frames, Out-of-bounds PFN
END
