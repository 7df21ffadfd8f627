#!/usr/bin/env python3
"""Tools that expect a running system, in `confuse run`: what is captured, and what they have to say of it.

    tools.py make WORK ROOT     frames, an image and a live capture of the Debian system ROOT into WORK/store, and what tools.sh reads
    tools.py check WORK         what the tools in the guest said (WORK/said.1) against that; `ok NAME` or `not ok NAME: why` a line
"""
import collections
import io
import os
import re
import subprocess
import sys
import tarfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "../e2e"))
import tools_frame
import tools_rows
import tools_told
from make_images import LAYER, Layout, config, sha256
from served import CONFUSE, must

REAL = os.path.join(HERE, "../../../shared/frames/nadgowdas-testframe.sample.fa44d5881ec8.0")

COMMANDS = {
    "ps-ef": "ps -ef",
    "ps-forest": "ps aux --forest",
    "ps-fields": "ps -eo pid,ppid,uid,user:32,nlwp,stat,vsz,rss,lstart,args",
    "pgrep": "pgrep -a .",
    "pgrep-user": "pgrep -u app",
    "pstree": "pstree -pA",
    "top": "top -bn1 -w512",
    "uptime": "uptime",
    "free": "free -bw",
    "netstat": "netstat -tulpn",
    "netstat-all": "netstat -tuapn",
    "lsof": "lsof -nP",
    "dpkg": "dpkg -l",
    "w": "w",
    "df": "df",
    "mount": "mount",
    "debsums": "debsums procps lsof",
}
RUNS = {"image": list(COMMANDS), "tools": [name for name in COMMANDS if name != "debsums"],
        "live": [name for name in COMMANDS if name != "pgrep-user"], "real": ["ps-ef", "dpkg", "os-release"]}
COMMANDS["os-release"] = "cat /etc/os-release"


# --- What is captured ---------------------------------------------------------------------------------------------------

def import_one(store, *arguments):
    return must(CONFUSE, "--store", store, "import", *arguments).split()[0]


def write_image(directory, root):
    """Its id."""
    layer = io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w", format=tarfile.PAX_FORMAT) as tar:
        tar.add(root, arcname=".")
    layers = [layer.getvalue()]
    layout = Layout()
    layout.add(layout.image(layers, "amd64", LAYER))
    layout.write(directory)
    return sha256(config(layers, "amd64"))


# In namespaces of its own; the Debian system below, what it writes in a tmpfs above.
START = r"""
set -e
mount --make-rprivate /
mkdir "$2"
mount -t tmpfs above "$2"
mkdir "$2/upper" "$2/work" "$2/root"
mount -t overlay overlay -o "lowerdir=$1,upperdir=$2/upper,workdir=$2/work" "$2/root"
cd "$2/root"
cp "$3" original.py
mount -t proc proc proc
hostname original
ip link set lo up
exec chroot . /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C python3 /original.py
"""
START_MAX = 30  # s


class Original:
    """A system that runs, and what tools say in it."""

    def __init__(self, work, root):
        arguments = [root, f"{work}/original", f"{HERE}/original.py"]
        self.holder = subprocess.Popen(["unshare", "--pid", "--fork", "--kill-child", "--mount", "--uts", "--net",
                                        "sh", "-c", START, "sh", *arguments])
        for _ in range(START_MAX * 10):
            children = open(f"/proc/{self.holder.pid}/task/{self.holder.pid}/children", encoding="ascii").read().split()
            if children and os.path.exists(f"/proc/{children[0]}/root/ready"):
                break
            time.sleep(0.1)
        else:
            sys.exit("the original system does not start")
        self.pid = children[0]
        with open(f"/proc/{self.pid}/root/ready", encoding="ascii") as ready:
            self.highest = int(ready.read())

    def tell(self, path, commands):
        with open(f"{HERE}/each.sh", encoding="utf-8") as text:
            each = text.read()
        with open(path, "wb") as out:
            out.write(b"@run original\n")
            out.flush()
            subprocess.run(["nsenter", "-t", self.pid, "-p", "-m", "-n", "-u", "-r", "-w",
                            "env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C", "TZ=UTC", "sh", "-c", each],
                           input=commands.encode(), stdout=out, check=True)
            out.write(b"@end\n")

    def end(self):
        self.holder.kill()
        self.holder.wait()


def capture(work, root, store):
    """The snapshot of a system that runs; what tools say in it, and the highest process of it are in `work`."""
    original = Original(work, root)
    try:
        original.tell(f"{work}/original.said", command_lines("live"))
        with open(f"{work}/original.highest", "w", encoding="ascii") as out:
            out.write(str(original.highest))
        return import_one(store, "--format", "live", "--namespace", "tools/live", original.pid)
    finally:
        original.end()


def command_lines(run):
    return "".join(f"{name}\t{COMMANDS[name]}\n" for name in RUNS[run])


def make(work, root):
    store = f"{work}/store"
    image = write_image(f"{work}/image", root)
    tools_frame.write(f"{work}/image.frame", "tools/image", root, image)
    tools_frame.write(f"{work}/tools.frame", "tools/bare", root)
    import_one(store, "--namespace", "base", f"{work}/image")
    ids = {"image": import_one(store, f"{work}/image.frame"), "tools": import_one(store, f"{work}/tools.frame"),
           "live": capture(work, root, store)}
    if os.path.exists(REAL):
        ids["real"] = import_one(store, REAL)
    with open(f"{work}/settings.tools", "w") as out:
        out.write(f"TOOLS={import_one(store, '--namespace', 'debian', root)}\n")
    with open(f"{work}/runs", "w") as out:
        for name, each in ids.items():
            out.write(f"{name} {each} {'tools' if name in ('tools', 'real') else 'shell'}\n")
    for name in ids:
        with open(f"{work}/commands.{name}", "w") as out:
            out.write(command_lines(name))


