#!/usr/bin/env python3
"""Are images served as `umoci unpack` unpacks them?

    umoci_oracle.py traps                       each trap of images.py by itself
    umoci_oracle.py seeds FROM TO               random images, TO is not among them
    umoci_oracle.py one NAME|SEED [DIRECTORY]   one of them in every form, leaving what was made in DIRECTORY

Each image is imported as an OCI layout in a directory, and in one other form (FORMS, by turns); and what is served of it
after each of its layers is compared too. Prints what differs and a last line `N images, N wrong`; exit 1 if any is.

umoci 0.4.7 is followed in all but this:
- It refuses an image for an entry that cannot be made (below a file, a link to nothing, a loop of links, the root as a
  file); confuse leaves that entry out and says so. So umoci is asked again without the entry, until it takes the image.
- A directory that no layer lists is 0755, root's, in confuse: the kernel gives umoci's the group of a setgid directory, and
  that bit. Its time is 0 in confuse, in umoci that of unpacking. A listed one has it too if a parent was made in it,
  or if a whiteout took something out of it that a layer below put there; in confuse it keeps its header's time.
- It knows no zstd; and neither contiguous files nor global headers.
- A regular file's name may end in a slash, which libarchive and old tars take for a directory.
- user.* attributes of a symbolic link, and such of a name that the kernel here refuses, end it.
"""
import gzip
import os
import re
import shutil
import sys
import tarfile
import tempfile

import images
from oci_layout import chain_ids, write_layout
from served import CONFUSE, Server, coarse_now, compare, folders, import_source, must, run

REFUSED_MAX = 200  # entries of one image that umoci is asked to do without


def unpack(layout, bundle):
    """umoci's own words on an image: None, or the number of the entry that it failed on, counted from 0 through all
    layers; and what it said."""
    shutil.rmtree(bundle, ignore_errors=True)
    done = run("umoci", "--log=debug", "unpack", "--image", layout + ":latest", bundle)
    if done.returncode == 0:
        return None, ""
    entries = re.findall(r"unpacking entry .*", done.stdout)
    return len(entries) - 1, done.stdout.strip().splitlines()[-1]


def without(layers, left_out):
    """The layers less the entries of these numbers."""
    entries, kept = 0, []
    for layer in layers:
        kept.append(type(layer)(entry for i, entry in enumerate(layer, entries) if i not in left_out))
        entries += len(layer)
    return kept


def unpack_what_can_be(layers, layout, bundle):
    """The numbers of entries that had to go before umoci took the image."""
    left_out = []
    while len(left_out) < REFUSED_MAX:
        kept = [i for i in range(sum(map(len, layers))) if i not in left_out]
        write_layout(layout, without(layers, left_out), ("+gzip", ""))
        failed, why = unpack(layout, bundle)
        if failed is None:
            return left_out
        if failed < 0:
            sys.exit(f"umoci does not work here: {why}")
        left_out.append(kept[failed])
    sys.exit(f"umoci refuses more than {REFUSED_MAX} entries of one image")


def settle(rootfs, since):
    """Give directories that umoci left the time of unpacking the time of the header that made them, which their owner
    tells. Those that no header made are root's."""
    for path in folders(rootfs):
        status = os.lstat(path)
        if status.st_mtime_ns < since:
            continue
        if status.st_uid >= images.SERIALS:
            sys.exit(f"{path}: whose time should it have?")
        if status.st_uid == 0:
            os.chown(path, 0, 0)
            os.chmod(path, 0o755)
        os.utime(path, ns=(0, images.time_of(status.st_uid)))


# --- The forms of an image: an argument for `confuse import`, and what comes by standard input ---------------------------

def layout_of(oracle, image, compressions=("+gzip", "")):
    layout = oracle.path("layout")
    write_layout(layout, image.layers, compressions)
    return layout


def form_directory(oracle, image):
    compressions = ["+gzip", "", "+zstd"]
    turn = oracle.images % len(compressions)
    return layout_of(oracle, image, compressions[turn:] + compressions[:turn]), None


def form_tar(oracle, image):
    must("tar", "-C", layout_of(oracle, image, ("+zstd", "+gzip")), "-cf", oracle.path("layout.tar"), ".")
    return oracle.path("layout.tar"), None


def form_stream(oracle, image):
    """Blobs come in an order that is of no use: the layers before what names them, the index last."""
    layout = layout_of(oracle, image)
    with tarfile.open(oracle.path("layout.tar"), "w") as tar:
        for name in ("blobs", "oci-layout", "index.json"):
            tar.add(os.path.join(layout, name), name)
    with open(oracle.path("layout.tar"), "rb") as tar:
        return "-", tar.read()


def docker_archive(oracle, image):
    archive = oracle.path("docker.tar")
    if os.path.exists(archive):
        os.unlink(archive)
    must("skopeo", "--insecure-policy", "copy", f"oci:{layout_of(oracle, image)}:latest",
         f"docker-archive:{archive}:example/image:1")
    return archive


def form_docker(oracle, image):
    return docker_archive(oracle, image), None


