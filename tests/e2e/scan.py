#!/usr/bin/env python3
"""`confuse scan`: by stores, and by a plain directory that looks like a mounted server. See scan.sh."""
import collections
import glob
import hashlib
import hmac
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time

from served import CONFUSE, import_source, must

EVIL = b"this is evil"
LIMIT = 120  # s
FAILURES = []


def check(condition, what):
    if not condition:
        FAILURES.append(what)
        print(f"not ok: {what}")


def sha256(content):
    return hashlib.sha256(content).hexdigest()


# --- Snapshots --------------------------------------------------------------------------------------------------------

def write_tree(top, files):
    for path, content in files.items():
        whole = os.path.join(top, path)
        os.makedirs(os.path.dirname(whole), exist_ok=True)
        with open(whole, "wb") as file:
            file.write(content)


def make_trees(work, count):
    """Trees on one base: name to {path: content}."""
    base = {f"usr/lib/f{i}": f"base {i}".encode() * 3 for i in range(30)}
    base |= {"usr/bin/large": b"L" * 200000, "usr/bin/bad-large": b"M" * 100000 + EVIL, "etc/empty": b"", "etc/bad": EVIL}
    trees = {}
    for i in range(count):
        own = {f"srv/own{i}": f"own {i}".encode(), "srv/same": b"as elsewhere", f"srv/bad: OK\n{i}": EVIL + str(i % 3).encode()}
        trees[f"t{i}"] = base | own
        write_tree(os.path.join(work, "trees", f"t{i}"), trees[f"t{i}"])
    return trees


class Place:
    """A store, or a directory that looks like the mount of a server, with the snapshots of some trees."""

    def __init__(self, work, trees, mounted):
        self.trees, self.mounted, self.ids = trees, mounted, {}
        self.store, self.mount = os.path.join(work, "store"), os.path.join(work, "mount")
        self.tmp = os.path.join(work, "tmp")
        os.makedirs(self.tmp, exist_ok=True)
        for name in trees:
            done = import_source(self.store, os.path.join(work, "trees", name), "--namespace", name)
            if done.returncode != 0:
                sys.exit(f"import: {done.stderr}")
            self.ids[name] = done.stdout.split()[0]
        if mounted:
            self.make_mount(work)

    def make_mount(self, work):
        os.makedirs(os.path.join(self.mount, "cache"))
        for name, files in self.trees.items():
            meta = os.path.join(self.mount, "meta", self.ids[name])
            os.makedirs(meta)
            with open(os.path.join(meta, "manifest.jsonl"), "w", encoding="ascii") as file:
                file.write(must(CONFUSE, "--store", self.store, "manifest", self.ids[name]))
            shutil.copytree(os.path.join(work, "trees", name), os.path.join(self.mount, "snap", self.ids[name]))
            for content in files.values():
                digest = sha256(content)
                os.makedirs(os.path.join(self.mount, "blob", digest[:2]), exist_ok=True)
                with open(os.path.join(self.mount, "blob", digest[:2], digest), "wb") as file:
                    file.write(content)

    def contents(self):
        return {content for files in self.trees.values() for content in files.values()}

    def command(self, key, command, *options, snaps=None, json_lines=True):
        place = ["--mount", self.mount] if self.mounted else ["--store", self.store]
        scanner, version = key
        return [CONFUSE, *(["--json"] if json_lines else []), "scan", "--scanner", scanner, "--version", version, *place,
                *options, *(snaps or self.ids.values()), "--", *command]

    def start(self, *arguments, **named):
        environment = os.environ | {"TMPDIR": self.tmp}
        return subprocess.Popen(self.command(*arguments, **named), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                env=environment)

    def scan(self, *arguments, **named):
        return finish(self.start(*arguments, **named))

    # The cache, as the server keeps it.

    def database(self):
        return sqlite3.connect(os.path.join(self.store, "verdicts.db"), isolation_level=None, timeout=10)

    def cached(self, key):
        """What stands below a scanner key: name to bytes."""
        if self.mounted:
            found = {}
            for path in glob.glob(os.path.join(self.mount, "cache", key, "*")):
                with open(path, "rb") as file:
                    found[os.path.basename(path)] = file.read()
            return found
        return dict(self.database().execute(
            "SELECT name, data FROM file WHERE directory = (SELECT id FROM file WHERE directory = 1 AND name = ?)", (key,)))

    def put(self, key, name, content):
        if self.mounted:
            os.makedirs(os.path.join(self.mount, "cache", key), exist_ok=True)
            with open(os.path.join(self.mount, "cache", key, name), "wb") as file:
                file.write(content)
            return
        self.database().execute("UPDATE file SET data = ?, size = ? WHERE name = ? AND directory = "
                                "(SELECT id FROM file WHERE directory = 1 AND name = ?)", (content, len(content), name, key))

    def expire_claims(self, key):
        """What the server does by its clock."""
        if self.mounted:
            for path in glob.glob(os.path.join(self.mount, "cache", key, "*.claim")):
                os.unlink(path)
        else:
            self.database().execute("UPDATE file SET expires = 1 WHERE name LIKE '%.claim'")


