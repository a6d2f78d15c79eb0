#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# labels: slow
# timeout: 1800
# Real dumps, written without memory for the plan's bits: they are made again piece by piece, and the dump is the same in
# every format, with every compressor and any number of threads.
# shellcheck disable=SC2317 # conditions are called through check
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
need_demo

# An allocator that has no memory for the bits of a chunk: count and stage, 2^15 bits, the header of a block.
cat >no_bits.c <<'END'
#include <fcntl.h>
#include <stddef.h>
#include <unistd.h>
extern void *__libc_calloc(size_t n, size_t size);
void *calloc(size_t n, size_t size)
{
	int fd;

	if (n * size != 8 + 4096 + 16)
		return __libc_calloc(n, size);
	fd = open("refused", O_WRONLY | O_CREAT | O_APPEND, 0600);
	if (fd >= 0) {
		(void)!write(fd, ".", 1);
		close(fd);
	}
	return NULL;
}
END
if ! "${CC:-cc}" -shared -fPIC -O2 -w -o no_bits.so no_bits.c 2>cc.err || ! LD_PRELOAD=$tmp/no_bits.so true; then
	skip_all "no allocator can be put in front of this C library's"
fi
without_bits() { # ARGUMENT...: as run
	LD_PRELOAD=$tmp/no_bits.so "$MAKEDUMPFILE" "$@" </dev/null >"$tmp/out" 2>"$tmp/err"
	status=$?
}
same() { [ -s "$1" ] && cmp "$1" "$2"; }
ran_as_before() { status_is "$1" && [ -s refused ]; }

# compare NAME OPTION...
compare() {
	local what=$1 n first

	shift
	rm -f ref
	run "${quiet[@]}" "$@" "$vmcore" ref
	first=$status
	for n in 1 3; do
		rm -f dump refused
		without_bits "${quiet[@]}" --num-threads $n "$@" "$vmcore" dump
		check "$what, $n threads: bits were refused" ran_as_before "$first"
		check "$what, $n threads: the same dump" same ref dump
	done
}

codecs=("")
for codec in lzo:-l zlib:-c snappy:-p zstd:-z; do
	if has_codec ${codec%:*} || [ "${codec%:*}" = zlib ]; then codecs+=("${codec#*:}"); fi
done

every_way() { # NAME
	for codec in "${codecs[@]}"; do
		compare "$1, ${codec:-raw}" $codec -d 31
	done
	for level in 31 30 1 16; do
		compare "$1, ELF, level $level" -E -d $level
	done
	compare "$1, level 16" "$pack" -d 16
}

unpack "$demo" || exit 1
every_way demo
# the stream, and back
rm -f ref back refused
"$MAKEDUMPFILE" "${quiet[@]}" -d 31 "$vmcore" ref
LD_PRELOAD=$tmp/no_bits.so "$MAKEDUMPFILE" "${quiet[@]}" -F -d 31 "$vmcore" | "$MAKEDUMPFILE" "${quiet[@]}" -R back
check "demo, flattened: the same dump" same ref back
rm -f ref back dump

for big in "$shared"/*.vmcore.zst; do
	[ -n "$shared" ] || continue
	name=$(basename "$big" .vmcore.zst)
	readable "$name" || continue
	unpack "$big" || exit 1
	# of machines that are not known all pages are kept: nothing is classified, but what is stored makes bits, too
	compare "$name" "$pack" -d 31
	compare "$name, ELF" -E -d 31
	rm -f dump ref
done
test_end
