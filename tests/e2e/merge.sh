#!/bin/sh
# Random layers become what a model says (how many images: $CONFUSE_MERGES).
set -u
command -v python3 >/dev/null || { echo "no python3"; exit 77; }
export PYTHONDONTWRITEBYTECODE=1
python3 "${srcdir:-.}/tests/e2e/merge_model.py" 0 "${CONFUSE_MERGES:-80}"
