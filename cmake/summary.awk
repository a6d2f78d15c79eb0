# SPDX-License-Identifier: GPL-2.0-or-later
# Reads "ctest -V": one line a test program, what a failed one printed, and the numbers of cases into the file `count`.
# A case is a line "ok - name" or "not ok - name"; "# SKIP reason" behind a name makes it a skipped one.  A program that
# fails without saying which case counts as one failed case, one that passes without naming any as one passed.

# Without the cases that passed and the program's own sums, and at most 100 lines.
function tail_of(t,    i, n, m, line, keep, out) {
	n = split(output[t], line, "\n")
	for (i = 1; i < n; i++)
		if (line[i] !~ /^(ok |[0-9]+ passed, )/)
			keep[++m] = line[i]
	for (i = m > 100 ? m - 99 : 1; i <= m; i++)
		out = out "    " keep[i] "\n"
	return out
}

match($0, /^[0-9]+: /) {
	t = substr($0, 1, RLENGTH - 2) + 0
	text = substr($0, RLENGTH + 1)
	if (text ~ /^(Test command|Working Directory|Environment variables|Test timeout computed to be):/ || text ~ /^ [A-Z_]+=/)
		next
	if (text ~ /^(not )?ok( |$)/ && text ~ /# SKIP/) {
		skipped[t]++
		why[t] = why[t] "    " text "\n"
	} else if (text ~ /^ok( |$)/)
		passed[t]++
	else if (text ~ /^not ok( |$)/)
		failed[t]++
	output[t] = output[t] text "\n"
	if (verbose)
		print text
	next
}

match($0, /Test +#[0-9]+: /) && $1 ~ /\/[0-9]+$/ {
	t = substr($0, RSTART, RLENGTH)
	gsub(/[^0-9]/, "", t)
	t += 0
	name = substr($0, RSTART + RLENGTH)
	sub(/ .*/, "", name)
	good = $0 ~ / Passed /
	skip = $0 ~ /\*\*\*Skipped/
	if (skip) {
		if (!skipped[t])
			skipped[t] = 1
		if (!why[t])
			why[t] = "    " (output[t] ? output[t] : "no reason given\n")
	} else if (!good && !failed[t]) {
		failed[t]++
		reason = $0
		sub(/.*\*\*\*/, "", reason)
		output[t] = output[t] "the program failed: " reason "\n"
	} else if (good && !passed[t] && !failed[t] && !skipped[t])
		passed[t]++
	printf "%s %s: %d passed", (failed[t] ? "not ok" : skip ? "skip" : "ok"), name, passed[t]
	if (failed[t])
		printf ", %d failed", failed[t]
	if (skipped[t])
		printf ", %d skipped", skipped[t]
	printf " (%s s)\n", $(NF - 1)
	if (failed[t] && !verbose)
		printf "%s", tail_of(t)
	if (why[t])
		printf "%s", why[t]
	fflush()
	P += passed[t]; F += failed[t]; S += skipped[t]
	delete output[t]
	next
}

/^(CMake|CTest) (Error|Warning)|^Cannot|Unable to find/ { print }

END { print P + 0, F + 0, S + 0 > count }