def finish(process):
    out, err = process.communicate(timeout=LIMIT)
    process.stdout_text, process.stderr_text = out.decode(), err.decode(errors="backslashreplace")
    return process


def lines(done):
    return list(map(json.loads, done.stdout_text.splitlines()))


def findings(done):
    """{(id, path): findings}"""
    return {(line["id"], line["path"]): line["findings"] for line in lines(done) if line["verdict"] == "found"}


# --- Scanners ---------------------------------------------------------------------------------------------------------

def script(work, name, text):
    path = os.path.join(work, name)
    with open(path, "w", encoding="utf-8") as file:
        file.write("#!/bin/sh\n" + text)
    os.chmod(path, 0o755)
    return path


def counted(work, name, text):
    """A scanner that writes down the digest of each file that it is given, and how to read that."""
    log = os.path.join(work, name + ".log")
    path = script(work, name, f'for f; do [ ! -f "$f" ] || sha256sum <"$f" | cut -c 1-64 >>{log}; done\n{text}')

    def count():
        if not os.path.exists(log):
            return collections.Counter()
        with open(log, encoding="ascii") as file:
            return collections.Counter(file.read().split())
    return path, count


GREP = 'grep -q evil "$1" && { echo evil; exit 1; }; exit 0\n'


# --- Checks -----------------------------------------------------------------------------------------------------------

def expected_findings(place, finding):
    return {(place.ids[name], "/" + path): [finding] for name, files in place.trees.items() for path, content in files.items()
            if b"evil" in content}


def check_nodes(work, place):
    """Three nodes at once: each content once in all, and all say the same."""
    scanner, count = counted(work, f"grep{place.mounted}", "sleep 0.01\n" + GREP)
    nodes = [place.start(("grep", "1"), [scanner, "{}"], "--jobs", "2") for _ in range(3)]
    for node in map(finish, nodes):
        check(node.returncode == 1, f"node ended with {node.returncode}: {node.stderr_text}")
        check(findings(node) == expected_findings(place, "evil"), "a node's report is not that of the trees")
    check(count() == collections.Counter(map(sha256, place.contents())), f"contents were scanned more than once: {count()}")
    again = place.scan(("grep", "1"), ["/nonexistent", "{}"], json_lines=False)
    contents = len(place.contents())
    check(f"{contents} known, 0 scanned, 0 by others" in again.stderr_text, f"a warm cache: {again.stderr_text}")
    every = place.scan(("grep", "1"), ["/nonexistent", "{}"], "--all")
    check(len(lines(every)) == sum(map(len, place.trees.values())), "--all does not tell of all")


