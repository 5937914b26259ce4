#!/bin/sh
# What attacks cost 200 innocent subscribers by WHEP: loss and added latency, without an attack and with each. Release build: the server on
# one core, the generator and the attacker on the other. Takes two minutes.
set -eu
cd "$(dirname "$0")/../.."
bin="${BIN:-$PWD/target/release}"
work="$(mktemp -d)"
pid=""
trap '[ -z "$pid" ] || kill "$pid" 2>/dev/null || true; rm -rf "$work"' EXIT INT TERM
export SPILLWAY__LOG__FILTER=warn SPILLWAY__SFU__SHARDS=1 SPILLWAY__BROADCAST__ROOMS_ON_AIR_MAX=0
taskset -c 1 "$bin/spillway" demo --http 127.0.0.1:18093 --data "$work/data" --speakers 0 >"$work/log" 2>&1 &
pid=$!
for _ in $(seq 100); do
    curl -fs http://127.0.0.1:18093/readyz >/dev/null && break
    sleep 0.1
done
url="--url http://127.0.0.1:18093"
for attack in none tcp-frames tcp-silence offers; do
    echo "== attack: $attack"
    # The generator takes some seconds to join and warm up; the attack lasts longer than its measurement.
    "$bin/spillway-load" $url --pid "$pid" --pin 0 -n 200 --warm-up 4 --seconds 8 --repeats 1 --foreign-max 1000 >"$work/report" 2>&1 &
    load=$!
    if [ "$attack" != none ]; then
        sleep 4
        taskset -c 0 "$bin/spillway-attack" "$attack" $url --seconds 14
    fi
    wait "$load" || true
    cat "$work/report"
    curl -fs http://127.0.0.1:18093/metrics | grep -E "dropped_total.*tcp_|crowded_out|joins_limited" || true
    echo
done
