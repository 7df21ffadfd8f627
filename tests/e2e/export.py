#!/usr/bin/env python3
"""What `confuse export` writes becomes the same tree when it is imported again: as a tar, and as an image.

    export.py STORE trees DIRECTORY…       directories
    export.py STORE images                 the traps of images.py
"""
import io
import json
import os
import subprocess
import sys
import tarfile
import tempfile

CONFUSE = os.environ["CONFUSE"]
store, what, *names = sys.argv[1:]
wrong = compared = 0


def confuse(*arguments, expected=0):
    done = subprocess.run([CONFUSE, "--store", store, "--json", *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if done.returncode not in (expected if isinstance(expected, tuple) else (expected,)):
        sys.exit(f"confuse {' '.join(arguments)}: {done.returncode}, {done.stderr.decode()}")
    return done


def show(snapshot, made):
    """The root's digest; and every path, but for how its content is known, which a tar does not tell. Of what was made
    the flag is lost, and so the digest is another."""
    line = json.loads(confuse("show", snapshot).stdout)
    entries = [json.loads(text) for text in confuse("manifest", snapshot).stdout.splitlines()]
    paths = [{name: entry[name] for name in entry if name != "known"} for entry in entries if "note" not in entry]
    return None if made else line["root"], line.get("linked_files"), paths


def has(snapshot, member, value):
    lines = confuse("manifest", snapshot).stdout.splitlines()
    return any(json.loads(line).get(member) == value for line in lines)


def round_trip(name, snapshot, scratch):
    """In each form, from a file and through standard output."""
    global wrong, compared
    made = has(snapshot, "known", "made")
    expected = show(snapshot, made)
    sockets = has(snapshot, "type", "socket")
    for form in ("tar", "oci"):
        path = os.path.join(scratch, form)
        done = confuse("export", "-o", form, *(["--made"] if made else []), snapshot, path, expected=(0, 1))
        if done.returncode == 1 and not sockets and b"absent" not in done.stderr and b"cannot hold" not in done.stderr:
            sys.exit(f"{name}: exit 1 for nothing: {done.stderr.decode()}")
        if done.returncode == 1:
            continue
        streamed = confuse("export", "-o", form, *(["--made"] if made else []), snapshot).stdout
        with open(path, "rb") as file:
            if form == "tar" and file.read() != streamed:
                print(f"WRONG: {name}: standard output is not the file")
                wrong += 1
        again = json.loads(confuse("import", "--namespace", f"again/{form}", path).stdout)["id"]
        found = show(again, made)
        compared += 1
        if found != expected:
            print(f"WRONG: {name}: {form}: {str(found)[:2000]} instead of {str(expected)[:2000]}")
            wrong += 1
        os.unlink(path)


with tempfile.TemporaryDirectory(prefix="confuse-export-") as scratch:
    if what == "trees":
        for name in names:
            snapshot = json.loads(confuse("import", "--namespace", "tree", "--format", "dir", name).stdout)["id"]
            round_trip(name, snapshot, scratch)
    else:
        import images
        from oci_layout import write_layout
        for name, image in images.cases():
            layout = os.path.join(scratch, "layout")
            write_layout(layout, image.layers, ("+gzip", ""))
            done = confuse("import", "--namespace", "trap", layout)
            round_trip(name, json.loads(done.stdout)["id"], scratch)
print(f"{compared} compared, {wrong} wrong")
sys.exit(1 if wrong or compared == 0 else 0)
