#!/usr/bin/env python3
"""images.py DIRECTORY FILE.image: layers written as text, as an OCI layout for each number of them: DIRECTORY/1, …

A line is a member: its mode and kind ("d", "-", "p", "l", "c", which is 1:3, or "h" a hard link), owner, mtime in seconds, name, and the content, or
after "->" the target. "----" ends a layer.
"""
import io
import os
import sys
import tarfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))
from make_images import LAYER, Layout  # noqa: E402

TYPES = {"d": tarfile.DIRTYPE, "-": tarfile.REGTYPE, "p": tarfile.FIFOTYPE, "h": tarfile.LNKTYPE, "l": tarfile.SYMTYPE, "c": tarfile.CHRTYPE}


def member(tar, line):
    mode, owner, mtime, name, *rest = line.split(None, 4)
    info = tarfile.TarInfo(name)
    info.type, info.mode, info.mtime = TYPES[mode[0]], int(mode[1:], 8), int(mtime)
    info.uid, info.gid = map(int, owner.split(":"))
    info.devmajor, info.devminor = (1, 3) if info.type == tarfile.CHRTYPE else (0, 0)
    content = rest[0] if rest else ""
    if content.startswith("-> "):
        info.linkname = content[3:]
    elif mode[0] == "-":
        info.size = len(content.encode())
    tar.addfile(info, io.BytesIO(content.encode()))


def layer(lines):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for line in lines:
            member(tar, line)
    return out.getvalue()


def main(directory, path):
    with open(path, encoding="utf-8") as text:
        lines = [line for line in text.read().splitlines() if line and not line.startswith("#")]
    layers, some = [], []
    for line in lines + ["----"]:
        if line != "----":
            some.append(line)
            continue
        layers.append(layer(some))
        some = []
    for count in range(1, len(layers) + 1):
        layout = Layout()
        layout.add(layout.image(layers[:count], "amd64", LAYER))
        layout.write(os.path.join(directory, str(count)))


main(*sys.argv[1:])
