"""Write images in every form that can be imported, and forms that cannot: into the current directory.

    make_images.py ARCH      the machine's architecture, in Go's words

bad/NAME.tar has what `confuse import` says of it in bad/NAME.tar.txt, with FILE for its name.
"""
import gzip
import hashlib
import io
import json
import os
import shutil
import sys
import tarfile

OCI = "application/vnd.oci.image."
DOCKER = "application/vnd.docker.distribution."
MANIFEST, INDEX, CONFIG = OCI + "manifest.v1+json", OCI + "index.v1+json", OCI + "config.v1+json"
LAYER, LAYER_GZIP = OCI + "layer.v1.tar", OCI + "layer.v1.tar+gzip"
REF_NAME, IMAGE_NAME = "org.opencontainers.image.ref.name", "io.containerd.image.name"


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def dumps(value):
    return json.dumps(value, separators=(",", ":")).encode()


def pack(members):
    """A tar of (name, bytes, or a symbolic link's target) in order; a name that ends in "/" is a directory."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for name, content in members:
            info = tarfile.TarInfo(name.rstrip("/"))
            info.mtime = 1500000000
            if name.endswith("/"):
                info.type, info.mode = tarfile.DIRTYPE, 0o755
            elif isinstance(content, str):
                info.type, info.linkname = tarfile.SYMTYPE, content
            else:
                info.size = len(content)
            tar.addfile(info, io.BytesIO(content) if isinstance(content, bytes) else None)
    return out.getvalue()


def write(path, data):
    if os.path.dirname(path):
        os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as out:
        out.write(data)


BASE = pack([("etc/", None), ("etc/os", b"base\n"), ("usr/", None), ("usr/large", bytes(range(256)) * 800),
             ("usr/gone", b"soon gone\n")])
APP = {n: pack([("app/", None), ("app/n", str(n).encode()), ("usr/.wh.gone", b"")]) for n in range(1, 7)}


def config(layers, arch, created="2020-02-02T02:02:02Z", **more):
    history = [{"created": created, "created_by": f"layer {i}"} for i in range(len(layers))]
    history.insert(1, {"created_by": "ENV a=b", "empty_layer": True})
    return dumps({"created": created, "architecture": arch, "os": "linux", "history": history,
                  "rootfs": {"type": "layers", "diff_ids": ["sha256:" + sha256(l) for l in layers]}, **more})


class Layout:
    """An OCI image layout: members by name, written as a directory or packed."""

    def __init__(self):
        self.blobs, self.manifests, self.more = {}, [], []

    def blob(self, media_type, data):
        self.blobs["blobs/sha256/" + sha256(data)] = data
        return {"mediaType": media_type, "digest": "sha256:" + sha256(data), "size": len(data)}

    def image(self, layers, arch, media=LAYER_GZIP, **more):
        blobs = [gzip.compress(l, mtime=0) if media.endswith("gzip") else l for l in layers]
        return self.blob(MANIFEST, dumps({
            "schemaVersion": 2, "mediaType": MANIFEST, "config": self.blob(CONFIG, config(layers, arch, **more)),
            "layers": [self.blob(media, b) for b in blobs]}))

    def index(self, descriptors):
        return self.blob(INDEX, dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": descriptors}))

    def add(self, descriptor, annotations=None, platform=None):
        descriptor = dict(descriptor)
        if annotations:
            descriptor["annotations"] = annotations
        if platform:
            descriptor["platform"] = platform
        self.manifests.append(descriptor)
        return self

    def members(self):
        return [("blobs/", None), ("blobs/sha256/", None), *sorted(self.blobs.items()),
                ("index.json", dumps({"schemaVersion": 2, "manifests": self.manifests})), *self.more,
                ("oci-layout", b'{"imageLayoutVersion":"1.0.0"}')]

    def write(self, directory):
        shutil.rmtree(directory, ignore_errors=True)
        for name, content in self.members():
            if not name.endswith("/"):
                write(os.path.join(directory, name), content)


def platform(os_name, arch):
    return {"os": os_name, "architecture": arch}


def docker_old(arch):
    """`docker save` up to 24: a directory a layer, the same layer twice as a link."""
    layers = [BASE, APP[1], APP[1]]
    ids = [sha256(b"id %d" % i) for i in range(3)]
    text = config(layers, arch)
    manifest = [{"Config": sha256(text) + ".json", "RepoTags": ["app:1", "app:2", "other/app:1"],
                 "Layers": [i + "/layer.tar" for i in ids]}]
    return pack([(sha256(text) + ".json", text),
                 (ids[0] + "/", None), (ids[0] + "/VERSION", b"1.0"), (ids[0] + "/layer.tar", BASE),
                 (ids[2] + "/", None), (ids[2] + "/layer.tar", f"../{ids[1]}/layer.tar"),
                 (ids[1] + "/", None), (ids[1] + "/layer.tar", APP[1]),
                 ("manifest.json", dumps(manifest)), ("repositories", dumps({"app": {"1": ids[2]}}))])


def docker_ancient(arch):
    """`docker save` before 1.10."""
    ids = [sha256(b"id %d" % i) for i in range(2)]
    return pack([(ids[1] + "/", None), (ids[1] + "/VERSION", b"1.0"),
                 (ids[1] + "/json", dumps({"id": ids[1], "parent": ids[0], "os": "linux", "architecture": arch,
                                           "created": "2016-01-01T00:00:00Z", "config": {"Cmd": ["x"]},
                                           "container_config": {"Cmd": ["/bin/sh", "-c", "run"]}})),
                 (ids[1] + "/layer.tar", APP[1]),
                 (ids[0] + "/", None), (ids[0] + "/json", dumps({"id": ids[0], "created": "2015-01-01T00:00:00Z"})),
                 (ids[0] + "/layer.tar", BASE),
                 ("repositories", dumps({"old/app": {"1": ids[1], "2": ids[1]}, "base": {"latest": ids[0]}}))])


def docker_new(arch):
    """`docker save` since 25: a layout with a manifest.json; names only there, as some tools have it."""
    layout = Layout()
    text = config([BASE, APP[1]], arch)
    layout.add(layout.image([BASE, APP[1]], arch, LAYER))
    layout.more = [("manifest.json", dumps([{"Config": "blobs/sha256/" + sha256(text), "RepoTags": ["new:1"],
                                             "Layers": ["blobs/sha256/" + sha256(l) for l in (BASE, APP[1])]}]))]
    return pack(layout.members())


# --- What cannot be imported -----------------------------------------------------------------------------------------

# Layers of these are in no image that is good: they have to be read.


def bad(name, members, text):
    write(f"bad/{name}.tar", pack(members) if isinstance(members, list) else members)
    write(f"bad/{name}.tar.txt", text.encode() + b"\n")


def without(members, name):
    return [m for m in members if m[0] != name]


def changed(members, name, content):
    return [(n, content if n == name else c) for n, c in members]


def bad_layouts(arch):
    layout = Layout()
    manifest = layout.image([BASE, APP[4]], arch)
    layout.add(manifest, {REF_NAME: "bad:1"})
    members = layout.members()
    layer = "blobs/sha256/" + sha256(gzip.compress(APP[4], mtime=0))
    packed = layout.blobs[layer]
    of_config = "blobs/sha256/" + sha256(config([BASE, APP[4]], arch))
    of_manifest = "blobs/sha256/" + manifest["digest"][7:]

    bad("layer-missing", without(members, layer), f"FILE: {layer}: it is not there")
    bad("config-missing", without(members, of_config), f"FILE: {of_config}: it is not there")
    bad("manifest-missing", without(members, of_manifest), f"FILE: {of_manifest}: it is not there")
    bad("layer-longer", changed(members, layer, packed + b"\0"),
        f"FILE: {layer}: it has {len(packed) + 1} bytes, its descriptor says {len(packed)}")
    # What no uncompressed byte shows: the time in gzip's header.
    bad("layer-digest", changed(members, layer, packed[:4] + b"\1" + packed[5:]),
        f"FILE: {layer}: its SHA-256 is another")
    flipped = bytearray(layout.blobs[of_config])
    flipped[20] ^= 1
    bad("config-digest", changed(members, of_config, bytes(flipped)), f"FILE: {of_config}: its SHA-256 is another")
    bad("layout-version", changed(members, "oci-layout", b'{"imageLayoutVersion":"9"}'),
        "FILE: oci-layout: not version 1 of the layout")
    bad("empty-index", changed(members, "index.json", b'{"manifests":[]}'), "FILE: there is no image in it")

    layout = Layout()
    wrong = gzip.compress(APP[5], mtime=0)
    text = config([APP[4]], arch)
    layout.add(layout.blob(MANIFEST, dumps({"schemaVersion": 2, "config": layout.blob(CONFIG, text),
                                            "layers": [layout.blob(LAYER_GZIP, wrong)]})), {REF_NAME: "bad:2"})
    bad("diffid", layout.members(),
        f"FILE: blobs/sha256/{sha256(wrong)}: another layer than the image's: it uncompresses to sha256:"
        f"{sha256(APP[5])}, the config says sha256:{sha256(APP[4])}")

    layout = Layout()
    text = dumps({"schemaVersion": 2, "config": layout.blob(CONFIG, config([BASE], arch)), "layers": []})
    layout.add(layout.blob(MANIFEST, text), {REF_NAME: "bad:3"})
    bad("diffids-count", layout.members(),
        f"FILE: blobs/sha256/{sha256(text)}: 0 layers, where the config has 1 diff_ids")

    # A tar need not be closed; but this one ends within a content.
    layout = Layout()
    cut = pack([("f", b"c" * 100)])[:512 + 60]
    layout.add(layout.image([cut], arch, LAYER), {REF_NAME: "bad:8"})
    bad("layer-cut", layout.members(), f"FILE: blobs/sha256/{sha256(cut)}: the archive is cut short")

    layout = Layout()
    layout.add({"mediaType": MANIFEST, "digest": "sha512:" + "0" * 128, "size": 7}, {REF_NAME: "bad:4"})
    bad("algorithm", layout.members(),
        'FILE: index.json: a descriptor has a digest of "sha512", only sha256 is known')

    layout = Layout()
    layout.add({"mediaType": INDEX, "digest": "sha256:" + "0" * 64, "size": 7}, {REF_NAME: "bad:5"})
    layout.blobs["blobs/sha256/" + "0" * 64] = dumps({"manifests": layout.manifests})
    bad("cycle", layout.members(), "FILE: blobs/sha256/" + "0" * 64 + ": it has %d bytes, its descriptor says 7" %
        len(layout.blobs["blobs/sha256/" + "0" * 64]))

    layout = Layout()
    deep = layout.index([])
    for _ in range(8):
        deep = layout.index([deep])
    layout.add(deep, {REF_NAME: "bad:6"})
    bad("deep", layout.members(), "FILE: %s: more than 8 indexes inside one another" %
        next(n for n, b in layout.blobs.items() if b == dumps({"schemaVersion": 2, "mediaType": INDEX,
                                                               "manifests": [layout.index([])]})))

    layout = Layout()
    layout.add({"mediaType": DOCKER + "manifest.v1+prettyjws", "digest": "sha256:" + "0" * 64, "size": 7})
    bad("schema1", layout.members(),
        "FILE: blobs/sha256/" + "0" * 64 + ": a manifest of docker's schema 1, which is not known")

    layout = Layout()
    text = dumps({"schemaVersion": 2, "config": layout.blob("application/vnd.cncf.helm.config.v1+json", b"{}"),
                  "layers": []})
    layout.add(layout.blob(MANIFEST, text), {REF_NAME: "chart"})
    bad("artifact", layout.members(), f"FILE: there is no image in it; sha256:{sha256(text)}: its config is a "
        "application/vnd.cncf.helm.config.v1+json")


def bad_archives(arch):
    text = config([APP[4]], arch)
    name = sha256(text) + ".json"

    def archive(layer, manifest, of_config=text):
        return [(name, of_config), ("layers/a.tar", layer), ("manifest.json", dumps(manifest))]

    def item(**more):
        return [{"Config": name, "RepoTags": ["bad:7"], "Layers": ["layers/a.tar"], **more}]

    bad("docker-diffid", archive(APP[5], item()),
        f"FILE: layers/a.tar: another layer than the image's: it uncompresses to sha256:{sha256(APP[5])}, the config "
        f"says sha256:{sha256(APP[4])}")
    bad("docker-config", archive(APP[4], item(), text.replace(b"2020", b"2021")),
        f"FILE: {name}: its SHA-256 is not the one in its name")
    bad("docker-layer-missing", archive(APP[4], item(Layers=["b\n.tar"])), "FILE: b\\x0a.tar: it is not there")
    bad("docker-climbs", archive(APP[4], item(Layers=["../../etc/passwd"])),
        "FILE: ../../etc/passwd: no name that a member can have")
    bad("docker-link", archive("a.tar", item()), "FILE: layers/a.tar: too many links")
    bad("docker-count", archive(APP[4], item(Layers=[])),
        "FILE: manifest.json: 0 layers, where the config has 1 diff_ids")
    bad("docker-cut", pack(archive(APP[4], item()))[:2000], "FILE: Truncated tar archive")
    ids = [sha256(b"a"), sha256(b"b")]
    bad("docker-ancient-cycle", [
        ("repositories", dumps({"bad": {"8": ids[0]}})),
        (ids[0] + "/json", dumps({"parent": ids[1]})), (ids[1] + "/json", dumps({"parent": ids[0]}))],
        f"FILE: {ids[0]}: more than 1024 layers")


def main():
    arch = sys.argv[1]
    layout = Layout()
    layout.add(layout.image([BASE, APP[1]], arch), {REF_NAME: "v1"})
    layout.add(layout.image([BASE, APP[2]], arch), {IMAGE_NAME: "docker.io/library/two:2.0", REF_NAME: "2.0"})
    layout.write("one")
    write("one.tar", pack(layout.members()))
    write("one-dot.tar", pack([("./", None)] + [("./" + n, c) for n, c in layout.members()]))

    layout = Layout()
    both = [dict(layout.image([BASE], "mips", os="plan9"), platform=platform("plan9", "mips")),
            dict(layout.image([BASE, APP[1]], arch), platform=platform("linux", arch)),
            dict(layout.blob(MANIFEST, dumps({"schemaVersion": 2, "config": layout.blob(CONFIG, b"{}"), "layers": [
                layout.blob("application/vnd.in-toto+json", b"{}")]})), platform=platform("unknown", "unknown"))]
    layout.add(layout.index(both), {REF_NAME: "reg.example:5000/multi:1"})
    layout.write("multi")

    layout = Layout()
    layout.add(layout.image([BASE, APP[3]], arch), {REF_NAME: "third:3"})
    del layout.blobs["blobs/sha256/" + sha256(gzip.compress(BASE, mtime=0))]
    layout.write("base-gone")

    layout = Layout()
    layout.add(layout.image([], arch, created="1980-01-01T00:00:00Z"), {REF_NAME: "not a reference"})
    layout.add(layout.blob("application/vnd.example.thing", b"{}"), {REF_NAME: "thing"})
    layout.write("scratch")

    write("docker-old.tar", docker_old(arch))
    write("docker-ancient.tar", docker_ancient(arch))
    write("docker-new.tar", docker_new(arch))
    write("plain.tar", pack([("index.json", b"[]"), ("oci-layouts", b"no"), ("manifest.json", b"{}")]))
    bad_layouts(arch)
    bad_archives(arch)


if __name__ == "__main__":
    main()
