#!/bin/sh
# kill -9 at $CONFUSE_KILLS random instants of the import of two images on one base: see test_kill.c.
set -eu
# shellcheck disable=SC2154 # make check exports it
here=$(cd "$srcdir/tests" && pwd)
python3 -c 'import tarfile' 2>/dev/null || exit 77
scratch=$(mktemp -d /tmp/confuse-kill-XXXXXX)
trap 'rm -rf "$scratch"' EXIT
trap 'exit 1' HUP INT TERM
PYTHONPATH=$here/e2e python3 - "$scratch" <<'END'
import random, sys
from make_images import LAYER_GZIP, Layout, pack

some = random.Random(1)


def layer(name, files, large):
    members = [(f"{name}/{i % 50}/", None) for i in range(50)]
    members += [(f"{name}/{i % 50}/{i}", b"%d of %s\n" % (i, name.encode()) * (i % 40)) for i in range(files)]
    members += [(f"{name}/large{i}", some.randbytes(70000 + i)) for i in range(large)]
    return pack(members)


base = layer("base", 2000, 40)
for name in "ab":
    layout = Layout()
    top = pack([(f"base/{i}/.wh.{i}", b"") for i in range(50)])
    layout.add(layout.image([base, layer(name, 500, 10), top], "amd64", LAYER_GZIP))
    layout.write(f"{sys.argv[1]}/{name}")
END
tests/e2e/test_kill "$scratch/a" "$scratch/b"
