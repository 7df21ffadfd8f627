#!/usr/bin/env python3
"""`confuse find` and `confuse log --follow` against a look into each version: find.py SEEDS. See find.sh."""
import fnmatch
import hashlib
import json
import os
import random
import re
import sys
import tempfile

from served import CONFUSE, import_source, must, run

NAMES = ["a", "b.conf", "lib.so", "caf\xe9", "new\nline", "passwd", "*star", "[x]"]
CONTENTS = [b"", b"needle", b"hay" * 5, b"x" * 70000 + b"needle", b"y" * ((1 << 20) - 3) + b"needle", b"nee\0dle"]
PACKAGES = {"bash": ["4.3", "5.0"], "openssl": ["1.0.2g", "1.1"], "with space": ["1", "2"],
            "no utf-8": ["1\udcff", "2\udc80\udced\udcb3\udcbf"]}


def time_of(version):
    return f"2020-01-01T00:{version // 60:02}:{version % 60:02}Z"


def frame(namespace, version, packages):
    metadata = {"namespace": namespace, "timestamp": time_of(version)}
    rows = [("metadata", "metadata", metadata)]
    rows += [("package", name, {"pkgname": name, "pkgversion": at}) for name, at in sorted(packages.items())]
    return "".join(f"{kind}\t{json.dumps(key)}\t{json.dumps(value)}\n" for kind, key, value in rows).encode()


class Tree:
    """A directory's files: path to content."""

    def __init__(self):
        self.files = {}

    def change(self):
        for _ in range(random.randrange(3)):
            depth = random.randrange(4)
            path = "/".join(random.choice(["usr", "etc", "x"]) for _ in range(depth)) + "/" + random.choice(NAMES)
            path = path.lstrip("/")
            if path in self.files and random.random() < 0.5:
                del self.files[path]
            else:
                self.files[path] = random.choice(CONTENTS)

    def write(self, directory):
        for path, content in self.files.items():
            whole = os.path.join(directory, path)
            os.makedirs(os.path.dirname(whole), exist_ok=True)
            with open(whole, "wb") as file:
                file.write(content)
            os.utime(whole, (1, 1))
        for where, directories, _ in os.walk(directory, topdown=False):
            for name in directories:
                os.utime(os.path.join(where, name), (1, 1))
        os.utime(directory, (1, 1))


