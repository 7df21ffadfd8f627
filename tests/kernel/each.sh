# Runs commands, a line each on standard input: name, tab, command. What each says goes to standard output, as tools_rows.py reads
# it; in the guest (tools.sh) and in the system that was captured (tools.py).
# shellcheck shell=sh
while IFS="$(printf '\t')" read -r name command; do
    echo "@begin $name"
    sh -c "$command" 2>/tmp/said </dev/null
    status=$?
    printf '\n@said\n'
    cat /tmp/said
    echo "@exit $status"
done
