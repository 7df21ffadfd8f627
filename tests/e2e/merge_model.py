#!/usr/bin/env python3
"""merge_model.py FROM TO: random layers, imported, against a model of how umoci unpacks them; TO is not among the seeds.

The model says what umoci_oracle.py found umoci to do, in the plainest way: a tree of nodes, entry by entry. It needs neither
root nor umoci, and a hundredth of the time. What differs is made as small as it can be before it is printed.
"""
import json
import os
import random
import subprocess
import sys
import tempfile

from oci_layout import Entry, directory, fifo, file, hardlink, opaque, symlink, whiteout, write_layout

CONFUSE = os.environ.get("CONFUSE", "confuse")
LINKS_MAX = 255  # followed for one name
KINDS = {b"0": "file", b"2": "link", b"5": "dir", b"6": "pipe"}


# --- The model ----------------------------------------------------------------------------------------------------------

class Refused(Exception):
    """umoci would refuse the image for this entry; confuse leaves it out."""


class Node:
    """A file: each of its names leads to the same one. `serial` is its owner, group and time in seconds."""

    def __init__(self, kind, mode, serial, target=b"", made=False):
        self.kind, self.mode, self.serial, self.target, self.made = kind, mode, serial, target, made
        self.children = {}


def parts(text):
    return [part for part in text.split(b"/") if part not in (b"", b".")]


def clean(name):
    """".." is taken by its text, and ends at the root."""
    path = []
    for part in parts(name):
        if part != b"..":
            path.append(part)
        elif path:
            path.pop()
    return path


class Tree:
    def __init__(self):
        self.root = Node("dir", 0o755, 0, made=True)

    def find(self, path):
        node = self.root
        for part in path:
            node = node.children.get(part)
            if node is None:
                return None
        return node

    def resolve(self, path):
        """Links are followed inside the tree; what is not there is taken as it is."""
        at, left, links = [], list(path), 0
        while left:
            part = left.pop(0)
            if part == b"..":
                at = at[:-1]
                continue
            node = self.find(at + [part])
            if not node or node.kind != "link":
                at.append(part)
                continue
            links += 1
            if links > LINKS_MAX:
                raise Refused
            left = parts(node.target) + left
            at = [] if node.target.startswith(b"/") else at
        return at

    def take_away(self, path, touched):
        """What this layer touched stays, with its attributes; what is below it goes by the same rule."""
        node = self.find(path)
        if node is None:
            return
        if tuple(path) not in touched:
            del self.find(path[:-1]).children[path[-1]]
            return
        for name in list(node.children):
            self.take_away(path + [name], touched)

    def white_out(self, where, name, touched):
        what = name[len(b".wh."):]
        if what == b".wh..opq":
            touched = touched | {tuple(where)}
            return self.take_away(where, touched)
        if what in (b"", b".", b".."):
            raise Refused
        return self.take_away(where + [what], touched)

    def linked(self, entry, path):
        """What a hard link leads to, when what it replaces has gone."""
        target, above = clean(entry.target), self.find(path[:-1])
        gone = above.children.pop(path[-1], None) if above else None
        try:
            found = self.find(self.resolve(target[:-1]) + target[-1:])
        finally:
            if gone:
                above.children[path[-1]] = gone
        if found is None or found.kind == "dir" or found is gone:
            raise Refused
        return found

    def make_parents(self, path):
        node = self.root
        for part in path:
            node = node.children.setdefault(part, Node("dir", 0o755, 0, made=True))
        return node

    def put(self, entry, touched):
        path = clean(entry.name)
        if not path and entry.kind != b"5":
            raise Refused
        where = self.resolve(path[:-1])
        above = [self.find(where[:i]) for i in range(len(where) + 1)]
        if path and path[-1].startswith(b".wh."):
            if above[-1] and above[-1].kind == "dir":
                self.white_out(where, path[-1], touched)
            return
        if any(node and node.kind != "dir" for node in above):
            raise Refused
        path = where + path[-1:]
        node = self.linked(entry, path) if entry.kind == b"1" else Node(KINDS[entry.kind], entry.mode, entry.uid, entry.target)
        old = self.find(path)
        if old and old.kind == node.kind == "dir":
            node.children = old.children
        if path:
            self.make_parents(where).children[path[-1]] = node
        else:
            self.root = node
        touched.update(tuple(path[:i]) for i in range(len(path) + 1))

    def apply(self, layer):
        touched = set()
        for entry in layer:
            try:
                self.put(entry, touched)
            except Refused:
                pass

    def files(self):
        """{path: what is to be seen of it}."""
        paths, names = {}, {}

        def walk(path, node):
            paths[path or "/"] = node
            names[node] = names.get(node, 0) + 1
            for name, child in node.children.items():
                walk(path + "/" + name.decode(), child)

        walk("", self.root)
        return {path: (node.kind, node.mode, node.serial, node.target.decode(), node.made, names[node])
                for path, node in paths.items()}


