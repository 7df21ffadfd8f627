#!/bin/sh
# Random pairs of captures and what confuse diff tells of them (how many pairs: $CONFUSE_DIFFS).
set -u
command -v python3 >/dev/null || { echo "no python3"; exit 77; }
export PYTHONDONTWRITEBYTECODE=1
python3 "${srcdir:-.}/tests/e2e/diff.py" 0 "${CONFUSE_DIFFS:-40}"
