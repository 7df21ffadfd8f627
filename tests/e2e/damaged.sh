#!/bin/sh
# $CONFUSE_DAMAGED (20) archives of each kind, damaged: see damaged.py. And bombs.
set -eu
# shellcheck disable=SC2154 # make check exports it
here=$(cd "$srcdir/tests" && pwd)
python3 -c 'import tarfile' 2>/dev/null || exit 77
scratch=$(mktemp -d /tmp/confuse-damaged-XXXXXX)
trap 'rm -rf "$scratch"' EXIT
trap 'exit 1' HUP INT TERM
PYTHONPATH=$here/e2e python3 -B "$here/e2e/damaged.py" "$CONFUSE" "$scratch" "${CONFUSE_DAMAGED:-20}"

# A layer of 256 MiB in some 250 KB, and an outer archive of the same: no more is read than --max-size allows.
mkdir "$scratch/bomb"
cd "$scratch/bomb"
PYTHONPATH=$here/e2e python3 -B - <<'END'
import gzip
from make_images import LAYER_GZIP, Layout, pack

big = pack([("zeros", bytes(256 << 20))])
layout = Layout()
layout.add(layout.image([big], "amd64", LAYER_GZIP))
layout.write("layout")
with open("outer.tar.gz", "wb") as out:
    out.write(gzip.compress(big))
END
for bomb in layout outer.tar.gz; do
    code=0
    "$CONFUSE" --store "$scratch/bombs" import --max-size 64M "$bomb" 2>said || code=$?
    if [ "$code" -ne 3 ] || ! grep -q 'more than 67108864 bytes uncompressed; --max-size allows more' said; then
        echo "$bomb: exit $code, $(cat said)"
        exit 1
    fi
done
[ "$(find "$scratch/bombs" -type f -exec cat {} + | wc -c)" -lt 200000000 ]
