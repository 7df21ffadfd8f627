#!/usr/bin/env python3
"""diff.py FROM TO: random pairs of captures and what `confuse diff` tells of them, against brute force; TO is not among the seeds.

Files go in as tars and features as frames. What is expected is taken from `confuse manifest` of both (what there is), and from
the model that made them (extended attributes, groups of hard links, records), by comparing everything with everything.
"""
import collections
import io
import json
import os
import random
import subprocess
import sys
import tarfile
import tempfile

from served import Server, compare

CONFUSE = os.environ.get("CONFUSE", "confuse")
MEMBERS = ("type", "mode", "uid", "gid", "size", "mtime", "target", "major", "minor", "sha256")
NAMES = ["a", "b", "bin", "b-c", "conf", "d.d", "lib", "lib64", "x" * 200, "ä", "z\n", "%", "~"]
MEASURED = {"metric": None, "load": None, "metadata": {"uuid", "timestamp"}, "os": {"uptime"}}


def confuse(store, *arguments, codes=(0,)):
    done = subprocess.run([CONFUSE, "--store", store, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=600,
                          check=False)
    if done.returncode not in codes:
        sys.exit(f"confuse {' '.join(arguments)}: exit {done.returncode}, {done.stderr.decode()}")
    return done


def lines(store, *arguments, codes=(0,)):
    done = confuse(store, *arguments, codes=codes)
    return [json.loads(line) for line in done.stdout.decode("utf-8", "surrogatepass").splitlines()], done.returncode


# --- Captures -----------------------------------------------------------------------------------------------------------

class Node:
    """A file; its names are the paths that lead to it."""

    def __init__(self, random_, kind):
        self.kind = kind
        self.mode = 0o777 if kind == "link" else random_.choice([0o644, 0o755, 0o4755, 0o600])
        self.uid, self.gid = random_.choice([0, 1, 1000]), random_.choice([0, 5])
        self.mtime = random_.randrange(10**9, 10**9 + 50)
        self.content = random_.choice([b"", b"one\n", b"two\n", random_.randbytes(20), b"y" * 70000])
        self.target = random_.choice(["a", "../x", "nowhere"])
        self.device = random_.choice([(1, 3), (8, 1)])
        self.xattrs = {"user.k": random_.choice(["1", "2"])} if random_.random() < 0.1 else {}

    def copy(self):
        other = Node.__new__(Node)
        other.__dict__.update(self.__dict__)
        return other

    def change(self, random_):
        other = Node(random_, self.kind)
        for name in random_.sample(["mode", "uid", "gid", "mtime", "content", "target", "device", "xattrs"], 2):
            setattr(self, name, getattr(other, name))
        if random_.random() < 0.1 and self.kind != "dir":
            self.kind = random_.choice(["file", "link", "pipe", "char"])
        if self.kind == "link":
            self.mode = 0o777  # lstat(2) shows no other


def random_tree(random_, size):
    root = Node(random_, "dir")
    tree = {"": root}
    while len(tree) < size:
        above = random_.choice([path for path, node in tree.items() if node.kind == "dir"])
        path = f"{above}/{random_.choice(NAMES)}{random_.randrange(99) if random_.random() < 0.7 else ''}"
        if path not in tree and path.count("/") < 6:
            node = Node(random_, random_.choices(["file", "dir", "link", "char", "pipe"], [60, 20, 10, 5, 5])[0])
            files = [other for other in tree.values() if other.kind == "file"]
            tree[path] = random_.choice(files) if files and node.kind == "file" and random_.random() < 0.1 else node
    return tree


def below(tree, path):
    return [each for each in tree if each == path or each.startswith(path + "/")]


def mutate(random_, tree):
    """Another tree that shares most with it. Names of one file stay names of one file."""
    copies = {id(node): node.copy() for node in tree.values()}
    tree = {path: copies[id(node)] for path, node in tree.items()}
    for _ in range(random_.randrange(0, 20)):
        path = random_.choice(list(tree))
        what = random_.choices(range(6), [5, 1, 2, 1, 1, 1])[0]
        if what == 0:
            tree[path].change(random_)
        elif path == "":
            continue
        elif what == 1:
            for each in below(tree, path):
                del tree[each]
        elif what == 2:
            above = random_.choice([each for each, node in tree.items() if node.kind == "dir"])
            to = f"{above}/{random_.choice([path.rsplit('/', 1)[1], 'new'])}"
            if to not in tree and not (above + "/").startswith(path + "/"):
                for each in below(tree, path):
                    tree[to + each[len(path):]] = tree.pop(each)
        elif what == 3 and tree[path].kind == "file":
            tree.setdefault(path + "-copy", tree[path].copy())
        elif what == 4 and tree[path].kind == "file":
            tree.setdefault(path + "-link", tree[path])
        elif what == 5 and tree[path].kind == "dir":
            for i in range(random_.randrange(40)):
                tree.setdefault(f"{path}/n{i}", Node(random_, "file"))
    return tree


def write_tar(path, tree):
    kinds = {"file": tarfile.REGTYPE, "dir": tarfile.DIRTYPE, "link": tarfile.SYMTYPE, "char": tarfile.CHRTYPE,
             "pipe": tarfile.FIFOTYPE}
    written = {}
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as out:
        for name, node in sorted(tree.items()):
            info = tarfile.TarInfo("." + name)
            info.type, info.mode, info.uid, info.gid, info.mtime = kinds[node.kind], node.mode, node.uid, node.gid, node.mtime
            info.devmajor, info.devminor = node.device
            info.pax_headers = {f"SCHILY.xattr.{key}": value for key, value in node.xattrs.items()}
            if node.kind == "link":
                info.linkname = node.target
            if id(node) in written:
                info.type, info.linkname = tarfile.LNKTYPE, "." + written[id(node)]
            elif node.kind == "file":
                info.size = len(node.content)
            written.setdefault(id(node), name)
            out.addfile(info, io.BytesIO(node.content) if info.type == tarfile.REGTYPE else None)


# --- What is expected of files ------------------------------------------------------------------------------------------

def walk_order(path):
    return path.split("/") if path != "/" else [""]


def manifest(store, snapshot, tree):
    entries = {}
    for line in lines(store, "manifest", snapshot)[0]:
        if "note" in line:
            continue
        entry = {name: line[name] for name in MEMBERS if name in line}
        entry.update({word: True for word in ("absent", "lossy", "made") if line["known"] == word})
        if tree is not None:
            entry["xattrs"] = sorted(tree["" if line["path"] == "/" else line["path"]].xattrs.items())
        entries[line["path"]] = entry
    return entries


def changed(old, new):
    bits = {"type": old["type"] != new["type"],
            "content": old["type"] == new["type"] == "file" and "sha256" in old and "sha256" in new
            and old["sha256"] != new["sha256"],
            "mode": old["mode"] != new["mode"],
            "owner": (old["uid"], old["gid"]) != (new["uid"], new["gid"])}
    for name in ("size", "mtime"):
        bits[name] = old[name] != new[name]
    bits["rdev"] = [old.get(name, 0) for name in ("major", "minor")] != [new.get(name, 0) for name in ("major", "minor")]
    for name in ("target", "xattrs", "absent", "lossy", "made"):
        bits[name] = old.get(name) != new.get(name)
    return [name for name, differs in bits.items() if differs]


def expected_files(old, new):
    """What the documents say, in the plainest way."""
    removed = sorted(set(old) - set(new), key=walk_order)
    added = sorted(set(new) - set(old), key=walk_order)
    both = [path for path in set(old) & set(new) if changed(old[path], new[path])]

    def content(entry):
        return entry.get("sha256") if entry["type"] == "file" and entry["size"] else None

    gone, sources = collections.defaultdict(list), collections.defaultdict(list)
    for path in removed:
        gone[content(old[path])].append(path)
    stayed = [path for path in set(old) & set(new)
              if old[path]["type"] == "file" and old[path].get("sha256") != new[path].get("sha256")]
    for path in sorted(removed + stayed, key=walk_order):
        sources[content(old[path])].append(path)
    came = {}
    for same_name in (True, False):
        for path in added:
            found = [each for each in gone[content(new[path])] if content(new[path])
                     and (not same_name or each.rsplit("/", 1)[1] == path.rsplit("/", 1)[1])]
            if path not in came and found:
                came[path] = ("renamed", found[0])
                gone[content(new[path])].remove(found[0])
    for path in added:
        if content(new[path]) and path not in came and sources[content(new[path])]:
            came[path] = ("copied", sources[content(new[path])][0])
    moved = {source for how, source in came.values() if how == "renamed"}
    steps = []
    for path in sorted(removed + added + both, key=walk_order):
        if path in moved and path not in new:
            continue
        if path not in new:
            steps.append(("removed", path, None, None, old[path], None))
        elif path not in old and path not in came:
            steps.append(("added", path, None, None, None, new[path]))
        else:
            how, source = came.get(path, ("modified", None))
            before = old[source or path]
            steps.append((how, path, source, changed(before, new[path]), before, new[path]))
    return steps


def told_files(told):
    steps = []
    for line in told:
        if "path" not in line or line["change"] == "links":
            continue
        entries = [line.get("old"), line.get("new")]
        steps.append((line["change"], line["path"], line.get("from"), line.get("changed"), *entries))
    return steps


def without_xattrs(steps):
    return [(*step[:4], *({name: value for name, value in entry.items() if name != "xattrs"} if entry else None
                          for entry in step[4:])) for step in steps]


def groups(tree):
    names = collections.defaultdict(list)
    for path, node in tree.items():
        if node.kind != "dir":
            names[id(node)].append(path)
    return {sorted(paths, key=walk_order)[0]: set(paths) for paths in names.values() if len(paths) > 1}


def expected_links(old, new):
    old, new = groups(old), groups(new)
    steps = []
    for path in sorted(set(old) | set(new), key=walk_order):
        before, after = old.get(path, set()), new.get(path, set())
        if before != after:
            steps.append((path, sorted(after - before, key=walk_order), sorted(before - after, key=walk_order)))
    return steps


def told_links(told):
    return [(line["path"], line["joined"], line["left"]) for line in told if line["change"] == "links"]


# --- Features -----------------------------------------------------------------------------------------------------------

def random_records(random_):
    records = {("os", "linux"): {"os": "debian", "os_version": random_.choice(["11", "12"]), "uptime": random_.random()}}
    for i in range(random_.randrange(60)):
        records["package", f"p{i}"] = {"pkgname": f"p{i}", "pkgversion": random_.choice(["1", "2\"", "3"]),
                                       "pkgsize": "1", "installed": None, "pkgarchitecture": "amd64"}
    for i in range(random_.randrange(300)):
        records["process", f"sh/{i}"] = {"pname": "sh", "pid": i, "cmd": f"sh -c {random_.choice('ab')}", "ppid": 1, "cwd": "/"}
        records["metric", f"sh/{i}"] = {"cpupct": random_.random(), "pid": i}
    for i in range(random_.randrange(20)):
        records["connection", f"{i}/1.2.3.4/80"] = {"pid": i, "connstatus": random_.choice(["LISTEN", "NONE"])}
    records["dockerinspect", "x"] = {
        "HostConfig": {"Privileged": random_.random() < 0.5, "a/b~c": random_.choice([1, [1]]), "Binds": []},
        "Id": "x", **({"extra": {"deep": 1}} if random_.random() < 0.5 else {})}
    records["thing", "\x01\"k"] = random_.choice([{"v": 1}, {"v": {"w": None}}, 7])
    return records


def mutate_records(random_, records):
    other = random_records(random_)
    keys = [key for key in sorted(set(records) | set(other)) if random_.random() < 0.9]
    return {key: (other if random_.random() < 0.3 else records).get(key) or records.get(key) or other[key] for key in keys}


def write_frame(path, time, records):
    def row(kind, key, value):
        return f"{kind}\t{json.dumps(key)}\t{json.dumps(value)}\n"
    with open(path, "w", encoding="ascii") as out:
        out.write(row("metadata", "metadata", {"namespace": "frames", "timestamp": f"2020-01-01T00:00:{time:02}+0000",
                                               "uuid": str(time), "features": "os", "system_type": "container"}))
        for (kind, key), value in records.items():
            out.write(row(kind, key, value))


def members(old, new, at=""):
    """Where two values differ: RFC 6901."""
    if old == new and type(old) is type(new):
        return []
    if not isinstance(old, dict) or not isinstance(new, dict):
        return [{"at": at, "old": old, "new": new}]
    found = []
    for name in sorted(set(old) | set(new)):
        pointer = at + "/" + name.replace("~", "~0").replace("/", "~1")
        if name in old and name in new:
            found += members(old[name], new[name], pointer)
        else:
            found.append({"at": pointer, "old": old[name]} if name in old else {"at": pointer, "new": new[name]})
    return found


def expected_features(old, new, measured):
    steps = []
    for kind, key in sorted(set(old) | set(new)):
        left_out = () if measured else MEASURED.get(kind, ())
        if left_out is None:
            continue
        line = {"change": "modified", "feature": kind, "key": key}
        if (kind, key) not in old or (kind, key) not in new:
            side = "new" if (kind, key) in new else "old"
            line.update({"change": "added" if side == "new" else "removed",
                         side: (new if side == "new" else old)[kind, key]})
        else:
            differ = [each for each in members(old[kind, key], new[kind, key]) if each["at"][1:] not in left_out]
            if not differ:
                continue
            line["members"] = differ
            if kind == "package" and old[kind, key]["pkgversion"] != new[kind, key]["pkgversion"]:
                line.update({"change": "upgraded", "from": old[kind, key]["pkgversion"], "to": new[kind, key]["pkgversion"]})
        steps.append(line)
    return steps


# --- What is served -----------------------------------------------------------------------------------------------------

def cut_out(scratch, side, tree, shown):
    """A directory of what one side shows: what `tar` unpacks, without the rest."""
    top = os.path.join(scratch, side)
    subprocess.run(["rm", "-rf", top], check=True)
    os.mkdir(top)
    subprocess.run(["tar", "-xpf", f"{scratch}/{side}.tar", "--numeric-owner", "-C", top], check=True)
    needed = {""}
    for path in shown:
        while path not in ("", "/"):
            needed.add(path)
            path = path.rsplit("/", 1)[0]
    for path in sorted(tree, key=len, reverse=True):
        if path not in needed:
            (os.rmdir if tree[path].kind == "dir" else os.remove)(top + path)
    for path in sorted(needed, key=len, reverse=True):
        if tree[path].kind == "dir":
            os.utime(top + path, (0, tree[path].mtime))
    return top


def check_served(scratch, server, ids, trees, entries):
    """/diff/<a>..<b>/old and /new against what was unpacked and cut out."""
    old, new = entries
    wrong = []
    for side, tree, own, other in (("old", trees[0], old, new), ("new", trees[1], new, old)):
        shown = [path for path in own if path not in other or changed(own[path], other[path])]
        top = cut_out(scratch, side, tree, shown)
        differs = compare(server, f"/diff/{ids[0]}..{ids[1]}/{side}", top, "part")
        wrong += [f"{side} as served: {differs}"] if differs else []
    return wrong


# --- One pair -----------------------------------------------------------------------------------------------------------

def differences(what, told, expected):
    if told == expected:
        return []
    only = [f"{what}: told, not expected: {each}" for each in told if each not in expected]
    only += [f"{what}: expected, not told: {each}" for each in expected if each not in told]
    return only[:6] or [f"{what}: in another order"]


def check_files(scratch, store, seed, server=None):
    random_ = random.Random(seed)
    old = random_tree(random_, random_.choice([1, 30, 300]))
    new = mutate(random_, old)
    ids = []
    for name, tree in (("old", old), ("new", new)):
        write_tar(f"{scratch}/{name}.tar", tree)
        done = confuse(store, "import", "--namespace", f"{name}/{seed}", "--time", "2020-01-01T00:00:00Z", f"{scratch}/{name}.tar")
        ids.append(done.stdout.decode().split()[0])
    told, code = lines(store, "--json", "diff", *ids, codes=(0, 1))
    entries = manifest(store, ids[0], old), manifest(store, ids[1], new)
    expected = expected_files(*entries)
    wrong = differences("files", without_xattrs(told_files(told)), without_xattrs(expected))
    wrong += differences("links", told_links(told), expected_links(old, new))
    wrong += [f"exit {code} of {len(told)} changes"] if code != bool(told) else []
    names = confuse(store, "diff", "--no-renames", "--name-only", *ids, codes=(0, 1)).stdout
    touched = {path for step in expected for path in step[1:3] if path and not (step[0] == "copied" and path == step[2])}
    plain = {name for name in names.decode().split("\n") if name and "\\" not in name}
    wrong += differences("names", sorted(plain), sorted(path for path in touched if "\n" not in path))
    return wrong + (check_served(scratch, server, ids, (old, new), entries) if server else [])


def check_features(scratch, store, seed, server=None):
    random_ = random.Random(seed)
    old = random_records(random_)
    new = mutate_records(random_, old)
    for time, records in ((1, old), (2, new)):
        write_frame(f"{scratch}/{time}.csv", time, records)
    ids = [confuse(store, "import", "--namespace", f"frames/{seed}", f"{scratch}/{time}.csv").stdout.decode().split()[0]
           for time in (1, 2)]
    wrong = []
    for measured in (False, True):
        told, code = lines(store, "--json", "diff", *(["--measured"] if measured else []), *ids, codes=(0, 1))
        told = [line for line in told if "feature" in line and line["feature"] != "metadata"]
        wrong += differences("features", told, expected_features(old, new, measured))
    told = told_files(lines(store, "--json", "diff", "--made", *ids, codes=(0, 1))[0])
    entries = [manifest(store, each, None) for each in ids]
    wrong += differences("made", told, expected_files(*entries))
    if server:  # all files are made: neither side shows any
        for side, own in zip(("old", "new"), entries):
            subprocess.run(["rm", "-rf", f"{scratch}/{side}"], check=True)
            os.mkdir(f"{scratch}/{side}")
            os.chmod(f"{scratch}/{side}", int(own["/"]["mode"], 8))
            os.utime(f"{scratch}/{side}", (0, 0))
            differs = compare(server, f"/diff/{ids[0]}..{ids[1]}/{side}", f"{scratch}/{side}", "part")
            wrong += [f"{side} as served: {differs}"] if differs else []
    return wrong


def main():
    failures = 0
    with tempfile.TemporaryDirectory(prefix="confuse-diff-") as scratch:
        store, server = f"{scratch}/store", None
        for seed in range(int(sys.argv[1]), int(sys.argv[2])):
            for check in (check_files, check_features):
                wrong = check(scratch, store, seed, server)
                failures += bool(wrong)
                for each in wrong:
                    print(f"seed {seed}: {each[:600]}")
            if failures > 3:
                break
            if not server and os.geteuid() == 0:  # who else can unpack devices and owners?
                server = Server(store, f"{scratch}/log")
        if server:
            server.stop()
    sys.exit(bool(failures))


if __name__ == "__main__":
    main()
