"""veneers.py CONFUSE STORE ID: all that was made for a snapshot, and the notes on it, as text.

A line an entry; what a file holds stands below it, with what is no plain text escaped.
"""
import hashlib
import json
import sqlite3
import subprocess
import sys

PROGRAM = sys.argv[1:2] + ["--store", sys.argv[2]]
KINDS = {"made", "filled", "not-rendered", "veneer"}
SHOWN = 2000  # characters of a line


def run(*arguments):
    return subprocess.run(PROGRAM + list(arguments), check=True, stdout=subprocess.PIPE).stdout


def dump(content):
    """An SQLite file: its digest, and its rows."""
    database = sqlite3.connect(":memory:")
    database.deserialize(content)
    rows = [line for line in database.iterdump() if line.startswith("INSERT")]
    return "\n".join([hashlib.sha256(content).hexdigest(), *rows, ""]).encode()


def show(entry):
    device = " {major}:{minor}".format(**entry) if "major" in entry else ""
    target = " -> " + ascii(entry["target"]) if "target" in entry else ""
    print("{type} {mode} {uid}:{gid} {size} {mtime} ".format(**entry) + ascii(entry["path"])[1:-1] + device + target)
    if entry["type"] != "file":
        return
    content = run("cat", sys.argv[3] + ":" + entry["path"])
    if content.startswith(b"SQLite format 3\0"):
        content = dump(content)
    for line in content.split(b"\n")[: -1 if content.endswith(b"\n") else None]:
        text = line.decode("latin-1").encode("unicode_escape").decode()
        print("  |" + (text if len(text) <= SHOWN else "%s… (%d)" % (text[:SHOWN], len(text))))


for text in run("manifest", sys.argv[3]).splitlines():
    line = json.loads(text.decode("utf-8", "surrogateescape"))
    if line.get("known") == "made":
        show(line)
    if "note" in line and line["note"]["what"] in KINDS:
        print("note", ascii(line["path"]), json.dumps(line["note"], sort_keys=True))