# --- Random layers ------------------------------------------------------------------------------------------------------

def random_entry(rng, names, serial):
    path = [rng.choice(names) for _ in range(rng.randint(1, 4))]
    name = b"/".join(path if rng.random() > .03 else path[:1] + [b".."] + path[1:])
    if rng.random() < .04:
        name = rng.choice([b".", b"..", b"a/..", b"./" + name])
    target = b"/".join(rng.choice(names + names + [b".", b".."]) for _ in range(rng.randint(1, 4)))
    about = {"uid": serial, "gid": serial, "mtime": serial * 10**9}
    makers = [(25, lambda: file(name, b"%d" % serial, **about)), (20, lambda: directory(name, 0o700, **about)),
              (15, lambda: symlink(name, rng.choice([b"", b"/"]) + target, **about)),
              (20, lambda: hardlink(name, b"/".join(rng.choice(names) for _ in range(rng.randint(1, 4))), **about)),
              (4, lambda: fifo(name, **about)), (10, lambda: whiteout(name)), (5, lambda: opaque(b"/".join(path[:-1]))),
              (1, lambda: file(b"/".join(path[:-1] + [b".wh."]), **about))]
    entry = rng.choices([maker for _, maker in makers], [weight for weight, _ in makers])[0]()
    entry.uid, entry.gid, entry.mtime = entry.uid or 0, entry.gid or 0, entry.mtime or 0
    return entry


def random_layers(seed):
    rng = random.Random(seed)
    names = rng.choice([[b"a", b"b"], [b"a", b"b", b"c"]])
    size, serials = rng.choice([4, 8, 14]), iter(range(1, 10**6))
    return [[random_entry(rng, names, next(serials)) for _ in range(rng.randint(0, size))] for _ in range(rng.randint(1, 6))]


# --- Comparing ----------------------------------------------------------------------------------------------------------

def confuse(store, *arguments):
    return subprocess.run([CONFUSE, "--store", store, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          check=False)


def seconds(text):
    """Of a time in 1970, which all of them are."""
    days = sum([31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][:int(text[5:7]) - 1]) + int(text[8:10]) - 1
    return days * 86400 + int(text[11:13]) * 3600 + int(text[14:16]) * 60 + int(text[17:19])


def seen(line):
    serial = line["uid"] if line["uid"] == line["gid"] == seconds(line["mtime"]) else line
    return (line["type"], int(line["mode"], 8), serial, line.get("target", ""), line["known"] == "made", line.get("nlink", 1))


def differences(layers, scratch):
    tree = Tree()
    for layer in layers:
        tree.apply(layer)
    layout, store = os.path.join(scratch, "layout"), os.path.join(scratch, "store")
    write_layout(layout, layers, ("",))
    done = confuse(store, "import", "--namespace", "merged", layout)
    if done.returncode:
        return [done.stderr.strip()]
    lines = map(json.loads, confuse(store, "manifest", done.stdout.split()[0]).stdout.splitlines())
    got, expected = {line["path"]: seen(line) for line in lines if "note" not in line}, tree.files()
    return [f"{path}: {got.get(path)}, not {expected.get(path)}" for path in sorted(got | expected)
            if got.get(path) != expected.get(path)]


def smallest(layers, scratch):
    """What still differs when anything more is left out."""
    for i, layer in enumerate(layers):
        for j in range(len(layer)):
            fewer = layers[:i] + [layer[:j] + layer[j + 1:]] + layers[i + 1:]
            if differences(fewer, scratch):
                return smallest(fewer, scratch)
    return layers


def show(entry: Entry):
    return f"{entry.kind.decode()} {entry.name.decode()}" + (f" -> {entry.target.decode()}" if entry.target else "")


def main(first, end):
    wrong = 0
    with tempfile.TemporaryDirectory(prefix="confuse-merge-") as scratch:
        for seed in range(first, end):
            layers = random_layers(seed)
            if not differences(layers, scratch):
                continue
            wrong += 1
            layers = smallest(layers, scratch)
            print(f"seed {seed}:", " | ".join("; ".join(map(show, layer)) for layer in layers))
            print(*differences(layers, scratch), sep="\n")
    print(f"{end - first} images, {wrong} wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), int(sys.argv[2])))