def real_scanners(work):
    """Command, adapter, version, and how a tree is scanned by itself: {path: finding}."""
    database = os.path.join(work, "test.ndb")
    with open(database, "w", encoding="ascii") as file:
        file.write(f"Test.Evil:0:*:{b'evil'.hex()}\n")
    rules = os.path.join(work, "rules.yar")
    with open(rules, "w", encoding="ascii") as file:
        file.write('rule Test_Evil { strings: $a = "evil" condition: $a }\n')
    clamscan = ["clamscan", "--no-summary", "-d", database]
    return [
        ("clamscan", [*clamscan, "{}+"], "Test.Evil.UNOFFICIAL", [*clamscan, "-r", "-i"]),
        ("clamscan", [*clamscan, "--file-list={@}"], "Test.Evil.UNOFFICIAL", [*clamscan, "-r", "-i"]),
        ("yara", ["yara", rules, "{}"], "Test_Evil", ["yara", "-r", rules]),
        ("yara", ["yara", "-s", "--scan-list", rules, "{@}"], "Test_Evil", ["yara", "-r", rules]),
    ]


def found_alone(work, place, alone, finding):
    """What a scanner finds in each tree by itself: {(id, path)}. A path may have a newline in it, where the next line is not one of the tree's."""
    found = set()
    for name, files in place.trees.items():
        top = os.path.join(work, "trees", name)
        said = subprocess.run([*alone, top], stdout=subprocess.PIPE, timeout=LIMIT, check=False).stdout.decode()
        told = {(place.ids[name], "/" + path) for path in files if
                f"{top}/{path}: {finding} FOUND\n" in said or f"{finding} {top}/{path}\n" in said}
        check(len(told) == said.count(finding), f"{alone[0]} by itself finds {said.count(finding)} in {name}, of which {len(told)} are known")
        found |= told
    return found


def check_fewer(place, name, took, given):
    """Ten snapshots on one base cost what 1.3 of them do. That is exact for what the scanner was given; time is told only."""
    one = {sha256(content) for content in next(iter(place.trees.values())).values()}
    check(given <= 1.3 * len(one), f"{name}: {given} contents of all, {len(one)} of one snapshot")
    print(f"# {name}: {given} contents by three nodes in {took:.1f} s; {len(one)} are of one snapshot")


def check_real(work, place):
    for number, (name, command, finding, alone) in enumerate(real_scanners(work)):
        if not shutil.which(name):
            print(f"# no {name}")
            continue
        expected = expected_findings(place, finding)
        check(found_alone(work, place, alone, finding) == set(expected), f"{name} by itself finds something else")
        script_of = {"clamscan": 'exec clamscan "$@"\n', "yara": 'exec yara "$@"\n'}
        wrapper, count = counted(work, f"{name}-{number}-{place.mounted}", script_of[name])
        began = time.monotonic()
        nodes = [place.start((name, str(number)), [wrapper, *command[1:]], "--adapter", name) for _ in range(3)]
        for node in map(finish, nodes):
            check(node.returncode == 1 and findings(node) == expected,
                  f"{' '.join(command)}: {node.returncode} {node.stderr_text} {set(expected) ^ set(findings(node))}")
        if not any("{@}" in word for word in command):
            seen = {digest: times for digest, times in count().items() if digest in set(map(sha256, place.contents()))}
            check(seen == dict.fromkeys(map(sha256, place.contents()), 1), f"{name}: not each once: {seen}")
            check_fewer(place, name, time.monotonic() - began, sum(seen.values()))


def check_named_batches(work, place):
    """Files whose names read as a scanner's output, many of them in one run."""
    for number, (name, command, finding, _) in enumerate(real_scanners(work)):
        if not shutil.which(name) or any("--file-list" in word or "--scan-list" in word for word in command):
            continue
        done = place.scan((name, f"named{number}"), command, "--key", "content+name")
        check(findings(done) == expected_findings(place, finding), f"{name} by names: {done.stdout_text} {done.stderr_text}")


