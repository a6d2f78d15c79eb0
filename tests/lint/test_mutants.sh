#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The mutants still fit the code; whether each is found, tests/mutation/run tries, which takes minutes.
. "$(dirname "${BASH_SOURCE[0]}")/lint.sh"

tests/mutation/run --fit >"$tmp/out" 2>&1
report "mutants fit the code" "$tmp/out"
finish
