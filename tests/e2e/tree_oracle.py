#!/usr/bin/env python3
"""Compare a manifest (standard input) with a directory: every node as lstat(2) tells it, and the content of files.

    confuse manifest SNAP | tree_oracle.py [--no-owner] DIRECTORY

Names are bytes: surrogates in the JSON stand for what is no UTF-8. Prints what differs, at most ten lines; exit 1.
"""
import collections
import hashlib
import json
import os
import stat
import sys

TYPES = {stat.S_IFREG: "file", stat.S_IFDIR: "dir", stat.S_IFLNK: "link", stat.S_IFCHR: "char",
         stat.S_IFBLK: "block", stat.S_IFIFO: "pipe", stat.S_IFSOCK: "socket"}


def to_bytes(text):
    return text.encode("utf-8", "surrogateescape")


def parse_time(text):
    """RFC 3339 to nanoseconds."""
    import calendar
    import time
    whole, _, fraction = text.rstrip("Z").partition(".")
    seconds = calendar.timegm(time.strptime(whole, "%Y-%m-%dT%H:%M:%S"))
    return seconds * 10**9 + int(fraction.ljust(9, "0") or 0)


def digest(path):
    sha = hashlib.sha256()
    with open(path, "rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            sha.update(block)
    return sha.hexdigest()


def expected(path, status, owner, names):
    node = {"type": TYPES[stat.S_IFMT(status.st_mode)], "mode": stat.S_IMODE(status.st_mode),
            "mtime": status.st_mtime_ns}
    if owner:
        node["owner"] = status.st_uid, status.st_gid
    if stat.S_ISREG(status.st_mode):
        node["size"] = status.st_size
        node["sha256"] = digest(path)
    if stat.S_ISLNK(status.st_mode):
        node["target"] = os.readlink(path)
    if stat.S_ISCHR(status.st_mode) or stat.S_ISBLK(status.st_mode):
        node["rdev"] = os.major(status.st_rdev), os.minor(status.st_rdev)
    if not stat.S_ISDIR(status.st_mode):
        node["nlink"] = names[status.st_dev, status.st_ino]
    return node


def walk(top):
    yield top
    for directory, subdirectories, files in os.walk(top):
        for name in subdirectories + files:
            yield os.path.join(directory, name)


def read_directory(top, owner):
    found = [(path, os.lstat(path)) for path in walk(top)]
    names = collections.Counter((status.st_dev, status.st_ino) for _, status in found)
    return {path[len(top):] or b"/": expected(path, status, owner, names) for path, status in found}


def read_manifest(lines, owner):
    nodes = {}
    for line in lines:
        record = json.loads(line)
        if "note" in record:
            continue
        node = {"type": record["type"], "mode": int(record["mode"], 8), "mtime": parse_time(record["mtime"])}
        if owner:
            node["owner"] = record["uid"], record["gid"]
        if record["type"] == "file":
            node["size"] = record["size"]
            node["sha256"] = record.get("sha256", record["known"])
        if record["type"] == "link":
            node["target"] = to_bytes(record["target"])
        if record["type"] in ("char", "block"):
            node["rdev"] = record["major"], record["minor"]
        if record["type"] != "dir":
            node["nlink"] = record.get("nlink", 1)
        nodes[to_bytes(record["path"])] = node
    return nodes


def main():
    owner = "--no-owner" not in sys.argv
    theirs = read_directory(os.fsencode(sys.argv[-1].rstrip("/")), owner)
    ours = read_manifest(sys.stdin, owner)
    different = [path for path in sorted(set(theirs) | set(ours)) if theirs.get(path) != ours.get(path)]
    for path in different[:10]:
        print(f"{path}: expected {theirs.get(path)}, found {ours.get(path)}")
    print(f"{len(theirs)} nodes, {len(different)} differ")
    sys.exit(1 if different or len(theirs) < 2 else 0)


main()