def check_names(work, place):
    """What looks at names has verdicts of its own; names that are made to be read as output harm nobody else."""
    scanner, count = counted(work, f"names{place.mounted}", 'case ${1##*/} in *bad*) echo "name: ${1##*/}"; exit 1 ;; esac\n')
    done = place.scan(("names", "1"), [scanner, "{}"], "--key", "content+name")
    found = {path for _, path in findings(done)}
    check(found == {"/" + path for files in place.trees.values() for path in files if "bad" in os.path.basename(path)},
          f"by name: {found} {done.stderr_text}")
    pairs = {(content, os.path.basename(path)) for files in place.trees.values() for path, content in files.items()}
    entries = {hashlib.sha256(f"confuse scan 1\ncontent+name\n{sha256(content)}\n{name}".encode()).hexdigest()
               for content, name in pairs}
    names = {name for name in place.cached("names-1+name") if len(name) == 64}
    check(names == entries, "entries are not named as doc/FORMAT.md has it")
    check(sum(count().values()) == len(pairs), "not once a content and name")
    if os.geteuid() == 0:
        owner = script(work, "owner", 'stat -c "%a %u %g" "$1"; exit 1\n')
        write_tree(os.path.join(work, "owned"), {"x": b"owned"})
        os.chown(os.path.join(work, "owned", "x"), 1234, 567)
        os.chmod(os.path.join(work, "owned", "x"), 0o4751)
        done = import_source(place.store, os.path.join(work, "owned"), "--namespace", "owned")
        if place.mounted:
            return
        said = place.scan(("owner", "1"), [owner, "{}"], "--key", "content+mode+owner+name", snaps=[done.stdout.split()[0]])
        check(list(findings(said).values()) == [["4751 1234 567"]], f"mode and owner: {said.stdout_text} {said.stderr_text}")
        text = f"confuse scan 1\ncontent+mode+owner+name\n{sha256(b'owned')}\n4751\n1234:567\nx"
        check(sha256(text.encode()) in place.cached("owner-1+mode+owner+name"), "the entry of mode, owner and name")


def check_kill(work, place):
    """Killed, it leaves claims; others wait for them, not for ever, and take over what has expired."""
    ended = os.path.join(work, f"slow{place.mounted}")
    slow = script(work, "slow.sh", f'echo >>{ended}; sleep 0.3\n' + GREP)
    node = place.start(("slow", "1"), [slow, "{}"], "--jobs", "2")
    while node.poll() is None and (not os.path.exists(ended) or os.path.getsize(ended) < 4):
        time.sleep(0.02)
    node.kill()
    finish(node)
    cached = place.cached("slow-1")
    claims = {name for name in cached if name.endswith(".claim")}
    verdicts = {name for name in cached if len(name) == 64}
    check({claim[:64] for claim in claims} - verdicts, "nothing was claimed when it was killed")
    check(all(cached[name].endswith(b"\n") for name in verdicts), "a torn verdict")
    for _ in range(50):
        if not os.listdir(place.tmp):
            break
        time.sleep(0.1)
    check(not os.listdir(place.tmp), f"it left {os.listdir(place.tmp)}")
    fast = script(work, "fast.sh", GREP)
    impatient = place.scan(("slow", "1"), [fast, "{}"], "--wait", "1")
    left = sum(1 for line in lines(impatient) if line["verdict"] == "unknown")
    check(left and "claimed by another node" in impatient.stdout_text, f"what is claimed is not waited for: {impatient.stderr_text}")
    waiting = place.start(("slow", "1"), [fast, "{}"])
    time.sleep(0.5)
    check(waiting.poll() is None, "it does not wait")
    place.expire_claims("slow-1")
    finish(waiting)
    check(findings(waiting) == expected_findings(place, "evil"), f"after the claims expired: {waiting.stderr_text}")


def check_interrupted(work, place):
    slow = script(work, "hang.sh", "sleep 1000\n")
    node = place.start(("inter", "1"), [slow, "{}"])
    time.sleep(1)
    node.send_signal(signal.SIGTERM)
    check(finish(node).returncode == 4, f"interrupted: {node.returncode}")
    check(not os.listdir(place.tmp), f"it left {os.listdir(place.tmp)}")
    again = place.scan(("inter", "1"), [script(work, "fast.sh", GREP), "{}"], "--wait", "5")
    check(findings(again) == expected_findings(place, "evil"), f"what was given up is not taken over: {again.stderr_text}")


