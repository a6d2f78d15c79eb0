# SPDX-License-Identifier: GPL-2.0-or-later
"""A Debian kernel, and the initramfs images in which plant and a capture run.

Everything goes to a cache: index/SUITE.xz, kernels/NAME/{vmlinuz,modules,release}, images/CASE/initrd.img.
"""
import gzip
import hashlib
import lzma
import os
import re
import shutil
import subprocess
import sys
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
WANTED = ["virtio_pci", "virtio_blk", "virtio_balloon", "virtio_mem", "qemu_fw_cfg", "lzo-rle", "zram", "ext4"]
APPLETS = """cat cut dd dmesg echo free insmod ls mke2fs mkdir mkswap mount poweroff reboot rm sed sh sleep
             stat swapon sync""".split()


def mirror():
    script = f'. "{HERE}/../readers/mirror.sh" && echo "$mirror"'
    return subprocess.run(["sh", "-c", script], check=True, capture_output=True, text=True).stdout.strip() + "/debian"


def download(url, path, sha256=None):
    data = urllib.request.urlopen(url, timeout=120).read()
    if sha256 and hashlib.sha256(data).hexdigest() != sha256:
        sys.exit(f"{url}: its SHA-256 is not that of the index; remove the index if it is old")
    with open(path + ".part", "wb") as f:
        f.write(data)
    os.rename(path + ".part", path)


def packages(cache, suite):
    """Name of each package of the suite: (file, sha256)."""
    path = os.path.join(cache, "index", suite + ".xz")
    os.makedirs(os.path.dirname(path), exist_ok=True)
    if not os.path.exists(path):
        download(f"{mirror()}/dists/{suite}/main/binary-amd64/Packages.xz", path)
    found = {}
    for stanza in lzma.open(path, "rt", encoding="utf-8").read().split("\n\n"):
        f = dict(re.findall(r"^(Package|Filename|SHA256): (\S+)", stanza, re.M))
        if len(f) == 3:
            found[f["Package"]] = (f["Filename"], f["SHA256"])
    return found


def newest(names, version):
    """The newest release that begins with version, and the packages that hold its image and modules."""
    pattern = re.compile(rf"linux-(?:image-({re.escape(version)}\S*-cloud-amd64)-unsigned"
                         rf"|binary-unsigned-({re.escape(version)}\S*-cloud-amd64))$")
    releases = {m[1] or m[2] for m in map(pattern.match, names) if m}
    if not releases:
        return None, []
    release = max(releases, key=lambda r: [int(x) for x in re.findall(r"\d+", r)])
    forms = ("linux-image-{}-unsigned", "linux-binary-unsigned-{}", "linux-base-{}", "linux-modules-{}")
    return release, [n for n in (f.format(release) for f in forms) if n in names]


def fetch(cache, name, suite, version):
    """The folder with vmlinuz and modules of a kernel."""
    out = os.path.join(cache, "kernels", name)
    if os.path.exists(os.path.join(out, "release")):
        return out
    index = packages(cache, suite)
    release, wanted = newest(index, version)
    if not release:
        sys.exit(f"no cloud kernel {version}* in {suite}: mend cases.tab, or remove {cache}/index if that is old")
    shutil.rmtree(out, ignore_errors=True)
    root = os.path.join(out, "root")
    os.makedirs(root)
    deb = os.path.join(out, "package.deb")
    for package in wanted:
        print(f"# fetching {package}", flush=True)
        download(f"{mirror()}/{index[package][0]}", deb, index[package][1])
        subprocess.run(["dpkg-deb", "-x", deb, root], check=True)
    os.remove(deb)
    for folder, folders, files in os.walk(root):
        if folder.endswith("/modules/" + release):
            os.rename(folder, os.path.join(out, "modules"))
            folder, folders[:] = os.path.join(out, "modules"), []
            files = os.listdir(folder)
        for f in files:
            if f in ("vmlinuz", "vmlinuz.unsigned", "vmlinuz-" + release):
                shutil.copy(os.path.join(folder, f), os.path.join(out, "vmlinuz"))
    shutil.rmtree(root)
    if not os.path.exists(os.path.join(out, "vmlinuz")) or not os.path.exists(os.path.join(out, "modules")):
        sys.exit(f"no vmlinuz or no modules in {' '.join(wanted)}")
    with open(os.path.join(out, "release"), "w") as f:
        f.write(release + "\n")
    return out


