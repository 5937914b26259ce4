# Sourced by bench.sh, bench-peers.sh and floods.sh: starts and stops servers to measure, one at a time.

bin="$PWD/target/release"
work="$(mktemp -d)"
pid=""
stop() { [ -z "$pid" ] || { kill "$pid" 2>/dev/null || true; wait "$pid" 2>/dev/null || true; }; pid=""; }
trap 'stop; rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

# await URL: until the server under test answers there; its log is printed if it does not.
await() {
    for _ in $(seq 100); do
        curl -fs "$1" >/dev/null && return
        sleep 0.1
    done
    cat "$work/log"
    exit 1
}

# start PORT ARGUMENTS…: a demo server, $server if that is set, on loopback or on $address.
start() {
    port="$1"
    shift
    # An older server cannot read a newer one's database.
    rm -rf "$work/data$port"
    "$@" "${server:-$bin/spillway}" demo --http "${address:-127.0.0.1}:$port" --data "$work/data$port" --speakers "${SPEAKERS:-0}" --ladder "${LADDER:-default}" >"$work/log" 2>&1 &
    pid=$!
    await "http://127.0.0.1:$port/readyz"
}

# start_sfu PORT: a demo server on one core that forwards and broadcasts nothing. A generator joins from one address as often as it likes.
start_sfu() {
    start "$1" env SPILLWAY__SFU__SHARDS=1 SPILLWAY__BROADCAST__ROOMS_ON_AIR_MAX=0 SPILLWAY__SFU__PUBLISHERS_PER_ROOM_MAX=200 \
        SPILLWAY__SFU__PARTICIPANTS_PER_ROOM_MAX=20000 SPILLWAY__API__JOINS_PER_ADDRESS_SECOND_MAX=100000 taskset -c 1
}

# start_spike PORT: a demo server with its broadcast, all of it on the CPUs of SPIKE_CPUS: by default one.
spike_on="CPU ${SPIKE_CPUS:-1}"
start_spike() {
    LADDER=small
    start "$1" env SPILLWAY__SFU__SHARDS=1 taskset -c "${SPIKE_CPUS:-1}"
}

# Which code, when and where: each figure belongs to these.
describe() {
    commit="$(git rev-parse --short=10 HEAD 2>/dev/null || echo unknown)"
    [ -z "$(git status --porcelain --untracked-files=no 2>/dev/null)" ] || commit="$commit with changes"
    about="commit $commit, $(date -u '+%Y-%m-%d %H:%M') UTC"
    echo "commit    ${about#commit }"
    echo "machine   $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -1), $(nproc) CPUs, Linux $(uname -r), $(ulimit -n) open files"
    echo
}

export SPILLWAY__LOG__FILTER=warn
