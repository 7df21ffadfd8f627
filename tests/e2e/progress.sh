#!/bin/sh
# The line that tells how far an import is: on a terminal, one line that is gone at the end, as wide as there is room,
# with nothing in it that the terminal would obey; nothing where standard error is no terminal.
set -u
here=$(cd "$(dirname "$0")" && pwd)
scratch=$(mktemp -d /tmp/confuse-progress-XXXXXX)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch" || exit 1
CONFUSE_STORE=$scratch/store
export CONFUSE_STORE
failures=0
wrong()
{
    echo "$1"
    [ -s seen ] && od -c seen | tail -20
    failures=$((failures + 1))
}
on_terminal() { python3 "$here/on_terminal.py" "$@" >seen || wrong "exit $?: $*"; }
escape=$(printf '\033')
clear="$(printf '\r')$escape\[K"

mkdir tree
for i in 1 2 3 4; do head -c 2000000 /dev/urandom >tree/$i; done
echo small >tree/small
tar -cf tree.tar tree

on_terminal 200 "$CONFUSE" import tree.tar
grep -Eq "[0-9]+% of 8.0 MB, [0-9]+ entries, [0-9.]+ [kMG]?B/s(, [0-9]+:[0-9][0-9] left)?; [0-9]+ new \([0-9.]+ [kM]?B\), [0-9]+ known \([0-9.]+ [kM]?B\)  tree.tar" seen ||
    wrong 'a tar: no such line'
tail -c 5 seen | grep -q "$clear\$" || wrong 'the line is not gone at the end'

on_terminal 200 sh -c "cat tree.tar | \"$CONFUSE\" import --namespace piped -"
grep -Eq '[0-9.]+ MB, [0-9]+ entries' seen || wrong 'a pipe: no such line'
grep -q '%' seen && wrong 'a pipe: a part of what nobody knows'

on_terminal 200 "$CONFUSE" import tree
grep -Eq '[0-9.]+ [kM]?B, [0-9]+ files, ' seen || wrong 'a directory: no such line'
on_terminal 200 "$CONFUSE" import --namespace again tree
grep -Eq '0 new \(0 B\), [0-9]+ known' seen || wrong 'what is known counts as new'

# A narrow terminal, and a name that says things to it.
evil=$(printf 'a\033[31mb.tar')
mv tree.tar "$evil"
on_terminal 30 "$CONFUSE" import --namespace narrow "$evil"
tr '\r' '\n' <seen | sed "s/$escape\[K//" | awk 'length($0) > 29 { exit 1 }' || wrong 'wider than the terminal'
on_terminal 200 "$CONFUSE" import --namespace evil "$evil"
grep -q "$escape\[31m" seen && wrong 'a name reaches the terminal as it is'

"$CONFUSE" import --namespace quiet "$evil" >out 2>err || wrong 'import'
[ -s err ] && wrong 'progress where there is no terminal'
[ $failures -eq 0 ]
