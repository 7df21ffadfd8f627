#!/bin/sh
# Named images and what they become, layer by layer: tests/golden/image/NAME.image gives NAME.txt.
#
# After a change that is meant: CONFUSE=./confuse srcdir=. tests/golden/images.sh --write
set -eu

python3 -c 'import tarfile' 2>/dev/null || exit 77
# shellcheck disable=SC2154 # make check exports it
golden=$srcdir/tests/golden
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
trap 'exit 1' HUP INT TERM
failed=0

# describe NAME: the manifest after each layer, and what the store holds of it.
describe() {
    store=$scratch/store
    rm -rf "$store" "$scratch/images"
    python3 "$golden/images.py" "$scratch/images" "$golden/image/$1.image"
    for count in "$scratch"/images/*; do
        echo "after ${count##*/}:"
        "$CONFUSE" --store "$store" import --namespace golden "$count" >"$scratch/line" 2>"$scratch/said"
        sed "s|$scratch/images/||; s|manifest [0-9a-f]*|manifest ID|" "$scratch/said"
        "$CONFUSE" --store "$store" manifest "$(cut -c1-32 "$scratch/line")"
    done
    "$CONFUSE" --store "$store" fsck | sed 's/;.*//'
}

for image in "$golden"/image/*.image; do
    name=$(basename "$image" .image)
    describe "$name" >"$scratch/got"
    if [ "${1-}" = --write ]; then
        cp "$scratch/got" "$golden/image/$name.txt"
    elif ! diff "$golden/image/$name.txt" "$scratch/got"; then
        echo "$name differs (<: expected)"
        failed=1
    fi
done
exit $failed
