#!/bin/sh
# Images are served as umoci unpacks them, however they are packed: traps one by one, and random ones (how many:
# $CONFUSE_SEEDS). In every form that skopeo and others put them into.
set -u
here=${srcdir:-.}/tests/e2e
for tool in umoci skopeo python3 zstd tar; do
    command -v $tool >/dev/null || { echo "no $tool"; exit 77; }
done
[ "$(id -u)" -eq 0 ] || { echo "needs root, as umoci does for owners and devices"; exit 77; }
probe=$(mktemp /tmp/confuse-images-XXXXXX)
python3 -c 'import os, sys; os.setxattr(sys.argv[1], "user.x", b"1"); os.mknod(sys.argv[1] + ".dev", 0o020600, os.makedev(1, 3))' "$probe" 2>/dev/null
able=$?
rm -f "$probe" "$probe.dev"
[ $able -eq 0 ] || { echo "no extended attributes, or no devices, in /tmp"; exit 77; }
export PYTHONDONTWRITEBYTECODE=1
python3 "$here/umoci_oracle.py" traps && python3 "$here/umoci_oracle.py" seeds 0 "${CONFUSE_SEEDS:-12}"
