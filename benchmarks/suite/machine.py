# SPDX-License-Identifier: GPL-2.0-or-later
"""What the figures were measured on."""
import os
import platform
import re
import subprocess


def output(*argv):
    try:
        return subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True, text=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


def field(path, pattern):
    with open(path) as stream:
        match = re.search(pattern, stream.read(), re.M)
    return match.group(1).strip() if match else "unknown"


def compiler(build):
    with open(os.path.join(build, "CMakeCache.txt")) as stream:
        match = re.search(r"^CMAKE_C_COMPILER:\w+=(.*)$", stream.read(), re.M)
    return output(match.group(1), "--version").split("\n")[0] if match else "unknown"


def incumbent_version(path):
    match = re.search(r"version\s+(\S+)", output(path, "-v") if path else "")
    return match.group(1) if match else "none"


def describe(source, build, incumbents):
    revision = output("git", "-C", source, "rev-parse", "--short=12", "HEAD")
    if output("git", "-C", source, "status", "--porcelain", "lib", "tools", "include"):
        revision += " with changes"
    libraries = {module: output("pkg-config", "--modversion", module)
                 for module in ("lzo2", "libdeflate", "zlib", "snappy", "libzstd")}
    return {
        "cpu": field("/proc/cpuinfo", r"^model name\s*:(.*)$"),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(int(field("/proc/meminfo", r"^MemTotal:\s*(\d+)")) / 2**20, 1),
        "kernel": platform.release(),
        "compiler": compiler(build),
        "libraries": libraries,
        "revision": revision,
        "incumbents": {name: incumbent_version(path) for name, path in incumbents.items()},
    }


def one_line(machine):
    libraries = ", ".join("%s %s" % item for item in machine["libraries"].items() if item[1])
    incumbents = ", ".join("%s (%s)" % (version, name) for name, version in machine["incumbents"].items())
    return "%s, %d cores, %s GiB, Linux %s; %s; %s; revision %s; makedumpfile %s" % (
        machine["cpu"], machine["cores"], machine["memory_gib"], machine["kernel"], machine["compiler"], libraries,
        machine["revision"], incumbents or "none")
