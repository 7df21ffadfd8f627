#!/usr/bin/env python3
"""Archives with a bit changed or an end cut off: each is refused (exit 3, one line, nothing published) or says the same.

    damaged.py CONFUSE SCRATCH COUNT
"""
import gzip
import os
import random
import subprocess
import sys

from make_images import APP, BASE, LAYER, LAYER_GZIP, Layout, docker_new, docker_old, pack

CONFUSE, SCRATCH, COUNT = sys.argv[1], sys.argv[2], int(sys.argv[3])


def confuse(store, *arguments, **more):
    return subprocess.run([CONFUSE, "--store", store, *arguments], capture_output=True, timeout=60, check=False, **more)


def layout(media):
    layout = Layout()
    layout.add(layout.image([BASE, APP[1], APP[2]], "amd64", media))
    return pack(layout.members())


def manifest(store, line):
    """What is in the tree of a printed line."""
    return confuse(store, "manifest", line.split()[0].decode()).stdout


def damage(some, data):
    if some.random() < 0.3:
        return data[:some.randrange(len(data))]
    at = some.randrange(len(data))
    return data[:at] + bytes([data[at] ^ 1 << some.randrange(8)]) + data[at + 1:]


def try_one(store, good, data, name):
    """`good`: the manifest that all of its kind have, None where nothing tells that a bit is another."""
    with open(os.path.join(SCRATCH, "damaged"), "wb") as out:
        out.write(data)
    before = confuse(store, "log").stdout
    run = confuse(store, "import", "--namespace", "damaged", "--max-size", "64M", os.path.join(SCRATCH, "damaged"))
    if run.returncode == 0:
        wrong = [line for line in run.stdout.splitlines() if good is not None and manifest(store, line) != good]
        assert not wrong, (name, "another tree", run.stderr)
        return 0
    assert run.returncode == 3, (name, run.returncode, run.stderr)
    assert run.stderr.count(b"\n") == 1 and run.stderr.startswith(b"confuse import: "), (name, run.stderr)
    assert confuse(store, "log").stdout == before, (name, "something was published")
    return 1


def main():
    some = random.Random(int(os.environ.get("CONFUSE_SEED", "1")))
    store, refused = os.path.join(SCRATCH, "store"), 0
    kinds = {"layout": layout(LAYER), "packed": layout(LAYER_GZIP), "docker-old": docker_old("amd64"),
             "docker-new": docker_new("amd64"), "layout.gz": gzip.compress(layout(LAYER), mtime=0),
             "tar": BASE, "tar.gz": gzip.compress(BASE, mtime=0)}
    for kind, data in kinds.items():
        with open(os.path.join(SCRATCH, "good"), "wb") as out:
            out.write(data)
        run = confuse(store, "import", "--namespace", "good-" + kind, os.path.join(SCRATCH, "good"))
        assert run.returncode == 0, (kind, run.stderr)
        good = None if kind.startswith("tar") else manifest(store, run.stdout.splitlines()[0])
        for i in range(COUNT):
            refused += try_one(store, good, damage(some, data), f"{kind} {i}")
    run = confuse(store, "fsck")
    assert run.returncode == 0, run.stderr
    print(f"{COUNT * len(kinds)} damaged archives: {refused} refused, the others as good as before")


main()
