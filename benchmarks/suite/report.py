# SPDX-License-Identifier: GPL-2.0-or-later
"""Ratios, the table, and whether the targets are met."""
import fnmatch
import statistics

from .measure import ratio


def ratios(contenders):
    """By name: how many times faster than the incumbent ("x-incumbent-t2"), how many times the limit ("x-limit-t2"), how many
    times faster than with one thread ("x-threads-t2"), size and CPU time against the same; "cpu-floor": CPU time against
    the limit and a copy of the output together."""
    by_name = {c.name: c for c in contenders if c.wall}
    found = {}
    one, incumbent = by_name.get("ours-t1"), by_name.get("incumbent")
    for name, ours in by_name.items():
        if not name.startswith("ours-t"):
            continue
        threads = name[6:]
        limit, copied = by_name.get("limit-t" + threads), by_name.get("cp")
        if limit and copied:
            # the codec cannot be the only cost: its output has to be written at least
            found["cpu-floor-t" + threads] = (statistics.median(ours.cpu) /
                                              (statistics.median(limit.cpu) + statistics.median(copied.cpu)))
        limit = (limit or copied) if threads in ("1", "2") else None
        if incumbent:
            found["x-incumbent-t" + threads] = ratio(incumbent, ours)
            found["cpu-incumbent-t" + threads] = ratio(incumbent, ours, "cpu")
        if limit:
            found["x-limit-t" + threads] = ratio(ours, limit)
            found["cpu-limit-t" + threads] = ratio(ours, limit, "cpu")
        if one and ours is not one:
            found["x-threads-t" + threads] = ratio(one, ours)
            found["cpu-threads-t" + threads] = ratio(ours, one, "cpu")
    for threads in ("1", "2"):
        same = by_name.get("same-t" + threads)
        if same and incumbent:
            found["x-same-t" + threads] = ratio(incumbent, same)
            found["cpu-same-t" + threads] = ratio(incumbent, same, "cpu")
    if one and incumbent and one.size and incumbent.size:
        found["size"] = one.size / incumbent.size
    return {key: value for key, value in found.items() if value is not None}


# (cases, ratio, bound, what issue and documents call it); a bound ("<=", x) or (">=", x)
TARGETS = [
    ("*/d31/lzo/kdump", "x-incumbent-t2", (">=", 1.9), "-l -d 31, 2 threads, against the incumbent"),
    ("*/d31/lzo/kdump", "x-incumbent-t1", (">=", 1.2), "-l -d 31, 1 thread, against the incumbent"),
    ("*/d31/zlib/kdump", "x-incumbent-t2", (">=", 4.0), "-c -d 31, 2 threads, against the incumbent"),
    ("*/d31/zlib/kdump", "x-incumbent-t1", (">=", 2.2), "-c -d 31, 1 thread, against the incumbent"),
    ("*/d31/zstd/kdump", "x-incumbent-t2", (">=", 1.9), "-z -d 31, 2 threads, against the incumbent"),
    ("*/d31/zstd/kdump", "x-incumbent-t1", (">=", 1.1), "-z -d 31, 1 thread, against the incumbent"),
    ("*/d31/zstd/kdump", "x-same-t2", (">=", 1.9), "-z -d 31, 2 threads, the same libzstd"),
    ("*/d31/zstd/kdump", "x-same-t1", (">=", 1.1), "-z -d 31, 1 thread, the same libzstd"),
    ("*/d31/elf", "x-incumbent-t2", (">=", 1.2), "-E -d 31 against the incumbent"),
    ("*/d31/raw/kdump", "x-incumbent-t2", (">=", 1.2), "raw -d 31 against the incumbent"),
    ("*/d31/elf", "x-limit-t2", ("<=", 1.2), "-E -d 31 against cp"),
    ("*/d31/raw/kdump", "x-limit-t2", ("<=", 1.2), "raw -d 31 against cp"),
    ("*/d31/*/kdump", "x-limit-t1", ("<=", 1.15), "compressed -d 31, 1 thread, against the codec alone"),
    ("*/d31/*/kdump", "x-limit-t2", ("<=", 1.15), "compressed -d 31, 2 threads, against the codec alone"),
    ("256g*/plan", "x-incumbent-t1", (">=", 2.0), "planning 256 GiB, 1 thread, against the incumbent"),
    ("256g*/plan", "x-incumbent-t2", (">=", 3.5), "planning 256 GiB, 2 threads, against the incumbent"),
    ("256g*/plan", "x-limit-t1", ("<=", 1.3), "planning 256 GiB against touching each struct page"),
    ("256g/d31/lzo/kdump", "x-incumbent-t2", (">=", 2.0), "256 GiB, -l -d 31, 2 threads, against the incumbent"),
    ("256g/d31/lzo/kdump-e", "x-incumbent-t2", (">=", 8.0), "256 GiB, -e -l -d 31, 2 threads, against -l -d 31"),
    ("256g/d31/lzo/kdump-e", "size", ("<=", 0.05), "256 GiB, size with -e"),
    ("*/kdump", "size", ("<=", 1.0), "size at the same codec"),
    ("*/d31/[lz]*/kdump", "x-threads-t2", (">=", 1.85), "1 to 2 threads where the codec dominates"),
    ("*", "x-threads-t*", (">=", 1.0), "no case slower than with one thread"),
    ("*", "cpu-threads-t*", ("<=", 1.1), "CPU time of 2, 4, 8 threads against one"),
]


