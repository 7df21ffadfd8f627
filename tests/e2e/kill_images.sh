#!/bin/sh
# kill -9 at $CONFUSE_KILLS random instants of the import of two images on one base: see test_kill.c.
set -eu
# shellcheck disable=SC2154 # make check exports it
here=$(cd "$srcdir/tests/e2e" && pwd)
python3 -c 'import tarfile' 2>/dev/null || exit 77
scratch=$(mktemp -d /tmp/confuse-kill-XXXXXX)
trap 'rm -rf "$scratch"' EXIT
trap 'exit 1' HUP INT TERM
python3 -B "$here/base_images.py" "$scratch" 50 2000 40 500 10
tests/e2e/test_kill "$scratch/a" "$scratch/b"
