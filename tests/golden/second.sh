#!/bin/sh
# Two implementations of doc/FORMAT.md, one answer: second.py's ids and digests are those that confuse stores.
#
# Without the veneer, which is no part of the format. The frames: the golden ones, the sample, some from a seed, and ../shared/frames where that folder is. To hunt for differences:
#   SECOND_SEED=2 SECOND_COUNT=1000 CONFUSE=./confuse srcdir=. tests/golden/second.sh
set -eu

python3 -c 'import hashlib, json, sqlite3, zlib' 2>/dev/null || exit 77
# shellcheck disable=SC2154 # make check exports it
golden=$srcdir/tests/golden
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
trap 'exit 1' HUP INT TERM

# Ids on standard input, each to what second.py prints of a snapshot.
stored() {
    python3 -c '
import sqlite3, sys
store = sqlite3.connect("file:%s?mode=ro" % sys.argv[1], uri=True)
for line in sys.stdin:
    row = store.execute("""
        SELECT lower(hex(s.id)), lower(hex(r.digest)), lower(hex(l.digest)), lower(hex(f.digest)), CAST(n.name AS BLOB)
        FROM snapshot s JOIN node r ON r.id = s.root JOIN node l ON l.id = s.links JOIN node f ON f.id = s.features
            JOIN namespace n ON n.id = s.namespace
        WHERE s.id = ?""", [bytes.fromhex(line)]).fetchone()
    sys.stdout.buffer.write(b" ".join(part if isinstance(part, bytes) else part.encode() for part in row) + b"\n")
' "$scratch/store/confuse.db"
}

# [OPTION…] FRAME…, as both take them
compare() {
    if ! "$CONFUSE" --store "$scratch/store" import --no-veneer "$@" >"$scratch/printed" 2>"$scratch/said"; then
        cat "$scratch/said"
        return 1
    fi
    sed 's/ .*//' "$scratch/printed" | stored >"$scratch/first"
    python3 "$golden/second.py" "$@" >"$scratch/second"
    test -s "$scratch/first"
    if ! diff "$scratch/first" "$scratch/second"; then
        echo "differs (confuse <, second.py >): $*"
        return 1
    fi
}

set -- "$srcdir/samples/web-1.frame"
for frame in "$golden"/frame/*.frame "$srcdir"/../shared/frames/*; do
    case $frame in
    */strip-prefix.frame | */synthetic-mountpoint.csv) compare --strip-prefix /mnt/target/ "$frame" ;;
    */partial.frame) compare --partial "$frame" ;;
    *.txt | *'/*') ;;
    *) set -- "$@" "$frame" ;;
    esac
done
compare "$@"

mkdir "$scratch/random"
python3 "$golden/random_frames.py" "${SECOND_SEED:-1}" "${SECOND_COUNT:-40}" "$scratch/random"
for frame in "$scratch"/random/*.frame; do
    echo "$frame"
done | split -l 200 - "$scratch/some."
for some in "$scratch"/some.*; do
    # shellcheck disable=SC2046 # names without spaces
    compare --excluded /etc --excluded /a/b/ $(cat "$some")
done