# --- What the tools say -------------------------------------------------------------------------------------------------

SHOWN = 4  # rows of a difference
# On standard error: what of the captured is rightly not known.
COMPLAINTS = {"lsof": r"lsof: no pwd entry for UID 4242",
              "dpkg": r"dpkg: warning: failed to open configuration file '.*' for reading: Permission denied"}


def difference(expected, got):
    """Nothing if they are the same, in whatever order."""
    missing, more = collections.Counter(map(tuple, expected)), collections.Counter(map(tuple, got))
    return "; ".join(f"{sign}{row}" for sign, rows in (("-", missing - more), ("+", more - missing)) for row in list(rows)[:SHOWN])


def captured(rows, highest):
    """Those of the run's own processes have numbers above the captured."""
    return [row for row in rows if row[0] is None or row[0] <= highest]


class Checks:
    def __init__(self, work):
        self.work, self.failed = work, 0
        self.said, ended = tools_rows.sections(f"{work}/said.1")
        self.report("said", "" if ended else "it has no end")

    def report(self, name, wrong):
        print(f"not ok {name}: {wrong}" if wrong else f"ok {name}")
        self.failed += bool(wrong)

    def rows(self, run, name):
        """What a command told, or why it did not."""
        if name not in self.said.get(run, {}):
            return None, "it did not run"
        output, errors, status = self.said[run][name]
        unknown = [line for line in errors.splitlines() if not re.fullmatch(COMPLAINTS.get(name, ""), line)]
        if status or unknown:
            return None, f"exit {status}, {'; '.join(unknown)}"
        try:
            return tools_rows.ROWS[name](output), ""
        except (AttributeError, IndexError, ValueError) as wrong:
            return None, f"{wrong!r}: {output[:200]!r}"

    def compare(self, run, name, expected, of=lambda rows: rows):
        rows, wrong = self.rows(run, name)
        self.report(f"{run}/{name}", wrong or difference(expected, of(rows)))

    def frame(self, run, path):
        """The captured rows are what the frame tells, and no others."""
        facts = tools_told.Facts(path)
        for name in RUNS[run]:
            if name in tools_told.TOLD:
                of = {"lsof": only_told, "dpkg": without_architecture}.get(name, list)
                self.compare(run, name, tools_told.TOLD[name](facts), lambda rows, of=of: of(captured(rows, facts.highest)))
        return facts

    def debsums(self):
        rows, wrong = self.rows("image", "debsums")
        self.report("image/debsums", wrong or difference([], [row for row in rows if row[2] != "OK"]) or (
            "" if len(rows) > 20 else f"{len(rows)} files"))

    def real(self):
        """The frame of a container that somebody crawled in 2017."""
        facts = self.frame("real", REAL)
        commands = {process["pid"]: process["cmd"] for process, _ in facts.processes}
        self.report("real/frame", "" if commands[1] == "bash" and "crawler.py" in commands[14] and len(facts.records["package"]) == 98
                    else "it is another one")
        rows, wrong = self.rows("real", "os-release")
        system = dict(row[1].replace('"', "").split("=", 1) for row in rows or [])
        self.report("real/os-release", wrong or ("" if system["ID"] == "ubuntu" and system["VERSION_ID"] == "16.04" else str(system)))

    def live(self):
        """The same rows as in the system that was captured."""
        native, ended = tools_rows.sections(f"{self.work}/original.said")
        self.report("original", "" if ended and len(native["original"]) == len(RUNS["live"]) else "it has no end")
        with open(f"{self.work}/original.highest", encoding="ascii") as text:
            highest = int(text.read())
        self.said["original"] = native["original"]
        for name in RUNS["live"]:
            rows, wrong = self.rows("original", name)
            if wrong:
                self.report(f"original/{name}", wrong)
                continue
            of = lambda rows, keep=RESTING.get(name, list): keep(captured(rows, highest))
            self.compare("live", name, of(rows), of)


# Of a row of a system that runs, what stays so for a moment, and is captured: no share of a processor, no memory that is
# resident, no load.
RESTING = {
    "ps-forest": lambda rows: [(*row[:2], row[3], *row[5:]) for row in rows],
    "ps-fields": lambda rows: [(*row[:7], *row[8:]) for row in rows],
    "top": lambda rows: [(*row[:3], row[4], row[6]) for row in rows],
    "uptime": lambda _: [],
    "free": lambda rows: [row[:2] for row in rows],
}


def only_told(rows):
    """A crawler tells neither of roots nor of programs, and not which descriptor it is."""
    return [row[:4] for row in rows if row[2] not in ("rtd", "txt")]


def without_architecture(rows):
    """dpkg shows "name:amd64" of those that could be there twice."""
    return [(*row[:2], row[2].split(":")[0], *row[3:]) for row in rows]


def check(work):
    checks = Checks(work)
    checks.frame("image", f"{work}/image.frame")
    checks.debsums()
    checks.frame("tools", f"{work}/tools.frame")
    checks.live()
    if os.path.exists(REAL):
        checks.real()


def main():
    {"make": make, "check": check}[sys.argv[1]](*sys.argv[2:])


main()