def form_docker_stream(oracle, image):
    with open(docker_archive(oracle, image), "rb") as archive:
        return "-", gzip.compress(archive.read(), 1)


def form_docker_back(oracle, image):
    """From the docker archive to a layout again: layers are compressed by somebody else."""
    back = oracle.path("back")
    shutil.rmtree(back, ignore_errors=True)
    must("skopeo", "--insecure-policy", "copy", "docker-archive:" + docker_archive(oracle, image), f"oci:{back}:1")
    return back, None


FORMS = {"directory": form_directory, "tar": form_tar, "stream": form_stream, "docker": form_docker,
         "docker-stream": form_docker_stream, "docker-back": form_docker_back}


# --- The comparison ---------------------------------------------------------------------------------------------------

class Oracle:
    def __init__(self, work):
        self.work, self.images, self.wrong = work, 0, 0
        self.store = os.path.join(work, "store")
        run(CONFUSE, "--store", self.store, "import", work)  # so that there is a store
        self.server = Server(self.store, self.path("server.log"))

    def path(self, name):
        return os.path.join(self.work, name)

    def say(self, name, what, text):
        self.wrong += 1
        print(f"{name}: {what}")
        for line in text.strip().splitlines()[:12]:
            print("    " + line[:400])
        sys.stdout.flush()

    def expected(self, image):
        """What umoci makes of it, at rootfs; and how many entries had to go for that."""
        since = coarse_now()
        left_out = unpack_what_can_be(image.twin, self.path("umoci"), self.path("bundle"))
        settle(self.path("bundle/rootfs"), since)
        return left_out

    def check(self, name, image, forms):
        self.images += 1
        left_out = self.expected(image)
        if image.refused is not None and len(left_out) != image.refused:
            self.say(name, f"umoci refuses {len(left_out)} entries, expected {image.refused}", str(left_out))
        for form in forms:
            argument, stdin = FORMS[form](self, image)
            self.compare(f"{name} ({form})", argument, stdin, len(left_out))
        if image.twin is image.layers:
            self.check_chains(name, image.layers, left_out)

    def compare(self, name, argument, stdin, left_out):
        done = import_source(self.store, argument, "--namespace", "image", stdin=stdin)
        if done.returncode != 0:
            self.say(name, f"import: exit {done.returncode}", done.stderr)
            return
        snapshot = done.stdout.split()[0]
        self.check_notes(name, snapshot, done.stderr, left_out)
        different = compare(self.server, "/snap/" + snapshot, self.path("bundle/rootfs"))
        if different:
            self.say(name, "differs", different)

    def check_chains(self, name, layers, left_out):
        """The image after each of its layers but the last."""
        for count, chain in enumerate(chain_ids(layers)[:-1], 1):
            since = coarse_now()
            write_layout(self.path("umoci"), without(layers[:count], left_out), ("",))
            _, why = unpack(self.path("umoci"), self.path("bundle"))
            settle(self.path("bundle/rootfs"), since)
            different = why or compare(self.server, "/chain/" + chain, self.path("bundle/rootfs"))
            if different:
                self.say(name, f"differs after {count} of {len(layers)} layers", different)

    def check_notes(self, name, snapshot, said, left_out):
        """It counts what it leaves out when it merges a layer, which it does once; the manifest always has them."""
        counted = re.search(r"warning: (\d+) entr(?:y|ies) left out", said)
        noted = '"what":"left-out"' in run(CONFUSE, "--store", self.store, "manifest", snapshot).stdout
        if noted != bool(left_out) or (counted and int(counted.group(1)) != left_out):
            self.say(name, f"{left_out} entries are to be left out, it {'has' if noted else 'lacks'} notes", said or "nothing said")


def chosen(arguments):
    if arguments[:1] == ["traps"]:
        yield from images.cases()
    elif arguments[:1] == ["seeds"]:
        for seed in range(int(arguments[1]), int(arguments[2])):
            yield f"seed-{seed}", images.random_image(seed)
    elif arguments[1].isdigit():
        yield f"seed-{arguments[1]}", images.random_image(int(arguments[1]))
    else:
        yield arguments[1], dict(images.cases())[arguments[1]]


def main():
    if len(sys.argv) < 2 or sys.argv[1] not in ("traps", "seeds", "one"):
        sys.exit(__doc__)
    os.umask(0o022)
    keep = sys.argv[3] if sys.argv[1] == "one" and len(sys.argv) > 3 else None
    work = keep or tempfile.mkdtemp(prefix="confuse-images-")
    os.makedirs(work, exist_ok=True)
    oracle = Oracle(work)
    try:
        others = list(FORMS)[1:]
        for i, (name, image) in enumerate(chosen(sys.argv[1:])):
            oracle.check(name, image, FORMS if sys.argv[1] == "one" else ("directory", others[i % len(others)]))
        if oracle.server.stop() != 0:
            oracle.say("serve", "did not end well", "")
    finally:
        oracle.server.kill()
        if not keep:
            shutil.rmtree(work, ignore_errors=True)
    print(f"{oracle.images} images, {oracle.wrong} wrong")
    sys.exit(1 if oracle.wrong else 0)


main()