def check_signed(work, place):
    keys = {}
    for name in "ab":
        keys[name] = os.path.join(work, f"key-{name}")
        with open(keys[name], "wb") as file:
            file.write(name.encode() * 32)
    scanner, count = counted(work, f"signed{place.mounted}", GREP)

    def scanned(*options):
        before = sum(count().values())
        done = place.scan(("signed", "1"), [scanner, "{}"], *options)
        check(findings(done) == expected_findings(place, "evil"), f"signed: {done.stderr_text}")
        return sum(count().values()) - before

    contents = len(place.contents())
    check(scanned() == contents, "without a key")
    place.expire_claims("signed-1")
    check(scanned("--key-file", keys["a"]) == contents, "what is not signed counts")
    check(scanned("--key-file", keys["a"]) == 0, "what is signed does not count")
    check(scanned() == 0, "who has no key cannot read what is signed")
    document = place.cached("signed-1")[sha256(EVIL)]
    line, signature = document.splitlines(keepends=True)
    right = hmac.new(b"a" * 32, b"confuse verdict 1\nsigned-1\n" + sha256(EVIL).encode() + b"\n" + line, "sha256").hexdigest()
    check(json.loads(signature) == {"hmac-sha256": right}, "the signature is not what doc/FORMAT.md says")
    place.expire_claims("signed-1")
    # Somebody says that it is clean; with a signature of his own, and with one that stands elsewhere.
    forged = line.replace(b'"found"', b'"clean"').replace(b'["evil"]', b"[]")
    clean = place.cached("signed-1")[sha256(b"")]
    for bad in (forged, forged + signature, clean, b"", b"\0" * 100, line + b"x" * 1000):
        place.put("signed-1", sha256(EVIL), bad)
        check(scanned("--key-file", keys["a"]) == 1, f"a forged verdict counts: {bad[:40]}")
        place.expire_claims("signed-1")
    check(scanned("--key-file", keys["b"]) == contents, "what another key signed counts")
    short = os.path.join(work, "short")
    write_tree(work, {"short": b"x" * 15})
    check(place.scan(("signed", "1"), [scanner, "{}"], "--key-file", short).returncode == 3, "a key of 15 bytes")


def check_hostile_documents(work, place):
    """Whatever stands in the cache (here nobody signs) is a verdict or none."""
    fast = script(work, "fast.sh", GREP)
    for number, text in enumerate([b"", b"{", b"[]\n", b'{"verdict":1}\n', b'{"verdict":"found"}\n', b"\xff" * 5000 + b"\n",
                                   b'{"verdict":"found","findings":' + b"[" * 5000 + b"\n", b'{"verdict":"inventory","output":"x"}\n']):
        if place.mounted:
            place.put(f"host-{number}", sha256(EVIL), text)
        done = place.scan(("host", str(number)), [fast, "{}"])
        check(findings(done) == expected_findings(place, "evil"), f"{text[:30]}: {done.stderr_text}")
    if not place.mounted:
        return
    place.put("host-x", sha256(EVIL), b'{"verdict":"found","findings":["\\u001b[31m\\u0000\\n' + b"y" * 4000 + b'"]}\n')
    done = place.scan(("host", "x"), [fast, "{}"], json_lines=False)
    check("\x1b" not in done.stdout_text and "y" * 300 not in done.stdout_text, "a finding is printed as it is")


def check_inventory(work, place):
    tool, count = counted(work, f"sbom{place.mounted}", 'grep -q base "$1" && echo package; grep -q evil "$1" && echo evil\nexit 0\n')
    match = script(work, "match.sh", 'grep -q "$1" && { echo "has $1"; exit 1; }; exit 0\n')
    done = place.scan(("sbom", "1"), [tool, "{}"], "--inventory")
    check(done.returncode == 0, f"an inventory: {done.stderr_text}")
    before = count()
    check(before == collections.Counter(map(sha256, place.contents())), "an inventory is not made once")
    for word in ("evil", "package"):
        said = place.scan(("match", "1"), [match, word], "--from", "sbom-1=inventory", "--rules", word)
        expected = {(place.ids[name], "/" + path) for name, files in place.trees.items() for path, content in files.items()
                    if {"evil": b"evil", "package": b"base"}[word] in content}
        check(set(findings(said)) == expected and said.returncode == 1, f"matches of {word}: {said.stderr_text}")
    check(count() == before, "other rules made inventories anew")
    check(f"match-1-evil=sbom-1=inventory" in scanner_keys(place), f"keys: {scanner_keys(place)}")
    none = place.scan(("match", "1"), [match, "x"], "--from", "other-1=inventory")
    check(none.returncode == 4 and "no inventory" in none.stdout_text, "without an inventory")


