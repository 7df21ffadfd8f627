#!/usr/bin/env python3
"""`confuse watch` and the crawlers that it has to bear with: watch.py FLOOD. See watch.sh."""
import gzip
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

CONFUSE = os.environ["CONFUSE"]
SETTLE = 0.3  # s
LIMIT = 60    # s until something that has to happen did not


def wrong(text):
    sys.exit(f"not ok: {text}")


def frame(name, version=0):
    metadata = {"namespace": name, "timestamp": f"2020-01-01T00:00:{version:02}Z"}
    process = {"pid": 1, "cmd": "init", "pname": "init"}
    return "".join(f'{kind}\t"{key}"\t{json.dumps(value)}\n'
                   for kind, key, value in [("metadata", "metadata", metadata), ("process", "1", process)]).encode()


class Place:
    """A store, a directory that is watched, and the watcher."""

    def __init__(self, root, name):
        self.root = os.path.join(root, name)
        self.store = os.path.join(self.root, "store")
        for part in ["in", "done", "bad"]:
            os.makedirs(os.path.join(self.root, part))
        self.watcher = None
        self.err = os.path.join(self.root, "err")

    def path(self, *parts):
        return os.path.join(self.root, *parts)

    def command(self, *args, directory="in"):
        return [CONFUSE, "--store", self.store, "watch", "--settle", str(SETTLE), *args, self.path(directory)]

    def start(self, *args):
        with open(self.err, "ab") as err:
            self.watcher = subprocess.Popen(self.command("--metrics", self.path("metrics"), *args),
                                            stdout=subprocess.DEVNULL, stderr=err)

    def end(self, how=signal.SIGTERM):
        self.watcher.send_signal(how)
        code = self.watcher.wait(LIMIT)
        if code != (0 if how == signal.SIGTERM else -how):
            wrong(f"ended with {code}: {self.said()}")

    def said(self):
        with open(self.err, encoding="utf-8", errors="replace") as file:
            return file.read()

    def once(self, *args, directory="in"):
        """Exit code, lines of output, lines of errors."""
        done = subprocess.run(self.command("--once", *args, directory=directory), capture_output=True, text=True,
                              timeout=LIMIT, check=False)
        return done.returncode, done.stdout.splitlines(), done.stderr.splitlines()

    def put(self, name, content):
        with open(self.path("in", name), "wb") as file:
            file.write(content)

    def log(self):
        """Namespaces of all snapshots, sorted."""
        if not os.path.exists(self.path("store", "confuse.db")):
            return []
        done = subprocess.run([CONFUSE, "--store", self.store, "--json", "log"], capture_output=True, text=True, check=True)
        return sorted(json.loads(line)["namespace"] for line in done.stdout.splitlines())

    def wait_for(self, what, condition):
        end = time.monotonic() + LIMIT
        while not condition():
            if time.monotonic() > end:
                wrong(f"{what}: {self.log()} {self.said()}")
            if self.watcher and self.watcher.poll() is not None:
                wrong(f"{what}: the watcher ended: {self.said()}")
            time.sleep(0.05)

    def wait_for_log(self, *namespaces):
        self.wait_for(f"no {namespaces}", lambda: self.log() == sorted(namespaces))

    def metric(self, name):
        with open(self.path("metrics"), encoding="ascii") as file:
            values = dict(line.split() for line in file if not line.startswith("#"))
        return float(values["confuse_watch_" + name])


