"""Write two images on one base, DIRECTORY/a and DIRECTORY/b: a layer of the base's, one of their own, and whiteouts.

    base_images.py DIRECTORY FOLDERS FILES LARGE OWN_FILES OWN_LARGE

The base has so many folders, small files in them and large ones; an image's own layer as many folders.
"""
import random
import sys

from make_images import LAYER_GZIP, Layout, pack


def layer(some, name, folders, files, large):
    members = [(f"{name}/{i}/", None) for i in range(folders)]
    members += [(f"{name}/{i % folders}/{i}", b"%d of %s\n" % (i, name.encode()) * (i % 40)) for i in range(files)]
    members += [(f"{name}/large{i}", some.randbytes(70000 + i)) for i in range(large)]
    return pack(members)


def main():
    directory, (folders, files, large, own_files, own_large) = sys.argv[1], map(int, sys.argv[2:])
    some = random.Random(1)
    base = layer(some, "base", folders, files, large)
    top = pack([(f"base/{i}/.wh.{i}", b"") for i in range(folders)])
    for name in "ab":
        layout = Layout()
        layout.add(layout.image([base, layer(some, name, folders, own_files, own_large), top], "amd64", LAYER_GZIP))
        layout.write(f"{directory}/{name}")


main()
