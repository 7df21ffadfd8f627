#!/bin/sh
# Named frames and the files that are made of them: tests/golden/veneer/NAME.frame gives NAME.txt, to the byte.
#
# After a change that is meant (and a new VENEER_VERSION): CONFUSE=./confuse srcdir=. tests/golden/veneers.sh --write
set -eu

python3 -c 'import json' 2>/dev/null || exit 77
# shellcheck disable=SC2154 # make check exports it
golden=$srcdir/tests/golden
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
trap 'exit 1' HUP INT TERM
export PYTHONDONTWRITEBYTECODE=1
failed=0

for frame in "$golden"/veneer/*.frame; do
    name=$(basename "$frame" .frame)
    id=$("$CONFUSE" --store "$scratch/store" import "$frame" | sed 's/ .*//')
    python3 "$golden/veneers.py" "$CONFUSE" "$scratch/store" "$id" >"$scratch/got"
    if [ "${1-}" = --write ]; then
        cp "$scratch/got" "$golden/veneer/$name.txt"
    elif ! diff "$golden/veneer/$name.txt" "$scratch/got"; then
        echo "$name differs (<: expected)"
        failed=1
    fi
done
"$CONFUSE" --store "$scratch/store" fsck >/dev/null
exit $failed
