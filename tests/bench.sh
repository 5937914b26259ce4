#!/bin/sh
# The figures of docs/figures.md, measured on this machine with the release build. Two cores: the server on one, the generator on the
# other. A busy machine spoils the figures: each table says how busy it was.
#
#     tests/bench.sh                  all: nearly an hour
#     tests/bench.sh sfu [ROW…]       the SFU's rows, or these alone, by their names in docs/figures.md
#     tests/bench.sh glass            glass to glass
#     tests/bench.sh meeting          a browser joins a meeting of 60
#     tests/bench.sh joins            2000 joins a second without media
#     tests/bench.sh events           15,000 idle events sockets
#     tests/bench.sh spike            1500 viewers within a minute, to seats and broadcast; a page and a picture of it in target/bench
#     tests/bench.sh parts            origin, packager and ladder, by `cargo bench`
set -eu
cd "$(dirname "$0")/.."
. tests/bench-servers.sh
what="${1:-all}"
[ $# -eq 0 ] || shift
rows="$*"

wanted() { [ -z "$rows" ] || case " $rows " in *" $1 "*) true ;; *) false ;; esac; }

# row NAME TITLE ARGUMENTS…: one row of the SFU's tables.
row() {
    name="$1" title="$2"
    shift 2
    wanted "$name" || return 0
    echo "== $name: $title"
    start_sfu 18091
    "$bin/spillway-load" --url http://127.0.0.1:18091 --pid "$pid" --pin 0 --join-threads 1 "$@" || echo "(disturbed or failed)"
    stop
    echo
}

# A room of 10,000 takes more open files than one process may have on many machines: one generator fills it, another one measures.
joins_10000() {
    wanted joins-10000 || return 0
    echo "== joins-10000: LiveKit's protocol, 100 joins into a room of 10,000"
    start_sfu 18091
    "$bin/spillway-load" --url http://127.0.0.1:18091 --pid "$pid" --pin 0 --protocol livekit --prefix early -n 9000 --pps 1 --idle-pps 1 \
        --seconds 600 --repeats 1 >"$work/early" 2>&1 &
    early=$!
    for _ in $(seq 600); do
        ! grep -q "^joined" "$work/early" || break
        kill -0 "$early" 2>/dev/null || break
        sleep 1
    done
    grep "^joined" "$work/early" || cat "$work/early"
    # The other generator is another process: it may use more.
    "$bin/spillway-load" --url http://127.0.0.1:18091 --pid "$pid" --pin 0 --join-threads 1 --protocol livekit --prefix late --watch early-pub-0 \
        -n 1100 --joins-measured 100 --join-rate 100 --pps 1 --seconds 5 --repeats 1 --foreign-max 60 || echo "(disturbed or failed)"
    kill "$early" 2>/dev/null || true
    wait "$early" 2>/dev/null || true
    stop
    echo
}