def slow_and_renamed(root):
    place = Place(root, "slow")
    place.put("early", frame("early"))
    os.symlink("early", place.path("in", "link"))
    place.start()
    place.wait_for_log("early")
    whole = frame("slow")
    with open(place.path("in", "slow"), "wb") as file:  # each piece ends with a line: half of it would be a frame as well
        half = whole.index(b"\n") + 1
        file.write(whole[:half])
        file.flush()
        time.sleep(5 * SETTLE)
        file.write(whole[half:])
    place.put(".hidden", frame("hidden"))
    place.put("moved.tmp", frame("moved"))
    place.put("other.part", frame("part"))
    os.mkdir(place.path("in", "directory"))
    place.wait_for_log("early", "slow")
    os.rename(place.path("in", "moved.tmp"), place.path("in", "moved"))
    place.wait_for_log("early", "moved", "slow")
    os.link(place.path("in", ".hidden"), place.path("in", "linked"))
    place.wait_for_log("early", "hidden", "moved", "slow")
    place.put("early", frame("early", 1))  # another frame, by the same name
    place.wait_for_log("early", "early", "hidden", "moved", "slow")
    place.wait_for("the last file is not counted", lambda: place.metric("files_total") == 5)
    place.end()
    if (place.metric("snapshots_total"), place.metric("rejected_total"), place.metric("failures_total")) != (5, 0, 0):
        wrong("metrics")
    if place.metric("bytes_total") != sum(len(frame(name)) for name in ["early", "slow", "moved", "hidden", "early"]):
        wrong("bytes of the metrics")
    if place.metric("newest_capture_timestamp_seconds") != 1577836801:
        wrong("the newest capture")
    # Nothing is read a second time, nor by another way to the same directory.
    os.symlink("in", place.path("way"))
    for way in ["in", "way"]:
        if place.once(directory=way) != (0, [], []):
            wrong(f"again, by {way}")
    # What went is forgotten; what has the same content again is found to be there.
    os.remove(place.path("in", "moved"))
    place.once()
    place.put("moved", frame("moved"))
    code, out, err = place.once()
    if code != 0 or len(out) != 1 or err or len(place.log()) != 5:
        wrong(f"back again: {code} {out} {err}")


