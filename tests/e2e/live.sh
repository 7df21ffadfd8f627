#!/bin/sh
# What runs, captured from outside: against what tools inside the container show, as a frame and as a snapshot; with
# hostile names. Needs root, namespaces, python3, ps and ss.
set -u
for tool in python3 unshare nsenter ps ss df; do
    command -v $tool >/dev/null || { echo "no $tool"; exit 77; }
done
unshare --pid --fork --mount --uts --net true 2>/dev/null || { echo "namespaces are not allowed"; exit 77; }
export PYTHONDONTWRITEBYTECODE=1
# Through a pipe, which all in the container inherit: a file would be named differently inside of a chroot.
said=$(python3 "${srcdir:-.}/tests/e2e/live.py" 2>&1 </dev/null)
code=$?
[ -z "$said" ] || printf '%s\n' "$said"
exit $code