sfu() {
    row whep "WHEP, AES-GCM, 150 packets/s, one packet a frame" -n 1000 --seconds 8 --repeats 5 --floor 1
    row whep-half "WHEP, half the load: added latency" -n 500 --seconds 8 --repeats 5 --floor 1
    row whep-frames "WHEP, frames of five packets" -n 1000 --burst 5 --seconds 8 --repeats 5 --floor 1
    row whep-cm "WHEP, AES-CM, 150 packets/s" -n 500 --srtp cm --seconds 8 --repeats 3
    row livekit "LiveKit's protocol, one publisher, 1000 subscribers" --protocol livekit -n 1000 --seconds 8 --repeats 3 --floor 1
    row livekit-sounds "LiveKit's protocol, ten sounds, 500 subscribers of one each" \
        --protocol livekit --sound -m 10 -n 500 --pps 50 --bytes 100 --seconds 8 --repeats 3 --floor 1
    row livekit-20 "LiveKit's protocol, 20 publishers, 400 subscribers of one each" --protocol livekit -m 20 -n 400 --seconds 8 --repeats 3 --floor 1
    row meeting-20 "LiveKit's protocol, a meeting of 20, each with all others" --meeting 20 --remb-kbps 100000 --seconds 8 --repeats 3 --floor 1
    row first-picture "LiveKit's protocol, 1000 joins at 100 a second: the first picture" \
        --protocol livekit -n 1000 --join-rate 100 --live --pps 60 --burst 2 --seconds 5 --repeats 1
    row joins-1000 "LiveKit's protocol, 100 joins into a room of 1000" \
        --protocol livekit -n 1100 --joins-measured 100 --join-rate 100 --pps 1 --idle-pps 1 --seconds 5 --repeats 1
    joins_10000
    row class-sounds "a class of 1000: ten sounds, each heard by all" \
        --protocol livekit --sound -m 10 -n 1000 --all --pps 15 --bytes 100 --seconds 8 --repeats 3 --floor 1
    row class-picture "a class of 3000: one picture" --protocol livekit -n 3000 --pps 50 --seconds 8 --repeats 3 --floor 1
    row class-150 "a class of 150: each publishes, and watches all others" --meeting 150 --pps 6 --remb-kbps 100000 --seconds 8 --repeats 3 --floor 1
}

glass() {
    for LADDER in ${LADDERS:-small default}; do
        echo "== Glass to glass, two synthetic speakers, ladder $LADDER, server and browser on the same cores"
        SPEAKERS=2
        start 18092
        sleep 6
        "$bin/spillway-glass" --url http://127.0.0.1:18092 --pid "$pid" --seconds "${GLASS_SECONDS:-60}" || true
        stop
        echo
    done
}

meeting() {
    for way in "" "--two-connections --adaptive-stream"; do
        echo "== Chromium in a meeting of 60 with camera and microphone, server and browser on the same cores${way:+: $way}"
        start 18093 env SPILLWAY__BROADCAST__ROOMS_ON_AIR_MAX=0
        # shellcheck disable=SC2086 # The way is words.
        "$bin/spillway-meeting" --url http://127.0.0.1:18093 --pid "$pid" $way || true
        stop
        echo
    done
}

# RATE=n for other rates.
joins() {
    echo "== joins: ${RATE:-2000} joins a second of guests, no media, server on one core"
    start_sfu 18091
    "$bin/spillway-load" joins --server 127.0.0.1:18091 --pid "$pid" --pin 0 --rate "${RATE:-2000}" || echo "(disturbed or failed)"
    stop
    echo
}

events() {
    echo "== events: 15,000 idle events sockets"
    start_sfu 18091
    "$bin/spillway-load" events --server 127.0.0.1:18091 --pid "$pid" -n 15000 || echo "(failed)"
    stop
    echo
}

# VIEWERS=n and SEATS=n for other crowds. The server composes, encodes, forwards and serves on one core.
spike() {
    echo "== spike: ${VIEWERS:-1500} viewers within a minute, ladder small"
    start_spike 18094
    mkdir -p target/bench
    "$bin/spillway-load" spike --url http://127.0.0.1:18094 --pid "$pid" --pin 0 -n "${VIEWERS:-1500}" --seats "${SEATS:-200}" \
        --on "$spike_on" --json target/bench/spike.json || echo "(late or failed)"
    stop
    "$bin/spillway-load" spike-report target/bench/spike.json --html target/bench/spike.html --png target/bench/spike.png --about "$about"
    echo "report: target/bench/spike.html, target/bench/spike.png"
    echo
}

parts() {
    cargo bench --locked -p packager --bench packager
    cargo bench --locked -p api --bench origin
    cargo bench --locked -p ingest --bench ladder
}

describe
case "$what" in
    all) sfu; joins; events; spike; glass; meeting; parts ;;
    sfu | joins | events | spike | glass | meeting | parts) "$what" ;;
    *) echo "unknown: $what" >&2; exit 2 ;;
esac
