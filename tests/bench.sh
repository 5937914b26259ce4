#!/bin/sh
# Every figure, measured on this machine with the release build. Prints tables; takes about a quarter of an hour. Two cores: the server on
# one, the generator on the other. A busy machine spoils the figures: each table says how busy it was.
set -eu
cd "$(dirname "$0")/.."
bin="$PWD/target/release"
work="$(mktemp -d)"
pid=""
stop() { [ -z "$pid" ] || { kill "$pid" 2>/dev/null || true; wait "$pid" 2>/dev/null || true; }; pid=""; }
trap 'stop; rm -rf "$work"' EXIT INT TERM

# start PORT ARGUMENTS…: a demo server; its log is printed if it does not come up.
start() {
    port="$1"
    shift
    "$@" "$bin/spillway" demo --http "127.0.0.1:$port" --data "$work/data$port" --speakers "${SPEAKERS:-0}" --ladder "${LADDER:-default}" >"$work/log" 2>&1 &
    pid=$!
    for _ in $(seq 100); do
        curl -fs "http://127.0.0.1:$port/readyz" >/dev/null && return
        sleep 0.1
    done
    cat "$work/log"
    exit 1
}

export SPILLWAY__LOG__FILTER=warn
forward() {
    echo "== SFU: $1"
    shift
    start 18091 env SPILLWAY__SFU__SHARDS=1 SPILLWAY__BROADCAST__ROOMS_ON_AIR_MAX=0 taskset -c 1
    "$bin/spillway-load" --url http://127.0.0.1:18091 --pid "$pid" --pin 0 --join-threads 1 "$@" || echo "(disturbed)"
    stop
    echo
}
if [ "${1:-all}" != glass ]; then
    forward "AES-GCM, 150 packets/s, one packet a frame" -n 1000 --seconds 8 --repeats 5
    forward "AES-GCM, half the load: added latency" -n 500 --seconds 8 --repeats 5
    forward "AES-GCM, frames of five packets" -n 1000 --burst 5 --seconds 8 --repeats 5
    forward "AES-CM, 150 packets/s" -n 500 --srtp cm --seconds 8 --repeats 3
    forward "LiveKit's protocol, one publisher, 1000 subscribers" --protocol livekit -n 1000 --seconds 8 --repeats 3
    forward "LiveKit's protocol, ten publishers of sound, 500 subscribers" --protocol livekit -m 10 -n 500 --pps 50 --bytes 100 --seconds 8 --repeats 3
    forward "LiveKit's protocol, a meeting of 20, each with all others" --meeting 20 --remb-kbps 100000 --seconds 8 --repeats 3
    forward "LiveKit's protocol, 1000 joins at 100 a second: the first picture" --protocol livekit -n 1000 --join-rate 100 --live --pps 60 --burst 2 --seconds 5 --repeats 1
fi
if [ "${1:-all}" != sfu ]; then
    for LADDER in ${LADDERS:-small default}; do
        echo "== Glass to glass, two synthetic speakers, ladder $LADDER, server and browser on the same cores"
        SPEAKERS=2
        start 18092
        sleep 6
        "$bin/spillway-glass" --url http://127.0.0.1:18092 --pid "$pid" --seconds "${GLASS_SECONDS:-60}" || true
        stop
        echo
    done
fi
if [ "${1:-all}" = all ]; then
    cargo bench --locked -p packager --bench packager
    cargo bench --locked -p api --bench origin
    cargo bench --locked -p ingest --bench ladder
fi
