# SPDX-License-Identifier: GPL-2.0-or-later
"""Small valid dumps for the findings: ELF cores and kdump-compressed files, as the kernel and makedumpfile lay them out."""
import itertools
import struct
import zlib

PAGE = 4096
DIRECT_MAP = 0xFFFF888000000000
VMCOREINFO = b"OSRELEASE=6.1.0\nPAGESIZE=4096\nCRASHTIME=1700000000\n"


def page(letter, count=1):
    """count pages filled with one letter."""
    return letter.encode() * (PAGE * count)


def runs(data):
    """'A*4096 0*8192': data as runs of equal bytes, 0 for zero bytes."""
    return " ".join(f"{chr(byte) if byte else '0'}*{len(list(group))}" for byte, group in itertools.groupby(data))


def note(name, kind, desc, order="<"):
    """An ELF note; name and description are padded to four bytes, as in all vmcores."""
    name = name.encode() + b"\0"
    parts = [struct.pack(order + "III", len(name), len(desc), kind)]
    parts += [part + b"\0" * (-len(part) % 4) for part in (name, desc)]
    return b"".join(parts)


def prstatus(pid=0, order="<", size=336, pid_at=32, registers_at=112, registers=b""):
    """struct elf_prstatus; by default that of x86-64."""
    desc = bytearray(size)
    struct.pack_into(order + "I", desc, pid_at, pid)
    desc[registers_at : registers_at + len(registers)] = registers
    return note("CORE", 1, bytes(desc), order)


def vmcoreinfo(text=VMCOREINFO, order="<"):
    return note("VMCOREINFO", 0, text, order)


def elf64(loads, notes, order="<", machine=62, headers_at=64, note_first=True):
    """An ELF64 core.  loads: (p_vaddr, p_paddr, data, p_memsz); above 65534 headers their number is in section 0 (PN_XNUM)."""
    number = len(loads) + 1
    extended = number >= 0xFFFF
    sections_at = headers_at + 56 * number
    notes_at = position = sections_at + (64 if extended else 0)
    position += len(notes)
    headers, pieces = [], [(notes_at, notes)]
    for vaddr, paddr, data, memsz in loads:
        position += -position % PAGE
        headers.append(struct.pack(order + "IIQQQQQQ", 1, 7, position, vaddr, paddr, len(data), memsz, 0))
        pieces.append((position, data))
        position += len(data)
    headers.insert(0 if note_first else number, struct.pack(order + "IIQQQQQQ", 4, 0, notes_at, 0, 0, len(notes), len(notes), 0))
    ident = b"\x7fELF" + bytes([2, 1 if order == "<" else 2, 1]) + bytes(9)
    sections = (sections_at, 64, 1) if extended else (0, 0, 0)
    pieces.append((0, ident + struct.pack(order + "HHIQQQIHHHHHH", 4, machine, 1, 0, headers_at, sections[0], 0, 64, 56,
                                          min(number, 0xFFFF), sections[1], sections[2], 0)))
    pieces.append((headers_at, b"".join(headers)))
    if extended:
        pieces.append((sections_at, struct.pack(order + "IIQQQQIIQQ", 0, 0, 0, 0, 0, 1, 0, number, 0, 0)))
    image = bytearray(position)
    for offset, data in pieces:
        image[offset : offset + len(data)] = data
    return bytes(image)


def elf32(loads, notes, machine):
    """A little-endian ELF32 core.  loads: (p_vaddr, p_paddr, data)."""
    number = len(loads) + 1
    notes_at = position = 52 + 32 * number
    position += len(notes)
    headers, body = [struct.pack("<8I", 4, notes_at, 0, 0, len(notes), len(notes), 0, 0)], notes
    for vaddr, paddr, data in loads:
        body += b"\0" * (-position % PAGE) + data
        position += -position % PAGE
        headers.append(struct.pack("<8I", 1, position, vaddr, paddr, len(data), len(data), 7, 0))
        position += len(data)
    ident = b"\x7fELF" + bytes([1, 1, 1]) + bytes(9)
    return ident + struct.pack("<HHIIIIIHHHHHH", 4, machine, 1, 0, 52, 0, 0, 52, 32, number, 0, 0, 0) + b"".join(headers) + body


def kdump(pages, end, notes, order="<", machine="x86_64", microseconds=0):
    """A kdump-compressed file of header version 6, 64-bit, zlib.  pages: {page frame: bytes}; end: first frame behind memory."""
    blocks = lambda size: -(-size // PAGE)
    sub_blocks, bitmap_blocks = blocks(104 + len(notes)), blocks(blocks(end * PAGE // 8))
    names = ("Linux", "host", "6.1.0", "#1", machine, "(none)")
    header = b"KDUMP   " + struct.pack(order + "I", 6) + b"".join(name.encode().ljust(65, b"\0") for name in names)
    header = header.ljust(408, b"\0") + struct.pack(order + "qq10i", 1700000000, microseconds, 1, PAGE, sub_blocks,
                                                    2 * bitmap_blocks, end, 0, 0, 0, 0, 1)
    text_at = notes.find(b"OSRELEASE=")
    text_size = len(VMCOREINFO) if text_at >= 0 else 0
    sub = struct.pack(order + "QiiQQQQQQQQQQQ", 0, 0, 0, 0, 0, PAGE + 104 + text_at if text_size else 0, text_size, PAGE + 104,
                      len(notes), 0, 0, 0, 0, end)
    bitmap = bytearray(bitmap_blocks * PAGE)
    for frame in pages:
        bitmap[frame // 8] |= 1 << frame % 8
    head = header.ljust(PAGE, b"\0") + (sub + notes).ljust(sub_blocks * PAGE, b"\0") + bytes(bitmap) * 2
    descriptors, body = b"", b""
    for frame in sorted(pages):
        packed = zlib.compress(pages[frame], 1)
        descriptors += struct.pack(order + "QIIQ", len(head) + 24 * len(pages) + len(body), len(packed), 1, 0)
        body += packed
    return head + descriptors + body