def crashes(root):
    place = Place(root, "crash")
    whole = gzip.compress(frame("crash"))
    place.start("--rejected", place.path("bad"), "--done", place.path("done"))
    place.put("crash.gz", whole[:len(whole) // 2])
    place.wait_for("not rejected", lambda: os.listdir(place.path("bad")) == ["crash.gz"])
    place.put("crash.gz", whole)
    place.wait_for("not done", lambda: os.listdir(place.path("done")) == ["crash.gz"])
    place.put("crash.gz", whole)  # a name that is there already
    place.wait_for("not done again", lambda: sorted(os.listdir(place.path("done"))) == ["crash.gz", "crash.gz.1"])
    place.end()
    if place.log() != ["crash"] or len(place.said().splitlines()) != 1 or "crash.gz" not in place.said():
        wrong(f"a crash: {place.log()} {place.said()}")

    # Left where it is, it is told of once.
    place.put("garbage", b"garbage\n")
    place.put("new\nline\x1b[2J", b"garbage\n")
    code, _, err = place.once()
    os.remove(place.path("in", "new\nline\x1b[2J"))
    err.sort()
    if code != 3 or len(err) != 2 or "garbage:1: " not in err[0] or "\x1b" in err[1]:
        wrong(f"garbage: {code} {err}")
    if place.once() != (0, [], []):
        wrong("garbage is told of twice")
    place.put("garbage", frame("garbage"))
    if place.once()[0] != 0 or place.log() != ["crash", "garbage"]:
        wrong("garbage that became a frame")

    # Nobody can wait for ever for somebody who writes.
    with open(place.path("in", "open"), "wb") as file:
        file.write(frame("open"))
        file.flush()
        code, out, err = place.once()
        if code != 0 or out or len(err) != 1 or "being written" not in err[0]:
            wrong(f"open: {code} {out} {err}")
    if place.once()[0] != 0 or "open" not in place.log():
        wrong("what was open is never taken")


def overflows(root):
    with open("/proc/sys/fs/inotify/max_queued_events", encoding="ascii") as file:
        events = int(file.read())
    if events > 100000:
        print(f"# no overflow: {events} events are kept")
        return
    place = Place(root, "overflow")
    place.start()
    place.put("first", frame("first"))
    place.wait_for_log("first")
    place.watcher.send_signal(signal.SIGSTOP)
    for i in range(events // 2 + 10):  # two events each, none equal to the one before
        place.put("ab"[i % 2] + ".tmp", b"")
    place.put("lost", frame("lost"))
    place.watcher.send_signal(signal.SIGCONT)
    place.wait_for_log("first", "lost")
    place.end()


def floods(root, count, keep):
    """Frames come in all ways that there are, while the watcher is killed."""
    place = Place(root, f"flood-{keep}")
    args = [] if keep else ["--done", place.path("done")]
    names = [f"flood/{i}" for i in range(count)]
    place.start(*args)
    kills = 0
    for i, name in enumerate(names):
        content = frame(name)
        if i % 3 == 0:
            place.put(f"f{i}.tmp", content)
            os.rename(place.path("in", f"f{i}.tmp"), place.path("in", f"f{i}"))
        else:
            place.put(f"f{i}", content)
        if random.random() < 8 / count:
            place.end(signal.SIGKILL)
            kills += 1
            place.start(*args)
    while kills < 12 and len(place.log()) < count:
        time.sleep(random.uniform(0.1, 0.5))
        place.end(signal.SIGKILL)
        kills += 1
        place.start(*args)
    place.wait_for("the flood does not end", lambda: len(place.log()) >= count)
    place.end()
    if place.once(*args)[1:] != ([], []):
        wrong("something was left")
    if place.log() != sorted(names):
        wrong(f"{len(place.log())} of {count}, {len(set(place.log()))} different")
    left = os.listdir(place.path("in"))
    if (len(left) == count) != keep or (not keep and (left or len(os.listdir(place.path("done"))) != count)):
        wrong(f"{len(left)} files are left")
    check = subprocess.run([CONFUSE, "--store", place.store, "fsck"], capture_output=True, text=True, check=False)
    if check.returncode != 0 or place.said():
        wrong(f"{check.stderr} {place.said()}")
    print(f"# {count} frames, killed {kills} times")


def refuses(root):
    place = Place(root, "refused")
    store = ["--store", place.store]
    for args, code, said in [([], 2, "one directory"), (["a", "b"], 2, "one directory"), ([place.path("none")], 4, "none"),
                             (["--settle", "soon", place.path("in")], 2, "soon"),
                             (["--settle", "-1", place.path("in")], 2, "-1"),
                             (["--format", "live", place.path("in")], 2, "live"),
                             (["--done", place.path("in"), place.path("in")], 2, "watched"),
                             (["--done", "/proc/self", place.path("in")], 2, "another file system"),
                             (["--rejected", place.path("none"), place.path("in")], 4, "none"),
                             (["--metrics", place.path("none", "x"), "--once", place.path("in")], 4, "none")]:
        done = subprocess.run([CONFUSE, *store, "watch", *args], capture_output=True, text=True, timeout=LIMIT, check=False)
        if done.returncode != code or said not in done.stderr or len(done.stderr.splitlines()) != 1:
            wrong(f"{args}: {done.returncode} {done.stderr}")
    place.start()
    place.put("x", frame("x"))
    place.wait_for_log("x")
    os.rename(place.path("in"), place.path("gone"))
    if place.watcher.wait(LIMIT) != 4 or "not there any more" not in place.said():
        wrong(f"a directory that went: {place.said()}")


def main():
    seed = int(os.environ.get("CONFUSE_SEED", random.randrange(1 << 32)))
    print(f"# CONFUSE_SEED={seed}")
    random.seed(seed)
    root = tempfile.mkdtemp(prefix="confuse-watch-")
    try:
        refuses(root)
        slow_and_renamed(root)
        crashes(root)
        overflows(root)
        floods(root, int(sys.argv[1]), keep=False)
        floods(root, int(sys.argv[1]) // 4, keep=True)
    finally:
        shutil.rmtree(root)


main()
