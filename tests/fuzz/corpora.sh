#!/bin/sh
# Each fuzz target on its corpus: tests/fuzz/fuzz_NAME_corpus runs what is in tests/fuzz/corpus/NAME.
set -eu
for program in tests/fuzz/fuzz_*_corpus; do
    name=${program##*/fuzz_}
    "$program" "$srcdir/tests/fuzz/corpus/${name%_corpus}"
done
