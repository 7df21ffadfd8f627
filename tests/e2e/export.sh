#!/bin/sh
# What `confuse export` writes becomes the same tree again: of a directory with everything a tar can hold, and of images
# with every trap. What it leaves out, and what it exits with.
set -u
here=${srcdir:-.}/tests/e2e
for tool in tar python3; do
    command -v $tool >/dev/null || { echo "no $tool"; exit 77; }
done
scratch=$(mktemp -d /tmp/confuse-export-XXXXXX)
trap 'rm -rf "$scratch"' EXIT
export CONFUSE_STORE="$scratch/store" PYTHONDONTWRITEBYTECODE=1
failures=0

wrong()
{
    failures=$((failures + 1))
    echo "WRONG: $*"
    sed 's/^/    /' "$scratch/err"
}

# expect CODE ARGUMENTS…: confuse ends with it
expect()
{
    code=$1
    shift
    "$CONFUSE" "$@" >"$scratch/out" 2>"$scratch/err"
    got=$?
    [ $got -eq "$code" ] || wrong "$*: exit $got instead of $code"
}

mkdir "$scratch/tree" "$scratch/empty" "$scratch/equals"
python3 "$here/make_tree.py" "$scratch/tree" || exit 1
python3 - "$scratch/tree" "$scratch/equals/file" <<'END'
import os, sys
open(sys.argv[2], "w").close()
try:
    os.setxattr(sys.argv[1] + "/size-1", "user.b", b"\0\1\xff")
    os.setxattr(sys.argv[1] + "/size-1", "user.a", b"")
    os.setxattr(sys.argv[2], "user.with=sign", b"=\n")
except OSError as error:
    print("without extended attributes:", error)
try:
    os.mknod(sys.argv[1] + "/char", 0o020600, os.makedev(1, 3))
    os.mknod(sys.argv[1] + "/block", 0o060600, os.makedev(259, 300000))
    os.chown(sys.argv[1] + "/size-1", 4000000000, 3000000)
except OSError as error:
    print("without devices:", error)
END
python3 "$here/export.py" "$CONFUSE_STORE" trees "$scratch/tree" "$scratch/empty" "$scratch/equals" || failures=$((failures + 1))
python3 "$here/export.py" "$CONFUSE_STORE" images || failures=$((failures + 1))

# What GNU tar makes of it.
mkdir "$scratch/unpacked"
expect 0 export tree@latest "$scratch/tree.tar"
tar --numeric-owner -xpf "$scratch/tree.tar" -C "$scratch/unpacked" 2>"$scratch/err"
owner=
[ "$(id -u)" -eq 0 ] || owner=--no-owner
"$CONFUSE" manifest tree@latest | python3 "$here/tree_oracle.py" $owner "$scratch/unpacked" >"$scratch/err" ||
    wrong 'not what tar unpacks'

# A frame: most of it is absent, some is made.
expect 0 import "$here/../../samples/web-1.frame"
expect 1 export demo/web-1@latest "$scratch/frame.tar"
grep -q '^confuse export: left out: [0-9]* absent, [0-9]* made' "$scratch/err" || wrong 'what is left out is not told'
[ "$(wc -l <"$scratch/err")" -eq 1 ] || wrong 'more than one line'
expect 1 export --made demo/web-1@latest "$scratch/made.tar"
[ "$(tar tf "$scratch/made.tar" | wc -l)" -gt "$(tar tf "$scratch/frame.tar" | wc -l)" ] || wrong '--made adds nothing'

# An image layout.
expect 0 export -o oci tree@latest "$scratch/tree.oci"
tar xOf "$scratch/tree.oci" index.json | python3 -c 'import json, sys; json.load(sys.stdin)["manifests"][0]["digest"]' 2>"$scratch/err" ||
    wrong 'no index'
expect 0 tag tree@latest named
expect 0 export -o oci tree:named "$scratch/tree.oci"
tar xOf "$scratch/tree.oci" index.json | grep -q '"org.opencontainers.image.ref.name":"tree:named"' || wrong 'no name'

# Questions that make no sense.
expect 2 export
expect 2 export -o zip tree@latest
expect 2 export tree@latest:/etc
expect 2 export tree@latest a b
expect 3 export nothing@latest
expect 4 export tree@latest "$scratch/no/such/file"
expect 4 export tree@latest /dev/full
[ -c /dev/full ] || wrong '/dev/full is gone'

[ $failures -eq 0 ] || { echo "$failures wrong"; exit 1; }
