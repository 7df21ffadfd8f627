#!/bin/sh
# Frames joined with their images: before and after, by id and by name, proven or not, hostile ones, over NFS; and
# completing them interrupted by kill -9 ($CONFUSE_KILLS times). $CONFUSE_SEEDS random images with three frames each.
set -u
python3 -c 'import tarfile' 2>/dev/null || { echo "no python3"; exit 77; }
export PYTHONDONTWRITEBYTECODE=1
python3 "${srcdir:-.}/tests/e2e/join.py" "${CONFUSE_SEEDS:-30}" "${CONFUSE_KILLS:-10}"