def scanner_keys(place):
    if place.mounted:
        return os.listdir(os.path.join(place.mount, "cache"))
    return [name for name, in place.database().execute("SELECT name FROM file WHERE directory = 1")]


def check_bad_scanners(work, place):
    one = [next(iter(place.ids.values()))]
    cases = {
        "fails": ("echo oops >&2; exit 3\n", "exit status 3, and no verdict: oops"),
        "killed": ("kill -9 $$\n", "ended by signal 9"),
        "hangs": ("sleep 1000\n", "no answer within 1 s"),
        "floods": ("while :; do echo yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy; done\n",
                   "no answer within 1 s"),
    }
    few = {"a": b"1", "b": b"2"}
    write_tree(os.path.join(work, "few"), few)
    small = import_source(place.store, os.path.join(work, "few"), "--namespace", "few").stdout.split()[0]
    if place.mounted:
        return
    for name, (text, why) in cases.items():
        done = place.scan((name, "1"), [script(work, name, text), "{}"], "--timeout", "1", snaps=[small])
        said = [line.get("why") for line in lines(done)]
        check(done.returncode == 4 and said == [why, why], f"{name}: {done.returncode} {said} {done.stderr_text}")
        check(not [entry for entry in place.cached(f"{name}-1") if len(entry) == 64], f"{name} left a verdict")
    large = place.scan(("large", "1"), [script(work, "large", "head -c 900000 /dev/zero | tr '\\0' '\\1'\n"), "{}"], "--inventory",
                       snaps=[small])
    check(large.returncode == 4 and "larger than" in large.stdout_text, f"a large inventory: {large.stdout_text} {large.stderr_text}")
    fixed = place.scan(("fails", "1"), ["true", "{}"], snaps=[small])
    check(fixed.returncode == 0, f"what failed is not tried again: {fixed.stderr_text}")
    other = place.scan(("other", "1"), [script(work, "seven", "exit 7\n"), "{}"], "--findings-exit", "7", snaps=[small])
    check(set(map(tuple, findings(other).values())) == {("exit status 7",)}, "--findings-exit")
    check(place.scan(("none", "1"), ["/no/such/program", "{}"], snaps=one).returncode == 4, "a command that is not there")
    batch = place.scan(("batch", "1"), [script(work, "batch", 'cat "$@" | grep -q 2 && exit 1; exit 0\n'), "{}+"], snaps=[small])
    check({path for _, path in findings(batch)} == {"/b"}, f"a batch by the exit status: {batch.stdout_text}")


def check_sarif(work, place):
    done = place.scan(("grep", "1"), ["/nonexistent", "{}"], "--sarif", json_lines=False)
    document = json.loads(done.stdout_text)
    run, = document["runs"]
    check(document["version"] == "2.1.0" and document["$schema"].endswith("sarif-schema-2.1.0.json"), "SARIF's version")
    check(run["tool"]["driver"]["name"] == "grep" and run["tool"]["driver"]["version"] == "1", "SARIF's tool")
    check(run["invocations"][0]["executionSuccessful"] is True, "SARIF's invocation")
    places = {result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for result in run["results"]}
    check(len(places) == len(run["results"]) == len(expected_findings(place, "evil")), "SARIF's results")
    check(all(result["message"]["text"] == "evil" and result["ruleId"] == "evil" and result["level"] == "error"
              for result in run["results"]), "a result of SARIF")
    check(any(uri.endswith("/srv/bad%3A%20OK%0A0") for uri in places), "a URI of SARIF")