def unpacked(path):
    with open(path, "rb") as f:
        data = f.read()
    if path.endswith(".xz"):
        return lzma.decompress(data)
    if path.endswith(".gz"):
        return gzip.decompress(data)
    if path.endswith(".zst"):
        return subprocess.run(["zstd", "-dc", path], check=True, capture_output=True).stdout
    return data


def modules(folder):
    """Name and bytes of the wanted modules and those they depend on, in the order to load them."""
    paths, out = {}, {}
    for where, _, files in os.walk(folder):
        for f in files:
            if ".ko" in f:
                paths[f.split(".ko")[0].replace("-", "_")] = os.path.join(where, f)

    def add(name):
        name = name.replace("-", "_")
        if name in out or name not in paths:
            return  # loaded already, or part of the kernel
        data = unpacked(paths[name])
        depends = re.search(rb"\0depends=([^\0]*)\0", data)
        for other in depends[1].decode().split(",") if depends else []:
            add(other)
        out[name] = data

    for name in WANTED:
        add(name)
    return out


def cpio(entries, path):
    """entries: name, mode, bytes; as a compressed "newc" archive."""
    out = bytearray()
    for number, (name, mode, data) in enumerate(entries + [("TRAILER!!!", 0, b"")], 1):
        device = (5, 1) if name == "dev/console" else (0, 0)
        fields = (number, mode, 0, 0, 1, 0, len(data), 0, 0, *device, len(name) + 1, 0)
        out += b"070701" + b"".join(b"%08X" % f for f in fields) + name.encode() + b"\0"
        out += b"\0" * (-len(out) % 4) + data
        out += b"\0" * (-len(out) % 4)
    with open(path, "wb") as f:
        f.write(gzip.compress(bytes(out), 6, mtime=0))


def program(name):
    path = shutil.which(name, path=os.environ["PATH"] + ":/sbin:/usr/sbin")
    return path or sys.exit(f"{name} is needed: see README.md")


def shared_objects(path):
    text = subprocess.run(["ldd", path], check=True, capture_output=True, text=True).stdout
    return re.findall(r"(/\S+) \(0x", text)


def initramfs(path, files, mods, init="init"):
    """files: path in the guest and bytes of each executable; init: the first program, of guest/."""
    files = {**files, "init": read(os.path.join(HERE, "guest", init)), "bin/busybox": read(program("busybox"))}
    folders = {"bin", "dev", "modules"} | {os.path.dirname(f) for f in files}
    for f in list(folders):
        while f:
            folders.add(f)
            f = os.path.dirname(f)
    entries = [(f, 0o40755, b"") for f in sorted(folders - {""})]
    entries.append(("dev/console", 0o20600, b""))
    entries += [(name, 0o100755, data) for name, data in files.items()]
    entries += [("bin/" + a, 0o120777, b"busybox") for a in APPLETS]
    entries += [(f"modules/{name}.ko", 0o100644, data) for name, data in mods.items()]
    entries.append(("modules.list", 0o100644, "".join(f"{name}.ko\n" for name in mods).encode()))
    cpio(entries, path)


def read(path):
    with open(path, "rb") as f:
        return f.read()


def build(cache, name, kernel, user_load):
    """The folder with initrd.img, which holds the capture kernel too."""
    out = os.path.join(cache, "images", name)
    os.makedirs(out, exist_ok=True)
    plant, capture = os.path.join(out, "plant"), os.path.join(out, "capture.img")
    subprocess.run([os.environ.get("CC", "cc"), "-std=c11", "-O2", "-static", "-Wall", "-s", "-o", plant,
                    *(os.path.join(HERE, "guest", f"{part}.c") for part in ("plant", "pages", "kinds", "records"))],
                   check=True)
    mods = modules(os.path.join(kernel, "modules"))
    initramfs(capture, {}, {n: d for n, d in mods.items() if n.startswith("virtio") and n != "virtio_balloon"})
    files = {"bin/plant": read(plant), "capture.img": read(capture),
             "vmlinuz": read(os.path.join(kernel, "vmlinuz"))}
    if user_load:
        kexec = program("kexec")
        files["bin/kexec"] = read(kexec)
        files.update((so[1:], read(so)) for so in shared_objects(kexec))
    initramfs(os.path.join(out, "initrd.img"), files, mods)
    return out
