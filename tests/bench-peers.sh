#!/bin/sh
# Spillway beside other servers: the same loads by the same generator, interleaved, each server on the same core, the generator on the
# other. Prints ratios; above one they are in Spillway's favour. About a quarter of an hour.
#
#     tests/bench-peers.sh            all
#     tests/bench-peers.sh spike      1500 viewers within a minute: Spillway's seats and broadcast, and LiveKit's server alone
#
# LiveKit's server is installed by `go install` into target/tools/peers. MediaMTX is used where it is on the path or can be had in the
# same way. REPEATS (default 5) says how often each server runs each load.
set -eu
cd "$(dirname "$0")/.."
. tests/bench-servers.sh
livekit_version=v1.9.11
mediamtx_version=v1.15.3
peers="$PWD/target/tools/peers"
figures="$work/figures"
mkdir -p "$figures"

command -v go >/dev/null || { echo "not run: no go on the path, and LiveKit's server is built from source"; exit 0; }
if [ ! -x "$peers/livekit-$livekit_version" ]; then
    echo "installing LiveKit's server $livekit_version"
    GOBIN="$peers" GOFLAGS=-mod=mod go install "github.com/livekit/livekit-server/cmd/server@$livekit_version"
    mv "$peers/server" "$peers/livekit-$livekit_version"
fi
mediamtx="$(command -v mediamtx || echo "$peers/mediamtx")"
if [ ! -x "$mediamtx" ]; then
    echo "installing MediaMTX $mediamtx_version"
    GOBIN="$peers" GOFLAGS=-mod=mod go install "github.com/bluenviron/mediamtx@$mediamtx_version" >/dev/null 2>&1 ||
        echo "MediaMTX is not to be had by go install: not measured. A binary on the path would be."
fi

# Loopback alone, one UDP port, a full ICE agent; no server of anybody else's is asked for anything.
cat >"$work/livekit.yaml" <<YAML
port: 18095
bind_addresses: ["127.0.0.1"]
rtc: {udp_port: 18096, node_ip: 127.0.0.1, use_external_ip: false, enable_loopback_candidate: true, interfaces: {includes: [lo]}}
keys: {benchkey: benchsecretbenchsecretbenchsecret0}
logging: {level: error}
YAML
start_livekit() {
    taskset -c 1 "$peers/livekit-$livekit_version" --config "$work/livekit.yaml" >"$work/log" 2>&1 &
    pid=$!
    await http://127.0.0.1:18095/
}
start_mediamtx() {
    printf 'paths: {all_others: {}}\n' >"$work/mediamtx.yml"
    env MTX_LOGLEVEL=error MTX_RTSP=no MTX_RTMP=no MTX_HLS=no MTX_SRT=no MTX_WEBRTCADDRESS=127.0.0.1:18097 MTX_WEBRTCLOCALUDPADDRESS=127.0.0.1:18098 \
        MTX_WEBRTCIPSFROMINTERFACES=no MTX_WEBRTCADDITIONALHOSTS=127.0.0.1 taskset -c 1 "$mediamtx" "$work/mediamtx.yml" >"$work/log" 2>&1 &
    pid=$!
    sleep 2
}

# measure LOAD SERVER REPEAT ARGUMENTS…: all offer AES-GCM alone, so that all seal alike.
measure() {
    file="$figures/$1.$2.$3.json"
    echo "$1, $2, $3 of ${REPEATS:-5}" >&2
    shift 3
    "$bin/spillway-load" --pid "$pid" --pin 0 --join-threads 8 --srtp gcm-only --warm-up 3 --seconds 8 --repeats 1 --json "$file" "$@" >"$work/table" 2>&1 ||
        tail -1 "$work/table" >&2
    stop
}
ours() {
    start_sfu 18091
    load="$1" repeat="$2"
    shift 2
    measure "$load" spillway "$repeat" --url http://127.0.0.1:18091 "$@"
}
livekit() {
    start_livekit
    load="$1" repeat="$2"
    shift 2
    measure "$load" livekit "$repeat" --url http://127.0.0.1:18095 --key benchkey --secret benchsecretbenchsecretbenchsecret0 "$@"
}
mediamtx() {
    start_mediamtx
    load="$1" repeat="$2"
    shift 2
    measure "$load" mediamtx "$repeat" --url http://127.0.0.1:18097 --key "" --whip "/{room}/whip" --whep "/{room}/whep" "$@"
}

# both OTHER LOAD REPEAT ARGUMENTS…: now one is first, now the other.
both() {
    other="$1"
    shift
    if [ $(($2 % 2)) = 1 ]; then ours "$@"; "$other" "$@"; else "$other" "$@"; ours "$@"; fi
}

# The same crowd by the same curve: Spillway takes 200 into seats and the others to its broadcast; LiveKit's server takes all.
spike() {
    crowd="--pin 0 -n ${VIEWERS:-1500}"
    folder="$PWD/target/bench"
    mkdir -p "$folder"
    start_spike 18094
    # shellcheck disable=SC2086 # The crowd is words.
    "$bin/spillway-load" spike $crowd --url http://127.0.0.1:18094 --pid "$pid" --on "$spike_on" --json "$folder/spike.json" || echo "(late or failed)"
    stop
    start_livekit
    # shellcheck disable=SC2086 # The crowd is words.
    "$bin/spillway-load" spike $crowd --by livekit --label "LiveKit $livekit_version alone" --url http://127.0.0.1:18095 --pid "$pid" --on "CPU 1" \
        --key benchkey --secret benchsecretbenchsecretbenchsecret0 --json "$folder/spike-livekit.json" || echo "(late or failed)"
    stop
    "$bin/spillway-load" spike-report "$folder/spike.json" "$folder/spike-livekit.json" --html "$folder/spike-peers.html" \
        --png "$folder/spike-peers.png" --about "$about"
    echo "report: target/bench/spike-peers.html, target/bench/spike-peers.png"
}

describe
if [ "${1:-all}" = spike ]; then
    spike
    exit
fi
for repeat in $(seq "${REPEATS:-5}"); do
    # 15,000 packets a second each: every server bears that on one core.
    both livekit picture "$repeat" --protocol livekit -n 150 --pps 100
    both livekit sounds "$repeat" --protocol livekit --sound -m 10 -n 30 --all --pps 50 --bytes 100
    both livekit meeting "$repeat" --meeting 20 --pps 40
    [ ! -x "$mediamtx" ] || both mediamtx whep "$repeat" -n 150 --pps 100
done
"$bin/spillway-load" ratios "$figures"
spike
