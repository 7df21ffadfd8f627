#!/bin/sh
# Package databases as their own tools have them: made ones read by rpm and dpkg, one that rpm made read by a live capture,
# records without content against an image that has it.
set -u
python3 -c 'import sqlite3' 2>/dev/null || { echo "no python3"; exit 77; }
command -v rpm >/dev/null && command -v rpmbuild >/dev/null || { echo "no rpm"; exit 77; }
export PYTHONDONTWRITEBYTECODE=1
python3 "${srcdir:-.}/tests/e2e/packages.py" "${CONFUSE_PACKAGES:-100000}"
