#!/bin/sh
# Made files as tools read them: a real frame's packages by dpkg-query, its processes field by field; frames with very many
# processes and very long commands; an older veneer stays until somebody asks for the new one.
set -u
python3 -c 'import sqlite3' 2>/dev/null || { echo "no python3"; exit 77; }
export PYTHONDONTWRITEBYTECODE=1
python3 "${srcdir:-.}/tests/e2e/veneer.py" "${CONFUSE_PROCESSES:-20000}"
