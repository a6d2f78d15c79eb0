# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs a guest under QEMU until its dump is made: vmcore, truth and console.log in one folder."""
import json
import os
import re
import shutil
import socket
import subprocess
import time

MIB = 1 << 20
LIMIT = 900  # seconds; a run takes half a minute on an idle machine


class Qmp:
    """QEMU's monitor."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        for left in reversed(range(100)):
            try:
                self.socket.connect(path)
                break
            except OSError:
                if not left:
                    raise
                time.sleep(0.1)
        self.file = self.socket.makefile("rw")
        self.file.readline()
        self.run("qmp_capabilities")

    def run(self, command, **arguments):
        self.file.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
        self.file.flush()
        for line in self.file:
            answer = json.loads(line)
            if "error" in answer:
                raise RuntimeError(f"QEMU, {command}: {answer['error']['desc']}")
            if "return" in answer:
                return answer["return"]
        raise RuntimeError(f"QEMU ended at {command}")


def arguments(case, kernel, image, disks, work):
    mem = int(case["mem"])
    line = ["console=ttyS0", "rdinit=/init", "panic=5", "oops=panic", "secretmem.enable=1",
            "transparent_hugepage=madvise", f"lab.mode={'hold' if case['made'] == 'qemu' else 'kdump'}",
            f"lab.scale={case['scale']}", f"lab.load={case['made']}"]
    if case["made"] != "qemu" and case["crash"] != "-":
        line.append(f"crashkernel={case['crash']}")
    size, more = str(mem), []
    if case["shape"] == "vmem":
        size += ",slots=2,maxmem=4G"
        line.append("memhp_default_state=online")
        more += ["-object", "memory-backend-ram,id=vm0,size=256M",
                 "-device", "virtio-mem-pci,memdev=vm0,requested-size=96M"]
    elif case["shape"] == "numa":
        for n in range(2):
            more += ["-object", f"memory-backend-ram,id=m{n},size={mem // 2}M",
                     "-numa", f"node,nodeid={n},cpus={n},memdev=m{n}"]
    for name, path in disks.items():
        more += ["-drive", f"if=none,id={name},format=raw,cache=unsafe,file={path}",
                 "-device", f"virtio-blk-pci,drive={name},serial={name}"]
    # TCG of QEMU 7.2 returns wrong flags from cmpxchg16b: kernels of 6.12 and newer die of it.
    return [os.environ.get("QEMU") or "qemu-system-x86_64", "-accel", "tcg,thread=multi", "-machine", "q35",
            "-cpu", f"max,cx16=off,la57={'on' if case['levels'] == '5' else 'off'}", "-smp", "2", "-m", size,
            "-nodefaults", "-display", "none", "-no-reboot", "-serial", f"file:{work}/console.log",
            "-qmp", f"unix:{work}/qmp,server=on,wait=off", "-device", "vmcoreinfo", "-device", "virtio-balloon-pci",
            "-kernel", f"{kernel}/vmlinuz", "-initrd", f"{image}/initrd.img", "-append", " ".join(line), *more]


def copy_sparse(source, offset, size, path):
    """Pages of zeros become holes."""
    with open(source, "rb") as i, open(path + ".part", "wb") as o:
        i.seek(offset)
        for at in range(0, size, MIB):
            block = i.read(min(MIB, size - at))
            if block.count(0) == len(block):
                o.seek(len(block), 1)
            else:
                o.write(block)
        o.truncate(size)
    os.rename(path + ".part", path)


def react(qmp, line, case, work):
    """To a line of the console.  True where the guest's part is over."""
    if m := re.search(r"LAB-BALLOON (\d+)", line):
        qmp.run("balloon", value=int(case["mem"]) * MIB - int(m[1]) * 4096)
    if m := re.search(r"LAB-FAIL.*", line):
        raise RuntimeError(m[0])
    if "LAB-READY" not in line:
        return False
    qmp.run("stop")
    qmp.run("dump-guest-memory", paging=False, protocol=f"file:{work}/core")
    more_dumps(qmp, work)
    qmp.run("quit")
    return True


def more_dumps(qmp, work):
    """The same stopped guest in every other form that this QEMU writes, as work/qemu-FORM."""
    qmp.run("dump-guest-memory", paging=True, protocol=f"file:{work}/qemu-elf-paging")
    for form in qmp.run("query-dump-guest-memory-capability")["formats"]:
        if form.startswith("kdump"):
            qmp.run("dump-guest-memory", paging=False, format=form, protocol=f"file:{work}/qemu-{form}")


def watch(vm, qmp, case, work):
    """Follow the console until QEMU ends."""
    console, seen, end = os.path.join(work, "console.log"), 0, time.time() + LIMIT
    while True:
        ended = vm.poll() is not None
        with open(console, errors="replace") as f:
            text = f.read()
        whole = text.rfind("\n") + 1
        if any([react(qmp, line, case, work) for line in text[seen:whole].splitlines()]):
            vm.wait(60)
            return
        seen = whole
        if ended:
            return
        if time.time() > end:
            raise RuntimeError(f"the guest is not done after {LIMIT} s")
        time.sleep(0.3)


def run(case, kernel, image, out):
    """Make the dump of a case in the folder out."""
    work = os.path.join(out, "work")
    shutil.rmtree(work, ignore_errors=True)
    os.makedirs(work)
    sizes = {"data": 64, "swap": 64, "truth": 64, "dump": int(case["mem"]) + 32}
    disks = {name: os.path.join(work, name) for name in sizes}
    for name, path in disks.items():
        with open(path, "wb") as f:
            f.truncate(sizes[name] * MIB)
    open(os.path.join(work, "console.log"), "w").close()
    vm = subprocess.Popen(arguments(case, kernel, image, disks, work), stdin=subprocess.DEVNULL)
    try:
        watch(vm, Qmp(os.path.join(work, "qmp")), case, work)
    finally:
        if vm.poll() is None:
            vm.kill()
            vm.wait()
        shutil.copy(os.path.join(work, "console.log"), out)
    collect(case, disks, work, out)
    shutil.rmtree(work)


def collect(case, disks, work, out):
    with open(disks["truth"], "rb") as f:
        if f.read(8) != b"PZREC001":
            raise RuntimeError("the guest left no records: see console.log")
    copy_sparse(disks["truth"], 0, os.path.getsize(disks["truth"]), os.path.join(out, "truth"))
    vmcore = os.path.join(out, "vmcore")
    if case["made"] == "qemu":
        copy_sparse(work + "/core", 0, os.path.getsize(work + "/core"), vmcore)
        for name in os.listdir(work):
            if name.startswith("qemu-"):
                os.replace(os.path.join(work, name), os.path.join(out, name))
        return
    with open(disks["dump"], "rb") as f:
        head = f.read(MIB).split(b"\nEND\n")[0].decode(errors="replace")
    m = re.match(r"LABCORE (\d+)\n", head)
    if not m:
        raise RuntimeError("the capture kernel copied nothing: see console.log")
    with open(os.path.join(out, "capture.txt"), "w") as f:
        f.write(head + "\n")
    copy_sparse(disks["dump"], MIB, int(m[1]), vmcore)