def misses(value, sign, bound):
    return value < bound if sign == ">=" else value > bound


def judge(results):
    """For each target the cases it speaks of and those that miss it.  Times are judged by wall time; where that misses and CPU
    time (which other load disturbs less) does not, the miss says so."""
    verdicts = []
    for pattern, wanted, (sign, bound), text in TARGETS:
        seen, missed = 0, []
        for name, case in results.items():
            if not fnmatch.fnmatch(name, pattern) or (pattern == "*/d31/*/kdump" and "/raw/" in name):
                continue
            limit = 1.03 if wanted == "size" and "/zlib/" in name else bound
            for key in fnmatch.filter(case["ratios"], wanted):
                value = case["ratios"][key]
                seen += 1
                if misses(value, sign, limit):
                    cpu = case["ratios"].get(key.replace("x-", "cpu-")) if key.endswith("-t1") else None
                    by_cpu = " (by CPU time %.2f)" % cpu if cpu and key.startswith("x-") else ""
                    missed.append("%s %s %.2f%s" % (name, key, value, by_cpu))
        verdicts.append({"target": text, "bound": "%s %.2f" % (sign, bound), "cases": seen, "missed": missed})
    return verdicts


def seconds(value):
    return "%.3f" % value if value < 10 else "%.1f" % value


def print_case(name, case):
    print("\n%s    (others used %.0f %% of the machine)" % (name, 100 * case["others"]))
    if case.get("skipped"):
        print("  left out: %s" % case["skipped"])
    print("  %-12s %9s %9s %9s %9s %12s" % ("", "wall", "best", "cpu", "rss MiB", "bytes")) if case["contenders"] else None
    for who, c in case["contenders"].items():
        if "error" in c:
            print("  %-12s %s" % (who, c["error"]))
            continue
        print("  %-12s %9s %9s %9s %9.1f %12s" % (who, seconds(c["wall_median"]), seconds(c["wall_best"]),
                                                  seconds(c["cpu_median"]), c["rss_kib"] / 1024, c["bytes"] or "-"))
    line = "  ".join("%s %.2f" % item for item in case["ratios"].items())
    if line:
        print("  " + line)


def cell(contenders, name):
    """Wall and CPU seconds."""
    c = contenders.get(name)
    if not c:
        return "-"
    return "error" if "error" in c else "%s / %s" % (seconds(c["wall_median"]), seconds(c["cpu_median"]))


def markdown(results):
    """A table with a row a case, for documents."""
    columns = ("ours-t1", "ours-t2", "incumbent", "limit-t1", "cp")
    wanted = ("cpu-incumbent-t1", "x-incumbent-t2", "cpu-limit-t1", "cpu-floor-t1", "x-threads-t2", "size")
    lines = ["| case | " + " | ".join(columns + wanted) + " |", "|---" * (1 + len(columns) + len(wanted)) + "|"]
    for name, case in results.items():
        ratios_of = ["%.2f" % case["ratios"][key] if key in case["ratios"] else "-" for key in wanted]
        lines.append("| %s | %s |" % (name, " | ".join([cell(case["contenders"], c) for c in columns] + ratios_of)))
    return "\n".join(lines) + "\n"


def print_verdicts(verdicts):
    print("\n%-62s %9s %6s  %s" % ("target", "bound", "cases", "holds"))
    for v in verdicts:
        if not v["cases"]:
            answer = "not measured"
        elif not v["missed"]:
            answer = "yes"
        else:
            answer = "no: " + "; ".join(v["missed"][:3]) + (" …" if len(v["missed"]) > 3 else "")
        print("%-62s %9s %6d  %s" % (v["target"], v["bound"], v["cases"], answer))
