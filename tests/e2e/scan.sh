#!/bin/sh
# `confuse scan` by several nodes at once, against each tree scanned by itself; killed, signed, with bad scanners. See scan.py.
set -u
command -v python3 >/dev/null || { echo "no python3"; exit 77; }
export PYTHONDONTWRITEBYTECODE=1
python3 "${srcdir:-.}/tests/e2e/scan.py"
