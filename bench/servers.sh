# servers.sh - starting and stopping what is measured; for the parts of bench/run, which source it.
# shellcheck shell=bash

: "${build:?is set by bench/run}" "${work:?}" "${lines:?}"
confuse=$build/confuse
load=$build/bench/load
servers=()

# start_confuse PORT [OPTION…]: sets $pid. The store is $CONFUSE_STORE.
start_confuse() {
    local port=$1
    shift
    "$confuse" serve --listen "127.0.0.1:$port" --portmap off --allow 127.0.0.1,insecure "$@" 2>>"$work/confuse.log" &
    pid=$!
    servers+=("$pid")
    "$load" --wait "$port" / >/dev/null
}

start_limit() {
    "$build/bench/limit" "$1" &
    pid=$!
    servers+=("$pid")
    "$load" --wait "$1" / >/dev/null
}

# nfs-ganesha exports DIRECTORY on PORT, MOUNT on the next one; false where it is not installed or does not come up.
start_ganesha() {
    local port=$1 directory=$2
    command -v ganesha.nfsd rpcbind >/dev/null || return 1
    [ -e /usr/lib/x86_64-linux-gnu/ganesha/libfsalvfs.so ] || ls /usr/lib/*/ganesha/libfsalvfs.so >/dev/null 2>&1 || return 1
    mkdir -p /run/rpcbind /run/ganesha
    rpcbind || return 1
    cat >"$work/ganesha.conf" <<END
NFS_CORE_PARAM { Protocols = 3; NFS_Port = $port; MNT_Port = $((port + 1)); Enable_NLM = false; Enable_RQUOTA = false; }
NFSV4 { Graceless = true; RecoveryRoot = /run/ganesha; }
EXPORT { Export_Id = 77; Path = $directory; Pseudo = /root; Protocols = 3; Transports = TCP; Access_Type = RO;
         Squash = None; SecType = sys; FSAL { Name = VFS; } }
END
    ganesha.nfsd -F -L "$work/ganesha.log" -f "$work/ganesha.conf" -p /run/ganesha.pid &
    pid=$!
    servers+=("$pid")
    "$load" --wait "$port" / >/dev/null && kill -0 "$pid"
}

stop_servers() {
    local server
    [ ${#servers[@]} -gt 0 ] || return 0
    for server in "${servers[@]}"; do
        kill -9 "$server" 2>/dev/null || true
        wait "$server" 2>/dev/null || true
    done
    servers=()
}

trap stop_servers EXIT

# value NAME NUMBER: one measured number, for the report.
value() { printf '{"value":"%s","number":%s}\n' "$1" "$2" >>"$lines"; }

# CPU seconds (user + system) of a command.
cpu() { { TIMEFORMAT='%U %S'; time "$@" >/dev/null 2>&1; } 2>&1 | awk '{ print $1 + $2 }'; }

now_ns() { date +%s%N; }
