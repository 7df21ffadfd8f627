#!/bin/sh
# A crawler that writes slowly, renames, dies half-way and floods ($CONFUSE_FLOOD frames), while `confuse watch` is killed again and again.
set -u
command -v python3 >/dev/null || { echo "no python3"; exit 77; }
export PYTHONDONTWRITEBYTECODE=1
python3 "${srcdir:-.}/tests/e2e/watch.py" "${CONFUSE_FLOOD:-1000}"
