#!/bin/sh
# Histories of random directories and frames, in which find finds what a look into each version finds ($CONFUSE_SEEDS of them).
set -u
command -v python3 >/dev/null || { echo "no python3"; exit 77; }
export PYTHONDONTWRITEBYTECODE=1
python3 "${srcdir:-.}/tests/e2e/find.py" "${CONFUSE_SEEDS:-2}"
