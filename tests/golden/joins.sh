#!/bin/sh
# Named frames, their images, and what they become together: tests/golden/join/NAME.frame and NAME.image give NAME.txt,
# the manifest without the veneer, whichever of them is imported first. @IMAGE@ in a frame is the image id. What the veneer
# adds comes to the same both ways, too; where there is a NAME.veneer it is that manifest.
#
# After a change that is meant: CONFUSE=./confuse srcdir=. tests/golden/joins.sh --write
set -eu

python3 -c 'import tarfile' 2>/dev/null || exit 77
# shellcheck disable=SC2154 # make check exports it
golden=$srcdir/tests/golden
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
trap 'exit 1' HUP INT TERM
export PYTHONDONTWRITEBYTECODE=1
failed=0

image_id() {
    python3 -c '
import json, sys
def blob(descriptor):
    return sys.argv[1] + "/blobs/" + descriptor["digest"].replace(":", "/")
with open(sys.argv[1] + "/index.json") as index, open(blob(json.load(index)["manifests"][0])) as manifest:
    print(json.load(manifest)["config"]["digest"].split(":")[1])' "$1"
}

# both NAME SOURCE SOURCE [OPTION]: the id of the frame's newest snapshot when they are imported in this order, and its
# manifest
both() {
    rm -rf "$scratch/store"
    # shellcheck disable=SC2086 # no option is no argument
    "$CONFUSE" --store "$scratch/store" import ${4-} --namespace "golden/$1" "$2" "$3" >/dev/null
    "$CONFUSE" --store "$scratch/store" show "golden/$1@2018" | sed -n 's/^id *//p'
    "$CONFUSE" --store "$scratch/store" manifest "golden/$1@2018"
    "$CONFUSE" --store "$scratch/store" fsck >/dev/null
}

for image in "$golden"/join/*.image; do
    name=$(basename "$image" .image)
    rm -rf "$scratch/images"
    python3 "$golden/images.py" "$scratch/images" "$image"
    sed "s/@IMAGE@/$(image_id "$scratch/images/1")/" "$golden/join/$name.frame" >"$scratch/$name.frame"
    for expected in veneer txt; do
        veneer=
        [ $expected = veneer ] || veneer=--no-veneer
        both "$name" "$scratch/images/1" "$scratch/$name.frame" $veneer >"$scratch/first"
        both "$name" "$scratch/$name.frame" "$scratch/images/1" $veneer >"$scratch/last"
        if ! diff "$scratch/first" "$scratch/last"; then
            echo "$name.$expected differs (<: the image came first)"
            failed=1
        fi
        sed 1d "$scratch/first" >"$scratch/got"
        if [ "${1-}" = --write ]; then
            [ ! -e "$golden/join/$name.$expected" ] || cp "$scratch/got" "$golden/join/$name.$expected"
        elif [ -e "$golden/join/$name.$expected" ] && ! diff "$golden/join/$name.$expected" "$scratch/got"; then
            echo "$name.$expected differs (<: expected)"
            failed=1
        fi
    done
done
exit $failed