def check_terminal(work, place):
    """How far it is, on a terminal; the line is gone at the end."""
    slow = script(work, "slow.sh", "sleep 0.05\n")
    told = os.path.join(os.path.dirname(os.path.abspath(__file__)), "on_terminal.py")
    done = subprocess.run([sys.executable, told, "200", *place.command(("terminal", "1"), [slow, "{}"])], stdout=subprocess.PIPE,
                          timeout=LIMIT, check=False)
    contents = len(place.contents())
    check(f" of {contents} contents: 0 known, ".encode() in done.stdout and done.stdout.endswith(b"\r\x1b[K"),
          f"on a terminal: {done.stdout[-300:]}")


def check_usage(work, place):
    one = next(iter(place.ids.values()))
    where = ["--mount", place.mount] if place.mounted else ["--store", place.store]
    for code, arguments in [
            (2, ["--version", "1", one, "--", "true", "{}"]),
            (2, ["--scanner", "x", "--version", "1", one, "true", "{}"]),
            (2, ["--scanner", "x", "--version", "1", one, "--", "true"]),
            (2, ["--scanner", "x", "--version", "1", one, "--", "true", "{}", "{}+"]),
            (2, ["--scanner", "x", "--version", "1/2", one, "--", "true", "{}"]),
            (2, ["--scanner", ".x", "--version", "1", one, "--", "true", "{}"]),
            (2, ["--scanner", "x" * 128, "--version", "1", one, "--", "true", "{}"]),
            (2, ["--scanner", "x", "--version", "1", "--key", "name", one, "--", "true", "{}"]),
            (2, ["--scanner", "x", "--version", "1", "--jobs", "0", one, "--", "true", "{}"]),
            (2, ["--scanner", "x", "--version", "1", "--adapter", "avg", one, "--", "true", "{}"]),
            (2, ["--scanner", "x", "--version", "1", "--inventory", one, "--", "true", "{}+"]),
            (2, ["--scanner", "x", "--version", "1", "--"]),
            (3, ["--scanner", "x", "--version", "1", "ffffffff", "--", "true", "{}"]),
            (0, ["--scanner", "x", "--version", "1", one[:8], "--", "true", "{}"])]:
        done = subprocess.run([CONFUSE, "scan", *where, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=LIMIT,
                              check=False)
        check(done.returncode == code, f"{arguments}: {done.returncode}, not {code}: {done.stderr.decode()}")
    gone = subprocess.run([CONFUSE, "scan", "--mount", "/no/such", "--scanner", "x", "--version", "1", one, "--", "true", "{}"],
                          stderr=subprocess.PIPE, timeout=LIMIT, check=False)
    check(gone.returncode == 4, "a mount that is not there")


def check_manifests(work, place):
    """A manifest that leads out of the snapshot is none."""
    if not place.mounted:
        return
    name = "0" * 32
    os.makedirs(os.path.join(place.mount, "meta", name))
    os.makedirs(os.path.join(place.mount, "snap", name))
    for text in ('{"path":"/../x","type":"file","sha256":"%s"}' % sha256(b""), '{"path":"x","type":"file"}', "[]", "{",
                 '{"path":"/x","type":"file","sha256":"12"}', '{"path":"/a/./b","type":"file"}', '{"type":"file"}'):
        with open(os.path.join(place.mount, "meta", name, "manifest.jsonl"), "w", encoding="ascii") as file:
            file.write(text + "\n")
        check(place.scan(("bad", "1"), ["true", "{}"], snaps=[name]).returncode == 3, f"manifest {text}")


CHECKS = [check_nodes, check_real, check_named_batches, check_names, check_kill, check_interrupted, check_signed, check_hostile_documents, check_inventory,
          check_bad_scanners, check_sarif, check_terminal, check_usage, check_manifests]


def main():
    wanted = sys.argv[1:]
    for mounted in (False, True):
        with tempfile.TemporaryDirectory(prefix="confuse-scan-test-") as work:
            place = Place(work, make_trees(work, 10), mounted)
            for run in CHECKS:
                if wanted and run.__name__ not in wanted:
                    continue
                began = time.monotonic()
                run(work, place)
                print(f"# {run.__name__} {'mount' if mounted else 'store'} {time.monotonic() - began:.1f} s", flush=True)
    sys.exit(1 if FAILURES else 0)


main()