class Histories:
    """What each version of each namespace holds: (version, {name: set of what can be found there})."""

    def __init__(self, work):
        self.work, self.store, self.versions = work, os.path.join(work, "store"), {}

    def take(self, namespace, version, source, held, stdin=None):
        done = import_source(self.store, source, "--namespace", namespace, "--time", time_of(version), "--no-veneer", stdin=stdin)
        if done.returncode != 0:
            sys.exit(f"import: {done.stderr}")
        # A directory that is as it was is no new version.
        if stdin is not None or not self.versions.get(namespace) or self.versions[namespace][-1][1] != held:
            self.versions.setdefault(namespace, []).append((version, held))

    def spans(self, key, is_it):
        """What find must say: (namespace, name, first, last, how many, newest)."""
        expected = []
        for namespace, versions in self.versions.items():
            for name in sorted({name for _, held in versions for name in held}):
                there = [name in held and is_it(name, held[name]) for _, held in versions]
                start = None
                for i in range(len(versions) + 1):
                    if i < len(versions) and there[i]:
                        start = i if start is None else start
                    elif start is not None:
                        expected.append((namespace, name, time_of(versions[start][0]), time_of(versions[i - 1][0]), i - start,
                                         i == len(versions)))
                        start = None
        return sorted(expected)

    def check(self, key, arguments, is_it):
        done = run(CONFUSE, "--store", self.store, "--json", "find", *arguments)
        got = sorted((line["namespace"], line[key], line["first"], line["last"], line["versions"], line["newest"])
                     for line in map(json.loads, done.stdout.splitlines()))
        expected = self.spans(key, is_it)
        if got != expected:
            sys.exit(f"find {arguments}: expected\n{expected}\ngot\n{got}")
        if done.returncode != (0 if expected else 1):
            sys.exit(f"find {arguments}: exit {done.returncode}")
        return len(expected)

    def check_files(self, glob):
        """By name, directories apart: those are where files are."""
        done = run(CONFUSE, "--store", self.store, "--json", "find", "--name", glob)
        lines = list(map(json.loads, done.stdout.splitlines()))
        paths = {path for versions in self.versions.values() for _, held in versions for path in held}
        got = sorted((line["namespace"], line["path"], line["first"], line["last"], line["versions"], line["newest"])
                     for line in lines if line["path"] in paths)
        expected = self.spans("path", lambda path, held: held is not None and fnmatch.fnmatchcase(path.rsplit("/", 1)[1], glob))
        if got != expected:
            sys.exit(f"find --name {glob}: expected\n{expected}\ngot\n{got}")
        return len(expected)

    def follow(self, namespace, path):
        """What log --follow must say, newest first: (time, change, what of it). Modes, owners and times never change here."""
        def at(held):
            return {"type": "file", "content": held[path]} if path in held else \
                {"type": "dir"} if path == "/" or any(each.startswith(path + "/") for each in held) else None
        expected, before = [], None
        for version, held in self.versions[namespace]:
            now = at(held)
            if before is None or now is None:
                change = "added" if now else "removed"
                expected += [(time_of(version), change, None)] if now != before else []
            elif now != before:
                size = [] if len(now["content"]) == len(before["content"]) else ["size"]
                expected.append((time_of(version), "modified", ["content", *size]))
            before = now
        return expected[::-1]

    def check_follow(self):
        found = 0
        for namespace, versions in self.versions.items():
            paths = {path for _, held in versions for path in held if path.startswith("/")}
            paths |= {path[:i] or "/" for path in paths for i, byte in enumerate(path) if byte == "/"} | {"/never", "/usr/never"}
            for path in sorted(paths):
                done = run(CONFUSE, "--store", self.store, "--json", "log", "--follow", f"{namespace}:{path}")
                lines = list(map(json.loads, done.stdout.splitlines()))
                got = [(line["time"], line["change"], line.get("changed")) for line in lines]
                expected = self.follow(namespace, path)
                if got != expected or any(line["path"] != path or line["namespace"] != namespace for line in lines):
                    sys.exit(f"log --follow {namespace}:{path!r}: expected\n{expected}\ngot\n{got}")
                if done.returncode != (0 if expected else 1):
                    sys.exit(f"log --follow {namespace}:{path!r}: exit {done.returncode}")
                found += len(expected)
        return found


def one(seed, work):
    random.seed(seed)
    histories, trees, found = Histories(work), {f"dirs/{i}": Tree() for i in range(3)}, 0
    for version in range(1, 25):
        for namespace, tree in trees.items():
            tree.change()
            with tempfile.TemporaryDirectory(dir=work) as directory:
                tree.write(directory)
                histories.take(namespace, version, directory, {"/" + path: content for path, content in tree.files.items()})
        packages = {name: random.choice(at) for name, at in PACKAGES.items() if random.random() < 0.7}
        histories.take("frames/a", version, "-", {f"{name} {at}": None for name, at in packages.items()},
                       frame("frames/a", version, packages))
    for content in CONTENTS:
        digest = hashlib.sha256(content).hexdigest()
        found += histories.check("path", ["--sha256", digest], lambda _, held, c=content: held == c)
    for glob in [*NAMES, "*", "*.so", "?", "[ab]*"]:
        if glob in ("*star", "[x]"):
            continue
        # Directories have names too, and GLOB is as fnmatch.
        found += histories.check_files(glob)
    for text in ("needle", "nee", "haystack", "xneedle"):
        found += histories.check("path", ["--text", text], lambda _, held, t=text: held is not None and t.encode() in held)
    for name, versions in PACKAGES.items():
        found += histories.check("package", ["--package", name], lambda held, _, n=name: held.rsplit(" ", 1)[0] == n)
        for at in versions:
            found += histories.check("package", ["--package", f"{name}={at}"], lambda held, _, n=name, v=at: held == f"{n} {v}")
    shown = run(CONFUSE, "--store", histories.store, "find", "--package", "no utf-8").stdout.splitlines()
    odd = [line for line in shown[1:] if not re.search(r":no utf-8 (1\\xff|2\\x80\\xed\\xb3\\xbf)( |$)", line)]
    if odd or not shown:
        sys.exit(f"find --package, as text: {shown}")
    followed = histories.check_follow()
    if followed < 20:
        sys.exit(f"only {followed} changes followed")
    return found


def main():
    found = 0
    for seed in range(int(sys.argv[1])):
        with tempfile.TemporaryDirectory(prefix="confuse-find-") as work:
            found += one(seed, work)
    if found < 100:
        sys.exit(f"only {found} spans")
    print(f"{found} spans")


main()
